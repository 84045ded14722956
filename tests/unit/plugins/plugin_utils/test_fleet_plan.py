# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils import posture
from ansible_collections.sealed.s3.plugins.plugin_utils import fleet_plan
from ansible_collections.sealed.s3.plugins.plugin_utils.fleet_plan import FAILED, FINE, ROLE, SEAL, Keys


def result(*parts: str, blockers: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    plan = posture.Plan(**dict.fromkeys(parts, True)).to_dict()
    return {"plan": plan, "blockers": list(blockers), "findings": [], **more}


@pytest.mark.parametrize(
    ("found", "state", "verify", "way"),
    [
        (result(), "present", False, FINE),
        (result(), "present", True, ROLE),
        (result(), "absent", True, FINE),
        (result("guard"), "absent", False, ROLE),
        (result("guard"), "present", False, SEAL),
        (result("default_encryption", "guard", "key_settings"), "present", False, SEAL),
        (result("guard", "create_key"), "present", False, SEAL),
        (result("guard"), "present", True, ROLE),
        (result("create_bucket", "guard"), "present", False, ROLE),
        (result("tags"), "present", False, ROLE),
        (result("guard", blockers=("No.",)), "present", False, FAILED),
        (result(blockers=("No.",)), "present", True, FAILED),
    ],
)
def test_the_way_of_a_bucket(found: dict[str, Any], state: str, verify: bool, way: str) -> None:
    assert fleet_plan.way(found, state=state, verify=verify) == way


def test_the_sentence_of_a_host() -> None:
    grave = [{"severity": "high", "title": "A"}, {"severity": "low", "title": "B"}]
    assert fleet_plan.sentence(result(blockers=("No.", "Nor that.")), FAILED) == "No. Nor that."
    assert fleet_plan.sentence(result("guard", "versioning"), ROLE) == (
        "To do: settle the bucket, merge the guard into the bucket policy."
    )
    assert fleet_plan.sentence(result(), FINE) == "Nothing to do."
    assert fleet_plan.sentence(result(findings=grave), FINE) == "Nothing to do. A."


def add(keys: Keys, host: str, *parts: str, key: str = "a", chosen: str = ROLE, region: str = "x", **more: Any) -> None:
    found = result(*parts, account="1", region=region)
    keys.add(host, found, key=key, chosen=chosen, settings=more.get("settings"))


def test_a_key_is_the_work_of_the_first_host_that_has_it() -> None:
    keys = Keys()
    add(keys, "a", "create_key")
    add(keys, "b", "create_key")
    add(keys, "c", "key_settings")
    add(keys, "d", "create_key", region="eu-west-2")
    add(keys, "e", "create_key", key="b")
    add(keys, "f", "guard")
    assert [host for host in "abcdef" if keys.is_anothers(host)] == ["b", "c"]
    assert keys.hosts == ["a"]


def test_what_one_bucket_alone_waits_for_is_done_with_it_unless_it_is_sealed_with_others() -> None:
    keys = Keys()
    add(keys, "role", "create_key", key="a", chosen=ROLE)
    add(keys, "seal", "create_key", key="b", chosen=SEAL)
    assert keys.hosts == ["seal"]


def test_the_host_that_asks_for_the_most_makes_the_key() -> None:
    keys = Keys()
    add(keys, "a", "create_key", settings={"users": None, "tags": {}, "users_through_s3_only": False})
    add(keys, "b", "create_key", chosen=SEAL, settings={"users": ["x"], "tags": None})
    add(keys, "c", "create_key", settings=None)
    assert keys.hosts == ["b"]
    assert [host for host in "abc" if keys.is_anothers(host)] == ["a", "c"]


def test_one_key_cannot_be_wanted_in_two_ways() -> None:
    keys = Keys()
    add(keys, "a", "key_settings", settings={"rotation_period_in_days": 365})
    with pytest.raises(ValueError, match="Host a has the key a, too, and asks for other settings"):
        add(keys, "b", "key_settings", settings={"rotation_period_in_days": 90})
    with pytest.raises(ValueError, match="Host a has the key a"):
        add(keys, "c", "key_settings", settings={"users": ["x"]})
    add(keys, "d", "guard", settings={"rotation_period_in_days": 90})
    assert keys.hosts == []
