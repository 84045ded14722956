# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what a key is like, and bring it to what was asked: each write is read back where someone else may write too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.aws import interruption
from ansible_collections.sealed.s3.plugins.module_utils.aws.call import (
    CONFLICT_WAITS,
    jittered,
    turned_away,
    without_an_answer,
)
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import (
    AwsError,
    Refused,
    UnknownOutcome,
    may_have_come_through,
)
from ansible_collections.sealed.s3.plugins.module_utils.aws.key import Key
from ansible_collections.sealed.s3.plugins.module_utils.key_settings import (
    DEFAULT_PERIOD,
    KeyFacts,
    KeyPlan,
    KeySettings,
)
from ansible_collections.sealed.s3.plugins.module_utils.key_state import Rotation
from ansible_collections.sealed.s3.plugins.module_utils.policy import document as documents
from ansible_collections.sealed.s3.plugins.module_utils.policy import key_policy
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError, shown
from ansible_collections.sealed.s3.plugins.module_utils.policy.merge import lost_statements

# How often the policy is merged again when someone else writes at the same time.
POLICY_TRIES = 3
# Waits between reads, in seconds, while KMS still hands out the policy from before the write. KMS Developer Guide,
# "AWS KMS eventual consistency": mostly under a second, at times some minutes.
READ_BACK_WAITS = (0.5, 1.0, 2.0, 4.0)


def read(key: Key, settings: KeySettings) -> KeyFacts:
    """What ``settings`` asks about, and no more. The policy last, so that little time passes until it is written."""
    rotation = None if settings.rotation is None else key.rotation()
    tags = None if settings.tags is None else key.tags()
    policy = key.policy() if settings.touches_policy else None
    return KeyFacts(description=key.description.description, rotation=rotation, tags=tags, policy=policy)


def expected(facts: KeyFacts, planned: KeyPlan) -> KeyFacts:
    """What the key is like once ``planned`` is done."""
    return KeyFacts(
        description=facts.description if planned.description is None else planned.description,
        policy=planned.merge.document if planned.merge is not None else facts.policy,
        rotation=planned.rotation or facts.rotation,
        tags={**facts.tags, **planned.tags} if facts.tags is not None else None,
    )


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


def apply(key: Key, settings: KeySettings, *, facts: KeyFacts, planned: KeyPlan) -> KeyFacts:
    """Carry ``planned`` out: policy, description, rotation, tags, in this order.

    :returns: what the key is like then.
    :raises AwsError, PolicyError: with ``steps_done`` in its details and in its text when parts were done before.
    """
    after = expected(facts, planned)
    done: list[str] = []
    try:
        if planned.policy_changed and facts.policy is not None:
            after = replace(after, policy=_write_policy(key, settings.policy_spec(key.arn), facts.policy))
            done.append("policy")
        for part in planned.parts:
            if part != "policy":
                _write(_Setting(key, settings, planned, part))
                done.append(part)
    except (AwsError, PolicyError) as error:
        error.details["changed"] = bool(done) or bool(error.details.get("changed"))
        if facts.policy is not None:
            error.details.setdefault("previous_policy", facts.policy.to_dict())
        if done:
            error.details["steps_done"] = done
            error.args = (
                f"{error} Before that, {', '.join(done)} of key {key.arn} had been changed already; "
                "a further run does the rest.",
            )
        raise
    return after


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
        for wait in READ_BACK_WAITS:
            if setting.is_there():
                return True
            interruption.wait(wait)
        return setting.is_there()
    except AwsError as unread:
        raise UnknownOutcome(error, f"the {setting.part} was changed", unread) from unread


def _write_policy(key: Key, spec: key_policy.KeyPolicySpec, before: documents.Document) -> documents.Document:
    """Merge, write, read back; again on the fresh policy when someone else wrote in between.

    :raises AwsError, PolicyError: with ``changed`` in the details where it is known whether the policy was written.
    """
    written = False
    failed: AwsError | None = None
    earlier: list[documents.Document] = []
    try:
        for _attempt in range(POLICY_TRIES):
            merged = key_policy.merge(before, spec)
            if not merged.changed or merged.document is None:
                return before
            sending = _Sending(key, spec, earlier, before, merged.document)
            lost = sending.put_or_lose()
            earlier.append(sending.before)
            written = written or lost is None
            there = _read_back(key, earlier=earlier, written=sending.document, lost=lost)
            if lost is not None and documents.equal(there, sending.before):
                # So it can be written again, on what was just read.
                failed, before = lost, there
                continue
            failed = None
            if _was_there(there, earlier):
                raise _not_there(key) if lost is None else UnknownOutcome(lost, "the policy was written")
            written = True
            if not key_policy.merge(there, spec).changed:
                _check_lost(key, earlier, there)
                return there
            before = there
        if failed is not None:
            failed.args = (f"{failed} It was read again, and it is as it was before.",)
            raise failed
    except (AwsError, PolicyError) as error:
        error.details["changed"] = written or isinstance(error, UnknownOutcome)
        raise
    raise Refused(
        f"The policy of key {key.arn} was written {POLICY_TRIES} times, and each time it read differently afterwards: "
        "someone else is changing it too. Find out who, and run again.",
        changed=True,
    )


def _was_there(there: documents.Document, earlier: Sequence[documents.Document]) -> bool:
    return any(documents.equal(there, one) for one in earlier)


def _not_there(key: Key) -> Refused:
    return Refused(
        f"The policy of key {key.arn} was written, and it still reads as it was before. Either KMS has not caught up, "
        "or someone else has put the earlier policy back since. It was not written again, because that could overwrite "
        "what others have written. Run again in a while: what is done is not done twice."
    )


def _check_lost(key: Key, earlier: Sequence[documents.Document], there: documents.Document) -> None:
    lost = dict.fromkeys(name for policy in earlier for name in lost_statements(policy, there))
    if lost:
        raise Refused(
            f"The policy of key {key.arn} was written, and statements that were there before are not there "
            f"now: {', '.join(shown(name) for name in lost)}. Someone else changed the policy at the same "
            "time, or took them out. Compare it with previous_policy."
        )


@dataclass
class _Sending:
    """A write of the policy: what is written, and what was read before it.

    :ivar earlier: what was there before the writes before it.
    """

    key: Key
    spec: key_policy.KeyPolicySpec
    earlier: Sequence[documents.Document]
    before: documents.Document
    document: documents.Document

    def put_or_lose(self) -> AwsError | None:
        """Write it, anew on what is there then while KMS throttles or does not know a principal yet.

        What fails so that the write may have come through all the same is returned, to be looked after.
        """
        key_policy.check_size(self.document)
        for wait in CONFLICT_WAITS:
            try:
                return self._once()
            except AwsError as error:
                if not turned_away(error):
                    raise
            interruption.wait(jittered(wait))
            self._anew()
        return self._once()

    def _once(self) -> AwsError | None:
        principals = (*(self.spec.admins or ()), *(self.spec.users or ()))
        return without_an_answer(lambda: self.key.put_policy(self.document, principals=principals, anew=self._anew))

    def _anew(self) -> documents.Document:
        there = self.key.policy()
        if not documents.equal(there, self.before) and _was_there(there, self.earlier):
            raise _not_there(self.key)
        self.before = there
        self.document = key_policy.merge(self.before, self.spec).document or self.before
        key_policy.check_size(self.document)
        return self.document


def _read_back(
    key: Key, *, earlier: Sequence[documents.Document], written: documents.Document, lost: AwsError | None
) -> documents.Document:
    try:
        there = key.policy()
        for wait in READ_BACK_WAITS:
            if documents.equal(there, written) or not _was_there(there, earlier):
                break
            interruption.wait(wait)
            there = key.policy()
    except (AwsError, PolicyError) as error:
        if lost is not None:
            raise UnknownOutcome(lost, "the policy was written", error) from error
        error.args = (
            f"The policy of key {key.arn} was written, and could not be read back to see that it came through. {error}",
        )
        raise
    return there
