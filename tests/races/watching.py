# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates in front of LocalStack that write down who read and wrote which policy in which order, and let others act."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler
from typing import Any

from foreign import Policy, of_others
from gate import Call, Counting, answer_with, reset
from proxy import Answer, ask, body_of
from stage import Clock

# What else takes its time.
WAIT, FILE = "a wait", "a file"
READ = "GetBucketPolicy"
# SlowDown and OperationAborted.
TURNED_AWAY = (503, 409)
WRITES = ("PutBucketPolicy", "DeleteBucketPolicy")


@dataclass(frozen=True)
class Entry:
    """A call that was answered, or what else took its time.

    :ivar who: whose it was.
    :ivar policy: that was read, or that is there after a write.
    :ivar passed: whether it was carried out and succeeded; a read of no policy does, too.
    :ivar turned_away: whether it was surely not carried out.
    """

    who: str
    operation: str
    policy: Policy = None
    passed: bool = True
    turned_away: bool = False

    @property
    def writes(self) -> bool:
        return self.operation in WRITES

    @property
    def changes(self) -> bool:
        """Whether it is to change anything."""
        return self.operation in (*WRITES, "PutBucketEncryption")


class Ledger:
    """All calls in the order in which they were carried out.

    :ivar lock: held while one that concerns a policy is carried out, so that there is an order.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.entries: list[Entry] = []

    def begin(self) -> None:
        """Forget all."""
        with self.lock:
            self.entries = []

    def note(self, entry: Entry) -> None:
        with self.lock:
            self.entries.append(entry)

    def of(self, who: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.who == who]

    def windows(self, who: str) -> Iterator[tuple[Entry | None, Entry]]:
        """Each write of somebody, with the call of theirs right before it."""
        last = None
        for entry in self.of(who):
            if entry.writes:
                yield last, entry
            last = entry

    def untold(self, who: str, told: Mapping[str, Any]) -> Iterator[str]:
        """Where a result of somebody does not tell what they did.

        :param told: the result.
        """
        read = self.read_before_writing(who)
        if read is not None and told.get("previous_policy") != read.policy:
            yield f"{who}: previous_policy is not what was read last before the write"
        sent = [entry for entry in self.of(who) if entry.changes and not entry.turned_away]
        changed = any(entry.passed for entry in sent)
        # Of what failed in another way it may believe that it came through.
        if bool(told.get("changed")) != changed and (changed or not sent):
            yield f"{who}: changed is {told.get('changed')}, and it has {'' if changed else 'not '}changed something"

    def read_before_writing(self, who: str) -> Entry | None:
        """The last read of somebody before what may be their first write; None where there is no such write."""
        read = None
        for entry in self.of(who):
            if entry.writes and not entry.turned_away:
                return read
            if entry.operation == READ:
                read = entry
        return None

    def impure(self, who: str) -> Iterator[str]:
        """Where a write is anything but what was read right before it, with another guard."""
        for last, write in self.windows(who):
            if last is None or last.operation != READ or not last.passed:
                yield f"{who}: {write.operation} follows {last.operation if last else 'nothing'}, and not a read"
            elif of_others(last.policy) != of_others(write.policy):
                yield f"{who}: {write.operation} does not write the statements of others as they were read"


class Watched(Counting):
    """A gate for one who is to be watched.

    :ivar before: told of each call before it is carried out; what it returns is answered instead.
    :ivar after: told of each call with its answer; what it returns is answered instead, None resets the connection.
    :ivar failed: what they have raised; see :meth:`check`.
    """

    def __init__(self, endpoint: str, who: str, ledger: Ledger) -> None:
        self.who = who
        self.ledger = ledger
        self.failed: list[Exception] = []
        self.open()
        super().__init__(endpoint)

    def open(self) -> None:
        """From now on, only watch."""
        self.before: Callable[[Call], Answer | None] = lambda _call: None
        self.after: Callable[[Call, Answer], Answer | None] = lambda _call, answer: answer

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.close()

    def pass_on(self, request: BaseHTTPRequestHandler) -> None:
        """Carry a call out, and write it down."""
        body = body_of(request)
        call = self.counted(request, body)
        try:
            instead = self.before(call)
            with self.ledger.lock if call.operation in (READ, *WRITES) else contextlib.nullcontext():
                answer = instead or ask(self.upstream, request, body)
                self.ledger.note(self._entry(call, body, answer))
            told = self.after(call, answer)
            if told is None:
                reset(request)
            else:
                answer_with(request, told)
        except (OSError, HTTPException):
            # Who asked may be gone meanwhile.
            pass
        except Exception as error:
            # The server would print it, and who asked take it for a failure of the network.
            self.failed.append(error)
            raise

    def check(self) -> None:
        """:raises RuntimeError: where what is done at a call has failed."""
        if self.failed:
            raise RuntimeError(f"What is done at a call of {self.who} has failed") from self.failed[0]

    def _entry(self, call: Call, body: bytes, answer: Answer) -> Entry:
        passed = answer.status < 300
        policy = None
        if call.operation == READ:
            policy = json.loads(answer.content) if passed else None
            passed = passed or answer.status == 404
        elif call.operation == "PutBucketPolicy":
            policy = json.loads(body)
        return Entry(self.who, call.operation, policy, passed, answer.status in TURNED_AWAY)


def error(status: int, code: str) -> Answer:
    """An answer of S3 that refuses."""
    text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>Injected.</Message></Error>"
    return Answer(status, {"Content-Type": "application/xml"}, text.encode(), None)


class Schedule(Clock):
    """A clock by which things happen while somebody waits.

    :param told: is told of each wait.
    """

    def __init__(self, told: Callable[[], None]) -> None:
        super().__init__()
        self._told = told
        self._coming: list[tuple[float, Callable[[], None]]] = []

    def begin(self) -> None:
        """Nothing is to happen any more."""
        self._coming = []

    def at(self, moment: float, happen: Callable[[], None]) -> None:
        """Let it happen when the clock comes to the moment, before who waits goes on."""
        self._coming.append((moment, happen))

    def sleep(self, seconds: float) -> None:
        self._told()
        end = self.waited + seconds
        for due in sorted((one for one in self._coming if one[0] <= end), key=lambda one: one[0]):
            self._coming.remove(due)
            self.waited = max(self.waited, due[0])
            due[1]()
        self.waited = end
