# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""S3, KMS and STS as the unit tests need them, in memory, behind real botocore clients; and modules run against them.

Buckets behave as S3 does where the modules rely on it: a policy comes back in another form than it was put in, reads
may lag behind writes, the owner that a call expects is checked, and HeadBucket answers errors without a text.
"""

from __future__ import annotations

import contextlib
import copy
import datetime
import importlib
import io
import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import botocore.model
import pytest
from ansible.module_utils.testing import patch_module_args
from botocore.awsrequest import AWSResponse

from ansible_collections.sealed.s3.plugins.module_utils import runner
from ansible_collections.sealed.s3.plugins.module_utils.aws import session as sessions
from ansible_collections.sealed.s3.tests.as_s3.rewriting import as_s3, text_of
from ansible_collections.sealed.s3.tests.unit.fake_kms import ACCOUNT, CALLER, REGION, FakeKms
from ansible_collections.sealed.s3.tests.unit.fake_kms import KmsError as Fault

BUCKET = "uploads-111122223333"
OTHER_ACCOUNT = "999988887777"

# One for all: each session reads botocore's data anew.
_SDK_SESSION = boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test")

__all__ = ["ACCOUNT", "BUCKET", "CALLER", "OTHER_ACCOUNT", "REGION", "FakeAws", "FakeBucket", "Fault", "Run"]


@dataclass
class FakeBucket:
    """A bucket.

    :ivar policy: as JSON text, as it was put.
    :ivar normalises: hand the policy back in another form, as S3 does.
    :ivar stale_reads: how many further reads still see the state of before a write.
    :ivar keeps_blocked_types: without it, the service drops them from the rule.
    """

    owner: str = ACCOUNT
    region: str = REGION
    policy: str | None = None
    encryption: dict[str, Any] | None = field(
        default_factory=lambda: {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
            "BucketKeyEnabled": False,
        }
    )
    public_access_block: dict[str, bool] | None = None
    versioning: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    normalises: bool = True
    stale_reads: int = 0
    keeps_blocked_types: bool = True
    lagging: dict[str, Any] = field(default_factory=dict)

    def put_policy(self, policy: Mapping[str, Any] | str | None) -> None:
        self.policy = json.dumps(policy) if isinstance(policy, Mapping) else policy

    @property
    def statements(self) -> list[dict[str, Any]]:
        """The statements that are there now."""
        listed = json.loads(self.policy)["Statement"] if self.policy else []
        return listed if isinstance(listed, list) else [listed]

    @property
    def sids(self) -> list[str | None]:
        return [statement.get("Sid") for statement in self.statements]


class FakeAws(FakeKms):
    """Buckets by name, beside the keys of FakeKms; every call in ``calls``, with its parameters in ``requests``.

    :ivar after: called with operation and parameters after each answer; may change the state.
    :ivar arn: who calls.
    :ivar made: the clients that were made, by service and Region.
    :ivar waits: the seconds that were waited.
    :ivar waiting: called with the seconds of each wait; may change the state.
    :ivar sent_again: operations whose answers botocore has got to a second try.
    :ivar page: how many buckets ListBuckets tells at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.buckets: dict[str, FakeBucket] = {}
        self.after: list[Callable[[str, Mapping[str, Any]], None]] = []
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.arn = CALLER
        self.made: list[tuple[str, str]] = []
        self.waits: list[float] = []
        self.waiting: list[Callable[[float], None]] = []
        self.sent_again: set[str] = set()
        self.page = 1000
        self._clients: dict[tuple[str, str], Any] = {}

    def wait(self, seconds: float) -> None:
        """Let this time pass."""
        self.waits.append(seconds)
        for change in self.waiting:
            change(seconds)

    def add_bucket(self, name: str = BUCKET, **settings: Any) -> FakeBucket:
        self.buckets[name] = FakeBucket(**settings)
        return self.buckets[name]

    def once_after(self, operation: str, change: Callable[[], None], *, times: int = 1) -> None:
        """Let ``change`` happen right after the next answers of ``operation``: somebody else at work."""
        left = [times]

        def changing(called: str, _parameters: Mapping[str, Any]) -> None:
            if called == operation and left[0] > 0:
                left[0] -= 1
                change()

        self.after.append(changing)

    def parameters_of(self, operation: str) -> list[dict[str, Any]]:
        """The parameters of each call of an operation."""
        return [parameters for called, parameters in self.requests if called == operation]

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self.requests.append((operation, dict(parameters)))
        if "Bucket" in parameters:
            answer = self._answer_of_bucket(operation, parameters)
        elif operation == "ListBuckets":
            answer = self._list_buckets(parameters)
        elif operation == "GetCallerIdentity":
            answer = {**super().answer(operation, parameters), "Arn": self.arn}
        else:
            answer = super().answer(operation, parameters)
        for hook in self.after:
            hook(operation, parameters)
        return answer

    def _list_buckets(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The caller's own buckets, in pages of at most :attr:`page`."""
        self.calls.append("ListBuckets")
        for hook in self.before:
            hook("ListBuckets", parameters)
        names = [
            name
            for name, bucket in sorted(self.buckets.items())
            if bucket.owner == self.arn.split(":")[4]
            and name.startswith(parameters.get("Prefix", ""))
            and bucket.region == parameters.get("BucketRegion", bucket.region)
            and name > parameters.get("ContinuationToken", "")
        ]
        shown = names[: min(self.page, parameters["MaxBuckets"])]
        created = datetime.datetime(2026, 11, 1, tzinfo=datetime.timezone.utc)
        more = {"ContinuationToken": shown[-1]} if len(shown) < len(names) else {}
        listed = [{"Name": name, "BucketRegion": self.buckets[name].region, "CreationDate": created} for name in shown]
        return {"Buckets": listed, **more}

    def _answer_of_bucket(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append(operation)
        for hook in self.before:
            hook(operation, parameters)
        head = operation == "HeadBucket"
        bucket = self.buckets.get(parameters["Bucket"])
        if bucket is None:
            raise Fault("404", "Not Found", 404) if head else Fault("NoSuchBucket", "The bucket does not exist", 404)
        if parameters.get("ExpectedBucketOwner", bucket.owner) != bucket.owner:
            raise Fault("403", "Forbidden", 403) if head else Fault("AccessDenied", "Access Denied", 403)
        answer: dict[str, Any] = getattr(self, f"_{operation}")(bucket, parameters) or {}
        return answer

    @staticmethod
    def _seen(bucket: FakeBucket, name: str) -> Any:
        """What a read sees: for a while, the state of before the last write."""
        if name in bucket.lagging and bucket.stale_reads > 0:
            bucket.stale_reads -= 1
            return bucket.lagging[name]
        return getattr(bucket, name)

    @staticmethod
    def _written(bucket: FakeBucket, name: str, value: Any) -> None:
        bucket.lagging[name] = getattr(bucket, name)
        setattr(bucket, name, value)

    def _HeadBucket(self, bucket: FakeBucket, _parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"BucketRegion": bucket.region}

    def _GetBucketPolicy(self, bucket: FakeBucket, _parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        policy = self._seen(bucket, "policy")
        if policy is None:
            raise Fault("NoSuchBucketPolicy", "The bucket policy does not exist", 404)
        return {"Policy": as_handed_back(policy) if bucket.normalises else policy}

    def _PutBucketPolicy(self, bucket: FakeBucket, parameters: Mapping[str, Any]) -> None:  # noqa: N802
        assert "ConfirmRemoveSelfBucketAccess" not in parameters
        self._written(bucket, "policy", parameters["Policy"])

    def _DeleteBucketPolicy(self, bucket: FakeBucket, _parameters: Mapping[str, Any]) -> None:  # noqa: N802
        self._written(bucket, "policy", None)

    def _GetBucketEncryption(self, bucket: FakeBucket, _parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        rule = self._seen(bucket, "encryption")
        if rule is None:
            raise Fault("ServerSideEncryptionConfigurationNotFoundError", "There is none", 404)
        return {"ServerSideEncryptionConfiguration": {"Rules": [copy.deepcopy(rule)]}}

    def _PutBucketEncryption(self, bucket: FakeBucket, parameters: Mapping[str, Any]) -> None:  # noqa: N802
        (rule,) = copy.deepcopy(parameters["ServerSideEncryptionConfiguration"]["Rules"])
        if not bucket.keeps_blocked_types:
            rule.pop("BlockedEncryptionTypes", None)
        self._written(bucket, "encryption", rule)

    def _GetPublicAccessBlock(self, bucket: FakeBucket, _parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        if bucket.public_access_block is None:
            raise Fault("NoSuchPublicAccessBlockConfiguration", "There is none", 404)
        return {"PublicAccessBlockConfiguration": dict(bucket.public_access_block)}

    def _GetBucketVersioning(self, bucket: FakeBucket, _parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Status": bucket.versioning} if bucket.versioning else {}

    def _GetBucketTagging(self, bucket: FakeBucket, _parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        if not bucket.tags:
            raise Fault("NoSuchTagSet", "There are none", 404)
        return {"TagSet": [{"Key": name, "Value": value} for name, value in bucket.tags.items()]}

    @property
    def writes(self) -> list[str]:
        return [name for name in super().writes if name != "HeadBucket"]

    def client_of(self, _params: Mapping[str, Any], service: str, region: str) -> Any:
        """The client of a connection with these options. Here all reach the same account."""
        return self.client(service, region)

    def client(self, service: str, region: str) -> Any:
        """A real boto3 client whose requests are answered here."""
        self.made.append((service, region))
        if (service, region) not in self._clients:
            self._clients[service, region] = self._client(service, region)
        return self._clients[service, region]

    def _client(self, service: str, region: str) -> Any:
        made = _SDK_SESSION.client(service, region_name=region)
        given = threading.local()

        def remember(params: Mapping[str, Any], **_more: Any) -> None:
            given.params = dict(params)

        def answer(model: botocore.model.OperationModel, **_more: Any) -> Any:
            metadata: dict[str, Any] = {"HTTPStatusCode": 200, "HTTPHeaders": {}}
            metadata["RetryAttempts"] = int(model.name in self.sent_again)
            try:
                parsed = self.answer(model.name, copy.deepcopy(given.params))
            except Fault as fault:
                metadata["HTTPStatusCode"] = fault.status
                parsed = {"Error": {"Code": fault.code, "Message": fault.message}}
            http = AWSResponse("https://fake", metadata["HTTPStatusCode"], {}, None)
            return http, {**parsed, "ResponseMetadata": metadata}

        made.meta.events.register_first(f"provide-client-params.{service}", remember)
        made.meta.events.register(f"before-call.{service}", answer)
        return made


def as_handed_back(policy: str) -> str:
    """A policy in a form in which S3 may hand it back; the same for the same policy, so that results compare."""
    try:
        parsed = json.loads(policy)
    except ValueError:
        return policy
    chance = random.Random(policy)
    return text_of(as_s3(parsed, chance), chance)


@dataclass(frozen=True)
class Run:
    """What a module ended with.

    :ivar exit_code: of the process.
    """

    result: dict[str, Any]
    exit_code: int
    warnings: list[str]

    def __getitem__(self, name: str) -> Any:
        return self.result[name]

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed"))

    @property
    def msg(self) -> str:
        return str(self.result["msg"])


def run_module(aws: FakeAws, name: str, *, check_mode: bool = False, **options: Any) -> Run:
    """Run ``main()`` of a module of ours as Ansible would, against ``aws``."""
    module = importlib.import_module(f"ansible_collections.sealed.s3.plugins.modules.{name}")
    given = {
        "region": REGION,
        "access_key": "AKIDEXAMPLE",
        "secret_key": "not-a-secret",
        "_ansible_check_mode": check_mode,
        "_ansible_diff": True,
        **options,
    }
    told = io.StringIO()
    warned: list[str] = []
    with (
        pytest.MonkeyPatch.context() as patch,
        patch_module_args(given),
        contextlib.redirect_stdout(told),
        pytest.raises(SystemExit) as ended,
    ):
        patch.setattr(
            sessions.Session,
            "_make",
            lambda made, service, region, *_more: aws.client_of(made._params, service, region),
        )
        patch.setattr(runner, "warn", warned.append)
        patch.setattr(time, "sleep", aws.wait)
        module.main()
    code = ended.value.code
    return Run(result=json.loads(told.getvalue()), exit_code=code if isinstance(code, int) else 0, warnings=warned)
