# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals that ask a module to stop: they end a read or a wait at once, and a write once it is answered.

Between the calls a signal is only noted, and the next call is not made: nothing is cut off in the middle, neither a
decision nor a file. What ends the run is an AwsError like any other, so that it tells what was changed before it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, TypeVar

from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Interrupted

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ANSWER_WITHIN = 5.0
"""For how many seconds a write that is under way is waited for."""

_READ = "read"
_WRITE = "write"
_AT_ONCE = b"Stopped at once by a second signal. What was under way may have been done. Run again.\n"


class _Stop(BaseException):
    """Raised in the middle of a call. Not an Exception, so that nothing on the way takes it for a failed request."""


class _Stopped(Exception):
    """That came out of the call."""

    def __init__(self, *, begun: bool) -> None:
        super().__init__()
        self.begun = begun


class _Watch:
    """What signals have come, and what the main thread is about: signals reach no other one."""

    def __init__(self) -> None:
        self.noted = ""
        self.ended: Interrupted | None = None
        self._doing = ""

    def note(self, number: int, _frame: FrameType | None) -> None:
        """The handler of the signals."""
        if self.noted:
            # Whoever asks twice does not want to wait.
            os.write(2, _AT_ONCE)
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self.noted = signal.Signals(number).name
        if self._doing == _READ:
            raise _Stop
        if self._doing == _WRITE:
            signal.setitimer(signal.ITIMER_REAL, ANSWER_WITHIN)

    def expire(self, _number: int, _frame: FrameType | None) -> None:
        """The handler of the end of patience."""
        if self._doing == _WRITE:
            raise _Stop

    def carry_out(self, do: Callable[[], T], *, reads: bool) -> T:
        """:raises _Stopped: where it was not done, or not to the end."""
        if threading.current_thread() is not threading.main_thread():
            return do()
        begun = False
        try:
            self._doing = _READ if reads else _WRITE
            try:
                if self.noted:
                    raise _Stop
                begun = True
                answer = do()
            finally:
                self._doing = ""
                if self.noted:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            if reads and self.noted:
                # Swallowed on the way, as by a destructor.
                raise _Stop
        except _Stop:
            self._doing = ""
            raise _Stopped(begun=begun) from None
        return answer


_watch = _Watch()
_own_process = True


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Handle the signals inside. One that is ignored, as by nohup, stays ignored."""
    global _watch
    if not _own_process or threading.current_thread() is not threading.main_thread():
        yield
        return
    _watch = watch = _Watch()
    wanted = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before: dict[int, Any] = {number: signal.signal(number, watch.note) for number in wanted}
    before[signal.SIGALRM] = signal.signal(signal.SIGALRM, watch.expire)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        _watch = _Watch()


@contextlib.contextmanager
def left_to_the_process() -> Iterator[None]:
    """Let a module that runs inside leave the signals to those whose process it is."""
    global _own_process
    _own_process = False
    try:
        yield
    finally:
        _own_process = True


def carried_out(do: Callable[[], T], *, asked: str, reads: bool) -> T:
    """What a call answers.

    :param asked: what it is for, to follow "before it could".
    :param reads: whether it changes nothing.
    :raises Interrupted: where a signal has asked to stop.
    """
    try:
        return _watch.carry_out(do, reads=reads)
    except _Stopped as stopped:
        raise stopping(asked, sent=stopped.begun and not reads) from None


def stopping(asked: str, *, sent: bool = False) -> Interrupted:
    """What is to be raised where nothing more is begun.

    :param asked: what is not done, to follow "before it could".
    :param sent: whether it is a write that had no answer yet.
    """
    _watch.ended = Interrupted(_watch.noted, asked, sent=sent)
    return _watch.ended


def wait(seconds: float) -> None:
    """Wait, not to the end where a signal asks to stop: the call that follows is not made then."""
    with contextlib.suppress(_Stopped):
        _watch.carry_out(lambda: time.sleep(seconds), reads=True)


def noted() -> str:
    """The signal that has asked to stop; empty where none has."""
    return _watch.noted


def ended() -> Interrupted | None:
    """What has ended a call, or kept one from being made."""
    return _watch.ended
