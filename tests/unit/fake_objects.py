# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects in the buckets of FakeAws. Like a LocalStack, it stores policies and enforces none: a hook has to refuse."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.aws import probe as uploading
from ansible_collections.sealed.s3.plugins.module_utils.aws.call import Answer
from ansible_collections.sealed.s3.tests.unit.fake_aws import FakeAws, FakeBucket, Fault, Run, run_module

WRITES = ("PutObject", "CopyObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
DENIED = Fault("AccessDenied", "Access Denied", 403)
BY_POLICY = Fault(
    "AccessDenied", "not authorized to perform: s3:PutObject with an explicit deny in a resource-based policy", 403
)


class FakeObjects(FakeAws):
    """With objects.

    :ivar objects: by bucket, key and version; a delete marker is None.
    :ivar uploads: in parts, that were neither completed nor aborted.
    :ivar versions_on_a_page: of ListObjectVersions; 0: all.
    :ivar said: what is told of the encryption of each object instead of what there is; None: that.
    """

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[tuple[str, str, str], dict[str, Any] | None] = {}
        self.uploads: dict[str, dict[str, Any]] = {}
        self.versions_on_a_page = 0
        self.said: Mapping[str, Any] | None = None
        self._numbers = itertools.count(1)

    def _store(self, bucket: FakeBucket, parameters: Mapping[str, Any]) -> dict[str, Any]:
        stored = self._encryption(bucket, parameters)
        version = f"v{next(self._numbers)}" if bucket.versioning == "Enabled" else "null"
        self.objects[parameters["Bucket"], parameters["Key"], version] = stored
        return {"ETag": "x", **({"VersionId": version} if version != "null" else {}), **stored}

    def _encryption(self, bucket: FakeBucket, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if self.said is not None:
            return dict(self.said)
        if "SSECustomerAlgorithm" in parameters:
            return {"SSECustomerAlgorithm": "AES256"}
        rule = bucket.encryption or {}
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        given = parameters.get("ServerSideEncryption")
        algorithm = given or default.get("SSEAlgorithm")
        stored = {"ServerSideEncryption": algorithm}
        if algorithm != "AES256":
            named = parameters.get("SSEKMSKeyId") or default.get("KMSMasterKeyID")
            found = self.keys.get(self.aliases.get(named, named))
            stored["SSEKMSKeyId"] = found["metadata"]["Arn"] if found else named
        return {**stored, "BucketKeyEnabled": bool(rule.get("BucketKeyEnabled"))}

    def _PutObject(self, bucket: FakeBucket, parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._store(bucket, parameters)

    def _CopyObject(self, bucket: FakeBucket, parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._store(bucket, parameters)

    def _CreateMultipartUpload(self, _bucket: FakeBucket, parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        number = f"upload-{next(self._numbers)}"
        self.uploads[number] = dict(parameters)
        return {"UploadId": number}

    def _UploadPart(self, _bucket: FakeBucket, _parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"ETag": "x"}

    def _CompleteMultipartUpload(self, bucket: FakeBucket, parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return self._store(bucket, self.uploads.pop(parameters["UploadId"]))

    def _AbortMultipartUpload(self, _bucket: FakeBucket, parameters: Mapping[str, Any]) -> None:  # noqa: N802
        del self.uploads[parameters["UploadId"]]

    def _ListMultipartUploads(self, _bucket: FakeBucket, parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        found = [{"Key": one["Key"], "UploadId": number} for number, one in self.uploads.items()]
        return {"Uploads": [one for one in found if one["Key"].startswith(parameters["Prefix"])]}

    def _HeadObject(self, _bucket: FakeBucket, parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        versions = [
            stored
            for (bucket, key, _version), stored in self.objects.items()
            if (bucket, key) == (parameters["Bucket"], parameters["Key"])
        ]
        if not versions or versions[-1] is None:
            raise Fault("404", "Not Found", 404)
        return versions[-1]

    def _ListObjectVersions(self, _bucket: FakeBucket, parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        answer: dict[str, Any] = {"IsTruncated": False, "Versions": [], "DeleteMarkers": []}
        found = [
            (key, version, stored)
            for (bucket, key, version), stored in self.objects.items()
            if bucket == parameters["Bucket"] and key.startswith(parameters["Prefix"])
        ]
        start = int(parameters.get("KeyMarker", 0))
        end = start + (self.versions_on_a_page or len(found))
        for key, version, stored in found[start:end]:
            answer["DeleteMarkers" if stored is None else "Versions"].append({"Key": key, "VersionId": version})
        if end < len(found):
            answer.update(IsTruncated=True, NextKeyMarker=str(end), NextVersionIdMarker="v")
        return answer

    def _DeleteObject(self, bucket: FakeBucket, parameters: Mapping[str, Any]) -> None:  # noqa: N802
        version = parameters.get("VersionId")
        if version is None and bucket.versioning:
            marker = f"v{next(self._numbers)}" if bucket.versioning == "Enabled" else "null"
            self.objects[parameters["Bucket"], parameters["Key"], marker] = None
            return
        self.objects.pop((parameters["Bucket"], parameters["Key"], version or "null"), None)

    def send(
        self, _session: object, method: str, url: str, _headers: object, body: bytes, _timeout: float
    ) -> Answer:  # fmt: skip
        """What is sent without an SDK."""
        parts = urlsplit(url)
        path = unquote(parts.path)[1:]
        named = re.match(r"([^.]+)\.s3\.", parts.netloc)
        bucket, key = (named.group(1), path) if named else path.partition("/")[::2]
        if method == "POST":
            found = re.search(rb'name="key"\r\n\r\n(.*?)\r\n', body)
            assert found
            key = found.group(1).decode()
        try:
            return Answer(200, response=self.answer("PutObject", {"Bucket": bucket, "Key": key, "Sent": method}))
        except Fault as fault:
            return Answer(fault.status, fault.code, fault.message)


def run_probe(aws: FakeObjects, **options: Any) -> Run:
    """Run sse_kms_probe."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uploading, "send", aws.send)
        return run_module(aws, "sse_kms_probe", **options)
