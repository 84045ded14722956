# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the reports are made from. This room knows neither boto3 nor Ansible."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils import posture

NEVER = "never"
"""No finding fails the run."""
THRESHOLDS = (*posture.SEVERITIES, NEVER)
UNKNOWN = "unknown"
"""The account or the Region of a bucket that could not be looked at."""

_COLLECTION = Path(__file__).parents[3]


@dataclass(frozen=True)
class Report:
    """An audit.

    :ivar results: what was said of each bucket, in the form that sealed.s3.sse_kms_info returns for many.
    :ivar summary: the summary of the same.
    :ivar generated: when, as ISO 8601 in UTC.
    :ivar fail_on: the least severity that fails the run, or ``never``.
    :ivar version: the version of the collection.
    """

    results: Sequence[Mapping[str, Any]]
    summary: Mapping[str, Any]
    title: str
    generated: str
    fail_on: str = posture.HIGH
    version: str = ""

    def fails(self, finding: Mapping[str, Any]) -> bool:
        """Whether a finding is grave enough to fail the run."""
        failing = () if self.fail_on == NEVER else THRESHOLDS[: THRESHOLDS.index(self.fail_on) + 1]
        return finding["severity"] in failing


def place(result: Mapping[str, Any]) -> tuple[str, str]:
    """The account and the Region of a bucket, as text."""
    return str(result.get("account") or UNKNOWN), str(result.get("region") or UNKNOWN)


def unread(result: Mapping[str, Any]) -> list[str]:
    """What could not be looked at, as sentences with the missing permission."""
    return [
        f"{missing['permission']}: {missing['message']}" if missing.get("permission") else str(missing["message"])
        for missing in result.get("could_not_look") or ()
    ]


def collection_version(collection: Path = _COLLECTION) -> str:
    """The version of the collection in a folder: of one that is installed, or of a checkout."""
    manifest = collection / "MANIFEST.json"
    if manifest.is_file():
        return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
    checkout = collection / "galaxy.yml"
    text = checkout.read_text(encoding="utf-8") if checkout.is_file() else ""
    found = re.search(r"^version: *(\S+)", text, re.M)
    return found.group(1) if found else UNKNOWN
