# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signal strikes one module at one of its calls: what came of it, and whether that may be."""

from __future__ import annotations

import json
import re
import signal
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gate import Call
from holding import ARRIVED, CARRIED_OUT, Holding
from processes import PATIENCE, Ended, Processes, Running
from stage import SECRETS, Stage, Target, encryption_as_told, foreign_in
from subjects import Subject

# What came of it.
DONE = "done"
NOTHING = "nothing"
PART = "part"
UNKNOWN = "unknown"
BEFORE = "before"
AFTER = "after"

# Further moments: the answer never comes; a second signal comes; the module waits after the call.
UNANSWERED = "unanswered"
TWICE = "twice"
WAITING = "waiting"

POLITE = (signal.SIGINT, signal.SIGTERM)
# Until a signal that was sent is handled.
_HANDLED_WITHIN = 0.1
# A read is ended at once; on a machine that is busy with other things that takes its time, too.
_AT_ONCE = 3.0

_SENTENCES = re.compile(r"[A-Z].*\.", re.DOTALL)
_NOT_KNOWN = "not known whether"
_NOTHING = "Nothing was changed."
_AGAIN = re.compile(r"(?i)\b(?:run again|further run)\b")
_OTHER_KEY = re.compile(r"key/[0-9a-f-]{36}")
# What a second signal is answered with.
_STOPPED_AT_ONCE = "Stopped at once by a second signal. What was under way may have been done. Run again.\n"
# Whose policy is told of as previous_policy, and by which call it is read.
_POLICY_OF = {
    "bucket_policy_restore": "policy",
    "kms_key_settings": "key_policy",
    "sse_kms_policy": "policy",
    "sse_kms_seal": "policy",
}
_READS_OF = {"policy": "GetBucketPolicy", "key_policy": "GetKeyPolicy"}
_KEEPS = ("bucket_policy_restore", "sse_kms_policy", "sse_kms_seal")
# Soon, so that a run takes no longer than its calls.
_READ_BACK_AT = [0, 0.05, 0.1]
# Long enough to strike in between.
_READ_BACK_LATE = [0, 20]


@dataclass(frozen=True)
class Undisturbed:
    """What a run does that no signal strikes.

    :ivar calls: in their order.
    :ivar states: what is there before any call, and after each, without the names of its target.
    """

    calls: tuple[Call, ...]
    states: tuple[Any, ...]

    def around(self, call: Call) -> tuple[Any, Any]:
        """What is there before a call and after it."""
        place = self.calls.index(call)
        return self.states[place], self.states[place + 1]


@dataclass(frozen=True)
class Strike:
    """Which signal strikes when.

    :ivar passes: for a call that never gets its answer: whether it is carried out.
    """

    call: Call
    moment: str
    number: signal.Signals
    passes: bool = True

    def __str__(self) -> str:
        carried_out = "" if self.moment != UNANSWERED else ", carried out" if self.passes else ", not carried out"
        return f"{self.call}, {self.moment}{carried_out}, {self.number.name}"


@dataclass
class Attempt:
    """What was tried.

    :ivar came: what came of it.
    :ivar problems: what may not be.
    """

    subject: str
    strike: Strike
    came: str = ""
    msg: str = ""
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.subject}: {self.strike}"


def named_alike(target: Target, observed: Mapping[str, Any]) -> Any:
    """What is there, without the names of the target and of a key that it had before."""
    return json.loads(_OTHER_KEY.sub("key/OTHER", json.dumps(target.without_names(observed))))


def struck(gate: Holding, strike: Strike, module: Running, *, ends_reads: bool = True) -> list[str]:
    """Let the signal strike, and the call go on as it is to.

    :param ends_reads: whether a read is ended at once.
    :returns: what is wrong: that the signal did not strike as it was to, or not end what it was to end.
    """
    if not gate.reached.wait(PATIENCE):
        return ["the call did not come"]
    problems = []
    if strike.moment == WAITING:
        # Its answer comes, and it waits for the next moment.
        gate.let_go()
        time.sleep(_HANDLED_WITHIN * 5)
    if not module.send(strike.number):
        problems.append("the signal struck nobody")
    if gate.overdue:
        problems.append("the call was no longer held when the signal came")
    if strike.number == signal.SIGKILL:
        module.ends_within(PATIENCE)
        gate.let_go(passes=False)
        return problems
    time.sleep(_HANDLED_WITHIN)
    if strike.moment == TWICE:
        if not module.send(strike.number):
            problems.append("the second signal struck nobody")
        if not module.ends_within(_AT_ONCE):
            problems.append("the second signal did not end it at once")
    elif strike.moment == UNANSWERED:
        if not module.ends_within(PATIENCE):
            problems.append("it waited on for an answer that never came")
        gate.let_go(passes=False)
        return problems
    elif not strike.call.reads:
        if module.ends_within(0.0):
            problems.append("it did not wait for the answer of its write")
    elif ends_reads and not module.ends_within(_AT_ONCE):
        problems.append("a read was not ended at once")
    gate.let_go()
    return problems


class Trial:
    """Tries strikes on one stage, through a gate of its own."""

    def __init__(self, stage: Stage, gate: Holding, processes: Processes) -> None:
        self.stage = stage
        self.gate = gate
        self.processes = processes

    def undisturbed(self, subject: Subject) -> Undisturbed:
        """Run it without signals.

        :raises SystemExit: where even that fails.
        """
        target = self._prepared(subject)
        states = [self._state(target)]
        self.gate.open()
        self.gate.after_each = lambda _call: states.append(self._state(target))
        with tempfile.TemporaryDirectory(prefix="sealed-s3-backups-") as folder:
            ended = self.processes.run(subject.module, self.gate.url, self._options(subject, target, folder))
        self.gate.after_each = None
        if not ended.succeeded:
            raise SystemExit(f"{subject.name} fails without any signal: {ended.out}{ended.err}")
        return Undisturbed(tuple(self.gate.seen), tuple(states))

    def attempt(self, subject: Subject, strike: Strike, undisturbed: Undisturbed) -> Attempt:
        """Try one."""
        tried = Attempt(subject.name, strike)
        target = self._prepared(subject)
        before = self.stage.observe(target)
        with tempfile.TemporaryDirectory(prefix="sealed-s3-backups-") as folder:
            options = self._options(subject, target, folder)
            late = {"read_back_at": _READ_BACK_LATE} if strike.moment == WAITING else {}
            held_at = strike.moment if strike.moment in (ARRIVED, CARRIED_OUT) else CARRIED_OUT
            self.gate.hold(strike.call, held_at if strike.passes else ARRIVED)
            module = self.processes.start(subject.module, self.gate.url, {**options, **late})
            tried.problems += struck(self.gate, strike, module)
            ended = module.ended()
            after = self.stage.observe(target)

            tried.msg = ended.msg
            problems = tried.problems
            if module.leaves_something_behind():
                problems.append("a process was left behind")
            problems += _of_state(strike, named_alike(target, after), undisturbed)
            problems += _of_others(before, after, "after the signal")
            problems += _of_what_was_said(strike, ended, before, after)
            problems += _of_previous(subject, strike, ended, before, after, undisturbed)
            problems += _of_backups(strike, ended, Path(folder), before, after)
            wanted = undisturbed.states[-1]
            tried.came = _came_of(strike, ended, before, after)
            problems += _of_what_came(strike, tried.came, undisturbed)
            if tried.came == DONE and named_alike(target, after) != wanted:
                problems.append("it says that it is done, and what is there is not what was wanted")
            problems += self._of_further_runs(subject, target, options, before, after, wanted)
        return tried

    def _of_further_runs(
        self,
        subject: Subject,
        target: Target,
        options: Mapping[str, Any],
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        wanted: Any,
    ) -> Iterator[str]:
        self.gate.open()
        again = self.processes.run(subject.module, self.gate.url, options)
        there = self.stage.observe(target)
        if not again.succeeded:
            yield f"a further run fails: {again.msg or again.err}"
        elif named_alike(target, there) != wanted:
            yield "after a further run, what is there is not what was wanted"
        elif bool(again.result["changed"]) != (there != after):
            yield "the further run does not tell truly whether it changed anything"
        else:
            told = _POLICY_OF.get(subject.module)
            if told is not None and again.result.get("previous_policy") != after[told]:
                yield f"previous_policy of the further run is not the {told} that it found"
        yield from _of_others(after, there, "after the further run")
        if there == after or after == before:
            # Then this was a run that changes nothing, or one that no signal has struck.
            return
        once_more = self.processes.run(subject.module, self.gate.url, options)
        if not once_more.succeeded or once_more.result["changed"] or self.stage.observe(target) != there:
            yield "the run after that changes something"

    def _prepared(self, subject: Subject) -> Target:
        def run(module: str, options: Mapping[str, Any]) -> None:
            at_once = {"read_back_at": [0]} if module in _KEEPS else {}
            ended = self.processes.run(module, self.gate.url, {**options, **at_once})
            if not ended.succeeded:
                raise SystemExit(f"Could not prepare {subject.name}: {ended.out}{ended.err}")

        self.gate.open()
        return subject.prepare(self.stage, run)

    def _state(self, target: Target) -> Any:
        return named_alike(target, self.stage.observe(target))

    @staticmethod
    def _options(subject: Subject, target: Target, folder: str) -> dict[str, Any]:
        kept = {"read_back_at": _READ_BACK_AT, "backup_dir": folder} if subject.module in _KEEPS else {}
        return {**subject.options(target), **kept}


def _of_state(strike: Strike, after: Any, undisturbed: Undisturbed) -> Iterator[str]:
    """Whether what is there is what the moment says, and never something between."""
    earlier, later = undisturbed.around(strike.call)
    carried_out = strike.passes and not (strike.moment == ARRIVED and strike.number == signal.SIGKILL)
    if after != (later if carried_out else earlier):
        where = "that before the step" if carried_out and after == earlier else "neither"
        where = "that after the step" if not carried_out and after == later else where
        yield f"the state is {where}"


def _of_others(before: Mapping[str, Any], after: Mapping[str, Any], when: str) -> list[str]:
    return [] if foreign_in(before) == foreign_in(after) else [f"statements of others were changed, {when}"]


def dies(strike: Strike) -> bool:
    """Whether the process has no time to say anything."""
    return strike.number == signal.SIGKILL or strike.moment == TWICE


def _came_of(strike: Strike, ended: Ended, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if dies(strike):
        return AFTER if before != after else BEFORE
    if ended.succeeded:
        return DONE
    if _NOT_KNOWN in ended.msg:
        return UNKNOWN
    return PART if before != after else NOTHING


def of_death(strike: Strike, ended: Ended) -> Iterator[str]:
    """What is wrong with how it died."""
    if ended.code != -strike.number:
        yield f"it ended with {ended.code}"
    if ended.out:
        yield "it said something"
    if ended.err != (_STOPPED_AT_ONCE if strike.moment == TWICE else ""):
        yield f"on its standard error is {ended.err!r}"


def _of_what_was_said(
    strike: Strike, ended: Ended, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[str]:
    """What is wrong with how it is told."""
    yield from of_secrets(ended)
    if dies(strike):
        yield from of_death(strike, ended)
        return
    if "Traceback" in ended.out + ended.err or not ended.result:
        yield f"no sentence: {ended.out}{ended.err}"
        return
    changed = before != after
    told = ended.result
    if _NOT_KNOWN in ended.msg:
        if not told.get("changed"):
            yield "it is not known whether something was changed, and it says that nothing was"
    elif bool(told.get("changed")) != changed:
        yield f"it says changed={told.get('changed')}, and changed is {changed}"
    if ended.succeeded:
        return
    yield from of_sentence(strike, ended)
    if (_NOTHING in ended.msg) == changed and _NOT_KNOWN not in ended.msg:
        yield "the sentence does not say whether something was changed"


def _of_previous(
    subject: Subject,
    strike: Strike,
    ended: Ended,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    undisturbed: Undisturbed,
) -> Iterator[str]:
    """What is wrong with what it tells of before: that is there once it was read, and is of before the run."""
    if dies(strike):
        return
    answered = {call.operation for call in undisturbed.calls[: undisturbed.calls.index(strike.call)]}
    told, policy = ended.result, _POLICY_OF.get(subject.module)
    if policy is None:
        if "previous_policy" in told:
            yield "previous_policy is there, and it has nothing to do with a policy"
    elif _READS_OF[policy] not in answered:
        if "previous_policy" in told:
            yield f"previous_policy is there, and the {policy} was not read"
    elif "previous_policy" not in told or told["previous_policy"] != before[policy]:
        yield f"previous_policy is not the {policy} of before: {told.get('previous_policy', 'not there')}"
    found = encryption_as_told(before)
    if "previous_encryption" in told and told["previous_encryption"] != found:
        yield f"previous_encryption is {told['previous_encryption']}, and there was {found}"
    perhaps_set = strike.call.operation == "PutBucketEncryption" or before["encryption"] != after["encryption"]
    if perhaps_set and "previous_encryption" not in told:
        yield "the default encryption was changed, or perhaps, and previous_encryption is not there"


def _of_what_came(strike: Strike, came: str, undisturbed: Undisturbed) -> Iterator[str]:
    """Whether that is the one end that its moment has."""
    if dies(strike):
        return
    if strike.moment == UNANSWERED:
        if came != UNKNOWN:
            yield f"its write got no answer, and what came of it is: {came}"
    elif came == UNKNOWN:
        yield "it says that something is not known, and all was answered"
    # A read that a signal ends has no answer, also where it is the last call.
    elif (came == DONE) != (strike.call == undisturbed.calls[-1] and not strike.call.reads):
        yield f"what came of it is: {came}"


def of_sentence(strike: Strike, ended: Ended) -> Iterator[str]:
    """What is wrong with the sentence of an interruption."""
    if not _SENTENCES.fullmatch(ended.msg):
        yield "what it says is no sentence"
    if f"Interrupted by {strike.number.name} " not in ended.msg:
        yield "it does not say that it was interrupted"
    if not _AGAIN.search(ended.msg):
        yield "it does not say that a further run does the rest"


def of_secrets(ended: Ended) -> Iterator[str]:
    """Secrets in what was said."""
    for name, value in SECRETS.items():
        if value in ended.out + ended.err:
            yield f"{name} is in what it says"


def _of_backups(
    strike: Strike, ended: Ended, folder: Path, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[str]:
    """What is wrong in the folder of backups."""
    whole = []
    for path in folder.iterdir():
        if stat.S_IMODE(path.stat().st_mode) != 0o600:
            yield f"{path.name} can be read by others"
        if path.name.startswith("."):
            if not dies(strike):
                yield f"{path.name} was left behind"
        elif json.loads(path.read_text(encoding="utf-8")) != before["policy"]:
            yield f"{path.name} is not the policy of before"
        else:
            whole.append(str(path))
    told = ended.result.get("backup_file")
    if told is not None and told not in whole:
        yield f"backup_file is {told}, and that is not there"
    perhaps_written = strike.moment == UNANSWERED and strike.call.operation.endswith("BucketPolicy")
    if before["policy"] is None or (before["policy"] == after["policy"] and not perhaps_written):
        return
    if not whole:
        yield "the policy was changed, or perhaps, and it was not kept"
    if not dies(strike) and told is None:
        yield "the policy was changed, or perhaps, and backup_file is not there"


def strikes(undisturbed: Undisturbed) -> list[Strike]:
    """All that can strike a run: each signal at each call, before it is passed on and before its answer.

    At a write also a second one, and one while its answer never comes.
    """
    found = []
    for call in dict.fromkeys(undisturbed.calls):
        for number in (*POLITE, signal.SIGKILL):
            found += [Strike(call, moment, number) for moment in (ARRIVED, CARRIED_OUT)]
        if not call.reads:
            found.append(Strike(call, TWICE, signal.SIGINT))
            found += [Strike(call, UNANSWERED, signal.SIGTERM, passes) for passes in (True, False)]
    found += [Strike(call, WAITING, number) for call in _waits_after(undisturbed.calls) for number in POLITE]
    return found


def _waits_after(calls: Sequence[Call]) -> list[Call]:
    """The read of a policy after its last write: the next one comes later."""
    writes = [place for place, call in enumerate(calls) if call.operation.endswith("BucketPolicy") and not call.reads]
    return [calls[writes[-1] + 1]] if writes else []
