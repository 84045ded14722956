# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible.plugins.action import ActionBase

from ansible_collections.sealed.s3.plugins.plugin_utils import fleet
from ansible_collections.sealed.s3.plugins.plugin_utils.fleet import Answers, Connections, Wish, Wishes
from ansible_collections.sealed.s3.tests.unit.fake_play import FakePlay


@pytest.fixture(autouse=True)
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    yield tmp_path


class Action(ActionBase):
    """Any."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        raise NotImplementedError


def wishes(hosts: dict[str, dict[str, Any]], **more: Any) -> tuple[list[Wish], FakePlay]:
    play = FakePlay(hosts)
    wanted = Wishes(play.action(Action), play.task_vars, more or None)
    return [wanted.of(host) for host in hosts], play


def test_a_host_asks_for_what_the_role_would_ask_for() -> None:
    ((wish,), _play) = wishes(
        {
            "uploads": {
                "encrypted_s3_key_alias": "seal",
                "encrypted_s3_versioning": True,
                "encrypted_s3_region": "eu-west-1",
                "encrypted_s3_profile": "prod",
                "encrypted_s3_verify": "yes",
                "encrypted_s3_backup_dir": "/backups",
            }
        }
    )
    assert (wish.host, wish.bucket, wish.problem, wish.verify, wish.backup_dir) == (
        "uploads",
        "uploads",
        None,
        True,
        "/backups",
    )
    assert wish.asked["key"] == "alias/seal"
    assert wish.asked["create_key"] is wish.asked["key_managed"] is wish.asked["versioning"] is True
    assert wish.asked["blocked_encryption_types"] == ["SSE-C"]
    assert wish.asked["key_settings"]["users_through_s3_only"] is False
    assert "bucket" not in wish.asked
    assert wish.connection == {"region": "eu-west-1", "profile": "prod", "validate_certs": True}


def test_hosts_that_differ_in_their_bucket_alone_are_templated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    templated: list[int] = []
    original = Wishes._templated

    def counted(*given: Any) -> Any:
        templated.append(1)
        return original(*given)

    monkeypatch.setattr(Wishes, "_templated", staticmethod(counted))
    same = {"encrypted_s3_key_alias": "seal"}
    found, _play = wishes(
        {
            **{f"uploads-{number}": same for number in range(5)},
            "named": {**same, "encrypted_s3_bucket": "{{ inventory_hostname }}-bucket"},
            "own": {"encrypted_s3_key_alias": "{{ inventory_hostname }}"},
            "like-own": {"encrypted_s3_key_alias": "{{ 'o' ~ 'wn' }}"},
        }
    )
    assert [wish.bucket for wish in found] == [*(f"uploads-{number}" for number in range(5)), "named-bucket", "own",
                                               "like-own"]  # fmt: skip
    assert [wish.asked["key"] for wish in found[4:]] == ["alias/seal", "alias/seal", "alias/own", "alias/own"]
    assert len(templated) == 2


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({}, "Neither encrypted_s3_key_alias nor encrypted_s3_key_arn is given"),
        ({"encrypted_s3_key_alias": "a", "encrypted_s3_key_arn": "arn:x"}, "Both encrypted_s3_key_alias and"),
        ({"encrypted_s3_key_alias": "alias/aws/s3"}, "cannot be the alias of a customer managed key"),
        ({"encrypted_s3_key_alias": "a", "encrypted_s3_read_back_at": [3, 1]}, r"_read_back_at is '\[3, 1\]'"),
        ({"encrypted_s3_key_alias": "a", "encrypted_s3_read_back_at": [0, 61]}, "from 0 to 60, ascending"),
        ({"encrypted_s3_key_alias": "a", "encrypted_s3_read_back_at": ["soon"]}, "from 0 to 60, ascending"),
        ({"encrypted_s3_key_alias": "a", "encrypted_s3_read_back_at": "0, 1"}, "Give a list of seconds"),
        ({"encrypted_s3_key_alias": "{{ nowhere }}"}, "'nowhere' is undefined"),
        ({"encrypted_s3_key_alias": "a", "encrypted_s3_bucket": "{{ nowhere }}"}, "'nowhere' is undefined"),
        ({"encrypted_s3_key_alias": "a", "encrypted_s3_tags": "{]"}, "encrypted_s3_tags|YAML|parsing"),
    ],
)
def test_what_cannot_be_asked_for_is_the_problem_of_that_host(variables: dict[str, Any], problem: str) -> None:
    (found, fine), _play = wishes({"uploads": variables, "fine": {"encrypted_s3_key_alias": "a"}})
    assert found.problem is not None
    assert re.search(problem, found.problem)
    assert fine.problem is None


@pytest.mark.parametrize(
    ("given", "moments"),
    [("", [0, 1, 3]), ([], [0, 1, 3]), (None, [0, 1, 3]), ("[0, 2]", [0, 2]), ("0", [0]), (0, [0]), (["0"], ["0"])],
)
def test_when_a_policy_is_read_back_may_arrive_as_text(given: Any, moments: list[Any]) -> None:
    ((wish,), _play) = wishes({"uploads": {"encrypted_s3_key_alias": "a", "encrypted_s3_read_back_at": given}})
    assert (wish.problem, wish.read_back_at) == (None, moments)


def test_variables_may_name_the_bucket_and_other_hosts() -> None:
    (mine, other), _play = wishes(
        {
            "uploads": {"encrypted_s3_key_alias": "{{ encrypted_s3_bucket }}", "key_of_all": "shared"},
            "archive": {"encrypted_s3_key_alias": "{{ hostvars['uploads'].key_of_all }}"},
        }
    )
    assert (mine.problem, mine.asked["key"]) == (None, "alias/uploads")
    assert (other.problem, other.asked["key"]) == (None, "alias/shared")


@pytest.mark.parametrize(
    "elsewhere", [{"ansible_connection": "ssh"}, {"ansible_become": "{{ true }}"}, {"ansible_become": "yes"}]
)
def test_a_host_that_runs_elsewhere_is_refused_for_itself(elsewhere: dict[str, Any]) -> None:
    here = {"encrypted_s3_key_alias": "a", "ansible_connection": "ansible.builtin.local", "ansible_become": False}
    (away, fine), _play = wishes({"away": {"encrypted_s3_key_alias": "a", **elsewhere}, "fine": here})
    assert away.problem is not None
    assert away.problem.startswith("away: Buckets as hosts are worked on where ansible-playbook runs")
    assert fine.problem is None


def test_settings_for_a_key_that_is_brought_are_warned_of() -> None:
    brought = {"encrypted_s3_key_arn": "arn:x", "encrypted_s3_key_rotation_days": 90}
    (wish, quiet), _play = wishes({"a": brought, "b": {"encrypted_s3_key_alias": "a"}})
    assert wish.warnings == (
        "encrypted_s3_key_rotation_days not applied: the role never changes the key of encrypted_s3_key_arn.",
    )
    assert quiet.warnings == ()


def test_this_host_is_no_bucket_unless_one_is_named() -> None:
    (here, named), _play = wishes(
        {
            "localhost": {"encrypted_s3_key_alias": "a"},
            "127.0.0.1": {"encrypted_s3_key_alias": "a", "encrypted_s3_bucket": "uploads"},
        }
    )
    assert here.problem is not None
    assert "localhost is no name of a bucket" in here.problem
    assert (named.problem, named.bucket) == (None, "uploads")


def test_an_audit_may_ask_about_whatever_key_there_is() -> None:
    ((wish,), play) = wishes({"uploads": {}}, __encrypted_s3_key_optional=True)
    assert wish.problem is None
    assert "key" not in wish.asked
    assert not wish.asked.get("key_managed")
    wanted = Wishes(play.action(Action), play.task_vars, {"__encrypted_s3_key_optional": True})
    assert wanted.of_play("uploads").asked == wish.asked


def test_each_different_connection_has_a_name() -> None:
    connections = Connections()
    role = "arn:aws:iam::111122223333:role/Sealer"
    given: list[dict[str, Any]] = [
        {}, {"profile": "prod"}, {}, {"assume_role_arn": role}, {"profile": "prod", "endpoint_url": "x"},
        {"profile": "prod", "endpoint_url": "y"},
    ]  # fmt: skip
    names = [connections.name(one) for one in given]
    assert names == ["environment", "prod", "environment", "Sealer", "prod-2", "prod-3"]
    assert [one["name"] for one in connections.options] == ["environment", "prod", "Sealer", "prod-2", "prod-3"]
    assert connections.options[2] == {"name": "Sealer", "assume_role_arn": role}


def test_an_entry_names_its_host_and_its_place() -> None:
    connections = Connections()
    wish = Wish("host", "bucket", {"key": "alias/a"}, {"region": "eu-west-1", "profile": "prod"})
    assert fleet.entry(wish, connections) == {
        "id": "host",
        "name": "bucket",
        "region": "eu-west-1",
        "connection": "prod",
        "key": "alias/a",
    }
    # Where nothing else names a Region, who calls is asked in that of the bucket.
    assert connections.options == [{"name": "prod", "region": "eu-west-1", "profile": "prod"}]


def test_answers_are_kept_for_their_user_alone(run_folder: Path) -> None:
    answers = Answers("posture")
    assert answers.of("a/../b") is None
    answers.keep("a/../b", {"x": 1})
    answers.keep("a/../b", {"x": 2})
    assert Answers("posture").of("a/../b") == {"x": 2}
    assert Answers("seal").of("a/../b") is None
    (folder,) = run_folder.iterdir()
    (file,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    answers.drop("a/../b")
    answers.drop("a/../b")
    assert answers.of("a/../b") is None
    answers.keep("a", {})
    Answers("seal").keep("a", {})
    Answers.forget_all()
    assert (answers.of("a"), Answers("seal").of("a")) == (None, None)


RESULT = {
    "name": "uploads", "connection": "environment", "account": "111122223333", "region": "eu-west-1", "exists": True,
    "tags": None, "plan": {"create_key": True, "key_settings": True, "guard": True}, "blockers": [],
}  # fmt: skip
WISH = Wish("uploads", "uploads", {"key": "alias/a", "versioning": None, "require_tls": True}, {})
ARGS = {"bucket": "uploads", "key": "alias/a", "require_tls": True, "region": "eu-west-1"}


def test_a_posture_is_handed_over_once() -> None:
    fleet.hand_over("uploads", WISH, RESULT)
    found = fleet.handed_over("uploads", ARGS)
    assert found is not None
    assert found["bucket"] == {
        "name": "uploads",
        "exists": True,
        "region": "eu-west-1",
        "account": "111122223333",
    }
    assert found["plan"] == RESULT["plan"]
    assert not {"name", "connection", "tags"} & set(found)
    assert fleet.handed_over("uploads", ARGS) is None


@pytest.mark.parametrize("other", [{"bucket": "downloads"}, {"key": "alias/b"}, {"require_tls": False}])
def test_a_posture_of_something_else_is_not_handed_over(other: dict[str, Any]) -> None:
    fleet.hand_over("uploads", WISH, RESULT)
    assert fleet.handed_over("uploads", {**ARGS, **other}) is None
    assert fleet.handed_over("uploads", ARGS) is None


def test_an_old_posture_is_not_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.hand_over("uploads", WISH, RESULT)
    late = fleet.time.time() + fleet.FRESH_SECONDS + 1
    monkeypatch.setattr(fleet.time, "time", lambda: late)
    assert fleet.handed_over("uploads", ARGS) is None


def test_a_check_run_goes_on_as_if_the_key_were_made() -> None:
    fleet.hand_over("maker", Wish("maker", "uploads", WISH.asked, {}), RESULT)
    fleet.hand_over("other", Wish("other", "uploads", WISH.asked, {}), RESULT)
    fleet.hand_over_without_key("nobody", first_with_it=True)
    for _again in range(2):
        fleet.hand_over_without_key("maker", first_with_it=True)
    fleet.hand_over_without_key("other", first_with_it=False)
    made = {"create_key": False, "key_settings": False, "guard": True}

    def plans(host: str) -> list[Any]:
        found = []
        while (one := fleet.handed_over(host, ARGS)) is not None:
            found.append(one["plan"])
        return found

    assert plans("maker") == [RESULT["plan"], made]
    assert plans("other") == [made]


def test_one_that_is_not_there_has_no_place() -> None:
    assert fleet.of_one({**RESULT, "exists": False})["bucket"] == {
        "name": "uploads",
        "exists": False,
        "region": None,
        "account": None,
    }


def test_the_first_line_of_results_is_no_result(tmp_path: Path) -> None:
    path = tmp_path / "results"
    path.write_text('{"total": 2}\n{"name": "a"}\n{"name": "b"}\n', encoding="utf-8")
    assert [one["name"] for one in fleet.lines(path)] == ["a", "b"]
    path.write_text("", encoding="utf-8")
    assert list(fleet.lines(path)) == []


def test_what_was_not_asked_about_has_the_form_of_a_result() -> None:
    result = fleet.unread(WISH, "No key was given.")
    assert result["compliance"] == "could_not_look"
    assert result["blockers"] == ["No key was given."]
    assert result["account"] is result["region"] is result["policy"] is None
