# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils import posture
from ansible_collections.sealed.s3.plugins.module_utils.key_settings import KeySettings
from ansible_collections.sealed.s3.plugins.module_utils.key_state import KeyState, Rotation
from ansible_collections.sealed.s3.plugins.module_utils.policy import document, guard, key_policy
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.posture import (
    DefaultRule,
    Finding,
    Intent,
    NotRead,
    Observed,
    ObservedBucket,
    ObservedKey,
    Posture,
)

ACCOUNT = "111122223333"
REGION = "eu-central-1"
BUCKET = "uploads"
ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{ID}"
OLD_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/99999999-12ab-34cd-56ef-1234567890ab"
ADMIN = f"arn:aws:iam::{ACCOUNT}:role/Admin"
USER = f"arn:aws:iam::{ACCOUNT}:role/Uploader"
OBJECTS = f"arn:aws:s3:::{BUCKET}/*"
SPEC = guard.GuardSpec(BUCKET, KEY)
KEY_POLICY = key_policy.default_policy(partition="aws", account=ACCOUNT)
BLOCKED = dict.fromkeys(posture.PUBLIC_ACCESS_SETTINGS, True)
READ = {"Effect": "Allow", "Principal": {"AWS": USER}, "Action": "s3:GetObject", "Resource": OBJECTS, "Sid": "Read"}
NO_PERMISSION = NotRead("Not permitted to read the policy of uploads.", "s3:GetBucketPolicy")


def policy(*statements: Mapping[str, Any]) -> Document:
    return document.parse({"Version": "2012-10-17", "Statement": [dict(one) for one in statements]})


def guarded(spec: guard.GuardSpec = SPEC, *foreign: Mapping[str, Any]) -> Document:
    return policy(*foreign, *guard.statements(spec))


def key_state(**changes: Any) -> KeyState:
    metadata = {"Arn": KEY, "KeyId": ID, "KeyState": "Enabled", "Origin": "AWS_KMS", "Description": "uploads"}
    return KeyState.from_metadata({**metadata, **changes})


GOOD_KEY = ObservedKey(state=key_state(), rotation=Rotation(True, 365), policy=KEY_POLICY)
GOOD_BUCKET = ObservedBucket(
    exists=True,
    region=REGION,
    account=ACCOUNT,
    default_encryption=DefaultRule("aws:kms", KEY, True, ("SSE-C",)),
    policy=guarded(),
    public_access_block=BLOCKED,
)
INTENT = Intent(
    bucket=BUCKET,
    guard=replace(SPEC, key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/known-after-creation"),
    key="alias/uploads",
    key_managed=True,
    create_key=True,
    key_settings=KeySettings(),
    blocked_encryption_types=("SSE-C",),
)


def assess(
    *,
    bucket: Mapping[str, Any] | None = None,
    key: Mapping[str, Any] | None = None,
    named: str | None = INTENT.key,
    **intent: Any,
) -> Posture:
    """What is said of a bucket and a key that are in order but for these changes."""
    observed = Observed(
        account=ACCOUNT,
        partition="aws",
        region=REGION,
        bucket=replace(GOOD_BUCKET, **(bucket or {})),
        key=replace(GOOD_KEY, **(key or {})),
        caller_arn=intent.pop("caller_arn", ADMIN),
    )
    return posture.assess(observed, replace(INTENT, key=named, **intent))


def ids(outcome: Posture) -> list[str]:
    return [finding.id for finding in outcome.findings]


def only(outcome: Posture) -> Finding:
    assert len(outcome.findings) == 1, ids(outcome)
    return outcome.findings[0]


def planned(outcome: Posture) -> list[str]:
    parts = outcome.plan.to_dict()
    settings = parts.pop("bucket_settings")
    settings.pop("any")
    parts.pop("any")
    return [name for name, changes in {**parts, **settings}.items() if changes]


def test_all_in_order_is_compliant_and_plans_nothing() -> None:
    outcome = assess()
    assert outcome.findings == ()
    assert outcome.compliance == "compliant"
    assert planned(outcome) == []
    assert not outcome.plan.any
    assert outcome.blockers == ()
    assert outcome.key_arn == KEY


def test_nothing_yet_plans_everything_and_is_not_blocked() -> None:
    outcome = assess(
        bucket={"exists": False},
        key={"state": None, "rotation": None, "policy": None},
        versioning=True,
        tags={"a": "b"},
    )
    assert ids(outcome) == ["key_missing", "bucket_missing"]
    assert planned(outcome) == [
        "create_key",
        "key_settings",
        "create_bucket",
        "default_encryption",
        "guard",
        "public_access",
        "versioning",
        "tags",
    ]
    assert outcome.blockers == ()
    assert outcome.compliance == "not_compliant"
    assert outcome.key_arn == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/known-after-creation"


def test_a_new_bucket_gets_no_more_than_asked_but_its_public_access_is_blocked() -> None:
    outcome = assess(bucket={"exists": False}, block_public_access=False)
    assert planned(outcome) == ["create_bucket", "default_encryption", "guard", "public_access"]


@pytest.mark.parametrize(
    ("settings", "gets_settings"),
    [
        (KeySettings(rotation=False), False),
        (KeySettings(rotation=False, description="given at creation"), False),
        (KeySettings(rotation=False, users=(), admins=()), False),
        (KeySettings(rotation=False, users=(USER,)), True),
        (KeySettings(rotation=False, tags={"a": "b"}), True),
        (KeySettings(), True),
        (None, False),
    ],
)
def test_a_new_key_gets_settings_only_where_asked(settings: KeySettings | None, gets_settings: bool) -> None:
    outcome = assess(key={"state": None}, key_settings=settings)
    assert outcome.plan.create_key
    assert outcome.plan.key_settings is gets_settings


# --- the key ---


@pytest.mark.parametrize(
    ("name", "create", "said"),
    [
        ("alias/uploads", False, "There is no KMS key alias/uploads in eu-central-1. Create it"),
        (KEY, True, "cannot be created under an id or an ARN of choice"),
        (ID, True, "cannot be created under an id or an ARN of choice"),
    ],
)
def test_a_missing_key_that_is_not_created_is_a_blocker(name: str, create: bool, said: str) -> None:
    observed = Observed(ACCOUNT, "aws", REGION, GOOD_BUCKET, ObservedKey(state=None))
    outcome = posture.assess(observed, replace(INTENT, key=name, create_key=create))
    assert ids(outcome)[0] == "key_missing"
    assert said in outcome.blockers[0]
    assert not outcome.plan.create_key


def test_a_key_of_another_region_than_those_accepted_is_a_blocker_and_no_error() -> None:
    there = KEY.replace(REGION, "us-east-1")
    spec = replace(INTENT.guard, accepted_keys=(OLD_KEY,))
    outcome = assess(key={"state": None, "refused": "It is in us-east-1."}, named=there, guard=spec)
    assert outcome.blockers[0] == "It is in us-east-1."
    assert f"accepted_keys: {OLD_KEY[:40]}" in outcome.blockers[1]
    assert "key_refused" in ids(outcome)
    assert not outcome.plan.guard


def test_a_name_that_was_refused_stands_in_no_command() -> None:
    refused = ObservedKey(refused="It is none that KMS takes.")
    observed = Observed(ACCOUNT, "aws", REGION, replace(GOOD_BUCKET, exists=False), refused)
    outcome = posture.assess(observed, replace(INTENT, key="$(reboot)"))
    assert [finding.id for finding in outcome.findings] == ["key_refused", "bucket_missing"]
    assert not [finding for finding in outcome.findings if "reboot" in finding.remedy]


@pytest.mark.parametrize(
    ("changes", "controls"),
    [
        ({"KeyState": "Disabled"}, ()),
        ({"KeyState": "PendingDeletion"}, ("Security Hub KMS.3",)),
        ({"KeySpec": "RSA_2048"}, ()),
        ({"KeyManager": "AWS"}, ()),
    ],
)
def test_an_unusable_key_is_a_blocker_and_nothing_of_it_is_planned(
    changes: dict[str, str], controls: tuple[str, ...]
) -> None:
    outcome = assess(key={"state": key_state(**changes), "rotation": Rotation(False)})
    finding = only(outcome)
    assert (finding.id, finding.severity, finding.controls) == ("key_unusable", "high", controls)
    assert outcome.blockers[0].startswith(f"Key {KEY}")
    assert planned(outcome) == []


def test_a_name_that_was_refused_is_a_blocker() -> None:
    outcome = assess(key={"state": None, "refused": "alias/aws/s3 names an AWS managed key."})
    assert "key_refused" in ids(outcome)
    assert outcome.blockers == ("alias/aws/s3 names an AWS managed key.",)
    assert not outcome.plan.create_key


def test_a_key_that_could_not_be_described_is_not_called_missing() -> None:
    missing = NotRead("Not permitted to describe the key.", "kms:DescribeKey")
    outcome = assess(key={"state": missing})
    assert outcome.findings == ()
    assert outcome.compliance == "could_not_look"
    assert outcome.could_not_look == (missing,)
    assert "A key is judged before it is used." in outcome.blockers[0]


def test_with_its_full_arn_the_rest_is_compared_even_if_the_key_could_not_be_described() -> None:
    missing = NotRead("Not permitted to describe the key.", "kms:DescribeKey")
    observed = Observed(
        ACCOUNT, "aws", REGION, replace(GOOD_BUCKET, default_encryption=DefaultRule("AES256")), ObservedKey(missing)
    )
    outcome = posture.assess(observed, replace(INTENT, key=KEY))
    assert "default_encryption_algorithm" in ids(outcome)
    assert outcome.compliance == "not_compliant"


@pytest.mark.parametrize(
    ("settings", "found", "finding", "severity"),
    [
        (KeySettings(), Rotation(False), "key_rotation_off", "medium"),
        (KeySettings(rotation=False), Rotation(True, 365), "key_rotation_on", "medium"),
        (KeySettings(rotation_period_in_days=90), Rotation(True, 365), "key_rotation_period_differs", "medium"),
    ],
)
def test_rotation_is_compared(settings: KeySettings, found: Rotation, finding: str, severity: str) -> None:
    outcome = assess(key={"rotation": found}, key_settings=settings)
    assert (only(outcome).id, only(outcome).severity) == (finding, severity)
    assert planned(outcome) == ["key_settings"]


@pytest.mark.parametrize("changes", [{"key_managed": False}, {"key_settings": None}])
def test_a_brought_key_is_told_of_and_never_changed(changes: dict[str, Any]) -> None:
    lonely = policy({**READ, "Action": "kms:Decrypt", "Resource": "*"})
    outcome = assess(key={"rotation": Rotation(False), "policy": lonely}, **changes)
    assert ids(outcome) == ["key_rotation_off", "key_policy_no_root"]
    assert {finding.severity for finding in outcome.findings} == {"low"}
    assert outcome.findings[0].controls == (
        "Security Hub KMS.4",
        "Config cmk-backing-key-rotation-enabled",
        "CIS AWS 3.6",
    )
    assert f"--key-id {KEY}" in outcome.findings[0].remedy
    assert outcome.compliance == "compliant"
    assert planned(outcome) == []


def test_policy_description_and_tags_of_the_key_are_compared_field_by_field() -> None:
    settings = KeySettings(description="new", users=(USER,), admins=(USER,), tags={"a": "1", "b": "2"})
    outcome = assess(key={"tags": {"a": "1"}}, key_settings=settings)
    assert ids(outcome) == ["key_policy_differs", "key_description_differs", "key_tags_differ", "key_split_missing"]
    assert planned(outcome) == ["key_settings"]
    assert outcome.findings[0].wanted["added"] == ["SealedS3KeyAdministrators", "SealedS3KeyUsers"]
    assert outcome.findings[2].wanted == {"b": "2"}
    assert outcome.findings[2].observed == {"b": None}


def test_key_settings_that_could_not_be_read_block_only_where_asked() -> None:
    missing = NotRead("Not permitted to read the key policy.", "kms:GetKeyPolicy")
    unasked = assess(key={"policy": missing})
    assert (unasked.compliance, unasked.blockers, unasked.could_not_look) == ("compliant", (), (missing,))
    asked = assess(key={"policy": missing}, key_settings=KeySettings(users=(USER,), description="new"))
    assert asked.compliance == "not_compliant"  # the description is known to differ
    assert len(asked.blockers) == 1
    assert planned(asked) == ["key_settings"]
    only_policy = assess(key={"policy": missing}, key_settings=KeySettings(users=(USER,)))
    assert only_policy.compliance == "could_not_look"


def test_rotation_that_cannot_be_is_a_blocker() -> None:
    outcome = assess(key={"state": key_state(Origin="EXTERNAL"), "rotation": Rotation(False)})
    assert "origin EXTERNAL" in outcome.blockers[0]


def test_a_key_policy_too_large_is_a_blocker() -> None:
    users = tuple(f"arn:aws:iam::{ACCOUNT}:role/{number:060d}" for number in range(400))
    outcome = assess(key_settings=KeySettings(users=users))
    assert "takes at most 32768" in outcome.blockers[0]
    assert not outcome.plan.key_settings


def test_a_deleted_principal_is_a_blocker_where_the_key_policy_would_be_written() -> None:
    key = {"policy": policy({**READ, "Principal": {"AWS": "AIDAJQABLZS4A3QDU576Q"}, "Resource": "*"})}
    outcome = assess(key=key, key_settings=KeySettings(users=(USER,)))
    assert f"The policy of key {KEY} names principals that were deleted" in outcome.blockers[0]
    assert "KMS does not take back: AIDAJQABLZS4A3QDU576Q in Read." in outcome.blockers[0]
    assert assess(key=key).blockers == ()


def test_a_key_of_another_account_can_be_used_and_not_be_changed() -> None:
    arn = KEY.replace(ACCOUNT, "444455556666")
    spec = replace(SPEC, key_arn=arn)
    changes = {"default_encryption": DefaultRule("aws:kms", arn, True, ("SSE-C",)), "policy": guarded(spec)}
    key = {"state": key_state(Arn=arn), "policy": None}
    brought = assess(bucket=changes, key=key, key_managed=False)
    assert (ids(brought), brought.compliance, brought.blockers) == (["key_of_another_account"], "compliant", ())
    managed = assess(bucket=changes, key=key)
    assert "can only be changed from its own account" in managed.blockers[0]


# --- default encryption ---


@pytest.mark.parametrize(
    ("rule", "found", "severity"),
    [
        (None, ["default_encryption_algorithm", "blocked_types_differ"], "high"),
        (DefaultRule("AES256", blocked=("SSE-C",)), ["default_encryption_algorithm", "bucket_key_differs"], "high"),
        (DefaultRule("aws:kms:dsse", KEY, True, ("SSE-C",)), ["default_encryption_algorithm"], "high"),
        (DefaultRule("aws:kms", OLD_KEY, True, ("SSE-C",)), ["default_encryption_key"], "high"),
        (DefaultRule("aws:kms", None, True, ("SSE-C",)), ["default_encryption_no_key"], "high"),
        (DefaultRule("aws:kms", ID, True, ("SSE-C",)), ["default_encryption_key_form"], "medium"),
        (DefaultRule("aws:kms", KEY, False, ("SSE-C",)), ["bucket_key_differs"], "medium"),
        (DefaultRule("aws:kms", KEY, True, None), ["blocked_types_differ"], "medium"),
        (DefaultRule("aws:kms", KEY, True, ("NONE",)), ["blocked_types_differ"], "medium"),
    ],
)
def test_default_encryption_is_compared(rule: DefaultRule | None, found: list[str], severity: str) -> None:
    outcome = assess(bucket={"default_encryption": rule})
    assert ids(outcome) == found
    assert outcome.findings[0].severity == severity
    assert planned(outcome) == ["default_encryption"]


@pytest.mark.parametrize("asked", [None, ("NONE",), ()])
def test_blocked_types_are_compared_only_where_asked(asked: tuple[str, ...] | None) -> None:
    assert (
        assess(
            blocked_encryption_types=asked, bucket={"default_encryption": DefaultRule("aws:kms", KEY, True)}
        ).findings
        == ()
    )


def test_blocked_types_that_cannot_be_seen_are_not_set_again_and_again() -> None:
    rule = DefaultRule("aws:kms", KEY, True)
    outcome = assess(bucket={"default_encryption": rule, "blocked_types_known": False})
    assert (ids(outcome), planned(outcome), outcome.compliance) == (["blocked_types_unknown"], [], "compliant")


def test_default_encryption_that_could_not_be_read_is_not_called_missing() -> None:
    missing = NotRead("Not permitted.", "s3:GetEncryptionConfiguration")
    outcome = assess(bucket={"default_encryption": missing})
    assert (outcome.findings, outcome.compliance) == ((), "could_not_look")
    assert outcome.could_not_look == (missing,)
    assert "only written where the present rule was read" in outcome.blockers[0]


# --- the guard ---


def test_no_guard() -> None:
    outcome = assess(bucket={"policy": policy(READ)})
    assert ids(outcome) == ["guard_missing", "tls_not_required"]
    assert "sse_s3" in outcome.findings[0].observed["allowed"]
    assert planned(outcome) == ["guard"]
    assert outcome.findings[1].controls == (
        "Security Hub S3.5",
        "Config s3-bucket-ssl-requests-only",
        "CIS AWS 2.1.1",
    )
    assert assess(bucket={"policy": None}).plan.guard


def test_part_of_a_guard() -> None:
    ours = [one for one in guard.statements(SPEC) if one["Sid"] != "SealedS3DenyCustomerProvidedKeys"]
    outcome = assess(bucket={"policy": policy(READ, *ours)})
    assert only(outcome).id == "guard_incomplete"
    assert only(outcome).observed["allowed"] == ["sse_c"]
    assert planned(outcome) == ["guard"]


def test_a_guard_with_more_than_was_asked() -> None:
    outcome = assess(bucket={"policy": guarded(replace(SPEC, guard_replicas=True))})
    assert (only(outcome).id, only(outcome).severity) == ("guard_differs", "medium")


def test_another_form_of_the_same_guard_is_the_same() -> None:
    handed_back = [
        {**one, "Principal": {"AWS": "*"}, "Action": [one["Action"]]} for one in reversed(guard.statements(SPEC))
    ]
    assert assess(bucket={"policy": policy(READ, *handed_back)}).findings == ()


def test_a_hand_written_guard_counts_and_is_named_as_foreign() -> None:
    foreign = [{**one, "Sid": one["Sid"].replace("SealedS3", "Our")} for one in guard.statements(SPEC)]
    outcome = assess(bucket={"policy": policy(READ, *foreign)})
    assert (only(outcome).id, only(outcome).severity) == ("guard_foreign", "info")
    assert set(only(outcome).observed["statements"]) == {one["Sid"] for one in foreign}
    assert outcome.compliance == "compliant"
    assert planned(outcome) == ["guard"]


def test_a_hand_written_guard_that_lets_one_kind_pass_does_not_count() -> None:
    foreign = [{**one, "Sid": one["Sid"].replace("SealedS3", "Our")} for one in guard.statements(SPEC)]
    outcome = assess(bucket={"policy": policy(*(one for one in foreign if "Algorithms" not in one["Sid"]))})
    assert only(outcome).id == "guard_missing"
    assert only(outcome).observed["allowed"] == ["dsse_kms"]


def test_a_hand_written_guard_for_some_principals_only_does_not_count() -> None:
    foreign = [
        {**one, "Sid": f"Ours{index}", "Principal": {"AWS": USER}} for index, one in enumerate(guard.statements(SPEC))
    ]
    assert "guard_missing" in ids(assess(bucket={"policy": policy(*foreign)}))


def test_exempt_principals_and_encryption_admins_do_not_make_our_own_guard_ineffective() -> None:
    asked = replace(
        INTENT.guard, exempt_principals=(ADMIN,), encryption_admins=(ADMIN,), exempt_services=("x.amazonaws.com",)
    )
    outcome = assess(bucket={"policy": guarded(replace(asked, key_arn=KEY))}, guard=asked)
    assert outcome.findings == ()
    assert "guard_incomplete" in ids(assess(guard=replace(INTENT.guard, encryption_admins=(ADMIN,))))


def test_the_guard_of_another_key() -> None:
    outcome = assess(bucket={"policy": guarded(replace(SPEC, key_arn=OLD_KEY))})
    assert ids(outcome) == ["guard_of_another_key", "key_change_in_one_step"]
    assert outcome.findings[0].observed["keys"] == [OLD_KEY]
    assert planned(outcome) == ["guard"]


@pytest.mark.parametrize("enforcement", guard.ENFORCEMENTS)
def test_a_key_change_step_by_step(enforcement: str) -> None:
    """Old key everywhere; guard widened; default moved; guard narrowed: each step is told for what it is."""
    old, both = replace(SPEC, key_arn=OLD_KEY, enforcement=enforcement), (OLD_KEY,)
    wide = replace(SPEC, accepted_keys=both, enforcement=enforcement)
    narrow = replace(SPEC, enforcement=enforcement)
    old_default = DefaultRule("aws:kms", OLD_KEY, True, ("SSE-C",))
    asked_wide: dict[str, Any] = {"guard": replace(wide, key_arn=INTENT.guard.key_arn)}

    begin = assess(bucket={"policy": guarded(old), "default_encryption": old_default}, **asked_wide)
    assert {"guard_of_another_key", "default_encryption_previous_key", "key_change"} <= set(ids(begin))
    assert planned(begin) == ["default_encryption", "guard"]
    widened = assess(bucket={"policy": guarded(wide), "default_encryption": old_default}, **asked_wide)
    assert ids(widened) == ["default_encryption_previous_key", "key_change"]
    assert planned(widened) == ["default_encryption"]
    moved = assess(bucket={"policy": guarded(wide)}, **asked_wide)
    assert (ids(moved), moved.compliance, planned(moved)) == (["key_change"], "compliant", [])
    asked_narrow: dict[str, Any] = {"guard": replace(narrow, key_arn=INTENT.guard.key_arn)}
    narrowing = assess(bucket={"policy": guarded(wide)}, **asked_narrow)
    assert ids(narrowing) == ["guard_incomplete"] or "guard_admits_further_keys" in ids(narrowing)
    assert planned(narrowing) == ["guard"]
    assert assess(bucket={"policy": guarded(narrow)}, **asked_narrow).findings == ()


def test_conflicts_stop_the_run_unless_the_user_decides() -> None:
    frozen = {"Sid": "Frozen", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": OBJECTS}
    failing = assess(bucket={"policy": guarded(SPEC, frozen)})
    assert [conflict.statement for conflict in failing.conflicts] == ["Frozen"]
    assert '"Frozen"' in failing.blockers[0]
    assert only(failing).severity == "high"
    assert planned(failing) == []
    ignoring = assess(bucket={"policy": guarded(SPEC, frozen)}, on_conflict="ignore")
    assert (only(ignoring).severity, ignoring.blockers, planned(ignoring)) == ("low", (), [])
    replacing = assess(bucket={"policy": guarded(SPEC, frozen)}, on_conflict="replace")
    assert (replacing.blockers, planned(replacing)) == ((), ["guard"])


def test_a_policy_too_large_is_a_blocker() -> None:
    padding = {**READ, "Sid": "x" * (document.MAX_SIZE - 1000)}
    outcome = assess(bucket={"policy": policy(padding)})
    assert "S3 takes 20480" in outcome.blockers[0]


def test_a_deleted_principal_is_a_blocker_where_the_policy_would_be_written() -> None:
    gone = {**READ, "Principal": {"AWS": "AROAJQABLZS4A3QDU576Q"}}
    refused = "names principals that were deleted, which S3 does not take back: AROAJQABLZS4A3QDU576Q in Read."
    outcome = assess(bucket={"policy": policy(gone)})
    assert outcome.blockers == (f"The policy of {BUCKET} {refused} Take them out of these statements.",)
    assert assess(bucket={"policy": guarded(SPEC, gone)}).blockers == ()
    assert refused in absent(policy=guarded(SPEC, gone)).blockers[0]
    assert absent(policy=policy(gone)).blockers == ()
    assert absent().blockers == ()


def test_a_lock_out_is_a_blocker_where_the_guard_would_be_written() -> None:
    asked = replace(INTENT.guard, encryption_admins=(USER,))
    assert "encryption_admins would lock out the caller" in assess(guard=asked).blockers[0]
    assert "encryption_admins would lock out the caller" in assess(bucket={"exists": False}, guard=asked).blockers[0]
    assert assess(guard=asked, allow_lockout=True).blockers == ()
    assert assess(guard=asked, caller_arn=USER).blockers == ()
    there = {"policy": guarded(replace(asked, key_arn=KEY))}
    assert assess(guard=asked, bucket=there).blockers == ()


def test_a_write_that_the_policy_denies_to_the_caller_is_a_blocker() -> None:
    admins_only = guarded(replace(SPEC, encryption_admins=(USER,)))
    drifted = {"policy": admins_only, "default_encryption": DefaultRule("AES256")}
    asked = replace(INTENT.guard, encryption_admins=(USER,))
    outcome = assess(bucket=drifted, guard=asked)
    assert (
        f"denies s3:PutEncryptionConfiguration to {ADMIN}: SealedS3DenyDefaultEncryptionChanges" in outcome.blockers[0]
    )
    assert assess(bucket=drifted, guard=asked, caller_arn=USER).blockers == ()
    # The ARN of a session does not tell enough to be sure.
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/Uploader/me"
    assert assess(bucket=drifted, guard=asked, caller_arn=session).blockers == ()
    frozen = {
        "Sid": "Frozen",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutBucketPolicy",
        "Resource": f"arn:aws:s3:::{BUCKET}",
    }
    stuck = assess(bucket={"policy": policy(frozen)}, caller_arn=session)
    assert "denies s3:PutBucketPolicy" in stuck.blockers[0]
    assert assess(bucket={"policy": guarded(SPEC, frozen)}).blockers == ()


def test_a_bucket_that_s3_would_not_create_is_a_blocker() -> None:
    observed = Observed(ACCOUNT, "aws", REGION, ObservedBucket(exists=False), GOOD_KEY)
    outcome = posture.assess(observed, replace(INTENT, bucket="Old_Style"))
    assert "S3 creates no bucket named" in outcome.blockers[0]


def test_a_policy_that_could_not_be_read_is_not_called_unguarded() -> None:
    outcome = assess(bucket={"policy": NO_PERMISSION})
    assert (outcome.findings, outcome.compliance) == ((), "could_not_look")
    assert outcome.to_dict()["could_not_look"] == [
        {"permission": "s3:GetBucketPolicy", "message": "Not permitted to read the policy of uploads."}
    ]
    assert "Nothing is written where the present policy was not read." in outcome.blockers[0]
    assert not outcome.plan.guard


def test_what_is_known_to_be_wrong_comes_before_what_is_not_known() -> None:
    outcome = assess(bucket={"policy": NO_PERMISSION, "default_encryption": DefaultRule("AES256")})
    assert outcome.compliance == "not_compliant"
    assert len(outcome.could_not_look) == 1


def test_tls_is_told_also_where_it_is_not_asked_for() -> None:
    without = replace(INTENT.guard, require_tls=False)
    outcome = assess(bucket={"policy": guarded(replace(SPEC, require_tls=False))}, guard=without)
    assert (only(outcome).id, only(outcome).severity, outcome.compliance) == ("tls_not_required", "low", "compliant")
    theirs = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{BUCKET}", OBJECTS],
        "Condition": {"Bool": {"aws:SecureTransport": False}},
    }
    assert assess(bucket={"policy": guarded(replace(SPEC, require_tls=False), theirs)}, guard=without).findings == ()


# --- the rest of the bucket ---


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exists": None, "refused": "The bucket belongs to another account."}, "belongs to another account"),
        ({"exists": None, "not_read": NotRead("Not permitted to look.", "s3:ListBucket")}, "was not confirmed"),
    ],
)
def test_a_bucket_that_was_not_confirmed_is_not_touched(changes: dict[str, Any], said: str) -> None:
    outcome = assess(bucket={**changes, "default_encryption": None, "policy": None, "public_access_block": None})
    assert said in outcome.blockers[0]
    assert planned(outcome) == []
    assert outcome.compliance == ("not_compliant" if "refused" in changes else "could_not_look")


@pytest.mark.parametrize("asked", [None, False])
def test_public_access_is_only_told_unless_asked(asked: bool | None) -> None:
    outcome = assess(bucket={"public_access_block": None}, block_public_access=asked)
    finding = only(outcome)
    assert (finding.id, finding.severity, finding.controls) == (
        "public_access_not_blocked",
        "low",
        ("Security Hub S3.8",),
    )
    assert (planned(outcome), outcome.compliance) == ([], "compliant")
    missing = NotRead("No.", "s3:GetBucketPublicAccessBlock")
    unread = assess(bucket={"public_access_block": missing}, block_public_access=asked)
    assert (unread.compliance, unread.blockers, unread.could_not_look) == ("compliant", (), (missing,))


def test_public_access_is_mended_where_asked() -> None:
    partly = {**BLOCKED, "RestrictPublicBuckets": False}
    outcome = assess(bucket={"public_access_block": partly}, block_public_access=True)
    assert only(outcome).severity == "medium"
    assert planned(outcome) == ["public_access"]
    assert outcome.plan.to_dict()["bucket_settings"]["any"]
    assert assess(block_public_access=True).findings == ()
    missing = NotRead("No.", "s3:GetBucketPublicAccessBlock")
    unread = assess(bucket={"public_access_block": missing}, block_public_access=True)
    assert (unread.compliance, len(unread.blockers)) == ("could_not_look", 1)


def test_public_access_is_not_blocked_under_a_public_policy() -> None:
    site = {**READ, "Sid": "Site", "Principal": "*"}
    changes = {"public_access_block": None, "policy": guarded(SPEC, site)}
    outcome = assess(bucket=changes, block_public_access=True)
    assert "its policy makes it public: Site" in outcome.blockers[0]
    assert assess(bucket=changes).blockers == ()


@pytest.mark.parametrize(
    ("found", "asked", "differs"),
    [
        ("Enabled", True, False),
        ("Suspended", True, True),
        ("", True, True),
        ("Enabled", False, True),
        ("Suspended", False, False),
        ("", False, False),
    ],
)
def test_versioning(found: str, asked: bool, differs: bool) -> None:
    outcome = assess(bucket={"versioning": found}, versioning=asked)
    assert ids(outcome) == (["versioning_differs"] if differs else [])
    assert planned(outcome) == (["versioning"] if differs else [])


def test_tags_are_added_and_never_purged() -> None:
    outcome = assess(bucket={"tags": {"a": "1", "c": "3"}}, tags={"a": "1", "b": "2"})
    assert only(outcome).wanted == {"b": "2"}
    assert planned(outcome) == ["tags"]
    assert assess(bucket={"tags": {"a": "1", "c": "3"}}, tags={"a": "1"}).findings == ()
    assert assess(bucket={"tags": {}}, tags={}).findings == ()


@pytest.mark.parametrize("part", ["versioning", "tags"])
def test_bucket_settings_that_could_not_be_read(part: str) -> None:
    missing = NotRead("Not permitted.", "s3:Something")
    asked: dict[str, Any] = {part: {"a": "b"} if part == "tags" else True}
    outcome = assess(bucket={part: missing}, **asked)
    assert (outcome.compliance, len(outcome.blockers), planned(outcome)) == ("could_not_look", 1, [])


# --- taking the guard off ---


def absent(**bucket: Any) -> Posture:
    observed = Observed(ACCOUNT, "aws", REGION, replace(GOOD_BUCKET, **bucket), ObservedKey())
    return posture.assess(observed, replace(INTENT, state="absent", key=None))


def test_absent_compares_the_guard_alone() -> None:
    outcome = absent(default_encryption=None, public_access_block=None)
    assert only(outcome).id == "guard_present"
    assert planned(outcome) == ["guard"]
    assert "sealed.s3.remove" in only(outcome).remedy
    assert absent(policy=policy(READ)).compliance == "compliant"
    assert absent(policy=None).plan.any is False
    assert absent(exists=False, policy=None).findings == ()


def test_absent_where_nothing_could_be_read() -> None:
    assert absent(policy=NO_PERMISSION).compliance == "could_not_look"
    assert absent(exists=None, refused="Another account's.").blockers == ("Another account's.",)


# --- the form of the answer ---


def test_findings_come_gravest_first_and_are_plain_data() -> None:
    outcome = assess(
        bucket={"default_encryption": DefaultRule("AES256"), "public_access_block": None, "policy": None},
        key={"rotation": Rotation(False)},
    )
    order = [posture.SEVERITIES.index(finding.severity) for finding in outcome.findings]
    assert order == sorted(order)
    told = outcome.to_dict()
    assert set(told) == {"findings", "plan", "blockers", "conflicts", "could_not_look", "compliance", "decisions"}
    assert all(
        set(finding) == {"id", "severity", "title", "observed", "wanted", "remedy", "controls"}
        for finding in told["findings"]
    )
    assert all(finding["remedy"] for finding in told["findings"])


def test_a_remedy_is_a_command_that_a_shell_takes_as_it_is() -> None:
    finding = next(one for one in assess(bucket={"policy": None}).findings if one.id == "guard_missing")
    assert finding.remedy == (
        "ansible-playbook sealed.s3.encrypt -e encrypted_s3_bucket=uploads -e encrypted_s3_region=eu-central-1 "
        "-e encrypted_s3_hosts=localhost -e encrypted_s3_key_alias=alias/uploads"
    )


def test_the_remedy_of_a_host_leaves_its_variables_to_it() -> None:
    outcome = assess(bucket={"policy": None}, host="uploads", connection={"profile": "p"})
    commands = {finding.remedy for finding in outcome.findings if finding.remedy.startswith("ansible-playbook")}
    assert commands == {"ansible-playbook -i INVENTORY sealed.s3.encrypt --limit uploads"}


def test_the_name_of_a_host_is_one_word_and_printable() -> None:
    (finding, *_more) = assess(bucket={"policy": None}, host="of a team; \x1b[31m").findings
    assert finding.remedy.isprintable()
    assert shlex.split(finding.remedy)[3:] == ["sealed.s3.encrypt", "--limit", r"of a team; \u001b[31m"]


def test_a_remedy_names_the_connection_and_survives_its_spaces() -> None:
    """What is given with -e as name=value is split at spaces, quotes or not in the shell."""
    names = {"profile": "my team's profile", "endpoint_url": "https://s3.example:4566"}
    finding = next(
        one for one in assess(bucket={"policy": None}, connection=names).findings if one.id == "guard_missing"
    )
    program, playbook, *given = shlex.split(finding.remedy)
    assert (program, playbook) == ("ansible-playbook", "sealed.s3.encrypt")
    variables: dict[str, Any] = {}
    for option, value in zip(given[::2], given[1::2], strict=True):
        assert option == "-e"
        # Ansible splits what is not JSON at spaces, and takes quotes and backslashes off.
        assert value.startswith("{") or not set(value) & set(" '\"\\")
        name, _equals, rest = value.partition("=")
        variables.update(json.loads(value) if value.startswith("{") else {name: rest})
    assert variables == {
        "encrypted_s3_bucket": BUCKET,
        "encrypted_s3_region": REGION,
        "encrypted_s3_hosts": "localhost",
        "encrypted_s3_key_alias": "alias/uploads",
        "encrypted_s3_profile": "my team's profile",
        "encrypted_s3_endpoint_url": "https://s3.example:4566",
    }


# --- a key that nobody named ---


@pytest.mark.parametrize(
    ("found", "finding"),
    [
        (None, "default_encryption_algorithm"),
        (DefaultRule("AES256"), "default_encryption_algorithm"),
        (DefaultRule("aws:kms:dsse", KEY), "default_encryption_algorithm"),
        (DefaultRule("aws:kms"), "default_encryption_no_key"),
    ],
)
def test_without_a_key_default_encryption_is_to_name_one(found: DefaultRule | None, finding: str) -> None:
    outcome = assess(bucket={"default_encryption": found}, key={"state": None}, key_managed=False, named=None)
    grave = outcome.findings[0]
    assert (grave.id, grave.severity) == (finding, "high")
    assert grave.remedy.endswith("-e encrypted_s3_key_alias=ALIAS")
    assert planned(outcome) == []
    assert outcome.key_arn is None
    assert outcome.decisions is not None
    assert outcome.compliance == "not_compliant"


def test_without_a_key_what_default_encryption_is_may_not_be_known() -> None:
    outcome = assess(bucket={"default_encryption": NO_PERMISSION, "policy": None}, named=None)
    assert ids(outcome) == ["tls_not_required"]
    assert outcome.could_not_look == (NO_PERMISSION,)
    outcome = assess(bucket={"default_encryption": NO_PERMISSION}, named=None)
    assert outcome.compliance == "could_not_look"


def test_rotation_that_is_not_known_is_not_off() -> None:
    outcome = assess(key={"rotation": NO_PERMISSION}, key_managed=False)
    assert (ids(outcome), outcome.compliance) == ([], "compliant")
    assert outcome.could_not_look == (NO_PERMISSION,)


def test_a_key_that_is_not_known_is_not_one_that_nobody_named() -> None:
    outcome = assess(key={"state": NO_PERMISSION})
    assert ids(outcome) == []
    assert outcome.compliance == "could_not_look"


@pytest.mark.parametrize(
    ("named", "there", "finding"),
    [
        ("alias/uploads", "alias/uploads", "default_encryption_key_form"),
        ("uploads", "alias/uploads", "default_encryption_key_form"),
        ("uploads", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/uploads", "default_encryption_key_form"),
        (f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/uploads", "alias/uploads", "default_encryption_key_form"),
        (
            f"arn:aws:kms:{REGION}:999988887777:alias/x",
            f"arn:aws:kms:{REGION}:999988887777:alias/x",
            "default_encryption_key_form",
        ),
        ("alias/uploads", f"arn:aws:kms:{REGION}:999988887777:alias/uploads", "default_encryption_key"),
        ("alias/uploads", f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/uploads", "default_encryption_key"),
        ("alias/uploads", "alias/archive", "default_encryption_key"),
        (KEY, "alias/uploads", "default_encryption_key"),
        ("alias/uploads", "no key at all", "default_encryption_key"),
    ],
)
def test_an_alias_in_default_encryption_is_the_key_where_it_is_that_of_the_key(
    named: str, there: str, finding: str
) -> None:
    outcome = assess(bucket={"default_encryption": DefaultRule("aws:kms", there, True, ("SSE-C",))}, named=named)
    assert ids(outcome) == [finding]


def test_a_bucket_that_could_not_be_asked_about_is_neither_fine_nor_wrong() -> None:
    outcome = posture.unread(NO_PERMISSION)
    assert outcome.compliance == "could_not_look"
    assert outcome.to_dict()["could_not_look"] == [
        {"permission": "s3:GetBucketPolicy", "message": NO_PERMISSION.message}
    ]
    assert (outcome.blockers, outcome.plan.any, outcome.decisions) == ((NO_PERMISSION.message,), False, None)
