# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit as one page that asks nobody for anything: its styles, its script and its data are in the file."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils import posture
from ansible_collections.sealed.s3.plugins.module_utils.policy import decision
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.report import Report, place
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.text import json_text, visible

SEALED, DRIFTED, OPEN = "sealed", "drifted", "open"
UPLOADS: Mapping[str, tuple[str, str, str]] = {
    "no_headers": ("names nothing, default encryption is the key", "the key", SEALED),
    "no_headers_default_sse_s3": ("names nothing, default encryption is SSE-S3", "SSE-S3", DRIFTED),
    "no_headers_default_other_key": ("names nothing, default encryption is another key", "another key", DRIFTED),
    "sse_s3": ("names SSE-S3", "SSE-S3", OPEN),
    "sse_kms_no_key_id": ("names SSE-KMS and no key", "the AWS managed key", OPEN),
    "sse_kms": ("names SSE-KMS and the key", "the key", SEALED),
    "sse_kms_other_key": ("names SSE-KMS and another key", "another key", OPEN),
    "sse_kms_bare_key_id": ("names SSE-KMS and the key by its id alone", "the key", SEALED),
    "dsse_kms": ("names DSSE-KMS and the key", "the key, in two layers", OPEN),
    "sse_c": ("brings a key of its own (SSE-C)", "that key", OPEN),
}
"""Of each row of the decision table: what the upload does, under what its object ends up, and what it would mean if it
passed: that is as asked, it is left to default encryption, or it is a gap."""
MODELS: Mapping[str, str] = {
    decision.EFFECTIVE: "if S3 compares the key that it will use",
    decision.HEADER_ONLY: "if S3 compares only what is named",
}
"""The two readings of the key-id condition key (docs/guard.md)."""

# The details of so many buckets are read at once when one of them is opened.
_TOGETHER = 50
_HERE = Path(__file__).parent
_PLACE = re.compile(r"\{\{ (\w+) \}\}")
# What could end the script element, or start something in it, comes out as an escape of JSON.
_UNSAFE = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"})


def pieces(report: Report) -> Iterator[str]:
    """The text of the file, some buckets at a time."""
    style, script = _part("page.css"), _part("page.js")
    texts = {
        "title": html.escape(visible(report.title)),
        "generated": html.escape(visible(report.generated)),
        "version": html.escape(visible(report.version)),
        "policy": (
            f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
            "base-uri 'none'; form-action 'none'"
        ),
        "numbers": html.escape(_numbers(report.summary)),
        "style": style,
        "script": script,
    }
    template = _PLACE.split(_part("page.html"))
    for text, name in zip(template[::2], (*template[1::2], ""), strict=True):
        yield text
        if name == "data":
            yield from _data(report)
        elif name:
            yield texts[name]


def _part(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """How a Content-Security-Policy names what is inside of an element."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _numbers(summary: Mapping[str, Any]) -> str:
    """The summary in one sentence."""
    buckets, compliant, wrong, unseen = (
        int(summary.get(name, 0))
        for name in ("buckets", posture.COMPLIANT, posture.NOT_COMPLIANT, posture.COULD_NOT_LOOK)
    )
    if not buckets:
        return "There was no bucket to look at."
    if buckets == 1:
        told = "is compliant" if compliant else "is not compliant" if wrong else "could not be looked at"
        return f"The one bucket {told}."
    if compliant == buckets:
        return f"All {buckets:,} buckets are compliant."
    others = [
        *([f"{wrong:,} {'is' if wrong == 1 else 'are'} not"] if wrong else []),
        *([f"{unseen:,} could not be looked at"] if unseen else []),
    ]
    return (
        f"{compliant:,} of {buckets:,} buckets {'is' if compliant == 1 else 'are'} compliant, {' and '.join(others)}."
    )


def _data(report: Report) -> Iterator[str]:
    yield _element("audit", _overview(report))
    for start in range(0, len(report.results), _TOGETHER):
        yield _element(f"buckets-{start // _TOGETHER}", report.results[start : start + _TOGETHER])


def _element(name: str, value: Any) -> str:
    return f'<script type="application/json" id="{name}">{json_text(value).translate(_UNSAFE)}</script>\n'


def _overview(report: Report) -> dict[str, Any]:
    """What the page needs before a bucket is opened."""
    kinds: dict[tuple[str, str, str], int] = {}
    names: dict[str, int] = {}
    return {
        "generated": report.generated,
        "version": report.version,
        "fail_on": report.fail_on,
        "together": _TOGETHER,
        "summary": report.summary,
        "severities": posture.SEVERITIES,
        "uploads": [[name, *UPLOADS[name]] for name in decision.REQUEST_KINDS],
        "models": list(MODELS.items()),
        # Filled while the rows are made, which come first.
        "rows": [_row(result, kinds, names) for result in report.results],
        "kinds": list(kinds),
    }


def _row(result: Mapping[str, Any], kinds: dict[tuple[str, str, str], int], names: dict[str, int]) -> Sequence[Any]:
    """A bucket in the table: what is shown of it, sorted by and searched for."""
    name = str(result["name"])
    # Buckets of one name in two partitions, or at two endpoints, have addresses of their own.
    names[name] = names.get(name, 0) + 1
    found = [
        kinds.setdefault((finding["id"], finding["severity"], finding["title"]), len(kinds))
        for finding in result.get("findings") or ()
    ]
    tags = result.get("tags") or {}
    key = result.get("key") or {}
    return (
        name if names[name] == 1 else f"{name}~{names[name]}",
        name,
        *place(result),
        result.get("connection"),
        result["compliance"],
        found,
        [*(f"{tag}={value}" for tag, value in tags.items()), *([key["arn"]] if key.get("arn") else [])],
    )
