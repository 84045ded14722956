# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of one guard, bucket or policy is never told of another."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.sealed.s3.plugins.module_utils.policy import conditions, conflicts, document, effect, guard
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.tests.unit import policy_strategies
from ansible_collections.sealed.s3.tests.unit.fake_aws import OTHER_ACCOUNT

BUCKETS = st.sampled_from(["example-bucket", "any-bucket", "another-bucket", "UPPER_case.bucket"])
KEYS = st.sampled_from(
    [
        policy_strategies.KEY,
        policy_strategies.OTHER_KEY,
        policy_strategies.KEY.replace("eu-west-1", "us-east-1"),
        policy_strategies.KEY.replace("111122223333", OTHER_ACCOUNT),
        policy_strategies.KEY.replace("arn:aws:", "arn:aws-cn:"),
        # The one that stands for any other.
        f"{policy_strategies.KEY.rsplit('/', 1)[0]}/00000000-0000-0000-0000-000000000000",
    ]
)


@st.composite
def specs(draw: st.DrawFn) -> guard.GuardSpec:
    spec = draw(policy_strategies.guard_specs)
    key = draw(KEYS)
    accepted = draw(st.lists(KEYS, max_size=2).map(tuple))
    at_home = tuple(one for one in accepted if one.split(":")[1:4] == key.split(":")[1:4])
    return replace(spec, bucket=draw(BUCKETS), key_arn=key, accepted_keys=at_home)


@st.composite
def policies(draw: st.DrawFn) -> Document | None:
    """No policy, a guard, part of one, or a foreign policy."""
    ours = guard.statements(draw(specs()))
    some = draw(st.lists(st.sampled_from(ours), unique_by=id, max_size=len(ours)))
    foreign = draw(st.lists(policy_strategies.statements(), max_size=2))
    statements = [{name: value for name, value in one.items() if name != "Sid"} for one in foreign] + some
    return document.parse({"Version": "2012-10-17", "Statement": statements}) if statements else None


def rooms() -> Iterator[tuple[ModuleType, str, Any]]:
    """Whatever remembers, in the rooms that judge a policy."""
    for room in (conditions, conflicts, effect):
        for name, value in vars(room).items():
            if isinstance(value, functools._lru_cache_wrapper):
                yield room, name, value


def forgetful(judge: Callable[..., Any]) -> Callable[..., Any]:
    """The same without anything that is remembered."""

    def judging(*given: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            for room, name, value in rooms():
                patch.setattr(room, name, value.__wrapped__)
            return judge(*given)

    return judging


def test_something_is_remembered() -> None:
    assert {name for _room, name, _value in rooms()} >= {"_remembered", "_denied"}


def test_what_is_remembered_is_bounded() -> None:
    for _room, _name, value in rooms():
        assert value.cache_info().maxsize is not None


def test_long_texts_of_policies_are_not_remembered() -> None:
    before = conditions._remembered.cache_info().misses
    for number in range(100):
        assert conditions.wildcard_match(f"{number}{'a' * 10_000}*", f"{number}{'a' * 10_000}b")
    assert conditions._remembered.cache_info().misses == before
    assert conditions.wildcard_match(f"not seen before {id(before)}*", f"not seen before {id(before)}b")
    assert conditions._remembered.cache_info().misses == before + 1


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(policies(), specs()), min_size=1, max_size=2))
def test_what_is_remembered_is_what_would_be_found(pairs: list[tuple[Document | None, guard.GuardSpec]]) -> None:
    for policy, spec in (*pairs, *reversed(pairs)):
        for judge in (effect.judge, conflicts.find):
            assert judge(policy, spec) == forgetful(judge)(policy, spec)
        told = effect.decisions(policy, spec.bucket_arn, spec.key_arn)
        assert told == forgetful(effect.decisions)(policy, spec.bucket_arn, spec.key_arn)


@settings(deadline=None, max_examples=40)
@given(specs(), BUCKETS)
def test_the_name_of_the_bucket_makes_no_difference(spec: guard.GuardSpec, bucket: str) -> None:
    other = replace(spec, bucket=bucket)

    def told(one: guard.GuardSpec) -> tuple[Any, ...]:
        policy = Document(tuple(guard.statements(one)))
        return (
            effect.judge(policy, one),
            effect.judge(None, one),
            effect.decisions(policy, one.bucket_arn, one.key_arn),
            effect.decisions(None, one.bucket_arn, None),
        )

    assert told(other) == told(spec)
    # But a guard is one of its own bucket alone.
    if bucket != spec.bucket:
        elsewhere = Document(tuple(guard.statements(other)))
        assert effect.judge(elsewhere, spec) == effect.Effect(effect.judge(None, spec).passing, ())
