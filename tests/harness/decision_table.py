# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision table of docs/guard.md, made by the code that it is about.

.venv/bin/python tests/harness/decision_table.py     writes it into docs/guard.md
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pages
from environments import CACHE

sys.path.insert(0, str(CACHE))

from ansible_collections.sealed.s3.plugins.module_utils.policy import decision, guard
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document

PAGE = pages.DOCS / "guard.md"
START = "<!-- decisions: begin, written by tests/harness/decision_table.py -->\n"
BUCKET = "example-bucket"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = "arn:aws:kms:eu-west-1:111122223333:key/00000000-12ab-34cd-56ef-1234567890ab"
WORDS = {decision.ALLOWED: "allow", decision.DENIED: "deny"}


def cell(kind: str, enforcement: str) -> str:
    """What the guard says to a kind of request: one word, or two where the readings differ."""
    spec = guard.GuardSpec(BUCKET, KEY, enforcement)
    policy = Document(tuple(guard.statements(spec)))
    requests = [
        decision.REQUEST_KINDS[kind].request(spec.bucket_arn, KEY, OTHER_KEY, key_id_model=model)
        for model in decision.KEY_ID_MODELS
    ]
    if kind == "sse_kms_bare_key_id":
        # Here the readings are: resolved to the ARN before it is compared, or compared as it was sent.
        requests = [replace(requests[0], header_key_arn=KEY), requests[0]]
    words = [WORDS[decision.decide(policy, request).outcome] for request in requests]
    return "/".join(dict.fromkeys(words))


def table() -> str:
    """The table, in Markdown."""
    rows = [["request", *(f"`{enforcement}`" for enforcement in guard.ENFORCEMENTS)]]
    rows.append(["---"] * len(rows[0]))
    rows += [
        [kind.title, *(cell(name, enforcement) for enforcement in guard.ENFORCEMENTS)]
        for name, kind in decision.REQUEST_KINDS.items()
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def page(text: str) -> str:
    """A page with the table put in between its marks."""
    return pages.between_markers(text, "decisions", table())


def main(path: Path = PAGE) -> None:
    pages.put(path, "decisions", table())


if __name__ == "__main__":
    main()
