# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.sealed.s3.plugins.module_utils.policy import decision, document, guard
from ansible_collections.sealed.s3.plugins.module_utils.policy.decision import Request, applies, decide
from ansible_collections.sealed.s3.tests.as_s3.rewriting import as_s3
from ansible_collections.sealed.s3.tests.unit.policy_strategies import (
    ACCOUNT,
    BUCKET,
    KEY,
    OTHER_KEY,
    chances,
    guard_specs,
    policies,
)

B = f"arn:aws:s3:::{BUCKET}"
SSE = "s3:x-amz-server-side-encryption"
KEY_ID = "s3:x-amz-server-side-encryption-aws-kms-key-id"
CUSTOMER = "s3:x-amz-server-side-encryption-customer-algorithm"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Uploader"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/Uploader/me"
SSO_SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/me"
SSO_ROLE = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef"
ALIAS = "alias/data"


def deny(condition: dict[str, Any] | None = None, **elements: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"{B}/*"}
    if condition:
        whole["Condition"] = condition
    whole.update(elements)
    return {name: value for name, value in whole.items() if value is not ...}


# The statement sets, written out here so that a mistake in guard.py cannot hide itself.
D1 = deny({"Null": {SSE: "false"}, "StringNotEquals": {KEY_ID: KEY}}, Sid="D1")
D2 = deny({"Null": {KEY_ID: "false"}, "StringNotEquals": {KEY_ID: KEY}}, Sid="D2")
D3 = deny({"Null": {SSE: "false"}, "StringNotEquals": {SSE: "aws:kms"}}, Sid="D3")
D4 = deny({"Null": {CUSTOMER: "false"}}, Sid="D4")
E0 = deny({"StringNotEquals": {KEY_ID: KEY}}, Sid="E0")
S1 = deny({"StringNotEquals": {SSE: "aws:kms"}}, Sid="S1")
SETS = {"deny_overrides": [D1, D2, D3, D4], "deny_other_keys": [E0, D3, D4], "require_headers": [S1, E0, D4]}

TABLE = {
    # row: (P, E, Strict), each under E then H where they differ
    "no_headers": ("allow", "allow/deny", "deny"),
    "no_headers_default_sse_s3": ("allow", "deny", "deny"),
    "no_headers_default_other_key": ("deny/allow", "deny", "deny"),
    "sse_s3": ("deny", "deny", "deny"),
    "sse_kms_no_key_id": ("deny", "deny", "deny"),
    "sse_kms": ("allow", "allow", "allow"),
    "sse_kms_other_key": ("deny", "deny", "deny"),
    "dsse_kms": ("deny", "deny", "deny"),
    "sse_c": ("deny", "deny", "deny"),
}
CELLS = [
    (kind, enforcement, model, (cell.split("/") * 2)[number])
    for kind, cells in TABLE.items()
    for enforcement, cell in zip(guard.ENFORCEMENTS, cells, strict=True)
    for number, model in enumerate(decision.KEY_ID_MODELS)
]


def whole(*statements: dict[str, Any], version: str | None = "2012-10-17") -> document.Document:
    return document.parse({**({"Version": version} if version else {}), "Statement": list(statements)})


def outcome(statement: dict[str, Any], **known: Any) -> str:
    return decide(whole(statement), Request(B, **{"key": "x", **known})).outcome


@pytest.mark.parametrize(("kind", "enforcement", "model", "expected"), CELLS)
def test_every_cell_of_the_decision_table(kind: str, enforcement: str, model: str, expected: str) -> None:
    request = decision.REQUEST_KINDS[kind].request(B, KEY, OTHER_KEY, key_id_model=model)
    by_hand = decide(whole(*SETS[enforcement]), request)
    by_guard = decide(whole(*guard.statements(guard.GuardSpec(BUCKET, KEY, enforcement))), request)
    assert by_hand.outcome == by_guard.outcome == {"allow": decision.ALLOWED, "deny": decision.DENIED}[expected]
    assert len(by_hand.denied_by) == len(by_guard.denied_by)


def test_the_table_has_every_kind_of_request() -> None:
    assert set(decision.REQUEST_KINDS) == set(TABLE) | {"sse_kms_bare_key_id"}
    assert len({kind.title for kind in decision.REQUEST_KINDS.values()}) == len(decision.REQUEST_KINDS)


@pytest.mark.parametrize("enforcement", guard.ENFORCEMENTS)
@pytest.mark.parametrize("model", decision.KEY_ID_MODELS)
@pytest.mark.parametrize("named", [ALIAS, KEY.rsplit("/", 1)[1], KEY.replace("key/", "alias/")])
def test_an_alias_or_a_bare_id_depends_on_what_s3_compares(enforcement: str, model: str, named: str) -> None:
    headers = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": named}
    policy = whole(*SETS[enforcement])
    as_sent = Request(B, headers=headers, key_id_model=model)
    resolved = Request(B, headers=headers, key_id_model=model, header_key_arn=KEY)
    assert decide(policy, as_sent).outcome == decision.DENIED
    # The ARN of another key is not resolved to anything.
    other = {**headers, "x-amz-server-side-encryption-aws-kms-key-id": OTHER_KEY}
    unresolved = Request(B, headers=other, key_id_model=model, header_key_arn=KEY)
    assert decide(policy, unresolved).outcome == decision.DENIED
    assert decide(policy, resolved).outcome == decision.ALLOWED


@pytest.mark.parametrize(
    "operation", ["CopyObject", "CreateMultipartUpload", "UploadPart", "PostObject", "s3:putobject"]
)
def test_every_way_to_upload_is_a_put_object(operation: str) -> None:
    request = Request(B, operation, headers={"X-Amz-Server-Side-Encryption": "AES256"})
    assert decide(whole(*SETS["deny_overrides"]), request).denied_by == ("D1", "D3")


@pytest.mark.parametrize("model", decision.KEY_ID_MODELS)
def test_a_key_change_leaves_uploads_without_headers_working_at_every_step(model: str) -> None:
    """Old key, widened, default moved, narrowed: after each single write, whatever S3 fills in."""
    old, new = decision.DefaultEncryption("aws:kms", KEY), decision.DefaultEncryption("aws:kms", OTHER_KEY)
    widened = guard.GuardSpec(BUCKET, KEY, accepted_keys=(OTHER_KEY,))
    moved = guard.GuardSpec(BUCKET, OTHER_KEY, accepted_keys=(KEY,))
    for spec, default in (
        (guard.GuardSpec(BUCKET, KEY), old),
        (widened, old),
        (widened, new),
        (moved, new),
        (guard.GuardSpec(BUCKET, OTHER_KEY), new),
    ):
        request = Request(B, default_encryption=default, key_id_model=model)
        assert decide(whole(*guard.statements(spec)), request).outcome == decision.ALLOWED
    # And in one leap it would not: the new guard with the old default.
    leap = decide(whole(*guard.statements(guard.GuardSpec(BUCKET, OTHER_KEY))), Request(B, default_encryption=old))
    assert leap.denied_by == ("SealedS3DenyNamedOtherKeys",)


def test_the_optional_guards_deny_what_they_say() -> None:
    spec = guard.GuardSpec(BUCKET, KEY, guard_replicas=True, encryption_admins=(f"arn:aws:iam::{ACCOUNT}:role/Admin*",))
    policy = whole(*guard.statements(spec))

    def sids(operation: str, **known: Any) -> tuple[Any, ...]:
        return decide(policy, Request(B, operation, **known)).denied_by

    key_header = "x-amz-server-side-encryption-aws-kms-key-id"
    assert sids("UpdateObjectEncryption", headers={key_header: KEY}) == ()
    assert sids("UpdateObjectEncryption", headers={key_header: OTHER_KEY}) == ("SealedS3DenyReencryptionToOtherKeys",)
    assert sids("UpdateObjectEncryption") == ("SealedS3DenyReencryptionToOtherKeys",)
    assert sids("ReplicateObject", headers={key_header: KEY}) == ()
    assert sids("ReplicateObject") == ("SealedS3DenyReplicasUnderOtherKeys",)
    assert sids("PutBucketEncryption", principal=f"arn:aws:iam::{ACCOUNT}:role/Admin1") == ()
    for principal in (ROLE, decision.ANONYMOUS, f"arn:aws:iam::{ACCOUNT}:root"):
        assert sids("PutBucketEncryption", principal=principal) == ("SealedS3DenyDefaultEncryptionChanges",)
    assert sids("PutBucketEncryption", principal_service="config.amazonaws.com") == (
        "SealedS3DenyDefaultEncryptionChanges",
    )
    assert decide(policy, Request(B, "PutBucketEncryption")).unknown_keys == ("aws:PrincipalArn",)
    assert sids("GetObject", secure=False) == ("SealedS3DenyInsecureTransport",)
    assert decide(policy, Request(B, "ListBucket", secure=None)).unknown_keys == ("aws:SecureTransport",)


def test_the_exempt_pass_and_nobody_else() -> None:
    service = "delivery.logs.amazonaws.com"
    spec = guard.GuardSpec(BUCKET, KEY, exempt_principals=(ROLE,), exempt_services=(service,))
    policy = whole(*guard.statements(spec))
    override = {"x-amz-server-side-encryption": "AES256"}

    def of(**known: Any) -> decision.Decision:
        return decide(policy, Request(B, headers=override, **known))

    assert of(principal=ROLE).outcome == decision.ALLOWED
    assert of(principal=SESSION).outcome == decision.ALLOWED
    assert of(principal_service=service).outcome == decision.ALLOWED
    assert of(principal=f"{ROLE}2").outcome == decision.DENIED
    assert of(principal=decision.ANONYMOUS).outcome == decision.DENIED
    assert of(principal_service="cloudtrail.amazonaws.com").outcome == decision.DENIED
    assert of().outcome == decision.UNKNOWN
    assert of().unknown_keys == ("aws:PrincipalArn", "aws:PrincipalServiceName")


@pytest.mark.parametrize(
    ("principal", "caller", "expected"),
    [
        ("*", None, "denied"),
        ({"AWS": "*"}, decision.ANONYMOUS, "denied"),
        ({"AWS": ACCOUNT}, ROLE, "denied"),
        ({"AWS": f"arn:aws-cn:iam::{ACCOUNT}:root"}, ROLE, "denied"),
        ({"AWS": "444455556666"}, ROLE, "allowed"),
        ({"AWS": ACCOUNT}, decision.ANONYMOUS, "allowed"),
        ({"AWS": [ROLE, "444455556666"]}, ROLE, "denied"),
        ({"AWS": ROLE}, SESSION, "denied"),
        ({"AWS": SESSION}, SESSION, "denied"),
        ({"AWS": SESSION}, f"{SESSION}2", "allowed"),
        ({"AWS": SESSION}, ROLE, "unknown"),
        ({"AWS": SESSION}, f"{ROLE}2", "allowed"),
        ({"AWS": ROLE}, f"{ROLE}2", "allowed"),
        ({"AWS": ROLE}, SESSION.replace("/Uploader", "/Other"), "allowed"),
        ({"AWS": ROLE}, SESSION.replace(ACCOUNT, "444455556666"), "allowed"),
        # S3 takes roles that exist, and their names are unique: the path is not in doubt.
        ({"AWS": SSO_ROLE}, SSO_SESSION, "denied"),
        ({"AWS": ROLE.replace("role/", "role/team/")}, SESSION, "denied"),
        ({"AWS": ROLE.replace("role/", "role/team/")}, ROLE, "allowed"),
        ({"AWS": ROLE}, None, "unknown"),
        ({"AWS": "AIDAEXAMPLE"}, ROLE, "allowed"),
        ({"Service": "config.amazonaws.com"}, ROLE, "allowed"),
        ({"Service": "config.amazonaws.com"}, None, "unknown"),
        ({"Federated": "cognito-identity.amazonaws.com"}, ROLE, "unknown"),
        ({"CanonicalUser": "79a5"}, decision.ANONYMOUS, "allowed"),
        ({"Service": "config.amazonaws.com", "AWS": ROLE}, ROLE, "denied"),
    ],
)
def test_principals(principal: Any, caller: str | None, expected: str) -> None:
    assert outcome(deny(Principal=principal), principal=caller) == expected


def test_a_service_is_no_account() -> None:
    service = {"principal_service": "config.amazonaws.com"}
    assert outcome(deny(Principal={"Service": "config.amazonaws.com"}), **service) == "denied"
    assert outcome(deny(Principal={"AWS": ACCOUNT}), **service) == "allowed"
    assert outcome(deny(Principal=..., NotPrincipal={"Service": "config.amazonaws.com"}), **service) == "allowed"


@pytest.mark.parametrize(
    ("spared", "caller", "expected"),
    [
        ("*", ROLE, "allowed"),
        ({"AWS": "*"}, ROLE, "allowed"),
        ({"AWS": [ROLE, ACCOUNT]}, ROLE, "allowed"),
        ({"AWS": [ROLE, ACCOUNT]}, decision.ANONYMOUS, "denied"),
        ({"AWS": ROLE}, ROLE, "unknown"),
        ({"AWS": ACCOUNT}, ROLE, "unknown"),
        ({"AWS": ACCOUNT}, f"arn:aws:iam::{ACCOUNT}:root", "allowed"),
        ({"AWS": ["444455556666"]}, ROLE, "denied"),
        ({"AWS": ROLE}, None, "unknown"),
    ],
)
def test_not_principal(spared: Any, caller: str | None, expected: str) -> None:
    assert outcome(deny(Principal=..., NotPrincipal=spared), principal=caller) == expected


@pytest.mark.parametrize(
    ("resource", "key", "expected"),
    [
        (f"{B}/*", None, "denied"),
        ("*", None, "denied"),
        (f"{B}*", None, "denied"),
        ("arn:aws:s3:::*/*", None, "denied"),
        (B, None, "allowed"),
        (f"{B}/", None, "allowed"),
        ("arn:aws:s3:::other/*", None, "allowed"),
        (f"{B}/a/*", None, "unknown"),
        (f"{B}/?*", None, "unknown"),
        (f"{B}/a/*", "a/b", "denied"),
        (f"{B}/a/*", "A/b", "allowed"),
        ([B, f"{B}/x"], "x", "denied"),
        (f"{B}/${{aws:username}}/*", "ann/x", "unknown"),
        (f"{B}/${{aws:username}}/*", "ann", "allowed"),
        (f"{B}/${{aws:username}}*", None, "unknown"),
    ],
)
def test_resources(resource: Any, key: str | None, expected: str) -> None:
    assert outcome(deny(Resource=resource), key=key) == expected


def test_resources_that_depend_on_the_object_say_so() -> None:
    found = decide(whole(deny(Resource=f"{B}/a/*")), Request(B))
    assert found.unknown_keys == (decision.OBJECT_KEY,)
    assert found.unknown_statements == (0,)
    found = decide(whole(deny(Resource=f"{B}/${{aws:username}}*")), Request(B))
    assert found.unknown_keys == ("aws:username", decision.OBJECT_KEY)


def test_a_variable_in_a_resource() -> None:
    statement = deny(Resource=f"{B}/${{aws:username}}/*")
    assert outcome(statement, key="ann/x", context={"aws:username": "ann"}) == "denied"
    assert outcome(statement, key="ann/x", context={"aws:username": None}) == "allowed"
    inverse = deny(Resource=..., NotResource=f"{B}/${{aws:username}}/*")
    assert outcome(inverse, key="ann/x", context={"aws:username": "ann"}) == "allowed"
    assert outcome(inverse, key="bob/x", context={"aws:username": "ann"}) == "denied"
    # Without a value AWS may take the statement for invalid.
    assert outcome(inverse, key="ann/x", context={"aws:username": None}) == "unknown"
    old = whole(statement, version=None)
    assert decide(old, Request(B, key="ann/x", context={"aws:username": "ann"})).outcome == "allowed"


def test_actions_and_what_they_are_not() -> None:
    assert outcome(deny(Action=["s3:get*", "S3:PUT?bject"])) == "denied"
    assert outcome(deny(Action=..., NotAction="s3:PutObject")) == "allowed"
    assert outcome(deny(Action=..., NotAction="s3:Get*")) == "denied"
    assert outcome(deny(Resource=..., NotResource=f"{B}/*")) == "allowed"
    assert outcome(deny(Resource=..., NotResource=f"{B}/a/*"), key=None) == "unknown"
    bucket_level = deny(Action="s3:*", Resource=B)
    assert outcome(bucket_level, operation="PutBucketPolicy") == "denied"
    assert outcome(bucket_level, operation="s3:PutBucketObjectLockConfiguration") == "denied"
    assert outcome(bucket_level, operation="AbortMultipartUpload") == "allowed"
    assert outcome(bucket_level, operation="ListObjectsV2") == "denied"
    assert outcome(deny(Action="s3:DeleteObject"), operation="DeleteObjects") == "denied"


def test_an_allow_denies_nothing() -> None:
    assert outcome(deny(Effect="Allow")) == "allowed"
    assert decide(None, Request(B)) == decision.Decision("allowed")


def test_condition_keys_of_encryption_are_absent_for_other_actions() -> None:
    statement = deny({"StringNotEquals": {KEY_ID: KEY, SSE: "aws:kms", CUSTOMER: "x"}}, Action="*")
    assert outcome(statement, operation="GetObject", headers={"x-amz-server-side-encryption": "aws:kms"}) == "denied"


def test_default_encryption_that_is_not_known_is_unknown() -> None:
    assert decide(whole(E0), Request(B)).unknown_keys == (KEY_ID,)
    assert decide(whole(E0), Request(B, key_id_model=decision.HEADER_ONLY)).outcome == "denied"
    managed = Request(B, default_encryption=decision.DefaultEncryption("aws:kms"))
    assert decide(whole(E0), managed).outcome == "denied"


def test_condition_keys_of_the_caller() -> None:
    """IAM User Guide, "AWS global condition context keys"."""

    def keys(**known: Any) -> dict[str, Any]:
        context = Request(B, **known).condition_keys()
        names = ("PrincipalArn", "PrincipalAccount", "PrincipalServiceName", "PrincipalIsAWSService", "PrincipalOrgID")
        return {name: context.values(f"aws:{name}") for name in names if context.settles(f"aws:{name}")}

    assert keys() == {}
    person = {"PrincipalAccount": (ACCOUNT,), "PrincipalServiceName": None, "PrincipalIsAWSService": ("false",)}
    assert keys(principal=ROLE) == {"PrincipalArn": (ROLE,), **person}
    assert keys(principal=SESSION) == {"PrincipalArn": (ROLE,), **person}
    # Such a role has a path that the session does not tell.
    assert keys(principal=SSO_SESSION) == person
    assert keys(principal=SSO_SESSION, context={"aws:principalarn": SSO_ROLE})["PrincipalArn"] == (SSO_ROLE,)
    assert "PrincipalAccount" not in keys(principal="no ARN")
    assert keys(principal=decision.ANONYMOUS) == {
        "PrincipalArn": None,
        "PrincipalAccount": ("anonymous",),
        "PrincipalServiceName": None,
        "PrincipalIsAWSService": None,
        "PrincipalOrgID": None,
    }
    assert keys(principal_service="config.amazonaws.com") == {
        "PrincipalArn": None,
        "PrincipalServiceName": ("config.amazonaws.com",),
        "PrincipalIsAWSService": ("true",),
        "PrincipalOrgID": None,
    }


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["*", "s3:*", ROLE, ACCOUNT, B, f"{B}/*", "${a}"]),
    lambda some: (
        st.lists(some, max_size=3) | st.dictionaries(st.sampled_from(["AWS", "Service", "Bool", "x"]), some, max_size=3)
    ),
    max_leaves=6,
)
_elements = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)


@given(
    st.dictionaries(st.sampled_from(_elements), _json),
    st.sampled_from([None, ROLE, SESSION, decision.ANONYMOUS, ""]),
    st.sampled_from(["PutObject", "", "s3:", "ListBucket"]),
)
def test_no_json_breaks_a_decision(statement: dict[str, Any], principal: str | None, operation: str) -> None:
    verdict = applies(statement, Request(B, operation, principal=principal), version="2012-10-17")
    assert (verdict.truth is None) == bool(verdict.unknown_keys)


def test_an_element_that_is_missing_or_odd_is_unknown_and_named() -> None:
    request = Request(B, principal=ROLE)
    for name in ("Principal", "Action", "Resource"):
        without = {element: value for element, value in deny().items() if element != name}
        assert applies(without, request, version=None).unknown_keys == {f"the element {name}"}
    assert applies(deny(Principal="somebody"), request, version=None).unknown_keys == {"the element Principal"}
    odd = deny(Principal=..., NotPrincipal="somebody")
    assert applies(odd, request, version=None).unknown_keys == {"the element Principal"}
    assert decide(document.Document(({"Sid": "Odd"},)), request).outcome == decision.ALLOWED


def test_other_headers() -> None:
    statement = deny({"StringNotEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}})
    assert outcome(statement) == "denied"
    assert outcome(statement, headers={"X-Amz-Acl": "bucket-owner-full-control"}) == "allowed"
    assert outcome(statement, other_headers_known=False) == "unknown"


def test_a_decision_names_certain_and_possible_denies_apart() -> None:
    policy = whole(
        deny(Sid="Always"),
        deny({"StringEquals": {"aws:SourceVpce": "vpce-1"}}),
        deny({"StringEquals": {"aws:SourceVpc": "v"}, "Null": {SSE: "false"}}),
    )
    found = decide(policy, Request(B))
    assert found == decision.Decision("denied", ("Always",), (1,), ("aws:SourceVpce",))


@given(policies(), chances, st.sampled_from(decision.KEY_ID_MODELS), st.sampled_from([None, ROLE]))
def test_the_form_in_which_s3_returns_a_policy_makes_no_difference(
    policy: dict[str, Any], chance: random.Random, model: str, principal: str | None
) -> None:
    request = Request(B, principal=principal, key_id_model=model, headers={"x-amz-server-side-encryption": "AES256"})
    before = decide(document.parse(policy), request)
    after = decide(document.parse(as_s3(policy, chance, any_form=True)), request)
    assert after.outcome == before.outcome
    assert {key.lower() for key in after.unknown_keys} == {key.lower() for key in before.unknown_keys}


@given(policies(), guard_specs, st.sampled_from(sorted(decision.REQUEST_KINDS)))
def test_foreign_statements_never_weaken_the_guard(policy: dict[str, Any], spec: guard.GuardSpec, kind: str) -> None:
    ours = guard.statements(spec)
    request = decision.REQUEST_KINDS[kind].request(B, KEY, "arn:aws:kms:eu-west-1:111122223333:key/third")
    alone = decide(whole(*ours), request)
    beside = decide(document.parse(policy).with_statements([*document.parse(policy).statements, *ours]), request)
    if alone.outcome == decision.DENIED:
        assert beside.outcome == decision.DENIED


def test_applies_answers_for_an_allow_too() -> None:
    verdict = applies(deny(Effect="Allow", Principal={"AWS": ROLE}), Request(B, principal=ROLE), version=None)
    assert verdict.truth is True
