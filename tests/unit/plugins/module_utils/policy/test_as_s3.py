# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In whatever form S3 and KMS hand a policy back, each room says the same of it.

Of document, merge and decision, their own tests say so. SEALED_S3_EXAMPLES sets how many policies are generated.
"""

from __future__ import annotations

import os
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sealed.s3.plugins.module_utils.policy import (
    conflicts,
    document,
    effect,
    guard,
    key_move,
    key_policy,
    merge,
    plan,
    public,
)
from ansible_collections.sealed.s3.plugins.module_utils.policy.key_policy import KeyPolicySpec
from ansible_collections.sealed.s3.tests.as_s3.rewriting import Known, as_kms, as_s3, text_of, tidy
from ansible_collections.sealed.s3.tests.unit.policy_strategies import (
    ACCOUNT,
    KEY,
    OTHER_KEY,
    chances,
    different_policies,
    guard_specs,
    known,
    policies,
)

many = settings(max_examples=int(os.environ.get("SEALED_S3_EXAMPLES", "40")), deadline=None)


def found(policy: document.Document, spec: guard.GuardSpec) -> list[tuple[Any, ...]]:
    """All of the conflicts but their sentences, in which values are named in the order that they have."""
    return [
        (one.id, one.severity, one.statement, one.index, one.requests, one.unknown_keys)
        for one in conflicts.find(policy, spec)
    ]


@many
@given(policies(), guard_specs, chances, known)
def test_the_same_stands_against_the_guard(
    policy: dict[str, Any], spec: guard.GuardSpec, chance: random.Random, known: Known
) -> None:
    read = document.parse(policy)
    returned = document.parse(text_of(as_s3(policy, chance, known=known), chance))
    assert found(read, spec) == found(returned, spec)
    assert public.statements(read) == public.statements(returned)


@many
@given(policies(), guard_specs, chances, st.sampled_from([plan.IGNORE, plan.REPLACE]))
def test_the_same_is_planned(
    policy: dict[str, Any], spec: guard.GuardSpec, chance: random.Random, on_conflict: str
) -> None:
    first = plan.guarded(document.parse(policy), spec, on_conflict=on_conflict).merge
    returned = document.parse(as_s3(policy, chance))
    second = plan.guarded(returned, spec, on_conflict=on_conflict).merge
    assert first.summary() == second.summary()
    assert document.equal(first.document, second.document)
    # What was written comes back in another form, and nothing is left to do.
    assert second.document is not None
    written = document.parse(as_s3(second.document.to_dict(), chance))
    assert not plan.guarded(written, spec, on_conflict=on_conflict).merge.changed
    assert document.equal(plan.unguarded(written).merge.document, plan.unguarded(second.document).merge.document)


@many
@given(policies(), guard_specs, chances, known)
def test_the_guard_has_the_same_effect(
    policy: dict[str, Any], spec: guard.GuardSpec, chance: random.Random, known: Known
) -> None:
    merged = merge.merge(document.parse(policy), guard.statements(spec)).document
    assert merged is not None
    returned = document.parse(as_s3(merged.to_dict(), chance, known=known))
    assert effect.judge(merged, spec) == effect.judge(returned, spec)
    returned = document.parse(as_s3(merged.to_dict(), chance, known=known, any_form=True))
    assert effect.decisions(merged, spec.bucket_arn, KEY) == effect.decisions(returned, spec.bucket_arn, KEY)
    assert key_move.admitted_keys(merged) == key_move.admitted_keys(returned)
    move = [
        key_move.guard_for_the_move(one, default_key=KEY, wanted=guard.GuardSpec(spec.bucket, OTHER_KEY))
        for one in (merged, returned)
    ]
    assert move[0] == move[1]


PRINCIPALS = st.none() | st.lists(
    st.sampled_from([ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:role/A"]), max_size=3
).map(tuple)
KEY_SPECS = st.builds(
    KeyPolicySpec, key_arn=st.just(KEY), admins=PRINCIPALS, users=PRINCIPALS, users_through_s3_only=st.booleans()
)


@many
@given(policies(), KEY_SPECS, chances)
def test_a_key_policy_is_merged_once(policy: dict[str, Any], spec: KeyPolicySpec, chance: random.Random) -> None:
    read, returned = document.parse(policy), document.parse(as_kms(policy, chance))
    assert document.equal(read, returned)
    assert key_policy.merge(read, spec).summary() == key_policy.merge(returned, spec).summary()
    merged = key_policy.merge(returned, spec).document
    assert merged is not None
    again = document.parse(text_of(as_kms(merged.to_dict(), chance), chance))
    assert not key_policy.merge(again, spec).changed
    assert key_policy.has_root(again, account=ACCOUNT) == key_policy.has_root(merged, account=ACCOUNT)
    assert merge.lost_statements(read, again) == []


@many
@given(policies(), chances)
def test_all_that_a_service_does_is_undone_by_its_one_form(policy: dict[str, Any], chance: random.Random) -> None:
    """So that scenarios may compare by it."""
    assert tidy(as_s3(policy, chance)) == tidy(policy)
    assert tidy(as_kms(policy, chance)) == tidy(policy)
    assert document.equal(document.parse(tidy(policy)), document.parse(policy))


@many
@given(different_policies(), chances)
def test_the_one_form_hides_no_difference(both: tuple[dict[str, Any], dict[str, Any]], chance: random.Random) -> None:
    one, other = (tidy(as_s3(policy, chance)) for policy in both)
    assert one != other


def test_what_is_known_of_principals_is_told() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/Gone"
    policy = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": [role, "444455556666"], "CanonicalUser": ["79a5", "unknown"]},
                "NotPrincipal": {"CanonicalUser": "79a5"},
                "Action": "s3:*",
                "Resource": "*",
            }
        ]
    }
    known = Known("aws-cn", shown={role: "AROAJQABLZS4A3QDU576Q"}, accounts={"79a5": "777788889999"})
    chance = random.Random(0)
    seen = {
        name for _time in range(30) for name in as_s3(policy, chance, known=known)["Statement"][0]["Principal"]["AWS"]
    }
    assert seen == {
        "AROAJQABLZS4A3QDU576Q",
        "444455556666",
        "arn:aws-cn:iam::444455556666:root",
        "777788889999",
        "arn:aws-cn:iam::777788889999:root",
    }
    statement = tidy(as_s3(policy, chance, known=known), "aws-cn")["Statement"][0]
    assert statement["Principal"]["CanonicalUser"] == "unknown"
    assert statement["NotPrincipal"] == {"AWS": "arn:aws-cn:iam::777788889999:root"}
    # KMS knows no canonical users, and is not known to shorten ARNs.
    principal = as_kms(
        {"Statement": [{"Principal": {"AWS": [f"arn:aws-cn:iam::{ACCOUNT}:root"]}}]}, chance, known=known
    )
    assert tidy(principal)["Statement"][0]["Principal"]["AWS"] == f"arn:aws-cn:iam::{ACCOUNT}:root"
