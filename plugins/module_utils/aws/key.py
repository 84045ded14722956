# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One KMS key: resolve, describe, judge; its policy, rotation and tags. Grants are never read or made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ansible_collections.sealed.s3.plugins.module_utils import key_state
from ansible_collections.sealed.s3.plugins.module_utils.aws.call import call
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError, NotFound, Refused
from ansible_collections.sealed.s3.plugins.module_utils.key_state import KeyState, Rotation
from ansible_collections.sealed.s3.plugins.module_utils.policy import deleted
from ansible_collections.sealed.s3.plugins.module_utils.policy import document as documents
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError

if TYPE_CHECKING:
    from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session

PRINCIPAL_WAITS = (1.0, 2.0, 4.0, 8.0, 8.0)
"""Waits between the tries of PutKeyPolicy while IAM spreads a new principal, in seconds. KMS API Reference,
PutKeyPolicy: a new principal may need a delay before it can be included in a key policy."""


class UnknownPrincipal(Refused):
    """KMS does not know a principal of a policy, or not yet."""


class Key:
    """A key that DescribeKey knows. ``state`` holds what it said; the methods ask for the rest."""

    def __init__(self, session: Session, description: KeyState) -> None:
        self._session = session
        self.description = description

    # What every caller needs, without a detour.
    @property
    def arn(self) -> str:
        return self.description.arn

    @property
    def id(self) -> str:
        return self.description.id

    @property
    def state(self) -> str:
        return self.description.state

    @property
    def region(self) -> str:
        return self.description.region

    @property
    def account(self) -> str:
        return self.description.account

    @property
    def partition(self) -> str:
        return self.description.partition

    @classmethod
    def resolve(cls, session: Session, key: str, *, region: str) -> Key:
        """Find a key by id, ARN, alias (with or without ``alias/``) or alias ARN, with one DescribeKey.

        Raises Refused where the name is none that KMS takes, names an AWS managed alias, or is an ARN of another
        Region than ``region``; NotFound where there is no such key or alias.
        """
        try:
            name = key_state.parse_name(key)
        except key_state.KeyNameError as error:
            raise Refused(str(error)) from error
        if name.region is not None and name.region != region:
            raise Refused(
                f"Key {name.text} is in {name.region}, and {region} was asked for. "
                "A bucket can only use a key of its own Region: give a key of that Region."
            )
        try:
            described = _describe(session, name.text)
        except NotFound as error:
            what = "alias" if name.kind.startswith("alias") else "key"
            raise NotFound(
                f"There is no KMS {what} {name.text} in {region}. Create the key, or give one that exists.",
                code=error.code,
            ) from error
        return cls(session, described)

    def judge(self, *, region: str | None) -> None:
        """Raise Refused, naming the state, unless a bucket in ``region`` can be sealed under this key."""
        told = key_state.refusal(self.description, region=region)
        if told is not None:
            raise Refused(told)

    @staticmethod
    def placeholder(session: Session, *, region: str) -> str:
        """The ARN that stands for a key that a check run would create; asks GetCallerIdentity for the account."""
        caller = session.caller()
        return key_state.placeholder_arn(partition=caller.partition, region=region, account=caller.account)

    def described(self) -> KeyState:
        """DescribeKey, anew. ``description`` stays what it was."""
        return _describe(self._session, self.arn)

    def rotation(self) -> Rotation:
        """GetKeyRotationStatus. A key that KMS cannot rotate reads as not rotated."""
        try:
            answer = call(
                self._session.kms, "GetKeyRotationStatus", asked=f"read the rotation of key {self.arn}", KeyId=self.arn
            )
        except AwsError as error:
            if error.code == "UnsupportedOperationException":
                return Rotation(enabled=False)
            raise
        enabled = bool(answer.get("KeyRotationEnabled"))
        return Rotation(enabled=enabled, period_in_days=answer.get("RotationPeriodInDays") if enabled else None)

    def policy(self) -> documents.Document:
        """GetKeyPolicy, parsed.

        :raises PolicyError: where it cannot be understood, and so nothing may be written.
        """
        answer = call(
            self._session.kms,
            "GetKeyPolicy",
            asked=f"read the policy of key {self.arn}",
            KeyId=self.arn,
            PolicyName="default",
        )
        try:
            return documents.parse(answer["Policy"])
        except PolicyError as error:
            raise PolicyError(
                f"The policy of key {self.arn} cannot be understood, so it is left alone. {error}. Put a valid policy "
                "there, then run again.",
                **error.details,
            ) from error

    def tags(self) -> dict[str, str]:
        """ListResourceTags, all pages."""
        tags: dict[str, str] = {}
        page: dict[str, str] = {}
        while True:
            answer = call(
                self._session.kms,
                "ListResourceTags",
                asked=f"read the tags of key {self.arn}",
                KeyId=self.arn,
                **page,
            )
            tags.update({tag["TagKey"]: tag["TagValue"] for tag in answer.get("Tags", [])})
            if not answer.get("Truncated"):
                return tags
            page = {"Marker": answer["NextMarker"]}

    def put_policy(self, document: documents.Document, *, principals: tuple[str, ...] = ()) -> None:
        """PutKeyPolicy with the lock-out safety check on.

        :param principals: those that are new to it, to be named when KMS does not know them.
        :raises UnknownPrincipal: to be tried again after :data:`PRINCIPAL_WAITS`.
        """
        try:
            call(
                self._session.kms_once,
                "PutKeyPolicy",
                asked=f"write the policy of key {self.arn}",
                KeyId=self.arn,
                PolicyName="default",
                Policy=documents.serialise(document),
            )
        except AwsError as error:
            # KMS's own lock-out check answers with the same code and another text.
            if error.code == "MalformedPolicyDocumentException" and "invalid principal" in str(error).lower():
                raise UnknownPrincipal(self._unknown_principals(document, principals), code=error.code) from error
            raise

    def _unknown_principals(self, document: documents.Document, principals: tuple[str, ...]) -> str:
        named = ", ".join(principals) or "those of the policy"
        return (
            f"KMS does not know a principal of the new policy of key {self.arn}: one of {named}.{_deleted(document)} "
            "Check that each exists; a principal made a moment ago may need a minute more."
        )

    def put_description(self, description: str) -> None:
        call(
            self._session.kms,
            "UpdateKeyDescription",
            asked=f"change the description of key {self.arn}",
            KeyId=self.arn,
            Description=description,
        )

    def enable_rotation(self, *, period_in_days: int | None) -> None:
        """EnableKeyRotation. period_in_days None: KMS takes 365 for a key that was not rotated."""
        period = {} if period_in_days is None else {"RotationPeriodInDays": period_in_days}
        call(
            self._session.kms,
            "EnableKeyRotation",
            asked=f"switch on the rotation of key {self.arn}",
            KeyId=self.arn,
            **period,
        )

    def disable_rotation(self) -> None:
        call(
            self._session.kms, "DisableKeyRotation", asked=f"switch off the rotation of key {self.arn}", KeyId=self.arn
        )

    def put_tags(self, tags: Mapping[str, str]) -> None:
        """TagResource: adds or updates these tags and leaves all others."""
        call(
            self._session.kms,
            "TagResource",
            asked=f"tag key {self.arn}",
            KeyId=self.arn,
            Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()],
        )


def _describe(session: Session, key: str) -> KeyState:
    answer = call(session.kms, "DescribeKey", asked=f"describe key {key}", KeyId=key)
    return KeyState.from_metadata(answer["KeyMetadata"])


def _deleted(document: documents.Document) -> str:
    """A sentence on principals that were deleted: KMS hands out their unique ids and does not take them back."""
    gone = deleted.named(document)
    return f" Or one that was deleted and has to be taken out of the policy first: {gone}." if gone else ""
