# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What broke a pure room once, or held it up; more of that kind is in tests/fuzz."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.policy import conditions, document, guard, merge, probe, public
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document, DocumentError
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError, shown

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def policy(value: Any, *, operator: str = "NumericLessThan", key: str = "s3:max-keys") -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": "*"}
    return {"Statement": [{**statement, "Condition": {operator: {key: value}}}]}


def seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


@pytest.mark.parametrize("source", [" " * 2_000_000, b" " * 2_000_000, {"Id": "x" * 100_000}, {"Id": [["x"]] * 50_000}])
def test_what_is_far_longer_than_any_policy_is_not_looked_into(source: Any) -> None:
    with pytest.raises(DocumentError, match="expected at most 65536 bytes, found more"):
        document.parse(source)


def test_a_mapping_that_contains_itself_ends() -> None:
    own: dict[str, Any] = {}
    own["Statement"] = own
    with pytest.raises(DocumentError, match="found more"):
        document.parse(own)


@pytest.mark.parametrize(
    "number", ["0." + "1" * 30, "1e-999", "1e-99999999999999999999", "0.1000000000000000000000001"]
)
def test_a_number_that_would_lose_digits_is_refused(number: str) -> None:
    text = json.dumps(policy(98765)).replace("98765", number)
    with pytest.raises(DocumentError, match=r"whose digits would be lost: quote it"):
        document.parse(text)


@pytest.mark.parametrize("number", ["0.1", "1.50", "-0.0", "1e3", "123456789012345678901234567890", "1E-7"])
def test_a_number_that_keeps_its_digits_is_taken(number: str) -> None:
    parsed = document.parse(json.dumps(policy(98765)).replace("98765", number))
    assert document.parse(document.serialise(parsed)) == parsed


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_a_number_beyond_all_is_refused(number: str) -> None:
    with pytest.raises(DocumentError, match="expected text, a boolean or a number"):
        document.parse(json.dumps(policy(98765)).replace("98765", number))


def test_a_number_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(DocumentError, match="a number of too many digits"):
        document.parse(policy(10**5000))


@pytest.mark.parametrize(
    ("text", "normal"),
    [("0" * 9_000 + "." + "0" * 9_000 + "x", None), ("0" * 9_000 + "." + "0" * 9_000, "0"), ("-007.50", "-7.5")],
    ids=["no number", "zero", "a number"],
)
def test_zeros_of_numbers_take_no_time(text: str, normal: str | None) -> None:
    def look() -> None:
        (statement,) = document.parse(policy(text)).statements
        found = document.normal_statement(statement)["Condition"]["NumericLessThan"]["s3:max-keys"]
        assert found == [normal or text]

    assert seconds(look) < 1


@pytest.mark.parametrize("address", ["10.0.0.0/²", "10.0.0.0/٨", "10.0.0.0/" + "9" * 5000, "10.0.0.0/0" + "0" * 5000])
def test_widths_of_networks_in_other_digits(address: str) -> None:
    wide = address.endswith("00")
    parsed = document.parse(policy(address, operator="IpAddress", key="aws:SourceIp"))
    assert public.statements(parsed) == ([0] if wide else [])


def test_many_statements_are_compared_in_time() -> None:
    statements = tuple({**policy(number)["Statement"][0], "Sid": f"s{number}"} for number in range(3_000))
    turned = Document(tuple(reversed(statements)))
    assert seconds(lambda: merge.lost_statements(Document(statements), turned)) < 1
    assert merge.lost_statements(Document((*statements, statements[0])), turned) == ["s0"]


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        ("*" + "?" * 10_000 + "b*", "a" * 20_000, False),
        ("*" + "?" * 10_000 + "b*", "a" * 10_000 + "b" + "a" * 9_999, True),
        ("*?" * 10_000, "a" * 20_000, True),
        ("*?" * 10_000, "a" * 9_999, False),
        ("?" * 20_000, "a" * 20_000, True),
        ("?" * 19_999 + "b", "a" * 20_000, False),
        ("*a?*", "ba", False),
    ],
)
def test_question_marks_take_no_time(pattern: str, value: str, matches: bool) -> None:
    def match() -> None:
        assert conditions.wildcard_match(pattern, value) is matches

    assert seconds(match) < 1


@pytest.mark.parametrize("text", ["*" * 18_000 + "x", "*a" * 9_000 + "b", "*?" * 9_000])
def test_few_places_of_a_pattern_are_followed(text: str) -> None:
    pattern = conditions.pattern_of(text, conditions.Context({}), version=None)
    assert pattern is not None
    assert pattern.may_match_after("a" * 40)
    assert not pattern.matches_all_after("a" * 40)
    assert sum(len(places) for places in pattern._places("a" * 40)) <= 41 * 83


def test_what_a_service_says_is_read_in_time() -> None:
    said = probe.Happened(403, "AccessDenied", "no identity " * 50_000)
    assert seconds(lambda: said.elsewhere) < 1
    assert not said.elsewhere


def test_anything_can_be_shown() -> None:
    own: list[Any] = []
    own.append(own)
    for value in ({("a",): 1}, 10**5000, own):
        assert shown(value) == f"a value of type {type(value).__name__}"


@pytest.mark.parametrize("name", ["\ud800", "\x1b[31m", "a b", "é", "*a" * 2_000])
def test_a_principal_has_what_an_arn_can_have(name: str) -> None:
    with pytest.raises(PolicyError, match="expected a principal's ARN"):
        guard.GuardSpec("example-bucket", KEY, exempt_principals=(f"arn:aws:iam::111122223333:role/{name}",))
