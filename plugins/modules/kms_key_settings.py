#!/usr/bin/python
# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms_key_settings
short_description: Settle policy statements, rotation, description and tags of an existing KMS key
version_added: 0.1.0
description:
  - Changes what may change on an existing customer managed key, and nothing else. It creates no key and no alias,
    enables or revives no key, and neither reads nor makes grants.
  - Statements of the key policy are merged by their Sid. Those of this module start with C(SealedS3); all others stay
    as they are. When the policy cannot be read or understood, nothing is written.
  - A key policy that has no statement for the account's root, under any Sid, gets one as soon as O(admins) or O(users)
    are given, so that the key stays manageable. It is never taken out again.
  - The split between O(admins) and O(users) holds for what this policy says. IAM policies of the account can allow
    more where the policy has a root statement, and an administrator can change the policy (C(kms:PutKeyPolicy)).
  - A key that is disabled, waiting to be deleted, asymmetric, AWS managed, in another Region or in another account is
    refused.
author:
  - sealed.s3 contributors (@sealed-s3)
options:
  key:
    description:
      - The key, as key id, key ARN, alias (with or without C(alias/)) or alias ARN.
    type: str
    required: true
  key_planned:
    description:
      - Only in check mode, for a key that does not exist yet. The change is planned on a new key with the description
        asked for and the policy that KMS gives it, and O(key) is not looked up.
      - RV(key_arn) then ends in C(known-after-creation).
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
  - "IAM actions: C(kms:DescribeKey) always. With O(admins) or O(users): C(kms:GetKeyPolicy), C(kms:PutKeyPolicy). With
    O(rotation): C(kms:GetKeyRotationStatus), C(kms:EnableKeyRotation), C(kms:DisableKeyRotation). With O(tags):
    C(kms:ListResourceTags), C(kms:TagResource). With O(description): C(kms:UpdateKeyDescription). When O(key) is an
    ARN, and with O(key_planned): C(sts:GetCallerIdentity)."
  - The lock-out safety check of KMS stays on.
  - KMS has no conditional write of a key policy. The policy is read right before it is written, and read back after.
seealso:
  - module: amazon.aws.kms_key
  - module: sealed.s3.sse_kms_info
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealed.s3.attributes
  - sealed.s3.key_settings
"""

EXAMPLES = r"""
- name: Let two roles manage the key and one use it through S3, and rotate it every half year
  sealed.s3.kms_key_settings:
    key: alias/uploads
    region: eu-central-1
    admins:
      - arn:aws:iam::111122223333:role/KeyAdministration
      - arn:aws:iam::111122223333:role/Platform
    users:
      - arn:aws:iam::111122223333:role/Uploader
    users_through_s3_only: true
    rotation_period_in_days: 180
    tags:
      owner: platform

- name: Only switch rotation on
  sealed.s3.kms_key_settings:
    key: 1234abcd-12ab-34cd-56ef-1234567890ab
    region: eu-central-1

- name: Take our statement for users out of the key policy again
  sealed.s3.kms_key_settings:
    key: alias/uploads
    region: eu-central-1
    users: []
"""

RETURN = r"""
key_arn:
  description: The full ARN of the key. With O(key_planned), one that ends in C(known-after-creation).
  returned: success
  type: str
  sample: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
policy:
  description: The key policy as it is after the run, in check mode as it would be.
  returned: when O(admins) or O(users) are given
  type: dict
  sample:
    Version: "2012-10-17"
    Statement:
      - Sid: SealedS3KeyUsers
        Effect: Allow
        Principal:
          AWS: arn:aws:iam::111122223333:role/Uploader
        Action: ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource: "*"
previous_policy:
  description: The key policy as it was before, also when the run fails after it was read.
  returned: when O(admins) or O(users) are given
  type: dict
  sample:
    Version: "2012-10-17"
    Statement:
      - Sid: Enable IAM User Permissions
        Effect: Allow
        Principal:
          AWS: arn:aws:iam::111122223333:root
        Action: "kms:*"
        Resource: "*"
statements:
  description: What became of the statements of the key policy, by Sid, or by index where a statement has none.
  returned: when O(admins) or O(users) are given
  type: dict
  contains:
    added:
      description: Ours that were not there.
      type: list
      elements: raw
      sample: [SealedS3KeyUsers]
    updated:
      description: Ours that were there in another form.
      type: list
      elements: raw
      sample: [SealedS3KeyAdministrators]
    removed:
      description: Ours that were taken out.
      type: list
      elements: raw
      sample: []
    kept:
      description: Those that stayed as they were.
      type: list
      elements: raw
      sample: [Enable IAM User Permissions]
  sample:
    added: [SealedS3KeyUsers]
    updated: []
    removed: []
    kept: [Enable IAM User Permissions]
rotation:
  description: The rotation of the key after the run, in check mode as it would be.
  returned: success
  type: dict
  contains:
    enabled:
      description: Whether KMS rotates the key by itself.
      type: bool
      sample: true
    period_in_days:
      description: Days between two rotations. None when rotation is off.
      type: int
      sample: 365
  sample:
    enabled: true
    period_in_days: 365
description:
  description: The description of the key after the run, in check mode as it would be.
  returned: success
  type: str
  sample: Seals the uploads
tags:
  description: All tags of the key after the run, in check mode as they would be.
  returned: when O(tags) is given
  type: dict
  sample:
    owner: platform
steps_done:
  description:
    - Which parts had been changed already when a later one failed, in their order.
    - The parts are C(policy), C(description), C(rotation) and C(tags).
  returned: when a change was applied in part
  type: list
  elements: str
  sample: [policy, description]
diff:
  description: What changes, before and after, for those parts that were asked about.
  returned: success
  type: dict
  sample:
    before:
      rotation:
        enabled: false
        period_in_days: null
    after:
      rotation:
        enabled: true
        period_in_days: 365
"""

from typing import Any, NoReturn

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.sealed.s3.plugins.module_utils import arguments, key_state, runner
from ansible_collections.sealed.s3.plugins.module_utils.aws import key_change
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Refused
from ansible_collections.sealed.s3.plugins.module_utils.aws.key import Key
from ansible_collections.sealed.s3.plugins.module_utils.aws.key_change import Outcome
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session
from ansible_collections.sealed.s3.plugins.module_utils.key_settings import (
    ARGUMENTS,
    KeyFacts,
    KeySettings,
    plan,
    rotation_refusal,
)


def _settle(module: AnsibleAWSModule) -> dict[str, Any]:
    arguments.require_check_mode(module.params, check_mode=module.check_mode)
    settings = KeySettings.from_options(module.params)
    if module.params["key_planned"]:
        return _settle_planned(module, settings)
    session = Session(module.params)
    asked = module.params["key"] or ""
    key = Key.resolve(session, asked, region=session.region)
    key.judge(region=session.region)
    _judge_account(session, key, asked)
    refused = rotation_refusal(settings, key.description)
    if refused is not None:
        raise Refused(refused)
    _warn_about_both(settings, key.arn)

    facts = key_change.read(key, settings)
    planned = key_change.plan(key, settings, facts)
    if not planned.changed or module.check_mode:
        return _result(settings, key.arn, Outcome.planned(facts, planned))
    outcome = key_change.apply(key, settings, facts=facts, planned=planned)
    if outcome.interfered:
        runner.warn(key_change.interference(key))
    return _result(settings, key.arn, outcome)


def _settle_planned(module: AnsibleAWSModule, settings: KeySettings) -> dict[str, Any]:
    session = Session(module.params)
    caller = session.caller()
    arn = Key.placeholder(session, region=session.region)
    _warn_about_both(settings, arn)
    facts = KeyFacts.of_new_key(settings, partition=caller.partition, account=caller.account)
    planned = plan(settings, facts, key_arn=arn)
    return _result(settings, arn, Outcome.planned(facts, planned))


def _judge_account(session: Session, key: Key, asked: str) -> None:
    """A key of another account can be used, and not managed. Only an ARN can name one."""
    if key_state.parse_name(asked).account is None:
        return
    caller = session.caller()
    if key.account != caller.account:
        raise Refused(
            f"Key {key.arn} belongs to account {key.account}, and the caller is {caller.arn} of account "
            f"{caller.account}. A key can only be changed from its own account: run with credentials of that account."
        )


def _warn_about_both(settings: KeySettings, key_arn: str) -> None:
    both = settings.policy_spec(key_arn).both
    if both:
        runner.warn(
            f"admins and users both name {', '.join(both)}: nothing keeps apart there who manages the key and who "
            "uses it."
        )


def _result(settings: KeySettings, key_arn: str, outcome: Outcome) -> dict[str, Any]:
    before, after, planned = outcome.before, outcome.after, outcome.plan
    result: dict[str, Any] = {
        "changed": planned.changed,
        "key_arn": key_arn,
        "description": after.description,
        "rotation": after.rotation.to_dict() if after.rotation else None,
        "diff": {
            "before_header": key_arn,
            "after_header": key_arn,
            "before": key_change.shown_facts(before, settings),
            "after": key_change.shown_facts(after, settings),
        },
    }
    if planned.merge is not None:
        result["statements"] = planned.merge.summary()
        result["policy"] = after.policy.to_dict() if after.policy else None
        result["previous_policy"] = before.policy.to_dict() if before.policy else None
    if settings.tags is not None:
        result["tags"] = dict(after.tags or {})
    return result


def main() -> NoReturn:
    module = AnsibleAWSModule(
        argument_spec={
            "key": {"type": "str", "required": True, "no_log": False},
            "key_planned": {"type": "bool", "default": False, "no_log": False},
            **ARGUMENTS,
        },
        supports_check_mode=True,
    )
    runner.run(module, _settle)


if __name__ == "__main__":
    main()
