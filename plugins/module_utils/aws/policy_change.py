# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a bucket policy to what was planned, and see that it arrived and that nothing foreign was lost."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import Bucket
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import (
    AwsError,
    Refused,
    UnknownOutcome,
    may_have_come_through,
)
from ansible_collections.sealed.s3.plugins.module_utils.backup import Backup
from ansible_collections.sealed.s3.plugins.module_utils.policy import document as documents
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError, shown
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import is_ours
from ansible_collections.sealed.s3.plugins.module_utils.policy.merge import lost_statements
from ansible_collections.sealed.s3.plugins.module_utils.policy.plan import Plan

Planner = Callable[[Optional[Document]], Plan]
"""What to do with a policy, or with none."""

# How often the policy is merged and written when somebody else writes at the same time.
WRITES = 3
# Waits between reads, in seconds, while S3 hands out the policy of before the write: bucket configurations are
# eventually consistent (Amazon S3 User Guide, "Amazon S3 data consistency model").
READ_BACK_WAITS = (0.5, 1.0, 2.0, 4.0)

# Actions of ours that services other than today's S3 may not know, and the option that takes each out.
_YOUNG_ACTIONS = (
    ("s3:UpdateObjectEncryption", "guard_object_encryption_updates to false"),
    ("s3:ReplicateObject", "guard_replicas to false"),
    ("s3:PutEncryptionConfiguration", "encryption_admins to an empty list"),
)
# What S3 puts in the place of a principal that was deleted (IAM User Guide, "IAM identifiers", unique ids).
_DELETED_PRINCIPAL = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,}")


@dataclass(frozen=True)
class Outcome:
    """What became of a policy.

    :ivar before: as it was read first; None for none.
    :ivar after: as it is then, in check mode as it would be.
    :ivar plan: what was planned on ``before``.
    :ivar interfered: somebody else wrote between our write and the reading back.
    """

    before: Document | None
    after: Document | None
    plan: Plan
    interfered: bool = False

    @classmethod
    def planned(cls, before: Document | None, plan: Plan) -> Outcome:
        """What would become of it."""
        return cls(before=before, after=plan.merge.document, plan=plan)

    def warnings(self, bucket: str) -> list[str]:
        """What the user should know of."""
        interference = (
            f"Somebody else wrote the policy of bucket {bucket} at the same time; the guard was merged again."
        )
        return [*self.plan.warnings, *([interference] if self.interfered else [])]

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


def settle(bucket: Bucket, plan: Planner, *, check_mode: bool, backup: Backup | None = None) -> Outcome:
    """Read the policy, plan, write, read back.

    Between the read and the write stands nothing but ``plan``, which must be pure: S3 has no conditional write of a
    policy.

    :param backup: where the policy is kept before it is replaced.
    :raises AwsError, PolicyError: with ``previous_policy`` in the details once the policy was read, and with
        ``backup_file``.
    """
    return carry_out(bucket, plan, bucket.policy(), check_mode=check_mode, backup=backup)


def carry_out(
    bucket: Bucket, plan: Planner, before: Document | None, *, check_mode: bool, backup: Backup | None = None
) -> Outcome:
    """As :func:`settle`, on the policy that was read just before."""
    try:
        planned = plan(before)
        for _attempt in range(WRITES):
            if not planned.merge.changed or check_mode:
                return Outcome.planned(before, planned)
            if before is None or backup is None or not backup.keep(before):
                return _write(bucket, plan, before=before, planned=planned)
            # That took a moment.
            before = bucket.policy()
            planned = plan(before)
        raise Refused(
            f"The policy of bucket {bucket.name} was kept {WRITES} times, and each time it read differently "
            "afterwards: somebody else keeps writing it. Nothing was changed. Find out who, and run again."
        )
    except (AwsError, PolicyError) as error:
        error.details.setdefault("previous_policy", before.to_dict() if before else None)
        if backup is not None:
            error.details.setdefault("backup_file", backup.file)
        raise


def _write(bucket: Bucket, plan: Planner, *, before: Document | None, planned: Plan) -> Outcome:
    current, wanted, written = before, planned, False
    try:
        for attempt in range(WRITES):
            document = wanted.merge.document
            lost = _put_or_lose(bucket, document)
            written = written or lost is None
            there = _read_back(bucket, before=current, written=document, lost=lost)
            if lost is not None and documents.equal(there, current):
                lost.args = (f"{lost} It was read again, and it is as it was before.",)
                raise lost
            written = True
            if documents.equal(there, document):
                return Outcome(before=before, after=document, plan=planned, interfered=attempt > 0)
            _check_lost(bucket, document, there)
            wanted = plan(there)
            if not wanted.merge.changed:
                return Outcome(before=before, after=there, plan=planned, interfered=True)
            current = there
    except (AwsError, PolicyError) as error:
        error.details["changed"] = written or isinstance(error, UnknownOutcome)
        raise
    raise Refused(
        f"The policy of bucket {bucket.name} was written {WRITES} times, and each time it read differently afterwards: "
        "somebody else keeps writing it. Find out who, and run again. What was there before is in previous_policy.",
        policy=current.to_dict() if current else None,
        changed=True,
    )


def _put_or_lose(bucket: Bucket, document: Document | None) -> AwsError | None:
    """Write it. What fails so that the write may have come through all the same is returned, to be looked after."""
    try:
        _put(bucket, document)
    except AwsError as error:
        if not may_have_come_through(error):
            raise
        return error
    return None


def _check_lost(bucket: Bucket, written: Document | None, there: Document | None) -> None:
    lost = lost_statements(written, there)
    if lost:
        raise Refused(
            f"The policy of bucket {bucket.name} was written, and statements of others are not in it now that were "
            f"there before: {', '.join(shown(name) for name in lost)}. Somebody else wrote the policy at the same "
            "time. Compare it with previous_policy, put back what should be there, and run again.",
            policy=there.to_dict() if there else None,
        )


def _put(bucket: Bucket, document: Document | None) -> None:
    if document is None:
        bucket.delete_policy()
        return
    try:
        bucket.put_policy(document)
    except AwsError as error:
        if error.code == "MalformedPolicy":
            raise Refused(f"{error} {_malformed(document)}", code=error.code, **error.details) from error
        if error.code in ("PolicyTooLarge", "EntityTooLarge"):
            raise Refused(
                f"{error} It has {documents.size(document)} bytes, and S3 takes {documents.MAX_SIZE}. Shorten the "
                "policy first.",
                code=error.code,
            ) from error
        raise


def _malformed(document: Document) -> str:
    """What may have made the service refuse the policy, which was valid as far as can be told here."""
    advice: list[str] = []
    gone = [
        f"{shown(name)} in {shown(documents.label(statement, index))}"
        for index, statement in enumerate(document.statements)
        if not is_ours(statement)
        for name in _principals(statement)
        if _DELETED_PRINCIPAL.fullmatch(name)
    ]
    if gone:
        advice.append(
            f"The policy names principals that were deleted, which S3 does not take back: {', '.join(gone)}. "
            "Take them out of these statements."
        )
    actions = {statement.get("Action") for statement in document.statements if is_ours(statement)}
    young = [f"{action} (set {option})" for action, option in _YOUNG_ACTIONS if action in actions]
    if young:
        advice.append(f"If the service does not know an action of the guard, leave it out: {', '.join(young)}.")
    return " ".join(advice) or "Nothing was changed."


def _principals(statement: dict[str, Any]) -> list[str]:
    named = statement.get("Principal", statement.get("NotPrincipal"))
    return [str(name) for name in documents.as_list(named.get("AWS", []))] if isinstance(named, dict) else []


def _read_back(
    bucket: Bucket, *, before: Document | None, written: Document | None, lost: AwsError | None = None
) -> Document | None:
    """The policy after a write.

    While it is the one of before, S3 may just not have caught up; a third one counts when it is read twice.

    :param lost: why it is not known whether the write came through.
    """
    try:
        there = bucket.policy()
        for wait in READ_BACK_WAITS:
            if documents.equal(there, written):
                break
            time.sleep(wait)
            again = bucket.policy()
            if documents.equal(again, there) and not documents.equal(there, before):
                break
            there = again
    except (AwsError, PolicyError) as error:
        if lost is not None:
            raise UnknownOutcome(lost, "the policy was written", error) from error
        error.args = (
            f"The policy of bucket {bucket.name} was written, and could not be read back to see that it came through. "
            f"{error}",
        )
        raise
    return there
