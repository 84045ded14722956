# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One policy through every pure room, and what must hold of it whatever it says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils import posture
from ansible_collections.sealed.s3.plugins.module_utils.key_settings import KeySettings
from ansible_collections.sealed.s3.plugins.module_utils.key_state import KeyState, Rotation
from ansible_collections.sealed.s3.plugins.module_utils.policy import (
    conflicts,
    decision,
    document,
    effect,
    guard,
    key_move,
    key_policy,
    merge,
    plan,
    probe,
    public,
)
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError

ACCOUNT = "111122223333"
BUCKET = "example-bucket"
ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/{ID}"
ADMIN = f"arn:aws:iam::{ACCOUNT}:role/Admin"
SPECS = (
    guard.GuardSpec(BUCKET, KEY),
    guard.GuardSpec(
        BUCKET,
        KEY,
        enforcement=guard.REQUIRE_HEADERS,
        guard_replicas=True,
        encryption_admins=(ADMIN,),
        exempt_principals=(f"{ADMIN}*",),
        exempt_services=("delivery.logs.amazonaws.com",),
    ),
)
_KEY_STATE = KeyState.from_metadata(
    {"Arn": KEY, "KeyId": ID, "KeyState": "Enabled", "Origin": "AWS_KMS", "Description": "uploads"}
)
_SETTINGS = KeySettings(admins=(ADMIN,), users=(ACCOUNT,), tags={"a": "b"})


def unprintable(text: str) -> list[str]:
    """The characters of a sentence that a terminal may take for a command, or that cannot be written at all."""
    return [character for character in text if not character.isprintable() and character != "\n"]


def sentence(error: PolicyError) -> str:
    """The text of an error that a user may see."""
    text = str(error)
    assert text, "an error without a word"
    assert not unprintable(text), ascii(text)
    assert "Traceback" not in text and "Error(" not in text, text
    json.dumps(error.details, allow_nan=False).encode()
    return text


def read(source: Any) -> Document | None:
    """The policy; None for one that is refused with a sentence."""
    try:
        return document.parse(source)
    except PolicyError as error:
        sentence(error)
        return None


def through_all_rooms(
    source: Any, *, each: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Document | None:
    """Ask every room about a policy; what must hold of its answers is asserted.

    :param each: around each question.
    :returns: the policy; None for one that is refused.
    """
    with each():
        policy = read(source)
    if policy is None:
        return None
    with each():
        _is_kept(policy)
    for spec in SPECS:
        for on_conflict in plan.ON_CONFLICT:
            with each():
                _is_guarded(policy, spec, on_conflict)
        with each():
            _has_conflicts(policy, spec)
        with each():
            _is_judged(policy, spec)
        with each():
            _is_probed(policy, spec)
    with each():
        _is_unguarded(policy)
    with each():
        _is_decided(policy)
    with each():
        _is_a_key_policy(policy)
    with each():
        told = _posture(policy)
    assert not unprintable("".join(told)), ascii(told)
    return policy


def _is_kept(policy: Document) -> None:
    """What is written is what was read."""
    text = document.serialise(policy)
    again = document.parse(text)
    assert again == policy
    assert document.parse(text.encode()) == policy
    assert document.serialise(again) == text
    assert document.equal(policy, again)
    assert document.size(policy) == len(text.encode())
    assert merge.lost_statements(policy, again) == []
    document.readable(policy).encode()


def foreign(policy: Document | None) -> Counter[str]:
    """The foreign statements, and how often each is there, letter by letter."""
    statements = policy.statements if policy else ()
    return Counter(json.dumps(one) for one in statements if not guard.is_ours(one))


def _is_guarded(policy: Document, spec: guard.GuardSpec, on_conflict: str) -> None:
    try:
        planned = plan.guarded(policy, spec, on_conflict=on_conflict)
    except PolicyError as error:
        sentence(error)
        return
    after = planned.merge.document
    if on_conflict != plan.REPLACE:
        assert foreign(after) == foreign(policy)
        assert merge.lost_statements(policy, after) == []
    assert foreign(after) <= foreign(policy)
    assert {one["Sid"] for one in guard.statements(spec)} == {
        one["Sid"] for one in (after.statements if after else ()) if guard.is_ours(one)
    }
    if planned.merge.changed and after is not None:
        assert document.size(after) <= document.MAX_SIZE
    again = plan.guarded(after, spec, on_conflict=plan.IGNORE)
    assert not again.merge.changed
    # As S3 hands it back, it is still the same.
    assert after is not None
    assert not merge.merge(document.parse(document.serialise(after)), guard.statements(spec)).changed
    assert not any(unprintable(warning) for warning in planned.warnings)


def _is_unguarded(policy: Document) -> None:
    after = plan.unguarded(policy).merge.document
    assert foreign(after) == foreign(policy)
    assert not any(guard.is_ours(one) for one in (after.statements if after else ()))
    assert not plan.unguarded(after).merge.changed


def _has_conflicts(policy: Document, spec: guard.GuardSpec) -> None:
    for found in conflicts.find(policy, spec):
        assert not unprintable(found.message), ascii(found.message)
        json.dumps(found.to_dict()).encode()


def _is_judged(policy: Document, spec: guard.GuardSpec) -> None:
    judged = effect.judge(policy, spec)
    assert set(judged.denied_by) <= set(document.labels(policy))
    key_move.guard_for_the_move(policy, default_key=KEY, wanted=spec)


def _is_probed(policy: Document, spec: guard.GuardSpec) -> None:
    situation = probe.Situation(
        spec=spec,
        keys=probe.Keys(KEY, "alias/uploads", None),
        policy=policy,
        policy_known=True,
        default_encryption=decision.DefaultEncryption("aws:kms", KEY),
        principal=ADMIN,
        secure=True,
        prefix="sealed-s3/",
    )
    for kind in ("no_headers", "sse_kms_alias", "multipart_sse_kms"):
        situation.predicts(kind)
        situation.denying(kind)
    told = probe.judge(situation, [probe.Try("no_headers", probe.Happened(403, "AccessDenied", "no"))])
    assert not any(unprintable(one.reason) for one in told)


def _is_decided(policy: Document) -> None:
    told = effect.decisions(policy, SPECS[0].bucket_arn, KEY)
    assert set(told) == set(decision.REQUEST_KINDS)
    assert {outcome for models in told.values() for outcome in models.values()} <= {
        decision.ALLOWED,
        decision.DENIED,
        decision.UNKNOWN,
    }
    assert set(public.statements(policy)) <= set(document.labels(policy))


def _is_a_key_policy(policy: Document) -> None:
    spec = key_policy.KeyPolicySpec(KEY, admins=(ADMIN,), users=(ACCOUNT,))
    merged = key_policy.merge(policy, spec)
    assert foreign(merged.document) == foreign(policy)
    assert not key_policy.merge(merged.document, spec).changed
    if merged.document is not None:
        try:
            key_policy.check_size(merged.document)
        except PolicyError as error:
            sentence(error)


def _posture(policy: Document) -> list[str]:
    """Everything that the posture of a bucket and a key with this policy says in sentences."""
    told = posture.assess(
        posture.Observed(
            account=ACCOUNT,
            partition="aws",
            region="eu-west-1",
            bucket=posture.ObservedBucket(
                exists=True,
                region="eu-west-1",
                account=ACCOUNT,
                default_encryption=posture.DefaultRule("aws:kms", KEY, True, ("SSE-C",)),
                policy=policy,
            ),
            key=posture.ObservedKey(_KEY_STATE, rotation=Rotation(True, 365), policy=policy, tags={}),
            caller_arn=ADMIN,
        ),
        posture.Intent(bucket=BUCKET, guard=SPECS[0], key=KEY, key_managed=True, key_settings=_SETTINGS),
    )
    json.dumps(told.to_dict(), allow_nan=False).encode()
    said = [text for finding in told.findings for text in (finding.title, finding.remedy)]
    return [*said, *told.blockers, *(missing.message for missing in told.could_not_look)]
