# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
import json
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.aws import interruption, policy_writing
from ansible_collections.sealed.s3.plugins.module_utils.policy import document, guard
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

OBJECTS = f"arn:aws:s3:::{BUCKET}/*"
READERS: dict[str, Any] = {
    "Sid": "Readers",
    "Effect": "Allow",
    "Principal": {"AWS": ["444455556666"]},
    "Action": ["s3:GetObject", "s3:GetObjectVersion"],
    "Resource": [OBJECTS],
}
FOREIGN = {"Version": "2012-10-17", "Id": "ours-since-2019", "Statement": [READERS]}
WRITERS = {**READERS, "Sid": "Writers", "Action": "s3:PutObject"}
# What it reads, and what it does on a bucket that has nothing yet.
READS = ["GetCallerIdentity", "HeadBucket", "DescribeKey", "GetBucketEncryption", "GetBucketPolicy"]
DEFAULT = ["PutBucketEncryption", "GetBucketEncryption"]
GUARD = ["GetBucketPolicy", "PutBucketPolicy", *["GetBucketPolicy"] * 3]


@pytest.fixture
def aws() -> FakeAws:
    """A bucket that has nothing yet, and the key ``alias/uploads``."""
    made = FakeAws()
    made.add_key(alias="uploads")
    made.add_bucket()
    return made


@pytest.fixture
def bucket(aws: FakeAws) -> FakeBucket:
    return aws.buckets[BUCKET]


@pytest.fixture
def key(aws: FakeAws) -> str:
    return arn_of(aws, "uploads")


def arn_of(aws: FakeAws, alias: str) -> str:
    return str(aws.keys[aws.aliases[f"alias/{alias}"]]["metadata"]["Arn"])


def seal(aws: FakeAws, **options: Any) -> Run:
    return run_module(aws, "sse_kms_seal", **{"bucket": BUCKET, "key": "alias/uploads", **options})


def refused(aws: FakeAws, **options: Any) -> Run:
    """A run that ends with a sentence and writes nothing."""
    ended = seal(aws, **options)
    assert ended.failed
    assert "Traceback" not in json.dumps(ended.result)
    assert aws.writes == []
    assert not ended.result.get("changed")
    return ended


def same(found: Any, wanted: Any) -> bool:
    return document.equal(document.parse(found) if found else None, document.parse(wanted) if wanted else None)


def default(key: str, **more: Any) -> dict[str, Any]:
    chosen = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    return {"ApplyServerSideEncryptionByDefault": chosen, "BucketKeyEnabled": True, **more}


def ours(key: str, **options: Any) -> list[dict[str, Any]]:
    return guard.statements(guard.GuardSpec(BUCKET, key, **options))


def with_guard(key: str, **options: Any) -> dict[str, Any]:
    return {**FOREIGN, "Statement": [READERS, *ours(key, **options)]}


# --- One bucket -------------------------------------------------------------------------------------------------------


def test_a_bucket_gets_default_encryption_and_then_the_guard(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    bucket.put_policy(FOREIGN)
    ended = seal(aws, blocked_encryption_types=["SSE-C"])
    assert ended["changed"] is True
    assert ended["steps"] == ["default_encryption", "guard"]
    assert bucket.encryption == default(key, BlockedEncryptionTypes={"EncryptionType": ["SSE-C"]})
    assert bucket.sids == ["Readers", *(one["Sid"] for one in ours(key))]
    assert ended["key_arn"] == key
    assert ended["encryption"]["key_arn"] == key
    assert ended["encryption"]["blocked_encryption_types"] == ["SSE-C"]
    assert ended["previous_encryption"]["algorithm"] == "AES256"
    assert ended["blocked_encryption_types_supported"] is True
    assert same(ended["previous_policy"], FOREIGN)
    assert same(ended["policy"], json.loads(str(bucket.policy)))
    assert ended["statements"]["kept"] == ["Readers"]
    assert ended["conflicts"] == []
    assert ended["size"]["after"] > ended["size"]["before"] > 0
    assert ended["backup_file"] is None
    assert ended.warnings == []
    assert aws.calls == [*READS, *DEFAULT, *GUARD]


def test_a_second_run_changes_nothing_with_five_calls(aws: FakeAws) -> None:
    seal(aws)
    aws.calls.clear()
    ended = seal(aws)
    assert ended["changed"] is False
    assert ended["steps"] == []
    assert ended["diff"] == []
    assert aws.calls == READS


def test_only_what_differs_is_written(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    seal(aws)
    aws.calls.clear()
    bucket.put_policy(None)
    ended = seal(aws)
    assert ended["steps"] == ["guard"]
    # What was read is fresh enough to be written on: nothing was done since.
    assert aws.calls == [*READS, *GUARD[1:]]
    aws.calls.clear()
    bucket.encryption = None
    ended = seal(aws)
    assert ended["steps"] == ["default_encryption"]
    assert ended["previous_encryption"] is None
    assert same(ended["policy"], {**FOREIGN, "Id": "", "Statement": ours(key)})
    assert aws.calls == [*READS, *DEFAULT]


def test_all_options_arrive(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    options = {
        "enforcement": "require_headers",
        "accepted_keys": (key.replace("00000001", "00000002"),),
        "require_tls": False,
        "guard_object_encryption_updates": False,
        "guard_replicas": True,
        "encryption_admins": (CALLER,),
        "exempt_principals": (f"arn:aws:iam::{ACCOUNT}:role/Platform",),
        "exempt_services": ("delivery.logs.amazonaws.com",),
    }
    seal(aws, bucket_key=False, **{name: list(v) if isinstance(v, tuple) else v for name, v in options.items()})
    assert same(json.loads(str(bucket.policy)), {"Version": "2012-10-17", "Statement": ours(key, **options)})
    assert bucket.encryption == {**default(key), "BucketKeyEnabled": False}


def test_every_call_on_a_bucket_says_whose_it_has_to_be(aws: FakeAws) -> None:
    seal(aws)
    on_buckets = [given for _called, given in aws.requests if "Bucket" in given]
    assert len(on_buckets) == 10
    assert all(given["ExpectedBucketOwner"] == ACCOUNT for given in on_buckets)


def test_between_the_last_read_of_the_policy_and_its_write_nothing_is_asked(aws: FakeAws) -> None:
    seal(aws)
    assert aws.calls[aws.calls.index("PutBucketPolicy") - 1] == "GetBucketPolicy"


def test_types_that_the_service_does_not_keep_are_no_change(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    bucket.keeps_blocked_types = False
    bucket.encryption = default(key)
    ended = seal(aws, blocked_encryption_types=["SSE-C"])
    assert ended["steps"] == ["guard"]
    assert ended["blocked_encryption_types_supported"] is False
    (warning,) = ended.warnings
    assert "the service does not keep blocked encryption types" in warning


def test_somebody_who_writes_the_policy_while_the_default_is_set_is_merged_with(
    aws: FakeAws, bucket: FakeBucket, key: str
) -> None:
    bucket.put_policy(FOREIGN)
    theirs = {**FOREIGN, "Statement": [READERS, WRITERS]}
    aws.once_after("PutBucketEncryption", lambda: bucket.put_policy(theirs))
    ended = seal(aws)
    assert bucket.sids == ["Readers", "Writers", *(one["Sid"] for one in ours(key))]
    assert same(ended["previous_policy"], theirs)


def test_somebody_who_writes_after_us_is_merged_with_and_warned_of(aws: FakeAws, bucket: FakeBucket) -> None:
    aws.once_after("PutBucketPolicy", lambda: bucket.put_policy(FOREIGN))
    ended = seal(aws)
    assert bucket.sids[0] == "Readers"
    assert any("Somebody else wrote the policy" in warning for warning in ended.warnings)


# --- Check mode -------------------------------------------------------------------------------------------------------


def test_a_check_run_writes_nothing_and_says_what_the_real_run_does(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    bucket.put_policy(FOREIGN)
    # So that it is known that the service keeps them.
    bucket.encryption = {**default(key, BlockedEncryptionTypes={"EncryptionType": ["NONE"]}), "BucketKeyEnabled": False}
    checked = seal(aws, check_mode=True, blocked_encryption_types=["SSE-C"])
    assert aws.writes == []
    assert aws.calls == READS
    real = seal(aws, blocked_encryption_types=["SSE-C"])
    assert checked.result == real.result
    assert checked.warnings == real.warnings == []
    assert checked["steps"] == ["default_encryption", "guard"]


def test_the_diff_has_each_step_with_before_and_after(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    bucket.put_policy(FOREIGN)
    rule, policy = seal(aws, check_mode=True)["diff"]
    assert rule["after_header"] == f"{BUCKET} (default encryption)"
    assert rule["before"]["algorithm"] == "AES256"
    assert rule["after"]["key_arn"] == key
    assert policy["after_header"] == f"{BUCKET} (bucket policy)"
    assert same(json.loads(policy["before"]), FOREIGN)
    assert '\n      "Sid": "SealedS3DenyOtherAlgorithms"' in policy["after"]
    bucket.encryption = default(key)
    (policy_alone,) = seal(aws, check_mode=True)["diff"]
    assert policy_alone == policy


def test_a_bucket_and_a_key_that_are_planned_are_not_looked_up(aws: FakeAws) -> None:
    aws.buckets.clear()
    ended = seal(aws, check_mode=True, bucket_planned=True, key_planned=True)
    assert ended["steps"] == ["default_encryption", "guard"]
    assert ended["key_arn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/known-after-creation"
    assert ended["previous_encryption"] is None
    assert ended["previous_policy"] is None
    assert aws.calls == ["GetCallerIdentity"]
    assert "bucket_planned was set in a real run" in refused(aws, bucket_planned=True).msg


# --- Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bucket": "my bucket"}, "cannot be the name of a bucket"),
        ({"key": None}, "key is empty"),
        ({"key": "alias/aws/s3"}, "names an AWS managed key"),
        ({"exempt_services": ["*"]}, "expected a service principal"),
        ({"blocked_encryption_types": []}, "blocked_encryption_types is empty"),
        ({"bucket": None}, "Neither bucket nor buckets is given"),
        ({"buckets": ["one"]}, "mutually exclusive: bucket|buckets"),
    ],
)
def test_what_is_wrong_with_the_options_is_told_before_any_call(
    aws: FakeAws, options: dict[str, Any], said: str
) -> None:
    assert said in refused(aws, **options).msg
    assert aws.calls == []


NAMES_ANOTHER_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/99999999-12ab-34cd-56ef-1234567890ab"


def article(bucket: str) -> dict[str, Any]:
    return {
        "Sid": "DenyUploadIfNotSSEKMSEncrypted",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringNotEquals": {guard.KEY_ID: NAMES_ANOTHER_KEY}},
    }


ARTICLE = article(BUCKET)


def test_what_stands_against_the_guard_is_told_before_default_encryption_is_set(
    aws: FakeAws, bucket: FakeBucket, key: str
) -> None:
    bucket.put_policy({**FOREIGN, "Statement": [ARTICLE]})
    ended = refused(aws)
    assert 'The statement "DenyUploadIfNotSSEKMSEncrypted"' in ended.msg
    assert [found["statement"] for found in ended["conflicts"]] == ["DenyUploadIfNotSSEKMSEncrypted"]
    assert same(ended["previous_policy"], {**FOREIGN, "Statement": [ARTICLE]})
    assert "encryption_admins would lock out" in refused(aws, encryption_admins=[f"arn:aws:iam::{ACCOUNT}:user/x"]).msg
    aws.of(key)["metadata"]["KeyState"] = "Disabled"
    assert "is disabled" in refused(aws).msg


def test_conflicts_can_be_replaced_or_ignored(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    bucket.put_policy({**FOREIGN, "Statement": [ARTICLE]})
    ignored = seal(aws, on_conflict="ignore")
    assert bucket.sids[0] == ARTICLE["Sid"]
    assert any(ARTICLE["Sid"] in warning for warning in ignored.warnings)
    replaced = seal(aws, on_conflict="replace")
    assert replaced["statements"]["removed"] == [ARTICLE["Sid"]]
    assert replaced["conflicts"]
    assert bucket.sids == [one["Sid"] for one in ours(key)]


def test_a_lockout_that_is_not_certain_is_a_warning(aws: FakeAws) -> None:
    aws.arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/Platform/somebody"
    (warning,) = seal(aws, encryption_admins=[f"arn:aws:iam::{ACCOUNT}:role/team/Platform"]).warnings
    assert "does not say the path of its role" in warning


@pytest.mark.parametrize("operation", ["HeadBucket", "DescribeKey", "GetBucketEncryption", "GetBucketPolicy"])
def test_where_something_may_not_be_read_nothing_is_written(aws: FakeAws, operation: str) -> None:
    aws.deny(operation)
    refused(aws)


# --- Another key ------------------------------------------------------------------------------------------------------


@pytest.fixture
def old(aws: FakeAws, bucket: FakeBucket) -> str:
    """The bucket is sealed under another key."""
    arn = aws.add_key(2, alias="old")
    bucket.encryption = default(arn)
    bucket.put_policy(with_guard(arn))
    return arn


def passes(bucket: FakeBucket) -> bool:
    """Whether an upload without headers passes, where S3 judges it by the key that it uses in the end."""
    key = (bucket.encryption or {})["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    return all(
        key in document.as_list(statement["Condition"]["StringNotEquals"][guard.KEY_ID])
        for statement in bucket.statements
        if guard.is_ours(statement) and guard.KEY_ID in statement["Condition"].get("StringNotEquals", {})
    )


@pytest.mark.parametrize("enforcement", guard.ENFORCEMENTS)
def test_uploads_pass_after_every_single_write_while_the_key_changes(
    aws: FakeAws, bucket: FakeBucket, key: str, old: str, enforcement: str
) -> None:
    seen: list[tuple[str, bool, bool]] = []

    def look(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation.startswith("PutBucket"):
            seen.append((operation, passes(bucket), old in str(bucket.policy)))

    aws.after.append(look)
    ended = seal(aws, enforcement=enforcement)
    assert seen == [
        ("PutBucketPolicy", True, True),
        ("PutBucketEncryption", True, True),
        ("PutBucketPolicy", True, False),
    ]
    assert ended["steps"] == ["default_encryption", "guard"]
    assert same(ended["previous_policy"], with_guard(old))
    assert same(ended["policy"], with_guard(key, enforcement=enforcement))
    assert same(ended["policy"], json.loads(str(bucket.policy)))
    assert ended["statements"]["kept"][0] == "Readers"
    assert seal(aws, enforcement=enforcement)["changed"] is False


def test_a_check_run_of_a_key_change_says_what_the_real_run_does(aws: FakeAws, bucket: FakeBucket, old: str) -> None:
    bucket.encryption = default(old, BlockedEncryptionTypes={"EncryptionType": ["SSE-C"]})
    # The foreign statements of the last write are as S3 handed them back after the first.
    bucket.normalises = False
    checked = seal(aws, check_mode=True)
    assert aws.writes == []
    assert checked.result == seal(aws).result


def test_a_guard_that_is_to_admit_both_keys_is_written_once_before_the_default(
    aws: FakeAws, bucket: FakeBucket, old: str
) -> None:
    assert seal(aws, accepted_keys=[old])["steps"] == ["default_encryption", "guard"]
    assert aws.writes == ["PutBucketPolicy", "PutBucketEncryption"]
    assert passes(bucket)


def test_a_guard_that_admits_both_keys_already_is_written_after_the_default_alone(
    aws: FakeAws, bucket: FakeBucket, key: str, old: str
) -> None:
    bucket.put_policy(with_guard(old, accepted_keys=(key,)))
    assert seal(aws)["steps"] == ["default_encryption", "guard"]
    assert aws.writes == ["PutBucketEncryption", "PutBucketPolicy"]


def test_a_default_that_the_guard_does_not_admit_is_admitted_at_no_time(
    aws: FakeAws, bucket: FakeBucket, key: str, old: str
) -> None:
    bucket.put_policy(with_guard(key, require_tls=False))
    seal(aws)
    assert aws.writes == ["PutBucketEncryption", "PutBucketPolicy"]
    assert all(old not in given["Policy"] for given in aws.parameters_of("PutBucketPolicy"))


def test_interference_while_the_key_changes_is_warned_of(aws: FakeAws, bucket: FakeBucket, old: str) -> None:
    aws.once_after("PutBucketPolicy", lambda: bucket.put_policy(FOREIGN))
    ended = seal(aws)
    assert bucket.sids[0] == "Readers"
    assert any("Somebody else wrote the policy" in warning for warning in ended.warnings)


def test_interference_before_the_default_cannot_be_moved_is_told(aws: FakeAws, bucket: FakeBucket, old: str) -> None:
    aws.once_after("PutBucketPolicy", lambda: bucket.put_policy(FOREIGN))
    aws.deny("PutBucketEncryption")
    ended = seal(aws)
    assert ended.failed
    assert f"Somebody else wrote the policy of bucket {BUCKET} at the same time" in ended.msg


# --- Failing half way -------------------------------------------------------------------------------------------------


def test_a_default_that_cannot_be_set_leaves_all_as_it_was(aws: FakeAws, bucket: FakeBucket) -> None:
    aws.deny("PutBucketEncryption")
    ended = seal(aws)
    assert ended.failed
    assert ended["changed"] is False
    assert ended["steps"] == []
    assert ended["previous_encryption"]["algorithm"] == "AES256"
    assert ended["previous_policy"] is None
    assert bucket.policy is None


def test_a_guard_that_fails_after_the_default_was_set_says_so(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    bucket.put_policy(FOREIGN)
    aws.deny("PutBucketPolicy")
    ended = seal(aws)
    assert ended.failed
    assert ended.msg.startswith(
        f"Default encryption of bucket {BUCKET} was set to aws:kms under {key}, and the guard did not follow. Not "
        f"permitted to write the policy of bucket {BUCKET}"
    )
    assert ended.msg.endswith("Mend that and run again: what is done is not done twice.")
    assert ended["changed"] is True
    assert ended["steps"] == ["default_encryption"]
    assert ended["previous_encryption"]["algorithm"] == "AES256"
    assert same(ended["previous_policy"], FOREIGN)
    assert ended["error_code"] == "AccessDeniedException"


def test_a_guard_alone_that_fails_says_no_more_than_that(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    bucket.encryption = default(key)
    aws.deny("PutBucketPolicy")
    ended = seal(aws)
    assert ended.msg.startswith("Not permitted to write the policy")
    assert ended["changed"] is False
    assert ended["steps"] == []


def test_a_write_that_cannot_be_read_back_counts_as_a_change(aws: FakeAws, bucket: FakeBucket, key: str) -> None:
    aws.once_after("PutBucketPolicy", lambda: aws.deny("GetBucketPolicy"))
    ended = seal(aws)
    assert "was written, and could not be read back" in ended.msg
    assert ended["changed"] is True
    assert ended["steps"] == ["default_encryption", "guard"]


def test_a_default_that_cannot_be_read_back_counts_as_a_change(aws: FakeAws, bucket: FakeBucket) -> None:
    aws.once_after("PutBucketEncryption", lambda: aws.deny("GetBucketEncryption"))
    ended = seal(aws)
    assert "was set, and could not be read back" in ended.msg
    assert ended["steps"] == ["default_encryption"]
    assert bucket.policy is None


def test_a_default_that_cannot_be_moved_says_that_both_keys_are_admitted(
    aws: FakeAws, bucket: FakeBucket, key: str, old: str
) -> None:
    aws.deny("PutBucketEncryption")
    ended = seal(aws)
    assert ended.msg.startswith(
        f"The guard of bucket {BUCKET} admits both keys now, and default encryption was not moved to {key}. Not "
        "permitted to set the default encryption"
    )
    assert ended["changed"] is True
    assert ended["steps"] == ["guard"]
    assert same(ended["previous_policy"], with_guard(old))
    assert passes(bucket)


def test_a_guard_that_cannot_be_narrowed_hands_back_the_policy_of_before(
    aws: FakeAws, bucket: FakeBucket, old: str
) -> None:
    aws.once_after("PutBucketEncryption", lambda: aws.deny("PutBucketPolicy"))
    ended = seal(aws)
    assert "and the guard did not follow" in ended.msg
    assert ended["steps"] == ["default_encryption", "guard"]
    assert same(ended["previous_policy"], with_guard(old))
    assert passes(bucket)


def come() -> None:
    """A signal comes."""
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(
    ("operation", "said", "steps"),
    [
        (
            "PutBucketEncryption",
            "Default encryption of bucket {bucket} was set, and could not be read back to see that it came through. "
            "Interrupted by SIGTERM before it could read the default encryption of bucket {bucket}. Run again: what is "
            "done is not done twice.",
            ["default_encryption"],
        ),
        (
            "GetBucketPolicy",
            "Default encryption of bucket {bucket} was set to aws:kms under {key}, and the guard did not follow. "
            "Interrupted by SIGTERM before it could read the policy of bucket {bucket}. Run again: what is done is not "
            "done twice.",
            ["default_encryption"],
        ),
        (
            "PutBucketPolicy",
            "Default encryption of bucket {bucket} was set to aws:kms under {key}. The policy of bucket {bucket} was "
            "written, and could not be read back to see that it came through. Interrupted by SIGTERM before it could "
            "read the policy of bucket {bucket}. Run again: what is done is not done twice.",
            ["default_encryption", "guard"],
        ),
    ],
)
def test_an_interruption_tells_how_far_it_came(
    aws: FakeAws, bucket: FakeBucket, key: str, operation: str, said: str, steps: list[str]
) -> None:
    bucket.put_policy(FOREIGN)
    if operation.startswith("Put"):
        aws.once_after(operation, come)
    else:
        aws.once_after("PutBucketEncryption", lambda: aws.once_after(operation, come))
    ended = seal(aws)
    assert ended.msg == said.format(bucket=BUCKET, key=key)
    assert ended["steps"] == steps
    assert ended["changed"] is True
    assert same(ended["previous_policy"], FOREIGN)


def test_an_interrupted_move_says_that_both_keys_are_admitted(
    aws: FakeAws, bucket: FakeBucket, key: str, old: str
) -> None:
    aws.once_after("PutBucketEncryption", come)
    ended = seal(aws)
    assert ended.msg == (
        f"The guard of bucket {BUCKET} admits both keys now. Default encryption of bucket {BUCKET} was set, and could "
        "not be read back to see that it came through. Interrupted by SIGTERM before it could read the default "
        f"encryption of bucket {BUCKET}. Run again: until then, uploads go on as before."
    )
    assert ended["steps"] == ["default_encryption", "guard"]
    assert same(ended["previous_policy"], with_guard(old))
    assert passes(bucket)


def test_a_guard_of_which_nothing_is_known_is_not_said_to_be_missing(
    aws: FakeAws, bucket: FakeBucket, key: str
) -> None:
    def lost(*_given: Any) -> None:
        aws.deny("GetBucketPolicy")
        raise Fault("InternalError", "We encountered an internal error.", 500)

    aws.once_after("PutBucketPolicy", lost)
    ended = seal(aws)
    assert ended.msg.startswith(
        f"Default encryption of bucket {BUCKET} was set to aws:kms under {key}. Could not write"
    )
    assert ended.msg.endswith("Run again: what is done is not done twice.")
    assert ended.msg.count("Run again: what is done") == 1
    assert ended["steps"] == ["default_encryption", "guard"]


def test_somebody_who_keeps_writing_ends_it(aws: FakeAws, bucket: FakeBucket) -> None:
    theirs = itertools.count(1)
    aws.once_after("PutBucketPolicy", lambda: bucket.put_policy({**FOREIGN, "Id": str(next(theirs))}), times=99)
    ended = seal(aws)
    assert "somebody else keeps writing it" in ended.msg
    assert ended["steps"] == ["default_encryption", "guard"]
    assert aws.writes == ["PutBucketEncryption", *["PutBucketPolicy"] * policy_writing.WRITES]


def test_a_policy_that_s3_would_not_take_back_leaves_default_encryption_too(aws: FakeAws, bucket: FakeBucket) -> None:
    bucket.put_policy({**FOREIGN, "Statement": [{**READERS, "Principal": {"AWS": "AROAJQABLZS4A3QDU576Q"}}]})
    ended = refused(aws)
    assert "principals that were deleted, which S3 does not take back: AROAJQABLZS4A3QDU576Q in Readers" in ended.msg


# --- Backups ----------------------------------------------------------------------------------------------------------


def test_the_policy_of_before_is_kept(aws: FakeAws, bucket: FakeBucket, tmp_path: Path) -> None:
    bucket.put_policy(FOREIGN)
    assert seal(aws, backup_dir=str(tmp_path), check_mode=True)["backup_file"] is None
    aws.calls.clear()
    ended = seal(aws, backup_dir=str(tmp_path))
    assert [Path(ended["backup_file"])] == list(tmp_path.iterdir())
    assert same(json.loads(Path(ended["backup_file"]).read_text()), FOREIGN)
    # No call more than without.
    assert aws.calls == [*READS, *DEFAULT, *GUARD]
    assert seal(aws, backup_dir=str(tmp_path))["backup_file"] is None


def test_a_key_change_keeps_the_policy_of_before_it_alone(
    aws: FakeAws, bucket: FakeBucket, old: str, tmp_path: Path
) -> None:
    ended = seal(aws, backup_dir=str(tmp_path))
    assert [Path(ended["backup_file"])] == list(tmp_path.iterdir())
    assert same(json.loads(Path(ended["backup_file"]).read_text()), with_guard(old))


def test_what_somebody_writes_as_a_key_change_begins_is_kept_with_what_it_becomes_in_the_end(
    aws: FakeAws, bucket: FakeBucket, old: str, tmp_path: Path
) -> None:
    theirs = {**with_guard(old), "Statement": [READERS, *with_guard(old)["Statement"]]}
    # The second read is that after the file was written.
    aws.once_after("GetBucketPolicy", lambda: bucket.put_policy(theirs))
    ended = seal(aws, backup_dir=str(tmp_path))
    assert same(json.loads(Path(ended["backup_file"]).read_text()), theirs)
    assert len(list(tmp_path.iterdir())) == 2
    assert document.digest(document.parse(str(bucket.policy))) in ended["backup_file"]


def test_where_it_cannot_be_kept_default_encryption_stays_too(aws: FakeAws, bucket: FakeBucket, tmp_path: Path) -> None:
    bucket.put_policy(FOREIGN)
    taken = tmp_path / "taken"
    taken.write_text("")
    ended = refused(aws, backup_dir=str(taken))
    assert "could not be kept" in ended.msg
    assert ended["steps"] == []


def test_a_failure_after_it_was_kept_names_the_file(aws: FakeAws, bucket: FakeBucket, tmp_path: Path) -> None:
    bucket.put_policy(FOREIGN)
    aws.deny("PutBucketEncryption")
    ended = seal(aws, backup_dir=str(tmp_path))
    assert [Path(ended["backup_file"])] == list(tmp_path.iterdir())


# --- Many buckets -----------------------------------------------------------------------------------------------------

NAMES = [f"uploads-{number}" for number in range(1, 6)]


@pytest.fixture
def fleet() -> FakeAws:
    """Five buckets that have nothing yet, and the keys ``alias/uploads`` and ``alias/archive``."""
    made = FakeAws()
    made.add_key(alias="uploads")
    made.add_key(2, alias="archive")
    for name in NAMES:
        made.add_bucket(name)
    return made


def seal_many(aws: FakeAws, *buckets: Any, **options: Any) -> Run:
    return run_module(aws, "sse_kms_seal", **{"buckets": list(buckets), "key": "uploads", **options})


def test_many_are_sealed_with_what_each_says_for_itself(fleet: FakeAws, tmp_path: Path) -> None:
    key, archive = arn_of(fleet, "uploads"), arn_of(fleet, "archive")
    fleet.buckets["uploads-2"].put_policy(FOREIGN)
    ended = seal_many(
        fleet,
        "uploads-1",
        {"name": "uploads-2", "key": "archive", "require_tls": False, "id": "two", "backup_dir": str(tmp_path)},
        {"name": "uploads-3", "bucket_key": False, "region": REGION, "enforcement": None},
    )
    assert not ended.failed
    assert ended["changed"] is True
    first, second, third = ended["buckets"]
    assert [one["name"] for one in ended["buckets"]] == NAMES[:3]
    assert [one["key_arn"] for one in ended["buckets"]] == [key, archive, key]
    assert [one["steps"] for one in ended["buckets"]] == [["default_encryption", "guard"]] * 3
    assert [one.get("id") for one in ended["buckets"]] == [None, "two", None]
    assert first["previous_policy"] is None
    assert first["previous_encryption"]["algorithm"] == "AES256"
    assert same(second["previous_policy"], FOREIGN)
    assert [Path(second["backup_file"])] == list(tmp_path.iterdir())
    assert third["encryption"]["bucket_key"] is False
    assert "SealedS3DenyInsecureTransport" in fleet.buckets["uploads-1"].sids
    assert "SealedS3DenyInsecureTransport" not in fleet.buckets["uploads-2"].sids
    assert first["diff"][1]["before"] == ""
    assert len(ended["diff"]) == 6
    assert all(one["failed"] is False and one["connection"] == "default" for one in ended["buckets"])


def test_results_go_to_a_file_of_their_own(fleet: FakeAws, tmp_path: Path) -> None:
    path = tmp_path / "results"
    ended = seal_many(fleet, "uploads-1", {"name": "Not-A-Bucket!", "id": "x"}, results_file=str(path))
    assert not ended.failed
    assert ended["changed"] is True
    assert not {"buckets", "diff"} & set(ended.result)
    first, *results = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert first == {"total": 2}
    assert {one["name"]: one["failed"] for one in results} == {"uploads-1": False, "Not-A-Bucket!": True}
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("in_a_file", [True, False])
def test_an_interruption_tells_of_those_that_were_finished(fleet: FakeAws, tmp_path: Path, in_a_file: bool) -> None:
    def come(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "PutBucketPolicy" and not interruption.noted():
            os.kill(os.getpid(), signal.SIGTERM)
            while not interruption.noted():
                threading.Event().wait(0.001)

    fleet.before.append(come)
    path = tmp_path / "results"
    ended = seal_many(fleet, *NAMES, threads=1, results_file=str(path) if in_a_file else None)
    assert ended.failed
    assert ended["changed"] is True
    assert in_a_file != bool({"buckets", "diff"} & set(ended.result))
    lines = path.read_text(encoding="utf-8").splitlines()[1:] if in_a_file else []
    told = [json.loads(line) for line in lines] or ended["buckets"]
    done = [one["name"] for one in told]
    assert 1 <= len(done) < len(NAMES)
    assert all(one["steps"] == ["default_encryption", "guard"] for one in told)
    assert ended.msg == (
        f"Interrupted by SIGTERM before it could begin with the others. Of 5 buckets, {len(done)} were finished "
        "before. Run again: what is done is not done twice."
    )
    assert [name for name in NAMES if fleet.buckets[name].policy is not None] == sorted(done)


def test_the_caller_is_asked_once_and_each_key_once(fleet: FakeAws) -> None:
    seal_many(fleet, *NAMES[:4], {"name": NAMES[4], "key": "archive"})
    assert fleet.calls.count("GetCallerIdentity") == 1
    assert fleet.calls.count("DescribeKey") == 2
    fleet.calls.clear()
    ended = seal_many(fleet, *NAMES[:4], {"name": NAMES[4], "key": "archive"})
    assert ended["changed"] is False
    assert len(fleet.calls) == 1 + 2 + 3 * len(NAMES)


def test_a_failure_of_one_is_its_own(fleet: FakeAws) -> None:
    fleet.buckets["uploads-2"].owner = OTHER_ACCOUNT
    fleet.buckets["uploads-3"].put_policy("no policy")
    fleet.buckets["uploads-4"].put_policy({**FOREIGN, "Statement": [article("uploads-4")]})
    ended = seal_many(
        fleet,
        *NAMES,
        "not there",
        {"name": "uploads-5", "key": "none"},
        {"name": "uploads-5", "connection": "nowhere"},
        {"name": "uploads-5", "keyy": "x"},
    )
    assert not ended.failed
    said = [one.get("msg", "") for one in ended["buckets"]]
    assert [one["failed"] for one in ended["buckets"]] == [False, True, True, True, False, True, True, True, True]
    assert "may not look at it" in said[1]
    assert "cannot be understood" in said[2]
    assert ARTICLE["Sid"] in said[3]
    assert "cannot be the name of a bucket" in said[5]
    assert "There is no KMS alias alias/none" in said[6]
    assert 'there is no "nowhere" among connections' in said[7]
    assert "uploads-5 has keyy" in said[8]
    assert ended["buckets"][1]["error_code"] == "403"
    assert [found["statement"] for found in ended["buckets"][3]["conflicts"]] == [ARTICLE["Sid"]]
    assert ended["buckets"][3]["changed"] is False
    assert "diff" not in ended["buckets"][3]


def test_one_that_fails_half_way_says_what_was_done(fleet: FakeAws) -> None:
    fleet.deny("PutBucketPolicy")
    ended = seal_many(fleet, "uploads-1")
    (told,) = ended["buckets"]
    assert ended["changed"] is True
    assert told["failed"] is True
    assert told["changed"] is True
    assert told["steps"] == ["default_encryption"]
    assert "and the guard did not follow" in told["msg"]


def test_each_is_sealed_in_the_region_where_it_is_unless_told_otherwise(fleet: FakeAws) -> None:
    fleet.buckets["uploads-2"].region = "eu-west-1"
    elsewhere = arn_of(fleet, "uploads").replace(REGION, "eu-west-1")
    ended = seal_many(fleet, "uploads-1", "uploads-2", {"name": "uploads-2", "region": REGION})
    assert ended["buckets"][0]["failed"] is False
    assert ("kms", "eu-west-1") in fleet.made
    # The fake has one set of keys for all Regions, so the key found there is not of that Region.
    assert "is in eu-central-1, and eu-west-1 was asked for" in ended["buckets"][1]["msg"]
    assert "Set region to eu-west-1" in ended["buckets"][2]["msg"]
    assert elsewhere not in json.dumps(ended.result)


def test_connections_are_asked_apart(fleet: FakeAws) -> None:
    ended = seal_many(
        fleet,
        "uploads-1",
        {"name": "uploads-2", "connection": "other"},
        connections=[{"name": "other", "region": REGION}],
    )
    assert [one["connection"] for one in ended["buckets"]] == ["default", "other"]
    assert fleet.calls.count("GetCallerIdentity") == 2
    assert fleet.calls.count("DescribeKey") == 2


def test_a_check_run_of_many_writes_nothing(fleet: FakeAws) -> None:
    ended = seal_many(fleet, *NAMES, check_mode=True)
    assert fleet.writes == []
    assert all(one["steps"] == ["default_encryption", "guard"] for one in ended["buckets"])
    planned = seal_many(fleet, {"name": "uploads-1", "key_planned": True}, check_mode=True)
    assert planned["buckets"][0]["key_arn"].endswith("known-after-creation")


def test_warnings_are_those_of_each(fleet: FakeAws) -> None:
    fleet.buckets["uploads-1"].put_policy({**FOREIGN, "Statement": [article("uploads-1")]})
    ended = seal_many(fleet, *NAMES[:2], on_conflict="ignore")
    assert any(ARTICLE["Sid"] in warning for warning in ended["buckets"][0]["warnings"])
    assert ended["buckets"][1]["warnings"] == []
    assert ended.warnings == []


def test_without_diff_mode_there_is_none(fleet: FakeAws) -> None:
    ended = seal_many(fleet, "uploads-1", _ansible_diff=False)
    assert "diff" not in ended.result
    assert "diff" not in ended["buckets"][0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"threads": 0}, "threads: expected 1 to"),
        ({"connections": [{"name": "x"}, {"name": "x"}]}, "connections: x is there more than once"),
    ],
)
def test_what_is_wrong_for_all_fails_the_task(fleet: FakeAws, options: dict[str, Any], said: str) -> None:
    ended = seal_many(fleet, "uploads-1", **options)
    assert ended.failed
    assert said in ended.msg
    assert fleet.calls == []
