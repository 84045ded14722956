# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""KMS as the unit tests need it: a few keys in memory, behind real botocore clients.

A request goes through botocore's own checks of its parameters and its error classes, and is answered here instead of
being sent. Faults are put in by hand.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import botocore.model
from botocore.awsrequest import AWSResponse

ACCOUNT = "111122223333"
REGION = "eu-central-1"
CALLER = f"arn:aws:iam::{ACCOUNT}:user/operator"


class KmsError(Exception):
    """What KMS answers instead."""

    def __init__(self, code: str, message: str = "told by the fake", status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def default_policy(account: str = ACCOUNT) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }


class FakeKms:
    """Keys by id, aliases by name, and every call in ``calls``.

    :ivar before: called with operation and parameters before each answer; may raise KmsError or change the state.
    """

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, Any]] = {}
        self.aliases: dict[str, str] = {}
        self.calls: list[str] = []
        self.before: list[Callable[[str, Mapping[str, Any]], None]] = []

    def add_key(self, number: int = 1, *, alias: str | None = None, account: str = ACCOUNT, **metadata: Any) -> str:
        """A new key; its ARN."""
        key_id = f"{number:08d}-12ab-34cd-56ef-1234567890ab"
        arn = f"arn:aws:kms:{REGION}:{account}:key/{key_id}"
        self.keys[key_id] = {
            "metadata": {
                "Arn": arn,
                "KeyId": key_id,
                "KeyState": "Enabled",
                "KeySpec": "SYMMETRIC_DEFAULT",
                "KeyUsage": "ENCRYPT_DECRYPT",
                "KeyManager": "CUSTOMER",
                "Origin": "AWS_KMS",
                "Description": "",
                "MultiRegion": False,
                **metadata,
            },
            "policy": json.dumps(default_policy(account)),
            "rotation": None,
            "tags": {},
        }
        if alias is not None:
            self.aliases[f"alias/{alias}"] = key_id
        return arn

    def of(self, arn: str) -> dict[str, Any]:
        """What is kept of a key."""
        return self.keys[arn.rsplit("/", 1)[1]]

    def policy_of(self, arn: str) -> Any:
        return json.loads(self.of(arn)["policy"])

    def deny(self, *operations: str) -> None:
        """Answer these with AccessDeniedException."""

        def denied(operation: str, _parameters: Mapping[str, Any]) -> None:
            if operation in operations:
                raise KmsError("AccessDeniedException", f"User: {CALLER} is not authorized to do this")

        self.before.append(denied)

    def fail(self, operation: str, fault: KmsError, *, times: int = 1) -> None:
        """Answer the next calls of ``operation`` with ``fault``."""
        left = [times]

        def failing(called: str, _parameters: Mapping[str, Any]) -> None:
            if called == operation and left[0] > 0:
                left[0] -= 1
                raise fault

        self.before.append(failing)

    @property
    def writes(self) -> list[str]:
        return [name for name in self.calls if not name.startswith(("Describe", "Get", "List"))]

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append(operation)
        for hook in self.before:
            hook(operation, parameters)
        if operation == "GetCallerIdentity":
            return {"Account": ACCOUNT, "Arn": CALLER, "UserId": "AIDAEXAMPLE"}
        method = getattr(self, f"_{operation}", None)
        assert method is not None, f"the fake has no {operation}"
        found: dict[str, Any] = method(self._find(parameters["KeyId"]), parameters) or {}
        return found

    def _find(self, name: str) -> dict[str, Any]:
        plain = name.split(":", 5)[-1] if name.startswith("arn:") else name
        key_id = self.aliases.get(plain) if plain.startswith("alias/") else plain.removeprefix("key/")
        if key_id not in self.keys:
            raise KmsError("NotFoundException", f"{name} is not found.")
        return self.keys[key_id]

    def _DescribeKey(self, key: dict[str, Any], _parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"KeyMetadata": dict(key["metadata"])}

    def _GetKeyPolicy(self, key: dict[str, Any], _parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"Policy": key["policy"], "PolicyName": "default"}

    def _PutKeyPolicy(self, key: dict[str, Any], parameters: Mapping[str, Any]) -> None:  # noqa: N802
        assert "BypassPolicyLockoutSafetyCheck" not in parameters
        key["policy"] = parameters["Policy"]

    def _GetKeyRotationStatus(self, key: dict[str, Any], _parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        period = key["rotation"]
        return {
            "KeyRotationEnabled": period is not None,
            **({} if period is None else {"RotationPeriodInDays": period}),
        }

    def _EnableKeyRotation(self, key: dict[str, Any], parameters: Mapping[str, Any]) -> None:  # noqa: N802
        key["rotation"] = parameters.get("RotationPeriodInDays", 365)

    def _DisableKeyRotation(self, key: dict[str, Any], _parameters: Mapping[str, Any]) -> None:  # noqa: N802
        key["rotation"] = None

    def _UpdateKeyDescription(self, key: dict[str, Any], parameters: Mapping[str, Any]) -> None:  # noqa: N802
        key["metadata"]["Description"] = parameters["Description"]

    def _ListResourceTags(self, key: dict[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        """Two to a page, so that paging is tried."""
        listed = [{"TagKey": name, "TagValue": value} for name, value in sorted(key["tags"].items())]
        begin = int(parameters.get("Marker", "0"))
        page: dict[str, Any] = {"Tags": listed[begin : begin + 2], "Truncated": len(listed) > begin + 2}
        return {**page, "NextMarker": str(begin + 2)} if page["Truncated"] else page

    def _TagResource(self, key: dict[str, Any], parameters: Mapping[str, Any]) -> None:  # noqa: N802
        key["tags"].update({tag["TagKey"]: tag["TagValue"] for tag in parameters["Tags"]})


@functools.cache
def _session() -> boto3.session.Session:
    """One for all tests: its data is loaded once."""
    return boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test")


def client(fake: FakeKms, service: str, region: str = REGION) -> Any:
    """A real boto3 client whose requests ``fake`` answers."""
    made = _session().client(service, region_name=region)

    def answer(model: botocore.model.OperationModel, params: Mapping[str, Any], **_more: Any) -> Any:
        parameters = json.loads(params["body"]) if service == "kms" else {}
        metadata: dict[str, Any] = {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}
        try:
            parsed = fake.answer(model.name, parameters)
        except KmsError as fault:
            metadata["HTTPStatusCode"] = fault.status
            parsed = {"Error": {"Code": fault.code, "Message": fault.message}}
        http = AWSResponse("https://fake", metadata["HTTPStatusCode"], {}, None)
        return http, {**parsed, "ResponseMetadata": metadata}

    made.meta.events.register(f"before-call.{service}", answer)
    return made
