# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import sys
from typing import Any
from unittest import mock

import pytest
from ansible.module_utils import basic

from ansible_collections.sealed.s3.plugins.action.sse_kms_info import ActionModule
from ansible_collections.sealed.s3.plugins.modules import sse_kms_info
from ansible_collections.sealed.s3.plugins.plugin_utils import fleet, here
from ansible_collections.sealed.s3.tests.unit.fake_play import FakePlay

ARGS = {"bucket": "uploads", "key": "alias/a"}
AWAY = {"changed": False, "ran": "away"}


@pytest.fixture(autouse=True)
def module(monkeypatch: pytest.MonkeyPatch) -> None:
    def main() -> None:
        given = json.loads(basic._ANSIBLE_ARGS or b"")["ANSIBLE_MODULE_ARGS"]
        print(json.dumps({"changed": False, "ran": "here", "args": given}))
        sys.exit(0)

    monkeypatch.setattr(sse_kms_info, "main", main)


def action(play: FakePlay, **args: Any) -> Any:
    made = play.action(ActionModule, **args)
    made._execute_module = mock.MagicMock(return_value=AWAY)
    made._update_module_args = lambda name, args, task_vars: args.update(_ansible_module_name=name)
    return made


def play_here() -> tuple[FakePlay, dict[str, Any]]:
    play = FakePlay({"uploads": {}})
    return play, {**play.task_vars, "ansible_python_interpreter": sys.executable}


def test_a_module_runs_here_where_that_is_the_same() -> None:
    play, task_vars = play_here()
    made = action(play, **ARGS)
    told = made.run(task_vars=task_vars)
    assert told["ran"] == "here"
    assert told["args"] == {**ARGS, "_ansible_module_name": "sealed.s3.sse_kms_info"}
    made._execute_module.assert_not_called()
    assert basic._ANSIBLE_ARGS is None


@pytest.mark.parametrize("what", ["connection", "become", "async", "environment", "python", "no python"])
def test_it_runs_as_any_other_where_that_makes_a_difference(what: str) -> None:
    play, task_vars = play_here()
    if what == "environment":
        play.environment = [{}, {"AWS_PROFILE": "prod"}]
    made = action(play, **ARGS)
    if what == "connection":
        made._connection.transport = "ssh"
    if what == "become":
        made._connection.become = mock.MagicMock()
    if what == "async":
        made._task.async_val = 10
    if what == "python":
        task_vars["ansible_python_interpreter"] = "/usr/bin/python-of-somebody-else"
    if what == "no python":
        del task_vars["ansible_python_interpreter"]
    assert made.run(task_vars=task_vars)["ran"] == "away"
    made._execute_module.assert_called_once_with(
        module_name="sealed.s3.sse_kms_info", module_args=ARGS, task_vars=task_vars, wrap_async=what == "async"
    )


def test_what_a_module_raises_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def main() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sse_kms_info, "main", main)
    play, task_vars = play_here()
    with pytest.raises(ZeroDivisionError):
        here.run_module(action(play, **ARGS), "sse_kms_info", ARGS, task_vars)


def test_only_the_role_is_handed_what_was_just_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def handed_over(host: str, args: Any) -> Any:
        asked.append((host, args))
        return {"ran": "before"}

    monkeypatch.setattr(fleet, "handed_over", handed_over)
    play, task_vars = play_here()
    made = action(play, **ARGS)
    assert made.run(task_vars=task_vars)["ran"] == "here"
    made._task._role = mock.MagicMock()
    made._task._role.get_name.return_value = "somebody.elses.role"
    assert made.run(task_vars=task_vars)["ran"] == "here"
    assert asked == []
    made._task._role.get_name.return_value = "sealed.s3.encrypted_s3"
    assert made.run(task_vars=task_vars)["ran"] == "before"
    assert asked == [("uploads", ARGS)]
