# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a bucket policy to what was planned, and see that it arrived and that nothing foreign was lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.sealed.s3.plugins.module_utils.aws import fleet
from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import Bucket
from ansible_collections.sealed.s3.plugins.module_utils.aws.call import (
    CONFLICT_WAITS,
    jittered,
    turned_away,
    without_an_answer,
)
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import (
    AwsError,
    Refused,
    UnknownOutcome,
)
from ansible_collections.sealed.s3.plugins.module_utils.backup import Backup
from ansible_collections.sealed.s3.plugins.module_utils.policy import deleted
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
# Seconds after a write at which the policy is read back: somebody who had read it before may write a little later.
READ_BACK_AT = (0.0, 1.0, 3.0)
# Waits between reads, in seconds, while S3 hands out a policy that was there before: bucket configurations are
# eventually consistent (Amazon S3 User Guide, "Amazon S3 data consistency model").
STALE_WAITS = (0.5, 1.0, 2.0, 4.0)

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
class Outcome:
    """What became of a policy.

    :ivar before: as it was read first; None for none.
    :ivar after: as it is then, in check mode as it would be.
    :ivar plan: what was planned on ``before``.
    :ivar interfered: somebody else wrote between our write and the reading back, so that it was merged again.
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
) -> Outcome:
    """As :func:`settle`, on the policy that was read just before.

    :param since: an earlier policy, whose foreign statements have to be there in the end as well.
    """
    writing = _Writing(bucket, lambda there: _writable(plan(there)), before, backup, read_back_at, since)
    try:
        if check_mode:
            return Outcome.planned(before, _writable(plan(before)))
        return writing.carry_out()
    except (AwsError, PolicyError) as error:
        error.details.setdefault("previous_policy", writing.before.to_dict() if writing.before else None)
        if backup is not None:
            error.details.setdefault("backup_file", backup.file)
        raise


def _writable(planned: Plan) -> Plan:
    """The plan, if S3 will take it as far as can be told.

    :raises Refused: so that it is known before anything else is changed.
    """
    if planned.merge.changed and planned.merge.document is not None:
        refused = deleted.not_taken_back(planned.merge.document)
        if refused:
            raise Refused(refused)
    return planned


class _Writing:
    """The writing of a policy, and what was seen of it so far.

    What is read back is one of three. What is expected there. What was there earlier: then S3 has not caught up, and it
    is only read again, since to write on it would overwrite whatever has come after it. Or something new: then somebody
    else has written after us.
    """

    def __init__(
        self,
        bucket: Bucket,
        plan: Planner,
        before: Document | None,
        backup: Backup | None,
        read_back_at: Sequence[float],
        since: Document | None,
    ) -> None:
        self._bucket = bucket
        self._plan = plan
        self._backup = backup
        self._read_back_at = read_back_at
        # What was read last before the first write.
        self.before = before
        self._there = before
        self._earlier: list[Document | None] = []
        # Whose foreign statements have to be there in the end.
        self._kept = [since]
        self._written = self._seen = False
        # Why the last write has not come through.
        self._failed: AwsError | None = None
        self._interfered = False

    def carry_out(self) -> Outcome:
        """Write what is to become of the policy that was read just before, and merge it again where others write."""
        planned = wanted = self._begin(self.before)
        if not wanted.merge.changed:
            return Outcome.planned(self.before, wanted)
        try:
            for _attempt in range(WRITES):
                sent, lost = self._send(wanted)
                if not self._earlier:
                    planned = sent
                more = self._look_after(sent, lost) if sent.merge.changed else None
                if more is None:
                    self._check_lost()
                    return Outcome(before=self.before, after=self._there, plan=planned, interfered=self._interfered)
                wanted = more
            if self._failed is not None:
                self._failed.args = (f"{self._failed} It was read again, and it is as it was before.",)
                raise self._failed
        except (AwsError, PolicyError) as error:
            error.details["changed"] = self._written or isinstance(error, UnknownOutcome)
            raise
        raise Refused(
            f"The policy of bucket {self._bucket.name} was written {WRITES} times, and each time it read differently "
            "afterwards: somebody else keeps writing it. Find out who, and run again. What was there before is in "
            "previous_policy.",
            policy=self._there.to_dict() if self._there else None,
            changed=True,
        )

    def _begin(self, found: Document | None) -> Plan:
        """Plan on the policy as it is, and keep that. Then it is read again, since that takes a moment."""
        for _attempt in range(WRITES):
            self.before = self._there = found
            planned = self._plan(found)
            if not planned.merge.changed or found is None or self._backup is None:
                return planned
            if not self._backup.keep(found, planned.merge.document):
                return planned
            found = self._bucket.policy()
        raise Refused(
            f"The policy of bucket {self._bucket.name} was kept {WRITES} times, and each time it read differently "
            "afterwards: somebody else keeps writing it. Nothing was changed. Find out who, and run again."
        )

    def _send(self, wanted: Plan) -> tuple[Plan, AwsError | None]:
        """Write it. Where AWS turns it away for the moment, it is planned anew on what is there after a while.

        :returns: what was written in the end, perhaps nothing, and why it is not known whether that came through.
        """
        for wait in CONFLICT_WAITS:
            try:
                return wanted, self._put(wanted)
            except AwsError as error:
                if not turned_away(error):
                    raise
            fleet.rest(jittered(wait))
            if self._earlier:
                # One was sent before. What others have written since may not be read yet.
                self._read_back(None)
                wanted = self._plan(self._there)
            else:
                wanted = self._begin(self._bucket.policy())
            if not wanted.merge.changed:
                return wanted, None
        return wanted, self._put(wanted)

    def _put(self, wanted: Plan) -> AwsError | None:
        return without_an_answer(lambda: _put(self._bucket, wanted.merge.document))

    def _look_after(self, sent: Plan, lost: AwsError | None) -> Plan | None:
        """Read what was written back at each of the moments.

        :param lost: why it is not known whether it came through.
        :returns: what has to be written, because it did not come through or because of what somebody else wrote; None
            for nothing.
        """
        document = sent.merge.document
        self._kept.append(document)
        self._written = self._written or lost is None
        self._failed = None
        self._expect(document)
        passed = 0.0
        for moment in self._read_back_at:
            if moment > passed:
                fleet.rest(moment - passed)
            passed = max(moment, passed) + self._read_back(lost)
            if not documents.equal(self._there, document):
                # Where others wrote after it, it may have been there in between.
                self._written = self._written or self._failed is None
                wanted = self._plan(self._there)
                if wanted.merge.changed:
                    self._interfered = self._interfered or self._failed is None
                    return wanted
            # It came through.
            lost, self._written, self._seen = None, True, True
        return None

    def _expect(self, document: Document | None) -> None:
        self._earlier.append(self._there)
        self._there = document

    def _read_back(self, lost: AwsError | None) -> float:
        """Read until it is what is expected, or something new twice: that is what is expected from then on.

        Once something new was seen, what was expected before has to be read twice as well.

        :param lost: why it is not known whether the write came through.
        :returns: the seconds that were waited.
        """
        waited, doubted = 0.0, False
        try:
            found = self._bucket.policy()
            for wait in STALE_WAITS:
                as_expected = documents.equal(found, self._there)
                if as_expected and not doubted:
                    return waited
                fleet.rest(wait)
                waited += wait
                again = self._bucket.policy()
                if documents.equal(again, found) and not self._was_there(found):
                    break
                # What was new once may be newer than what is expected, and S3 show either for a while.
                doubted = doubted or not (as_expected or self._was_there(found))
                found = again
        except (AwsError, PolicyError) as error:
            if lost is not None:
                raise UnknownOutcome(lost, "the policy was written", error) from error
            why = "once more to see that it is still there" if self._seen else "to see that it came through"
            error.args = (
                f"The policy of bucket {self._bucket.name} was written, and could not be read back {why}. {error}",
            )
            raise
        if self._was_there(found):
            if lost is None:
                raise self._not_there(waited)
            if not documents.equal(found, self._earlier[-1]):
                lost.args = (f"{lost} What S3 shows is older than the policy that was merged with.",)
                raise UnknownOutcome(lost, "the policy was written")
            # So it can be written again, on what was just read.
            self._failed = lost
            self._kept.pop()
            self._there = found
        elif not documents.equal(found, self._there):
            self._expect(found)
        return waited

    def _was_there(self, document: Document | None) -> bool:
        if documents.equal(document, self._there):
            return False
        return any(documents.equal(document, earlier) for earlier in self._earlier)

    def _not_there(self, waited: float) -> AwsError:
        return Refused(
            f"The policy of bucket {self._bucket.name} was written, and it still reads as it was before after "
            f"{waited:g} seconds more. Either S3 has not caught up, or somebody else has put the earlier policy back "
            "since. It was not written again, because that could overwrite what others have written. Run again "
            "in a while: what is done is not done twice.",
            changed=True,
        )

    def _check_lost(self) -> None:
        lost = dict.fromkeys(name for policy in self._kept for name in lost_statements(policy, self._there))
        if lost:
            raise Refused(
                f"The policy of bucket {self._bucket.name} was written, and statements of others are not in it now "
                f"that were there before: {', '.join(shown(name) for name in lost)}. Somebody else wrote the policy at "
                "the same time. What was asked for is in it. Compare it with previous_policy, put back what should be "
                "there, and run again.",
                policy=self._there.to_dict() if self._there else None,
            )


def _put(bucket: Bucket, document: Document | None) -> None:
    if document is None:
        bucket.delete_policy()
        return
    try:
        bucket.put_policy(document)
    except AwsError as error:
        if error.code == "MalformedPolicy":
            raise Refused(f"{error} {_malformed(document, str(error))}", code=error.code, **error.details) from error
        if error.code in ("PolicyTooLarge", "EntityTooLarge"):
            raise Refused(
                f"{error} It has {documents.size(document)} bytes, and S3 takes {documents.MAX_SIZE}. Shorten the "
                "policy first.",
                code=error.code,
            ) from error
        raise


def _malformed(document: Document, said: str) -> str:
    """What may have made the service refuse the policy, which was valid as far as can be told here."""
    if "invalid principal" in said.lower():
        return _NO_SUCH_PRINCIPAL
    actions = {statement.get("Action") for statement in document.statements if is_ours(statement)}
    young = [f"{action} (set {option})" for action, option in _YOUNG_ACTIONS if action in actions]
    if young:
        return f"If the service does not know an action of the guard, leave it out: {', '.join(young)}."
    return "Nothing was changed."
