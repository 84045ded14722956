# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given

from ansible_collections.sealed.s3.plugins.plugin_utils.audit.as_junit import outcome, pieces
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.report import Report, place, unread
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.text import visible
from ansible_collections.sealed.s3.tests.unit import audit_results
from ansible_collections.sealed.s3.tests.unit.audit_results import finding, result

COUNTS = {"tests", "failures", "errors", "skipped", "time"}
# What the schema of Jenkins' xUnit plugin (junit-10.xsd) has, as far as it is used: element -> attributes, children.
SCHEMA: dict[str, tuple[set[str], set[str]]] = {
    "testsuites": ({"name", *COUNTS}, {"testsuite"}),
    "testsuite": ({"name", "timestamp", *COUNTS}, {"testcase"}),
    "testcase": ({"classname", "name", "time"}, {"failure", "error", "system-out"}),
    "failure": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "system-out": (set(), set()),
}


def read(report: Report) -> ElementTree.Element:
    """The root, of a file that is as the schema wants it."""
    root = ElementTree.fromstring("".join(pieces(report)))
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, children = SCHEMA[element.tag]
        assert set(element.attrib) == attributes
        assert {child.tag for child in element} <= children
        if element.tag in ("testsuites", "testsuite"):
            assert len(list(element.iter("testcase"))) == int(element.attrib["tests"])
            assert len(list(element.iter("failure"))) == int(element.attrib["failures"])
            assert len(list(element.iter("error"))) == int(element.attrib["errors"])
        if element.tag == "testcase":
            assert len(element) <= 1
    return root


def test_a_suite_for_each_account_and_region() -> None:
    root = read(
        audit_results.report(
            result("b"),
            result("c", region="us-east-1"),
            result("a"),
            audit_results.unread("d", account=None, region=None),
        )
    )
    assert {suite.get("name"): [case.get("name") for case in suite] for suite in root} == {
        "111122223333.eu-central-1": ["b", "a"],
        "111122223333.us-east-1": ["c"],
        "unknown.unknown": ["d"],
    }
    assert {case.get("classname") for case in root[0]} == {"111122223333.eu-central-1"}
    assert root[0].get("timestamp") == "2026-11-24T12:00:00"


def only(report: Report) -> ElementTree.Element:
    (case,) = read(report).iter("testcase")
    (child,) = case
    return child


def test_a_grave_finding_is_a_failure_with_what_to_do() -> None:
    failure = only(audit_results.report(result("uploads", finding(), finding("low", title="Less", observed=None))))
    assert failure.tag == "failure"
    assert failure.attrib == {"type": "high", "message": "Default encryption is not SSE-KMS"}
    assert failure.text == "\n".join(
        [
            "[high] default_encryption_algorithm: Default encryption is not SSE-KMS",
            '    observed: {"algorithm": "AES256"}',
            '    wanted: {"algorithm": "aws:kms"}',
            "    remedy: ansible-playbook sealed.s3.encrypt -e encrypted_s3_bucket=uploads",
            "    controls: Security Hub S3.17, Config s3-default-encryption-kms",
            "[low] default_encryption_algorithm: Less",
            '    wanted: {"algorithm": "aws:kms"}',
            "    remedy: ansible-playbook sealed.s3.encrypt -e encrypted_s3_bucket=uploads",
            "    controls: Security Hub S3.17, Config s3-default-encryption-kms",
        ]
    )


def test_a_lesser_finding_is_told_and_does_not_fail() -> None:
    output = only(audit_results.report(result("uploads", finding("medium", remedy="", controls=[]))))
    assert output.tag == "system-out"
    assert (output.text or "").startswith("[medium] ")
    assert "remedy" not in (output.text or "")


def test_what_could_not_be_looked_at_is_an_error() -> None:
    error = only(audit_results.report(audit_results.unread()))
    assert error.tag == "error"
    assert error.get("message") == "s3:GetBucketPolicy: Not permitted to read the policy."
    assert error.text == "Could not look: s3:GetBucketPolicy: Not permitted to read the policy."
    assert (
        only(audit_results.report(audit_results.unread(could_not_look=[]))).get("message")
        == "It could not be looked at."
    )


NOT_READ = audit_results.unread()["could_not_look"]


@pytest.mark.parametrize(
    ("fail_on", "bucket", "expected"),
    [
        ("high", result(), ""),
        ("high", result("a", finding()), "failure"),
        ("high", result("a", finding("medium")), ""),
        ("medium", result("a", finding("medium")), "failure"),
        ("never", result("a", finding()), ""),
        # A known failure says more than an error.
        ("high", audit_results.unread("a", finding()), "failure"),
        # Behind what was not read may be something graver.
        ("high", result("a", finding("medium"), could_not_look=NOT_READ), "error"),
        ("never", audit_results.unread(), "error"),
        # Something that nobody asked about.
        ("high", result("a", could_not_look=NOT_READ), ""),
    ],
)
def test_how_a_bucket_ends(fail_on: str, bucket: dict[str, Any], expected: str) -> None:
    report = audit_results.report(bucket, fail_on=fail_on)
    assert outcome(report, bucket) == expected
    read(report)


@given(audit_results.REPORTS)
def test_it_reads_back_as_it_was(report: Report) -> None:
    root = read(report)
    assert root.get("name") == visible(report.title)
    cases = {(case.get("classname"), case.get("name")): case for case in root.iter("testcase")}
    assert len(list(root.iter("testcase"))) == len(report.results)
    for one in report.results:
        case = cases[visible(".".join(place(one))), visible(one["name"])]
        if [one["name"] for other in report.results if other["name"] == one["name"]] == [one["name"]]:
            text = "".join(case.itertext())
            assert all(visible(found["title"]) in text for found in one["findings"])
            assert all(visible(sentence) in text for sentence in unread(one))
