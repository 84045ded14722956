# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules in the process of their task instead of a new Python each, waits for nothing, and tells what came of it.

Ansible runs as it does elsewhere: its own process for each task, the templating, the plugins, the rescues. A Python
that starts, and imports boto3, would take most of the time of all.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import time
import traceback
from pathlib import Path
from typing import Any

from ansible.module_utils.testing import patch_module_args
from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase

from ansible_collections.sealed.s3.plugins.module_utils.aws import interruption

DOCUMENTATION = """
name: in_this_process
type: aggregate
short_description: Run modules in the process of their task, and write down what came of each host
description: For the tests of the collection.
"""

_OURS = ("sealed.s3.", "amazon.aws.")
_sleep = time.sleep
_LONGEST = 0.01
# Before botocore is imported: it takes hold of the function.
time.sleep = lambda seconds: _sleep(min(float(seconds), _LONGEST))
_execute = ActionBase._execute_module
# Imported once, before Ansible forks.
for _name in (
    "amazon.aws.kms_key",
    "amazon.aws.kms_key_info",
    "amazon.aws.s3_bucket",
    "sealed.s3.kms_key_settings",
    "sealed.s3.sse_kms_info",
    "sealed.s3.sse_kms_policy",
    "sealed.s3.sse_kms_seal",
):
    _namespace, _collection, _module = _name.split(".")
    importlib.import_module(f"ansible_collections.{_namespace}.{_collection}.plugins.modules.{_module}")


def _in_this_process(action: Any, module_name: Any = None, module_args: Any = None, **more: Any) -> dict[str, Any]:
    name = str(module_name or action._task.resolved_action or action._task.action)
    if not name.startswith(_OURS):
        result: dict[str, Any] = _execute(action, module_name=module_name, module_args=module_args, **more)
        return result
    given = dict(action._task.args if module_args is None else module_args)
    action._update_module_args(name, given, more.get("task_vars") or {})
    namespace, collection, module = name.split(".")
    main = importlib.import_module(f"ansible_collections.{namespace}.{collection}.plugins.modules.{module}").main
    told = io.StringIO()
    with (
        interruption.left_to_the_process(),
        patch_module_args(given),
        contextlib.redirect_stdout(told),
        contextlib.suppress(SystemExit),
    ):
        try:
            main()
        except Exception as error:
            # As Ansible says of a module that has crashed.
            return {"failed": True, "msg": f"Module failed: {error}", "exception": traceback.format_exc()}
    answer: dict[str, Any] = json.loads(told.getvalue())
    answer.pop("invocation", None)
    return answer


setattr(ActionBase, "_execute_module", _in_this_process)  # noqa: B010


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "in_this_process"

    def _write(self, **line: Any) -> None:
        with Path(os.environ["FAULTS_OUTCOMES"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        told = result._result
        self._write(host=result._host.get_name(), task=result._task.get_name(), msg=told.get("msg"), result=told)

    def v2_runner_on_ok(self, result: Any) -> None:
        told = result._result
        handed_over = (told.get("ansible_facts") or {}).get("encrypted_s3_result")
        if handed_over:
            self._write(host=result._host.get_name(), handed_over=handed_over)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        for host in stats.processed:
            self._write(host=host, stats=stats.summarize(host))
