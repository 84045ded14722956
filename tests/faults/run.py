# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets each call of each run meet each fault, and tells what came of it.

    python tests/faults/run.py                  some of the cases, in half a minute
    python tests/faults/run.py --all [--write]  all of them; --write puts the tables in docs/reliability.md
    python tests/faults/run.py --all --part modules    or many, probe, role
    python tests/faults/run.py --all --only seal --call PutBucketPolicy --fault lost

Ends with 1 where something came of a fault that may not be.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "harness"))
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / ".cache"))

# The user's own account has no part in this.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]

from gate import Aim, Gate, Microbursts
from kinds import BY_NAME, FAULTS
from localstack import LocalStack, stop_on_signals
from many import MANY_SUBJECTS, ManyTrial
from pages import RELIABILITY, put
from role import ROLE_SUBJECTS, RoleTrial
from stage import READ_TIMEOUT, Clock, Modules, Stage
from subjects import SUBJECTS
from table import Row, legend, rows, write
from trial import Expected, Named, Trial, Tried
from uploads import PROBE_SUBJECTS, ProbeTrial

# The short form: the calls that change something or see what came of it, with the faults that differ most, once where
# they pass when tried again.
SHORT_SUBJECTS = ("policy", "key", "seal", "probe", "role")
SHORT_CALLS = ("GetBucketPolicy", "PutBucketPolicy", "PutBucketEncryption", "PutKeyPolicy", "TagResource")
SHORT_FAULTS = ("lost", "denied", "stale")
SHORT_OF = {
    "role": (("CreateKey", "lost"), ("CreateAlias", "denied"), ("PutBucketTagging", "denied")),
    "probe": (("CreateMultipartUpload", "lost"), ("ListObjectVersions", "denied")),
}

NAMES = [subject.name for subject in (*SUBJECTS, *MANY_SUBJECTS, *PROBE_SUBJECTS, *ROLE_SUBJECTS)]


def short(subject: Named, aim: Aim) -> bool:
    """Whether a case belongs to the short form."""
    if subject.name in SHORT_OF:
        return (aim.call.operation, aim.fault.name) in SHORT_OF[subject.name]
    return (
        aim.call.operation in SHORT_CALLS
        and aim.fault.name in SHORT_FAULTS
        and aim.lasting == (aim.fault.name == "denied")
    )


def chosen(
    trial: Any, subjects: Sequence[Named], options: argparse.Namespace
) -> Iterator[tuple[Named, Expected, Iterator[Tried]]]:
    """What is tried, by the subject, and how that ends."""
    for subject in subjects:
        if options.only and subject.name not in options.only:
            continue
        if not options.all and not options.only and subject.name not in SHORT_SUBJECTS:
            continue
        expected = trial.expected(subject)
        aims = [
            aim
            for aim in trial.cases(subject, expected)
            if (options.all or options.only or short(subject, aim))
            and (not options.call or aim.call.operation in options.call)
            and (not options.fault or aim.fault.name in options.fault)
        ]
        yield subject, expected, trial.attempts(subject, aims, expected)


def perform(trials: Mapping[str, tuple[Any, Sequence[Named]]], options: argparse.Namespace) -> list[Tried]:
    """Try all that was chosen."""
    all_tried: list[Tried] = []
    for part, (trial, subjects) in trials.items():
        if options.part and part not in options.part:
            continue
        tried: list[Tried] = []
        table: list[Row] = []
        start = time.monotonic()
        for subject, expected, attempts in chosen(trial, subjects, options):
            of_subject = []
            for one in attempts:
                of_subject.append(one)
                if options.messages and one.msg:
                    print(f"  {one}: {one.came}\n    {one.msg}")
                for problem in one.problems:
                    print(f"WRONG {one}: {problem}\n    {one.msg}", flush=True)
            print(f"{subject.name}: {len(of_subject)} cases in {time.monotonic() - start:.0f} s", flush=True)
            start = time.monotonic()
            tried += of_subject
            table += rows(subject, expected.calls, of_subject)
            if options.write:
                # After each, since all of them take a while.
                write(f"faults-{part}", table, [one for one in tried if one.came], FAULTS)
        all_tried += tried
    return all_tried


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--all", action="store_true", help="all cases, not only some")
    parser.add_argument("--part", nargs="+", choices=("modules", "many", "probe", "role"), help="these parts alone")
    parser.add_argument("--only", nargs="+", choices=NAMES, help="these runs alone")
    parser.add_argument("--call", nargs="+", metavar="OPERATION", help="these calls alone")
    parser.add_argument("--fault", nargs="+", choices=list(BY_NAME), help="these faults alone")
    parser.add_argument("--messages", action="store_true", help="show what each failure says")
    parser.add_argument("--write", action="store_true", help="put the table in docs/reliability.md")
    options = parser.parse_args(arguments)
    if options.write and (not options.all or options.only or options.call or options.fault):
        parser.error("--write needs --all and nothing that leaves cases out")
    stop_on_signals()
    clock = Clock()
    with (
        LocalStack() as localstack,
        Microbursts(localstack.endpoint) as microbursts,
        Gate(localstack.endpoint, microbursts, slow=READ_TIMEOUT * 1.5, now=clock.now) as gate,
    ):
        stage, modules = Stage(localstack.endpoint), Modules(clock)
        trials: dict[str, tuple[Any, Sequence[Named]]] = {
            "modules": (Trial(stage, gate, modules), SUBJECTS),
            "many": (ManyTrial(stage, gate, modules), MANY_SUBJECTS),
            "probe": (ProbeTrial(stage, gate, modules), PROBE_SUBJECTS),
            "role": (RoleTrial(localstack.endpoint, microbursts), ROLE_SUBJECTS),
        }
        if options.write:
            put(RELIABILITY, "faults-kinds", "\n".join(legend(FAULTS)))
        tried = perform(trials, options)
    struck = [one for one in tried if one.came]
    wrong = [one for one in tried if one.problems]
    came = sorted({one.came for one in struck})
    counts = ", ".join(f"{sum(one.came == what for one in struck)} {what}" for what in came)
    print(f"{len(struck)} faults struck: {counts}. {len(wrong)} of them ended as they may not.")
    return 1 if wrong or not struck else 0


if __name__ == "__main__":
    raise SystemExit(main())
