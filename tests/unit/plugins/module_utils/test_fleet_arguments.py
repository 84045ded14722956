# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import _list_no_log_values
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.sealed.s3.plugins.module_utils import arguments, fleet_arguments, key_settings
from ansible_collections.sealed.s3.plugins.module_utils.aws import fleet
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError, Refused
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session
from ansible_collections.sealed.s3.plugins.module_utils.fleet_arguments import DEFAULT, Asked, Connections

SPEC: dict[str, Any] = {
    **fleet_arguments.FLEET_ARGUMENTS,
    **arguments.INTENT_ARGUMENTS,
    "profile": {"type": "str"},
    "access_key": {"type": "str"},
    "secret_key": {"type": "str"},
    "session_token": {"type": "str"},
    "endpoint_url": {"type": "str"},
    "region": {"type": "str"},
}
ESCAPE = "\x1b[31m"


def params(**options: Any) -> dict[str, Any]:
    """The parameters of a module, as Ansible hands them on."""
    found = ArgumentSpecValidator(SPEC).validate(options)
    assert found.error_messages == []
    checked: dict[str, Any] = found.validated_parameters
    return checked


def asked(*buckets: Any, **options: Any) -> list[Asked]:
    return list(fleet_arguments.asked(params(buckets=list(buckets), **options), arguments.INTENT_ARGUMENTS))


def one(bucket: Any, **options: Any) -> Asked:
    (found,) = asked(bucket, **options)
    return found


# --- asked ---


def test_a_bucket_takes_from_the_task_what_it_does_not_say() -> None:
    plain, own = asked(
        "plain",
        {"name": "own", "key": "alias/own", "versioning": False, "region": "us-east-1", "connection": "b", "id": "x"},
        key="alias/all",
        versioning=True,
        tags={"team": "a"},
    )
    assert (plain.name, plain.connection, plain.region, plain.problem, plain.id) == ("plain", DEFAULT, None, None, None)
    assert (plain.params["bucket"], plain.params["key"], plain.params["versioning"]) == ("plain", "alias/all", True)
    assert (own.connection, own.region, own.problem, own.id) == ("b", "us-east-1", None, "x")
    assert (own.params["bucket"], own.params["key"], own.params["versioning"]) == ("own", "alias/own", False)
    assert plain.params["tags"] == own.params["tags"] == {"team": "a"}
    assert own.params["enforcement"] == "deny_overrides"


def test_no_buckets_are_no_buckets() -> None:
    assert asked() == []
    assert list(fleet_arguments.asked(params(), arguments.INTENT_ARGUMENTS)) == []


def test_a_bucket_can_be_named_more_than_once() -> None:
    assert [bucket.name for bucket in asked("a-bucket", "a-bucket", {"name": "a-bucket"})] == ["a-bucket"] * 3


def test_null_is_the_same_as_left_out() -> None:
    found = one({"name": "a", "key": None, "state": None, "region": None, "connection": None}, key="alias/all")
    assert (found.params["key"], found.params["state"], found.region, found.connection) == (
        "alias/all",
        "present",
        None,
        DEFAULT,
    )


def test_what_may_be_left_out_is_there_without_a_value() -> None:
    found = one("a")
    assert set(arguments.INTENT_ARGUMENTS) <= set(found.params)
    assert [found.params[name] for name in ("key", "key_settings", "versioning", "tags")] == [None] * 4


def test_options_are_converted_as_those_of_a_task() -> None:
    found = one(
        {
            "name": "a",
            "blocked_encryption_types": "SSE-C",
            "versioning": "yes",
            "bucket_key": "off",
            "require_tls": 0,
            "accepted_keys": "one,two",
            "tags": '{"team": "a"}',
            "key_settings": {"rotation_period_in_days": "180", "users": "one", "rotation": "true"},
        }
    )
    assert found.problem is None
    assert found.params["blocked_encryption_types"] == ["SSE-C"]
    assert (found.params["versioning"], found.params["bucket_key"], found.params["require_tls"]) == (True, False, False)
    assert found.params["accepted_keys"] == ["one", "two"]
    assert found.params["tags"] == {"team": "a"}
    assert found.params["key_settings"]["rotation_period_in_days"] == 180


def test_settings_of_the_key_are_taken_as_a_whole() -> None:
    """Who says some of them for a bucket says all; what is left out of these has its own default."""
    whole, own = asked(
        "whole",
        {"name": "own", "key_settings": {"description": "mine"}},
        key_settings={"users": ["u"], "rotation": False, "users_through_s3_only": True},
    )
    assert whole.params["key_settings"]["users"] == ["u"]
    assert whole.params["key_settings"]["rotation"] is False
    defaults = {name: spec.get("default") for name, spec in key_settings.ARGUMENTS.items()}
    assert own.params["key_settings"] == {**defaults, "description": "mine"}


def test_what_one_bucket_says_stays_with_it() -> None:
    first, second = asked("a", "b", tags={"x": "y"}, key_settings={"users": ["u"]})
    first.params["tags"]["x"] = "changed"
    first.params["key_settings"]["users"].append("v")
    assert second.params["tags"] == {"x": "y"}
    assert second.params["key_settings"]["users"] == ["u"]


@pytest.mark.parametrize(
    ("bucket", "said"),
    [
        (5, '"5" is neither a name nor a mapping'),
        (None, '"None" is neither a name nor a mapping'),
        (["a"], "is neither a name nor a mapping"),
        ({}, "a mapping without a name"),
        ({"name": ""}, "a mapping without a name"),
        ({"name": None, "key": "x"}, "a mapping without a name"),
        ({"name": True}, "a mapping without a name"),
        ({"name": ["a"]}, "a mapping without a name"),
        ({"key": "x", "colour": "red"}, "a mapping without a name"),
        ({"name": "a", "region": ["x"], "connection": False}, "a: connection is no text. region is no text."),
        ({"name": "a", "colour": "red", 7: 8}, "a has 7, colour. There is name, connection, region, id, state, key,"),
        ({"name": "a", "bucket": "b"}, "a has bucket"),
        ({"name": "a", "secret_key": "x"}, "a has secret_key"),
        ({"name": "a", "versioning": "perhaps"}, "'perhaps' is not a valid boolean"),
        ({"name": "a", "state": "gone"}, "state must be one of: present, absent, got: gone"),
        ({"name": "a", "blocked_encryption_types": ["AES"]}, "blocked_encryption_types must be one or more of"),
        ({"name": "a", "tags": "text"}, "tags"),
        ({"name": "a", "tags": ["x"]}, "tags"),
        ({"name": "a", "key_settings": "text"}, "key_settings"),
        ({"name": "a", "key_settings": [1]}, "a: key_settings is no mapping."),
        ({"name": "a", "key_settings": 1}, "a: key_settings is no mapping."),
        ({"name": "a", "key_settings": {"colour": "red"}}, "key_settings.colour. Supported parameters include"),
        ({"name": "a", "key_settings": {"rotation": "perhaps"}}, "'perhaps' is not a valid boolean"),
        ({"name": "a", "key_settings": {"rotation_period_in_days": "Infinity"}}, "a: an option is not what"),
    ],
)
def test_what_cannot_be_asked_is_told_for_that_bucket_alone(bucket: Any, said: str) -> None:
    before, wrong, after = asked("before", bucket, "after")
    assert wrong.problem is not None
    assert said in wrong.problem
    assert wrong.problem.startswith("buckets: ")
    assert wrong.problem.endswith(".")
    assert not wrong.problem.endswith("..")
    with pytest.raises(AwsError, match="buckets: "):
        fleet_arguments.refused(wrong)
    for fine in (before, after):
        assert fine.problem is None
        fleet_arguments.refused(fine)


def test_a_name_may_be_a_number_without_quotes() -> None:
    found = one({"name": 111122223333, "id": 0})
    assert (found.name, found.params["bucket"], found.id) == ("111122223333", "111122223333", "0")


def test_more_that_is_required_is_said_by_who_asks() -> None:
    required = [("state", "present", ["key"])]
    given = params(buckets=["a", {"name": "b", "state": "absent"}, {"name": "c", "key": "x"}])
    found = fleet_arguments.asked(given, arguments.INTENT_ARGUMENTS, required_if=required)
    assert [bucket.problem for bucket in found] == [
        "buckets: a: state is present but all of the following are missing: key.",
        None,
        None,
    ]


@pytest.mark.parametrize(
    "bucket",
    [
        {"name": ESCAPE, "colour": "red"},
        {"name": "a", ESCAPE: "red"},
        {"name": "a", "versioning": ESCAPE},
        {"name": "a", "state": ESCAPE},
        {"name": "a", "key_settings": ESCAPE},
        {"name": "a", "key_settings": {ESCAPE: 1}},
        [ESCAPE],
    ],
)
def test_what_was_given_is_quoted_without_its_escapes(bucket: Any) -> None:
    found = one(bucket)
    assert found.problem is not None
    assert found.problem.isprintable()


_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=6), some, max_size=3),
    max_leaves=8,
)
_options = st.sampled_from([*arguments.INTENT_ARGUMENTS, "name", "connection", "region", "id"])
_settings = st.dictionaries(st.sampled_from(sorted(key_settings.ARGUMENTS)), _json, max_size=3)


@given(_json | st.dictionaries(_options | st.text(max_size=4), _json | _settings, max_size=5))
@example({"name": "a", "key_settings": [1]})
@example({"name": "a", "key_settings": [{"users": 1}, 2]})
@example({"name": {"a": 1}, "id": False})
def test_nothing_that_is_given_breaks_the_run(bucket: Any) -> None:
    wrong, fine = asked(bucket, "fine")
    assert wrong.problem is None or wrong.problem.startswith("buckets: ")
    assert wrong.problem is not None or wrong.name
    assert fine.problem is None


# --- Connections ---


def connections(*given: dict[str, Any], **options: Any) -> Connections:
    return Connections(params(connections=list(given), **options))


def options_of(here: Connections, name: str) -> dict[str, Any]:
    return dict(here.session(name)._params)


def test_without_connections_there_is_that_of_the_task() -> None:
    here = connections(region="eu-west-3")
    assert here.names == [DEFAULT]
    assert here.session(DEFAULT).region == "eu-west-3"
    assert here.session(DEFAULT) is here.session(DEFAULT)


def test_a_connection_takes_from_the_task_what_it_does_not_say() -> None:
    here = connections(
        {"name": "b", "region": "us-east-1"},
        {"name": "a", "assume_role_arn": "arn:aws:iam::444455556666:role/Auditor", "assume_role_external_id": "x"},
        region="eu-west-3",
        profile="production",
        endpoint_url="http://127.0.0.1:1",
    )
    assert here.names == ["b", "a"]
    b, a = options_of(here, "b"), options_of(here, "a")
    assert (b["region"], b["profile"], b["endpoint_url"]) == ("us-east-1", "production", "http://127.0.0.1:1")
    assert (a["region"], a["profile"], a["assume_role_external_id"]) == ("eu-west-3", "production", "x")
    assert options_of(here, DEFAULT)["region"] == "eu-west-3"


@pytest.mark.parametrize("own", [{"profile": "mine"}, {"access_key": "AKIDMINE", "secret_key": "s"}])
def test_who_gives_credentials_means_these_alone(own: dict[str, str]) -> None:
    here = connections(
        {"name": "own", **own}, profile="p", access_key="AKIDTASK", secret_key="task", session_token="token"
    )
    found = options_of(here, "own")
    names = ("profile", "access_key", "secret_key", "session_token")
    assert {name: found[name] for name in names if found[name] is not None} == own


def test_empty_text_is_nothing() -> None:
    """As a template gives it for a variable that is not there."""
    here = connections(
        {"name": "own", "access_key": "", "secret_key": "", "endpoint_url": "", "region": ""},
        access_key="AKIDTASK",
        secret_key="task",
        region="eu-west-3",
    )
    found = options_of(here, "own")
    assert (found["access_key"], found["secret_key"], found["region"]) == ("AKIDTASK", "task", "eu-west-3")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"validate_certs": "perhaps"}, "validate_certs is neither true nor false"),
        ({"validate_certs": ["a"]}, "validate_certs is neither true nor false"),
        ({"aws_config": "a-text"}, "aws_config is no mapping"),
        ({"aws_config": ["a"]}, "aws_config is no mapping"),
        (
            {"validate_certs": {"a": 1}, "aws_config": True},
            "validate_certs is neither true nor false, aws_config is no mapping",
        ),
    ],
)
def test_a_connection_that_is_wrong_is_told_for_its_buckets_alone(wrong: dict[str, Any], said: str) -> None:
    here = connections({"name": f"a{ESCAPE}", "profile": "p", **wrong}, {"name": "b"}, region="eu-west-3")
    for _again in range(2):
        with pytest.raises(Refused) as refusal:
            here.session(f"a{ESCAPE}")
        assert str(refusal.value) == rf"connections: a\u001b[31m: {said}."
    assert here.session("b").region == here.session(DEFAULT).region == "eu-west-3"
    assert here.names == [f"a{ESCAPE}", "b"]
    assert here.variables(f"a{ESCAPE}") == {"profile": "p"}


def test_options_of_a_connection_are_converted_as_those_of_a_task() -> None:
    here = connections(
        {"name": "a", "validate_certs": "no", "aws_config": '{"retries": {"mode": "legacy"}}'},
        {"name": "b", "validate_certs": True, "aws_config": {"connect_timeout": 3}},
        {"name": "c", "validate_certs": "", "aws_config": ""},
        {"name": "d"},
    )
    found = {name: options_of(here, name) for name in here.names}
    assert (found["a"]["validate_certs"], found["a"]["aws_config"]) == (False, {"retries": {"mode": "legacy"}})
    assert (found["b"]["validate_certs"], found["b"]["aws_config"]) == (True, {"connect_timeout": 3})
    for name in ("c", "d"):
        assert {"validate_certs", "aws_config"}.isdisjoint(found[name])


def test_the_connection_of_the_task_can_be_given_anew_beside_others() -> None:
    here = connections({"name": "b"}, {"name": DEFAULT, "region": "us-east-1"}, region="eu-west-3")
    assert here.names == ["b", DEFAULT]
    assert here.session(DEFAULT).region == "us-east-1"
    assert here.session("b").region == "eu-west-3"


def test_a_name_that_is_there_twice_is_refused() -> None:
    with pytest.raises(Refused, match=r"connections: a, b\\u001b\[31m is there more than once\. Give each a name"):
        connections(*({"name": name} for name in (f"b{ESCAPE}", "a", "c", "a", f"b{ESCAPE}", "a")))


def test_a_connection_that_is_not_there_is_told() -> None:
    here = connections({"name": "production"}, {"name": ESCAPE})
    said = r'connection: there is no "\\u001b\[31mx" among connections\. There is default, production, \\u001b\[31m\.'
    with pytest.raises(Refused, match=said):
        here.session(f"{ESCAPE}x")
    assert here.variables(f"{ESCAPE}x") == {}


def test_what_a_command_needs_of_a_connection_is_nothing_secret() -> None:
    here = connections(
        {"name": "a", "profile": "p", "endpoint_url": "https://user:password@s3.example:4566/x"},
        {"name": "b", "access_key": "AKID", "secret_key": "secret", "session_token": "token"},
        {"name": "c", "assume_role_arn": "arn:aws:iam::444455556666:role/Auditor", "assume_role_external_id": "x"},
    )
    assert here.variables("a") == {"profile": "p", "endpoint_url": "https://s3.example:4566/x"}
    assert here.variables("b") == {}
    assert here.variables("c") == {"assume_role_arn": "arn:aws:iam::444455556666:role/Auditor"}
    assert here.variables(DEFAULT) == {}


def test_what_is_secret_of_a_connection_is_kept_out_of_logs_whatever_else_is_wrong_with_it() -> None:
    given = [
        {"name": "a", "secret_key": "secret", "session_token": "token", "validate_certs": "perhaps"},
        {"name": "b", "secret_key": "other", "aws_config": "text"},
    ]
    assert _list_no_log_values(fleet_arguments.FLEET_ARGUMENTS, {"connections": given}) == {"secret", "token", "other"}


@pytest.mark.parametrize("number", [0, -1, 65])
def test_a_number_of_threads_that_cannot_be_is_refused(number: int) -> None:
    with pytest.raises(Refused, match=rf"threads: expected 1 to 64, found {number}\."):
        connections(threads=number)


def test_the_number_of_threads_reaches_the_sessions() -> None:
    assert connections().threads == 16
    assert connections(threads=64).session(DEFAULT)._threads == 64


def test_threads_that_come_at_once_get_the_same_session(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(4)
    original = Session.__init__

    def slowly(self: Session, *args: Any, **given: Any) -> None:
        together.wait(10)
        original(self, *args, **given)

    monkeypatch.setattr(Session, "__init__", slowly)
    here = connections()
    assert len(set(fleet.each(lambda _number: here.session(DEFAULT), range(4), threads=4))) == 1
