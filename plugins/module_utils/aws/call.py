# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where an AWS operation is called, tried again, and where its failures become sentences."""

from __future__ import annotations

import contextlib
import functools
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.aws import interruption
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import (
    AwsError,
    BadCredentials,
    NotFound,
    NotPermitted,
    Refused,
    Unreachable,
    may_have_come_through,
)

try:
    import botocore
    from botocore import exceptions as sdk
    from botocore.parsers import ResponseParserError
except ImportError:
    # AnsibleAWSModule fails with a sentence before anything here is used.
    pass

IAM_ACTIONS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("kms", "DescribeKey"): ("kms:DescribeKey",),
    ("kms", "DisableKeyRotation"): ("kms:DisableKeyRotation",),
    ("kms", "EnableKeyRotation"): ("kms:EnableKeyRotation",),
    ("kms", "GetKeyPolicy"): ("kms:GetKeyPolicy",),
    ("kms", "GetKeyRotationStatus"): ("kms:GetKeyRotationStatus",),
    ("kms", "ListResourceTags"): ("kms:ListResourceTags",),
    ("kms", "PutKeyPolicy"): ("kms:PutKeyPolicy",),
    ("kms", "TagResource"): ("kms:TagResource",),
    ("kms", "UpdateKeyDescription"): ("kms:UpdateKeyDescription",),
    ("s3", "DeleteBucketPolicy"): ("s3:DeleteBucketPolicy",),
    ("s3", "GetBucketEncryption"): ("s3:GetEncryptionConfiguration",),
    ("s3", "GetBucketPolicy"): ("s3:GetBucketPolicy",),
    ("s3", "GetBucketTagging"): ("s3:GetBucketTagging",),
    ("s3", "GetBucketVersioning"): ("s3:GetBucketVersioning",),
    ("s3", "GetPublicAccessBlock"): ("s3:GetBucketPublicAccessBlock",),
    ("s3", "HeadBucket"): ("s3:ListBucket",),
    ("s3", "ListBuckets"): ("s3:ListAllMyBuckets",),
    ("s3", "PutBucketEncryption"): ("s3:PutEncryptionConfiguration",),
    ("s3", "PutBucketPolicy"): ("s3:PutBucketPolicy",),
    ("sts", "GetCallerIdentity"): ("sts:GetCallerIdentity",),
}
"""The IAM actions that an operation needs (Service Authorization Reference), to name them where one is missing."""

# botocore reads JSON that is cut short as an answer without members, and a policy that is cut short as it is. Of these
# operations, of which members at least one is told always (AWS KMS API Reference, Amazon S3 API Reference).
_ALWAYS_TOLD: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("kms", "DescribeKey"): ("KeyMetadata",),
    ("kms", "GetKeyPolicy"): ("Policy",),
    ("kms", "GetKeyRotationStatus"): ("KeyRotationEnabled",),
    ("kms", "ListResourceTags"): ("Tags", "Truncated"),
    ("s3", "GetBucketPolicy"): ("Policy",),
    ("sts", "GetCallerIdentity"): ("Account",),
}
CUT_SHORT_WAITS = (0.5, 1.0)
"""Waits before an answer that is cut short is asked for again, in seconds."""

SENT_ONCE = frozenset(("DeleteBucketPolicy", "PutBucketPolicy", "PutKeyPolicy"))
"""Operations that are never sent again as they are: what they replace has to be read before, since somebody else may
have written it meanwhile, and neither S3 nor KMS has a condition for them."""

# Waits before another try, in seconds, each up to a half longer. Amazon S3 API Reference, "Error responses":
# OperationAborted means that a conflicting operation on the same bucket is under way, and is to be tried again.
# botocore's retry modes do not.
CONFLICT_WAITS = (0.5, 1.0, 2.0, 4.0)
_JITTER = random.SystemRandom()
# A HEAD is answered with the status alone.
_CONFLICTS = frozenset(("OperationAborted", "ConditionalRequestConflict", "409"))

_DENIED = frozenset(
    (
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "AllAccessDisabled",
        "AuthorizationError",
        "Forbidden",
        "UnauthorizedAccess",
        "UnauthorizedOperation",
    )
)
_EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"))
_NOT_TAKEN = frozenset(
    (
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "NotSignedUp",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    )
)
_SKEWED = frozenset(("RequestInTheFuture", "RequestTimeTooSkewed"))
_MISSING = frozenset(
    (
        "404",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchEntity",
        "NoSuchPublicAccessBlockConfiguration",
        "NoSuchTagSet",
        "NotFound",
        "NotFoundException",
        "ServerSideEncryptionConfigurationNotFoundError",
    )
)
_THROTTLED = frozenset(
    (
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    )
)
# What was sent did not arrive as a whole in time (Amazon S3 API Reference, "Error responses"); botocore tries it again.
_NOT_ARRIVED = frozenset(("RequestTimeout", "RequestTimeoutException"))
_OTHER_REGION = frozenset(
    ("AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect", "301")
)

_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")
# Where a signature does not match, AWS quotes the request that it signed, and that holds the session token.
_SIGNED_REQUEST = re.compile(r"\s*The Canonical String for this request.*", re.DOTALL)
# botocore quotes an answer that it cannot read, and one that was cut short may hold the credentials of a role.
_ANSWER = re.compile(r"\W*Further retries may succeed:.*", re.DOTALL)
_CREDENTIALS = re.compile(r"(<(?:SecretAccessKey|SessionToken)>)[^<]*")
_SESSION_TOKEN = re.compile(r"(?i)(x-amz-security-token\s*[:=]\s*)[^\s&]+")
# Python's http.client quotes the header that it does not take, and that may be the session token.
_HEADER_NOT_TAKEN = "Invalid header value"
# IAM User Guide, "Troubleshoot access denied error messages".
_MISSING_ACTION = re.compile(r"\bnot authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
_SHOWN_AT_MOST = 600

_READS = ("Describe", "Get", "Head", "List")


def call(client: Any, operation: str, *, asked: str, **parameters: Any) -> dict[str, Any]:
    """Call one operation of a boto3 client.

    :param operation: the name as AWS writes it, ``GetBucketPolicy``.
    :param asked: what it is for, to follow "could not": ``read the policy of bucket x``.
    :param parameters: the parameters of the operation.
    :returns: the response.
    :raises AwsError: for whatever botocore raises, with a sentence.
    """
    ask = functools.partial(getattr(client, botocore.xform_name(operation)), **parameters)
    reads = operation.startswith(_READS)
    service = client.meta.service_model.service_name
    waits = iter(() if operation in SENT_ONCE else CONFLICT_WAITS)
    waits_when_cut = iter(CUT_SHORT_WAITS)
    told = _ALWAYS_TOLD.get((service, operation), ())
    while True:
        try:
            with translated(asked, actions=IAM_ACTIONS.get((service, operation), ())):
                answer: dict[str, Any] = interruption.carried_out(ask, asked=asked, reads=reads)
            if not told or _is_whole(answer, told):
                return answer
            wait = next(waits_when_cut, None)
            if wait is not None:
                interruption.wait(wait)
            elif not answer.keys().isdisjoint(told):
                # Then it may be what is there.
                return answer
            else:
                raise Unreachable(
                    f"Could not {asked}: the answer has no {' or '.join(told)}, also after {len(CUT_SHORT_WAITS) + 1} "
                    "tries. It was cut short on its way, or what answered is not AWS. Check the network, endpoint_url "
                    "and proxies."
                )
        except AwsError as error:
            if error.code in _CONFLICTS:
                wait = next(waits, None)
            elif reads and _was_cut_short(error, operation):
                wait = next(waits_when_cut, None)
                if wait is None and isinstance(error, NotFound):
                    raise Unreachable(
                        f"Could not {asked}: AWS answered {error.code}, and what it did not find was cut short on its "
                        f"way, also after {len(CUT_SHORT_WAITS) + 1} tries. Check the network and proxies."
                    ) from error
            else:
                wait = None
            if wait is None:
                raise
            interruption.wait(jittered(wait))


def jittered(wait: float) -> float:
    """A wait before another try, up to a half longer, so that those who wait do not come back together."""
    return wait * _JITTER.uniform(1.0, 1.5)


def turned_away(error: AwsError) -> bool:
    """Whether AWS did not carry it out for the moment: it throttles, something conflicts, or it did not arrive."""
    return error.code in _CONFLICTS | _THROTTLED | _NOT_ARRIVED


def without_an_answer(write: Callable[[], object]) -> AwsError | None:
    """Carry out a write of :data:`SENT_ONCE`.

    :returns: what failed so that it may have come through all the same, to be looked after; None for nothing.
    :raises AwsError: any other failure, :func:`turned_away` among them.
    """
    try:
        write()
    except AwsError as error:
        if turned_away(error) or not may_have_come_through(error):
            raise
        return error
    return None


def _is_whole(answer: Mapping[str, Any], told: tuple[str, ...]) -> bool:
    """Whether an answer tells what it has to, and a policy in it is whole."""
    if "Policy" not in told or "Policy" not in answer:
        return not answer.keys().isdisjoint(told)
    try:
        json.loads(answer["Policy"])
    except (ValueError, RecursionError):
        return False
    return True


def _was_cut_short(error: AwsError, operation: str) -> bool:
    """Whether an answer did not come whole: half of an XML document, or an error of which only the status came."""
    # HEAD alone is answered without a text (RFC 9110).
    status_alone = error.code is not None and error.code.isdecimal() and not operation.startswith("Head")
    return status_alone or isinstance(error.__cause__, ResponseParserError)


@dataclass(frozen=True)
class Answer:
    """What AWS answered, a refusal included.

    :ivar status: the HTTP status; None where no answer came.
    :ivar code: AWS's error code; None for a success.
    :ivar message: AWS's text for an error; a sentence where no answer came.
    :ivar response: of a success.
    :ivar sent_again: whether it is the answer to another try than the first one.
    """

    status: int | None
    code: str | None = None
    message: str = ""
    response: Mapping[str, Any] = field(default_factory=dict)
    sent_again: bool = False

    @property
    def passed(self) -> bool:
        """Whether it was a success."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def tells_all(self) -> bool:
        """Whether nothing was done beside what it says: by an earlier try, or although AWS failed on the way."""
        return self.status is not None and self.status < 500 and not self.sent_again


def attempt(client: Any, operation: str, *, asked: str, **parameters: Any) -> Answer:
    """Call one operation where a refusal is an answer like any other."""
    method = getattr(client, botocore.xform_name(operation))
    try:
        with translated(asked):
            response = method(**parameters)
    except AwsError as error:
        cause = error.__cause__
        if not isinstance(cause, sdk.ClientError):
            return Answer(None, message=str(error))
        told = cause.response.get("Error", {})
        status, sent_again = _metadata(cause.response)
        return Answer(status, str(told.get("Code") or ""), _text(told.get("Message") or ""), sent_again=sent_again)
    status, sent_again = _metadata(response)
    return Answer(status or 200, response=response, sent_again=sent_again)


def _metadata(response: Mapping[str, Any]) -> tuple[int | None, bool]:
    """The HTTP status, and whether botocore sent it more than once."""
    metadata = response.get("ResponseMetadata", {})
    return metadata.get("HTTPStatusCode"), bool(metadata.get("RetryAttempts"))


def one_line(value: object) -> str:
    """Somebody else's text as it may be shown: one line, no secrets."""
    return _text(value)


def without_credentials(url: str) -> str:
    """An address without the user and password that may stand in it."""
    return _CREDENTIALS_IN_URL.sub("", url)


@contextlib.contextmanager
def translated(asked: str, *, actions: tuple[str, ...] = ()) -> Iterator[None]:
    """Turn what boto3 and botocore raise inside into an AwsError.

    :param asked: what is tried, to follow "could not".
    :param actions: the IAM actions that it needs.
    """
    try:
        yield
    except sdk.ClientError as error:
        raise _of_answer(error, asked, actions) from error
    except sdk.BotoCoreError as error:
        if _HEADER_NOT_TAKEN in str(error):
            # Without the cause, which quotes the value.
            raise BadCredentials(
                f"Could not {asked}: a request cannot carry one of the credentials, since there is a line break in it. "
                "Check session_token and access_key, or AWS_SESSION_TOKEN and AWS_ACCESS_KEY_ID."
            ) from None
        raise _of_sdk(error, asked) from error
    except ResponseParserError as error:
        said = _text(error)
        # Not from the error itself, which quotes the answer: a traceback would show it.
        raise Unreachable(
            f"Could not {asked}: what answered is not AWS. {said}. Check endpoint_url and proxies."
        ) from ResponseParserError(said)
    except OSError as error:
        raise BadCredentials(
            f"Could not {asked}: {_text(error)}. Check the files and programs that the profile and the environment "
            "name for the connection, such as AWS_WEB_IDENTITY_TOKEN_FILE and credential_process."
        ) from error
    except json.JSONDecodeError as error:
        raise BadCredentials(
            f"Could not {asked}: what should give credentials gives no JSON. {_text(error)}. Check credential_process "
            "of the profile."
        ) from error
    except ValueError as error:
        # botocore: "Invalid endpoint: ...".
        raise AwsError(f"Could not {asked}: {_text(error)}. Check endpoint_url and region.") from error


def _of_answer(error: sdk.ClientError, asked: str, actions: tuple[str, ...]) -> AwsError:
    """For an error that AWS answered with."""
    told = error.response.get("Error", {})
    return refusal(
        str(told.get("Code") or ""),
        str(told.get("Message") or ""),
        asked=asked,
        needed=actions[0] if actions else error.operation_name,
        metadata=error.response.get("ResponseMetadata", {}),
    )


def refusal(code: str, message: str, *, asked: str, needed: str, metadata: Mapping[str, Any]) -> AwsError:
    """What an error means that AWS answered with.

    :param code: AWS's error code.
    :param message: AWS's text.
    :param asked: what was tried, to follow "could not".
    :param needed: the IAM action that it needs.
    :param metadata: botocore's, of the answer.
    """
    said = _text(message)
    status = int(metadata.get("HTTPStatusCode") or 0)
    quoted = f" AWS said: {said}." if said else ""
    failed = f"Could not {asked}"

    if "BlockPublicPolicy" in said or "public policies are blocked" in said.lower():
        return Refused(
            f"{failed}: the policy makes the bucket public, and its public access block (BlockPublicPolicy) refuses "
            "such policies. Our statements only deny: narrow the statement that allows everybody, then run again."
            f"{quoted}",
            code=code,
        )
    if code in _DENIED:
        # One call may need several, and AWS mostly names the one that is missing.
        named = _MISSING_ACTION.search(said)
        needed = named.group(1) if named else needed
        return NotPermitted(
            f"Not permitted to {asked}: {needed} is denied. {_why_denied(said, needed)}{quoted}",
            action=needed,
            code=code,
        )
    if code in _EXPIRED:
        return BadCredentials(f"{failed}: the credentials have expired. Get new ones and run again.{quoted}", code=code)
    if code in _SKEWED:
        return BadCredentials(f"{failed}: the clock of this host is off. Set it and run again.{quoted}", code=code)
    if code in _NOT_TAKEN:
        return BadCredentials(
            f"{failed}: AWS does not take the credentials. Check access_key, secret_key and session_token, or the "
            f"profile, and that the Region is enabled for the account.{quoted}",
            code=code,
        )
    if code in _MISSING:
        return NotFound(f"{failed}: there is none.{quoted}", code=code)
    if code in _CONFLICTS:
        return AwsError(
            f"{failed}: another change of the same bucket was under way, also after {len(CONFLICT_WAITS) + 1} tries. "
            f"Find out who makes it, and run again.{quoted}",
            code=code,
        )
    if code in _THROTTLED:
        return Unreachable(
            f"{failed}: AWS throttled the requests{_tries(metadata)}. Run again later, or with fewer hosts at once "
            f"(forks, throttle).{quoted}",
            code=code,
        )
    if code in _OTHER_REGION:
        return Refused(f"{failed}: it is in another Region. Set region to the Region of the bucket.{quoted}", code=code)
    if code == "MethodNotAllowed":
        return Refused(
            f"{failed}: only the account that owns the bucket may do that. Run with its credentials.{quoted}",
            code=code,
        )
    if status >= 500:
        return Unreachable(
            f"{failed}: AWS failed with {code or status}{_tries(metadata)}. Run again later.{quoted}", code=code
        )
    return AwsError(f"{failed}: AWS answered {code or status}.{quoted}", code=code or None)


def _why_denied(said: str, needed: str) -> str:
    """Which policy denies, as AWS's text tells (IAM User Guide, "Troubleshoot access denied error messages")."""
    lower = said.lower()
    if "service control policy" in lower:
        return "A service control policy of the organization denies it: ask who manages it."
    if "resource control policy" in lower:
        return "A resource control policy of the organization denies it: ask who manages it."
    if "permissions boundary" in lower:
        return "The caller's permissions boundary does not allow it: ask who manages it."
    if "explicit deny in a resource-based policy" in lower:
        return "The policy of the resource itself denies it to the caller: use a principal that it spares."
    if "session policy" in lower:
        return "The session's policy does not allow it: start the session without it, or with it widened."
    return f"Allow {needed} to the caller, or check that no policy denies it."


def _of_sdk(error: Exception, asked: str) -> AwsError:
    """For an error that arose on the way to AWS."""
    failed = f"Could not {asked}"
    said = _text(error)
    if isinstance(error, sdk.ProfileNotFound):
        return BadCredentials(f"{failed}: {said}. Check profile and the file of credentials of this host.")
    if isinstance(error, (sdk.NoRegionError, sdk.InvalidRegionError)):
        return AwsError(f"{failed}: {said}. Set region, AWS_REGION, or a region in the profile.")
    if isinstance(error, sdk.NoCredentialsError):
        return BadCredentials(
            f"{failed}: there are no credentials. Give profile, or access_key and secret_key, or set them in the "
            "environment of the host where the module runs."
        )
    if isinstance(error, _kinds("PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError",
                                "SSOError", "UnauthorizedSSOTokenError", "LoginError")):  # fmt: skip
        return BadCredentials(f"{failed}: the credentials could not be had. {said}. Sign in again, or give others.")
    if isinstance(error, sdk.SSLError):
        return Unreachable(
            f"{failed}: the certificate of the endpoint is not trusted. {said}. Give the certificate authority with "
            "aws_ca_bundle, or check endpoint_url."
        )
    if isinstance(error, sdk.ProxyConnectionError):
        return Unreachable(f"{failed}: the proxy does not answer. {said}. Check HTTPS_PROXY and NO_PROXY.")
    if isinstance(error, (sdk.ConnectTimeoutError, sdk.ReadTimeoutError)):
        return Unreachable(f"{failed}: no answer in time. {said}. Check the network, region and endpoint_url.")
    if isinstance(error, (sdk.ConnectionError, sdk.HTTPClientError)):
        return Unreachable(
            f"{failed}: the endpoint cannot be reached. {said}. Check region, endpoint_url and the network."
        )
    if isinstance(error, sdk.ParamValidationError):
        return AwsError(
            f"{failed}: botocore {botocore.__version__} does not take the parameters. {said}. A newer botocore may."
        )
    return AwsError(f"{failed}: {said}.")


def _kinds(*names: str) -> tuple[type[Exception], ...]:
    """The exceptions of these names that the installed botocore has."""
    found = (getattr(sdk, name, None) for name in names)
    return tuple(kind for kind in found if kind is not None)


def _tries(metadata: Mapping[str, Any]) -> str:
    again = int(metadata.get("RetryAttempts") or 0)
    return f", also after {again + 1} tries" if again else ""


def _text(value: object) -> str:
    """Somebody else's text on one line, without its last stop and without the secrets that may stand in it."""
    text = _CREDENTIALS.sub(r"\1...", _ANSWER.sub("", _SIGNED_REQUEST.sub("", str(value))))
    text = _SESSION_TOKEN.sub(r"\1...", without_credentials(" ".join(text.split()))).removesuffix(".")
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= _SHOWN_AT_MOST else text[: _SHOWN_AT_MOST - 3] + "..."
