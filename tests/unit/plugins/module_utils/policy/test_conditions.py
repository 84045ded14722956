# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import fnmatch
import itertools
import re
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.sealed.s3.plugins.module_utils.policy.conditions import (
    Context,
    Verdict,
    all_of,
    any_of,
    arn_match,
    evaluate,
    negation,
    pattern_of,
    unknown,
    wildcard_match,
)

NEW, OLD = "2012-10-17", "2008-10-17"
ROLE = "arn:aws:iam::111122223333:role/team/Uploader"


def truth(operator: str, wanted: Any, value: Any = ..., version: str | None = NEW, **known: Any) -> bool | None:
    """What an operator says of key ``k`` with the value; ``...``: not settled, None: absent."""
    context = Context(known if value is ... else {**known, "k": value})
    return evaluate({operator: {"k": wanted}}, context, version=version).truth


OPERATORS = [
    # operator, policy's values, a value that meets the positive operator, one that does not
    ("StringEquals", "a", "a", "A"),
    ("StringEquals", ["x", "a"], "a", "b"),
    ("StringEquals", "a*", "a*", "ab"),
    ("StringEqualsIgnoreCase", "Straße", "STRASSE", "strase"),
    ("StringLike", "a?c*", "abcd", "acd"),
    ("StringLike", "*", "", ...),
    ("NumericEquals", 5, "5.0", "5.1"),
    ("NumericEquals", "1e3", "1000", "x"),
    ("DateEquals", "2026-01-01T00:00:00Z", "2026-01-01", "2026-01-02"),
    ("DateEquals", "2026-01-01T01:00:00.5+01:00", "2026-01-01T00:00:00.500Z", "2026-01-01T00:00:00Z"),
    ("DateEquals", "1767225600", "2026-01-01T00:00Z", "2026-01"[:4] + "-02"),
    ("ArnEquals", "arn:aws:iam::*:role/team/*", ROLE, ROLE.replace("team", "other")),
    ("ArnLike", "arn:aws:iam::111122223333:role/*", ROLE, "arn:aws:iam::111122223333"),
    ("ArnLike", "*", ROLE, ...),
    ("IpAddress", "10.0.0.0/8", "10.1.2.3", "11.0.0.1"),
    ("IpAddress", ["2001:db8::/32", "10.0.0.1"], "2001:db8::1", "not an address"),
    ("IpAddress", "10.0.0.1", "10.0.0.1", "2001:db8::1"),
]
NEGATED = {"IpAddress": "NotIpAddress"}


def negated(operator: str) -> str:
    return NEGATED.get(operator) or re.sub("(String|Numeric|Date|Arn)", r"\1Not", operator)


@pytest.mark.parametrize(("operator", "wanted", "meets", "fails"), OPERATORS)
def test_each_operator_in_each_form(operator: str, wanted: Any, meets: Any, fails: Any) -> None:
    opposite = negated(operator)
    assert opposite != operator
    for value, expected in ((meets, True), (fails, False)):
        if value is ...:
            continue
        assert truth(operator, wanted, value) is expected
        assert truth(f"{operator}IfExists", wanted, value) is expected
        assert truth(opposite, wanted, value) is not expected
        assert truth(f"{opposite}IfExists", wanted, value) is not expected
        assert truth(operator.upper(), wanted, value) is expected
    # An absent key.
    assert truth(operator, wanted, None) is False
    assert truth(opposite, wanted, None) is True
    assert truth(f"{operator}IfExists", wanted, None) is True
    assert truth(f"{opposite}IfExists", wanted, None) is True
    # A key that is not settled.
    for form in (operator, opposite, f"{operator}IfExists", f"ForAnyValue:{operator}"):
        verdict = evaluate({form: {"k": wanted}}, Context({}), version=NEW)
        assert verdict == unknown("k")


@pytest.mark.parametrize("family", ["Numeric", "Date"])
def test_ordered_operators(family: str) -> None:
    less, same, more = ("2025", "2026", "2027") if family == "Date" else ("1", "1.5", "2")
    for operator, expected in (
        ("LessThan", (True, False, False)),
        ("LessThanEquals", (True, True, False)),
        ("GreaterThan", (False, False, True)),
        ("GreaterThanEquals", (False, True, True)),
        ("NotEquals", (True, False, True)),
    ):
        assert tuple(truth(family + operator, same, value) for value in (less, same, more)) == expected
        assert truth(family + operator, same, "no value of the kind") is (operator == "NotEquals")


@pytest.mark.parametrize(
    "text",
    ["2026-13", "2026-00-01", "2026-01-32T00:00Z", "20260", "2026-01-01T00:00", "2026-01-01T00:00+24:00", "x", "²"],
)
def test_what_is_no_date_compares_as_false(text: str) -> None:
    if text == "20260":
        # Epoch seconds.
        assert truth("DateLessThan", "2026", text) is True
    else:
        assert truth("DateLessThan", "9999", text) is False


def test_bool_and_binary() -> None:
    assert truth("Bool", False, "false") is True
    assert truth("Bool", "True", "true") is True
    assert truth("Bool", "false", "true") is False
    assert truth("Bool", "false", None) is False
    assert truth("BoolIfExists", "false", None) is True
    assert truth("BinaryEquals", "QUI=", "QUI=") is True
    assert truth("BinaryEquals", "QUI=", "qui=") is False
    assert truth("Bool", "${aws:MultiFactorAuthPresent}", "TRUE", **{"aws:MultiFactorAuthPresent": "true"}) is True


def test_null_asks_for_presence() -> None:
    assert truth("Null", "true", None) is True
    assert truth("Null", True, "x") is False
    assert truth("Null", "false", "x") is True
    assert truth("Null", "false", None) is False
    assert truth("Null", ["true", "false"], None) is True
    assert truth("Null", "false") is None
    # "... or context keys with empty values": User Guide, "Set operators for multivalued context keys".
    assert truth("Null", "true", []) is True
    assert truth("Null", "false", []) is False
    assert truth("StringNotEquals", "x", []) is True


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "z"], False),
        ("ForAllValues:StringEquals", None, True),
        ("ForAllValues:StringEquals", [], True),
        ("ForAnyValue:StringEquals", ["a", "z"], True),
        ("ForAnyValue:StringEquals", ["y", "z"], False),
        ("ForAnyValue:StringEquals", None, False),
        ("ForAnyValue:StringEqualsIfExists", None, True),
        ("ForAllValues:StringNotEquals", ["y", "z"], True),
        ("ForAllValues:StringNotEquals", ["a", "z"], False),
        ("ForAllValues:StringNotEquals", None, True),
        ("ForAnyValue:StringNotEquals", ["a", "z"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], False),
        ("ForAnyValue:StringNotEquals", None, False),
        ("StringNotEquals", ["a", "z"], False),
        ("StringEquals", ["a", "z"], True),
    ],
)
def test_keys_of_several_values(operator: str, values: Any, expected: bool) -> None:
    assert truth(operator, ["a", "b"], values) is expected


def test_operators_and_keys_are_anded_and_values_ored() -> None:
    condition = {"StringEquals": {"a": ["1", "2"], "b": "3"}, "Null": {"c": "true"}}
    assert evaluate(condition, Context({"A": "2", "b": "3", "c": None}), version=NEW).truth is True
    assert evaluate(condition, Context({"A": "2", "b": "4", "c": None}), version=NEW).truth is False
    assert evaluate(condition, Context({"A": "2"}), version=NEW) == unknown("b", "c")
    assert evaluate(condition, Context({"a": "9"}), version=NEW).truth is False
    assert evaluate(None, Context({}), version=NEW).truth is True
    assert evaluate({"StringEquals": {}}, Context({}), version=NEW).truth is True


@pytest.mark.parametrize(
    "operator", ["StringSounds", "ForSomeValues:StringEquals", "NullIfExists", "IfExists", "", "String Equals", "🔑"]
)
def test_an_unknown_operator_is_unknown_and_named(operator: str) -> None:
    verdict = evaluate({operator: {"k": "x"}}, Context({"k": "x"}), version=NEW)
    assert verdict == unknown(f"the operator {operator}")


def test_variables_take_their_value_from_the_request() -> None:
    me = {"aws:username": "ann"}
    assert truth("StringEquals", "home/${aws:username}", "home/ann", **me) is True
    assert truth("StringEquals", "home/${AWS:UserName}", "home/bob", **me) is False
    assert truth("StringEqualsIgnoreCase", "HOME/${aws:username}", "home/ANN", **me) is True
    assert truth("StringLike", "${aws:username}*", "anna", **me) is True
    assert truth("ArnLike", "arn:aws:iam::1:user/${aws:username}", "arn:aws:iam::1:user/ann", **me) is True
    # Absent: no match, unless there is a default.
    nobody = {"aws:username": None}
    assert truth("StringEquals", "${aws:username}", "x", **nobody) is False
    assert truth("StringEquals", "${aws:username, 'guest'}", "guest", **nobody) is True
    # Whether a statement that needs no match applies then: AWS may take it for invalid.
    for operator, wanted in (
        ("StringNotEquals", "${aws:username}"),
        ("ArnNotLike", "arn:aws:iam::1:user/${aws:username}"),
    ):
        found = evaluate({operator: {"k": [wanted]}}, Context({"k": "x", **nobody}), version=NEW)
        assert found == unknown(f"the variable in {wanted}")
        assert truth(operator, [wanted, "*" if operator == "ArnNotLike" else "x"], "x", **nobody) is False
    assert truth("StringNotLike", "${aws:username, 'guest'}", "guest", **nobody) is False
    # A key of several values is no variable.
    several = Context({"k": "a", "aws:TagKeys": ["a", "b"]})
    assert evaluate({"StringEquals": {"k": "${aws:TagKeys}"}}, several, version=NEW).truth is False
    # A value with a wildcard in it is plain text.
    assert truth("StringLike", "${aws:username}", "anything", **{"aws:username": "*"}) is False
    assert truth("StringLike", "a${*}${?}${$}*", "a*?$z") is True
    assert truth("StringLike", "a${*}", "ab") is False


def test_variables_that_are_not_given_are_unknown_unless_nothing_can_match() -> None:
    verdict = evaluate({"StringEquals": {"k": ["home/${aws:username}", "x"]}}, Context({"k": "home/a"}), version=NEW)
    assert verdict == unknown("aws:username")
    assert truth("StringEquals", ["home/${aws:username}", "home/a"], "home/a") is True
    assert truth("StringEquals", "home/${aws:username}", "elsewhere") is False
    assert truth("ArnLike", "arn:aws:iam::1:user/${aws:username}", "arn:aws:iam::1:user/ann") is None
    assert truth("ArnLike", "arn:aws:iam::1:user/${aws:username}", "arn:aws:iam::2:user/ann") is False


@pytest.mark.parametrize("version", [OLD, None])
def test_variables_are_text_in_the_old_version(version: str | None) -> None:
    assert truth("StringEquals", "${aws:username}", "${aws:username}", version=version) is True
    assert truth("StringEquals", "${aws:username}", "ann", version=version, **{"aws:username": "ann"}) is False


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
@example("*a*b", "aabab")
@example("a*a", "a")
def test_wildcards_match_as_fnmatch_does(pattern: str, value: str) -> None:
    assert wildcard_match(pattern, value) == fnmatch.fnmatchcase(value, pattern)


# --- patterns against every text of a tiny alphabet ---

_LETTERS = "ab*?$"
_LONGEST = 4
_SHORT = ["".join(letters) for length in range(_LONGEST + 1) for letters in itertools.product(_LETTERS, repeat=length)]
_GOES_ON = [text for text in _SHORT if text]
_WILDCARDS = {"*": ".*", "?": "."}


@dataclasses.dataclass(frozen=True)
class _Text:
    """A policy's text: what it says, what matches it, and what is known of the request."""

    text: str
    expression: str
    known: dict[str, str]
    missing: frozenset[str] = frozenset()


_literals = st.text("ab", min_size=1, max_size=3).map(lambda text: _Text(text, text, {}))
_wildcards = st.sampled_from("*?").map(lambda text: _Text(text, _WILDCARDS[text], {}))
_escaped = st.sampled_from("*?$").map(lambda text: _Text(f"${{{text}}}", re.escape(text), {}))
_variables = st.builds(
    lambda name, value: _Text(f"${{{name}}}", re.escape(value), {name: value}),
    st.just("aws:username"),
    st.sampled_from(["a", "ab", "*", "b?"]),
)
_defaults = st.sampled_from(["a", "ba"]).map(lambda text: _Text(f"${{aws:absent, '{text}'}}", text, {}))
_open = st.just(_Text("${aws:open}", ".*", {}, frozenset(["aws:open"])))
_parts = st.lists(_literals | _wildcards | _wildcards | _escaped | _variables | _defaults | _open, max_size=5)


def _joined(parts: list[_Text]) -> _Text:
    known: dict[str, str] = {}
    for part in parts:
        for name, value in part.known.items():
            known.setdefault(name, value)
    expression = "".join(
        re.escape(known["aws:username"]) if part.text == "${aws:username}" else part.expression for part in parts
    )
    text = "".join(part.text for part in parts)
    return _Text(text, expression, known, frozenset().union(*(part.missing for part in parts)))


@given(_parts.map(_joined), st.text("ab", max_size=3))
@example(_Text("*", ".*", {}), "")
@example(_Text("", "", {}), "")
@example(_Text("a", "a", {}), "a")
@example(_Text("a*", "a.*", {}), "a")
@example(_Text("ab*", "ab.*", {}), "a")
@example(_Text("?*", "..*", {}), "")
@example(_Text("**", ".*", {}), "b")
@example(_Text("*a", ".*a", {}), "a")
def test_patterns_match_as_regular_expressions_do(text: _Text, start: str) -> None:
    """With the shortcuts for plain text and without them it is the same answer."""
    pattern = pattern_of(text.text, Context({"aws:absent": None, **text.known}), version=NEW)
    assert pattern is not None
    assert pattern.unknown_keys == text.missing
    matching = re.compile(text.expression, re.DOTALL)
    for value in _SHORT:
        assert pattern.matches(value) is bool(matching.fullmatch(value))
    may = any(matching.fullmatch(start + rest) for rest in _GOES_ON)
    # What is needed behind the start is not longer than the pattern.
    if may or len(pattern.tokens) <= _LONGEST:
        assert pattern.may_match_after(start) is may
    # A closing * takes whatever follows, and nothing else shows that.
    closing = text.expression.endswith(".*")
    assert pattern.matches_all_after(start) is (closing and bool(matching.fullmatch(start)))
    if pattern.matches_all_after(start):
        assert all(matching.fullmatch(start + rest) for rest in _SHORT)


@given(_parts.map(_joined), st.text("abAB", max_size=4))
def test_patterns_match_without_regard_to_case(text: _Text, value: str) -> None:
    pattern = pattern_of(text.text, Context({"aws:absent": None, **text.known}), version=NEW)
    assert pattern is not None
    found = bool(re.fullmatch(text.expression, value, re.DOTALL | re.IGNORECASE))
    assert pattern.casefold().matches(value.casefold()) is found


@given(st.text("ab*?:", max_size=9), st.integers(0, 3))
def test_a_pattern_is_split_as_its_text(text: str, most: int) -> None:
    pattern = pattern_of(text, Context({}), version=NEW)
    assert pattern is not None
    parts = [
        "".join(token if isinstance(token, str) else token.text for token in part.tokens)
        for part in pattern.split(":", most)
    ]
    assert parts == text.split(":", most)


def test_wildcards_are_fast_on_hostile_patterns() -> None:
    start = time.process_time()
    assert not wildcard_match("a*" * 5000 + "b", "a" * 20000)
    assert not wildcard_match("*?a?*" * 2000 + "b", "a" * 20000)
    assert wildcard_match("*" * 20000, "a")
    for text in ("${" * 10000, "${a" * 7000 + "}", "*" * 15000, "*a?" * 6000):
        pattern = pattern_of(text, Context({}), version=NEW)
        assert pattern is not None
        assert pattern.may_match_after("arn:aws:s3:::example/") is (text[0] == "*")
        assert pattern.matches_all_after("arn:aws:s3:::example/") is (text[-1] == "*")
    # Backtracking would take longer than anybody's life; the bound is only there to end the test.
    assert time.process_time() - start < 60


def test_arns_match_part_by_part() -> None:
    assert arn_match("arn:*:iam::*:role/*", ROLE)
    assert arn_match("arn:aws:s3:::b/a:*", "arn:aws:s3:::b/a:b:c")
    assert not arn_match("arn:aws:*", ROLE)
    assert not arn_match("arn:aws:iam::*:role/?", ROLE)
    assert not arn_match("arn:aws:iam::111122223333:role/*", "role/x")


_keys = st.sampled_from(["a", "b", "aws:username"])
_values = st.sampled_from(["1", "2", "true", "arn:aws:iam::1:role/x", "10.0.0.1", "2026", "${aws:username}", "*"])
_names = [
    *(
        f"String{form}"
        for form in ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike")
    ),
    *(f"{family}{form}" for family in ("Numeric", "Date") for form in ("Equals", "NotEquals", "LessThan")),
    *(f"{family}{form}" for family in ("Numeric", "Date") for form in ("GreaterThanEquals", "LessThanEquals")),
    *("ArnEquals", "ArnNotLike", "Bool", "BinaryEquals", "IpAddress", "NotIpAddress"),
]
_operators = (
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "", "ForAllValues:", "ForAnyValue:"]),
        st.sampled_from(_names),
        st.sampled_from(["", "IfExists"]),
    )
    | st.just("Null")
    | st.just("StringSounds")
)
_conditions = st.dictionaries(
    _operators, st.dictionaries(_keys, st.lists(_values, min_size=1, max_size=3), min_size=1, max_size=2), max_size=3
)
_settled = st.none() | _values | st.lists(_values, max_size=3)


@given(_conditions, st.dictionaries(_keys, _settled), _keys, _settled)
def test_settling_a_key_never_overturns_a_verdict(condition: Any, known: dict[str, Any], key: str, value: Any) -> None:
    before = evaluate(condition, Context(known), version=NEW)
    after = evaluate(condition, Context({key: value, **known}), version=NEW)
    for verdict in (before, after):
        assert (verdict.truth is None) == bool(verdict.unknown_keys)
    if before.truth is not None:
        assert after == before
    else:
        # Nothing new comes up but a variable in what was not looked at before.
        new = after.unknown_keys - before.unknown_keys
        assert all(name == "aws:username" or name.startswith("the variable in ") for name in new)


@given(_conditions, st.dictionaries(_keys, _settled))
def test_what_is_unknown_can_be_settled(condition: Any, known: dict[str, Any]) -> None:
    everything = {"a": "1", "b": None, **known, "aws:username": "x"}
    verdict = evaluate(condition, Context(everything), version=NEW)
    assert verdict.unknown_keys <= {"the operator StringSounds"}


@given(_conditions, st.dictionaries(_keys, _settled), _settled)
def test_a_key_that_a_verdict_does_not_name_makes_no_difference(
    condition: Any, known: dict[str, Any], value: Any
) -> None:
    before = evaluate(condition, Context(known), version=NEW)
    others = {key: value for key in ("a", "b", "aws:username") if key not in before.unknown_keys}
    assert evaluate(condition, Context({**others, **known}), version=NEW) == before


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | _operators | _values,
        lambda some: st.lists(some, max_size=3) | st.dictionaries(_operators | _keys, some, max_size=3),
        max_leaves=12,
    ),
    st.dictionaries(_keys, _settled),
)
@example({"StringEquals": ["k"]}, {})
@example(["StringEquals"], {})
def test_no_json_breaks_an_evaluation(condition: Any, known: dict[str, Any]) -> None:
    for version in (NEW, OLD, None):
        verdict = evaluate(condition, Context(known), version=version)
        assert (verdict.truth is None) == bool(verdict.unknown_keys)


def test_what_has_not_the_form_of_a_condition_is_unknown_and_named() -> None:
    context = Context({"k": "x"})
    assert evaluate(["x"], context, version=NEW) == unknown("the element Condition")
    assert evaluate({"StringEquals": "x"}, context, version=NEW) == unknown("the operator StringEquals")
    settled = {"StringEquals": {"k": "y"}, "StringLike": None}
    assert evaluate(settled, context, version=NEW).truth is False
    assert evaluate({"StringEquals": {"k": {"x": 1}}}, context, version=NEW).truth is False


def test_three_valued_logic() -> None:
    yes, no, maybe = (
        evaluate({"Null": {"k": flag}}, Context({"k": None}), version=NEW) for flag in ("true", "false", "x")
    )
    assert (yes.truth, no.truth, maybe.truth) == (True, False, False)
    maybe = unknown("k")
    assert all_of([maybe, no]).truth is False
    assert all_of([yes, maybe]) == maybe
    assert any_of([maybe, yes]).truth is True
    assert any_of([no, maybe]) == maybe
    # An answer that names nothing is unknown all the same.
    assert all_of([yes, Verdict(None)]).truth is None
    assert all_of([]).truth is True
    assert any_of([]).truth is False
    assert negation(maybe) == maybe
    assert negation(yes).truth is False
