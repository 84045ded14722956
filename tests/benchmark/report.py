# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured, as text: the tables of docs/performance.md. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from figures import Figures, Line, line_through, over_the_start

START = "empty playbook"


def tables(results: Mapping[str, Any]) -> str:
    """Everything that was measured.

    :param results: what bench.py writes: facts, and parts with their comparisons, costs and rates.
    """
    parts = [results["parts"][name] for name in sorted(results["parts"])]
    comparisons = [one for part in parts for one in part.get("comparisons", [])]
    costs = [one for part in parts for one in part.get("costs", [])]
    rates = [one for part in parts for one in part.get("rates", [])]
    texts = [_facts(results["facts"])]
    if comparisons:
        texts += ["### Side by side", _comparisons(comparisons)]
    if costs:
        texts += ["### Cost against the number of buckets", _costs(costs)]
    if rates:
        texts += ["### What LocalStack serves here", _rates(rates)]
    return "\n\n".join(texts)


def _facts(facts: Mapping[str, str]) -> str:
    return "Measured on " + ", ".join(f"{name} {value}" if name else value for name, value in facts.items()) + "."


def _comparisons(comparisons: Iterable[Mapping[str, Any]]) -> str:
    rows = []
    for comparison in comparisons:
        figures = {
            name: Figures(tuple(run["seconds"] for run in runs)) for name, runs in comparison["contenders"].items()
        }
        for pair in comparison["pairs"]:
            ours, theirs = pair["ours"], pair["theirs"]
            rows.append(
                (
                    comparison["part"],
                    comparison["what"],
                    f"{comparison['buckets']:,}",
                    f"{ours}: {_shown(figures[ours])}",
                    f"{theirs}: {_shown(figures[theirs])}",
                    " / ".join(f"{_worked(comparison['contenders'][name]):.2f}" for name in (ours, theirs)),
                    _calls(comparison["contenders"], ours, theirs),
                    *_verdict(pair, figures),
                )
            )
    return _table(("", "what", "buckets", "ours, s", "against, s", "of a core, s", "calls", "reached", "goal"), rows)


def _shown(figures: Figures) -> str:
    """The median, and the fastest and the slowest of how many runs."""
    low, high = figures.spread
    if len(figures.seconds) == 1:
        return f"**{figures.median:.2f}** (one run)"
    return f"**{figures.median:.2f}** ({low:.2f} to {high:.2f}, {len(figures.seconds)} runs)"


def _worked(runs: Sequence[Mapping[str, Any]]) -> float:
    """The median of the seconds that a core worked for a contender."""
    return Figures(tuple(run["processor"] for run in runs)).median


def _calls(contenders: Mapping[str, Sequence[Mapping[str, Any]]], ours: str, theirs: str) -> str:
    return " / ".join(f"{sum(contenders[name][-1]['calls'].values()):,}" for name in (ours, theirs))


def _verdict(pair: Mapping[str, Any], figures: Mapping[str, Figures]) -> tuple[str, str]:
    """What was reached, and the goal with whether it was."""
    ours, theirs, goal = figures[pair["ours"]], figures[pair["theirs"]], pair.get("goal")
    if pair["kind"] == "faster":
        ratio, text = ours.times_faster_than(theirs), "{:.1f} times as fast"
        good, wanted = goal is not None and ratio >= goal, "{:g} times as fast"
    elif pair["kind"] == "share":
        ratio, text = ours.share_of(theirs), "{:.2f} of its time"
        good, wanted = goal is not None and ratio <= goal, "at most {:g}"
    else:
        ratio, text = over_the_start(ours, figures[START], theirs), "{:.2f} of its time, less Ansible's start"
        good, wanted = goal is not None and ratio <= goal, "at most {:g}"
    return text.format(ratio), "" if goal is None else f"{wanted.format(goal)}: {'reached' if good else 'missed'}"


def _costs(costs: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            f"{one['buckets']:,}",
            f"{one['seconds']:.1f}",
            f"{1000 * one['seconds'] / one['buckets']:.1f}",
            f"{sum(one['calls'].values()):,}",
            f"{sum(one['calls'].values()) / one['buckets']:.2f}",
            f"{one['peaks']['started']:.0f}",
            f"{one['peaks']['own']:.0f}",
        )
        for one in costs
    ]
    head = ("buckets", "seconds", "ms a bucket", "calls", "calls a bucket", "its task, MB", "ansible-playbook, MB")
    text = _table(head, rows)
    if len(costs) > 1:
        seconds = line_through([(one["buckets"], one["seconds"]) for one in costs])
        memory = line_through([(one["buckets"], sum(one["peaks"].values())) for one in costs])
        text += f"\n\n{_line(seconds, memory)}"
    return text


def _line(seconds: Line, memory: Line) -> str:
    return (
        f"A straight line through the seconds: {seconds.start:.1f} s and {1000 * seconds.each:.1f} ms for each bucket; "
        f"it explains {100 * seconds.fit:.1f} % of the differences. One through the memory of both processes: "
        f"{memory.start:.0f} MB and {1024 * memory.each:.0f} kB for each bucket."
    )


def _rates(rates: Iterable[Mapping[str, Any]]) -> str:
    rows = [(one["how"], str(one["threads"]), f"{one['rate']:,.0f}") for one in rates]
    return _table(("", "threads", "requests a second"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
