# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set default encryption and the guard of all buckets of a batch that need nothing else, in one module run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.sealed.s3.plugins.module_utils.fleet_summary import buckets
from ansible_collections.sealed.s3.plugins.plugin_utils import fleet, fleet_plan
from ansible_collections.sealed.s3.plugins.plugin_utils.fleet import Wish

ARGUMENTS: dict[str, dict[str, Any]] = {"threads": {"type": "int"}}

# Of what sse_kms_info is asked, what says how a bucket is to be sealed.
_OPTIONS = (
    "bucket_key",
    "blocked_encryption_types",
    "enforcement",
    "accepted_keys",
    "require_tls",
    "guard_object_encryption_updates",
    "guard_replicas",
    "encryption_admins",
    "exempt_principals",
    "exempt_services",
    "on_conflict",
    "allow_lockout",
)


class ActionModule(ActionBase):
    """Keeps each host's answer for its own task, and returns what concerns all of them."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = ActionBase.validate_argument_spec(self, argument_spec=ARGUMENTS)
        fleet.refuse_elsewhere(self)
        variables = task_vars or {}
        wanted = fleet.Wishes(self, variables)
        wishes = {host: wanted.of(host) for host in _hosts(variables["ansible_play_batch"])}
        if not wishes:
            return {
                **result,
                "changed": False,
                "msg": "No bucket needs default encryption and guard alone.",
            }

        def seal(args: dict[str, Any]) -> dict[str, Any]:
            told: dict[str, Any] = self._execute_module(
                module_name="sealed.s3.sse_kms_seal", module_args=args, task_vars=variables
            )
            return told

        with fleet.module_run(seal, self._asked(wishes, options), what="buckets sealed") as module:
            sealed = {one["id"]: one for one in module.results}
        for host, wish in wishes.items():
            # What was done before the module failed as a whole is told all the same.
            _keep(wish, sealed.get(host) or {"failed": True, "msg": wish.problem or module.failure or _UNSAID})
        failed = len(wishes) - sum(not one["failed"] for one in sealed.values())
        changed = sum(one["changed"] for one in sealed.values())
        told = f"{buckets(len(wishes))}: {changed} changed, {failed} failed."
        Display().display(told)
        # Each host reports its own change.
        return {**result, "changed": False, "msg": told}

    def _asked(self, wishes: Mapping[str, Wish], options: Mapping[str, Any]) -> dict[str, Any]:
        connections = fleet.Connections()
        return {
            "buckets": [self._entry(wish, connections) for wish in wishes.values() if wish.problem is None],
            "connections": connections.options,
            **fleet.threads(options),
        }

    def _entry(self, wish: Wish, connections: fleet.Connections) -> dict[str, Any]:
        kept = fleet.Answers("posture").of(wish.host) or {}
        entry = {name: value for name, value in fleet.entry(wish, connections).items() if name in _PLACE}
        entry.update({name: wish.asked.get(name) for name in _OPTIONS})
        entry["region"] = kept["region"]
        entry["backup_dir"] = wish.backup_dir
        entry["read_back_at"] = wish.read_back_at
        creates = kept["plan"]["create_key"]
        # A key that was created since is looked up by its alias again.
        entry["key"] = wish.asked["key"] if creates else kept["key_arn"]
        entry["key_planned"] = bool(creates and self._task.check_mode)
        return entry


_PLACE = ("id", "name", "connection")
_UNSAID = "sse_kms_seal ended before it said what became of the bucket: it may have been changed. Run again."


def _hosts(batch: list[str]) -> list[str]:
    kept = ((host, fleet.Answers("posture").of(host)) for host in batch)
    return [host for host, posture in kept if posture is not None and posture["way"] == fleet_plan.SEAL]


def _keep(wish: Wish, told: Mapping[str, Any]) -> None:
    steps = told.get("steps") or []
    found: dict[str, Any] = fleet.Answers("posture").of(wish.host) or {"warnings": []}
    warned = told.get("warnings") or ()
    fleet.Answers("seal").keep(
        wish.host,
        {
            **told,
            "bucket": wish.bucket,
            "conflicts": found.get("conflicts"),
            "warnings": [*(told.get("warnings") or ()), *(one for one in found["warnings"] if one not in warned)],
            "msg": told.get("msg") or (f"Done: {', '.join(steps)}." if steps else "Nothing was left to do."),
        },
    )
