# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Principals that a policy names and that were deleted.

S3 and KMS hand out the unique id of a user or role that was deleted, and take no policy that names one: a policy with
it cannot be written again before it is taken out (IAM User Guide, "AWS JSON policy elements: Principal").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document, as_list, label
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import shown

# IAM User Guide, "IAM identifiers": unique ids.
_UNIQUE_ID = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,}")


def not_taken_back(policy: Document, *, whose: str = "The policy", service: str = "S3") -> str:
    """What stands against writing the policy: a sentence; empty where nothing does."""
    gone = named(policy)
    if not gone:
        return ""
    return (
        f"{whose} names principals that were deleted, which {service} does not take back: {gone}. "
        "Take them out of these statements."
    )


def named(policy: Document) -> str:
    """The unique ids and the statements that name them, as a part of a sentence; empty for none."""
    return ", ".join(
        f"{shown(name)} in {shown(label(statement, index))}"
        for index, statement in enumerate(policy.statements)
        for name in _principals(statement)
        if _UNIQUE_ID.fullmatch(name)
    )


def _principals(statement: Mapping[str, Any]) -> list[str]:
    principal = statement.get("Principal", statement.get("NotPrincipal"))
    return as_list(principal.get("AWS", [])) if isinstance(principal, Mapping) else []
