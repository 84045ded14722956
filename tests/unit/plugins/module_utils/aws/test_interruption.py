# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals come between calls, in the middle of a read, of a write and of a wait."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.aws import interruption
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Interrupted, may_have_come_through

LONG = 30.0
BEFORE = {number: signal.getsignal(number) for number in (*interruption.SIGNALS, signal.SIGALRM)}


@pytest.fixture(autouse=True)
def handlers_are_put_back() -> Iterator[None]:
    yield
    assert {number: signal.getsignal(number) for number in BEFORE} == BEFORE
    assert not interruption.noted()


def come(number: signal.Signals = signal.SIGTERM) -> str:
    os.kill(os.getpid(), number)
    return "an answer"


def read(do: Callable[[], str] = come) -> str:
    return interruption.carried_out(do, asked="read the policy of bucket a", reads=True)


def write(do: Callable[[], str] = come) -> str:
    return interruption.carried_out(do, asked="write the policy of bucket a", reads=False)


@pytest.mark.parametrize("number", interruption.SIGNALS)
def test_a_call_that_follows_a_signal_is_not_made(number: signal.Signals) -> None:
    made: list[str] = []

    def make() -> str:
        made.append("a call")
        return "an answer"

    with interruption.handled():
        come(number)
        assert interruption.noted() == number.name
        for call in (read, write):
            with pytest.raises(Interrupted, match=rf"^Interrupted by {number.name} before it could .* of bucket a\.$"):
                call(make)
    assert not made


def test_a_read_is_ended_at_once() -> None:
    def slow() -> str:
        threading.Timer(0.05, come).start()
        time.sleep(LONG)
        return "an answer"

    start = time.monotonic()
    with interruption.handled(), pytest.raises(Interrupted, match="before it could read") as caught:
        read(slow)
    assert time.monotonic() - start < LONG / 2
    assert not may_have_come_through(caught.value)


def test_nothing_on_the_way_takes_it_for_a_failed_request() -> None:
    def tried_again() -> str:
        for _attempt in range(3):
            try:
                return come()
            except Exception:
                continue
        return "no answer"

    with interruption.handled(), pytest.raises(Interrupted):
        read(tried_again)


def test_what_is_swallowed_ends_the_read_all_the_same() -> None:
    def swallowed() -> str:
        with contextlib.suppress(BaseException):
            come()
        return "an answer"

    with interruption.handled(), pytest.raises(Interrupted):
        read(swallowed)


def test_a_write_is_waited_for_and_nothing_follows_it() -> None:
    with interruption.handled():
        assert write() == "an answer"
        assert interruption.ended() is None
        with pytest.raises(Interrupted, match="before it could read") as caught:
            read()
        assert interruption.ended() is caught.value
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_write_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "ANSWER_WITHIN", 0.05)

    def slow() -> str:
        come()
        time.sleep(LONG)
        return "an answer"

    with interruption.handled(), pytest.raises(Interrupted, match="in the attempt to write the policy") as caught:
        write(slow)
    assert may_have_come_through(caught.value)


def test_the_end_of_patience_concerns_no_other_call() -> None:
    with interruption.handled():
        os.kill(os.getpid(), signal.SIGALRM)
        assert read(lambda: "an answer") == "an answer"


def test_a_wait_ends_early() -> None:
    threading.Timer(0.05, come).start()
    start = time.monotonic()
    with interruption.handled():
        interruption.wait(LONG)
        assert interruption.noted() == "SIGTERM"
        interruption.wait(LONG)
        # It is for the call that follows to say so.
        assert interruption.ended() is None
    assert time.monotonic() - start < LONG / 2


def test_other_threads_finish_what_they_have_begun() -> None:
    answers: list[str] = []
    with interruption.handled():
        come()
        thread = threading.Thread(target=lambda: answers.append(read(lambda: "an answer")))
        thread.start()
        thread.join()
    assert answers == ["an answer"]


def test_another_thread_does_not_handle_signals() -> None:
    found: list[object] = []

    def look() -> None:
        with interruption.handled():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [BEFORE[signal.SIGTERM]]


def test_in_a_process_of_others_the_signals_are_theirs() -> None:
    with interruption.left_to_the_process(), interruption.handled():
        assert signal.getsignal(signal.SIGTERM) == BEFORE[signal.SIGTERM]
    with interruption.handled():
        assert signal.getsignal(signal.SIGTERM) != BEFORE[signal.SIGTERM]


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruption.handled():
            come(signal.SIGHUP)
            assert not interruption.noted()
    finally:
        signal.signal(signal.SIGHUP, BEFORE[signal.SIGHUP])


def test_a_handler_that_is_not_of_python_becomes_the_default_one(monkeypatch: pytest.MonkeyPatch) -> None:
    put: list[object] = []

    def put_handler(_number: int, handler: object) -> None:
        put.append(handler)

    monkeypatch.setattr(signal, "signal", put_handler)
    with interruption.handled():
        pass
    assert put[len(put) // 2 :] == [signal.SIG_DFL] * (len(put) // 2)


def test_a_second_signal_has_its_default_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[bytes] = []
    killed: list[int] = []
    with interruption.handled():
        come()
        monkeypatch.setattr(os, "write", lambda _descriptor, text: said.append(text))
        monkeypatch.setattr(os, "kill", lambda _process, number: killed.append(number))
        signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    assert said == [interruption._AT_ONCE]
    assert killed == [signal.SIGINT]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_it_at_once(number: signal.Signals) -> None:
    code = """
import signal, sys, time
from ansible_collections.sealed.s3.plugins.module_utils.aws import interruption
def write():
    print("in the middle", flush=True)
    while True:
        time.sleep(0.01)
        if interruption.noted():
            print("noted", flush=True)
with interruption.handled():
    interruption.carried_out(write, asked="write", reads=False)
"""
    root = Path(interruption.__file__).absolute()
    path = next(str(folder.parent) for folder in root.parents if folder.name == "ansible_collections")
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((path, *sys.path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "in the middle\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "noted\n"
        process.send_signal(number)
        assert process.wait(LONG) == -number
        assert process.stderr.read() == interruption._AT_ONCE.decode()
