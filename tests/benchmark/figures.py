# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench's arithmetic: medians, spreads, ratios, and whose turn it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figures:
    """The seconds of the runs of one contender.

    :raises ValueError: for none.
    """

    seconds: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.seconds:
            raise ValueError("There is no run to tell a median of.")

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def spread(self) -> tuple[float, float]:
        """The fastest and the slowest."""
        return min(self.seconds), max(self.seconds)

    def times_faster_than(self, other: Figures) -> float:
        """How many times the other's median is ours."""
        return other.median / self.median

    def share_of(self, other: Figures) -> float:
        """Our median as a share of the other's."""
        return self.median / other.median


def over_the_start(ours: Figures, start: Figures, bare: Figures) -> float:
    """How many times the bare script's median is ours, when what an empty run takes is no part of ours."""
    return (ours.median - start.median) / bare.median


def turns(runs: Mapping[str, int]) -> Iterator[str]:
    """Whose turn it is: A B A B ..., and one with fewer runs is through earlier."""
    for turn in range(max(runs.values(), default=0)):
        for name, count in runs.items():
            if turn < count:
                yield name


@dataclass(frozen=True)
class Line:
    """A straight line through points, by least squares.

    :ivar start: what it costs at nothing.
    :ivar each: what one more costs.
    :ivar fit: how much of the points' differences it explains, up to 1.
    """

    start: float
    each: float
    fit: float


def line_through(points: Sequence[tuple[float, float]]) -> Line:
    """The line.

    :raises ValueError: for fewer than two places along x.
    """
    count = len(points)
    if len({x for x, _y in points}) < 2:
        raise ValueError("A line needs two points.")
    mean_x = sum(x for x, _y in points) / count
    mean_y = sum(y for _x, y in points) / count
    each = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _y in points)
    start = mean_y - each * mean_x
    apart = sum((y - mean_y) ** 2 for _x, y in points)
    left = sum((y - start - each * x) ** 2 for x, y in points)
    return Line(start, each, 1 - left / apart if apart else 1.0)
