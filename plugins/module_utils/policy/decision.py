# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bucket policy's Deny statements say to a request.

An Allow is not looked at: whether somebody is allowed also depends on identity policies, which nobody here sees. A deny
binds whatever is allowed elsewhere.

Sources: IAM User Guide, "Policy evaluation logic", "AWS JSON policy elements: Principal", "... NotPrincipal", "...
Action", "... Resource"; Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.policy.conditions import (
    FALSE,
    TRUE,
    Context,
    Verdict,
    all_of,
    any_of,
    evaluate,
    negation,
    pattern_of,
    unknown,
    wildcard_match,
)
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import (
    Document,
    Label,
    as_list,
    label,
    value_text,
)
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import ALGORITHM, CUSTOMER_ALGORITHM, KEY_ID

EFFECTIVE = "effective"
"""S3 fills the key-id condition key with the key that it will use, from the header or from default encryption."""
HEADER_ONLY = "header_only"
"""S3 fills the key-id condition key from the request's header alone."""
KEY_ID_MODELS = (EFFECTIVE, HEADER_ONLY)

ALLOWED = "allowed"
DENIED = "denied"
UNKNOWN = "unknown"

ANONYMOUS = "anonymous"
"""The principal of a request without credentials."""

OBJECT_KEY = "the object's key"
"""Named among the unknown keys when a Resource is about some objects and the request's object is not known."""

ALGORITHM_HEADER = "x-amz-server-side-encryption"
KEY_ID_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"
CUSTOMER_ALGORITHM_HEADER = "x-amz-server-side-encryption-customer-algorithm"

PRINCIPAL_ARN = "aws:PrincipalArn"
PRINCIPAL_SERVICE = "aws:PrincipalServiceName"

_NOTHING_KNOWN = Context({})

_AWS_MANAGED_KEY = "alias/aws/s3"
"""Stands for the AWS managed key, whose ARN is known to S3 alone and is never that of a customer's key."""

_ACTIONS = {
    "CopyObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "UploadPartCopy": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "PostObject": "s3:PutObject",
    "HeadObject": "s3:GetObject",
    "DeleteObjects": "s3:DeleteObject",
    "HeadBucket": "s3:ListBucket",
    "ListObjects": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListParts": "s3:ListMultipartUploadParts",
    "PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "PutObjectLockConfiguration": "s3:PutBucketObjectLockConfiguration",
    "GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
}
"""S3 operations whose IAM action has another name."""

_CARRIES_ENCRYPTION = {
    "s3:putobject": (ALGORITHM, KEY_ID, CUSTOMER_ALGORITHM),
    "s3:replicateobject": (ALGORITHM, KEY_ID, CUSTOMER_ALGORITHM),
    "s3:bypassgovernanceretention": (ALGORITHM, KEY_ID, CUSTOMER_ALGORITHM),
    "s3:updateobjectencryption": (ALGORITHM, KEY_ID),
}
_HEADER_KEYS = (
    "x-amz-acl",
    "x-amz-copy-source",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
)
"""Headers of s3:PutObject that fill a condition key of the same name."""
_OBJECT_ACTIONS = frozenset(
    (
        "s3:abortmultipartupload",
        "s3:bypassgovernanceretention",
        "s3:initiatereplication",
        "s3:listmultipartuploadparts",
        "s3:objectowneroverridetobucketowner",
        "s3:replicatedelete",
        "s3:replicatetags",
    )
)
_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::root)?")
_KEY_ARN = re.compile(r"arn:[^:]+:kms:[^:]+:[^:]+:key/")
_SESSION = re.compile(r"arn:(aws[a-z-]*):sts::([0-9]{12}):assumed-role/([^/]+)/.+")
_ROLE = re.compile(r"arn:(aws[a-z-]*):iam::([0-9]{12}):role/(?:.*/)?([^/]+)")
_NAMES_WITH_PATH = ("AWSReservedSSO_", "AWSServiceRoleFor")


@dataclass(frozen=True)
class DefaultEncryption:
    """A bucket's default encryption.

    :ivar algorithm: ``AES256``, ``aws:kms`` or ``aws:kms:dsse``.
    :ivar key_arn: the KMS key; None for SSE-S3 and for the AWS managed key.
    """

    algorithm: str
    key_arn: str | None = None


@dataclass(frozen=True)
class Request:
    """A request to S3, as far as it is known.

    :ivar bucket_arn: the bucket's ARN.
    :ivar operation: an S3 operation (``CopyObject``) or an IAM action (``s3:PutObject``).
    :ivar key: the object's key; None when not known.
    :ivar headers: the request's headers, in any case. For UpdateObjectEncryption, what it asks for.
    :ivar secure: whether it comes over TLS; None when not known.
    :ivar principal: the caller's ARN, or :data:`ANONYMOUS`; None when not known.
    :ivar principal_service: the service principal, when an AWS service itself calls.
    :ivar default_encryption: of the bucket; None when not known.
    :ivar key_id_model: :data:`EFFECTIVE` or :data:`HEADER_ONLY`.
    :ivar header_key_arn: the ARN to which S3 resolves an alias or a bare id in the header before it compares; None: it
        compares what was sent.
    :ivar other_headers_known: whether ``headers`` is all that there is; False: only those of encryption are settled.
    :ivar context: further condition keys; None for one that is known to be absent.
    """

    bucket_arn: str
    operation: str = "PutObject"
    key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    secure: bool | None = True
    principal: str | None = None
    principal_service: str | None = None
    default_encryption: DefaultEncryption | None = None
    key_id_model: str = EFFECTIVE
    header_key_arn: str | None = None
    other_headers_known: bool = True
    context: Mapping[str, str | Sequence[str] | None] = field(default_factory=dict)

    @property
    def action(self) -> str:
        """The IAM action that the operation needs on this bucket."""
        return self.operation if ":" in self.operation else _ACTIONS.get(self.operation, f"s3:{self.operation}")

    def condition_keys(self) -> Context:
        """The condition keys that S3 fills for the request."""
        values: dict[str, str | Sequence[str] | None] = {}
        values.update(_of_encryption(self))
        values.update(_of_headers(self))
        values.update(_of_principal(self))
        if self.secure is not None:
            values["aws:SecureTransport"] = "true" if self.secure else "false"
        values.update(self.context)
        return Context(values)


@dataclass(frozen=True)
class Decision:
    """What the denies of a policy say.

    :ivar outcome: ``allowed``: no Deny applies; ``denied``; or ``unknown``.
    :ivar denied_by: the statements that certainly deny, by Sid or index.
    :ivar unknown_statements: the statements that may deny.
    :ivar unknown_keys: the condition keys on which that depends.
    """

    outcome: str
    denied_by: tuple[Label, ...] = ()
    unknown_statements: tuple[Label, ...] = ()
    unknown_keys: tuple[str, ...] = ()


def decide(document: Document | None, request: Request) -> Decision:
    """Whether the policy's denies let the request pass.

    :param document: the policy; None for none, which denies nothing.
    """
    if document is None:
        return Decision(ALLOWED)
    denied: list[Label] = []
    possible: list[Label] = []
    keys: set[str] = set()
    context = request.condition_keys()
    for index, statement in enumerate(document.statements):
        if statement.get("Effect") != "Deny":
            continue
        verdict = all_of(_elements(statement, request, context, document.version))
        if verdict.truth:
            denied.append(label(statement, index))
        elif verdict.truth is None:
            possible.append(label(statement, index))
            keys |= verdict.unknown_keys
    outcome = DENIED if denied else UNKNOWN if possible else ALLOWED
    return Decision(outcome, tuple(denied), tuple(possible), tuple(sorted(keys)))


def applies(statement: Mapping[str, Any], request: Request, *, version: str | None) -> Verdict:
    """Whether a statement, Allow or Deny, is about the request: principal, action, resource and condition together."""
    return all_of(_elements(statement, request, request.condition_keys(), version))


def covers(statement: Mapping[str, Any], request: Request, *, version: str | None) -> Verdict:
    """Whether a statement's Resource or NotResource is about what the request is about, whatever else it says.

    Variables in it are not known.
    """
    return _resource_element(statement, request, _NOTHING_KNOWN, version)


def _elements(
    statement: Mapping[str, Any], request: Request, context: Context, version: str | None
) -> Iterator[Verdict]:
    if "Action" in statement:
        yield _about_action(statement["Action"], request)
    elif "NotAction" in statement:
        yield negation(_about_action(statement["NotAction"], request))
    else:
        yield unknown("the element Action")
    yield _resource_element(statement, request, context, version)
    if "Principal" in statement:
        yield _about_principal(statement["Principal"], request)
    elif "NotPrincipal" in statement:
        yield negation(_spares_principal(statement["NotPrincipal"], request))
    else:
        yield unknown("the element Principal")
    yield evaluate(statement.get("Condition"), context, version=version)


def _resource_element(statement: Mapping[str, Any], request: Request, context: Context, version: str | None) -> Verdict:
    if "Resource" in statement:
        return _about_resource(statement["Resource"], request, context, version)
    if "NotResource" in statement:
        return negation(_about_resource(statement["NotResource"], request, context, version, negated=True))
    return unknown("the element Resource")


def _texts(value: Any) -> list[str]:
    return [value_text(one) for one in as_list(value)]


def _about_action(actions: Any, request: Request) -> Verdict:
    action = request.action.lower()
    return Verdict(any(wildcard_match(wanted.lower(), action) for wanted in _texts(actions)))


def _about_resource(
    resources: Any, request: Request, context: Context, version: str | None, *, negated: bool = False
) -> Verdict:
    return any_of(_is_resource(resource, request, context, version, negated) for resource in _texts(resources))


def _is_resource(resource: str, request: Request, context: Context, version: str | None, negated: bool) -> Verdict:
    pattern = pattern_of(resource, context, version=version)
    if pattern is None:
        # As in a condition: such a statement is about nothing, or invalid.
        return unknown(f"the variable in {resource}") if negated else FALSE
    open_keys = set(pattern.unknown_keys)
    if not _is_about_objects(request.action):
        matches = pattern.matches(request.bucket_arn)
    elif request.key is not None:
        matches = pattern.matches(f"{request.bucket_arn}/{request.key}")
    else:
        objects = f"{request.bucket_arn}/"
        matches = pattern.may_match_after(objects)
        if open_keys or not pattern.matches_all_after(objects):
            open_keys.add(OBJECT_KEY)
    if not matches:
        return FALSE
    return unknown(*open_keys) if open_keys else TRUE


def _is_about_objects(action: str) -> bool:
    """Whether the action's resource is an object; of all others it is the bucket."""
    name = action.lower()
    return name in _OBJECT_ACTIONS or ("object" in name and "bucket" not in name)


def _about_principal(principal: Any, request: Request) -> Verdict:
    if not isinstance(principal, Mapping):
        return TRUE if principal == "*" else unknown("the element Principal")
    return any_of(_is_principal(kind, name, request) for kind, names in principal.items() for name in _texts(names))


def _is_principal(kind: str, name: str, request: Request) -> Verdict:
    if kind == "AWS" and name == "*":
        return TRUE
    if request.principal is None and request.principal_service is None:
        return unknown(PRINCIPAL_SERVICE if kind == "Service" else PRINCIPAL_ARN)
    if kind == "Service":
        return Verdict(name == request.principal_service)
    if request.principal is None or request.principal == ANONYMOUS:
        return FALSE
    if kind != "AWS":
        # A federated identity or a canonical user behind the ARN: the ARN does not tell.
        return unknown(f"the {kind} principal")
    account = _ACCOUNT.fullmatch(name)
    if account:
        return Verdict(_account_of(request.principal) == account.group(1))
    return TRUE if name == request.principal else _is_session(name, request.principal)


def _is_session(name: str, principal: str) -> Verdict:
    """Whether a principal that a policy names is the caller's, where one of the two is a role's session.

    S3 takes only roles that exist, and an account has no two roles of one name. So the name settles which role it is,
    though a session's ARN does not have the role's path.
    """
    session, named_session = _SESSION.fullmatch(principal), _SESSION.fullmatch(name)
    role, named_role = _ROLE.fullmatch(principal), _ROLE.fullmatch(name)
    if session and named_role:
        return Verdict(session.groups() == named_role.groups())
    if role and named_session and role.groups() == named_session.groups():
        # One session of the role; which one calls is not known.
        return unknown(PRINCIPAL_ARN)
    return FALSE


def _spares_principal(principal: Any, request: Request) -> Verdict:
    """Whether NotPrincipal spares the caller.

    It names a user or role only together with its account (IAM User Guide, "NotPrincipal with Deny"): one without the
    other does not spare for certain.
    """
    if not isinstance(principal, Mapping):
        return _about_principal(principal, request)
    names = [(kind, name) for kind, listed in principal.items() for name in _texts(listed)]
    by_account = any_of(_is_principal(*one, request) for one in names if _is_account(*one))
    by_name = any_of(_is_principal(*one, request) for one in names if not _is_account(*one))
    if request.principal is None or ("AWS", "*") in names or request.principal.endswith(":root"):
        return any_of((by_account, by_name))
    if by_account.truth is not by_name.truth:
        return unknown(PRINCIPAL_ARN)
    return by_name


def _is_account(kind: str, name: str) -> bool:
    return kind == "AWS" and _ACCOUNT.fullmatch(name) is not None


def _principal_arn(principal: str) -> str | None:
    """What aws:PrincipalArn holds for the caller: for a session, the ARN of its role; None when that is not known.

    The ARN of a session does not have the role's path. It is taken for a role without one, except where the name shows
    that AWS made the role, for those always have one (roles of IAM Identity Center, service-linked roles). Who knows
    better gives aws:PrincipalArn in :attr:`Request.context`.
    """
    session = _SESSION.fullmatch(principal)
    if session is None:
        return principal
    return None if session.group(3).startswith(_NAMES_WITH_PATH) else "arn:{}:iam::{}:role/{}".format(*session.groups())


def _account_of(principal: str) -> str | None:
    parts = principal.split(":")
    return parts[4] if len(parts) > 5 else None


def _of_principal(request: Request) -> Iterator[tuple[str, str | None]]:
    """The condition keys of the caller (IAM User Guide, "AWS global condition context keys")."""
    if request.principal_service is not None:
        # aws:PrincipalAccount is there too, and its value is not documented.
        yield PRINCIPAL_ARN, None
        yield PRINCIPAL_SERVICE, request.principal_service
        yield "aws:PrincipalIsAWSService", "true"
        yield "aws:PrincipalOrgID", None
    elif request.principal == ANONYMOUS:
        yield PRINCIPAL_ARN, None
        yield PRINCIPAL_SERVICE, None
        yield "aws:PrincipalIsAWSService", None
        yield "aws:PrincipalOrgID", None
        yield "aws:PrincipalAccount", "anonymous"
    elif request.principal is not None:
        arn = _principal_arn(request.principal)
        if arn is not None:
            yield PRINCIPAL_ARN, arn
        account = _account_of(request.principal)
        if account is not None:
            yield "aws:PrincipalAccount", account
        yield PRINCIPAL_SERVICE, None
        yield "aws:PrincipalIsAWSService", "false"


def _of_headers(request: Request) -> Iterator[tuple[str, str | None]]:
    headers = {name.lower(): value for name, value in request.headers.items()}
    for name in _HEADER_KEYS:
        if name in headers or request.other_headers_known:
            yield f"s3:{name}", headers.get(name)


def _of_encryption(request: Request) -> Iterator[tuple[str, str | None]]:
    """The three condition keys of encryption; absent for actions that do not carry them."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    carried = _CARRIES_ENCRYPTION.get(request.action.lower(), ())
    yield ALGORITHM, headers.get(ALGORITHM_HEADER) if ALGORITHM in carried else None
    yield CUSTOMER_ALGORITHM, headers.get(CUSTOMER_ALGORITHM_HEADER) if CUSTOMER_ALGORITHM in carried else None
    if KEY_ID not in carried:
        yield KEY_ID, None
        return
    named = headers.get(KEY_ID_HEADER)
    if named is not None:
        resolved = None if _KEY_ARN.match(named) else request.header_key_arn
        yield KEY_ID, resolved or named
    elif request.key_id_model == HEADER_ONLY:
        yield KEY_ID, None
    elif ALGORITHM_HEADER in headers or CUSTOMER_ALGORITHM_HEADER in headers:
        # aws:kms without a key id means the AWS managed key, not the key of default encryption.
        managed = headers.get(ALGORITHM_HEADER, "").startswith("aws:kms")
        yield KEY_ID, _AWS_MANAGED_KEY if managed else None
    elif request.action.lower() != "s3:putobject":
        yield KEY_ID, None
    elif request.default_encryption is not None:
        default = request.default_encryption
        managed = default.algorithm.startswith("aws:kms")
        yield KEY_ID, (default.key_arn or _AWS_MANAGED_KEY) if managed else None


@dataclass(frozen=True)
class RequestKind:
    """A row of the decision table.

    :ivar title: what the row is called in the documents.
    :ivar headers: from the ARNs of the key and of another key to the headers.
    :ivar default: from the same to the bucket's default encryption.
    """

    title: str
    headers: Callable[[str, str], Mapping[str, str]]
    default: Callable[[str, str], DefaultEncryption] = lambda key, other: DefaultEncryption("aws:kms", key)

    def request(
        self, bucket_arn: str, key_arn: str, other_key_arn: str, *, key_id_model: str = EFFECTIVE, **known: Any
    ) -> Request:
        """The request of this row, with what else is ``known`` of it."""
        return Request(
            bucket_arn=bucket_arn,
            headers=self.headers(key_arn, other_key_arn),
            default_encryption=self.default(key_arn, other_key_arn),
            key_id_model=key_id_model,
            **known,
        )


def _sse(algorithm: str, key_id: str | None = None) -> dict[str, str]:
    return {ALGORITHM_HEADER: algorithm, **({KEY_ID_HEADER: key_id} if key_id else {})}


REQUEST_KINDS: Mapping[str, RequestKind] = {
    "no_headers": RequestKind("no headers, default encryption under the key", lambda key, other: {}),
    "no_headers_default_sse_s3": RequestKind(
        "no headers, default encryption SSE-S3", lambda key, other: {}, lambda key, other: DefaultEncryption("AES256")
    ),
    "no_headers_default_other_key": RequestKind(
        "no headers, default encryption under another key",
        lambda key, other: {},
        lambda key, other: DefaultEncryption("aws:kms", other),
    ),
    "sse_s3": RequestKind("`AES256`", lambda key, other: _sse("AES256")),
    "sse_kms_no_key_id": RequestKind("`aws:kms` without a key id", lambda key, other: _sse("aws:kms")),
    "sse_kms": RequestKind("`aws:kms` with the key", lambda key, other: _sse("aws:kms", key)),
    "sse_kms_other_key": RequestKind("`aws:kms` with another key", lambda key, other: _sse("aws:kms", other)),
    "sse_kms_bare_key_id": RequestKind(
        "`aws:kms` with the bare id of the key", lambda key, other: _sse("aws:kms", key.rsplit("/", 1)[-1])
    ),
    "dsse_kms": RequestKind("`aws:kms:dsse` with the key", lambda key, other: _sse("aws:kms:dsse", key)),
    "sse_c": RequestKind("SSE-C", lambda key, other: {CUSTOMER_ALGORITHM_HEADER: "AES256"}),
}
"""The rows of the decision table, in its order (docs/guard.md)."""
