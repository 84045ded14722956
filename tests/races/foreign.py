# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies as others write them, at random, and the others who write them."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Optional

Policy = Optional[dict[str, Any]]
Statement = dict[str, Any]

ACCOUNT = "000000000000"
PREFIX = "SealedS3"

_ACTIONS = ("s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:GetBucketLocation", "s3:GetObjectTagging")
_CONDITIONS: tuple[dict[str, Any], ...] = (
    {"Bool": {"aws:MultiFactorAuthPresent": "false"}},
    {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "198.51.100.0/24"]}},
    {"StringEquals": {"aws:PrincipalTag/team": "uploads"}},
)


def statements_of(policy: Policy) -> list[Statement]:
    """The statements of a policy, also where it is one object."""
    listed = policy["Statement"] if policy else []
    return listed if isinstance(listed, list) else [listed]


def of_others(policy: Policy) -> list[Statement]:
    """Those that are not the guard's."""
    return [one for one in statements_of(policy) if not str(one.get("Sid", "")).startswith(PREFIX)]


def of_the_guard(policy: Policy) -> list[Statement]:
    """Those of the guard."""
    return [one for one in statements_of(policy) if str(one.get("Sid", "")).startswith(PREFIX)]


def missing(wanted: Iterable[Statement], there: Sequence[Statement]) -> list[Statement]:
    """Those that are not there. No two of them are alike: each has a folder of its own."""
    return [one for one in wanted if one not in there]


def names(statements: Iterable[Statement]) -> list[str]:
    """Their Sids, or else their folders, for people."""
    return [str(one.get("Sid") or one["Resource"]) for one in statements]


class Writer:
    """Makes statements for a bucket, each of which is like no other.

    :param rng: decides everything.
    """

    def __init__(self, bucket: str, rng: random.Random) -> None:
        self.bucket = bucket
        self.rng = rng
        self._number = 0

    def statement(self) -> Statement:
        """A new one. It has nothing to do with uploads, so that it does not stand against the guard."""
        rng = self.rng
        self._number += 1
        made: Statement = {"Sid": f"Foreign{self._number}"} if rng.random() < 0.8 else {}
        made["Effect"] = rng.choice(("Allow", "Deny"))
        made["Principal"] = rng.choice(
            ("*", {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, {"AWS": [f"arn:aws:iam::{ACCOUNT}:role/Uploader"]})
        )
        made["Action"] = rng.choice((rng.choice(_ACTIONS), rng.sample(_ACTIONS, 2)))
        made["Resource"] = f"arn:aws:s3:::{self.bucket}/{self._number}-{rng.randrange(10**6)}/*"
        if rng.random() < 0.4:
            made["Condition"] = copy.deepcopy(rng.choice(_CONDITIONS))
        return made

    def policy(self, statements: Sequence[Statement]) -> Policy:
        """A policy of these; None of none."""
        return {"Version": "2012-10-17", "Statement": copy.deepcopy(list(statements))} if statements else None

    def changed(self, policy: Policy) -> dict[str, Any]:
        """What somebody writes back who has read it: one statement of theirs added, changed or removed."""
        new = copy.deepcopy(policy) or {"Version": "2012-10-17", "Statement": []}
        listed = statements_of(new)
        theirs = [index for index, one in enumerate(listed) if one in of_others(new)]
        does = self.rng.choice(("add", "change", "remove")) if theirs else "add"
        if does == "remove" and len(listed) > 1:
            del listed[self.rng.choice(theirs)]
        elif does == "change":
            listed[self.rng.choice(theirs)]["Resource"] = self.statement()["Resource"]
        else:
            listed.insert(self.rng.randint(0, len(listed)), self.statement())
        return {**new, "Statement": listed}

    def older(self, policy: Policy, guard: Sequence[Statement]) -> dict[str, Any]:
        """What somebody writes who had read it long before: other statements, and the guard of then, or none."""
        there = of_others(policy)
        then = [one for one in there if self.rng.random() < 0.7]
        if self.rng.random() < 0.7 or not then:
            then.append(self.statement())
        if self.rng.random() < 0.4:
            then += guard
        return {"Version": "2012-10-17", "Statement": copy.deepcopy(then)}


READS = "reads and writes at once"
OLDER = "writes what it made of an older one"


class Foreign:
    """Somebody else who writes the policy once.

    :param kind: READS or OLDER.
    :param older: what they write in the latter case.
    :ivar wrote: what they have written.
    """

    def __init__(
        self,
        kind: str,
        writer: Writer,
        older: dict[str, Any],
        *,
        read: Callable[[], Policy],
        write: Callable[[dict[str, Any]], None],
    ) -> None:
        self.kind = kind
        self._writer = writer
        self._older = older
        self._read = read
        self._write = write
        self.wrote: Policy = None

    def act(self) -> None:
        """Write, the first time only."""
        if self.wrote is None:
            policy = self._older if self.kind == OLDER else self._writer.changed(self._read())
            self.wrote = json.loads(json.dumps(policy))
            self._write(policy)
