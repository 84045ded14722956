# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules of the collection, run as a user runs them, by somebody whom a guard refuses."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
from environments import CACHE, ROOT, program
from service import ACCOUNT, ALIAS, Service

ADMIN = f"arn:aws:iam::{ACCOUNT}:role/Admin"


def run(service: Service, module: str, credentials: Mapping[str, str], **options: Any) -> dict[str, Any]:
    """What a module returns, failed or not."""
    given = {
        "access_key": credentials["AccessKeyId"],
        "secret_key": credentials["SecretAccessKey"],
        "endpoint_url": service.localstack.endpoint,
        "aws_ca_bundle": str(service.localstack.ca_bundle),
        "region": "us-east-1",
        **options,
    }
    command = [program("dev", "ansible"), "localhost", "-m", f"sealed.s3.{module}", "-a", json.dumps(given)]
    settings = {"ANSIBLE_COLLECTIONS_PATH": str(CACHE), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    # localhost | FAILED! => {...}
    returned: dict[str, Any] = json.loads(done.stdout.rpartition(" => ")[2])
    return returned


@pytest.fixture
def guarded(service: Service) -> str:
    """A bucket with the guard, TLS and default encryption included."""
    bucket = service.bucket()
    root = {"AccessKeyId": "test", "SecretAccessKey": "test"}
    sealed = run(
        service, "sse_kms_policy", root, bucket=bucket, key=ALIAS, encryption_admins=[ADMIN], allow_lockout=True
    )
    assert sealed["changed"]
    return bucket


def test_who_is_no_encryption_admin_is_told_so(service: Service, guarded: str) -> None:
    iam = service.client("iam")
    iam.create_user(UserName=f"module-{guarded}")
    user = iam.create_access_key(UserName=f"module-{guarded}")["AccessKey"]
    told = run(service, "bucket_encryption", user, bucket=guarded, algorithm="AES256")
    assert "s3:PutEncryptionConfiguration" in told["msg"]
    assert guarded in told["msg"]
    assert "Traceback" not in json.dumps(told)


def test_who_comes_over_plain_http_is_told_so(service: Service, guarded: str) -> None:
    root = {"AccessKeyId": "test", "SecretAccessKey": "test"}
    for module, options in (("bucket_encryption", {"key": ALIAS}), ("sse_kms_policy", {"state": "absent"})):
        plain = service.localstack.http_endpoint
        told = run(service, module, root, bucket=guarded, endpoint_url=plain, **options)
        assert "takes requests over TLS alone" in told["msg"]
