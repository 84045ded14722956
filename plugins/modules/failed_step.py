#!/usr/bin/python
# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: failed_step
short_description: Say why a step of the role encrypted_s3 failed, and what came of it
version_added: 0.2.0
description:
  - A part of the role P(sealed.s3.encrypted_s3#role), for the rescue of its steps. It touches nothing.
  - The modules of C(amazon.aws) name the API operation that failed, and not what they had done before. This names the
    IAM action that is missing, and tells from what was read afterwards what is there.
  - It fails, unless all that was asked for has come about all the same; a module may fail after that, too.
author:
  - sealed.s3 contributors (@sealed-s3)
options:
  of:
    description:
      - V(call) is about one call of a module of C(amazon.aws).
      - V(bucket) is about M(amazon.aws.s3_bucket), V(key) about M(amazon.aws.kms_key).
      - V(lost_keys) is about keys that the run has made, that no alias leads to, and that were to be disabled. It does
        not fail.
      - V(run) is about the whole role, for whatever reason it failed.
    type: str
    choices: [call, bucket, key, lost_keys, run]
    required: true
  result:
    description: The result of the task that failed. Needed unless O(of=lost_keys).
    type: dict
  asked:
    description: What was tried, to follow C(could not). Needed for O(of=call), O(of=bucket) and O(of=key).
    type: str
  hint:
    description: A sentence to end with, for O(of=call).
    type: str
  name:
    description: The name of the bucket, or the alias of the key.
    type: str
  plan:
    description:
      - What was to be done, as RV(sealed.s3.sse_kms_info#module:plan) said it before. Needed for O(of=bucket) and
        O(of=run).
    type: dict
  now:
    description: The result of M(sealed.s3.sse_kms_info) after the failure. Needed for O(of=bucket).
    type: dict
  creation:
    description: The value of the tag C(SealedS3Creation) of the keys of this run. Needed for O(of=key).
    type: str
  found:
    description: The result of M(amazon.aws.kms_key_info) for the keys with that tag. Needed for O(of=key).
    type: dict
  disabled:
    description: The results of disabling those of them that no alias leads to.
    type: list
    elements: dict
    default: []
  done:
    description: The steps that changed something before, for O(of=run).
    type: list
    elements: str
    default: []
  lost_keys:
    description: The ARNs of keys that the run has made and that no alias leads to, for O(of=run).
    type: list
    elements: str
    default: []
  settled:
    description: The result of M(sealed.s3.kms_key_settings), for O(of=run). It may be O(result).
    type: dict
    default: {}
attributes:
  action:
    description: Is an action plugin, no code runs on the host.
    support: full
  check_mode:
    description: Can run in check mode.
    support: full
  diff_mode:
    description: Has no diff.
    support: none
  idempotent:
    description: Changes nothing, and gives the same answer to the same options.
    support: full
seealso:
  - module: sealed.s3.planned_change
"""

EXAMPLES = r"""
- name: Assume a role
  block:
    - name: Assume a role
      amazon.aws.sts_assume_role:
        role_arn: arn:aws:iam::111122223333:role/Sealer
        role_session_name: sealed-s3
      register: assumed

  rescue:
    - name: Name the IAM action that is missing
      sealed.s3.failed_step:
        of: call
        result: "{{ assumed }}"
        asked: assume the role Sealer
"""

RETURN = r"""
sentences:
  description: What is to be said of what came about all the same, or of keys that could not be disabled.
  returned: with O(of=bucket), O(of=key) and O(of=lost_keys)
  type: list
  elements: str
  sample: []
msg:
  description: Why it failed, what came of it, and what to do.
  returned: when it fails
  type: str
  sample: >-
    Not permitted to create the key alias/uploads: kms:CreateKey is denied. Allow kms:CreateKey to the caller, or check
    that no policy denies it. Nothing was changed. Run again: what is done is not done twice.
previous_policy:
  description: With O(of=run), the bucket policy of before.
  returned: where the failed task told it
  type: dict
previous_key_policy:
  description: With O(of=run), the key policy of before.
  returned: where O(settled) tells it
  type: dict
"""
