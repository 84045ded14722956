# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that run in processes of their own, which signals can be sent to."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import groups
from stage import given_to_a_module

# No answer of a call that is held is too late.
AWS_CONFIG = {"connect_timeout": 5, "read_timeout": 60, "retries": {"mode": "standard", "total_max_attempts": 3}}
PATIENCE = 30.0
_POLL = 0.005
_END_WITHIN = 10.0


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    :ivar code: its exit code; -9 where SIGKILL ended it.
    """

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """What the module told Ansible; empty where it told nothing."""
        try:
            told: dict[str, Any] = json.loads(self.out)
        except ValueError:
            return {}
        return told

    @property
    def msg(self) -> str:
        return str(self.result.get("msg", ""))

    @property
    def succeeded(self) -> bool:
        return bool(self.result) and not self.result.get("failed")


class Processes:
    """Starts modules, for the time of a ``with`` block."""

    def __enter__(self) -> Processes:
        self._asking = threading.Lock()
        self._forking = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forking.py")), json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is for those who asked for it.
            start_new_session=True,
        )
        return self

    def __exit__(self, *_failure: object) -> None:
        # At the end of its input it kills what it has started and ends.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._forking.communicate(timeout=_END_WITHIN)
        self._forking.kill()
        self._forking.communicate()

    def ask(self, order: Mapping[str, Any]) -> Any:
        """Give an order to the program that forks."""
        assert self._forking.stdin is not None
        assert self._forking.stdout is not None
        with self._asking:
            with contextlib.suppress(BrokenPipeError):
                print(json.dumps(order), file=self._forking.stdin, flush=True)
            answer = self._forking.stdout.readline()
        if not answer:
            raise RuntimeError(f"The program that forks has ended with {self._forking.wait(_END_WITHIN)}")
        return json.loads(answer)

    def start(self, name: str, endpoint: str, options: Mapping[str, Any]) -> Running:
        """Start a module."""
        return Running(self, name, given_to_a_module(endpoint, {"aws_config": AWS_CONFIG, **options}))

    def run(self, name: str, endpoint: str, options: Mapping[str, Any]) -> Ended:
        """Run a module to its end."""
        return self.start(name, endpoint, options).ended()


class Running:
    """A module that runs."""

    def __init__(self, processes: Processes, name: str, given: Mapping[str, Any]) -> None:
        self._processes = processes
        self._folder = tempfile.TemporaryDirectory(prefix="sealed-s3-module-")
        self._id: int = processes.ask({"run": name, "given": given, "folder": self._folder.name})
        self._code: int | None = None

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to it; whether it was still there to be struck."""
        if self.ends_within(0.0):
            return False
        os.kill(self._id, number)
        return True

    def ends_within(self, seconds: float) -> bool:
        """Wait until it ends, no longer than that."""
        deadline = time.monotonic() + seconds
        while self._code is None:
            self._code = self._processes.ask({"ended": self._id})
            if time.monotonic() >= deadline:
                break
            time.sleep(_POLL)
        return self._code is not None

    def leaves_something_behind(self) -> bool:
        """Whether something of its process group has lived on. It is killed."""
        return groups.send(self._id, signal.SIGKILL)

    def ended(self) -> Ended:
        """How it ended. One that does not end is killed."""
        if not self.ends_within(PATIENCE):
            os.kill(self._id, signal.SIGKILL)
            self.ends_within(PATIENCE)
        folder = Path(self._folder.name)
        told = Ended(self._code or 0, *(_text(folder / name) for name in ("out", "err")))
        self._folder.cleanup()
        return told


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
