# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what a key is like, and bring it to what was asked: each write is read back where someone else may write too."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from ansible_collections.sealed.s3.plugins.module_utils import key_settings
from ansible_collections.sealed.s3.plugins.module_utils.aws import policy_writing, reading_back
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import (
    AwsError,
    UnknownOutcome,
    may_have_come_through,
)
from ansible_collections.sealed.s3.plugins.module_utils.aws.key import PRINCIPAL_WAITS, Key, UnknownPrincipal
from ansible_collections.sealed.s3.plugins.module_utils.key_settings import (
    DEFAULT_PERIOD,
    KeyFacts,
    KeyPlan,
    KeySettings,
)
from ansible_collections.sealed.s3.plugins.module_utils.key_state import Rotation
from ansible_collections.sealed.s3.plugins.module_utils.policy import document as documents
from ansible_collections.sealed.s3.plugins.module_utils.policy import key_policy
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError
from ansible_collections.sealed.s3.plugins.module_utils.policy.plan import Plan

# Seconds after a write at which the policy is read back.
READ_BACK_AT = (0.0,)


def read(key: Key, settings: KeySettings) -> KeyFacts:
    """What ``settings`` asks about, and no more. The policy last, so that little time passes until it is written."""
    rotation = None if settings.rotation is None else key.rotation()
    tags = None if settings.tags is None else key.tags()
    policy = key.policy() if settings.touches_policy else None
    return KeyFacts(description=key.description.description, rotation=rotation, tags=tags, policy=policy)


def plan(key: Key, settings: KeySettings, facts: KeyFacts) -> KeyPlan:
    """What has to change.

    :raises PolicyError: with ``previous_policy`` in the details, where it was read.
    """
    try:
        return key_settings.plan(settings, facts, key_arn=key.arn)
    except PolicyError as error:
        if facts.policy is not None:
            error.details["previous_policy"] = facts.policy.to_dict()
        raise


@dataclass(frozen=True)
class Outcome:
    """What became of a key, or would become of it.

    :ivar before: what it was like; its policy as it was read last before the first write.
    :ivar after: what it is like then.
    :ivar plan: what was planned on ``before``.
    :ivar interfered: somebody else wrote its policy after us, so that it was merged again.
    """

    before: KeyFacts
    after: KeyFacts
    plan: KeyPlan
    interfered: bool = False

    @classmethod
    def planned(cls, facts: KeyFacts, plan: KeyPlan) -> Outcome:
        """What would become of it."""
        after = KeyFacts(
            description=facts.description if plan.description is None else plan.description,
            policy=plan.merge.document if plan.merge is not None else facts.policy,
            rotation=plan.rotation or facts.rotation,
            tags={**facts.tags, **plan.tags} if facts.tags is not None else None,
        )
        return cls(before=facts, after=after, plan=plan)


def interference(key: Key) -> str:
    """What the user should know where it :attr:`Outcome.interfered`."""
    return policy_writing.interference(f"key {key.arn}", "it")


def shown_facts(facts: KeyFacts, settings: KeySettings) -> dict[str, Any]:
    """For a diff: the parts that ``settings`` asks about."""
    found: dict[str, Any] = {}
    if settings.touches_policy:
        found["policy"] = facts.policy.to_dict() if facts.policy else None
    if settings.description is not None:
        found["description"] = facts.description
    if settings.rotation is not None and facts.rotation is not None:
        found["rotation"] = facts.rotation.to_dict()
    if settings.tags is not None:
        found["tags"] = dict(facts.tags or {})
    return found


def apply(key: Key, settings: KeySettings, *, facts: KeyFacts, planned: KeyPlan) -> Outcome:
    """Carry ``planned`` out: policy, description, rotation, tags, in this order.

    :returns: what became of the key.
    :raises AwsError, PolicyError: with ``steps_done`` in its details and in its text when parts were done before.
    """
    outcome = Outcome.planned(facts, planned)
    done: list[str] = []
    try:
        if planned.policy_changed and facts.policy is not None:
            written = _write_policy(key, settings.policy_spec(key.arn), facts.policy)
            outcome = Outcome(
                before=replace(facts, policy=written.before),
                after=replace(outcome.after, policy=written.after),
                plan=replace(planned, merge=written.plan.merge),
                interfered=written.interfered,
            )
        for part in outcome.plan.parts:
            if part != "policy":
                _write(_Setting(key, settings, planned, part))
            done.append(part)
    except (AwsError, PolicyError) as error:
        error.details["changed"] = bool(done) or bool(error.details.get("changed"))
        if outcome.before.policy is not None:
            error.details.setdefault("previous_policy", outcome.before.policy.to_dict())
        if outcome.interfered:
            error.args = (f"{error} {interference(key)}",)
        if done:
            error.details["steps_done"] = done
            error.args = (
                f"{error} Before that, {', '.join(done)} of key {key.arn} had been changed already; "
                "a further run does the rest.",
            )
        raise
    return outcome


@dataclass(frozen=True)
class _Setting:
    """A part of a key that nobody else writes a share of: its description, its rotation, or some of its tags."""

    key: Key
    settings: KeySettings
    planned: KeyPlan
    part: str

    def put(self) -> None:
        if self.part == "description":
            self.key.put_description(self.planned.description or "")
        elif self.part == "tags":
            self.key.put_tags(self.planned.tags)
        elif (self.planned.rotation or _NOT_ROTATED).enabled:
            self.key.enable_rotation(period_in_days=self.settings.rotation_period_in_days)
        else:
            self.key.disable_rotation()

    def is_there(self) -> bool:
        """Whether it reads as it was to become."""
        if self.part == "description":
            return self.key.described().description == self.planned.description
        if self.part == "tags":
            return self.planned.tags.items() <= self.key.tags().items()
        return _rotates_as(self.key.rotation(), self.planned.rotation or _NOT_ROTATED)


_NOT_ROTATED = Rotation(enabled=False)


def _rotates_as(there: Rotation, wanted: Rotation) -> bool:
    # Not every service tells the period.
    same_period = (there.period_in_days or DEFAULT_PERIOD) == (wanted.period_in_days or DEFAULT_PERIOD)
    return there.enabled == wanted.enabled and same_period


def _write(setting: _Setting) -> None:
    """Write it. What fails so that the write may have come through all the same is looked after.

    :raises AwsError: with ``changed`` in the details where it is known whether it came through.
    """
    try:
        setting.put()
    except AwsError as error:
        if not may_have_come_through(error):
            raise
        if not _came_through(setting, error):
            error.args = (f"{error} It was read again, and it is as it was before.",)
            error.details["changed"] = False
            raise


def _came_through(setting: _Setting, error: AwsError) -> bool:
    try:
        return reading_back.until(bool, setting.is_there)
    except AwsError as unread:
        raise UnknownOutcome(error, f"the {setting.part} was changed", unread) from unread


@dataclass(frozen=True)
class _KeyPolicy(policy_writing.Holder):
    """The policy of a key, to be written."""

    key: Key
    principals: tuple[str, ...]
    service = "KMS"

    @property
    def title(self) -> str:
        return f"key {self.key.arn}"

    def read(self) -> documents.Document:
        return self.key.policy()

    def write(self, document: documents.Document | None) -> None:
        # A key always has one.
        self.key.put_policy(cast("documents.Document", document), principals=self.principals)

    def waits_after(self, error: AwsError) -> tuple[float, ...]:
        return PRINCIPAL_WAITS if isinstance(error, UnknownPrincipal) else super().waits_after(error)


def _write_policy(key: Key, spec: key_policy.KeyPolicySpec, before: documents.Document) -> policy_writing.Written:
    """:raises AwsError, PolicyError: with ``changed`` in the details where it is known whether it was written."""
    return policy_writing.write(
        _KeyPolicy(key, (*(spec.admins or ()), *(spec.users or ()))),
        lambda there: Plan(key_policy.plan(there, spec)),
        before,
        read_back_at=READ_BACK_AT,
    )
