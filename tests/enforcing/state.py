# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What LocalStack knows: the bucket, the default encryption, the keys, and who has which access key.

Everything is read from the state that LocalStack acts on, so that a judgement never rests on a copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

# By name: for the tools that check the code, "localstack" is the harness's module.
_accounts = import_module("localstack.aws.accounts")
_s3 = import_module("localstack.services.s3.models").s3_stores
_kms = import_module("localstack.services.kms.models").kms_stores
_iam = import_module("localstack.services.iam.models").iam_stores
_sts = import_module("localstack.services.sts.models").sts_stores

# Stores that all Regions or all accounts share are reached by way of any of them.
_ANY_REGION = "us-east-1"
_ANY_ACCOUNT = "000000000000"
# LocalStack makes the AWS managed key only when it needs it. Its ARN is no other key's, and that is all that counts.
_MANAGED_KEY = "aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa"


@dataclass(frozen=True)
class Caller:
    """Who sent a request.

    :ivar arn: what aws:PrincipalArn says: of a session, the role. Empty for a request without credentials.
    :ivar account: its account.
    :ivar kind: what aws:PrincipalType says.
    :ivar keys: its other condition keys.
    """

    arn: str
    account: str
    kind: str
    keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_root(self) -> bool:
        return self.kind == "Account"


ANONYMOUS = Caller("", "", "Anonymous")


def caller(access_key: str) -> Caller:
    """Who has an access key; every key that LocalStack did not give out is the root user's of its account."""
    session = _sts[_ANY_ACCOUNT][_ANY_REGION].credentials.get(access_key)
    if session is not None:
        return _of_arn(session.arn, session.account_id, session.user_id)
    account = str(_accounts.get_account_id_from_access_key_id(access_key))
    store = _iam[account][_ANY_REGION]
    name = store.ACCESS_KEY_INDEX.get(access_key)
    if name is not None:
        user = store.USERS[name].user
        return Caller(user["Arn"], account, "User", {"aws:username": name, "aws:userid": user["UserId"]})
    return Caller(f"arn:aws:iam::{account}:root", account, "Account", {"aws:userid": account})


def _of_arn(arn: str, account: str, user_id: str) -> Caller:
    kind, _slash, rest = arn.split(":", 5)[5].partition("/")
    if kind == "assumed-role":
        name = rest.partition("/")[0]
        role = _iam[account][_ANY_REGION].ROLES.get(name)
        of_role = role.role["Arn"] if role else f"arn:aws:iam::{account}:role/{name}"
        return Caller(of_role, account, "AssumedRole", {"aws:userid": user_id})
    if kind == "root":
        return Caller(arn, account, "Account", {"aws:userid": account})
    if kind == "federated-user":
        return Caller(arn, account, "FederatedUser", {"aws:userid": user_id})
    return Caller(arn, account, "User", {"aws:userid": user_id, "aws:username": rest.rpartition("/")[2]})


@dataclass(frozen=True)
class Bucket:
    """A bucket of LocalStack's, as far as it is judged by."""

    name: str
    account: str
    region: str
    policy: str | None
    _theirs: Any

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.name}"

    @property
    def default(self) -> tuple[str, str | None]:
        """The algorithm and the key that the default encryption names; SSE-S3 where it is deleted, as in AWS."""
        rule = (self._theirs.encryption_rule or {}).get("ApplyServerSideEncryptionByDefault") or {}
        return rule.get("SSEAlgorithm") or "AES256", rule.get("KMSMasterKeyID")

    def upload(self, upload_id: str) -> tuple[str | None, str | None] | None:
        """The algorithm and the key of a multipart upload, as its creation settled them."""
        found = self._theirs.multiparts.get(upload_id)
        return (found.object.encryption, found.object.kms_key_id) if found else None

    @property
    def managed_key(self) -> str:
        """The ARN of the AWS managed key aws/s3."""
        made = _s3[self.account][self.region].aws_managed_kms_key_id
        return made or f"arn:aws:kms:{self.region}:{self.account}:key/{_MANAGED_KEY}"

    def key_arn(self, name: str) -> str:
        """The ARN of the key that an id, an alias or an ARN of either names."""
        region, account = self.region, self.account
        if name.startswith("arn:"):
            fields = name.split(":", 5)
            if len(fields) < 6 or not fields[5].startswith("alias/"):
                return name
            region, account, name = fields[3], fields[4], fields[5]
        if name.startswith("alias/"):
            alias = _kms[account][region].aliases.get(name)
            if alias is None:
                return f"arn:aws:kms:{region}:{account}:{name}"
            name = alias.metadata["TargetKeyId"]
        return f"arn:aws:kms:{region}:{account}:key/{name}"


def bucket(name: str) -> Bucket | None:
    """The bucket of a name."""
    account = _s3[_ANY_ACCOUNT][_ANY_REGION].global_bucket_map.get(name)
    theirs = account and _s3[account][_ANY_REGION].buckets.get(name)
    if not theirs:
        return None
    return Bucket(name, account, theirs.bucket_region, theirs.policy, theirs)
