# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The uploads, what is said of them, and their removal. Whether a guard is enforced is tested in tests/enforcing."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.aws import probe as uploading
from ansible_collections.sealed.s3.plugins.module_utils.policy import guard
from ansible_collections.sealed.s3.plugins.module_utils.policy.probe import KINDS
from ansible_collections.sealed.s3.tests.unit.fake_aws import BUCKET, FakeBucket, Fault, Run
from ansible_collections.sealed.s3.tests.unit.fake_objects import BY_POLICY, DENIED, WRITES, FakeObjects, run_probe

MUST_FAIL = {"sse_s3", "sse_kms_no_key_id", "sse_kms_other_key", "dsse_kms", "sse_c", "copy_sse_s3", "multipart_sse_s3"}
SENT_WITH_HEADERS = ("ServerSideEncryption", "SSECustomerAlgorithm")


@pytest.fixture
def aws() -> FakeObjects:
    fake = FakeObjects()
    fake.add_key(alias="uploads")
    fake.add_key(2, alias="other")
    return fake


def sealed(aws: FakeObjects, *, enforcement: str = guard.DENY_OVERRIDES, **settings: Any) -> FakeBucket:
    """A bucket with default encryption and the guard."""
    arn = aws.answer("DescribeKey", {"KeyId": "alias/uploads"})["KeyMetadata"]["Arn"]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}}
    bucket = aws.add_bucket(encryption={**rule, "BucketKeyEnabled": True}, **settings)
    spec = guard.GuardSpec(BUCKET, arn, enforcement=enforcement)
    bucket.put_policy({"Version": "2012-10-17", "Statement": guard.statements(spec)})
    aws.calls.clear()
    return bucket


def kind_of(parameters: Mapping[str, Any]) -> str:
    return str(parameters["Key"]).rsplit("/", 1)[-1]


def refuse(aws: FakeObjects, kinds: set[str], fault: Fault = DENIED, operations: tuple[str, ...] = WRITES) -> None:
    """Let the service refuse these uploads."""

    def hook(operation: str, parameters: Mapping[str, Any]) -> None:
        if operation in operations and kind_of(parameters) in kinds:
            raise fault

    aws.before.append(hook)


def probe(aws: FakeObjects, **options: Any) -> Run:
    return run_probe(aws, **{"bucket": BUCKET, "key": "uploads", "other_key": "other", **options})


def verdicts(run: Run) -> dict[str, str]:
    return {one["kind"]: one["verdict"] for one in run["probes"]}


def test_a_service_that_enforces_nothing_breaks_the_promises(aws: FakeObjects) -> None:
    bucket = sealed(aws)
    before = bucket.policy
    run = probe(aws)
    assert run.failed
    assert set(run["broken"]) == {*MUST_FAIL, "plain_http"}
    assert all(kind in run.msg for kind in run["broken"])
    assert "enforces no policy" in run.msg
    assert run["key_id_model"] == "undetermined"
    assert not run["changed"]
    assert not aws.objects
    assert not aws.uploads
    assert bucket.policy == before


def test_it_does_so_under_the_other_guards(aws: FakeObjects) -> None:
    sealed(aws, enforcement=guard.DENY_OTHER_KEYS)
    run = probe(aws, enforcement=guard.DENY_OTHER_KEYS)
    assert set(run["broken"]) == {*MUST_FAIL, "plain_http"}
    assert run["key_id_model"] == "undetermined"


@pytest.mark.parametrize("fault", [DENIED, BY_POLICY])
@pytest.mark.parametrize("versioning", [None, "Enabled", "Suspended"])
def test_kept_promises(aws: FakeObjects, fault: Fault, versioning: str | None) -> None:
    sealed(aws, versioning=versioning)
    refuse(aws, {*MUST_FAIL, "plain_http"}, fault)
    run = probe(aws)
    assert not run.failed
    assert set(verdicts(run).values()) == {"kept"}
    assert len(run["probes"]) == len(KINDS)
    assert run["left_behind"] == []
    assert not aws.objects
    assert not run["changed"]
    assert any("17 kept" in line for line in run["table"])


def test_a_guard_that_is_not_there_is_a_broken_promise(aws: FakeObjects) -> None:
    sealed(aws).put_policy(None)
    run = probe(aws)
    assert set(run["broken"]) == {*MUST_FAIL, "plain_http"}
    assert "does not deny it" in run.msg


def test_an_upload_that_ends_up_under_another_encryption_is_a_broken_promise(aws: FakeObjects) -> None:
    bucket = sealed(aws)
    bucket.encryption = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    refuse(aws, {*MUST_FAIL, "plain_http"})
    run = probe(aws)
    assert {"no_headers", "copy_no_headers", "multipart_no_headers", "presigned_put", "post_form"} == set(run["broken"])


def test_what_must_pass_and_is_denied_by_the_policy_is_broken(aws: FakeObjects) -> None:
    sealed(aws)
    refuse(aws, {*MUST_FAIL, "plain_http", "post_form"}, BY_POLICY)
    assert probe(aws)["broken"] == ["post_form"]


def test_where_everything_is_refused_nothing_is_proved(aws: FakeObjects) -> None:
    sealed(aws)
    refuse(aws, set(KINDS))
    run = probe(aws)
    assert run.failed
    assert run["broken"] == []
    assert "kept" not in verdicts(run).values()
    assert "so is everything" in run.msg
    assert run["key_id_model"] == "undetermined"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("AccessDenied", "not authorized to perform: kms:GenerateDataKey on resource: x", 403),
        Fault("AccessDenied", "... because no identity-based policy allows the s3:PutObject action", 403),
        Fault("AccessDenied", "... with an explicit deny in a service control policy", 403),
        Fault("KMS.DisabledException", "The key is disabled", 400),
        Fault("NotImplemented", "Not there", 501),
        Fault("SignatureDoesNotMatch", "no", 403),
    ],
)
def test_refusals_by_something_else_prove_nothing(aws: FakeObjects, fault: Fault) -> None:
    sealed(aws)
    refuse(aws, {*MUST_FAIL, "plain_http", "sse_kms"}, fault)
    run = probe(aws)
    assert not run.failed
    assert set(run["could_not_look"]) == {*MUST_FAIL, "plain_http", "sse_kms"}
    assert "nothing could be learned" in run.warnings[-1]


@pytest.mark.parametrize("action", ["kms:GenerateDataKey", "kms:Decrypt", "s3:PutObject"])
def test_the_action_that_the_service_says_is_missing_is_named(aws: FakeObjects, action: str) -> None:
    sealed(aws)
    said = f"User: {aws.arn} is not authorized to perform: {action} because no identity-based policy allows it"
    refuse(aws, set(KINDS), Fault("AccessDenied", said, 403))
    run = probe(aws)
    assert run.failed
    assert action in run.msg


def test_a_refusal_that_the_policy_does_not_explain_proves_nothing(aws: FakeObjects) -> None:
    sealed(aws).put_policy(None)
    refuse(aws, {*MUST_FAIL, "plain_http"})
    assert set(probe(aws)["could_not_look"]) == {*MUST_FAIL, "plain_http"}


def test_without_other_key_and_alias_those_uploads_are_skipped(aws: FakeObjects) -> None:
    sealed(aws)
    refuse(aws, {*MUST_FAIL, "plain_http"})
    arn = aws.answer("DescribeKey", {"KeyId": "alias/uploads"})["KeyMetadata"]["Arn"]
    found = verdicts(probe(aws, key=arn, other_key=None))
    assert {name for name, verdict in found.items() if verdict == "skipped"} == {"sse_kms_other_key", "sse_kms_alias"}


def test_a_caller_whom_the_guard_spares_proves_nothing(aws: FakeObjects) -> None:
    sealed(aws)
    found = verdicts(probe(aws, exempt_principals=["arn:aws:iam::111122223333:*"], require_tls=False))
    assert {found[kind] for kind in MUST_FAIL} == {"skipped"}


def test_other_key_must_be_another(aws: FakeObjects) -> None:
    sealed(aws)
    assert "other_key is a key that the guard admits" in probe(aws, other_key="uploads").msg


@pytest.mark.parametrize("prefix", ["", "/x", "a*", "a${b}"])
def test_prefixes_that_a_policy_would_misread_are_refused(aws: FakeObjects, prefix: str) -> None:
    sealed(aws)
    assert "prefix:" in probe(aws, prefix=prefix).msg
    assert not aws.calls


def test_check_mode_uploads_nothing(aws: FakeObjects) -> None:
    sealed(aws)
    run = probe(aws, check_mode=True, find_model=True)
    assert not run.failed
    assert run["predicted"]
    assert set(verdicts(run).values()) == {"kept"}
    assert not set(aws.calls) & {*WRITES, "DeleteObject", "PutBucketPolicy"}
    sealed(aws).put_policy(None)
    assert set(probe(aws, check_mode=True)["broken"]) == {*MUST_FAIL, "plain_http"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"timeout": 0}, "timeout is not above 0"),
        ({"key": "alias/aws/s3"}, "alias/aws/s3"),
        ({"key": "no key at all"}, "no key at all"),
    ],
)
def test_options_that_cannot_be_are_refused_before_any_call(
    aws: FakeObjects, options: dict[str, Any], told: str
) -> None:
    sealed(aws)
    run = probe(aws, **options)
    assert run.failed
    assert told in run.msg
    assert not aws.writes


def test_a_key_that_may_not_be_looked_up_has_to_be_given_by_its_arn(aws: FakeObjects) -> None:
    sealed(aws)
    aws.deny("DescribeKey")
    run = probe(aws)
    assert run.failed
    assert "kms:DescribeKey" in run.msg
    assert not aws.objects


@pytest.mark.parametrize("named", ["{id}", "alias/uploads", "arn:aws:kms:eu-central-1:111122223333:alias/uploads"])
def test_default_encryption_may_name_the_key_in_any_way(aws: FakeObjects, named: str) -> None:
    bucket = sealed(aws)
    arn = aws.answer("DescribeKey", {"KeyId": "alias/uploads"})["KeyMetadata"]["Arn"]
    assert bucket.encryption
    default = bucket.encryption["ApplyServerSideEncryptionByDefault"]
    default["KMSMasterKeyID"] = named.format(id=arn.rsplit("/", 1)[-1])
    refuse(aws, {*MUST_FAIL, "plain_http"})
    aws.said = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": arn, "BucketKeyEnabled": True}
    assert verdicts(probe(aws))["no_headers"] == "kept"


@pytest.mark.parametrize("default", [None, {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "another"}])
def test_default_encryption_that_does_not_tell_the_key(aws: FakeObjects, default: dict[str, str] | None) -> None:
    sealed(aws).encryption = {"ApplyServerSideEncryptionByDefault": default} if default else None
    refuse(aws, {*MUST_FAIL, "plain_http"})
    assert "no_headers" in probe(aws)["broken"]


def test_without_the_policy_a_denied_kind_that_passes_is_broken(aws: FakeObjects) -> None:
    sealed(aws)
    aws.deny("GetBucketPolicy")
    run = probe(aws)
    assert "sse_s3" in run["broken"]
    reasons = {one["kind"]: one["reason"] for one in run["probes"]}
    assert reasons["sse_s3"] == "It passed, and the guard denies it."


def test_where_no_endpoint_without_tls_is_known_it_is_not_tried(
    aws: FakeObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed(aws)
    refuse(aws, MUST_FAIL)
    monkeypatch.setattr(uploading, "http_endpoint", lambda _endpoint_url, _given: None)
    assert verdicts(probe(aws))["plain_http"] == "skipped"


def test_what_was_stored_and_does_not_say_how_is_not_known(aws: FakeObjects) -> None:
    sealed(aws)
    refuse(aws, {*MUST_FAIL, "plain_http"})
    aws.deny("HeadObject")
    aws.said = {}
    assert verdicts(probe(aws))["no_headers"] == "could_not_look"


# What is left behind


def test_what_fails_to_be_deleted_is_named_with_the_reason(aws: FakeObjects) -> None:
    sealed(aws)
    refuse(aws, {*MUST_FAIL, "plain_http"})
    refuse(aws, {"no_headers"}, Fault("InternalError", "later", 500), ("DeleteObject",))
    (left,) = probe(aws)["left_behind"]
    assert left["reason"] == "InternalError: later"


def test_all_pages_of_the_versions_are_removed(aws: FakeObjects) -> None:
    sealed(aws, versioning="Enabled")
    refuse(aws, {*MUST_FAIL, "plain_http"})
    aws.versions_on_a_page = 1
    assert probe(aws)["left_behind"] == []
    assert not aws.objects


def test_an_upload_in_parts_whose_completion_is_refused_is_aborted(aws: FakeObjects) -> None:
    sealed(aws)
    refuse(aws, {"multipart_no_headers"}, DENIED, ("CompleteMultipartUpload",))
    probe(aws)
    assert not aws.uploads


def test_what_may_not_be_deleted_is_named(aws: FakeObjects) -> None:
    sealed(aws, versioning="Enabled")
    refuse(aws, {*MUST_FAIL, "plain_http"})
    refuse(aws, {"no_headers"}, DENIED, ("DeleteObject",))
    run = probe(aws)
    assert not run.failed
    assert run["changed"]
    (left,) = run["left_behind"]
    assert left["key"].endswith("/no_headers")
    assert left["reason"] == "s3:DeleteObjectVersion is denied: Access Denied"
    assert any("left behind" in line for line in run["table"])
    assert "Remove it by hand" in run.warnings[0]
    assert len(aws.objects) == 1


@pytest.mark.parametrize("versioning", [None, "Enabled"])
def test_where_versions_may_not_be_listed_what_is_known_is_removed(aws: FakeObjects, versioning: str | None) -> None:
    sealed(aws, versioning=versioning)

    def hook(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "ListObjectVersions":
            raise DENIED

    aws.before.append(hook)
    run = probe(aws)
    assert run["left_behind"] == []
    assert not aws.objects


def test_objects_of_others_are_left_alone(aws: FakeObjects) -> None:
    sealed(aws)
    aws.objects[BUCKET, ".sealed-s3-probe/mine", "null"] = {}
    probe(aws)
    assert list(aws.objects) == [(BUCKET, ".sealed-s3-probe/mine", "null")]


def test_an_upload_in_parts_that_was_not_completed_is_aborted(aws: FakeObjects) -> None:
    sealed(aws)
    refuse(aws, {"multipart_no_headers"}, DENIED, ("UploadPart",))
    run = probe(aws)
    assert not aws.uploads
    assert verdicts(run)["multipart_no_headers"] == "could_not_look"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_nothing_stays(aws: FakeObjects, number: signal.Signals) -> None:
    sealed(aws)
    handler = signal.getsignal(number)

    def hook(operation: str, parameters: Mapping[str, Any]) -> None:
        if operation == "CompleteMultipartUpload" or (
            operation == "DeleteObject" and "no_headers" in kind_of(parameters)
        ):
            os.kill(os.getpid(), number)

    aws.before.append(hook)
    run = probe(aws)
    assert run.failed
    assert number.name in run.msg
    assert not aws.objects
    assert not aws.uploads
    assert signal.getsignal(number) == handler


def test_where_nothing_may_be_read_the_uploads_still_count(aws: FakeObjects) -> None:
    sealed(aws)
    arn = aws.answer("DescribeKey", {"KeyId": "alias/uploads"})["KeyMetadata"]["Arn"]
    refuse(aws, {*MUST_FAIL, "plain_http"}, BY_POLICY)

    def hook(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation.startswith(("Get", "Head", "Describe")) and operation != "GetCallerIdentity":
            raise Fault("403", "Forbidden", 403) if operation.startswith("Head") else DENIED

    aws.before.append(hook)
    run = probe(aws, key=arn, other_key=None)
    assert not run.failed
    found = verdicts(run)
    assert {found[kind] for kind in MUST_FAIL - {"sse_kms_other_key"}} == {"kept"}
    assert found["no_headers"] == "kept"


# The model


def refuse_by_model(aws: FakeObjects, *, header_only: bool) -> None:
    """The temporary statements, and what the guard denies."""
    refuse(aws, {*MUST_FAIL, "plain_http"})

    def hook(operation: str, parameters: Mapping[str, Any]) -> None:
        key = str(parameters.get("Key"))
        denied = "/control/" in key or (header_only and "/model/" in key)
        if operation == "PutObject" and denied and "SealedS3ProbeModel" in aws.buckets[parameters["Bucket"]].sids:
            raise DENIED

    aws.before.append(hook)


@pytest.mark.parametrize(("header_only", "model"), [(False, "effective"), (True, "header_only")])
@pytest.mark.parametrize("scratch", [None, "scratch-111122223333"])
def test_find_model(aws: FakeObjects, header_only: bool, model: str, scratch: str | None) -> None:
    bucket = sealed(aws)
    if scratch:
        aws.add_bucket(scratch, encryption=bucket.encryption)
    sids = list(bucket.sids)
    refuse_by_model(aws, header_only=header_only)
    run = probe(aws, find_model=True, model_bucket=scratch)
    assert not run.failed
    assert run["key_id_model"] == model
    assert run["changed"]
    assert bucket.sids == sids
    assert {parameters["Bucket"] for parameters in aws.parameters_of("PutBucketPolicy")} == {scratch or BUCKET}
    assert scratch is None or aws.buckets[scratch].policy is None
    assert not aws.objects


def test_find_model_on_a_service_that_enforces_nothing_tells_nothing(aws: FakeObjects) -> None:
    bucket = sealed(aws)
    sids = list(bucket.sids)
    run = probe(aws, find_model=True)
    assert run["key_id_model"] == "undetermined"
    assert bucket.sids == sids


def test_statements_that_cannot_be_taken_out_are_named(aws: FakeObjects) -> None:
    bucket = sealed(aws)
    refuse_by_model(aws, header_only=False)
    writes = [0]

    def hook(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "PutBucketPolicy":
            writes[0] += 1
            if writes[0] > 1:
                raise DENIED

    aws.before.append(hook)
    run = probe(aws, find_model=True)
    assert run["changed"]
    assert "SealedS3ProbeModel" in run["left_behind"][0]["what"]
    aws.before.clear()
    refuse_by_model(aws, header_only=False)
    probe(aws, find_model=True)
    assert "SealedS3ProbeModel" not in bucket.sids


def test_find_model_where_uploads_come_out_differently(aws: FakeObjects) -> None:
    bucket = sealed(aws)
    sids = list(bucket.sids)
    refuse_by_model(aws, header_only=False)
    aws.before.append(lambda _operation, parameters: fault_at(str(parameters.get("Key")), "/model/0"))
    run = probe(aws, find_model=True)
    assert run["key_id_model"] == "undetermined"
    assert "came out differently" in run["key_id_model_reason"]
    assert bucket.sids == sids


def fault_at(key: str, end: str) -> None:
    if key.endswith(end):
        raise DENIED


def test_find_model_where_uploads_do_not_pass_anyway(aws: FakeObjects) -> None:
    sealed(aws)
    aws.before.append(lambda _operation, parameters: fault_at(str(parameters.get("Key")), "/anchor"))
    run = probe(aws, find_model=True)
    assert run["key_id_model"] == "undetermined"
    assert not aws.parameters_of("PutBucketPolicy")


def test_find_model_leaves_what_somebody_adds_meanwhile(aws: FakeObjects) -> None:
    bucket = sealed(aws)
    sids = list(bucket.sids)
    theirs = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:PutBucketAcl", "Resource": "*"}

    def add() -> None:
        bucket.put_policy({"Version": "2012-10-17", "Statement": [theirs, *bucket.statements]})

    refuse_by_model(aws, header_only=False)
    aws.once_after("PutBucketPolicy", add)
    assert probe(aws, find_model=True)["key_id_model"] == "effective"
    assert bucket.sids == ["Theirs", *sids]


def test_find_model_has_nothing_to_take_out_where_somebody_has_done_so(aws: FakeObjects) -> None:
    bucket = sealed(aws)
    before = bucket.policy
    refuse_by_model(aws, header_only=False)

    def take_out(_operation: str, parameters: Mapping[str, Any]) -> None:
        if str(parameters.get("Key")).endswith("/model/0"):
            bucket.put_policy(before)

    aws.before.append(take_out)
    run = probe(aws, find_model=True)
    assert run["left_behind"] == []
    assert len(aws.parameters_of("PutBucketPolicy")) == 1
    assert bucket.policy == before


def test_find_model_needs_room_in_the_policy(aws: FakeObjects) -> None:
    bucket = sealed(aws)
    bulky = {
        "Sid": "Bulky",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/{'x' * 900}*",
    }
    statements = [{**bulky, "Sid": f"Bulky{number}"} for number in range(18)]
    bucket.put_policy({"Version": "2012-10-17", "Statement": [*bucket.statements, *statements]})
    refuse_by_model(aws, header_only=False)
    run = probe(aws, find_model=True)
    assert "no room for the temporary statements" in run["key_id_model_reason"]
    assert not run["changed"]
    assert not aws.parameters_of("PutBucketPolicy")
    assert not aws.objects


def test_the_uploads_tell_the_model_where_they_can(aws: FakeObjects) -> None:
    sealed(aws, enforcement=guard.DENY_OTHER_KEYS)
    refuse(aws, {*MUST_FAIL, "plain_http", "no_headers", "copy_no_headers", "multipart_no_headers"})
    refuse(aws, {"presigned_put", "post_form"})
    run = probe(aws, enforcement=guard.DENY_OTHER_KEYS, find_model=True)
    assert run["key_id_model"] == "header_only"
    assert not aws.parameters_of("PutBucketPolicy")
    assert "refuses uploads without headers" in run.warnings[-1]
