# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small uploads below a prefix of their own, read back and removed again, whatever happens in between."""

from __future__ import annotations

import contextlib
import re
import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from ansible_collections.sealed.s3.plugins.module_utils.aws import policy_change
from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import Bucket
from ansible_collections.sealed.s3.plugins.module_utils.aws.call import Answer, attempt, one_line, translated
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError, Refused
from ansible_collections.sealed.s3.plugins.module_utils.policy import decision, document
from ansible_collections.sealed.s3.plugins.module_utils.policy import probe as probes
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError
from ansible_collections.sealed.s3.plugins.module_utils.policy.merge import Merge
from ansible_collections.sealed.s3.plugins.module_utils.policy.plan import Plan
from ansible_collections.sealed.s3.plugins.module_utils.policy.probe import (
    COPY,
    FORM,
    KINDS,
    MULTIPART,
    PLAIN_HTTP,
    PRESIGNED,
    Happened,
    Model,
    Situation,
    Stored,
    Try,
)

try:
    from botocore.awsrequest import AWSRequest
    from botocore.httpsession import URLLib3Session
    from botocore.utils import get_environ_proxies
except ImportError:
    # AnsibleAWSModule fails with a sentence before anything here is used.
    pass

if TYPE_CHECKING:
    from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session

BODY = b"sealed.s3 probe\n"
_ANOTHER_VERSION = Answer(
    None,
    message="it was sent more than once, and versions cannot be listed, so another version of it may be there: "
    "s3:ListBucketVersions is needed to see",
)
# So many requests in a row without an answer, and the rest is not tried.
_PATIENCE = 2
_URL_SECONDS = 300
# Waits for the temporary statements to come into force, in seconds: bucket configurations are eventually consistent.
_IN_FORCE_WAITS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
# How often the upload that tells the model is made: a single one may meet a server that has not caught up.
_MODEL_UPLOADS = 3
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Interrupted(BaseException):
    """A signal asked to stop. Not an Exception, so that nothing on the way takes it for a failed request."""


@contextlib.contextmanager
def stoppable() -> Iterator[Any]:
    """Let signals end what is done inside with Interrupted; gives a function after which they only are noted."""
    calm = [False]

    def stop(number: int, _frame: FrameType | None) -> None:
        if not calm[0]:
            calm[0] = True
            raise Interrupted(signal.Signals(number).name)

    def calm_down() -> None:
        calm[0] = True

    before = {number: signal.signal(number, stop) for number in (getattr(signal, name) for name in _SIGNALS)}
    try:
        yield calm_down
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def http_endpoint(endpoint_url: str, given: str | None) -> str | None:
    """The endpoint without TLS; None where there is none that is known.

    :param endpoint_url: the one that uploads go to.
    :param given: what the user says.
    """
    if given:
        return given
    parts = urlsplit(endpoint_url)
    if parts.scheme == "http":
        return endpoint_url
    if re.search(r"\.amazonaws\.com(\.cn)?$", parts.hostname or ""):
        return urlunsplit(parts._replace(scheme="http"))
    return None


class Uploads:
    """Uploads to one bucket, and what is left of them.

    :ivar prefix: that all keys of this run begin with.
    """

    def __init__(
        self, session: Session, bucket: str, *, prefix: str, timeout: float, owner: str, http_url: str | None = None
    ) -> None:
        self._session = session
        self._client = session.impatient_s3(timeout=timeout)
        self._timeout = timeout
        self._bucket = bucket
        self._common = {"Bucket": bucket, "ExpectedBucketOwner": owner}
        self._owner = owner
        self.prefix = f"{prefix}{secrets.token_hex(6)}/"
        self.http_url = http_endpoint(self._client.meta.endpoint_url, http_url)
        # Each key that was sent, and the versions that the service named.
        self._sent: dict[str, set[str]] = {}
        # Those of which an earlier try may have made a version that no answer named.
        self._sent_again: list[str] = []
        self._multipart: set[tuple[str, str]] = set()
        # Whether a multipart upload may be there of which no answer told.
        self._unsure = False
        self._silent = 0
        self._source: str | None = None
        self._source_read = False
        self._customer_key = secrets.token_bytes(32)

    @property
    def secure(self) -> bool:
        """Whether the endpoint has TLS."""
        return str(self._client.meta.endpoint_url).startswith("https:")

    def all(self, situation: Situation) -> Iterator[Try]:
        """Make every upload that says something."""
        for name in KINDS:
            skip = probes.why_skipped(situation, name)
            yield Try(name, skipped=skip) if skip else self._one(situation, name)

    def without_headers(self, key: str) -> Happened:
        """One plain upload."""
        return _happened(self._put(self._client, f"{self.prefix}{key}", {}))

    def _one(self, situation: Situation, name: str) -> Try:
        if self._silent >= _PATIENCE:
            return Try(name, Happened(None, message="not tried, since the endpoint does not answer"))
        kind, key = KINDS[name], f"{self.prefix}{name}"
        parameters = self._parameters(kind.headers(situation.keys) or {})
        step = None
        if kind.way == COPY:
            if self._source is None:
                return Try(name, skipped="No upload passed, so there is nothing to copy.")
            answer = self._copy(key, parameters)
        elif kind.way == MULTIPART:
            step, answer = self._in_parts(key, parameters)
        elif kind.way == PRESIGNED:
            answer = self._presigned(key)
        elif kind.way == FORM:
            answer = self._form(key)
        elif kind.way == PLAIN_HTTP:
            if self.http_url is None:
                return Try(name, skipped="No endpoint without TLS is known. Give http_endpoint_url to try one.")
            plain = self._session.impatient_s3(timeout=self._timeout, endpoint_url=self.http_url)
            answer = self._put(plain, key, parameters)
        else:
            answer = self._put(self._client, key, parameters)
        self._silent = self._silent + 1 if answer.status is None else 0
        stored = self._stored(key, parameters, answer) if answer.passed else None
        return Try(name, _happened(answer, step), stored, could_read_source=kind.way != COPY or self._source_read)

    def _parameters(self, headers: Mapping[str, str]) -> dict[str, Any]:
        """The headers as botocore names them."""
        named = {
            decision.ALGORITHM_HEADER: "ServerSideEncryption",
            decision.KEY_ID_HEADER: "SSEKMSKeyId",
            decision.CUSTOMER_ALGORITHM_HEADER: "SSECustomerAlgorithm",
        }
        parameters: dict[str, Any] = {named[header]: value for header, value in headers.items()}
        if "SSECustomerAlgorithm" in parameters:
            parameters["SSECustomerKey"] = self._customer_key
        return parameters

    def _attempt(self, client: Any, operation: str, asked: str, **parameters: Any) -> Answer:
        return attempt(client, operation, asked=f"{asked} in bucket {self._bucket}", **self._common, **parameters)

    def _note(self, key: str, answer: Answer) -> Answer:
        """Remember what has to be removed."""
        if answer.passed:
            version = answer.response.get("VersionId")
            self._sent[key] |= {str(version)} if version else set()
            if answer.sent_again:
                self._sent_again.append(key)
        elif answer.tells_all:
            self._sent.pop(key, None)
        return answer

    def _put(self, client: Any, key: str, parameters: Mapping[str, Any]) -> Answer:
        self._sent[key] = set()
        return self._note(key, self._attempt(client, "PutObject", f"upload {key}", Key=key, Body=BODY, **parameters))

    def _copy(self, key: str, parameters: Mapping[str, Any]) -> Answer:
        source = {"CopySource": {"Bucket": self._bucket, "Key": self._source}, "ExpectedSourceBucketOwner": self._owner}
        self._sent[key] = set()
        asked = f"copy {self._source} to {key}"
        answer = self._attempt(self._client, "CopyObject", asked, Key=key, **source, **parameters)
        if answer.passed:
            self._source_read = True
        return self._note(key, answer)

    def _in_parts(self, key: str, parameters: Mapping[str, Any]) -> tuple[str, Answer]:
        asked = f"upload {key} in parts"
        # Until it is answered: an interrupted call may have made one, too.
        unsure, self._unsure = self._unsure, True
        made = self._attempt(self._client, "CreateMultipartUpload", asked, Key=key, **parameters)
        self._unsure = unsure or not made.tells_all
        if not made.passed:
            return "CreateMultipartUpload", made
        upload = made.response["UploadId"]
        self._multipart.add((key, upload))
        part = self._attempt(
            self._client, "UploadPart", asked, Key=key, UploadId=upload, PartNumber=1, Body=BODY
        )  # fmt: skip
        if not part.passed:
            return "UploadPart", part
        self._sent[key] = set()
        parts = {"Parts": [{"PartNumber": 1, "ETag": part.response.get("ETag")}]}
        done = self._attempt(
            self._client, "CompleteMultipartUpload", asked, Key=key, UploadId=upload, MultipartUpload=parts
        )
        if done.passed:
            self._multipart.discard((key, upload))
        return "CompleteMultipartUpload", self._note(key, done)

    def _presigned(self, key: str) -> Answer:
        with translated(f"sign an upload to bucket {self._bucket}"):
            url = self._client.generate_presigned_url(
                "put_object", Params={**self._common, "Key": key}, ExpiresIn=_URL_SECONDS
            )
        self._sent[key] = set()
        headers = {"x-amz-expected-bucket-owner": self._owner}
        return self._note(key, send(self._session, "PUT", url, headers, BODY, self._timeout))

    def _form(self, key: str) -> Answer:
        with translated(f"sign a form for bucket {self._bucket}"):
            form = self._client.generate_presigned_post(self._bucket, key, ExpiresIn=_URL_SECONDS)
        self._sent[key] = set()
        edge = secrets.token_hex(16)
        fields = [("key", key), *((name, value) for name, value in form["fields"].items() if name != "key")]
        lines = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
        ]
        lines.append(f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="probe"\r\n\r\n')
        body = "".join(lines).encode() + BODY + f"\r\n--{edge}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={edge}"}
        return self._note(key, send(self._session, "POST", form["url"], headers, body, self._timeout))

    def _stored(self, key: str, parameters: Mapping[str, Any], written: Answer) -> Stored | None:
        """What the object says of itself; where that cannot be read, what the service said when it was written."""
        own = {name: value for name, value in parameters.items() if name.startswith("SSECustomer")}
        read = self._attempt(self._client, "HeadObject", f"look at {key}", Key=key, **own)
        if read.passed and not own and self._source is None:
            self._source = key
        self._source_read = self._source_read or read.passed
        if self._source is None and not own:
            self._source = key
        said = read.response if read.passed else written.response
        if said.get("SSECustomerAlgorithm"):
            return Stored("SSE-C")
        if not read.passed and not said.get("ServerSideEncryption"):
            return None
        return Stored(
            said.get("ServerSideEncryption") or "none", said.get("SSEKMSKeyId"), bool(said.get("BucketKeyEnabled"))
        )

    def clean(self) -> list[dict[str, Any]]:
        """Remove everything below the prefix of this run, with all versions.

        :returns: what stays, and why.
        """
        left: list[dict[str, Any]] = []
        known, unlisted = self._open_uploads()
        if unlisted is not None:
            left.append(
                self._stays("(an upload in parts that may be there)", unlisted, "s3:ListBucketMultipartUploads")
            )
        for key, upload in sorted(known):
            answer = self._attempt(
                self._client, "AbortMultipartUpload", f"abort the upload of {key}", Key=key, UploadId=upload
            )
            if not answer.passed and answer.code != "NoSuchUpload":
                left.append(self._stays(key, answer, "s3:AbortMultipartUpload", upload_id=upload))
        if self._sent:
            left += self._remove()
        return left

    def _remove(self) -> list[dict[str, Any]]:
        there = self._versions()
        if there is None:
            known: list[tuple[str, str | None]] = []
            for key, versions in self._sent.items():
                known += [(key, version) for version in sorted(versions)] or [(key, None)]
            left = [self._stays(key, *why) for key, why in self._delete(known)]
            left += [self._stays(key, _ANOTHER_VERSION, "") for key in self._sent_again if self._sent.get(key)]
            return left
        failed: dict[str, tuple[Answer, str]] = {}
        # The second round is for a delete marker, which a bucket with suspended versioning may have made of the first.
        for _round in range(2):
            if not there:
                return []
            failed = dict(self._delete(there))
            again = self._versions()
            if again is None or again == there:
                break
            there = again
        else:
            again = there
        unknown = Answer(None, message="it was deleted, and is still there"), ""
        stays = list(failed) if again is None else list(dict.fromkeys(key for key, _version in again))
        return [self._stays(key, *failed.get(key, unknown)) for key in stays]

    def _delete(self, there: list[tuple[str, str | None]]) -> list[tuple[str, tuple[Answer, str]]]:
        """Delete; gives what did not go, with the answer and the IAM action that was needed."""
        failed: list[tuple[str, tuple[Answer, str]]] = []
        silent = 0
        for key, version in there:
            named = {"VersionId": version} if version else {}
            if silent >= _PATIENCE:
                answer = Answer(None, message="the endpoint does not answer")
            else:
                answer = self._attempt(self._client, "DeleteObject", f"delete {key}", Key=key, **named)
                silent = silent + 1 if answer.status is None else 0
            if not answer.passed and answer.code not in ("NoSuchKey", "NoSuchVersion"):
                failed.append((key, (answer, "s3:DeleteObjectVersion" if version else "s3:DeleteObject")))
        return failed

    def _versions(self) -> list[tuple[str, str | None]] | None:
        """All versions and delete markers below the prefix; None where they cannot be listed.

        In a bucket that never had versions each is called null, and is deleted without a version: that needs
        s3:DeleteObject alone.
        """
        found: list[tuple[str, str | None]] = []
        markers: dict[str, Any] = {}
        marked = False
        while True:
            answer = self._attempt(
                self._client, "ListObjectVersions", "list versions", Prefix=self.prefix, **markers
            )  # fmt: skip
            if not answer.passed:
                return None
            listed = answer.response
            marked = marked or bool(listed.get("DeleteMarkers"))
            for one in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
                found.append((one["Key"], one.get("VersionId")))
            if not listed.get("IsTruncated"):
                break
            markers = {"KeyMarker": listed["NextKeyMarker"], "VersionIdMarker": listed["NextVersionIdMarker"]}
        versioned = marked or any(self._sent.values()) or any(version != "null" for _key, version in found)
        return [
            (key, version if versioned or version != "null" else None)
            for key, version in found
            if key.startswith(self.prefix)
        ]

    def _open_uploads(self) -> tuple[set[tuple[str, str]], Answer | None]:
        """The multipart uploads that were made and not completed; and why it is not known whether these are all."""
        found = set(self._multipart)
        if not self._unsure:
            return found, None
        answer = self._attempt(self._client, "ListMultipartUploads", "list uploads", Prefix=self.prefix)
        found |= {(one["Key"], one["UploadId"]) for one in answer.response.get("Uploads", ())}
        return found, None if answer.passed else answer

    def _stays(self, key: str, answer: Answer, action: str, **more: Any) -> dict[str, Any]:
        happened = _happened(answer)
        if answer.status is None:
            why = answer.message
        elif happened.is_denial:
            why = f"{happened.missing or action} is denied{': ' + answer.message if answer.message else ''}"
        else:
            why = f"{answer.code or answer.status}{': ' + answer.message if answer.message else ''}"
        return {"what": f"s3://{self._bucket}/{key}", "bucket": self._bucket, "key": key, "reason": why, **more}


def send(session: Session, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
    """Send what was signed before, as somebody without an SDK does."""
    http = URLLib3Session(
        verify=session.verify, proxies=get_environ_proxies(url), timeout=(timeout, timeout), max_pool_connections=1
    )
    try:
        with translated("upload without the SDK"):
            response = http.send(AWSRequest(method, url, headers=dict(headers), data=body).prepare())
            text = response.content.decode("utf-8", errors="replace")
    except AwsError as error:
        return Answer(None, message=str(error))
    finally:
        http.close()
    lower = {name.lower(): value for name, value in response.headers.items()}
    if 200 <= response.status_code < 300:
        said = {
            "VersionId": lower.get("x-amz-version-id"),
            "ServerSideEncryption": lower.get(decision.ALGORITHM_HEADER),
            "SSEKMSKeyId": lower.get(decision.KEY_ID_HEADER),
        }
        return Answer(response.status_code, response={name: value for name, value in said.items() if value})
    return Answer(response.status_code, _element(text, "Code"), _element(text, "Message"))


def _element(xml: str, name: str) -> str:
    found = re.search(rf"<{name}>(.*?)</{name}>", xml, re.DOTALL)
    return one_line(found.group(1)) if found else ""


def _happened(answer: Answer, step: str | None = None) -> Happened:
    return Happened(answer.status, answer.code or None, answer.message, step)


class ModelFinder:
    """Finds out how the service fills the key-id condition key, with temporary statements in a bucket policy.

    :ivar wrote: whether the policy was written, or may have been.
    """

    def __init__(self, bucket: Bucket, uploads: Uploads, *, bucket_arn: str, key_arn: str) -> None:
        self._bucket = bucket
        self._uploads = uploads
        self._statements = probes.model_statements(bucket_arn, key_arn, uploads.prefix)
        self.wrote = False

    def find(self) -> Model:
        """Write, upload, and tell. :meth:`clean` has to follow, whatever happens here."""
        before = self._uploads.without_headers("anchor")
        if not before.passed:
            return Model(
                probes.UNDETERMINED,
                f"Uploads without headers do not pass on bucket {self._bucket.name} anyway. Give another model_bucket.",
            )
        self.wrote = True
        try:
            policy_change.settle(self._bucket, self._added, check_mode=False, read_back_at=(0.0,))
        except (AwsError, PolicyError) as error:
            self.wrote = bool(error.details.get("changed"))
            raise
        for number, wait in enumerate(_IN_FORCE_WAITS):
            time.sleep(wait)
            if self._uploads.without_headers(f"control/{number}").is_denial:
                break
        else:
            return Model(
                probes.UNDETERMINED, "The temporary statements were not enforced: the service may enforce no policy."
            )
        seen = [self._uploads.without_headers(f"model/{number}") for number in range(_MODEL_UPLOADS)]
        if all(one.passed for one in seen):
            return Model(decision.EFFECTIVE, "An upload without headers passes where the key has to be the key.")
        if all(one.is_denial and not one.elsewhere for one in seen):
            return Model(
                decision.HEADER_ONLY, "An upload without headers is refused where the key has to be the key."
            )  # fmt: skip
        return Model(probes.UNDETERMINED, "The uploads under the temporary statement came out differently.")

    def clean(self) -> list[dict[str, Any]]:
        """Take the temporary statements out again; gives what stays, and why."""
        if not self.wrote:
            return []
        try:
            policy_change.settle(self._bucket, _removed, check_mode=False)
        except (AwsError, PolicyError) as error:
            what = f"the statements {probes.MODEL_SID} and {probes.CONTROL_SID} in the policy of {self._bucket.name}"
            return [{"what": what, "bucket": self._bucket.name, "key": None, "reason": str(error)}]
        return []

    def _added(self, before: Document | None) -> Plan:
        rest = _others(before)
        after = (before or Document(statements=())).with_statements([*rest, *self._statements])
        if document.size(after) > document.MAX_SIZE:
            raise Refused(
                f"The policy of bucket {self._bucket.name} has no room for the temporary statements of find_model. "
                "Give a scratch bucket with model_bucket."
            )
        if document.equal(before, after):
            return Plan(merge=Merge(document=before))
        return Plan(merge=Merge(document=after, added=(probes.MODEL_SID, probes.CONTROL_SID)))


def _removed(before: Document | None) -> Plan:
    rest = _others(before)
    if before is None or len(rest) == len(before.statements):
        return Plan(merge=Merge(document=before))
    after = before.with_statements(rest) if rest else None
    return Plan(merge=Merge(document=after, removed=(probes.MODEL_SID, probes.CONTROL_SID)))


def _others(policy: Document | None) -> list[Mapping[str, Any]]:
    temporary = (probes.MODEL_SID, probes.CONTROL_SID)
    return [one for one in (policy.statements if policy else ()) if one.get("Sid") not in temporary]
