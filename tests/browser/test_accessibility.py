# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""axe-core finds nothing on the page of an audit, and some things it does not look for."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

Open = Callable[..., Page]
ALL = "#open=invoices-0001&open=reports-0001&open=media-0002&open=exports-0002&open=billing-0001&open=clickstream-0002"


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("number", [0, 1, 50])
def test_no_violation(visit: Open, number: int, scheme: str) -> None:
    assert violations(visit(number, color_scheme=scheme)) == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_no_violation_in_open_buckets(visit: Open, scheme: str, width: int) -> None:
    page = visit(50, ALL, color_scheme=scheme, width=width)
    expect(page.locator(".detail")).to_have_count(6)
    for summary in page.locator("summary").all():
        summary.click()
    assert violations(page) == []


def test_no_violation_where_nothing_matches(visit: Open) -> None:
    assert violations(visit(50, "#q=nothing+has+this")) == []


def test_no_violation_with_hostile_text(visit: Open) -> None:
    assert violations(visit(60, "#" + "&".join(f"open={name}-0001" for name in ("billing", "exports", "logs")),
                            hostile=True)) == []  # fmt: skip


def test_no_violation_on_page_two_with_the_colours_of_the_system(visit: Open) -> None:
    assert violations(visit(1_000, "#page=2", forced_colors="active")) == []


def test_no_level_of_heading_is_left_out(visit: Open) -> None:
    page = visit(50, ALL)
    levels = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].filter((one) => one.checkVisibility())"
        ".map((one) => Number(one.tagName[1]))"
    )
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_each_table_has_a_name_and_its_headers_a_scope(visit: Open) -> None:
    page = visit(50, ALL)
    assert page.evaluate("document.querySelectorAll('th:not([scope])').length") == 0
    # What a finding compares stands below the title of the finding.
    unnamed = "one => !one.caption && !one.hasAttribute('aria-labelledby')"
    assert page.evaluate(f"[...document.querySelectorAll('table:not(.compare)')].filter({unnamed}).length") == 0


def test_what_colour_says_is_said_in_words(visit: Open) -> None:
    page = visit(50, ALL)
    for kind in (".outcome", ".severity", ".verdict"):
        texts = page.locator(kind).all_inner_texts()
        assert texts
        assert all(text.strip() for text in texts)
        assert page.locator(kind).count() == page.locator(f"{kind} svg").count()
