# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say of one host what fleet_posture or fleet_seal has found out or done for it."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.sealed.s3.plugins.plugin_utils import fleet, fleet_plan

ARGUMENTS: dict[str, dict[str, Any]] = {
    "of": {"type": "str", "choices": ["posture", "keys", "seal"], "required": True},
    "failure": {"type": "str"},
    "changed": {"type": "bool", "default": False},
    "previous_key_policy": {"type": "dict", "no_log": False},
}
_FOUND = ("way", "bucket", "region", "msg", "compliance", "findings", "plan")
_TOLD = ("changed", "msg", "steps", "backup_file", "diff", "warnings")


class ActionModule(ActionBase):
    """Runs on the controller, needs no connection and touches nothing."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = ActionBase.validate_argument_spec(self, argument_spec=ARGUMENTS)
        variables = task_vars or {}
        host = variables["inventory_hostname"]
        found = fleet.Answers("posture").of(host)
        # A host that an earlier run in the same ansible-playbook has left in a group is none of this one's.
        told: dict[str, Any] = {"left": False}
        if options["of"] == "keys":
            told["left"] = found is not None and fleet.Answers("keys").of(host) is not None
            if options["failure"]:
                kept_failure = {name: options[name] for name in ("failure", "changed", "previous_key_policy")}
                fleet.Answers("keys-failed").keep(host, kept_failure)
        elif found is not None and options["of"] == "posture":
            told.update(_of_posture(found))
        elif found is not None:
            kept = fleet.Answers("seal").of(host)
            told["left"] = kept is None and found["way"] == fleet_plan.ROLE
            if kept is not None:
                told.update(_of_seal(kept, variables.get("__encrypted_s3_key_done") or {}))
                told.update(_of_the_key(host, found, told))
        return {**result, "changed": False, **told}


def _of_the_key(host: str, found: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """What else is told where the host's key could not be made or settled, by itself or by the host that was to."""
    failed = fleet.Answers("keys-failed").of(host)
    if failed is not None:
        changed = bool(told.get("changed") or failed["changed"])
        return {
            "failed": True,
            "changed": changed,
            "msg": f"{failed['failure']} The bucket itself: {told['msg']}",
            "previous_key_policy": failed["previous_key_policy"],
        }
    maker = found.get("key_host")
    failed = fleet.Answers("keys-failed").of(maker) if maker and told.get("failed") else None
    if failed is None:
        return {}
    return {"msg": f"{told['msg']} Host {maker} was to make the key, and that failed. {failed['failure']}"}


def _of_posture(kept: dict[str, Any]) -> dict[str, Any]:
    told = {name: kept[name] for name in _FOUND}
    if kept["way"] == fleet_plan.FAILED:
        return {**told, "failed": True}
    if kept["way"] == fleet_plan.FINE:
        result = _result(kept, changed=[], previous_policy=kept["policy"], previous_encryption=kept["encryption"])
        told["ansible_facts"] = {"encrypted_s3_result": result}
    return told


def _of_seal(kept: dict[str, Any], key_done: dict[str, Any]) -> dict[str, Any]:
    told = {name: kept[name] for name in _TOLD if kept.get(name)}
    # Also beside the facts, which do not count where the host fails because of its key.
    previous = {
        "previous_policy": kept.get("previous_policy"),
        "previous_encryption": kept.get("previous_encryption"),
        "previous_key_policy": key_done.get("previous_key_policy"),
    }
    told.update(previous)
    if kept.get("failed"):
        return {**told, "failed": True}
    told["ansible_facts"] = {
        "encrypted_s3_result": _result(
            kept,
            changed=[*key_done.get("steps", ()), *kept["steps"]],
            **previous,
            warnings=[*key_done.get("warnings", ()), *(kept.get("warnings") or ())],
            lost_keys=key_done.get("lost_keys", []),
        )
    }
    return told


def _result(kept: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the role hands over as encrypted_s3_result."""
    return {
        "bucket": kept["bucket"],
        "key_arn": kept["key_arn"],
        "conflicts": kept.get("conflicts") or [],
        "warnings": kept.get("warnings") or [],
        "lost_keys": [],
        "previous_key_policy": None,
        **more,
    }
