# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import io
import json
import os
import signal
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealed.s3.plugins.module_utils import runner
from ansible_collections.sealed.s3.plugins.module_utils.aws import interruption
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError, Refused
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError


def run(body: Any) -> tuple[dict[str, Any], Any]:
    told = io.StringIO()
    with patch_module_args({"region": "eu-west-3"}), contextlib.redirect_stdout(told), pytest.raises(SystemExit) as end:
        runner.run(AnsibleAWSModule(argument_spec={}), body)
    return json.loads(told.getvalue()), end.value.code


def raising(error: Exception) -> Any:
    def body(_module: Any) -> dict[str, Any]:
        raise error

    return body


def test_a_result_is_handed_over() -> None:
    result, code = run(lambda _module: {"changed": True, "size": 3})
    assert (result["changed"], result["size"], code) == (True, 3, 0)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Refused("It is not so. Do this.", previous_policy={"a": 1}), {"previous_policy": {"a": 1}}),
        (PolicyError("It is not so. Do this.", place="Statement[0]"), {"place": "Statement[0]"}),
        (AwsError("It is not so. Do this.", code="SlowDown"), {"error_code": "SlowDown"}),
    ],
)
def test_what_is_raised_becomes_the_message_with_its_details(error: Exception, told: dict[str, Any]) -> None:
    result, code = run(raising(error))
    assert code == 1
    assert result["failed"] is True
    assert result["msg"] == "It is not so. Do this."
    assert told.items() <= result.items()
    assert "exception" not in result


def test_a_bug_comes_through() -> None:
    with pytest.raises(KeyError), patch_module_args({"region": "eu-west-3"}):
        runner.run(AnsibleAWSModule(argument_spec={}), raising(KeyError("a bug")))


def test_a_warning_reaches_the_result_once_and_without_a_deprecation(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    monkeypatch.setattr(runner.warnings, "warn", given.append)

    def body(_module: Any) -> dict[str, Any]:
        runner.warn("Mind this.")
        return {"changed": False}

    result, _code = run(body)
    assert given == ["Mind this."]
    assert "deprecations" not in result


def interrupted(told: str = "", **details: Any) -> Any:
    """What reads and is interrupted."""

    def read() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    def body(_module: Any) -> dict[str, Any]:
        try:
            interruption.carried_out(read, asked="read it", reads=True)
        except AwsError as error:
            error.args = (f"{told}{error}",)
            error.details.update(details)
            raise
        return {}

    return body


@pytest.mark.parametrize(
    ("body", "msg"),
    [
        (
            interrupted(),
            "Interrupted by SIGTERM before it could read it. Nothing was changed. "
            "Run again: what is done is not done twice.",
        ),
        (
            interrupted("It was written. ", changed=True),
            "It was written. Interrupted by SIGTERM before it could read it. "
            "Run again: what is done is not done twice.",
        ),
        (
            interrupted("A further run does the rest. ", changed=True),
            "A further run does the rest. Interrupted by SIGTERM before it could read it.",
        ),
    ],
)
def test_an_interruption_says_what_was_changed_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, body: Any, msg: str
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(AnsibleAWSModule, "log", lambda _module, text: logged.append(text), raising=False)
    result, code = run(body)
    assert (result["msg"], code) == (msg, 1)
    assert logged == [msg]


def test_an_interruption_that_was_taken_for_no_answer_ends_it_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AnsibleAWSModule, "log", lambda _module, _text: None, raising=False)

    def body(module: Any) -> dict[str, Any]:
        with contextlib.suppress(AwsError):
            interrupted()(module)
        return {"changed": False, "msg": "It is fine.", "found": 3}

    result, _code = run(body)
    assert result["failed"] is True
    assert result["msg"].startswith("Interrupted by SIGTERM before it could read it. Nothing was changed.")
    assert result["found"] == 3


def test_a_signal_that_comes_too_late_changes_nothing() -> None:
    def body(_module: Any) -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGINT)
        return {"changed": True}

    result, code = run(body)
    assert (result["changed"], code) == (True, 0)
