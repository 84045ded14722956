# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seal one bucket under a key: default encryption first, then the guard. What is so already is not written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils import arguments, backup
from ansible_collections.sealed.s3.plugins.module_utils.aws import encryption_change, policy_change, preflight
from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import KMS, Bucket, EncryptionRule
from ansible_collections.sealed.s3.plugins.module_utils.aws.encryption_change import Asked
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError, Interrupted, UnknownOutcome
from ansible_collections.sealed.s3.plugins.module_utils.aws.policy_change import Planner
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session
from ansible_collections.sealed.s3.plugins.module_utils.policy import key_move
from ansible_collections.sealed.s3.plugins.module_utils.policy import plan as plans
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import GuardSpec

DEFAULT_ENCRYPTION = "default_encryption"
GUARD = "guard"

_AT_ONCE = (0.0,)


@dataclass(frozen=True)
class Sealed:
    """What became of a bucket, in check mode what would become of it.

    :ivar backup_file: where the policy of before was kept.
    """

    bucket: str
    key_arn: str
    encryption: encryption_change.Outcome
    guard: policy_change.Outcome
    warnings: tuple[str, ...] = ()
    backup_file: str | None = None

    @property
    def steps(self) -> list[str]:
        """What changed, in its order."""
        changed = {DEFAULT_ENCRYPTION: self.encryption.changed, GUARD: self.guard.plan.merge.changed}
        return [step for step, done in changed.items() if done]

    @property
    def diff(self) -> list[dict[str, Any]]:
        """Before and after of each step, as Ansible shows them."""
        diffs = {DEFAULT_ENCRYPTION: self.encryption.diff(self.bucket), GUARD: self.guard.diff(self.bucket)}
        return [diffs[step] for step in self.steps]

    def to_dict(self) -> dict[str, Any]:
        """The outcome for a module's result, without warnings and diff."""
        return {
            "changed": bool(self.steps),
            "steps": self.steps,
            **self.encryption.to_dict(),
            **self.guard.to_dict(),
            "key_arn": self.key_arn,
            "backup_file": self.backup_file,
        }


def seal(
    session: Session,
    params: Mapping[str, Any],
    *,
    check_mode: bool,
    describe: preflight.Describe = preflight.describe,
) -> Sealed:
    """Seal a bucket. Whatever is known to stand against the guard is told before anything is changed.

    :param params: the parameters of sse_kms_seal for this bucket.
    :param describe: how a key is found.
    :raises AwsError, PolicyError: with ``changed`` and ``steps`` in the details once something was changed.
    """
    arguments.require_check_mode(params, check_mode=check_mode)
    blocked = arguments.blocked_types(params)
    moments = arguments.read_back_at(params)
    preflight.check_guard(params, session.region)
    ready = preflight.check(session, params, needs_key=True, describe=describe)
    spec, warnings = preflight.guard_spec(params, ready)
    asked = Asked(KMS, spec.key_arn, params["bucket_key"], blocked)
    kept = backup.of(params)
    if ready.bucket is None:
        plan = plans.guarded(None, spec, on_conflict=params["on_conflict"])
        outcomes = encryption_change.plan_new(asked), policy_change.Outcome.planned(None, plan)
    else:
        sealing = _Sealing(ready.bucket, asked, spec, params["on_conflict"], kept, moments)
        outcomes = sealing.outcomes(check_mode=check_mode)
    encryption, guard = outcomes
    return Sealed(
        bucket=params["bucket"],
        key_arn=spec.key_arn,
        encryption=encryption,
        guard=guard,
        warnings=tuple(dict.fromkeys((*warnings, *encryption.warnings, *guard.warnings(params["bucket"])))),
        backup_file=kept.file if kept else None,
    )


_Outcomes = tuple[encryption_change.Outcome, policy_change.Outcome]


class _Sealing:
    """The work on a bucket that is there, and how far it has come."""

    def __init__(
        self,
        bucket: Bucket,
        asked: Asked,
        spec: GuardSpec,
        on_conflict: str,
        kept: backup.Backup | None,
        read_back_at: Sequence[float],
    ) -> None:
        self._bucket = bucket
        self._asked = asked
        self._spec = spec
        self._on_conflict = on_conflict
        self._kept = kept
        self._read_back_at = read_back_at
        self._rule = bucket.default_encryption()
        # Last, since this is what a write of the policy may follow at once.
        self._policy = bucket.policy()
        self._steps: list[str] = []
        self._doing = ""

    def outcomes(self, *, check_mode: bool) -> _Outcomes:
        """Do it, or in check mode say what would be done."""
        try:
            return self._foretold() if check_mode else self._done()
        except (AwsError, PolicyError) as error:
            self._tell(error)
            raise

    def _foretold(self) -> _Outcomes:
        encryption = encryption_change.carry_out(self._bucket, self._asked, self._rule, check_mode=True)
        plan = self._planner(self._spec)
        return encryption, policy_change.carry_out(self._bucket, plan, self._policy, check_mode=True)

    def _done(self) -> _Outcomes:
        encryption, guard = self._foretold()
        if not encryption.changed:
            return encryption, self._put_guard(self._spec, self._policy)
        if not guard.plan.merge.changed:
            return self._set_default(self._rule), guard
        default_key = self._rule.key_arn if self._rule else None
        bridge = key_move.guard_for_the_move(self._policy, default_key=default_key, wanted=self._spec)
        if bridge is not None:
            return self._move(bridge, guard)
        if self._kept is not None and self._policy is not None:
            # Where it cannot be kept, default encryption stays as it is, too.
            self._kept.keep(self._policy, guard.plan.merge.document)
        return self._set_default(self._rule), self._put_guard(self._spec, self._bucket.policy())

    def _move(self, bridge: GuardSpec, foretold: policy_change.Outcome) -> _Outcomes:
        """From one key to another, so that uploads that name none pass after every single write."""
        before = self._policy
        if self._kept is not None and before is not None:
            # With what it becomes in the end, not in between.
            self._kept.keep(before, foretold.plan.merge.document)
            before = self._bucket.policy()
        only = bridge == self._spec
        # What somebody writes after a first write, the read before the second one finds.
        first = self._put_guard(bridge, before, read_back_at=self._read_back_at if only else _AT_ONCE)
        try:
            encryption = self._set_default(self._bucket.default_encryption())
            last = first if only else self._put_guard(self._spec, self._bucket.policy(), since=first.after)
        except (AwsError, PolicyError) as error:
            # Not that with both keys admitted.
            error.details["previous_policy"] = first.before.to_dict() if first.before else None
            if first.interfered:
                error.args = (f"{error} {policy_change.interference(self._bucket.name)}",)
            raise
        interfered = first.interfered or last.interfered
        return encryption, replace(foretold, before=first.before, after=last.after, interfered=interfered)

    def _planner(self, spec: GuardSpec) -> Planner:
        return lambda before: plans.guarded(before, spec, on_conflict=self._on_conflict)

    def _set_default(self, before: EncryptionRule | None) -> encryption_change.Outcome:
        self._doing = DEFAULT_ENCRYPTION
        outcome = encryption_change.carry_out(self._bucket, self._asked, before, check_mode=False)
        if outcome.changed:
            self._steps.append(DEFAULT_ENCRYPTION)
        return outcome

    def _put_guard(
        self,
        spec: GuardSpec,
        before: Document | None,
        *,
        read_back_at: Sequence[float] | None = None,
        since: Document | None = None,
    ) -> policy_change.Outcome:
        self._doing = GUARD
        # What the first write has kept is what was there before this run.
        kept = None if GUARD in self._steps else self._kept
        outcome = policy_change.carry_out(
            self._bucket,
            self._planner(spec),
            before,
            check_mode=False,
            backup=kept,
            read_back_at=self._read_back_at if read_back_at is None else read_back_at,
            since=since,
            in_the_end=self._planner(self._spec),
        )
        if outcome.plan.merge.changed:
            self._steps.append(GUARD)
        return outcome

    def _tell(self, error: AwsError | PolicyError) -> None:
        """Say in the error what was done before it."""
        name, key = self._bucket.name, self._spec.key_arn
        # Then the error itself says what became of the step.
        begun = bool(error.details.get("changed"))
        if DEFAULT_ENCRYPTION in self._steps:
            left = "." if begun else ", and the guard did not follow."
            told = f"Default encryption of bucket {name} was set to aws:kms under {key}{left} {error}"
            error.args = (f"{told}{_advice(error, 'what is done is not done twice')}",)
        elif GUARD in self._steps:
            left = "." if begun else f", and default encryption was not moved to {key}."
            told = f"The guard of bucket {name} admits both keys now{left} {error}"
            error.args = (f"{told}{_advice(error, 'until then, uploads go on as before')}",)
        if error.details.get("changed"):
            self._steps.append(self._doing)
        steps = [step for step in (DEFAULT_ENCRYPTION, GUARD) if step in self._steps]
        error.details.update(changed=bool(steps), steps=steps)
        error.details.setdefault("previous_policy", self._policy.to_dict() if self._policy else None)
        error.details.setdefault("previous_encryption", self._rule.to_dict() if self._rule else None)
        error.details.setdefault("backup_file", self._kept.file if self._kept else None)


def _advice(error: AwsError | PolicyError, meanwhile: str) -> str:
    """What to do about an error, where it does not say so itself."""
    if isinstance(error, UnknownOutcome):
        return ""
    return f" {'Run' if isinstance(error, Interrupted) else 'Mend that and run'} again: {meanwhile}."
