# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One bucket: where it is and whose, its policy, default encryption, public access block, versioning and tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ansible_collections.sealed.s3.plugins.module_utils import bucket_name
from ansible_collections.sealed.s3.plugins.module_utils.aws.call import SENT_ONCE, call
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import (
    AwsError,
    BadCredentials,
    NotFound,
    NotPermitted,
    Refused,
)
from ansible_collections.sealed.s3.plugins.module_utils.policy import document as documents
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError

if TYPE_CHECKING:
    from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session

AES256 = "AES256"
KMS = "aws:kms"
DSSE = "aws:kms:dsse"
ALGORITHMS = (KMS, DSSE, AES256)

SSE_C = "SSE-C"
NONE = "NONE"
BLOCKABLE = (SSE_C, NONE)


class OtherRegion(Refused):
    """The bucket is in another Region than the session.

    :ivar region: that Region.
    """

    def __init__(self, message: str, *, region: str) -> None:
        super().__init__(message)
        self.region = region


@dataclass(frozen=True)
class Located:
    """A bucket that is there, ours, and in the task's Region."""

    name: str
    region: str
    account: str


@dataclass(frozen=True)
class EncryptionRule:
    """A bucket's default encryption.

    :ivar key_arn: the key as it stands there: an ARN, an id, an alias or None.
    :ivar blocked_encryption_types: None where the service says nothing about them.
    :ivar rule: the whole rule as it was read (Amazon S3 API Reference, ServerSideEncryptionRule), so that what is not
        known here is sent back as it was.
    """

    algorithm: str
    key_arn: str | None = None
    bucket_key: bool = False
    blocked_encryption_types: tuple[str, ...] | None = None
    rule: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False, hash=False)

    @classmethod
    def from_rule(cls, rule: Mapping[str, Any]) -> EncryptionRule:
        """Read a ServerSideEncryptionRule. One without a default is what S3 does without a rule: AES256."""
        default = rule.get("ApplyServerSideEncryptionByDefault") or {}
        blocked = rule.get("BlockedEncryptionTypes")
        return cls(
            algorithm=default.get("SSEAlgorithm") or AES256,
            key_arn=default.get("KMSMasterKeyID"),
            bucket_key=bool(rule.get("BucketKeyEnabled")),
            blocked_encryption_types=None if blocked is None else tuple(blocked.get("EncryptionType") or ()),
            rule=rule,
        )

    def to_rule(self) -> dict[str, Any]:
        """The whole rule, to be written."""
        default = dict(self.rule.get("ApplyServerSideEncryptionByDefault") or {})
        default.pop("KMSMasterKeyID", None)
        default["SSEAlgorithm"] = self.algorithm
        if self.key_arn is not None:
            default["KMSMasterKeyID"] = self.key_arn
        rule = {**self.rule, "ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": self.bucket_key}
        rule.pop("BlockedEncryptionTypes", None)
        if self.blocked_encryption_types is not None:
            rule["BlockedEncryptionTypes"] = {"EncryptionType": list(self.blocked_encryption_types)}
        return rule

    @property
    def blocked(self) -> frozenset[str]:
        """The encryption types that are blocked. ``NONE`` is the name of none."""
        return frozenset(self.blocked_encryption_types or ()) - {NONE}

    def same_as(self, other: EncryptionRule | None) -> bool:
        """Whether both mean the same."""
        return other is not None and self._meaning() == other._meaning()

    def _meaning(self) -> tuple[Any, ...]:
        return self.algorithm, self.key_arn, self.bucket_key, self.blocked

    def without_blocked(self) -> EncryptionRule:
        """The same without a word on blocked encryption types."""
        return replace(self, blocked_encryption_types=None)

    def to_dict(self) -> dict[str, Any]:
        """The rule for a module's result."""
        blocked = self.blocked_encryption_types
        return {
            "algorithm": self.algorithm,
            "key_arn": self.key_arn,
            "bucket_key": self.bucket_key,
            "blocked_encryption_types": None if blocked is None else list(blocked),
        }


class Bucket:
    """A general purpose bucket by its name. Every call says whose it has to be.

    :raises BucketNameError: for what cannot be one, before any call.
    """

    def __init__(self, session: Session, name: str) -> None:
        bucket_name.validate(name)
        self._session = session
        self.name = name

    def locate(self) -> Located:
        """HeadBucket: whether it is there, the caller's own, and in the task's Region.

        :raises NotFound: there is none.
        :raises NotPermitted: another account's, or no permission to look. S3 answers both alike.
        :raises OtherRegion: it is in another Region.
        """
        caller, region = self._session.caller(), self._session.region
        try:
            answer = self._call("HeadBucket", asked=f"look at bucket {self.name}")
        except NotFound as error:
            raise NotFound(
                f"There is no bucket {self.name}. Check its name, and create it first if it is new. "
                f"(Asked by account {caller.account} in {region}.)",
                code="NoSuchBucket",
            ) from error
        except NotPermitted as error:
            # A guard with require_tls denies this call, too, and S3 gives no reason.
            plain = " Or the bucket takes requests over TLS alone: use the endpoint with https."
            raise NotPermitted(
                f"Bucket {self.name} exists, and {caller.arn} may not look at it: either it does not belong to account "
                f"{caller.account}, or s3:ListBucket is denied. Run with credentials of the account that owns it, or "
                f"allow s3:ListBucket on the bucket.{'' if self._session.uses_tls else plain}",
                action=error.action,
                code=error.code,
            ) from error
        except AwsError as error:
            if error.code != "400":
                raise
            # An answer to HEAD has no body, so that S3 cannot say which.
            raise BadCredentials(
                f"Could not look at bucket {self.name}: S3 does not take the request and gives no reason to this one. "
                "The credentials have expired, mostly: get new ones and run again.",
                code=error.code,
            ) from error
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        found = answer.get("BucketRegion") or headers.get("x-amz-bucket-region") or region
        if found != region:
            raise OtherRegion(
                f"Bucket {self.name} is in {found}, and the task's Region is {region}. Set region to {found}; the key "
                "has to be of that Region too.",
                region=found,
            )
        return Located(name=self.name, region=region, account=caller.account)

    def policy(self) -> documents.Document | None:
        """GetBucketPolicy, parsed; None where there is no policy.

        :raises PolicyError: where it cannot be understood, and so nothing may be written.
        """
        answer = self._unless_missing(
            "GetBucketPolicy", "NoSuchBucketPolicy", asked=f"read the policy of {self._named}"
        )
        if answer is None:
            return None
        try:
            return documents.parse(answer["Policy"])
        except PolicyError as error:
            raise PolicyError(
                f"The policy of {self._named} cannot be understood, so it is left alone. {error}. Put a valid policy "
                "there, then run again.",
                **error.details,
            ) from error

    def put_policy(self, document: documents.Document) -> None:
        """PutBucketPolicy. ConfirmRemoveSelfBucketAccess stays unset."""
        self._call("PutBucketPolicy", asked=f"write the policy of {self._named}", Policy=documents.serialise(document))

    def delete_policy(self) -> None:
        """DeleteBucketPolicy."""
        self._call("DeleteBucketPolicy", asked=f"delete the policy of {self._named}")

    def default_encryption(self) -> EncryptionRule | None:
        """GetBucketEncryption; None where there is no rule."""
        answer = self._unless_missing(
            "GetBucketEncryption",
            "ServerSideEncryptionConfigurationNotFoundError",
            asked=f"read the default encryption of {self._named}",
        )
        rules = (answer or {}).get("ServerSideEncryptionConfiguration", {}).get("Rules") or []
        return EncryptionRule.from_rule(rules[0]) if rules else None

    def put_default_encryption(self, rule: EncryptionRule) -> None:
        """PutBucketEncryption with the whole rule."""
        self._call(
            "PutBucketEncryption",
            asked=f"set the default encryption of {self._named}",
            ServerSideEncryptionConfiguration={"Rules": [rule.to_rule()]},
        )

    @property
    def sdk_knows_blocked_types(self) -> bool:
        """Whether the installed botocore can read and write blocked encryption types (1.42 and newer can)."""
        model = self._session.s3.meta.service_model
        return "BlockedEncryptionTypes" in model.shape_for("ServerSideEncryptionRule").members

    def public_access_block(self) -> dict[str, bool] | None:
        """GetPublicAccessBlock of the bucket; None where there is none."""
        answer = self._unless_missing(
            "GetPublicAccessBlock",
            "NoSuchPublicAccessBlockConfiguration",
            asked=f"read the public access block of {self._named}",
        )
        return None if answer is None else dict(answer["PublicAccessBlockConfiguration"])

    def versioning(self) -> str:
        """GetBucketVersioning: ``Enabled``, ``Suspended``, or empty where it was never on."""
        return str(self._call("GetBucketVersioning", asked=f"read the versioning of {self._named}").get("Status") or "")

    def tags(self) -> dict[str, str]:
        """GetBucketTagging."""
        answer = self._unless_missing("GetBucketTagging", "NoSuchTagSet", asked=f"read the tags of {self._named}")
        return {tag["Key"]: tag["Value"] for tag in (answer or {}).get("TagSet", [])}

    @property
    def _named(self) -> str:
        return f"bucket {self.name}"

    def _unless_missing(self, operation: str, code: str, *, asked: str) -> dict[str, Any] | None:
        try:
            return self._call(operation, asked=asked)
        except AwsError as error:
            if error.code == code:
                return None
            raise

    def _call(self, operation: str, *, asked: str, **parameters: Any) -> dict[str, Any]:
        owner = self._session.caller().account
        client = self._session.s3_once if operation in SENT_ONCE else self._session.s3
        return call(client, operation, asked=asked, Bucket=self.name, ExpectedBucketOwner=owner, **parameters)
