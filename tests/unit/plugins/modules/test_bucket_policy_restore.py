# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.policy import document
from ansible_collections.sealed.s3.tests.unit.fake_aws import (
    ACCOUNT,
    BUCKET,
    OTHER_ACCOUNT,
    FakeAws,
    FakeBucket,
    Fault,
    Run,
    run_module,
)

READERS: dict[str, Any] = {
    "Sid": "Readers",
    "Effect": "Allow",
    "Principal": {"AWS": ["444455556666"]},
    "Action": ["s3:GetObject", "s3:GetObjectVersion"],
    "Resource": [f"arn:aws:s3:::{BUCKET}/*"],
}
WRITERS = {**READERS, "Sid": "Writers", "Action": "s3:PutObject"}
FOREIGN = {"Version": "2012-10-17", "Id": "ours-since-2019", "Statement": [READERS]}
READS = ["GetCallerIdentity", "HeadBucket", "GetBucketPolicy"]
READ_BACK = ["GetBucketPolicy"] * 3


@pytest.fixture
def aws() -> FakeAws:
    """A bucket with a policy of others, whose default encryption is under the key ``alias/uploads``."""
    made = FakeAws()
    key = made.add_key(alias="uploads")
    made.add_bucket(encryption=default_encryption(key)).put_policy(FOREIGN)
    return made


@pytest.fixture
def bucket(aws: FakeAws) -> FakeBucket:
    return aws.buckets[BUCKET]


@pytest.fixture
def file(aws: FakeAws, bucket: FakeBucket, tmp_path: Path) -> Path:
    """What was kept when the bucket was sealed."""
    ended = run_module(aws, "sse_kms_seal", bucket=BUCKET, key="uploads", backup_dir=str(tmp_path))
    aws.calls.clear()
    aws.requests.clear()
    return Path(ended["backup_file"])


def default_encryption(key: str) -> dict[str, Any]:
    chosen = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    return {"ApplyServerSideEncryptionByDefault": chosen, "BucketKeyEnabled": True}


def restore(aws: FakeAws, file: Path | None, **options: Any) -> Run:
    return run_module(aws, "bucket_policy_restore", bucket=BUCKET, backup_file=file and str(file), **options)


def refused(aws: FakeAws, file: Path | None, **options: Any) -> Run:
    """A run that ends with a sentence and writes nothing."""
    before = aws.buckets[BUCKET].policy
    ended = restore(aws, file, **options)
    assert ended.failed
    assert aws.buckets[BUCKET].policy == before
    assert not {"PutBucketPolicy", "DeleteBucketPolicy"} & {*aws.calls}
    assert not ended.result.get("changed")
    return ended


def same(found: Any, wanted: Any) -> bool:
    return document.equal(document.parse(found) if found else None, document.parse(wanted) if wanted else None)


def test_what_was_kept_is_put_back(aws: FakeAws, bucket: FakeBucket, file: Path) -> None:
    sealed = bucket.policy
    ended = restore(aws, file)
    assert ended["changed"] is True
    assert same(bucket.policy, FOREIGN)
    assert same(ended["policy"], FOREIGN)
    assert same(ended["previous_policy"], sealed)
    assert ended["statements"]["kept"] == ["Readers"]
    assert ended["statements"]["removed"] == [one["Sid"] for one in json.loads(str(sealed))["Statement"][1:]]
    assert (ended["statements"]["added"], ended["statements"]["updated"]) == ([], [])
    assert ended["size"]["before"] > ended["size"]["after"]
    assert ended["restored_from"] == str(file)
    assert ended["backup_file"] is None
    assert same(ended["diff"]["after"], FOREIGN)
    assert aws.calls == [*READS, "PutBucketPolicy", *READ_BACK]
    assert all(call.get("ExpectedBucketOwner") == ACCOUNT for name, call in aws.requests if name != "GetCallerIdentity")
    (told,) = ended.warnings
    assert "has no guard" in told


def test_a_second_run_changes_nothing(aws: FakeAws, bucket: FakeBucket, file: Path) -> None:
    restore(aws, file)
    aws.calls.clear()
    for again in (restore(aws, file), restore(aws, None, backup_dir=str(file.parent))):
        assert again["changed"] is False
        assert again["diff"]["before"] == again["diff"]["after"]
    assert aws.calls == [*READS, *READS]


def test_check_mode_says_what_a_real_run_does(aws: FakeAws, bucket: FakeBucket, file: Path, tmp_path: Path) -> None:
    before = bucket.policy
    told = restore(aws, file, backup_dir=str(tmp_path), check_mode=True)
    assert bucket.policy == before
    assert list(tmp_path.iterdir()) == [file]
    done = restore(aws, file)
    for ended in (told, done):
        # Older cores tell what the module was asked, too.
        ended.result.pop("invocation", None)
    assert told.result == done.result
    assert told.warnings == done.warnings


def test_what_is_replaced_is_kept_first_and_can_be_put_back(
    aws: FakeAws, bucket: FakeBucket, file: Path, tmp_path: Path
) -> None:
    sealed = bucket.policy
    ended = restore(aws, None, backup_dir=str(tmp_path))
    assert ended["restored_from"] == str(file)
    replaced = Path(ended["backup_file"])
    assert replaced.stat().st_mode & 0o777 == 0o600
    assert same(replaced.read_text(), sealed)
    assert {file, replaced} == {*tmp_path.iterdir()}
    # A second run does not undo the first.
    assert restore(aws, None, backup_dir=str(tmp_path))["changed"] is False
    undone = restore(aws, replaced)
    assert same(bucket.policy, sealed)
    assert undone.warnings == []


def test_of_several_the_newest_is_put_back(aws: FakeAws, bucket: FakeBucket, file: Path, tmp_path: Path) -> None:
    sealed = bucket.policy
    run_module(aws, "sse_kms_policy", bucket=BUCKET, state="absent", backup_dir=str(tmp_path))
    ended = restore(aws, None, backup_dir=str(tmp_path))
    assert same(bucket.policy, sealed)
    assert ended["restored_from"] != str(file)


def test_a_policy_that_was_deleted_with_the_guard_is_put_back(aws: FakeAws, bucket: FakeBucket, tmp_path: Path) -> None:
    bucket.put_policy(None)
    run_module(aws, "sse_kms_policy", bucket=BUCKET, key="uploads", backup_dir=str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert "there is nothing to put back" in refused_without_a_call(aws, None, backup_dir=str(tmp_path)).msg
    guarded = bucket.policy
    run_module(aws, "sse_kms_policy", bucket=BUCKET, state="absent", backup_dir=str(tmp_path))
    assert bucket.policy is None
    ended = restore(aws, None, backup_dir=str(tmp_path))
    assert same(bucket.policy, guarded)
    assert ended["previous_policy"] is None
    assert ended["backup_file"] is None


def refused_without_a_call(aws: FakeAws, file: Path | None, **options: Any) -> Run:
    aws.calls.clear()
    ended = restore(aws, file, **options)
    assert ended.failed
    assert aws.calls == []
    return ended


def test_a_key_change_is_taken_back_as_a_whole(aws: FakeAws, bucket: FakeBucket, file: Path, tmp_path: Path) -> None:
    """The policy that came in the place of the kept one is that with the new key, not that with both."""
    sealed, new = bucket.policy, aws.add_key(2, alias="new")
    run_module(aws, "sse_kms_seal", bucket=BUCKET, key="new", backup_dir=str(tmp_path))
    ended = restore(aws, None, backup_dir=str(tmp_path))
    assert same(bucket.policy, sealed)
    (told,) = (told for told in ended.warnings if told.startswith("Default encryption"))
    assert f"is aws:kms under {new}, not aws:kms under " in told
    assert "is denied, or not encrypted under it. Set it with sealed.s3.bucket_encryption." in told


def test_without_permission_default_encryption_is_not_compared(
    aws: FakeAws, bucket: FakeBucket, file: Path, tmp_path: Path
) -> None:
    run_module(aws, "sse_kms_policy", bucket=BUCKET, state="absent", backup_dir=str(tmp_path))
    aws.deny("GetBucketEncryption")
    ended = restore(aws, None, backup_dir=str(tmp_path))
    assert ended["changed"] is True
    (told,) = ended.warnings
    assert "s3:GetEncryptionConfiguration" in told


# --- Changed since ----------------------------------------------------------------------------------------------------


def test_what_changed_since_is_named_and_stays_unless_told_otherwise(
    aws: FakeAws, bucket: FakeBucket, file: Path, tmp_path: Path
) -> None:
    sealed = json.loads(str(bucket.policy))
    changed = {**sealed, "Statement": [{**READERS, "Action": "s3:*"}, WRITERS, *sealed["Statement"][1:]]}
    bucket.put_policy(changed)
    ended = refused(aws, file, backup_dir=str(tmp_path))
    assert f"the policy of bucket {BUCKET} changed since" in ended.msg
    assert "added: Writers; changed: Readers." in ended.msg
    assert "Set overwrite_changes to true" in ended.msg
    assert same(ended["previous_policy"], changed)
    assert ended["since"]["updated"] == ["Readers"]
    assert ended["backup_file"] is None
    assert refused(aws, file, check_mode=True).msg == ended.msg
    told = restore(aws, file, overwrite_changes=True, check_mode=True)
    assert told["statements"]["updated"] == ["Readers"]
    ended = restore(aws, file, overwrite_changes=True, backup_dir=str(tmp_path))
    assert same(bucket.policy, FOREIGN)
    assert same(Path(ended["backup_file"]).read_text(), changed)


def test_a_file_that_does_not_say_needs_to_be_told(
    aws: FakeAws, bucket: FakeBucket, file: Path, tmp_path: Path
) -> None:
    mine = file.rename(tmp_path / "mine.json")
    assert "cannot be told, because the name of" in refused(aws, mine).msg
    assert restore(aws, mine, overwrite_changes=True)["changed"] is True
    assert same(bucket.policy, FOREIGN)


@pytest.mark.parametrize("overwrite_changes", [False, True])
def test_what_somebody_writes_while_the_policy_is_kept_is_not_overwritten(
    aws: FakeAws, bucket: FakeBucket, file: Path, tmp_path: Path, overwrite_changes: bool
) -> None:
    theirs = {**FOREIGN, "Statement": [WRITERS]}
    aws.once_after("GetBucketPolicy", lambda: bucket.put_policy(theirs))
    ended = restore(aws, file, backup_dir=str(tmp_path / "own"), overwrite_changes=overwrite_changes)
    assert "Somebody else wrote the policy" in ended.msg
    assert "PutBucketPolicy" not in aws.calls
    assert same(bucket.policy, theirs)
    assert same(ended["policy"], theirs)
    assert not ended.result.get("changed")


def test_what_somebody_writes_after_it_is_not_overwritten(aws: FakeAws, bucket: FakeBucket, file: Path) -> None:
    sealed, theirs = bucket.policy, {**FOREIGN, "Statement": [READERS, WRITERS]}
    aws.once_after("PutBucketPolicy", lambda: bucket.put_policy(theirs))
    ended = restore(aws, file, overwrite_changes=True)
    assert ended.failed
    assert "Somebody else wrote the policy" in ended.msg
    assert ended["changed"] is True
    assert same(ended["previous_policy"], sealed)
    assert same(bucket.policy, theirs)
    assert aws.calls.count("PutBucketPolicy") == 1


def test_a_read_that_lags_behind_is_waited_for(aws: FakeAws, bucket: FakeBucket, file: Path) -> None:
    aws.once_after("PutBucketPolicy", lambda: setattr(bucket, "stale_reads", 2))
    assert restore(aws, file)["changed"] is True
    assert same(bucket.policy, FOREIGN)


def test_what_s3_refuses_changes_nothing(aws: FakeAws, bucket: FakeBucket, file: Path) -> None:
    aws.fail("PutBucketPolicy", Fault("MalformedPolicy", "Invalid principal in policy", 400))
    ended = restore(aws, file)
    assert ended["error_code"] == "MalformedPolicy"
    assert not ended.result.get("changed")


# --- What is no backup of the bucket ----------------------------------------------------------------------------------


def test_what_cannot_be_put_back_is_told_before_any_call(aws: FakeAws, bucket: FakeBucket, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('{"Version": ')
    other = {**FOREIGN, "Statement": [{**READERS, "Resource": "arn:aws:s3:::other/*"}]}
    (tmp_path / "other.json").write_text(json.dumps(other))
    for file, told in (
        ("missing.json", "cannot be read: No such file"),
        ("broken.json", "cannot be understood"),
        ("other.json", f"is about arn:aws:s3:::other/*, and not about {BUCKET}"),
    ):
        assert told in refused_without_a_call(aws, tmp_path / file).msg


def test_neither_a_file_nor_a_folder_is_told(aws: FakeAws, bucket: FakeBucket) -> None:
    assert "one of the following is required" in run_module(aws, "bucket_policy_restore", bucket=BUCKET).msg
    assert "Neither backup_file nor backup_dir" in refused_without_a_call(aws, None).msg


def test_a_bucket_of_another_account_is_left_alone(aws: FakeAws, bucket: FakeBucket, file: Path) -> None:
    bucket.owner = OTHER_ACCOUNT
    assert "does not belong to account" in refused(aws, file).msg
