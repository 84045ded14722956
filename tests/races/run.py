# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets others write the policy of a bucket while a run of ours does, and counts what becomes of it.

    python tests/races/run.py                    500 rounds of each of the three classes, fewer of the others
    python tests/races/run.py --short            some of all
    python tests/races/run.py --write            puts the counts in docs/reliability.md
    python tests/races/run.py --seed 7 --only b  the rounds of one class, as they were with this seed

Ends with 1 where something is lost that need not be, and tells how that is played again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "harness"))
sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / ".cache"))

# The user's own account has no part in this.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]

import crowd
from apart import as_a_process
from counts import Count, write
from crowd import CROWDS, MOST, Company
from localstack import LocalStack, stop_on_signals
from rounds import CLASSES, Played, play
from scenes import FOREIGN, KINDS, OURS, Theatre, one_client_for_all
from watching import Watched

ROUNDS = 500
SHORT_ROUNDS = 8
# Processes take their time.
LONG_ONLY = ("processes",)


def alone(theatre: Theatre, options: argparse.Namespace) -> Iterator[Count]:
    """One run of ours, and somebody else."""
    with Watched(theatre.endpoint, OURS, theatre.ledger) as gate:
        scenes = [theatre.scene(kind, gate, keeps=keeps) for kind in KINDS for keeps in (False, True)]
        for kind in CLASSES:
            one = partial(play, kind, theatre, gate, scenes)
            yield from counted(kind.name, kind.title, kind.share, one, options)


def together(theatre: Theatre, options: argparse.Namespace) -> Iterator[Count]:
    """Several runs of ours at once."""
    with contextlib.ExitStack() as stack:
        gates = [
            stack.enter_context(Watched(theatre.endpoint, f"{OURS} {number}", theatre.ledger)) for number in range(MOST)
        ]
        foreign = stack.enter_context(Watched(theatre.endpoint, FOREIGN, theatre.ledger))
        company = Company(theatre, gates, foreign)
        for kind in CROWDS:
            if not (options.short and kind.name in LONG_ONLY):
                one = partial(crowd.play, kind, company)
                yield from counted(kind.name, kind.title, kind.share, one, options)


def counted(
    name: str, title: str, share: float, play_one: Callable[[str], Played], options: argparse.Namespace
) -> Iterator[Count]:
    """Play the rounds of a class, if it is one of those that are asked for."""
    if options.only and name not in options.only:
        return
    count = Count(title)
    start = time.monotonic()
    rounds = range(max(1, round(options.rounds * share))) if options.round is None else [options.round]
    for number in rounds:
        again = f"again with --seed {options.seed} --only {name} --round {number}"
        try:
            played = play_one(f"{options.seed}/{name}/{number}")
        except Exception:
            print(f"FAILED to play {title}, {again}", flush=True)
            raise
        count.add(played)
        if played.problems:
            print(f"WRONG in {title}, {again}")
            print("\n".join(f"  {line}" for line in [*played.problems, *played.story]), flush=True)
    print(f"{count} In {time.monotonic() - start:.0f} s.", flush=True)
    yield count


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each of the three classes")
    parser.add_argument("--short", action="store_true", help="some of all")
    parser.add_argument("--seed", type=int, help="decides all rounds; else one at random")
    parser.add_argument("--only", nargs="+", metavar="CLASS", help="these classes alone")
    parser.add_argument("--round", type=int, help="this round alone")
    parser.add_argument("--writer", help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help="put the counts in docs/reliability.md")
    options = parser.parse_args(arguments)
    if options.writer:
        as_a_process(options.writer)
        return 0
    if options.write and (options.short or options.only or options.round is not None):
        parser.error("--write needs all rounds")
    if options.short:
        options.rounds = SHORT_ROUNDS
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(10**6)
    print(f"Seed {options.seed}")
    stop_on_signals()
    with LocalStack() as localstack, tempfile.TemporaryDirectory() as folder, one_client_for_all():
        theatre = Theatre(localstack.endpoint, folder)
        counts = [*alone(theatre, options), *together(theatre, options)]
    if options.write:
        write(counts, options.seed)
    wrong = sum(count.wrong for count in counts)
    print(f"{sum(count.rounds for count in counts)} rounds, {wrong} of them ended as they may not.")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
