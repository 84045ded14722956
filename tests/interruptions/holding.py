# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gate in front of LocalStack that counts the calls, and holds the chosen one, so that a signal strikes meanwhile."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from gate import Call, Counting, answer_with, reset
from proxy import ask, body_of

# When a call is held.
ARRIVED = "arrived"
CARRIED_OUT = "carried out"
# Seconds after which a call is let go whatever happens.
_AT_MOST = 60.0


class Holding(Counting):
    """Holds a call: before it is passed on, or its answer.

    :ivar reached: the call is held.
    :ivar overdue: it was held for so long that it was let go before anybody said so.
    :ivar buckets: those of which a call has come.
    :ivar late: those of which the first came after the held call was let go.
    :ivar after_each: is told of each call once it is carried out, before it is answered.
    """

    def __init__(self, endpoint: str) -> None:
        self.after_each: Callable[[Call], None] | None = None
        self._held: tuple[str, int] | None = None
        self._moment = ""
        self._passes = True
        self.overdue = False
        self.buckets: set[str] = set()
        self.late: set[str] = set()
        self.reached = threading.Event()
        self._go = threading.Event()
        super().__init__(endpoint)

    def __enter__(self) -> Holding:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.let_go(passes=False)
        self.close()

    def open(self) -> None:
        """Count anew, and hold nothing."""
        self.let_go(passes=False)
        self._held = None
        self.buckets, self.late = set(), set()
        self.count_anew()

    def hold(self, call: Call, moment: str) -> None:
        """Count anew, and hold this call once it comes."""
        self.open()
        self.reached = threading.Event()
        self._go = threading.Event()
        self._passes = True
        self.overdue = False
        self._moment = moment
        self._held = (call.operation, call.number)

    def let_go(self, *, passes: bool = True) -> None:
        """Let the call go on.

        :param passes: whether it is passed on, or answered; else its connection ends.
        """
        self._passes = passes
        self._go.set()

    def pass_on(self, request: BaseHTTPRequestHandler) -> None:
        """Send a request on, and its answer back."""
        body = body_of(request)
        call = self.counted(request, body)
        self._note_bucket(request.path)
        held = self._held == (call.operation, call.number)
        # Who asked may be gone meanwhile.
        with contextlib.suppress(OSError, HTTPException):
            if held and self._moment == ARRIVED and not self._waited():
                reset(request)
                return
            answer = ask(self.upstream, request, body)
            if self.after_each is not None:
                self.after_each(call)
            if held and self._moment == CARRIED_OUT and not self._waited():
                reset(request)
                return
            answer_with(request, answer)

    def _note_bucket(self, path: str) -> None:
        """:param path: of a call of S3 it begins with the bucket."""
        bucket = urlsplit(path).path.split("/")[1]
        if bucket and bucket not in self.buckets:
            self.buckets.add(bucket)
            if self._held is not None and self._go.is_set():
                self.late.add(bucket)

    def _waited(self) -> bool:
        go = self._go
        self.reached.set()
        self.overdue = not go.wait(_AT_MOST)
        return self._passes
