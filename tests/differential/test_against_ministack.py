# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our conditions and our decision against an engine that others wrote: the policy evaluator of ministack.

Where the two differ, AWS's documentation decides. Each known difference is a test of its own at the end of this file,
with the source; the generators leave them out.

SEALED_S3_EXAMPLES sets how many policies and requests are generated; the full run takes 5,000 and more.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ministack.core.iam_evaluator import EvalContext, _conditions_met, evaluate_resource_policy

from ansible_collections.sealed.s3.plugins.module_utils.policy import decision, document, guard
from ansible_collections.sealed.s3.plugins.module_utils.policy.conditions import Context, evaluate

EXAMPLES = int(os.environ.get("SEALED_S3_EXAMPLES", "500"))
ACCOUNT = "111122223333"
BUCKET = "example-bucket"
B = f"arn:aws:s3:::{BUCKET}"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/00000000-12ab-34cd-56ef-1234567890ab"
SSE = "s3:x-amz-server-side-encryption"
KEY_ID = "s3:x-amz-server-side-encryption-aws-kms-key-id"
CUSTOMER = "s3:x-amz-server-side-encryption-customer-algorithm"
CALLER = f"arn:aws:iam::{ACCOUNT}:user/ann"
VERSION = "2012-10-17"


def theirs_context(
    values: dict[str, Any], *, principal: str = CALLER, action: str = "s3:PutObject", resource: str = f"{B}/x"
) -> EvalContext:
    """Their context: what is known, by the condition key."""
    known = {key.lower(): value for key, value in values.items() if value is not None}
    return EvalContext(
        principal_arn=principal,
        principal_type="User",
        principal_account=principal.split(":")[4],
        action=action,
        resource_arn=resource,
        region="eu-west-1",
        source_ip=known.get("aws:sourceip", "192.0.2.1"),
        secure_transport=known.get("aws:securetransport", "true") == "true",
        service_context=known,
    )


def both(condition: dict[str, Any], values: dict[str, Any]) -> tuple[bool | None, bool]:
    """What both say of a condition."""
    ours = evaluate(condition, Context(values), version=VERSION)
    return ours.truth, _conditions_met(condition, theirs_context(values))


FAMILIES = {
    "String": ["Equals", "EqualsIgnoreCase", "Like"],
    "Numeric": ["Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"],
    "Date": ["Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"],
    "Arn": ["Equals", "Like"],
}
PLAIN = [f"{family}{form}" for family, forms in FAMILIES.items() for form in forms]
NEGATED = [f"{family}Not{form}" for family, forms in FAMILIES.items() for form in forms if "Than" not in form]
OPERATORS = [*PLAIN, *NEGATED, "Bool", "BinaryEquals", "IpAddress", "NotIpAddress"]
SAMPLES: dict[str, list[str]] = {
    "String": ["", "aws:kms", "AWS:KMS", "aws:*", "a?s:kms", "AES256", "*"],
    "Numeric": ["0", "1", "1.0", "1.5", "-1", "1e2", "100"],
    "Date": [
        "2026-01-01T00:00:00Z",
        "2026-01-01T01:00:00+01:00",
        "2026-06-01T12:30:00.5Z",
        "2025-12-31T23:59:59-01:00",
    ],
    "Arn": [KEY, OTHER_KEY, f"arn:aws:kms:*:{ACCOUNT}:key/*", "arn:aws:kms:eu-west-1:*:key/1234abcd-????-*", CALLER],
    "Bool": ["true", "false", "True"],
    "Binary": ["QUI=", "QQ=="],
    "Ip": ["10.0.0.0/8", "10.1.2.3", "192.0.2.1", "2001:db8::/32", "2001:db8::1"],
}


def family(operator: str) -> str:
    name = operator.removeprefix("Not")
    return next(one for one in SAMPLES if name.startswith(one))


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_present_absent_list_and_set(operator: str) -> None:
    samples = SAMPLES[family(operator)]
    key = "s3:x-amz-something"
    for form in (operator, f"{operator}IfExists", f"ForAnyValue:{operator}", f"ForAllValues:{operator}"):
        for wanted in [*samples, samples[:2], samples]:
            for value in [*samples, None]:
                ours, theirs = both({form: {key: wanted}}, {key: value})
                assert ours is theirs, (form, wanted, value)
    for form in (f"ForAnyValue:{operator}", f"ForAllValues:{operator}"):
        for values in (samples[:2], samples[1:], samples):
            ours, theirs = both({form: {key: samples[:2]}}, {key: values})
            assert ours is theirs, (form, values)


@pytest.mark.parametrize("wanted", ["true", "false", "True", True, False])
@pytest.mark.parametrize("value", ["x", "", None])
def test_null(wanted: Any, value: Any) -> None:
    ours, theirs = both({"Null": {SSE: wanted}}, {SSE: value})
    assert ours is theirs


# The decision table: each row's condition keys filled in here by hand, under each reading of the key-id key.
ROWS: dict[str, dict[str, tuple[str | None, str | None, str | None]]] = {
    # row: {model: (algorithm, key id, customer algorithm)}
    "no_headers": {"effective": (None, KEY, None), "header_only": (None, None, None)},
    "no_headers_default_sse_s3": {"effective": (None, None, None), "header_only": (None, None, None)},
    "no_headers_default_other_key": {"effective": (None, OTHER_KEY, None), "header_only": (None, None, None)},
    "sse_s3": {"effective": ("AES256", None, None), "header_only": ("AES256", None, None)},
    "sse_kms_no_key_id": {
        "effective": ("aws:kms", f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/of-aws", None),
        "header_only": ("aws:kms", None, None),
    },
    "sse_kms": {"effective": ("aws:kms", KEY, None), "header_only": ("aws:kms", KEY, None)},
    "sse_kms_other_key": {"effective": ("aws:kms", OTHER_KEY, None), "header_only": ("aws:kms", OTHER_KEY, None)},
    "sse_kms_bare_key_id": {
        "effective": ("aws:kms", KEY.rsplit("/", 1)[1], None),
        "header_only": ("aws:kms", KEY.rsplit("/", 1)[1], None),
    },
    "dsse_kms": {"effective": ("aws:kms:dsse", KEY, None), "header_only": ("aws:kms:dsse", KEY, None)},
    "sse_c": {"effective": (None, None, "AES256"), "header_only": (None, None, "AES256")},
}


def as_theirs(policy: document.Document, context: EvalContext) -> str:
    found = evaluate_resource_policy(policy.to_dict(), context).decision
    return decision.DENIED if found == "Deny" else decision.ALLOWED


@pytest.mark.parametrize("enforcement", guard.ENFORCEMENTS)
@pytest.mark.parametrize("model", decision.KEY_ID_MODELS)
@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("accepted", [(), (OTHER_KEY,)])
def test_every_cell_of_the_decision_table(row: str, model: str, enforcement: str, accepted: tuple[str, ...]) -> None:
    spec = guard.GuardSpec(BUCKET, KEY, enforcement, accepted_keys=accepted)
    policy = document.Document(tuple(guard.statements(spec)))
    request = decision.REQUEST_KINDS[row].request(B, KEY, OTHER_KEY, key_id_model=model, key="x", principal=CALLER)
    keys = dict(zip((SSE, KEY_ID, CUSTOMER), ROWS[row][model], strict=True))
    assert decision.decide(policy, request).outcome == as_theirs(policy, theirs_context(keys))


def test_the_rows_are_those_of_the_table() -> None:
    assert set(ROWS) == set(decision.REQUEST_KINDS)


# Generated policies and requests.
_values: dict[str, st.SearchStrategy[str]] = {
    SSE: st.sampled_from(["aws:kms", "aws:kms:dsse", "AES256"]),
    KEY_ID: st.sampled_from([KEY, OTHER_KEY, "alias/data", KEY.rsplit("/", 1)[1]]),
    CUSTOMER: st.just("AES256"),
    "s3:x-amz-acl": st.sampled_from(["private", "bucket-owner-full-control"]),
    "aws:SourceVpce": st.sampled_from(["vpce-1", "vpce-2"]),
}
_wanted: dict[str, st.SearchStrategy[str]] = {
    **_values,
    SSE: st.sampled_from(["aws:kms", "aws:kms*", "AES256", "aws:km?"]),
    KEY_ID: st.sampled_from([KEY, OTHER_KEY, f"arn:aws:kms:*:{ACCOUNT}:key/*", "alias/data"]),
}
_string_operators = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "", "ForAnyValue:", "ForAllValues:"]),
    st.sampled_from(["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase"]),
    st.sampled_from(["", "IfExists"]),
)


@st.composite
def _conditions(draw: st.DrawFn) -> dict[str, Any]:
    condition: dict[str, Any] = {}
    for _number in range(draw(st.integers(0, 3))):
        key = draw(st.sampled_from(sorted(_wanted)))
        operator = draw(_string_operators | st.just("Null"))
        wanted = (
            st.sampled_from(["true", "false"])
            if operator == "Null"
            else _wanted[key] | st.lists(_wanted[key], min_size=1, max_size=3)
        )
        condition.setdefault(operator, {})[key] = draw(wanted)
    if draw(st.booleans()):
        condition["Bool"] = {"aws:SecureTransport": draw(st.sampled_from(["true", "false", True, False]))}
    if draw(st.booleans()):
        operator = draw(st.sampled_from(["ArnLike", "ArnNotLike", "ArnEquals", "ArnNotEquals"]))
        condition[operator] = {"aws:PrincipalArn": draw(st.sampled_from([CALLER, f"arn:aws:iam::{ACCOUNT}:user/*"]))}
    if draw(st.booleans()):
        operator = draw(st.sampled_from(["IpAddress", "NotIpAddress"]))
        condition[operator] = {"aws:SourceIp": draw(st.sampled_from(["10.0.0.0/8", ["192.0.2.0/24", "10.1.0.0/16"]]))}
    return condition


def _some(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values) | st.lists(st.sampled_from(values), min_size=1, max_size=3)


@st.composite
def _statements(draw: st.DrawFn) -> dict[str, Any]:
    aws = _some("*", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", CALLER, f"{CALLER}2", "444455556666")
    return {
        "Effect": draw(st.sampled_from(["Deny", "Deny", "Allow"])),
        "Principal": draw(st.just("*") | st.fixed_dictionaries({"AWS": aws})),
        draw(st.sampled_from(["Action", "Action", "NotAction"])): draw(
            _some("s3:PutObject", "s3:putobject", "s3:Put*", "s3:*", "*", "s3:GetObject", "s3:P?tObject")
        ),
        draw(st.sampled_from(["Resource", "Resource", "NotResource"])): draw(
            _some(B, f"{B}/*", f"{B}/a/*", f"{B}/A/*", "arn:aws:s3:::*", "*", f"{B}/?/b", "arn:aws:s3:::other/*")
        ),
        "Condition": draw(_conditions()),
    }


_requests = st.fixed_dictionaries(
    {
        "key": st.sampled_from(["x", "a/b", "A/b", "a/b/c"]),
        "principal": st.sampled_from([CALLER, f"{CALLER}2", "arn:aws:iam::444455556666:user/bob"]),
        "action": st.sampled_from(["s3:PutObject", "s3:GetObject"]),
        "secure": st.booleans(),
        "source_ip": st.sampled_from(["10.1.2.3", "192.0.2.1", "198.51.100.7"]),
        "values": st.fixed_dictionaries({key: st.none() | values for key, values in _values.items()}),
    }
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(_statements(), min_size=1, max_size=4), _requests)
def test_generated_policies_and_requests(statements: list[dict[str, Any]], request: dict[str, Any]) -> None:
    policy = document.parse({"Version": VERSION, "Statement": statements})
    keys = {**request["values"], "aws:SourceIp": request["source_ip"]}
    ours = decision.decide(
        policy,
        decision.Request(
            B,
            request["action"],
            key=request["key"],
            principal=request["principal"],
            secure=request["secure"],
            context=keys,
        ),
    )
    theirs = as_theirs(
        policy,
        theirs_context(
            {**keys, "aws:SecureTransport": "true" if request["secure"] else "false"},
            principal=request["principal"],
            action=request["action"],
            resource=f"{B}/{request['key']}",
        ),
    )
    assert ours.outcome == theirs


# Known differences. Each shows both answers, so that a change on either side is seen.


def test_differs_arns_are_compared_part_by_part() -> None:
    """IAM User Guide, "Amazon Resource Name (ARN) condition operators": each of the six colon-delimited components of
    the ARN is checked separately."""
    condition = {"ArnLike": {KEY_ID: "arn:aws:kms:*"}}
    assert both(condition, {KEY_ID: KEY}) == (False, True)


def test_differs_a_year_is_a_date() -> None:
    """IAM User Guide, "Date condition operators": W3C profiles of ISO 8601 dates, of which YYYY is one."""
    assert both({"DateLessThan": {"aws:X": "2026"}}, {"aws:X": "2025-06-01T00:00:00Z"}) == (True, False)


def test_differs_negation_of_what_cannot_be_compared() -> None:
    """IAM User Guide, "Condition operators": NumericNotEquals is "Negated matching" of NumericEquals."""
    assert both({"NumericNotEquals": {"aws:X": "5"}}, {"aws:X": "five"}) == (True, False)


def test_differs_null_with_several_values() -> None:
    """IAM User Guide, "Conditions with multiple context keys or values": the values of one key are ORed."""
    assert both({"Null": {"aws:X": ["false", "true"]}}, {"aws:X": None}) == (True, False)


def test_differs_policy_variables() -> None:
    """IAM User Guide, "IAM policy elements: Variables and tags": they take the request's value."""
    values = {"aws:X": "ann", "aws:username": "ann"}
    assert both({"StringEquals": {"aws:X": "${aws:username}"}}, values) == (True, False)


def test_differs_not_principal() -> None:
    """IAM User Guide, "NotPrincipal with Deny": whoever is not named is denied. Theirs never applies it."""
    statement = {"Effect": "Deny", "NotPrincipal": {"AWS": "444455556666"}, "Action": "s3:*", "Resource": "*"}
    policy = document.parse({"Version": VERSION, "Statement": statement})
    ours = decision.decide(policy, decision.Request(B, key="x", principal=CALLER))
    assert (ours.outcome, as_theirs(policy, theirs_context({}))) == (decision.DENIED, decision.ALLOWED)


def test_differs_an_unknown_operator() -> None:
    """Ours says that it does not know; theirs that the condition is not met."""
    assert both({"StringSounds": {"aws:X": "a"}}, {"aws:X": "a"}) == (None, False)


def test_differs_wildcards_in_a_principal() -> None:
    """IAM User Guide, "AWS JSON policy elements: Principal": a wildcard cannot match part of a principal's ARN."""
    statement = {"Effect": "Deny", "Principal": {"AWS": f"{CALLER[:-1]}*"}, "Action": "s3:*", "Resource": "*"}
    policy = document.parse({"Version": VERSION, "Statement": statement})
    ours = decision.decide(policy, decision.Request(B, key="x", principal=CALLER))
    assert (ours.outcome, as_theirs(policy, theirs_context({}))) == (decision.ALLOWED, decision.DENIED)
