# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a policy in a file before it is replaced."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Refused
from ansible_collections.sealed.s3.plugins.module_utils.policy import document as documents
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document

BACKUP_ARGUMENTS: dict[str, dict[str, Any]] = {"backup_dir": {"type": "path"}}
"""The option of the modules that replace a bucket policy, documented in the doc fragment sealed.s3.backup."""


# The time in the name of a file. The names of a bucket's files sort by it.
_TIME = "%Y%m%dT%H%M%S.%fZ"


class Backup:
    """The policies of one bucket that were kept.

    :ivar file: the file that was written last; None where none was.
    """

    def __init__(self, folder: str, bucket: str) -> None:
        self._folder = Path(folder)
        self._bucket = bucket
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
        target = self._folder / f"{self._bucket}-{now:{_TIME}}-{documents.digest(becomes)}.json"
        try:
            # The mode of a folder that is there already is left alone.
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(target, documents.readable(policy))
        except OSError as error:
            raise Refused(
                f"The policy of bucket {self._bucket} was not replaced, because it could not be kept in "
                f"{self._folder} before: {error.strerror}. Give a backup_dir that can be written where the module runs."
            ) from error
        self._kept = policy
        self.file = str(target)
        return True


def of(params: Mapping[str, Any]) -> Backup | None:
    """Where a module's parameters say that a policy is kept; None where they do not."""
    return Backup(params["backup_dir"], params["bucket"]) if params["backup_dir"] else None


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
