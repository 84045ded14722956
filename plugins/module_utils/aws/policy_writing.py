# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a policy that others write too: see that it arrived, and merge it again where they have written meanwhile.

Neither S3 nor KMS has a conditional write of a policy.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Optional

from ansible_collections.sealed.s3.plugins.module_utils.aws import fleet
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
from ansible_collections.sealed.s3.plugins.module_utils.aws.reading_back import STALE_WAITS
from ansible_collections.sealed.s3.plugins.module_utils.policy import document as documents
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError, shown
from ansible_collections.sealed.s3.plugins.module_utils.policy.merge import lost_statements
from ansible_collections.sealed.s3.plugins.module_utils.policy.plan import Plan

Planner = Callable[[Optional[Document]], Plan]
"""What to do with a policy, or with none. Pure: nothing else stands between a read and the write."""

Keeper = Callable[[Document, Optional[Document]], bool]
"""Keeps a policy and what is to become of it; whether that took a moment."""

# How often a policy is merged and written when somebody else writes at the same time.
WRITES = 3

_WRITTEN = "was written"
_PERHAPS_WRITTEN = "may have been written"


class Holder(ABC):
    """What has a policy: a bucket, or a key.

    :ivar title: for sentences, ``bucket x``.
    :ivar service: what keeps it, ``S3``.
    """

    service: str

    @property
    @abstractmethod
    def title(self) -> str: ...

    @abstractmethod
    def read(self) -> Document | None:
        """:raises AwsError, PolicyError: where it cannot be read or understood."""

    @abstractmethod
    def write(self, document: Document | None) -> None:
        """Send it once; None deletes it. :raises AwsError:"""

    def waits_after(self, error: AwsError) -> tuple[float, ...]:
        """The waits, in seconds, before what failed so is tried once more, on what is there then; empty: it is not."""
        return CONFLICT_WAITS if turned_away(error) else ()


@dataclass(frozen=True)
class Written:
    """What became of a policy.

    :ivar before: as it was read first; None for none.
    :ivar after: as it is then.
    :ivar plan: what was planned on ``before``.
    :ivar interfered: somebody else wrote between our write and the reading back, so that it was merged again.
    """

    before: Document | None
    after: Document | None
    plan: Plan
    interfered: bool = False


def interference(title: str, ours: str) -> str:
    """What the user should know where somebody :attr:`Written.interfered`.

    :param title: of the holder.
    :param ours: what was merged.
    """
    return f"Somebody else wrote the policy of {title} at the same time; {ours} was merged again."


def write(
    holder: Holder,
    plan: Planner,
    before: Document | None,
    *,
    read_back_at: Sequence[float],
    keep: Keeper | None = None,
    since: Document | None = None,
) -> Written:
    """Write what is to become of a policy, read it back, and do so again where somebody else has written over it.

    :param before: the policy, which was read just before.
    :param read_back_at: the seconds after the write at which it is read back, ascending.
    :param keep: keeps the policy before it is replaced.
    :param since: an earlier policy, whose foreign statements have to be there in the end as well.
    :raises AwsError, PolicyError: with ``previous_policy`` and ``changed`` in the details.
    """
    writing = _Writing(holder, plan, before, read_back_at, keep, since)
    try:
        return writing.carry_out()
    except (AwsError, PolicyError) as error:
        error.details.setdefault("previous_policy", writing.before.to_dict() if writing.before else None)
        raise


class _Writing:
    """The writing of a policy, and what was seen of it so far.

    What is read back is one of three. What is expected there. What was there earlier: then the service has not caught
    up, and it is only read again, since to write on it would overwrite whatever has come after it. Or something new:
    then somebody else has written after us.
    """

    def __init__(
        self,
        holder: Holder,
        plan: Planner,
        before: Document | None,
        read_back_at: Sequence[float],
        keep: Keeper | None,
        since: Document | None,
    ) -> None:
        self._holder = holder
        self._plan = plan
        self._read_back_at = read_back_at
        self._keep = keep
        # What was read last before a write of ours was carried out, or may have been; and what was planned on it.
        self.before = before
        self._planned: Plan
        # What is expected there, and all that was there before that, as far as it was seen.
        self._there = before
        self._earlier: list[Document | None] = []
        # Whose foreign statements have to be there in the end.
        self._kept = [since]
        # Whether a write of ours was carried out, or may have been; and what a sentence says of it once that was seen.
        self._sent = False
        self._came = ""
        self._seen = False
        # Why the last write has not come through.
        self._failed: AwsError | None = None
        self._interfered = False

    def carry_out(self) -> Written:
        try:
            wanted = self._begin()
            if not wanted.merge.changed:
                return Written(before=self.before, after=self.before, plan=wanted)
            for _attempt in range(WRITES):
                sent, lost = self._send(wanted)
                more = self._look_after(sent, lost) if sent.merge.changed else None
                if more is None:
                    self._check_lost()
                    return Written(self.before, self._there, self._planned, self._interfered)
                wanted = more
            if self._failed is not None:
                self._failed.args = (f"{self._failed} It was read again, and it is as it was before.",)
                raise self._failed
        except (AwsError, PolicyError) as error:
            error.details["changed"] = bool(self._came) or isinstance(error, UnknownOutcome)
            raise
        raise Refused(
            f"The policy of {self._holder.title} was written {WRITES} times, and each time it read differently "
            "afterwards: somebody else keeps writing it. Find out who, and run again. What was there before is in "
            "previous_policy.",
            policy=self._there.to_dict() if self._there else None,
            changed=True,
        )

    def _begin(self) -> Plan:
        """Plan on the policy as it is, and keep that. Then it is read again, since that takes a moment."""
        for _attempt in range(WRITES):
            self.before = there = self._there
            self._planned = self._plan(there)
            wanted = self._planned.merge
            if not wanted.changed or there is None or self._keep is None:
                return self._planned
            if not self._keep(there, wanted.document):
                return self._planned
            self._read_back(None)
        raise Refused(
            f"The policy of {self._holder.title} was kept {WRITES} times, and each time it read differently "
            "afterwards: somebody else keeps writing it. It was not written. Find out who, and run again."
        )

    def _send(self, wanted: Plan) -> tuple[Plan, AwsError | None]:
        """Write it. Where AWS turns it away for the moment, it is planned anew on what is there after a while.

        :returns: what was written in the end, perhaps nothing, and why it is not known whether that came through.
        """
        # Of each kind of failure.
        left: dict[tuple[float, ...], Iterator[float]] = {}
        tries, waited = 1, 0.0
        while True:
            try:
                return wanted, without_an_answer(functools.partial(self._holder.write, wanted.merge.document))
            except AwsError as error:
                waits = self._holder.waits_after(error)
                wait = next(left.setdefault(waits, iter(waits)), None)
                if wait is None:
                    if tries > 1:
                        error.args = (f"{error} It was tried {tries} times over {waited:.0f} seconds.",)
                    self._say_what_came_before(error)
                    raise
            wait = jittered(wait)
            fleet.rest(wait)
            tries, waited = tries + 1, waited + wait
            # What others have written since may not be shown yet.
            self._read_back(None)
            wanted = self._anew()
            if not wanted.merge.changed:
                return wanted, None

    def _anew(self) -> Plan:
        """Plan on what is there now, and keep that where nothing of ours is in it: it will have been there before."""
        if self._sent:
            wanted = self._again()
            if self._came or not wanted.merge.changed:
                return wanted
        return self._begin()

    def _again(self) -> Plan:
        """Plan once more, on what others have written."""
        try:
            return self._plan(self._there)
        except (AwsError, PolicyError) as error:
            self._say_what_came_before(error)
            raise

    def _say_what_came_before(self, error: Exception) -> None:
        if self._came:
            told = f"Before that, the policy of {self._holder.title} {self._came}, and somebody else wrote over it."
            error.args = (f"{error} {told}",)

    def _look_after(self, sent: Plan, lost: AwsError | None) -> Plan | None:
        """Read what was written back at each of the moments.

        :param lost: why it is not known whether it came through.
        :returns: what has to be written, because it did not come through or because of what somebody else wrote; None
            for nothing.
        """
        document = sent.merge.document
        self._kept.append(document)
        self._sent = True
        if lost is None:
            self._came = _WRITTEN
        self._failed = None
        self._expect(document)
        passed = 0.0
        for moment in self._read_back_at:
            if moment > passed:
                fleet.rest(moment - passed)
            passed = max(moment, passed) + self._read_back(lost)
            if not documents.equal(self._there, document):
                if self._failed is None:
                    # Where others wrote after it, it may have been there in between.
                    self._came = self._came or _PERHAPS_WRITTEN
                wanted = self._again()
                if wanted.merge.changed:
                    self._interfered = self._interfered or self._failed is None
                    return wanted
            # It came through.
            lost, self._came, self._seen = None, _WRITTEN, True
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
            found = self._holder.read()
            for wait in STALE_WAITS:
                as_expected = documents.equal(found, self._there)
                if as_expected and not doubted:
                    return waited
                fleet.rest(wait)
                waited += wait
                again = self._holder.read()
                if documents.equal(again, found) and not self._was_there(found):
                    break
                # What was new once may be newer than what is expected, and either be shown for a while.
                doubted = doubted or not (as_expected or self._was_there(found))
                found = again
        except (AwsError, PolicyError) as error:
            if lost is not None:
                raise UnknownOutcome(lost, "the policy was written", error) from error
            if self._came:
                why = "once more to see that it is still there" if self._seen else "to see that it came through"
                told = f"The policy of {self._holder.title} {self._came}, and could not be read back {why}."
                error.args = (f"{told} {error}",)
            raise
        if self._was_there(found):
            if lost is None:
                raise self._not_there(waited)
            if not documents.equal(found, self._earlier[-1]):
                shows = f"What {self._holder.service} shows is older than the policy that was merged with."
                lost.args = (f"{lost} {shows}",)
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
        came = f"{self._came}, and it still reads" if self._came else "was changed by others, and now it reads"
        return Refused(
            f"The policy of {self._holder.title} {came} as it was before after {waited:g} seconds more. Either "
            f"{self._holder.service} has not caught up, or somebody else has put the earlier policy back since. It was "
            f"not written{' again' if self._came else ''}, because that could overwrite what others have written. Run "
            "again in a while: what is done is not done twice."
        )

    def _check_lost(self) -> None:
        lost = dict.fromkeys(name for policy in self._kept for name in lost_statements(policy, self._there))
        if lost:
            raise Refused(
                f"The policy of {self._holder.title} was written, and statements of others are not in it now "
                f"that were there before: {', '.join(shown(name) for name in lost)}. Somebody else wrote the policy at "
                "the same time. What was asked for is in it. Compare it with previous_policy, put back what should be "
                "there, and run again.",
                policy=self._there.to_dict() if self._there else None,
            )
