# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import gc
import itertools
import os
import signal
import threading
import time
import traceback
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.aws import fleet, interruption
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Interrupted, NotPermitted, Unreachable
from ansible_collections.sealed.s3.plugins.module_utils.aws.fleet import Listed, Once, each, list_buckets
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session
from ansible_collections.sealed.s3.tests.unit.fake_aws import OTHER_ACCOUNT, REGION, FakeAws, Fault

ELSEWHERE = "ap-south-1"
CREATED = "2026-11-01T00:00:00+00:00"
PATIENCE = 10.0
"""Seconds after which a thread that does not come is taken for one that never will."""


@pytest.fixture
def aws() -> FakeAws:
    fake = FakeAws()
    for number in range(7):
        fake.add_bucket(f"logs-{number}", region=ELSEWHERE if number % 2 else REGION)
    fake.add_bucket("uploads-1")
    fake.add_bucket("somebody-elses", owner=OTHER_ACCOUNT)
    return fake


@pytest.fixture
def session(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setattr(Session, "_make", lambda _self, service, region, *_more: aws.client(service, region))
    return Session({"region": REGION})


def names(found: Iterator[Listed]) -> list[str]:
    return [one.name for one in found]


# --- list_buckets ---


def test_every_page_is_read(aws: FakeAws, session: Session) -> None:
    aws.page = 3
    found = list(list_buckets(session))
    assert [one.name for one in found] == [*(f"logs-{number}" for number in range(7)), "uploads-1"]
    assert found[1] == Listed("logs-1", ELSEWHERE, CREATED)
    assert [given.get("ContinuationToken") for given in aws.parameters_of("ListBuckets")] == [None, "logs-2", "logs-5"]
    assert {given["MaxBuckets"] for given in aws.parameters_of("ListBuckets")} == {1000}


def test_pages_are_read_as_they_are_needed(aws: FakeAws, session: Session) -> None:
    aws.page = 1
    assert next(list_buckets(session)).name == "logs-0"
    assert aws.calls == ["ListBuckets"]


def test_a_prefix_is_left_to_s3_and_checked(aws: FakeAws, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names(list_buckets(session, prefix="up")) == ["uploads-1"]
    assert aws.parameters_of("ListBuckets") == [{"MaxBuckets": 1000, "Prefix": "up"}]
    # A service that does not know the parameter tells all.
    monkeypatch.setattr(aws, "_list_buckets", lambda _given: {"Buckets": [{"Name": "logs-1"}, {"Name": "uploads-1"}]})
    assert names(list_buckets(session, prefix="up")) == ["uploads-1"]
    assert list(list_buckets(session)) == [Listed("logs-1"), Listed("uploads-1")]


def test_one_region_is_asked_for_at_its_own_endpoint(aws: FakeAws, session: Session) -> None:
    assert names(list_buckets(session, regions=[ELSEWHERE])) == ["logs-1", "logs-3", "logs-5"]
    assert aws.parameters_of("ListBuckets") == [{"MaxBuckets": 1000, "BucketRegion": ELSEWHERE}]
    assert aws.made[-1] == ("s3", ELSEWHERE)


def test_several_regions_are_told_apart_here(aws: FakeAws, session: Session) -> None:
    aws.add_bucket("far-away", region="us-east-1")
    assert "far-away" not in names(list_buckets(session, regions=(ELSEWHERE, REGION)))
    assert "far-away" in names(list_buckets(session))
    assert "BucketRegion" not in aws.parameters_of("ListBuckets")[0]
    assert set(aws.made) == {("s3", REGION)}


def test_a_service_that_does_not_say_the_region_may_have_it_in_any(
    aws: FakeAws, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "_list_buckets", lambda _given: {"Buckets": [{"Name": "old"}]})
    assert list(list_buckets(session, regions=[ELSEWHERE, REGION])) == [Listed("old")]


def test_no_buckets_are_no_buckets(aws: FakeAws, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "_list_buckets", lambda _given: {})
    assert list(list_buckets(session)) == []


@pytest.mark.parametrize(
    ("knows", "given"),
    [
        (None, {}),
        ((), {}),
        (("ContinuationToken", "MaxBuckets"), {"MaxBuckets": 1000}),
        (("ContinuationToken", "MaxBuckets", "Prefix"), {"MaxBuckets": 1000, "Prefix": "lo"}),
    ],
)
def test_an_older_botocore_is_given_what_it_knows(knows: tuple[str, ...] | None, given: dict[str, Any]) -> None:
    """Botocore 1.35 came to know these one by one, and refuses a request with what it does not know."""
    asked: list[dict[str, Any]] = []

    def answer(**parameters: Any) -> dict[str, Any]:
        asked.append(parameters)
        return {"Buckets": [{"Name": "logs"}, {"Name": "uploads"}]}

    shape = None if knows is None else SimpleNamespace(members=dict.fromkeys(knows))
    model = SimpleNamespace(operation_model=lambda _name: SimpleNamespace(input_shape=shape), service_name="s3")
    client = SimpleNamespace(list_buckets=answer, meta=SimpleNamespace(service_model=model))
    old: Any = SimpleNamespace(s3=client)
    assert list(list_buckets(old, prefix="lo", regions=[REGION])) == [Listed("logs")]
    assert asked == [given]


def test_buckets_that_may_not_be_listed_are_told_of(aws: FakeAws, session: Session) -> None:
    aws.fail("ListBuckets", Fault("AccessDenied", "no", 403))
    with pytest.raises(NotPermitted, match="Not permitted to list the buckets: s3:ListAllMyBuckets is denied"):
        list(list_buckets(session))


# --- each ---


def test_while_one_rests_another_is_worked_on() -> None:
    begun = threading.Barrier(3)

    def work(number: int) -> int:
        if number < 2:
            # Two of them rest until the third has begun, in the only place there is.
            fleet.rest(begun.wait)  # type: ignore[arg-type]
        else:
            begun.wait(PATIENCE)
        return number

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", lambda wait: wait(PATIENCE))
        assert sorted(each(work, range(3), threads=1, resting=2)) == [0, 1, 2]


def test_no_more_are_worked_on_than_there_are_places() -> None:
    at_work, most = threading.Semaphore(2), []

    def work(_number: int) -> None:
        most.append(at_work.acquire(blocking=False))
        time.sleep(0.001)
        at_work.release()
        fleet.rest(0.001)

    assert len(list(each(work, range(30), threads=2, resting=6))) == 30
    assert all(most)


def test_each_item_is_worked_on_once_and_all_come_out() -> None:
    assert sorted(each(lambda number: number * number, range(100), threads=4)) == [n * n for n in range(100)]
    assert list(each(str, [], threads=4)) == []


def test_what_is_done_first_comes_out_first() -> None:
    rest = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert rest.wait(PATIENCE)
        return number

    results = each(work, range(5), threads=2)
    early = list(itertools.islice(results, 4))
    assert sorted(early) == [1, 2, 3, 4]
    rest.set()
    assert list(results) == [0]


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_no_more_are_taken_than_can_be_worked_on_soon(threads: int) -> None:
    taken = handed = most = working = 0
    lock = threading.Lock()

    def items() -> Iterator[int]:
        nonlocal taken, most
        for number in range(200):
            taken += 1
            most = max(most, taken - handed)
            yield number

    at_once: list[int] = []

    def work(number: int) -> int:
        nonlocal working
        with lock:
            working += 1
            at_once.append(working)
        with lock:
            working -= 1
        return number

    for _result in each(work, items(), threads=threads):
        handed += 1
    assert handed == 200
    assert most <= 2 * threads
    assert max(at_once) <= threads


def test_as_many_are_worked_on_at_a_time_as_there_are_threads() -> None:
    together = threading.Barrier(6, timeout=PATIENCE)
    assert len(list(each(lambda _number: together.wait(), range(12), threads=6))) == 12


def test_what_the_work_raises_comes_out_as_it_is_and_ends_it() -> None:
    """Also what is no AwsError: a mistake in the code is neither swallowed nor waited for."""
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise ZeroDivisionError("a mistake")
        return number

    with pytest.raises(ZeroDivisionError, match="a mistake") as caught:
        list(each(work, range(10_000), threads=2))
    assert "in work" in "".join(traceback.format_exception(caught.value))
    assert len(begun) < 100
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sealed-s3")]


def test_what_the_items_raise_comes_out_too() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise Unreachable("no more pages")

    with pytest.raises(Unreachable, match="no more pages"):
        list(each(str, items(), threads=2))


@pytest.mark.parametrize("ending", [None, KeyboardInterrupt, RuntimeError])
def test_who_stops_early_leaves_nothing_behind(ending: type[BaseException] | None) -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        return number

    with (
        contextlib.suppress(KeyboardInterrupt, RuntimeError),
        contextlib.closing(each(work, range(10_000), threads=2)) as results,
    ):
        next(results)
        if ending is not None:
            raise ending
    there = len(begun)
    assert there <= 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sealed-s3")]
    assert len(begun) == there


def test_what_waits_is_not_begun_after_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes while the results are waited for."""
    begun: list[int] = []
    release = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        assert release.wait(PATIENCE)
        return number

    def interrupted(*_args: Any, **_given: Any) -> Any:
        release.set()
        raise KeyboardInterrupt

    monkeypatch.setattr(fleet, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(each(work, range(100), threads=2))
    assert len(begun) <= 4


def come() -> None:
    """A signal comes."""
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("cancels", [True, False])
def test_what_has_begun_when_a_signal_comes_is_finished_and_told(
    monkeypatch: pytest.MonkeyPatch, cancels: bool
) -> None:
    if not cancels:
        # Each has its thread, and waits for its place.
        monkeypatch.setattr(Future, "cancel", lambda _future: False)
    begun: list[int] = []
    told: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 3:
            come()
            while not interruption.noted():
                time.sleep(0.001)
        return number

    with (
        interruption.handled(),
        pytest.raises(Interrupted, match=r"^Interrupted by SIGTERM before it could begin"),
    ):
        told.extend(each(work, range(100), threads=2))
    assert 3 in told
    assert sorted(told) == sorted(begun)
    assert len(begun) < 100


def test_a_signal_that_comes_once_all_have_begun_is_too_late() -> None:
    begun = threading.Barrier(2)

    def work(number: int) -> int:
        begun.wait(PATIENCE)
        if number == 0:
            come()
        return number

    with interruption.handled():
        assert sorted(each(work, range(2), threads=2)) == [0, 1]


def test_who_rests_alone_rests_no_longer_than_until_a_signal() -> None:
    threading.Timer(0.05, come).start()
    start = time.monotonic()
    with interruption.handled():
        fleet.rest(PATIENCE)
    assert time.monotonic() - start < PATIENCE


def test_results_are_not_kept() -> None:
    class Result:
        pass

    alive: weakref.WeakSet[Result] = weakref.WeakSet()
    most = [0]

    def work(_number: int) -> Result:
        result = Result()
        alive.add(result)
        most[0] = max(most[0], len(alive))
        return result

    for result in each(work, range(500), threads=4):
        del result
        # Longer than the others take, so that as many are done as can be.
        time.sleep(0.0005)
    assert most[0] <= 2 * 4


# --- Once ---


def test_each_question_is_answered_once() -> None:
    once, asked = Once(), []

    def find() -> str:
        asked.append(1)
        return f"answer {len(asked)}"

    assert [once(("key", "a"), find), once(("key", "a"), find), once(("key", "b"), find)] == [
        "answer 1",
        "answer 1",
        "answer 2",
    ]
    nothing: list[None] = []
    assert (once("none", lambda: nothing.append(None)), once("none", lambda: nothing.append(None))) == (None, None)
    assert len(nothing) == 1


@pytest.mark.parametrize("fails", [False, True])
def test_who_asks_at_the_same_time_waits_for_the_first(fails: bool) -> None:
    once, asked = Once(), []
    others = threading.Event()

    def find() -> int:
        asked.append(1)
        assert others.wait(PATIENCE)
        if fails:
            raise Unreachable("no answer")
        return 7

    def ask(number: int) -> Any:
        if number == 7:
            others.set()
        try:
            return once("question", find)
        except Unreachable as error:
            return str(error)

    assert list(each(ask, range(8), threads=8)) == ["no answer" if fails else 7] * 8
    assert len(asked) == 1


@pytest.mark.parametrize("kind", [Unreachable, ZeroDivisionError, SystemExit, KeyboardInterrupt])
def test_a_failure_is_remembered_whatever_it_is(kind: type[BaseException]) -> None:
    once, asked = Once(), []

    def find() -> None:
        asked.append(1)
        raise kind("because")

    for _time in range(3):
        with pytest.raises(kind, match="because") as caught:
            once("question", find)
        assert "in find" in "".join(traceback.format_exception(caught.value))
    assert len(asked) == 1


def test_a_failure_keeps_nothing_of_those_that_it_is_told() -> None:
    """Thousands of buckets may wait for one key, each with its policy at hand."""

    class Policy:
        pass

    once, alive = Once(), weakref.WeakSet()  # type: ignore[var-annotated]

    def find() -> None:
        raise Unreachable("throttled")

    def ask() -> None:
        policy = Policy()
        alive.add(policy)
        once("question", find)

    for _number in range(50):
        with contextlib.suppress(Unreachable):
            ask()
    gc.collect()
    # That of the one who asked first, and of the last.
    assert len(alive) <= 2
