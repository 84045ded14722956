# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What guarding a policy, or taking the guard off, makes of it: the conflicts, the merge and the size in one answer.

The module, the posture and the filter all ask here, so that they can never disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.sealed.s3.plugins.module_utils.policy import conflicts, document, guard, merge
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError, shown

FAIL = "fail"
REPLACE = "replace"
IGNORE = "ignore"
ON_CONFLICT = (FAIL, REPLACE, IGNORE)

_LARGEST_NAMED = 3


class ConflictError(PolicyError):
    """Foreign statements stand against the guard, and the user did not say what to do with them."""


class TooLargeError(PolicyError):
    """The policy would be larger than S3 takes."""


@dataclass(frozen=True)
class Plan:
    """What would become of a policy.

    :ivar merge: the policy to write, and what changes in it.
    :ivar conflicts: foreign statements that stand against the guard, also those that are taken out.
    """

    merge: merge.Merge
    conflicts: tuple[conflicts.Conflict, ...] = ()

    @property
    def warnings(self) -> list[str]:
        """A sentence for each conflict that stays and that the user should know of."""
        gone = set(self.merge.removed)
        return [
            found.message
            for found in self.conflicts
            if found.severity != conflicts.NOTE and found.statement not in gone
        ]


def guarded(before: Document | None, spec: guard.GuardSpec, *, on_conflict: str = FAIL) -> Plan:
    """Plan the guard into a policy.

    :param before: the policy as read; None for none.
    :param on_conflict: what to do with foreign statements that stand against the guard: ``fail``; ``replace``, which
        takes them out; or ``ignore``, which leaves them.
    :raises ConflictError: with ``fail``, when there are such statements; all are named.
    :raises TooLargeError: when the policy would exceed :data:`document.MAX_SIZE`.
    """
    found = conflicts.find(before, spec)
    fatal = [conflict for conflict in found if conflict.severity == conflicts.CONFLICT]
    if fatal and on_conflict == FAIL:
        raise ConflictError(
            f"The guard cannot go on the policy of {shown(spec.bucket)}: "
            + " ".join(conflict.message for conflict in fatal)
            + " Change the policy, or set on_conflict to replace (takes these statements out) or ignore (keeps them).",
            conflicts=[conflict.to_dict() for conflict in found],
        )
    take_out = {conflict.index for conflict in fatal} if on_conflict == REPLACE else set()
    planned = merge.merge(before, guard.statements(spec), take_out=take_out)
    if planned.changed:
        _check_size(planned.document, before)
    return Plan(merge=planned, conflicts=tuple(found))


def unguarded(before: Document | None) -> Plan:
    """Plan the guard out of a policy; nothing else is touched."""
    return Plan(merge=merge.remove(before))


def _check_size(after: Document | None, before: Document | None) -> None:
    if after is None or document.size(after) <= document.MAX_SIZE:
        return
    sizes = sorted(document.statement_sizes(after), key=lambda sized: sized[1], reverse=True)
    largest = ", ".join(f"{shown(name)} ({size} bytes)" for name, size in sizes[:_LARGEST_NAMED])
    now = document.size(before) if before else 0
    raise TooLargeError(
        f"With the guard the policy would have {document.size(after)} bytes; S3 takes {document.MAX_SIZE}. "
        f"It has {now} now. The largest statements are {largest}. Shorten the policy first.",
        size={"now": now, "planned": document.size(after), "limit": document.MAX_SIZE},
    )
