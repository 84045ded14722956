# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other ways to upload, the guards of the bucket's configuration, and who is bound by them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from localstack import REGION
from service import ACCOUNT, ALIAS, Answer, Service
from test_decision_table import SETS, encryption, statements

DENY_ALL = {
    "Sid": "Everything",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::B", "arn:aws:s3:::B/*"],
}
TLS_ONLY = {**DENY_ALL, "Sid": "T1", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
SSE = "x-amz-server-side-encryption"
KEY_ID = f"{SSE}-aws-kms-key-id"
FORM = "multipart/form-data; boundary=edge"


def deny(action: str, condition: dict[str, Any], on: str = "/*") -> dict[str, Any]:
    return {**DENY_ALL, "Sid": "One", "Action": action, "Resource": f"arn:aws:s3:::B{on}", "Condition": condition}


@contextlib.contextmanager
def refused(code: int = 403) -> Iterator[None]:
    """What boto3 raises for a refusal."""
    with pytest.raises(ClientError) as raised:
        yield
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == code
    if code == 403:
        assert raised.value.response["Error"]["Code"] in ("AccessDenied", "403")


def form(fields: Mapping[str, str], content: str = "x") -> bytes:
    """A form upload."""
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    parts.append(f'Content-Disposition: form-data; name="file"; filename="posted"\r\n\r\n{content}')
    return "".join(f"--edge\r\n{part}\r\n" for part in parts).encode() + b"--edge--\r\n"


@pytest.fixture(scope="session")
def new_user(service: Service) -> Callable[[str], dict[str, str]]:
    """Makes an IAM user; gives the user's ARN beside the access key."""
    iam = service.client("iam")

    def make(name: str) -> dict[str, str]:
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_user(UserName=name)
        arn = iam.get_user(UserName=name)["User"]["Arn"]
        return {**iam.create_access_key(UserName=name)["AccessKey"], "Arn": arn}

    return make


# How it is said


def test_a_refusal_is_that_of_s3(service: Service) -> None:
    bucket = service.bucket(statements("P", service.key))
    for tls in (True, False):
        answer = service.send("PUT", f"/{bucket}/a%20b", {SSE: "AES256"}, b"x", tls=tls)
        assert answer.refused
        assert answer.headers["Content-Type"].partition(";")[0] in ("application/xml", "text/xml")
        assert f'perform: s3:PutObject on resource: "arn:aws:s3:::{bucket}/a b"'.encode() in answer.body.replace(
            b"&quot;", b'"'
        )
        assert f"User: arn:aws:iam::{ACCOUNT}:root is not".encode() in answer.body


def test_a_refused_head_has_no_body(service: Service) -> None:
    bucket = service.bucket([DENY_ALL])
    for path in (f"/{bucket}", f"/{bucket}/x"):
        answer = service.send("HEAD", path)
        assert (answer.status, answer.body) == (403, b"")


def test_the_log_names_the_statement(service: Service) -> None:
    bucket = service.bucket(statements("P", service.key))
    assert service.send("PUT", f"/{bucket}/named", {SSE: "aws:kms:dsse", KEY_ID: service.key}, b"x").refused
    log = service.localstack.log.read_text(encoding="utf-8")
    assert f"refused s3:PutObject on arn:aws:s3:::{bucket}/named to arn:aws:iam::{ACCOUNT}:root: D3" in log


# TLS


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/x", b"x"),
        ("GET", "/there", b""),
        ("DELETE", "/there", b""),
        ("GET", "?list-type=2", b""),
        ("GET", "?encryption", b""),
        ("GET", "?location", b""),
        ("GET", "?versioning", b""),
        ("GET", "?publicAccessBlock", b""),
    ],
)
def test_tls_guard(service: Service, method: str, path: str, body: bytes) -> None:
    bucket = service.bucket([TLS_ONLY])
    service.send("PUT", f"/{bucket}/there", body=b"x")
    assert service.send(method, f"/{bucket}{path}", body=body, tls=False).refused
    assert not service.send(method, f"/{bucket}{path}", body=body).refused


def test_tls_guard_of_configuration(service: Service) -> None:
    bucket = service.bucket([TLS_ONLY])
    rule = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    with refused():
        service.client("s3", tls=False).put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rule)
    service.client("s3").put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rule)


def test_a_bucket_elsewhere_is_not_concerned(service: Service) -> None:
    service.bucket([DENY_ALL])
    assert not service.send("PUT", f"/{service.bucket()}/x", body=b"x", tls=False).refused
    assert not service.send("GET", "/", tls=False).refused


# Who


def test_the_root_user_can_always_repair_the_policy(
    service: Service, new_user: Callable[[str], dict[str, str]]
) -> None:
    bucket = service.bucket([DENY_ALL])
    root, user = service.client("s3"), service.client("s3", new_user("repairs"))
    with refused():
        root.put_object(Bucket=bucket, Key="x")
    with refused():
        root.get_bucket_encryption(Bucket=bucket)
    with refused():
        user.get_bucket_policy(Bucket=bucket)
    with refused():
        user.put_bucket_policy(Bucket=bucket, Policy="{}")
    with refused():
        user.delete_bucket_policy(Bucket=bucket)
    policy = root.get_bucket_policy(Bucket=bucket)["Policy"]
    root.put_bucket_policy(Bucket=bucket, Policy=policy)
    root.delete_bucket_policy(Bucket=bucket)
    user.put_object(Bucket=bucket, Key="x")


def test_the_root_user_of_another_account_cannot(service: Service) -> None:
    bucket = service.bucket([DENY_ALL])
    with refused():
        service.client("s3", {"AccessKeyId": "111122223333", "SecretAccessKey": "test"}).get_bucket_policy(
            Bucket=bucket
        )


def test_default_encryption_guard(service: Service, new_user: Callable[[str], dict[str, str]]) -> None:
    admin, user = new_user("admin"), new_user("somebody")
    guard = deny("s3:PutEncryptionConfiguration", {"ArnNotLike": {"aws:PrincipalArn": [admin["Arn"]]}}, on="")
    bucket = service.bucket([guard])
    rule = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    for other in (service.client("s3"), service.client("s3", user)):
        with refused():
            other.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rule)
        with refused():
            other.delete_bucket_encryption(Bucket=bucket)
        other.get_bucket_encryption(Bucket=bucket)
        other.put_object(Bucket=bucket, Key="x")
    service.client("s3", admin).put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rule)


def test_the_session_of_a_role_is_the_role(service: Service) -> None:
    name = "keeper"
    role = service.client("iam").create_role(
        RoleName=name, Path="/keepers/", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []})
    )["Role"]["Arn"]
    session = service.client("sts").assume_role(RoleArn=role, RoleSessionName="now")["Credentials"]
    bucket = service.bucket(
        [deny("s3:PutObject", {"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::*:role/keepers/{name}"}})]
    )
    service.client("s3", session).put_object(Bucket=bucket, Key="x")
    with refused():
        service.client("s3").put_object(Bucket=bucket, Key="x")


def test_a_principal_is_only_who_is_named(service: Service, new_user: Callable[[str], dict[str, str]]) -> None:
    named, other = new_user("named"), new_user("other")
    bucket = service.bucket([{**DENY_ALL, "Principal": {"AWS": named["Arn"]}}])
    with refused():
        service.client("s3", named).put_object(Bucket=bucket, Key="x")
    service.client("s3", other).put_object(Bucket=bucket, Key="x")


def test_nobody(service: Service) -> None:
    bucket = service.bucket([deny("s3:PutObject", {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}})])
    assert service.send("PUT", f"/{bucket}/x", body=b"x").refused
    assert not service.send("PUT", f"/{bucket}/x", body=b"x", access_key=None).refused
    bucket = service.bucket([DENY_ALL])
    answer = service.send("GET", f"/{bucket}?list-type=2", access_key=None)
    assert answer.refused
    assert b"User: anonymous is not" in answer.body


# The plain condition keys


def test_plain_keys(service: Service) -> None:
    bucket = service.bucket([
        {**deny("s3:PutObject", {"StringEquals": {"s3:x-amz-acl": "public-read"}}), "Sid": "Acl"},
        {**deny("s3:PutObject", {"StringEquals": {"s3:x-amz-storage-class": "GLACIER"}}), "Sid": "Class"},
        {**deny("s3:ListBucket", {"StringLike": {"s3:prefix": "hidden/*"}}, on=""), "Sid": "Prefix"},
        {**deny("s3:GetObject", {"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}), "Sid": "Elsewhere"},
        {**deny("s3:DeleteObject", {"IpAddress": {"aws:SourceIp": "127.0.0.1"}}), "Sid": "Here"},
    ])  # fmt: skip
    s3 = service.client("s3")
    s3.put_object(Bucket=bucket, Key="x", ACL="private")
    s3.get_object(Bucket=bucket, Key="x")
    s3.list_objects_v2(Bucket=bucket, Prefix="open/")
    for call, parameters in (
        (s3.put_object, {"Key": "x", "ACL": "public-read"}),
        (s3.put_object, {"Key": "x", "StorageClass": "GLACIER"}),
        (s3.list_objects_v2, {"Prefix": "hidden/a"}),
        (s3.delete_object, {"Key": "x"}),
        (s3.delete_objects, {"Delete": {"Objects": [{"Key": "x"}]}}),
    ):
        with refused():
            call(Bucket=bucket, **parameters)


def test_a_version_is_an_action_of_its_own(service: Service) -> None:
    bucket = service.bucket([deny("s3:GetObjectVersion", {})])
    s3 = service.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="x")["VersionId"]
    s3.get_object(Bucket=bucket, Key="x")
    with refused():
        s3.get_object(Bucket=bucket, Key="x", VersionId=version)


# Copies


@pytest.mark.parametrize(
    ("row", "allowed"),
    [
        ("no headers, default = K", {"P": True, "E": None, "Strict": False}),
        ("AES256", dict.fromkeys(SETS, False)),
        ("aws:kms, no key id", dict.fromkeys(SETS, False)),
        ("aws:kms + K", dict.fromkeys(SETS, True)),
    ],
)
@pytest.mark.parametrize("name", SETS)
def test_copy(service: Service, row: str, allowed: dict[str, bool | None], name: str) -> None:
    source = service.bucket(default="AES256")
    service.send("PUT", f"/{source}/from", body=b"x")
    bucket = service.bucket(statements(name, service.key))
    headers = {"x-amz-copy-source": f"/{source}/from", **encryption(row, service)}
    answer = service.send("PUT", f"/{bucket}/to", headers)
    expected = service.model == "effective" if allowed[name] is None else allowed[name]
    assert answer.refused != expected
    assert service.has(bucket, "to") == expected


def test_a_copy_reads_its_source(service: Service) -> None:
    source = service.bucket([deny("s3:GetObject", {})])
    service.send("PUT", f"/{source}/a%20b", body=b"x")
    bucket = service.bucket()
    s3 = service.client("s3")
    with refused():
        s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": source, "Key": "a b"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="to")["UploadId"]
    with refused():
        s3.upload_part_copy(
            Bucket=bucket, Key="to", UploadId=upload, PartNumber=1, CopySource={"Bucket": source, "Key": "a b"}
        )


# Multipart uploads


def multipart(service: Service, bucket: str, headers: Mapping[str, str]) -> Answer:
    """Create, send one part, complete; the answer to the first that is refused, or to the last."""
    answer = service.send("POST", f"/{bucket}/x?uploads", headers)
    if answer.refused:
        return answer
    upload = answer.body.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()
    of_upload = urlencode({"uploadId": upload})
    part = service.send("PUT", f"/{bucket}/x?partNumber=1&{of_upload}", body=b"x")
    if part.refused:
        return part
    done = f"<Part><PartNumber>1</PartNumber><ETag>{part.headers['ETag']}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{done}</CompleteMultipartUpload>".encode()
    return service.send("POST", f"/{bucket}/x?{of_upload}", body=body)


@pytest.mark.parametrize("name", SETS)
def test_multipart_without_headers(service: Service, name: str) -> None:
    bucket = service.bucket(statements(name, service.key))
    expected = {"P": True, "E": service.model == "effective", "Strict": False}[name]
    assert multipart(service, bucket, {}).refused != expected
    assert service.has(bucket, "x") == expected


@pytest.mark.parametrize("name", SETS)
def test_multipart_with_another_encryption(service: Service, name: str) -> None:
    bucket = service.bucket(statements(name, service.key))
    for row in ("AES256", "aws:kms, no key id", "aws:kms + another key"):
        assert service.send("POST", f"/{bucket}/x?uploads", encryption(row, service)).refused


def test_a_part_does_not_see_the_encryption_of_its_upload(service: Service) -> None:
    with_key = encryption("aws:kms + K", service)
    bucket = service.bucket(statements("P", service.key))
    assert not multipart(service, bucket, with_key).refused
    # The header is required of every part too, and S3 takes none there.
    bucket = service.bucket(statements("Strict", service.key))
    assert not service.send("POST", f"/{bucket}/x?uploads", with_key).refused
    assert multipart(service, bucket, with_key).refused
    # Of a part, the default's key is the effective one.
    bucket = service.bucket(statements("E", service.key), default=service.other_key)
    assert multipart(service, bucket, with_key).refused
    bucket = service.bucket(statements("E", service.key))
    assert multipart(service, bucket, with_key).refused == (service.model == "header_only")


def test_a_part_may_see_it(other_choices: Service) -> None:
    with_key = encryption("aws:kms + K", other_choices)
    for name in SETS:
        bucket = other_choices.bucket(statements(name, other_choices.key), default=other_choices.other_key)
        assert not multipart(other_choices, bucket, with_key).refused
    bucket = other_choices.bucket()
    answer = other_choices.send("POST", f"/{bucket}/x?uploads", {SSE: "AES256"})
    upload = answer.body.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()
    policy = {"Version": "2012-10-17", "Statement": statements("P", other_choices.key)}
    other_choices.client("s3").put_bucket_policy(
        Bucket=bucket, Policy=json.dumps(policy).replace("arn:aws:s3:::B", f"arn:aws:s3:::{bucket}")
    )
    path = f"/{bucket}/x?partNumber=1&{urlencode({'uploadId': upload})}"
    assert other_choices.send("PUT", path, body=b"x").refused


def test_a_part_under_a_key_of_the_customer(service: Service) -> None:
    bucket = service.bucket()
    customer = encryption("SSE-C", service)
    answer = service.send("POST", f"/{bucket}/x?uploads", customer)
    upload = answer.body.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()
    policy = {"Version": "2012-10-17", "Statement": statements("P", service.key)[-1:]}
    service.client("s3").put_bucket_policy(
        Bucket=bucket, Policy=json.dumps(policy).replace("arn:aws:s3:::B", f"arn:aws:s3:::{bucket}")
    )
    path = f"/{bucket}/x?partNumber=1&{urlencode({'uploadId': upload})}"
    assert service.send("PUT", path, customer, b"x").refused


# Signed beforehand


def presign(credentials: Mapping[str, str], service: Service, signature: str, **parameters: Any) -> str:
    """The path of a presigned upload."""
    client = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=service.localstack.endpoint,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        config=Config(signature_version=signature, s3={"addressing_style": "path"}),
    )
    where = urlsplit(client.generate_presigned_url("put_object", Params=parameters))
    return f"{where.path}?{where.query}"


ROOT = {"AccessKeyId": "test", "SecretAccessKey": "test"}


@pytest.mark.parametrize("signature", ["s3v4", "s3"])
def test_presigned(service: Service, signature: str, new_user: Callable[[str], dict[str, str]]) -> None:
    bucket = service.bucket(statements("P", service.key))
    plain = presign(ROOT, service, signature, Bucket=bucket, Key="x")
    assert not service.send("PUT", plain, body=b"x", access_key=None).refused
    other = presign(ROOT, service, signature, Bucket=bucket, Key="x", ServerSideEncryption="AES256")
    assert service.send("PUT", other, {SSE: "AES256"}, b"x", access_key=None).refused

    user = new_user("signs")
    bucket = service.bucket([{**DENY_ALL, "Principal": {"AWS": user["Arn"]}}])
    theirs = presign(user, service, signature, Bucket=bucket, Key="x")
    answer = service.send("PUT", theirs, body=b"x", access_key=None)
    assert answer.refused
    assert f"User: {user['Arn']} is not".encode() in answer.body
    assert not service.send(
        "PUT", presign(ROOT, service, signature, Bucket=bucket, Key="x"), body=b"x", access_key=None
    ).refused


def test_a_presigned_header_in_the_query_counts(service: Service) -> None:
    # Some SDKs move headers into the signed query, and S3 takes them from there.
    bucket = service.bucket(statements("P", service.key))
    moved = presign(ROOT, service, "s3v4", Bucket=bucket, Key="x") + f"&{SSE}=AES256"
    assert service.send("PUT", moved, body=b"x", access_key=None).refused


# Forms


@pytest.mark.parametrize("name", SETS)
def test_form(service: Service, name: str) -> None:
    bucket = service.bucket(statements(name, service.key))
    sent = {"Content-Type": FORM}

    def post(key: str, **fields: str) -> Answer:
        return service.send("POST", f"/{bucket}", sent, form({"key": key, **fields}), access_key=None)

    effective = service.model == "effective"
    assert post("none").refused != {"P": True, "E": effective, "Strict": False}[name]
    assert not post("right", **{SSE: "aws:kms", KEY_ID: service.key}).refused
    assert post("named", **{SSE: "aws:kms", KEY_ID: ALIAS}).refused != effective
    for fields in ({SSE: "AES256"}, {SSE: "aws:kms"}, {SSE: "aws:kms", KEY_ID: service.other_key},
                   {f"{SSE}-customer-algorithm": "AES256"}):  # fmt: skip
        assert post("wrong", **fields).refused
    assert not service.has(bucket, "wrong")
    assert service.has(bucket, "right")


def test_the_key_of_a_form(service: Service) -> None:
    bucket = service.bucket([{**DENY_ALL, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::B/shut/*"}])
    sent = {"Content-Type": FORM}
    for key, expected in (("shut/${filename}", True), ("open/${filename}", False)):
        answer = service.send("POST", f"/{bucket}", sent, form({"key": key}), access_key=None)
        assert answer.refused == expected
    assert service.has(bucket, "open/posted")


def test_a_form_is_from_who_signed_it(service: Service, new_user: Callable[[str], dict[str, str]]) -> None:
    user = new_user("posts")
    bucket = service.bucket([{**DENY_ALL, "Principal": {"AWS": user["Arn"]}}])
    signed = service.client("s3", user).generate_presigned_post(bucket, "x")["fields"]
    answer = service.send("POST", f"/{bucket}", {"Content-Type": FORM}, form(signed), access_key=None)
    assert answer.refused
    assert f"User: {user['Arn']} is not".encode() in answer.body


# UpdateObjectEncryption


def test_update_object_encryption(service: Service) -> None:
    guard = deny("s3:UpdateObjectEncryption", {"StringNotEquals": {f"s3:{KEY_ID}": service.key}})
    bucket = service.bucket([guard])
    s3 = service.client("s3")
    s3.put_object(Bucket=bucket, Key="x")

    def update(key: str) -> None:
        wanted = {"SSEKMS": {"KMSKeyArn": key, "BucketKeyEnabled": True}}
        s3.update_object_encryption(Bucket=bucket, Key="x", ObjectEncryption=wanted)

    with refused():
        update(service.other_key)
    # It is not refused; LocalStack does not have it.
    with refused(501):
        update(service.key)
