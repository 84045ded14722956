# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way to weaken a statement of the guard is noticed.

A mutant is the guard with one statement dropped, or one condition of one statement dropped or turned around. It is held
against the requests below: what the guard decides for each, and by which statements, is written out by hand in
EXPECTED. A mutant for which nothing differs is a survivor, and fails this run. One that differs in the denying
statements alone, and never in allow or deny, is redundant by design: it is named in REDUNDANT with the reason.

"make mutate" runs this file and prints the count.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.policy import decision, document, guard

ACCOUNT = "111122223333"
BUCKET = "example-bucket"
B = f"arn:aws:s3:::{BUCKET}"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/00000000-12ab-34cd-56ef-1234567890ab"
EXEMPT = f"arn:aws:iam::{ACCOUNT}:role/Exempt"
ADMIN = f"arn:aws:iam::{ACCOUNT}:role/Admin"
ANYBODY = f"arn:aws:iam::{ACCOUNT}:role/Anybody"
SERVICE = "delivery.logs.amazonaws.com"
OPPOSITE = {"StringNotEquals": "StringEquals", "ArnNotLike": "ArnLike"}

D1, D2, D3, D4 = "DenyEncryptionWithoutTheKey", "DenyNamedOtherKeys", "DenyOtherAlgorithms", "DenyCustomerProvidedKeys"
E0, S1 = "DenyOtherEncryptionKeys", "DenyMissingKmsHeader"
U1, R1 = "DenyReencryptionToOtherKeys", "DenyReplicasUnderOtherKeys"
G1, T1 = "DenyDefaultEncryptionChanges", "DenyInsecureTransport"


def guards(enforcement: str) -> list[dict[str, Any]]:
    """The guard with everything that can be asked for."""
    return guard.statements(
        guard.GuardSpec(
            BUCKET,
            KEY,
            enforcement,
            guard_replicas=True,
            encryption_admins=(ADMIN,),
            exempt_principals=(EXEMPT,),
            exempt_services=(SERVICE,),
        )
    )


# Who uploads: anybody is denied what an exempt principal or service is not.
CALLERS: dict[str, dict[str, str]] = {
    "anybody": {"principal": ANYBODY},
    "exempt principal": {"principal": EXEMPT},
    "exempt service": {"principal_service": SERVICE},
}

# For each row of the decision table the statements that deny it to anybody, under the effective reading and under the
# header's alone; the exempt are denied nothing.
UPLOADS: dict[str, dict[str, tuple[set[str], set[str]]]] = {
    "deny_overrides": {
        "no_headers": (set(), set()),
        "no_headers_default_sse_s3": (set(), set()),
        "no_headers_default_other_key": ({D2}, set()),
        "sse_s3": ({D1, D3}, {D1, D3}),
        "sse_kms_no_key_id": ({D1, D2}, {D1}),
        "sse_kms": (set(), set()),
        "sse_kms_other_key": ({D1, D2}, {D1, D2}),
        "sse_kms_bare_key_id": ({D1, D2}, {D1, D2}),
        "dsse_kms": ({D3}, {D3}),
        "sse_c": ({D4}, {D4}),
    },
    "deny_other_keys": {
        "no_headers": (set(), {E0}),
        "no_headers_default_sse_s3": ({E0}, {E0}),
        "no_headers_default_other_key": ({E0}, {E0}),
        "sse_s3": ({E0, D3}, {E0, D3}),
        "sse_kms_no_key_id": ({E0}, {E0}),
        "sse_kms": (set(), set()),
        "sse_kms_other_key": ({E0}, {E0}),
        "sse_kms_bare_key_id": ({E0}, {E0}),
        "dsse_kms": ({D3}, {D3}),
        "sse_c": ({E0, D4}, {E0, D4}),
    },
    "require_headers": {
        "no_headers": ({S1}, {S1, E0}),
        "no_headers_default_sse_s3": ({S1, E0}, {S1, E0}),
        "no_headers_default_other_key": ({S1, E0}, {S1, E0}),
        "sse_s3": ({S1, E0}, {S1, E0}),
        "sse_kms_no_key_id": ({E0}, {E0}),
        "sse_kms": (set(), set()),
        "sse_kms_other_key": ({E0}, {E0}),
        "sse_kms_bare_key_id": ({E0}, {E0}),
        "dsse_kms": ({S1}, {S1}),
        "sse_c": ({S1, E0, D4}, {S1, E0, D4}),
    },
}


def other_requests() -> Iterator[tuple[str, decision.Request, set[str]]]:
    """What the optional guards are about, and the statements that deny it."""
    to_key = {decision.ALGORITHM_HEADER: "aws:kms", decision.KEY_ID_HEADER: KEY}
    to_other = {**to_key, decision.KEY_ID_HEADER: OTHER_KEY}
    for operation, sid in (("UpdateObjectEncryption", U1), ("ReplicateObject", R1)):
        for caller in (ANYBODY, EXEMPT):
            known: dict[str, Any] = {"key": "x", "principal": caller}
            yield f"{operation} to the key", decision.Request(B, operation, headers=to_key, **known), set()
            yield f"{operation} to another", decision.Request(B, operation, headers=to_other, **known), {sid}
            yield f"{operation} to none", decision.Request(B, operation, **known), {sid}
    for caller, denied in ((ANYBODY, {G1}), (ADMIN, set()), (EXEMPT, {G1})):
        yield f"default by {caller}", decision.Request(B, "PutBucketEncryption", principal=caller), denied
    for operation in ("GetObject", "ListBucket", "PutBucketPolicy"):
        for secure in (True, False):
            request = decision.Request(B, operation, key="x", principal=ANYBODY, secure=secure)
            yield f"{operation} {'with' if secure else 'without'} TLS", request, set() if secure else {T1}


def requests(enforcement: str) -> Iterator[tuple[str, decision.Request, set[str]]]:
    """All requests: what each is called, and the statements that deny it."""
    for kind, denied in UPLOADS[enforcement].items():
        for number, model in enumerate(decision.KEY_ID_MODELS):
            for caller, known in CALLERS.items():
                request = decision.REQUEST_KINDS[kind].request(B, KEY, OTHER_KEY, key_id_model=model, key="x", **known)
                yield f"{kind} {model} {caller}", request, denied[number] if caller == "anybody" else set()
    yield from other_requests()


def denied_by(statements: list[dict[str, Any]], request: decision.Request) -> set[str]:
    found = decision.decide(document.Document(tuple(statements)), request)
    assert found.outcome != decision.UNKNOWN
    return {str(sid).removeprefix(guard.SID_PREFIX) for sid in found.denied_by}


@pytest.mark.parametrize("enforcement", guard.ENFORCEMENTS)
def test_the_guard_decides_as_written_here(enforcement: str) -> None:
    statements = guards(enforcement)
    assert set(UPLOADS[enforcement]) == set(decision.REQUEST_KINDS)
    for name, request, denied in requests(enforcement):
        assert denied_by(statements, request) == denied, name


def mutants(enforcement: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    statements = guards(enforcement)
    for index, statement in enumerate(statements):
        name = statement["Sid"].removeprefix(guard.SID_PREFIX)
        yield f"{name}: dropped", [*statements[:index], *statements[index + 1 :]]
        for mutation, mutated in _of_statement(statement):
            yield f"{name}: {mutation}", [*statements[:index], mutated, *statements[index + 1 :]]


def _of_statement(statement: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for operator, keys in statement["Condition"].items():
        for key, value in keys.items():
            without = copy.deepcopy(statement)
            del without["Condition"][operator][key]
            yield f"{operator} {key} dropped", without
            turned = copy.deepcopy(statement)
            del turned["Condition"][operator][key]
            if operator in OPPOSITE:
                turned["Condition"].setdefault(OPPOSITE[operator], {})[key] = value
            else:
                turned["Condition"][operator][key] = {"true": "false", "false": "true"}[value]
            yield f"{operator} {key} turned around", turned
            if operator in OPPOSITE:
                if_exists = copy.deepcopy(statement)
                del if_exists["Condition"][operator][key]
                if_exists["Condition"].setdefault(OPPOSITE[operator] + "IfExists", {})[key] = value
                yield f"{operator} {key} turned around with IfExists", if_exists
    for name, value in (("Action", "s3:GetObjectAcl"), ("Resource", f"{B}/elsewhere/*"), ("Effect", "Allow")):
        yield f"{name} is {value}", {**statement, name: value}
    yield "Principal is another", {**statement, "Principal": {"AWS": "444455556666"}}


# Mutants that change who denies, and never what is denied.
REDUNDANT = {
    ("deny_other_keys", "DenyCustomerProvidedKeys"): (
        "An upload with SSE-C has no KMS key, so the statement on other keys denies it too. It stays, because it names "
        "the reason, and because it does not depend on what S3 fills into the key-id condition key."
    ),
    ("require_headers", "DenyCustomerProvidedKeys"): (
        "An upload with SSE-C has neither the header aws:kms nor a KMS key, and two statements deny it already. It "
        "stays for the reason it names."
    ),
}


def _survives(enforcement: str, statements: list[dict[str, Any]], *, by_sid: bool) -> bool:
    for _name, request, denied in requests(enforcement):
        found = denied_by(statements, request)
        if (found != denied) if by_sid else (bool(found) != bool(denied)):
            return False
    return True


MUTANTS = [(enforcement, name, mutant) for enforcement in guard.ENFORCEMENTS for name, mutant in mutants(enforcement)]


@pytest.mark.parametrize(("enforcement", "name", "mutant"), MUTANTS, ids=[f"{one[0]}-{one[1]}" for one in MUTANTS])
def test_every_mutant_is_noticed(enforcement: str, name: str, mutant: list[dict[str, Any]]) -> None:
    assert not _survives(enforcement, mutant, by_sid=True), f"{name} changes nothing that a test would see"
    if _survives(enforcement, mutant, by_sid=False):
        assert (enforcement, name.partition(":")[0]) in REDUNDANT, f"{name} changes only who denies; say why it stays"


def test_what_is_named_redundant_is_so() -> None:
    redundant = {
        (enforcement, name.partition(":")[0])
        for enforcement, name, mutant in MUTANTS
        if _survives(enforcement, mutant, by_sid=False)
    }
    assert redundant == set(REDUNDANT)
