# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which statements make a bucket policy public."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.policy import document
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document, Label

# Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage", 'The meaning of "public"': a grant to
# everybody is not public where one of these keys is held to fixed values.
_NARROWING_KEYS = frozenset(
    (
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:principalarn",
        "aws:principalaccount",
        "aws:sourcearn",
        "aws:sourceaccount",
        "aws:sourceowner",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:sourceip",
        "aws:userid",
        "s3:dataaccesspointarn",
        "s3:dataaccesspointaccount",
    )
)
_POSITIVE = re.compile(
    r"(?:forallvalues:|foranyvalue:)?(?:stringequals|stringequalsignorecase|stringlike|arnequals|arnlike|ipaddress)",
    re.I,
)
# More digits than the width of a network has are none.
_WIDTH = re.compile(r"0*([0-9]{1,3})")


def statements(policy: Document) -> list[Label]:
    """The statements that make the policy public, judged from the policy itself, as S3 judges it: by what it says.

    More statements are named than S3 would name rather than fewer; GetBucketPolicyStatus, which gives S3's own
    answer without the reason, is not asked.
    """
    return [document.label(one, index) for index, one in enumerate(policy.statements) if _is_public(one)]


def _is_public(statement: Mapping[str, Any]) -> bool:
    if statement["Effect"] != "Allow":
        return False
    if "NotPrincipal" in statement:
        return True
    principal = statement["Principal"]
    named = principal.get("AWS", []) if isinstance(principal, Mapping) else principal
    if "*" not in document.as_list(named):
        return False
    return not any(
        _POSITIVE.fullmatch(operator) and key.lower() in _NARROWING_KEYS and _is_fixed(key, values)
        for operator, keys in (statement.get("Condition") or {}).items()
        for key, values in keys.items()
    )


def _is_fixed(key: str, values: Any) -> bool:
    """Whether all values are fixed. Networks have to be narrower than /8 (IPv4) or /32 (IPv6)."""
    texts = [str(value) for value in document.as_list(values)]
    if key.lower() != "aws:sourceip":
        # A pattern within an ARN may stay in one account; a bare wildcard or a variable is everybody.
        return bool(texts) and not any("${" in text or not text.strip("*?") for text in texts)
    networks = [
        (address, _WIDTH.fullmatch(width)) for address, _slash, width in (text.partition("/") for text in texts)
    ]
    return bool(texts) and not any(
        width and int(width.group(1)) < (32 if ":" in address else 8) for address, width in networks
    )
