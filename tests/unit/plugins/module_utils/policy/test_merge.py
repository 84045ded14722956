# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.sealed.s3.plugins.module_utils.policy import document, guard, merge
from ansible_collections.sealed.s3.tests.as_s3.rewriting import as_s3
from ansible_collections.sealed.s3.tests.unit.policy_strategies import (
    BUCKET,
    KEY,
    as_s3_returns_it,
    chances,
    different_policies,
    guard_specs,
    policies,
)

OURS = guard.statements(guard.GuardSpec(BUCKET, KEY))
SIDS = tuple(one["Sid"] for one in OURS)


def foreign(sid: str | None = None, **elements: Any) -> dict[str, Any]:
    named = {"Sid": sid} if sid else {}
    return {**named, "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*", **elements}


def parsed(*statements: dict[str, Any], **elements: Any) -> document.Document:
    return document.parse({"Version": "2012-10-17", "Statement": list(statements), **elements})


def test_a_bucket_without_a_policy_gets_one() -> None:
    outcome = merge.merge(None, OURS)
    assert outcome.document is not None
    assert outcome.document.to_dict() == {"Version": "2012-10-17", "Statement": OURS}
    assert outcome.summary() == {"added": list(SIDS), "updated": [], "removed": [], "kept": []}


def test_ours_come_after_the_foreign_ones_in_their_order() -> None:
    before = parsed(OURS[2], foreign("a"), OURS[0], foreign(), foreign("a"), Id="mine")
    outcome = merge.merge(before, OURS)
    assert outcome.document is not None
    assert list(outcome.document.statements) == [foreign("a"), foreign(), foreign("a"), *OURS]
    assert outcome.document.id == "mine"
    assert outcome.added == tuple(sid for sid in SIDS if sid not in (SIDS[0], SIDS[2]))
    assert outcome.kept == ("a", 3, "a", SIDS[0], SIDS[2])


def test_ours_in_another_order_are_left_as_they_are() -> None:
    before = parsed(*reversed(OURS), foreign())
    outcome = merge.merge(before, OURS)
    assert not outcome.changed
    assert outcome.document is before


def test_ours_in_another_form_are_updated_once() -> None:
    older = {**OURS[0], "Action": "s3:*"}
    outcome = merge.merge(parsed(older, OURS[1], OURS[1]), OURS[:2])
    assert outcome.document is not None
    assert outcome.updated == SIDS[:2]
    assert list(outcome.document.statements) == OURS[:2]


def test_leftovers_of_ours_are_removed() -> None:
    outcome = merge.merge(parsed({**OURS[0], "Sid": "SealedS3ProbeModel"}, foreign("x")), OURS[:1])
    assert outcome.removed == ("SealedS3ProbeModel",)
    assert outcome.kept == ("x",)


def test_nothing_that_is_not_ours_is_adopted() -> None:
    twin = {**OURS[0], "Sid": "Handwritten"}
    outcome = merge.merge(parsed(twin), OURS[:1])
    assert outcome.document is not None
    assert list(outcome.document.statements) == [twin, OURS[0]]


def test_foreign_statements_are_taken_out_by_index() -> None:
    before = parsed(foreign("a"), foreign(), foreign("c"))
    outcome = merge.merge(before, OURS[:1], take_out={1, 2})
    assert outcome.document is not None
    assert list(outcome.document.statements) == [foreign("a"), OURS[0]]
    assert outcome.removed == (1, "c")


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ValueError, match="distinct Sids of ours"):
        merge.merge(None, [foreign("x")])
    with pytest.raises(ValueError, match="distinct Sids of ours"):
        merge.merge(None, [OURS[0], OURS[0]])
    with pytest.raises(ValueError, match="only foreign statements"):
        merge.merge(parsed(OURS[0]), OURS, take_out=[0])
    with pytest.raises(ValueError, match="only foreign statements"):
        merge.merge(None, OURS, take_out=[0])


def test_removal_leaves_nothing_where_only_ours_were() -> None:
    outcome = merge.remove(parsed(*OURS))
    assert outcome.changed
    assert outcome.document is None
    assert outcome.removed == SIDS


def test_removal_without_ours_changes_nothing() -> None:
    assert not merge.remove(None).changed
    before = parsed(foreign("a"))
    assert merge.remove(before) == merge.Merge(document=before, kept=("a",))


def test_one_statement_as_an_object_is_handed_back_as_one() -> None:
    before = {"Version": "2008-10-17", "Id": "x", "Statement": foreign("a")}
    merged = merge.merge(document.parse(before), OURS).document
    assert merged is not None
    back = merge.remove(merged).document
    assert back is not None
    assert back.to_dict() == before


@given(policies(), guard_specs, chances)
def test_a_second_merge_changes_nothing(policy: dict[str, Any], spec: guard.GuardSpec, chance: random.Random) -> None:
    ours = guard.statements(spec)
    first = merge.merge(document.parse(policy), ours)
    assert first.changed and first.document is not None
    second = merge.merge(first.document, ours)
    assert not second.changed
    assert second.document == first.document
    returned = document.parse(as_s3(first.document.to_dict(), chance, any_form=True))
    assert not merge.merge(returned, ours).changed
    assert merge.lost_statements(document.parse(policy), returned) == []


@given(different_policies(), guard_specs, chances)
def test_a_statement_that_is_lost_is_named_in_whatever_form_s3_returns_the_rest(
    both: tuple[dict[str, Any], dict[str, Any]], spec: guard.GuardSpec, chance: random.Random
) -> None:
    # A canonical user may have become an account, which is no loss: below.
    assume("CanonicalUser" not in repr(both))
    before, after = (merge.merge(document.parse(policy), guard.statements(spec)).document for policy in both)
    assert before is not None and after is not None
    one, other = (document.parse(as_s3(policy.to_dict(), chance, any_form=True)) for policy in (before, after))
    # One that is there twice is only lost the other way round.
    lost = len(merge.lost_statements(one, other)) + len(merge.lost_statements(other, one))
    assert lost == 2 if len(one.statements) == len(other.statements) else lost == 1


IDENTITY = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1EXAMPLE"


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": "111122223333", "CanonicalUser": "79a5"},
        {"AWS": ["111122223333", "arn:aws:iam::444455556666:root"]},
        {"AWS": [IDENTITY, "111122223333"], "CanonicalUser": ["9c7b"]},
        # Both are of the account that is named already.
        {"AWS": "111122223333"},
    ],
)
def test_a_canonical_user_that_became_its_account_is_not_lost(principal: dict[str, Any]) -> None:
    written = parsed(foreign("a", Principal={"AWS": "111122223333", "CanonicalUser": ["79a5", "9c7b"]}), foreign("b"))
    there = parsed(foreign("b"), foreign("a", Principal=principal), *OURS)
    assert merge.lost_statements(written, there) == []
    assert merge.lost_statements(there, written) == ["a"]


@pytest.mark.parametrize(
    "principal",
    [
        # Another statement, a role for an account, more than there were, or less.
        {"AWS": ["111122223333", "arn:aws:iam::444455556666:role/A"]},
        {"AWS": ["111122223333", "*"]},
        {"AWS": ["111122223333", "444455556666", "777788889999", "000000000000"]},
        {"AWS": "444455556666"},
        {"AWS": "111122223333", "CanonicalUser": ["79a5", "1234"]},
        {"AWS": "111122223333", "Service": "cloudtrail.amazonaws.com"},
    ],
)
def test_a_principal_that_became_another_is_lost(principal: dict[str, Any]) -> None:
    before = parsed(foreign("a", Principal={"AWS": "111122223333", "CanonicalUser": ["79a5", "9c7b"]}))
    assert merge.lost_statements(before, parsed(foreign("a", Principal=principal))) == ["a"]


def test_one_statement_stands_for_one_that_had_canonical_users() -> None:
    one = foreign("a", Principal={"CanonicalUser": "79a5"})
    changed = foreign("a", Principal={"AWS": "111122223333"})
    assert merge.lost_statements(parsed(one, one), parsed(changed)) == ["a"]
    assert merge.lost_statements(parsed(one, one), parsed(changed, changed)) == []
    assert merge.lost_statements(parsed({**one, "Action": "s3:PutObject"}), parsed(changed)) == ["a"]


@given(policies(), guard_specs, chances)
def test_removal_gives_back_what_was_there(
    policy: dict[str, Any], spec: guard.GuardSpec, chance: random.Random
) -> None:
    before = document.parse(policy)
    merged = merge.merge(before, guard.statements(spec)).document
    assert merged is not None
    back = merge.remove(merged).document
    assert document.equal(back, before)
    if isinstance(policy["Statement"], dict):
        assert back is not None and back.to_dict() == policy
    returned = document.parse(as_s3(merged.to_dict(), chance, any_form=True))
    assert document.equal(merge.remove(returned).document, before)


@given(policies(), guard_specs, guard_specs)
def test_foreign_statements_survive_deep_equal(
    policy: dict[str, Any], spec: guard.GuardSpec, later: guard.GuardSpec
) -> None:
    source = copy.deepcopy(policy)
    before = document.parse(policy)
    first = merge.merge(before, guard.statements(spec)).document
    second = merge.merge(first, guard.statements(later)).document
    for after in (first, second):
        assert after is not None
        assert tuple(one for one in after.statements if not guard.is_ours(one)) == before.statements
        assert (after.version, after.id) == (before.version, before.id)
        assert merge.lost_statements(before, after) == []
    assert second is not None
    assert {one["Sid"] for one in second.statements if guard.is_ours(one)} == {
        one["Sid"] for one in guard.statements(later)
    }
    assert policy == source


def test_lost_statements_are_named() -> None:
    before = parsed(foreign("a"), foreign(), foreign("a"), OURS[0])
    assert merge.lost_statements(before, parsed(foreign("a"), OURS[1])) == [1, "a"]
    assert merge.lost_statements(before, None) == ["a", 1, "a"]
    assert merge.lost_statements(None, before) == []


# --- Differences ------------------------------------------------------------------------------------------------------


def test_what_changes_from_one_policy_to_another_is_named_whosever_it_is() -> None:
    same = foreign("same", Action=["s3:GetObject"])
    before = parsed(foreign(Action="s3:*"), same, foreign("edited"), OURS[0], foreign("gone"))
    after = parsed(same, OURS[1], foreign("edited", Principal={"AWS": "111122223333"}), foreign(Action="*"), Id="x")
    change = merge.difference(before, after)
    assert change == merge.Merge(
        document=after,
        added=(SIDS[1], 3),
        updated=("edited",),
        removed=(0, SIDS[0], "gone"),
        kept=("same",),
        elements=("Id",),
    )


def test_a_sid_that_stands_twice_is_as_many_statements_as_there_are() -> None:
    one, other = foreign("a"), foreign("a", Action="s3:*")
    assert merge.difference(parsed(one, one, other), parsed(other, foreign("a", Action="*"))) == merge.Merge(
        document=parsed(other, foreign("a", Action="*")), updated=("a",), removed=("a",), kept=("a",)
    )


def test_from_no_policy_and_to_none_is_all_of_it() -> None:
    policy = document.parse({"Version": "2008-10-17", "Id": "x", "Statement": [foreign("a"), foreign()]})
    assert merge.difference(None, policy) == merge.Merge(document=policy, added=("a", 1))
    assert merge.difference(policy, None) == merge.Merge(document=None, removed=("a", 1))
    assert not merge.difference(None, None).changed


# A machine that does something else may take its time.
@settings(deadline=None)
@given(policies(), policies(), st.integers())
def test_there_is_a_difference_where_policies_are_not_equal(
    policy: dict[str, Any], other: dict[str, Any], seed: int
) -> None:
    before, after = document.parse(policy), document.parse(other)
    change = merge.difference(before, after)
    assert change.changed == (not document.equal(before, after))
    assert change.document is (after if change.changed else before)
    assert len(change.removed) + len(change.updated) + len(change.kept) == len(before.statements)
    assert len(change.added) + len(change.updated) + len(change.kept) == len(after.statements)
    assert not merge.difference(before, document.parse(as_s3_returns_it(policy, seed))).changed
