# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pages
import pytest

PAGE = """# A page

<!-- races: begin, written by make torture -->
old
<!-- races: end -->

<!-- fuzz: begin, written by make torture -->

<!-- fuzz: end -->
the rest
"""


def test_a_part_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    pages.put(page, "races", "new\n")
    assert page.read_text(encoding="utf-8") == PAGE.replace("old\n", "\nnew\n\n")


def test_parts_can_be_written_at_the_same_time(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: pages.put(page, ("races", "fuzz")[number % 2], f"part {number}"), range(100)))
    written = page.read_text(encoding="utf-8")
    assert written.count("part ") == 2
    assert written.endswith("the rest\n")


@pytest.mark.parametrize("page", ["", "<!-- a: begin -->", "<!-- a: end -->\n<!-- a: begin -->\n"])
def test_a_page_without_both_markers_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="not both markers of a"):
        pages.between_markers(page, "a", "text")
