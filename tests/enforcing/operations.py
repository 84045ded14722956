# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which action an operation of S3 needs, and on what.

From https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html. An operation that is not
named here needs the action of its own name.
"""

from __future__ import annotations

UPLOADS = frozenset(
    "PutObject PostObject CopyObject CreateMultipartUpload UploadPart UploadPartCopy CompleteMultipartUpload".split()
)
# Those that send no encryption of their own: S3 refuses the headers on them.
PARTS = frozenset("UploadPart UploadPartCopy CompleteMultipartUpload".split())
COPIES = frozenset("CopyObject UploadPartCopy".split())

_ACTIONS = {
    **dict.fromkeys(UPLOADS, "PutObject"),
    "HeadObject": "GetObject",
    "SelectObjectContent": "GetObject",
    "DeleteObjects": "DeleteObject",
    "ListParts": "ListMultipartUploadParts",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
    "PutBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
}
_OF_A_VERSION = frozenset(
    "GetObject GetObjectAcl GetObjectAttributes GetObjectTagging DeleteObject DeleteObjectTagging PutObjectAcl "
    "PutObjectTagging".split()
)


def action(operation: str, version: str | None = None) -> str:
    """The action that an operation needs."""
    name = _ACTIONS.get(operation, operation)
    if version and name in _OF_A_VERSION:
        # GetObject -> GetObjectVersion, GetObjectAcl -> GetObjectVersionAcl
        verb, _object, what = name.partition("Object")
        name = f"{verb}ObjectVersion{what}"
    return f"s3:{name}"
