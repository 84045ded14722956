# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the collection beside what people use otherwise, on one LocalStack. What "make bench" runs.

    make bench                                     all of it, and write what was measured
    make bench ARGS="b c --runs 3 --sizes 50 200"  parts of it

a  one bucket, nothing to do: the role against the two tasks that people write
b  many buckets, nothing to do: sealed.s3.encrypt against these tasks in a loop
c  an audit: sealed.s3.audit against Cloud Custodian, and against a bare boto3 script that makes the same calls
d  many drifted buckets, mended: sealed.s3.encrypt against the loop
e  what an audit costs against the number of buckets: seconds, calls, memory
f  a, b, c and d again, with latency added to each response
rates  how many requests a second LocalStack serves here, and what the proxy that adds latency costs

The contenders take turns. It says what was reached and what the goal is, and fails only when a contender did not do
what was to be measured. --write puts the tables into docs/performance.md and the raw numbers into
tests/benchmark/results.json; parts that were not run are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import facts
import pages
import report
from buckets import Fleet, NotAsMeant, names
from environments import program
from figures import turns
from latency import Latency
from localstack import LocalStack, stop_on_signals
from running import Run, Runner, to_json

HERE = Path(__file__).parent
CONTENT = HERE / "content"
RESULTS = HERE / "results.json"
PAGE = pages.DOCS / "performance.md"
LATENCY = 0.05
# So many threads has an audit unless told otherwise; the bare script gets as many.
THREADS = 16
ENCRYPT, ROLE, AUDIT = "sealed.s3.encrypt", "role", "sealed.s3.audit"
TWO_TASKS, LOOP, LOOP_OF_ONE_KEY = "two tasks", "loop", "loop, key asked about once"
CUSTODIAN, BARE = "Cloud Custodian", "bare script"


@dataclass(frozen=True)
class Contender:
    """What is measured.

    :ivar run: runs it once and sees that it did what it was to do.
    :ivar runs: how often.
    :ivar before: what comes before each run, and is not measured.
    """

    run: Callable[[], Run]
    runs: int
    before: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Bench:
    """What the parts share.

    :ivar folder: a temporary folder.
    :ivar runs: how often a contender runs that is not slow.
    :ivar sizes: the numbers of buckets, where the caller named them.
    :ivar endpoint: where LocalStack is asked; by way of the proxy for part f.
    :ivar latency: what the proxy adds, in milliseconds.
    """

    runner: Runner
    fleet: Fleet
    folder: Path
    runs: int
    sizes: tuple[int, ...]
    endpoint: str
    latency: int = 0

    def sized(self, *usual: int) -> tuple[int, ...]:
        return self.sizes or usual

    def few(self, at_most: int) -> int:
        """How often a slow contender runs."""
        return min(self.runs, at_most)

    # What is run.

    def command(self, *command: str, look_at_memory: bool = False) -> Run:
        return self.runner(command, endpoint=self.endpoint, look_at_memory=look_at_memory)

    def playbook(self, name: str, *arguments: str, look_at_memory: bool = False) -> Run:
        return self.command(program("dev", "ansible-playbook"), *arguments, name, look_at_memory=look_at_memory)

    def encrypt_one(self, playbook: str = ENCRYPT, *, changed: bool = False) -> Run:
        one = ("-e", f"encrypted_s3_bucket={names(1)[0]}", "-e", f"encrypted_s3_key_alias={Fleet.SHARED}")
        return self.playbook(playbook, *one).expect(hosts=1, changed=changed)

    def encrypt_all(self, *, changed: bool = False) -> Run:
        """sealed.s3.encrypt, on an inventory of the buckets."""
        hosts = {name: {"encrypted_s3_key_alias": alias} for name, alias in self.fleet.aliases.items()}
        inventory = self.folder / "inventory.json"
        inventory.write_text(json.dumps({"s3_buckets": {"hosts": hosts}}), encoding="utf-8")
        return self.playbook(ENCRYPT, "-i", str(inventory)).expect(hosts=len(hosts), changed=changed)

    def by_hand(self, playbook: str, *, changed: bool = False) -> Run:
        template = self.folder / "policy.json.j2"
        self.fleet.write_policy_template(template)
        buckets = [{"bucket": name, "alias": alias} for name, alias in self.fleet.aliases.items()]
        variables = self.folder / "variables.json"
        variables.write_text(json.dumps({"buckets": buckets, "policy_template": str(template)}), encoding="utf-8")
        run = self.playbook(str(CONTENT / playbook), "-e", f"@{variables}")
        return run.expect(hosts=1, changed=changed)

    def audit(self, *, look_at_memory: bool = False) -> Run:
        """sealed.s3.audit of all buckets of the account, with all its reports."""
        reports = self.folder / "reports"
        run = self.playbook(AUDIT, "-e", f"audit_dir={reports}", look_at_memory=look_at_memory)
        summary = json.loads((reports / "audit.json").read_text(encoding="utf-8"))["summary"]
        if not summary["buckets"] == summary["compliant"] == len(self.fleet.aliases):
            raise NotAsMeant(f"The audit says of {len(self.fleet.aliases)} sealed buckets: {summary}.")
        return run

    def empty(self) -> Run:
        return self.playbook(str(CONTENT / "empty.yml"))

    def custodian(self) -> Run:
        output = self.folder / "custodian"
        how = ("--cache-period", "0", "--region", "us-east-1", "-s", str(output))
        run = self.command(program("custodian", "custodian"), "run", *how, str(CONTENT / "custodian.yml"))
        found = json.loads((output / "sealed" / "resources.json").read_text(encoding="utf-8"))
        if len(found) != len(self.fleet.aliases):
            raise NotAsMeant(f"Cloud Custodian found {len(found)} of {len(self.fleet.aliases)} sealed buckets.")
        return run

    def bare(self, threads: int = THREADS) -> Run:
        return self.command(program("dev", "python"), str(HERE / "bare.py"), "--threads", str(threads))

    # How they are compared.

    def compare(
        self,
        part: str,
        what: str,
        contenders: Mapping[str, Contender],
        pairs: Iterable[tuple[str, str, str, float | None]],
    ) -> dict[str, Any]:
        """Let contenders take turns.

        :param pairs: ours, theirs, how they are compared, and the goal.
        """
        if self.latency:
            what += f", {self.latency} ms added"
        count = len(self.fleet.aliases)
        runs: dict[str, list[Run]] = {name: [] for name in contenders}
        for name in turns({name: contender.runs for name, contender in contenders.items()}):
            contenders[name].before()
            run = contenders[name].run()
            runs[name].append(run)
            said = f"{run.seconds:.2f} s, of a core {run.processor:.2f} s"
            print(f"{part}  {what}, {count:,}: {name} {said}", flush=True)
        return {
            "part": "f" if self.latency else part,
            "what": what,
            "buckets": count,
            "contenders": {name: [to_json(run) for run in each] for name, each in runs.items()},
            "pairs": [dict(zip(("ours", "theirs", "kind", "goal"), pair, strict=True)) for pair in pairs],
        }

    def one_bucket(self) -> list[dict[str, Any]]:
        self.fleet.resize(1)
        contenders = {
            ENCRYPT: Contender(self.encrypt_one, self.runs),
            ROLE: Contender(lambda: self.encrypt_one(str(CONTENT / "role.yml")), self.runs),
            TWO_TASKS: Contender(lambda: self.by_hand("two_tasks.yml"), self.runs),
            report.START: Contender(self.empty, self.runs),
        }
        # The first run of each compiles what later runs find.
        for contender in contenders.values():
            contender.run()
        pairs = [(ours, TWO_TASKS, "share", 0.65) for ours in (ENCRYPT, ROLE)]
        return [self.compare("a", "one bucket, nothing to do", contenders, pairs)]

    def steady(self, *sizes: int) -> list[dict[str, Any]]:
        """Nothing to do, with one key for all."""
        done = []
        for count in self.sized(*sizes):
            self.fleet.resize(count)
            contenders = {
                ENCRYPT: Contender(self.encrypt_all, self.runs),
                LOOP: Contender(lambda: self.by_hand("loop.yml"), self._loop_runs(count)),
            }
            pairs = [(ENCRYPT, LOOP, "faster", {50: 15.0, 200: 25.0}.get(count))]
            if count <= 50 and not self.latency:
                contenders[LOOP_OF_ONE_KEY] = Contender(lambda: self.by_hand("loop_of_one_key.yml"), self.few(2))
                pairs.append((ENCRYPT, LOOP_OF_ONE_KEY, "faster", None))
            done.append(self.compare("b", "nothing to do", contenders, pairs))
        return done

    def steady_own_keys(self) -> list[dict[str, Any]]:
        """Nothing to do, with a key for each bucket."""
        self.fleet.resize(min(self.sized(50)), own_keys=True)
        contenders = {
            ENCRYPT: Contender(self.encrypt_all, self.runs),
            LOOP: Contender(lambda: self.by_hand("loop.yml"), self.few(1)),
        }
        return [self.compare("b", "nothing to do, a key each", contenders, [(ENCRYPT, LOOP, "faster", None)])]

    def audits(self, *sizes: int) -> list[dict[str, Any]]:
        done = []
        for count in self.sized(*sizes):
            self.fleet.resize(count)
            slow = count >= 1000
            runs = self.few(3) if slow else self.runs
            contenders = {
                AUDIT: Contender(self.audit, runs),
                CUSTODIAN: Contender(self.custodian, self.few(1) if slow and self.latency else runs),
                BARE: Contender(self.bare, runs),
                report.START: Contender(self.empty, runs),
            }
            pairs = [(AUDIT, CUSTODIAN, "faster", 1.0), (AUDIT, BARE, "over the start", 1.3)]
            done.append(self.compare("c", "audit", contenders, pairs))
        return done

    def drifted(self, *sizes: int) -> list[dict[str, Any]]:
        done = []
        for count in self.sized(*sizes):
            self.fleet.resize(count)
            contenders = {
                ENCRYPT: Contender(lambda: self._mended(self.encrypt_all), self.runs, self.fleet.drift),
                LOOP: Contender(
                    lambda: self._mended(lambda *, changed: self.by_hand("loop.yml", changed=changed)),
                    self._loop_runs(count),
                    self.fleet.drift,
                ),
            }
            goal = 5.0 if count == 50 else None
            done.append(self.compare("d", "drifted, mended", contenders, [(ENCRYPT, LOOP, "faster", goal)]))
        return done

    def _mended(self, run: Callable[..., Run]) -> Run:
        done = run(changed=True)
        self.fleet.check_sealed()
        return done

    def _loop_runs(self, count: int) -> int:
        """The loop takes about a second for each bucket."""
        return self.few(1 if self.latency or count > 50 else 2)

    def costs(self, *sizes: int) -> list[dict[str, Any]]:
        done = []
        for count in self.sized(*sizes):
            self.fleet.resize(count)
            run = self.audit(look_at_memory=True)
            print(f"e  {count:,}: {run.seconds:.2f} s, {run.call_count:,} calls, {run.peaks}", flush=True)
            done.append({"buckets": count, **to_json(run)})
        return done

    def rates(self, delays: Sequence[int]) -> list[dict[str, Any]]:
        """Requests a second of the bare script, straight and by way of the proxy."""
        self.fleet.resize(min(self.sized(500)))
        done = []
        ways: list[tuple[str, str, tuple[int, ...]]] = [("straight", self.endpoint, (1, 4, 8, 16, 32))]
        proxies = [Latency(self.endpoint, delay / 1000) for delay in delays]
        try:
            for delay, proxy in zip(delays, proxies, strict=True):
                proxy.__enter__()
                ways.append((f"through the proxy, {delay} ms added", proxy.endpoint, (16, 32)))
            for how, endpoint, threads in ways:
                for count in threads:
                    command = (program("dev", "python"), str(HERE / "bare.py"), "--threads", str(count))
                    run = self.runner(command, endpoint=endpoint)
                    rate = run.call_count / json.loads(run.printed)["seconds"]
                    print(f"rates  {how}, {count} threads: {rate:,.0f} requests a second", flush=True)
                    done.append({"how": how, "threads": count, "rate": rate, **to_json(run)})
        finally:
            for proxy in proxies:
                proxy.__exit__()
        return done


def with_latency(bench: Bench) -> list[dict[str, Any]]:
    """Part f."""
    with Latency(bench.endpoint, LATENCY) as proxy:
        far = Bench(
            bench.runner, bench.fleet, bench.folder, bench.few(3), bench.sizes, proxy.endpoint, round(1000 * LATENCY)
        )
        return [*far.one_bucket(), *far.steady(50), *far.audits(200, 1000), *far.drifted(50)]


PARTS: Mapping[str, Callable[[Bench], dict[str, Any]]] = {
    "a": lambda bench: {"comparisons": bench.one_bucket()},
    "b": lambda bench: {"comparisons": [*bench.steady(50, 200), *bench.steady_own_keys()]},
    "c": lambda bench: {"comparisons": bench.audits(200, 1000)},
    "d": lambda bench: {"comparisons": bench.drifted(50)},
    "e": lambda bench: {"costs": bench.costs(100, 500, 1000, 2500, 5000)},
    "f": lambda bench: {"comparisons": with_latency(bench)},
    "rates": lambda bench: {"rates": bench.rates((0, round(1000 * LATENCY)))},
}


def measure(parts: Sequence[str], runs: int, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Run the parts."""
    with LocalStack() as localstack, tempfile.TemporaryDirectory(prefix="sealed-s3-bench-") as folder:
        fleet = Fleet(localstack.endpoint)
        bench = Bench(
            Runner(localstack.variables, localstack.log), fleet, Path(folder), runs, sizes, localstack.endpoint
        )
        # The model of all that follows.
        bench.encrypt_one(changed=True)
        fleet.learn(names(1)[0])
        return {"facts": facts.facts(), "parts": {part: PARTS[part](bench) for part in parts}}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage="%(prog)s [PART ...] [options]"
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {' '.join(PARTS)}; all when none is named")
    parser.add_argument("--runs", type=int, default=5, help="of each contender; slow ones run fewer times")
    parser.add_argument("--sizes", type=int, nargs="+", default=(), help="numbers of buckets, in place of the usual")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and results.json")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown or options.runs < 1 or any(size < 1 for size in options.sizes):
        parser.error(f"there are the parts {' '.join(PARTS)}; runs and sizes are 1 or more")
    stop_on_signals()
    busy = os.getloadavg()[0]
    if busy > 0.5:
        print(f"This machine does other work (load {busy:.1f}): what is measured now is worth little.", flush=True)
    start = time.monotonic()
    measured = measure(options.parts or list(PARTS), options.runs, tuple(options.sizes))
    print(f"\n{report.tables(measured)}\n\nAll in {(time.monotonic() - start) / 60:.0f} minutes.")
    if options.write:
        write(measured)


def write(measured: dict[str, Any]) -> None:
    """Keep what was measured, beside the parts that were not."""
    kept = json.loads(RESULTS.read_text(encoding="utf-8"))["parts"] if RESULTS.exists() else {}
    results = {**measured, "parts": {**kept, **measured["parts"]}}
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    pages.put(PAGE, "measured", report.tables(results))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit("\nStopped.") from None
    except NotAsMeant as problem:
        raise SystemExit(
            f"The bench stopped, because what it measured is not what it was to measure. {problem}"
        ) from None
