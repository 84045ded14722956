# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Buckets and keys on a LocalStack, and modules that run in this process against an endpoint."""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import json
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import boto3
import botocore.exceptions
from ansible.module_utils.testing import patch_module_args
from gate import Call

from ansible_collections.sealed.s3.plugins.module_utils import runner
from ansible_collections.sealed.s3.plugins.module_utils.aws import interruption
from ansible_collections.sealed.s3.plugins.module_utils.aws import session as sessions

REGION = "us-east-1"
# LocalStack takes any of them. These are looked for in everything that a module says.
SECRETS = {
    "secret_key": "secret-key-that-nobody-may-see",
    "session_token": "session-token-that-nobody-may-see",
}
ACCESS_KEY = "test"
# Three tries instead of five. The waits between tries are not waited at all.
AWS_CONFIG = {
    "connect_timeout": 20,
    "read_timeout": 30,
    "retries": {"mode": "standard", "total_max_attempts": 3},
}
# Where an answer is to be too slow, that is held back for longer than this. Elsewhere nothing is.
READ_TIMEOUT = 0.4
IMPATIENT = {**AWS_CONFIG, "read_timeout": READ_TIMEOUT}
# One for all: each session reads botocore's data anew.
SDK_SESSION = boto3.session.Session(
    aws_access_key_id=ACCESS_KEY,
    aws_secret_access_key=SECRETS["secret_key"],
    aws_session_token=SECRETS["session_token"],
)


@dataclass(frozen=True)
class Target:
    """A bucket and a key of one case."""

    bucket: str
    key_arn: str

    def without_names(self, value: Any) -> Any:
        """The same for every case, as far as only the names differ."""
        text = json.dumps(value, sort_keys=True)
        key_id = self.key_arn.rsplit("/", 1)[1]
        return json.loads(text.replace(self.bucket, "BUCKET").replace(key_id, "KEY"))


@dataclass(frozen=True)
class Ran:
    """What a module ended with.

    :ivar output: all that it said, also beside the result.
    :ivar crashed: the traceback, where it ended with one.
    :ivar waited: the seconds that it waited, which were not waited in truth.
    """

    result: Mapping[str, Any]
    output: str
    crashed: str
    waited: float

    @property
    def failed(self) -> bool:
        return bool(self.crashed or self.result.get("failed"))

    @property
    def msg(self) -> str:
        return str(self.result.get("msg", ""))


@dataclass
class Clock:
    """Seconds that were waited by what only believes to wait."""

    waited: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.waited += seconds

    def now(self) -> float:
        return self.waited


class Stage:
    """The buckets and keys behind the gate.

    :param endpoint: LocalStack itself.
    """

    def __init__(self, endpoint: str) -> None:
        self.s3 = SDK_SESSION.client("s3", region_name=REGION, endpoint_url=endpoint)
        self.kms = SDK_SESSION.client("kms", region_name=REGION, endpoint_url=endpoint)
        self.account = "000000000000"
        self._numbers = itertools.count(1)

    def new_target(self, *, policy: Mapping[str, Any] | None = None) -> Target:
        """A bucket with statements of others in its policy, and a key with statements of others in its."""
        bucket = f"faults-{next(self._numbers):05}"
        self.s3.create_bucket(Bucket=bucket)
        key = self.kms.create_key(Policy=json.dumps(self._key_policy()))["KeyMetadata"]["Arn"]
        target = Target(bucket, key)
        self.put_policy(target, policy or {"Version": "2012-10-17", "Statement": self.foreign(target)})
        return target

    def put_policy(self, target: Target, policy: Mapping[str, Any]) -> None:
        self.s3.put_bucket_policy(Bucket=target.bucket, Policy=json.dumps(policy))

    def foreign(self, target: Target) -> list[dict[str, Any]]:
        """What others have put in the policy of the bucket."""
        within = f"arn:aws:s3:::{target.bucket}/*"
        return [
            {
                "Sid": "Readers",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{self.account}:root"},
                "Action": ["s3:GetObject", "s3:GetObjectVersion"],
                "Resource": within,
            },
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:DeleteObject",
                "Resource": within,
                "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}},
            },
        ]

    def _key_policy(self) -> dict[str, Any]:
        root = {"AWS": f"arn:aws:iam::{self.account}:root"}
        return {
            "Version": "2012-10-17",
            "Statement": [
                {"Sid": "Account", "Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"},
                {"Sid": "Readers", "Effect": "Allow", "Principal": root, "Action": "kms:Decrypt", "Resource": "*"},
            ],
        }

    def observe(
        self, target: Target, *, since: Mapping[str, Any] | None = None, calls: Iterable[Call] = ()
    ) -> dict[str, Any]:
        """All that our modules could change.

        :param since: what was observed before.
        :param calls: all that were made since then: what none of them writes is as it was, and is not read again.
        """
        written = {call.service for call in calls if not call.reads}
        found = dict(since or {})
        if since is None or "s3" in written:
            found.update(self._bucket(target))
        if since is None or "kms" in written:
            found.update(self._key(target))
        return found

    def _bucket(self, target: Target) -> dict[str, Any]:
        encryption = self.s3.get_bucket_encryption(Bucket=target.bucket)["ServerSideEncryptionConfiguration"]
        return {"policy": self._policy(target), "encryption": encryption}

    def _key(self, target: Target) -> dict[str, Any]:
        key = {"KeyId": target.key_arn}
        rotation = self.kms.get_key_rotation_status(**key)
        tags = self.kms.list_resource_tags(**key)["Tags"]
        return {
            "key_policy": json.loads(self.kms.get_key_policy(PolicyName="default", **key)["Policy"]),
            "description": self.kms.describe_key(**key)["KeyMetadata"].get("Description"),
            "rotation": [rotation["KeyRotationEnabled"], rotation.get("RotationPeriodInDays")],
            "tags": {tag["TagKey"]: tag["TagValue"] for tag in tags},
        }

    def _policy(self, target: Target) -> Any:
        try:
            return json.loads(self.s3.get_bucket_policy(Bucket=target.bucket)["Policy"])
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
                return None
            raise


def foreign_in(observed: Mapping[str, Any]) -> dict[str, Any]:
    """The statements of others, of the bucket's policy and of the key's."""
    return {
        name: [
            statement
            for statement in (observed[name] or {"Statement": []})["Statement"]
            if not str(statement.get("Sid", "")).startswith("SealedS3")
        ]
        for name in ("policy", "key_policy")
    }


def encryption_as_told(observed: Mapping[str, Any]) -> dict[str, Any]:
    """The default encryption of a bucket, as modules tell it."""
    (rule,) = observed["encryption"]["Rules"]
    default = rule["ApplyServerSideEncryptionByDefault"]
    return {
        "algorithm": default["SSEAlgorithm"],
        "key_arn": default.get("KMSMasterKeyID"),
        "bucket_key": rule.get("BucketKeyEnabled", False),
        "blocked_encryption_types": rule.get("BlockedEncryptionTypes", {}).get("EncryptionType"),
    }


def given_to_a_module(endpoint: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """All that a module is given."""
    return {
        "region": REGION,
        "endpoint_url": endpoint,
        "access_key": ACCESS_KEY,
        **SECRETS,
        "aws_config": AWS_CONFIG,
        "_ansible_diff": True,
        **options,
    }


@dataclass
class Modules:
    """Runs modules of ours in this process.

    :param endpoint: what they talk to.
    :ivar clock: what they wait by.
    """

    clock: Clock = field(default_factory=Clock)

    def run(self, name: str, endpoint: str, options: Mapping[str, Any]) -> Ran:
        """Run ``main()`` of a module as Ansible would."""
        module = importlib.import_module(f"ansible_collections.sealed.s3.plugins.modules.{name}")
        given = given_to_a_module(endpoint, options)
        told, crashed, before = io.StringIO(), "", self.clock.waited
        with _as_ansible_does(given, told, self.clock.sleep) as warned:
            try:
                module.main()
            except SystemExit:
                if not told.getvalue():
                    # Not the module's end: somebody stops all of this.
                    raise
            except BaseException:
                crashed = traceback.format_exc()
        output = told.getvalue()
        result = {} if crashed else json.loads(output)
        # What is given is told back by Ansible with the secrets blotted out; that is looked at, too.
        return Ran(result, "\n".join([output, *warned, crashed]), crashed, self.clock.waited - before)


@contextlib.contextmanager
def _as_ansible_does(
    given: Mapping[str, Any], told: io.StringIO, sleep: Callable[[float], None]
) -> Iterator[list[str]]:
    warned: list[str] = []
    with (
        interruption.left_to_the_process(),
        patch_module_args(dict(given)),
        contextlib.redirect_stdout(told),
        contextlib.redirect_stderr(told),
        patch.object(sessions.Session, "_make_sdk_session", lambda _session: SDK_SESSION),
        patch.object(runner, "warn", warned.append),
        patch.object(time, "sleep", sleep),
    ):
        yield warned
