# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sealed.s3.plugins.module_utils.policy import document, errors
from ansible_collections.sealed.s3.tests.as_s3.rewriting import Known, as_s3
from ansible_collections.sealed.s3.tests.unit.policy_strategies import (
    as_s3_returns_it,
    chances,
    different_policies,
    known,
    policies,
)


def statement(**elements: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::b/*",
    }
    whole.update(elements)
    return {name: value for name, value in whole.items() if value is not ...}


def policy(*statements: Any, **elements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements), **elements}


def normal(**elements: Any) -> Any:
    return document.normal_statement(statement(**elements))


MALFORMED: list[tuple[Any, str]] = [
    ([], "policy: expected a JSON object, found a list"),
    (None, "policy: expected a JSON object, found null"),
    ({}, "policy: expected the element Statement, found none"),
    (policy(Version="2012"), 'Version: expected "2012-10-17" or "2008-10-17", found the text "2012"'),
    (policy(Version=None), 'Version: expected "2012-10-17" or "2008-10-17", found null'),
    (policy(Id=5), "Id: expected text, found a number"),
    (
        policy(Statements=1),
        'policy: expected Version, Id, Statement, found the unknown element "Statements"',
    ),
    ({"Statement": "x"}, 'Statement: expected a list of statements or one statement, found the text "x"'),
    (policy(statement(), 7), "Statement[1]: expected a mapping, found a number"),
    ({"Statement": {"Effect": "Deny"}}, "Statement: expected one of Principal and NotPrincipal, found neither"),
    (policy(statement(Effect=...)), "Statement[0]: expected the element Effect, found none"),
    (policy(statement(Effect="deny")), 'Statement[0].Effect: expected "Allow" or "Deny", found the text "deny"'),
    (policy(statement(Sid=True)), "Statement[0].Sid: expected text, found the boolean true"),
    (
        policy(statement(NotAction="s3:*")),
        "Statement[0]: expected one of Action and NotAction, found both",
    ),
    (policy(statement(Resource=...)), "Statement[0]: expected one of Resource and NotResource, found neither"),
    (policy(statement(Action=[])), "Statement[0].Action: expected at least one value, found an empty list"),
    (policy(statement(Action={"a": 1})), "Statement[0].Action: expected text or a list of texts, found a mapping"),
    (policy(statement(Resource=["a", None])), "Statement[0].Resource[1]: expected text, found null"),
    (policy(statement(Principal="me")), 'Statement[0].Principal: expected "*" or a mapping, found the text "me"'),
    (policy(statement(Principal=["*"])), 'Statement[0].Principal: expected "*" or a mapping, found a list'),
    (policy(statement(Principal={})), "Statement[0].Principal: expected a principal, found an empty mapping"),
    (
        policy(statement(Principal={"AWS": 111122223333})),
        "Statement[0].Principal.AWS: expected text or a list of texts, found a number",
    ),
    (
        policy(statement(Principal={"Aws": "*"})),
        "Statement[0].Principal: expected AWS, Service, Federated, CanonicalUser, found the unknown element",
    ),
    (
        policy(statement(), statement(), statement(Condition={"StringEquals": []})),
        "Statement[2].Condition.StringEquals: expected a mapping, found a list",
    ),
    (policy(statement(Condition=[])), "Statement[0].Condition: expected a mapping, found a list"),
    (
        policy(statement(Condition={"Bool": {"a": [True, None]}})),
        "Statement[0].Condition.Bool.a[1]: expected text, a boolean or a number, found null",
    ),
    (
        policy(statement(Condition={"Bool": {"a": float("inf")}})),
        'Statement[0].Condition.Bool.a: expected text, a boolean or a number, found the text "inf"',
    ),
    (
        policy(statement(Condition={"Bool": {"aws:X": "1", "AWS:x": "2"}})),
        'Statement[0].Condition.Bool: expected every condition key once, found "aws:X" and "AWS:x"',
    ),
    (policy(statement(Condition={5: {}})), "Statement[0].Condition: expected text, found a number"),
    (policy(statement(Condition={"Bool": {5: "x"}})), "Statement[0].Condition.Bool: expected text, found a number"),
    (
        policy(statement(Sid="\ud800")),
        "Statement[0].Sid: expected text, found half of a surrogate pair",
    ),
    (policy(statement(Sid=object())), "Statement[0].Sid: expected text, found a value of type object"),
]


@pytest.mark.parametrize(("source", "sentence"), MALFORMED, ids=[sentence for _source, sentence in MALFORMED])
def test_a_malformed_policy_is_refused_with_its_place(source: Any, sentence: str) -> None:
    with pytest.raises(document.DocumentError) as refused:
        document.parse(source)
    assert str(refused.value).startswith(sentence)
    assert refused.value.details == {"place": sentence.split(": ")[0]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "policy: expected JSON, found an error at line 1 column 1"),
        ('{"Statement": [}', "policy: expected JSON, found an error at line 1 column 16"),
        ('{"Statement": NaN}', "policy: expected JSON, found NaN"),
        ('{"Statement": -Infinity}', "policy: expected JSON, found -Infinity"),
        ('{"Statement": [], "Statement": []}', 'policy: expected every name once in an object, found "Statement"'),
        ("[" * 200_000, "policy: expected a policy, found JSON that is nested too deeply"),
        ("1" * 50_000, "policy: expected a policy, found a value that cannot be read"),
        (b"\xff", "policy: expected UTF-8, found a stray byte at 0"),
    ],
)
def test_text_that_is_not_a_policy_is_refused(text: str | bytes, sentence: str) -> None:
    with pytest.raises(document.DocumentError) as refused:
        document.parse(text)
    assert str(refused.value).startswith(sentence)


def test_text_of_others_is_shown_escaped_and_short() -> None:
    assert errors.shown("\x1b[31mred\x7f") == "\\u001b[31mred\\u007f"
    assert errors.shown("é") == "\\u00e9"
    assert len(errors.shown("x" * 500)) == 80
    assert errors.shown(["a"]) == '["a"]'


def test_what_is_read_is_what_is_written() -> None:
    text = '{"Statement":{"Resource":"*","Effect":"Deny","Principal":{"AWS":["*"]},"Action":["s3:*"]},"Id":"x"}'
    read = document.parse(text)
    assert read.single
    assert (read.version, read.id) == (None, "x")
    assert document.serialise(read) == text
    assert document.parse(text.encode()) == read
    assert document.parse(json.loads(text)) == read


@given(policies())
def test_every_policy_is_written_as_it_was_read(source: dict[str, Any]) -> None:
    read = document.parse(json.dumps(source))
    assert read.to_dict() == source
    assert list(read.to_dict()) == list(source)
    assert document.parse(document.serialise(read)) == read


@given(policies(), chances, known)
def test_the_form_in_which_s3_returns_a_policy_makes_no_difference(
    source: dict[str, Any], chance: random.Random, known: Known
) -> None:
    read, returned = document.parse(source), document.parse(as_s3(source, chance, known=known, any_form=True))
    assert document.equal(read, returned)
    assert document.digest(read) == document.digest(returned)


@given(different_policies(), chances, known)
def test_a_difference_is_seen_in_whatever_form_s3_returns_it(
    both: tuple[dict[str, Any], dict[str, Any]], chance: random.Random, known: Known
) -> None:
    one, other = (document.parse(as_s3(source, chance, known=known, any_form=True)) for source in both)
    assert not document.equal(one, other)
    assert document.digest(one) != document.digest(other)


def test_a_document_does_not_share_its_statements() -> None:
    source = policy(statement(Resource=["a"]))
    read = document.parse(source)
    source["Statement"][0]["Resource"].append("b")
    read.to_dict()["Statement"][0]["Resource"].append("c")
    assert read.statements[0]["Resource"] == ["a"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Action": ["S3:PutObject", "s3:GetObject"]}, {"Action": ["s3:getobject", "s3:putobject", "s3:putobject"]}),
        ({"Action": "s3:*"}, {"Action": ["s3:*"]}),
        ({"Resource": ["b", "a"]}, {"Resource": ["a", "b"]}),
        ({"Principal": "*"}, {"Principal": {"AWS": ["*"]}}),
        ({"Principal": {"AWS": "111122223333"}}, {"Principal": {"AWS": "arn:aws-cn:iam::111122223333:root"}}),
        ({"Principal": {"AWS": "111122223333"}}, {"Principal": {"AWS": "arn:aws-us-gov:iam::111122223333:root"}}),
        ({"Principal": {"AWS": "111122223333"}}, {"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}),
        (
            {"Condition": {"Bool": {"aws:SecureTransport": False}}},
            {"Condition": {"Bool": {"AWS:securetransport": ["false"]}}},
        ),
        (
            {"Condition": {"NumericLessThan": {"s3:TlsVersion": 1.20}}},
            {"Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}},
        ),
        ({"Condition": {"NumericEquals": {"k": 5}}}, {"Condition": {"NumericEquals": {"k": "5.0"}}}),
        ({"Condition": {"NumericEquals": {"k": "-0"}}}, {"Condition": {"NumericEquals": {"k": "+00.00"}}}),
        ({"Condition": {}}, {}),
        ({"Condition": {"Bool": {}}}, {}),
        ({"Sid": ""}, {}),
    ],
)
def test_forms_that_mean_the_same_are_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert normal(**one) == normal(**other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Resource": "arn:aws:s3:::b/A"}, {"Resource": "arn:aws:s3:::b/a"}),
        ({"Action": "s3:PutObject"}, {"Action": ..., "NotAction": "s3:PutObject"}),
        ({"Sid": "a"}, {"Sid": "b"}),
        ({"Effect": "Allow"}, {"Effect": "Deny"}),
        ({"Principal": {"AWS": "111122223333"}}, {"Principal": {"AWS": "arn:aws:iam::111122223333:role/root"}}),
        ({"Principal": {"AWS": "١١١١٢٢٢٢٣٣٣٣"}}, {"Principal": {"AWS": "arn:aws:iam::١١١١٢٢٢٢٣٣٣٣:root"}}),
        ({"Condition": {"StringEquals": {"k": "A"}}}, {"Condition": {"StringEquals": {"k": "a"}}}),
        ({"Condition": {"StringEquals": {"k": "5.0"}}}, {"Condition": {"StringEquals": {"k": "5"}}}),
        (
            {"Condition": {"NumericEquals": {"k": "12345678901234567890123456789012"}}},
            {"Condition": {"NumericEquals": {"k": "12345678901234567890123456789013"}}},
        ),
        ({"Condition": {"NumericEquals": {"k": "-5"}}}, {"Condition": {"NumericEquals": {"k": "5"}}}),
    ],
)
def test_forms_that_mean_something_else_differ(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert normal(**one) != normal(**other)


def test_a_missing_version_is_the_old_one() -> None:
    without = document.parse({"Statement": [statement()]})
    old = document.parse({"Version": "2008-10-17", "Statement": [statement()]})
    new = document.parse(policy(statement()))
    assert document.equal(without, old)
    assert not document.equal(without, new)


def test_no_policy_and_a_policy_without_statements_are_equal() -> None:
    assert document.equal(None, document.parse(policy()))
    assert not document.equal(None, document.parse(policy(statement())))


def test_duplicate_statements_count() -> None:
    assert not document.equal(document.parse(policy(statement(), statement())), document.parse(policy(statement())))


def test_size_is_that_of_compact_utf8() -> None:
    read = document.parse(policy(statement(Sid="é"), statement()))
    assert document.size(read) == len(document.serialise(read).encode("utf-8"))
    assert ": " not in document.serialise(read)
    assert "é" in document.serialise(read)
    (first, first_size), (second, second_size) = document.statement_sizes(read)
    assert (first, second) == ("é", 1)
    assert first_size == second_size + len('"Sid":"é",'.encode())


def test_labels_are_sids_or_indices() -> None:
    read = document.parse(policy(statement(Sid="a"), statement(Sid=""), statement()))
    assert document.labels(read) == ["a", 1, 2]
    assert document.labels(None) == []


# --- Digests ----------------------------------------------------------------------------------------------------------


# A machine that does something else may take its time.
@settings(deadline=None)
@given(policies(), policies(), st.integers())
def test_a_digest_is_that_of_all_equal_policies_and_of_no_others(
    source: dict[str, Any], other: dict[str, Any], seed: int
) -> None:
    policy = document.parse(source)
    assert document.digest(policy) == document.digest(document.parse(as_s3_returns_it(source, seed)))
    assert (document.digest(policy) == document.digest(document.parse(other))) == document.equal(
        policy, document.parse(other)
    )


def test_a_digest_stays_what_it_is() -> None:
    """It is in the names of files."""
    assert document.digest(None) == document.digest(document.parse(policy())) == "74234e98afe7498f"
    assert document.digest(document.parse(policy(statement(Sid="käse")))) == "787653b6cbd585e4"


@pytest.mark.parametrize("keys", [("aws:SourceIp", "AWS:userid"), ("AWS:userid", "aws:SourceIp")])
def test_condition_keys_are_in_one_order_whatever_their_case(keys: tuple[str, str]) -> None:
    condition = {"StringLike": dict.fromkeys(keys, "x")}
    folded = {"StringLike": {key.lower(): "x" for key in keys}}
    first, second = (document.parse(policy(statement(Condition=one))) for one in (condition, folded))
    assert document.digest(first) == document.digest(second)
