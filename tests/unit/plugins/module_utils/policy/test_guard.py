# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given

from ansible_collections.sealed.s3.plugins.module_utils.policy import document, guard
from ansible_collections.sealed.s3.tests.unit.policy_strategies import BUCKET, KEY, OTHER_KEY, guard_specs

SSE = "s3:x-amz-server-side-encryption"
KEY_ID = "s3:x-amz-server-side-encryption-aws-kms-key-id"
CUSTOMER = "s3:x-amz-server-side-encryption-customer-algorithm"
ROLE = "arn:aws:iam::111122223333:role/Uploader"
SESSION = "arn:aws:sts::111122223333:assumed-role/Uploader/me"


def conditions(**options: Any) -> dict[str, Any]:
    """The conditions of the guard by Sid, of the optional guards only those asked for."""
    options = {"require_tls": False, "guard_object_encryption_updates": False, **options}
    listed = guard.statements(guard.GuardSpec(BUCKET, KEY, **options))
    return {one["Sid"].removeprefix("SealedS3"): one["Condition"] for one in listed}


def test_deny_overrides_is_set_p() -> None:
    assert conditions() == {
        "DenyEncryptionWithoutTheKey": {"Null": {SSE: "false"}, "StringNotEquals": {KEY_ID: KEY}},
        "DenyNamedOtherKeys": {"Null": {KEY_ID: "false"}, "StringNotEquals": {KEY_ID: KEY}},
        "DenyOtherAlgorithms": {"Null": {SSE: "false"}, "StringNotEquals": {SSE: "aws:kms"}},
        "DenyCustomerProvidedKeys": {"Null": {CUSTOMER: "false"}},
    }


def test_deny_other_keys_is_set_e() -> None:
    assert conditions(enforcement="deny_other_keys") == {
        "DenyOtherEncryptionKeys": {"StringNotEquals": {KEY_ID: KEY}},
        "DenyOtherAlgorithms": {"Null": {SSE: "false"}, "StringNotEquals": {SSE: "aws:kms"}},
        "DenyCustomerProvidedKeys": {"Null": {CUSTOMER: "false"}},
    }


def test_require_headers_is_the_strict_set() -> None:
    assert conditions(enforcement="require_headers") == {
        "DenyMissingKmsHeader": {"StringNotEquals": {SSE: "aws:kms"}},
        "DenyOtherEncryptionKeys": {"StringNotEquals": {KEY_ID: KEY}},
        "DenyCustomerProvidedKeys": {"Null": {CUSTOMER: "false"}},
    }


def test_the_optional_guards() -> None:
    listed = guard.statements(
        guard.GuardSpec(BUCKET, KEY, guard_replicas=True, encryption_admins=(ROLE,)),
    )
    optional = {one["Sid"]: (one["Action"], one["Resource"], one["Condition"]) for one in listed[4:]}
    objects, bucket = f"arn:aws:s3:::{BUCKET}/*", f"arn:aws:s3:::{BUCKET}"
    assert optional == {
        "SealedS3DenyReencryptionToOtherKeys": (
            "s3:UpdateObjectEncryption",
            objects,
            {"StringNotEquals": {KEY_ID: KEY}},
        ),
        "SealedS3DenyReplicasUnderOtherKeys": ("s3:ReplicateObject", objects, {"StringNotEquals": {KEY_ID: KEY}}),
        "SealedS3DenyDefaultEncryptionChanges": (
            "s3:PutEncryptionConfiguration",
            bucket,
            {"ArnNotLike": {"aws:PrincipalArn": ROLE}},
        ),
        "SealedS3DenyInsecureTransport": ("s3:*", [bucket, objects], {"Bool": {"aws:SecureTransport": "false"}}),
    }


def test_a_key_change_admits_both_keys() -> None:
    both = conditions(accepted_keys=(OTHER_KEY, KEY))
    assert both["DenyNamedOtherKeys"]["StringNotEquals"] == {KEY_ID: [KEY, OTHER_KEY]}


def test_the_exempt_are_left_alone_by_the_upload_statements_only() -> None:
    found = conditions(
        exempt_principals=(ROLE, "arn:aws:iam::111122223333:role/B"),
        exempt_services=("delivery.logs.amazonaws.com",),
        guard_object_encryption_updates=True,
    )
    for purpose in (
        "DenyEncryptionWithoutTheKey",
        "DenyNamedOtherKeys",
        "DenyOtherAlgorithms",
        "DenyCustomerProvidedKeys",
    ):
        assert found[purpose]["ArnNotLike"] == {"aws:PrincipalArn": [ROLE, "arn:aws:iam::111122223333:role/B"]}
        assert found[purpose]["StringNotEquals"]["aws:PrincipalServiceName"] == "delivery.logs.amazonaws.com"
    assert found["DenyReencryptionToOtherKeys"] == {"StringNotEquals": {KEY_ID: KEY}}


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-iso-b"])
def test_the_partition_is_that_of_the_key(partition: str) -> None:
    spec = guard.GuardSpec(BUCKET, KEY.replace("arn:aws:", f"arn:{partition}:"))
    resources = [resource for one in guard.statements(spec) for resource in document.as_list(one["Resource"])]
    assert spec.partition == partition
    assert all(resource.startswith(f"arn:{partition}:s3:::{BUCKET}") for resource in resources)


@given(guard_specs)
def test_every_statement_is_ours_and_well_formed(spec: guard.GuardSpec) -> None:
    listed = guard.statements(spec)
    assert document.parse({"Version": "2012-10-17", "Statement": copy.deepcopy(listed)}).statements == tuple(listed)
    sids = [one["Sid"] for one in listed]
    assert len(set(sids)) == len(sids)
    for one in listed:
        assert re.fullmatch(r"SealedS3[A-Za-z0-9]+", one["Sid"])
        assert guard.is_ours(one)
        assert (one["Effect"], one["Principal"]) == ("Deny", "*")
        assert isinstance(one["Action"], str)


def test_foreign_statements_are_not_ours() -> None:
    for sid in (None, "", "sealeds3Deny", "MySealedS3", "DenyUploadIfNotSSEKMSEncrypted"):
        assert not guard.is_ours({"Sid": sid})
    assert not guard.is_ours({})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"enforcement": "strict"}, "enforcement: expected one of deny_overrides, deny_other_keys, require_headers"),
        ({"key_arn": "alias/x"}, 'key_arn: expected the full ARN of a KMS key'),
        ({"key_arn": KEY.replace("key/", "alias/")}, "key_arn: expected the full ARN"),
        ({"key_arn": KEY.replace("1", "١")}, "key_arn: expected the full ARN"),
        ({"key_arn": KEY + "\n"}, "key_arn: expected the full ARN"),
        ({"accepted_keys": ("1234",)}, "accepted_keys: expected the full ARN"),
        ({"accepted_keys": (KEY.replace("eu-west-1", "us-east-1"),)}, "accepted_keys: arn:aws:kms:us-east-1"),
        ({"encryption_admins": ("111122223333",)}, "encryption_admins: expected a principal's ARN"),
        ({"exempt_principals": ("*",)}, "exempt_principals: expected a principal's ARN"),
        ({"exempt_principals": ("arn:aws:iam::*:*",)}, 'exempt_principals: "arn:aws:iam::*:*" matches every principal'),
        ({"exempt_principals": ("arn:aws:iam::1:user/${aws:username}",)}, "exempt_principals: policy variables"),
        ({"exempt_principals": (SESSION,)}, f'exempt_principals: "{SESSION}" is the ARN of a session'),
        ({"exempt_services": ("*.amazonaws.com",)}, "exempt_services: expected a service principal"),
    ],
)  # fmt: skip
def test_a_guard_that_would_not_protect_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(guard.GuardError) as refused:
        guard.GuardSpec(**{"bucket": BUCKET, "key_arn": KEY, **options})
    assert str(refused.value).startswith(sentence)


def test_is_key_arn() -> None:
    assert guard.is_key_arn(KEY)
    assert guard.is_key_arn(KEY.replace("key/1234abcd", "key/mrk-1234abcd"))
    assert not guard.is_key_arn("alias/x")
