# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may take no longer than a second: of a machine of ordinary pace, so that a slower one does not fail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

# What the loop takes at ordinary pace, with CPython 3.13 on a virtual machine that has its processor to itself.
_ORDINARY = 0.075
_STEPS = 1_000_000
_TIMES = 3


@contextmanager
def in_time(seconds: float = 1.0) -> Iterator[None]:
    """This much of the process's own time at the most; what others do on the machine does not count.

    :param seconds: at ordinary pace. Where they are not enough, the pace of this machine is measured and counted in.
    """
    start = time.process_time()
    yield
    taken = time.process_time() - start
    if taken >= seconds:
        slowness = _yardstick() / _ORDINARY
        assert taken < seconds * slowness, f"{taken:.1f} s, at {slowness:.1f} times the ordinary {_ORDINARY} s"


def _yardstick() -> float:
    """The seconds that a loop takes here and now; of a few, the slowest, since the pace of a shared machine changes."""
    return max(_loop() for _time in range(_TIMES))


def _loop() -> float:
    start = time.process_time()
    total = 0
    for number in range(_STEPS):
        total += number * number % 7
    return time.process_time() - start
