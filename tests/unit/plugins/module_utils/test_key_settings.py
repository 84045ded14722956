# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils import key_settings
from ansible_collections.sealed.s3.plugins.module_utils.key_settings import KeyFacts, KeySettings, SettingsError
from ansible_collections.sealed.s3.plugins.module_utils.key_state import KeyState, Rotation
from ansible_collections.sealed.s3.plugins.module_utils.policy import key_policy

ACCOUNT = "111122223333"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
USER = f"arn:aws:iam::{ACCOUNT}:role/Uploader"
DEFAULT = key_policy.default_policy(partition="aws", account=ACCOUNT)


def planned(settings: KeySettings, **facts: Any) -> key_settings.KeyPlan:
    there = {"description": "", "policy": DEFAULT, "rotation": Rotation(enabled=False), "tags": {}, **facts}
    return key_settings.plan(settings, KeyFacts(**there), key_arn=KEY)


def test_nothing_asked_changes_nothing() -> None:
    outcome = planned(KeySettings(rotation=None), description="theirs", tags={"a": "b"})
    assert not outcome.changed
    assert outcome.parts == []
    assert outcome.merge is None


@pytest.mark.parametrize(
    ("settings", "found", "wanted"),
    [
        ({}, Rotation(False), Rotation(True, 365)),
        ({}, Rotation(True, 180), None),
        ({}, Rotation(True), None),
        ({"rotation_period_in_days": 180}, Rotation(False), Rotation(True, 180)),
        ({"rotation_period_in_days": 180}, Rotation(True, 180), None),
        ({"rotation_period_in_days": 180}, Rotation(True, 365), Rotation(True, 180)),
        ({"rotation_period_in_days": 365}, Rotation(True), None),
        ({"rotation": False}, Rotation(True, 365), Rotation(False)),
        ({"rotation": False}, Rotation(False), None),
        ({}, None, None),
    ],
)
def test_rotation(settings: dict[str, Any], found: Rotation | None, wanted: Rotation | None) -> None:
    assert planned(KeySettings(**settings), rotation=found).rotation == wanted


def test_description_and_tags_change_alone() -> None:
    outcome = planned(
        KeySettings(description="new", rotation=None, tags={"a": "1", "b": "2"}),
        description="old",
        tags={"a": "1", "b": "3", "c": "4"},
    )
    assert outcome.parts == ["description", "tags"]
    assert outcome.description == "new"
    assert outcome.tags == {"b": "2"}
    assert planned(KeySettings(description="", rotation=None), description="old").description == ""


def test_policy_of_a_split() -> None:
    outcome = planned(KeySettings(users=(USER,), rotation=None))
    assert outcome.parts == ["policy"]
    assert outcome.merge is not None
    assert outcome.merge.added == ("SealedS3KeyUsers",)


def test_a_new_key_has_the_policy_of_kms_and_no_rotation() -> None:
    settings = KeySettings(description="new", users=(USER,), tags={"a": "1"})
    facts = KeyFacts.of_new_key(settings, partition="aws", account=ACCOUNT)
    outcome = key_settings.plan(settings, facts, key_arn=KEY)
    # The description is given at its creation.
    assert outcome.parts == ["policy", "rotation", "tags"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rotation_period_in_days": 89}, "expected 90 to 2560 days, found 89"),
        ({"rotation_period_in_days": 2561}, "found 2561"),
        ({"rotation_period_in_days": 90, "rotation": False}, "rotation is off"),
        ({"description": "x" * 8193}, "found 8193"),
        ({"tags": {"": "x"}}, 'found ""'),
        ({"tags": {"AWS:x": "x"}}, "does not start with aws:"),
        ({"tags": {"x" * 129: "x"}}, "1 to 128"),
        ({"tags": {"x": "y" * 257}}, "found 257"),
        ({"tags": {str(number): "" for number in range(51)}}, "50 tags"),
    ],
)
def test_settings_out_of_bounds_are_refused_and_the_option_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        KeySettings.from_options({"rotation": True, **options})
    assert said in str(refused.value)
    assert str(refused.value).split(":", maxsplit=1)[0] in options


@pytest.mark.parametrize("days", [90, 2560])
def test_bounds_of_the_period_are_in(days: int) -> None:
    assert KeySettings(rotation_period_in_days=days).rotation_period_in_days == days


def test_too_many_tags_with_those_that_are_there() -> None:
    there = {str(number): "" for number in range(50)}
    with pytest.raises(SettingsError, match="there would be 51"):
        planned(KeySettings(rotation=None, tags={"new": "x"}), tags=there)
    assert planned(KeySettings(rotation=None, tags={"1": "x"}), tags=there).tags == {"1": "x"}


def test_a_policy_too_large_is_refused() -> None:
    users = tuple(f"arn:aws:iam::{ACCOUNT}:role/{number:060d}" for number in range(400))
    with pytest.raises(key_policy.KeyPolicyError, match="takes at most 32768"):
        planned(KeySettings(users=users, rotation=None))


def test_tag_values_become_text() -> None:
    assert KeySettings.from_options({"tags": {"cost": 5}}).tags == {"cost": "5"}
    assert KeySettings.from_options({}).tags is None


def test_rotation_is_refused_where_kms_cannot_rotate() -> None:
    imported = KeyState.from_metadata({"Arn": KEY, "KeyId": "x", "Origin": "EXTERNAL", "KeyState": "Enabled"})
    sentence = key_settings.rotation_refusal(KeySettings(), imported)
    assert sentence is not None
    assert "origin EXTERNAL" in sentence
    assert key_settings.rotation_refusal(KeySettings(rotation=False), imported) is None
    made_here = KeyState.from_metadata({"Arn": KEY, "KeyId": "x", "Origin": "AWS_KMS", "KeyState": "Enabled"})
    assert key_settings.rotation_refusal(KeySettings(), made_here) is None
