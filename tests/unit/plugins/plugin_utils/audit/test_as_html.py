# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given

from ansible_collections.sealed.s3.plugins.module_utils.policy import decision
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.as_html import MODELS, UPLOADS, pieces
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.report import Report
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.text import visible
from ansible_collections.sealed.s3.tests.unit import audit_results
from ansible_collections.sealed.s3.tests.unit.audit_results import finding, result


class Page(HTMLParser):
    """The elements of a page, and what is inside of those that hold text alone."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[str] = []
        self.open = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside.append("")
        self.open = True

    def handle_endtag(self, tag: str) -> None:
        self.open = False

    def handle_data(self, data: str) -> None:
        if self.open:
            self.inside[-1] += data

    def texts(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(one[1], text) for one, text in zip(self.elements, self.inside, strict=True) if one[0] == tag]

    @property
    def data(self) -> dict[str, Any]:
        return {
            str(attributes["id"]): json.loads(text) for attributes, text in self.texts("script") if "type" in attributes
        }


def page(report: Report) -> Page:
    return Page("".join(pieces(report)))


EMPTY = page(audit_results.report())


def test_the_rows_of_the_grid_are_those_of_the_decision_table() -> None:
    assert list(UPLOADS) == list(decision.REQUEST_KINDS)
    assert tuple(MODELS) == decision.KEY_ID_MODELS


def test_it_may_run_its_own_script_and_nothing_else() -> None:
    (policy,) = [one["content"] for tag, one in EMPTY.elements if "http-equiv" in one]
    hashes = {}
    for tag in ("style", "script"):
        ((_attributes, text),) = [one for one in EMPTY.texts(tag) if "type" not in one[0]]
        hashes[tag] = f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    assert policy == (
        f"default-src 'none'; style-src {hashes['style']}; script-src {hashes['script']}; "
        "base-uri 'none'; form-action 'none'"
    )


def test_it_asks_nobody_for_anything() -> None:
    for _tag, attributes in EMPTY.elements:
        assert not {"src", "srcset", "action", "style", "data", "poster"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("href", "#table") == "#table"
    ((_none, style),) = EMPTY.texts("style")
    assert not re.search(r"url\(|@import", style)
    ((_none, script),) = [one for one in EMPTY.texts("script") if "type" not in one[0]]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|fetch\(", script)


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ((0, 0, 0, 0), "There was no bucket to look at."),
        ((1, 1, 0, 0), "The one bucket is compliant."),
        ((1, 0, 1, 0), "The one bucket is not compliant."),
        ((1, 0, 0, 1), "The one bucket could not be looked at."),
        ((1200, 1200, 0, 0), "All 1,200 buckets are compliant."),
        ((50, 28, 17, 5), "28 of 50 buckets are compliant, 17 are not and 5 could not be looked at."),
        ((3, 1, 1, 1), "1 of 3 buckets is compliant, 1 is not and 1 could not be looked at."),
        ((4, 0, 4, 0), "0 of 4 buckets are compliant, 4 are not."),
        ((4, 2, 0, 2), "2 of 4 buckets are compliant, 2 could not be looked at."),
    ],
)
def test_the_numbers_are_one_sentence(counts: tuple[int, ...], sentence: str) -> None:
    shown = page(audit_results.report(summary=dict(zip(audit_results.COUNTS, counts, strict=True))))
    assert ({"class": "numbers"}, sentence) in [(one, text.strip()) for one, text in shown.texts("p")]


def test_a_summary_may_be_empty() -> None:
    assert "There was no bucket to look at." in "".join(pieces(audit_results.report(summary={})))


def test_the_rows_have_what_is_shown_and_searched() -> None:
    data = page(
        audit_results.report(
            result("uploads", finding(), finding("low")),
            audit_results.unread("uploads", finding(), account=None, region=None, tags=None, key=None),
            result("logs", key={"arn": None}, connection="other"),
            version="1.2.3",
        )
    ).data["audit"]
    key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    assert data["rows"] == [
        [
            "uploads",
            "uploads",
            "111122223333",
            "eu-central-1",
            "default",
            "not_compliant",
            [0, 1],
            ["team=billing", key],
        ],
        # Of one name, and with an address of its own.
        ["uploads~2", "uploads", "unknown", "unknown", "default", "could_not_look", [0], []],
        ["logs", "logs", "111122223333", "eu-central-1", "other", "compliant", [], ["team=billing"]],
    ]
    assert data["kinds"] == [
        ["default_encryption_algorithm", "high", "Default encryption is not SSE-KMS"],
        ["default_encryption_algorithm", "low", "Default encryption is not SSE-KMS"],
    ]
    assert (data["version"], data["generated"], data["fail_on"]) == ("1.2.3", audit_results.GENERATED, "high")


def test_the_details_are_in_parts() -> None:
    results = [result(f"bucket-{number}") for number in range(101)]
    data = page(audit_results.report(*results)).data
    together = data["audit"]["together"]
    assert [one for name, part in data.items() if name != "audit" for one in part] == results
    assert all(data[f"buckets-{number // together}"][number % together] == one for number, one in enumerate(results))


@given(audit_results.REPORTS)
def test_text_of_others_is_data_and_nothing_else(report: Report) -> None:
    shown = page(report)
    assert [text for _none, text in shown.texts("title")] == [visible(report.title)]
    assert [text.strip() for _none, text in shown.texts("h1")] == [visible(report.title).strip()]
    data = [one for one in shown.elements if one[1].get("type") == "application/json"]
    assert len(shown.elements) == len(EMPTY.elements) + len(data) - 1
    assert [one for name, part in shown.data.items() if name != "audit" for one in part] == report.results
    assert shown.data["audit"]["summary"] == report.summary
    # The texts themselves hold nothing that could end the element that they are in.
    assert not any(set(text) & set("<>&\u2028\u2029") for one, text in shown.texts("script") if "type" in one)
