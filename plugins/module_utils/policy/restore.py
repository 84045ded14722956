# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy that was kept, back in its place: whose it is, whether it may go there, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ansible_collections.sealed.s3.plugins.module_utils.policy import document as documents
from ansible_collections.sealed.s3.plugins.module_utils.policy import merge, public
from ansible_collections.sealed.s3.plugins.module_utils.policy.conditions import wildcard_match
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document, Label
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError, listed, shown
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import is_ours
from ansible_collections.sealed.s3.plugins.module_utils.policy.merge import Merge
from ansible_collections.sealed.s3.plugins.module_utils.policy.plan import Plan


class NotOfBucketError(PolicyError):
    """The policy is another bucket's, or none that a bucket can have."""


class ChangedSinceError(PolicyError):
    """The bucket's policy is not the one that was written in place of the kept one."""


@dataclass(frozen=True)
class Backup:
    """A policy that was kept before another one was written in its place.

    :ivar source: how to name it to the user: its file.
    :ivar becomes: :func:`document.digest` of the other one; None where it is not known.
    """

    bucket: str
    policy: Document
    source: str
    becomes: str | None

    def check(self) -> None:
        """See that the bucket can have this policy.

        :raises NotOfBucketError: with the statement that it cannot have.
        """
        if not self.policy.statements:
            raise NotOfBucketError(f"The backup {self.source} has no statement, so there is nothing to put back.")
        for index, statement in enumerate(self.policy.statements):
            for resource in documents.as_list(statement.get("Resource", [])):
                if not _may_be_of(self.bucket, resource):
                    raise NotOfBucketError(
                        f"The backup {self.source} is of another bucket: statement "
                        f"{shown(documents.label(statement, index))} is about {shown(resource)}, and not about "
                        f"{self.bucket}. Give a backup of this bucket."
                    )

    def plan(self, before: Document | None, there: Document | None, *, overwrite_changes: bool) -> Plan:
        """What putting it back makes of the policy that is there.

        :param before: the policy that was there when the run began.
        :param overwrite_changes: put it back over whatever was there then.
        :raises ChangedSinceError: where somebody else's changes would be lost by it.
        """
        plan = Plan(merge=merge.difference(there, self.policy))
        if not plan.merge.changed:
            return plan
        if not documents.equal(there, before):
            raise ChangedSinceError(
                f"Somebody else wrote the policy of bucket {self.bucket} while the backup was put back. That was not "
                "overwritten. Look at it, and run again.",
                policy=there.to_dict() if there else None,
            )
        if not overwrite_changes and documents.digest(there) != self.becomes:
            since = merge.difference(self.policy, there)
            told = _told(_beside_the_guard(since))
            differs = f"differs from the backup: {told}" if told else "is as in the backup"
            raise ChangedSinceError(
                f"The backup was not put back: {self._doubt()} Beside the guard, it {differs}. Set overwrite_changes "
                "to true to put the backup back all the same; check mode shows what that changes.",
                since=since.summary(),
            )
        return plan

    def _doubt(self) -> str:
        if self.becomes is None:
            return (
                f"whether the policy of bucket {self.bucket} changed since cannot be told, because the name of "
                f"{self.source} does not end in the digest that a run of sealed.s3 puts there."
            )
        return (
            f"the policy of bucket {self.bucket} changed since. It is not the one that the run wrote which kept "
            f"{self.source}."
        )


def warnings(bucket: str, change: Merge) -> list[str]:
    """What the user should know of the policy that is put back.

    :param change: what it changes.
    """
    found: list[str] = []
    after = change.document or Document(statements=())
    lost = _ours((*change.removed, *change.updated))
    if not any(is_ours(statement) for statement in after.statements):
        found.append(
            f"The policy that is put back has no guard: bucket {bucket} takes uploads under any encryption. Put the "
            "guard on again with sealed.s3.encrypt."
        )
    elif lost:
        found.append(
            f"The policy that is put back has another guard than before; bucket {bucket} may take uploads that were "
            f"denied. Removed or changed: {listed(lost)}. Bring it up to date with sealed.s3.encrypt."
        )
    opening = [name for name in public.statements(after) if name in (*change.added, *change.updated)]
    if opening:
        found.append(
            f"The policy that is put back makes bucket {bucket} public: {listed(opening)}. Where public policies are "
            "blocked, S3 refuses it."
        )
    return found


def _may_be_of(bucket: str, resource: str) -> bool:
    """Whether a Resource is about this bucket or its objects, as far as can be told."""
    parts = resource.split(":", 5)
    if len(parts) < 6 or "$" in parts[5]:
        return True
    return wildcard_match(parts[5].partition("/")[0], bucket)


def _ours(labels: Iterable[Label]) -> list[Label]:
    return [name for name in labels if is_ours({"Sid": name})]


def _beside_the_guard(change: Merge) -> Merge:
    """The same change without our statements."""
    added, updated, removed = (
        tuple(name for name in names if not is_ours({"Sid": name}))
        for names in (change.added, change.updated, change.removed)
    )
    return replace(change, added=added, updated=updated, removed=removed)


def _told(change: Merge) -> str:
    """A change in words, without a full stop; nothing for none."""
    kinds = {"added": change.added, "changed": (*change.updated, *change.elements), "removed": change.removed}
    return "; ".join(f"{name}: {listed(labels)}" for name, labels in kinds.items() if labels)
