# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from ansible_collections.sealed.s3.plugins.module_utils.policy import conflicts, decision, document, guard
from ansible_collections.sealed.s3.tests.unit.policy_strategies import (
    ACCOUNT,
    BUCKET,
    KEY,
    OTHER_KEY,
    guard_specs,
    policies,
)

SSE = "s3:x-amz-server-side-encryption"
KEY_ID = "s3:x-amz-server-side-encryption-aws-kms-key-id"
OBJECTS = f"arn:aws:s3:::{BUCKET}/*"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Uploader"


def deny(condition: dict[str, Any] | None = None, **elements: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "Sid": "Foreign", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": OBJECTS
    }  # fmt: skip
    if condition is not None:
        whole["Condition"] = condition
    whole.update(elements)
    return {name: value for name, value in whole.items() if value is not ...}


def allow(principal: Any, **elements: Any) -> dict[str, Any]:
    return deny(Effect="Allow", Principal=principal, **elements)


def find(*statements: dict[str, Any], **options: Any) -> list[conflicts.Conflict]:
    policy = document.parse({"Version": "2012-10-17", "Statement": list(statements)})
    return conflicts.find(policy, guard.GuardSpec(BUCKET, KEY, **options))


def named(*statements: dict[str, Any], **options: Any) -> list[tuple[str, str]]:
    return [(found.id, found.severity) for found in find(*statements, **options)]


NOT_KEY = {"StringNotEquals": {KEY_ID: KEY}}


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        # Denied for everybody.
        (deny(), "denies_uploads"),
        (deny(Action=["S3:*"]), "denies_uploads"),
        (deny(Action=..., NotAction="s3:GetObject"), "denies_uploads"),
        (deny(Principal={"AWS": "*"}), "denies_uploads"),
        (deny(Resource=..., NotResource="arn:aws:s3:::other/*"), "denies_uploads"),
        (deny({"Bool": {"aws:SecureTransport": "true"}}), "denies_uploads"),
        (deny({"StringEquals": {SSE: "aws:kms"}}), "denies_uploads"),
        # Known wrong forms that deny.
        (deny({"StringNotEquals": {SSE: "aws:kms"}}), "requires_encryption_header"),
        (deny({"StringNotEqualsIfExists": {SSE: "aws:kms"}}), "requires_encryption_header"),
        (deny({"StringNotLike": {SSE.upper(): "aws:kms*"}}), "requires_encryption_header"),
        (deny({"StringNotEquals": {SSE: "AES256"}}), "requires_encryption_header"),
        (deny({"StringNotEquals": {KEY_ID: OTHER_KEY}}), "names_another_key"),
        (deny({"ArnNotEquals": {KEY_ID: OTHER_KEY}}), "names_another_key"),
        (deny({"StringNotEquals": {KEY_ID: "alias/data"}}), "key_id_never_matches"),
        (deny({"StringNotEquals": {KEY_ID: KEY.rsplit("/", 1)[1]}}), "key_id_never_matches"),
        (deny({"StringNotEquals": {KEY_ID: KEY.replace("key/", "alias/")}}), "key_id_never_matches"),
        (deny({"StringNotEquals": {KEY_ID: KEY.replace("eu-west-1", "us-east-1")}}), "key_of_another_region"),
        (deny({"StringNotEquals": {KEY_ID: OTHER_KEY}}, Resource=f"{OBJECTS[:-1]}finance/*"), "names_another_key"),
    ],
)  # fmt: skip
def test_a_statement_that_denies_what_the_guard_allows_is_a_conflict(statement: dict[str, Any], finding: str) -> None:
    (found,) = find(statement)
    assert (found.id, found.severity, found.statement) == (finding, "conflict", "Foreign")
    assert found.requests
    assert found.unknown_keys == ()
    assert '"Foreign"' in found.message


def test_of_very_many_resources_and_keys_the_first_ones_are_named() -> None:
    keys = tuple(f"{KEY[:-4]}{number:04}" for number in range(40))
    (found,) = find(deny(Resource=[f"{OBJECTS[:-1]}{number}/*" for number in range(900)]))
    assert f"{OBJECTS[:-1]}7/* and 892 more" in found.message
    assert len(found.message) < 1000

    (found,) = find(deny(), accepted_keys=keys)
    assert f"and {len(found.requests) - 8} more" in found.message
    # The result has them all.
    assert len(found.requests) > 40


@pytest.mark.parametrize(
    ("statement", "unknown"),
    [
        (deny({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}), "aws:sourcevpce"),
        (deny({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), "aws:sourceip"),
        (deny({"ArnNotEquals": {"aws:PrincipalArn": ROLE}}), "aws:principalarn"),
        (deny(Principal={"AWS": ROLE}), "aws:principalarn"),
        (deny(Principal=..., NotPrincipal={"AWS": ROLE}), "aws:principalarn"),
        (deny({"NumericLessThan": {"s3:TlsVersion": 1.2}}), "s3:tlsversion"),
        (deny({"StringNotEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}), "s3:x-amz-acl"),
    ],
)
def test_what_denies_only_some_is_a_note_with_the_unknown_keys(statement: dict[str, Any], unknown: str) -> None:
    (found,) = find(statement)
    assert (found.id, found.severity) == ("denies_some", "note")
    assert unknown in [key.lower() for key in found.unknown_keys]
    assert unknown in found.message.lower()


def test_a_wrong_form_for_some_principals_is_a_warning() -> None:
    (found,) = find(deny({"StringNotEquals": {SSE: "aws:kms"}}, Principal={"AWS": ROLE}))
    assert (found.id, found.severity) == ("requires_encryption_header", "warning")
    assert [key.lower() for key in found.unknown_keys] == ["aws:principalarn"]


@pytest.mark.parametrize("values", [["true", "false"], ["false", "true"]])
def test_the_order_in_which_s3_lists_values_makes_no_difference(values: list[str]) -> None:
    # One of both is always so, and nothing is asked.
    assert [found.id for found in find(deny({"Null": {KEY_ID: values}}))] == ["denies_uploads"]
    both = find(deny({"StringNotEquals": {SSE: "aws:kms"}, "Null": {SSE: values}}))
    assert [found.id for found in both] == ["requires_encryption_header"]


def test_the_order_in_which_s3_lists_resources_makes_no_difference() -> None:
    resources = [f"{OBJECTS[:-1]}home/${{aws:username}}/*", f"arn:aws:s3:::{BUCKET}", f"{OBJECTS[:-1]}archive/*"]
    found, other = find(deny(Resource=resources)), find(deny(Resource=resources[::-1]))
    assert [(one.id, one.severity) for one in found] == [("denies_uploads_in_part", "note")]
    assert [one.id for one in other] == ["denies_uploads_in_part"]
    (some,) = find(deny(Resource=[f"{OBJECTS[:-1]}a/${{aws:username}}/*", f"{OBJECTS[:-1]}b/${{aws:userid}}/*"]))
    assert [key.lower() for key in some.unknown_keys] == ["aws:userid", "aws:username"]


def test_a_frozen_prefix_is_a_note() -> None:
    (found,) = find(deny(Resource=f"{OBJECTS[:-1]}archive/20??/*"))
    assert (found.id, found.severity) == ("denies_uploads_in_part", "note")
    assert "archive/20??/*" in found.message


@pytest.mark.parametrize(
    "statement",
    [
        deny({"Bool": {"aws:SecureTransport": "false"}}, Action="s3:*"),
        deny({"Bool": {"aws:SecureTransport": False}}, Action="s3:*", Resource="*"),
        deny(Action="s3:DeleteObject"),
        deny(Resource="arn:aws:s3:::another-bucket/*"),
        deny({"StringEquals": {SSE: "AES256"}}),
        deny({"Null": {SSE: "false"}, **NOT_KEY}),
        allow("*"),
        allow({"AWS": ROLE}),
        allow({"Service": "cloudfront.amazonaws.com"}, Action="s3:GetObject"),
        allow({"Service": "logging.s3.amazonaws.com"}, Resource="arn:aws:s3:::another-bucket/*"),
        *guard.statements(guard.GuardSpec(BUCKET, OTHER_KEY)),
    ],
)
def test_no_conflict(statement: dict[str, Any]) -> None:
    assert find(statement) == []


def test_no_policy_no_conflict() -> None:
    assert conflicts.find(None, guard.GuardSpec(BUCKET, KEY)) == []


@pytest.mark.parametrize(
    "condition",
    [
        {"StringNotEquals": {SSE: "aws:kms", KEY_ID: KEY}},
        {"StringNotEqualsIfExists": {SSE: "aws:kms", KEY_ID: KEY}},
    ],
)
def test_both_keys_in_one_operator_are_named(condition: dict[str, Any]) -> None:
    (found,) = find(deny(condition))
    assert found.id == "both_keys_in_one_operator"
    assert "aws:kms with a foreign key passes" in found.message


def test_null_alone_lets_any_key_pass() -> None:
    (found,) = find(deny({"Null": {KEY_ID: "true"}}))
    assert (found.id, found.severity) == ("any_key_passes", "warning")
    assert "any KMS key passes" in found.message


def test_the_articles_statement_depends_on_the_reading() -> None:
    (found,) = find(deny(NOT_KEY))
    assert (found.id, found.severity) == ("depends_on_key_id_model", "warning")
    assert "header alone" in found.message
    # Where the guard itself asks for the header there is nothing to say.
    assert find(deny(NOT_KEY), enforcement="require_headers") == []
    assert find(deny({"StringNotEquals": {SSE: "aws:kms"}}), enforcement="require_headers") == []


def test_a_statement_may_deny_under_the_other_reading_alone() -> None:
    (found,) = find(deny({"Null": {KEY_ID: "false", SSE: "true"}}))
    assert (found.id, found.severity) == ("depends_on_key_id_model", "warning")
    assert "with the key that it will use" in found.message


def test_a_wrong_form_is_named_where_it_denies_nothing_that_the_guard_allows() -> None:
    (found,) = find(deny({"StringNotEquals": {SSE: "aws:kms", KEY_ID: KEY}}), enforcement="require_headers")
    assert (found.id, found.severity, found.requests) == ("both_keys_in_one_operator", "warning", ())


def test_a_statement_that_names_the_previous_key_stops_the_key_change() -> None:
    assert named(deny(NOT_KEY), accepted_keys=(OTHER_KEY,)) == [("denies_uploads", "conflict")]
    both = deny({"StringNotEquals": {KEY_ID: [KEY, OTHER_KEY]}})
    assert named(both, accepted_keys=(OTHER_KEY,)) == [("depends_on_key_id_model", "warning")]


@pytest.mark.parametrize(
    ("principal", "what"),
    [
        ({"Service": "logging.s3.amazonaws.com"}, "S3 server access logs"),
        ({"Service": ["cloudtrail.amazonaws.com", "logdelivery.elasticloadbalancing.amazonaws.com"]}, "load balancer"),
        ({"AWS": "arn:aws:iam::127311923021:root"}, "load balancer"),
        ({"AWS": ["048591011584"]}, "load balancer"),
    ],
)
def test_writers_that_cannot_use_the_key_are_conflicts(principal: Any, what: str) -> None:
    found = find(allow(principal, Action=["s3:GetObject", "s3:Put*"]))[0]
    assert (found.id, found.severity) == ("log_delivery", "conflict")
    assert what in found.message
    assert "bucket of their own" in found.message


def test_an_exempt_log_writer_is_a_warning() -> None:
    service = "logging.s3.amazonaws.com"
    assert named(allow({"Service": service}), exempt_services=(service,)) == [("log_delivery", "warning")]


@pytest.mark.parametrize("service", ["cloudtrail.amazonaws.com", "config.amazonaws.com", "delivery.logs.amazonaws.com"])
def test_services_that_can_use_the_key_are_warned_of(service: str) -> None:
    (found,) = find(allow({"Service": service}, Resource=f"{OBJECTS[:-1]}AWSLogs/{ACCOUNT}/*"))
    assert (found.id, found.severity) == ("service_needs_key", "warning")
    assert service in found.message
    assert KEY in found.message


def test_a_statement_without_a_sid_is_named_by_its_index() -> None:
    (found,) = find(allow({"AWS": ROLE}), deny(Sid=""))
    assert (found.statement, found.index) == (1, 1)
    assert "at index 1" in found.message
    assert found.to_dict()["requests"] == ["aws:kms and the key", "no encryption headers"]


@given(policies(), guard_specs)
def test_a_conflict_is_what_the_decision_says(policy: dict[str, Any], spec: guard.GuardSpec) -> None:
    """Whatever is named as denying everybody does deny an upload that the guard allows, and nothing else does."""
    parsed = document.parse(policy)
    named_ones = {
        found.index
        for found in conflicts.find(parsed, spec)
        if found.severity == "conflict" and found.id != "log_delivery"
    }
    headers = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": KEY}
    default = decision.DefaultEncryption("aws:kms", KEY)
    for index, statement in enumerate(parsed.statements):
        alone = document.Document((statement,), top=(("Version", parsed.version), ("Statement", None)))
        request = decision.Request(spec.bucket_arn, key="x", headers=headers, default_encryption=default)
        if decision.decide(alone, request).outcome == decision.DENIED and statement["Effect"] == "Deny":
            whole = document.as_list(statement.get("Resource", "*"))
            if f"{spec.bucket_arn}/*" in whole:
                assert index in named_ones
