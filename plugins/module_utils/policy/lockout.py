# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the guard of default encryption would leave out the one who puts it there."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.sealed.s3.plugins.module_utils.policy.conditions import arn_match, wildcard_match
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import listed, shown

_SSO_NAME = "AWSReservedSSO_"
_SSO_PATH = "aws-reserved/sso.amazonaws.com/"


def admits(patterns: Iterable[str], caller_arn: str) -> bool | None:
    """Whether aws:PrincipalArn of the caller matches one of the patterns.

    For a session of a role, aws:PrincipalArn is the ARN of the role with its path, and the ARN of the session has no
    path (IAM User Guide, "AWS global condition context keys", aws:PrincipalArn). So a pattern with a path that fits by
    the role's name alone gives None: it cannot be known from here. A role is taken for one without a path, except the
    roles of IAM Identity Center: their path always begins with aws-reserved/sso.amazonaws.com/, and the Region of
    Identity Center follows, but for us-east-1 (IAM Identity Center User Guide, "Referencing permission sets in resource
    policies").

    :param caller_arn: as GetCallerIdentity tells it.
    """
    role = _role_of_session(caller_arn)
    patterns = tuple(patterns)
    admitted = [any(arn_match(pattern, arn) for pattern in patterns) for arn in _possible_arns(caller_arn)]
    if all(admitted):
        return True
    if any(admitted) or (role and any(_fits_by_name(pattern, account=role[0], name=role[1]) for pattern in patterns)):
        return None
    return False


def refusal(patterns: Iterable[str], caller_arn: str) -> str | None:
    """Why such a guard is refused: a sentence, or None where it leaves the caller in, or may do so."""
    patterns = tuple(patterns)
    if not patterns or admits(patterns, caller_arn) is not False:
        return None
    return (
        f"encryption_admins would lock out the caller: none of {listed(patterns)} matches "
        f"{_to_add(caller_arn)}, so the next change of default encryption from here would be denied. "
        "Add that ARN, or set allow_lockout to true."
    )


def doubt(patterns: Iterable[str], caller_arn: str) -> str | None:
    """What to say where it cannot be known: a sentence, or None."""
    patterns = tuple(patterns)
    if not patterns or admits(patterns, caller_arn) is not None:
        return None
    return (
        f"Whether encryption_admins admits the caller cannot be told: {shown(caller_arn)} does not say the path of its "
        f"role, and {listed(patterns)} asks for one. Check that the path is right."
    )


def _possible_arns(caller_arn: str) -> list[str]:
    """What aws:PrincipalArn of the caller may be, for all that is known of the path of a session's role."""
    role = _role_of_session(caller_arn)
    if role is None:
        return [caller_arn]
    account, name = role
    if name.startswith(_SSO_NAME):
        return [f"{account}:role/{_SSO_PATH}{name}", f"{account}:role/{_SSO_PATH}any-region-1/{name}"]
    return [f"{account}:role/{name}"]


def _to_add(caller_arn: str) -> str:
    """A pattern that matches each of the possible ARNs."""
    role = _role_of_session(caller_arn)
    if role is None:
        return caller_arn
    return f"{role[0]}:role/{_SSO_PATH}*{role[1]}" if role[1].startswith(_SSO_NAME) else f"{role[0]}:role/{role[1]}"


def _role_of_session(caller_arn: str) -> tuple[str, str] | None:
    """``arn:PARTITION:iam::ACCOUNT`` and the name of the role, for the ARN of an assumed role's session."""
    parts = caller_arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "sts" or not parts[5].startswith("assumed-role/"):
        return None
    return f"arn:{parts[1]}:iam::{parts[4]}", parts[5].split("/")[1]


def _fits_by_name(pattern: str, *, account: str, name: str) -> bool:
    head, _slash, path = pattern.partition("/")
    return "/" in path and arn_match(head, f"{account}:role") and wildcard_match(path.rsplit("/", 1)[1], name)
