# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows for each host of a fleet from what was read of its bucket. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FINE = "fine"
"""Nothing is to be done."""
SEAL = "seal"
"""Default encryption, the guard, or both: done for all such hosts in one module run."""
ROLE = "role"
"""More than that: the role runs on the host."""
FAILED = "failed"

_PARTS = {
    "create_key": "create the key",
    "key_settings": "settle the key",
    "create_bucket": "create the bucket",
    "bucket_settings": "settle the bucket",
    "default_encryption": "set default encryption",
    "guard": "merge the guard into the bucket policy",
}


def way(result: Mapping[str, Any], *, state: str, verify: bool) -> str:
    """What is to be done with a bucket.

    :param result: of sse_kms_info.
    :param state: ``present`` or ``absent``.
    :param verify: whether uploads are to prove it, which the role does.
    """
    plan = result["plan"]
    if result["blockers"]:
        return FAILED
    if verify and state == "present":
        return ROLE
    if not plan["any"]:
        return FINE
    more = plan["create_bucket"] or plan["bucket_settings"]["any"] or state != "present"
    return ROLE if more else SEAL


def steps(plan: Mapping[str, Any]) -> list[str]:
    """What a plan comes to, in words."""
    parts = {**plan, "bucket_settings": plan["bucket_settings"]["any"]}
    return [text for part, text in _PARTS.items() if parts[part]]


def sentence(result: Mapping[str, Any], chosen: str) -> str:
    """One line for a host."""
    if chosen == FAILED:
        return " ".join(result["blockers"])
    todo = steps(result["plan"])
    if todo:
        return f"To do: {', '.join(todo)}."
    grave = [finding["title"] for finding in result["findings"] if finding["severity"] in ("high", "medium")]
    return f"Nothing to do. {'. '.join(grave)}." if grave else "Nothing to do."


@dataclass
class KeyWork:
    """A key on which something is to be done, and the hosts that wait for it.

    :ivar host: the one that does it for all.
    :ivar alone: the way of that host, see :func:`way`.
    :ivar settings: what the key is to be like, without what is not asked for.
    :ivar hosts: how many hosts there are.
    """

    host: str
    alone: str
    settings: Mapping[str, Any]
    hosts: int = 1

    @property
    def beforehand(self) -> bool:
        """Whether it is done before the buckets: not where the role does it for the one bucket that has the key."""
        return self.hosts > 1 or self.alone == SEAL


@dataclass
class Keys:
    """Each key once, by account, Region and the name it was asked for by."""

    work: dict[str, KeyWork] = field(default_factory=dict)
    waiting: dict[str, KeyWork] = field(default_factory=dict)

    def add(
        self, host: str, result: Mapping[str, Any], *, key: str, chosen: str, settings: Mapping[str, Any] | None
    ) -> None:
        """Note a host that is to be sealed. Of the hosts that have a key, the first that asks for the most makes it.

        :param settings: ``key_settings`` of sse_kms_info.
        :raises ValueError: where another host asks for something else of the same key, with the sentence.
        """
        plan = result["plan"]
        if not (plan["create_key"] or plan["key_settings"]):
            return
        given = {name: value for name, value in (settings or {}).items() if value}
        name = f"{result['account']}/{result['region']}/{key}"
        work = self.work.get(name)
        if work is None:
            work = self.work[name] = KeyWork(host, chosen, given)
        elif _covers(work.settings, given):
            work.hosts += 1
        elif _covers(given, work.settings):
            work.host, work.alone, work.settings = host, chosen, given
            work.hosts += 1
        else:
            raise ValueError(
                f"Host {work.host} has the key {key}, too, and asks for other settings of it. Give both the same "
                "encrypted_s3_key_* variables, or keys of their own."
            )
        self.waiting[host] = work

    def is_anothers(self, host: str) -> bool:
        """Whether what is to be done with a host's key is another host's to do. Once all hosts are noted."""
        return host in self.waiting and self.waiting[host].host != host

    @property
    def hosts(self) -> list[str]:
        """Those that do something with a key before any bucket is touched."""
        return [work.host for work in self.work.values() if work.beforehand]


def _covers(more: Mapping[str, Any], less: Mapping[str, Any]) -> bool:
    """Whether everything that one asks for is among what the other asks for."""
    return all(more.get(name) == value for name, value in less.items())
