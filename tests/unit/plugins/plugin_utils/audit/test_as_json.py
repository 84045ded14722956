# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from hypothesis import given

from ansible_collections.sealed.s3.plugins.plugin_utils.audit.as_json import pieces
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.report import Report
from ansible_collections.sealed.s3.tests.unit import audit_results


@given(audit_results.REPORTS)
def test_it_reads_back_as_it_was(report: Report) -> None:
    text = "".join(pieces(report))
    assert text.isascii()
    assert json.loads(text) == {
        "generated": report.generated,
        "title": report.title,
        "version": "1.2.3",
        "summary": report.summary,
        "buckets": report.results,
    }


@pytest.mark.parametrize("number", [0, 1, 3])
def test_each_bucket_has_its_line(number: int) -> None:
    report = audit_results.report(*(audit_results.result(f"bucket-{index}") for index in range(number)))
    lines = "".join(pieces(report)).splitlines()
    assert len([line for line in lines if '"bucket-' in line]) == number
