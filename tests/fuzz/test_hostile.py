# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Input that was made to break a parser, a matcher or a terminal: each ends in a sentence or a result, in time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from pace import in_time
from rooms import BUCKET, KEY, through_all_rooms, unprintable

from ansible_collections.sealed.s3.plugins.filter.guard_policy import guard_policy
from ansible_collections.sealed.s3.plugins.module_utils.policy import conditions, document, guard, merge, probe
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError, shown

OBJECTS = f"arn:aws:s3:::{BUCKET}/*"


def deny(**elements: Any) -> dict[str, Any]:
    named = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": OBJECTS, **elements}
    return {"Version": "2012-10-17", "Statement": [named]}


def condition(operator: str, key: str, value: Any) -> dict[str, Any]:
    return deny(Condition={operator: {key: value}})


def repr_of_case(case: Any) -> str:
    return ascii(case)[:60]


def nested(depth: int) -> str:
    return '{"Statement":' * depth + "1" + "}" * depth


def of_itself() -> dict[str, Any]:
    own: dict[str, Any] = {}
    own["Statement"] = own
    return own


def listing_itself() -> dict[str, Any]:
    own: list[Any] = []
    own.append(own)
    return {"Statement": own}


REFUSED: dict[str, Callable[[], Any]] = {
    "20 MB of spaces": lambda: " " * 20_000_000,
    "20 MB of one text": lambda: json.dumps(deny(Sid="x" * 20_000_000)),
    "20 MB of statements": lambda: json.dumps({"Statement": [deny()["Statement"][0]] * 170_000}),
    "20 MB as a mapping": lambda: {"Statement": [deny()["Statement"][0]] * 170_000},
    "20 MB in bytes": lambda: b"[" * 20_000_000,
    "10,000 statements": lambda: {"Statement": [deny()["Statement"][0]] * 10_000},
    "depth of 10,000 as text": lambda: nested(10_000),
    "depth of 10,000 in lists": lambda: "[" * 10_000 + "]" * 10_000,
    "depth of 900 in a Condition": lambda: deny(Condition=json.loads(nested(900))),
    "a mapping that has itself": of_itself,
    "a list that has itself": listing_itself,
    "a name that stands twice": lambda: '{"Statement": [], "Statement": []}',
    "a name that stands twice, escaped": lambda: '{"Statement": [], "\\u0053tatement": []}',
    "a name that stands twice, with escapes": lambda: '{"\\u001b[31m": 1, "\\u001b[31m": 1}',
    "NaN": lambda: json.dumps(condition("NumericEquals", "s3:max-keys", float("nan"))),
    "Infinity": lambda: json.dumps(condition("NumericEquals", "s3:max-keys", float("inf"))),
    "NaN as a value": lambda: condition("NumericEquals", "s3:max-keys", float("nan")),
    "1e999": lambda: json.dumps(condition("NumericEquals", "s3:max-keys", 98765)).replace("98765", "1e999"),
    "10**5000 as text": lambda: json.dumps(condition("NumericEquals", "s3:max-keys", 98765)).replace(
        "98765", "1" + "0" * 5000
    ),
    "10**5000 as a value": lambda: condition("NumericEquals", "s3:max-keys", 10**5000),
    "10**5000 as a name": lambda: {10**5000: 1},
    "a number that would lose digits": lambda: json.dumps(condition("NumericEquals", "k", 98765)).replace(
        "98765", "0." + "1" * 30
    ),
    "a number that would vanish": lambda: json.dumps(condition("NumericEquals", "k", 98765)).replace("98765", "1e-999"),
    "half a surrogate pair in a Sid": lambda: (
        '{"Statement": {"Sid": "\\ud800", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}'
    ),
    "half a surrogate pair in a name": lambda: '{"\\udc80": 1}',
    "half a surrogate pair in a condition key": lambda: condition("StringEquals", "\ud800", "x"),
    "half a surrogate pair outside": lambda: "\ud800{}",
    "an unknown element with escapes": lambda: {"\x1b[2J\x07": 1},
    "escapes in an Effect": lambda: deny(Effect="\x1b]0;owned\x07"),
    "no UTF-8": lambda: b"\xff\xfe{}",
    "a byte order mark": lambda: "\ufeff{}",
    "control characters in JSON": lambda: '{"Id": "\x00"}',
    "a name that is a tuple": lambda: {("a", frozenset({1})): 1},
    "a name that is bytes": lambda: {b"\x1b": 1},
    "a list": list,
    "a number": lambda: 5,
    "an Effect that cannot be hashed": lambda: deny(Effect=[]),
    "a Version that cannot be hashed": lambda: {"Version": {}, "Statement": []},
    "a principal of non-ASCII digits in an option": lambda: deny(Principal="١١١١٢٢٢٢٣٣٣٣"),
}


@pytest.mark.parametrize("made", REFUSED.values(), ids=list(REFUSED))
def test_refused_with_a_sentence(made: Callable[[], Any]) -> None:
    source = made()
    with in_time(), pytest.raises(PolicyError) as raised:
        document.parse(source)
    assert not unprintable(str(raised.value))
    assert len(str(raised.value)) < 400


BOMB = "*a" * 4_500 + "b"
TAKEN: dict[str, Callable[[], Any]] = {
    "a wildcard bomb in a Resource": lambda: deny(Resource=f"arn:aws:s3:::{BOMB}"),
    "a wildcard bomb in an Action": lambda: deny(Action=BOMB),
    "a wildcard bomb in a value": lambda: condition("StringNotLike", guard.KEY_ID, BOMB),
    "a wildcard bomb in an ARN": lambda: condition("ArnNotLike", "aws:PrincipalArn", f"arn:aws:iam::*:{BOMB}"),
    "many stars in a Resource": lambda: deny(Resource="*" * 18_000 + "x"),
    "many stars behind the bucket": lambda: deny(Resource=f"arn:aws:s3:::{BUCKET}/{'*' * 18_000}x"),
    "many question marks in a Resource": lambda: deny(Resource=f"arn:aws:s3:::{'?' * 18_000}"),
    "many question marks behind a star": lambda: deny(Resource=f"arn:aws:s3:::*{'?' * 18_000}b*"),
    "stars and question marks": lambda: deny(Resource="arn:aws:s3:::" + "*?" * 9_000),
    "question marks against a long key": lambda: deny(
        Resource=[
            f"arn:aws:s3:::{BUCKET}/{'x' * 7_000}${{aws:userid}}",
            *(f"arn:*{'?' * 3_000}b*" for _time in range(3)),
        ]
    ),
    "variables in variables": lambda: deny(Resource=f"arn:aws:s3:::{BUCKET}/" + "${" * 4_500 + "}" * 4_500),
    "many variables": lambda: deny(Resource=f"arn:aws:s3:::{BUCKET}/" + "${a}" * 4_500),
    "a variable without an end": lambda: deny(Resource=f"arn:aws:s3:::{BUCKET}/${{" + "a" * 18_000),
    "a variable with many quotes": lambda: deny(Resource=f"arn:aws:s3:::{BUCKET}/${{a" + " ,'" * 6_000 + "}"),
    "many stretches of 280 characters": lambda: deny(Resource=[f"arn:aws:s3:::{'*a' * 133}{n}" for n in range(65)]),
    "1,300 actions": lambda: deny(Action=[f"s3:Act{n}" for n in range(1_300)]),
    "1,300 resources": lambda: deny(Resource=[f"arn:aws:s3:::{n}" for n in range(900)]),
    "1,300 values": lambda: condition("StringNotEquals", guard.KEY_ID, [f"key{n}" for n in range(1_300)]),
    "250 statements": lambda: {"Statement": [{**deny()["Statement"][0], "Action": "*", "Resource": "*"}] * 250},
    "zeros in a number": lambda: condition("NumericLessThan", "s3:max-keys", f"{'0' * 9_000}.{'0' * 9_000}x"),
    "digits in a number": lambda: condition("NumericLessThan", "s3:max-keys", f"{'9' * 9_000}.{'9' * 9_000}e9999"),
    "digits in a date": lambda: condition("DateLessThan", "aws:CurrentTime", "9" * 18_000),
    "a width of a network in other digits": lambda: deny_to_allow(condition("IpAddress", "aws:SourceIp", "10.0.0.0/²")),
    "a width of a network with many digits": lambda: deny_to_allow(
        condition("IpAddress", "aws:SourceIp", "10.0.0.0/" + "9" * 5_000)
    ),
    "an address of other digits": lambda: condition("IpAddress", "aws:SourceIp", "١٠.0.0.0/٨"),
    "an account of other digits": lambda: deny(Principal={"AWS": "١١١١٢٢٢٢٣٣٣٣"}),
    "a root of other digits": lambda: deny(Principal={"AWS": "arn:aws:iam::١١١١٢٢٢٢٣٣٣٣:root"}),
    "a key of other digits": lambda: condition(
        "StringNotEquals", guard.KEY_ID, KEY.replace("111122223333", "١١١١٢٢٢٢٣٣٣٣")
    ),
    "an operator of many letters": lambda: condition("ifexists" * 2_000, "k", "v"),
    "an operator of other letters": lambda: condition("ſtringEqualsIfExiſts", "k", "v"),
    "escapes in a Sid": lambda: deny(Sid="\x1b[2J\x1b]0;owned\x07\r\n\x00\x7f\x9b31m"),
    "escapes in an operator": lambda: condition("\x1b[31mStringEquals", "\x1b[31mk", "\x1b[31mv"),
    "escapes in a key id": lambda: condition("StringNotEquals", guard.KEY_ID, "\x1b[31mkey"),
    "escapes in a Resource": lambda: deny(Resource=f"arn:aws:s3:::{BUCKET}/\x1b[31m*"),
    "escapes in a variable": lambda: deny(Resource=f"arn:aws:s3:::{BUCKET}/${{\x1b[31m}}"),
    "escapes in a service": lambda: deny_to_allow(deny(Principal={"Service": "\x1b[31m.amazonaws.com"})),
    "text that changes its direction": lambda: deny(Sid="\u202egnirts\u2066\u200b\u2028\ufeff"),
    "a Sid of ours with escapes": lambda: deny(Sid="SealedS3\x1b[31m"),
    "a Sid that is only spaces": lambda: deny(Sid="   "),
    "no statement": lambda: {"Statement": []},
    "no values": lambda: condition("StringNotEquals", guard.KEY_ID, []),
    "no keys": lambda: deny(Condition={"StringNotEquals": {}}),
    "a number of many digits": lambda: condition("NumericEquals", "s3:max-keys", 10**4_000),
}


def deny_to_allow(policy: dict[str, Any]) -> dict[str, Any]:
    (statement,) = policy["Statement"]
    return {**policy, "Statement": [{**statement, "Effect": "Allow"}]}


@pytest.mark.parametrize("made", TAKEN.values(), ids=list(TAKEN))
def test_taken_and_judged_in_time(made: Callable[[], Any]) -> None:
    source = made()
    assert len(json.dumps(source, ensure_ascii=False)) < document.MAX_SIZE * 2
    for remembered in (conditions._remembered,):
        remembered.cache_clear()
    through_all_rooms(source, each=in_time)


def test_statements_are_compared_in_time() -> None:
    # Not by way of parse, which refuses so many.
    statements = tuple({**deny()["Statement"][0], "Sid": f"s{n}"} for n in range(5_000))
    before, after = document.Document(statements), document.Document(tuple(reversed(statements)))
    with in_time():
        assert merge.lost_statements(before, after) == []
        assert merge.lost_statements(before, document.Document(statements[1:])) == ["s0"]


@pytest.mark.parametrize("size", [2_000, 4_000, 8_000])
def test_the_work_of_a_wildcard_bomb_grows_with_its_length(size: int) -> None:
    """Counted in the tokens that are looked at, not in seconds."""
    pattern = conditions.pattern_of("*a" * size + "b", conditions.Context({}), version=None)
    assert pattern is not None
    looked_at = [len(places) for places in pattern._places("a" * 40)]
    assert sum(looked_at) < 41 * 83


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        ("*a" * 10_000 + "b", "a" * 20_000, False),
        ("*a" * 10_000, "a" * 20_000, True),
        ("*" + "?" * 10_000 + "b*", "a" * 20_000, False),
        ("*" + "?" * 10_000 + "b*", "a" * 10_000 + "b" + "a" * 9_999, True),
        ("*?" * 10_000, "a" * 20_000, True),
        ("*?" * 10_000, "a" * 9_999, False),
        ("?" * 20_000, "a" * 20_000, True),
        ("?" * 20_000, "a" * 19_999, False),
        ("?" * 19_999 + "b", "a" * 20_000, False),
        ("*" * 20_000, "a" * 20_000, True),
        ("*" + "a?" * 5_000 + "c*", "ab" * 10_000, False),
    ],
)
def test_matching_takes_no_time(pattern: str, value: str, matches: bool) -> None:
    with in_time():
        assert conditions.wildcard_match(pattern, value) is matches
        assert conditions.arn_match(f"arn:aws:s3:::{pattern}", f"arn:aws:s3:::{value}") is matches


def test_what_a_service_says_is_read_in_time() -> None:
    said = probe.Happened(403, "AccessDenied", "no identity " * 50_000)
    with in_time():
        assert not said.by_policy
        assert not said.elsewhere


@pytest.mark.parametrize(
    "value",
    [
        "\x1b[31m",
        "\ud800",
        "\u202e",
        "é",
        "\x9b",
        {("a",): 1},
        10**5000,
        [[]] * 1000,
        {"a": {1, 2}},
        b"\x1b",
        None,
        1e999,
    ],
    ids=range(12),
)
def test_anything_can_be_shown(value: Any) -> None:
    assert not unprintable(shown(value))
    assert len(shown(value)) < 1000


def test_what_is_too_deep_can_be_shown() -> None:
    deep: Any = []
    for _depth in range(100_000):
        deep = [deep]
    own: list[Any] = []
    own.append(own)
    assert not unprintable(shown(deep))
    assert not unprintable(shown(own))


@pytest.mark.parametrize(
    "policy", [0, False, [], (), 0.0, b"{", [[]], "\x1b", object(), "null", '""', 7, "[]"], ids=range(13)
)
def test_the_filter_refuses_what_is_no_policy(policy: Any) -> None:
    with pytest.raises(AnsibleFilterError) as raised:
        guard_policy(policy, BUCKET, KEY)
    assert not unprintable(str(raised.value))


@pytest.mark.parametrize("policy", [None, "", {}, b""])
def test_the_filter_takes_nothing_for_no_policy(policy: Any) -> None:
    assert guard_policy(policy, BUCKET, KEY)["Statement"]


@pytest.mark.parametrize(
    "options",
    [
        {"bucket": "a*"},
        {"bucket": "a/b"},
        {"bucket": "\ud800\ud800\ud800"},
        {"bucket": "${aws:username}"},
        {"bucket": "arn:aws:s3:::x"},
        {"bucket": 5},
        {"bucket": "buckét"},
        {"key_arn": KEY.replace("111122223333", "١١١١٢٢٢٢٣٣٣٣")},
        {"key_arn": f"{KEY}\n"},
        {"key_arn": f"{KEY}\x1b[31m"},
        {"accepted_keys": 5},
        {"accepted_keys": {KEY: 1}},
        {"accepted_keys": [None]},
        {"exempt_principals": [["x"]]},
        {"exempt_principals": ["arn:aws:iam::111122223333:role/\ud800"]},
        {"exempt_principals": ["arn:aws:iam::111122223333:role/\x1b[31m"]},
        {"encryption_admins": ["arn:aws:iam::111122223333:role/\n"]},
        {"encryption_admins": ["arn:aws:iam::" + "*" * 20_000 + ":" + "?" * 20_000]},
        {"encryption_admins": ["arn:aws:iam::111122223333:role/" + "*a" * 20_000]},
        {"exempt_services": [".amazonaws.com" * 5_000 + "!"]},
        {"exempt_services": ["\ud800.amazonaws.com"]},
        {"enforcement": "\x1b[31m"},
        {"enforcement": ["deny_overrides"]},
        {"require_tls": "\ud800"},
        {"require_tls": [[]]},
        {"require_tls": None},
        {"\x1b[31m": 1},
        {"state": ["\x1b"]},
        {"on_conflict": {("a",): 1}},
    ],
    ids=repr_of_case,
)
def test_the_filter_refuses_options_with_a_sentence(options: dict[str, Any]) -> None:
    with in_time(), pytest.raises(AnsibleFilterError) as raised:
        guard_policy(None, **{"bucket": BUCKET, "key_arn": KEY, **options})
    assert not unprintable(str(raised.value))
    assert len(str(raised.value)) < 600
