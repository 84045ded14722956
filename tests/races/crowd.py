# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several runs of ours at once on one bucket, in threads or in processes, with or without somebody else beside them.

What they are to do is decided by the seed; when each of them comes to its calls is not.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from ansible.module_utils.testing import patch_module_args
from apart import Apart
from foreign import Policy, Statement, missing, names, of_others, of_the_guard, statements_of
from rounds import KEPT, MERGED, MERGED_AGAIN, NAMED, OVERWRITTEN, Played
from scenes import KINDS, Theatre
from stage import given_to_a_module
from watching import READ, Entry, Watched

from ansible_collections.sealed.s3.plugins.module_utils import runner
from ansible_collections.sealed.s3.plugins.module_utils.aws import session as sessions
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError

MOST = 8
INTENTS: tuple[Mapping[str, Any], ...] = (
    {},
    {"require_tls": False},
    {"guard_object_encryption_updates": False},
    {"enforcement": "require_headers"},
)
_MODULES = ("sse_kms_policy", "sse_kms_policy", "sse_kms_seal")
_BY_OTHERS = KINDS[0]
# A second of a run takes that many in truth.
_SCALES = (0.003, 0.01, 0.03)
# Far more than any of them takes, on a machine that is busy with other things.
_BEGIN_WITHIN = 30.0
_END_WITHIN = 120.0
_sleep = time.sleep


@dataclass(frozen=True)
class Crowd:
    """A class of rounds.

    :ivar disturbed: whether somebody else writes, too.
    :ivar alike: whether all want the same.
    :ivar processes: whether they are processes, which wait in truth.
    """

    name: str
    title: str
    writers: int
    disturbed: bool
    alike: bool
    processes: bool = False
    share: float = 1.0


CROWDS = (
    Crowd("two", "two of ours that want the same", 2, disturbed=False, alike=True, share=0.1),
    Crowd("two-differ", "two of ours that want something else each", 2, disturbed=False, alike=False, share=0.1),
    Crowd("two-and", "two of ours, and somebody who keeps adding", 2, disturbed=True, alike=False, share=0.1),
    Crowd("eight", "eight of ours that want the same", 8, disturbed=False, alike=True, share=0.04),
    Crowd("eight-differ", "eight of ours that want four things", 8, disturbed=False, alike=False, share=0.04),
    Crowd("eight-and", "eight of ours, and somebody who keeps adding", 8, disturbed=True, alike=False, share=0.04),
    Crowd("processes", "eight of ours as processes, and somebody who keeps adding", 8, disturbed=True, alike=False,
          processes=True, share=0.004),
)  # fmt: skip


@dataclass
class One:
    """One of ours.

    :ivar wanted: the guard that it is to set.
    :ivar said: the sentence with which it ended, where it failed.
    :ivar told: its result.
    """

    gate: Watched
    module: str
    options: dict[str, Any]
    wanted: list[Statement]
    said: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)
    interfered: bool = False
    crashed: str = ""


class Company:
    """All that take part in rounds, each by a gate and with a connection of its own.

    :param gates: those of ours.
    :param foreign: that of somebody else.
    """

    def __init__(self, theatre: Theatre, gates: Sequence[Watched], foreign: Watched) -> None:
        self.theatre = theatre
        self.gates = gates
        self.foreign = foreign
        self.wanted: dict[str, list[Statement]] = {}
        self._s3 = sessions.Session(given_to_a_module(foreign.url, {})).s3

    def read_as_foreign(self) -> Policy:
        """Read it as somebody else does."""
        try:
            return dict(json.loads(self._s3.get_bucket_policy(Bucket=self.theatre.bucket)["Policy"]))
        except self._s3.exceptions.ClientError:
            # There is none.
            return None

    def write_as_foreign(self, policy: dict[str, Any]) -> None:
        """Write it as somebody else does."""
        self._s3.put_bucket_policy(Bucket=self.theatre.bucket, Policy=json.dumps(policy))

    def guard(self, intent: Mapping[str, Any]) -> list[Statement]:
        """The guard that a run sets when it is alone."""
        name = json.dumps(intent)
        if name not in self.wanted:
            self.theatre.write(None)
            one = self.one(0, "sse_kms_policy", intent, [])
            self.run([one], 0.0)
            if one.said or one.crashed:
                raise SystemExit(f"It fails although nobody interferes: {one.said or one.crashed}")
            self.wanted[name] = of_the_guard(self.theatre.read())
        return self.wanted[name]

    def one(self, number: int, module: str, intent: Mapping[str, Any], wanted: list[Statement]) -> One:
        gate = self.gates[number]
        options = {"bucket": self.theatre.bucket, "key": self.theatre.key, **intent}
        return One(gate, module, given_to_a_module(gate.url, options), wanted)

    def run(self, ours: Sequence[One], scale: float, beside: Callable[[], None] | None = None) -> None:
        """Run them in threads, all from the same moment on.

        What is raised beside them is raised here: without it, nobody would interfere, and the round show nothing.
        """
        bodies = [_body(one) for one in ours]
        barrier = threading.Barrier(len(ours) + (beside is not None), timeout=_BEGIN_WITHIN)
        failed: list[BaseException] = []
        mine = threading.local()

        def work(one: One, body: Callable[[], dict[str, Any]]) -> None:
            mine.one = one
            try:
                barrier.wait()
                one.told = body()
            except (AwsError, PolicyError) as error:
                one.said, one.told = str(error), runner.details(error)
            except BaseException as error:
                # Also SystemExit, which a thread would swallow.
                one.crashed = repr(error)

        def disturb() -> None:
            assert beside is not None
            try:
                barrier.wait()
                beside()
            except BaseException as error:
                failed.append(error)

        def warned(text: str) -> None:
            # By the thread of the one who warns.
            mine.one.interfered = mine.one.interfered or MERGED_AGAIN in text

        # Daemons: one that never ends does not keep the program.
        threads = [
            threading.Thread(target=work, args=pair, daemon=True, name=pair[0].gate.who)
            for pair in zip(ours, bodies, strict=True)
        ]
        if beside is not None:
            threads.append(threading.Thread(target=disturb, daemon=True, name="somebody else"))
        with patch.object(runner, "warn", warned), _seconds(scale):
            try:
                for thread in threads:
                    thread.start()
            except BaseException:
                barrier.abort()
                raise
            deadline = time.monotonic() + _END_WITHIN
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))
        late = [thread.name for thread in threads if thread.is_alive()]
        if late:
            raise RuntimeError(f"After {_END_WITHIN:.0f} s these have not ended: {', '.join(late)}")
        if failed:
            raise RuntimeError("Who writes beside the runs of ours has failed") from failed[0]

    def run_processes(self, ours: Sequence[One], beside: Callable[[], None]) -> None:
        """Run them as processes."""
        with contextlib.ExitStack() as stack:
            started = [stack.enter_context(Apart(one.module, one.gate.url, one.options)) for one in ours]
            for process in started:
                process.wait_until_ready()
            for process in started:
                process.begin()
            beside()
            for one, process in zip(ours, started, strict=True):
                ended = process.ended()
                one.said, one.told = ended.said, ended.told
                one.crashed, one.interfered = ended.crashed, ended.interfered


@contextlib.contextmanager
def _seconds(scale: float) -> Iterator[None]:
    with patch.object(time, "sleep", lambda seconds: _sleep(seconds * scale)):
        yield


def _body(one: One) -> Callable[[], dict[str, Any]]:
    """What a module does once it has its parameters."""
    caught: list[Callable[[], dict[str, Any]]] = []

    def catch(module: Any, body: Callable[[Any], dict[str, Any]]) -> None:
        caught.append(lambda: body(module))

    module = importlib.import_module(f"ansible_collections.sealed.s3.plugins.modules.{one.module}")
    with patch_module_args(one.options), patch.object(runner, "run", catch):
        module.main()
    return caught[0]


def play(crowd: Crowd, company: Company, seed: str) -> Played:
    """Play a round."""
    rng = random.Random(seed)
    theatre = company.theatre
    intents = INTENTS[:1] if crowd.alike else INTENTS
    chosen = [intents[number % len(intents)] for number in range(crowd.writers)]
    guards = [company.guard(intent) for intent in chosen]
    writer, before = theatre.prepare(_BY_OTHERS, (), rng)
    ours = [
        company.one(number, rng.choice(_MODULES), intent, guard)
        for number, (intent, guard) in enumerate(zip(chosen, guards, strict=True))
    ]
    played = Played(story=[crowd.title, *(f"{one.gate.who}: {one.module} {json.dumps(one.options)}" for one in ours)])

    def add() -> None:
        """Somebody else: reads, and writes at once what was read with a statement more; then again."""
        pauses = 3.0 / 6 if crowd.processes else 0.0
        for _time in range(rng.randint(4, 8) if crowd.processes else rng.randint(1, 5)):
            _sleep(pauses + rng.uniform(0.0, 0.12))
            policy = company.read_as_foreign()
            listed = [*statements_of(policy), writer.statement()]
            company.write_as_foreign({**(policy or {"Version": "2012-10-17"}), "Statement": listed})

    beside = add if crowd.disturbed else None
    if crowd.processes:
        company.run_processes(ours, add)
    else:
        company.run(ours, rng.choice(_SCALES), beside)
    for gate in (*company.gates, company.foreign):
        gate.check()
    last = theatre.read()
    overwritten = _check(played, theatre, ours, before, guards, last)
    if crowd.alike and not crowd.disturbed and of_the_guard(last) != guards[0]:
        played.problems.append(f"the guard is not as all of them want it: {names(of_the_guard(last))}")
    failed = [f"{one.gate.who} said: {one.said}" for one in ours if one.said]
    played.story += failed
    if crowd.alike and not crowd.disturbed and failed:
        played.problems.append("not all of them succeeded, although they want the same")
    if overwritten:
        played.came = OVERWRITTEN
    elif failed:
        played.came = NAMED
    else:
        played.came = MERGED if any(one.interfered for one in ours) else KEPT
    # Last, since it runs the first of them once more.
    _check_again(played, company, ours[0], last)
    return played


def _check(
    played: Played,
    theatre: Theatre,
    ours: Sequence[One],
    before: Policy,
    guards: Sequence[list[Statement]],
    last: Policy,
) -> int:
    """What holds of every single write.

    :returns: how many statements were overwritten that came between a last read and the write.
    """
    for one in ours:
        played.problems += theatre.ledger.impure(one.gate.who)
        if one.crashed:
            played.problems.append(f"{one.gate.who} ended with {one.crashed}")
        else:
            played.problems += theatre.ledger.untold(one.gate.who, one.told)
    mine = {one.gate.who for one in ours}
    there: Policy = before
    last_read: dict[str, Entry] = {}
    overwritten = 0
    for entry in theatre.ledger.entries:
        if entry.operation == READ:
            last_read[entry.who] = entry
        elif entry.writes and entry.passed:
            gone = missing(of_others(there), of_others(entry.policy))
            # A write without any read is told of above.
            had = of_others(last_read[entry.who].policy) if entry.who in last_read else []
            unseen = [one for one in gone if one not in had]
            if len(unseen) != len(gone) or missing(of_others(before), of_others(entry.policy)):
                played.problems.append(f"{entry.who} wrote without {names(gone)}, which it had read")
            if entry.who in mine:
                overwritten += len(unseen)
                if of_the_guard(entry.policy) not in guards:
                    played.problems.append(
                        f"{entry.who} wrote a guard that nobody wants: {names(of_the_guard(entry.policy))}"
                    )
            there = entry.policy
    if there != last:
        played.problems.append("what is there is not what was written last, as far as was seen")
    return overwritten


def _check_again(played: Played, company: Company, first: One, last: Policy) -> None:
    """A further run alone: one guard, and nothing of others is touched."""
    first.said = first.crashed = ""
    again = One(first.gate, first.module, first.options, first.wanted)
    company.run([again], 0.0)
    final = company.theatre.read()
    if again.said or again.crashed:
        played.problems.append(f"a further run fails: {again.said or again.crashed}")
    if of_the_guard(final) != first.wanted:
        played.problems.append(f"after a further run the guard is not as wanted: {names(of_the_guard(final))}")
    if of_others(final) != of_others(last):
        played.problems.append("a further run changes statements of others")
