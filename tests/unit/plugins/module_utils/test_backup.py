# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.sealed.s3.plugins.module_utils import backup
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Refused
from ansible_collections.sealed.s3.plugins.module_utils.policy import document

POLICY = document.parse('{"Version": "2012-10-17", "Id": "käse", "Statement": []}')
OTHER = document.parse('{"Version": "2008-10-17", "Statement": {"Sid": "x", "Effect": "Deny", "Principal": "*", '
                       '"Action": "s3:*", "Resource": "*"}}')  # fmt: skip


def test_no_folder_no_backup(tmp_path: Path) -> None:
    assert backup.of({"backup_dir": None, "bucket": "uploads"}) is None
    made = backup.of({"backup_dir": str(tmp_path), "bucket": "uploads"})
    assert made is not None
    assert made.file is None


def test_each_policy_is_kept_once_in_a_file_of_its_own(tmp_path: Path) -> None:
    made = backup.Backup(str(tmp_path), "uploads")
    assert [made.keep(policy, None) for policy in (POLICY, OTHER, OTHER)] == [True, True, False]
    kept = sorted(tmp_path.iterdir())
    assert [document.parse(path.read_text(encoding="utf-8")) for path in kept] == [POLICY, OTHER]
    assert made.file == str(kept[1])
    assert "käse" in kept[0].read_text(encoding="utf-8")


def test_the_mode_of_a_folder_that_is_there_stays(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    backup.Backup(str(tmp_path), "uploads").keep(OTHER, None)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_file_that_cannot_be_finished_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    made = backup.Backup(str(tmp_path), "uploads")
    with pytest.raises(Refused, match="No space left on device"):
        made.keep(OTHER, None)
    assert made.file is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_that_cannot_keep_a_folder_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync
    asked: list[int] = []

    def once(descriptor: int) -> None:
        asked.append(descriptor)
        if len(asked) > 1:
            raise OSError(22, "Invalid argument")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", once)
    assert backup.Backup(str(tmp_path), "uploads").keep(OTHER, None)
    assert len(asked) == 2
