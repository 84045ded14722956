# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of many buckets in a file, a line for each as soon as it is done, and not in the module's result."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Refused
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import shown


@contextlib.contextmanager
def opened(path: str | None, total: int) -> Iterator[Callable[[dict[str, Any]], None] | None]:
    """What writes a result to the file, at once; None where there is none.

    :param total: how many results there are to be, for the first line.
    :raises Refused: where the file cannot be written, also by what is yielded.
    """
    if path is None:
        yield None
        return

    def write(one: dict[str, Any]) -> None:
        with _refusing(path):
            line = memoryview((json.dumps(one) + "\n").encode())
            while line:
                line = line[os.write(descriptor, line) :]

    with _refusing(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with _refusing(path):
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                # One that was there keeps its mode.
                os.fchmod(descriptor, 0o600)
        write({"total": total})
        yield write
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _refusing(path: str) -> Iterator[None]:
    """Tell why the results cannot be written."""
    try:
        yield
    except OSError as error:
        raise Refused(
            f"results_file: {shown(path)} cannot be written: {error.strerror}. Give a file of your own in a folder "
            "that is there and has room."
        ) from error
