# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit as JSON, for programs."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.sealed.s3.plugins.plugin_utils.audit.report import Report
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.text import json_text


def pieces(report: Report) -> Iterator[str]:
    """The text of the file, bucket by bucket: one line each."""
    yield "{\n"
    for name in ("generated", "title", "version", "summary"):
        yield f'"{name}": {json_text(getattr(report, name))},\n'
    yield '"buckets": ['
    for number, result in enumerate(report.results):
        yield f"{',' if number else ''}\n{json_text(result)}"
    yield "\n]\n}\n"
