# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Handlers that let LocalStack hand policies back as S3 and KMS do, and refuse what names nobody.

LocalStack keeps a policy as it was put. What enforces it (tests/enforcing) sees it so; clients get it rewritten, each
time in another form. As in AWS, a policy names those users and roles that were there when it was put, not their names:
when one is deleted its unique id is shown, also when another one of that name comes; and a policy that names a unique
id of nobody is refused. Principals that LocalStack never had stay as they are.

tests/harness/localstack.py --as-s3 puts them in, within LocalStack's process.
"""

from __future__ import annotations

import json
import random
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from rewriting import Known, as_kms, as_s3, text_of

# By name: for the tools that check the code, "localstack" is the harness's module.
_error = import_module("localstack.aws.api").CommonServiceException
_handlers = import_module("localstack.aws.handlers")
_iam = import_module("localstack.services.iam.models").iam_stores
_owner = import_module("localstack.services.s3.utils").get_owner_for_account_id

_UNIQUE_ID = re.compile(r"A(?:ID|RO)A[A-Z0-9]{12,}")
_ANY_REGION = "us-east-1"
_REFUSALS = {
    "s3": ("MalformedPolicy", "Invalid principal in policy"),
    "kms": ("MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals."),
}
_READS, _WRITES = ("GetBucketPolicy", "GetKeyPolicy"), ("PutBucketPolicy", "PutKeyPolicy", "CreateKey")


class AsS3:
    """What is remembered of the policies that LocalStack has taken.

    Each answer is rewritten by a seed of its own, made of the seed, the bucket and how often it was asked for: what
    else goes on at the same time makes no difference to it.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._named: dict[tuple[str, str], dict[str, str]] = {}
        self._answers: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def refuse(self, _chain: Any, context: Any, _response: Any) -> None:
        """A handler of requests: no policy comes in that names a unique id of nobody."""
        if _operation(context) not in _WRITES:
            return
        for name in _principals(context.service_request.get("Policy")):
            if _UNIQUE_ID.fullmatch(name) and name not in _there().values():
                raise _error(*_REFUSALS[context.service.service_name], 400)

    def rewrite(self, _chain: Any, context: Any, response: Any) -> None:
        """A handler of responses: a policy that was taken is remembered, one that is asked for is rewritten."""
        operation = _operation(context)
        if response.status_code >= 300:
            return
        if operation in _WRITES:
            there = _there()
            named = {name: there[name] for name in _principals(context.service_request.get("Policy")) if name in there}
            with self._lock:
                self._named[_owner_of(context)] = named
        elif operation == "GetBucketPolicy":
            response.set_data(self._handed_back(context, response.get_data(as_text=True)))
        elif operation == "GetKeyPolicy":
            answer = json.loads(response.get_data(as_text=True))
            answer["Policy"] = self._handed_back(context, answer["Policy"])
            response.set_data(json.dumps(answer))

    def _handed_back(self, context: Any, text: str) -> str:
        try:
            policy = json.loads(text)
        except ValueError:
            return text
        owner = _owner_of(context)
        with self._lock:
            self._answers[owner] += 1
            number = self._answers[owner]
            named = self._named.get(owner, {})
        # A key's id is another one in each run.
        chance = random.Random(f"{self._seed} {owner[1] if owner[0] == 's3' else 'key'} {number}")
        there = _there()
        shown = {name: unique_id for name, unique_id in named.items() if there.get(name) != unique_id}
        shown |= {unique_id: name for name, unique_id in there.items()}
        known = Known(
            partition=_partition(context.region),
            shown=shown,
            accounts={_owner(context.account_id)["ID"]: context.account_id},
        )
        rewritten = (as_s3 if owner[0] == "s3" else as_kms)(policy, chance, known=known)
        return text_of(rewritten, chance)


def _operation(context: Any) -> str:
    """The name of the operation; none for what LocalStack asks itself."""
    asked = context.operation is not None and not context.is_internal_call
    return str(context.operation.name) if asked else ""


def _owner_of(context: Any) -> tuple[str, str]:
    """Whose policy it is: a bucket's or a key's."""
    request = context.service_request
    if context.service.service_name == "s3":
        return "s3", request["Bucket"]
    key = request["KeyId"] if "KeyId" in request else context.service_response["KeyMetadata"]["KeyId"]
    return "kms", key.rpartition("/")[2]


def _principals(policy: str | None) -> Iterator[str]:
    """Users, roles and unique ids that a policy names."""
    try:
        statements = json.loads(policy or "{}").get("Statement", [])
    except (ValueError, AttributeError):
        return
    for statement in statements if isinstance(statements, list) else [statements]:
        for element in ("Principal", "NotPrincipal"):
            principal = statement.get(element) if isinstance(statement, Mapping) else None
            names = principal.get("AWS", []) if isinstance(principal, Mapping) else []
            yield from (name for name in (names if isinstance(names, list) else [names]) if isinstance(name, str))


def _there() -> dict[str, str]:
    """The ARN and the unique id of each user and role that LocalStack has now."""
    found: dict[str, str] = {}
    for account in list(_iam):
        store = _iam[account][_ANY_REGION]
        found |= {entity.user["Arn"]: entity.user["UserId"] for entity in list(store.USERS.values())}
        found |= {entity.role["Arn"]: entity.role["RoleId"] for entity in list(store.ROLES.values())}
    return found


def _partition(region: str) -> str:
    """The partition of a Region."""
    return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rpartition("-")[0].rpartition("-")[0], "aws")


def install(seed: int) -> None:
    """Put the handlers in, before LocalStack starts."""
    both = AsS3(seed)
    _handlers.serve_custom_service_request_handlers.append(both.refuse)
    _handlers.run_custom_response_handlers.append(both.rewrite)
