# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell how far a long module run is: a line now and then, as a terminal and a job's log in AWX can both show it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

EVERY_SECONDS = 10.0
"""Between two lines; nothing is said of what takes less."""


@contextlib.contextmanager
def shown(path: Path, show: Callable[[str], None], *, what: str, every: float = EVERY_SECONDS) -> Iterator[None]:
    """While the body runs, show how many results there are in its results_file.

    :param path: the file, which need not be there yet.
    :param show: takes a line.
    :param what: what is counted, ``buckets read``.
    :param every: seconds between two lines.
    """
    ended = threading.Event()
    counter = _Counter(path)

    def watch() -> None:
        while not ended.wait(every):
            line = counter.line(what)
            if line is not None:
                show(line)

    watching = threading.Thread(target=watch, name="sealed-s3-progress", daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()


class _Counter:
    """Counts the lines of a file that grows, reading each part of it once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begun = time.monotonic()
        self._position = self._done = 0
        self._total: int | None = None

    def line(self, what: str) -> str | None:
        """How far it is; None where nothing can be told yet."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._position)
                new = file.read()
        except FileNotFoundError:
            return None
        if self._total is None:
            first, newline, new = new.partition(b"\n")
            if not newline:
                return None
            self._total = int(json.loads(first)["total"])
            self._position = len(first) + 1
        self._position += len(new)
        self._done += new.count(b"\n")
        rate = self._done / max(time.monotonic() - self._begun, 0.001)
        left = f", about {_duration((self._total - self._done) / rate)} left" if rate else ""
        return f"{self._done} of {self._total} {what}, {rate:.0f} a second{left}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
