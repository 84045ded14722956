# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.sealed.s3.plugins.module_utils import posture
from ansible_collections.sealed.s3.plugins.module_utils.fleet_summary import Summary, sentence

NOTHING = {
    "buckets": 0,
    "compliant": 0,
    "not_compliant": 0,
    "could_not_look": 0,
    "to_change": 0,
    "blocked": 0,
    "findings": {"high": 0, "medium": 0, "low": 0, "info": 0},
    "accounts": {},
    "regions": {},
}


def result(name: str = "a", **more: Any) -> dict[str, Any]:
    """A result of sse_kms_info for one bucket, as far as a summary looks at it."""
    plan = posture.Plan(
        create_key=more.pop("create_key", False), default_encryption=more.pop("default_encryption", False)
    )
    return {
        "name": name,
        "connection": "default",
        "account": "111122223333",
        "region": "eu-central-1",
        "compliance": "compliant",
        "findings": [{"severity": severity} for severity in more.pop("severities", ())],
        "blockers": [],
        "plan": plan.to_dict(),
        **more,
    }


def summary(results: Iterable[dict[str, Any]], key: str | None = None) -> Summary:
    made = Summary()
    for one in results:
        made.add(one, key=key)
    return made


def test_nothing_is_nothing() -> None:
    assert Summary().to_dict() == NOTHING
    assert Summary().keys_to_create == []


def test_buckets_are_counted_by_outcome_account_and_region() -> None:
    found = summary(
        [
            result(),
            result(compliance="not_compliant", region="us-east-1", severities=["high", "low"], default_encryption=True),
            result(account="444455556666", compliance="not_compliant", severities=["high"], blockers=["x", "y"]),
            result(account=None, region=None, compliance="could_not_look", blockers=["x"]),
        ]
    ).to_dict()
    none = {"buckets": 0, "compliant": 0, "not_compliant": 0, "could_not_look": 0}
    assert found == {
        "buckets": 4,
        "compliant": 1,
        "not_compliant": 2,
        "could_not_look": 1,
        "to_change": 1,
        "blocked": 2,
        "findings": {"high": 2, "medium": 0, "low": 1, "info": 0},
        "accounts": {
            "111122223333": {**none, "buckets": 2, "compliant": 1, "not_compliant": 1},
            "444455556666": {**none, "buckets": 1, "not_compliant": 1},
            "unknown": {**none, "buckets": 1, "could_not_look": 1},
        },
        "regions": {
            "eu-central-1": {**none, "buckets": 2, "compliant": 1, "not_compliant": 1},
            "unknown": {**none, "buckets": 1, "could_not_look": 1},
            "us-east-1": {**none, "buckets": 1, "not_compliant": 1},
        },
    }
    assert list(found["regions"]) == ["eu-central-1", "unknown", "us-east-1"]


def test_a_key_that_is_to_be_created_is_named_once_however_it_is_written() -> None:
    made = Summary()
    made.add(result("b", create_key=True, connection="two"), key="uploads")
    made.add(result("a", create_key=True, connection="one"), key="alias/uploads")
    made.add(result("b", create_key=True, connection="two"), key=" uploads ")
    made.add(result("c", create_key=True, region="us-east-1"), key="uploads")
    made.add(result("d", create_key=True, blockers=["no"]), key="uploads")
    made.add(result("e"), key="uploads")
    assert made.keys_to_create == [
        {
            "alias": "alias/uploads",
            "account": "111122223333",
            "region": "eu-central-1",
            "connection": "one",
            "buckets": ["a", "b"],
        },
        {
            "alias": "alias/uploads",
            "account": "111122223333",
            "region": "us-east-1",
            "connection": "default",
            "buckets": ["c"],
        },
    ]


_results = st.builds(
    result,
    st.sampled_from("abc"),
    connection=st.sampled_from(["one", "two"]),
    account=st.sampled_from([None, "111122223333", "444455556666"]),
    region=st.sampled_from([None, "eu-central-1", "us-east-1"]),
    compliance=st.sampled_from(["compliant", "not_compliant", "could_not_look"]),
    severities=st.lists(st.sampled_from(posture.SEVERITIES), max_size=3),
    blockers=st.sampled_from([[], ["no"]]),
    create_key=st.booleans(),
)


@given(st.lists(_results, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_the_results_makes_no_difference(results: list[dict[str, Any]], random: Any) -> None:
    shuffled = random.sample(results, len(results))
    assert summary(shuffled).to_dict() == summary(results).to_dict()
    assert summary(shuffled, "x").keys_to_create == summary(results, "x").keys_to_create


def test_a_summary_in_one_line() -> None:
    told = summary(
        [result(), result(compliance="not_compliant", default_encryption=True), result(blockers=["x"])]
    ).to_dict()
    assert sentence(told) == (
        "3 buckets: 2 compliant, 1 not compliant, 0 could not be looked at. A run would change 1 of them, and fail for "
        "1."
    )
