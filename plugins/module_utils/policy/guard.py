# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard: the deny statements that we own in a bucket policy.

Each statement has one action, because S3 refuses a statement whose condition keys fit none of its actions, and one
reason, so that the Sid in a CloudTrail record or a decision says why a request was denied.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError, shown

SID_PREFIX = "SealedS3"
"""Every Sid of ours starts with it; a statement without it is foreign."""

DENY_OVERRIDES = "deny_overrides"
DENY_OTHER_KEYS = "deny_other_keys"
REQUIRE_HEADERS = "require_headers"
ENFORCEMENTS = (DENY_OVERRIDES, DENY_OTHER_KEYS, REQUIRE_HEADERS)

# The condition keys of s3:PutObject (Service Authorization Reference, "Condition keys for Amazon S3").
ALGORITHM = "s3:x-amz-server-side-encryption"
KEY_ID = "s3:x-amz-server-side-encryption-aws-kms-key-id"
CUSTOMER_ALGORITHM = "s3:x-amz-server-side-encryption-customer-algorithm"

_KEY_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):kms:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):key/(?P<id>[A-Za-z0-9-]+)"
)
_SERVICE_PRINCIPAL = re.compile(r"[a-z0-9.-]{1,128}\.amazonaws\.com(?:\.[a-z.]{1,32})?")
# IAM User Guide, "IAM and AWS STS quotas": an ARN has at most 2,048 characters; names and paths are of printable ASCII.
_ARN_TEXT = re.compile(r"[\x21-\x7e]{1,2048}")


class GuardError(PolicyError):
    """A guard was asked for that would not protect, or would match nothing."""


@dataclass(frozen=True)
class GuardSpec:
    """Which guard a bucket is to have.

    :ivar bucket: the bucket's name.
    :ivar key_arn: the full ARN of the KMS key that new objects must end up under.
    :ivar enforcement: one of :data:`ENFORCEMENTS`.
    :ivar accepted_keys: full ARNs of further keys that are admitted, for a key change.
    :ivar require_tls: deny every request over plain HTTP.
    :ivar guard_object_encryption_updates: deny s3:UpdateObjectEncryption to any other key.
    :ivar guard_replicas: deny s3:ReplicateObject under any other key.
    :ivar encryption_admins: patterns of the principal ARNs that alone may change default encryption; empty: no such
        statement.
    :ivar exempt_principals: patterns of principal ARNs that the upload statements leave alone.
    :ivar exempt_services: service principals that the upload statements leave alone. A service's own call has no
        aws:PrincipalArn, so ``exempt_principals`` cannot name it.
    :raises GuardError: when a value would make the guard match nothing or everything.
    """

    bucket: str
    key_arn: str
    enforcement: str = DENY_OVERRIDES
    accepted_keys: tuple[str, ...] = ()
    require_tls: bool = True
    guard_object_encryption_updates: bool = True
    guard_replicas: bool = False
    encryption_admins: tuple[str, ...] = ()
    exempt_principals: tuple[str, ...] = ()
    exempt_services: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.enforcement not in ENFORCEMENTS:
            raise GuardError(
                f'enforcement: expected one of {", ".join(ENFORCEMENTS)}, found "{shown(self.enforcement)}".'
            )
        own = _parsed_key_arn("key_arn", self.key_arn)
        for arn in self.accepted_keys:
            other = _parsed_key_arn("accepted_keys", arn)
            if other.group("partition", "region") != own.group("partition", "region"):
                raise GuardError(
                    f"accepted_keys: {shown(arn)} is not in the Region of the key {shown(self.key_arn)}. "
                    "A bucket can only use keys of its own Region: name the key of that Region."
                )
        for option, patterns in (
            ("encryption_admins", self.encryption_admins),
            ("exempt_principals", self.exempt_principals),
        ):
            for pattern in patterns:
                _check_principal_pattern(option, pattern)
        for service in self.exempt_services:
            if not _SERVICE_PRINCIPAL.fullmatch(service):
                raise GuardError(
                    "exempt_services: expected a service principal such as delivery.logs.amazonaws.com, "
                    f'found "{shown(service)}".'
                )

    @property
    def partition(self) -> str:
        """The partition, from the key's ARN: aws, aws-cn, aws-us-gov ..."""
        return self.key_arn.split(":", 2)[1]

    @property
    def bucket_arn(self) -> str:
        """The bucket's ARN, in the partition of the key."""
        return f"arn:{self.partition}:s3:::{self.bucket}"

    @property
    def keys(self) -> tuple[str, ...]:
        """All admitted key ARNs, the bucket's own first."""
        return tuple(dict.fromkeys((self.key_arn, *self.accepted_keys)))


def is_ours(statement: Mapping[str, Any]) -> bool:
    """Whether the statement is of the guard, by its Sid. All others are foreign."""
    return str(statement.get("Sid") or "").startswith(SID_PREFIX)


def is_key_arn(text: str) -> bool:
    """Whether the text is the full ARN of a KMS key: no alias, no bare id."""
    return _KEY_ARN.fullmatch(text) is not None


def statements(spec: GuardSpec) -> list[dict[str, Any]]:
    """The statements of the guard, in the order in which they are written.

    A negated operator is true for an absent key, so "only when the header is there" needs a Null beside it (IAM User
    Guide, "IAM JSON policy elements: Condition operators").
    """
    objects = f"{spec.bucket_arn}/*"
    exempt = _exemptions(spec)
    not_the_key = {KEY_ID: _one_or_list(spec.keys)}

    def deny_upload(purpose: str, condition: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        return _deny(purpose, "s3:PutObject", objects, _all_of(condition, exempt))

    other_key = deny_upload("DenyOtherEncryptionKeys", {"StringNotEquals": not_the_key})
    other_algorithm = deny_upload(
        "DenyOtherAlgorithms", {"Null": {ALGORITHM: "false"}, "StringNotEquals": {ALGORITHM: "aws:kms"}}
    )
    customer_key = deny_upload("DenyCustomerProvidedKeys", {"Null": {CUSTOMER_ALGORITHM: "false"}})
    uploads = {
        DENY_OVERRIDES: [
            deny_upload("DenyEncryptionWithoutTheKey", {"Null": {ALGORITHM: "false"}, "StringNotEquals": not_the_key}),
            deny_upload("DenyNamedOtherKeys", {"Null": {KEY_ID: "false"}, "StringNotEquals": not_the_key}),
            other_algorithm,
            customer_key,
        ],
        DENY_OTHER_KEYS: [other_key, other_algorithm, customer_key],
        REQUIRE_HEADERS: [
            deny_upload("DenyMissingKmsHeader", {"StringNotEquals": {ALGORITHM: "aws:kms"}}),
            other_key,
            customer_key,
        ],
    }
    guard = uploads[spec.enforcement]
    if spec.guard_object_encryption_updates:
        guard.append(
            _deny("DenyReencryptionToOtherKeys", "s3:UpdateObjectEncryption", objects, {"StringNotEquals": not_the_key})
        )
    if spec.guard_replicas:
        guard.append(
            _deny("DenyReplicasUnderOtherKeys", "s3:ReplicateObject", objects, {"StringNotEquals": not_the_key})
        )
    if spec.encryption_admins:
        others = {"ArnNotLike": {"aws:PrincipalArn": _one_or_list(spec.encryption_admins)}}
        guard.append(_deny("DenyDefaultEncryptionChanges", "s3:PutEncryptionConfiguration", spec.bucket_arn, others))
    if spec.require_tls:
        plain_http = {"Bool": {"aws:SecureTransport": "false"}}
        guard.append(_deny("DenyInsecureTransport", "s3:*", [spec.bucket_arn, objects], plain_http))
    return guard


def _deny(
    purpose: str, action: str, resource: str | list[str], condition: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    return {
        "Sid": f"{SID_PREFIX}{purpose}",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": copy.copy(resource),
        "Condition": copy.deepcopy(dict(condition)),
    }


def _all_of(
    condition: Mapping[str, Mapping[str, Any]], further: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Both conditions in one: operators, and the keys of one operator, are ANDed."""
    joined = {operator: dict(keys) for operator, keys in condition.items()}
    for operator, keys in further.items():
        joined.setdefault(operator, {}).update(keys)
    return joined


def _exemptions(spec: GuardSpec) -> dict[str, dict[str, Any]]:
    exempt: dict[str, dict[str, Any]] = {}
    if spec.exempt_principals:
        exempt["ArnNotLike"] = {"aws:PrincipalArn": _one_or_list(spec.exempt_principals)}
    if spec.exempt_services:
        exempt["StringNotEquals"] = {"aws:PrincipalServiceName": _one_or_list(spec.exempt_services)}
    return exempt


def _one_or_list(values: tuple[str, ...]) -> str | list[str]:
    """One value as itself: S3 hands a list of one back as a string."""
    distinct = list(dict.fromkeys(values))
    return distinct[0] if len(distinct) == 1 else distinct


def _parsed_key_arn(option: str, arn: str) -> re.Match[str]:
    parsed = _KEY_ARN.fullmatch(arn)
    if parsed is None:
        raise GuardError(
            f"{option}: expected the full ARN of a KMS key (arn:aws:kms:REGION:ACCOUNT:key/ID), "
            f'found "{shown(arn)}". An alias or a bare key id in a policy matches no request.'
        )
    return parsed


def _check_principal_pattern(option: str, pattern: str) -> None:
    parts = pattern.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not _ARN_TEXT.fullmatch(pattern):
        raise GuardError(
            f"{option}: expected a principal's ARN, wildcards allowed (arn:aws:iam::111122223333:role/Uploader), "
            f'found "{shown(pattern)}".'
        )
    if "${" in pattern:
        raise GuardError(f'{option}: policy variables are not supported, found "{shown(pattern)}". Write the ARN out.')
    if parts[2] == "sts":
        raise GuardError(
            f'{option}: "{shown(pattern)}" is the ARN of a session. aws:PrincipalArn holds the ARN of the role, '
            "so it would never match: name the role (arn:aws:iam::ACCOUNT:role/NAME)."
        )
    if not (parts[4] + parts[5]).strip("*?"):
        raise GuardError(
            f'{option}: "{shown(pattern)}" matches every principal, which would undo the statement. '
            "Name an account, a role or a user."
        )
