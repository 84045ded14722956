# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What many buckets come to: counts, and the keys that are to be created. Pure; results are added one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils import key_state
from ansible_collections.sealed.s3.plugins.module_utils.posture import (
    COMPLIANT,
    COULD_NOT_LOOK,
    NOT_COMPLIANT,
    SEVERITIES,
)

UNKNOWN = "unknown"
_OUTCOMES = (COMPLIANT, NOT_COMPLIANT, COULD_NOT_LOOK)


class Summary:
    """Counts of results of sse_kms_info for one bucket each."""

    def __init__(self) -> None:
        self._total = _Counts()
        self._to_change = self._blocked = 0
        self._findings = dict.fromkeys(SEVERITIES, 0)
        self._accounts: dict[str, _Counts] = {}
        self._regions: dict[str, _Counts] = {}
        self._keys: dict[tuple[str, str, str], dict[str, Any]] = {}

    def add(self, result: Mapping[str, Any], *, key: str | None = None) -> None:
        """Count one result.

        :param key: the alias under which its key would be created; it is only looked at where the plan says so.
        """
        for counts in (
            self._total,
            self._accounts.setdefault(result["account"] or UNKNOWN, _Counts()),
            self._regions.setdefault(result["region"] or UNKNOWN, _Counts()),
        ):
            counts.add(result["compliance"])
        plan = result["plan"]
        self._to_change += bool(plan["any"])
        self._blocked += bool(result["blockers"])
        for finding in result["findings"]:
            self._findings[finding["severity"]] += 1
        if plan["create_key"] and not result["blockers"]:
            self._add_key(result, str(key))

    def _add_key(self, result: Mapping[str, Any], key: str) -> None:
        # With and without alias/ it is the same key.
        alias = key_state.parse_name(key).text
        wanted = (str(result["account"]), str(result["region"]), alias)
        entry = self._keys.setdefault(
            wanted,
            {
                "alias": alias,
                "account": result["account"],
                "region": result["region"],
                "connection": result["connection"],
                "buckets": [],
            },
        )
        # Several connections may reach the account; which is told does not depend on who was first.
        entry["connection"] = min(entry["connection"], result["connection"])
        entry["buckets"].append(result["name"])

    @property
    def keys_to_create(self) -> list[dict[str, Any]]:
        """Each key once, with the buckets that are to have it; ordered, whatever order the results came in."""
        entries = (self._keys[wanted] for wanted in sorted(self._keys))
        return [{**entry, "buckets": sorted(set(entry["buckets"]))} for entry in entries]

    def to_dict(self) -> dict[str, Any]:
        """The summary for a module's result."""
        return {
            **self._total.to_dict(),
            "to_change": self._to_change,
            "blocked": self._blocked,
            "findings": dict(self._findings),
            "accounts": {name: self._accounts[name].to_dict() for name in sorted(self._accounts)},
            "regions": {name: self._regions[name].to_dict() for name in sorted(self._regions)},
        }


def buckets(count: int) -> str:
    """A number of buckets, in words."""
    return f"{count} bucket" if count == 1 else f"{count} buckets"


def sentence(summary: Mapping[str, Any]) -> str:
    """A summary in one line."""
    return (
        f"{buckets(summary['buckets'])}: {summary['compliant']} compliant, {summary['not_compliant']} not compliant, "
        f"{summary['could_not_look']} could not be looked at. A run would change {summary['to_change']} of them, and "
        f"fail for {summary['blocked']}."
    )


class _Counts:
    def __init__(self) -> None:
        self.by_outcome = dict.fromkeys(_OUTCOMES, 0)

    def add(self, outcome: str) -> None:
        self.by_outcome[outcome] += 1

    def to_dict(self) -> dict[str, int]:
        return {"buckets": sum(self.by_outcome.values()), **self.by_outcome}
