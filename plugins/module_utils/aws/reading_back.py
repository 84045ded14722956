# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what was written back. S3 and KMS may show for a while what was there before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ansible_collections.sealed.s3.plugins.module_utils.aws import fleet

T = TypeVar("T")

# Waits between reads, in seconds, while what is shown is of before the write. Bucket configurations are eventually
# consistent (Amazon S3 User Guide, "Amazon S3 data consistency model"), and so is KMS: mostly under a second, at times
# some minutes (KMS Developer Guide, "AWS KMS eventual consistency").
STALE_WAITS = (0.5, 1.0, 2.0, 4.0)


def until(arrived: Callable[[T], bool], read: Callable[[], T]) -> T:
    """What is read once it has arrived, or after the last of :data:`STALE_WAITS`."""
    found = read()
    for wait in STALE_WAITS:
        if arrived(found):
            break
        fleet.rest(wait)
        found = read()
    return found
