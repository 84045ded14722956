# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IAM actions that each module says it needs, held against the calls that it makes and against published data."""

from __future__ import annotations

import functools
import importlib
import re
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import botocore.exceptions
import botocore.session
import pytest
import yaml

from ansible_collections.sealed.s3.plugins.module_utils.aws.call import IAM_ACTIONS
from ansible_collections.sealed.s3.plugins.module_utils.policy import guard
from ansible_collections.sealed.s3.tests.unit import service_authorization
from ansible_collections.sealed.s3.tests.unit.fake_aws import ACCOUNT, BUCKET, FakeAws, run_module
from ansible_collections.sealed.s3.tests.unit.fake_objects import DENIED, WRITES, FakeObjects, run_probe

USER = f"arn:aws:iam::{ACCOUNT}:role/Uploader"
PLANNED = {"bucket_planned": True, "key_planned": True, "check_mode": True}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def ours(arn: str) -> list[dict[str, Any]]:
    return guard.statements(guard.GuardSpec(BUCKET, arn))


READ = {
    "Sid": "Read",
    "Effect": "Allow",
    "Principal": {"AWS": USER},
    "Action": "s3:GetObject",
    "Resource": f"arn:aws:s3:::{BUCKET}/*",
}


def sse_kms_policy(aws: FakeAws) -> None:
    arn = aws.add_key(alias="uploads")
    bucket = aws.add_bucket()
    run_ok(aws, "sse_kms_policy", bucket=BUCKET, key="uploads", encryption_admins=[USER], allow_lockout=True)
    run_ok(aws, "sse_kms_policy", bucket=BUCKET, key=arn, check_mode=True)
    run_ok(aws, "sse_kms_policy", bucket=BUCKET, key="uploads", **PLANNED)
    bucket.put_policy(policy(READ, *ours(arn)))
    run_ok(aws, "sse_kms_policy", bucket=BUCKET, state="absent")
    bucket.put_policy(policy(*ours(arn)))
    run_ok(aws, "sse_kms_policy", bucket=BUCKET, state="absent")


def bucket_encryption(aws: FakeAws) -> None:
    arn = aws.add_key(alias="uploads")
    aws.add_bucket()
    run_ok(aws, "bucket_encryption", bucket=BUCKET, key=arn, blocked_encryption_types=["SSE-C"])
    run_ok(aws, "bucket_encryption", bucket=BUCKET, key="uploads", algorithm="aws:kms:dsse")
    run_ok(aws, "bucket_encryption", bucket=BUCKET, algorithm="AES256")
    run_ok(aws, "bucket_encryption", bucket=BUCKET, key="uploads", **PLANNED)


def bucket_policy_restore(aws: FakeAws) -> None:
    arn = aws.add_key(alias="uploads")
    bucket = aws.add_bucket()
    with tempfile.TemporaryDirectory() as folder:
        bucket.put_policy(policy(READ, *ours(arn)))
        run_ok(aws, "sse_kms_policy", bucket=BUCKET, state="absent", backup_dir=folder)
        aws.calls.clear()
        run_ok(aws, "bucket_policy_restore", bucket=BUCKET, backup_dir=folder)
        run_ok(aws, "bucket_policy_restore", bucket=BUCKET, backup_dir=folder, check_mode=True)
        bucket.put_policy(None)
        run_ok(aws, "bucket_policy_restore", bucket=BUCKET, backup_dir=folder, overwrite_changes=True)


def sse_kms_seal(aws: FakeAws) -> None:
    old, arn = aws.add_key(1, alias="old"), aws.add_key(2, alias="uploads")
    asked: dict[str, Any] = {"bucket": BUCKET, "key": "uploads", "blocked_encryption_types": ["SSE-C"]}
    bucket = aws.add_bucket()
    run_ok(aws, "sse_kms_seal", **asked, check_mode=True)
    run_ok(aws, "sse_kms_seal", **asked)
    run_ok(aws, "sse_kms_seal", **{**asked, "key": old})
    run_ok(aws, "sse_kms_seal", **asked, **PLANNED)
    bucket.put_policy(policy(READ, *ours(arn)))
    run_ok(aws, "sse_kms_seal", buckets=[BUCKET, {"name": BUCKET, "key": old}], key="uploads", threads=1)


def kms_key_settings(aws: FakeAws) -> None:
    arn = aws.add_key(alias="uploads")
    settings = {"description": "x", "admins": [USER], "users": [USER], "rotation": True, "tags": {"a": "b"}}
    run_ok(aws, "kms_key_settings", key="uploads", **settings)
    run_ok(aws, "kms_key_settings", key=arn, rotation=False)
    run_ok(aws, "kms_key_settings", key="uploads", key_planned=True, check_mode=True, **settings)


def sse_kms_info(aws: FakeAws) -> None:
    aws.add_key(alias="uploads")
    aws.add_bucket().put_policy(policy(READ))
    asked: dict[str, Any] = {"bucket": BUCKET, "key": "uploads", "key_managed": True}
    run_ok(aws, "sse_kms_info", **asked, versioning=True, tags={"a": "b"}, key_settings={"tags": {"a": "b"}})
    run_ok(aws, "sse_kms_info", **asked, block_public_access=True)
    run_ok(aws, "sse_kms_info", bucket=BUCKET, state="absent")
    run_ok(aws, "sse_kms_info", discover={"tags": {"a": "*"}})


def sse_kms_probe(aws: FakeAws) -> None:
    assert isinstance(aws, FakeObjects)
    aws.add_key(alias="uploads")
    aws.add_bucket()
    run_probe(aws, bucket=BUCKET, key="uploads")

    def hook(operation: str, parameters: Mapping[str, Any]) -> None:
        if operation == "UploadPart" and parameters["Key"].endswith("multipart_no_headers"):
            raise DENIED
        if operation == "CreateMultipartUpload" and parameters["Key"].endswith("multipart_sse_s3"):
            raise botocore.exceptions.ReadTimeoutError(endpoint_url="https://fake")

    aws.before.append(hook)
    run_probe(aws, bucket=BUCKET, key="uploads")


def sse_kms_probe_finding_the_model(aws: FakeAws) -> None:
    arn = aws.add_key(alias="uploads")
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    bucket = aws.add_bucket(encryption={"ApplyServerSideEncryptionByDefault": default})
    assert isinstance(aws, FakeObjects)
    for statements in (ours(arn), []):
        bucket.put_policy(policy(*statements) if statements else None)
        run_probe(aws, bucket=BUCKET, key="uploads", find_model=True)


def run_ok(aws: FakeAws, module: str, **options: Any) -> None:
    run = run_module(aws, module, **options)
    assert not run.failed, run.msg


MODULES: list[Callable[[FakeAws], None]] = [
    sse_kms_policy,
    bucket_encryption,
    bucket_policy_restore,
    sse_kms_seal,
    kms_key_settings,
    sse_kms_info,
    sse_kms_probe,
]
NAMES = [module.__name__ for module in MODULES]
SETTING = [name for name in NAMES if name != "sse_kms_probe"]


@functools.cache
def service_of(operation: str) -> str:
    """The one service of ours that has an operation of this name, by botocore's own models."""
    session = botocore.session.get_session()
    (service,) = (name for name in ("s3", "kms", "sts") if operation in session.get_service_model(name).operation_names)
    return service


@functools.cache
def recorded(name: str) -> frozenset[tuple[str, str]]:
    """The operations that a module calls, over all that it can be asked to do."""
    aws = FakeObjects()
    MODULES[NAMES.index(name)](aws)
    if name == "sse_kms_probe":
        sse_kms_probe_finding_the_model(aws)
    return frozenset((service_of(operation), operation) for operation in aws.calls)


def documented(name: str) -> set[str]:
    """The IAM actions that a module's documentation lists."""
    module = importlib.import_module(f"ansible_collections.sealed.s3.plugins.modules.{name}")
    notes = yaml.safe_load(module.DOCUMENTATION)["notes"]
    (listing,) = (note for note in notes if note.startswith("IAM actions:"))
    return set(re.findall(r"C\(((?:s3|kms|sts):\w+)\)", listing))


@pytest.mark.parametrize("name", NAMES)
def test_the_documentation_lists_what_the_calls_need_and_no_more(name: str) -> None:
    needed = {action for call in recorded(name) for action in service_authorization.needed(*call)}
    assert documented(name) == needed


@pytest.mark.parametrize("call", sorted(IAM_ACTIONS))
def test_the_action_that_an_error_names_is_the_published_one(call: tuple[str, str]) -> None:
    assert set(IAM_ACTIONS[call]) == service_authorization.needed(*call)


def test_the_actions_in_errors_are_those_of_the_calls_that_are_made_and_no_others() -> None:
    assert set(IAM_ACTIONS) == {call for name in SETTING for call in recorded(name)}


def test_no_module_that_sets_things_grants_creates_or_deletes_a_key_a_bucket_or_an_object() -> None:
    writes = {operation for name in SETTING for _service, operation in recorded(name) if not reads(operation)}
    assert writes == {
        "PutBucketPolicy",
        "DeleteBucketPolicy",
        "PutBucketEncryption",
        "PutKeyPolicy",
        "UpdateKeyDescription",
        "EnableKeyRotation",
        "DisableKeyRotation",
        "TagResource",
    }


def reads(operation: str) -> bool:
    return operation.startswith(("Describe", "Get", "Head", "List"))


def test_the_probe_writes_objects_and_the_policy_alone() -> None:
    assert {operation for _service, operation in recorded("sse_kms_probe") if not reads(operation)} == {
        *WRITES,
        "AbortMultipartUpload",
        "DeleteObject",
        "PutBucketPolicy",
        "DeleteBucketPolicy",
    }


def test_the_info_module_only_reads() -> None:
    assert all(reads(operation) for _service, operation in recorded("sse_kms_info"))


@pytest.mark.parametrize(
    ("service", "operation", "actions"),
    [
        ("s3", "GetBucketEncryption", {"s3:GetEncryptionConfiguration"}),
        ("s3", "HeadBucket", {"s3:ListBucket"}),
        ("s3", "GetPublicAccessBlock", {"s3:GetBucketPublicAccessBlock"}),
        ("kms", "PutKeyPolicy", {"kms:PutKeyPolicy"}),
    ],
)
def test_the_published_data_is_read_as_it_is_meant(service: str, operation: str, actions: set[str]) -> None:
    """Operations whose action has another name, and one whose account-wide namesake has an action of its own."""
    assert service_authorization.needed(service, operation) == actions
