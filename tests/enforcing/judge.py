# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The handler that lets LocalStack refuse what a bucket policy explicitly denies.

It fills in the condition keys of a request and asks ministack's evaluator, which is not ours, for the decision. It
shares no code with plugins/, whose decision it is to test. Only an explicit deny counts: LocalStack allows the rest,
as if every caller had all rights by its own policies.

As in AWS, a deny binds the root user as well, except that the root user of the bucket's own account can always read,
write and delete the bucket policy.

Where the evaluator or this handler knows less than S3:

- A statement with NotPrincipal, or with a Service principal only, never matches. No service calls here.
- A Principal that is the ARN of an assumed role's session never matches: the caller's ARN is its role's.
- A request without credentials has an aws:PrincipalArn that is empty, not absent.
- ForAnyValue and ForAllValues see one value for each key. Policy variables stand for themselves.
- DeleteObjects is refused as a whole when one of its keys is denied.
- ReplicateObject does not occur: LocalStack replicates nothing. UpdateObjectEncryption is refused or, because
  LocalStack does not have it, not implemented (501).
- The signature in a request's headers is not verified, as in LocalStack.
- LocalStack encrypts aws:kms without a key under the default encryption's key, where S3 takes the AWS managed key: what
  is judged here is what S3 would do.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any
from urllib.parse import unquote

import condition_keys
import operations
import state

_access_denied = import_module("localstack.aws.api.s3").AccessDenied
_engine = import_module("ministack.core.iam_evaluator")
LOG = logging.getLogger("localstack.sealed_s3")
_OWN_POLICY = frozenset(("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"))


class Judge:
    """A handler of LocalStack's chain, between the parsed request and the service."""

    def __init__(self, model: condition_keys.Model) -> None:
        self.model = model

    def __call__(self, _chain: Any, context: Any, _response: Any) -> None:
        if context.service is None or context.service.service_name != "s3" or context.is_internal_call:
            return
        caller = _caller(context.request)
        for bucket, action, resource, keys in self._asked(context):
            if caller.is_root and caller.account == bucket.account and context.operation.name in _OWN_POLICY:
                continue
            answer = _engine.evaluate_resource_policy(
                bucket.policy,
                _engine.EvalContext(
                    principal_arn=caller.arn,
                    principal_type=caller.kind,
                    principal_account=caller.account,
                    action=action,
                    resource_arn=resource,
                    region=context.region or bucket.region,
                    source_ip=context.request.remote_addr or "127.0.0.1",
                    secure_transport=context.request.scheme == "https",
                    service_context={**keys, **caller.keys, **_fixed(caller, bucket)},
                ),
            )
            if answer.decision == "Deny":
                LOG.info("refused %s on %s to %s: %s", action, resource, caller.arn or "anonymous", answer.matched_sid)
                raise _access_denied(
                    f"User: {caller.arn or 'anonymous'} is not authorized to perform: {action} on resource: "
                    f'"{resource}" with an explicit deny in a resource-based policy'
                )

    def _asked(self, context: Any) -> Iterator[tuple[state.Bucket, str, str, dict[str, str]]]:
        """What a request asks for: the bucket, the action, the resource's ARN and the condition keys of each."""
        operation = context.operation.name
        parameters: Mapping[str, Any] = context.service_request or {}
        headers = {name.lower(): value for name, value in context.request.headers.items()}
        bucket = state.bucket(parameters.get("Bucket") or "")
        version = parameters.get("VersionId")
        plain = condition_keys.plain(headers, parameters)
        if bucket and bucket.policy:
            if operation == "PostObject":
                form = {name.lower(): value for name, value in context.request.form.items()}
                keys = condition_keys.of_encryption(self.model, operation, form, bucket, parameters)
                if "acl" in form:
                    keys["s3:x-amz-acl"] = form["acl"]
                yield bucket, "s3:PutObject", f"{bucket.arn}/{_posted_key(context.request)}", keys
            elif operation in operations.UPLOADS:
                keys = condition_keys.of_encryption(self.model, operation, headers, bucket, parameters)
                yield bucket, "s3:PutObject", f"{bucket.arn}/{parameters['Key']}", {**plain, **keys}
            elif operation == "UpdateObjectEncryption":
                keys = condition_keys.of_update(parameters, self.model, bucket)
                yield bucket, operations.action(operation), f"{bucket.arn}/{parameters['Key']}", {**plain, **keys}
            elif operation == "DeleteObjects":
                for one in parameters["Delete"]["Objects"]:
                    action = operations.action("DeleteObject", one.get("VersionId"))
                    yield bucket, action, f"{bucket.arn}/{one['Key']}", plain
            else:
                key = parameters.get("Key")
                resource = bucket.arn if key is None else f"{bucket.arn}/{key}"
                yield bucket, operations.action(operation, version), resource, plain
        if operation in operations.COPIES:
            yield from _source(headers.get("x-amz-copy-source", ""))


def _source(header: str) -> Iterator[tuple[state.Bucket, str, str, dict[str, str]]]:
    """What a copy reads."""
    path, _mark, query = header.lstrip("/").partition("?")
    name, _slash, key = unquote(path).partition("/")
    version = query.removeprefix("versionId=")
    bucket = state.bucket(name)
    if bucket and bucket.policy:
        keys = {"s3:versionid": version} if version else {}
        yield bucket, operations.action("GetObject", version), f"{bucket.arn}/{key}", keys


def _posted_key(request: Any) -> str:
    file = request.files.get("file")
    return str(request.form.get("key", "")).replace("${filename}", (file and file.filename) or "")


def _caller(request: Any) -> state.Caller:
    """Who signed a request: in the URL, in the form, or in the header; LocalStack adds a header where there is none."""
    form = request.form if request.mimetype == "multipart/form-data" else {}
    for signed in (request.args, form):
        named = {name.lower(): value for name, value in signed.items()}
        access_key = named.get("awsaccesskeyid") or named.get("x-amz-credential", "").partition("/")[0]
        if access_key:
            return state.caller(access_key)
    header = request.headers.get("Authorization", "")
    found = re.search(r"Credential=([^/,]+)/", header) or re.match(r"AWS ([^:]+):", header)
    if found is None or found[1] == "injectedaccesskey":
        return state.ANONYMOUS
    return state.caller(found[1])


def _fixed(caller: state.Caller, bucket: state.Bucket) -> dict[str, str]:
    """What does not depend on the request: no service calls, and none calls for somebody."""
    return {
        "aws:principalisawsservice": "false",
        "aws:viaawsservice": "false",
        "aws:principaltype": caller.kind,
        "s3:resourceaccount": bucket.account,
        "aws:resourceaccount": bucket.account,
    }
