# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gate in front of LocalStack: counts the calls, and lets the chosen ones meet a fault.

Where microburst has the fault, the call is passed on by way of it; else the gate does it itself.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[2] / "molecule" / "shared"))

import groups
from environments import program
from kinds import CUT, LOST, SLOW, STALE, Fault
from localstack import free_port
from proxy import Answer, Board, Proxy, Rules, ask, body_of, operation, send

# For how long a read is stale, in seconds that were waited.
STALE_FOR = 2.0
_START_SECONDS = 20.0


@dataclass(frozen=True)
class Call:
    """A call as it came: which operation of which service, and how many of it have come."""

    service: str
    operation: str
    number: int

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.operation.startswith(("Get", "Head", "List", "Describe"))

    def __str__(self) -> str:
        return f"{self.operation} {self.number}"


@dataclass(frozen=True)
class Aim:
    """Which call meets which fault.

    :ivar lasting: all calls of the operation from this one on.
    """

    fault: Fault
    call: Call
    lasting: bool

    def meets(self, call: Call) -> bool:
        """Whether a call is meant."""
        if call.operation != self.call.operation:
            return False
        return call.number >= self.call.number if self.lasting else call.number == self.call.number


class Microbursts:
    """The proxy of that name, for the time of a ``with`` block: one for each fault, started when it is first needed."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._started: dict[str, Microburst] = {}
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> Microbursts:
        return self

    def __exit__(self, *_failure: object) -> None:
        self._ends.close()

    def of(self, fault: Fault) -> Microburst:
        """The one that injects a fault."""
        if fault.name not in self._started:
            self._started[fault.name] = self._ends.enter_context(Microburst(self._endpoint))
            self._started[fault.name].inject(fault)
        return self._started[fault.name]


class Microburst:
    """One of them, in an environment and a process of its own."""

    def __init__(self, endpoint: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [program("faults", "microburst"), "--upstream", endpoint, "--port", str(port), "--no-resign"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> Microburst:
        try:
            self._wait_until_it_answers()
        except BaseException:
            # Also where we are stopped meanwhile: what is not entered is not left.
            self._stop()
            raise
        return self

    def __exit__(self, *_failure: object) -> None:
        self._stop()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._control("GET", "health")
                return
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"microburst did not start: {error}") from error
                time.sleep(0.1)

    def _stop(self) -> None:
        # It keeps nothing, and asked to end it takes seconds.
        groups.send(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def inject(self, fault: Fault) -> None:
        """From now on, inject this fault."""
        self._control("POST", "rules", fault.microburst_rules())

    def _control(self, method: str, what: str, body: Any = None) -> None:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/_microburst/{what}", data, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=5):
            pass


class Counting(Proxy):
    """Counts the calls.

    :ivar seen: the calls since the last :meth:`count_anew`.
    """

    def __init__(self, endpoint: str) -> None:
        self._counting = threading.Lock()
        self.count_anew()
        super().__init__(endpoint, board=Board(Rules()), run=0)

    def count_anew(self) -> None:
        """Forget the calls so far."""
        self.seen: list[Call] = []
        self._numbers: Counter[str] = Counter()

    def counted(self, request: BaseHTTPRequestHandler, body: bytes) -> Call:
        """The call that a request is."""
        name = operation(request.command, request.path, request.headers, body)
        # AWS Signature Version 4: Credential=<access key>/<date>/<Region>/<service>/aws4_request.
        service = request.headers.get("Authorization", "").partition("/aws4_request")[0].rpartition("/")[2]
        with self._counting:
            self._numbers[name] += 1
            call = Call(service, name, self._numbers[name])
            self.seen.append(call)
        return call


class Gate(Counting):
    """The gate, open or with an aim.

    :param slow: how long a slow answer is held back, in seconds.
    :param now: the seconds that were waited so far; those that a module waits are not waited in truth.
    :ivar struck: how many of them met the fault.
    """

    def __init__(self, endpoint: str, microbursts: Microbursts, *, slow: float, now: Callable[[], float]) -> None:
        self.microbursts = microbursts
        self.slow = slow
        self.now = now
        self._over = threading.Event()
        self._set(None)
        super().__init__(endpoint)

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening, and hold back no answer any longer."""
        self._over.set()
        super().close()

    def set(self, aim: Aim | None) -> None:
        """Begin to count anew, and let what the aim says meet its fault."""
        self._over.set()
        self.count_anew()
        self._set(aim)

    def _set(self, aim: Aim | None) -> None:
        self._over = threading.Event()
        self.aim = aim
        self.struck = 0
        self._first: dict[str, Answer] = {}
        self._stale_since: float | None = None
        if aim is not None and not aim.fault.own:
            self._microburst = urlsplit(self.microbursts.of(aim.fault).url)

    def pass_on(self, request: BaseHTTPRequestHandler) -> None:
        """Let a call through, or let it meet the fault."""
        body = body_of(request)
        call = self.counted(request, body)
        aim = self.aim
        try:
            if aim is None or not self._meets(aim, call):
                answer = ask(self.upstream, request, body)
                self._first.setdefault(call.operation, answer)
                answer_with(request, answer)
            elif aim.fault.own:
                self._by_ourselves(aim.fault.own, request, body, call)
            else:
                self._by_microburst(aim.fault, request, body)
        except (OSError, http.client.HTTPException):
            reset(request)

    def _meets(self, aim: Aim, call: Call) -> bool:
        if aim.fault.own != STALE or aim.lasting:
            return aim.meets(call)
        # The same moment of the service for all reads, however many there are.
        if self._stale_since is None and aim.meets(call):
            self._stale_since = self.now()
        return (
            self._stale_since is not None
            and call.operation == aim.call.operation
            and self.now() < self._stale_since + STALE_FOR
        )

    def _by_microburst(self, fault: Fault, request: BaseHTTPRequestHandler, body: bytes) -> None:
        cuts = "response" in next(iter(fault.rules.values()))
        try:
            answer = ask(self._microburst, request, body)
        except (OSError, http.client.HTTPException):
            self.struck += 1
            raise
        self.struck += not cuts or bool(answer.content)
        answer_with(request, answer)

    def _by_ourselves(self, what: str, request: BaseHTTPRequestHandler, body: bytes, call: Call) -> None:
        answer = ask(self.upstream, request, body)
        if what == STALE:
            old = self._first.get(call.operation)
            self.struck += old is not None and old.content != answer.content
            answer_with(request, old or answer)
        elif what == CUT:
            self.struck += bool(answer.content)
            half = answer.content[: len(answer.content) // 2]
            send(request, answer.status, answer.headers, half, length=answer.length or str(len(answer.content)))
        else:
            self.struck += 1
            if what == SLOW:
                self._over.wait(self.slow)
            else:
                assert what == LOST
            reset(request)


def answer_with(request: BaseHTTPRequestHandler, answer: Answer) -> None:
    """Hand an answer on."""
    send(request, answer.status, answer.headers, answer.content, length=answer.length)


def reset(request: BaseHTTPRequestHandler) -> None:
    """End the connection as a crash does: with a reset."""
    request.close_connection = True
    # No lingering: what is not sent yet is thrown away.
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()
