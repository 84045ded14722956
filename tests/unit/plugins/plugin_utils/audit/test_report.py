# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.plugin_utils.audit.report import (
    THRESHOLDS,
    Report,
    collection_version,
    place,
    unread,
)


@pytest.mark.parametrize(
    ("fail_on", "failing"),
    [
        ("high", ["high"]),
        ("medium", ["high", "medium"]),
        ("low", ["high", "medium", "low"]),
        ("info", ["high", "medium", "low", "info"]),
        ("never", []),
    ],
)
def test_a_finding_fails_from_the_threshold_on(fail_on: str, failing: list[str]) -> None:
    report = Report([], {}, "", "", fail_on)
    assert [one for one in THRESHOLDS[:-1] if report.fails({"severity": one})] == failing


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"account": "111122223333", "region": "eu-central-1"}, ("111122223333", "eu-central-1")),
        ({"account": None, "region": None}, ("unknown", "unknown")),
        ({}, ("unknown", "unknown")),
    ],
)
def test_a_bucket_that_was_not_reached_has_an_unknown_place(result: dict[str, Any], expected: tuple[str, str]) -> None:
    assert place(result) == expected


def test_what_was_not_read_names_the_permission_where_there_is_one() -> None:
    missing = [
        {"permission": "s3:GetBucketPolicy", "message": "Not permitted."},
        {"permission": None, "message": "No answer."},
    ]
    assert unread({"could_not_look": missing}) == ["s3:GetBucketPolicy: Not permitted.", "No answer."]
    assert unread({"could_not_look": None}) == []


def test_the_version_is_that_of_this_collection() -> None:
    assert collection_version()[0].isdigit()


def test_the_version_of_one_that_is_installed(tmp_path: Path) -> None:
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"collection_info": {"version": "1.2.3"}}), encoding="utf-8")
    assert collection_version(tmp_path) == "1.2.3"


@pytest.mark.parametrize(("text", "version"), [("name: s3\nversion: 1.2.4\n", "1.2.4"), ("name: s3\n", "unknown")])
def test_the_version_of_a_checkout(tmp_path: Path, text: str, version: str) -> None:
    (tmp_path / "galaxy.yml").write_text(text, encoding="utf-8")
    assert collection_version(tmp_path) == version


def test_there_may_be_neither(tmp_path: Path) -> None:
    assert collection_version(tmp_path) == "unknown"
