# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.policy import document, guard, plan
from ansible_collections.sealed.s3.tests.unit.policy_strategies import BUCKET, KEY, OTHER_KEY

SPEC = guard.GuardSpec(BUCKET, KEY)
OBJECTS = f"arn:aws:s3:::{BUCKET}/*"


def denies_everybody(sid: str = "Frozen", action: str = "s3:PutObject") -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": action, "Resource": OBJECTS}


def article(key_arn: str) -> dict[str, Any]:
    condition = {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key_arn}}
    return {**denies_everybody("DenyUploadIfNotSSEKMSEncrypted"), "Condition": condition}


def parsed(*statements: dict[str, Any]) -> document.Document:
    return document.parse({"Version": "2012-10-17", "Statement": list(statements)})


def test_a_conflict_stops_the_plan_and_is_named() -> None:
    with pytest.raises(plan.ConflictError) as refused:
        plan.guarded(parsed(denies_everybody(), article(OTHER_KEY)), SPEC)
    assert '"Frozen"' in str(refused.value)
    assert '"DenyUploadIfNotSSEKMSEncrypted"' in str(refused.value)
    assert [conflict["statement"] for conflict in refused.value.details["conflicts"]] == [
        "Frozen",
        "DenyUploadIfNotSSEKMSEncrypted",
    ]


def test_replace_takes_the_named_statements_out_and_no_other() -> None:
    kept = {**denies_everybody("NoDeletes", "s3:DeleteObject")}
    outcome = plan.guarded(parsed(article(OTHER_KEY), kept), SPEC, on_conflict="replace")
    assert outcome.merge.document is not None
    assert outcome.merge.document.statements[0] == kept
    assert outcome.merge.removed == ("DenyUploadIfNotSSEKMSEncrypted",)
    assert outcome.warnings == []


def test_ignore_keeps_them_and_warns() -> None:
    outcome = plan.guarded(parsed(article(OTHER_KEY)), SPEC, on_conflict="ignore")
    assert outcome.merge.kept == ("DenyUploadIfNotSSEKMSEncrypted",)
    assert len(outcome.warnings) == 1
    assert OTHER_KEY in outcome.warnings[0]


def test_the_articles_own_statement_for_this_key_warns_only() -> None:
    outcome = plan.guarded(parsed(article(KEY)), SPEC)
    assert [found.severity for found in outcome.conflicts] == ["warning"]
    assert "header" in outcome.warnings[0]


def test_a_policy_that_would_be_too_large_is_refused_with_its_sizes() -> None:
    large = [
        {**denies_everybody(f"Reports{number}", "s3:DeleteObject"), "Resource": f"{OBJECTS}/" + "x" * 4000}
        for number in range(4)
    ]
    before = parsed(*large, {**denies_everybody("Small", "s3:DeleteObject"), "Resource": f"{OBJECTS}/" + "y" * 2500})
    assert document.size(before) < document.MAX_SIZE
    with pytest.raises(plan.TooLargeError) as refused:
        plan.guarded(before, SPEC)
    sizes = refused.value.details["size"]
    assert (sizes["now"], sizes["limit"]) == (document.size(before), 20480)
    assert f"{sizes['planned']} bytes" in str(refused.value)
    assert f"It has {sizes['now']} now" in str(refused.value)
    assert all(f"Reports{number} (" in str(refused.value) for number in range(3))
    assert "Small" not in str(refused.value)


def test_a_large_policy_that_has_the_guard_is_left_alone() -> None:
    # S3 would not hold it, but another service may, and nothing is to be written.
    huge = {**denies_everybody("Huge", "s3:DeleteObject"), "Resource": f"{OBJECTS}/" + "x" * 21000}
    assert not plan.guarded(parsed(huge, *guard.statements(SPEC)), SPEC).merge.changed


def test_unguarded_takes_ours_out() -> None:
    outcome = plan.unguarded(parsed(denies_everybody(), *guard.statements(SPEC)))
    assert outcome.merge.document is not None
    assert outcome.merge.document.to_dict()["Statement"] == denies_everybody()
    assert outcome.conflicts == ()
