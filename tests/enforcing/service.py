# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests send to an enforcing LocalStack, and what comes back."""

from __future__ import annotations

import http.client
import itertools
import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from localstack import REGION, LocalStack

ACCOUNT = "000000000000"
ALIAS = "alias/sealed"


@dataclass(frozen=True)
class Answer:
    """What came back, and how."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def refused(self) -> bool:
        """Whether this is S3's refusal.

        :raises AssertionError: when it is neither that nor a success.
        """
        if self.status == 403:
            assert b"<Code>AccessDenied</Code>" in self.body, self.body
            assert b"with an explicit deny in a resource-based policy" in self.body, self.body
            return True
        assert self.status in (200, 204), (self.status, self.body)
        return False


@dataclass
class Service:
    """An enforcing LocalStack, with the keys, and ways to send it things."""

    localstack: LocalStack
    model: str
    key: str = ""
    other_key: str = ""
    _names: Iterator[int] = field(default_factory=itertools.count)
    _clients: dict[tuple[str, str, bool], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kms = self.client("kms")
        self.key, self.other_key = (kms.create_key()["KeyMetadata"]["Arn"] for _which in range(2))
        kms.create_alias(AliasName=ALIAS, TargetKeyId=self.key)

    @property
    def key_id(self) -> str:
        return self.key.rpartition("/")[2]

    def client(self, service: str, credentials: Mapping[str, str] | None = None, *, tls: bool = True) -> Any:
        """A client of boto3, of the root user or with the credentials that IAM or STS gave out."""
        given = credentials or {"AccessKeyId": "test", "SecretAccessKey": "test"}
        known = (service, given["AccessKeyId"], tls)
        # To make one takes longer than what it is used for.
        if known not in self._clients:
            self._clients[known] = self._new_client(service, given, tls)
        return self._clients[known]

    def _new_client(self, service: str, given: Mapping[str, str], tls: bool) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.localstack.endpoint if tls else self.localstack.http_endpoint,
            verify=str(self.localstack.ca_bundle),
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given.get("SessionToken"),
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def bucket(self, policy: list[dict[str, Any]] | None = None, default: str | None = None) -> str:
        """A new bucket; B in the policy's ARNs is its name."""
        name = f"bucket-{next(self._names)}"
        s3 = self.client("s3")
        s3.create_bucket(Bucket=name)
        self.set_default(name, default or self.key)
        if policy:
            document = {"Version": "2012-10-17", "Statement": policy}
            s3.put_bucket_policy(
                Bucket=name, Policy=json.dumps(document).replace("arn:aws:s3:::B", f"arn:aws:s3:::{name}")
            )
        return name

    def set_default(self, bucket: str, default: str) -> None:
        """Set the default encryption, to a key or to AES256."""
        by: dict[str, Any] = {"SSEAlgorithm": "AES256"}
        if default != "AES256":
            by = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": default}
        self.client("s3").put_bucket_encryption(
            Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": by}]}
        )

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        tls: bool = True,
        access_key: str | None = "test",
    ) -> Answer:
        """Send a request as it is, over a connection of its own; unsigned without an access key."""
        url = (self.localstack.endpoint if tls else self.localstack.http_endpoint) + path
        where = urlsplit(url)
        sent = {"Host": where.netloc, **(headers or {})}
        if access_key:
            signed = AWSRequest(method=method, url=url, data=body, headers=sent)
            S3SigV4Auth(Credentials(access_key, "test"), "s3", REGION).add_auth(signed)
            sent = dict(signed.headers.items())
        assert where.hostname and where.port
        connection: http.client.HTTPConnection
        if tls:
            trusted = ssl.create_default_context(cafile=str(self.localstack.ca_bundle))
            connection = http.client.HTTPSConnection(where.hostname, where.port, timeout=20, context=trusted)
        else:
            connection = http.client.HTTPConnection(where.hostname, where.port, timeout=20)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), dict(answer.getheaders()))
        finally:
            connection.close()

    def has(self, bucket: str, key: str) -> bool:
        """Whether an object is there; asked by listing, which no policy in these tests denies."""
        listed = self.client("s3").list_objects_v2(Bucket=bucket, Prefix=key)
        return any(one["Key"] == key for one in listed.get("Contents", ()))
