# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may change on an existing KMS key, and what has to: asked against found, field by field. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.key_state import KeyState, Rotation
from ansible_collections.sealed.s3.plugins.module_utils.policy import key_policy
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError, shown
from ansible_collections.sealed.s3.plugins.module_utils.policy.merge import Merge

MIN_PERIOD, MAX_PERIOD, DEFAULT_PERIOD = 90, 2560, 365
"""Days between rotations (KMS API Reference, EnableKeyRotation)."""

MAX_DESCRIPTION = 8192
"""Characters in a description (KMS API Reference, UpdateKeyDescription)."""

MAX_TAGS = 50
"""Tags of one key (KMS Developer Guide, "Quotas")."""


ARGUMENTS: dict[str, Any] = {
    "description": {"type": "str"},
    "admins": {"type": "list", "elements": "str"},
    "users": {"type": "list", "elements": "str"},
    "users_through_s3_only": {"type": "bool", "default": False},
    "rotation": {"type": "bool", "default": True},
    "rotation_period_in_days": {"type": "int"},
    "tags": {"type": "dict"},
}
"""The options of kms_key_settings and the suboptions of key_settings, documented in doc_fragments/key_settings.py."""


class SettingsError(PolicyError):
    """Settings were asked for that KMS does not take. The text names the option."""


@dataclass(frozen=True)
class KeySettings:
    """What a key is to be like. None: left as it is.

    :ivar admins: see :class:`key_policy.KeyPolicySpec`, as for ``users`` and ``users_through_s3_only``.
    :ivar rotation: whether KMS rotates the key by itself.
    :ivar rotation_period_in_days: days between rotations; None: a key that is rotated keeps its period.
    :ivar tags: added or updated; others stay.
    :raises SettingsError: when a value is out of its bounds.
    """

    description: str | None = None
    admins: tuple[str, ...] | None = None
    users: tuple[str, ...] | None = None
    users_through_s3_only: bool = False
    rotation: bool | None = True
    rotation_period_in_days: int | None = None
    tags: Mapping[str, str] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        period = self.rotation_period_in_days
        if period is not None and not MIN_PERIOD <= period <= MAX_PERIOD:
            raise SettingsError(
                f"rotation_period_in_days: expected {MIN_PERIOD} to {MAX_PERIOD} days, found {period}. "
                "Choose a period that KMS takes."
            )
        if period is not None and not self.rotation:
            raise SettingsError(
                f"rotation_period_in_days: {period} days were asked for, and rotation is off. "
                "Set rotation to true, or leave the period out."
            )
        if self.description is not None and len(self.description) > MAX_DESCRIPTION:
            raise SettingsError(
                f"description: expected at most {MAX_DESCRIPTION} characters, found {len(self.description)}. "
                "Shorten it."
            )
        for name, value in (self.tags or {}).items():
            _check_tag(name, value)
        if len(self.tags or {}) > MAX_TAGS:
            raise SettingsError(f"tags: a key can have {MAX_TAGS} tags, found {len(self.tags or {})}. Name fewer.")

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> KeySettings:
        """Read the options of ``kms_key_settings``, or the suboptions of ``key_settings``."""

        def listed(name: str) -> tuple[str, ...] | None:
            values = options.get(name)
            return None if values is None else tuple(str(value) for value in values)

        tags = options.get("tags")
        return cls(
            description=options.get("description"),
            admins=listed("admins"),
            users=listed("users"),
            users_through_s3_only=bool(options.get("users_through_s3_only")),
            rotation=options.get("rotation"),
            rotation_period_in_days=options.get("rotation_period_in_days"),
            tags=None if tags is None else {str(name): str(value) for name, value in tags.items()},
        )

    def policy_spec(self, key_arn: str) -> key_policy.KeyPolicySpec:
        """The part about the key policy. Raises KeyPolicyError for a principal that cannot be named."""
        return key_policy.KeyPolicySpec(
            key_arn=key_arn, admins=self.admins, users=self.users, users_through_s3_only=self.users_through_s3_only
        )

    @property
    def touches_policy(self) -> bool:
        return self.admins is not None or self.users is not None


@dataclass(frozen=True)
class KeyFacts:
    """What a key is like. None: not read, for what was not asked about.

    :ivar tags: all of them.
    """

    description: str
    policy: Document | None = None
    rotation: Rotation | None = None
    tags: Mapping[str, str] | None = field(default=None, hash=False)

    @classmethod
    def of_new_key(cls, settings: KeySettings, *, partition: str, account: str) -> KeyFacts:
        """A key as it will be right after its creation with the description asked for and KMS's own policy."""
        return cls(
            description=settings.description or "",
            policy=key_policy.default_policy(partition=partition, account=account),
            rotation=Rotation(enabled=False),
            tags={},
        )


@dataclass(frozen=True)
class KeyPlan:
    """What has to change on a key.

    :ivar merge: what becomes of its policy; None where the policy is not asked about.
    :ivar description: the new one; None: stays.
    :ivar rotation: the new one; None: stays.
    :ivar tags: those to add or update.
    """

    merge: Merge | None
    description: str | None
    rotation: Rotation | None
    tags: dict[str, str]

    @property
    def policy_changed(self) -> bool:
        return self.merge is not None and self.merge.changed

    @property
    def changed(self) -> bool:
        return self.policy_changed or self.description is not None or self.rotation is not None or bool(self.tags)

    @property
    def parts(self) -> list[str]:
        """The names of what changes, in the order in which it is written."""
        found = {
            "policy": self.policy_changed,
            "description": self.description is not None,
            "rotation": self.rotation is not None,
            "tags": bool(self.tags),
        }
        return [name for name, changes in found.items() if changes]


def plan(settings: KeySettings, facts: KeyFacts, *, key_arn: str) -> KeyPlan:
    """Compare. ``facts`` has what ``settings`` asks about.

    Raises KeyPolicyError for a principal that cannot be named, or a policy that would be too large.
    """
    merged = None
    if settings.touches_policy:
        merged = key_policy.plan(facts.policy, settings.policy_spec(key_arn))
    there = facts.tags or {}
    new_tags = {name: value for name, value in (settings.tags or {}).items() if there.get(name) != value}
    if new_tags and len({**there, **new_tags}) > MAX_TAGS:
        raise SettingsError(
            f"tags: a key can have {MAX_TAGS} tags; with those it has, there would be {len({**there, **new_tags})}. "
            "Name fewer, or take some off."
        )
    return KeyPlan(
        merge=merged,
        description=None if settings.description in (None, facts.description) else settings.description,
        rotation=_rotation_change(settings, facts.rotation),
        tags=new_tags,
    )


def rotation_refusal(settings: KeySettings, key: KeyState) -> str | None:
    """Why the rotation asked for cannot be: a sentence, or None where it can."""
    if not settings.rotation or key.rotatable:
        return None
    return (
        f"Key {key.arn} has the origin {key.origin}, and KMS rotates only keys whose material it made itself. "
        "Set rotation to false for this key, and rotate it yourself."
    )


def _rotation_change(settings: KeySettings, found: Rotation | None) -> Rotation | None:
    if settings.rotation is None or found is None:
        return None
    if not settings.rotation:
        return Rotation(enabled=False) if found.enabled else None
    period = settings.rotation_period_in_days
    if not found.enabled:
        return Rotation(enabled=True, period_in_days=period or DEFAULT_PERIOD)
    if period is not None and period != (found.period_in_days or DEFAULT_PERIOD):
        return Rotation(enabled=True, period_in_days=period)
    return None


def _check_tag(name: str, value: str) -> None:
    # KMS API Reference, Tag: key of 1 to 128 characters, value of at most 256, the prefix aws: is AWS's own.
    if not 1 <= len(name) <= 128 or name.lower().startswith("aws:"):
        raise SettingsError(
            f'tags: expected a name of 1 to 128 characters that does not start with aws:, found "{shown(name)}".'
        )
    if len(value) > 256:
        raise SettingsError(
            f'tags: expected at most 256 characters in the value of "{shown(name)}", found {len(value)}. Shorten it.'
        )
