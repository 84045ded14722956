# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the policy rooms raise, and how they show text that somebody else wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

_SHOWN_AT_MOST = 80
_LISTED_AT_MOST = 8


class PolicyError(ValueError):
    """A policy, or what was asked of it, is not acceptable.

    The text is a whole sentence for the user: what was asked, what was found, what to do.

    :ivar details: further values for a module's result (JSON-like), empty when there are none.
    """

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details: dict[str, Any] = details


def shown(value: Any) -> str:
    """``value`` as a short piece of printable text.

    Policies are written by others: control characters and terminal escapes come out escaped, long text is cut.
    """
    text = value if isinstance(value, str) else _as_text(value)
    if len(text) > _SHOWN_AT_MOST:
        text = text[: _SHOWN_AT_MOST - 3] + "..."
    if text.isascii() and text.isprintable():
        return text
    return json.dumps(text)[1:-1].replace("\x7f", "\\u007f")


def listed(values: Iterable[Any]) -> str:
    """The values as :func:`shown` shows them. Of very many, the first ones and how many there are beside them."""
    return first_of([shown(value) for value in values])


def first_of(names: Sequence[str]) -> str:
    """Names that can be shown as they are; of very many, the first ones and how many there are beside them."""
    more = len(names) - _LISTED_AT_MOST
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:_LISTED_AT_MOST])} and {more} more"


def _as_text(value: Any) -> str:
    try:
        return json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):
        # A name that JSON does not have, a number of too many digits, a list in itself, a depth without end.
        return f"a value of type {type(value).__name__}"
