# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The condition keys that S3 fills in for a request.

Where AWS's documentation leaves open what S3 does, a switch chooses:

key_id      ``effective``: the key-id key is the key that S3 will use, by the header or by the default encryption.
            ``header_only``: it is what the header says.
named_key   ``resolved``: an alias or a bare id in the header becomes the key's ARN. ``as_sent``: it stays.
parts       ``unseen``: a part, and the completion, do not see the encryption that their upload was created with. S3
            takes no encryption headers on them, so that under ``effective`` the default's key is theirs. Users saw this
            (boto/botocore#471, aws/aws-cli#4251). ``upload``: they see what the creation of the upload settled.

The algorithm's key is filled in from the header only, under all of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import operations
from state import Bucket

SSE = "s3:x-amz-server-side-encryption"
KEY_ID = "s3:x-amz-server-side-encryption-aws-kms-key-id"
CUSTOMER_ALGORITHM = "s3:x-amz-server-side-encryption-customer-algorithm"
_CHOICES = {
    "key_id": ("effective", "header_only"),
    "named_key": ("resolved", "as_sent"),
    "parts": ("unseen", "upload"),
}
# They are filled in with what the header of their name says.
_PLAIN = (
    "x-amz-acl",
    "x-amz-copy-source",
    "x-amz-metadata-directive",
    "x-amz-storage-class",
    "x-amz-content-sha256",
    "x-amz-website-redirect-location",
    *(f"x-amz-grant-{what}" for what in ("read", "write", "read-acp", "write-acp", "full-control")),
)


@dataclass(frozen=True)
class Model:
    """What S3 is taken to do."""

    key_id: str
    named_key: str
    parts: str

    @classmethod
    def chosen(cls, environment: Mapping[str, str] | None = None) -> Model:
        """The model that SEALED_S3_ENFORCE, SEALED_S3_ENFORCE_NAMED_KEY and SEALED_S3_ENFORCE_PARTS choose."""
        environment = os.environ if environment is None else environment
        key_id = environment.get("SEALED_S3_ENFORCE") or "effective"
        # What is only compared is compared as it came.
        named_key = environment.get("SEALED_S3_ENFORCE_NAMED_KEY") or (
            "resolved" if key_id == "effective" else "as_sent"
        )
        model = cls(key_id, named_key, environment.get("SEALED_S3_ENFORCE_PARTS") or "unseen")
        for name, choices in _CHOICES.items():
            if getattr(model, name) not in choices:
                raise SystemExit(f"{name} is {getattr(model, name)}; it can be {' or '.join(choices)}.")
        return model


def of_encryption(
    model: Model, operation: str, headers: Mapping[str, str], bucket: Bucket, parameters: Mapping[str, Any]
) -> dict[str, str]:
    """The three keys of an upload.

    :param headers: those of the request, by their names in lower case; for a form, its fields.
    """
    sse = headers.get("x-amz-server-side-encryption")
    named = headers.get("x-amz-server-side-encryption-aws-kms-key-id")
    customer = headers.get("x-amz-server-side-encryption-customer-algorithm")
    if operation in operations.PARTS and model.parts == "upload" and not customer:
        sse, named = bucket.upload(str(parameters.get("UploadId"))) or (sse, named)
    if named and model.named_key == "resolved":
        named = bucket.key_arn(named)
    if model.key_id == "effective":
        named = _effective(sse, named, customer, bucket)
    found = {SSE: sse, KEY_ID: named, CUSTOMER_ALGORITHM: customer}
    return {key: value for key, value in found.items() if value}


def _effective(sse: str | None, named: str | None, customer: str | None, bucket: Bucket) -> str | None:
    """The key that S3 will use."""
    if customer:
        return None
    if not sse and not named:
        sse, named = bucket.default
        # In the bucket's own configuration nothing is compared: S3 knows its key.
        named = named and bucket.key_arn(named)
    elif sse and not sse.startswith("aws:kms"):
        # S3 refuses a key beside another algorithm after this; what is compared until then is what was sent.
        return named
    if named or (sse or "").startswith("aws:kms"):
        # aws:kms without a key means the AWS managed key, and not the key of the default encryption.
        return named or bucket.managed_key
    return None


def of_update(parameters: Mapping[str, Any], model: Model, bucket: Bucket) -> dict[str, str]:
    """The two keys of UpdateObjectEncryption, whose body names the encryption."""
    wanted = (parameters.get("ObjectEncryption") or {}).get("SSEKMS") or {}
    named = wanted.get("KMSKeyArn")
    if named and model.named_key == "resolved":
        named = bucket.key_arn(named)
    return {SSE: "aws:kms", **({KEY_ID: named} if named else {})}


def plain(headers: Mapping[str, str], parameters: Mapping[str, Any]) -> dict[str, str]:
    """Those that only repeat what the request says."""
    found = {f"s3:{name}": headers.get(name) for name in _PLAIN}
    for key, parameter in (("prefix", "Prefix"), ("delimiter", "Delimiter"), ("max-keys", "MaxKeys")):
        found[f"s3:{key}"] = parameters.get(parameter)
    found["s3:versionid"] = parameters.get("VersionId")
    return {key: str(value) for key, value in found.items() if value is not None}
