# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.aws import reading_back
from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import Bucket
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

READS = ["GetCallerIdentity", "HeadBucket", "DescribeKey", "GetBucketEncryption"]
WRITES = ["PutBucketEncryption", "GetBucketEncryption"]
AES256_RULE = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
AES256_SHOWN = {"algorithm": "AES256", "key_arn": None, "bucket_key": False, "blocked_encryption_types": None}


@pytest.fixture
def aws() -> FakeAws:
    made = FakeAws()
    made.add_key(alias="uploads")
    made.add_bucket()
    return made


@pytest.fixture
def bucket(aws: FakeAws) -> FakeBucket:
    return aws.buckets[BUCKET]


@pytest.fixture
def key(aws: FakeAws) -> str:
    return str(aws.keys[aws.aliases["alias/uploads"]]["metadata"]["Arn"])


def kms_rule(key: str | None, *blocked: str, bucket_key: bool = True) -> dict[str, Any]:
    chosen = {"SSEAlgorithm": "aws:kms", **({"KMSMasterKeyID": key} if key else {})}
    rule: dict[str, Any] = {"ApplyServerSideEncryptionByDefault": chosen, "BucketKeyEnabled": bucket_key}
    return {**rule, "BlockedEncryptionTypes": {"EncryptionType": list(blocked)}} if blocked else rule


def settle(aws: FakeAws, **options: Any) -> Run:
    return run_module(aws, "bucket_encryption", **{"bucket": BUCKET, "key": "alias/uploads", **options})


def refused(aws: FakeAws, **options: Any) -> Run:
    ended = settle(aws, **options)
    assert ended.failed
    assert ended.exit_code == 1
    assert "Traceback" not in json.dumps(ended.result)
    assert aws.writes == []
    return ended


# --- The whole rule in one write --------------------------------------------------------------------------------------


def test_the_whole_rule_goes_in_one_write(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    ended = settle(aws, blocked_encryption_types=["SSE-C"])
    assert ended["changed"] is True
    assert bucket.encryption == kms_rule(key, "SSE-C")
    assert aws.calls == [*READS, *WRITES]
    assert ended["encryption"] == {
        "algorithm": "aws:kms",
        "key_arn": key,
        "bucket_key": True,
        "blocked_encryption_types": ["SSE-C"],
    }
    assert ended["previous_encryption"] == AES256_SHOWN
    assert ended["key_arn"] == key
    assert ended["blocked_encryption_types_supported"] is True
    assert ended["diff"]["before"] == ended["previous_encryption"]
    assert ended["diff"]["after"] == ended["encryption"]
    assert ended.warnings == []
    assert all(given["ExpectedBucketOwner"] == ACCOUNT for _called, given in aws.requests if "Bucket" in given)


def test_a_second_run_changes_nothing(aws: FakeAws, bucket: FakeBucket) -> None:
    settle(aws, blocked_encryption_types=["SSE-C"])
    written = copy.deepcopy(bucket.encryption)
    aws.calls.clear()
    for options in ({"blocked_encryption_types": ["SSE-C"]}, {}):
        ended = settle(aws, **options)
        assert ended["changed"] is False
        assert ended["diff"]["before"] == ended["diff"]["after"] == ended["encryption"]
    assert bucket.encryption == written
    assert aws.writes == []


def test_what_is_not_asked_about_is_kept(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    bucket.encryption = kms_rule("alias/older", "SSE-C", bucket_key=False)
    ended = settle(aws)
    assert ended["changed"] is True
    assert bucket.encryption == kms_rule(key, "SSE-C")
    assert ended["encryption"]["blocked_encryption_types"] == ["SSE-C"]


def test_an_element_of_the_rule_that_is_not_known_here_is_sent_back(
    aws: FakeAws, bucket: FakeBucket, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken as it is sent: the installed botocore does not model such an element yet."""
    there = {**kms_rule("alias/older"), "FromTheFuture": {"Kept": True}}
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(Bucket, "put_default_encryption", lambda _self, rule: sent.append(rule.to_rule()))
    bucket.encryption = there
    settle(aws)
    assert sent == [{**kms_rule(key), "FromTheFuture": {"Kept": True}}]


@pytest.mark.parametrize("there", ["alias/uploads", "id", "other"])
def test_a_key_that_is_not_named_by_its_full_arn_is_changed(
    aws: FakeAws, bucket: FakeBucket, key: str, there: str
) -> None:
    names = {"id": key.rsplit("/", 1)[1], "other": key.replace("00000001", "00000002")}
    bucket.encryption = kms_rule(names.get(there, there))
    assert settle(aws)["changed"] is True
    assert bucket.encryption == kms_rule(key)


@pytest.mark.parametrize("there", [None, {"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}])
def test_a_bucket_without_a_default_gets_one(
    aws: FakeAws, bucket: FakeBucket, key: str, there: dict[str, Any] | None
) -> None:
    bucket.encryption = there
    ended = settle(aws)
    assert bucket.encryption == kms_rule(key, *(("SSE-C",) if there else ()))
    assert (ended["previous_encryption"] is None) == (there is None)


def test_the_bucket_key_can_be_off(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    settle(aws, bucket_key=False)
    assert bucket.encryption == kms_rule(key, bucket_key=False)
    assert settle(aws, bucket_key=False)["changed"] is False
    assert settle(aws)["changed"] is True


def test_dsse_has_no_bucket_key(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    settle(aws, algorithm="aws:kms:dsse")
    assert bucket.encryption == {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms:dsse", "KMSMasterKeyID": key},
        "BucketKeyEnabled": False,
    }
    assert settle(aws, algorithm="aws:kms:dsse")["changed"] is False


def test_back_to_sse_s3_keeps_what_is_blocked_and_names_no_key(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    bucket.encryption = kms_rule(key, "SSE-C")
    ended = settle(aws, algorithm="AES256", key=None)
    assert bucket.encryption == {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
        "BucketKeyEnabled": True,
        "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
    }
    assert ended["key_arn"] is None
    assert "DescribeKey" not in aws.calls
    assert settle(aws, algorithm="AES256", key=None)["changed"] is False


def test_a_block_can_be_lifted(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    bucket.encryption = kms_rule(key, "SSE-C")
    assert settle(aws, blocked_encryption_types=["NONE"])["changed"] is True
    assert bucket.encryption == kms_rule(key, "NONE")
    assert settle(aws, blocked_encryption_types=["NONE"])["changed"] is False
    bucket.encryption = kms_rule(key)
    assert settle(aws, blocked_encryption_types=["NONE"])["changed"] is False


# --- Check mode -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"bucket_key": False}, {"algorithm": "AES256", "key": None}])
def test_a_check_run_writes_nothing_and_says_what_the_real_run_does(
    aws: FakeAws, bucket: FakeBucket, options: dict[str, Any]
) -> None:
    bucket.encryption = kms_rule("alias/older", "SSE-C")
    checked = settle(aws, check_mode=True, blocked_encryption_types=["SSE-C"], **options)
    assert aws.writes == []
    assert checked["changed"] is True
    real = settle(aws, blocked_encryption_types=["SSE-C"], **options)
    assert checked.result == real.result
    assert checked.warnings == real.warnings


def test_a_check_run_says_that_blocked_types_are_not_known_yet(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    bucket.encryption = kms_rule(key)
    ended = settle(aws, check_mode=True, blocked_encryption_types=["SSE-C"])
    assert ended["changed"] is True
    assert ended["blocked_encryption_types_supported"] is None
    (warning,) = ended.warnings
    assert "the real run will say so" in warning


def test_a_bucket_and_a_key_that_are_planned_are_not_looked_up(aws: FakeAws) -> None:
    aws.buckets.clear()
    ended = settle(aws, check_mode=True, bucket_planned=True, key_planned=True, blocked_encryption_types=["SSE-C"])
    assert ended["changed"] is True
    assert ended["previous_encryption"] is None
    assert ended["encryption"] == {
        "algorithm": "aws:kms",
        "key_arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/known-after-creation",
        "bucket_key": True,
        "blocked_encryption_types": ["SSE-C"],
    }
    assert ended["diff"]["before"] == {}
    assert aws.calls == ["GetCallerIdentity"]


@pytest.mark.parametrize("option", ["bucket_planned", "key_planned"])
def test_planned_is_for_check_mode_alone(aws: FakeAws, option: str) -> None:
    assert f"{option} was set in a real run" in refused(aws, **{option: True}).msg
    assert aws.calls == []


# --- Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"algorithm": "AES256"}, "key was given with algorithm AES256"),
        ({"key": None}, "key is empty"),
        ({"key": "no key"}, "'no key' is neither"),
        ({"algorithm": "aws:fsx"}, "got: aws:fsx"),
        ({"blocked_encryption_types": []}, "blocked_encryption_types is empty"),
        ({"blocked_encryption_types": ["SSE-C", "NONE"]}, "NONE beside others"),
        ({"blocked_encryption_types": ["SSE-S3"]}, "Got no match for: SSE-S3"),
        ({"bucket": "data--use1-az4--x-s3"}, "a directory bucket"),
        ({"bucket": f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/data"}, "the ARN of an access point"),
    ],
)
def test_what_is_wrong_with_the_options_is_told_before_any_call(
    aws: FakeAws, options: dict[str, Any], said: str
) -> None:
    assert said in refused(aws, **options).msg
    assert aws.calls == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"owner": OTHER_ACCOUNT}, f"does not belong to account {ACCOUNT}"),
        ({"region": "us-west-2"}, "is in us-west-2"),
    ],
)
def test_another_accounts_or_regions_bucket_is_refused(
    aws: FakeAws, bucket: FakeBucket, change: dict[str, Any], said: str
) -> None:
    for name, value in change.items():
        setattr(bucket, name, value)
    assert said in refused(aws).msg
    assert aws.calls == READS[:2]


def test_a_missing_bucket_is_told_at_once(aws: FakeAws) -> None:
    aws.buckets.clear()
    assert f"There is no bucket {BUCKET}." in refused(aws).msg
    assert aws.waits == []


@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion", "PendingImport", "Unavailable"])
def test_a_key_that_cannot_be_used_is_refused_and_not_revived(aws: FakeAws, key: str, state: str) -> None:
    aws.of(key)["metadata"]["KeyState"] = state
    ended = refused(aws)
    assert f"Key state {state}." in ended.msg
    assert aws.of(key)["metadata"]["KeyState"] == state


def test_a_rule_that_may_not_be_read_is_not_overwritten(aws: FakeAws) -> None:
    aws.deny("GetBucketEncryption")
    assert "s3:GetEncryptionConfiguration is denied" in refused(aws).msg


# --- Services and versions that do not know blocked encryption types --------------------------------------------------


def test_a_service_that_drops_blocked_types_is_told_and_the_rest_is_set(
    aws: FakeAws, bucket: FakeBucket, key: str
) -> None:
    bucket.keeps_blocked_types = False
    ended = settle(aws, blocked_encryption_types=["SSE-C"])
    assert ended["changed"] is True
    assert bucket.encryption == kms_rule(key)
    assert ended["encryption"]["blocked_encryption_types"] is None
    assert ended["blocked_encryption_types_supported"] is False
    (warning,) = ended.warnings
    assert "does not block SSE-C" in warning
    assert aws.waits == []


def test_a_service_that_drops_blocked_types_sees_no_change_in_the_second_run(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.keeps_blocked_types = False
    settle(aws, blocked_encryption_types=["SSE-C"])
    bucket.lagging.clear()
    ended = settle(aws, blocked_encryption_types=["SSE-C"])
    assert ended["changed"] is False
    assert ended["diff"]["before"] == ended["diff"]["after"]
    assert ended["blocked_encryption_types_supported"] is False
    assert len(ended.warnings) == 1


@pytest.mark.parametrize("code", ["MalformedXML", "InvalidArgument", "NotImplemented"])
def test_a_service_that_does_not_take_blocked_types_is_told_and_the_rest_is_set(
    aws: FakeAws, bucket: FakeBucket, key: str, code: str
) -> None:
    def strict(operation: str, parameters: Any) -> None:
        if operation == "PutBucketEncryption" and "BlockedEncryptionTypes" in json.dumps(parameters):
            raise Fault(code, "The XML you provided was not well-formed")

    aws.before.append(strict)
    ended = settle(aws, blocked_encryption_types=["SSE-C"])
    assert ended["changed"] is True
    assert bucket.encryption == kms_rule(key)
    assert ended["blocked_encryption_types_supported"] is False
    aws.calls.clear()
    ended = settle(aws, blocked_encryption_types=["SSE-C"])
    assert ended["changed"] is False
    assert len(ended.warnings) == 1
    assert aws.writes == ["PutBucketEncryption"]


def test_a_rule_that_is_refused_for_another_reason_is_told(aws: FakeAws, bucket: FakeBucket) -> None:
    aws.fail("PutBucketEncryption", Fault("MalformedXML", "The XML you provided was not well-formed"), times=9)
    ended = settle(aws, blocked_encryption_types=["SSE-C"])
    assert ended.failed
    assert "AWS answered MalformedXML" in ended.msg
    assert bucket.encryption == AES256_RULE


def test_a_refusal_on_a_service_that_is_known_to_keep_blocks_is_not_tried_without_them(
    aws: FakeAws, bucket: FakeBucket
) -> None:
    bucket.encryption = {**AES256_RULE, "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}
    aws.fail("PutBucketEncryption", Fault("MalformedXML", "The XML you provided was not well-formed"))
    assert settle(aws).failed
    assert aws.writes == ["PutBucketEncryption"]


@pytest.fixture
def old_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    """A botocore that does not know blocked encryption types: it neither sends nor reads them."""
    put, read = Bucket.put_default_encryption, Bucket.default_encryption

    def put_checked(self: Bucket, rule: Any) -> None:
        assert "BlockedEncryptionTypes" not in rule.to_rule()
        put(self, rule)

    def read_without(self: Bucket) -> Any:
        found = read(self)
        return found.without_blocked() if found else None

    monkeypatch.setattr(Bucket, "sdk_knows_blocked_types", False)
    monkeypatch.setattr(Bucket, "put_default_encryption", put_checked)
    monkeypatch.setattr(Bucket, "default_encryption", read_without)


@pytest.mark.usefixtures("old_botocore")
def test_an_old_botocore_is_told_and_the_rest_is_set(aws: FakeAws) -> None:
    for changed in (True, False):
        ended = settle(aws, blocked_encryption_types=["SSE-C"])
        assert ended["changed"] is changed
        assert ended["blocked_encryption_types_supported"] is False
        (warning,) = ended.warnings
        assert "SSE-C was not set" in warning
        assert "Install a newer botocore" in warning
    ended = settle(aws, check_mode=True, blocked_encryption_types=["SSE-C"])
    assert ended["changed"] is False
    assert len(ended.warnings) == 1


@pytest.mark.usefixtures("old_botocore")
def test_an_old_botocore_that_may_lift_a_block_is_told(aws: FakeAws) -> None:
    (warning,) = settle(aws).warnings
    assert "may lift the block" in warning
    assert settle(aws).warnings == []


def test_the_installed_botocore_is_asked_whether_it_knows_blocked_types(aws: FakeAws) -> None:
    class Here:
        s3 = aws.client("s3", REGION)

    session: Any = Here()
    assert Bucket(session, BUCKET).sdk_knows_blocked_types is True


# --- Failing writes, and reading back ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("AccessDenied", "Access Denied", 403), "s3:PutEncryptionConfiguration is denied"),
        (Fault("AccessDenied", "User: x is not authorized to perform: s3:PutEncryptionConfiguration with an explicit "
                               "deny in a resource-based policy", 403), "The policy of the resource itself denies"),
        (Fault("MethodNotAllowed", "Not allowed", 405), "only the account that owns the bucket"),
    ],
)  # fmt: skip
def test_a_write_that_fails_is_told_with_the_previous_rule(aws: FakeAws, fault: Fault, said: str) -> None:
    aws.fail("PutBucketEncryption", fault)
    ended = settle(aws)
    assert ended.failed
    assert said in ended.msg
    assert ended["previous_encryption"] == AES256_SHOWN


def test_a_read_that_lags_behind_is_waited_for(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.stale_reads = 2
    ended = settle(aws)
    assert ended["changed"] is True
    assert aws.waits == list(reading_back.STALE_WAITS[:2])
    assert aws.writes == ["PutBucketEncryption"]


def test_a_rule_that_reads_differently_afterwards_is_told(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    other = key.replace("00000001", "00000002")

    def change() -> None:
        bucket.encryption = kms_rule(other)

    aws.once_after("PutBucketEncryption", change)
    ended = settle(aws)
    assert ended.failed
    assert f"asked for aws:kms under {key}, Bucket Key on" in ended.msg
    assert f"found aws:kms under {other}" in ended.msg
    assert ended["encryption"]["key_arn"] == other
    assert ended["previous_encryption"] == AES256_SHOWN


def test_a_reading_back_that_fails_says_that_it_was_set(aws: FakeAws) -> None:
    aws.once_after("PutBucketEncryption", lambda: aws.deny("GetBucketEncryption"))
    ended = settle(aws)
    assert ended.failed
    assert "was set, and could not be read back" in ended.msg
    assert ended["previous_encryption"] == AES256_SHOWN


LOST = Fault("InternalError", "We encountered an internal error.", 500)


def lose(aws: FakeAws) -> None:
    """Carry out the next write, and lose the answer."""

    def fail() -> None:
        raise LOST

    aws.once_after("PutBucketEncryption", fail)


def test_a_write_whose_answer_is_lost_counts_when_it_is_there(aws: FakeAws) -> None:
    lose(aws)
    ended = settle(aws)
    assert not ended.failed
    assert ended["changed"] is True
    assert aws.writes == ["PutBucketEncryption"]


def test_a_write_that_failed_and_is_not_there_changed_nothing(aws: FakeAws) -> None:
    aws.fail("PutBucketEncryption", LOST)
    ended = settle(aws)
    assert ended.msg.endswith("It was read again, and it is as it was before.")
    assert not ended.result.get("changed")


def test_a_write_that_may_have_come_through_and_cannot_be_looked_at_is_told_as_a_change(aws: FakeAws) -> None:
    lose(aws)
    aws.once_after("GetBucketEncryption", lambda: aws.deny("GetBucketEncryption"))
    ended = settle(aws)
    assert "It is not known whether it was set, since it could not be read again: Not permitted" in ended.msg
    assert ended["changed"] is True
    assert ended["previous_encryption"] == AES256_SHOWN
