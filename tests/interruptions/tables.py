# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables in docs/reliability.md."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator, Sequence

import pages
import several
from attempts import ARRIVED, CARRIED_OUT, POLITE, TWICE, UNANSWERED, WAITING, Attempt, Strike
from gate import Call
from playbook import BLOWS, SCENES, Blown

NONE = "-"

# The columns: what they are called, the moment, and the signals.
_COLUMNS = (
    ("SIGINT, SIGTERM: arrived", ARRIVED, POLITE),
    ("carried out", CARRIED_OUT, POLITE),
    ("then waiting", WAITING, POLITE),
    ("never answered", UNANSWERED, POLITE),
    ("SIGINT twice", TWICE, POLITE),
    ("SIGKILL: arrived", ARRIVED, (signal.SIGKILL,)),
    ("carried out", CARRIED_OUT, (signal.SIGKILL,)),
)


class Table:
    """What was tried, and what came of it."""

    def __init__(self) -> None:
        self._subjects: list[tuple[str, str, list[Call]]] = []
        self._tried: list[Attempt] = []
        self._blown: list[Blown] = []

    def add(self, name: str, title: str, calls: Sequence[Call]) -> None:
        """A run, and its calls in their order."""
        self._subjects.append((name, title, list(dict.fromkeys(calls))))

    def told(self, tried: Attempt) -> Attempt:
        """Take it in, and hand it on."""
        self._tried.append(tried)
        return tried

    def told_of_playbook(self, blown: Blown) -> Blown:
        """Take it in, and hand it on."""
        self._blown.append(blown)
        return blown

    def write(self) -> None:
        """Put them between the markers of the page."""
        pages.put(pages.RELIABILITY, "interruptions", "\n".join(self._lines()))

    def _lines(self) -> Iterator[str]:
        everything: list[Attempt | Blown] = [*self._tried, *self._blown]
        wrong = sum(bool(one.problems) for one in everything)
        yield (
            f"{len(self._tried)} signals to modules and {len(self._blown)} to the playbook; "
            f"{wrong} of them ended as they may not."
        )
        for name, title, calls in self._subjects:
            yield ""
            yield f"**{title}**"
            yield ""
            if name == several.NAME:
                yield self._counted(name)
                continue
            yield _row("Call", *(column for column, _moment, _numbers in _COLUMNS))
            yield _rule(len(_COLUMNS) + 1)
            yield from self._rows(name, calls)
        for scene in SCENES:
            yield ""
            yield f"**{scene.title}**"
            yield ""
            yield _row("Call", *(blow.name for blow in BLOWS))
            yield _rule(len(BLOWS) + 1)
            blown = [one for one in self._blown if one.scene is scene]
            for call in dict.fromkeys(one.call for one in blown):
                came = {one.blow: _word(one) for one in blown if one.call == call}
                yield _row(str(call), *(came.get(blow, NONE) for blow in BLOWS))

    def _counted(self, name: str) -> str:
        tried = [one for one in self._tried if one.subject == name]
        parts = []
        for told, dies in (("SIGINT and SIGTERM", False), ("SIGKILL", True)):
            these = [_word(one) for one in tried if (one.strike.number == signal.SIGKILL) == dies]
            counts = ", ".join(f"{count} times {word}" for word, count in sorted(Counter(these).items()))
            parts.append(f"{told}: {counts}.")
        return " ".join(parts)

    def _rows(self, name: str, calls: Sequence[Call]) -> Iterator[str]:
        """Those that follow each other and came out alike are one row."""
        rows: list[tuple[Call, Call, list[str]]] = []
        for call in calls:
            cells = [self._cell(name, call, moment, numbers) for _column, moment, numbers in _COLUMNS]
            if rows and rows[-1][2] == cells:
                rows[-1] = (rows[-1][0], call, cells)
            else:
                rows.append((call, call, cells))
        for first, last, cells in rows:
            yield _row(str(first) if first == last else f"{first} to {last}", *cells)

    def _cell(self, name: str, call: Call, moment: str, numbers: Sequence[signal.Signals]) -> str:
        def meant(strike: Strike) -> bool:
            return strike.call == call and strike.moment == moment and strike.number in numbers

        words = [_word(one) for one in self._tried if one.subject == name and meant(one.strike)]
        return " / ".join(dict.fromkeys(words)) or NONE


def _word(one: Attempt | Blown) -> str:
    return f"**{one.came}, wrong**" if one.problems else one.came


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return "|---" * columns + "|"
