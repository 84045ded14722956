# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that somebody else wrote, made safe to show; values as JSON that every reader takes."""

from __future__ import annotations

import json
import math
import unicodedata
from typing import Any

_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def visible(value: Any) -> str:
    """``value`` as text in which nothing is hidden.

    Control and format characters (terminal escapes, changes of the writing direction, zero-width ones), separators of
    lines, lone surrogates and unassigned ones come out escaped: ``\\u001b``. So no line of a report ends early, and all
    that comes out is text in XML 1.0.
    """
    text = value if isinstance(value, str) else json_text(value)
    if text.isprintable():
        return text
    return "".join(one if _is_seen(one) else _SHORT.get(one) or _escaped(one) for one in text)


def _is_seen(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] != "C" and category not in ("Zl", "Zp")


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\u{{{code:x}}}"


def json_text(value: Any) -> str:
    """``value`` as JSON of ASCII characters alone; numbers that JSON does not have come out as text."""
    try:
        return json.dumps(value, default=str, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return value
