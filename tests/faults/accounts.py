# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of a LocalStack, each with a gate of its own, and what is in them.

LocalStack takes an access key of twelve digits for the number of an account. So a run sees the keys of its own case
alone.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.exceptions
from gate import Gate
from stage import REGION, SECRETS

_NUMBERS = itertools.count(1)
_POLICY_OF_OTHERS = "Readers"


@dataclass
class Account:
    """An account, the gate to it, and the buckets of one case.

    :ivar gate: what the runs go through.
    :ivar names: of the buckets, each of which is a host.
    """

    number: str
    gate: Gate
    names: tuple[str, ...]
    alias: str
    s3: Any
    kms: Any

    @classmethod
    def new(cls, endpoint: str, gate: Gate, *, buckets: int) -> Account:
        """One in which nothing is yet."""
        count = next(_NUMBERS)
        number = f"{100000000000 + count}"
        sdk = boto3.session.Session(number, SECRETS["secret_key"], SECRETS["session_token"], REGION)
        names = tuple(f"case-{count:04}-{letter}" for letter in "abc"[:buckets])
        clients = (sdk.client(service, endpoint_url=endpoint) for service in ("s3", "kms"))
        return cls(number, gate, names, f"alias/case-{count:04}", *clients)

    @property
    def connection(self) -> dict[str, Any]:
        """The variables of the role for it."""
        return {
            "encrypted_s3_endpoint_url": self.gate.url,
            "encrypted_s3_access_key": self.number,
            "encrypted_s3_secret_key": SECRETS["secret_key"],
            "encrypted_s3_session_token": SECRETS["session_token"],
            "encrypted_s3_region": REGION,
        }

    @property
    def role_arn(self) -> str:
        """A role of it. LocalStack lets everybody assume any."""
        return f"arn:aws:iam::{self.number}:role/sealing"

    def add_bucket(self, name: str) -> None:
        """A bucket with a policy of others."""
        self.s3.create_bucket(Bucket=name)
        root = {"AWS": f"arn:aws:iam::{self.number}:root"}
        within = f"arn:aws:s3:::{name}/*"
        statements = [
            {"Sid": "Readers", "Effect": "Allow", "Principal": root, "Action": "s3:GetObject", "Resource": within},
            {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": within,
             "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}},
        ]  # fmt: skip
        self.s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))

    def add_key(self) -> None:
        """A key with a policy of others, which the alias leads to."""
        root = {"AWS": f"arn:aws:iam::{self.number}:root"}
        statements = [
            {"Sid": "Account", "Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"},
            {"Sid": "Readers", "Effect": "Allow", "Principal": root, "Action": "kms:Decrypt", "Resource": "*"},
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        key = self.kms.create_key(Policy=policy)["KeyMetadata"]["KeyId"]
        self.kms.create_alias(AliasName=self.alias, TargetKeyId=key)

    def observe(self) -> dict[str, Any]:
        """All that a run could change."""
        keys = {one["KeyId"] for one in self.kms.list_keys()["Keys"]}
        named = {one["AliasName"]: one["TargetKeyId"] for one in self.kms.list_aliases()["Aliases"]}
        own = named.get(self.alias)
        return {
            "buckets": {name: self._bucket(name) for name in self.names},
            "key": None if own is None else self._key(own),
            "other_keys": {key: self._key(key) for key in sorted(keys - {own})},
        }

    def _key(self, key: str) -> dict[str, Any]:
        found = {"KeyId": key}
        described = self.kms.describe_key(**found)["KeyMetadata"]
        rotation = self.kms.get_key_rotation_status(**found)
        tags = self.kms.list_resource_tags(**found)["Tags"]
        return {
            "id": key,
            "state": described["KeyState"],
            "description": described.get("Description"),
            "policy": json.loads(self.kms.get_key_policy(PolicyName="default", **found)["Policy"]),
            "rotation": [rotation["KeyRotationEnabled"], rotation.get("RotationPeriodInDays")],
            "tags": {tag["TagKey"]: tag["TagValue"] for tag in tags},
        }

    def _bucket(self, name: str) -> dict[str, Any] | None:
        found = {"Bucket": name}
        policy = self._told("NoSuchBucketPolicy", lambda: self.s3.get_bucket_policy(**found)["Policy"])
        try:
            encryption = self.s3.get_bucket_encryption(**found)["ServerSideEncryptionConfiguration"]
        except botocore.exceptions.ClientError:
            return None
        return {
            "policy": json.loads(policy) if policy else None,
            "encryption": encryption,
            "versioning": self.s3.get_bucket_versioning(**found).get("Status"),
            "tags": self._told("NoSuchTagSet", lambda: self.s3.get_bucket_tagging(**found)["TagSet"]),
            "public_access": self._told(
                "NoSuchPublicAccessBlockConfiguration",
                lambda: self.s3.get_public_access_block(**found)["PublicAccessBlockConfiguration"],
            ),
        }

    @staticmethod
    def _told(none: str, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in (none, "NoSuchBucket"):
                return None
            raise

    def wanted(self, observed: Mapping[str, Any]) -> Any:
        """What is there, without names, and without the keys that a run has lost."""
        key = dict(observed["key"] or {})
        key["tags"] = {name: value for name, value in key.get("tags", {}).items() if name != "SealedS3Creation"}
        text = json.dumps({"buckets": observed["buckets"], "key": key}, sort_keys=True)
        for name, generic in ((self.number, "ACCOUNT"), (str(key.get("id")), "KEY"), (self.names[0][:-2], "CASE")):
            text = text.replace(name, generic)
        return json.loads(text)

    def foreign(self, observed: Mapping[str, Any]) -> Any:
        """The statements of others."""
        policies = {name: (bucket or {}).get("policy") for name, bucket in observed["buckets"].items()}
        policies["the key"] = (observed["key"] or {}).get("policy")
        return {
            name: [one for one in policy["Statement"] if not str(one.get("Sid", "")).startswith("SealedS3")]
            for name, policy in policies.items()
            if policy
        }
