# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit as CSV, for spreadsheets: a row for each finding, one for a bucket without any."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.sealed.s3.plugins.plugin_utils.audit.report import Report, unread
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.text import visible

OF_BUCKET = ("bucket", "account", "region", "connection", "compliance")
OF_FINDING = ("id", "severity", "title", "observed", "wanted", "remedy")
COLUMNS = (*OF_BUCKET, "finding", *OF_FINDING[1:], "controls", "could_not_look")
# A cell that begins so is a formula, or becomes one once the first character is dropped (OWASP, "CSV Injection"); the
# last four are the wide forms, which spreadsheets take for the same.
FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def pieces(report: Report) -> Iterator[str]:
    """The text of the file, row by row (RFC 4180)."""
    yield _line(COLUMNS)
    for result in report.results:
        of_bucket = [cell(result.get("name" if name == "bucket" else name)) for name in OF_BUCKET]
        not_read = cell("; ".join(unread(result)))
        findings: Sequence[Mapping[str, Any]] = result.get("findings") or ({},)
        for finding in findings:
            yield _line((*of_bucket, *_of_finding(finding), not_read))


def _of_finding(finding: Mapping[str, Any]) -> list[str]:
    return [*(cell(finding.get(name)) for name in OF_FINDING), cell("; ".join(finding.get("controls") or ()))]


def cell(value: Any) -> str:
    """A value as the text of a cell that no spreadsheet computes; nothing at all is an empty one."""
    if value is None:
        return ""
    text = visible(value)
    begins = value if isinstance(value, str) else text
    return f"'{text}" if begins.startswith(FORMULA) else text


def _line(cells: tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
