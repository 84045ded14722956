# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils import backup
from ansible_collections.sealed.s3.plugins.module_utils.aws import policy_writing, reading_back
from ansible_collections.sealed.s3.plugins.module_utils.policy import document
from ansible_collections.sealed.s3.tests.unit.fake_aws import (
    ACCOUNT,
    BUCKET,
    OTHER_ACCOUNT,
    REGION,
    FakeAws,
    FakeBucket,
    Fault,
    Run,
    run_module,
)

ROLE = f"arn:aws:iam::{ACCOUNT}:role/Platform"
OBJECTS = f"arn:aws:s3:::{BUCKET}/*"
READERS: dict[str, Any] = {
    "Sid": "Readers",
    "Effect": "Allow",
    "Principal": {"AWS": ["444455556666"]},
    "Action": ["s3:GetObject", "s3:GetObjectVersion"],
    "Resource": [OBJECTS],
}
PLAIN_HTTP: dict[str, Any] = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": OBJECTS,
    "Condition": {"Bool": {"aws:SecureTransport": False}},
}
WRITERS = {**READERS, "Sid": "Writers", "Action": "s3:PutObject"}
FOREIGN = {"Version": "2012-10-17", "Id": "ours-since-2019", "Statement": [READERS, PLAIN_HTTP]}
OUR_SIDS = [
    "SealedS3DenyEncryptionWithoutTheKey",
    "SealedS3DenyNamedOtherKeys",
    "SealedS3DenyOtherAlgorithms",
    "SealedS3DenyCustomerProvidedKeys",
    "SealedS3DenyReencryptionToOtherKeys",
    "SealedS3DenyInsecureTransport",
]
READS = ["GetCallerIdentity", "HeadBucket", "DescribeKey", "GetBucketEncryption", "GetBucketPolicy"]
# The policy is written, and read back at 0, 1 and 3 s.
WRITE = ["PutBucketPolicy", *["GetBucketPolicy"] * 3]


@pytest.fixture
def aws() -> FakeAws:
    """A bucket whose default encryption is under the key ``alias/uploads``."""
    made = FakeAws()
    key = made.add_key(alias="uploads")
    made.add_bucket(encryption=default_encryption(key))
    return made


@pytest.fixture
def bucket(aws: FakeAws) -> FakeBucket:
    return aws.buckets[BUCKET]


@pytest.fixture
def key(aws: FakeAws) -> str:
    return str(aws.keys[aws.aliases["alias/uploads"]]["metadata"]["Arn"])


def default_encryption(key: str | None) -> dict[str, Any]:
    chosen = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key} if key else {"SSEAlgorithm": "AES256"}
    return {"ApplyServerSideEncryptionByDefault": chosen, "BucketKeyEnabled": True}


def settle(aws: FakeAws, **options: Any) -> Run:
    return run_module(aws, "sse_kms_policy", **{"bucket": BUCKET, "key": "alias/uploads", **options})


def refused(aws: FakeAws, **options: Any) -> Run:
    """A run that ends with a sentence and writes nothing."""
    before = {name: there.policy for name, there in aws.buckets.items()}
    ended = settle(aws, **options)
    assert ended.failed
    assert ended.exit_code == 1
    assert "Traceback" not in json.dumps(ended.result)
    assert aws.writes == []
    assert {name: there.policy for name, there in aws.buckets.items()} == before
    return ended


def same(found: Any, wanted: Any) -> bool:
    return document.equal(document.parse(found) if found else None, document.parse(wanted) if wanted else None)


# --- The merge --------------------------------------------------------------------------------------------------------


def test_a_bucket_without_a_policy_gets_the_guard(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    ended = settle(aws)
    assert ended.exit_code == 0
    assert ended["changed"] is True
    assert bucket.sids == OUR_SIDS
    assert ended["previous_policy"] is None
    assert ended["statements"] == {"added": OUR_SIDS, "updated": [], "removed": [], "kept": []}
    assert ended["key_arn"] == key
    assert json.loads(str(bucket.policy)) == ended["policy"]
    assert ended["size"] == {"before": 0, "after": len(str(bucket.policy)), "limit": 20480}
    assert ended.warnings == []
    assert aws.calls == [*READS, *WRITE]
    assert aws.waits == [1, 2]


def test_foreign_statements_stay_as_they_are_and_in_their_order(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy(FOREIGN)
    ended = settle(aws)
    assert bucket.sids == ["Readers", None, *OUR_SIDS]
    assert same({**FOREIGN, "Statement": bucket.statements[:2]}, FOREIGN)
    assert json.loads(str(bucket.policy))["Id"] == "ours-since-2019"
    assert ended["statements"]["kept"] == ["Readers", 1]
    assert same(ended["previous_policy"], FOREIGN)


def test_a_second_run_changes_nothing_in_whatever_form_the_policy_comes_back(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy(FOREIGN)
    settle(aws, encryption_admins=[f"arn:aws:iam::{ACCOUNT}:*"], exempt_principals=[ROLE])
    written = bucket.policy
    aws.calls.clear()
    ended = settle(aws, encryption_admins=[f"arn:aws:iam::{ACCOUNT}:*"], exempt_principals=[ROLE])
    assert ended["changed"] is False
    assert ended["statements"]["kept"][:2] == ["Readers", 1]
    assert ended["diff"]["before"] == ended["diff"]["after"]
    assert same(ended["policy"], written)
    assert bucket.policy == written
    assert aws.calls == READS


def test_a_statement_of_ours_in_another_form_is_updated_and_a_stray_one_removed(
    aws: FakeAws, bucket: FakeBucket, key: str
) -> None:
    settle(aws)
    changed = json.loads(str(bucket.policy))
    changed["Statement"][0]["Condition"]["StringNotEquals"] = {"s3:x-amz-server-side-encryption-aws-kms-key-id": "x"}
    changed["Statement"].append({**PLAIN_HTTP, "Sid": "SealedS3FromTheFuture"})
    bucket.put_policy(changed)
    ended = settle(aws)
    assert ended["statements"]["updated"] == [OUR_SIDS[0]]
    assert ended["statements"]["removed"] == ["SealedS3FromTheFuture"]
    assert bucket.sids == OUR_SIDS
    assert key in json.dumps(bucket.statements[0])


def test_every_way_to_name_the_key_writes_its_full_arn(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    for name in (
        "uploads",
        "alias/uploads",
        key,
        key.rsplit("/", 1)[1],
        f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/uploads",
    ):
        bucket.put_policy(None)
        ended = settle(aws, key=name)
        assert ended["key_arn"] == key, name
        assert key in str(bucket.policy)
        assert "alias/" not in str(bucket.policy)


def test_all_options_of_the_guard_arrive(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    other = key.replace("00000001", "00000002")
    settle(
        aws,
        enforcement="require_headers",
        accepted_keys=[other],
        require_tls=False,
        guard_object_encryption_updates=False,
        guard_replicas=True,
        encryption_admins=[f"arn:aws:iam::{ACCOUNT}:user/operator"],
        exempt_principals=[ROLE],
        exempt_services=["delivery.logs.amazonaws.com"],
    )
    assert bucket.sids == [
        "SealedS3DenyMissingKmsHeader",
        "SealedS3DenyOtherEncryptionKeys",
        "SealedS3DenyCustomerProvidedKeys",
        "SealedS3DenyReplicasUnderOtherKeys",
        "SealedS3DenyDefaultEncryptionChanges",
    ]
    assert all(value in str(bucket.policy) for value in (other, ROLE, "delivery.logs.amazonaws.com"))


def test_the_partition_comes_from_the_key(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    aws.keys[key.rsplit("/", 1)[1]]["metadata"]["Arn"] = key.replace("arn:aws:", "arn:aws-cn:")
    settle(aws)
    assert f'"arn:aws-cn:s3:::{BUCKET}/*"' in str(bucket.policy)
    assert '"arn:aws:s3' not in str(bucket.policy)


def test_every_call_on_a_bucket_says_whose_it_has_to_be(aws: FakeAws, bucket: FakeBucket) -> None:
    settle(aws)
    settle(aws, state="absent")
    on_buckets = [(called, given) for called, given in aws.requests if "Bucket" in given]
    assert {called for called, _given in on_buckets} == {
        "HeadBucket",
        "GetBucketEncryption",
        "GetBucketPolicy",
        "PutBucketPolicy",
        "DeleteBucketPolicy",
    }
    assert all(given["ExpectedBucketOwner"] == ACCOUNT for _called, given in on_buckets)


def test_the_clients_are_of_the_region_and_only_those_needed(aws: FakeAws) -> None:
    settle(aws)
    # Of S3 two: one of them sends each request once.
    assert sorted(aws.made) == [("kms", REGION), ("s3", REGION), ("s3", REGION), ("sts", REGION)]
    aws.made.clear()
    settle(aws)
    assert sorted(aws.made) == [("kms", REGION), ("s3", REGION), ("sts", REGION)]
    aws.made.clear()
    settle(aws, state="absent", key=None)
    assert sorted(aws.made) == [("s3", REGION), ("s3", REGION), ("sts", REGION)]


# --- Removal ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "foreign",
    [FOREIGN, {**FOREIGN, "Statement": READERS}, {**FOREIGN, "Version": "2008-10-17", "Statement": [READERS]}],
)
def test_removal_gives_back_what_was_there(aws: FakeAws, bucket: FakeBucket, foreign: dict[str, Any]) -> None:
    bucket.put_policy(foreign)
    settle(aws)
    ended = settle(aws, state="absent", key=None)
    assert ended["changed"] is True
    assert ended["statements"]["removed"] == OUR_SIDS
    assert ended["key_arn"] is None
    assert same(json.loads(str(bucket.policy)), foreign)
    assert isinstance(json.loads(str(bucket.policy))["Statement"], dict) == (len(bucket.statements) == 1)
    aws.calls.clear()
    assert settle(aws, state="absent", key=None)["changed"] is False
    assert aws.calls == ["GetCallerIdentity", "HeadBucket", "GetBucketPolicy"]


def test_removal_deletes_the_policy_only_when_nothing_is_left(aws: FakeAws, bucket: FakeBucket) -> None:
    settle(aws)
    ended = settle(aws, state="absent", key=None)
    assert bucket.policy is None
    assert ended["policy"] is None
    assert ended["diff"]["after"] == ""
    assert aws.writes == ["PutBucketPolicy", "DeleteBucketPolicy"]
    assert settle(aws, state="absent", key=None)["changed"] is False


def test_removal_needs_no_usable_key(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    settle(aws)
    aws.of(key)["metadata"]["KeyState"] = "PendingDeletion"
    assert settle(aws, state="absent")["changed"] is True
    assert bucket.policy is None


# --- Check mode -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"state": "absent", "key": None}, {"enforcement": "deny_other_keys"}])
def test_a_check_run_writes_nothing_and_says_what_the_real_run_does(
    aws: FakeAws, bucket: FakeBucket, options: dict[str, Any]
) -> None:
    bucket.put_policy(FOREIGN)
    settle(aws, enforcement="require_headers")
    aws.calls.clear()
    checked = settle(aws, check_mode=True, **options)
    assert aws.writes == []
    real = settle(aws, **options)
    assert aws.writes == ["PutBucketPolicy"]
    assert checked.result == real.result
    assert checked.warnings == real.warnings
    assert checked["changed"] is True


def test_the_diff_is_the_policy_as_json_that_people_can_read(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy(FOREIGN)
    ended = settle(aws, check_mode=True)
    assert ended["diff"]["before_header"] == ended["diff"]["after_header"] == f"{BUCKET} (bucket policy)"
    assert same(json.loads(ended["diff"]["before"]), FOREIGN)
    assert json.loads(ended["diff"]["after"]) == ended["policy"]
    assert '\n      "Sid": "SealedS3DenyOtherAlgorithms"' in ended["diff"]["after"]


def test_a_bucket_and_a_key_that_are_planned_are_not_looked_up(aws: FakeAws) -> None:
    aws.buckets.clear()
    ended = settle(aws, check_mode=True, bucket_planned=True, key_planned=True)
    assert ended["changed"] is True
    assert ended["key_arn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/known-after-creation"
    assert ended["statements"]["added"] == OUR_SIDS
    assert ended["previous_policy"] is None
    assert aws.calls == ["GetCallerIdentity"]


def test_a_planned_key_on_a_bucket_that_exists_keeps_its_policy(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy(FOREIGN)
    ended = settle(aws, check_mode=True, key_planned=True, key="arn:whatever/the/role/has")
    assert ended["statements"]["kept"] == ["Readers", 1]
    assert ended.warnings == []
    assert aws.calls == ["GetCallerIdentity", "HeadBucket", "GetBucketPolicy"]


@pytest.mark.parametrize("option", ["bucket_planned", "key_planned"])
def test_planned_is_for_check_mode_alone(aws: FakeAws, option: str) -> None:
    ended = refused(aws, **{option: True})
    assert f"{option} was set in a real run" in ended.msg
    assert aws.calls == []


def test_a_name_that_s3_would_not_create_is_told_in_the_check_run(aws: FakeAws) -> None:
    ended = refused(aws, check_mode=True, bucket_planned=True, bucket="Uploads_2026")
    assert '"Uploads_2026"' in ended.msg
    assert aws.calls == []


# --- Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("logs--use1-az4--x-s3", "a directory bucket"),
        ("tables--table-s3", "a table bucket"),
        ("reports-0123456789abcdefghijklmnopqrst-s3alias", "the alias of an access point"),
        ("lambda--ol-s3", "Object Lambda"),
        ("mfzwi23gnjvgw.mrap", "multi-Region access point"),
        (f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/reports", "the ARN of an access point"),
        ("arn:aws:s3:::uploads", "is an ARN"),
        ("s3://uploads/in", "cannot be the name of a bucket"),
        ("my bucket", "cannot be the name of a bucket"),
        ("ab", "cannot be the name of a bucket"),
        ("a..b", "cannot be the name of a bucket"),
        ("", "cannot be the name of a bucket"),
    ],
)
def test_a_name_that_is_no_bucket_is_refused_before_any_call(aws: FakeAws, name: str, said: str) -> None:
    ended = refused(aws, bucket=name)
    assert said in ended.msg
    assert f'"{name}"' in ended.msg
    assert aws.calls == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"key": "not a key"}, "'not a key' is neither a key id nor an ARN"),
        ({"key": "aws/s3"}, "alias/aws/s3 names an AWS managed key"),
        ({"exempt_principals": ["Uploader"]}, "exempt_principals: expected a principal's ARN"),
        ({"encryption_admins": ["arn:aws:sts::111122223333:assumed-role/A/b"]}, "is the ARN of a session"),
        ({"encryption_admins": ["arn:aws:iam::*:*"]}, "matches every principal"),
        ({"exempt_services": ["logs"]}, 'found "logs"'),
    ],
)
def test_what_is_wrong_with_the_options_is_told_before_any_call(
    aws: FakeAws, options: dict[str, Any], said: str
) -> None:
    assert said in refused(aws, **options).msg
    assert aws.calls == []


@pytest.mark.parametrize(
    ("arn", "said"),
    [
        ("alias/old", "expected the full ARN of a KMS key"),
        (f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/old", "expected the full ARN of a KMS key"),
        (
            f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "is not in the Region of the key",
        ),
    ],
)
def test_accepted_keys_are_full_arns_in_the_region(aws: FakeAws, arn: str, said: str) -> None:
    ended = refused(aws, accepted_keys=[arn])
    assert said in ended.msg
    assert arn in ended.msg


def test_a_key_is_needed_unless_the_guard_is_taken_off(aws: FakeAws) -> None:
    ended = run_module(aws, "sse_kms_policy", bucket=BUCKET)
    assert "state is present but all of the following are missing: key" in ended.msg
    assert "key is empty" in refused(aws, key=None).msg
    assert "key is empty" in refused(aws, key="").msg
    assert aws.calls == []


def test_a_bucket_that_does_not_exist_is_told_at_once(aws: FakeAws) -> None:
    aws.buckets.clear()
    ended = refused(aws)
    assert f"There is no bucket {BUCKET}." in ended.msg
    assert ended["error_code"] == "NoSuchBucket"
    assert aws.calls == ["GetCallerIdentity", "HeadBucket"]
    assert aws.waits == []


def test_a_bucket_of_another_account_is_refused(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.owner = OTHER_ACCOUNT
    ended = refused(aws)
    assert f"does not belong to account {ACCOUNT}, or s3:ListBucket is denied" in ended.msg
    assert aws.calls == ["GetCallerIdentity", "HeadBucket"]


def test_a_bucket_of_another_region_is_refused_with_both_named(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.region = "us-west-2"
    ended = refused(aws)
    assert f"is in us-west-2, and the task's Region is {REGION}" in ended.msg
    assert aws.calls == ["GetCallerIdentity", "HeadBucket"]


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"KeyState": "Disabled"}, "is disabled"),
        ({"KeyState": "PendingDeletion", "DeletionDate": "2026-12-24"}, "waiting to be deleted on 2026-12-24"),
        ({"KeyState": "PendingImport"}, "no key material"),
        ({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}, "RSA_2048"),
        ({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}, "HMAC_256"),
        ({"KeyManager": "AWS"}, "is an AWS managed key"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_and_left_alone(
    aws: FakeAws, key: str, metadata: dict[str, Any], said: str
) -> None:
    aws.of(key)["metadata"].update(metadata)
    ended = refused(aws)
    assert said in ended.msg
    assert key in ended.msg
    assert "GetBucketPolicy" not in aws.calls


def test_a_key_that_does_not_exist_is_named(aws: FakeAws) -> None:
    assert "There is no KMS alias alias/gone" in refused(aws, key="gone").msg


def test_a_key_of_another_region_is_refused_without_asking_for_it(aws: FakeAws) -> None:
    elsewhere = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    assert f"{elsewhere} is in us-east-1" in refused(aws, key=elsewhere).msg
    assert "DescribeKey" not in aws.calls


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("GetBucketPolicy", "s3:GetBucketPolicy"),
        ("DescribeKey", "kms:DescribeKey"),
        ("HeadBucket", "s3:ListBucket"),
        ("GetCallerIdentity", "sts:GetCallerIdentity"),
    ],
)
def test_a_read_that_is_denied_writes_nothing_and_names_the_permission(
    aws: FakeAws, bucket: FakeBucket, operation: str, action: str
) -> None:
    bucket.put_policy(FOREIGN)
    aws.deny(operation)
    ended = refused(aws)
    assert action in ended.msg
    assert "not compliant" not in ended.msg


@pytest.mark.parametrize("fault", [Fault("SlowDown", "Reduce your rate", 503), Fault("InternalError", "Oops", 500)])
def test_a_policy_that_cannot_be_read_is_not_overwritten(aws: FakeAws, bucket: FakeBucket, fault: Fault) -> None:
    bucket.put_policy(FOREIGN)
    aws.fail("GetBucketPolicy", fault, times=9)
    assert f"Could not read the policy of bucket {BUCKET}" in refused(aws).msg


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("<html>", "policy: expected JSON"),
        ("", "policy: expected JSON"),
        ('{"Version": "2012-10-17"}', "expected the element Statement"),
        (
            '{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": 3}]}',
            "Statement[0].Resource",
        ),
    ],
)
def test_a_policy_that_cannot_be_understood_is_not_overwritten(
    aws: FakeAws, bucket: FakeBucket, policy: str, said: str
) -> None:
    bucket.policy = policy
    bucket.normalises = False
    for state in ("present", "absent"):
        ended = refused(aws, state=state)
        assert f"The policy of bucket {BUCKET} cannot be understood, so it is left alone." in ended.msg
        assert said in ended.msg


def test_a_policy_that_would_be_too_large_is_refused_with_both_sizes_and_the_largest(
    aws: FakeAws, bucket: FakeBucket
) -> None:
    bulky = {
        **READERS,
        "Sid": "Bulky",
        "Resource": [f"arn:aws:s3:::{BUCKET}/{number:03}{'x' * 60}" for number in range(195)],
    }
    bucket.put_policy({**FOREIGN, "Statement": [READERS, bulky]})
    now = document.size(document.parse(json.loads(str(bucket.policy))))
    assert now < document.MAX_SIZE
    ended = refused(aws)
    assert "S3 takes 20480" in ended.msg
    assert "Bulky (" in ended.msg
    assert ended["size"]["planned"] > 20480
    assert same(ended["previous_policy"], json.loads(str(bucket.policy)))


# --- Conflicts --------------------------------------------------------------------------------------------------------

OLD_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/99999999-12ab-34cd-56ef-1234567890ab"
ARTICLE: dict[str, Any] = {
    "Sid": "DenyUploadIfNotSSEKMSEncrypted",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:PutObject",
    "Resource": OBJECTS,
    "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": OLD_KEY}},
}


def test_conflicts_are_named_and_nothing_is_written(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy({**FOREIGN, "Statement": [READERS, ARTICLE]})
    ended = refused(aws)
    assert 'The statement "DenyUploadIfNotSSEKMSEncrypted"' in ended.msg
    assert OLD_KEY in ended.msg
    assert [(found["statement"], found["severity"]) for found in ended["conflicts"]] == [
        ("DenyUploadIfNotSSEKMSEncrypted", "conflict")
    ]
    assert refused(aws, check_mode=True).msg == ended.msg


def test_conflicts_can_be_replaced(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy({**FOREIGN, "Statement": [ARTICLE, READERS]})
    ended = settle(aws, on_conflict="replace")
    assert bucket.sids == ["Readers", *OUR_SIDS]
    assert ended["statements"]["removed"] == ["DenyUploadIfNotSSEKMSEncrypted"]
    assert same(ended["previous_policy"], {**FOREIGN, "Statement": [ARTICLE, READERS]})
    assert ended["conflicts"]
    assert ended.warnings == []
    assert settle(aws, on_conflict="replace")["changed"] is False


def test_conflicts_can_be_ignored_with_a_warning_in_every_run(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy({**FOREIGN, "Statement": [ARTICLE]})
    for changed in (True, False):
        ended = settle(aws, on_conflict="ignore")
        assert ended["changed"] is changed
        assert bucket.sids == ["DenyUploadIfNotSSEKMSEncrypted", *OUR_SIDS]
        assert any("DenyUploadIfNotSSEKMSEncrypted" in warning for warning in ended.warnings)


def test_what_only_restricts_some_is_returned_without_a_warning(aws: FakeAws, bucket: FakeBucket) -> None:
    elsewhere = {**ARTICLE, "Sid": "Office", "Condition": {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}
    bucket.put_policy({**FOREIGN, "Statement": [elsewhere]})
    ended = settle(aws)
    assert [found["severity"] for found in ended["conflicts"]] == ["note"]
    assert ended.warnings == []


# --- Default encryption and lock-out ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (default_encryption(None), "is AES256, not"),
        (default_encryption(OLD_KEY), f"is aws:kms under {OLD_KEY}, not"),
        ({"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}, "is aws:kms, not"),
        (None, "is AES256, not"),
    ],
)
def test_it_warns_when_the_default_is_not_under_the_key(
    aws: FakeAws, bucket: FakeBucket, key: str, rule: dict[str, Any] | None, found: str
) -> None:
    bucket.encryption = rule
    ended = settle(aws)
    assert ended["changed"] is True
    (warning,) = ended.warnings
    assert found in warning
    assert key in warning
    assert "is encrypted so, and not under the key" in warning
    (strict,) = settle(aws, enforcement="deny_other_keys").warnings
    assert "is denied" in strict


def test_a_default_under_an_accepted_key_or_the_bare_id_is_no_reason_to_warn(
    aws: FakeAws, bucket: FakeBucket, key: str
) -> None:
    bucket.encryption = default_encryption(OLD_KEY)
    assert settle(aws, accepted_keys=[OLD_KEY]).warnings == []
    bucket.encryption = default_encryption(key.rsplit("/", 1)[1])
    assert settle(aws).warnings == []


def test_a_default_that_may_not_be_read_is_a_warning_and_no_stop(aws: FakeAws, bucket: FakeBucket) -> None:
    aws.deny("GetBucketEncryption")
    ended = settle(aws)
    assert bucket.sids == OUR_SIDS
    (warning,) = ended.warnings
    assert "s3:GetEncryptionConfiguration" in warning
    assert "it is not known whether" in warning


SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/Platform/somebody"


@pytest.mark.parametrize(
    ("caller", "admins"),
    [
        (SESSION, [ROLE]),
        (SESSION, [f"arn:aws:iam::{ACCOUNT}:role/Plat*"]),
        (SESSION, [f"arn:aws:iam::{ACCOUNT}:role/Other", f"arn:aws:iam::{ACCOUNT}:*"]),
        (f"arn:aws:iam::{ACCOUNT}:user/team/anna", [f"arn:aws:iam::{ACCOUNT}:user/team/*"]),
        (f"arn:aws:iam::{ACCOUNT}:root", [f"arn:aws:iam::{ACCOUNT}:root"]),
    ],
)
def test_admins_that_include_the_caller_are_taken(
    aws: FakeAws, bucket: FakeBucket, caller: str, admins: list[str]
) -> None:
    aws.arn = caller
    ended = settle(aws, encryption_admins=admins)
    assert "SealedS3DenyDefaultEncryptionChanges" in bucket.sids
    assert ended.warnings == []


@pytest.mark.parametrize(
    ("caller", "admins", "named"),
    [
        (SESSION, [f"arn:aws:iam::{ACCOUNT}:role/Other"], ROLE),
        (SESSION, [f"arn:aws:iam::{OTHER_ACCOUNT}:role/Platform"], ROLE),
        (SESSION, [f"arn:aws:iam::{ACCOUNT}:role/team/Other"], ROLE),
        (SESSION, [f"arn:aws:iam::{ACCOUNT}:user/Platform"], ROLE),
        (f"arn:aws:iam::{ACCOUNT}:root", [ROLE], f"arn:aws:iam::{ACCOUNT}:root"),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/anna", [ROLE], f"arn:aws:sts::{ACCOUNT}:federated-user/anna"),
    ],
)
def test_admins_that_leave_out_the_caller_are_refused_unless_allowed(
    aws: FakeAws, bucket: FakeBucket, caller: str, admins: list[str], named: str
) -> None:
    aws.arn = caller
    ended = refused(aws, encryption_admins=admins)
    assert "encryption_admins would lock out the caller" in ended.msg
    assert named in ended.msg
    assert admins[0] in ended.msg
    assert settle(aws, encryption_admins=admins, allow_lockout=True)["changed"] is True
    assert "SealedS3DenyDefaultEncryptionChanges" in bucket.sids


def test_a_path_that_the_callers_arn_does_not_tell_is_a_warning(aws: FakeAws) -> None:
    aws.arn = SESSION
    pattern = f"arn:aws:iam::{ACCOUNT}:role/team/Platform"
    (warning,) = settle(aws, encryption_admins=[pattern]).warnings
    assert "does not say the path of its role" in warning
    assert pattern in warning


# --- Failing writes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("AccessDenied", "Access Denied", 403), "s3:PutBucketPolicy is denied"),
        (
            Fault("AccessDenied", "User: x is not authorized because public policies are blocked by the "
                                  "BlockPublicPolicy block public access setting.", 403),
            "its public access block (BlockPublicPolicy) refuses",
        ),
        (Fault("MethodNotAllowed", "The method is not allowed", 405), "only the account that owns the bucket"),
        (Fault("PolicyTooLarge", "Policy too large", 400), "S3 takes 20480"),
        (Fault("SomethingNew", "As yet unheard of", 418), "AWS answered SomethingNew. AWS said: As yet unheard of."),
        (Fault("ExpiredToken", "The provided token has expired.", 400), "the credentials have expired"),
    ],
)  # fmt: skip
def test_a_write_that_fails_is_told_with_the_previous_policy(
    aws: FakeAws, bucket: FakeBucket, fault: Fault, said: str
) -> None:
    bucket.put_policy(FOREIGN)
    aws.fail("PutBucketPolicy", fault)
    ended = settle(aws)
    assert ended.failed
    assert said in ended.msg
    assert f"write the policy of bucket {BUCKET}" in ended.msg
    assert ended["error_code"] == fault.code
    assert same(ended["previous_policy"], FOREIGN)
    assert aws.writes == ["PutBucketPolicy"]


def test_an_action_that_the_service_does_not_know_names_the_option(aws: FakeAws, bucket: FakeBucket) -> None:
    aws.fail("PutBucketPolicy", Fault("MalformedPolicy", "Policy has invalid action", 400))
    ended = settle(aws, guard_replicas=True, encryption_admins=[f"arn:aws:iam::{ACCOUNT}:*"])
    assert ended.failed
    assert "s3:UpdateObjectEncryption (set guard_object_encryption_updates to false)" in ended.msg
    assert "s3:ReplicateObject (set guard_replicas to false)" in ended.msg
    assert "s3:PutEncryptionConfiguration (set encryption_admins to an empty list)" in ended.msg
    assert "Policy has invalid action" in ended.msg
    aws.fail("PutBucketPolicy", Fault("MalformedPolicy", "Policy has invalid action", 400))
    assert "UpdateObjectEncryption" not in settle(aws, guard_object_encryption_updates=False).msg


@pytest.mark.parametrize("options", [{}, {"check_mode": True}, {"state": "absent"}])
def test_a_principal_that_was_deleted_is_named_before_anything_is_written(
    aws: FakeAws, bucket: FakeBucket, options: dict[str, Any]
) -> None:
    if "state" in options:
        settle(aws)
        aws.calls.clear()
    gone = copy.deepcopy(READERS)
    gone["Principal"] = {"AWS": ["AROAJQABLZS4A3QDU576Q", "444455556666"]}
    ours = json.loads(bucket.policy)["Statement"] if bucket.policy else []
    bucket.put_policy({**FOREIGN, "Statement": [gone, *ours]})
    ended = refused(aws, **options)
    assert "principals that were deleted" in ended.msg
    assert "AROAJQABLZS4A3QDU576Q in Readers" in ended.msg


def test_a_principal_that_s3_does_not_know_is_no_matter_of_the_guard(aws: FakeAws, bucket: FakeBucket) -> None:
    aws.fail("PutBucketPolicy", Fault("MalformedPolicy", "Invalid principal in policy", 400))
    ended = settle(aws)
    assert "A user, a role or an account that it names does not exist, or no longer." in ended.msg
    assert "UpdateObjectEncryption" not in ended.msg


def test_a_canonical_user_that_s3_changes_to_its_account_is_not_lost(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy({**FOREIGN, "Statement": [{**READERS, "Principal": {"CanonicalUser": "79a59df900b949e5"}}]})

    def change(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "GetBucketPolicy" and "PutBucketPolicy" in aws.calls:
            bucket.policy = str(bucket.policy).replace('"CanonicalUser":"79a59df900b949e5"', '"AWS":"444455556666"')

    aws.before.append(change)
    ended = settle(aws)
    assert not ended.failed
    assert ended["changed"] is True
    assert aws.writes == ["PutBucketPolicy"]
    assert '"444455556666"' in str(bucket.policy)
    assert settle(aws)["changed"] is False


def test_a_conflicting_change_is_waited_for(aws: FakeAws, bucket: FakeBucket) -> None:
    aws.fail("PutBucketPolicy", Fault("OperationAborted", "A conflicting operation is in progress", 409), times=2)
    assert settle(aws)["changed"] is True
    assert bucket.sids == OUR_SIDS
    assert len(aws.waits) == 2 + 2


def test_a_conflicting_change_that_does_not_end_is_told(aws: FakeAws, bucket: FakeBucket) -> None:
    aws.fail("PutBucketPolicy", Fault("OperationAborted", "A conflicting operation is in progress", 409), times=99)
    ended = settle(aws)
    assert ended.failed
    assert "another change of the same bucket was under way, also after 5 tries" in ended.msg
    assert sum(aws.waits) < 12
    assert ended["changed"] is False


TURNED_AWAY = [
    Fault("OperationAborted", "In progress", 409),
    Fault("SlowDown", "Reduce your request rate", 503),
    Fault("RequestTimeout", "Your socket connection to the server was not read from in time", 400),
]


@pytest.mark.parametrize("fault", TURNED_AWAY)
def test_a_write_that_was_turned_away_is_planned_anew_on_what_is_there_then(
    aws: FakeAws, bucket: FakeBucket, tmp_path: Path, fault: Fault
) -> None:
    """The other change that was under way is that of somebody else, mostly."""
    bucket.put_policy(FOREIGN)
    theirs = {**FOREIGN, "Statement": [READERS, PLAIN_HTTP, WRITERS]}
    aws.fail("PutBucketPolicy", fault, times=2)
    waiting = iter([lambda: bucket.put_policy(theirs)])
    aws.waiting.append(lambda _seconds: next(waiting, lambda: None)())
    ended = settle(aws, backup_dir=str(tmp_path))
    assert bucket.sids == ["Readers", None, "Writers", *OUR_SIDS]
    assert ended.warnings == []
    assert same(ended["previous_policy"], theirs)
    assert same(json.loads(Path(ended["backup_file"]).read_text(encoding="utf-8")), theirs)
    # After each file it is read again, and what is new is read twice.
    tries = ["GetBucketPolicy", "PutBucketPolicy", *["GetBucketPolicy"] * 3, "PutBucketPolicy", "GetBucketPolicy"]
    assert aws.calls == [*READS, *tries, *WRITE]


def test_a_write_that_was_turned_away_is_left_when_somebody_else_has_done_it(aws: FakeAws, bucket: FakeBucket) -> None:
    settle(aws)
    guarded = json.loads(str(bucket.policy))
    bucket.put_policy(FOREIGN)
    bucket.lagging.clear()
    aws.calls.clear()
    aws.waits.clear()
    aws.fail("PutBucketPolicy", TURNED_AWAY[0])
    aws.waiting.append(lambda _seconds: bucket.put_policy(guarded))
    ended = settle(aws)
    assert not ended.failed
    assert ended["changed"] is False
    assert same(ended["previous_policy"], guarded)
    assert aws.calls == [*READS, "PutBucketPolicy", *["GetBucketPolicy"] * 2]


@pytest.mark.parametrize("theirs", [[PLAIN_HTTP], [READERS, PLAIN_HTTP, WRITERS]], ids=["taken-out", "added"])
def test_what_others_write_after_a_write_that_did_not_come_through_is_what_was_there_before(
    aws: FakeAws, bucket: FakeBucket, tmp_path: Path, theirs: list[dict[str, Any]]
) -> None:
    bucket.put_policy({**FOREIGN, "Statement": [READERS, PLAIN_HTTP]})
    aws.fail("PutBucketPolicy", LOST)
    turns = itertools.count(1)

    def write(_seconds: float) -> None:
        # Each wait until it is sure that it did not come through, and one after the second try was turned away.
        turn = next(turns)
        if turn == len(reading_back.STALE_WAITS):
            aws.fail("PutBucketPolicy", TURNED_AWAY[0])
        elif turn == len(reading_back.STALE_WAITS) + 1:
            bucket.put_policy({**FOREIGN, "Statement": theirs})

    aws.waiting.append(write)
    ended = settle(aws, backup_dir=str(tmp_path))
    assert not ended.failed
    assert bucket.sids == [*(one.get("Sid") for one in theirs), *OUR_SIDS]
    assert aws.writes == ["PutBucketPolicy"] * 3
    assert same(ended["previous_policy"], {**FOREIGN, "Statement": theirs})
    assert same(json.loads(Path(ended["backup_file"]).read_text()), {**FOREIGN, "Statement": theirs})


def test_who_was_turned_away_does_not_come_back_together_with_others(
    aws: FakeAws, bucket: FakeBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_writing, "jittered", lambda wait: wait + 100)
    aws.fail("PutBucketPolicy", TURNED_AWAY[0])
    settle(aws)
    assert aws.waits[0] == 100.5


@pytest.mark.parametrize("shown_again", [True, False])
def test_what_was_read_before_the_first_write_is_not_lost_to_a_read_that_is_older(
    aws: FakeAws, bucket: FakeBucket, shown_again: bool
) -> None:
    """Turned away twice; somebody else writes after the first time, and after the second the read lags behind."""
    bucket.put_policy(FOREIGN)
    theirs = {**FOREIGN, "Statement": [READERS, PLAIN_HTTP, WRITERS]}
    aws.fail("PutBucketPolicy", TURNED_AWAY[0], times=2)
    # The second wait is for a second read of what they wrote, the fourth for S3 to catch up.
    shown = {1: theirs, 3: FOREIGN, **({4: theirs} if shown_again else {})}
    turns = itertools.count(1)

    def show(_seconds: float) -> None:
        turn = next(turns)
        if turn in shown:
            bucket.put_policy(shown[turn])

    aws.waiting.append(show)
    ended = settle(aws)
    assert ended.failed is not shown_again
    if shown_again:
        assert bucket.sids == ["Readers", None, "Writers", *OUR_SIDS]
        assert same(ended["previous_policy"], theirs)
    else:
        assert ended["changed"] is False
        assert "was changed by others, and now it reads as it was before" in ended.msg
        assert "It was not written, because" in ended.msg
        assert same(ended["previous_policy"], theirs)
        assert aws.writes == ["PutBucketPolicy"] * 2


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize(
    ("then", "told"),
    [
        (Fault("AccessDenied", "no", 403), "Not permitted to write the policy"),
        (Fault("MalformedPolicy", "Policy has invalid resource", 400), "Policy has invalid resource"),
    ],
)
def test_what_fails_after_somebody_wrote_over_ours_says_so(
    aws: FakeAws, bucket: FakeBucket, lost: bool, then: Fault, told: str
) -> None:
    bucket.put_policy(FOREIGN)

    def write_over() -> None:
        bucket.put_policy({**FOREIGN, "Statement": [READERS, PLAIN_HTTP, WRITERS]})
        aws.fail("PutBucketPolicy", then)
        if lost:
            raise LOST

    aws.once_after("PutBucketPolicy", write_over)
    ended = settle(aws, guard_object_encryption_updates=False)
    assert ended.failed
    assert ended["changed"] is True
    assert told in ended.msg
    came = "may have been written" if lost else "was written"
    assert f"Before that, the policy of bucket {BUCKET} {came}, and somebody else wrote over it." in ended.msg
    assert "Nothing was changed" not in ended.msg


@pytest.mark.parametrize("done", [True, False])
def test_a_later_write_that_was_turned_away_is_planned_anew_as_well(
    aws: FakeAws, bucket: FakeBucket, done: bool
) -> None:
    """What somebody else writes after ours is merged with, and while that is turned away they write again."""
    bucket.put_policy(FOREIGN)

    def write_after_us() -> None:
        theirs = {**FOREIGN, "Statement": [READERS, PLAIN_HTTP, WRITERS]}
        if not done:
            bucket.put_policy(theirs)
        aws.fail("PutBucketPolicy", TURNED_AWAY[0])
        ours = json.loads(str(bucket.policy)) if done else theirs
        bucket.put_policy(theirs)
        more = {**ours, "Statement": [*ours["Statement"], {**WRITERS, "Sid": "More"}, WRITERS]}
        turns = itertools.count(1)

        def write_again(_seconds: float) -> None:
            # The first wait is for a second read of what they wrote.
            if next(turns) == 2:
                bucket.put_policy(more)

        aws.waiting.append(write_again)

    aws.once_after("PutBucketPolicy", write_after_us)
    ended = settle(aws)
    assert not ended.failed
    assert set(bucket.sids) >= {"Readers", "Writers", "More", *OUR_SIDS}
    assert [sid for sid in bucket.sids if sid in OUR_SIDS] == OUR_SIDS
    assert aws.writes == ["PutBucketPolicy"] * (2 if done else 3)
    assert same(ended["previous_policy"], FOREIGN)
    assert same(ended["policy"], json.loads(str(bucket.policy)))


def write_over_and_lag(aws: FakeAws, bucket: FakeBucket, *, lost: Fault | None = None) -> None:
    """Somebody else writes after us, our next write is turned away, and a read after that is an old one.

    :param lost: what our first write is answered with.
    """

    def write_after_us() -> None:
        bucket.put_policy({**FOREIGN, "Statement": [READERS, PLAIN_HTTP, WRITERS]})
        aws.fail("PutBucketPolicy", TURNED_AWAY[0])
        turns = itertools.count(1)

        def lag(_seconds: float) -> None:
            # The first wait is for a second read of what they wrote, the second one for another try.
            if next(turns) == 2:
                bucket.lagging["policy"] = json.dumps(FOREIGN)
                bucket.stale_reads = 2

        aws.waiting.append(lag)
        if lost is not None:
            raise lost

    aws.once_after("PutBucketPolicy", write_after_us)


def test_a_later_write_that_was_turned_away_is_not_made_on_a_stale_read(aws: FakeAws, bucket: FakeBucket) -> None:
    """What somebody else has written after us would be gone without a trace."""
    bucket.put_policy(FOREIGN)
    write_over_and_lag(aws, bucket)
    assert not settle(aws).failed
    assert bucket.sids == ["Readers", None, "Writers", *OUR_SIDS]


LOST = Fault("InternalError", "We encountered an internal error.", 500)


def lose(aws: FakeAws, operation: str) -> None:
    """Carry out the next call, and lose the answer."""

    def fail() -> None:
        raise LOST

    aws.once_after(operation, fail)


def test_a_write_whose_answer_is_lost_counts_when_it_is_there(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy(FOREIGN)
    lose(aws, "PutBucketPolicy")
    ended = settle(aws)
    assert not ended.failed
    assert ended["changed"] is True
    assert aws.writes == ["PutBucketPolicy"]


def test_a_write_that_failed_and_is_not_there_is_made_again_once_that_is_sure(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy(FOREIGN)
    aws.fail("PutBucketPolicy", LOST, times=2)
    ended = settle(aws)
    assert ended["changed"] is True
    assert ended.warnings == []
    assert bucket.sids == ["Readers", None, *OUR_SIDS]
    assert aws.waits == [*reading_back.STALE_WAITS * 2, 1, 2]
    # Each time on what was read right before.
    assert aws.calls == [*READS, *(["PutBucketPolicy"] + ["GetBucketPolicy"] * 5) * 2, *WRITE]


def test_a_write_that_fails_each_time_and_is_not_there_changed_nothing(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy(FOREIGN)
    aws.fail("PutBucketPolicy", LOST, times=99)
    ended = settle(aws)
    assert "AWS failed with InternalError" in ended.msg
    assert ended.msg.endswith("It was read again, and it is as it was before.")
    assert ended["changed"] is False
    assert same(ended["previous_policy"], FOREIGN)
    assert aws.writes == ["PutBucketPolicy"] * policy_writing.WRITES


def test_a_later_write_whose_answer_is_lost_is_not_made_again_on_a_stale_read(aws: FakeAws, bucket: FakeBucket) -> None:
    """S3 shows what was there before somebody else wrote: theirs would be gone without a trace."""
    bucket.put_policy(FOREIGN)
    theirs = {**FOREIGN, "Statement": [READERS, PLAIN_HTTP, WRITERS]}

    def lag() -> None:
        bucket.lagging["policy"] = json.dumps(FOREIGN)
        bucket.stale_reads = 99
        raise LOST

    # What they wrote is read twice, with a wait in between; then it is merged with.
    waited = iter([lambda: aws.once_after("PutBucketPolicy", lag)])
    aws.waiting.append(lambda _seconds: next(waited, lambda: None)())
    aws.once_after("PutBucketPolicy", lambda: bucket.put_policy(theirs))
    ended = settle(aws)
    assert "AWS failed with InternalError" in ended.msg
    assert "What S3 shows is older than the policy that was merged with" in ended.msg
    assert "It is not known whether the policy was written. Run again" in ended.msg
    assert ended["changed"] is True
    assert bucket.sids == ["Readers", None, "Writers", *OUR_SIDS]
    assert aws.writes == ["PutBucketPolicy"] * 2


def test_a_write_whose_answer_was_lost_before_is_not_made_on_a_stale_read(aws: FakeAws, bucket: FakeBucket) -> None:
    """The one that got no answer is overwritten, and the next one is turned away."""
    bucket.put_policy(FOREIGN)
    write_over_and_lag(aws, bucket, lost=LOST)
    ended = settle(aws)
    assert not ended.failed
    assert ended["changed"] is True
    assert bucket.sids == ["Readers", None, "Writers", *OUR_SIDS]


def test_a_write_whose_answer_was_lost_and_that_shows_late_is_a_change(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy(FOREIGN)

    def lag() -> None:
        bucket.stale_reads = 1 + len(reading_back.STALE_WAITS)
        aws.fail("PutBucketPolicy", TURNED_AWAY[0])
        raise LOST

    aws.once_after("PutBucketPolicy", lag)
    ended = settle(aws)
    assert ended["changed"] is True
    assert same(ended["previous_policy"], FOREIGN)
    assert aws.writes == ["PutBucketPolicy"] * 2


def test_a_write_that_may_have_come_through_and_cannot_be_looked_at_is_told_as_a_change(
    aws: FakeAws, bucket: FakeBucket
) -> None:
    bucket.put_policy(FOREIGN)
    lose(aws, "PutBucketPolicy")
    aws.once_after("GetBucketPolicy", lambda: aws.deny("GetBucketPolicy"))
    ended = settle(aws)
    assert (
        "It is not known whether the policy was written, since it could not be read again: Not permitted" in ended.msg
    )
    assert ended["changed"] is True
    assert ended["error_code"] == "InternalError"
    assert same(ended["previous_policy"], FOREIGN)


def test_a_write_whose_answer_is_lost_and_that_others_overwrite_counts_as_a_change(
    aws: FakeAws, bucket: FakeBucket
) -> None:
    bucket.put_policy(FOREIGN)
    theirs = {**FOREIGN, "Statement": [READERS, PLAIN_HTTP, ARTICLE]}
    aws.once_after("PutBucketPolicy", lambda: bucket.put_policy(theirs))
    lose(aws, "PutBucketPolicy")
    ended = settle(aws)
    assert "DenyUploadIfNotSSEKMSEncrypted" in ended.msg
    assert ended["changed"] is True
    assert same(ended["previous_policy"], FOREIGN)


def test_credentials_that_expired_are_told_where_s3_gives_no_reason(aws: FakeAws, bucket: FakeBucket) -> None:
    aws.fail("HeadBucket", Fault("400", "Bad Request", 400))
    assert f"Could not look at bucket {BUCKET}: S3 does not take the request" in settle(aws).msg
    aws.fail("HeadBucket", LOST)
    assert "AWS failed with InternalError" in settle(aws).msg


# --- Reading back -----------------------------------------------------------------------------------------------------


def test_a_read_that_lags_behind_is_waited_for(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy(FOREIGN)
    bucket.stale_reads = 3
    ended = settle(aws)
    assert ended["changed"] is True
    assert ended.warnings == []
    assert aws.writes == ["PutBucketPolicy"]
    # Then it is read at 1 s, which has passed, and at 3 s, which has passed, too.
    assert aws.waits == list(reading_back.STALE_WAITS[:3])
    assert aws.calls == [*READS, "PutBucketPolicy", *["GetBucketPolicy"] * 6]


def test_the_last_read_of_those_that_lag_behind_counts(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy(FOREIGN)
    bucket.stale_reads = len(reading_back.STALE_WAITS)
    assert not settle(aws).failed
    assert aws.writes == ["PutBucketPolicy"]


def test_a_read_that_lags_behind_a_later_one_is_waited_for(aws: FakeAws, bucket: FakeBucket) -> None:
    """Not every server of S3 has caught up when the first one has."""
    bucket.put_policy(FOREIGN)
    waited = iter([lambda: setattr(bucket, "stale_reads", 1)])
    aws.waiting.append(lambda _seconds: next(waited, lambda: None)())
    ended = settle(aws)
    assert not ended.failed
    assert ended.warnings == []
    assert aws.writes == ["PutBucketPolicy"]
    assert aws.waits == [1, reading_back.STALE_WAITS[0], 1.5]


def test_a_read_that_lags_behind_after_a_removal_is_waited_for(aws: FakeAws, bucket: FakeBucket) -> None:
    settle(aws)
    bucket.lagging.clear()
    bucket.stale_reads = 2
    ended = settle(aws, state="absent")
    assert ended["policy"] is None
    assert aws.writes == ["PutBucketPolicy", "DeleteBucketPolicy"]


def test_a_read_that_lags_behind_for_too_long_ends_with_a_sentence(aws: FakeAws, bucket: FakeBucket) -> None:
    """It is not written again: what others have written since, and S3 does not show either, would be gone."""
    bucket.put_policy(FOREIGN)
    bucket.stale_reads = 99
    ended = settle(aws)
    assert ended.failed
    assert "was written, and it still reads as it was before after 7.5 seconds more" in ended.msg
    assert "Run again in a while" in ended.msg
    assert ended["changed"] is True
    assert same(ended["previous_policy"], FOREIGN)
    assert aws.writes == ["PutBucketPolicy"]
    assert aws.waits == list(reading_back.STALE_WAITS)


def test_somebody_who_writes_after_us_and_leaves_the_guard_is_not_warned_of(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy(FOREIGN)

    def add() -> None:
        there = json.loads(str(bucket.policy))
        bucket.put_policy({**there, "Statement": [*there["Statement"], WRITERS]})

    aws.once_after("PutBucketPolicy", add)
    ended = settle(aws)
    assert ended.warnings == []
    assert same(ended["policy"], json.loads(str(bucket.policy)))
    assert bucket.sids[-1] == "Writers"
    assert aws.writes == ["PutBucketPolicy"]


def test_somebody_who_writes_after_us_is_merged_with(aws: FakeAws, bucket: FakeBucket) -> None:
    """They had read the policy before our write: their statement is there, and ours are not."""
    bucket.put_policy(FOREIGN)
    theirs = {**FOREIGN, "Statement": [READERS, PLAIN_HTTP, WRITERS]}
    aws.once_after("PutBucketPolicy", lambda: bucket.put_policy(theirs))
    ended = settle(aws)
    assert ended["changed"] is True
    assert bucket.sids == ["Readers", None, "Writers", *OUR_SIDS]
    assert aws.writes == ["PutBucketPolicy"] * 2
    assert any("Somebody else wrote the policy" in warning for warning in ended.warnings)
    assert same(ended["previous_policy"], FOREIGN)
    assert same(ended["policy"], json.loads(str(bucket.policy)))


def test_what_is_new_once_makes_what_was_expected_doubtful(aws: FakeAws, bucket: FakeBucket) -> None:
    """One server of S3 shows what somebody else wrote, and another one still what we wrote."""
    bucket.put_policy(FOREIGN)
    theirs = json.dumps({**FOREIGN, "Statement": [READERS, PLAIN_HTTP, WRITERS]})
    shown: list[str | None] = []

    def overwrite() -> None:
        shown.extend((bucket.policy, theirs))
        bucket.policy = theirs

    def show_next(_seconds: float) -> None:
        if shown:
            bucket.policy = shown.pop(0)

    aws.once_after("PutBucketPolicy", overwrite)
    aws.waiting.append(show_next)
    ended = settle(aws, read_back_at=[0])
    assert bucket.sids == ["Readers", None, "Writers", *OUR_SIDS]
    assert not ended.failed


@pytest.mark.parametrize("when", [1, 2])
def test_somebody_who_writes_later_is_merged_with(aws: FakeAws, bucket: FakeBucket, when: int) -> None:
    """They had read the policy before our write, and take a while. So does what they drop: it is put back, or named."""
    bucket.put_policy(FOREIGN)
    waits = itertools.count(1)

    def write(_seconds: float) -> None:
        if next(waits) == when:
            bucket.put_policy({**FOREIGN, "Statement": [PLAIN_HTTP, WRITERS]})

    aws.waiting.append(write)
    ended = settle(aws)
    assert bucket.sids == [None, "Writers", *OUR_SIDS]
    assert ended.failed
    assert "not in it now that were there before: Readers" in ended.msg
    assert "What was asked for is in it." in ended.msg
    assert ended["changed"] is True
    assert aws.writes == ["PutBucketPolicy"] * 2


def test_a_policy_can_be_read_back_once(aws: FakeAws) -> None:
    settle(aws, read_back_at=[0])
    assert aws.calls == [*READS, *WRITE[:2]]
    assert aws.waits == []


@pytest.mark.parametrize("moments", [[], [1, 0], [-1, 0], [0, 61]])
def test_when_a_policy_is_read_back_has_to_make_sense(aws: FakeAws, moments: list[float]) -> None:
    ended = refused(aws, read_back_at=moments)
    assert f"read_back_at is {[float(one) for one in moments]}. Give at least one" in ended.msg
    assert aws.calls == []


def test_somebody_who_adds_to_what_we_wrote_is_left_alone(aws: FakeAws, bucket: FakeBucket) -> None:
    def add() -> None:
        policy = json.loads(str(bucket.policy))
        policy["Statement"].insert(0, WRITERS)
        bucket.put_policy(policy)

    aws.once_after("PutBucketPolicy", add)
    ended = settle(aws)
    assert bucket.sids == ["Writers", *OUR_SIDS]
    assert aws.writes == ["PutBucketPolicy"]
    assert same(ended["policy"], json.loads(str(bucket.policy)))


def test_somebody_who_keeps_writing_ends_it_after_a_bounded_number_of_times(aws: FakeAws, bucket: FakeBucket) -> None:
    theirs = itertools.count(1)

    def write() -> None:
        bucket.put_policy({**FOREIGN, "Id": str(next(theirs)), "Statement": [READERS]})

    aws.once_after("PutBucketPolicy", write, times=99)
    ended = settle(aws)
    assert ended.failed
    assert "somebody else keeps writing it" in ended.msg
    assert aws.writes == ["PutBucketPolicy"] * policy_writing.WRITES
    assert bucket.sids == ["Readers"]


def test_a_foreign_statement_that_is_gone_after_the_write_is_told(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy(FOREIGN)

    def lose() -> None:
        policy = json.loads(str(bucket.policy))
        policy["Statement"] = [one for one in policy["Statement"] if one.get("Sid") != "Readers"]
        bucket.put_policy(policy)

    aws.once_after("PutBucketPolicy", lose)
    ended = settle(aws)
    assert ended.failed
    assert ended["changed"] is True
    assert "statements of others are not in it now that were there before: Readers" in ended.msg
    assert same(ended["previous_policy"], FOREIGN)
    assert aws.writes == ["PutBucketPolicy"]


def test_a_conflict_that_somebody_adds_at_the_same_time_is_told(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy(FOREIGN)
    theirs = {**FOREIGN, "Statement": [READERS, PLAIN_HTTP, ARTICLE]}
    aws.once_after("PutBucketPolicy", lambda: bucket.put_policy(theirs))
    ended = settle(aws)
    assert ended.failed
    assert "DenyUploadIfNotSSEKMSEncrypted" in ended.msg
    assert bucket.sids == ["Readers", None, "DenyUploadIfNotSSEKMSEncrypted"]


def test_a_reading_back_that_fails_says_that_it_was_written(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy(FOREIGN)
    aws.once_after("PutBucketPolicy", lambda: aws.deny("GetBucketPolicy"))
    ended = settle(aws)
    assert ended.failed
    assert f"The policy of bucket {BUCKET} was written, and could not be read back to see that it came" in ended.msg
    assert "s3:GetBucketPolicy" in ended.msg
    assert same(ended["previous_policy"], FOREIGN)


def test_a_later_reading_back_that_fails_says_that_it_came_through(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy(FOREIGN)

    def deny_the_next(operation: str, _parameters: Any) -> None:
        if operation == "GetBucketPolicy" and aws.calls[-2:-1] == ["GetBucketPolicy"]:
            aws.deny("GetBucketPolicy")

    aws.before.append(deny_the_next)
    ended = settle(aws)
    assert ended.failed
    assert ended["changed"] is True
    assert f"The policy of bucket {BUCKET} was written, and could not be read back once more to see" in ended.msg


def test_between_the_last_read_and_the_write_nothing_is_asked(aws: FakeAws, bucket: FakeBucket) -> None:
    settle(aws)
    written = aws.calls.index("PutBucketPolicy")
    assert aws.calls[written - 1] == "GetBucketPolicy"


# --- Backups ----------------------------------------------------------------------------------------------------------


def test_the_policy_of_before_is_kept_as_it_was_read(aws: FakeAws, bucket: FakeBucket, tmp_path: Path) -> None:
    bucket.put_policy(FOREIGN)
    ended = settle(aws, backup_dir=str(tmp_path))
    kept = Path(ended["backup_file"])
    assert [kept] == list(tmp_path.iterdir())
    assert re.fullmatch(rf"{BUCKET}-\d{{8}}T\d{{6}}\.\d{{6}}Z-[0-9a-f]{{16}}\.json", kept.name)
    # What the run wrote in its place, whatever form it comes back in.
    assert bucket.policy is not None
    assert kept.stem.endswith(f"-{document.digest(document.parse(bucket.policy))}")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_text()) == ended["previous_policy"]
    assert aws.calls == [*READS, "GetBucketPolicy", *WRITE]


def test_nothing_is_kept_where_nothing_is_replaced(aws: FakeAws, bucket: FakeBucket, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    for check_mode in (True, False, False):
        assert settle(aws, backup_dir=str(folder), check_mode=check_mode)["backup_file"] is None
    bucket.put_policy(FOREIGN)
    assert settle(aws, backup_dir=str(folder), check_mode=True)["backup_file"] is None
    assert not folder.exists()


def test_the_guard_that_is_taken_off_is_kept_too(aws: FakeAws, bucket: FakeBucket, tmp_path: Path) -> None:
    folder = tmp_path / "all" / "backups"
    settle(aws)
    ended = settle(aws, state="absent", backup_dir=str(folder))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert json.loads(Path(ended["backup_file"]).read_text()) == ended["previous_policy"]
    assert bucket.policy is None


def test_a_policy_that_cannot_be_kept_is_not_replaced(aws: FakeAws, bucket: FakeBucket, tmp_path: Path) -> None:
    bucket.put_policy(FOREIGN)
    taken = tmp_path / "taken"
    taken.write_text("")
    ended = refused(aws, backup_dir=str(taken))
    assert f"could not be kept in {taken} before: File exists. Give a backup_dir" in ended.msg
    assert same(ended["previous_policy"], FOREIGN)
    assert ended["backup_file"] is None


def test_what_somebody_else_writes_while_the_policy_is_kept_is_kept_and_merged_with(
    aws: FakeAws, bucket: FakeBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put_policy(FOREIGN)
    theirs = {**FOREIGN, "Statement": [READERS, PLAIN_HTTP, WRITERS]}
    kept: list[bool] = []
    keep = backup.Backup.keep

    def keeping(self: backup.Backup, policy: document.Document, becomes: document.Document | None) -> bool:
        bucket.put_policy(theirs)
        kept.append(keep(self, policy, becomes))
        return kept[-1]

    monkeypatch.setattr(backup.Backup, "keep", keeping)
    ended = settle(aws, backup_dir=str(tmp_path))
    assert kept == [True, True, False]
    assert bucket.sids == ["Readers", None, "Writers", *OUR_SIDS]
    assert same(ended["previous_policy"], theirs)
    assert same(json.loads(Path(ended["backup_file"]).read_text()), theirs)


def test_somebody_who_writes_whenever_the_policy_is_kept_ends_it(
    aws: FakeAws, bucket: FakeBucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put_policy(FOREIGN)
    monkeypatch.setattr(backup.Backup, "keep", lambda _self, _policy, _becomes: True)
    ended = refused(aws, backup_dir=str(tmp_path))
    assert "was kept 3 times" in ended.msg
    assert same(ended["previous_policy"], FOREIGN)


def test_a_failure_after_the_policy_was_kept_names_the_file(aws: FakeAws, bucket: FakeBucket, tmp_path: Path) -> None:
    bucket.put_policy(FOREIGN)
    aws.fail("PutBucketPolicy", Fault("AccessDenied", "Access Denied", 403))
    ended = settle(aws, backup_dir=str(tmp_path))
    assert [Path(ended["backup_file"])] == list(tmp_path.iterdir())
