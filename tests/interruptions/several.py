# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signal strikes sse_kms_seal while it works on many buckets: what has begun is finished, nothing else is begun."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attempts import (
    AFTER,
    BEFORE,
    DONE,
    NOTHING,
    PART,
    POLITE,
    Attempt,
    Strike,
    Undisturbed,
    dies,
    named_alike,
    of_death,
    of_secrets,
    of_sentence,
    struck,
)
from gate import Call
from holding import ARRIVED, CARRIED_OUT, Holding
from processes import Ended, Processes
from stage import Stage, Target, foreign_in

NAME = "many"
TITLE = "`sse_kms_seal`, four buckets, two at a time"
BUCKETS = 4
_THREADS = 2
_MODULE = "sse_kms_seal"


class ManyTrial:
    """Tries strikes on one stage, through a gate of its own.

    :param one: what a run for one bucket does, which is what may be there of each.
    """

    def __init__(self, stage: Stage, gate: Holding, processes: Processes, one: Undisturbed) -> None:
        self.stage = stage
        self.gate = gate
        self.processes = processes
        self.states = one.states

    def calls(self) -> tuple[Call, ...]:
        """The calls of a run that no signal strikes."""
        targets = self._targets()
        self.gate.open()
        with tempfile.TemporaryDirectory(prefix="sealed-s3-backups-") as folder:
            ended = self.processes.run(_MODULE, self.gate.url, _options(targets, Path(folder)))
        if not ended.succeeded:
            raise SystemExit(f"{NAME} fails without any signal: {ended.out}{ended.err}")
        # While the first pair is worked on, and the second.
        return tuple(call for call in dict.fromkeys(self.gate.seen) if call.number in (1, 3))

    def attempt(self, strike: Strike) -> Attempt:
        """Try one."""
        tried = Attempt(NAME, strike)
        targets = self._targets()
        before = [self.stage.observe(target) for target in targets]
        with tempfile.TemporaryDirectory(prefix="sealed-s3-backups-") as folder:
            options = _options(targets, Path(folder))
            self.gate.hold(strike.call, strike.moment)
            module = self.processes.start(_MODULE, self.gate.url, options)
            tried.problems += struck(self.gate, strike, module, ends_reads=False)
            ended = module.ended()
            after = [self.stage.observe(target) for target in targets]

            tried.msg = ended.msg
            problems = tried.problems
            if module.leaves_something_behind():
                problems.append("a process was left behind")
            if [foreign_in(one) for one in before] != [foreign_in(one) for one in after]:
                problems.append("statements of others were changed")
            lines = _lines(Path(folder) / "results")
            begun = self.gate.buckets & {target.bucket for target in targets}
            there = {target.bucket: named_alike(target, one) for target, one in zip(targets, after, strict=True)}
            problems += self._of_states(strike, there, begun)
            # Of those that are begun first, the first call need not name a bucket.
            if self.gate.late and len(begun) > _THREADS:
                problems.append("a bucket was begun after the signal")
            changed = [target.bucket for target, was, now in zip(targets, before, after, strict=True) if was != now]
            problems += _of_what_was_said(strike, ended, lines, changed)
            if not dies(strike) and set(changed) != begun:
                problems.append(f"{len(begun)} buckets were begun, and {len(changed)} of them changed")
            if not dies(strike) and ended.succeeded != (len(begun) == BUCKETS):
                problems.append(f"{len(begun)} buckets were begun, and it {'is' if ended.succeeded else 'is not'} done")
            policies = {target.bucket: was["policy"] for target, was in zip(targets, before, strict=True)}
            for line in lines:
                if line["previous_policy"] != policies[line["name"]]:
                    problems.append("results_file tells of another previous_policy than there was")
            tried.came = _came_of(strike, ended, bool(changed))
            problems += self._of_further_runs(targets, options)
        return tried

    def _of_states(self, strike: Strike, there: Mapping[str, Any], begun: Collection[str]) -> Iterator[str]:
        first, last = self.states[0], self.states[-1]
        for bucket, state in there.items():
            if state not in self.states:
                yield "the state of a bucket is none of those after a step"
            elif bucket not in begun and state != first:
                yield "a bucket was not begun, and it was changed"
            elif bucket in begun and state != last and not dies(strike):
                yield "a bucket was begun, and it was not finished"
        if sum(there[bucket] != last for bucket in begun) > _THREADS:
            yield f"more than {_THREADS} buckets were under way"

    def _of_further_runs(self, targets: Sequence[Target], options: dict[str, Any]) -> Iterator[str]:
        self.gate.open()
        again = self.processes.run(_MODULE, self.gate.url, options)
        if not again.succeeded:
            yield f"a further run fails: {again.msg or again.err}"
        if any(named_alike(target, self.stage.observe(target)) != self.states[-1] for target in targets):
            yield "after a further run, what is there is not what was wanted"
        once_more = self.processes.run(_MODULE, self.gate.url, options)
        if not once_more.succeeded or once_more.result["changed"]:
            yield "the run after that changes something"

    def _targets(self) -> list[Target]:
        return [self.stage.new_target() for _number in range(BUCKETS)]


def _options(targets: Sequence[Target], folder: Path) -> dict[str, Any]:
    return {
        "buckets": [{"name": target.bucket, "key": target.key_arn} for target in targets],
        "blocked_encryption_types": ["SSE-C"],
        "results_file": str(folder / "results"),
        "backup_dir": str(folder / "backups"),
        "read_back_at": [0],
        "threads": _THREADS,
    }


def _lines(path: Path) -> list[dict[str, Any]]:
    """The results that are in the file: all but its first line, and half a line at its end."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines[1:] if line.endswith("\n")]


def _of_what_was_said(
    strike: Strike, ended: Ended, lines: Sequence[dict[str, Any]], changed: Sequence[str]
) -> Iterator[str]:
    yield from of_secrets(ended)
    told = {one["name"] for one in lines if one["changed"]}
    if any(one["failed"] for one in lines):
        yield "a bucket failed"
    if dies(strike):
        yield from of_death(strike, ended)
        if told - set(changed):
            yield "results_file tells of a change that was not made"
        return
    if told != set(changed):
        yield "results_file does not tell which buckets were changed"
    if bool(ended.result.get("changed")) != bool(changed):
        yield f"it says changed={ended.result.get('changed')}"
    if ended.succeeded:
        if len(lines) != BUCKETS:
            yield "it says that it is done, and it is not"
        return
    yield from of_sentence(strike, ended)
    if f"Of {BUCKETS} buckets, {len(lines)} were finished before." not in ended.msg:
        yield "it does not say how many were finished"


def _came_of(strike: Strike, ended: Ended, changed: bool) -> str:
    if dies(strike):
        return AFTER if changed else BEFORE
    if ended.succeeded:
        return DONE
    return PART if changed else NOTHING


def strikes(calls: Sequence[Call]) -> list[Strike]:
    """All that can strike a run."""
    return [
        Strike(call, moment, number)
        for call in calls
        for number in (*POLITE, signal.SIGKILL)
        for moment in (ARRIVED, CARRIED_OUT)
    ]
