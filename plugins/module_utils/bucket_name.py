# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a bucket's name can be one that this collection works on. Pure: no boto3, no Ansible."""

from __future__ import annotations

import re

from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError, shown

# Amazon S3 User Guide, "General purpose bucket naming rules". Buckets of before March 2018 in us-east-1 may have up to
# 255 characters, capitals and underscores, and are still there.
_EXISTING = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9_-]")
_NEW = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")
_NO_NEW_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_OTHER_THINGS = (
    ("--x-s3", "a directory bucket (S3 Express One Zone). Its policy knows no encryption of single uploads"),
    ("--table-s3", "a table bucket (S3 Tables). It has encryption settings of its own"),
    ("-s3alias", "the alias of an access point"),
    ("--ol-s3", "the alias of an Object Lambda access point"),
    (".mrap", "the alias of a multi-Region access point"),
)


class BucketNameError(PolicyError):
    """The name is none of a general purpose bucket."""


def validate(name: str, *, new: bool = False) -> None:
    """Refuse what cannot be the name of a general purpose bucket, before any call is made with it.

    :param new: the bucket is still to be created, so today's naming rules hold.
    :raises BucketNameError: with a sentence.
    """
    if name.startswith("arn:"):
        resource = name.split(":", 5)[-1]
        what = "the ARN of an access point" if resource.startswith("accesspoint") else "an ARN"
        raise BucketNameError(f'bucket: "{shown(name)}" is {what}. Give the name of the bucket itself.')
    for suffix, what in _OTHER_THINGS:
        if name.endswith(suffix):
            raise BucketNameError(f'bucket: "{shown(name)}" is {what}. Give the name of a general purpose bucket.')
    if not _EXISTING.fullmatch(name) or ".." in name:
        raise BucketNameError(
            f'bucket: "{shown(name)}" cannot be the name of a bucket. Expected at least 3 letters, digits, dots, '
            "dashes and underscores, without a scheme or a path."
        )
    if new and (
        not _NEW.fullmatch(name)
        or _ADDRESS.fullmatch(name)
        or any(name.startswith(prefix) for prefix in _NO_NEW_PREFIXES)
    ):
        raise BucketNameError(
            f'bucket: S3 creates no bucket named "{shown(name)}". Expected 3 to 63 lowercase letters, digits, dots and '
            f"dashes, no IP address, and none of {', '.join(_NO_NEW_PREFIXES)} at the beginning."
        )
