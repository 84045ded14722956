# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a policy in a file before it is replaced, and find it again."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Refused
from ansible_collections.sealed.s3.plugins.module_utils.policy import document as documents
from ansible_collections.sealed.s3.plugins.module_utils.policy import restore
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError, shown

BACKUP_ARGUMENTS: dict[str, dict[str, Any]] = {"backup_dir": {"type": "path"}}
"""The option of the modules that replace a bucket policy, documented in the doc fragment sealed.s3.backup."""


# The time in the name of a file.
_TIME = "%Y%m%dT%H%M%S.%fZ"
# What a restore replaced is kept as well, and is not what a restore looks for: two in a row would undo each other.
_BEFORE_RESTORE = "-before-restore"
_NAME = re.compile(
    r"(?P<bucket>.+)-(?P<time>[0-9]{8}T[0-9]{6}\.[0-9]{6}Z)"
    rf"(?:-(?P<digest>[0-9a-f]{{16}})(?P<before_restore>{_BEFORE_RESTORE})?)?\.json",
    re.DOTALL,
)
# More than any policy has; how much exactly is too much, document.parse knows.
_READ_AT_MOST = 2_000_000


class Backup:
    """The policies of one bucket that were kept.

    :param before_restore: what is kept is replaced by an earlier one.
    :ivar file: the file that was written last; None where none was.
    """

    def __init__(self, folder: str, bucket: str, *, before_restore: bool = False) -> None:
        self._folder = Path(folder)
        self._bucket = bucket
        self._suffix = _BEFORE_RESTORE if before_restore else ""
        self._kept: Document | None = None
        self.file: str | None = None

    def keep(self, policy: Document, becomes: Document | None) -> bool:
        """Write the policy to a file of its own, whole or not at all, for its owner's eyes alone.

        :param becomes: what this run writes in its place; None where it deletes it. Its digest is in the file's name,
            so that it can be told later whether the bucket changed since.
        :returns: whether it was written: not where it is the one that was kept last.
        :raises Refused: where it cannot be written.
        """
        if self._kept is not None and documents.equal(policy, self._kept):
            return False
        now = datetime.now(timezone.utc)
        target = self._folder / f"{self._bucket}-{now:{_TIME}}-{documents.digest(becomes)}{self._suffix}.json"
        try:
            # The mode of a folder that is there already is left alone.
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(target, documents.readable(policy))
        except (OSError, ValueError) as error:
            # A path that cannot be one is a ValueError.
            why = getattr(error, "strerror", None) or error
            raise Refused(
                f"The policy of bucket {self._bucket} was not replaced, because it could not be kept in "
                f"{self._folder} before: {why}. Give a backup_dir that can be written where the module runs."
            ) from error
        self._kept = policy
        self.file = str(target)
        return True


def of(params: Mapping[str, Any], *, before_restore: bool = False) -> Backup | None:
    """Where a module's parameters say that a policy is kept; None where they do not."""
    if not params["backup_dir"]:
        return None
    return Backup(params["backup_dir"], params["bucket"], before_restore=before_restore)


def read(path: str, bucket: str) -> restore.Backup:
    """The policy of a bucket that was kept in a file.

    :raises Refused: where it cannot be read or is another bucket's.
    :raises PolicyError: where it is no policy.
    """
    file_at = Path(path)
    name = _NAME.fullmatch(file_at.name)
    if name is not None and name["bucket"] != bucket:
        raise Refused(
            f"The backup {path} is of bucket {shown(name['bucket'])}, by its name, and not of {bucket}. Give a backup "
            "of this bucket."
        )
    with _refusing(f"The backup {path}", "Give a file that is there, on the host where the module runs."):
        # What is no regular file may have no end, or wait for somebody to write it.
        if not stat.S_ISREG(file_at.stat().st_mode):
            raise Refused(f"The backup {path} is not a regular file. Give one.")
        with file_at.open("rb") as file:
            content = file.read(_READ_AT_MOST)
    try:
        policy = documents.parse(content)
    except PolicyError as error:
        raise PolicyError(
            f"The backup {path} cannot be understood. {error}. Give a file with a bucket policy as JSON.",
            **error.details,
        ) from error
    found = restore.Backup(bucket, policy, source=path, becomes=name["digest"] if name else None)
    found.check()
    return found


def newest(folder: str, bucket: str) -> str:
    """The file with the policy of a bucket that was kept last, before anything but a restore.

    :raises Refused: where there is none.
    """
    with _refusing(f"The folder {folder}", "Give the folder of the backups, on the host where the module runs."):
        names = [_NAME.fullmatch(file.name) for file in Path(folder).iterdir()]
    kept = [name for name in names if name and name["bucket"] == bucket and not name["before_restore"]]
    if not kept:
        raise Refused(
            f"There is no backup of bucket {bucket} in {folder}. Where the bucket had no policy, none was kept, and "
            "there is nothing to put back: sealed.s3.remove takes the guard off."
        )
    return str(Path(folder) / max(kept, key=lambda name: name["time"]).string)


@contextlib.contextmanager
def _refusing(what: str, advice: str) -> Iterator[None]:
    """Tell why something cannot be read."""
    try:
        yield
    except (OSError, ValueError) as error:
        # A path that cannot be one is a ValueError.
        raise Refused(f"{what} cannot be read: {getattr(error, 'strerror', None) or error}. {advice}") from error


def _write(target: Path, text: str) -> None:
    """Write a file that is there as a whole, on the disk, or not at all."""
    # mkstemp makes it with mode 0600.
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    # Not every file system can be told to keep a folder.
    with contextlib.suppress(OSError):
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
