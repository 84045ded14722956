# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a bucket policy to what was planned, and see that it arrived and that nothing foreign was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.aws import policy_writing
from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import Bucket
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError, Refused
from ansible_collections.sealed.s3.plugins.module_utils.aws.policy_writing import Planner
from ansible_collections.sealed.s3.plugins.module_utils.backup import Backup
from ansible_collections.sealed.s3.plugins.module_utils.policy import deleted
from ansible_collections.sealed.s3.plugins.module_utils.policy import document as documents
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import is_ours
from ansible_collections.sealed.s3.plugins.module_utils.policy.plan import Plan

# Seconds after a write at which the policy is read back: somebody who had read it before may write a little later.
READ_BACK_AT = (0.0, 1.0, 3.0)

# Actions of ours that services other than today's S3 may not know, and the option that takes each out.
_YOUNG_ACTIONS = (
    ("s3:UpdateObjectEncryption", "guard_object_encryption_updates to false"),
    ("s3:ReplicateObject", "guard_replicas to false"),
    ("s3:PutEncryptionConfiguration", "encryption_admins to an empty list"),
)

_NO_SUCH_PRINCIPAL = (
    "A user, a role or an account that it names does not exist, or no longer. Find out which, and take it out of the "
    "policy."
)


@dataclass(frozen=True)
class Outcome(policy_writing.Written):
    """What became of the policy of a bucket, or would become of it."""

    @classmethod
    def planned(cls, before: Document | None, plan: Plan) -> Outcome:
        """What would become of it."""
        return cls(before=before, after=plan.merge.document, plan=plan)

    def warnings(self, bucket: str) -> list[str]:
        """What the user should know of."""
        return [*self.plan.warnings, *([interference(bucket)] if self.interfered else [])]

    def to_dict(self) -> dict[str, Any]:
        """The outcome for a module's result."""
        return {
            "policy": self.after.to_dict() if self.after else None,
            "previous_policy": self.before.to_dict() if self.before else None,
            "statements": self.plan.merge.summary(),
            "conflicts": [conflict.to_dict() for conflict in self.plan.conflicts],
            "size": {
                "before": documents.size(self.before) if self.before else 0,
                "after": documents.size(self.after) if self.after else 0,
                "limit": documents.MAX_SIZE,
            },
        }

    def diff(self, bucket: str) -> dict[str, Any]:
        """Before and after, as Ansible shows them."""
        header = f"{bucket} (bucket policy)"
        return {
            "before_header": header,
            "after_header": header,
            "before": documents.readable(self.before),
            "after": documents.readable(self.after),
        }


def interference(bucket: str) -> str:
    """What the user should know where it :attr:`Outcome.interfered`."""
    return policy_writing.interference(f"bucket {bucket}", "the guard")


def settle(
    bucket: Bucket,
    plan: Planner,
    *,
    check_mode: bool,
    backup: Backup | None = None,
    read_back_at: Sequence[float] = READ_BACK_AT,
) -> Outcome:
    """Read the policy, plan, write, read back.

    Between the read and the write stands nothing but ``plan``, which must be pure: S3 has no conditional write of a
    policy.

    :param backup: where the policy is kept before it is replaced.
    :param read_back_at: the seconds after the write at which it is read back, ascending.
    :raises AwsError, PolicyError: with ``previous_policy`` in the details once the policy was read, and with
        ``backup_file``.
    """
    return carry_out(bucket, plan, bucket.policy(), check_mode=check_mode, backup=backup, read_back_at=read_back_at)


def carry_out(
    bucket: Bucket,
    plan: Planner,
    before: Document | None,
    *,
    check_mode: bool,
    backup: Backup | None = None,
    read_back_at: Sequence[float] = READ_BACK_AT,
    since: Document | None = None,
    in_the_end: Planner | None = None,
) -> Outcome:
    """As :func:`settle`, on the policy that was read just before.

    :param in_the_end: what becomes of the policy where ``plan`` is not the last word on it. That is kept with it.
    :param since: an earlier policy, whose foreign statements have to be there in the end as well.
    """
    writable = _writable(plan)
    try:
        if check_mode:
            return Outcome.planned(before, writable(before))
        written = policy_writing.write(
            _BucketPolicy(bucket),
            writable,
            before,
            read_back_at=read_back_at,
            keep=_keeper(backup, in_the_end) if backup is not None else None,
            since=since,
        )
        return Outcome(written.before, written.after, written.plan, written.interfered)
    except (AwsError, PolicyError) as error:
        error.details.setdefault("previous_policy", before.to_dict() if before else None)
        if backup is not None:
            error.details.setdefault("backup_file", backup.file)
        raise


def _keeper(backup: Backup, in_the_end: Planner | None) -> policy_writing.Keeper:
    if in_the_end is None:
        return backup.keep
    last = in_the_end
    return lambda policy, _next: backup.keep(policy, last(policy).merge.document)


def _writable(plan: Planner) -> Planner:
    """``plan``, which refuses what S3 will not take as far as can be told, before anything else is changed."""

    def writable(there: Document | None) -> Plan:
        planned = plan(there)
        if planned.merge.changed and planned.merge.document is not None:
            refused = deleted.not_taken_back(planned.merge.document)
            if refused:
                raise Refused(refused)
        return planned

    return writable


@dataclass(frozen=True)
class _BucketPolicy(policy_writing.Holder):
    """The policy of a bucket, to be written."""

    bucket: Bucket
    service = "S3"

    @property
    def title(self) -> str:
        return f"bucket {self.bucket.name}"

    def read(self) -> Document | None:
        return self.bucket.policy()

    def write(self, document: Document | None) -> None:
        if document is None:
            self.bucket.delete_policy()
            return
        try:
            self.bucket.put_policy(document)
        except AwsError as error:
            if error.code == "MalformedPolicy":
                told = " ".join([str(error), *_malformed(document, str(error))])
                raise Refused(told, code=error.code, **error.details) from error
            if error.code in ("PolicyTooLarge", "EntityTooLarge"):
                raise Refused(
                    f"{error} It has {documents.size(document)} bytes, and S3 takes {documents.MAX_SIZE}. Shorten the "
                    "policy first.",
                    code=error.code,
                ) from error
            raise


def _malformed(document: Document, said: str) -> list[str]:
    """What may have made the service refuse the policy, which was valid as far as can be told here."""
    if "invalid principal" in said.lower():
        return [_NO_SUCH_PRINCIPAL]
    actions = {statement.get("Action") for statement in document.statements if is_ours(statement)}
    young = [f"{action} (set {option})" for action, option in _YOUNG_ACTIONS if action in actions]
    if young:
        return [f"If the service does not know an action of the guard, leave it out: {', '.join(young)}."]
    return []
