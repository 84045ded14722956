# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given

from ansible_collections.sealed.s3.plugins.plugin_utils.audit.as_csv import COLUMNS, FORMULA, cell, pieces
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.report import Report, unread
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.text import visible
from ansible_collections.sealed.s3.tests.unit import audit_results
from ansible_collections.sealed.s3.tests.unit.audit_results import finding, result


def read(report: Report) -> list[dict[str, str]]:
    """The rows, by the names of their columns."""
    head, *rows = csv.reader(io.StringIO("".join(pieces(report)), newline=""), strict=True)
    assert tuple(head) == COLUMNS
    assert all(len(row) == len(COLUMNS) for row in rows)
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def test_each_finding_has_a_row() -> None:
    rows = read(
        audit_results.report(result("uploads", finding(), finding("low", id="other", wanted=None, controls=[])))
    )
    assert rows[0] == {
        "bucket": "uploads",
        "account": "111122223333",
        "region": "eu-central-1",
        "connection": "default",
        "compliance": "not_compliant",
        "finding": "default_encryption_algorithm",
        "severity": "high",
        "title": "Default encryption is not SSE-KMS",
        "observed": '{"algorithm": "AES256"}',
        "wanted": '{"algorithm": "aws:kms"}',
        "remedy": "ansible-playbook sealed.s3.encrypt -e encrypted_s3_bucket=uploads",
        "controls": "Security Hub S3.17; Config s3-default-encryption-kms",
        "could_not_look": "",
    }
    assert [row["finding"] for row in rows] == ["default_encryption_algorithm", "other"]
    assert (rows[1]["wanted"], rows[1]["controls"]) == ("", "")


def test_a_bucket_without_findings_has_one_row() -> None:
    rows = read(audit_results.report(result(), audit_results.unread(account=None)))
    assert [(row["bucket"], row["account"], row["finding"], row["could_not_look"]) for row in rows] == [
        ("uploads", "111122223333", "", ""),
        ("hidden", "", "", "s3:GetBucketPolicy: Not permitted to read the policy."),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        (-1, "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", r"'\t=1"),
        ("\r=1", r"'\r=1"),
        ("\n=1", r"'\n=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a=1", "a=1"),
        (True, "true"),
        (["=1"], '["=1"]'),
    ],
)
def test_no_cell_is_a_formula(value: Any, text: str) -> None:
    assert cell(value) == text


@given(audit_results.REPORTS)
def test_it_reads_back_as_it_was(report: Report) -> None:
    rows = read(report)
    expected = [(one, found) for one in report.results for found in one["findings"] or [{}]]
    assert len(rows) == len(expected)
    for row, (one, found) in zip(rows, expected, strict=True):
        assert not any(value.startswith(FORMULA) for value in row.values())
        assert row["bucket"] == cell(one["name"])
        assert row["bucket"].removeprefix("'") == visible(one["name"]).removeprefix("'")
        assert row["title"] == cell(found.get("title"))
        assert row["observed"] == cell(found.get("observed"))
        assert row["could_not_look"] == cell("; ".join(unread(one)))
