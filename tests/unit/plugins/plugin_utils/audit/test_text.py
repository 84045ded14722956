# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.sealed.s3.plugins.plugin_utils.audit.text import json_text, visible

NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("caf\u00e9 \u05e2\u05d1\u05e8\u05d9\u05ea \U0001f510", "caf\u00e9 \u05e2\u05d1\u05e8\u05d9\u05ea \U0001f510"),
        ("a\u00a0b", "a\u00a0b"),
        ("\x1b[31mred", r"\u001b[31mred"),
        ("two\nlines\r\tand a tab", r"two\nlines\r\tand a tab"),
        ("\u202egnirts\u202c", r"\u202egnirts\u202c"),
        ("\u200b\ufeff\u2028\u2029\x00\x9f", r"\u200b\ufeff\u2028\u2029\u0000\u009f"),
        ("\ud800", r"\ud800"),
        ("\ufffe", r"\ufffe"),
        ("\U000e0041", r"\u{e0041}"),
    ],
)
def test_nothing_is_hidden(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(("value", "shown"), [(7, "7"), (True, "true"), ({"a": ["\n"]}, '{"a": ["\\n"]}')])
def test_what_is_no_text_is_shown_as_json(value: object, shown: str) -> None:
    assert visible(value) == shown


@given(st.text())
def test_whatever_is_written_can_be_seen(text: str) -> None:
    shown = visible(text)
    assert not {unicodedata.category(one) for one in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert visible(shown) == shown
    assert shown == text or "\\" in shown


@given(JSON)
def test_json_comes_back_as_it_was(value: object) -> None:
    text = json_text(value)
    assert text.isascii()
    assert json.loads(text) == value


def test_numbers_that_json_does_not_have_are_text() -> None:
    value = {"a": [float("nan"), (float("inf"), 1.5)], "b": "c"}
    assert json.loads(json_text(value)) == {"a": ["nan", ["inf", 1.5]], "b": "c"}
