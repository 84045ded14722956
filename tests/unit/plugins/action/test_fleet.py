# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions that work for all hosts of a batch, with modules whose answers are made up here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.utils.display import Display

from ansible_collections.sealed.s3.plugins.action import fleet_audit, fleet_outcome, fleet_posture, fleet_seal
from ansible_collections.sealed.s3.plugins.module_utils import posture
from ansible_collections.sealed.s3.plugins.plugin_utils import fleet, here
from ansible_collections.sealed.s3.tests.unit.fake_play import ROLE, FakePlay

ARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
KEYED = {"encrypted_s3_key_alias": "seal"}


def found(entry: dict[str, Any], *parts: str, **more: Any) -> dict[str, Any]:
    """What sse_kms_info says of a bucket whose plan has these parts."""
    grave = [{"id": "guard_missing", "severity": "high", "title": "There is no guard"}] if parts else []
    return {
        "id": entry.get("id"), "name": entry["name"], "connection": entry["connection"], "account": "111122223333",
        "region": "eu-west-1", "exists": True, "tags": None, "key": {"arn": ARN, "exists": True}, "policy": {"x": 1},
        "encryption": None, "compliance": "not_compliant" if parts else "compliant", "findings": grave,
        "plan": posture.Plan(**dict.fromkeys(parts, True)).to_dict(), "blockers": [], "conflicts": [],
        "could_not_look": [], "decisions": None, **more,
    }  # fmt: skip


class Info:
    """sse_kms_info: answers for each host with what ``plans`` says, last host first."""

    def __init__(self, plans: Mapping[str, tuple[str, ...]], **more: Any) -> None:
        self.plans, self.more = plans, more
        self.args: dict[str, Any] = {}
        self.failure: str | None = None

    def __call__(self, _action: Any, name: str, args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        assert name == "sse_kms_info"
        self.args = args
        if self.failure is not None:
            return {"failed": True, "msg": self.failure}
        entries = args.get("buckets") or [{"name": name, "connection": "environment"} for name in self.plans]
        results = [
            found(entry, *self.plans.get(entry["name"], ()), **self.more.get(entry["name"], {}))
            for entry in reversed(entries)
        ]
        lines = [{"total": len(results)}, *results]
        Path(args["results_file"]).write_text("".join(f"{json.dumps(one)}\n" for one in lines), encoding="utf-8")
        return {"changed": False}


@pytest.fixture(autouse=True)
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    lines: list[str] = []
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setattr(Display, "display", lambda _self, text, **_how: lines.append(text))
    yield lines


def read(play: FakePlay, info: Info, monkeypatch: pytest.MonkeyPatch, **args: Any) -> dict[str, Any]:
    monkeypatch.setattr(here, "run_module", info)
    told: dict[str, Any] = play.action(fleet_posture.ActionModule, **args).run(task_vars=play.task_vars)
    return told


def outcome(play: FakePlay, host: str, of: str = "posture") -> dict[str, Any]:
    told: dict[str, Any] = play.action(fleet_outcome.ActionModule, of=of).run(
        task_vars={**play.task_vars, "inventory_hostname": host}
    )
    return told


def test_each_host_has_an_outcome_of_its_own(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> None:
    play = FakePlay(dict.fromkeys(("fine", "seal", "role", "blocked"), KEYED) | {"keyless": {}})
    info = Info({"seal": ("guard",), "role": ("create_bucket",)}, blocked={"blockers": ["A statement is against it."]})
    told = read(play, info, monkeypatch, threads=3)
    assert told["todo"] == ["seal", "role"]
    assert told["key_hosts"] == []
    assert not told["changed"]
    assert told["summary"]["buckets"] == 5
    assert told["summary"]["could_not_look"] == 1
    assert shown == [told["msg"]]
    assert [entry["id"] for entry in info.args["buckets"]] == ["fine", "seal", "role", "blocked"]
    assert (info.args["threads"], info.args["policies"]) == (3, True)

    ways = {host: outcome(play, host) for host in ("fine", "seal", "role", "blocked", "keyless")}
    assert {host: one["way"] for host, one in ways.items()} == {
        "fine": "fine", "seal": "seal", "role": "role", "blocked": "failed", "keyless": "failed",
    }  # fmt: skip
    assert {host for host, one in ways.items() if one.get("failed")} == {"blocked", "keyless"}
    assert ways["blocked"]["msg"] == "A statement is against it."
    assert "Neither encrypted_s3_key_alias" in ways["keyless"]["msg"]
    assert ways["seal"]["msg"] == "To do: merge the guard into the bucket policy."
    assert ways["fine"]["ansible_facts"]["encrypted_s3_result"] == {
        "bucket": "fine", "key_arn": ARN, "changed": [], "previous_policy": {"x": 1}, "previous_encryption": None,
        "previous_key_policy": None, "conflicts": [], "warnings": [],
        "lost_keys": [],
    }  # fmt: skip
    assert "ansible_facts" not in ways["seal"]
    assert outcome(play, "nobody") == {"changed": False, "left": False}


def test_the_role_is_handed_what_was_read_unless_another_host_makes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    play = FakePlay(dict.fromkeys(("a", "b", "c", "fine"), KEYED))
    told = read(play, Info(dict.fromkeys("abc", ("create_key", "create_bucket"))), monkeypatch)
    assert told["key_hosts"] == ["a"]
    args = {**fleet.Wishes(play.action(fleet_posture.ActionModule), play.task_vars).of("a").asked}
    assert fleet.handed_over("a", {**args, "bucket": "a"}) is not None
    assert [fleet.handed_over(host, {**args, "bucket": host}) for host in ("b", "c", "fine")] == [None] * 3


def test_in_a_check_run_all_go_on_as_if_the_key_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    play = FakePlay(dict.fromkeys("ab", KEYED), check_mode=True)
    read(play, Info(dict.fromkeys("ab", ("create_key", "create_bucket"))), monkeypatch)
    args = {**fleet.Wishes(play.action(fleet_posture.ActionModule), play.task_vars).of("a").asked}
    plans = [
        (fleet.handed_over(host, {**args, "bucket": host}) or {}).get("plan", {}).get("create_key") for host in "aaabb"
    ]
    assert plans == [True, False, None, False, None]


def test_a_further_run_in_the_same_process_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    first = FakePlay({"a": KEYED, "b": KEYED})
    told = read(first, Info({"a": ("guard",), "b": ("create_key", "create_bucket")}), monkeypatch)
    assert told["summary"]["buckets"] == 2
    seal(first, Seal(lambda args: {"buckets": [sealed(entry) for entry in args["buckets"]]}))
    assert outcome(first, "a", "seal")["changed"]
    second = FakePlay({"a": KEYED, "c": KEYED})
    told = read(second, Info({"a": ("create_bucket",), "c": ()}), monkeypatch)
    assert told["summary"]["buckets"] == 2
    # What was sealed before is not told again, and who was to be sealed before is left alone.
    assert outcome(second, "a", "seal") == {"changed": False, "left": True}
    assert outcome(first, "b", "seal") == {"changed": False, "left": False}
    assert outcome(first, "b", "keys") == {"changed": False, "left": False}


def test_two_hosts_cannot_have_one_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {**KEYED, "encrypted_s3_bucket": "a", "encrypted_s3_profile": "another-account"}
    play = FakePlay({"a": KEYED, "b": {**KEYED, "encrypted_s3_bucket": "a"}, "c": other})
    info = Info({})
    read(play, info, monkeypatch)
    assert [entry["id"] for entry in info.args["buckets"]] == ["a", "c"]
    assert outcome(play, "b")["msg"] == "Bucket a is that of host a, too. Let one host have it."
    assert outcome(play, "b")["failed"]


def test_one_key_cannot_be_wanted_in_two_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    play = FakePlay(
        {
            "a": {**KEYED, "encrypted_s3_key_rotation_days": 365},
            "b": {**KEYED, "encrypted_s3_key_rotation_days": 90},
        }
    )
    told = read(play, Info(dict.fromkeys("ab", ("guard", "key_settings"))), monkeypatch)
    assert told["todo"] == ["a"]
    assert "asks for other settings of it" in outcome(play, "b")["msg"]
    assert outcome(play, "b")["failed"]


def test_what_was_done_with_a_key_is_in_the_result_of_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    play = FakePlay({"a": KEYED, "b": KEYED})
    read(play, Info(dict.fromkeys("ab", ("guard", "create_key"))), monkeypatch)
    assert [outcome(play, host, "keys")["left"] for host in "ab"] == [True, False]
    seal(play, Seal(lambda args: {"buckets": [sealed(entry) for entry in args["buckets"]]}))
    done = {
        "steps": ["key"],
        "lost_keys": ["arn:lost"],
        "warnings": ["One was lost."],
        "previous_key_policy": {"of": "key"},
    }
    variables = {**play.task_vars, "inventory_hostname": "a", "__encrypted_s3_key_done": done}
    told = play.action(fleet_outcome.ActionModule, of="seal").run(task_vars=variables)
    result = told["ansible_facts"]["encrypted_s3_result"]
    assert (result["changed"], result["lost_keys"], result["warnings"]) == (
        ["key", "guard"],
        ["arn:lost"],
        ["One was lost."],
    )
    assert result["previous_key_policy"] == {"of": "key"}


def test_a_key_that_is_not_ready_fails_its_host_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    play = FakePlay({"a": KEYED, "b": KEYED})
    read(play, Info(dict.fromkeys("ab", ("guard", "key_settings"))), monkeypatch)
    failure = {"failure": "Denied.", "previous_key_policy": {"of": "key"}}
    told = play.action(fleet_outcome.ActionModule, of="keys", **failure).run(task_vars=play.task_vars)
    assert not told.get("failed")
    seal(play, Seal(lambda args: {"buckets": [sealed(entry) for entry in args["buckets"]]}))
    assert outcome(play, "a", "seal")["failed"]
    assert outcome(play, "a", "seal")["previous_key_policy"] == {"of": "key"}
    assert outcome(play, "a", "seal")["msg"] == "Denied. The bucket itself: Done: guard."
    assert outcome(play, "a", "seal")["previous_policy"] == {"old": 1}
    assert not outcome(play, "b", "seal").get("failed")


def test_a_key_that_was_not_made_is_told_by_those_that_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    play = FakePlay({"a": KEYED, "b": KEYED, "c": {**KEYED, "encrypted_s3_key_alias": "other"}})
    read(play, Info(dict.fromkeys("abc", ("guard", "create_key"))), monkeypatch)
    options = {"of": "keys", "failure": "kms:CreateAlias is denied.", "changed": True}
    play.action(fleet_outcome.ActionModule, **options).run(task_vars={**play.task_vars, "inventory_hostname": "a"})

    def answer(args: dict[str, Any]) -> dict[str, Any]:
        none = {"failed": True, "changed": False, "steps": [], "msg": "There is no such key."}
        return {"buckets": [{**sealed(entry), **none} for entry in args["buckets"]]}

    seal(play, Seal(answer))
    maker, waiting, other = (outcome(play, host, "seal") for host in "abc")
    assert (maker["changed"], maker["msg"]) == (
        True,
        "kms:CreateAlias is denied. The bucket itself: There is no such key.",
    )
    assert waiting["msg"] == (
        "There is no such key. Host a was to make the key, and that failed. kms:CreateAlias is denied."
    )
    assert other["msg"] == "There is no such key."


def test_a_host_whose_variables_fail_in_between_is_not_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts: dict[str, dict[str, Any]] = {"a": dict(KEYED), "b": KEYED}
    play = FakePlay(hosts)
    read(play, Info(dict.fromkeys("ab", ("guard",))), monkeypatch)
    hosts["a"]["encrypted_s3_accepted_keys"] = "{{ nowhere }}"
    module = Seal(lambda args: {"buckets": [sealed(entry) for entry in args["buckets"]]})
    seal(play, module)
    assert [entry["id"] for entry in module.args["buckets"]] == ["b"]
    assert outcome(play, "a", "seal")["failed"]
    assert "nowhere" in outcome(play, "a", "seal")["msg"]


def test_what_goes_wrong_for_all_is_told_by_each(monkeypatch: pytest.MonkeyPatch) -> None:
    play = FakePlay(dict.fromkeys("ab", KEYED))
    info = Info({})
    info.failure = "There is no boto3."
    told = read(play, info, monkeypatch)
    assert told["todo"] == []
    assert not told.get("failed")
    assert [outcome(play, host)["msg"] for host in "ab"] == ["There is no boto3."] * 2


class Seal:
    """sse_kms_seal."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.args: dict[str, Any] = {}

    def __call__(self, *, module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        assert module_name == "sealed.s3.sse_kms_seal"
        self.args = module_args
        told: dict[str, Any] = self.answer(module_args)
        if "buckets" in told:
            lines = [{"total": len(told["buckets"])}, *reversed(told.pop("buckets"))]
            Path(module_args["results_file"]).write_text("".join(f"{json.dumps(one)}\n" for one in lines), "utf-8")
        return told


def seal(play: FakePlay, module: Seal, **args: Any) -> dict[str, Any]:
    action = play.action(fleet_seal.ActionModule, **args)
    action._execute_module = module
    told: dict[str, Any] = action.run(task_vars=play.task_vars)
    return told


def sealed(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": entry["id"], "name": entry["name"], "changed": True, "failed": False, "steps": ["guard"],
        "previous_policy": {"old": 1}, "previous_encryption": {"algorithm": "AES256"}, "warnings": [], "key_arn": ARN,
        "diff": {"before": "", "after": "x"}, "conflicts": [], "backup_file": None,
    }  # fmt: skip


def test_what_needs_the_guard_alone_is_sealed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    play = FakePlay(
        {
            "fine": KEYED,
            "seal": {**KEYED, "encrypted_s3_backup_dir": "/backups", "encrypted_s3_region": "eu-west-1"},
            "new-key": KEYED,
            "role": KEYED,
            "fails": KEYED,
        }
    )
    plans = {"seal": ("guard",), "new-key": ("guard", "create_key"), "role": ("tags",), "fails": ("guard",)}
    read(play, Info(plans), monkeypatch)

    def answer(args: dict[str, Any]) -> dict[str, Any]:
        one, two, three = args["buckets"]
        failed = {**sealed(three), "changed": False, "failed": True, "msg": "Denied.", "steps": []}
        return {"changed": True, "buckets": [sealed(one), {**sealed(two), "changed": False, "steps": []}, failed]}

    module = Seal(answer)
    told = seal(play, module, threads=2)
    assert (told["changed"], told["msg"]) == (False, "3 buckets: 1 changed, 1 failed.")
    assert module.args["threads"] == 2
    assert {entry["id"]: entry["key"] for entry in module.args["buckets"]} == {
        "seal": ARN,
        "new-key": "alias/seal",
        "fails": ARN,
    }
    first = module.args["buckets"][0]
    assert (first["name"], first["region"], first["connection"]) == ("seal", "eu-west-1", "environment")
    assert (first["backup_dir"], first["key_planned"], first["require_tls"]) == ("/backups", False, True)

    done = outcome(play, "seal", "seal")
    assert (done["changed"], done["left"], done["msg"]) == (True, False, "Done: guard.")
    assert done["diff"] == {"before": "", "after": "x"}
    result = done["ansible_facts"]["encrypted_s3_result"]
    assert (result["previous_policy"], result["previous_encryption"]) == ({"old": 1}, {"algorithm": "AES256"})
    assert result["previous_key_policy"] is None
    assert outcome(play, "new-key", "seal")["msg"] == "Nothing was left to do."
    failed = outcome(play, "fails", "seal")
    assert (failed["failed"], failed["msg"], failed["changed"]) == (True, "Denied.", False)
    assert [outcome(play, host, "seal")["left"] for host in ("fine", "role")] == [False, True]


def test_a_check_run_seals_with_a_key_that_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    play = FakePlay({"seal": KEYED}, check_mode=True)
    read(play, Info({"seal": ("guard", "create_key")}), monkeypatch)
    module = Seal(lambda args: {"buckets": [sealed(entry) for entry in args["buckets"]]})
    seal(play, module)
    assert module.args["buckets"][0]["key_planned"] is True
    assert "threads" not in module.args


def test_where_there_is_nothing_to_seal_no_module_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    play = FakePlay({"role": KEYED})
    read(play, Info({"role": ("tags",)}), monkeypatch)
    assert seal(play, Seal(lambda args: pytest.fail("it ran")))["msg"].startswith("No bucket needs")


def test_a_module_that_fails_as_a_whole_fails_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    play = FakePlay({"a": KEYED, "b": KEYED})
    read(play, Info({"a": ("guard",), "b": ("guard",)}), monkeypatch)
    told = seal(play, Seal(lambda args: {"failed": True, "msg": "No boto3."}))
    assert not told.get("failed")
    assert [outcome(play, host, "seal")["msg"] for host in "ab"] == ["No boto3."] * 2
    assert outcome(play, "a", "seal")["failed"]


def test_what_was_done_before_the_module_failed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    play = FakePlay({"a": KEYED, "b": KEYED})
    read(play, Info({"a": ("guard",), "b": ("guard",)}), monkeypatch)
    told = seal(play, Seal(lambda args: {"failed": True, "buckets": [sealed(args["buckets"][0])]}))
    assert told["msg"] == "2 buckets: 1 changed, 1 failed."
    assert outcome(play, "a", "seal")["changed"]
    assert (outcome(play, "b", "seal")["failed"], outcome(play, "b", "seal")["msg"]) == (
        True,
        "The module failed, and said nothing.",
    )
    seal(play, Seal(lambda args: {"buckets": [sealed(args["buckets"][0])]}))
    assert "it may have been changed" in outcome(play, "b", "seal")["msg"]


def audit(play: FakePlay, info: Info, monkeypatch: pytest.MonkeyPatch, folder: Path, **args: Any) -> dict[str, Any]:
    monkeypatch.setattr(here, "run_module", info)
    told: dict[str, Any] = play.action(fleet_audit.ActionModule, folder=str(folder), **args).run(
        task_vars=play.task_vars
    )
    return told


def test_an_audit_of_hosts_writes_reports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shown: list[str]) -> None:
    play = FakePlay({"b": {}, "a": KEYED, "localhost": {}})
    info = Info({"a": ("guard",)})
    told = audit(play, info, monkeypatch, tmp_path / "reports", threads=4)
    assert [entry["id"] for entry in info.args["buckets"]] == ["b", "a"]
    assert info.args["threads"] == 4
    assert sorted(told["files"]) == ["csv", "html", "json", "junit"]
    report = json.loads(Path(told["files"]["json"]).read_text(encoding="utf-8"))
    assert [one["name"] for one in report["buckets"]] == ["a", "b", "localhost"]
    assert told["summary"] == report["summary"]
    assert told["failing"] == (
        "findings of severity high (1), buckets that could not be looked at, or not at everything (1)"
    )
    assert shown == [told["msg"]]


@pytest.mark.parametrize(
    ("fail_on", "failing"),
    [("never", ""), ("high", "findings of severity high (1)"), ("info", "findings of severity high (1)")],
)
def test_an_audit_fails_from_a_chosen_severity_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fail_on: str, failing: str
) -> None:
    play = FakePlay({"a": KEYED})
    told = audit(play, Info({"a": ("guard",)}), monkeypatch, tmp_path / "r", fail_on=fail_on, formats=["json"])
    assert told["failing"] == failing
    assert sorted(told["files"]) == ["json"]


def test_an_audit_finds_the_buckets_of_the_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    play = FakePlay({"localhost": {"encrypted_s3_region": "eu-west-1", "encrypted_s3_profile": "audit"}})
    info = Info({"a": (), "b": ()})
    told = audit(play, info, monkeypatch, tmp_path / "r", discover={"prefix": "up"})
    assert told["summary"]["buckets"] == 2
    assert info.args["discover"] == {"prefix": "up"}
    assert "buckets" not in info.args
    assert "key" not in info.args
    assert [one["profile"] for one in info.args["connections"]] == ["audit"]

    given = [{"name": "prod", "profile": "prod"}, {"name": "test", "assume_role_arn": "arn:x"}]
    audit(play, info, monkeypatch, tmp_path / "r", discover={}, connections=given)
    assert info.args["connections"] == given
    assert (info.args["region"], info.args["profile"]) == ("eu-west-1", "audit")


def test_a_connection_of_an_audit_assumes_the_role_of_the_variables_unless_it_says_who_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    role = {"assume_role_arn": "arn:aws:iam::444455556666:role/Auditor", "assume_role_external_id": "x"}
    play = FakePlay({"localhost": {f"encrypted_s3_{name}": value for name, value in role.items()}})
    info = Info({})
    own: list[dict[str, Any]] = [
        {"name": "role", "assume_role_arn": "arn:aws:iam::111122223333:role/Own"},
        {"name": "profile", "profile": "prod"},
        {"name": "keys", "access_key": "AKID", "secret_key": "s"},
    ]
    given = [
        {"name": "plain", "region": "eu-west-3"},
        {"name": "empty", "assume_role_arn": "", "profile": None},
        {"name": "id", "assume_role_external_id": "own"},
        *own,
    ]
    audit(play, info, monkeypatch, tmp_path / "r", discover={}, connections=given)
    assert info.args["connections"] == [
        {"name": "plain", "region": "eu-west-3", **role},
        {"name": "empty", **role},
        {"name": "id", **role, "assume_role_external_id": "own"},
        *own,
    ]
    assert not set(role) & set(info.args)


@pytest.mark.parametrize(("fail_on", "failing"), [("never", ""), ("high", "no bucket was found")])
def test_an_audit_that_finds_no_bucket_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fail_on: str, failing: str
) -> None:
    play = FakePlay({"localhost": {}})
    told = audit(play, Info({}), monkeypatch, tmp_path / "r", discover={"prefix": "mistyped"}, fail_on=fail_on)
    assert (told["summary"]["buckets"], told["failing"]) == (0, failing)


REGIONS, TAGS, OF_WHOM = ["eu-west-1", "eu-west-3"], {"owner": "*"}, [{"name": "prod", "profile": "prod"}]


@pytest.mark.parametrize(
    ("variables", "regions", "tags", "connections"),
    [
        ({}, [], {}, None),
        ({"audit_regions": None, "audit_tags": "", "audit_connections": []}, [], {}, None),
        ({"audit_regions": REGIONS, "audit_tags": TAGS, "audit_connections": OF_WHOM}, REGIONS, TAGS, OF_WHOM),
        (
            {
                "audit_regions": json.dumps(REGIONS),
                "audit_tags": json.dumps(TAGS),
                "audit_connections": json.dumps(OF_WHOM),
            },
            REGIONS,
            TAGS,
            OF_WHOM,
        ),
    ],
)
def test_lists_of_an_audit_may_be_json_text(
    variables: dict[str, Any], regions: Any, tags: Any, connections: Any
) -> None:
    """As -e name=value gives them."""
    read, *_more = DataLoader().load_from_file(str(ROLE / "tasks" / "fleet_audit.yml"), trusted_as_template=True)
    known = {**read["vars"], **variables, "inventory_hostname": "localhost", "omit": "left out"}
    asked = Templar(loader=DataLoader(), variables=known).template(read["sealed.s3.fleet_audit"])
    assert asked["discover"] == {"prefix": None, "regions": regions, "tags": tags}
    assert asked["connections"] == (connections or "left out")


def test_an_audit_that_cannot_be_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    play = FakePlay({"localhost": {"encrypted_s3_key_alias": "a", "encrypted_s3_key_arn": ARN}})
    with pytest.raises(AnsibleActionFail, match="Both encrypted_s3_key_alias"):
        audit(play, Info({}), monkeypatch, tmp_path / "r", discover={})
    info = Info({})
    info.failure = "There is no boto3."
    assert audit(FakePlay({"a": KEYED}), info, monkeypatch, tmp_path / "r")["msg"] == "There is no boto3."
    (tmp_path / "file").touch()
    with pytest.raises(AnsibleActionFail, match="could not be written"):
        audit(FakePlay({"a": KEYED}), Info({}), monkeypatch, tmp_path / "file")


@pytest.mark.parametrize("kind", [fleet_posture.ActionModule, fleet_audit.ActionModule, fleet_seal.ActionModule])
@pytest.mark.parametrize("where", [{"transport": "ssh"}, {"become": "sudo"}])
def test_files_are_handed_over_here_alone(kind: Any, where: dict[str, Any], tmp_path: Path) -> None:
    play = FakePlay({"a": KEYED})
    action = play.action(kind, **({"folder": str(tmp_path)} if kind is fleet_audit.ActionModule else {}))
    for name, value in where.items():
        setattr(action._connection, name, value)
    with pytest.raises(AnsibleActionFail, match="where ansible-playbook runs, as its user"):
        action.run(task_vars=play.task_vars)
