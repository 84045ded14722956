# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three buckets in one run of a module: the fault of one is that bucket's outcome alone, and that of all is each's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gate import Aim
from kinds import FAULTS, STALE
from stage import Ran, Target, foreign_in
from trial import DONE, NOTHING, PART, Expected, OneByOne, Tried, of_changes, of_failure, secrets

# Made once for all buckets of the run.
SHARED = ("GetCallerIdentity", "DescribeKey", "GetKeyRotationStatus", "GetKeyPolicy")
# Those that differ most.
_FAULTS = ("500", "conflict", "lost", "half", "denied", "expired")


@dataclass(frozen=True)
class ManySubject:
    """A run with many buckets.

    :ivar title: for the table.
    :ivar options: beside the buckets and the key.
    """

    name: str
    title: str
    module: str
    options: Mapping[str, Any]


MANY_SUBJECTS = (
    ManySubject("seal-many", "`sse_kms_seal`, three buckets", "sse_kms_seal", {"threads": 1}),
    ManySubject("info-many", "`sse_kms_info`, three buckets", "sse_kms_info", {"threads": 1}),
)

_Seen = list[dict[str, Any]]


class ManyTrial(OneByOne[ManySubject]):
    """One module on three buckets and one key."""

    def expected(self, subject: ManySubject) -> Expected:
        """Run it without faults.

        :raises SystemExit: where even that fails.
        """
        targets = self._targets()
        ran = self._run(subject, targets, None)
        if ran.failed or any(one.get("failed") for one in ran.result["buckets"]):
            raise SystemExit(f"{subject.name} fails without any fault: {ran.output}")
        return Expected(tuple(self.gate.seen), _without_names(targets, self._observed(targets)))

    def cases(self, _subject: ManySubject, expected: Expected) -> Iterator[Aim]:
        """The calls for all buckets, and those for the second one, once each; denied and expired also from then on."""
        of_all = Counter(call.operation for call in expected.calls)
        for call in dict.fromkeys(expected.calls):
            each = of_all[call.operation] // 3
            second = each < call.number <= 2 * each
            if call.operation not in SHARED and not second:
                continue
            for fault in FAULTS:
                if fault.name in _FAULTS and fault.concerns(call.service) and fault.own != STALE:
                    yield Aim(fault, call, lasting=call.operation in SHARED)

    def attempt(self, subject: ManySubject, aim: Aim, expected: Expected) -> Tried:
        """Try one case."""
        tried = Tried(subject, aim)
        targets = self._targets()
        before = self._observed(targets)
        ran = self._run(subject, targets, aim)
        tried.struck = self.gate.struck
        if not tried.struck:
            return tried
        after = self._observed(targets, since=before)
        tried.problems += secrets(ran)
        if ran.failed:
            tried.problems.append(f"the run fails as a whole: {ran.msg or ran.crashed}")
            return tried
        told = ran.result["buckets"]
        unread = [one for one in told if _ended_early(one)]
        tried.came = DONE if not unread else PART if before != after else NOTHING
        tried.msg = " | ".join(dict.fromkeys(_said(one) for one in unread))
        if aim.call.operation not in SHARED and len(unread) > 1:
            tried.problems.append("the fault of one bucket is the outcome of others, too")
        if aim.call.operation in SHARED and unread and len(unread) < len(told):
            tried.problems.append("the fault of all is not named for each")
        tried.problems += _of_each(ran, targets, before, after, expected)

        again = self._run(subject, targets, None)
        final = self._observed(targets, since=after)
        if again.failed or any(one.get("failed") for one in again.result["buckets"]):
            tried.problems.append(f"a further run without the fault fails: {again.output}")
        else:
            of_further = _of_each(again, targets, after, final, expected)
            tried.problems += (f"of the further run, {problem}" for problem in of_further)
        if [foreign_in(one) for one in before] != [foreign_in(one) for one in final]:
            tried.problems.append("statements of others were changed")
        return tried

    def _targets(self) -> list[Target]:
        first = self.stage.new_target()
        return [first, *(Target(self.stage.new_target().bucket, first.key_arn) for _number in range(2))]

    def _run(self, subject: ManySubject, targets: Sequence[Target], aim: Aim | None) -> Ran:
        self.gate.set(aim)
        asked = {"buckets": [target.bucket for target in targets], "key": targets[0].key_arn}
        return self.modules.run(subject.module, self.gate.url, {**asked, **subject.options})

    def _observed(self, targets: Sequence[Target], *, since: _Seen | None = None) -> _Seen:
        if since is None:
            return [self.stage.observe(target) for target in targets]
        return [
            self.stage.observe(target, since=one, calls=self.gate.seen)
            for target, one in zip(targets, since, strict=True)
        ]


def _without_names(targets: Sequence[Target], seen: _Seen) -> _Seen:
    return [target.without_names(one) for target, one in zip(targets, seen, strict=True)]


def _ended_early(told: Mapping[str, Any]) -> bool:
    return bool(told.get("failed") or told.get("compliance") == "could_not_look")


def _of_each(ran: Ran, targets: Sequence[Target], before: _Seen, after: _Seen, expected: Expected) -> Iterator[str]:
    """What is wrong with what a run tells of its buckets."""
    told = ran.result["buckets"]
    for target, *of_one in zip(targets, told, before, after, expected.wanted, strict=True):
        yield from _of_one(target, *of_one)
    if bool(ran.result.get("changed")) != any(one.get("changed") for one in told):
        yield "changed of the run is not that of its buckets"


def _of_one(
    target: Target, told: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any], wanted: Any
) -> Iterator[str]:
    """What is wrong with what is told of a bucket."""
    if _ended_early(told):
        yield from of_failure(_said(told), target, changed=before != after)
    elif target.without_names(after) != wanted:
        yield "it says of a bucket that it is done, and what is there is not what was wanted"
    yield from of_changes(told, before, after)


def _said(one: Mapping[str, Any]) -> str:
    return str(one.get("msg") or " ".join(missing["message"] for missing in one.get("could_not_look", ())))
