# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of ours in processes of their own, which wait in truth."""

from __future__ import annotations

import contextlib
import importlib
import json
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import groups
from rounds import MERGED_AGAIN
from stage import Clock, Modules

_READY_WITHIN = 60.0
_ENDS_WITHIN = 120.0
_sleep = time.sleep


@dataclass(frozen=True)
class Ended:
    """How one ended.

    :ivar said: the sentence, where it failed with one.
    :ivar told: its result.
    :ivar crashed: how it ended otherwise; empty where it told its end as it is to.
    """

    said: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)
    crashed: str = ""
    interfered: bool = False


class Apart:
    """One of them, for the time of a ``with`` block; it leads a process group, all of which is killed at the end."""

    def __init__(self, module: str, url: str, options: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, sys.argv[0], "--writer", json.dumps([module, url, options])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, *_failure: object) -> None:
        groups.send(self._process.pid, signal.SIGKILL)
        # Nothing is asked of it any more, and nothing of its group holds its output open.
        self._process.communicate()

    def wait_until_ready(self) -> None:
        """Wait until it has loaded all. One that is not ready in time is killed; :meth:`ended` tells so."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], _READY_WITHIN)[0]:
            groups.send(self._process.pid, signal.SIGKILL)
        self._process.stdout.readline()

    def begin(self) -> None:
        """Let it begin."""
        assert self._process.stdin is not None
        # One that has died is told of by ended().
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def ended(self) -> Ended:
        """Wait for its end."""
        try:
            out, err = self._process.communicate(timeout=_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            groups.send(self._process.pid, signal.SIGKILL)
            return Ended(crashed=f"nothing: it was killed after {_ENDS_WITHIN:.0f} s")
        if groups.send(self._process.pid, signal.SIGKILL):
            return Ended(crashed="a process that it left behind")
        try:
            told = json.loads(out)
        except ValueError:
            told = None
        if told is None or self._process.returncode:
            return Ended(crashed=f"the exit code {self._process.returncode}, and said {out!r} and {err!r}")
        return Ended(told["msg"], told["told"], told["crashed"], told["interfered"])


class _TrueClock(Clock):
    """Of who waits in truth."""

    def sleep(self, seconds: float) -> None:
        _sleep(seconds)


def as_a_process(given: str) -> None:
    """One of ours in this process, which begins when it is told so."""
    module, url, options = json.loads(given)
    clock = _TrueClock()
    importlib.import_module(f"ansible_collections.sealed.s3.plugins.modules.{module}")
    print("ready", flush=True)
    sys.stdin.readline()
    ran = Modules(clock).run(module, url, options)
    said = ran.msg if ran.failed else ""
    told = {"msg": said, "told": ran.result, "crashed": ran.crashed, "interfered": MERGED_AGAIN in ran.output}
    print(json.dumps(told))
