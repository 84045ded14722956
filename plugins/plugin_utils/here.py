# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module that only reads in the process that runs its task, where that makes no difference but time.

A module is packed, handed to a new Python, and compiled there: half of what a short one takes. Where it would run on
this host, by this Python, as this user and in this environment, it can as well be called here; the process is that of
its task alone.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.testing import patch_module_args
from ansible.plugins.action import ActionBase

from ansible_collections.sealed.s3.plugins.module_utils.aws import interruption


def run_module(action: ActionBase, name: str, args: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
    """The result of a module of this collection, run here where that is the same, else as any other.

    :param name: the module's name without that of the collection.
    """
    given = dict(args)
    if not _is_same_here(action, task_vars):
        result: dict[str, Any] = action._execute_module(
            module_name=f"sealed.s3.{name}",
            module_args=given,
            task_vars=task_vars,
            wrap_async=bool(action._task.async_val),
        )
        return result
    action._update_module_args(f"sealed.s3.{name}", given, task_vars)
    module = importlib.import_module(f"ansible_collections.sealed.s3.plugins.modules.{name}")
    told = io.StringIO()
    with (
        interruption.left_to_the_process(),
        patch_module_args(given),
        contextlib.redirect_stdout(told),
        contextlib.suppress(SystemExit),
    ):
        module.main()
    answer: dict[str, Any] = json.loads(told.getvalue())
    return answer


def _is_same_here(action: ActionBase, task_vars: Mapping[str, Any]) -> bool:
    task, connection = action._task, action._connection
    python = task_vars.get("ansible_python_interpreter")
    return (
        connection.transport == "local"
        and not connection.become
        and not task.async_val
        and not any(task.environment or ())
        and python is not None
        and action._templar.template(python) == sys.executable
    )
