#!/usr/bin/python
# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bucket_encryption
short_description: Set the default encryption of an S3 bucket as one whole rule
version_added: 0.1.0
description:
  - Sets the algorithm, the key, the Bucket Key and, where asked, the blocked encryption types of a bucket in a single
    C(PutBucketEncryption), and reads them back.
  - What it is not told about stays. Blocked encryption types that are there are sent again, since the call replaces the
    whole rule.
  - The key is looked up and judged first. A key that is disabled, waiting to be deleted, asymmetric, AWS managed or in
    another Region is refused; it is never enabled. What is written is always the full ARN of the key.
  - A bucket of another account or of another Region, a directory bucket and an access point are refused.
  - Objects that are in the bucket already stay as they are.
author:
  - sealed.s3 contributors (@sealed-s3)
options:
  bucket:
    description:
      - The name of the bucket.
    type: str
    required: true
  algorithm:
    description:
      - How objects are encrypted for which an upload names nothing.
      - V(aws:kms) is SSE-KMS, V(aws:kms:dsse) is DSSE-KMS, V(AES256) is SSE-S3, which takes no O(key).
    type: str
    choices: ["aws:kms", "aws:kms:dsse", AES256]
    default: "aws:kms"
  key:
    description:
      - The key, as key id, key ARN, alias (with or without C(alias/)) or alias ARN.
      - Required unless O(algorithm=AES256).
    type: str
  bucket_key:
    description:
      - Whether the S3 Bucket Key is on, with which S3 asks KMS far less often.
      - With O(algorithm=aws:kms:dsse) it is always off, since DSSE-KMS has none. With O(algorithm=AES256) it stays as
        it is.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    details:
      - When nothing is known yet of the blocked encryption types of a bucket, it cannot be told without a write whether
        the service keeps them. A change is reported then, with a warning.
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - "IAM actions: C(sts:GetCallerIdentity), C(s3:ListBucket), C(s3:GetEncryptionConfiguration),
    C(s3:PutEncryptionConfiguration). With O(key): C(kms:DescribeKey)."
  - Some services other than Amazon S3, and botocore before 1.42, do not know blocked encryption types. The module says
    so with a warning and in RV(blocked_encryption_types_supported), sets the rest, and does not count them as a change.
seealso:
  - module: sealed.s3.sse_kms_policy
  - module: sealed.s3.sse_kms_seal
  - module: sealed.s3.sse_kms_info
  - module: amazon.aws.s3_bucket
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealed.s3.attributes
  - sealed.s3.blocked_types
  - sealed.s3.planned
"""

EXAMPLES = r"""
- name: Encrypt new objects under a key of ours, and refuse keys that uploaders provide
  sealed.s3.bucket_encryption:
    bucket: uploads-111122223333
    key: alias/uploads
    blocked_encryption_types: [SSE-C]
    region: eu-central-1

- name: Go back to SSE-S3, and keep what is blocked
  sealed.s3.bucket_encryption:
    bucket: uploads-111122223333
    algorithm: AES256
    region: eu-central-1

- name: See what would change
  sealed.s3.bucket_encryption:
    bucket: uploads-111122223333
    key: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    region: eu-central-1
  check_mode: true
  diff: true
"""

RETURN = r"""
encryption:
  description: The default encryption after the run, in check mode as it would be.
  returned: success
  type: dict
  contains:
    algorithm:
      description: The algorithm.
      type: str
      sample: "aws:kms"
    key_arn:
      description: The key. None with C(AES256), and where the key of the algorithm is the AWS managed one.
      type: str
      sample: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    bucket_key:
      description: Whether the Bucket Key is on.
      type: bool
      sample: true
    blocked_encryption_types:
      description: The blocked encryption types. None where the service says nothing about them.
      type: list
      elements: str
      sample: [SSE-C]
  sample:
    algorithm: "aws:kms"
    key_arn: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    bucket_key: true
    blocked_encryption_types: [SSE-C]
previous_encryption:
  description:
    - The default encryption before the run, also when the run fails after it was read. As RV(encryption).
    - None for a bucket that has none, and with O(bucket_planned).
  returned: success, and failure after it was read
  type: dict
  sample:
    algorithm: AES256
    key_arn:
    bucket_key: false
    blocked_encryption_types: [SSE-C]
key_arn:
  description: The full ARN of the key. None with O(algorithm=AES256). With O(key_planned), one that ends in
    C(known-after-creation).
  returned: success
  type: str
  sample: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
blocked_encryption_types_supported:
  description: Whether the service and the installed botocore know blocked encryption types. None where that is not
    known, because nothing was asked and nothing is said about them.
  returned: success
  type: bool
  sample: true
diff:
  description: The default encryption before and after.
  returned: success
  type: dict
  sample:
    before_header: uploads-111122223333 (default encryption)
    after_header: uploads-111122223333 (default encryption)
    before:
      algorithm: AES256
      key_arn:
      bucket_key: false
      blocked_encryption_types: [SSE-C]
    after:
      algorithm: "aws:kms"
      key_arn: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
      bucket_key: true
      blocked_encryption_types: [SSE-C]
error_code:
  description: The error code of AWS.
  returned: failure, when AWS gave one
  type: str
  sample: NoSuchBucket
"""

from typing import Any, NoReturn

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.sealed.s3.plugins.module_utils import arguments, runner
from ansible_collections.sealed.s3.plugins.module_utils.aws import bucket, encryption_change, preflight
from ansible_collections.sealed.s3.plugins.module_utils.aws.encryption_change import Asked
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Refused
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session


def _set(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    arguments.require_check_mode(params, check_mode=module.check_mode)
    blocked = arguments.blocked_types(params)
    uses_kms = params["algorithm"] != bucket.AES256
    if params["key"] and not uses_kms:
        raise Refused(
            "key was given with algorithm AES256, which uses no KMS key. Leave out key, or set another algorithm."
        )

    ready = preflight.check(Session(module.params), params, needs_key=uses_kms)
    asked = Asked(
        algorithm=params["algorithm"],
        key_arn=ready.key_arn,
        bucket_key=params["bucket_key"],
        blocked_encryption_types=blocked,
    )
    if ready.bucket is None:
        outcome = encryption_change.plan_new(asked)
    else:
        outcome = encryption_change.settle(ready.bucket, asked, check_mode=module.check_mode)
    for warning in outcome.warnings:
        runner.warn(warning)
    return {
        "changed": outcome.changed,
        **outcome.to_dict(),
        "key_arn": ready.key_arn,
        "diff": outcome.diff(params["bucket"]),
    }


def main() -> NoReturn:
    module = AnsibleAWSModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "algorithm": {"type": "str", "choices": list(bucket.ALGORITHMS), "default": bucket.KMS},
            "key": {"type": "str", "no_log": False},
            "bucket_key": {"type": "bool", "default": True, "no_log": False},
            "blocked_encryption_types": {"type": "list", "elements": "str", "choices": list(bucket.BLOCKABLE)},
            **arguments.PLANNED_ARGUMENTS,
        },
        required_if=[("algorithm", bucket.KMS, ["key"]), ("algorithm", bucket.DSSE, ["key"])],
        supports_check_mode=True,
    )
    runner.run(module, _set)


if __name__ == "__main__":
    main()
