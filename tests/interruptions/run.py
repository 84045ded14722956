# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets signals strike each call of each run, and tells what came of it.

    python tests/interruptions/run.py                  some of the cases, in under half a minute
    python tests/interruptions/run.py --all [--write]  all of them; --write puts the table in docs/reliability.md
    python tests/interruptions/run.py --all --only seal --call PutBucketPolicy --messages

Ends with 1 where something came of a signal that may not be.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS.parent / ".cache"), *(str(_TESTS / name) for name in ("interruptions", "faults", "harness"))]

# The user's own account has no part in this.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]

import several
import tables
from attempts import CARRIED_OUT, UNANSWERED, Attempt, Strike, Trial, strikes
from gate import Call
from holding import Holding
from localstack import LocalStack, stop_on_signals
from playbook import SCENES, Blown, PlaybookTrial, Scene, blows
from processes import Processes
from stage import Stage
from subjects import SUBJECTS, Subject

# The short form: a write and what follows it, where most can go wrong.
SHORT_SUBJECTS = ("policy", "seal")
SHORT_CALLS = ("PutBucketEncryption 1", "PutBucketPolicy 1", "GetBucketPolicy 4")

Part = Callable[[], Iterator[Attempt | Blown]]


def short(strike: Strike) -> bool:
    """Whether a case belongs to the short form."""
    return str(strike.call) in SHORT_CALLS and strike.moment == CARRIED_OUT and strike.number != signal.SIGINT


class Runs:
    """All that is tried.

    :ivar table: for the documentation.
    """

    def __init__(self, endpoint: str, processes: Processes, folder: Path, options: argparse.Namespace) -> None:
        self._endpoint = endpoint
        self._processes = processes
        self._folder = folder
        self._options = options
        self._stage = Stage(endpoint)
        self.table = tables.Table()

    def parts(self) -> Iterator[list[tuple[str, Part]]]:
        """Each of them by its name, in lists that are tried side by side."""
        chosen = self._options.only or ([] if self._options.all else SHORT_SUBJECTS)
        modules: dict[str, Part] = {
            **{subject.name: partial(self._of_module, subject) for subject in SUBJECTS},
            several.NAME: self._of_many,
        }
        playbooks: dict[str, Part] = {scene.name: partial(self._of_playbook, scene) for scene in SCENES}
        for parts in (modules, playbooks):
            yield [(part, run) for part, run in parts.items() if not chosen or part in chosen]

    def _of_module(self, subject: Subject) -> Iterator[Attempt]:
        with Holding(self._endpoint) as gate:
            trial = Trial(self._stage, gate, self._processes)
            undisturbed = trial.undisturbed(subject)
            every = [
                strike
                for strike in strikes(undisturbed)
                if self._wanted(strike.call) and (self._options.all or short(strike))
            ]
            self.table.add(subject.name, subject.title, undisturbed.calls)
            for strike in every:
                if strike.moment != UNANSWERED:
                    yield self.table.told(trial.attempt(subject, strike, undisturbed))
            yield from map(self.table.told, self._waiting(subject, every))

    def _waiting(self, subject: Subject, every: Iterable[Strike]) -> Iterator[Attempt]:
        """Those that mostly wait, side by side."""

        def attempt(strike: Strike) -> Attempt:
            with Holding(self._endpoint) as gate:
                trial = Trial(self._stage, gate, self._processes)
                return trial.attempt(subject, strike, trial.undisturbed(subject))

        with ThreadPoolExecutor(8) as pool:
            yield from pool.map(attempt, [strike for strike in every if strike.moment == UNANSWERED])

    def _of_many(self) -> Iterator[Attempt]:
        with Holding(self._endpoint) as gate:
            (seal,) = (subject for subject in SUBJECTS if subject.name == "seal")
            one = Trial(self._stage, gate, self._processes).undisturbed(seal)
            trial = several.ManyTrial(self._stage, gate, self._processes, one)
            calls = trial.calls()
            self.table.add(several.NAME, several.TITLE, calls)
            for strike in several.strikes(calls):
                if self._wanted(strike.call):
                    yield self.table.told(trial.attempt(strike))

    def _of_playbook(self, scene: Scene) -> Iterator[Blown]:
        with Holding(self._endpoint) as gate:
            trial = PlaybookTrial(self._stage, gate, self._folder)
            calm = trial.calm(scene)
            for call in calm.writes:
                for blow in blows(call) if self._wanted(call) else ():
                    yield self.table.told_of_playbook(trial.attempt(scene, call, blow, calm))

    def _wanted(self, call: Call) -> bool:
        return not self._options.call or call.operation in self._options.call


class Counts:
    """How many were tried, and how many of them ended as they may not.

    :ivar of: how many of each part.
    """

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()
        self.wrong = 0

    def add(self, part: str, one: Attempt | Blown) -> None:
        """Count one, and show what is wrong with it."""
        self.of[part] += 1
        self.wrong += bool(one.problems)
        for problem in one.problems:
            print(f"WRONG {one}: {problem}\n    {getattr(one, 'msg', '')}", flush=True)


def perform(runs: Runs, options: argparse.Namespace) -> Counts:
    """Try all that was chosen."""
    counts = Counts()
    stopped = threading.Event()

    def try_all(parts: Iterable[tuple[str, Part]]) -> None:
        for part, run in parts:
            if stopped.is_set():
                return
            start = time.monotonic()
            for one in run():
                counts.add(part, one)
                if options.messages:
                    print(f"  {one}: {one.came}\n    {getattr(one, 'msg', '')}", flush=True)
                if stopped.is_set():
                    return
            print(f"{part}: {counts.of[part]} cases in {time.monotonic() - start:.0f} s", flush=True)

    with ThreadPoolExecutor(2) as pool:
        try:
            list(pool.map(try_all, runs.parts()))
        except BaseException:
            stopped.set()
            raise
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    names = [*(subject.name for subject in SUBJECTS), several.NAME, *(scene.name for scene in SCENES)]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--all", action="store_true", help="all cases, not only some")
    parser.add_argument("--only", nargs="+", choices=names, help="these runs alone")
    parser.add_argument("--call", nargs="+", metavar="OPERATION", help="these calls alone")
    parser.add_argument("--messages", action="store_true", help="show what each one says")
    parser.add_argument("--write", action="store_true", help="put the table in docs/reliability.md")
    options = parser.parse_args(arguments)
    if options.write and (not options.all or options.only or options.call):
        parser.error("--write needs --all and nothing that leaves cases out")
    stop_on_signals()
    with (
        LocalStack() as localstack,
        Processes() as processes,
        tempfile.TemporaryDirectory(prefix="sealed-s3-interruptions-") as folder,
    ):
        runs = Runs(localstack.endpoint, processes, Path(folder), options)
        counts = perform(runs, options)
    if options.write:
        runs.table.write()
    print(f"{counts.of.total()} signals struck. {counts.wrong} of them ended as they may not.")
    return 1 if counts.wrong or not counts.of.total() else 0


if __name__ == "__main__":
    raise SystemExit(main())
