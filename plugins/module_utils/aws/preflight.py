# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to hold before a bucket is sealed under a key: both are there, usable and in one Region."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils import arguments, bucket_name, key_state
from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import AES256, KMS, Bucket, EncryptionRule
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import NotPermitted, Refused
from ansible_collections.sealed.s3.plugins.module_utils.aws.key import Key
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Caller, Session
from ansible_collections.sealed.s3.plugins.module_utils.policy import lockout
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import GuardSpec

Describe = Callable[[Session, str], Key]
"""How a key is found by its name, in the session's Region."""


@dataclass(frozen=True)
class Ready:
    """A bucket and a key that passed.

    :ivar bucket: None for one that is planned and not there yet.
    :ivar key_arn: the full ARN; for a planned key one that says that it is not known yet; None where none was asked.
    """

    caller: Caller
    bucket: Bucket | None
    key_arn: str | None


def describe(session: Session, key: str) -> Key:
    """Ask KMS for a key."""
    return Key.resolve(session, key, region=session.region)


def check(session: Session, params: Mapping[str, Any], *, needs_key: bool, describe: Describe = describe) -> Ready:
    """Check names before any call is made; then the caller, the bucket and the key, in this order.

    :param params: a module's parameters, with ``bucket``, ``key``, ``bucket_planned`` and ``key_planned``.
    :raises AwsError, PolicyError: with the sentence.
    """
    bucket_name.validate(params["bucket"], new=params["bucket_planned"])
    look_up = needs_key and not params["key_planned"]
    if look_up:
        # required_if lets an option pass that is given as null.
        if not params["key"]:
            raise Refused("key is empty. Give the key to seal the bucket under: its id, ARN or alias.")
        try:
            key_state.parse_name(params["key"])
        except key_state.KeyNameError as error:
            raise Refused(str(error)) from error

    region = session.region
    caller = session.caller()
    bucket = None
    if not params["bucket_planned"]:
        bucket = Bucket(session, params["bucket"])
        bucket.locate()
    key_arn = None
    if look_up:
        key = describe(session, params["key"])
        key.judge(region=region)
        key_arn = key.arn
    elif needs_key:
        key_arn = Key.placeholder(session, region=region)
    return Ready(caller=caller, bucket=bucket, key_arn=key_arn)


def check_guard(params: Mapping[str, Any], region: str) -> None:
    """Tell what is wrong with the options of the guard themselves, before any call is made.

    :param params: a module's parameters, with ``bucket`` and all options of the guard.
    :raises GuardError: the sentence.
    """
    any_key = key_state.placeholder_arn(partition="aws", region=region, account="000000000000")
    arguments.guard_spec({**params, "accepted_keys": []}, any_key)


def guard_spec(params: Mapping[str, Any], ready: Ready) -> tuple[GuardSpec, list[str]]:
    """The guard that was asked for, and what the user should know of it.

    :raises GuardError: when a value would make the guard match nothing or everything.
    :raises Refused: when it would lock out the caller, and that is not allowed.
    """
    spec = arguments.guard_spec(params, str(ready.key_arn))
    locked_out = lockout.refusal(spec.encryption_admins, ready.caller.arn)
    if locked_out is not None and not params["allow_lockout"]:
        raise Refused(locked_out)
    doubt = lockout.doubt(spec.encryption_admins, ready.caller.arn)
    return spec, [] if doubt is None else [doubt]


def compare_default(bucket: Bucket, keys: Sequence[str], happens: str) -> list[str]:
    """What to warn of when an upload that names no encryption does not end up under what the guard admits.

    :param keys: the ARNs of the keys that the guard admits, the bucket's own first.
    :param happens: what comes of such an upload then.
    """
    try:
        rule = bucket.default_encryption()
    except NotPermitted as error:
        return [f"{error} So it is not known whether default encryption is under {keys[0]}."]
    found = rule or EncryptionRule(AES256)
    if found.algorithm == KMS and found.key_arn in (keys[0].rsplit("/", 1)[1], *keys):
        return []
    under = f" under {found.key_arn}" if found.key_arn else ""
    return [
        f"Default encryption of bucket {bucket.name} is {found.algorithm}{under}, not aws:kms under {keys[0]}. An "
        f"upload that names no encryption {happens}. Set it with sealed.s3.bucket_encryption."
    ]
