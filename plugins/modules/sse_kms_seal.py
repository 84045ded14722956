#!/usr/bin/python
# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sse_kms_seal
short_description: Set default encryption of buckets and merge the guard into their policies
version_added: 0.1.0
description:
  - Makes every new object of a bucket end up encrypted under one KMS key. Sets default encryption, as
    M(sealed.s3.bucket_encryption) does, and then merges the guard into the bucket policy, as
    M(sealed.s3.sse_kms_policy) does, each only where it is not so already.
  - Does that for one bucket (O(bucket)) or for many at a time (O(buckets)). A bucket of many that fails is told in its
    own result, and does not stop the others or fail the task.
  - Whatever is known to stand against the guard is told before anything is changed, such as statements of others
    (O(on_conflict)), the size of the policy, and a key that cannot be used.
  - Where a guard is on that lets uploads in under the key of default encryption, and default encryption moves to
    O(key), the guard admits both keys first, and O(key) alone last, so that uploads pass after every single write.
  - The bucket and the key have to be there. Nothing else of them is changed.
author:
  - sealed.s3 contributors (@sealed-s3)
options:
  bucket:
    description:
      - The name of the bucket.
      - Exactly one of O(bucket) and O(buckets) is required.
    type: str
  buckets:
    description:
      - Many buckets, each as its name or as a mapping.
      - A mapping has a C(name); a C(region), where it is left out the Region in which the bucket is; a C(connection),
        the name of one of O(connections); an C(id), which is returned with its result; and, for what differs from
        bucket to bucket, any of O(key), O(bucket_key), O(blocked_encryption_types), O(on_conflict), O(allow_lockout),
        O(backup_dir), O(read_back_at), O(bucket_planned), O(key_planned) and the options of the guard. What it leaves
        out is taken from the options of the task.
    type: list
    elements: raw
  key:
    description:
      - The key, as key id, key ARN, alias (with or without C(alias/)) or alias ARN.
      - Every bucket needs one. What is written is always its full ARN.
    type: str
  bucket_key:
    description:
      - Whether the S3 Bucket Key is on, with which S3 asks KMS far less often.
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
  - "IAM actions: C(sts:GetCallerIdentity), C(s3:ListBucket), C(kms:DescribeKey), C(s3:GetEncryptionConfiguration),
    C(s3:PutEncryptionConfiguration), C(s3:GetBucketPolicy), C(s3:PutBucketPolicy)."
  - A role to assume needs C(sts:AssumeRole) beside them.
  - A bucket that has all of it already costs five API calls, one that has nothing of it ten. For many buckets, the
    caller is asked once for each connection and each key is described once for each connection and Region.
  - S3 has no conditional write of a bucket policy. What somebody else writes in the moment between the last read and
    the write is lost without a trace. Nothing but the merge happens in that moment.
  - When default encryption was set and the guard fails, the error says so, and RV(steps) names what was done. Run
    again when that is mended.
seealso:
  - module: sealed.s3.sse_kms_policy
  - module: sealed.s3.bucket_encryption
  - module: sealed.s3.sse_kms_info
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealed.s3.attributes
  - sealed.s3.backup
  - sealed.s3.blocked_types
  - sealed.s3.fleet
  - sealed.s3.guard
  - sealed.s3.merge
  - sealed.s3.planned
  - sealed.s3.read_back
"""

EXAMPLES = r"""
- name: Seal a bucket, and keep its policy of before
  sealed.s3.sse_kms_seal:
    bucket: uploads-111122223333
    key: alias/uploads
    blocked_encryption_types: [SSE-C]
    backup_dir: /var/backups/s3
    region: eu-central-1

- name: Show what would change
  sealed.s3.sse_kms_seal:
    bucket: uploads-111122223333
    key: alias/uploads
    region: eu-central-1
  check_mode: true
  diff: true

- name: Seal buckets of two accounts, one of them with a guard of its own
  sealed.s3.sse_kms_seal:
    buckets:
      - uploads-111122223333
      - name: archive-111122223333
        key: alias/archive
        enforcement: require_headers
      - name: reports-444455556666
        connection: staging
        region: eu-west-1
    key: alias/uploads
    connections:
      - name: staging
        assume_role_arn: arn:aws:iam::444455556666:role/Platform
    region: eu-central-1
  register: sealed

- name: Fail at the end when a bucket could not be sealed
  ansible.builtin.assert:
    that: sealed.buckets | selectattr('failed') | length == 0
    fail_msg: "{{ sealed.buckets | selectattr('failed') | map(attribute='msg') | join(' ') }}"
"""

RETURN = r"""
buckets:
  description:
    - The results of many buckets, in the order in which they were given. Each has C(name), C(connection), the C(id)
      where one was given, C(changed), C(failed), C(warnings), and RV(steps), RV(previous_policy),
      RV(previous_encryption), RV(conflicts), RV(encryption), RV(key_arn) and RV(backup_file) as they are returned for
      one bucket. A bucket that failed has C(msg), the sentence that says why, and RV(error_code). In diff mode, each
      has its RV(diff).
  returned: success, for many buckets and without O(results_file); the finished ones, where a signal has interrupted it
  type: list
  elements: dict
  sample:
    - name: uploads-111122223333
      connection: default
      changed: true
      failed: false
      steps: [guard]
      previous_policy:
      previous_encryption:
        algorithm: "aws:kms"
        key_arn: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
        bucket_key: true
        blocked_encryption_types: [SSE-C]
      conflicts: []
      encryption:
        algorithm: "aws:kms"
        key_arn: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
        bucket_key: true
        blocked_encryption_types: [SSE-C]
      key_arn: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
      backup_file:
      warnings: []
steps:
  description:
    - What was changed, or would be in check mode. C(default_encryption) is the default encryption of the bucket,
      C(guard) its policy.
    - When the run fails, what was changed before.
  returned: success, for one bucket, and failure after something was changed
  type: list
  elements: str
  sample: [default_encryption, guard]
encryption:
  description: The default encryption after the run, in check mode as it would be. As M(sealed.s3.bucket_encryption)
    returns it.
  returned: success, for one bucket
  type: dict
  sample:
    algorithm: "aws:kms"
    key_arn: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    bucket_key: true
    blocked_encryption_types: [SSE-C]
previous_encryption:
  description: The default encryption before the run. None for a bucket that has none, and with O(bucket_planned).
  returned: success, for one bucket, and failure after it was read
  type: dict
  sample:
    algorithm: AES256
    key_arn:
    bucket_key: false
    blocked_encryption_types: [SSE-C]
blocked_encryption_types_supported:
  description: Whether the service and the installed botocore know blocked encryption types. None where that is not
    known, because nothing was asked and nothing is said about them.
  returned: success, for one bucket
  type: bool
  sample: true
policy:
  description: The policy after the run, in check mode as it would be.
  returned: success, for one bucket
  type: dict
  sample:
    Version: "2012-10-17"
    Statement:
      - Sid: SealedS3DenyCustomerProvidedKeys
        Effect: Deny
        Principal: "*"
        Action: s3:PutObject
        Resource: arn:aws:s3:::uploads-111122223333/*
        Condition:
          "Null":
            s3:x-amz-server-side-encryption-customer-algorithm: "false"
previous_policy:
  description: The policy before the run, also when the run fails after it was read. None where there was none.
  returned: success, for one bucket, and failure after it was read
  type: dict
  sample:
    Version: "2012-10-17"
    Statement:
      - Sid: Readers
        Effect: Allow
        Principal:
          AWS: arn:aws:iam::444455556666:root
        Action: s3:GetObject
        Resource: arn:aws:s3:::uploads-111122223333/*
statements:
  description: What became of the statements. As M(sealed.s3.sse_kms_policy) returns it.
  returned: success, for one bucket
  type: dict
  sample:
    added: [SealedS3DenyCustomerProvidedKeys]
    updated: []
    removed: []
    kept: [Readers]
conflicts:
  description: Statements of others that stand against the guard, also those that were taken out. As
    M(sealed.s3.sse_kms_policy) returns them.
  returned: success, for one bucket, and failure because of them
  type: list
  elements: dict
  sample: []
size:
  description: The size of the policy in bytes, as S3 counts it.
  returned: success, for one bucket
  type: dict
  sample:
    before: 231
    after: 1843
    limit: 20480
key_arn:
  description: The full ARN of the key. With O(key_planned), one that ends in C(known-after-creation).
  returned: success, for one bucket
  type: str
  sample: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
backup_file:
  description: The file in which RV(previous_policy) was kept. None without O(backup_dir), in check mode, and where no
    policy was replaced.
  returned: success, for one bucket, and failure after it was written
  type: str
  sample: /var/backups/s3/uploads-111122223333-20261104T091512.345678Z-8c1f0e6a5b7d4f23.json
diff:
  description: Before and after of each of RV(steps), default encryption as its parts and the policy as JSON that people
    can read. For many buckets only in diff mode.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: uploads-111122223333 (bucket policy)
      after_header: uploads-111122223333 (bucket policy)
      before: ""
      after: |
        {
          "Version": "2012-10-17",
          "Statement": []
        }
error_code:
  description: The error code of AWS.
  returned: failure, when AWS gave one
  type: str
  sample: NoSuchBucket
"""

import contextlib
from functools import partial
from typing import Any, NoReturn

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.sealed.s3.plugins.module_utils import arguments, backup, fleet_arguments, results_file, runner
from ansible_collections.sealed.s3.plugins.module_utils.aws import fleet, seal
from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import BLOCKABLE
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Interrupted, Refused
from ansible_collections.sealed.s3.plugins.module_utils.aws.seal_fleet import SealFleet
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session
from ansible_collections.sealed.s3.plugins.module_utils.fleet_arguments import Asked, Connections
from ansible_collections.sealed.s3.plugins.module_utils.policy import plan

# What each bucket of many can say for itself.
OWN_ARGUMENTS: dict[str, dict[str, Any]] = {
    "key": {"type": "str", "no_log": False},
    "bucket_key": {"type": "bool", "default": True, "no_log": False},
    "blocked_encryption_types": {"type": "list", "elements": "str", "choices": list(BLOCKABLE)},
    "on_conflict": {"type": "str", "choices": list(plan.ON_CONFLICT), "default": plan.FAIL},
    "allow_lockout": {"type": "bool", "default": False},
    **arguments.GUARD_ARGUMENTS,
    **arguments.PLANNED_ARGUMENTS,
    **arguments.READ_BACK_ARGUMENTS,
    **backup.BACKUP_ARGUMENTS,
}


# Of three seconds that a bucket takes, it is worked on for a small part.
_RESTING = 3


def _seal(module: AnsibleAWSModule) -> dict[str, Any]:
    if module.params["buckets"] is not None:
        return _seal_many(module)
    # required_one_of lets an option pass that is given as null.
    if module.params["bucket"] is None:
        raise Refused("Neither bucket nor buckets is given. Name the bucket to seal, or several.")
    return _seal_one(module)


def _seal_one(module: AnsibleAWSModule) -> dict[str, Any]:
    sealed = seal.seal(Session(module.params), module.params, check_mode=module.check_mode)
    for warning in sealed.warnings:
        runner.warn(warning)
    return {**sealed.to_dict(), "diff": sealed.diff}


def _seal_many(module: AnsibleAWSModule) -> dict[str, Any]:
    connections = Connections(module.params)
    work = SealFleet(connections, check_mode=module.check_mode, diff=bool(module._diff))
    asked = list(fleet_arguments.asked(module.params, OWN_ARGUMENTS))
    sealed: dict[int, dict[str, Any]] = {}
    told: dict[str, Any] = {"changed": False}
    finished = 0
    try:
        with (
            results_file.opened(module.params["results_file"], len(asked)) as write,
            contextlib.closing(
                fleet.each(
                    partial(_placed, work),
                    enumerate(asked),
                    threads=connections.threads,
                    # They wait until it is time to read their policies back.
                    resting=_RESTING * connections.threads,
                )
            ) as done,
        ):
            for place, result in done:
                finished += 1
                told["changed"] = told["changed"] or bool(result["changed"])
                if write is None:
                    sealed[place] = result
                else:
                    write(result)
    except Interrupted as error:
        error.args = (f"{error} Of {len(asked)} buckets, {finished} were finished before.",)
        error.details.update(_of_many(module, told, sealed))
        raise
    return _of_many(module, told, sealed)


def _of_many(module: AnsibleAWSModule, told: dict[str, Any], sealed: dict[int, dict[str, Any]]) -> dict[str, Any]:
    if module.params["results_file"] is not None:
        return told
    buckets = [result for _place, result in sorted(sealed.items())]
    diff = {"diff": [diff for result in buckets for diff in result.get("diff", [])]} if module._diff else {}
    return {**told, "buckets": buckets, **diff}


def _placed(work: SealFleet, placed: tuple[int, Asked]) -> tuple[int, dict[str, Any]]:
    place, asked = placed
    return place, work.seal(asked)


def main() -> NoReturn:
    module = AnsibleAWSModule(
        argument_spec={
            "bucket": {"type": "str"},
            **fleet_arguments.FLEET_ARGUMENTS,
            **OWN_ARGUMENTS,
        },
        mutually_exclusive=[("bucket", "buckets"), ("bucket", "results_file")],
        required_one_of=[("bucket", "buckets")],
        supports_check_mode=True,
    )
    runner.run(module, _seal)


if __name__ == "__main__":
    main()
