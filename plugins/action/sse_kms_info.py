# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run sse_kms_info without a Python of its own where that makes no difference, and no second time where it just ran."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.sealed.s3.plugins.plugin_utils import fleet, here


class ActionModule(ActionBase):
    """The options are those of the module."""

    TRANSFERS_FILES = False
    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        result.update(self._handed_over(variables) or here.run_module(self, "sse_kms_info", self._task.args, variables))
        return result

    def _handed_over(self, task_vars: dict[str, Any]) -> dict[str, Any] | None:
        """What sealed.s3.encrypt has read for this host, when the role of this collection asks the very same."""
        role = self._task._role
        if role is None or role.get_name() != "sealed.s3.encrypted_s3":
            return None
        return fleet.handed_over(task_vars["inventory_hostname"], self._task.args)
