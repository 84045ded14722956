# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say why a step of the role failed and what came of it, and go on where all has come about all the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.sealed.s3.plugins.plugin_utils import failed_step

ARGUMENTS: dict[str, dict[str, Any]] = {
    "of": {"type": "str", "choices": ["call", "bucket", "key", "lost_keys", "run"], "required": True},
    "result": {"type": "dict"},
    "asked": {"type": "str"},
    "hint": {"type": "str"},
    "name": {"type": "str"},
    "plan": {"type": "dict"},
    "now": {"type": "dict"},
    "creation": {"type": "str"},
    "found": {"type": "dict"},
    "disabled": {"type": "list", "elements": "dict", "default": []},
    "done": {"type": "list", "elements": "str", "default": []},
    "lost_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "settled": {"type": "dict", "default": {}},
}


class ActionModule(ActionBase):
    """Runs on the controller, needs no connection and touches nothing."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = ActionBase.validate_argument_spec(
            self,
            argument_spec=ARGUMENTS,
            required_if=[
                ("of", "call", ["result", "asked"]),
                ("of", "bucket", ["result", "asked", "name", "plan", "now"]),
                ("of", "key", ["result", "asked", "name", "creation", "found"]),
                ("of", "run", ["result", "plan"]),
            ],
        )
        # A check run has done nothing, whatever it has foretold.
        done = [] if self._task.check_mode else options["done"]
        return {**result, **_told({**options, "done": done})}


def _told(options: Mapping[str, Any]) -> dict[str, Any]:
    failed = options["result"]
    if options["of"] == "lost_keys":
        return {"changed": False, "sentences": failed_step.lost(options["disabled"])}
    if options["of"] == "run":
        about = {name: options[name] for name in ("plan", "done", "lost_keys", "settled")}
        return {**failed_step.of_run(failed, **about), "failed": True}
    if options["of"] == "call":
        hint = f" {options['hint']}" if options["hint"] else ""
        return {"failed": True, "changed": False, "msg": f"{failed_step.sentence(failed, options['asked'])}{hint}"}
    if options["of"] == "bucket":
        outcome = failed_step.of_bucket(
            failed, options["asked"], bucket=options["name"], plan=options["plan"], now=options["now"]
        )
    else:
        outcome = failed_step.of_key(
            failed,
            options["asked"],
            alias=options["name"],
            creation=options["creation"],
            found=options["found"],
            disabled=options["disabled"],
        )
    told: dict[str, Any] = {"changed": outcome.changed}
    if outcome.complete:
        return {**told, "sentences": [outcome.msg] if outcome.msg else []}
    # A bucket that was made, and not as it was asked for, is one that was made.
    steps = {"steps": ["bucket"]} if options["of"] == "bucket" and outcome.changed else {}
    return {**told, **steps, "failed": True, "msg": outcome.msg}
