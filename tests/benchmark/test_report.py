# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables say what was measured."""

from __future__ import annotations

from typing import Any

import pytest
import report


def runs(*seconds: float, calls: int = 3) -> list[dict[str, Any]]:
    return [{"seconds": each, "processor": each / 2, "calls": {"s3.GetBucketPolicy": calls}} for each in seconds]


def results(kind: str, goal: float | None) -> dict[str, Any]:
    comparison = {
        "part": "b",
        "what": "nothing to do",
        "buckets": 1000,
        "contenders": {"ours": runs(1.0, 2.0, 3.0), "theirs": runs(40.0, calls=1500), report.START: runs(0.5)},
        "pairs": [{"ours": "ours", "theirs": "theirs", "kind": kind, "goal": goal}],
    }
    return {
        "facts": {"": "2 cores", "Python": "3.13.0"},
        "parts": {
            "b": {"comparisons": [comparison]},
            "e": {
                "costs": [
                    {"buckets": 100, "seconds": 2.0, "calls": {"a": 300}, "peaks": {"started": 50.0, "own": 60.0}},
                    {
                        "buckets": 1000,
                        "seconds": 11.0,
                        "calls": {"a": 3000},
                        "peaks": {"started": 68.0, "own": 60.0},
                    },
                ]
            },
            "rates": {"rates": [{"how": "straight", "threads": 16, "rate": 799.6}]},
        },
    }


@pytest.mark.parametrize(
    ("kind", "goal", "reached"),
    [
        ("faster", 15, "20.0 times as fast | 15 times as fast: reached"),
        ("faster", 25, "20.0 times as fast | 25 times as fast: missed"),
        ("faster", None, "20.0 times as fast |  |"),
        ("share", 0.65, "0.05 of its time | at most 0.65: reached"),
        ("share", 0.04, "0.05 of its time | at most 0.04: missed"),
        ("over the start", 1.3, "0.04 of its time, less Ansible's start | at most 1.3: reached"),
        ("over the start", 0.01, "0.04 of its time, less Ansible's start | at most 0.01: missed"),
    ],
)
def test_what_was_reached_stands_beside_the_goal(kind: str, goal: float | None, reached: str) -> None:
    assert reached in report.tables(results(kind, goal))


def test_medians_come_with_their_spread_and_the_calls() -> None:
    (row,) = [line for line in report.tables(results("faster", 15)).splitlines() if line.startswith("| b ")]
    assert (
        "| 1,000 | ours: **2.00** (1.00 to 3.00, 3 runs) | theirs: **40.00** (one run) | 1.00 / 20.00 | 3 / 1,500 |"
        in row
    )


def test_costs_are_told_for_each_bucket_and_as_a_line() -> None:
    text = report.tables(results("faster", 15))
    assert "| 1,000 | 11.0 | 11.0 | 3,000 | 3.00 | 68 | 60 |" in text
    assert "1.0 s and 10.0 ms for each bucket; it explains 100.0 %" in text
    assert "108 MB and 20 kB for each bucket" in text


def test_one_size_has_no_line() -> None:
    one = results("faster", 15)
    del one["parts"]["e"]["costs"][1]
    assert "straight line" not in report.tables(one)


def test_rates_and_facts_are_told() -> None:
    text = report.tables(results("faster", 15))
    assert text.startswith("Measured on 2 cores, Python 3.13.0.")
    assert "| straight | 16 | 800 |" in text


def test_parts_that_were_not_measured_leave_no_trace() -> None:
    assert report.tables({"facts": {"": "2 cores"}, "parts": {}}) == "Measured on 2 cores."
