# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our statements in the policy of a KMS key: the root statement, administrators who manage, users who use.

The split holds for what this policy says. The root statement lets IAM policies of the account allow more, and an
administrator may change the policy itself (kms:PutKeyPolicy); the user documentation says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.policy.document import (
    Document,
    as_list,
    labels,
    parse,
    size,
    statement_sizes,
)
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError, shown
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import SID_PREFIX, is_ours
from ansible_collections.sealed.s3.plugins.module_utils.policy.merge import Merge
from ansible_collections.sealed.s3.plugins.module_utils.policy.merge import merge as merge_statements

MAX_SIZE = 32768
"""The largest key policy, in bytes (KMS Developer Guide, "Quotas": key policy document size 32 KB)."""

ROOT_SID = f"{SID_PREFIX}KeyRoot"
ADMINISTRATORS_SID = f"{SID_PREFIX}KeyAdministrators"
USERS_SID = f"{SID_PREFIX}KeyUsers"
SIDS = (ROOT_SID, ADMINISTRATORS_SID, USERS_SID)

ADMINISTRATOR_ACTIONS = (
    "kms:CreateAlias",
    "kms:Describe*",
    "kms:Enable*",
    "kms:List*",
    "kms:Put*",
    "kms:Update*",
    "kms:Revoke*",
    "kms:Disable*",
    "kms:Get*",
    "kms:Delete*",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:ScheduleKeyDeletion",
    "kms:CancelKeyDeletion",
    "kms:RotateKeyOnDemand",
)
"""What AWS's own statement for key administrators allows (KMS Developer Guide, "Default key policy"), with one
difference: kms:CreateAlias instead of kms:Create*, since kms:CreateGrant would let an administrator hand out the use
of the key, to themselves too."""

USER_ACTIONS = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncrypt*",
    "kms:GenerateDataKey*",
    "kms:DescribeKey",
)
"""What AWS's own statement for key users allows (KMS Developer Guide, "Default key policy"). No kms:CreateGrant: S3
uses the key with the permissions of whoever calls it, and makes no grant."""

# An account, a user or a role. IAM User Guide, "AWS JSON policy elements: Principal": neither groups nor wildcards.
_PRINCIPAL = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>[0-9]{12}):(?:root|(?:user|role)/[\x21-\x29\x2b-\x3e\x40-\x7e]+)"
)
_ACCOUNT = re.compile(r"[0-9]{12}")

# The name by which kms:ViaService knows S3 (KMS Developer Guide, "kms:ViaService").
_DNS_SUFFIXES = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}


class KeyPolicyError(PolicyError):
    """The key policy that was asked for cannot be, or would not protect."""


@dataclass(frozen=True)
class KeyPolicySpec:
    """Who may manage and who may use a key.

    :ivar key_arn: the full ARN of the key.
    :ivar admins: principals who manage the key and cannot use it; None: our statement stays as it is; empty: out.
    :ivar users: principals who use the key and cannot manage it; None and empty as for ``admins``.
    :ivar users_through_s3_only: users may only use the key by way of S3 in the key's Region.
    :raises KeyPolicyError: when a principal is none that a key policy can name.
    """

    key_arn: str
    admins: tuple[str, ...] | None = None
    users: tuple[str, ...] | None = None
    users_through_s3_only: bool = False

    def __post_init__(self) -> None:
        for option, principals in (("admins", self.admins), ("users", self.users)):
            for principal in principals or ():
                _check_principal(option, principal, self.partition)
        if self.users and self.users_through_s3_only and self.partition not in _DNS_SUFFIXES:
            raise KeyPolicyError(
                f"users_through_s3_only: the name of S3 in the partition {shown(self.partition)} is not known here. "
                "Leave the option off there."
            )

    @property
    def partition(self) -> str:
        return self.key_arn.split(":")[1]

    @property
    def region(self) -> str:
        return self.key_arn.split(":")[3]

    @property
    def account(self) -> str:
        return self.key_arn.split(":")[4]

    @property
    def touched(self) -> bool:
        """Whether the policy is asked for at all."""
        return self.admins is not None or self.users is not None

    @property
    def both(self) -> tuple[str, ...]:
        """Principals who are asked for as administrators and as users: for them there is no split."""
        return tuple(principal for principal in self.admins or () if principal in (self.users or ()))


def statements(spec: KeyPolicySpec) -> list[dict[str, Any]]:
    """Our statements that ``spec`` asks for, in the order in which they are written."""
    ours = [_allow(ROOT_SID, [f"arn:{spec.partition}:iam::{spec.account}:root"], ("kms:*",))]
    if spec.admins:
        ours.append(_allow(ADMINISTRATORS_SID, spec.admins, ADMINISTRATOR_ACTIONS))
    if spec.users:
        users = _allow(USERS_SID, spec.users, USER_ACTIONS)
        if spec.users_through_s3_only:
            users["Condition"] = {
                "StringEquals": {"kms:ViaService": f"s3.{spec.region}.{_DNS_SUFFIXES[spec.partition]}"}
            }
        ours.append(users)
    return ours


def merge(document: Document | None, spec: KeyPolicySpec) -> Merge:
    """Bring our statements into the key policy.

    What ``spec`` does not ask about stays as it is. The root statement is added only where there is none under any
    Sid, and is never taken out: without it a key can become one that nobody can manage.
    """
    if not spec.touched:
        return Merge(document=document, kept=tuple(labels(document)))
    asked = {statement["Sid"]: statement for statement in statements(spec)}
    present = {statement["Sid"]: statement for statement in _ours(document)}
    wanted: dict[str, Mapping[str, Any]] = {}
    if ROOT_SID in present or not has_root(document, account=spec.account):
        wanted[ROOT_SID] = asked[ROOT_SID]
    for sid, principals in ((ADMINISTRATORS_SID, spec.admins), (USERS_SID, spec.users)):
        if principals is None and sid in present:
            wanted[sid] = present[sid]
        elif principals:
            wanted[sid] = asked[sid]
    # Statements of ours that this version does not know: a later one wrote them.
    wanted.update((sid, statement) for sid, statement in present.items() if sid not in SIDS)
    return merge_statements(document, list(wanted.values()))


def plan(document: Document | None, spec: KeyPolicySpec) -> Merge:
    """As :func:`merge`.

    :raises KeyPolicyError: when KMS would refuse the policy for its size.
    """
    merged = merge(document, spec)
    if merged.changed and merged.document is not None:
        check_size(merged.document)
    return merged


def has_root(document: Document | None, *, account: str) -> bool:
    """Whether a statement under any Sid gives the whole account every action on the key, without a condition."""
    return document is not None and any(_is_root(statement, account) for statement in document.statements)


def check_size(document: Document) -> None:
    """Raise KeyPolicyError, with the sizes, when KMS would refuse the policy for its size."""
    measured = size(document)
    if measured <= MAX_SIZE:
        return
    largest = sorted(statement_sizes(document), key=lambda item: -item[1])[:3]
    named = ", ".join(f"{shown(name)} ({count} bytes)" for name, count in largest)
    raise KeyPolicyError(
        f"The key policy would have {measured} bytes, and KMS takes at most {MAX_SIZE}. "
        f"The largest statements are {named}. Name fewer principals, or take a statement out.",
        size=measured,
        max_size=MAX_SIZE,
    )


def default_policy(*, partition: str, account: str) -> Document:
    """The policy that KMS gives a new key (KMS Developer Guide, "Default key policy"), to plan with."""
    return parse(
        {
            "Version": "2012-10-17",
            "Id": "key-default-1",
            "Statement": [
                {
                    "Sid": "Enable IAM User Permissions",
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:{partition}:iam::{account}:root"},
                    "Action": "kms:*",
                    "Resource": "*",
                }
            ],
        }
    )


def _ours(document: Document | None) -> list[dict[str, Any]]:
    """Ours, each Sid once: the last of two of one Sid is as good as the first."""
    found = {
        statement["Sid"]: statement for statement in (document.statements if document else ()) if is_ours(statement)
    }
    return list(found.values())


def _is_root(statement: Mapping[str, Any], account: str) -> bool:
    if statement["Effect"] != "Allow" or statement.get("Condition") or "Principal" not in statement:
        return False
    principal = statement["Principal"]
    named = as_list(principal.get("AWS", [])) if isinstance(principal, Mapping) else []
    whole_account = any(name == account or re.fullmatch(rf"arn:aws[a-z-]*:iam::{account}:root", name) for name in named)
    every_action = any(action.lower() in ("kms:*", "*") for action in as_list(statement.get("Action", [])))
    # In a key policy "*" is the key that the policy belongs to.
    return whole_account and every_action and "*" in as_list(statement.get("Resource", []))


def _allow(sid: str, principals: Sequence[str], actions: Sequence[str]) -> dict[str, Any]:
    distinct = list(dict.fromkeys(principals))
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": distinct[0] if len(distinct) == 1 else distinct},
        "Action": actions[0] if len(actions) == 1 else list(actions),
        "Resource": "*",
    }


def _check_principal(option: str, principal: str, partition: str) -> None:
    if _ACCOUNT.fullmatch(principal):
        return
    found = _PRINCIPAL.fullmatch(principal)
    if found is None:
        hint = "Wildcards and groups are no principals of a policy."
        if ":sts:" in principal:
            hint = "That is the ARN of a session: name its role (arn:aws:iam::ACCOUNT:role/NAME)."
        raise KeyPolicyError(
            f"{option}: expected the ARN of a user, a role or an account "
            f"(such as arn:{partition}:iam::111122223333:role/NAME), "
            f'found "{shown(principal)}". {hint}'
        )
    if found["partition"] != partition:
        raise KeyPolicyError(
            f'{option}: "{shown(principal)}" is of the partition {found["partition"]}, and the key is of {partition}. '
            "Name a principal of the key's partition."
        )
