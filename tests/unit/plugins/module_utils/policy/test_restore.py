# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.sealed.s3.plugins.module_utils.policy import document, guard, merge, plan, restore
from ansible_collections.sealed.s3.tests.unit.policy_strategies import (
    BUCKET,
    KEY,
    as_s3_returns_it,
    guard_specs,
    policies,
)

SPEC = guard.GuardSpec(BUCKET, KEY)
OURS = guard.statements(SPEC)
OBJECTS = f"arn:aws:s3:::{BUCKET}/*"


def statement(sid: str | None = "Readers", **elements: Any) -> dict[str, Any]:
    named = {"Sid": sid} if sid else {}
    reader = {"AWS": "111122223333"}
    return {**named, "Effect": "Allow", "Principal": reader, "Action": "s3:GetObject", "Resource": OBJECTS, **elements}


def parsed(*statements: dict[str, Any]) -> document.Document:
    return document.parse({"Version": "2012-10-17", "Statement": list(statements)})


def sealed(policy: document.Document) -> document.Document:
    made = plan.guarded(policy, SPEC).merge.document
    assert made is not None
    return made


POLICY = parsed(statement())
SEALED = sealed(POLICY)


def kept(policy: document.Document = POLICY, becomes: document.Document | None = SEALED) -> restore.Backup:
    return restore.Backup(BUCKET, policy, source="x.json", becomes=document.digest(becomes))


@given(policies(), guard_specs, st.integers())
def test_what_a_run_wrote_is_replaced_in_whatever_form_it_comes_back(
    policy: dict[str, Any], spec: guard.GuardSpec, seed: int
) -> None:
    before = document.parse(policy)
    written = merge.merge(before, guard.statements(spec)).document
    assert written is not None
    there = document.parse(as_s3_returns_it(written.to_dict(), seed))
    change = kept(before, written).plan(there, there, overwrite_changes=False).merge
    assert change.document is before
    assert {*change.removed} <= {one["Sid"] for one in guard.statements(spec)}
    back = document.parse(as_s3_returns_it(policy, seed))
    assert document.equal(back, before)
    assert not kept(before, written).plan(there, back, overwrite_changes=False).merge.changed


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (parsed(statement(), statement("Writers", Action="s3:PutObject")), "differs from the backup: added: Writers."),
        (
            sealed(parsed(statement(Action="s3:*"), statement(None))),
            "differs from the backup: added: 1; changed: Readers.",
        ),
        (document.parse({"Statement": [statement("Others")]}), "added: Others; changed: Version; removed: Readers."),
        (None, "it differs from the backup: removed: Readers."),
        (parsed(statement(), *OURS[1:]), "Beside the guard, it is as in the backup."),
    ],
)
def test_what_changed_since_is_named_and_stays(there: document.Document | None, told: str) -> None:
    with pytest.raises(restore.ChangedSinceError) as refused:
        kept().plan(there, there, overwrite_changes=False)
    assert told in str(refused.value)
    assert "the policy of bucket example-bucket changed since" in str(refused.value)
    assert "Set overwrite_changes to true" in str(refused.value)
    assert refused.value.details["since"] == merge.difference(POLICY, there).summary()
    assert kept().plan(there, there, overwrite_changes=True).merge.document is POLICY


def test_a_policy_that_the_run_deleted_is_put_back() -> None:
    assert kept(becomes=None).plan(None, None, overwrite_changes=False).merge.added == ("Readers",)


def test_where_it_cannot_be_told_it_is_not_put_back() -> None:
    unnamed = restore.Backup(BUCKET, POLICY, source="x.json", becomes=None)
    for there in (SEALED, None):
        with pytest.raises(restore.ChangedSinceError, match="cannot be told, because the name of x"):
            unnamed.plan(there, there, overwrite_changes=False)
    assert unnamed.plan(SEALED, SEALED, overwrite_changes=True).merge.changed
    # What is there already needs no telling.
    assert not unnamed.plan(POLICY, POLICY, overwrite_changes=False).merge.changed


@pytest.mark.parametrize("there", [None, parsed(statement("Others"))])
def test_what_somebody_writes_meanwhile_is_not_overwritten(there: document.Document | None) -> None:
    with pytest.raises(restore.ChangedSinceError, match="Somebody else wrote the policy of bucket example-buc") as told:
        kept().plan(SEALED, there, overwrite_changes=True)
    assert told.value.details == {"policy": there.to_dict() if there else None}


@pytest.mark.parametrize(
    "resource",
    ["*", f"arn:aws:s3:::{BUCKET}", OBJECTS, "arn:aws-cn:s3:::example-*/x", ["arn:aws:s3:::*", "arn:aws:s3:::${x}/*"]],
)
def test_a_policy_about_the_bucket_passes(resource: Any) -> None:
    kept(parsed(statement(Resource=resource))).check()


def test_a_policy_about_what_is_not_named_passes() -> None:
    about = {name: value for name, value in statement().items() if name != "Resource"}
    kept(parsed({**about, "NotResource": "arn:aws:s3:::example-bucket/x"})).check()


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (parsed(), "x.json has no statement, so there is nothing to put back"),
        (
            parsed(statement(), statement(None, Resource=[OBJECTS, "arn:aws:s3:::example-bucket-2/*"])),
            "another bucket: statement 1 is about arn:aws:s3:::example-bucket-2/*, and not about example-bucket.",
        ),
    ],
)
def test_another_buckets_policy_is_refused(policy: document.Document, told: str) -> None:
    with pytest.raises(restore.NotOfBucketError) as refused:
        kept(policy).check()
    assert told in str(refused.value)


def warned(before: document.Document | None, after: document.Document) -> list[str]:
    return restore.warnings(BUCKET, merge.difference(before, after))


def test_a_policy_without_a_guard_is_warned_of() -> None:
    for before in (SEALED, POLICY, None):
        (told,) = warned(before, POLICY)
        assert "has no guard: bucket example-bucket takes uploads under any encryption" in told


def test_another_guard_is_warned_of() -> None:
    older = parsed(statement(), {**OURS[0], "Resource": f"{OBJECTS}/x"}, *OURS[1:-1])
    (told,) = warned(SEALED, older)
    assert f"Removed or changed: {OURS[-1]['Sid']}, {OURS[0]['Sid']}." in told
    assert warned(older, older) == []
    assert warned(None, SEALED) == []
    assert warned(POLICY, SEALED) == []


def test_a_policy_that_makes_the_bucket_public_is_warned_of() -> None:
    public = sealed(parsed(statement(), statement(None, Principal="*"), statement("Site", Principal="*")))
    (told,) = warned(SEALED, public)
    assert "makes bucket example-bucket public: 1, Site." in told
    assert warned(public, public) == []
