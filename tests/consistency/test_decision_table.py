# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision table in the documents is the one that the code makes."""

from __future__ import annotations

import decision_table


def test_the_documents_have_the_table_of_the_code() -> None:
    text = decision_table.PAGE.read_text(encoding="utf-8")
    assert decision_table.START in text
    assert text == decision_table.page(text), "run .venv/bin/python tests/harness/decision_table.py"


def test_cells_that_differ_by_reading_name_both() -> None:
    assert decision_table.cell("no_headers", "deny_other_keys") == "allow/deny"
    assert decision_table.cell("no_headers", "deny_overrides") == "allow"
