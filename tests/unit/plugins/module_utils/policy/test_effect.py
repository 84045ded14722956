# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.sealed.s3.plugins.module_utils.policy import decision, document, effect, guard
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.tests.unit import policy_strategies

BUCKET = "uploads"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ADMIN = "arn:aws:iam::111122223333:role/Admin"
ALL = guard.GuardSpec(BUCKET, KEY, guard_replicas=True, encryption_admins=(ADMIN,))


def policy(*statements: dict[str, Any]) -> Document:
    return document.parse({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.mark.parametrize("enforcement", guard.ENFORCEMENTS)
@pytest.mark.parametrize("exempt", [(), (ADMIN,)])
def test_the_guard_does_what_it_would_do_and_no_policy_does_nothing(enforcement: str, exempt: tuple[str, ...]) -> None:
    spec = guard.GuardSpec(BUCKET, KEY, enforcement, exempt_principals=exempt, encryption_admins=(ADMIN,))
    ours = guard.statements(spec)
    assert effect.judge(policy(*ours), spec) == effect.Effect((), effect.judge(policy(*ours), spec).denied_by)
    assert set(effect.judge(policy(*ours), spec).denied_by) == {one["Sid"] for one in ours}
    nothing = effect.judge(None, spec)
    assert {"sse_s3", "sse_c", "dsse_kms", "sse_kms_other_key", "plain_http"} <= set(nothing.passing)
    assert nothing.denied_by == ()


@pytest.mark.parametrize(
    ("without", "passing"),
    [
        ("SealedS3DenyEncryptionWithoutTheKey", {"sse_kms_no_key_id"}),
        ("SealedS3DenyOtherAlgorithms", {"dsse_kms"}),
        ("SealedS3DenyCustomerProvidedKeys", {"sse_c"}),
        ("SealedS3DenyReencryptionToOtherKeys", {"reencryption_to_another_key"}),
        ("SealedS3DenyReplicasUnderOtherKeys", {"replication_to_another_key"}),
        ("SealedS3DenyDefaultEncryptionChanges", {"default_encryption_change"}),
        ("SealedS3DenyInsecureTransport", {"plain_http"}),
    ],
)
def test_each_statement_is_missed(without: str, passing: set[str]) -> None:
    ours = [one for one in guard.statements(ALL) if one["Sid"] != without]
    assert len(ours) == len(guard.statements(ALL)) - 1
    assert set(effect.judge(policy(*ours), ALL).passing) >= passing


def test_a_broader_deny_counts() -> None:
    shut = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
    }
    assert effect.judge(policy(shut), ALL) == effect.Effect((), (0,))


def test_a_deny_for_part_of_the_objects_or_the_callers_does_not_count() -> None:
    ours = guard.statements(guard.GuardSpec(BUCKET, KEY, require_tls=False, guard_object_encryption_updates=False))
    spec = guard.GuardSpec(BUCKET, KEY, require_tls=False, guard_object_encryption_updates=False)
    whole = set(effect.judge(None, spec).passing)
    for change in (
        {"Resource": f"arn:aws:s3:::{BUCKET}/in/*"},
        {"Principal": {"AWS": ADMIN}},
        {"Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}},
    ):
        assert set(effect.judge(policy(*({**one, **change} for one in ours)), spec).passing) == whole


# --- policies of one shape ---

RESOURCES = st.sampled_from(
    [
        "*",
        "arn:aws:s3:::*",
        "arn:aws:s3:::exam*",
        "arn:aws:s3:::example-bucket*",
        "arn:aws:s3:::example-bucket",
        "arn:aws:s3:::example-bucket/*",
        "arn:aws:s3:::example-bucket/in/*",
        "arn:aws:s3:::any-bucket",
        "arn:aws:s3:::any-bucket/*",
        "arn:aws:s3:::example-bucke?/${aws:username}/*",
    ]
)


@st.composite
def denies(draw: st.DrawFn) -> dict[str, Any]:
    """A statement, ours or foreign, that is about this bucket, about others or about some objects."""
    ours = guard.statements(draw(policy_strategies.guard_specs))
    statement = dict(draw(st.sampled_from(ours) | policy_strategies.statements()))
    statement["Effect"] = draw(st.sampled_from(["Deny", "Deny", "Allow"]))
    for name in ("Resource", "NotResource"):
        statement.pop(name, None)
    about = draw(RESOURCES | st.lists(RESOURCES, min_size=1, max_size=3))
    statement[draw(st.sampled_from(["Resource", "Resource", "NotResource"]))] = about
    return statement


@given(
    st.lists(denies(), min_size=1, max_size=3),
    st.sampled_from(["2012-10-17", "2008-10-17"]),
    policy_strategies.guard_specs,
    st.sampled_from(["example-bucket", "any-bucket", "another"]),
)
def test_what_is_judged_by_its_shape_is_judged_as_it_is(
    statements: list[dict[str, Any]], version: str, spec: guard.GuardSpec, bucket: str
) -> None:
    spec = replace(spec, bucket=bucket)
    judged = document.parse(
        {"Version": version, "Statement": [_without_sid_twice(statements, one) for one in statements]}
    )
    assert effect.judge(judged, spec) == effect._judge(judged, spec)
    told = effect.OnBucket(judged, spec.bucket_arn).decisions(spec.key_arn)
    assert told == effect._decisions(judged, spec.bucket_arn, spec.key_arn)
    shut = effect.OnBucket(judged, spec.bucket_arn).denies_plain_http()
    assert shut == effect._denies_plain_http(judged, spec.bucket_arn)


def _without_sid_twice(statements: list[dict[str, Any]], one: dict[str, Any]) -> dict[str, Any]:
    """S3 takes each Sid once."""
    return {name: value for name, value in one.items() if name != "Sid" or one is statements[0]}


def test_a_policy_of_the_same_shape_is_decided_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decided = []

    def decide(policy: Document | None, request: decision.Request) -> decision.Decision:
        decided.append(request)
        return decision.decide(policy, request)

    monkeypatch.setattr(effect, "decision", SimpleNamespace(**{**vars(decision), "decide": decide}))
    for name in ("one-of-many", "two-of-many", "three-of-many"):
        spec = guard.GuardSpec(name, KEY.replace("1234abcd", "5678abcd"))
        effect.judge(policy(*guard.statements(spec)), spec)
        there = effect.OnBucket(policy(*guard.statements(spec)), spec.bucket_arn)
        there.decisions(spec.key_arn)
        assert there.denies_plain_http()
        if name == "one-of-many":
            first = len(decided)
    assert first > 0
    assert len(decided) == first


def test_what_was_told_of_one_bucket_can_be_changed_without_harm_to_the_next() -> None:
    there = effect.OnBucket(None, f"arn:aws:s3:::{BUCKET}")
    there.decisions(KEY)["sse_s3"]["effective"] = "nonsense"
    assert there.decisions(KEY)["sse_s3"]["effective"] == decision.ALLOWED


def test_a_statement_without_what_it_is_about_is_judged_as_it_is() -> None:
    nowhere = Document(({"Effect": "Deny", "Principal": "*", "Action": "s3:*"},))
    told = effect.OnBucket(nowhere, f"arn:aws:s3:::{BUCKET}").decisions(KEY)
    assert {outcome for models in told.values() for outcome in models.values()} == {decision.UNKNOWN}
