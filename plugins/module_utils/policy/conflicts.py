# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign statements that stand against the guard.

Every upload that the guard allows is held against each foreign Deny alone. Beside that, forms are named that are known
not to do what they look like, and writers that cannot follow: services that are allowed to write to the bucket and
cannot use the key.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.policy import conditions, decision
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document, Label, as_list, label
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import first_of, listed, shown
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import (
    ALGORITHM,
    CUSTOMER_ALGORITHM,
    KEY_ID,
    GuardSpec,
    is_key_arn,
    is_ours,
    statements,
)

CONFLICT = "conflict"
"""Uploads fail, or a writer cannot follow: the merge stops unless the user decides otherwise."""
WARNING = "warning"
"""Uploads may fail for some, or a form does not do what it looks like."""
NOTE = "note"
"""A restriction that has nothing to do with encryption, for some principals, networks or objects."""

_SEVERITIES = (CONFLICT, WARNING, NOTE)
_ENCRYPTION_KEYS = frozenset((ALGORITHM, KEY_ID, CUSTOMER_ALGORITHM))
_NEGATED = re.compile(
    r"(?:for(?:all|any)value[s]?:)?(?:string|arn)not(?:equals|equalsignorecase|like)(?:ifexists)?", re.I
)

_ANY_BUCKET = "any-bucket"
_NO_HEADERS = "no encryption headers"
_NAMES_KEY = "aws:kms and the key"

# "Enabling Amazon S3 server access logging" (Amazon S3 User Guide) and "Access logs for your Application Load Balancer"
# (Elastic Load Balancing): both need SSE-S3 on the bucket that they write to.
_CANNOT_USE_A_KEY = {
    "logging.s3.amazonaws.com": "S3 server access logs",
    "logdelivery.elasticloadbalancing.amazonaws.com": "load balancer access logs",
    "logdelivery.elb.amazonaws.com": "load balancer access logs",
}
# The accounts from which load balancers write their logs in Regions that came before August 2022 (Elastic Load
# Balancing, "Attach a policy to your S3 bucket").
_LOAD_BALANCER_ACCOUNTS = frozenset(
    """
    127311923021 033677994240 027434742980 797873946194 098369216593 754344448648 589379963580 718504428378
    383597477331 600734575887 114774131450 783225319266 582318560864 985666609251 054676820928 156460612806
    652711504416 635631232127 009996457667 897822967062 076674570225 507241528517 048591011584 190560391635
    638102146993 037604701340
    """.split()
)
_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::root)?")


@dataclass(frozen=True)
class Conflict:
    """One foreign statement that stands against the guard, and why.

    :ivar id: what kind of finding it is, a fixed word.
    :ivar severity: ``conflict``, ``warning`` or ``note``.
    :ivar statement: the statement's Sid, or its index where it has none.
    :ivar index: the statement's index in the policy.
    :ivar message: a sentence for the user.
    :ivar requests: the uploads that it denies or may deny, which the guard allows.
    :ivar unknown_keys: the condition keys on which that depends; empty when it holds for everybody.
    """

    id: str
    severity: str
    statement: Label
    index: int
    message: str
    requests: tuple[str, ...] = ()
    unknown_keys: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The conflict for a module's result."""
        return {
            "id": self.id,
            "severity": self.severity,
            "statement": self.statement,
            "index": self.index,
            "message": self.message,
            "requests": list(self.requests),
            "unknown_keys": list(self.unknown_keys),
        }


def find(document: Document | None, spec: GuardSpec) -> list[Conflict]:
    """The foreign statements that stand against the guard, in the order of the policy, the worst of each first."""
    if document is None:
        return []
    allowed = [
        _Upload(upload.name, replace(upload.request, bucket_arn=spec.bucket_arn))
        for upload in _allowed_uploads(replace(spec, bucket=_ANY_BUCKET))
    ]
    found: list[Conflict] = []
    for index, statement in enumerate(document.statements):
        if is_ours(statement):
            continue
        here = _Here(statement, index, document.version, spec)
        findings = _of_deny(here, allowed) if statement["Effect"] == "Deny" else _of_allow(here)
        found += sorted(findings, key=lambda conflict: _SEVERITIES.index(conflict.severity))
    return found


@dataclass(frozen=True)
class _Upload:
    """An upload that the guard allows, under one reading of the key-id condition key."""

    name: str
    request: decision.Request


@dataclass(frozen=True)
class _Here:
    """The statement that is looked at."""

    statement: Mapping[str, Any]
    index: int
    version: str | None
    spec: GuardSpec

    @property
    def name(self) -> str:
        named = self.statement.get("Sid")
        return f'The statement "{shown(named)}"' if named else f"The statement at index {self.index} (without a Sid)"

    def conflict(self, finding: str, severity: str, message: str, **more: Any) -> Conflict:
        return Conflict(
            id=finding,
            severity=severity,
            statement=label(self.statement, self.index),
            index=self.index,
            message=f"{self.name} {message}",
            **more,
        )


# What a guard allows does not depend on the name of its bucket, and of many buckets most are asked for the same guard.
@functools.lru_cache(maxsize=256)
def _allowed_uploads(spec: GuardSpec) -> tuple[_Upload, ...]:
    """Uploads that the guard allows: without headers where it does, and with each admitted key named."""
    allowed = []
    guard = Document(tuple(statements(spec)))
    for model in (decision.EFFECTIVE, decision.HEADER_ONLY):
        shapes: list[tuple[str, dict[str, str]]] = [(_NO_HEADERS, {})]
        shapes.append((_NAMES_KEY, _naming(spec.key_arn)))
        shapes += [(f"aws:kms and {key}", _naming(key)) for key in spec.keys[1:]]
        for name, headers in shapes:
            request = decision.Request(
                bucket_arn=spec.bucket_arn,
                headers=headers,
                default_encryption=decision.DefaultEncryption("aws:kms", spec.key_arn),
                key_id_model=model,
                other_headers_known=False,
            )
            if decision.decide(guard, request).outcome == decision.ALLOWED:
                allowed.append(_Upload(name, request))
    return tuple(allowed)


def _naming(key_arn: str) -> dict[str, str]:
    return {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": key_arn}


def _of_deny(here: _Here, allowed: Iterable[_Upload]) -> Iterator[Conflict]:
    form = _wrong_form(here)
    denied: dict[str, set[str]] = {}
    possible: dict[str, frozenset[str]] = {}
    spared: set[tuple[str, str]] = set()
    part = False
    for upload in allowed:
        verdict, in_part = _verdict(here, upload.request)
        if verdict.truth:
            denied.setdefault(upload.name, set()).add(upload.request.key_id_model)
            part = part or in_part
        elif verdict.truth is None:
            possible[upload.name] = possible.get(upload.name, frozenset()) | verdict.unknown_keys
        else:
            spared.add((upload.name, upload.request.key_id_model))

    about_encryption = bool(_ENCRYPTION_KEYS & set(_condition_keys(here.statement)))
    certain = sorted(
        name for name, models in denied.items() if not any((name, model) in spared for model in models ^ _MODELS)
    )
    either = sorted(set(denied) - set(certain))
    if certain:
        where = f" to objects under {_resources(here.statement)}" if part else ""
        if form:
            yield here.conflict(form.id, CONFLICT, f"{form.message} It denies uploads{where} that the guard allows "
                                f"({first_of(certain)}).", requests=tuple(certain))  # fmt: skip
        elif about_encryption or not part:
            yield here.conflict("denies_uploads", CONFLICT, f"denies uploads{where} that the guard allows "
                                f"({first_of(certain)}), for everybody.", requests=tuple(certain))  # fmt: skip
        else:
            yield here.conflict("denies_uploads_in_part", NOTE, f"denies every upload{where}.",
                                requests=tuple(certain))  # fmt: skip
    elif either:
        yield here.conflict(
            form.id if form else "depends_on_key_id_model",
            WARNING,
            (f"{form.message} It denies" if form else "denies")
            + f" uploads that the guard allows ({first_of(either)}), if S3 fills the condition key {KEY_ID} "
            f"{_reading(denied[either[0]])}.",
            requests=tuple(either),
        )
    elif possible:
        unknown = sorted(set().union(*possible.values()))
        yield here.conflict(
            form.id if form else "denies_some",
            WARNING if about_encryption else NOTE,
            (f"{form.message} It denies" if form else "denies")
            + f" uploads that the guard allows ({first_of(sorted(possible))}) to some: it depends on "
            f"{listed(unknown)}.",
            requests=tuple(sorted(possible)),
            unknown_keys=tuple(unknown),
        )
    elif form and form.lets_pass:
        yield here.conflict(form.id, WARNING, form.message)


_MODELS = frozenset((decision.EFFECTIVE, decision.HEADER_ONLY))


def _reading(models: set[str]) -> str:
    if decision.HEADER_ONLY in models:
        return "from the request's header alone"
    return "with the key that it will use"


def _verdict(here: _Here, request: decision.Request) -> tuple[conditions.Verdict, bool]:
    """Whether the statement denies the request, and whether only for some objects.

    Where it depends on the object's key, a key is tried that the statement is about.
    """
    verdict = decision.applies(here.statement, request, version=here.version)
    if verdict.truth is not None or decision.OBJECT_KEY not in verdict.unknown_keys:
        return verdict, False
    unknown: frozenset[str] = frozenset()
    for resource in as_list(here.statement.get("Resource", [])):
        bucket, slash, object_key = resource.partition("/")
        if slash and conditions.wildcard_match(bucket, here.spec.bucket_arn):
            witness = replace(request, key=object_key.replace("*", "sealed-s3").replace("?", "x"))
            inside = decision.applies(here.statement, witness, version=here.version)
            if inside.truth:
                return inside, True
            unknown |= inside.unknown_keys
    return (conditions.Verdict(None, unknown), True) if unknown else (verdict, False)


@dataclass(frozen=True)
class _Form:
    """A known wrong form.

    :ivar lets_pass: it is worth a word also where it denies nothing that the guard allows.
    """

    id: str
    message: str
    lets_pass: bool = False


def _wrong_form(here: _Here) -> _Form | None:
    """The first known wrong form that the statement has; None for none."""
    tests = [
        (operator, key.lower(), [str(value) for value in as_list(values)])
        for operator, keys in (here.statement.get("Condition") or {}).items()
        for key, values in keys.items()
    ]
    negated = {(key, value) for operator, key, values in tests if _NEGATED.fullmatch(operator) for value in values}
    nulls: dict[str, set[str]] = {}
    for operator, key, values in tests:
        if operator.lower() == "null":
            nulls.setdefault(key, set()).update(value.lower() for value in values)
    named = [value for key, value in sorted(negated) if key == KEY_ID]
    if any(
        {ALGORITHM, KEY_ID} <= {key.lower() for key in keys}
        for operator, keys in (here.statement.get("Condition") or {}).items()
        if _NEGATED.fullmatch(operator)
    ):
        return _Form(
            "both_keys_in_one_operator",
            "tests the algorithm and the key id in one negated operator, which denies only where both differ: "
            "aws:kms with a foreign key passes.",
            lets_pass=True,
        )
    if named and not any(is_key_arn(value) or "*" in value for value in named):
        return _Form(
            "key_id_never_matches",
            f'compares the key id with "{shown(named[0])}", which is no full key ARN: an alias or a bare id may never '
            "match, and then every upload is denied.",
        )
    regions = {value.split(":")[3] for value in named if is_key_arn(value)}
    if regions and here.spec.key_arn.split(":")[3] not in regions:
        return _Form(
            "key_of_another_region",
            f'names the key "{shown(named[0])}" of another Region, which a bucket of '
            f"{here.spec.key_arn.split(':')[3]} can never use.",
        )
    if named and here.spec.key_arn not in named:
        return _Form("names_another_key", f'admits only the key "{shown(named[0])}", not {here.spec.key_arn}.')
    if any(key == ALGORITHM for key, _value in negated) and nulls.get(ALGORITHM) != {"false"}:
        return _Form(
            "requires_encryption_header",
            "tests the algorithm with a negated operator, which is true for a missing header also with IfExists: "
            "uploads that rely on default encryption are denied.",
        )
    if nulls.get(KEY_ID) == {"true"} and not named:
        return _Form(
            "any_key_passes",
            "asks only that some key id is there: any KMS key passes, also one of another account.",
            lets_pass=True,
        )
    return None


def _condition_keys(statement: Mapping[str, Any]) -> Iterator[str]:
    for keys in (statement.get("Condition") or {}).values():
        yield from (key.lower() for key in keys)


def _resources(statement: Mapping[str, Any]) -> str:
    return listed(as_list(statement.get("Resource", [])))


def _of_allow(here: _Here) -> Iterator[Conflict]:
    """Services that the statement allows to write, and that cannot use the key or have to be given it."""
    principal = here.statement.get("Principal")
    if not isinstance(principal, Mapping) or not _lets_write(here):
        return
    services = [str(service) for service in as_list(principal.get("Service", []))]
    accounts = [_ACCOUNT.fullmatch(str(one)) for one in as_list(principal.get("AWS", []))]
    writers = {_CANNOT_USE_A_KEY[service]: service for service in services if service in _CANNOT_USE_A_KEY}
    for account in accounts:
        if account and account.group(1) in _LOAD_BALANCER_ACCOUNTS:
            writers.setdefault("load balancer access logs", account.group(0))
    for what, writer in writers.items():
        # Exempt from the guard it still meets default encryption under the key, so it stays worth a word.
        exempt = writer in here.spec.exempt_services
        yield here.conflict(
            "log_delivery",
            WARNING if exempt else CONFLICT,
            f"lets {what} ({shown(writer)}) be written to this bucket. They need SSE-S3 and cannot use the key: "
            "send them to a bucket of their own.",
        )
    others = [service for service in services if service not in _CANNOT_USE_A_KEY]
    if others:
        yield here.conflict(
            "service_needs_key",
            WARNING,
            f"lets {listed(others)} write to this bucket. Give the service the key: "
            f"name {here.spec.key_arn} in its settings, and let it use the key in the key's policy "
            "(kms:GenerateDataKey, kms:Decrypt).",
        )


def _lets_write(here: _Here) -> bool:
    """Whether the statement is about s3:PutObject on objects of the bucket, whatever else it asks."""
    alone = {name: here.statement[name] for name in here.statement if name not in ("Condition", "Principal")}
    request = decision.Request(bucket_arn=here.spec.bucket_arn)
    return decision.applies({**alone, "Principal": "*"}, request, version=here.version).truth is not False
