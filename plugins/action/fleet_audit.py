# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the posture of many buckets in one module run, and write it down as reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from functools import partial
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.sealed.s3.plugins.module_utils import posture
from ansible_collections.sealed.s3.plugins.module_utils.fleet_summary import Summary, sentence
from ansible_collections.sealed.s3.plugins.plugin_utils import fleet, here
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.files import FORMATS, ReportError, write_reports
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.report import NEVER, THRESHOLDS
from ansible_collections.sealed.s3.plugins.plugin_utils.fleet import Wish

ARGUMENTS: dict[str, dict[str, Any]] = {
    "folder": {"type": "path", "required": True},
    "formats": {"type": "list", "elements": "str", "choices": list(FORMATS), "default": list(FORMATS)},
    "title": {"type": "str", "default": "Encryption of S3 buckets"},
    "fail_on": {"type": "str", "choices": list(THRESHOLDS), "default": "high"},
    "discover": {"type": "dict"},
    "connections": {"type": "list", "elements": "dict", "default": []},
    "threads": {"type": "int"},
}

_ROLE = ("assume_role_arn", "assume_role_external_id")
_IDENTITY = ("assume_role_arn", "profile", "access_key", "secret_key", "session_token")


class ActionModule(ActionBase):
    """Reads for all hosts of the play, or what the credentials own, and returns a small result."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = ActionBase.validate_argument_spec(self, argument_spec=ARGUMENTS)
        fleet.refuse_elsewhere(self)
        variables = task_vars or {}
        # An audit may ask about whatever key a bucket is under.
        wanted = fleet.Wishes(self, variables, {"__encrypted_s3_key_optional": True})
        summary, results = Summary(), []
        generated = datetime.now(timezone.utc)
        if options["discover"] is not None:
            args = self._of_the_credentials(wanted.of_play(variables["inventory_hostname"]), options)
        else:
            wishes = [wanted.of(host) for host in variables["ansible_play_batch"]]
            args = self._of_hosts(wishes, options)
            results += [fleet.unread(wish, wish.problem) for wish in wishes if wish.problem is not None]
        read = partial(here.run_module, self, "sse_kms_info", task_vars=variables)
        with fleet.module_run(read, args, what="buckets read") as module:
            if module.failure:
                return {**result, **module.told}
            results += module.results
        results.sort(key=lambda one: (str(one["account"]), str(one["region"]), one["name"]))
        for one in results:
            summary.add(one)
        counts = summary.to_dict()
        try:
            files = write_reports(
                options["folder"],
                results,
                summary=counts,
                title=options["title"],
                generated=generated,
                formats=options["formats"],
                fail_on=options["fail_on"],
            )
        except ReportError as error:
            raise AnsibleActionFail(str(error)) from error
        Display().display(sentence(counts))
        told = {"summary": counts, "files": files, "failing": _failing(counts, results, options["fail_on"])}
        return {**result, "changed": False, **told, "msg": sentence(counts)}

    @staticmethod
    def _of_hosts(wishes: list[Wish], options: Mapping[str, Any]) -> dict[str, Any]:
        connections = fleet.Connections()
        asked = [fleet.entry(wish, connections) for wish in wishes if wish.problem is None]
        return {"buckets": asked, "connections": connections.options, **fleet.threads(options)}

    @staticmethod
    def _of_the_credentials(wish: Wish, options: Mapping[str, Any]) -> dict[str, Any]:
        if wish.problem is not None:
            raise AnsibleActionFail(wish.problem)
        if options["connections"]:
            # Each is laid over the options of the module; a role to assume is none of them.
            own = {name: value for name, value in wish.connection.items() if name not in _ROLE}
            role = {name: value for name, value in wish.connection.items() if name in _ROLE}
            connections = [_assuming(role, given) for given in options["connections"]]
        else:
            own, named = {}, fleet.Connections()
            named.name(wish.connection)
            connections = named.options
        return {
            **own,
            "discover": options["discover"],
            "connections": connections,
            **wish.asked,
            **fleet.threads(options),
        }


def _assuming(role: Mapping[str, Any], connection: Mapping[str, Any]) -> dict[str, Any]:
    """A connection that assumes the role of the variables, unless it says itself who it is."""
    if any(connection.get(name) for name in _IDENTITY):
        return dict(connection)
    # Empty text is what a template gives for nothing.
    return {**role, **{name: value for name, value in connection.items() if value not in (None, "")}}


def _failing(summary: Mapping[str, Any], results: Iterable[Mapping[str, Any]], fail_on: str) -> str:
    """Why the run fails; empty where it does not."""
    if fail_on == NEVER:
        return ""
    if not summary["buckets"]:
        # As little as a wrong prefix, or credentials of another account, is needed for that.
        return "no bucket was found"
    grave = {name: summary["findings"][name] for name in THRESHOLDS[: THRESHOLDS.index(fail_on) + 1]}
    parts = [f"findings of severity {name} ({count})" for name, count in grave.items() if count]
    # Something graver may be hidden behind what could not be looked at.
    hidden = sum(bool(one["could_not_look"]) and one["compliance"] != posture.COMPLIANT for one in results)
    if hidden:
        parts.append(f"buckets that could not be looked at, or not at everything ({hidden})")
    return ", ".join(parts)
