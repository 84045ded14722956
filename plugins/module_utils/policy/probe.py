# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads that prove a guard: what is promised for each, what came of it, and what that says.

A refusal proves the guard only when nothing else explains it: the same caller got another upload through, and neither
KMS nor the caller's own permissions refused. What does not prove anything is said to be so, and never counts as kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.policy import decision, guard
from ansible_collections.sealed.s3.plugins.module_utils.policy.decision import (
    ALGORITHM_HEADER,
    CUSTOMER_ALGORITHM_HEADER,
    KEY_ID_HEADER,
    KEY_ID_MODELS,
    DefaultEncryption,
    Request,
)
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import listed, shown
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import GuardSpec

MUST_PASS = "must_pass"  # noqa: S105 - no password
MUST_FAIL = "must_fail"
EITHER = "either"
"""Depends on what is not known of the service; what passes must still end up under the key."""

KEPT = "kept"
BROKEN = "broken"
COULD_NOT_LOOK = "could_not_look"
SKIPPED = "skipped"
UNDETERMINED = "undetermined"

MODEL_SID = f"{guard.SID_PREFIX}ProbeModel"
CONTROL_SID = f"{guard.SID_PREFIX}ProbeModelControl"
"""The temporary statements of find_model. A guard merged later takes out what was left of them."""

COPY = "copy"
MULTIPART = "multipart"
PRESIGNED = "presigned"
FORM = "form"
PLAIN_HTTP = "plain_http"
PUT = "put"

# S3's and KMS's own words (IAM User Guide, "Troubleshoot access denied error messages").
_DENIAL_CODES = frozenset(("AccessDenied", "AccessDeniedException", "AllAccessDisabled", "Forbidden", "403"))
_MISSING_ACTION = re.compile(r"\bnot authorized to perform: ((?:s3|kms):[A-Za-z]+)")
_BY_RESOURCE_POLICY = "explicit deny in a resource-based policy"
_ELSEWHERE = re.compile(
    r"no (?:identity|resource|session|vpc)[a-z -]{0,80}polic|no permissions boundary|no service control"
    r"|no resource control"
    r"|identity-based policy|service control policy|resource control policy|permissions boundary|session policy"
    r"|vpc endpoint policy"
)


@dataclass(frozen=True)
class Kind:
    """One way to upload.

    :ivar title: for people.
    :ivar way: how it is sent: :data:`PUT`, :data:`COPY`, :data:`MULTIPART` ...
    :ivar headers: from the names of keys to the headers of encryption; None where a key is not there to be named.
    :ivar named: whether the key is named by other than its ARN, so that S3 may compare it in two ways.
    :ivar parts: whether its parts, which carry no headers, may be judged as if they were uploads without headers.
    :ivar without: why it is skipped where ``headers`` gives None.
    """

    title: str
    headers: Callable[[Keys], Mapping[str, str] | None] = lambda keys: {}
    way: str = PUT
    named: bool = False
    parts: bool = False
    without: str = ""

    @property
    def operation(self) -> str:
        """The S3 operation that is judged."""
        return {COPY: "CopyObject", MULTIPART: "CreateMultipartUpload", FORM: "PostObject"}.get(self.way, "PutObject")


@dataclass(frozen=True)
class Keys:
    """The keys that uploads can name.

    :ivar arn: the key that objects must end up under.
    :ivar alias: of the same, as ``alias/name``; None where it is not known.
    :ivar other: the ARN of another key; None where there is none.
    """

    arn: str
    alias: str | None = None
    other: str | None = None


def _sse(algorithm: str, key_id: str | None = "") -> Mapping[str, str] | None:
    if key_id is None:
        return None
    return {ALGORITHM_HEADER: algorithm, **({KEY_ID_HEADER: key_id} if key_id else {})}


KINDS: Mapping[str, Kind] = {
    "no_headers": Kind("no headers"),
    "sse_kms": Kind("aws:kms, the key", lambda keys: _sse("aws:kms", keys.arn)),
    "sse_s3": Kind("AES256", lambda keys: _sse("AES256")),
    "sse_kms_no_key_id": Kind("aws:kms, no key", lambda keys: _sse("aws:kms")),
    "sse_kms_other_key": Kind(
        "aws:kms, another key",
        lambda keys: _sse("aws:kms", keys.other),
        without="other_key is not given: there is no other key to try.",
    ),
    "dsse_kms": Kind("aws:kms:dsse, the key", lambda keys: _sse("aws:kms:dsse", keys.arn)),
    "sse_c": Kind("SSE-C", lambda keys: {CUSTOMER_ALGORITHM_HEADER: "AES256"}),
    "sse_kms_bare_key_id": Kind(
        "aws:kms, bare key id", lambda keys: _sse("aws:kms", keys.arn.rsplit("/", 1)[-1]), named=True
    ),
    "sse_kms_alias": Kind(
        "aws:kms, alias of the key",
        lambda keys: _sse("aws:kms", keys.alias),
        named=True,
        without="key is not given by its alias: there is no alias to try.",
    ),
    "copy_no_headers": Kind("copy, no headers", way=COPY),
    "copy_sse_s3": Kind("copy, AES256", lambda keys: _sse("AES256"), way=COPY),
    "multipart_no_headers": Kind("multipart, no headers", way=MULTIPART),
    "multipart_sse_kms": Kind("multipart, the key", lambda keys: _sse("aws:kms", keys.arn), way=MULTIPART, parts=True),
    "multipart_sse_s3": Kind("multipart, AES256", lambda keys: _sse("AES256"), way=MULTIPART),
    "presigned_put": Kind("presigned PUT", way=PRESIGNED),
    "post_form": Kind("POST form", way=FORM),
    # Names the key, so that nothing but the want of TLS stands against it.
    "plain_http": Kind("plain HTTP, the key", lambda keys: _sse("aws:kms", keys.arn), way=PLAIN_HTTP),
}
"""What is tried, in this order: the first two are most likely to pass, which gives the refusals their meaning."""


@dataclass(frozen=True)
class Situation:
    """What is known of the bucket and of who uploads.

    :ivar policy: in force; None for none.
    :ivar policy_known: whether it could be read.
    :ivar default_encryption: None where it could not be read.
    :ivar principal: the caller's ARN.
    :ivar secure: whether the endpoint has TLS.
    :ivar prefix: of the keys of the uploads.
    """

    spec: GuardSpec
    keys: Keys
    policy: Document | None
    policy_known: bool
    default_encryption: DefaultEncryption | None
    principal: str | None
    secure: bool
    prefix: str

    def requests(self, name: str, *, secure: bool | None = None) -> dict[tuple[str, str], Request]:
        """The request under each model of the key-id condition key and each reading of a named key and of parts."""
        kind = KINDS[name]
        headers = kind.headers(self.keys)
        if headers is None:
            return {}
        over_tls = kind.way != PLAIN_HTTP and (self.secure if secure is None else secure)
        copied = {"x-amz-copy-source": f"{self.spec.bucket}/{self.prefix}x"} if kind.way == COPY else {}
        readings = {"as_sent": None, "resolved": self.keys.arn} if kind.named else {"as_sent": None}
        made = {
            (model, reading): Request(
                bucket_arn=self.spec.bucket_arn,
                operation=kind.operation,
                key=f"{self.prefix}{name}",
                headers={**headers, **copied},
                secure=over_tls,
                principal=self.principal,
                default_encryption=self.default_encryption,
                key_id_model=model,
                header_key_arn=arn,
            )
            for model in KEY_ID_MODELS
            for reading, arn in readings.items()
        }
        if kind.parts:
            made |= {
                (model, "parts"): replace(request, operation="UploadPart", headers={})
                for (model, _reading), request in made.items()
            }
        return made

    def expected(self, name: str) -> str:
        """What the guard promises; that of encryption alone where the endpoint has no TLS."""
        return _expected(self._promised(self.spec, name))

    def is_certain(self, name: str) -> bool:
        """Whether the promise rests on nothing that could not be read."""
        return decision.UNKNOWN not in self._promised(self.spec, name)

    def is_exempt(self, name: str) -> bool:
        """Whether the guard would refuse it to others than this caller."""
        bare = replace(self.spec, exempt_principals=(), exempt_services=())
        return self._promised(bare, name) != self._promised(self.spec, name)

    def predicted(self, name: str, *, secure: bool | None = None) -> dict[tuple[str, str], decision.Decision] | None:
        """What the policy in force says under each reading; None where it could not be read."""
        if not self.policy_known:
            return None
        requests = self.requests(name, secure=secure)
        return {reading: decision.decide(self.policy, request) for reading, request in requests.items()}

    def predicts(self, name: str, *, secure: bool | None = None) -> str | None:
        """The same as one of the expected words; None where the policy could not be read."""
        predicted = self.predicted(name, secure=secure)
        return None if predicted is None else _expected({one.outcome for one in predicted.values()})

    def denying(self, name: str, *, secure: bool | None = None) -> list[str]:
        """The statements by which the policy in force may deny it."""
        found = (self.predicted(name, secure=secure) or {}).values()
        return list(dict.fromkeys(str(label) for one in found for label in (*one.denied_by, *one.unknown_statements)))

    def _promised(self, spec: GuardSpec, name: str) -> set[str]:
        wanted = Document(tuple(guard.statements(spec)))
        return {decision.decide(wanted, one).outcome for one in self.requests(name, secure=True).values()}


def _expected(outcomes: set[str]) -> str:
    if outcomes == {decision.ALLOWED}:
        return MUST_PASS
    return MUST_FAIL if outcomes == {decision.DENIED} else EITHER


@dataclass(frozen=True)
class Happened:
    """What the service answered.

    :ivar status: the HTTP status; None where no answer came.
    :ivar step: which call of several it is about: ``UploadPart``.
    """

    status: int | None
    code: str | None = None
    message: str = ""
    step: str | None = None

    @property
    def passed(self) -> bool:
        """Whether it was stored."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_denial(self) -> bool:
        """Whether it was refused for want of permission, by whatever."""
        return self.status == 403 and (self.code or "403") in _DENIAL_CODES

    @property
    def by_policy(self) -> bool:
        """Whether the service says that the bucket policy denied it."""
        return self.is_denial and _BY_RESOURCE_POLICY in self.message.lower() and not self.elsewhere

    @property
    def elsewhere(self) -> bool:
        """Whether the service says that something other than the bucket policy refused."""
        said = self.message.lower()
        about_other = "kms:" in said or "s3:getobject" in said or (self.code or "").lower().startswith("kms")
        return about_other or _ELSEWHERE.search(said.replace(_BY_RESOURCE_POLICY, "")) is not None

    @property
    def missing(self) -> str:
        """The IAM action that the service says is missing; empty where it names none."""
        named = _MISSING_ACTION.search(self.message)
        return named.group(1) if named else ""

    def to_dict(self) -> dict[str, Any]:
        """For a module's result."""
        return {"status": self.status, "code": self.code, "message": self.message, "step": self.step}


@dataclass(frozen=True)
class Stored:
    """How an object is encrypted, as the service says."""

    algorithm: str | None
    key_arn: str | None = None
    bucket_key: bool = False

    def to_dict(self) -> dict[str, Any]:
        """For a module's result."""
        return {"algorithm": self.algorithm, "key_arn": self.key_arn, "bucket_key": self.bucket_key}


@dataclass(frozen=True)
class Try:
    """One upload that was made, or why it was not."""

    name: str
    happened: Happened | None = None
    stored: Stored | None = None
    skipped: str = ""
    could_read_source: bool = True


@dataclass(frozen=True)
class Probe:
    """One upload, judged.

    :ivar expected: None where it was skipped.
    """

    name: str
    expected: str | None
    verdict: str
    reason: str
    happened: Happened | None = None
    stored: Stored | None = None

    def to_dict(self) -> dict[str, Any]:
        """For a module's result."""
        return {
            "kind": self.name,
            "title": KINDS[self.name].title,
            "expected": self.expected,
            "happened": self.happened.to_dict() if self.happened else None,
            "stored": self.stored.to_dict() if self.stored else None,
            "verdict": self.verdict,
            "reason": self.reason,
        }


def judge(situation: Situation, tries: Sequence[Try]) -> list[Probe]:
    """Hold what happened against what is promised."""
    passed = [one.name for one in tries if one.happened and one.happened.passed]
    return [_judged(situation, one, passed) for one in tries]


def predict(situation: Situation) -> list[Probe]:
    """Hold what the policy in force says against what is promised, without any upload."""
    probes: list[Probe] = []
    for name in KINDS:
        skip = why_skipped(situation, name)
        expected, foreseen = situation.expected(name), situation.predicts(name)
        if skip:
            probes.append(Probe(name, None, SKIPPED, skip))
            continue
        if foreseen is None:
            verdict, reason = COULD_NOT_LOOK, "The policy in force could not be read."
        elif foreseen == expected:
            verdict, reason = KEPT, "Predicted from the policy; nothing was uploaded."
        elif EITHER in (expected, foreseen):
            verdict, reason = UNDETERMINED, "Depends on what only an upload can tell."
        else:
            does = "denies it" + _by(situation.denying(name)) if foreseen == MUST_FAIL else "lets it pass"
            verdict, reason = BROKEN, f"The policy in force {does}."
        default = situation.default_encryption
        passes = verdict == KEPT and expected == MUST_PASS and not KINDS[name].headers(situation.keys)
        if (
            passes
            and default is not None
            and (default.algorithm, default.key_arn in situation.spec.keys)
            != (
                "aws:kms",
                True,
            )
        ):
            verdict, reason = BROKEN, f"It would end up under {_default_text(default)}, since that is the default."
        probes.append(Probe(name, expected, verdict, reason))
    return probes


def why_skipped(situation: Situation, name: str) -> str:
    """Why an upload says nothing here, in a sentence; empty when it does."""
    if not situation.requests(name):
        return KINDS[name].without
    if situation.is_exempt(name):
        return "The guard spares this caller. Run as somebody whom it does not spare."
    return ""


def _judged(situation: Situation, one: Try, passed: Sequence[str]) -> Probe:
    expected = situation.expected(one.name)

    def verdict(word: str, reason: str) -> Probe:
        return Probe(one.name, expected, word, reason, one.happened, one.stored)

    happened = one.happened
    if happened is None:
        return Probe(one.name, None, SKIPPED, one.skipped)
    if happened.passed:
        if expected == MUST_FAIL:
            why = "It passed, and the guard denies it."
            if situation.policy_known:
                why = "The policy in force does not deny it."
            if situation.predicts(one.name, secure=True) == MUST_FAIL:
                by = _by(situation.denying(one.name, secure=True))
                why = f"The policy in force denies it{by}, and the service let it pass."
            return verdict(BROKEN, why)
        return verdict(*_of_stored(situation, one.stored))
    at = f" at {happened.step}" if happened.step else ""
    if happened.status is None:
        return verdict(COULD_NOT_LOOK, f"No answer{at}: {happened.message or 'nothing came'}.")
    if not happened.is_denial:
        return verdict(
            COULD_NOT_LOOK, f"Refused{at} with {happened.code or happened.status}, which is not the policy's doing."
        )
    if happened.elsewhere:
        lacking = f": {happened.missing} is denied" if happened.missing else ""
        return verdict(COULD_NOT_LOOK, f"Refused{at}, by something other than the bucket policy{lacking}.")
    return verdict(*_of_denial(situation, one, happened, expected, passed, at))


def _of_denial(
    situation: Situation, one: Try, happened: Happened, expected: str, passed: Sequence[str], at: str
) -> tuple[str, str]:
    """For a refusal that the bucket policy may be behind."""
    foreseen = situation.predicts(one.name)
    if expected == MUST_PASS:
        if foreseen == MUST_FAIL and situation.predicts(one.name, secure=True) != MUST_FAIL:
            return COULD_NOT_LOOK, (
                "The endpoint has no TLS, and the policy denies everything without. Use one that has TLS."
            )
        if happened.by_policy or foreseen == MUST_FAIL:
            return BROKEN, f"The bucket policy denies it{at}{_by(situation.denying(one.name))}."
        return COULD_NOT_LOOK, (
            f"Refused{at}, and nothing in the policy explains it: the caller may lack "
            f"{happened.missing or 's3:PutObject, or kms:GenerateDataKey or kms:Decrypt on the key'}."
        )
    if not passed:
        return COULD_NOT_LOOK, "Refused, but so is everything."
    if not happened.by_policy:
        # A caller may be allowed uploads without headers alone.
        with_headers = [name for name in passed if KINDS[name].headers(situation.keys)]
        if KINDS[one.name].headers(situation.keys) and not with_headers:
            return COULD_NOT_LOOK, "Refused, but so is every upload with encryption headers."
        if not one.could_read_source:
            return COULD_NOT_LOOK, "Refused, and the caller may lack s3:GetObject, to read what was to be copied."
        if foreseen is None and expected == MUST_FAIL:
            return COULD_NOT_LOOK, "Refused, and the policy could not be read to see whether it is behind that."
        if foreseen == MUST_PASS:
            return COULD_NOT_LOOK, "Refused, though the policy in force does not deny it: something else does."
    if expected == EITHER and not situation.is_certain(one.name):
        return UNDETERMINED, "Refused; what is promised depends on default encryption, which could not be read."
    if expected == EITHER:
        return KEPT, "Refused. The guard allows for that: it depends on how the service reads the request."
    return KEPT, f"Refused{at}."


def _of_stored(situation: Situation, stored: Stored | None) -> tuple[str, str]:
    if stored is None or (stored.algorithm is None and stored.key_arn is None):
        return COULD_NOT_LOOK, "It passed, and how it is encrypted could not be read, which needs s3:GetObject."
    if stored.algorithm == "aws:kms" and stored.key_arn in situation.spec.keys:
        return KEPT, "Stored under the key."
    if stored.algorithm == "aws:kms" and _is_other_name(stored.key_arn or "", situation.keys):
        return KEPT, "Stored under the key, which the service calls by another of its names."
    if stored.algorithm == "aws:kms" and stored.key_arn is None:
        return COULD_NOT_LOOK, "It passed, and under which key could not be read."
    under = f" under {shown(stored.key_arn)}" if stored.key_arn else ""
    return BROKEN, f"Stored with {shown(stored.algorithm)}{under}, not with aws:kms under the key."


def _is_other_name(name: str, keys: Keys) -> bool:
    """Whether it is the key's bare id or alias, with or without what stands before it in an ARN (LocalStack)."""
    others = [keys.arn.rsplit("/", 1)[-1], *([keys.alias] if keys.alias else [])]
    before = keys.arn.rsplit("key/", 1)[0]
    return any(name in (other, f"{before}{other}", f"{before}key/{other}") for other in others)


def _by(denying: Sequence[str]) -> str:
    return f" (by {listed(denying)})" if denying else ""


def _default_text(default: DefaultEncryption) -> str:
    return f"{default.algorithm} {default.key_arn}" if default.key_arn else default.algorithm


@dataclass(frozen=True)
class Model:
    """How the service fills the key-id condition key, and what tells."""

    key_id_model: str
    reason: str


def conclude(situation: Situation, probes: Sequence[Probe]) -> Model:
    """How the service fills the key-id condition key, as far as the uploads tell.

    A service that enforces nothing must not look like one that fills in the effective key: some refusal must have been
    seen, and some upload must have passed.
    """
    enforced = any(one.expected == MUST_FAIL and one.verdict == KEPT and one.name != "plain_http" for one in probes)
    refutes = any(one.expected == MUST_FAIL and one.verdict == BROKEN for one in probes)
    if not enforced or refutes or not situation.policy_known:
        return Model(UNDETERMINED, "The uploads do not show a service that enforces the policy.")
    pointed: set[str] = set()
    for one in probes:
        kind = KINDS[one.name]
        if kind.named or kind.parts or one.happened is None or not (one.happened.passed or one.verdict == KEPT):
            continue
        predicted = situation.predicted(one.name) or {}
        says = {model: found.outcome for (model, _reading), found in predicted.items()}
        if set(says.values()) == {decision.ALLOWED, decision.DENIED}:
            wanted = decision.ALLOWED if one.happened.passed else decision.DENIED
            pointed |= {model for model, outcome in says.items() if outcome == wanted}
    if len(pointed) == 1:
        return Model(pointed.pop(), "The uploads without headers tell.")
    why = (
        "Uploads contradict one another." if pointed else "This guard behaves the same under both: find_model can tell."
    )
    return Model(UNDETERMINED, why)


def model_statements(bucket_arn: str, key_arn: str, prefix: str) -> list[dict[str, Any]]:
    """The temporary statements: E0 on a prefix of its own, and a control that shows when they have come into force."""
    common = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}
    return [
        {
            "Sid": MODEL_SID,
            **common,
            "Resource": f"{bucket_arn}/{prefix}model/*",
            "Condition": {"StringNotEquals": {guard.KEY_ID: key_arn}},
        },
        {"Sid": CONTROL_SID, **common, "Resource": f"{bucket_arn}/{prefix}control/*"},
    ]


@dataclass(frozen=True)
class Summary:
    """All probes of one run.

    :ivar left_behind: what stays, as ``{"what": ..., "reason": ...}``.
    """

    bucket: str
    probes: Sequence[Probe]
    model: Model
    predicted: bool = False
    left_behind: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    def named(self, verdict: str) -> list[str]:
        """The kinds with this verdict."""
        return [one.name for one in self.probes if one.verdict == verdict]

    @property
    def failure(self) -> str | None:
        """Why the run failed, in a sentence; None where it did not."""
        broken = [one for one in self.probes if one.verdict == BROKEN]
        would = " would be" if self.predicted else " are" if len(broken) > 1 else " is"
        if broken:
            by_reason: dict[str, list[str]] = {}
            for one in broken:
                by_reason.setdefault(one.reason, []).append(one.name)
            told = " ".join(f"{', '.join(kinds)}: {reason}" for reason, kinds in by_reason.items())
            hint = ""
            if not self.predicted and not any(one.happened and one.happened.is_denial for one in self.probes):
                hint = " No upload was refused: the guard is not there, or the service enforces no policy."
            count = "1 promise" if len(broken) == 1 else f"{len(broken)} promises"
            names = ", ".join(one.name for one in broken)
            return f"{count}{would} broken on bucket {self.bucket}: {names}. {told}{hint}"
        if not self.named(KEPT):
            reasons = dict.fromkeys(one.reason for one in self.probes if one.verdict == COULD_NOT_LOOK)
            return f"Nothing could be proved on bucket {self.bucket}. {' '.join(reasons)}".strip()
        return None

    def table(self) -> list[str]:
        """The run at a glance."""
        rows = [("upload", "promised", "happened", "stored", "verdict")]
        rows += [
            (KINDS[one.name].title, _PROMISED[one.expected], _happened(one), _stored(one), _VERDICTS[one.verdict])
            for one in self.probes
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        counts = ", ".join(
            f"{len(self.named(word))} {told}" for word, told in _VERDICTS.items() if self.named(word) or word == KEPT
        )
        says = "predicted, nothing was uploaded: " if self.predicted else ""
        lines += [
            "",
            f"{self.bucket}: {says}{counts}.",
            f"key id model: {self.model.key_id_model}. {self.model.reason}",
        ]
        lines += [f"left behind: {one['what']}. {one['reason']}" for one in self.left_behind]
        return lines


_PROMISED = {None: "-", MUST_PASS: "passes", MUST_FAIL: "refused", EITHER: "either"}
_VERDICTS = {
    KEPT: "kept",
    BROKEN: "BROKEN",
    COULD_NOT_LOOK: "could not look",
    UNDETERMINED: "undetermined",
    SKIPPED: "skipped",
}


def _happened(one: Probe) -> str:
    if one.happened is None:
        return "-"
    if one.happened.status is None:
        return "no answer"
    told = "passed" if one.happened.passed else one.happened.code or "refused"
    return f"{one.happened.status} {shown(told)}"


def _stored(one: Probe) -> str:
    if one.stored is None or one.stored.algorithm is None:
        return "-"
    key = f" {one.stored.key_arn.rsplit('/', 1)[-1][:8]}" if one.stored.key_arn else ""
    return shown(f"{one.stored.algorithm}{key}{' bucket key' if one.stored.bucket_key else ''}")
