# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One bucket and its key: what is there against what was asked. Pure: the same answer for the same input.

:func:`assess` takes what was read (:class:`Observed`) and what was asked (:class:`Intent`) and says

* what was found (:class:`Finding`), each with a severity, what is there, what was asked, and how to mend it;
* what a run of the role would change (:class:`Plan`), exactly, so that one which changes nothing runs no module;
* what would make that run fail (blockers), as sentences, so that it need not begin;
* what could not be looked at, apart from what is not as asked.

Nothing here knows how many buckets there are: a key that was read once may stand in the Observed of many buckets.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils import bucket_name, key_settings, key_state
from ansible_collections.sealed.s3.plugins.module_utils.key_settings import KeyFacts, KeySettings
from ansible_collections.sealed.s3.plugins.module_utils.key_state import KeyState, Rotation
from ansible_collections.sealed.s3.plugins.module_utils.policy import (
    conflicts,
    decision,
    deleted,
    document,
    effect,
    guard,
    key_policy,
    lockout,
    merge,
    plan,
    public,
)
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError, listed, shown
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import GuardSpec

PRESENT = "present"
ABSENT = "absent"

HIGH = "high"
"""Objects can end up, or do end up, otherwise than asked; or uploads fail."""
MEDIUM = "medium"
"""Something that was asked for is not so."""
LOW = "low"
"""Worth mending, and nobody asked for it here."""
INFO = "info"
"""Worth knowing."""
SEVERITIES = (HIGH, MEDIUM, LOW, INFO)

COMPLIANT = "compliant"
NOT_COMPLIANT = "not_compliant"
COULD_NOT_LOOK = "could_not_look"

KMS = "aws:kms"

_HUB, _CONFIG, _CIS = "Security Hub", "Config", "CIS AWS"
_DEFAULT_ENCRYPTION_CONTROLS = (f"{_HUB} S3.17", f"{_CONFIG} s3-default-encryption-kms")
_TLS_CONTROLS = (f"{_HUB} S3.5", f"{_CONFIG} s3-bucket-ssl-requests-only", f"{_CIS} 2.1.1")
_ROTATION_CONTROLS = (f"{_HUB} KMS.4", f"{_CONFIG} cmk-backing-key-rotation-enabled", f"{_CIS} 3.6")
_PUBLIC_ACCESS_CONTROLS = (f"{_HUB} S3.8",)
_KEY_DELETION_CONTROLS = (f"{_HUB} KMS.3",)


# --- what was read ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NotRead:
    """Something that could not be looked at.

    :ivar message: a sentence, why.
    :ivar action: the IAM action that is missing; None where it was something else.
    """

    message: str
    action: str | None = None


@dataclass(frozen=True)
class DefaultRule:
    """A bucket's default encryption.

    :ivar key_arn: the key as it stands there: an ARN, an id, an alias or None.
    :ivar blocked: blocked encryption types; None where S3 says nothing about them.
    """

    algorithm: str
    key_arn: str | None = None
    bucket_key: bool = False
    blocked: tuple[str, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The rule for a finding."""
        return {
            "algorithm": self.algorithm,
            "key_arn": self.key_arn,
            "bucket_key": self.bucket_key,
            "blocked_encryption_types": None if self.blocked is None else list(self.blocked),
        }


@dataclass(frozen=True)
class ObservedKey:
    """A key as it was read.

    :ivar state: what DescribeKey said; None: there is no such key; NotRead: it could not be described.
    :ivar refused: why the name alone is refused, for a name that was not even looked up.
    :ivar rotation, policy, tags: None: not read, because it was not asked about or there is no key.
    """

    state: KeyState | NotRead | None = None
    refused: str | None = None
    rotation: Rotation | NotRead | None = None
    policy: Document | NotRead | None = None
    tags: Mapping[str, str] | NotRead | None = None


@dataclass(frozen=True)
class ObservedBucket:
    """A bucket as it was read.

    :ivar exists: None: not known.
    :ivar refused: why this bucket cannot be sealed: another account's, another Region's, no general purpose bucket.
    :ivar not_read: why it could not be looked at.
    :ivar policy: None: there is none.
    :ivar blocked_types_known: whether blocked encryption types can be read here at all.
    :ivar public_access_block: None: there is none.
    :ivar versioning: ``Enabled``, ``Suspended`` or empty; None: not asked about.
    :ivar tags: None: not asked about.
    """

    exists: bool | None
    region: str | None = None
    account: str | None = None
    refused: str | None = None
    not_read: NotRead | None = None
    default_encryption: DefaultRule | NotRead | None = None
    blocked_types_known: bool = True
    policy: Document | NotRead | None = None
    public_access_block: Mapping[str, bool] | NotRead | None = None
    versioning: str | NotRead | None = None
    tags: Mapping[str, str] | NotRead | None = None


@dataclass(frozen=True)
class Observed:
    """What was read for one bucket.

    :ivar account, partition: the caller's.
    :ivar region: the Region that the run is for.
    :ivar caller_arn: who would run, as GetCallerIdentity tells it.
    """

    account: str
    partition: str
    region: str
    bucket: ObservedBucket
    key: ObservedKey
    caller_arn: str | None = None


# --- what was asked --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Intent:
    """What one bucket and its key are to be like.

    :ivar guard: the guard; its ``key_arn`` is replaced by the ARN of the key that is found or planned.
    :ivar key: the key as the user named it; None: none was named, and default encryption is to use any customer
        managed key.
    :ivar key_managed: the key's settings may be changed.
    :ivar create_key: a key that does not exist may be created, under the alias that ``key`` names.
    :ivar blocked_encryption_types, block_public_access, versioning, tags, key_settings: None: not asked about.
    :ivar connection: what of the connection a command needs to reach the bucket, by the names of the role's variables
        without their prefix; nothing secret.
    :ivar host: the host of an inventory that stands for the bucket, with variables of its own; None: nobody's host.
    """

    bucket: str
    guard: GuardSpec
    state: str = PRESENT
    key: str | None = None
    key_managed: bool = False
    create_key: bool = False
    key_settings: KeySettings | None = None
    bucket_key: bool = True
    blocked_encryption_types: tuple[str, ...] | None = None
    on_conflict: str = plan.FAIL
    allow_lockout: bool = False
    block_public_access: bool | None = None
    versioning: bool | None = None
    tags: Mapping[str, str] | None = field(default=None, hash=False)
    connection: Mapping[str, str] = field(default_factory=dict, hash=False)
    host: str | None = None


# --- what comes out --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """One thing that is worth saying.

    :ivar id: a fixed word.
    :ivar observed: what is there.
    :ivar wanted: what was asked for; None where nothing was.
    :ivar remedy: what to run or to do.
    :ivar controls: published controls that it touches.
    """

    id: str
    severity: str
    title: str
    observed: Any = None
    wanted: Any = None
    remedy: str = ""
    controls: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The finding for a module's result."""
        return {
            "id": self.id,
            "severity": self.severity,
            "title": self.title,
            "observed": self.observed,
            "wanted": self.wanted,
            "remedy": self.remedy,
            "controls": list(self.controls),
        }


@dataclass(frozen=True)
class Plan:
    """What a run of the role would change, part by part. A part that is false need not run at all."""

    create_key: bool = False
    key_settings: bool = False
    create_bucket: bool = False
    public_access: bool = False
    versioning: bool = False
    tags: bool = False
    default_encryption: bool = False
    guard: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The plan for a module's result."""
        bucket_settings = {"public_access": self.public_access, "versioning": self.versioning, "tags": self.tags}
        bucket_settings["any"] = any(bucket_settings.values())
        parts = {
            "create_key": self.create_key,
            "key_settings": self.key_settings,
            "create_bucket": self.create_bucket,
            "default_encryption": self.default_encryption,
            "guard": self.guard,
        }
        return {
            **parts,
            "bucket_settings": bucket_settings,
            "any": any(parts.values()) or bucket_settings["any"],
        }

    @property
    def any(self) -> bool:
        """Whether the run would change anything."""
        return bool(self.to_dict()["any"])


@dataclass(frozen=True)
class Posture:
    """The answer for one bucket.

    :ivar key_arn: the ARN that everything was compared with: of the key that is there, or the one that stands for a
        key still to be created; None where no key could be determined.
    :ivar matters: what could not be looked at although it was asked about.
    :ivar decisions: what the policy says to each kind of upload, see :meth:`effect.OnBucket.decisions`; None where the
        policy was not read.
    """

    findings: tuple[Finding, ...]
    plan: Plan
    blockers: tuple[str, ...]
    conflicts: tuple[conflicts.Conflict, ...]
    could_not_look: tuple[NotRead, ...]
    matters: bool
    key_arn: str | None
    decisions: Mapping[str, Mapping[str, str]] | None = None

    @property
    def compliance(self) -> str:
        """The outcome: what is known to be wrong comes before what is not known.

        A hand-written guard that denies all that ours would is compliant, although a run would add ours.
        """
        if any(finding.severity in (HIGH, MEDIUM) for finding in self.findings):
            return NOT_COMPLIANT
        return COULD_NOT_LOOK if self.matters else COMPLIANT

    def to_dict(self) -> dict[str, Any]:
        """The posture for a module's result."""
        return {
            "findings": [finding.to_dict() for finding in self.findings],
            "plan": self.plan.to_dict(),
            "blockers": list(self.blockers),
            "conflicts": [conflict.to_dict() for conflict in self.conflicts],
            "could_not_look": [
                {"permission": missing.action, "message": missing.message} for missing in self.could_not_look
            ],
            "compliance": self.compliance,
            "decisions": None if self.decisions is None else {kind: dict(by) for kind, by in self.decisions.items()},
        }


def unread(missing: NotRead) -> Posture:
    """The answer for a bucket that could not be asked about at all."""
    return Posture((), Plan(), (missing.message,), (), (missing,), True, None)


def assess(observed: Observed, intent: Intent) -> Posture:
    """Compare what was read with what was asked. Raises nothing for anything that AWS or its users can cause."""
    work = _Assessment(observed, intent)
    if intent.state == ABSENT:
        work.absent()
    else:
        work.present()
    return work.posture()


# --- the work --------------------------------------------------------------------------------------------------------


class _Assessment:
    """Collects findings, plan and blockers, part by part."""

    def __init__(self, observed: Observed, intent: Intent) -> None:
        self.observed = observed
        self.intent = intent
        self.findings: list[Finding] = []
        self.blockers: list[str] = []
        self.conflicts: list[conflicts.Conflict] = []
        self.not_read: list[NotRead] = []
        self.matters = False
        self.plan: dict[str, bool] = {}
        self.key_arn: str | None = None
        self.decisions: Mapping[str, Mapping[str, str]] | None = None

    def posture(self) -> Posture:
        order = {severity: place for place, severity in enumerate(SEVERITIES)}
        return Posture(
            findings=tuple(sorted(self.findings, key=lambda finding: order[finding.severity])),
            plan=Plan(**self.plan),
            blockers=tuple(dict.fromkeys(self.blockers)),
            conflicts=tuple(self.conflicts),
            could_not_look=tuple(dict.fromkeys(self.not_read)),
            matters=self.matters,
            key_arn=self.key_arn,
            decisions=self.decisions,
        )

    def present(self) -> None:
        self._key()
        if not self._bucket_is_there():
            return
        self._default_encryption()
        self._guard()
        self._public_access()
        self._versioning()
        self._tags()

    def absent(self) -> None:
        """The guard is to be off. Nothing else is compared."""
        bucket = self.observed.bucket
        if bucket.refused or bucket.not_read:
            self._bucket_is_refused()
            return
        if not bucket.exists:
            return
        policy = self._read(
            bucket.policy, matters=True, blocks="The guard can only be taken off a policy that was read."
        )
        if isinstance(policy, NotRead):
            return
        planned = plan.unguarded(policy).merge
        self.plan["guard"] = planned.changed
        self._not_taken_back(planned, whose=f"The policy of {self.intent.bucket}", service="S3")
        if planned.changed:
            self._find(
                "guard_present",
                MEDIUM,
                "The guard is on, and it is to be off",
                observed={"statements": list(planned.removed)},
                wanted={"statements": []},
                remedy=self._command("sealed.s3.remove"),
            )

    # --- the key ---

    def _key(self) -> None:
        if self.intent.key is None:
            return
        key = self.observed.key
        self.key_arn = self._arn_by_name()
        if key.refused is not None:
            self._find(
                "key_refused",
                HIGH,
                "The key cannot be used",
                observed=key.refused,
                wanted="a key that can seal",
                remedy="Give a customer managed key of the bucket's Region.",
            )
            self.blockers.append(key.refused)
            return
        if isinstance(key.state, NotRead):
            self._read(key.state, matters=True, blocks="A key is judged before it is used.")
            return
        if key.state is None:
            self._missing_key()
            return
        self.key_arn = key.state.arn
        refused = key_state.refusal(key.state, region=self.observed.region)
        if refused is not None:
            self._find(
                "key_unusable",
                HIGH,
                "The key cannot be used",
                observed={name: value for name, value in key.state.to_dict().items() if name in _STATE_SHOWN},
                wanted="an enabled, symmetric, customer managed key of the bucket's Region",
                remedy=refused,
                controls=_KEY_DELETION_CONTROLS if key.state.state.startswith("Pending") else (),
            )
            self.blockers.append(refused)
            return
        if key.state.account != self.observed.account:
            self._find(
                "key_of_another_account",
                INFO,
                "The key belongs to another account",
                observed=key.state.account,
                remedy="Its policy has to let this account use it; it cannot be read from here.",
            )
            if self.intent.key_managed and self.intent.key_settings is not None:
                self.blockers.append(
                    f"Key {key.state.arn} belongs to account {key.state.account}, and a key can only be changed from "
                    "its own account. Give it as a key that is not to be changed."
                )
            return
        self._settings(key.state)

    def _arn_by_name(self) -> str | None:
        """The ARN where the user gave it in full: a policy can be compared with it even if KMS says nothing."""
        key = self.intent.key
        return key if key is not None and guard.is_key_arn(key) else None

    def _missing_key(self) -> None:
        key = shown(self.intent.key or "")
        self._find("key_missing", HIGH, "The key does not exist", observed=None, wanted=key, remedy=self._command())
        name = key_state.parse_name(self.intent.key or "")
        if not self.intent.create_key:
            self.blockers.append(
                f"There is no KMS key {key} in {self.observed.region}. Create it, or give one that exists."
            )
        elif name.kind != "alias":
            self.blockers.append(
                f"There is no KMS key {key} in {self.observed.region}, and a key cannot be created under an id or an "
                "ARN of choice. Give an alias."
            )
        else:
            self.key_arn = key_state.placeholder_arn(
                partition=self.observed.partition, region=self.observed.region, account=self.observed.account
            )
            self.plan["create_key"] = True
            settings = self.intent.key_settings
            if settings is not None:
                fresh = KeyFacts.of_new_key(settings, partition=self.observed.partition, account=self.observed.account)
                planned = self._plan_settings(settings, fresh, self.key_arn)
                self.plan["key_settings"] = planned is not None and planned.changed

    def _settings(self, state: KeyState) -> None:
        """Rotation, policy, description and tags of a key that can be used."""
        key = self.observed.key
        settings = self.intent.key_settings if self.intent.key_managed else None
        asked_policy = settings is not None and settings.touches_policy
        rotation = self._read(key.rotation, matters=bool(settings), blocks=_KEY_UNREAD if settings else None)
        policy = self._read(key.policy, matters=asked_policy, blocks=_KEY_UNREAD if asked_policy else None)
        tags = self._read(key.tags, matters=True, blocks=_KEY_UNREAD)

        if isinstance(rotation, Rotation):
            self._rotation(state, rotation, settings)
        adds_root = asked_policy and isinstance(policy, Document)
        if isinstance(policy, Document) and not adds_root and not key_policy.has_root(policy, account=state.account):
            self._find(
                "key_policy_no_root",
                LOW,
                "The key policy has no statement for the account's root",
                observed={"statements": document.labels(policy)},
                remedy="Name administrators of the key: then a root statement is added, and the key stays "
                "manageable when they are gone.",
            )
        if settings is None:
            return
        refused = key_settings.rotation_refusal(settings, state)
        if refused is not None:
            self.blockers.append(refused)
        # What could not be read cannot be compared; the rest can.
        compared = replace(
            settings,
            admins=settings.admins if isinstance(policy, Document) else None,
            users=settings.users if isinstance(policy, Document) else None,
            tags=settings.tags if isinstance(tags, Mapping) else None,
        )
        facts = KeyFacts(
            description=state.description,
            policy=policy if isinstance(policy, Document) else None,
            rotation=rotation if isinstance(rotation, Rotation) else None,
            tags=tags if isinstance(tags, Mapping) else None,
        )
        planned = self._plan_settings(compared, facts, state.arn)
        if planned is None:
            return
        self.plan["key_settings"] = planned.changed
        if planned.merge is not None and planned.merge.changed:
            self._not_taken_back(planned.merge, whose=f"The policy of key {state.arn}", service="KMS")
            self._find(
                "key_policy_differs",
                MEDIUM,
                "The key policy is not as asked",
                observed={"statements": document.labels(facts.policy)},
                wanted=planned.merge.summary(),
                remedy=self._command(),
            )
        if planned.description is not None:
            self._find(
                "key_description_differs",
                MEDIUM,
                "The key's description is not as asked",
                observed=facts.description,
                wanted=planned.description,
                remedy=self._command(),
            )
        if planned.tags:
            there = facts.tags or {}
            self._find(
                "key_tags_differ",
                MEDIUM,
                "Tags of the key are not as asked",
                observed={name: there.get(name) for name in planned.tags},
                wanted=planned.tags,
                remedy=self._command(),
            )
        both = settings.policy_spec(state.arn).both
        if both:
            self._find(
                "key_split_missing",
                LOW,
                "The same principals manage the key and use it",
                observed=list(both),
                remedy="Name different principals as administrators and as users.",
            )

    def _plan_settings(self, settings: KeySettings, facts: KeyFacts, arn: str) -> key_settings.KeyPlan | None:
        try:
            return key_settings.plan(settings, facts, key_arn=arn)
        except PolicyError as error:
            self.blockers.append(str(error))
            return None

    def _rotation(self, state: KeyState, found: Rotation, settings: KeySettings | None) -> None:
        asked = settings is not None and bool(settings.rotation)
        if not found.enabled and (settings is None or asked):
            self._find(
                "key_rotation_off",
                MEDIUM if asked else LOW,
                "The key is not rotated",
                observed=found.to_dict(),
                wanted={"enabled": True} if asked else None,
                remedy=self._command() if asked else f"aws kms enable-key-rotation --key-id {state.arn}",
                controls=_ROTATION_CONTROLS,
            )
        elif settings is not None and settings.rotation is False and found.enabled:
            self._find(
                "key_rotation_on",
                MEDIUM,
                "The key is rotated, and it is not to be",
                observed=found.to_dict(),
                wanted={"enabled": False},
                remedy=self._command(),
            )
        elif settings is not None and settings.rotation_period_in_days not in (
            None,
            found.period_in_days or key_settings.DEFAULT_PERIOD,
        ):
            self._find(
                "key_rotation_period_differs",
                MEDIUM,
                "The rotation period is not as asked",
                observed=found.to_dict(),
                wanted={"enabled": True, "period_in_days": settings.rotation_period_in_days},
                remedy=self._command(),
            )

    # --- the bucket ---

    def _bucket_is_refused(self) -> None:
        bucket = self.observed.bucket
        if bucket.refused is not None:
            self._find(
                "bucket_refused",
                HIGH,
                "The bucket cannot be sealed from here",
                observed=bucket.refused,
                wanted="a general purpose bucket of this account and Region",
                remedy="Correct the name, the Region or the credentials.",
            )
            self.blockers.append(bucket.refused)
        else:
            self._read(bucket.not_read, matters=True, blocks="Nothing is changed on a bucket that was not confirmed.")

    def _bucket_is_there(self) -> bool:
        bucket = self.observed.bucket
        if bucket.refused is not None or bucket.not_read is not None:
            self._bucket_is_refused()
            return False
        if bucket.exists:
            return True
        self._find(
            "bucket_missing",
            HIGH,
            "The bucket does not exist",
            observed=None,
            wanted=self.intent.bucket,
            remedy=self._command(),
        )
        try:
            bucket_name.validate(self.intent.bucket, new=True)
        except PolicyError as error:
            self.blockers.append(str(error))
        self.plan.update(
            create_bucket=True,
            public_access=True,
            versioning=bool(self.intent.versioning),
            tags=bool(self.intent.tags),
        )
        if self.key_arn is not None:
            self.plan.update(default_encryption=True, guard=True)
            self._lockout()
        return False

    def _default_encryption(self) -> None:
        found = self._read(
            self.observed.bucket.default_encryption,
            matters=True,
            blocks="Default encryption is only written where the present rule was read.",
        )
        if isinstance(found, NotRead):
            return
        if self.key_arn is None:
            if self.intent.key is None:
                self._no_customer_key(found)
            return
        intent = self.intent
        wanted = DefaultRule(KMS, self.key_arn, intent.bucket_key, intent.blocked_encryption_types)
        told = {"observed": found.to_dict() if found else None, "wanted": wanted.to_dict(), "remedy": self._command()}
        before = len(self.findings)
        if found is None or found.algorithm != KMS:
            self._find(
                "default_encryption_algorithm",
                HIGH,
                "Default encryption is not SSE-KMS",
                **told,
                controls=_DEFAULT_ENCRYPTION_CONTROLS,
            )
        elif found.key_arn != self.key_arn:
            self._default_key(found, told)
        if found is not None and found.bucket_key != intent.bucket_key:
            self._find(
                "bucket_key_differs", MEDIUM, f"The Bucket Key is {'off' if intent.bucket_key else 'on'}", **told
            )
        asked = intent.blocked_encryption_types
        known = self.observed.bucket.blocked_types_known
        if asked is not None and known and not same_blocked_types(found.blocked if found else None, asked):
            self._find("blocked_types_differ", MEDIUM, "Blocked encryption types are not as asked", **told)
        self.plan["default_encryption"] = len(self.findings) > before
        if asked is not None and not known:
            self._find(
                "blocked_types_unknown",
                LOW,
                "Whether encryption types are blocked cannot be seen with the installed botocore",
                wanted=list(asked),
                remedy="Install a newer botocore where the module runs.",
            )

    def _no_customer_key(self, found: DefaultRule | None) -> None:
        """No key was named, and default encryption names none of the customer's."""
        sse_kms = found is not None and found.algorithm == KMS
        self._find(
            "default_encryption_no_key" if sse_kms else "default_encryption_algorithm",
            HIGH,
            "Default encryption uses the AWS managed key aws/s3" if sse_kms else "Default encryption is not SSE-KMS",
            observed=found.to_dict() if found else None,
            wanted={"algorithm": KMS, "key_arn": "a customer managed key"},
            remedy=self._command(),
            controls=_DEFAULT_ENCRYPTION_CONTROLS,
        )

    def _default_key(self, found: DefaultRule, told: Mapping[str, Any]) -> None:
        controls = _DEFAULT_ENCRYPTION_CONTROLS
        if found.key_arn in self.intent.guard.accepted_keys:
            self._find(
                "default_encryption_previous_key", MEDIUM, "Default encryption still names a previous key", **told
            )
        elif found.key_arn is None:
            self._find(
                "default_encryption_no_key",
                HIGH,
                "Default encryption uses the AWS managed key aws/s3",
                **told,
                controls=controls,
            )
        elif self._is_same_key(found.key_arn):
            self._find(
                "default_encryption_key_form", MEDIUM, "Default encryption names the key, not by its full ARN", **told
            )
        else:
            self._find(
                "default_encryption_key", HIGH, "Default encryption names another key", **told, controls=controls
            )

    def _is_same_key(self, text: str) -> bool:
        """Whether the text names the key otherwise: by its id, or by what the key was found by."""
        named = self.intent.key or ""
        if text in ((self.key_arn or "").rsplit("/", 1)[-1], named):
            return True
        alias = self._alias_here(text)
        return alias is not None and alias == self._alias_here(named)

    def _alias_here(self, text: str) -> str | None:
        """The alias that a text names in the bucket's account and Region; None where it names none."""
        try:
            name = key_state.parse_name(text)
        except key_state.KeyNameError:
            return None
        if name.kind == "alias_arn" and (name.account, name.region) == (self.observed.account, self.observed.region):
            return name.text.split(":", 5)[5]
        return name.text if name.kind == "alias" else None

    # --- the guard ---

    def _guard(self) -> None:
        policy = self._read(
            self.observed.bucket.policy,
            matters=True,
            blocks="Nothing is written where the present policy was not read.",
        )
        if isinstance(policy, NotRead):
            return
        effects = effect.OnBucket(policy, self.bucket_arn)
        self.decisions = effects.decisions(self.key_arn)
        if self.key_arn is None:
            self._tls(effects)
            return
        try:
            spec = replace(self.intent.guard, key_arn=self.key_arn)
        except PolicyError as error:
            # The key is of another Region than those that are accepted beside it.
            self.blockers.append(str(error))
            self._tls(effects)
            return
        try:
            planned = plan.guarded(policy, spec, on_conflict=self.intent.on_conflict)
        except PolicyError as error:
            self.blockers.append(str(error))
            planned = plan.Plan(merge.merge(policy, guard.statements(spec)), tuple(conflicts.find(policy, spec)))
        self.conflicts.extend(planned.conflicts)
        self.plan["guard"] = planned.merge.changed
        self._lockout()
        self._denied_writes(policy)
        self._not_taken_back(planned.merge, whose=f"The policy of {self.intent.bucket}", service="S3")
        self._guard_findings(policy, effects.judge(spec), spec, planned.merge)
        self._conflict_findings(planned.conflicts)
        self._tls(effects)

    def _lockout(self) -> None:
        """Only where the guard would be written: one that is there already locks nobody out anew."""
        if not self.plan.get("guard") or self.intent.allow_lockout or self.observed.caller_arn is None:
            return
        refused = lockout.refusal(self.intent.guard.encryption_admins, self.observed.caller_arn)
        if refused is not None:
            self.blockers.append(refused)

    def _denied_writes(self, policy: Document | None) -> None:
        """Writes of the run that the present policy denies to the caller for certain."""
        caller = self.observed.caller_arn
        if caller is None:
            return
        # The ARN of a session does not have the path of its role, so it settles nothing about aws:PrincipalArn.
        principal = None if ":assumed-role/" in caller else caller
        for part, operation in (("default_encryption", "PutBucketEncryption"), ("guard", "PutBucketPolicy")):
            if not self.plan.get(part):
                continue
            request = decision.Request(self.bucket_arn, operation, principal=principal)
            outcome = decision.decide(policy, request)
            if outcome.outcome == decision.DENIED:
                self.blockers.append(
                    f"The policy of {self.intent.bucket} denies {request.action} to {caller}: "
                    f"{listed(outcome.denied_by)}. Run as somebody whom it spares."
                )

    def _not_taken_back(self, planned: merge.Merge, *, whose: str, service: str) -> None:
        """A policy that the service would refuse, with all that comes before it done already."""
        if planned.changed and planned.document is not None:
            refused = deleted.not_taken_back(planned.document, whose=whose, service=service)
            if refused:
                self.blockers.append(refused)

    @property
    def bucket_arn(self) -> str:
        return f"arn:{self.observed.partition}:s3:::{self.intent.bucket}"

    def _guard_findings(
        self, policy: Document | None, effective: effect.Effect, spec: GuardSpec, merged: merge.Merge
    ) -> None:
        ours = [statement for statement in policy.statements if guard.is_ours(statement)] if policy else []
        open_requests = list(effective.passing)
        named = _named_keys(ours)
        strangers = sorted(named - set(spec.keys))
        told = {
            "observed": {"statements": [one["Sid"] for one in ours], "allowed": open_requests, "keys": sorted(named)},
            "wanted": {"statements": [one["Sid"] for one in guard.statements(spec)], "keys": list(spec.keys)},
            "remedy": self._command(),
        }
        if not ours and not open_requests:
            self._find(
                "guard_foreign",
                INFO,
                "A hand-written guard denies all that ours would",
                observed={"statements": list(effective.denied_by)},
                wanted=told["wanted"],
                remedy="Nothing has to be done. A run adds our statements and keeps these.",
            )
        elif not ours:
            self._find("guard_missing", HIGH, "There is no guard", **told)
        elif named and self.key_arn not in named:
            self._find("guard_of_another_key", HIGH, "The guard is of another key", **told)
        elif open_requests:
            self._find("guard_incomplete", HIGH, "The guard lets uploads pass that it was asked to deny", **told)
        elif merged.changed:
            self._find("guard_differs", MEDIUM, "The guard is not as asked", **told)
        if ours and strangers and self.key_arn in named:
            self._find(
                "guard_admits_further_keys",
                MEDIUM,
                "The guard admits keys that were not asked for",
                observed=strangers,
                wanted=list(spec.keys),
                remedy=self._command(),
            )
        if self.intent.guard.accepted_keys:
            self._find(
                "key_change",
                INFO,
                "Further keys are admitted, as during a change of the key",
                observed=list(spec.accepted_keys),
                remedy="Take accepted_keys out once nothing is uploaded under them any more.",
            )
        if ours and named and self.key_arn not in named:
            self._find(
                "key_change_in_one_step",
                LOW,
                "The bucket moves to another key in one step",
                observed=sorted(named),
                wanted=list(spec.keys),
                remedy="The role admits both keys while default encryption moves, and then the new one alone. Where "
                "clients name the previous key, run with both keys admitted (accepted_keys) until they do not.",
            )

    def _conflict_findings(self, found: Iterable[conflicts.Conflict]) -> None:
        severities = {
            conflicts.CONFLICT: LOW if self.intent.on_conflict == plan.IGNORE else HIGH,
            conflicts.WARNING: LOW,
            conflicts.NOTE: INFO,
        }
        for conflict in found:
            self._find(
                f"policy_{conflict.id}",
                severities[conflict.severity],
                conflict.message,
                observed={"statement": conflict.statement, "requests": list(conflict.requests)},
                remedy="Change or take out the statement."
                if conflict.severity == conflicts.CONFLICT
                else "See whether the statement is meant so.",
            )

    def _tls(self, effects: effect.OnBucket) -> None:
        if effects.denies_plain_http():
            return
        asked = self.intent.guard.require_tls
        self._find(
            "tls_not_required",
            MEDIUM if asked else LOW,
            "Requests over plain HTTP are not denied",
            observed={"denied": False},
            wanted={"denied": True} if asked else None,
            remedy=self._command() if asked else "Set require_tls to true.",
            controls=_TLS_CONTROLS,
        )

    # --- what s3_bucket sets ---

    def _public_access(self) -> None:
        asked = self.intent.block_public_access is True
        found = self._read(
            self.observed.bucket.public_access_block,
            matters=asked,
            blocks="Public access is only blocked where the present setting was read." if asked else None,
        )
        if isinstance(found, NotRead):
            return
        there = found or {}
        off = [name for name in PUBLIC_ACCESS_SETTINGS if not there.get(name)]
        if not off:
            return
        self._find(
            "public_access_not_blocked",
            MEDIUM if asked else LOW,
            "Public access is not blocked on the bucket",
            observed={name: bool(there.get(name)) for name in PUBLIC_ACCESS_SETTINGS},
            wanted=dict.fromkeys(PUBLIC_ACCESS_SETTINGS, True) if asked else None,
            remedy=self._command() if asked else "Set encrypted_s3_block_public_access to true.",
            controls=_PUBLIC_ACCESS_CONTROLS,
        )
        if not asked:
            return
        self.plan["public_access"] = True
        policy = self.observed.bucket.policy
        opening = public.statements(policy) if isinstance(policy, Document) else []
        if opening:
            self.blockers.append(
                f"Public access to {self.intent.bucket} was to be blocked, and its policy makes it public: "
                f"{listed(opening)}. Take these statements out first if nobody needs them, "
                "or leave public access as it is."
            )

    def _versioning(self) -> None:
        if self.intent.versioning is None:
            return
        found = self._read(
            self.observed.bucket.versioning,
            matters=True,
            blocks="Versioning is only changed where the present setting was read.",
        )
        if isinstance(found, NotRead):
            return
        on = found == "Enabled"
        if on == self.intent.versioning:
            return
        self.plan["versioning"] = True
        self._find(
            "versioning_differs",
            MEDIUM,
            f"Versioning is {'on' if on else 'off'}",
            observed=found or "Never enabled",
            wanted="Enabled" if self.intent.versioning else "Suspended",
            remedy=self._command(),
        )

    def _tags(self) -> None:
        if self.intent.tags is None:
            return
        found = self._read(
            self.observed.bucket.tags, matters=True, blocks="Tags are only changed where the present ones were read."
        )
        if isinstance(found, NotRead):
            return
        there = found or {}
        missing = {name: value for name, value in self.intent.tags.items() if there.get(name) != value}
        if missing:
            self.plan["tags"] = True
            self._find(
                "tags_differ",
                MEDIUM,
                "Tags of the bucket are not as asked",
                observed={name: there.get(name) for name in missing},
                wanted=missing,
                remedy=self._command(),
            )

    # --- small things ---

    def _find(self, finding: str, severity: str, title: str, **more: Any) -> None:
        self.findings.append(Finding(finding, severity, title, **more))

    def _read(self, reading: Any, *, matters: bool, blocks: str | None) -> Any:
        """Note what could not be read. ``matters``: it was asked about. ``blocks``: why a run would fail for it."""
        if isinstance(reading, NotRead):
            self.not_read.append(reading)
            self.matters = self.matters or matters
            if blocks is not None:
                self.blockers.append(f"{reading.message} {blocks}")
        return reading

    def _command(self, playbook: str = "sealed.s3.encrypt") -> str:
        """The command that mends it, as far as it can be known here; the rest of the variables stay as they are."""
        if self.intent.host is not None:
            # Given with -e, a variable would be that of every host, and win over what the host says for itself.
            return f"ansible-playbook -i INVENTORY {playbook} --limit {shlex.quote(shown(self.intent.host))}"
        variables = {"encrypted_s3_bucket": self.intent.bucket, "encrypted_s3_region": self.observed.region}
        # Where ansible.cfg names an inventory, it would be each of its hosts that gets this bucket.
        variables["encrypted_s3_hosts"] = "localhost"
        variables.update({f"encrypted_s3_{name}": value for name, value in self.intent.connection.items()})
        if playbook == "sealed.s3.encrypt":
            variables.update(self._key_variable(self.intent.key))
        given = " ".join(f"-e {shlex.quote(_extra_variable(name, value))}" for name, value in variables.items())
        return f"ansible-playbook {playbook} {given}"

    def _key_variable(self, key: str | None) -> dict[str, str]:
        if key is None:
            return {"encrypted_s3_key_alias": "ALIAS"}
        try:
            by_alias = key_state.parse_name(key).kind == "alias"
        except key_state.KeyNameError:
            return {}
        if by_alias and (self.intent.key_managed or self.intent.create_key):
            return {"encrypted_s3_key_alias": key}
        return {"encrypted_s3_key_arn": self.key_arn or key}


def _extra_variable(name: str, value: str) -> str:
    """A variable for ``-e``, which splits what has no form of JSON at its spaces."""
    return f"{name}={value}" if _ONE_WORD.fullmatch(value) else json.dumps({name: value})


_ONE_WORD = re.compile(r"[A-Za-z0-9_.:/@+-]*")
_STATE_SHOWN = ("arn", "state", "spec", "usage", "manager", "region", "deletion_date")
_KEY_UNREAD = "The key's settings are only changed where the present ones were read."

PUBLIC_ACCESS_SETTINGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
"""The four settings of a public access block (Amazon S3 API Reference, PublicAccessBlockConfiguration)."""


def same_blocked_types(found: Iterable[str] | None, wanted: Iterable[str]) -> bool:
    """Whether the same encryption types are blocked. ``NONE`` is the same as none named."""
    return _blocked(found) == _blocked(wanted)


def _blocked(types: Iterable[str] | None) -> set[str]:
    return set(types or ()) - {"NONE"}


def _named_keys(statements: Iterable[Mapping[str, Any]]) -> set[str]:
    """The key ARNs that statements of ours compare the key id with."""
    return {
        str(value)
        for statement in statements
        for keys in (statement.get("Condition") or {}).values()
        for key, values in keys.items()
        if key.lower() == guard.KEY_ID
        for value in document.as_list(values)
        if guard.is_key_arn(str(value))
    }
