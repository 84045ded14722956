# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of ours, one foreign write at a chosen moment: what came of it, and whether that may be."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from foreign import OLDER, READS, Foreign, Policy, Statement, missing, names, of_others, of_the_guard
from gate import Call
from proxy import Answer
from scenes import OURS, Scene, Theatre
from stage import Ran
from watching import READ, WRITES, Watched, error

# What came of a round.
KEPT = "kept"
MERGED = "merged"
NAMED = "named"
OVERWRITTEN = "overwritten"
NOTHING = "nothing"

LAST_READ_BACK = 3.0
MERGED_AGAIN = "the guard was merged again"
_STILL_AS_BEFORE = "still reads as it was before"
_NOT_IN_IT = "are not in it now"
# Longer than the clock ever comes.
_FOR_EVER = 1e9
# How many seconds a passing stale read lasts at most: less than the patience of a read-back.
_PASSES = 7.0


@dataclass
class Played:
    """What came of a round.

    :ivar came: one of the words; NOTHING where nobody interfered in the end.
    :ivar problems: what may not be.
    :ivar story: what happened, for people.
    """

    came: str = NOTHING
    problems: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)


class Round:
    """A round: a scene, and somebody else."""

    def __init__(self, theatre: Theatre, gate: Watched, scene: Scene, rng: random.Random) -> None:
        self.theatre = theatre
        self.gate = gate
        self.scene = scene
        self.rng = rng
        gate.open()
        self.writer, self.before = theatre.prepare(scene.kind, scene.guard, rng)
        gate.count_anew()
        kind = rng.choice((READS, OLDER))
        older = self.writer.older(self.before, scene.guard)
        self.foreign = Foreign(kind, self.writer, older, read=theatre.read, write=theatre.write)
        self.ran = Ran({}, "", "", 0.0)
        self.final: Policy = None
        self.played = Played(story=[scene.name, kind])
        self.held = 0

    def run(self) -> None:
        """Run the module."""
        self.ran = self.theatre.run(self.scene.kind, self.gate, keeps=self.scene.keeps)
        self.gate.open()
        self.gate.check()
        self.final = self.theatre.read()
        if self.ran.crashed:
            self.wrong(f"a traceback: {self.ran.crashed}")

    def wrong(self, problem: str) -> None:
        self.played.problems.append(problem)

    def told(self, note: str) -> None:
        self.played.story.append(note)

    def act_before(self, moment: Call) -> None:
        """Let somebody else write right before a call is carried out."""

        def before(call: Call) -> None:
            if call == moment:
                self.foreign.act()

        self.told(f"before {moment}")
        self.gate.before = before

    def act_after(self, moment: Call, seconds: float) -> None:
        """Let somebody else write some seconds after a call was carried out: with 0, before it is answered."""

        def after(call: Call, answer: Answer) -> Answer:
            if call == moment:
                self.in_some(seconds)
            return answer

        self.told(f"{seconds:.3f} s after {moment}")
        self.gate.after = after

    def in_some(self, seconds: float) -> None:
        """Let somebody else write in some seconds."""
        if seconds:
            self.theatre.clock.at(self.theatre.clock.now() + seconds, self.foreign.act)
        else:
            self.foreign.act()

    # What has to hold.

    def check_pure(self) -> None:
        """Every write of ours is what was read in the call right before it, with another guard."""
        for problem in self.theatre.ledger.impure(OURS):
            self.wrong(problem)

    def check_guard(self) -> None:
        """The guard is there as wanted, once."""
        if of_the_guard(self.final) != list(self.scene.wanted):
            self.wrong(f"the guard is not as wanted: {names(of_the_guard(self.final))}")

    def check_others(self, wanted: Sequence[Statement], whose: str) -> None:
        """Statements of others are there."""
        lost = missing(wanted, of_others(self.final))
        if lost:
            self.wrong(f"lost of what {whose}: {names(lost)}")

    def check_kept(self) -> None:
        """What was read last before what may be the first write is in the result and in the file, and that it wrote."""
        for problem in self.theatre.ledger.untold(OURS, self.ran.result):
            self.wrong(problem)
        read = self.theatre.ledger.read_before_writing(OURS)
        if not self.scene.keeps or read is None or read.policy is None:
            return
        file = self.ran.result.get("backup_file")
        if not file or json.loads(Path(file).read_text(encoding="utf-8")) != read.policy:
            self.wrong(f"what was read last before the write is not in the file of backup_dir ({file})")

    def check_told(self) -> None:
        """A failure says what is missing."""
        if not self.ran.failed:
            return
        msg = self.ran.msg
        if _STILL_AS_BEFORE in msg:
            return
        if _NOT_IN_IT not in msg:
            self.wrong(f"it failed with: {msg}")
            return
        gone = missing(of_others(self.before), of_others(self.final))
        for name in (one["Sid"] for one in gone if "Sid" in one):
            if name not in msg:
                self.wrong(f"{name} is missing and not named: {msg}")

    def check_again(self) -> None:
        """A further run makes it whole, and touches nothing of others."""
        there = self.theatre.read()
        others = of_others(there)
        again = self.theatre.run(self.scene.kind, self.gate, keeps=False)
        self.final = self.theatre.read()
        if again.failed:
            self.wrong(f"a further run fails: {again.msg or again.crashed}")
        elif self.final != there and not again.result.get("changed"):
            self.wrong("a further run says that it changed nothing, and it did")
        self.check_guard()
        if of_others(self.final) != others:
            self.wrong("a further run changes statements of others")

    def check_after(self, *, dropped_is_named: bool = False) -> None:
        """All that has to hold where somebody else wrote after ours, or before: nothing of theirs is lost.

        :param dropped_is_named: whether statements that they have dropped have to be named.
        """
        wrote = self.foreign.wrote
        self.check_told()
        gone = missing(of_others(self.before), of_others(self.final))
        if dropped_is_named and gone and not self.ran.failed:
            self.wrong(f"dropped by others, and not named: {names(gone)}")
        self.check_pure()
        self.check_others(of_others(wrote if wrote is not None else self.before), "others wrote")
        self.check_kept()
        if not self.ran.failed:
            self.check_guard()
        if self.ran.failed or self.rng.random() < 0.1:
            self.check_again()
        if wrote is None:
            return
        if self.ran.failed:
            self.played.came = NAMED
        else:
            self.played.came = MERGED if MERGED_AGAIN in self.ran.output else KEPT


Play = Callable[[Round], None]


def before_the_last_read(this: Round) -> None:
    """A foreign write that lands before the last read arrives."""
    this.act_before(this.rng.choice(this.scene.until_the_last_read()))
    this.run()
    this.check_after()
    if this.ran.failed:
        this.wrong(f"it failed: {this.ran.msg}")


def in_the_window(this: Round) -> None:
    """A foreign write between the last read and the write, which is held meanwhile."""
    held = this.rng.choice(this.scene.writes)
    this.act_before(held)
    this.run()
    this.check_pure()
    this.check_kept()
    this.check_guard()
    if this.ran.failed:
        this.wrong(f"it failed: {this.ran.msg}")
    windows = list(this.theatre.ledger.windows(OURS))
    read = windows[this.scene.writes.index(held)][0]
    this.check_others(of_others(read.policy if read else None), "was there before the foreign write")
    wrote = of_others(this.foreign.wrote)
    if of_others(this.final) != wrote:
        this.played.came = OVERWRITTEN
    else:
        this.played.came = KEPT


def after_the_write(this: Round) -> None:
    """A foreign write after our write was carried out, up to the last read-back."""
    write = this.rng.choice(this.scene.writes)
    # Of two, the first is read back at once only: what comes later comes before the last read of the second.
    seconds = 0.0 if write != this.scene.writes[-1] else this.rng.choice((0.0, 1.0, LAST_READ_BACK, None))
    this.act_after(write, this.rng.uniform(0.0, LAST_READ_BACK) if seconds is None else seconds)
    this.run()
    this.check_after(dropped_is_named=True)


def between_two_writes(this: Round) -> None:
    """A foreign write between the two writes of a move from one key to another."""
    first, last = this.scene.writes
    calls = this.scene.calls
    this.act_before(this.rng.choice(calls[calls.index(first) + 2 : calls.index(last)]))
    this.run()
    this.check_after(dropped_is_named=True)


def after_the_last_read_back(this: Round) -> None:
    """A foreign write after all that; the next run finds it."""
    this.run()
    this.check_after()
    this.foreign.act()
    this.final = this.theatre.read()
    this.check_again()
    this.check_others(of_others(this.foreign.wrote), "others wrote")
    this.played.came = MERGED


def stale(this: Round) -> None:
    """Read-backs show the policy of before for a while, or for ever; and perhaps somebody else writes meanwhile."""
    lasts = this.rng.choice((this.rng.uniform(0.1, _PASSES), _FOR_EVER))
    interferes = lasts < _FOR_EVER and this.rng.random() < 0.5
    if interferes:
        seconds = this.rng.uniform(0.0, LAST_READ_BACK)
    first: list[Answer] = []
    until: list[float] = []

    def after(call: Call, answer: Answer) -> Answer:
        if call.operation == READ:
            if not until:
                first[:] = [answer]
            elif this.theatre.clock.now() < until[0]:
                return first[0]
        elif call.operation in WRITES and not until:
            until.append(this.theatre.clock.now() + lasts)
            if interferes:
                this.in_some(seconds)
        return answer

    this.gate.after = after
    this.told(f"stale for {lasts:.3f} s" + (f", and somebody writes after {seconds:.3f} s" if interferes else ""))
    this.run()
    this.check_after(dropped_is_named=True)
    writes = len(list(this.theatre.ledger.windows(OURS)))
    if not interferes and writes != 1:
        this.wrong(f"it wrote {writes} times where the read was only stale")
    if lasts == _FOR_EVER:
        this.played.came = NAMED
        if _STILL_AS_BEFORE not in this.ran.msg or not this.ran.result.get("changed"):
            this.wrong(f"a stale read that lasts ends with: {this.ran.msg}")
    elif not interferes:
        this.played.came = KEPT
        if this.ran.failed:
            this.wrong(f"a stale read that passes ends with: {this.ran.msg}")


# How a write fails so that it is tried again; the last one is carried out.
THROTTLED, CONFLICT, FAILS, RESET, LOST = "SlowDown", "OperationAborted", "InternalError", "reset", "lost"
_REFUSALS = {THROTTLED: error(503, THROTTLED), CONFLICT: error(409, CONFLICT), FAILS: error(500, FAILS)}


def between_two_tries(this: Round) -> None:
    """A write fails once or twice, and somebody else writes before it is tried again."""
    fault = this.rng.choice((THROTTLED, CONFLICT, FAILS, RESET, LOST))
    times = this.rng.randint(1, 2) if fault != LOST else 1
    which = this.rng.choice(this.scene.writes)
    aims = [Call(which.service, which.operation, which.number + more) for more in range(times)]

    def before(call: Call) -> Answer | None:
        return _REFUSALS.get(fault, error(500, FAILS)) if call in aims and fault != LOST else None

    def after(call: Call, answer: Answer) -> Answer | None:
        if call == aims[0]:
            this.foreign.act()
        return None if call in aims and fault in (RESET, LOST) else answer

    this.told(f"{which} meets {fault} {times} times, and then somebody writes")
    this.gate.before, this.gate.after = before, after
    this.run()
    this.check_after(dropped_is_named=fault == LOST or which != this.scene.writes[0])


@dataclass(frozen=True)
class Class:
    """A class of rounds.

    :ivar title: for the table.
    :ivar scenes: the names of the kinds that it is about; empty for all.
    :ivar share: of the rounds that are asked for.
    """

    name: str
    title: str
    play: Play
    scenes: Sequence[str] = ()
    share: float = 1.0

    def choose(self, scenes: Sequence[Scene], rng: random.Random) -> Scene:
        """A scene for a round."""
        return rng.choice([scene for scene in scenes if not self.scenes or scene.kind.name in self.scenes])


CLASSES = (
    Class("a", "(a) before the last read", before_the_last_read),
    Class("b", "(b) between the last read and the write", in_the_window),
    Class("c", "(c) after the write, up to the last read-back", after_the_write),
    Class("move", "between the two writes of a move", between_two_writes, ("move",), 0.1),
    Class("later", "after the last read-back, found by the next run", after_the_last_read_back, share=0.1),
    Class("tries", "after a try of the write that failed", between_two_tries, share=0.3),
    Class("stale", "read-backs that show the policy of before", stale,
          ("guard", "first", "update", "absent", "last"), 0.3),
)  # fmt: skip


def play(kind: Class, theatre: Theatre, gate: Watched, scenes: Sequence[Scene], seed: str) -> Played:
    """Play a round, which the seed decides."""
    rng = random.Random(seed)
    this = Round(theatre, gate, kind.choose(scenes, rng), rng)
    kind.play(this)
    if this.played.came == NOTHING:
        this.wrong("it ended before anybody else came to write")
    this.told(f"msg: {this.ran.msg}")
    this.told("calls: " + ", ".join(str(call) for call in gate.seen))
    return this.played
