# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With any one IAM action denied a module names that action, or does without it; and it tells truly what it changed.

Each run is made once, to see which operations it calls; then once for each IAM action that published data says one of
them needs, with all operations denied that need it.
"""

from __future__ import annotations

import copy
import functools
import json
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from ansible_collections.sealed.s3.tests.unit import service_authorization
from ansible_collections.sealed.s3.tests.unit.fake_aws import BUCKET, FakeBucket, Fault, Run, run_module
from ansible_collections.sealed.s3.tests.unit.fake_objects import BY_POLICY, WRITES, FakeObjects, run_probe
from ansible_collections.sealed.s3.tests.unit.plugins.modules import test_iam_actions as iam

Options = dict[str, Any]
Prepare = Callable[[FakeObjects], Options]
OTHER = "reports-111122223333"
FOLDER = tempfile.TemporaryDirectory()
ACTION = re.compile(r"\b(?:s3|kms|sts):[A-Z][A-Za-z]+")
# The uploads that a service refuses that enforces the guard.
REFUSED = {"sse_s3", "sse_kms_no_key_id", "dsse_kms", "sse_c", "copy_sse_s3", "multipart_sse_s3", "plain_http"}
CHANGED = re.compile(r"\b(?:was|were|had been) (?:written|set|changed|deleted)|admits both keys|Done: ")


def guard(aws: FakeObjects) -> Options:
    arn = aws.add_key(alias="uploads")
    aws.add_bucket().put_policy(iam.policy(iam.READ))
    return {"bucket": BUCKET, "key": arn}


def guard_off(aws: FakeObjects) -> Options:
    aws.add_bucket().put_policy(iam.policy(iam.READ, *iam.ours(aws.add_key())))
    return {"bucket": BUCKET, "state": "absent"}


def guard_off_alone(aws: FakeObjects) -> Options:
    aws.add_bucket().put_policy(iam.policy(*iam.ours(aws.add_key())))
    return {"bucket": BUCKET, "state": "absent"}


def restored(aws: FakeObjects) -> Options:
    """A backup with a guard, over the policy of somebody else."""
    arn = guard(aws)["key"]
    file = Path(FOLDER.name) / "guarded.json"
    file.write_text(json.dumps(iam.policy(iam.READ, *iam.ours(arn))))
    return {"bucket": BUCKET, "backup_file": str(file), "overwrite_changes": True}


def encryption(aws: FakeObjects) -> Options:
    return {**guard(aws), "blocked_encryption_types": ["SSE-C"]}


def move(aws: FakeObjects) -> Options:
    old, new = aws.add_key(1), aws.add_key(2)
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": old}
    bucket = aws.add_bucket(encryption={"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True})
    bucket.put_policy(iam.policy(iam.READ, *iam.ours(old)))
    return {"bucket": BUCKET, "key": new}


def two(aws: FakeObjects) -> Options:
    guard(aws)
    aws.add_bucket(OTHER)
    return {"buckets": [BUCKET, OTHER], "key": "uploads", "threads": 1}


def key_settings(aws: FakeObjects) -> Options:
    arn = aws.add_key(alias="uploads")
    return {"key": arn, "description": "x", "users": [iam.USER], "rotation": True, "tags": {"a": "b"}}


def no_rotation(aws: FakeObjects) -> Options:
    arn = aws.add_key(alias="uploads")
    aws.of(arn)["rotation"] = 365
    return {"key": arn, "rotation": False}


def everything(aws: FakeObjects) -> Options:
    asked = {"versioning": True, "tags": {"a": "b"}, "block_public_access": True}
    settings = {"key_managed": True, "key_settings": {"tags": {"a": "b"}, "users": [iam.USER]}}
    return {**guard(aws), **asked, **settings}


def discovered(aws: FakeObjects) -> Options:
    guard(aws)
    aws.buckets[BUCKET].tags = {"a": "b"}
    return {"discover": {"tags": {"a": "*"}}}


def probed(aws: FakeObjects) -> Options:
    arn = aws.add_key(alias="uploads")
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    aws.add_bucket(encryption={"ApplyServerSideEncryptionByDefault": default}).put_policy(iam.policy(*iam.ours(arn)))

    def enforce(operation: str, parameters: Mapping[str, Any]) -> None:
        if operation in WRITES and str(parameters["Key"]).rsplit("/", 1)[-1] in REFUSED:
            raise BY_POLICY

    aws.before.append(enforce)
    return {"bucket": BUCKET, "key": arn}


def probed_with_versions(aws: FakeObjects) -> Options:
    options = probed(aws)
    aws.buckets[BUCKET].versioning = "Enabled"
    return options


def probed_and_broken_off(aws: FakeObjects) -> Options:
    options = probed(aws)

    def break_off(operation: str, parameters: Mapping[str, Any]) -> None:
        if operation == "UploadPart" and parameters["Key"].endswith("multipart_no_headers"):
            raise Fault("InternalError", "No.", 500)
        if operation == "CreateMultipartUpload" and parameters["Key"].endswith("multipart_sse_s3"):
            raise botocore.exceptions.ReadTimeoutError(endpoint_url="https://fake")

    aws.before.insert(0, break_off)
    return options


def model_sought(aws: FakeObjects) -> Options:
    return {**probed(aws), "find_model": True}


def model_sought_without_a_policy(aws: FakeObjects) -> Options:
    options = model_sought(aws)
    aws.buckets[BUCKET].put_policy(None)
    return {**options, "model_bucket": BUCKET}


@dataclass(frozen=True)
class Case:
    name: str
    module: str
    prepare: Prepare

    def run(self, aws: FakeObjects) -> Run:
        options = self.prepare(aws)
        return run_probe(aws, **options) if self.module == "sse_kms_probe" else run_module(aws, self.module, **options)


CASES = (
    Case("guard", "sse_kms_policy", guard),
    Case("guard off", "sse_kms_policy", guard_off),
    Case("guard off, nothing else there", "sse_kms_policy", guard_off_alone),
    Case("encryption", "bucket_encryption", encryption),
    Case("restore", "bucket_policy_restore", restored),
    Case("seal", "sse_kms_seal", encryption),
    Case("move", "sse_kms_seal", move),
    Case("seal two", "sse_kms_seal", two),
    Case("key", "kms_key_settings", key_settings),
    Case("key, no rotation", "kms_key_settings", no_rotation),
    Case("info", "sse_kms_info", everything),
    Case("info of two", "sse_kms_info", two),
    Case("discover", "sse_kms_info", discovered),
    Case("probe", "sse_kms_probe", probed),
    Case("probe, versions", "sse_kms_probe", probed_with_versions),
    Case("probe, broken off", "sse_kms_probe", probed_and_broken_off),
    Case("find model", "sse_kms_probe", model_sought),
    Case("find model without a policy", "sse_kms_probe", model_sought_without_a_policy),
)


@functools.cache
def actions_of(case: Case) -> Mapping[str, frozenset[str]]:
    """The actions that a run needs, and the operations of each."""
    aws = FakeObjects()
    case.run(aws)
    found: dict[str, set[str]] = {}
    for operation, parameters in aws.requests:
        for action in service_authorization.needed(iam.service_of(operation), operation):
            if needs(operation, parameters, action):
                found.setdefault(action, set()).add(operation)
    return {action: frozenset(operations) for action, operations in found.items()}


def needs(operation: str, parameters: Mapping[str, Any], action: str) -> bool:
    """Amazon S3 API Reference, DeleteObject: to delete a version needs s3:DeleteObjectVersion, else s3:DeleteObject."""
    return operation != "DeleteObject" or ("VersionId" in parameters) == (action == "s3:DeleteObjectVersion")


# Refused without a reason, an upload may lack any of these.
TO_UPLOAD = {"s3:PutObject", "kms:GenerateDataKey", "kms:Decrypt"}
# Without a list of what there is, what is known to have been made is removed.
DOES_WITHOUT = {("sse_kms_probe", "s3:ListBucketVersions")}
DENIALS = [(case, action) for case in CASES for action in sorted(actions_of(case))]


def denied(aws: FakeObjects, operations: frozenset[str]) -> None:
    """As each service answers."""

    def deny(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation in operations:
            service = iam.service_of(operation)
            if operation.startswith("Head"):
                raise Fault("403", "Forbidden", 403)
            raise Fault("AccessDeniedException", "No.") if service == "kms" else Fault("AccessDenied", "No.", 403)

    aws.before.append(deny)


def state(aws: FakeObjects) -> Any:
    def of_bucket(bucket: FakeBucket) -> Any:
        return bucket.policy, copy.deepcopy(bucket.encryption)

    return {name: of_bucket(bucket) for name, bucket in aws.buckets.items()}, copy.deepcopy(aws.keys)


@pytest.mark.parametrize(("case", "action"), DENIALS, ids=lambda one: getattr(one, "name", one))
def test_with_one_action_denied_that_action_is_named_or_done_without(case: Case, action: str) -> None:
    aws, before = FakeObjects(), FakeObjects()
    denied(aws, actions_of(case)[action])
    case.prepare(before)
    run = case.run(aws)
    changed = state(aws) != state(before)
    if case.module != "sse_kms_probe":
        # What the probe has made it takes away again.
        assert bool(run.result.get("changed")) == changed
    said = json.dumps(run.result) + " ".join(run.warnings)
    of_each = [one["msg"] for one in run.result.get("buckets", ()) if one.get("failed")]
    for msg in of_each:
        assert set(ACTION.findall(msg)) == {action}
    if not run.failed:
        assert action in said or (case.module, action) in DOES_WITHOUT, "it goes on, and does not say without what"
        return
    assert set(ACTION.findall(run.msg)) == (TO_UPLOAD if action == "s3:PutObject" else {action})
    assert run.msg.endswith(".")
    if changed:
        assert CHANGED.search(said)


def test_every_action_that_a_module_documents_was_denied_to_it_once() -> None:
    for name in iam.NAMES:
        tried = {action for case, action in DENIALS if case.module == name}
        assert tried == iam.documented(name)
