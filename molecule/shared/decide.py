# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides uploads in every state that a bucket went through, under both readings of the key-id condition key.

Takes on stdin {"bucket": name, "policy": ..., "default": key ARN, "keys": [ARN, ...], "calls": [...]}: the state at
first and the calls that a proxy recorded. Prints a list of states, the first one and one for each write:
{"after": operation, "default": ARN, "no_headers": [outcome, outcome], "named": {ARN: [outcome, outcome]}}.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

sys.path[:0] = os.environ["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep)

from ansible_collections.sealed.s3.plugins.module_utils.policy import decision, document  # noqa: E402

MODELS = (decision.EFFECTIVE, decision.HEADER_ONLY)


def outcomes(bucket: str, *, policy: Any, default: str, key: str | None) -> list[str]:
    """What becomes of an upload that names ``key``, or that has no headers: under each model."""
    headers = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": key or ""}
    found = []
    for model in MODELS:
        request = decision.Request(
            bucket_arn=f"arn:aws:s3:::{bucket}",
            key="report.txt",
            headers=headers if key else {},
            default_encryption=decision.DefaultEncryption("aws:kms", default),
            key_id_model=model,
        )
        found.append(decision.decide(document.parse(policy), request).outcome)
    return found


def main() -> None:
    asked = json.load(sys.stdin)
    policy, default, states = asked["policy"], asked["default"], []
    for call in [{"operation": "at first"}, *asked["calls"]]:
        if call["operation"] == "PutBucketPolicy":
            policy = json.loads(call["body"])
        elif call["operation"] == "PutBucketEncryption":
            default = re.findall("<KMSMasterKeyID>(.+)</KMSMasterKeyID>", call["body"])[0]
        elif call["operation"] != "at first":
            continue
        state = {"after": call["operation"], "default": default}
        state["no_headers"] = outcomes(asked["bucket"], policy=policy, default=default, key=None)
        state["named"] = {
            key: outcomes(asked["bucket"], policy=policy, default=default, key=key) for key in asked["keys"]
        }
        states.append(state)
    json.dump(states, sys.stdout)


if __name__ == "__main__":
    main()
