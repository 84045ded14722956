# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LocalStack hands policies back in other forms, the same again for the same seed, and takes none that names nobody."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from localstack import REGION, SEED, LocalStack, seed

from ansible_collections.sealed.s3.tests.as_s3.rewriting import tidy

ACCOUNT = "000000000000"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
NUMBERS = itertools.count(1)
SEEDED = 1

# The user's own account has no part in this.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]


def client(localstack: LocalStack, service: str) -> Any:
    return boto3.client(
        service, region_name=REGION, endpoint_url=localstack.endpoint, aws_access_key_id="test",
        aws_secret_access_key="test",
    )  # fmt: skip


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, Any]]:
    with LocalStack(as_s3=SEEDED) as started:
        yield {name: client(started, name) for name in ("s3", "kms", "iam")}


def policy(bucket: str, *principals: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": {
            "Sid": "Foreign",
            "Effect": "Deny",
            "Principal": {"AWS": [ROOT, *principals]},
            "Action": ["s3:*"],
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": False}, "NumericLessThan": {"s3:TlsVersion": 1.2}},
        },
    }


def new_bucket(clients: dict[str, Any], *principals: str) -> str:
    bucket = f"as-s3-{next(NUMBERS)}"
    clients["s3"].create_bucket(Bucket=bucket)
    clients["s3"].put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy(bucket, *principals)))
    return bucket


def new_role(clients: dict[str, Any], name: str) -> tuple[str, str]:
    role = clients["iam"].create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]
    return role["Arn"], role["RoleId"]


def texts(clients: dict[str, Any], bucket: str, times: int = 20) -> list[str]:
    return [clients["s3"].get_bucket_policy(Bucket=bucket)["Policy"] for _time in range(times)]


def test_a_policy_comes_back_in_many_forms_that_mean_the_same(clients: dict[str, Any]) -> None:
    bucket = new_bucket(clients)
    found = texts(clients, bucket)
    assert len(set(found)) > 10
    forms = [json.loads(text)["Statement"] for text in found]
    assert {type(form) for form in forms} == {dict, list}
    statements = [form[0] if isinstance(form, list) else form for form in forms]
    assert {json.dumps(one["Action"]) for one in statements} == {'"s3:*"', '["s3:*"]'}
    assert {name for one in statements for name in [one["Principal"]["AWS"]] if isinstance(name, str)} == {
        ACCOUNT,
        ROOT,
    }
    assert all(one["Condition"]["NumericLessThan"]["s3:TlsVersion"] == "1.2" for one in statements)
    assert all(tidy(json.loads(text)) == tidy(policy(bucket)) for text in found)
    # What enforces them, and whoever puts them, has them as they were put.
    clients["s3"].delete_bucket_policy(Bucket=bucket)
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        clients["s3"].get_bucket_policy(Bucket=bucket)


def test_a_seed_repeats_the_forms(clients: dict[str, Any]) -> None:
    bucket = new_bucket(clients)
    first = texts(clients, bucket, 5)
    with LocalStack(as_s3=SEEDED) as other:
        s3 = client(other, "s3")
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy(bucket)))
        assert texts({"s3": s3}, bucket, 5) == first


def test_a_role_that_is_deleted_is_shown_by_its_id_and_refused(clients: dict[str, Any]) -> None:
    role, role_id = new_role(clients, "gone")
    other, other_id = new_role(clients, "there")
    bucket = new_bucket(clients, role, other_id)
    assert tidy(json.loads(texts(clients, bucket, 1)[0])) == tidy(policy(bucket, role, other))
    clients["iam"].delete_role(RoleName="gone")
    shown = texts(clients, bucket, 1)[0]
    assert tidy(json.loads(shown)) == tidy(policy(bucket, role_id, other))
    with pytest.raises(ClientError, match=r"\(MalformedPolicy\).*Invalid principal in policy"):
        clients["s3"].put_bucket_policy(Bucket=bucket, Policy=shown)
    # Another role of the same name is another role.
    new_role(clients, "gone")
    assert tidy(json.loads(texts(clients, bucket, 1)[0])) == tidy(policy(bucket, role_id, other))
    clients["s3"].put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy(bucket, role)))
    assert tidy(json.loads(texts(clients, bucket, 1)[0])) == tidy(policy(bucket, role))


def test_a_key_policy_keeps_its_texts_and_its_arns(clients: dict[str, Any]) -> None:
    user = clients["iam"].create_user(UserName="gone")["User"]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": [ROOT, user["Arn"]]},
        "Action": ["kms:*"],
        "Resource": "*",
        "Condition": {"Bool": {"kms:GrantIsForAWSResource": True}},
    }
    put = {"Version": "2012-10-17", "Statement": [statement]}
    key = clients["kms"].create_key(Policy=json.dumps(put))["KeyMetadata"]["KeyId"]

    def seen() -> str:
        return str(clients["kms"].get_key_policy(KeyId=key, PolicyName="default")["Policy"])

    found = [seen() for _time in range(10)]
    assert len(set(found)) > 5
    for text in found:
        (one,) = json.loads(text)["Statement"]
        assert sorted(one["Principal"]["AWS"]) == sorted([ROOT, user["Arn"]])
        assert one["Condition"] == statement["Condition"]
    clients["iam"].delete_user(UserName="gone")
    shown = seen()
    assert user["UserId"] in shown and user["Arn"] not in shown
    with pytest.raises(ClientError, match=r"\(MalformedPolicyDocumentException\).*invalid principals"):
        clients["kms"].put_key_policy(KeyId=key, PolicyName="default", Policy=shown)


def test_the_seed_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(SEED, "17")
    assert seed() == 17
    assert f"{SEED}=17" in capsys.readouterr().err
    monkeypatch.delenv(SEED)
    assert f"{SEED}={seed()}" in capsys.readouterr().err
