# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the posture of the buckets of all hosts of a batch in one module run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.sealed.s3.plugins.module_utils import posture
from ansible_collections.sealed.s3.plugins.module_utils.fleet_summary import Summary, sentence
from ansible_collections.sealed.s3.plugins.plugin_utils import fleet, fleet_plan, here
from ansible_collections.sealed.s3.plugins.plugin_utils.fleet import Wish
from ansible_collections.sealed.s3.plugins.plugin_utils.fleet_plan import Keys

ARGUMENTS: dict[str, dict[str, Any]] = {"threads": {"type": "int"}}


class ActionModule(ActionBase):
    """Keeps each host's answer for its own task, and returns what concerns all of them."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = ActionBase.validate_argument_spec(self, argument_spec=ARGUMENTS)
        fleet.refuse_elsewhere(self)
        variables = task_vars or {}
        fleet.Answers.forget_all()
        wishes = _each_bucket_once(fleet.Wishes(self, variables), variables["ansible_play_batch"])
        read = partial(here.run_module, self, "sse_kms_info", task_vars=variables)
        with fleet.module_run(read, _asked(wishes, options), what="buckets read") as module:
            # What goes wrong for all is told by each host: none of them is left out of the recap.
            batch = _Batch(wishes, check_mode=self._task.check_mode)
            for one in () if module.failure else module.results:
                batch.add(wishes[one["id"]], one)
            for wish in wishes.values():
                problem = module.failure or wish.problem
                if problem:
                    batch.add(wish, fleet.unread(wish, problem))
        told = batch.told()
        # A task that is fine shows nothing of its result by itself.
        Display().display(told["msg"])
        return {**result, "changed": False, **told}


def _asked(wishes: Mapping[str, Wish], options: Mapping[str, Any]) -> dict[str, Any]:
    connections = fleet.Connections()
    return {
        "buckets": [fleet.entry(wish, connections) for wish in wishes.values() if wish.problem is None],
        "connections": connections.options,
        "policies": True,
        **fleet.threads(options),
    }


def _each_bucket_once(wanted: fleet.Wishes, hosts: Iterable[str]) -> dict[str, Wish]:
    """What the hosts ask for. Two that have one bucket would both write it, at the same time."""
    wishes: dict[str, Wish] = {}
    first: dict[tuple[str, str], str] = {}
    connections = fleet.Connections()
    for host in hosts:
        wish = wanted.of(host)
        if wish.problem is None:
            other = first.setdefault((connections.name(wish.connection), wish.bucket), host)
            if other != host:
                problem = f"Bucket {wish.bucket} is that of host {other}, too. Let one host have it."
                wish = replace(wish, problem=problem)
        wishes[host] = wish
    return wishes


class _Batch:
    """What becomes of the hosts of a batch."""

    def __init__(self, wishes: Mapping[str, Wish], *, check_mode: bool) -> None:
        self._wishes = wishes
        self._check_mode = check_mode
        self._keys = Keys()
        self._summary = Summary()
        self._todo: dict[str, tuple[str, Mapping[str, Any]]] = {}

    def add(self, wish: Wish, result: Mapping[str, Any]) -> None:
        """Decide what follows for a host, and keep it for the host's own task."""
        self._summary.add(result, key=wish.asked.get("key"))
        chosen = fleet_plan.way(result, state=wish.asked.get("state", posture.PRESENT), verify=wish.verify)
        if chosen in (fleet_plan.SEAL, fleet_plan.ROLE):
            # Not the whole result: with its policy, that of thousands would fill the memory.
            slim = {name: result[name] for name in ("account", "region", "plan")}
            self._todo[wish.host] = (chosen, slim)
            fleet.hand_over(wish.host, wish, result)
        key = result["key"] or {}
        staying = ("warning",) if wish.asked.get("on_conflict") == "replace" else ("warning", "conflict")
        fleet.Answers("posture").keep(
            wish.host,
            {
                "way": chosen,
                "bucket": wish.bucket,
                "msg": fleet_plan.sentence(result, chosen),
                "compliance": result["compliance"],
                "findings": [finding["id"] for finding in result["findings"]],
                "plan": result["plan"],
                "region": result["region"],
                "key_arn": key.get("arn"),
                "policy": result["policy"] if chosen == fleet_plan.FINE else None,
                "encryption": result["encryption"],
                "conflicts": result["conflicts"],
                "warnings": [
                    *wish.warnings,
                    *(one["message"] for one in result["conflicts"] if one["severity"] in staying),
                ],
            },
        )

    def told(self) -> dict[str, Any]:
        """What the tasks after this one need."""
        # The order of the hosts, and not that of the answers, decides which of them makes a key for the others.
        todo = [wish for host, wish in self._wishes.items() if host in self._todo and self._can_have_its_key(wish)]
        for wish in todo:
            if self._keys.is_anothers(wish.host):
                self._wait_for_the_key(wish.host)
        for host in self._keys.hosts:
            fleet.Answers("keys").keep(host, {})
            if self._check_mode:
                fleet.hand_over_without_key(host, first_with_it=True)
        summary = self._summary.to_dict()
        return {
            "todo": [wish.host for wish in todo],
            "key_hosts": self._keys.hosts,
            "summary": summary,
            "msg": sentence(summary),
        }

    def _can_have_its_key(self, wish: Wish) -> bool:
        """Note what is to be done with a host's key. Whether that can be; else the host fails for it."""
        chosen, result = self._todo[wish.host]
        key, settings = str(wish.asked.get("key")), wish.asked.get("key_settings")
        try:
            self._keys.add(wish.host, result, key=key, chosen=chosen, settings=settings)
        except ValueError as error:
            answers = fleet.Answers("posture")
            answers.keep(wish.host, {**(answers.of(wish.host) or {}), "way": fleet_plan.FAILED, "msg": str(error)})
            return False
        return True

    def _wait_for_the_key(self, host: str) -> None:
        """Let a host be read again once another one has made the key; in a check run, go on as if it were made."""
        answers = fleet.Answers("posture")
        answers.keep(host, {**(answers.of(host) or {}), "key_host": self._keys.waiting[host].host})
        if self._check_mode:
            fleet.hand_over_without_key(host, first_with_it=False)
        else:
            fleet.Answers("handed-over").drop(host)
