# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard for the time in which default encryption moves from one key to another.

Where S3 fills the key-id condition key with the key that it uses in the end, an upload without headers is judged by
default encryption. Between the new default and the new guard, or the other way round, it would be denied.
"""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.sealed.s3.plugins.module_utils.policy import document, guard
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import GuardSpec


def admitted_keys(policy: Document | None) -> frozenset[str]:
    """The keys that the guard in a policy lets uploads use: those that every statement of ours on uploads admits."""
    admitted: list[frozenset[str]] = []
    for statement in policy.statements if policy else ():
        normal = document.normal_statement(statement)
        keys = normal.get("Condition", {}).get("StringNotEquals", {}).get(guard.KEY_ID)
        if guard.is_ours(statement) and normal.get("Action") == ["s3:putobject"] and keys:
            admitted.append(frozenset(keys))
    return frozenset.intersection(*admitted) if admitted else frozenset()


def guard_for_the_move(policy: Document | None, *, default_key: str | None, wanted: GuardSpec) -> GuardSpec | None:
    """The guard that has to be on before default encryption is set to the key of ``wanted``.

    :param policy: the bucket policy as it is.
    :param default_key: the key of default encryption as it is, by ARN or id.
    :returns: ``wanted`` with the key of before admitted, too; None where default encryption can be set at once,
        because the guard that is on, if any, does not let uploads in under the key of before.
    """
    for arn in sorted(admitted_keys(policy)):
        same_place = guard.is_key_arn(arn) and arn.split(":")[:4] == wanted.key_arn.split(":")[:4]
        if same_place and arn != wanted.key_arn and default_key in (arn, arn.rsplit("/", 1)[1]):
            return replace(wanted, accepted_keys=tuple(dict.fromkeys((*wanted.accepted_keys, arn))))
    return None
