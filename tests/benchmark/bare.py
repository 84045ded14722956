# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The least that an audit can take in Python: boto3, threads, and the calls. It decides nothing.

    python tests/benchmark/bare.py --threads 16 [--prefix bench-]

It makes the calls that sealed.s3.audit makes, and writes what they say as JSON, with the seconds that they
took without the start of Python.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--prefix", default="")
    options = parser.parse_args()
    config = Config(max_pool_connections=options.threads)
    s3, kms, sts = (boto3.client(name, config=config) for name in ("s3", "kms", "sts"))
    start = time.monotonic()
    account = sts.get_caller_identity()["Account"]
    pages = s3.get_paginator("list_buckets").paginate(Prefix=options.prefix, PaginationConfig={"PageSize": 1000})
    buckets = [bucket["Name"] for page in pages for bucket in page["Buckets"]]

    def read(bucket: str) -> dict[str, Any]:
        said: dict[str, Any] = {"bucket": bucket}
        for ask in (s3.get_bucket_encryption, s3.get_bucket_policy, s3.get_public_access_block):
            try:
                answer = ask(Bucket=bucket, ExpectedBucketOwner=account)
            except ClientError as error:
                answer = error.response["Error"]
            answer.pop("ResponseMetadata", None)
            said[ask.__name__] = answer
        return said

    def describe(key: str) -> dict[str, Any]:
        return {
            "key": kms.describe_key(KeyId=key)["KeyMetadata"],
            "rotation": kms.get_key_rotation_status(KeyId=key),
            "policy": kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"],
        }

    with ThreadPoolExecutor(options.threads) as pool:
        said = list(pool.map(read, buckets))
        keys = {key for one in said if (key := _key_of(one)) is not None}
        described = list(pool.map(describe, sorted(keys)))
    seconds = time.monotonic() - start
    print(json.dumps({"seconds": seconds, "buckets": said, "keys": described}, default=str))


def _key_of(said: dict[str, Any]) -> str | None:
    rules = said["get_bucket_encryption"].get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    named = [rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID") for rule in rules]
    return named[0] if named else None


if __name__ == "__main__":
    main()
