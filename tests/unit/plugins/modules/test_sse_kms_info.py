# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import Bucket
from ansible_collections.sealed.s3.plugins.module_utils.policy import guard
from ansible_collections.sealed.s3.plugins.module_utils.posture import PUBLIC_ACCESS_SETTINGS
from ansible_collections.sealed.s3.tests.unit.fake_aws import (
    ACCOUNT,
    BUCKET,
    CALLER,
    OTHER_ACCOUNT,
    REGION,
    FakeAws,
    FakeBucket,
    Fault,
    Run,
    run_module,
)

EIGHT = [
    "GetCallerIdentity",
    "HeadBucket",
    "GetBucketEncryption",
    "GetBucketPolicy",
    "GetPublicAccessBlock",
    "DescribeKey",
    "GetKeyRotationStatus",
    "GetKeyPolicy",
]
# What the role asks with default variables.
ROLE: dict[str, Any] = {
    "key": "alias/uploads",
    "key_managed": True,
    "create_key": True,
    "key_settings": {"description": None, "admins": None, "users": None, "rotation_period_in_days": None, "tags": None},
    "blocked_encryption_types": ["SSE-C"],
    "block_public_access": False,
}
USER = f"arn:aws:iam::{ACCOUNT}:role/Uploader"
PLANNED = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/known-after-creation"


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


def look(aws: FakeAws, **options: Any) -> Run:
    run = run_module(aws, "sse_kms_info", **{"bucket": BUCKET, **ROLE, **options})
    assert aws.writes == []
    assert run.result.get("changed", False) is False
    return run


def sealed(aws: FakeAws) -> tuple[FakeBucket, str]:
    """A bucket and a key with everything in order."""
    arn = aws.add_key(alias="uploads")
    aws.of(arn)["rotation"] = 365
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn},
        "BucketKeyEnabled": True,
        "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
    }
    bucket = aws.add_bucket(encryption=rule, public_access_block=dict.fromkeys(PUBLIC_ACCESS_SETTINGS, True))
    bucket.put_policy({"Version": "2012-10-17", "Statement": guard.statements(guard.GuardSpec(BUCKET, arn))})
    return bucket, arn


def ids(run: Run) -> list[str]:
    return [finding["id"] for finding in run["findings"]]


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_sealed_bucket_takes_exactly_eight_calls_and_plans_nothing(aws: FakeAws, check_mode: bool) -> None:
    _bucket, arn = sealed(aws)
    run = look(aws, check_mode=check_mode)
    assert aws.calls == EIGHT
    assert run.exit_code == 0
    assert run["compliance"] == "compliant"
    assert (run["findings"], run["blockers"], run["conflicts"], run["could_not_look"]) == ([], [], [], [])
    assert run["plan"] == {
        "create_key": False,
        "key_settings": False,
        "create_bucket": False,
        "bucket_settings": {"public_access": False, "versioning": False, "tags": False, "any": False},
        "default_encryption": False,
        "guard": False,
        "any": False,
    }
    assert run["bucket"] == {"name": BUCKET, "exists": True, "region": REGION, "account": ACCOUNT}
    assert (run["key"]["arn"], run["key"]["exists"], run["key"]["state"]) == (arn, True, "Enabled")
    assert run["key"]["rotation"] == {"enabled": True, "period_in_days": 365}
    assert run["key"]["tags"] is None
    assert run["encryption"] == {
        "algorithm": "aws:kms",
        "key_arn": arn,
        "bucket_key": True,
        "blocked_encryption_types": ["SSE-C"],
    }
    assert len(run["policy"]["Statement"]) == 6
    assert run.warnings == []


def test_each_thing_more_that_is_asked_about_is_one_call_more(aws: FakeAws) -> None:
    bucket, arn = sealed(aws)
    bucket.versioning = "Enabled"
    bucket.tags = {"team": "a"}
    aws.of(arn)["tags"] = {"owner": "b"}
    run = look(aws, versioning=True, tags={"team": "a"}, key_settings={"tags": {"owner": "b"}})
    assert sorted(aws.calls) == sorted([*EIGHT, "GetBucketVersioning", "GetBucketTagging", "ListResourceTags"])
    assert run["findings"] == []
    assert run["key"]["tags"] == {"owner": "b"}
    # A brought key is not asked for its tags, whatever is said about them.
    aws.calls.clear()
    look(aws, key_managed=False, key_settings={"tags": {"owner": "c"}})
    assert aws.calls == EIGHT


def test_every_call_of_s3_says_whose_the_bucket_has_to_be(aws: FakeAws) -> None:
    sealed(aws)
    look(aws, versioning=True, tags={"a": "b"})
    of_bucket = [parameters for _operation, parameters in aws.requests if "Bucket" in parameters]
    assert len(of_bucket) == 6
    assert all(parameters["ExpectedBucketOwner"] == ACCOUNT for parameters in of_bucket)


def test_nothing_yet_is_an_observation_and_plans_everything(aws: FakeAws) -> None:
    run = look(aws, versioning=True, tags={"a": "b"})
    assert not run.failed
    assert ids(run) == ["key_missing", "bucket_missing"]
    assert run["plan"]["create_key"] and run["plan"]["create_bucket"] and run["plan"]["key_settings"]
    assert run["plan"]["default_encryption"] and run["plan"]["guard"]
    assert run["plan"]["bucket_settings"] == {"public_access": True, "versioning": True, "tags": True, "any": True}
    assert run["bucket"] == {"name": BUCKET, "exists": False, "region": None, "account": None}
    assert run["key"] == {"arn": PLANNED, "exists": False}
    assert (run["policy"], run["encryption"], run["blockers"]) == (None, None, [])
    assert aws.calls == ["GetCallerIdentity", "HeadBucket", "DescribeKey"]


def test_a_missing_key_that_would_not_be_created_blocks(aws: FakeAws) -> None:
    sealed(aws)
    run = look(aws, key="alias/other", create_key=False)
    assert run["blockers"] == ["There is no KMS key alias/other in eu-central-1. Create it, or give one that exists."]
    assert run["key"] == {"arn": None, "exists": False}
    assert not run["plan"]["any"]


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"KeyState": "Disabled"}, "is disabled"),
        ({"KeyState": "PendingDeletion"}, "waiting to be deleted"),
        ({"KeySpec": "HMAC_256"}, "HMAC_256"),
        ({"KeyManager": "AWS"}, "AWS managed key"),
    ],
)
def test_a_key_that_cannot_be_used_blocks_and_is_told_of(aws: FakeAws, metadata: dict[str, str], said: str) -> None:
    _bucket, arn = sealed(aws)
    aws.of(arn)["metadata"].update(metadata)
    run = look(aws)
    assert ids(run) == ["key_unusable"]
    assert said in run["blockers"][0]
    assert run["compliance"] == "not_compliant"
    assert run["key"]["exists"] is True


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("alias/aws/s3", "AWS managed key"),
        (f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/uploads", "is in us-east-1"),
        ("not a key", "neither a key id nor an ARN"),
    ],
)
def test_a_name_of_a_key_that_is_refused_blocks(aws: FakeAws, key: str, said: str) -> None:
    sealed(aws)
    run = look(aws, key=key)
    assert said in run["blockers"][0]
    assert run["key"]["exists"] is None
    assert "DescribeKey" not in aws.calls


def test_a_key_of_another_account_is_used_and_its_policy_is_not_asked_for(aws: FakeAws) -> None:
    sealed(aws)
    arn = aws.add_key(2, account=OTHER_ACCOUNT)
    run = look(aws, key=arn, key_managed=False, create_key=False, key_settings=None)
    assert "key_of_another_account" in ids(run)
    assert "GetKeyPolicy" not in aws.calls
    assert run["blockers"] == []


@pytest.mark.parametrize(
    ("operation", "permission", "asked"),
    [
        ("GetBucketEncryption", "s3:GetEncryptionConfiguration", True),
        ("GetBucketPolicy", "s3:GetBucketPolicy", True),
        ("GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock", False),
        ("DescribeKey", "kms:DescribeKey", True),
        ("GetKeyRotationStatus", "kms:GetKeyRotationStatus", True),
        ("GetKeyPolicy", "kms:GetKeyPolicy", False),
        ("GetBucketVersioning", "s3:GetBucketVersioning", True),
        ("GetBucketTagging", "s3:GetBucketTagging", True),
        ("ListResourceTags", "kms:ListResourceTags", True),
        ("HeadBucket", "s3:ListBucket", True),
    ],
)
def test_what_may_not_be_read_is_neither_fine_nor_wrong(
    aws: FakeAws, operation: str, permission: str, asked: bool
) -> None:
    bucket, arn = sealed(aws)
    bucket.versioning, bucket.tags = "Enabled", {"a": "b"}
    aws.of(arn)["tags"] = {"a": "b"}
    aws.deny(operation)
    run = look(aws, versioning=True, tags={"a": "b"}, key_settings={"tags": {"a": "b"}})
    assert not run.failed
    assert [missing["permission"] for missing in run["could_not_look"]] == [permission]
    assert permission in run["could_not_look"][0]["message"]
    assert run["compliance"] == ("could_not_look" if asked else "compliant")
    assert ids(run) == []
    assert not run["plan"]["any"]
    assert bool(run["blockers"]) is asked


def test_a_bucket_of_somebody_else_is_not_confirmed_and_not_read(aws: FakeAws) -> None:
    bucket, _arn = sealed(aws)
    bucket.owner = OTHER_ACCOUNT
    run = look(aws)
    assert not run.failed
    assert f"does not belong to account {ACCOUNT}" in run["blockers"][0]
    assert run["bucket"]["exists"] is None
    assert "GetBucketPolicy" not in aws.calls


def test_a_bucket_of_another_region_blocks(aws: FakeAws) -> None:
    bucket, _arn = sealed(aws)
    bucket.region = "us-east-1"
    run = look(aws)
    assert "bucket_refused" in ids(run)
    assert "Set region to us-east-1" in run["blockers"][0]


@pytest.mark.parametrize(
    "name", ["data--euc1-az1--x-s3", "arn:aws:s3:eu-central-1:111122223333:accesspoint/x", "a/b", ""]
)
def test_a_name_that_is_none_of_a_bucket_is_an_error_before_any_call(aws: FakeAws, name: str) -> None:
    run = look(aws, bucket=name)
    assert (run.failed, run.exit_code) == (True, 1)
    assert name in run.msg
    assert aws.calls == []


@pytest.mark.parametrize("broken", ["{", '{"Statement": [{"Effect": "Deny"}]}'])
def test_a_policy_that_cannot_be_understood_is_not_called_unguarded(aws: FakeAws, broken: str) -> None:
    bucket, _arn = sealed(aws)
    bucket.policy = broken
    run = look(aws)
    assert run["compliance"] == "could_not_look"
    assert run["could_not_look"][0]["permission"] is None
    assert "cannot be understood" in run["blockers"][0]
    assert run["policy"] is None
    assert not run["plan"]["guard"]


def test_drift_is_found_part_by_part(aws: FakeAws) -> None:
    bucket, arn = sealed(aws)
    aws.of(arn)["rotation"] = None
    bucket.encryption = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    bucket.put_policy({"Version": "2012-10-17", "Statement": bucket.statements[:-1]})
    bucket.public_access_block = None
    run = look(aws, block_public_access=True, versioning=True, tags={"a": "b"})
    plan = run["plan"]
    assert plan["key_settings"] and plan["default_encryption"] and plan["guard"] and plan["any"]
    assert plan["bucket_settings"] == {"public_access": True, "versioning": True, "tags": True, "any": True}
    assert not plan["create_key"] and not plan["create_bucket"]
    assert run["compliance"] == "not_compliant"
    assert {
        "default_encryption_algorithm",
        "bucket_key_differs",
        "blocked_types_differ",
        "guard_incomplete",
        "tls_not_required",
        "key_rotation_off",
        "public_access_not_blocked",
        "versioning_differs",
        "tags_differ",
    } == set(ids(run))


def test_conflicts_are_handed_out_and_block(aws: FakeAws) -> None:
    bucket, _arn = sealed(aws)
    frozen = {
        "Sid": "Frozen",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    bucket.put_policy({"Version": "2012-10-17", "Statement": [frozen, *bucket.statements]})
    run = look(aws)
    assert [conflict["statement"] for conflict in run["conflicts"]] == ["Frozen"]
    assert '"Frozen"' in run["blockers"][0]
    assert look(aws, on_conflict="ignore")["blockers"] == []
    assert look(aws, on_conflict="replace")["plan"]["guard"] is True


def test_a_lock_out_blocks_before_anything_is_changed(aws: FakeAws) -> None:
    sealed(aws)
    run = look(aws, encryption_admins=[USER])
    assert f"matches {CALLER}" in run["blockers"][0]
    assert look(aws, encryption_admins=[USER], allow_lockout=True)["blockers"] == []
    assert look(aws, encryption_admins=[USER, CALLER])["blockers"] == []


def test_absent_reads_the_policy_alone(aws: FakeAws) -> None:
    sealed(aws)
    run = look(aws, state="absent", key=None)
    assert aws.calls == ["GetCallerIdentity", "HeadBucket", "GetBucketPolicy"]
    assert (ids(run), run["key"], run["plan"]["guard"]) == (["guard_present"], None, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"key": None}, "key is empty"),
        ({"key": ""}, "key is empty"),
        ({"accepted_keys": ["alias/old"]}, "accepted_keys: expected the full ARN"),
        ({"encryption_admins": ["*"]}, "encryption_admins"),
        ({"exempt_services": ["x"]}, "exempt_services"),
        ({"key_settings": {"users": ["*"]}}, "users: expected the ARN"),
        ({"key_settings": {"rotation_period_in_days": 1}}, "found 1"),
        ({"key_settings": {"owner": "x"}}, "owner"),
        ({"blocked_encryption_types": []}, "blocked_encryption_types is empty"),
        ({"blocked_encryption_types": ["NONE", "SSE-C"]}, "NONE beside others"),
        ({"blocked_encryption_types": ["AES"]}, "AES"),
    ],
)
def test_a_bad_option_is_an_error_whatever_is_there(aws: FakeAws, options: dict[str, Any], said: str) -> None:
    run = look(aws, **options)
    assert (run.failed, run.exit_code) == (True, 1)
    assert said in run.msg
    assert not [name for name in aws.calls if name != "GetCallerIdentity"]


@pytest.mark.parametrize(
    "operation", ["GetCallerIdentity", "HeadBucket", "GetBucketPolicy", "DescribeKey", "GetKeyPolicy"]
)
def test_no_answer_says_nothing_about_the_bucket_and_is_an_error(aws: FakeAws, operation: str) -> None:
    sealed(aws)
    aws.fail(operation, Fault("InternalError", "We encountered an internal error", 500), times=99)
    run = look(aws)
    assert (run.failed, run.exit_code) == (True, 1)
    assert "Run again later" in run.msg


def test_blocked_types_that_the_sdk_does_not_know_are_not_planned_for_ever(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, _arn = sealed(aws)
    assert bucket.encryption is not None
    del bucket.encryption["BlockedEncryptionTypes"]
    assert look(aws)["plan"]["default_encryption"] is True
    monkeypatch.setattr(Bucket, "sdk_knows_blocked_types", False)
    run = look(aws)
    assert run["plan"]["any"] is False
    assert ids(run) == ["blocked_types_unknown"]
