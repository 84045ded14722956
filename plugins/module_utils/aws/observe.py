# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a bucket and a key for posture.assess, and keep apart what is not there and what could not be read.

A key is read on its own, so that one that many buckets share is read once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import Bucket, EncryptionRule, Located, OtherRegion
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import (
    AwsError,
    NotFound,
    NotPermitted,
    Refused,
    Unreachable,
)
from ansible_collections.sealed.s3.plugins.module_utils.aws.key import Key
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError
from ansible_collections.sealed.s3.plugins.module_utils.posture import (
    PRESENT,
    DefaultRule,
    Intent,
    NotRead,
    ObservedBucket,
    ObservedKey,
)

T = TypeVar("T")


def wanted(intent: Intent, *, tags: bool = True) -> dict[str, bool]:
    """What of a bucket has to be read to hold it against the intent: arguments of :func:`bucket`.

    :param tags: False: the tags are known already.
    """
    sealed = intent.state == PRESENT
    return {
        "versioning": sealed and intent.versioning is not None,
        "tags": sealed and tags and intent.tags is not None,
        "settings": sealed,
    }


def wants_key_tags(intent: Intent) -> bool:
    """Whether the key's tags have to be read to hold it against the intent."""
    settings = intent.key_settings if intent.key_managed else None
    return settings is not None and settings.tags is not None


def locate(session: Session, name: str) -> Located | ObservedBucket:
    """That a bucket is there and ours; else what was observed instead.

    :raises BucketNameError: for what cannot be the name of a bucket.
    :raises OtherRegion: where it is there and ours, in another Region.
    :raises Unreachable: where no answer came, for this says nothing about the bucket.
    """
    try:
        return Bucket(session, name).locate()
    except NotFound:
        return ObservedBucket(exists=False)
    except NotPermitted as error:
        return ObservedBucket(exists=None, not_read=NotRead(str(error), error.action))
    except OtherRegion:
        raise
    except Refused as error:
        return ObservedBucket(exists=None, refused=str(error))


def bucket(
    session: Session,
    name: str,
    *,
    versioning: bool,
    tags: bool,
    settings: bool = True,
    located: Located | None = None,
) -> ObservedBucket:
    """Read a bucket.

    :param versioning, tags: read these too.
    :param settings: read default encryption and public access block; without them, only the policy.
    :param located: where it is known to be there, ours, and in the session's Region.
    :raises BucketNameError: for what cannot be the name of a bucket.
    :raises OtherRegion: where it is in another Region.
    :raises Unreachable: where no answer came, for this says nothing about the bucket.
    """
    there = Bucket(session, name)
    found = located or locate(session, name)
    if isinstance(found, ObservedBucket):
        return found
    return ObservedBucket(
        exists=True,
        region=found.region,
        account=found.account,
        default_encryption=_attempt(lambda: _rule(there.default_encryption())) if settings else None,
        blocked_types_known=there.sdk_knows_blocked_types,
        policy=_attempt(there.policy),
        public_access_block=_attempt(there.public_access_block) if settings else None,
        versioning=_attempt(there.versioning) if versioning else None,
        tags=_attempt(there.tags) if tags else None,
    )


def bucket_or_refusal(session: Session, name: str, *, versioning: bool, tags: bool, settings: bool) -> ObservedBucket:
    """As :func:`bucket`; that it is in another Region is among what was observed."""
    try:
        return bucket(session, name, versioning=versioning, tags=tags, settings=settings)
    except OtherRegion as error:
        return ObservedBucket(exists=None, refused=str(error))


def key(session: Session, name: str, *, region: str, account: str, tags: bool) -> ObservedKey:
    """Read a key.

    :param account: the caller's; a key of another account does not tell its policy.
    :param tags: read its tags too.
    :raises Unreachable: where no answer came, for this says nothing about the key.
    """
    try:
        found = Key.resolve(session, name, region=region)
    except NotFound:
        return ObservedKey(state=None)
    except NotPermitted as error:
        return ObservedKey(state=NotRead(str(error), error.action))
    except Refused as error:
        return ObservedKey(refused=str(error))
    own = found.account == account
    return ObservedKey(
        state=found.description,
        rotation=_attempt(found.rotation),
        policy=_attempt(found.policy) if own else None,
        tags=_attempt(found.tags) if own and tags else None,
    )


def _attempt(read: Callable[[], T]) -> T | NotRead:
    """What ``read`` says, or why it could not."""
    try:
        return read()
    except Unreachable:
        raise
    except NotPermitted as error:
        return NotRead(str(error), error.action)
    except (AwsError, PolicyError) as error:
        return NotRead(str(error))


def _rule(found: EncryptionRule | None) -> DefaultRule | None:
    if found is None:
        return None
    return DefaultRule(
        algorithm=found.algorithm,
        key_arn=found.key_arn,
        bucket_key=found.bucket_key,
        blocked=found.blocked_encryption_types,
    )
