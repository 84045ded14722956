# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of one run meets one fault: what came of it, and whether that may be."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from gate import Aim, Call, Gate
from kinds import FAULTS, SLOW, STALE
from stage import IMPATIENT, SECRETS, Modules, Ran, Stage, Target, encryption_as_told, foreign_in
from subjects import Subject

# What came of a run.
DONE = "done"
NOTHING = "nothing"
PART = "part"
UNKNOWN = "unknown"

SENTENCES = re.compile(r"[A-Z].*\.", re.DOTALL)
# How a sentence says that a write may have come through or not.
_NOT_KNOWN = "not known whether"
# None is told of a bucket that had no policy.
_UNTOLD = "untold"
# How a sentence says that something has been changed.
_CHANGED = re.compile(r"\b(?:was|were|had been) (?:written|set|changed|deleted)|admits both keys")


@dataclass(frozen=True)
class Expected:
    """What a run does that meets no fault.

    :ivar calls: its calls, in their order.
    :ivar wanted: what is there then, without the names of its target.
    """

    calls: tuple[Call, ...]
    wanted: Any


class Named(Protocol):
    """What is run, as the table and the reports call it."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...


S = TypeVar("S", bound=Named)


@dataclass
class Tried:
    """A case that was tried.

    :ivar came: what came of it; empty where the fault had nothing to strike.
    :ivar struck: how many calls met it.
    :ivar problems: what may not be.
    """

    subject: Named
    aim: Aim
    came: str = ""
    msg: str = ""
    struck: int = 0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lasting = "lasting" if self.aim.lasting else "once"
        return f"{self.subject.name}: {self.aim.call}, {self.aim.fault.name} {lasting}"


class OneByOne(ABC, Generic[S]):
    """Tries cases on one stage, through one gate."""

    def __init__(self, stage: Stage, gate: Gate, modules: Modules) -> None:
        self.stage = stage
        self.gate = gate
        self.modules = modules

    def attempts(self, subject: S, aims: Sequence[Aim], expected: Expected) -> Iterator[Tried]:
        """Try these, one after the other."""
        for aim in aims:
            yield self.attempt(subject, aim, expected)

    @abstractmethod
    def attempt(self, subject: S, aim: Aim, expected: Expected) -> Tried:
        """Try one case."""


class Trial(OneByOne[Subject]):
    """One module on one bucket and one key.

    :cvar impatience: what the module is given where an answer is to be too slow.
    """

    impatience: ClassVar[Mapping[str, Any]] = {"aws_config": IMPATIENT}

    def expected(self, subject: Subject) -> Expected:
        """Run it without faults.

        :raises SystemExit: where even that fails.
        """
        target = self._prepared(subject)
        ran = self._run(subject, target)
        if ran.failed:
            raise SystemExit(f"{subject.name} fails without any fault: {ran.output}")
        calls = tuple(self.gate.seen)
        return Expected(calls, target.without_names(self.stage.observe(target)))

    def cases(self, _subject: Subject, expected: Expected) -> Iterator[Aim]:
        """Every call and every fault that it can meet, once and lasting."""
        for call in dict.fromkeys(expected.calls):
            for fault in FAULTS:
                # Of a read that was not made before there is no older answer.
                stale = fault.own == STALE
                if fault.concerns(call.service) and not (stale and (call.number == 1 or not call.reads)):
                    yield from (Aim(fault, call, lasting) for lasting in (False, True))

    def attempt(self, subject: Subject, aim: Aim, expected: Expected) -> Tried:
        """Try one case."""
        tried = Tried(subject, aim)
        target = self._prepared(subject)
        before = self.stage.observe(target)
        ran = self._run(subject, target, aim)
        tried.struck = self.gate.struck
        after = self.stage.observe(target, since=before, calls=self.gate.seen)
        if not tried.struck:
            return tried

        tried.msg = ran.msg
        problems = tried.problems
        problems += self._of_others(before, after, "after the fault")
        problems += secrets(ran)
        if ran.crashed:
            tried.came = "traceback"
            problems.append(f"a traceback: {ran.crashed.strip().splitlines()[-1]}")
        elif not ran.failed:
            tried.came = DONE
            if target.without_names(after) != expected.wanted:
                problems.append("it says that it is done, and what is there is not what was wanted")
        else:
            tried.came = _came_of(ran, before != after)
            problems += of_failure(ran.msg, target, changed=before != after)
        if not ran.crashed:
            problems += of_changes(ran.result, before, after)

        self.gate.set(None)
        again = self._run(subject, target)
        final = self.stage.observe(target, since=after, calls=self.gate.seen)
        if again.failed:
            problems.append(f"a further run without the fault fails: {again.msg or again.crashed}")
        elif target.without_names(final) != expected.wanted:
            problems.append("after a further run without the fault, what is there is not what was wanted")
        else:
            problems += (f"of the further run, {problem}" for problem in of_changes(again.result, after, final))
        problems += self._of_others(before, final, "after the further run")
        return tried

    def _prepared(self, subject: Subject) -> Target:
        def run(module: str, options: Mapping[str, Any]) -> None:
            ran = self.modules.run(module, self.gate.url, options)
            if ran.failed:
                raise SystemExit(f"Could not prepare {subject.name}: {ran.output}")

        self.gate.set(None)
        return subject.prepare(self.stage, run)

    def _run(self, subject: Subject, target: Target, aim: Aim | None = None) -> Ran:
        self.gate.set(aim)
        slow = self.impatience if aim is not None and aim.fault.own == SLOW else {}
        return self.modules.run(subject.module, self.gate.url, {**subject.options(target), **slow})

    @staticmethod
    def _of_others(before: Mapping[str, Any], after: Mapping[str, Any], when: str) -> list[str]:
        return [] if foreign_in(before) == foreign_in(after) else [f"statements of others were changed, {when}"]


def _came_of(ran: Ran, changed: bool) -> str:
    if _NOT_KNOWN in ran.msg:
        return UNKNOWN
    return PART if changed else NOTHING


def of_failure(msg: str, target: Target, *, changed: bool) -> Iterator[str]:
    """What is wrong with the sentence of a failure."""
    if not SENTENCES.fullmatch(msg):
        yield "what it says is no sentence"
    if not any(name in msg for name in (target.bucket, target.key_arn, "whose credentials")):
        yield "the sentence does not name the step"
    if changed and _NOT_KNOWN not in msg and not _CHANGED.search(msg):
        yield "the sentence does not say what was changed"


def of_changes(told: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with how a result, of a success or of a failure, tells what was changed and what was there."""
    changed = before != after
    if _NOT_KNOWN in str(told.get("msg", "")):
        if not told.get("changed"):
            yield "it is not known whether something was changed, and it says that nothing was"
    elif bool(told.get("changed")) != changed:
        yield f"it says changed={told.get('changed')}, and changed is {changed}"
    for name, what in (("policy", "the policy"), ("key_policy", "the key's policy")):
        if before[name] != after[name] and told.get("previous_policy", _UNTOLD) != before[name]:
            yield f"{what} was changed, and previous_policy is not what was there before"
    was = encryption_as_told(before)
    if was != encryption_as_told(after) and told.get("previous_encryption", _UNTOLD) != was:
        yield "default encryption was changed, and previous_encryption is not what was there before"


def secrets(ran: Ran) -> list[str]:
    """The secrets that a run has told, as problems."""
    said = json.dumps(ran.output)
    return [f"{name} is in what it says" for name, value in SECRETS.items() if value in said]
