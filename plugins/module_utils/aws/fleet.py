# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many buckets at once: list them, and work on a bounded number of them at a time.

How many requests a second are sent is left to botocore: its adaptive retry mode slows down while AWS throttles and
speeds up again (AWS SDKs and Tools Reference Guide, "Retry behavior"). Here it is only bounded how many are under way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any, TypeVar

from ansible_collections.sealed.s3.plugins.module_utils.aws import interruption
from ansible_collections.sealed.s3.plugins.module_utils.aws.call import call
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session

T = TypeVar("T")
R = TypeVar("R")

THREADS = 16
"""How many buckets are worked on at a time, unless somebody says otherwise."""
MOST_THREADS = 64

_PAGE = 1000


@dataclass(frozen=True)
class Listed:
    """A bucket as ListBuckets tells of it.

    :ivar region: None where the service does not say.
    :ivar created: ISO 8601; None where the service does not say.
    """

    name: str
    region: str | None = None
    created: str | None = None


def list_buckets(session: Session, *, prefix: str | None = None, regions: Collection[str] = ()) -> Iterator[Listed]:
    """ListBuckets, all pages: the caller's own buckets.

    :param prefix: only those whose names begin with it.
    :param regions: only those of these Regions; empty: of all.
    :raises AwsError: where they cannot be listed.
    """
    given: dict[str, Any] = {}
    # The parameters came to botocore one by one; with none of them S3 tells all buckets at once.
    shape = session.s3.meta.service_model.operation_model("ListBuckets").input_shape
    known = () if shape is None else shape.members
    if "MaxBuckets" in known:
        given["MaxBuckets"] = _PAGE
    if prefix and "Prefix" in known:
        given["Prefix"] = prefix
    if len(regions) == 1 and "BucketRegion" in known:
        # Amazon S3 API Reference, ListBuckets: BucketRegion is only taken at the endpoint of that Region.
        (given["BucketRegion"],) = regions
        session = session.in_region(given["BucketRegion"])
    while True:
        page = call(session.s3, "ListBuckets", asked="list the buckets", **given)
        for bucket in page.get("Buckets", []):
            region, created = bucket.get("BucketRegion"), bucket.get("CreationDate")
            if prefix and not bucket["Name"].startswith(prefix):
                continue
            if regions and region is not None and region not in regions:
                continue
            yield Listed(bucket["Name"], region, created.isoformat() if created is not None else None)
        if not page.get("ContinuationToken"):
            return
        given["ContinuationToken"] = page["ContinuationToken"]


def each(work: Callable[[T], R], items: Iterable[T], *, threads: int, resting: int = 0) -> Generator[R, None, None]:
    """What ``work`` makes of each item, as soon as it is done, in any order.

    No more than ``threads`` are worked on at a time, beside ``resting`` that wait in :func:`rest`. Few more are taken
    before they are asked for, so that memory does not grow with their number. What ``work`` raises comes out here and
    ends it. Who may stop earlier closes it (``contextlib.closing``): then nothing more is begun.

    :raises Interrupted: once what had begun is done, where a signal asked to stop and not all had begun.
    """
    coming = iter(items)
    places = threading.Semaphore(threads)

    def in_its_place(item: T) -> R:
        with places:
            if interruption.noted():
                raise _NotBegun
            _thread.places = places
            try:
                return work(item)
            finally:
                _thread.places = None

    with ThreadPoolExecutor(threads + resting, thread_name_prefix="sealed-s3") as pool:
        waiting: set[Future[R]] = set()
        left = False
        try:
            while True:
                if interruption.noted():
                    begun = {one for one in waiting if not one.cancel()}
                    left = left or len(begun) < len(waiting) or any(True for _item in coming)
                    waiting = begun
                room = 2 * threads + resting - len(waiting)
                waiting.update(pool.submit(in_its_place, item) for item in islice(coming, room))
                if not waiting and left:
                    raise interruption.stopping("begin with the others")
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                not_begun = {one for one in done if isinstance(one.exception(), _NotBegun)}
                left = left or bool(not_begun)
                done -= not_begun
                while done:
                    # Without a name, which would keep it until the next one.
                    yield done.pop().result()
        finally:
            # Also where this is closed early: what has begun is finished, what has not is not begun.
            pool.shutdown(wait=False, cancel_futures=True)


class _NotBegun(Exception):
    """A signal has asked to stop before it was an item's turn."""


_thread = threading.local()


def rest(seconds: float) -> None:
    """Wait, and let :func:`each` work on another item meanwhile."""
    places: threading.Semaphore | None = getattr(_thread, "places", None)
    if places is None:
        interruption.wait(seconds)
        return
    places.release()
    try:
        time.sleep(seconds)
    finally:
        places.acquire()


@dataclass(frozen=True)
class _Failure:
    """What was raised instead of an answer, with the traceback that it had then."""

    error: BaseException
    traceback: TracebackType | None


class Once:
    """Answers each question once, whoever asks and however many ask at a time. A failure is an answer, too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[Hashable, Future[Any]] = {}

    def __call__(self, question: Hashable, find: Callable[[], R]) -> R:
        """The answer of the first ``find`` to ``question``, or what that raised."""
        with self._lock:
            answer = self._answers.get(question)
            first = answer is None
            if answer is None:
                answer = self._answers[question] = Future()
        if first:
            try:
                answer.set_result(find())
            except BaseException as error:
                answer.set_result(_Failure(error, error.__traceback__))
        found = answer.result()
        if isinstance(found, _Failure):
            # Each that it is raised for adds to its traceback: what they had read would stay in memory for all others.
            raise found.error.with_traceback(found.traceback)
        told: R = found
        return told
