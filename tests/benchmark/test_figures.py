# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench's arithmetic."""

from __future__ import annotations

import pytest
from figures import Figures, line_through, over_the_start, turns


def test_the_median_is_not_moved_by_one_slow_run() -> None:
    figures = Figures((1.0, 9.0, 1.2))
    assert figures.median == 1.2
    assert figures.spread == (1.0, 9.0)


def test_a_ratio_is_one_of_medians() -> None:
    ours, theirs = Figures((2.0, 2.0, 50.0)), Figures((30.0, 10.0, 20.0))
    assert ours.times_faster_than(theirs) == 10
    assert ours.share_of(theirs) == pytest.approx(0.1)


def test_the_start_of_ansible_is_taken_off_ours_alone() -> None:
    assert over_the_start(Figures((3.0,)), Figures((0.5,)), Figures((2.0,))) == pytest.approx(1.25)


def test_no_runs_have_no_figures() -> None:
    with pytest.raises(ValueError, match="no run"):
        Figures(())


def test_contenders_take_turns_until_they_are_through() -> None:
    assert list(turns({"A": 3, "B": 1, "C": 2})) == ["A", "B", "C", "A", "C", "A"]
    assert list(turns({})) == []


def test_a_line_through_points_of_a_line() -> None:
    line = line_through([(100, 2.0), (200, 3.0), (1000, 11.0)])
    assert (line.start, line.each, line.fit) == pytest.approx((1.0, 0.01, 1.0))


def test_a_bent_line_fits_less() -> None:
    assert line_through([(1, 1.0), (2, 4.0), (3, 9.0), (4, 16.0)]).fit < 0.97


def test_a_level_line_fits() -> None:
    assert line_through([(1, 5.0), (2, 5.0)]).fit == 1


def test_a_line_needs_two_places() -> None:
    with pytest.raises(ValueError, match="two points"):
        line_through([(1, 1.0), (1, 2.0)])
