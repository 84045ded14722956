#!/usr/bin/python
# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sse_kms_policy
short_description: Merge statements into a bucket policy that let objects in under one KMS key alone
version_added: 0.1.0
description:
  - Merges the guard into the policy of a bucket. The guard is a set of deny statements, all with Sids that start with
    C(SealedS3). Every other statement stays as it is, in its order.
  - The policy is read right before it is written, and read back after. When it cannot be read or understood, nothing is
    written. When somebody else writes at the same time, the guard is merged again on what is there then.
  - A second run changes nothing, in whatever form S3 hands the policy back.
  - Statements of others that would deny what the guard allows are named (O(on_conflict)).
  - The key is looked up and judged first. A key that is disabled, waiting to be deleted, asymmetric, AWS managed or in
    another Region is refused; it is never enabled. What is written is always the full ARN of the key.
  - A bucket of another account or of another Region, a directory bucket and an access point are refused.
  - It warns when the bucket's default encryption is not under the key, since an upload that names no encryption then
    ends up elsewhere, or is denied. Set it first, with M(sealed.s3.bucket_encryption).
author:
  - sealed.s3 contributors (@sealed-s3)
options:
  bucket:
    description:
      - The name of the bucket.
    type: str
    required: true
  state:
    description:
      - With V(present), the guard is in the policy as asked.
      - With V(absent), it is taken out and nothing else; O(key) is not needed. The policy is deleted when no other
        statement is left in it.
    type: str
    choices: [present, absent]
    default: present
  key:
    description:
      - The key, as key id, key ARN, alias (with or without C(alias/)) or alias ARN.
      - Required with O(state=present).
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - "IAM actions: C(sts:GetCallerIdentity), C(s3:ListBucket), C(s3:GetBucketPolicy), C(s3:PutBucketPolicy). With
    O(state=present): C(kms:DescribeKey), C(s3:GetEncryptionConfiguration). With O(state=absent):
    C(s3:DeleteBucketPolicy)."
  - Without C(s3:GetEncryptionConfiguration), the module warns that default encryption could not be compared, and goes
    on.
  - S3 has no conditional write of a bucket policy. What somebody else writes in the moment between the last read and
    the write is lost without a trace. Nothing but the merge happens in that moment.
  - RV(previous_policy) is what to put back when the outcome is not what was wanted.
seealso:
  - module: sealed.s3.bucket_encryption
  - module: sealed.s3.sse_kms_seal
  - module: sealed.s3.sse_kms_info
  - plugin: sealed.s3.guard_policy
    plugin_type: filter
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealed.s3.attributes
  - sealed.s3.backup
  - sealed.s3.guard
  - sealed.s3.merge
  - sealed.s3.planned
  - sealed.s3.read_back
"""

EXAMPLES = r"""
- name: Deny uploads that name any other encryption
  sealed.s3.sse_kms_policy:
    bucket: uploads-111122223333
    key: alias/uploads
    region: eu-central-1

- name: Show the policy that would be written
  sealed.s3.sse_kms_policy:
    bucket: uploads-111122223333
    key: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    region: eu-central-1
  check_mode: true
  diff: true

- name: Take out older statements that stand against the guard, and let two roles alone change default encryption
  sealed.s3.sse_kms_policy:
    bucket: uploads-111122223333
    key: alias/uploads
    on_conflict: replace
    encryption_admins:
      - arn:aws:iam::111122223333:role/Platform
      - arn:aws:iam::111122223333:role/KeyAdministration
    region: eu-central-1

- name: Admit the old key beside the new one, while the default moves
  sealed.s3.sse_kms_policy:
    bucket: uploads-111122223333
    key: alias/uploads-2027
    accepted_keys:
      - arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    region: eu-central-1

- name: Take the guard off
  sealed.s3.sse_kms_policy:
    bucket: uploads-111122223333
    state: absent
    region: eu-central-1
"""

RETURN = r"""
policy:
  description: The policy after the run, in check mode as it would be. None where there is none.
  returned: success
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
  returned: success, and failure after it was read
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
  description: What became of the statements, by Sid, or by index in RV(previous_policy) where a statement has none.
  returned: success
  type: dict
  contains:
    added:
      description: Ours that were not there.
      type: list
      elements: raw
      sample: [SealedS3DenyCustomerProvidedKeys]
    updated:
      description: Ours that were there in another form.
      type: list
      elements: raw
      sample: []
    removed:
      description: Ours that are not wanted any more, and with O(on_conflict=replace) those of others that were taken
        out.
      type: list
      elements: raw
      sample: []
    kept:
      description: Those that stay as they were.
      type: list
      elements: raw
      sample: [Readers]
  sample:
    added: [SealedS3DenyCustomerProvidedKeys]
    updated: []
    removed: []
    kept: [Readers]
conflicts:
  description: Statements of others that stand against the guard, also those that were taken out.
  returned: success, and failure because of them
  type: list
  elements: dict
  contains:
    id:
      description: What kind of conflict it is, a fixed word.
      type: str
      sample: names_another_key
    severity:
      description:
        - C(conflict) when uploads fail or a writer cannot follow, which O(on_conflict) decides on; C(warning) when some
          uploads may fail or a form does not do what it looks like; C(note) for restrictions that have nothing to do
          with encryption.
      type: str
      sample: conflict
    statement:
      description: The Sid of the statement, or its index where it has none.
      type: raw
      sample: DenyOtherKeys
    index:
      description: The index of the statement in RV(previous_policy).
      type: int
      sample: 0
    message:
      description: What is wrong, in a sentence.
      type: str
      sample: The statement "DenyOtherKeys" admits only another key.
    requests:
      description: The uploads that it denies or may deny, and that the guard allows.
      type: list
      elements: str
      sample: [no encryption headers]
    unknown_keys:
      description: The condition keys on which that depends.
      type: list
      elements: str
      sample: []
  sample: []
size:
  description: The size of the policy in bytes, as S3 counts it.
  returned: success
  type: dict
  contains:
    before:
      description: Before the run. C(0) where there was none.
      type: int
      sample: 231
    after:
      description: After the run.
      type: int
      sample: 1843
    limit:
      description: The most that S3 takes.
      type: int
      sample: 20480
  sample:
    before: 231
    after: 1843
    limit: 20480
key_arn:
  description: The full ARN of the key. None with O(state=absent). With O(key_planned), one that ends in
    C(known-after-creation).
  returned: success
  type: str
  sample: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
backup_file:
  description: The file in which RV(previous_policy) was kept. None without O(backup_dir), in check mode, and where no
    policy was replaced.
  returned: success, and failure after it was written
  type: str
  sample: /var/backups/s3/uploads-111122223333-20261104T091512.345678Z-8c1f0e6a5b7d4f23.json
diff:
  description: The policy before and after, as JSON that people can read.
  returned: success
  type: dict
  sample:
    before_header: uploads-111122223333 (bucket policy)
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

from typing import Any, NoReturn

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.sealed.s3.plugins.module_utils import arguments, backup, runner
from ansible_collections.sealed.s3.plugins.module_utils.aws import policy_change, preflight
from ansible_collections.sealed.s3.plugins.module_utils.aws.policy_change import Outcome, Planner
from ansible_collections.sealed.s3.plugins.module_utils.aws.preflight import Ready
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session
from ansible_collections.sealed.s3.plugins.module_utils.policy import guard
from ansible_collections.sealed.s3.plugins.module_utils.policy import plan as plans

PRESENT = "present"
ABSENT = "absent"


def _settle(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    arguments.require_check_mode(params, check_mode=module.check_mode)
    moments = arguments.read_back_at(params)
    sealed = params["state"] == PRESENT
    session = Session(module.params)
    if sealed:
        preflight.check_guard(params, session.region)
    ready = preflight.check(session, params, needs_key=sealed)
    planner = _guarded(params, ready) if sealed else plans.unguarded
    kept = backup.of(params)
    if ready.bucket is None:
        outcome = Outcome.planned(None, planner(None))
    else:
        outcome = policy_change.settle(
            ready.bucket, planner, check_mode=module.check_mode, backup=kept, read_back_at=moments
        )
    for warning in outcome.warnings(params["bucket"]):
        runner.warn(warning)
    return {
        "changed": outcome.plan.merge.changed,
        **outcome.to_dict(),
        "key_arn": ready.key_arn,
        "backup_file": kept.file if kept else None,
        "diff": outcome.diff(params["bucket"]),
    }


def _guarded(params: dict[str, Any], ready: Ready) -> Planner:
    """What to do with a policy. Everything that has to be asked is asked here, before the last read."""
    spec, warnings = preflight.guard_spec(params, ready)
    if ready.bucket is not None and not params["key_planned"]:
        happens = "is encrypted so, and not under the key" if spec.enforcement == guard.DENY_OVERRIDES else "is denied"
        warnings += preflight.compare_default(ready.bucket, spec.keys, happens)
    for warning in warnings:
        runner.warn(warning)
    return lambda before: plans.guarded(before, spec, on_conflict=params["on_conflict"])


def main() -> NoReturn:
    module = AnsibleAWSModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "state": {"type": "str", "choices": [PRESENT, ABSENT], "default": PRESENT},
            "key": {"type": "str", "no_log": False},
            "on_conflict": {"type": "str", "choices": list(plans.ON_CONFLICT), "default": plans.FAIL},
            "allow_lockout": {"type": "bool", "default": False},
            **arguments.GUARD_ARGUMENTS,
            **arguments.PLANNED_ARGUMENTS,
            **arguments.READ_BACK_ARGUMENTS,
            **backup.BACKUP_ARGUMENTS,
        },
        required_if=[("state", PRESENT, ["key"])],
        supports_check_mode=True,
    )
    runner.run(module, _settle)


if __name__ == "__main__":
    main()
