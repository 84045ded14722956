# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import time
from pathlib import Path

from ansible_collections.sealed.s3.plugins.plugin_utils import progress


def test_progress_is_told_while_results_come_in(tmp_path: Path) -> None:
    path = tmp_path / "results"
    lines: list[str] = []

    def until(count: int) -> None:
        deadline = time.monotonic() + 30
        while len(lines) < count:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    with progress.shown(path, lines.append, what="buckets read", every=0.01):
        time.sleep(0.05)
        assert lines == []
        path.write_text('{"total"', encoding="utf-8")
        time.sleep(0.05)
        assert lines == []
        path.write_text('{"total": 4}\n{"a": 1}\n{"b"', encoding="utf-8")
        until(1)
        with path.open("a", encoding="utf-8") as file:
            file.write(": 1}\n{}\n")
        until(len(lines) + 2)
    told = len(lines)
    assert re.fullmatch(r"1 of 4 buckets read, \d+ a second, about (\d+ min )?\d+ s left", lines[0])
    assert lines[-1].startswith("3 of 4 buckets read")
    time.sleep(0.05)
    assert len(lines) == told


def test_nothing_is_said_of_what_is_short(tmp_path: Path) -> None:
    lines: list[str] = []
    with progress.shown(tmp_path / "results", lines.append, what="buckets read"):
        (tmp_path / "results").write_text('{"total": 1}\n{}\n', encoding="utf-8")
    assert lines == []


def test_before_the_first_result_no_end_is_foretold(tmp_path: Path) -> None:
    (tmp_path / "results").write_text('{"total": 1}\n', encoding="utf-8")
    assert progress._Counter(tmp_path / "results").line("buckets read") == "0 of 1 buckets read, 0 a second"


def test_a_long_while_is_told_in_minutes() -> None:
    assert progress._duration(59.4) == "59 s"
    assert progress._duration(125) == "2 min 5 s"
