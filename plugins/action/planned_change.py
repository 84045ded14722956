# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report in check mode the change that another task would make, for modules that cannot report it themselves."""

from __future__ import annotations

import json
from typing import Any

from ansible.plugins.action import ActionBase

ARGUMENTS: dict[str, dict[str, Any]] = {
    "before": {"type": "raw"},
    "after": {"type": "raw"},
    "message": {"type": "str"},
}


def readable(value: Any) -> str:
    """A value as the lines of a diff: text as it is, everything else as JSON. Nothing at all is an empty text."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    return text if text.endswith("\n") else text + "\n"


class ActionModule(ActionBase):
    """Runs on the controller, needs no connection and touches nothing."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return planned (whether this is check mode), and report the change when it is and before and after differ."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        # Not by way of self: mypy would take the untyped method for one of ours.
        _validation, options = ActionBase.validate_argument_spec(self, argument_spec=ARGUMENTS)
        planned = bool(self._task.check_mode)
        result.update(changed=False, planned=planned)
        if options["message"]:
            result["msg"] = options["message"]
        if planned and options["before"] != options["after"]:
            result["changed"] = True
            result["diff"] = {
                "before": readable(options["before"]),
                "after": readable(options["after"]),
                "before_header": "before",
                "after_header": options["message"] or "after",
            }
        return result
