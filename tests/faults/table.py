# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table in docs/reliability.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gate import Call
from kinds import FAULTS, Fault
from pages import RELIABILITY, put
from trial import Named, Tried

NONE = "-"


@dataclass(frozen=True)
class Row:
    """A call of a run.

    :ivar cells: by the fault's name, what came of it: once, then lasting.
    """

    subject: Named
    call: Call
    cells: dict[str, str]


def rows(subject: Named, calls: Sequence[Call], tried: Sequence[Tried]) -> list[Row]:
    """The rows of a run, in the order of its calls."""
    found = []
    for call in dict.fromkeys(calls):
        cells = {}
        for fault in FAULTS:
            met = [one for one in tried if one.aim.call == call and one.aim.fault is fault]
            struck = [f"**{one.came}, wrong**" if one.problems else one.came or NONE for one in met]
            # One word where both ended alike.
            cells[fault.name] = " / ".join(dict.fromkeys(struck)) if struck else NONE
        found.append(Row(subject, call, cells))
    return found


def lines(table: Sequence[Row], struck: Sequence[Tried], faults: Sequence[Fault]) -> list[str]:
    """The text between the markers."""
    came = sorted({one.came for one in struck})
    counts = ", ".join(f"{sum(one.came == what for one in struck)} times *{what}*" for what in came)
    wrong = sum(bool(one.problems) for one in struck)
    told = [f"{len(struck)} faults struck: {counts}; {wrong} of them ended as they may not.", ""]
    for title in dict.fromkeys(row.subject.title for row in table):
        told += [f"**{title}**", ""]
        told += ["| Call | " + " | ".join(fault.name for fault in faults) + " |"]
        told += ["|---" * (len(faults) + 1) + "|"]
        for row in table:
            if row.subject.title == title:
                told.append(f"| {row.call} | " + " | ".join(row.cells[fault.name] for fault in faults) + " |")
        told.append("")
    return told


def legend(faults: Sequence[Fault]) -> list[str]:
    """What each fault is."""
    told = ["| Fault | What happens | Injected by |", "|---|---|---|"]
    return told + [f"| {fault.name} | {fault.meaning} | {fault.injected_by} |" for fault in faults]


def write(part: str, table: Sequence[Row], struck: Sequence[Tried], faults: Sequence[Fault]) -> None:
    """Put it between the markers of its part of the page."""
    put(RELIABILITY, part, "\n".join(lines(table, struck, faults)))
