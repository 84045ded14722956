# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.plugin_utils.audit import files
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.files import ReportError, write_reports
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.report import Report
from ansible_collections.sealed.s3.tests.unit import audit_results

RESULTS = [audit_results.result("uploads", audit_results.finding("medium"))]
SUMMARY = {"buckets": 1, "not_compliant": 1}


def write(folder: Path | str, **changes: Any) -> dict[str, str]:
    told = {"summary": SUMMARY, "title": "Audit", "generated": audit_results.GENERATED, **changes}
    return write_reports(folder, told.pop("results", RESULTS), **told)


def test_all_are_written_for_nobody_else_to_read(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    paths = write(str(folder))
    assert paths == {
        "json": str(folder / "audit.json"),
        "junit": str(folder / "audit.junit.xml"),
        "csv": str(folder / "audit.csv"),
        "html": str(folder / "audit.html"),
    }
    assert sorted(path.name for path in folder.iterdir()) == sorted(Path(path).name for path in paths.values())
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert json.loads((folder / "audit.json").read_text(encoding="utf-8"))["buckets"] == RESULTS
    assert b"\r\n" in (folder / "audit.csv").read_bytes()


def test_those_that_are_asked_for_are_written_over_those_that_are_there(tmp_path: Path) -> None:
    write(tmp_path, formats=["csv", "json"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.csv", "audit.json"]
    write(tmp_path, formats=["json"], title="Again")
    assert json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))["title"] == "Again"


def test_results_may_come_one_by_one(tmp_path: Path) -> None:
    path = write(tmp_path, results=iter(RESULTS))["json"]
    assert json.loads(Path(path).read_text(encoding="utf-8"))["buckets"] == RESULTS


def test_the_time_is_told_in_utc(tmp_path: Path) -> None:
    when = datetime(2026, 11, 24, 13, 30, tzinfo=timezone(timedelta(hours=2)))
    path = write(tmp_path, generated=when)["json"]
    assert json.loads(Path(path).read_text(encoding="utf-8"))["generated"] == "2026-11-24T11:30:00Z"


def test_the_threshold_reaches_the_reports(tmp_path: Path) -> None:
    assert "<failure" not in Path(write(tmp_path)["junit"]).read_text(encoding="utf-8")
    assert "<failure" in Path(write(tmp_path, fail_on="medium")["junit"]).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"formats": ["json", "pdf"]}, "There is no report pdf; there are json, junit, csv, html."),
        ({"fail_on": "grave"}, "There is no severity grave to fail on; there are high, medium, low, info, never."),
    ],
)
def test_what_does_not_exist_is_said(tmp_path: Path, asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ReportError) as error:
        write(tmp_path, **asked)
    assert str(error.value) == sentence
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match=r"could not be written to .*file: "):
        write(tmp_path / "file")


def test_one_that_fails_leaves_those_that_were_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: Path(path).read_bytes() for name, path in write(tmp_path).items()}

    def half(report: Report) -> Iterator[str]:
        yield "half"
        raise RuntimeError(report.title)

    monkeypatch.setitem(files.FORMATS, "html", ("audit.html", half))
    with pytest.raises(RuntimeError):
        write(tmp_path, title="Other")
    assert {name: Path(path).read_bytes() for name, path in write(tmp_path, formats=[]).items()} == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["audit.json", "audit.junit.xml", "audit.csv", "audit.html"]
    )
    assert (tmp_path / "audit.json").read_bytes() == before["json"]
    assert (tmp_path / "audit.html").read_bytes() == before["html"]
