# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any JSON as a policy, real policies with hostile parts, any mapping as options: a sentence or a result."""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Iterator
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rooms import BUCKET, KEY, SPECS, foreign, read, sentence, through_all_rooms, unprintable

from ansible_collections.sealed.s3.plugins.filter.guard_policy import guard_policy
from ansible_collections.sealed.s3.plugins.module_utils import arguments, bucket_name, key_settings
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Refused
from ansible_collections.sealed.s3.plugins.module_utils.policy import conditions, decision, document, guard, merge, plan
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError
from ansible_collections.sealed.s3.tests.as_s3.rewriting import as_s3
from ansible_collections.sealed.s3.tests.unit.policy_strategies import chances, guard_specs, policies

EXAMPLES = int(os.environ.get("SEALED_S3_FUZZ_EXAMPLES", "150"))
many = settings(
    deadline=None,
    max_examples=EXAMPLES,
    # The short form is the same each time; to find something new is what the long form is for.
    derandomize="SEALED_S3_FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

HOSTILE = (
    *(
        "",
        " ",
        "*",
        "?",
        "**",
        "${",
        "${}",
        "${*}",
        "${aws:username, 'x'}",
        "\x00",
        "\x1b[2J",
        "\x7f",
        "\x9b",
        "\u202e",
    ),
    *(
        "\ud800",
        "é",
        "１２３４５６７８９０１２",
        "١١١١٢٢٢٢٣٣٣٣",
        "arn:aws:iam::١١١١٢٢٢٢٣٣٣٣:root",
        "10.0.0.0/²",
        "::/0",
        "true",
    ),
    *("SealedS3", "SealedS3\x1b", "NaN", "1e999", "-0", "0" * 50 + "." + "0" * 50, "Infinity", "a" * 300, "*a" * 200),
    *(
        "__class__",
        "Statement",
        "aws:SourceIp",
        guard.KEY_ID,
        guard.ALGORITHM.upper(),
        "IfExists",
        "ForAllValues:",
        ":",
    ),
    *(KEY, f"{KEY}\n", KEY.replace("1", "１"), "arn:::::", "alias/aws/s3", f"arn:aws:s3:::{BUCKET}/*", "s3:PutObject"),
)
texts = st.sampled_from(HOSTILE) | st.text(max_size=20)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), texts, st.sampled_from([10**4000, -(10**400), 2**64, 1e308])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
ELEMENTS = [*document._TOP_ELEMENTS, *document._STATEMENT_ELEMENTS, "AWS", "Service", "StringEquals", "Null"]
policy_like = st.recursive(
    scalars | st.sampled_from(["Allow", "Deny", "2012-10-17", "s3:*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(ELEMENTS) | texts, inner, max_size=6),
    max_leaves=25,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with every index or name in it."""
    if isinstance(value, (dict, list)):
        for name, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, name
            yield from places(inner)


@st.composite
def spoiled_policies(draw: st.DrawFn) -> dict[str, Any]:
    """A policy as people write it, with something hostile in one to three places."""
    spoiled = copy.deepcopy(draw(policies()))
    for _time in range(draw(st.integers(1, 3))):
        container, name = draw(st.sampled_from(list(places(spoiled))))
        how = draw(st.sampled_from(["text", "value", "name", "again", "gone"]))
        if how == "text":
            container[name] = draw(texts)
        elif how == "value":
            container[name] = draw(values)
        elif how == "name" and isinstance(container, dict):
            container[draw(texts)] = container[name]
        elif how == "again":
            container[name] = [copy.deepcopy(container[name])] * draw(st.integers(0, 3))
        elif len(container) > 1:
            del container[name]
    return spoiled


@many
@given(st.text() | values.map(lambda value: json.dumps(value, default=str) if writable(value) else "") | st.binary())
def test_any_text_as_a_policy(text: str | bytes) -> None:
    through_all_rooms(text)


def writable(value: Any) -> bool:
    try:
        json.dumps(value)
    except ValueError:
        return False
    return True


@many
@given(values | policy_like)
def test_any_value_as_a_policy(value: Any) -> None:
    through_all_rooms(value)


@many
@given(spoiled_policies())
def test_a_policy_with_hostile_parts(policy: dict[str, Any]) -> None:
    through_all_rooms(policy)


@many
@given(spoiled_policies(), guard_specs, chances)
def test_nothing_foreign_is_lost_and_a_second_merge_changes_nothing(
    policy: dict[str, Any], spec: guard.GuardSpec, chance: random.Random
) -> None:
    before = read(policy)
    if before is None:
        return
    merged = merge.merge(before, guard.statements(spec))
    assert foreign(merged.document) == foreign(before)
    assert merged.document is not None
    returned = read(as_s3(merged.document.to_dict(), chance, any_form=True))
    if returned is not None:
        assert not merge.merge(returned, guard.statements(spec)).changed
        assert merge.lost_statements(before, returned) == []


def test_each_statement_of_ours_has_one_action_that_carries_its_keys() -> None:
    """S3 refuses a statement whose condition keys fit none of its actions (MalformedPolicy)."""
    for spec in SPECS:
        for statement in guard.statements(spec):
            keys = {key for tested in statement["Condition"].values() for key in tested if key.startswith("s3:")}
            assert isinstance(statement["Action"], str)
            assert not keys or keys <= set(decision._CARRIES_ENCRYPTION[statement["Action"].lower()])


@many
@given(policies(), st.integers(0, 400))
def test_nothing_larger_than_s3_takes_is_planned(policy: dict[str, Any], times: int) -> None:
    listed = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    before = read({**policy, "Statement": (listed * times)[:120]})
    try:
        planned = plan.guarded(before, SPECS[0], on_conflict=plan.IGNORE)
    except PolicyError as error:
        sentence(error)
        return
    assert planned.merge.document is not None
    assert not planned.merge.changed or document.size(planned.merge.document) <= document.MAX_SIZE


# --- options ----------------------------------------------------------------------------------------------------------

OPTIONS: dict[str, dict[str, Any]] = {
    "bucket": {"type": "str", "required": True},
    **arguments.INTENT_ARGUMENTS,
}
PLAUSIBLE: tuple[Any, ...] = (
    *(True, False, None, "yes", 90, 2561, -1, [], {}, ["SSE-C"], ["NONE", "SSE-C"], "present", "absent", "ignore"),
    *(KEY, [KEY], "alias/uploads", ["arn:aws:iam::111122223333:role/Admin"], ["delivery.logs.amazonaws.com"]),
    *(
        {"rotation_period_in_days": 90},
        {"admins": ["111122223333"], "users": []},
        {"tags": {"aws:x": 1}},
        "require_headers",
    ),
)


def mappings(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(
        st.sampled_from(names), st.sampled_from(PLAUSIBLE) | texts | values | st.lists(texts, max_size=3), max_size=6
    )


@many
@given(
    mappings([name for name in OPTIONS if name not in ("bucket", "key_settings")]),
    st.none() | mappings(list(key_settings.ARGUMENTS)),
    st.just(BUCKET) | texts,
)
def test_any_mapping_as_options(options: dict[str, Any], of_key: dict[str, Any] | None, bucket: str) -> None:
    """By way of Ansible's own check of arguments, as a module gets them."""
    try:
        given_options = {"bucket": bucket, **options, **({} if of_key is None else {"key_settings": of_key})}
        checked = ArgumentSpecValidator(OPTIONS).validate(given_options)
    except (OverflowError, RecursionError, ValueError):
        # Ansible's own trouble with a number of 5,000 digits, and with infinity.
        return
    if checked.error_messages:
        return
    try:
        bucket_name.validate(checked.validated_parameters["bucket"])
        intent = arguments.intent(checked.validated_parameters, KEY)
    except Refused as error:
        assert not unprintable(str(error))
        return
    except PolicyError as error:
        sentence(error)
        return
    merged = plan.guarded(None, intent.guard).merge.document
    assert merged is not None
    assert read(document.serialise(merged)) == merged


@many
@given(
    spoiled_policies() | values,
    mappings(
        ["bucket", "key_arn", "state", "on_conflict", *arguments.GUARD_ARGUMENTS, "unknown"],
    ),
)
def test_the_filter_with_anything(policy: Any, options: dict[str, Any]) -> None:
    try:
        told = guard_policy(policy, **{"bucket": BUCKET, "key_arn": KEY, **options})
    except AnsibleFilterError as error:
        assert not unprintable(str(error)), ascii(str(error))
        return
    assert not told or read(told) is not None


# --- patterns ---------------------------------------------------------------------------------------------------------


def plainly(pattern: str, text: str) -> bool:
    """Whether the text matches, place by place."""
    reached = {0}
    for character in pattern:
        if character == "*":
            reached = set(range(min(reached), len(text) + 1)) if reached else set()
        else:
            reached = {at + 1 for at in reached if at < len(text) and character in ("?", text[at])}
    return len(text) in reached


@many
@given(st.text("ab*?", max_size=14), st.text("ab", max_size=14))
def test_patterns_match_what_they_plainly_match(pattern: str, text: str) -> None:
    assert conditions.wildcard_match(pattern, text) == plainly(pattern, text)


@many
@given(st.text("ab*?", max_size=10), st.text("ab", max_size=4))
def test_what_may_follow_is_what_may_plainly_follow(pattern: str, start: str) -> None:
    found = conditions.pattern_of(pattern, conditions.Context({}), version=None)
    assert found is not None
    tails = [
        f"{number:0{length}b}".translate({48: "a", 49: "b"}) for length in range(1, 9) for number in range(2**length)
    ]
    followed = [tail for tail in tails if plainly(pattern, start + tail)]
    # Eight letters are enough for all that the pattern names, also where a star takes the whole start.
    if len(pattern.replace("*", "")) <= 8:
        assert found.may_match_after(start) == bool(followed)
    if found.matches_all_after(start):
        assert followed == tails
