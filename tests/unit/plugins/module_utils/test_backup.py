# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.sealed.s3.plugins.module_utils import backup
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Refused
from ansible_collections.sealed.s3.plugins.module_utils.policy import document, errors, restore

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


def test_a_folder_that_cannot_be_one_is_told() -> None:
    with pytest.raises(Refused, match=r"could not be kept in .* null character"):
        backup.Backup("a\0b", "uploads").keep(OTHER, None)


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


# --- Read again -------------------------------------------------------------------------------------------------------


def keep(folder: Path, policy: document.Document, becomes: document.Document | None, **more: bool) -> str:
    made = backup.Backup(str(folder), "uploads", **more)
    assert made.keep(policy, becomes)
    return str(made.file)


@pytest.mark.parametrize("becomes", [OTHER, None])
def test_what_was_kept_is_read_with_what_came_in_its_place(tmp_path: Path, becomes: document.Document | None) -> None:
    file = keep(tmp_path, OTHER, becomes)
    assert backup.read(file, "uploads") == restore.Backup("uploads", OTHER, file, document.digest(becomes))


@pytest.mark.parametrize("name", ["mine.json", "uploads-20261104T091512.345678Z.json", "uploads-2026-0123456789abcdef"])
def test_a_file_of_another_name_does_not_tell_what_came_in_its_place(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text(document.serialise(OTHER))
    assert backup.read(str(file), "uploads") == restore.Backup("uploads", OTHER, str(file), None)


def test_the_newest_is_found_by_its_name(tmp_path: Path) -> None:
    # 2.1 is a bucket of its own, and what a restore replaced is not what a restore puts back.
    for name in (
        "uploads-20261104T091512.345678Z-0123456789abcdef.json",
        "uploads-20261104T091512.345679Z-0000000000000000.json",
        "uploads-20261231T000000.000000Z-ffffffffffffffff-before-restore.json",
        "uploads-20261231T000000.000000Z-ffffffffffffffff.json.bak",
        "uploads-2.1-20261231T000000.000000Z-ffffffffffffffff.json",
        ".uploads-20261231T000000.000000Z-ffffffffffffffff.json-x1y2z3",
        "uploads.json",
    ):
        (tmp_path / name).touch()
    assert backup.newest(str(tmp_path), "uploads") == str(
        tmp_path / "uploads-20261104T091512.345679Z-0000000000000000.json"
    )


def test_what_a_restore_replaces_can_be_put_back_by_its_name(tmp_path: Path) -> None:
    file = keep(tmp_path, OTHER, POLICY, before_restore=True)
    assert file.endswith(f"-{document.digest(POLICY)}-before-restore.json")
    assert backup.read(file, "uploads").becomes == document.digest(POLICY)
    with pytest.raises(Refused, match=r"no backup of bucket uploads in .*sealed\.s3\.remove takes the"):
        backup.newest(str(tmp_path), "uploads")


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for folder in (str(tmp_path / "no"), "\0"):
        with pytest.raises(Refused, match=r"The folder .* cannot be read: .*\. Give the folder of the backups"):
            backup.newest(folder, "uploads")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read: No such file or directory. Give a file that is there, on the host where the module"),
        ("", "cannot be understood. policy: expected JSON, found an error at line 1 column 1"),
        ("[]", "cannot be understood. policy: expected a JSON object, found a list. Give a file with a bucket policy"),
        ('{"a": 1}', 'found the unknown element "a"'),
        ("{" * 2_500_000, "expected at most 65536 bytes, found more"),
        (document.serialise(POLICY), "has no statement"),
    ],
)
def test_what_is_no_backup_is_refused(tmp_path: Path, content: str | None, told: str) -> None:
    file = tmp_path / "mine.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises((Refused, errors.PolicyError), match=f"^The backup {file} ") as refused:
        backup.read(str(file), "uploads")
    assert told in str(refused.value)


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for what in (pipe, tmp_path):
        with pytest.raises(Refused, match="is not a regular file"):
            backup.read(str(what), "uploads")


def test_a_backup_with_the_name_of_another_bucket_is_refused(tmp_path: Path) -> None:
    file = keep(tmp_path, OTHER, None)
    with pytest.raises(Refused, match="is of bucket uploads, by its name, and not of uploads-2"):
        backup.read(file, "uploads-2")
