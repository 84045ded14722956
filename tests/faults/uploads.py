# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe under faults: nothing is proved by one, and what it leaves behind is what it names.

LocalStack enforces no bucket policy, so that without a fault the uploads that the guard denies are told as broken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from gate import Aim, Call, Gate
from kinds import BY_NAME
from stage import READ_TIMEOUT, Modules, Ran, Stage, Target, foreign_in
from subjects import Subject, sealed
from trial import DONE, NOTHING, PART, Expected, Trial, Tried, secrets

# They may begin with how many promises are broken.
_SENTENCES = re.compile(r"[A-Z0-9].*\.", re.DOTALL)
# Below it are the uploads of all runs.
PREFIX = ".sealed-s3-probe/"
# Those that differ most.
_ONCE = ("lost", "slow", "half")
_LASTING = ("throttled", "reset", "lost", "denied", "expired")
_WRITES_OF_POLICY = ("PutBucketPolicy", "DeleteBucketPolicy")
# It cannot be told from what it guards against: the policy denies the upload, and so says the service.
_TAKEN_FOR_THE_GUARD = "denied"


def _probe(target: Target) -> dict[str, Any]:
    return {"bucket": target.bucket, "key": target.key_arn, "prefix": PREFIX, "find_model": True, "timeout": 20}


PROBE_SUBJECTS = (Subject("probe", "`sse_kms_probe`, `find_model: true`", "sse_kms_probe", _probe, sealed),)


@dataclass(frozen=True)
class Left:
    """What is in a bucket beside its policy.

    :ivar objects: the keys below the prefix of the probe.
    :ivar uploads: those of uploads in parts that were neither completed nor aborted.
    """

    objects: frozenset[str]
    uploads: frozenset[str]

    @property
    def keys(self) -> frozenset[str]:
        """All of them."""
        return self.objects | self.uploads


class ProbeTrial(Trial):
    """The probe on one bucket."""

    # Its uploads have a timeout of their own.
    impatience: ClassVar[Mapping[str, Any]] = {**Trial.impatience, "timeout": READ_TIMEOUT}

    def __init__(self, stage: Stage, gate: Gate, modules: Modules) -> None:
        super().__init__(stage, gate, modules)
        self._promises: Mapping[str, str] = {}

    def expected(self, subject: Subject) -> Expected:
        """Run it without faults.

        :returns: the first call of each operation: the further ones are of other kinds of uploads, and alike.
        :raises SystemExit: where even that fails in another way than by broken promises.
        """
        target = self._prepared(subject)
        before = self.stage.observe(target)
        ran = self._run(subject, target)
        self._promises = _verdicts(ran)
        if set(self._promises.values()) != {"kept", "broken", "skipped"} or self._left(target).keys:
            raise SystemExit(f"{subject.name} fails without any fault: {ran.output}")
        return Expected(tuple(call for call in self.gate.seen if call.number == 1), target.without_names(before))

    def cases(self, _subject: Subject, expected: Expected) -> Iterator[Aim]:
        """The first call of each operation, once or lasting."""
        for call in expected.calls:
            for lasting, names in ((False, _ONCE), (True, _LASTING)):
                yield from (Aim(BY_NAME[name], call, lasting) for name in names)

    def attempt(self, subject: Subject, aim: Aim, expected: Expected) -> Tried:
        """Try one case."""
        tried = Tried(subject, aim)
        target = self._prepared(subject)
        before = self.stage.observe(target)
        ran = self._run(subject, target, aim)
        tried.struck, calls = self.gate.struck, list(self.gate.seen)
        if not tried.struck:
            return tried
        self.gate.set(None)
        after, left = self.stage.observe(target), self._left(target)
        tried.msg = ran.msg
        tried.problems += secrets(ran)
        if ran.crashed:
            tried.came = "traceback"
            tried.problems.append(f"a traceback: {ran.crashed.strip().splitlines()[-1]}")
            return tried
        verdicts = _verdicts(ran)
        tried.came = NOTHING if not verdicts else DONE if verdicts == self._promises else PART
        tried.problems += self._of_verdicts(aim, ran, verdicts)
        tried.problems += _of_what_stays(ran, before, after, left, calls)
        tried.problems += self._again(subject, target, expected)
        return tried

    def _of_verdicts(self, aim: Aim, ran: Ran, verdicts: Mapping[str, str]) -> Iterator[str]:
        if ran.failed and not _SENTENCES.fullmatch(ran.msg):
            yield "what it says is no sentence"
        for kind, verdict in verdicts.items():
            proved = verdict in ("kept", "broken") and verdict != self._promises[kind]
            if proved and not (verdict == "kept" and aim.fault.name == _TAKEN_FOR_THE_GUARD):
                yield f"{kind} is {self._promises[kind]}, and with the fault it is told as {verdict}"

    def _again(self, subject: Subject, target: Target, expected: Expected) -> Iterator[str]:
        """A further run finds what there is, and takes out the statements of one before it."""
        stayed = self._left(target)
        ran = self._run(subject, target)
        if _verdicts(ran) != self._promises:
            yield f"a further run without the fault does not tell the same: {ran.output}"
        if self._left(target) != stayed:
            yield "a further run leaves something behind, or removes what it has not made"
        if target.without_names(self.stage.observe(target)) != expected.wanted:
            yield "after a further run, the policy is not what it was before the first"

    def _left(self, target: Target) -> Left:
        listed = self.stage.s3.list_object_versions(Bucket=target.bucket, Prefix=PREFIX)
        open_uploads = self.stage.s3.list_multipart_uploads(Bucket=target.bucket, Prefix=PREFIX)
        return Left(
            frozenset(one["Key"] for one in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ()))),
            frozenset(one["Key"] for one in open_uploads.get("Uploads", ())),
        )


def _verdicts(ran: Ran) -> dict[str, str]:
    return {one["kind"]: one["verdict"] for one in ran.result.get("probes", ())}


def _of_what_stays(
    ran: Ran, before: Mapping[str, Any], after: Mapping[str, Any], left: Left, calls: Sequence[Call]
) -> Iterator[str]:
    """What is wrong with what stays, and with how that is told."""
    named = ran.result.get("left_behind", ())
    unnamed = left.keys - {one["key"] for one in named}
    if unnamed:
        yield f"these stay, and are not named: {', '.join(sorted(unnamed))}"
    if foreign_in(before) != foreign_in(after):
        yield "statements of others were changed"
    policy_stays = before["policy"] != after["policy"]
    if policy_stays and not any("statements" in one["what"] for one in named):
        yield "temporary statements stay in the policy, and are not named"
    changed = bool(ran.result.get("changed"))
    if (policy_stays or left.keys) and not changed:
        yield "something stays, and it says that nothing was changed"
    if changed and not (named or any(call.operation in _WRITES_OF_POLICY for call in calls)):
        yield "it says that something was changed, and nothing was"
