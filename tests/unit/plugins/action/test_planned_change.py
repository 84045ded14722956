# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import pytest
from ansible.errors import AnsibleError
from ansible.playbook.task import Task

from ansible_collections.sealed.s3.plugins.action.planned_change import ActionModule, readable


def run(*, check_mode: bool, **options: Any) -> dict[str, Any]:
    task = mock.MagicMock(spec=Task, args=options, check_mode=check_mode, async_val=0, diff=True)
    action = ActionModule(
        task=task,
        connection=mock.MagicMock(),
        play_context=mock.MagicMock(),
        loader=mock.MagicMock(),
        templar=mock.MagicMock(),
        shared_loader_obj=mock.MagicMock(),
    )
    return action.run(task_vars={})


def test_a_creation_is_reported_in_check_mode() -> None:
    result = run(check_mode=True, after={"name": "uploads"}, message="The bucket is created.")
    assert result["changed"] is True
    assert result["planned"] is True
    assert result["msg"] == "The bucket is created."
    assert result["diff"]["before"] == ""
    assert json.loads(result["diff"]["after"]) == {"name": "uploads"}
    assert result["diff"]["after_header"] == "The bucket is created."


def test_a_real_run_reports_no_change_and_no_diff() -> None:
    result = run(check_mode=False, after={"name": "uploads"})
    assert result["changed"] is False
    assert result["planned"] is False
    assert "diff" not in result


@pytest.mark.parametrize("value", [None, {}, {"a": [1, {"b": None}]}, "text", False])
def test_nothing_changes_where_before_equals_after(value: Any) -> None:
    result = run(check_mode=True, before=value, after=value)
    assert result["changed"] is False
    assert result["planned"] is True
    assert "diff" not in result


@pytest.mark.parametrize(("before", "after"), [({"a": 1}, {"a": 2}), ({"a": 1}, None), (None, {}), ("x\n", "x")])
def test_any_difference_is_a_change(before: Any, after: Any) -> None:
    assert run(check_mode=True, before=before, after=after)["changed"] is True


def test_an_unknown_option_is_refused_by_name() -> None:
    with pytest.raises(AnsibleError, match="afterwards"):
        run(check_mode=True, afterwards={})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("one line", "one line\n"),
        ("one line\n", "one line\n"),
        ({"b": 1, "a": "ü"}, '{\n  "a": "ü",\n  "b": 1\n}\n'),
        ([], "[]\n"),
        (False, "false\n"),
    ],
)
def test_readable(value: Any, text: str) -> None:
    assert readable(value) == text
