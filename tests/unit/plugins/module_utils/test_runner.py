# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ansible_collections.sealed.s3.plugins.module_utils import runner
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
