# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arranges and observes buckets and keys with boto3 alone, for the scenarios. It shares no code with the collection.

Takes a JSON object on stdin and prints one:

    {"make": {"b": POLICY or null, ...}}                         creates buckets, with these policies
    {"do": [["s3", "put_object", {"Bucket": "b", ...}], ...]}    calls in this order; {"done": [answer, ...]}
    {"look": {"buckets": ["b", ...], "keys": ["alias/a", ...]}}  {"buckets": {"b": {...}}, "keys": {"alias/a": {...}}}
    {"keys_tagged": "TAG"}                                       {"keys_tagged": [{...}, ...]}
    {"tidy": {"name": POLICY, ...}}                              {"tidy": {"name": POLICY, ...}}

A policy, and its text, is told in one form, whatever form the service hands it back in: see tidy() in
tests/as_s3/rewriting.py. "tidy" brings others into that form, to be compared.

"account" and "region" say where, if not in 000000000000 and us-east-1. An answer that is an error is {"error": code},
and fails the program unless a fourth element of the call names that code.
In parameters, "$N.a.b" is the value at a.b in the answer to call N.
"""

from __future__ import annotations

import base64
import json
import sys
from functools import reduce
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "as_s3"))

from rewriting import tidy

REGION = "us-east-1"
CLIENTS: dict[str, Any] = {}


def plain(value: Any) -> Any:
    """What JSON can say about it."""
    if hasattr(value, "read"):
        return value.read().decode()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def ask(service: str, operation: str, **parameters: Any) -> Any:
    """The answer, or the error's code."""
    try:
        answer = getattr(CLIENTS[service], operation)(**parameters)
    except ClientError as error:
        return {"error": error.response["Error"]["Code"]}
    answer.pop("ResponseMetadata", None)
    return json.loads(json.dumps(answer, default=plain))


def resolved(value: Any, answers: list[Any]) -> Any:
    if isinstance(value, dict):
        return {key: resolved(each, answers) for key, each in value.items()}
    if isinstance(value, list):
        return [resolved(each, answers) for each in value]
    if isinstance(value, str) and value.startswith("$"):
        number, *path = value[1:].split(".")
        return reduce(lambda found, key: found[key], path, answers[int(number)])
    return value


def do(calls: list[list[Any]]) -> list[Any]:
    answers: list[Any] = []
    for service, operation, parameters, *expected in calls:
        if "Policy" in parameters and not isinstance(parameters["Policy"], str):
            parameters = {**parameters, "Policy": json.dumps(parameters["Policy"])}
        answer = ask(service, operation, **resolved(parameters, answers))
        code = answer.get("error")
        if code is not None and code not in expected:
            sys.exit(f"{service}.{operation}({parameters}): {code}")
        answers.append(answer)
    return answers


def bucket(name: str) -> dict[str, Any]:
    """Everything about a bucket that a run may change. None where there is nothing."""
    if "error" in ask("s3", "head_bucket", Bucket=name):
        return {"exists": False}
    policy = ask("s3", "get_bucket_policy", Bucket=name).get("Policy")
    rules = ask("s3", "get_bucket_encryption", Bucket=name).get("ServerSideEncryptionConfiguration", {}).get("Rules")
    block = ask("s3", "get_public_access_block", Bucket=name).get("PublicAccessBlockConfiguration")
    tags = ask("s3", "get_bucket_tagging", Bucket=name).get("TagSet", [])
    document = tidy(json.loads(policy)) if policy else None
    return {
        "exists": True,
        "text": json.dumps(document, sort_keys=True) if document else None,
        "policy": document,
        "sids": [one.get("Sid") for one in document["Statement"]] if document else [],
        "rule": rules[0] if rules else None,
        "public_access_block": block,
        "versioning": ask("s3", "get_bucket_versioning", Bucket=name).get("Status"),
        "tags": {tag["Key"]: tag["Value"] for tag in tags},
    }


def key(name: str) -> dict[str, Any]:
    """Everything about a key that a run may change."""
    described = ask("kms", "describe_key", KeyId=name)
    if "error" in described:
        return {"exists": False}
    metadata = described["KeyMetadata"]
    arn = metadata["Arn"]
    policy = ask("kms", "get_key_policy", KeyId=arn, PolicyName="default").get("Policy")
    return {
        "exists": True,
        "arn": arn,
        "state": metadata["KeyState"],
        "description": metadata["Description"],
        "rotation": ask("kms", "get_key_rotation_status", KeyId=arn),
        "policy": tidy(json.loads(policy)) if policy else None,
        "tags": {tag["TagKey"]: tag["TagValue"] for tag in ask("kms", "list_resource_tags", KeyId=arn).get("Tags", [])},
        "aliases": [alias["AliasName"] for alias in ask("kms", "list_aliases", KeyId=arn)["Aliases"]],
    }


def keys_tagged(name: str) -> list[dict[str, Any]]:
    """All keys that have a tag of this name."""
    pages = CLIENTS["kms"].get_paginator("list_keys").paginate()
    found = [key(one["KeyArn"]) for page in pages for one in page["Keys"]]
    return [one for one in found if name in one.get("tags", {})]


def main() -> None:
    asked = json.load(sys.stdin)
    # To LocalStack, an access key of twelve digits is one of the account of that number.
    credentials = {"aws_access_key_id": asked.get("account", "test"), "aws_secret_access_key": "test"}
    for service in ("s3", "kms", "iam"):
        CLIENTS[service] = boto3.client(service, region_name=asked.get("region", REGION), **credentials)
    answer: dict[str, Any] = {}
    for name, policy in asked.get("make", {}).items():
        do([["s3", "create_bucket", {"Bucket": name}]])
        if policy is not None:
            do([["s3", "put_bucket_policy", {"Bucket": name, "Policy": policy}]])
    if "do" in asked:
        answer["done"] = do(asked["do"])
    look = asked.get("look", {})
    answer["tidy"] = {name: tidy(policy) for name, policy in asked.get("tidy", {}).items()}
    answer["buckets"] = {name: bucket(name) for name in look.get("buckets", [])}
    answer["keys"] = {name: key(name) for name in look.get("keys", [])}
    if "keys_tagged" in asked:
        answer["keys_tagged"] = keys_tagged(asked["keys_tagged"])
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
