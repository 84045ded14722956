# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that several modules share, documented in doc fragments such as sealed.s3.guard and sealed.s3.planned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.sealed.s3.plugins.module_utils import key_settings, key_state, posture
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Refused
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import (
    DENY_OVERRIDES,
    ENFORCEMENTS,
    GuardSpec,
)

if TYPE_CHECKING:
    from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Caller, Session

GUARD_ARGUMENTS: dict[str, dict[str, Any]] = {
    "enforcement": {"type": "str", "choices": list(ENFORCEMENTS), "default": DENY_OVERRIDES},
    "accepted_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "require_tls": {"type": "bool", "default": True},
    "guard_object_encryption_updates": {"type": "bool", "default": True},
    "guard_replicas": {"type": "bool", "default": False},
    "encryption_admins": {"type": "list", "elements": "str", "default": []},
    "exempt_principals": {"type": "list", "elements": "str", "default": []},
    "exempt_services": {"type": "list", "elements": "str", "default": []},
}
"""The options of the guard."""

INTENT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": [posture.PRESENT, posture.ABSENT], "default": posture.PRESENT},
    "key": {"type": "str", "no_log": False},
    "key_managed": {"type": "bool", "default": False, "no_log": False},
    "create_key": {"type": "bool", "default": False, "no_log": False},
    "key_settings": {"type": "dict", "options": key_settings.ARGUMENTS, "no_log": False},
    "bucket_key": {"type": "bool", "default": True, "no_log": False},
    "blocked_encryption_types": {"type": "list", "elements": "str", "choices": ["SSE-C", "NONE"]},
    "on_conflict": {"type": "str", "choices": ["fail", "replace", "ignore"], "default": "fail"},
    "allow_lockout": {"type": "bool", "default": False},
    "block_public_access": {"type": "bool"},
    "versioning": {"type": "bool"},
    "tags": {"type": "dict"},
    **GUARD_ARGUMENTS,
}
"""What one bucket and its key are to be like, as sse_kms_info is asked."""

PLANNED_ARGUMENTS: dict[str, dict[str, Any]] = {
    "bucket_planned": {"type": "bool", "default": False},
    "key_planned": {"type": "bool", "default": False, "no_log": False},
}
"""The options that let a check run plan on a bucket or a key that is not there yet."""

READ_BACK_ARGUMENTS: dict[str, dict[str, Any]] = {
    "read_back_at": {"type": "list", "elements": "float", "default": [0, 1, 3]},
}
"""When a policy is read back, documented in the doc fragment sealed.s3.read_back."""

_READ_BACK_SECONDS = 60


def guard_spec(params: Mapping[str, Any], key_arn: str) -> GuardSpec:
    """The guard that the options ask for.

    :param params: a module's parameters, with ``bucket`` and all of :data:`GUARD_ARGUMENTS`.
    :raises GuardError: when a value would make the guard match nothing or everything.
    """
    return GuardSpec(
        bucket=params["bucket"],
        key_arn=key_arn,
        enforcement=params["enforcement"],
        accepted_keys=_texts(params["accepted_keys"]),
        require_tls=params["require_tls"],
        guard_object_encryption_updates=params["guard_object_encryption_updates"],
        guard_replicas=params["guard_replicas"],
        encryption_admins=_texts(params["encryption_admins"]),
        exempt_principals=_texts(params["exempt_principals"]),
        exempt_services=_texts(params["exempt_services"]),
    )


def placeholder(session: Session, caller: Caller) -> str:
    """The ARN that stands for a key whose ARN is not known yet."""
    return key_state.placeholder_arn(partition=caller.partition, region=session.region, account=caller.account)


def intent(params: Mapping[str, Any], placeholder_arn: str) -> posture.Intent:
    """What the options of sse_kms_info ask for.

    :param params: with ``bucket`` and all of :data:`INTENT_ARGUMENTS`.
    :param placeholder_arn: what stands for the key's ARN until it is known.
    :raises PolicyError, Refused: when the options cannot be meant like that, whatever is there.
    """
    given = params["key_settings"]
    settings = None if given is None else key_settings.KeySettings.from_options(given)
    if settings is not None:
        settings.policy_spec(placeholder_arn)
    return posture.Intent(
        bucket=params["bucket"],
        guard=guard_spec(params, placeholder_arn),
        state=params["state"],
        key=params["key"],
        key_managed=params["key_managed"],
        create_key=params["create_key"],
        key_settings=settings,
        bucket_key=params["bucket_key"],
        blocked_encryption_types=blocked_types(params),
        on_conflict=params["on_conflict"],
        allow_lockout=params["allow_lockout"],
        block_public_access=params["block_public_access"],
        versioning=params["versioning"],
        tags=None if params["tags"] is None else {str(name): str(value) for name, value in params["tags"].items()},
    )


def blocked_types(params: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The encryption types that are to be blocked; None where they are not asked about.

    :raises Refused: for an empty list, and for NONE beside others.
    """
    types = params["blocked_encryption_types"]
    if types is None:
        return None
    if not types:
        raise Refused(
            "blocked_encryption_types is empty. Give [NONE] to block none, or leave it out to keep what is there."
        )
    if "NONE" in types and len(set(types)) > 1:
        raise Refused(
            "blocked_encryption_types names NONE beside others. Give NONE alone to block none, or leave it out."
        )
    return tuple(dict.fromkeys(types))


def read_back_at(params: Mapping[str, Any]) -> tuple[float, ...]:
    """The seconds after the write of a policy at which it is read back.

    :raises Refused: where the policy would not be read back, or not in this order.
    """
    moments = tuple(params["read_back_at"])
    if not moments or list(moments) != sorted(moments) or not 0 <= moments[0] <= moments[-1] <= _READ_BACK_SECONDS:
        raise Refused(
            f"read_back_at is {list(moments)}. Give at least one number of seconds after the write, from 0 to "
            f"{_READ_BACK_SECONDS}, ascending: a policy that is not read back may have been overwritten."
        )
    return moments


def require_check_mode(params: Mapping[str, Any], *, check_mode: bool) -> None:
    """Let ``bucket_planned`` and ``key_planned`` through in check mode alone.

    :raises Refused: in a real run, where what is planned must be there.
    """
    for option, what in (("bucket_planned", "bucket"), ("key_planned", "key")):
        if params.get(option) and not check_mode:
            raise Refused(
                f"{option} was set in a real run. It is for check mode alone, where the {what} does not exist yet: "
                "leave it out."
            )


def _texts(values: list[str] | None) -> tuple[str, ...]:
    return tuple(str(value).strip() for value in values or ())
