# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What DescribeKey says about a KMS key, and whether a bucket can be sealed under it. Pure: no boto3, no Ansible."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The key that a check run plans with before the real one exists. It can never be mistaken for the ARN of a key.
PLACEHOLDER_ID = "known-after-creation"

# KMS API Reference, DescribeKey: a key id is a UUID; the id of a multi-Region key is mrk- and 32 hex digits.
_KEY_ID = re.compile(r"\A(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|mrk-[0-9a-fA-F]{32})\Z")
# KMS API Reference, CreateAlias: alphanumeric characters, slashes, underscores and dashes, 256 in all.
_ALIAS = re.compile(r"\Aalias/[a-zA-Z0-9/_-]{1,250}\Z")
_ARN = re.compile(
    r"\Aarn:(?P<partition>aws[a-z-]*):kms:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):"
    r"(?P<kind>key|alias)/(?P<name>[a-zA-Z0-9/_-]+)\Z"
)

# KMS Developer Guide, "Automatic key rotation": only for keys whose material KMS itself made and keeps.
_ROTATABLE_ORIGIN = "AWS_KMS"


class KeyNameError(ValueError):
    """The name of a key is none that KMS takes. str() is the sentence."""


@dataclass(frozen=True)
class KeyName:
    """A key as the user named it, brought to the form that DescribeKey takes.

    text: key id, alias name with C(alias/), key ARN or alias ARN.
    partition, region, account: set where the user gave an ARN.
    """

    text: str
    kind: str  # "id", "alias", "key_arn" or "alias_arn"
    partition: str | None = None
    region: str | None = None
    account: str | None = None


def parse_name(key: str) -> KeyName:
    """Tell the forms of a key's name apart. An alias may be given with or without ``alias/``.

    Raises KeyNameError for what KMS would not take, and for the alias of an AWS managed key: DescribeKey of a
    predefined ``alias/aws/...`` creates that key (KMS API Reference, DescribeKey), so it must never be asked.
    """
    text = key.strip()
    found = _ARN.match(text)
    if found:
        if found["kind"] == "key" and not _KEY_ID.match(found["name"]):
            raise KeyNameError(
                f"The key ARN {text} does not end in a key id. Give the full ARN of a key, its id or its alias."
            )
        if found["kind"] == "alias" and found["name"].startswith("aws/"):
            raise KeyNameError(_aws_managed_alias(text))
        return KeyName(
            text,
            "alias_arn" if found["kind"] == "alias" else "key_arn",
            partition=found["partition"],
            region=found["region"],
            account=found["account"],
        )
    if text.startswith("arn:"):
        raise KeyNameError(
            f"{text} is not the ARN of a KMS key or of an alias. "
            "Expected a form such as arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab."
        )
    if _KEY_ID.match(text):
        return KeyName(text, "id")
    alias = text if text.startswith("alias/") else f"alias/{text}"
    if alias.startswith("alias/aws/"):
        raise KeyNameError(_aws_managed_alias(alias))
    if not _ALIAS.match(alias):
        raise KeyNameError(
            f"{key!r} is neither a key id nor an ARN, and no alias either: an alias has 1 to 250 letters, digits, "
            "slashes, underscores and dashes."
        )
    return KeyName(alias, "alias")


def _aws_managed_alias(alias: str) -> str:
    return (
        f"{alias} names an AWS managed key. Its policy cannot be changed and uploads of other accounts cannot use it: "
        "give a customer managed key."
    )


@dataclass(frozen=True)
class KeyState:
    """A key as DescribeKey described it (KMS API Reference, KeyMetadata).

    deletion_date, valid_to: ISO 8601 text, or None.
    """

    arn: str
    id: str
    state: str
    spec: str
    usage: str
    manager: str
    origin: str
    description: str
    multi_region: bool
    deletion_date: str | None = None
    valid_to: str | None = None

    @property
    def partition(self) -> str:
        return self.arn.split(":")[1]

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def rotatable(self) -> bool:
        """Whether KMS can rotate the key by itself: not one with imported material or in a custom key store."""
        return self.spec == "SYMMETRIC_DEFAULT" and self.origin == _ROTATABLE_ORIGIN

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> KeyState:
        """Read the KeyMetadata of a DescribeKey response. Older answers carry CustomerMasterKeySpec alone."""
        return cls(
            arn=metadata["Arn"],
            id=metadata["KeyId"],
            state=metadata.get("KeyState", "Enabled" if metadata.get("Enabled") else "Disabled"),
            spec=metadata.get("KeySpec") or metadata.get("CustomerMasterKeySpec") or "SYMMETRIC_DEFAULT",
            usage=metadata.get("KeyUsage", "ENCRYPT_DECRYPT"),
            manager=metadata.get("KeyManager", "CUSTOMER"),
            origin=metadata.get("Origin", _ROTATABLE_ORIGIN),
            description=metadata.get("Description", ""),
            multi_region=bool(metadata.get("MultiRegion", False)),
            deletion_date=_text(metadata.get("DeletionDate")),
            valid_to=_text(metadata.get("ValidTo")),
        )

    def to_dict(self) -> dict[str, Any]:
        """The key for a module's result."""
        return {
            "arn": self.arn,
            "id": self.id,
            "state": self.state,
            "spec": self.spec,
            "usage": self.usage,
            "manager": self.manager,
            "origin": self.origin,
            "description": self.description,
            "multi_region": self.multi_region,
            "deletion_date": self.deletion_date,
            "region": self.region,
            "account": self.account,
        }


def _text(moment: Any) -> str | None:
    if moment is None:
        return None
    isoformat = getattr(moment, "isoformat", None)
    return str(isoformat()) if isoformat is not None else str(moment)


@dataclass(frozen=True)
class Rotation:
    """Automatic rotation of a key. period_in_days: None where it is off, or where it is not told."""

    enabled: bool
    period_in_days: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The rotation for a module's result."""
        return {"enabled": self.enabled, "period_in_days": self.period_in_days}


# What each state that is not Enabled means for the owner (KMS Developer Guide, "Key states of AWS KMS keys").
_STATES = {
    "Disabled": "is disabled. Enable it yourself if that is right; nothing here enables a key.",
    "PendingDeletion": "is waiting to be deleted{date}. Cancel the deletion and enable it, or give another key; "
    "nothing here revives a key.",
    "PendingReplicaDeletion": "is a multi-Region primary key that is deleted once its replicas are gone. "
    "Give another key; nothing here revives a key.",
    "PendingImport": "has no key material yet. Import it first, or give another key.",
    "Unavailable": "is in a key store that is not connected. Connect the key store, or give another key.",
    "Creating": "is still being created. Run again in a minute.",
    "Updating": "is being changed (primary Region of a multi-Region key). Run again in a minute.",
}


def refusal(key: KeyState, *, region: str | None) -> str | None:
    """Why a bucket in ``region`` cannot be sealed under ``key``: a sentence, or None where it can.

    region None: the Region is not checked.
    """
    name = f"Key {key.arn}"
    if region is not None and key.region != region:
        return (
            f"{name} is in {key.region}, and {region} was asked for. A bucket can only use a key of its own Region: "
            "give a key of that Region."
        )
    if key.manager != "CUSTOMER":
        return (
            f"{name} is an AWS managed key. Its policy cannot be changed and uploads of other accounts cannot use it: "
            "give a customer managed key."
        )
    if key.usage != "ENCRYPT_DECRYPT" or key.spec != "SYMMETRIC_DEFAULT":
        return (
            f"{name} has key spec {key.spec} and key usage {key.usage}. S3 can only use a symmetric key "
            "(SYMMETRIC_DEFAULT) that encrypts and decrypts (ENCRYPT_DECRYPT): give such a key."
        )
    if key.state != "Enabled":
        date = f" on {key.deletion_date}" if key.deletion_date else ""
        told = _STATES.get(key.state, "cannot be used in this state. Give a key that is enabled.")
        return f"{name} {told.format(date=date)} (Key state {key.state}.)"
    return None


def placeholder_arn(*, partition: str, region: str, account: str) -> str:
    """The ARN that stands for a key that a check run would create. It says of itself that it is not known yet."""
    return f"arn:{partition}:kms:{region}:{account}:key/{PLACEHOLDER_ID}"


def is_placeholder(arn: str) -> bool:
    return arn.endswith(f":key/{PLACEHOLDER_ID}")
