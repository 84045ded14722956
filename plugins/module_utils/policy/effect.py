# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a policy does to the requests that a guard denies.

Judged by decision alone and not by the names of statements, so that a guard written by somebody else counts for what
it does.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.policy import decision, guard
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document, Label, normal_statement
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import GuardSpec

# A principal that no statement names, for a guard that spares some.
_OUTSIDER = "arn:{}:iam::000000000000:user/sealed-s3/nobody-in-particular"
# What a guard denies does not depend on the name of its bucket.
_ANY_BUCKET = "any-bucket"
_NO_KEY_ID = "11111111-1111-1111-1111-111111111111"
_OTHER_KEY_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Effect:
    """How far a policy does what a guard would do.

    :ivar passing: the kinds of request that the guard denies and the policy does not, by name. Where the policy's
        answer is unknown it is not a denial.
    :ivar denied_by: the statements by which the policy denies what the guard denies, by Sid or index.
    """

    passing: tuple[str, ...]
    denied_by: tuple[Label, ...]


class OnBucket:
    """A policy on a bucket, to ask what it does there.

    Many buckets have policies that differ in nothing but the bucket's name. What was once judged of one is not judged
    anew for the next.
    """

    def __init__(self, policy: Document | None, bucket_arn: str) -> None:
        self._policy = policy
        self._bucket_arn = bucket_arn
        self._shape = _shape(policy, bucket_arn)

    def judge(self, spec: GuardSpec) -> Effect:
        """Hold the policy against the guard, request by request."""
        if self._shape is None:
            return _judge(self._policy, spec)
        return _judge_shape(self._shape, replace(spec, bucket=_ANY_BUCKET))

    def decisions(self, key_arn: str | None) -> dict[str, dict[str, str]]:
        """What the policy says to each kind of upload: by :data:`decision.REQUEST_KINDS`, and by the key-id model.

        :param key_arn: the key that objects are to end up under; None: one that no policy names.
        :returns: ``allowed``, ``denied`` or ``unknown`` for each. Of a request only its encryption is settled.
        """
        if self._shape is None:
            return _decisions(self._policy, self._bucket_arn, key_arn)
        told = _decisions_of_shape(self._shape, key_arn)
        return {name: dict(models) for name, models in told.items()}

    def denies_plain_http(self) -> bool:
        """Whether the policy denies all requests without TLS."""
        if self._shape is None:
            return _denies_plain_http(self._policy, self._bucket_arn)
        return _denies_plain_http_of_shape(self._shape)


def judge(policy: Document | None, spec: GuardSpec) -> Effect:
    """Hold the policy against the guard, request by request."""
    return OnBucket(policy, spec.bucket_arn).judge(spec)


def decisions(policy: Document | None, bucket_arn: str, key_arn: str | None) -> dict[str, dict[str, str]]:
    """What the policy says to each kind of upload; see :meth:`OnBucket.decisions`."""
    return OnBucket(policy, bucket_arn).decisions(key_arn)


@functools.lru_cache(maxsize=256)
def _judge_shape(shape: _Shape, spec: GuardSpec) -> Effect:
    return _judge(shape.policy(), spec)


def _judge(policy: Document | None, spec: GuardSpec) -> Effect:
    passing: dict[str, None] = {}
    denying: dict[Label, None] = {}
    for name, request in _to_deny(spec):
        outcome = decision.decide(policy, request)
        if outcome.outcome != decision.DENIED:
            passing[name] = None
        denying.update(dict.fromkeys(outcome.denied_by))
    return Effect(tuple(passing), tuple(denying))


@functools.lru_cache(maxsize=256)
def _decisions_of_shape(shape: _Shape, key_arn: str | None) -> dict[str, dict[str, str]]:
    return _decisions(shape.policy(), shape.bucket_arn, key_arn)


def _decisions(policy: Document | None, bucket_arn: str, key_arn: str | None) -> dict[str, dict[str, str]]:
    key = key_arn or f"arn:{bucket_arn.split(':')[1]}:kms:us-east-1:000000000000:key/{_NO_KEY_ID}"
    other = f"{key.rsplit('/', 1)[0]}/{_OTHER_KEY_ID}"
    return {
        name: {
            model: decision.decide(
                policy, kind.request(bucket_arn, key, other, key_id_model=model, other_headers_known=False)
            ).outcome
            for model in decision.KEY_ID_MODELS
        }
        for name, kind in decision.REQUEST_KINDS.items()
    }


@dataclass(frozen=True)
class _Shape:
    """A policy as it is to its bucket, without the bucket's name.

    :ivar bucket_arn: that of :data:`_ANY_BUCKET`.
    :ivar text: what makes it equal to another.
    """

    bucket_arn: str
    text: str
    like: Document | None = field(compare=False)
    statements: list[dict[str, Any]] = field(compare=False)

    def policy(self) -> Document | None:
        """A policy that is to :data:`_ANY_BUCKET` what the policy is to its bucket."""
        return None if self.like is None else self.like.with_statements(self.statements)


def _shape(policy: Document | None, bucket_arn: str) -> _Shape | None:
    """The shape of a policy; None where what a statement is about cannot be said without the bucket's name.

    Of a bucket's name a decision only depends on what the Resource of each statement is about: the bucket, its objects
    or some of them.
    """
    any_arn = f"{bucket_arn.rpartition(':')[0]}:{_ANY_BUCKET}"
    if policy is None:
        return _Shape(any_arn, "", None, [])
    requests = (decision.Request(bucket_arn, "s3:ListBucket"), decision.Request(bucket_arn, "s3:PutObject"))
    statements: list[dict[str, Any]] = []
    for statement in policy.statements:
        if statement.get("Effect") != "Deny":
            # It keeps its place, by which a statement without a Sid is named.
            statements.append({"Effect": "Allow"})
            continue
        resources = _resources(statement, requests, any_arn, policy.version)
        if resources is None:
            return None
        others = {name: value for name, value in statement.items() if name not in ("Resource", "NotResource")}
        statements.append({**others, "Resource": resources})
    # In whatever form S3 has handed it back.
    normal = [normal_statement(statement) for statement in statements]
    return _Shape(any_arn, json.dumps((policy.version, normal), sort_keys=True), policy, statements)


def _resources(
    statement: Mapping[str, Any],
    requests: tuple[decision.Request, decision.Request],
    any_arn: str,
    version: str | None,
) -> list[str] | None:
    """What is to any bucket what the statement's Resource is to this one; None where there is no such thing.

    :param requests: one about this bucket, and one about an object of it.
    """
    if "$" in repr((statement.get("Resource"), statement.get("NotResource"))):
        # A variable: what it is about also depends on the request.
        return None
    bucket, objects = (decision.covers(statement, request, version=version) for request in requests)
    if bucket.truth is None or objects.unknown_keys - {decision.OBJECT_KEY}:
        return None
    found = [any_arn] if bucket.truth else []
    if objects.truth:
        found.append(f"{any_arn}/*")
    elif objects.truth is None:
        found.append(f"{any_arn}/some*")
    return found


def _to_deny(spec: GuardSpec) -> Iterator[tuple[str, decision.Request]]:
    """The requests that the guard denies: to everybody, or else to somebody whom it does not spare."""
    for name, request in _denied(replace(spec, bucket=_ANY_BUCKET)):
        yield name, replace(request, bucket_arn=spec.bucket_arn)


# Of many buckets most are asked for the same guard.
@functools.lru_cache(maxsize=256)
def _denied(spec: GuardSpec) -> tuple[tuple[str, decision.Request], ...]:
    wanted = Document(tuple(guard.statements(spec)))
    denied = []
    for name, request in _requests(spec):
        outsider = replace(request, principal=_OUTSIDER.format(spec.partition))
        for one in (request, outsider):
            if decision.decide(wanted, one).outcome == decision.DENIED:
                denied.append((name, one))
                break
    return tuple(denied)


def _requests(spec: GuardSpec) -> Iterator[tuple[str, decision.Request]]:
    """Every kind of upload under both readings of the key-id condition key, and what the optional guards are about."""
    other = f"{spec.key_arn.rsplit('/', 1)[0]}/{_OTHER_KEY_ID}"
    for model in decision.KEY_ID_MODELS:
        for name, kind in decision.REQUEST_KINDS.items():
            yield (
                name,
                kind.request(spec.bucket_arn, spec.key_arn, other, key_id_model=model, other_headers_known=False),
            )
    to_other_key = {decision.ALGORITHM_HEADER: "aws:kms", decision.KEY_ID_HEADER: other}
    for name, operation in (("reencryption", "s3:UpdateObjectEncryption"), ("replication", "s3:ReplicateObject")):
        yield (
            f"{name}_to_another_key",
            decision.Request(spec.bucket_arn, operation, headers=to_other_key, other_headers_known=False),
        )
    yield "default_encryption_change", decision.Request(spec.bucket_arn, "PutBucketEncryption")
    yield from (("plain_http", request) for request in _plain_http(spec.bucket_arn))


@functools.lru_cache(maxsize=256)
def _denies_plain_http_of_shape(shape: _Shape) -> bool:
    return _denies_plain_http(shape.policy(), shape.bucket_arn)


def _denies_plain_http(policy: Document | None, bucket_arn: str) -> bool:
    return all(decision.decide(policy, request).outcome == decision.DENIED for request in _plain_http(bucket_arn))


def _plain_http(bucket_arn: str) -> Iterator[decision.Request]:
    """Requests over plain HTTP that a policy with TLS alone denies: to read, to write, to list."""
    for action in ("s3:GetObject", "s3:PutObject", "s3:ListBucket"):
        yield decision.Request(bucket_arn, action, secure=False, other_headers_known=False)
