# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of an audit, as somebody uses it, in a real browser."""

from __future__ import annotations

import io
import re
import statistics
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from ansible_collections.sealed.s3.plugins.plugin_utils.audit.text import visible
from ansible_collections.sealed.s3.tests.browser import fleet
from ansible_collections.sealed.s3.tests.browser.fleet import TITLE

Open = Callable[..., Page]
ANSWERS = """
async (text) => {
  const field = document.getElementById("filter-q");
  const begins = performance.now();
  field.value = text;
  field.dispatchEvent(new Event("input"));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - begins;
}
"""


def rows(page: Page) -> list[str]:
    """The names of the buckets that are shown."""
    names: list[str] = page.locator(".row .disclose").all_inner_texts()
    return names


def column(page: Page, number: int) -> list[str]:
    cells: list[str] = page.locator(f".row > :nth-child({number})").all_inner_texts()
    return cells


def keys(page: Page, *names: str) -> None:
    for name in names:
        page.keyboard.press(name)


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.textContent"))


# --- it opens, and is usable at once ---


@pytest.mark.parametrize("number", [1, 50, 5_000])
def test_it_is_usable_in_less_than_two_seconds(visit: Open, number: int) -> None:
    opened, answered = [], []
    for _time in range(3):
        page = visit(number)
        opened.append(page.evaluate("performance.getEntriesByName('usable')[0].startTime"))
        assert len(rows(page)) == min(number, 50)
        answered.append(page.evaluate(ANSWERS, "billing-0001"))
        assert rows(page) == ["billing-0001"]
    assert statistics.median(opened) + statistics.median(answered) < 2_000, (opened, answered)


def test_without_a_bucket_it_says_so(visit: Open) -> None:
    page = visit(0)
    expect(page.locator("h1")).to_have_text(TITLE)
    expect(page.locator(".numbers")).to_have_text("There was no bucket to look at.")
    expect(page.locator("table")).to_have_count(0)
    expect(page.locator("#skip")).to_be_hidden()
    expect(page.locator("#guide")).to_be_visible()


def test_one_bucket(visit: Open) -> None:
    page = visit(1)
    expect(page.locator(".numbers")).to_have_text("The one bucket is compliant.")
    expect(page.locator(".share")).to_have_text("100 %compliant")
    expect(page.locator("#status")).to_have_text("Showing 1 bucket.")
    expect(page.locator("#pages")).to_be_hidden()


def test_without_scripts_the_numbers_are_there(visit: Open) -> None:
    page = visit(50, java_script_enabled=False)
    expect(page.locator(".numbers")).to_contain_text("of 50 buckets are compliant")
    expect(page.locator(".notice")).to_be_visible()


# --- the picture ---


def test_the_numbers_at_a_glance_are_those_of_the_summary(visit: Open) -> None:
    results = fleet.results(50)
    summary = fleet.summary(results)
    page = visit(50)
    expect(page.locator(".numbers")).to_have_text(
        f"{summary['compliant']} of 50 buckets are compliant, {summary['not_compliant']} are not and "
        f"{summary['could_not_look']} could not be looked at."
    )
    expect(page.locator("#outcomes [role=img]")).to_have_attribute(
        "aria-label",
        f"{summary['compliant']} compliant, {summary['not_compliant']} not compliant, "
        f"{summary['could_not_look']} could not look",
    )
    tables = page.locator("#groups table")
    for place, name in enumerate(("accounts", "regions")):
        shown = {
            row.locator("th").inner_text(): [int(cell) for cell in row.locator("td.number").all_inner_texts()[1:]]
            for row in tables.nth(place).locator("tbody tr:not([hidden])").all()
        }
        counts = ("buckets", "not_compliant", "could_not_look")
        expected = {group: [numbers[one] for one in counts] for group, numbers in summary[name].items()}
        assert shown.items() <= expected.items()
        assert len(shown) == min(len(expected), 8)
    page.get_by_role("button", name="Show all 13 accounts").click()
    expect(tables.first.locator("tbody tr:visible")).to_have_count(13)


def test_an_account_at_a_glance_filters_the_table(visit: Open) -> None:
    page = visit(50)
    page.locator("#groups").get_by_role("button", name="222233334444").click()
    assert set(column(page, 2)) == {"222233334444"}
    assert focused(page) == "table"


# --- the table ---


def test_filters_narrow_the_table_and_say_how_many_are_left(visit: Open) -> None:
    page = visit(50)
    expect(page.locator("#status")).to_have_attribute("role", "status")
    page.get_by_label("Compliance").select_option("could_not_look")
    assert set(column(page, 4)) == {"Could not look"}
    number = len(rows(page))
    expect(page.locator("#status")).to_have_text(f"Showing {number} buckets of 50 match.")
    page.get_by_label("Text").fill("nothing has this")
    expect(page.locator(".none")).to_have_text("No bucket matches these filters.")
    page.get_by_role("button", name="Reset").click()
    assert len(rows(page)) == 50


@pytest.mark.parametrize(
    ("text", "name"),
    [("SCANS 0003", "scans-0003"), ("team=scans", "scans-0001"), ("guard_missing", "invoices-0001"),
     ("There is no guard", "invoices-0001"), (fleet.ACCOUNTS[4], "media-0001"), ("key/1234abcd", "logs-0001")],
)  # fmt: skip
def test_the_text_filter_looks_at_names_tags_findings_and_keys(visit: Open, text: str, name: str) -> None:
    page = visit(50)
    page.get_by_label("Text").fill(text)
    assert name in rows(page)


def test_a_severity_or_the_lack_of_findings_can_be_asked_for(visit: Open) -> None:
    page = visit(50)
    page.get_by_label("Has severity").select_option("high")
    assert rows(page)
    assert all("high" in text for text in column(page, 6))
    page.get_by_label("Has severity").select_option("none")
    assert set(column(page, 6)) == {"0"}
    page.get_by_role("button", name="Reset").click()
    page.locator("#filter-finding").select_option("tls_not_required")
    assert rows(page)


def test_each_column_sorts_both_ways_and_says_so(visit: Open) -> None:
    page = visit(50)
    header = page.locator(".buckets > thead th")
    expect(header.nth(4)).to_have_attribute("aria-sort", "descending")
    header.nth(0).get_by_role("button").click()
    expect(header.nth(0)).to_have_attribute("aria-sort", "ascending")
    expect(page.locator(".buckets [aria-sort]")).to_have_count(1)
    assert rows(page) == sorted(rows(page))
    header.nth(0).get_by_role("button").click()
    expect(header.nth(0)).to_have_attribute("aria-sort", "descending")
    assert rows(page) == sorted(rows(page), reverse=True)
    for number in range(1, 6):
        header.nth(number).get_by_role("button").click()
        first = column(page, number + 1)
        header.nth(number).get_by_role("button").click()
        assert column(page, number + 1)[0] != first[0]


def test_pages_of_many(visit: Open) -> None:
    page = visit(5_000)
    expect(page.locator("#status")).to_have_text("Showing 1\u201350 of 5,000 buckets.")
    pages = page.get_by_role("navigation", name="Pages of the table")
    expect(pages.locator("[aria-current=page]")).to_have_text("Page 1")
    pages.get_by_role("button", name="Page 100").click()
    expect(page.locator("#status")).to_have_text("Showing 4,951\u20135,000 of 5,000 buckets.")
    expect(pages.get_by_role("button", name="Next page")).to_be_disabled()
    pages.get_by_role("button", name="Previous page").click()
    expect(pages.locator("[aria-current=page]")).to_have_text("Page 99")
    assert focused(page) == "table"


# --- one bucket ---


def test_a_bucket_opens_and_closes(visit: Open) -> None:
    page = visit(50)
    button = page.get_by_role("button", name="invoices-0001")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    detail = page.locator(f"#{button.get_attribute('aria-controls')}")
    expect(detail).to_be_visible()
    # Anywhere on the row does as well.
    page.locator(".row", has=button).locator("td").first.click()
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(detail).to_have_count(0)


def everything(page: Page, results: list[dict[str, Any]]) -> dict[str, str]:
    """Open all buckets; the text inside of each, without breaks of lines."""
    page.evaluate("(names) => { location.hash = new URLSearchParams(names.map((name) => ['open', name])); }",
                  [result["name"] for result in results])  # fmt: skip
    expect(page.locator(".detail")).to_have_count(len(results))
    return {
        name: " ".join(text.split())
        for name, text in page.evaluate(
            "[...document.querySelectorAll('.detail')].map((one) =>"
            " [one.previousElementSibling.querySelector('.disclose').textContent, one.innerText])"
        )
    }


def test_a_bucket_has_its_findings_and_what_mends_them(visit: Open) -> None:
    results = fleet.results(50)
    texts = everything(visit(50), results)
    for result in results:
        text = texts[result["name"]]
        for finding in result["findings"]:
            assert finding["title"] in text
            assert finding["remedy"] in text
            assert all(control in text for control in finding["controls"])
        for missing in result["could_not_look"]:
            assert f"Missing permission: {missing['permission']}. {missing['message']}" in text
        assert all(blocker in text for blocker in result["blockers"])
        assert ("An upload that" in text) == (result["decisions"] is not None)
        assert ("All is as asked." in text) == (result["compliance"] == "compliant")


def test_what_is_there_stands_beside_what_was_wanted(visit: Open) -> None:
    page = visit(50, "#open=invoices-0001")
    finding = page.locator(".finding", has_text="Default encryption is not SSE-KMS").first
    algorithm = finding.locator("tbody tr").first
    assert algorithm.locator("th").inner_text() == "algorithm"
    assert algorithm.locator("td").first.inner_text() == "AES256"
    assert "aws:kms" in algorithm.locator("td .differs").inner_text()


def test_the_grid_tells_what_the_policy_does(visit: Open) -> None:
    words = {"allowed": "Passes", "denied": "Denied", "unknown": "Depends"}
    results = [result for result in fleet.results(50) if result["decisions"] is not None]
    page = visit(50)
    everything(page, results)
    shown = page.evaluate(
        "[...document.querySelectorAll('.uploads')].map((grid) => [grid.closest('.detail').previousElementSibling"
        ".querySelector('.disclose').textContent, [...grid.tBodies[0].rows].map((row) =>"
        " [...row.querySelectorAll('.verdict')].map((one) => one.textContent.split(',')[0]))])"
    )
    assert dict(shown) == {
        result["name"]: [[words[one] for one in kind.values()] for kind in result["decisions"].values()]
        for result in results
    }


def test_a_command_is_copied(visit: Open) -> None:
    page = visit(50, "#open=invoices-0001")
    page.get_by_role("button", name="Copy the command").click()
    expect(page.locator("#said")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("ansible-playbook sealed.s3.encrypt -e encrypted_s3_bucket=invoices-0001 ")


def test_a_command_is_copied_where_a_page_may_not_reach_the_clipboard(visit: Open) -> None:
    page = visit(50, "#open=invoices-0001")
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    page.get_by_role("button", name="Copy the command").click()
    expect(page.locator("#said")).to_have_text("Copied")
    assert "invoices-0001" in page.evaluate("navigator.clipboard.readText()")
    assert focused(page).startswith("Copied")


# --- by keyboard alone ---


def test_everything_can_be_done_by_keyboard(visit: Open) -> None:
    page = visit(50)
    keys(page, "Tab")
    assert focused(page) == "skip"
    keys(page, "Enter")
    assert focused(page) == "table"
    keys(page, "Tab")
    assert focused(page) == "filter-q"
    page.keyboard.type("invoices")
    assert len(rows(page)) == 5
    for name in ("compliance", "severity", "account", "region", "finding"):
        keys(page, "Tab")
        assert focused(page) == f"filter-{name}"
    keys(page, "Tab")
    assert focused(page) == "reset"
    keys(page, "Tab")
    assert focused(page) == "Bucket"
    keys(page, "Enter")
    expect(page.locator(".buckets > thead th").first).to_have_attribute("aria-sort", "ascending")
    assert focused(page) == "Bucket"
    keys(page, *["Tab"] * 6)
    assert focused(page) == "invoices-0001"
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) != "none"
    keys(page, "Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    keys(page, "Tab")
    assert focused(page).startswith("Copy")
    keys(page, "Space")
    expect(page.locator("#said")).to_have_text("Copied")
    keys(page, "Shift+Tab", "Space")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "false"


# --- the address ---


def test_a_view_can_be_linked(visit: Open) -> None:
    page = visit(5_000)
    page.get_by_label("Compliance").select_option("not_compliant")
    page.get_by_label("Text").fill("invoices")
    page.locator(".buckets > thead").get_by_role("button", name="Region").click()
    page.get_by_role("button", name="Page 2", exact=True).click()
    page.locator(".disclose").nth(3).click()
    shown = rows(page)
    address = page.url.partition("#")[2]
    other = visit(5_000, f"#{address}")
    assert rows(other) == shown
    expect(other.get_by_label("Compliance")).to_have_value("not_compliant")
    expect(other.get_by_label("Text")).to_have_value("invoices")
    expect(other.locator("[aria-expanded=true].disclose")).to_have_text(shown[3])
    expect(other.locator("[aria-current=page]")).to_have_text("Page 2")


def test_a_bucket_can_be_linked_wherever_it_is(visit: Open) -> None:
    page = visit(5_000, "#open=uploads-0495")
    expect(page.get_by_role("button", name="uploads-0495")).to_be_in_viewport()
    expect(page.get_by_role("button", name="uploads-0495")).to_have_attribute("aria-expanded", "true")


@pytest.mark.parametrize(
    "address", ["#open=gone", "#sort=color&page=-3&open=gone", "#page=999999&open=gone", "#%%%&open=gone"]
)
def test_an_address_of_another_audit_does_no_harm(visit: Open, address: str) -> None:
    page = visit(50, address)
    assert len(rows(page)) == 50
    expect(page.locator("#status")).to_contain_text("There is no bucket gone in this audit.")


def test_the_address_can_change_while_the_page_is_open(visit: Open) -> None:
    page = visit(50)
    page.evaluate("location.hash = '#q=scans-0002'")
    expect(page.locator(".row")).to_have_count(1)


# --- how it looks ---


def test_it_follows_the_system_and_the_button(visit: Open) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light, dark = visit(1, color_scheme="light"), visit(1, color_scheme="dark")
    in_light, in_dark = light.evaluate(colour), dark.evaluate(colour)
    assert in_light != in_dark
    for page, before, after in ((light, in_light, in_dark), (dark, in_dark, in_light)):
        button = page.get_by_role("button", name="Dark")
        pressed = button.get_attribute("aria-pressed") == "true"
        assert pressed == (before == in_dark)
        button.click()
        assert page.evaluate(colour) == after
        expect(button).to_have_attribute("aria-pressed", str(not pressed).lower())


def test_nothing_moves_for_who_asked_for_that(visit: Open) -> None:
    page = visit(1, reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.querySelector('.disclose svg')).transitionDuration") == "0s"


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_page_is_wider_than_its_window(visit: Open, width: int) -> None:
    page = visit(50, "#open=invoices-0001&open=exports-0002", width=width)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


# --- on paper ---


def printed(page: Page) -> str:
    text = "".join(one.extract_text() for one in PdfReader(io.BytesIO(page.pdf(format="A4"))).pages)
    # Without ligatures.
    return "".join(unicodedata.normalize("NFKC", text).split())


def test_on_paper_are_all_buckets_and_what_was_found(visit: Open) -> None:
    page = visit(50, color_scheme="dark")
    text = printed(page)
    for result in fleet.results(50):
        assert result["name"] in text
        for said in (*result["findings"], *result["could_not_look"]):
            assert "".join((said.get("title") or said["message"]).split()) in text
    assert "Reset" not in text
    # And afterwards it is as before.
    assert len(rows(page)) == 50
    expect(page.locator(".detail")).to_have_count(0)


def test_on_paper_is_what_was_filtered_and_the_filter(visit: Open) -> None:
    page = visit(1_000)
    page.get_by_label("Text").fill("uploads")
    page.get_by_label("Has severity").select_option("none")
    text = printed(page)
    assert "Text:uploads\u00b7Hasseverity:Nofinding" in text
    assert "billing-" not in text
    named = [one["name"] for one in fleet.results(1_000) if "uploads" in one["name"] and not one["findings"]]
    assert len(named) > 50
    assert all(name in text for name in named)


def test_many_are_printed_in_short(visit: Open) -> None:
    page = visit(1_000)
    # What the browser does before it prints, without the pages, which take it long.
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator(".row")).to_have_count(1_000)
    expect(page.locator(".detail")).to_have_count(0)
    assert "There is no guard" in page.locator(".short").first.inner_text()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator(".row")).to_have_count(50)


# --- what others wrote ---


@pytest.mark.parametrize("index", range(6))
def test_hostile_text_is_shown_and_does_nothing(visit: Open, index: int) -> None:
    result = fleet.results(60, hostile=True)[index]
    hostile = fleet.HOSTILE[index]
    page = visit(60, f"#open={result['name']}", hostile=True)
    title = page.title()
    elements = "document.querySelectorAll('img, iframe, script:not([type]), main a, style, svg script').length"
    assert page.evaluate(elements) == 2
    detail = page.locator(".detail")
    detail.locator("summary").click()
    shown = detail.inner_text()
    facts = detail.locator(".facts .value").all_inner_texts()
    assert visible(hostile) in facts
    assert visible(result["findings"][0]["title"]) in shown
    assert page.evaluate(elements) == 2
    assert page.title() == title == f"{TITLE} {fleet.HOSTILE[0]}"
    expect(page.locator("h1")).to_have_text(title)
    for text in (*facts, shown, page.locator("body").inner_text()):
        # The page has lines of its own.
        assert re.search(r"[^\S \xa0\n\t]", text) is None
        assert all(visible(line) == line for line in re.split(r"[\n\t]", text))
    page.get_by_label("Text").fill(visible(hostile).split()[0])
    assert result["name"] in rows(page)


def test_a_script_that_got_in_would_not_run(browser: Browser, report: Callable[..., Any]) -> None:
    page = browser.new_page()
    page.goto(report(1).as_uri())
    page.evaluate(
        """() => {
          window.refused = [];
          addEventListener("securitypolicyviolation", (event) => window.refused.push(event.effectiveDirective));
          const script = document.createElement("script");
          script.textContent = "document.title = 'run'";
          document.body.append(script);
          const image = document.createElement("img");
          image.setAttribute("onerror", "document.title = 'run'");
          image.src = "data:,x";
          document.body.append(image);
        }"""
    )
    page.wait_for_function("window.refused.length >= 3")
    assert sorted(page.evaluate("window.refused")) == ["img-src", "script-src-attr", "script-src-elem"]
    assert page.title() == TITLE
    page.close()
