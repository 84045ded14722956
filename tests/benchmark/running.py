# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a contender once: seconds, calls, memory, and whether it did what it was to do."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from buckets import NotAsMeant
from environments import CACHE, ROOT

_CALL = re.compile(r"AWS ([a-z0-9-]+\.[A-Za-z]+) => \d+")
_RECAP = re.compile(r"^(\S+) +: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+) ", re.M)
_LOG_SETTLES = 0.2
_LOOK_EVERY = 0.05


@dataclass(frozen=True)
class Run:
    """How a run went.

    :ivar processor: the seconds that a core worked for it; these hardly depend on what else the machine does.
    :ivar calls: operation -> how often, as LocalStack logged it.
    :ivar peaks: where asked, the most memory; see ``peaks_of``.
    """

    seconds: float
    processor: float
    calls: Mapping[str, int]
    printed: str
    peaks: Mapping[str, float] = field(default_factory=dict)

    @property
    def call_count(self) -> int:
        return sum(self.calls.values())

    def recap(self) -> dict[str, tuple[int, int]]:
        """Host -> changed, failed or unreachable."""
        return {
            host: (int(changed), int(unreachable) + int(failed))
            for host, _ok, changed, unreachable, failed in _RECAP.findall(self.printed)
        }

    def expect(self, *, hosts: int, changed: bool) -> Run:
        """See that the recap has so many hosts, none failed, and that all changed something or none did.

        :raises NotAsMeant: when it is otherwise.
        """
        recap = self.recap()
        changing = sum(bool(count) for count, _failed in recap.values())
        failing = sum(bool(failed) for _count, failed in recap.values())
        if len(recap) != hosts or failing or changing != (hosts if changed else 0):
            raise NotAsMeant(
                f"Expected {hosts} hosts, {'all' if changed else 'none'} changed and none failed. There were "
                f"{len(recap)}, {changing} changed, {failing} failed:\n{self.printed[-2000:]}"
            )
        return self


class Runner:
    """Runs contenders against one LocalStack.

    :param variables: how to reach it.
    :param log: where it logs.
    """

    def __init__(self, variables: Mapping[str, str], log: Path) -> None:
        self._variables = variables
        self._log = log

    def __call__(self, command: Sequence[str], *, endpoint: str | None = None, look_at_memory: bool = False) -> Run:
        """Run a command.

        :param endpoint: another way to LocalStack, for one with latency.
        :raises NotAsMeant: when it ends with another code than 0.
        """
        ours = ("AWS_", "ANSIBLE_", "SEALED_S3_")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
            **self._variables,
            "ANSIBLE_COLLECTIONS_PATH": str(CACHE),
            "ANSIBLE_HOME": str(CACHE / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            **({} if endpoint is None else {"AWS_ENDPOINT_URL": endpoint, "AWS_URL": endpoint}),
        }
        logged = self._log.stat().st_size
        with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
            before = _worked()
            start = time.monotonic()
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
            try:
                with peaks_of(process.pid, look_at_memory) as peaks:
                    code = process.wait()
                    seconds = time.monotonic() - start
            finally:
                process.kill()
            worked = _worked() - before
            output.seek(0)
            printed = output.read()
        if code:
            raise NotAsMeant(f"{Path(command[0]).name} ended with code {code}:\n{printed[-4000:]}")
        # The last answers are logged after they were given.
        time.sleep(_LOG_SETTLES)
        with self._log.open("rb") as log:
            log.seek(logged)
            calls = calls_in(log.read().decode(errors="replace"))
        return Run(seconds, worked, calls, printed, peaks)


def _worked() -> float:
    """The seconds that a core worked for all processes that were started from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def calls_in(log: str) -> dict[str, int]:
    """Operation -> how often, from a piece of LocalStack's log."""
    return dict(sorted(Counter(_CALL.findall(log)).items()))


@contextmanager
def peaks_of(process: int, look: bool) -> Iterator[dict[str, float]]:
    """Keep, until the block ends, the most memory in MB that the process held, and the greatest that it has started.

    These are ``own`` and ``started``: ansible-playbook, and the process of a task with its module.
    """
    peaks: dict[str, float] = {}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK_EVERY):
            peaks["own"] = max(peaks.get("own", 0.0), _peak(process))
            peaks["started"] = max(peaks.get("started", 0.0), *map(_peak, _children(process)), 0.0)

    watcher = threading.Thread(target=watch, daemon=True)
    if look:
        watcher.start()
    try:
        yield peaks
    finally:
        done.set()
        if look:
            watcher.join()


def _children(process: int) -> list[int]:
    """The processes that a process has started, and what these have."""
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text("ascii").split()]
    except OSError:
        return []
    return [*children, *(later for child in children for later in _children(child))]


def _peak(process: int) -> float:
    """The most memory that a process has held so far, in MB; 0 for one that is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text("ascii", errors="replace")
    except OSError:
        return 0.0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)
    return int(found[1]) / 1024 if found else 0.0


def to_json(run: Run) -> dict[str, Any]:
    return {
        "seconds": round(run.seconds, 3),
        "processor": round(run.processor, 3),
        "calls": dict(run.calls),
        **({"peaks": dict(run.peaks)} if run.peaks else {}),
    }
