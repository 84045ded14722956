# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say of one host what fleet_posture or fleet_seal has found out or done for it."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.sealed.s3.plugins.plugin_utils import fleet, fleet_plan

ARGUMENTS: dict[str, dict[str, Any]] = {"of": {"type": "str", "choices": ["posture", "seal"], "required": True}}

_TOLD = ("changed", "msg", "steps", "backup_file", "diff", "warnings")


class ActionModule(ActionBase):
    """Runs on the controller, needs no connection and touches nothing."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = ActionBase.validate_argument_spec(self, argument_spec=ARGUMENTS)
        host = (task_vars or {})["inventory_hostname"]
        kept = fleet.Answers(options["of"]).of(host)
        if kept is None:
            return {**result, "changed": False, "left": True}
        told = _of_posture(kept) if options["of"] == "posture" else _of_seal(kept)
        return {**result, "changed": False, "left": False, **told}


def _of_posture(kept: dict[str, Any]) -> dict[str, Any]:
    told = {name: kept[name] for name in ("way", "bucket", "msg", "compliance", "findings", "plan")}
    if kept["way"] == fleet_plan.FAILED:
        return {**told, "failed": True}
    if kept["way"] == fleet_plan.FINE:
        told["ansible_facts"] = {
            "encrypted_s3_result": _result(kept, changed=[], previous_policy=kept["policy"], warnings=[])
        }
    return told


def _of_seal(kept: dict[str, Any]) -> dict[str, Any]:
    told = {name: kept[name] for name in _TOLD if kept.get(name)}
    if kept.get("failed"):
        return {**told, "failed": True, "previous_policy": kept.get("previous_policy")}
    told["ansible_facts"] = {
        "encrypted_s3_result": _result(
            kept, changed=kept["steps"], previous_policy=kept["previous_policy"], warnings=kept.get("warnings") or []
        )
    }
    return told


def _result(kept: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the role hands over as encrypted_s3_result."""
    return {
        "bucket": kept["bucket"],
        "key_arn": kept["key_arn"],
        "conflicts": kept.get("conflicts") or [],
        "lost_keys": [],
        **more,
    }
