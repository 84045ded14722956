# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is counted, and the table of it in docs/reliability.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pages import RELIABILITY, put
from rounds import KEPT, MERGED, NAMED, NOTHING, OVERWRITTEN, Played

COLUMNS = (KEPT, MERGED, NAMED, OVERWRITTEN)


@dataclass
class Count:
    """The rounds of a class.

    :ivar wrong: how many ended as they may not.
    """

    title: str
    rounds: int = 0
    wrong: int = 0
    came: Counter[str] = field(default_factory=Counter)

    def add(self, played: Played) -> None:
        self.rounds += 1
        self.wrong += bool(played.problems)
        self.came[played.came] += 1

    def __str__(self) -> str:
        came = ", ".join(f"{self.came[word]} {word}" for word in (*COLUMNS, NOTHING) if self.came[word])
        return f"{self.title}: {self.rounds} rounds, {came}; {self.wrong} wrong."

    @property
    def row(self) -> str:
        cells = [self.title, str(self.rounds), *(str(self.came[word]) for word in COLUMNS), str(self.wrong)]
        return "| " + " | ".join(cells) + " |"


def write(counts: Sequence[Count], seed: int) -> None:
    """Put them between the markers of the page."""
    lines = [
        f"Seed {seed}.",
        "",
        "| The foreign write comes | Rounds | " + " | ".join(COLUMNS) + " | lost |",
        "|---" * (len(COLUMNS) + 3) + "|",
        *(count.row for count in counts),
    ]
    put(RELIABILITY, "races", "\n".join(lines))
