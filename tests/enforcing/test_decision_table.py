# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of the decision table of uploads, sent to the enforcing LocalStack as a plain HTTP request.

The statements stand here as they are written to a bucket, and not as our code makes them: what is tested is the judge,
with which our code is tested later.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from service import ALIAS, Service

CUSTOMER_KEY = b"0123456789abcdef0123456789abcdef"
STATEMENTS = """
{
  "D1": {
    "Sid": "D1", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::B/*",
    "Condition": {
      "Null": {"s3:x-amz-server-side-encryption": "false"},
      "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "K"}
    }
  },
  "D2": {
    "Sid": "D2", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::B/*",
    "Condition": {
      "Null": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "false"},
      "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "K"}
    }
  },
  "D3": {
    "Sid": "D3", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::B/*",
    "Condition": {
      "Null": {"s3:x-amz-server-side-encryption": "false"},
      "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}
    }
  },
  "D4": {
    "Sid": "D4", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::B/*",
    "Condition": {"Null": {"s3:x-amz-server-side-encryption-customer-algorithm": "false"}}
  },
  "E0": {
    "Sid": "E0", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::B/*",
    "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "K"}}
  },
  "S1": {
    "Sid": "S1", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::B/*",
    "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
  }
}
"""
SETS = {"P": "D1 D2 D3 D4", "E": "E0 D3 D4", "Strict": "S1 E0 D4"}
# Of each set, in their order. Where it has a slash: what happens under the model "effective", then under "header_only".
TABLE = {
    "no headers, default = K": ("allow", "allow/deny", "deny"),
    "no headers, default SSE-S3": ("allow", "deny", "deny"),
    "no headers, default another KMS key": ("deny/allow", "deny", "deny"),
    "AES256": ("deny", "deny", "deny"),
    "aws:kms, no key id": ("deny", "deny", "deny"),
    "aws:kms + K": ("allow", "allow", "allow"),
    "aws:kms + another key": ("deny", "deny", "deny"),
    "aws:kms + alias of K": ("allow/deny", "allow/deny", "allow/deny"),
    "aws:kms + alias ARN of K": ("allow/deny", "allow/deny", "allow/deny"),
    "aws:kms + bare id of K": ("allow/deny", "allow/deny", "allow/deny"),
    "aws:kms:dsse + K": ("deny", "deny", "deny"),
    "SSE-C": ("deny", "deny", "deny"),
}


def statements(name: str, key: str) -> list[dict[str, Any]]:
    """The statements of a set."""
    known: dict[str, dict[str, Any]] = json.loads(STATEMENTS.replace('"K"', json.dumps(key)))
    return [known[one] for one in SETS[name].split()]


def expected(cell: str, model: str) -> str:
    """What a cell says for a model."""
    effective, _slash, header_only = cell.partition("/")
    return header_only if header_only and model == "header_only" else effective


def encryption(row: str, service: Service) -> dict[str, str]:
    """The headers of a row."""
    algorithm, _plus, rest = row.partition(" + ")
    if row.startswith("no headers"):
        return {}
    if row == "SSE-C":
        return {
            "x-amz-server-side-encryption-customer-algorithm": "AES256",
            "x-amz-server-side-encryption-customer-key": base64.b64encode(CUSTOMER_KEY).decode(),
            "x-amz-server-side-encryption-customer-key-MD5": base64.b64encode(
                hashlib.md5(CUSTOMER_KEY, usedforsecurity=False).digest()
            ).decode(),
        }
    named = {
        "": "",
        "K": service.key,
        "another key": service.other_key,
        "alias of K": ALIAS,
        "alias ARN of K": service.key.replace(f"key/{service.key_id}", ALIAS),
        "bare id of K": service.key_id,
    }[rest]
    headers = {"x-amz-server-side-encryption": algorithm.partition(",")[0]}
    if named:
        headers["x-amz-server-side-encryption-aws-kms-key-id"] = named
    return headers


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("row", TABLE)
def test_upload(service: Service, row: str, name: str) -> None:
    default = {"no headers, default SSE-S3": "AES256", "no headers, default another KMS key": service.other_key}
    bucket = service.bucket(statements(name, service.key), default.get(row, service.key))
    answer = service.send("PUT", f"/{bucket}/x", encryption(row, service), b"x")
    cell = TABLE[row][list(SETS).index(name)]
    assert ("deny" if answer.refused else "allow") == expected(cell, service.model)
    assert service.has(bucket, "x") != answer.refused


@pytest.mark.parametrize("row", TABLE)
def test_nothing_is_refused_without_a_policy(service: Service, row: str) -> None:
    assert not service.send("PUT", f"/{service.bucket()}/x", encryption(row, service), b"x").refused


@pytest.mark.parametrize("row", [row for row in TABLE if " of K" in row])
@pytest.mark.parametrize("name", SETS)
def test_a_named_key_as_sent_is_not_the_key(other_choices: Service, row: str, name: str) -> None:
    bucket = other_choices.bucket(statements(name, other_choices.key))
    assert other_choices.send("PUT", f"/{bucket}/x", encryption(row, other_choices), b"x").refused
