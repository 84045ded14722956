# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the reports of an audit."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils import posture
from ansible_collections.sealed.s3.plugins.plugin_utils.audit import as_csv, as_html, as_json, as_junit
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.report import THRESHOLDS, Report, collection_version

JSON, JUNIT, CSV, HTML = "json", "junit", "csv", "html"
FORMATS: Mapping[str, tuple[str, Callable[[Report], Iterator[str]]]] = {
    JSON: ("audit.json", as_json.pieces),
    JUNIT: ("audit.junit.xml", as_junit.pieces),
    CSV: ("audit.csv", as_csv.pieces),
    HTML: ("audit.html", as_html.pieces),
}
"""Of each format, the name of its file and who writes it."""


class ReportError(Exception):
    """A report could not be written; the text is a sentence for the user."""


def write_reports(
    folder: str | os.PathLike[str],
    results: Iterable[Mapping[str, Any]],
    *,
    summary: Mapping[str, Any],
    title: str,
    generated: datetime | str,
    formats: Collection[str] = tuple(FORMATS),
    fail_on: str = posture.HIGH,
) -> dict[str, str]:
    """Write the reports, each whole or not at all, for the user's eyes alone.

    :param folder: where; it is made when it is missing.
    :param results, summary: as sealed.s3.sse_kms_info returns them for many buckets.
    :param generated: when the buckets were read; a text is taken as it is.
    :param formats: which of FORMATS.
    :param fail_on: the least severity that fails the run, or ``never``.
    :returns: the path of each format's file.
    :raises ReportError: where something cannot be written, or is asked for that does not exist.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ReportError(f"There is no report {', '.join(unknown)}; there are {', '.join(FORMATS)}.")
    if fail_on not in THRESHOLDS:
        raise ReportError(f"There is no severity {fail_on} to fail on; there are {', '.join(THRESHOLDS)}.")
    if isinstance(generated, datetime):
        generated = generated.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    report = Report(list(results), summary, title, generated, fail_on, collection_version())
    target = Path(folder)
    ready: dict[str, Path] = {}
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in FORMATS:
            if name in formats:
                ready[name] = _written(target, FORMATS[name][1](report))
        return {name: str(ready[name].replace(target / FORMATS[name][0])) for name in list(ready)}
    except OSError as error:
        raise ReportError(f"The reports could not be written to {target}: {error.strerror or error}.") from error
    finally:
        for path in ready.values():
            path.unlink(missing_ok=True)


def _written(folder: Path, pieces: Iterator[str]) -> Path:
    """A finished file beside the one that it is to replace; mkstemp lets nobody else read it."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".audit-")
    path = Path(name)
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - an open descriptor
            file.writelines(pieces)
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    return path
