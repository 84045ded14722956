#!/usr/bin/python
# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bucket_policy_restore
short_description: Put a bucket policy back that was kept before it was replaced
version_added: 0.2.0
description:
  - Puts the policy of a bucket back that M(sealed.s3.sse_kms_seal), M(sealed.s3.sse_kms_policy) or this module kept in
    their O(backup_dir), as a whole, with the guard that it has or has not.
  - It is refused when the bucket's policy is not the one that was written in place of the kept one, unless
    O(overwrite_changes) says otherwise. The name of the file ends in a digest of that one, which is the same for every
    form in which S3 hands a policy back.
  - The policy is read right before it is written, and read back after. What somebody else writes at the same time is
    not overwritten.
  - A second run changes nothing.
  - A backup of another bucket is refused, by its name and by what its statements are about; so is a bucket of another
    account or of another Region.
  - It warns when the policy that is put back has no guard, another guard, a guard for another key than that of default
    encryption, or is public.
author:
  - sealed.s3 contributors (@sealed-s3)
options:
  bucket:
    description:
      - The name of the bucket.
    type: str
    required: true
  backup_file:
    description:
      - The file with the policy to put back, on the host where the module runs. Any file with a policy as JSON will do;
        one that no run of ours has named needs O(overwrite_changes).
      - Without it, the newest backup of the bucket in O(backup_dir) is put back.
      - One of O(backup_file) and O(backup_dir) is required.
    type: path
  backup_dir:
    description:
      - A folder on the host where the module runs. Before the policy is replaced, it is kept there, in a file that is
        named by bucket and time, with C(before-restore) at the end, and that its owner alone can read. Give that as
        O(backup_file) to undo the restore.
      - Without O(backup_file), the newest backup of the bucket in this folder is put back, other than those with
        C(before-restore).
      - The folder is made when it is missing. When the file cannot be written, the policy is not replaced.
    type: path
  overwrite_changes:
    description:
      - Whether the backup is put back when the policy changed since, or when that cannot be told. What is not in the
        backup is lost then; it stays in RV(previous_policy).
      - What somebody else writes while the module runs is not overwritten in any case.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - "IAM actions: C(sts:GetCallerIdentity), C(s3:ListBucket), C(s3:GetBucketPolicy), C(s3:PutBucketPolicy),
    C(s3:GetEncryptionConfiguration)."
  - Without C(s3:GetEncryptionConfiguration), the module warns that default encryption could not be compared, and goes
    on. It is asked for where the backup has a guard.
  - The policy alone is put back. For default encryption, put RV(sealed.s3.sse_kms_seal#module:previous_encryption) back
    with M(sealed.s3.bucket_encryption).
  - Where a bucket had no policy, there was nothing to keep, and there is nothing to put back. Take the guard off with
    M(sealed.s3.sse_kms_policy) and O(sealed.s3.sse_kms_policy#module:state=absent).
  - S3 has no conditional write of a bucket policy. What somebody else writes in the moment between the last read and
    the write is lost without a trace.
seealso:
  - module: sealed.s3.sse_kms_seal
  - module: sealed.s3.sse_kms_policy
  - module: sealed.s3.bucket_encryption
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealed.s3.attributes
  - sealed.s3.read_back
"""

EXAMPLES = r"""
- name: Show what putting the newest backup back would change
  sealed.s3.bucket_policy_restore:
    bucket: uploads-111122223333
    backup_dir: /var/backups/s3
    region: eu-central-1
  check_mode: true
  diff: true

- name: Put the newest backup back, and keep what it replaces
  sealed.s3.bucket_policy_restore:
    bucket: uploads-111122223333
    backup_dir: /var/backups/s3
    region: eu-central-1

- name: Put this backup back, whatever has changed since
  sealed.s3.bucket_policy_restore:
    bucket: uploads-111122223333
    backup_file: /var/backups/s3/uploads-111122223333-20261104T091512.345678Z-8c1f0e6a5b7d4f23.json
    backup_dir: /var/backups/s3
    overwrite_changes: true
    region: eu-central-1
"""

RETURN = r"""
policy:
  description: The policy after the run, in check mode as it would be.
  returned: success
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
previous_policy:
  description: The policy before the run, also when the run fails after it was read. None where there was none.
  returned: success, and failure after it was read
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
statements:
  description: What became of the statements, by Sid, or by index where a statement has none, in RV(policy) for those
    that were added and in RV(previous_policy) for the others.
  returned: success
  type: dict
  contains:
    added:
      description: Those of the backup that were not there.
      type: list
      elements: raw
      sample: [Readers]
    updated:
      description: Those that were there in another form.
      type: list
      elements: raw
      sample: []
    removed:
      description: Those that are not in the backup.
      type: list
      elements: raw
      sample: [SealedS3DenyCustomerProvidedKeys]
    kept:
      description: Those that stay as they were.
      type: list
      elements: raw
      sample: []
  sample:
    added: [Readers]
    updated: []
    removed: [SealedS3DenyCustomerProvidedKeys]
    kept: []
since:
  description: How the policy that is there differs from the backup, statements of the guard included, as RV(statements)
    does.
  returned: failure because the policy changed since
  type: dict
  sample:
    added: [Writers]
    updated: []
    removed: []
    kept: [Readers]
size:
  description: The size of the policy in bytes, as S3 counts it.
  returned: success
  type: dict
  contains:
    before:
      description: Before the run. C(0) where there was none.
      type: int
      sample: 1843
    after:
      description: After the run.
      type: int
      sample: 231
    limit:
      description: The most that S3 takes.
      type: int
      sample: 20480
  sample:
    before: 1843
    after: 231
    limit: 20480
restored_from:
  description: The file whose policy is there after the run.
  returned: success
  type: str
  sample: /var/backups/s3/uploads-111122223333-20261104T091512.345678Z-8c1f0e6a5b7d4f23.json
backup_file:
  description: The file in which RV(previous_policy) was kept. None without O(backup_dir), in check mode, and where no
    policy was replaced.
  returned: success, and failure after it was written
  type: str
  sample: /var/backups/s3/uploads-111122223333-20261105T101500.123456Z-0f2e4d6c8b9a7153-before-restore.json
diff:
  description: The policy before and after, as JSON that people can read.
  returned: success
  type: dict
  sample:
    before_header: uploads-111122223333 (bucket policy)
    after_header: uploads-111122223333 (bucket policy)
    before: |
      {
        "Version": "2012-10-17",
        "Statement": []
      }
    after: ""
error_code:
  description: The error code of AWS.
  returned: failure, when AWS gave one
  type: str
  sample: NoSuchBucket
"""

from typing import Any, NoReturn

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.sealed.s3.plugins.module_utils import arguments, backup, runner
from ansible_collections.sealed.s3.plugins.module_utils.aws import policy_change, preflight
from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import Bucket
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Refused
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session
from ansible_collections.sealed.s3.plugins.module_utils.policy import key_move, restore


def _restore(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    moments = arguments.read_back_at(params)
    bucket = Bucket(Session(params), params["bucket"])
    kept = _kept(params)
    bucket.locate()
    warnings = _compare_default(bucket, kept)
    before = bucket.policy()
    replaced = backup.of(params, before_restore=True)
    outcome = policy_change.carry_out(
        bucket,
        lambda there: kept.plan(before, there, overwrite_changes=params["overwrite_changes"]),
        before,
        check_mode=module.check_mode,
        backup=replaced,
        read_back_at=moments,
    )
    for warning in (*restore.warnings(bucket.name, outcome.plan.merge), *warnings):
        runner.warn(warning)
    told = outcome.to_dict()
    return {
        "changed": outcome.plan.merge.changed,
        **{name: told[name] for name in ("policy", "previous_policy", "statements", "size")},
        "restored_from": kept.source,
        "backup_file": replaced.file if replaced else None,
        "diff": outcome.diff(bucket.name),
    }


def _kept(params: dict[str, Any]) -> restore.Backup:
    """The policy to put back."""
    file = params["backup_file"]
    if not file:
        # required_one_of lets an option pass that is given as null.
        if not params["backup_dir"]:
            raise Refused("Neither backup_file nor backup_dir is given. Give a file, or the folder with the backups.")
        file = backup.newest(params["backup_dir"], params["bucket"])
    return backup.read(file, params["bucket"])


def _compare_default(bucket: Bucket, kept: restore.Backup) -> list[str]:
    """What to warn of when default encryption is not under a key that the guard of the backup admits."""
    keys = sorted(key_move.admitted_keys(kept.policy))
    return preflight.compare_default(bucket, keys, "is denied, or not encrypted under it") if keys else []


def main() -> NoReturn:
    module = AnsibleAWSModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "backup_file": {"type": "path"},
            "overwrite_changes": {"type": "bool", "default": False},
            **arguments.READ_BACK_ARGUMENTS,
            **backup.BACKUP_ARGUMENTS,
        },
        required_one_of=[("backup_file", "backup_dir")],
        supports_check_mode=True,
    )
    runner.run(module, _restore)


if __name__ == "__main__":
    main()
