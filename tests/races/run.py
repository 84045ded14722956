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
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "harness"))
sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / ".cache"))

# The user's own account has no part in this.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]

from counts import Count, write
from localstack import LocalStack, stop_on_signals
from rounds import CLASSES, Class, play
from scenes import KINDS, OURS, Theatre
from watching import Watched

ROUNDS = 500
SHORT_ROUNDS = 12


def alone(theatre: Theatre, options: argparse.Namespace) -> list[Count]:
    """One run of ours, and somebody else."""
    counts = []
    with Watched(theatre.endpoint, OURS, theatre.ledger) as gate:
        scenes = [theatre.scene(kind, gate, keeps=keeps) for kind in KINDS for keeps in (False, True)]
        for kind in CLASSES:
            if options.only and kind.name not in options.only:
                continue
            count = Count(kind.title)
            start = time.monotonic()
            for number in chosen(kind, options):
                played = play(kind, theatre, gate, scenes, f"{options.seed}/{kind.name}/{number}")
                count.add(played)
                if played.problems:
                    again = f"--seed {options.seed} --only {kind.name} --round {number}"
                    print(f"WRONG in {kind.title}, again with {again}")
                    print("\n".join(f"  {line}" for line in [*played.problems, *played.story]), flush=True)
            print(f"{count} In {time.monotonic() - start:.0f} s.", flush=True)
            counts.append(count)
    return counts


def chosen(kind: Class, options: argparse.Namespace) -> Sequence[int]:
    """The numbers of the rounds of a class."""
    if options.round is not None:
        return [options.round]
    return range(max(1, round(options.rounds * kind.share)))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each of the three classes")
    parser.add_argument("--short", action="store_true", help="some of all")
    parser.add_argument("--seed", type=int, help="decides all rounds; else one at random")
    parser.add_argument("--only", nargs="+", metavar="CLASS", help="these classes alone")
    parser.add_argument("--round", type=int, help="this round alone")
    parser.add_argument("--write", action="store_true", help="put the counts in docs/reliability.md")
    options = parser.parse_args(arguments)
    if options.write and (options.short or options.only or options.round is not None):
        parser.error("--write needs all rounds")
    if options.short:
        options.rounds = SHORT_ROUNDS
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(10**6)
    print(f"Seed {options.seed}")
    stop_on_signals()
    with LocalStack() as localstack, tempfile.TemporaryDirectory() as folder:
        counts = alone(Theatre(localstack.endpoint, folder), options)
    if options.write:
        write(counts, options.seed)
    wrong = sum(count.wrong for count in counts)
    print(f"{sum(count.rounds for count in counts)} rounds, {wrong} of them ended as they may not.")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
