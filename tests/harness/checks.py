# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the checks: all, those of a group, or those named; two side by side.

    python tests/harness/checks.py [--show] [GROUP or CHECK ...]

What a check prints is shown when it fails, or with --show while it runs. A check also fails when the tool behind it
skips what it was to do and calls that a success.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import environments
import groups
from environments import COLLECTIONS, ROOT, program
from localstack import KEY_ID_MODELS, stop_on_signals

SIDE_BY_SIDE = 2
CORES = ("2.19", "2.20", "2.21")
BOOTSTRAP_PIP = {"2.19": "get_pip_24_2.py", "2.20": "get_pip_25_2.py", "2.21": "get_pip_25_2.py"}
# ansible-test fetches a bootstrap of pip from a host of its own; the one that Python carries does as well.
BOOTSTRAP_STUB = """\
import ensurepip, subprocess, sys
ensurepip.bootstrap()
arguments = [one for one in sys.argv[1:] if one not in ("--no-setuptools", "--no-wheel")]
subprocess.check_call([sys.executable, "-m", "pip", "install", *arguments])
"""
IMPORTER_SETTINGS = """\
[galaxy-importer]
RUN_ANSIBLE_DOC = True
RUN_ANSIBLE_LINT = True
OFFLINE_ANSIBLE_LINT = True
CHECK_REQUIRED_TAGS = True
"""
# How tools say that they left something out: ansible-test, galaxy-importer, pytest.
SKIPPED = re.compile(
    r"all targets skipped|skipping (?:sanity )?test|\bskipp?(?:ed|ing)\b.*\b(?:lint|doc|test)"
    r"|\b[1-9][0-9]* (?:skipped|deselected|xfailed|xpassed)\b",
    re.I,
)
# What starts a LocalStack that hands policies back as S3 does.
HANDING_BACK = (str(ROOT / "tests" / "harness" / "localstack.py"), "--as-s3")
# The process groups of the commands that run now.
RUNNING: set[int] = set()


class Failed(Exception):
    """A check did not pass; the text says why where its output does not."""


@dataclass(frozen=True)
class Run:
    """What a check is given.

    :ivar folder: a temporary folder of its own.
    :ivar output: where its output goes.
    """

    folder: Path
    output: IO[str]

    def __call__(self, *command: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
        """Run a command.

        :raises Failed: when it ends with another code than 0.
        """
        self.output.write(f"$ {' '.join(command)}\n")
        self.output.flush()
        with subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **ANSIBLE, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            # A group of its own, to be stopped as a whole.
            start_new_session=True,
        ) as process:
            RUNNING.add(process.pid)
            try:
                code = process.wait()
            finally:
                RUNNING.discard(process.pid)
        if code:
            raise Failed(f"{Path(command[0]).name} ended with code {code}")

    def printed(self) -> str:
        """What the check has printed so far."""
        return Path(self.output.name).read_text(encoding="utf-8", errors="replace")


ANSIBLE = {
    "ANSIBLE_COLLECTIONS_PATH": str(environments.CACHE),
    "ANSIBLE_HOME": str(environments.CACHE / "ansible"),
    "ANSIBLE_NOCOLOR": "1",
    "NO_COLOR": "1",
    "PATH": f"{environments.folder('dev') / 'bin'}{os.pathsep}{os.environ['PATH']}",
}


@dataclass(frozen=True)
class Check:
    """A check.

    :ivar name: its name on the command line.
    :ivar groups: what else selects it.
    :ivar needs: the environments that it uses beside ``dev``.
    :ivar seconds: about how long it takes; the longest start first.
    """

    name: str
    run: Callable[[Run], None]
    groups: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    seconds: int = 10


def dev(*command: str) -> Callable[[Run], None]:
    """A check that is one command of the environment ``dev``."""

    def check(run: Run) -> None:
        run(program("dev", command[0]), *command[1:])

    return check


def python(*arguments: str) -> Callable[[Run], None]:
    """A check that is one program of ours, in the environment ``dev``."""
    return dev("python", *arguments)


def mypy(run: Run) -> None:
    # By way of the link, so that each file is the module that the others import.
    ours = environments.CACHE.relative_to(ROOT) / "ansible_collections" / "sealed" / "s3"
    run(program("dev", "mypy"), str(ours / "plugins"), str(ours / "tests" / "unit"),
        str(ours / "tests" / "browser"), "tests/harness", "tests/as_s3",
        "tests/enforcing", "tests/differential", "tests/mutation", "tests/benchmark", "tests/faults")  # fmt: skip
    # Apart, because each of them has a program named run.
    for folder in ("tests/fuzz", "tests/races", "tests/interruptions"):
        run(program("dev", "mypy"), folder)


def unit(run: Run) -> None:
    data = {"COVERAGE_FILE": str(run.folder / "coverage")}
    run(program("dev", "coverage"), "run", "-m", "pytest", "-q", "tests/unit", "tests/consistency", env=data)
    run(program("dev", "coverage"), "report", env=data)


def documentation(run: Run) -> None:
    run(program("dev", "antsibull-docs"), "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=all",
        "--disallow-unknown-collection-refs", ".")  # fmt: skip
    run(program("dev", "antsibull-changelog"), "lint")


# What no archive of the collection has in it.
NOT_INSTALLED = ("tests/", "molecule/")


def in_collection_path(run: Run, *, without: tuple[str, ...] = ()) -> Path:
    """A copy of the checkout where ansible-test accepts it: below ansible_collections, outside of any repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    target = run.folder / "ansible_collections" / "sealed" / "s3"
    for name in filter(None, listed):
        if (ROOT / name).is_file() and not name.startswith(without):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    shutil.copytree(COLLECTIONS / "amazon", run.folder / "ansible_collections" / "amazon")
    return target


def ansible_test_home(core: str) -> Path:
    return environments.CACHE / "ansible-test" / core


def ansible_test(run: Run, core: str, *command: str, without: tuple[str, ...] = ()) -> Path:
    """Run ansible-test of an ansible-core in a copy of the checkout, with a HOME that keeps its environments."""
    target = in_collection_path(run, without=without)
    home = ansible_test_home(core)
    cached = home / ".ansible" / "test" / "cache" / BOOTSTRAP_PIP[core]
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_text(BOOTSTRAP_STUB, encoding="utf-8")
    # It keeps the variables of pip, and with HOME its files, from the pip that it runs.
    environments.write_pip_configuration(home / ".config" / "pip" / "pip.conf")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    venv = environments.folder(f"core-{core}") / "bin"
    run(
        str(venv / "ansible-test"), *command, "--color", "no", "--python", python,
        cwd=target,
        env={"HOME": str(home), "PATH": f"{venv}{os.pathsep}{os.environ['PATH']}",
             "ANSIBLE_COLLECTIONS_PATH": str(run.folder), "ANSIBLE_HOME": str(home / ".ansible")},
    )  # fmt: skip
    return target


def sanity(core: str, *options: str) -> Callable[[Run], None]:
    """The sanity tests of an ansible-core, as the options choose them; that of each core says which it has."""

    def check(run: Run) -> None:
        # The newest one looks at everything, the others at what is installed.
        without = () if core == CORES[-1] else NOT_INSTALLED
        target = ansible_test(run, core, "sanity", "--requirements", *options, without=without)
        ran = set(re.findall(r'^Running sanity test "([\w-]+)"', run.printed(), re.M))
        listed = subprocess.run(
            [str(environments.folder(f"core-{core}") / "bin" / "ansible-test"), "sanity", "--list-tests", *options],
            cwd=target, check=True, capture_output=True, text=True,
            env={**os.environ, "HOME": str(ansible_test_home(core))},
        ).stdout.split()  # fmt: skip
        missing = set(listed) - ran
        if missing or not ran:
            raise Failed(f"these sanity tests did not run: {', '.join(sorted(missing))}")

    return check


def units(core: str) -> Callable[[Run], None]:
    def check(run: Run) -> None:
        ansible_test(run, core, "units")
        if not re.search(r"\b[1-9][0-9]* passed", run.printed()):
            raise Failed("no unit test was run")

    return check


def units_alone(core: str) -> Callable[[Run], None]:
    """The tests of what knows Ansible, with another ansible-core; the pure rooms are the same with all of them."""

    def check(run: Run) -> None:
        run(
            str(environments.folder(f"core-{core}") / "bin" / "python"), "-m", "pytest", "-q", "tests/unit",
            "--ignore", "tests/unit/plugins/module_utils/policy", "--hypothesis-profile", "sealed-again",
        )  # fmt: skip

    return check


def built(run: Run) -> Path:
    """The collection's archive, built from a copy of what is in the repository."""
    run(program("dev", "ansible-galaxy"), "collection", "build", "--output-path", str(run.folder),
        cwd=in_collection_path(run))  # fmt: skip
    (archive,) = run.folder.glob("sealed-s3-*.tar.gz")
    return archive


def build(run: Run) -> None:
    archive = built(run)
    installed = run.folder / "installed"
    where = {"ANSIBLE_COLLECTIONS_PATH": str(installed)}
    run(program("dev", "ansible-galaxy"), "collection", "install", str(archive), "--no-deps", "--offline",
        "--collections-path", str(installed), env=where)  # fmt: skip
    shutil.copytree(COLLECTIONS / "amazon", installed / "ansible_collections" / "amazon")
    for kind, folder in (("module", "modules"), ("filter", "filter"), ("inventory", "inventory")):
        names = sorted(path.stem for path in (ROOT / "plugins" / folder).glob("*.py") if path.stem != "__init__")
        run(program("dev", "ansible-doc"), "--type", kind, *(f"sealed.s3.{name}" for name in names), env=where)
    run(program("dev", "ansible-doc"), "--type", "role", "sealed.s3.encrypted_s3", env=where)
    for playbook in sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml")):
        run(program("dev", "ansible-playbook"), "--syntax-check", f"sealed.s3.{playbook}", env=where)


def galaxy_importer(run: Run) -> None:
    archive = built(run)
    settings = run.folder / "galaxy-importer.cfg"
    settings.write_text(IMPORTER_SETTINGS, encoding="utf-8")
    venv = environments.folder("galaxy-importer") / "bin"
    # It looks for collections in a folder of its own and among the Python packages; our fragments need amazon.aws.
    (packages,) = venv.parent.glob("lib/python*/site-packages")
    (packages / "ansible_collections").mkdir(exist_ok=True)
    (packages / "ansible_collections" / "amazon").unlink(missing_ok=True)
    (packages / "ansible_collections" / "amazon").symlink_to(COLLECTIONS / "amazon")
    run(
        str(venv / "python"), "-m", "galaxy_importer.main", str(archive),
        cwd=run.folder,
        env={"GALAXY_IMPORTER_CONFIG": str(settings), "PATH": f"{venv}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    printed = run.printed()
    wrong = [line for line in printed.splitlines() if re.match(r"(ERROR|WARNING)", line) or "not found" in line]
    if wrong or "Importer processing completed successfully" not in printed:
        raise Failed("galaxy-importer is not content: " + " | ".join(wrong))
    for tool in ("ansible-doc", "ansible-lint"):
        if tool not in printed:
            raise Failed(f"galaxy-importer did not run {tool}")


def molecule(*scenarios: str, enforce: str = "") -> Callable[[Run], None]:
    """Scenarios against one LocalStack that hands policies back as S3 does.

    :param enforce: the key-id model of one that enforces bucket policies.
    """
    launch = [*HANDING_BACK, *(("--enforce", enforce) if enforce else ())]
    how = ("--workers", str(SIDE_BY_SIDE), "--continue-on-failure", "--no-command-borders")

    def check(run: Run) -> None:
        where = {"ANSIBLE_HOME": str(run.folder / "ansible")}
        run(program("dev", "python"), *launch, program("dev", "molecule"), "test", *scenarios, *how, env=where)

    return check


def scenario_on(core: str, scenario: str) -> Callable[[Run], None]:
    """The first part of a scenario with another ansible-core.

    Buckets as hosts lean on what Ansible does not promise to keep.
    """

    def check(run: Run) -> None:
        run(
            program("dev", "python"), *HANDING_BACK,
            str(environments.folder(f"core-{core}") / "bin" / "ansible-playbook"),
            "--inventory", str(ROOT / "molecule" / "shared" / "inventory" / "hosts.yml"),
            str(ROOT / "molecule" / scenario / "converge.yml"), "--skip-tags", "further",
            env={"ANSIBLE_HOME": str(run.folder / "ansible")},
        )  # fmt: skip

    return check


def pytest(*folders: str) -> Callable[[Run], None]:
    return dev("pytest", "-q", *folders)


def browser(run: Run) -> None:
    # Fetched first, so that a machine on which that fails says why in one sentence.
    run(program("browser", "python"), "tests/harness/chromium.py")
    run(program("browser", "pytest"), "-q", "tests/browser")


def demo(run: Run) -> None:
    run(program("dev", "python"), "tests/harness/demo.py")


def differential(run: Run) -> None:
    run(program("dev", "pytest"), "-q", "tests/differential", env={"SEALED_S3_EXAMPLES": "5000"})


def fuzz(run: Run) -> None:
    """What is made to break a room, then, for a short while, what a fuzzer finds; `make fuzz` goes on for longer."""
    run(program("dev", "pytest"), "-q", "tests/fuzz")
    run(program("fuzz", "python"), "tests/fuzz/run.py", "--seconds", "20")


CHECKS = (
    Check("scenarios", molecule("--all", "--exclude", "enforced"), ("molecule",), ("localstack",), 240),
    *(
        Check(
            f"enforced-{model}",
            molecule("--scenario-name", "enforced", enforce=model),
            ("molecule",),
            ("localstack",),
            60,
        )
        for model in KEY_ID_MODELS
    ),
    Check("fleet-2.19", scenario_on("2.19", "fleet"), ("molecule",), ("localstack", "core-2.19"), 50),
    Check(f"sanity-{CORES[-1]}", sanity(CORES[-1]), ("sanity",), (f"core-{CORES[-1]}",), 90),
    # Their pylint takes longer than the rest, and the newest one has its rules too: it is among the long forms.
    *(
        Check(f"sanity-{core}", sanity(core, "--skip-test", "pylint"), ("sanity",), (f"core-{core}",), 40)
        for core in CORES[:-1]
    ),
    Check(f"units-{CORES[-1]}", units(CORES[-1]), ("units",), (f"core-{CORES[-1]}",), 150),
    *(Check(f"units-{core}", units_alone(core), ("units",), (f"core-{core}",), 60) for core in CORES[:-1]),
    Check("galaxy-importer", galaxy_importer, ("lint",), ("galaxy-importer",), 40),
    Check("ansible-lint", dev("ansible-lint"), ("lint",), seconds=40),
    Check("unit", unit, seconds=110),
    Check("mypy", mypy, ("lint",), seconds=30),
    Check("enforcing", pytest("tests/enforcing"), needs=("localstack",), seconds=60),
    Check("harness", pytest("tests/harness", "tests/as_s3"), needs=("localstack",), seconds=40),
    Check("browser", browser, needs=("browser",), seconds=60),
    Check("differential", differential, seconds=50),
    Check("faults", python("tests/faults/run.py"), needs=("localstack", "faults"), seconds=60),
    Check("interruptions", python("tests/interruptions/run.py"), needs=("localstack",), seconds=30),
    Check("races", python("tests/races/run.py", "--short"), needs=("localstack",), seconds=20),
    Check("fuzz", fuzz, needs=("fuzz",), seconds=60),
    Check("mutation", pytest("tests/mutation"), seconds=15),
    Check("benchmark", pytest("tests/benchmark"), seconds=5),
    Check("demo", demo, needs=("localstack",), seconds=30),
    Check("build", build, seconds=20),
    Check("documentation", documentation, ("lint",), seconds=10),
    Check("yamllint", dev("yamllint", "--strict", "."), ("lint",), seconds=3),
    Check("ruff", dev("ruff", "check", "."), ("lint",), seconds=1),
    Check("ruff-format", dev("ruff", "format", "--check", "--diff", "."), ("lint",), seconds=1),
)


TORTURE = "torture"


def fuzz_long(run: Run) -> None:
    """What the short form does, for longer, and not the same each time."""
    run(program("dev", "pytest"), "-q", "tests/fuzz", env={"SEALED_S3_FUZZ_EXAMPLES": "2000"})
    run(program("fuzz", "python"), "tests/fuzz/run.py", "--keep", "--seconds", "180", "--write")


def differential_long(run: Run) -> None:
    run(program("dev", "pytest"), "-q", "tests/differential", env={"SEALED_S3_EXAMPLES": "15000"})


def as_s3_long(run: Run) -> None:
    run(program("dev", "pytest"), "-q", "tests/unit/plugins/module_utils/policy/test_as_s3.py",
        env={"SEALED_S3_EXAMPLES": "1000"})  # fmt: skip


# The long forms of checks, which write their counts into docs/reliability.md. They run when they are asked for.
LONG_CHECKS = (
    Check("faults-modules", python("tests/faults/run.py", "--all", "--part", "modules", "many", "--write"), (TORTURE,),
          ("localstack", "faults"), 700),
    Check("faults-role", python("tests/faults/run.py", "--all", "--part", "role", "--write"), (TORTURE,),
          ("localstack", "faults"), 500),
    Check("faults-probe", python("tests/faults/run.py", "--all", "--part", "probe", "--write"), (TORTURE,),
          ("localstack", "faults"), 120),
    Check("nothing-secret", python("tests/faults/nothing_secret.py"), (TORTURE,), ("localstack", "faults"), 70),
    Check("interruptions-all", python("tests/interruptions/run.py", "--all", "--write"), (TORTURE,),
          ("localstack",), 480),
    Check("fuzz-all", fuzz_long, (TORTURE,), ("fuzz",), 480),
    Check("races-all", python("tests/races/run.py", "--rounds", "500", "--write"), (TORTURE,), ("localstack",), 300),
    Check("differential-all", differential_long, (TORTURE,), seconds=170),
    Check("as-s3-all", as_s3_long, (TORTURE,), seconds=70),
    *(Check(f"pylint-{core}", sanity(core, "--test", "pylint"), (TORTURE, "sanity"), (f"core-{core}",), 40)
      for core in CORES[:-1]),
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How a check went; ``problem`` is empty for one that passed."""

    check: Check
    seconds: float
    problem: str
    printed: str


def perform(check: Check, show: bool) -> Outcome:
    """Run one check, with its environments."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"sealed-s3-{check.name}-") as folder:
        output = Path(folder) / "output.txt"
        with output.open("w", encoding="utf-8") as file:
            run = Run(Path(folder), file)
            follow = subprocess.Popen(["tail", "-f", str(output)]) if show else None
            problem = ""
            try:
                environments.ensure_all(check.needs)
                check.run(run)
                file.flush()
                printed = [line for line in run.printed().splitlines() if not line.startswith("$ ")]
                skipped = [line for line in printed if SKIPPED.search(line)]
                if skipped:
                    problem = f"something was skipped: {skipped[0].strip()}"
            except (Failed, subprocess.CalledProcessError) as error:
                problem = str(error)
            finally:
                if follow:
                    follow.terminate()
        return Outcome(check, time.monotonic() - start, problem, output.read_text(encoding="utf-8", errors="replace"))


def chosen(names: Sequence[str]) -> list[Check]:
    """The checks of the names and groups, the longest first; all but the long forms for none."""
    every = (*CHECKS, *LONG_CHECKS) if names else CHECKS
    known = {name for check in every for name in (check.name, *check.groups)}
    unknown = sorted(set(names) - known)
    if unknown:
        raise SystemExit(f"There is no check or group {', '.join(unknown)}; there are {', '.join(sorted(known))}.")
    selected = [check for check in every if not names or set(names) & {check.name, *check.groups}]
    return sorted(selected, key=lambda check: -check.seconds)


def stop_running() -> None:
    """Ask the commands that run now to end; each stops what it has started."""
    for group in tuple(RUNNING):
        groups.send(group, signal.SIGTERM)


def report(outcomes: Iterable[Future[Outcome]]) -> list[Outcome]:
    """Say how each check went, as it ends."""
    done: list[Outcome] = []
    for future in outcomes:
        outcome = future.result()
        done.append(outcome)
        if outcome.problem:
            print(f"\n--- {outcome.check.name} failed: {outcome.problem}\n{outcome.printed}")
            print(f"--- To run it alone: make bootstrap && .cache/bootstrap/bin/python tests/harness/checks.py "
                  f"--show {outcome.check.name}\n", flush=True)  # fmt: skip
        else:
            summary = re.findall(r"^.*\b[0-9]+ passed.*$|^TOTAL.*$", outcome.printed, re.M)
            print(
                f"passed {outcome.check.name} in {outcome.seconds:.0f} s  {'; '.join(summary).strip('= ')}", flush=True
            )
    return done


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--show", action="store_true", help="show what the checks print while they run")
    parser.add_argument("names", nargs="*", metavar="GROUP or CHECK")
    options = parser.parse_args()
    checks = chosen(options.names)
    start = time.monotonic()
    stop_on_signals()
    environments.ensure_all(("dev",))
    with ThreadPoolExecutor(1 if options.show else SIDE_BY_SIDE) as pool:
        try:
            done = report(as_completed([pool.submit(perform, check, options.show) for check in checks]))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop_running()
            raise
    print(f"\n{'check':<18} {'seconds':>8}  outcome")
    for outcome in sorted(done, key=lambda one: checks.index(one.check)):
        print(f"{outcome.check.name:<18} {outcome.seconds:>8.0f}  {outcome.problem or 'passed'}")
    failed = sum(bool(outcome.problem) for outcome in done)
    print(f"\nAll in {time.monotonic() - start:.0f} s.\n{len(done) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit("\nStopped.") from None
