# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a bucket's default encryption to what was asked, in one write, and see that it arrived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.aws import reading_back
from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import (
    AES256,
    DSSE,
    KMS,
    Bucket,
    EncryptionRule,
)
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import (
    AwsError,
    Refused,
    UnknownOutcome,
    may_have_come_through,
)

# What services answer that do not know an element of the request.
_NOT_UNDERSTOOD = frozenset(("InvalidArgument", "InvalidRequest", "MalformedXML", "NotImplemented"))


@dataclass(frozen=True)
class Asked:
    """The default encryption that was asked for.

    :ivar blocked_encryption_types: None: what is there stays.
    """

    algorithm: str
    key_arn: str | None = None
    bucket_key: bool = True
    blocked_encryption_types: tuple[str, ...] | None = None

    def rule(self, before: EncryptionRule | None) -> EncryptionRule:
        """The whole rule to write: what was asked, and of ``before`` what was not asked about."""
        kept = before or EncryptionRule(AES256)
        # Bucket Keys are for SSE-KMS alone (Amazon S3 User Guide, "Using dual-layer server-side encryption with AWS
        # KMS keys": not supported for DSSE-KMS). With SSE-S3 the flag has no meaning and stays.
        bucket_key = {KMS: self.bucket_key, DSSE: False}.get(self.algorithm, kept.bucket_key)
        blocked = kept.blocked_encryption_types
        if self.blocked_encryption_types is not None:
            blocked = self.blocked_encryption_types
        return replace(
            kept,
            algorithm=self.algorithm,
            key_arn=self.key_arn,
            bucket_key=bucket_key,
            blocked_encryption_types=blocked,
        )


@dataclass(frozen=True)
class Outcome:
    """What became of the default encryption.

    :ivar after: as it is then, in check mode as it would be.
    :ivar blocked_types_supported: None: not known, since nothing was asked and nothing is said about them.
    """

    before: EncryptionRule | None
    after: EncryptionRule
    changed: bool
    blocked_types_supported: bool | None
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The outcome for a module's result."""
        return {
            "encryption": self.after.to_dict(),
            "previous_encryption": self.before.to_dict() if self.before else None,
            "blocked_encryption_types_supported": self.blocked_types_supported,
        }

    def diff(self, bucket: str) -> dict[str, Any]:
        """Before and after, as Ansible shows them."""
        header = f"{bucket} (default encryption)"
        before = self.before.to_dict() if self.before else {}
        return {
            "before_header": header,
            "after_header": header,
            "before": before,
            "after": self.after.to_dict() if self.changed else before,
        }


def plan_new(asked: Asked) -> Outcome:
    """For a bucket that is not there yet."""
    return Outcome(before=None, after=asked.rule(None), changed=True, blocked_types_supported=None)


def settle(bucket: Bucket, asked: Asked, *, check_mode: bool) -> Outcome:
    """Read, write the whole rule, read back.

    :raises AwsError: with ``previous_encryption`` in the details once the rule was read.
    """
    return carry_out(bucket, asked, bucket.default_encryption(), check_mode=check_mode)


def carry_out(bucket: Bucket, asked: Asked, before: EncryptionRule | None, *, check_mode: bool) -> Outcome:
    """As :func:`settle`, on the rule that was read just before.

    A service that does not keep blocked encryption types is told from the reading back. The types then count as no
    change, so that a second run changes nothing.
    """
    try:
        planned = _plan(bucket, asked, before)
        if not planned.changed:
            return planned
        return _foretold(bucket, planned) if check_mode else _write(bucket, planned)
    except AwsError as error:
        error.details.setdefault("previous_encryption", before.to_dict() if before else None)
        raise


def _plan(bucket: Bucket, asked: Asked, before: EncryptionRule | None) -> Outcome:
    wanted = asked.rule(before)
    warnings: list[str] = []
    if not bucket.sdk_knows_blocked_types:
        if asked.blocked_encryption_types is not None:
            wanted = wanted.without_blocked()
            warnings.append(
                f"The installed botocore does not know blocked encryption types, so {_named(asked)} was not set on "
                f"bucket {bucket.name}. Install a newer botocore."
            )
        elif not wanted.same_as(before):
            warnings.append(
                "The installed botocore does not know blocked encryption types: if bucket "
                f"{bucket.name} blocks any, this change may lift the block. Install a newer botocore."
            )
    return Outcome(
        before,
        wanted,
        changed=not wanted.same_as(before),
        blocked_types_supported=_supported(bucket, before, asked),
        warnings=tuple(warnings),
    )


def _foretold(bucket: Bucket, planned: Outcome) -> Outcome:
    if not planned.after.blocked or planned.blocked_types_supported is not None:
        return planned
    doubt = (
        f"Nothing is known yet of blocked encryption types on bucket {bucket.name}. If the service does not "
        "keep them, the real run will say so and count them as no change."
    )
    return replace(planned, warnings=(*planned.warnings, doubt))


def _write(bucket: Bucket, planned: Outcome) -> Outcome:
    before, wanted = planned.before, planned.after
    written, lost = _put_or_lose(bucket, wanted, before=before)
    there = _read_back(bucket, before=before, written=written, lost=lost)
    if lost is not None and there.same_as(before or EncryptionRule(AES256)):
        lost.args = (f"{lost} It was read again, and it is as it was before.",)
        raise lost
    if there.same_as(wanted):
        told = there.blocked_encryption_types is not None
        return replace(planned, blocked_types_supported=True if told else planned.blocked_types_supported)
    if there.without_blocked().same_as(wanted.without_blocked()) and there.blocked_encryption_types is None:
        not_kept = (
            f"Default encryption of bucket {bucket.name} does not block {_types(wanted)}: the service does not keep "
            "blocked encryption types. The guard's own statement against SSE-C does not need them."
        )
        return replace(
            planned,
            after=there,
            changed=not there.same_as(before),
            blocked_types_supported=False,
            warnings=(*planned.warnings, not_kept),
        )
    raise Refused(
        f"Default encryption of bucket {bucket.name} was set, and reads differently now: asked for "
        f"{_shown(wanted)}, found {_shown(there)}. Either somebody else changed it at the same time, or the "
        "service does not keep all of it. Find out which, and run again.",
        encryption=there.to_dict(),
        changed=True,
    )


def _put_or_lose(
    bucket: Bucket, wanted: EncryptionRule, *, before: EncryptionRule | None
) -> tuple[EncryptionRule, AwsError | None]:
    """As :func:`_put`, with what failed so that the write may have come through all the same."""
    try:
        return _put(bucket, wanted, before=before), None
    except AwsError as error:
        if not may_have_come_through(error):
            raise
        return wanted, error


def _put(bucket: Bucket, wanted: EncryptionRule, *, before: EncryptionRule | None) -> EncryptionRule:
    """Write the rule; without blocked encryption types where the service does not understand them.

    :returns: what was written, or what was there where nothing is left to write.
    """
    try:
        bucket.put_default_encryption(wanted)
        return wanted
    except AwsError as error:
        if error.code not in _NOT_UNDERSTOOD or wanted.blocked_encryption_types is None:
            raise
        known = before is not None and before.blocked_encryption_types is not None
        if known:
            raise
    plain = wanted.without_blocked()
    if not plain.same_as(before):
        bucket.put_default_encryption(plain)
    return plain


def _read_back(
    bucket: Bucket, *, before: EncryptionRule | None, written: EncryptionRule, lost: AwsError | None
) -> EncryptionRule:
    """The rule after a write. While it is the one of before, S3 may just not have caught up.

    :param lost: why it is not known whether the write came through.
    """

    def arrived(there: EncryptionRule | None) -> bool:
        return written.same_as(there) or not (there.same_as(before) if there else before is None)

    try:
        there = reading_back.until(arrived, bucket.default_encryption)
    except AwsError as error:
        if lost is not None:
            raise UnknownOutcome(lost, "it was set", error) from error
        error.args = (
            f"Default encryption of bucket {bucket.name} was set, and could not be read back to see that it came "
            f"through. {error}",
        )
        error.details["changed"] = True
        raise
    return there or EncryptionRule(AES256)


def _supported(bucket: Bucket, before: EncryptionRule | None, asked: Asked) -> bool | None:
    if not bucket.sdk_knows_blocked_types:
        return False if asked.blocked_encryption_types is not None else None
    return True if before is not None and before.blocked_encryption_types is not None else None


def _named(asked: Asked) -> str:
    return _listed(asked.blocked_encryption_types or ())


def _types(rule: EncryptionRule) -> str:
    return _listed(sorted(rule.blocked))


def _listed(types: Sequence[str]) -> str:
    return ", ".join(types)


def _shown(rule: EncryptionRule) -> str:
    key = f" under {rule.key_arn}" if rule.key_arn else ""
    return (
        f"{rule.algorithm}{key}, Bucket Key {'on' if rule.bucket_key else 'off'}, "
        f"blocked encryption types {_types(rule) or 'none'}"
    )
