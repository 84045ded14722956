# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many buckets on a LocalStack, quickly: made, sealed, drifted, checked and removed by threads.

What a sealed bucket and its key are like is not written down here: it is read from one that the collection has sealed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from localstack import REGION

THREADS = 16
# What stands in a template for the bucket's name and the key's ARN.
BUCKET, ARN = "{{ bucket }}", "{{ arn }}"
AES256 = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]}


class NotAsMeant(Exception):
    """The buckets are not in the state that was to be measured or reached."""


def names(count: int) -> list[str]:
    return [f"bench-{number:05}" for number in range(count)]


class Fleet:
    """The buckets of the account. It has no others.

    :ivar aliases: what each bucket's key is to be, bucket -> alias; see ``resize``.
    """

    SHARED = "bench-shared"

    def __init__(self, endpoint: str) -> None:
        config = Config(max_pool_connections=THREADS, retries={"mode": "standard"})
        # Nothing of the machine's own settings or credentials.
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        self._s3 = session.client("s3", endpoint_url=endpoint, config=config)
        self._kms = session.client("kms", endpoint_url=endpoint, config=config)
        self._rule: dict[str, Any] = {}
        self._policy = ""
        self._key_policy = ""
        # alias -> ARN
        self._keys: dict[str, str] = {}
        self.aliases: dict[str, str] = {}

    def learn(self, bucket: str) -> None:
        """Take a bucket that the collection has sealed, under SHARED, as the model of all."""
        self._rule = self._s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
        arn = self._rule["Rules"][0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
        found = json.dumps(json.loads(self._s3.get_bucket_policy(Bucket=bucket)["Policy"]))
        self._policy = found.replace(arn, ARN).replace(bucket, BUCKET)
        self._key_policy = self._kms.get_key_policy(KeyId=arn, PolicyName="default")["Policy"]
        self._keys[self.SHARED] = arn
        self.aliases[bucket] = self.SHARED

    def write_policy_template(self, path: Path) -> None:
        """The policy of a sealed bucket, as a Jinja template of ``bucket`` and ``arn``."""
        path.write_text(self._policy, encoding="utf-8")

    def resize(self, count: int, *, own_keys: bool = False) -> None:
        """Let there be this many buckets, all sealed.

        :param own_keys: each under a key of its own, whose alias is the bucket's name; else all under SHARED.
        """
        wanted = names(count)
        there = {bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]}
        self._each(lambda name: self._s3.delete_bucket(Bucket=name), there - set(wanted))
        self._each(lambda name: self._s3.create_bucket(Bucket=name), [name for name in wanted if name not in there])
        self.aliases = {name: name if own_keys else self.SHARED for name in wanted}
        # An alias too many would cost those who list all of them.
        self._each(self._forget_key, set(self._keys) - {self.SHARED, *self.aliases.values()})
        self._each(self._make_key, sorted(set(self.aliases.values()) - set(self._keys)))
        self.seal()

    def seal(self) -> None:
        """Put every bucket into the state that the collection leaves."""

        def seal(name: str) -> None:
            arn = self._keys[self.aliases[name]]
            rule = json.loads(json.dumps(self._rule))
            rule["Rules"][0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] = arn
            self._s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=rule)
            self._s3.put_bucket_policy(Bucket=name, Policy=self._policy.replace(ARN, arn).replace(BUCKET, name))

        self._each(seal, self.aliases)

    def drift(self) -> None:
        """Set default encryption of every bucket back to AES256, and take its guard off."""

        def drift(name: str) -> None:
            self._s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=AES256)
            self._s3.delete_bucket_policy(Bucket=name)

        self._each(drift, self.aliases)

    def check_sealed(self) -> None:
        """See that every bucket is sealed under its key.

        :raises NotAsMeant: when one is not.
        """

        def sealed(name: str) -> bool:
            arn = self._keys[self.aliases[name]]
            found = self._s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
            try:
                policy = self._s3.get_bucket_policy(Bucket=name)["Policy"]
            except ClientError:
                return False
            return (
                found["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
                and found["BucketKeyEnabled"]
                and sid_of(policy) == sid_of(self._policy)
                and arn in policy
            )

        wrong = [name for name, good in zip(self.aliases, self._each(sealed, self.aliases), strict=True) if not good]
        if wrong:
            raise NotAsMeant(f"{len(wrong)} of {len(self.aliases)} buckets are not sealed, {wrong[0]} for one.")

    def _make_key(self, alias: str) -> None:
        arn = self._kms.create_key(Policy=self._key_policy)["KeyMetadata"]["Arn"]
        self._kms.create_alias(AliasName=f"alias/{alias}", TargetKeyId=arn)
        self._kms.enable_key_rotation(KeyId=arn)
        self._keys[alias] = arn

    def _forget_key(self, alias: str) -> None:
        self._kms.delete_alias(AliasName=f"alias/{alias}")
        self._kms.schedule_key_deletion(KeyId=self._keys.pop(alias), PendingWindowInDays=7)

    @staticmethod
    def _each(what: Callable[[str], Any], of: Iterable[str]) -> Sequence[Any]:
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(what, of))


def sid_of(policy: str) -> list[str]:
    """The Sids of a policy, in order of the alphabet."""
    return sorted(statement["Sid"] for statement in json.loads(policy)["Statement"])
