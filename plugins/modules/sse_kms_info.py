#!/usr/bin/python
# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sse_kms_info
short_description: Tell how far a bucket and its key are from what was asked for
version_added: 0.1.0
description:
  - Reads a bucket and a KMS key and compares them with what is asked for. It changes nothing.
  - Returns findings, what a run of the role P(sealed.s3.encrypted_s3#role) would change part by part, and sentences
    that say why that run would fail.
  - A bucket or a key that does not exist is an observation and no error. What could not be looked at is told apart from
    what is not as asked.
  - The guard is judged by what the policy does, and not by the names of its statements. A hand-written guard that
    denies all that ours would counts as effective.
  - Whether a policy makes the bucket public is judged from the policy itself (O(block_public_access)).
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
      - With V(present), the bucket is to be sealed under O(key).
      - With V(absent), the guard is to be off. Nothing else is compared then, and O(key) is not read.
    type: str
    choices: [present, absent]
    default: present
  key:
    description:
      - The key, as key id, key ARN, alias (with or without C(alias/)) or alias ARN.
      - Required with O(state=present).
    type: str
  key_managed:
    description:
      - Whether the key's settings may be changed by the role, so that O(key_settings) are compared. V(false) for a key
        that was brought along.
    type: bool
    default: false
  create_key:
    description:
      - Whether a key that does not exist would be created by the role. O(key) has to be an alias then.
    type: bool
    default: false
  bucket_key:
    description:
      - Whether the S3 Bucket Key is to be on.
    type: bool
    default: true
  blocked_encryption_types:
    description:
      - The encryption types that are to be blocked on the bucket.
      - When omitted, they are not compared with anything.
    type: list
    elements: str
    choices: [SSE-C, NONE]
  on_conflict:
    description:
      - What the role would do with foreign statements that stand against the guard. With V(fail) they are blockers.
    type: str
    choices: [fail, replace, ignore]
    default: fail
  allow_lockout:
    description:
      - Whether O(encryption_admins) may leave the caller out. With V(false) that is a blocker.
    type: bool
    default: false
  block_public_access:
    description:
      - Whether public access is to be blocked on a bucket that exists. When it is not V(true), a bucket without such a
        block is a finding of severity V(low).
      - A bucket that the role creates is always blocked.
    type: bool
  versioning:
    description:
      - Whether versioning is to be on. When omitted, it is not read.
    type: bool
  tags:
    description:
      - Tags that the bucket is to have beside others. When omitted, they are not read.
    type: dict
attributes:
  check_mode:
    support: full
    details: It changes nothing.
  diff_mode:
    support: N/A
    details: It changes nothing.
  idempotent:
    support: full
    details: It changes nothing.
notes:
  - "IAM actions: C(sts:GetCallerIdentity), C(s3:ListBucket), C(s3:GetEncryptionConfiguration), C(s3:GetBucketPolicy),
    C(s3:GetBucketPublicAccessBlock), C(kms:DescribeKey), C(kms:GetKeyRotationStatus), C(kms:GetKeyPolicy). With
    O(versioning): C(s3:GetBucketVersioning). With O(tags): C(s3:GetBucketTagging). With tags in O(key_settings):
    C(kms:ListResourceTags)."
  - A run without O(versioning), O(tags) and tags in O(key_settings) makes eight API calls, one for each of these
    actions.
  - A key of another account is not asked for its policy, which KMS only tells to the key's own account.
seealso:
  - module: sealed.s3.sse_kms_policy
  - module: sealed.s3.bucket_encryption
  - module: sealed.s3.kms_key_settings
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealed.s3.attributes
  - sealed.s3.guard
  - sealed.s3.key_settings.nested
"""

EXAMPLES = r"""
- name: Look at a bucket and its key
  sealed.s3.sse_kms_info:
    bucket: uploads-111122223333
    key: alias/uploads
    region: eu-central-1
  register: posture

- name: Stop when the bucket is not as it should be
  ansible.builtin.assert:
    that: posture.compliance == 'compliant'
    fail_msg: "{{ posture.findings | map(attribute='title') | join('. ') }}"

- name: Ask what the role would change, with a key that may still be created
  sealed.s3.sse_kms_info:
    bucket: uploads-111122223333
    key: alias/uploads
    key_managed: true
    create_key: true
    key_settings:
      users:
        - arn:aws:iam::111122223333:role/Uploader
      rotation_period_in_days: 180
    blocked_encryption_types: [SSE-C]
    versioning: true
    region: eu-central-1
  register: posture

- name: Show it
  ansible.builtin.debug:
    var: posture.plan
"""

RETURN = r"""
bucket:
  description: The bucket.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: uploads-111122223333
    exists:
      description: Whether it exists. None where that is not known.
      type: bool
      sample: true
    region:
      description: Its Region. None where that is not known.
      type: str
      sample: eu-central-1
    account:
      description: The account that owns it. None where that is not known.
      type: str
      sample: "111122223333"
  sample:
    name: uploads-111122223333
    exists: true
    region: eu-central-1
    account: "111122223333"
key:
  description: The key. With O(state=absent), None.
  returned: success
  type: dict
  contains:
    arn:
      description:
        - The full ARN that everything was compared with. It ends in C(known-after-creation) for a key that would be
          created, and is None where no key could be determined.
      type: str
      sample: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    exists:
      description: Whether the key exists. None where that is not known.
      type: bool
      sample: true
    id:
      description: The key id.
      returned: when the key exists
      type: str
      sample: 1234abcd-12ab-34cd-56ef-1234567890ab
    state:
      description: The key state.
      returned: when the key exists
      type: str
      sample: Enabled
    spec:
      description: The key spec.
      returned: when the key exists
      type: str
      sample: SYMMETRIC_DEFAULT
    usage:
      description: The key usage.
      returned: when the key exists
      type: str
      sample: ENCRYPT_DECRYPT
    manager:
      description: Who manages the key, C(CUSTOMER) or C(AWS).
      returned: when the key exists
      type: str
      sample: CUSTOMER
    origin:
      description: Where the key material is from.
      returned: when the key exists
      type: str
      sample: AWS_KMS
    description:
      description: The description of the key.
      returned: when the key exists
      type: str
      sample: Seals the uploads
    multi_region:
      description: Whether it is a multi-Region key.
      returned: when the key exists
      type: bool
      sample: false
    deletion_date:
      description: When the key is to be deleted. None for most keys.
      returned: when the key exists
      type: str
      sample: "2026-12-24T00:00:00+00:00"
    region:
      description: The Region of the key.
      returned: when the key exists
      type: str
      sample: eu-central-1
    account:
      description: The account of the key.
      returned: when the key exists
      type: str
      sample: "111122223333"
    rotation:
      description: The rotation of the key. None where it was not read.
      returned: when the key exists
      type: dict
      sample:
        enabled: true
        period_in_days: 365
    tags:
      description: The tags of the key. None where they were not read.
      returned: when the key exists
      type: dict
      sample:
        owner: platform
  sample:
    arn: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    exists: true
    state: Enabled
compliance:
  description:
    - V(not_compliant) when there is a finding of severity V(high) or V(medium).
    - Else V(could_not_look) when something that was asked about could not be looked at.
    - Else V(compliant). A run may still change something, namely add our guard beside a hand-written one.
  returned: success
  type: str
  sample: not_compliant
findings:
  description: What was found, the gravest first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: What kind of finding it is, a fixed word.
      type: str
      sample: default_encryption_key
    severity:
      description:
        - C(high) when objects can end up otherwise than asked or uploads fail; C(medium) when something that was asked
          for is not so; C(low) for what is worth mending and was not asked about; C(info) for what is worth knowing.
      type: str
      sample: high
    title:
      description: The finding in one line.
      type: str
      sample: Default encryption names another key
    observed:
      description: What is there.
      type: raw
      sample:
        algorithm: "aws:kms"
        key_arn: arn:aws:kms:eu-central-1:111122223333:key/99999999-12ab-34cd-56ef-1234567890ab
    wanted:
      description: What was asked for. None where nothing was.
      type: raw
      sample:
        algorithm: "aws:kms"
        key_arn: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    remedy:
      description: What to run or to do.
      type: str
      sample: ansible-playbook sealed.s3.encrypt -e encrypted_s3_bucket=uploads-111122223333
    controls:
      description: Published controls that it touches.
      type: list
      elements: str
      sample: [Security Hub S3.17, Config s3-default-encryption-kms]
  sample: []
plan:
  description: What a run of the role would change. A part that is false would not be run at all.
  returned: success
  type: dict
  contains:
    create_key:
      description: Whether a key would be created.
      type: bool
      sample: false
    key_settings:
      description: Whether settings of the key would change. For a key that would be created, whether it would get any.
      type: bool
      sample: false
    create_bucket:
      description: Whether the bucket would be created.
      type: bool
      sample: false
    bucket_settings:
      description: Which settings of the bucket would change.
      type: dict
      contains:
        public_access:
          description: Whether public access would be blocked.
          type: bool
          sample: false
        versioning:
          description: Whether versioning would be switched.
          type: bool
          sample: false
        tags:
          description: Whether tags would be added or updated.
          type: bool
          sample: false
        any:
          description: Whether any of these would change.
          type: bool
          sample: false
      sample:
        public_access: false
        versioning: false
        tags: false
        any: false
    default_encryption:
      description: Whether default encryption would be set.
      type: bool
      sample: true
    guard:
      description: Whether the bucket policy would change.
      type: bool
      sample: true
    any:
      description: Whether anything would change.
      type: bool
      sample: true
  sample:
    create_key: false
    key_settings: false
    create_bucket: false
    bucket_settings:
      public_access: false
      versioning: false
      tags: false
      any: false
    default_encryption: true
    guard: true
    any: true
blockers:
  description: Why a run of the role would fail, as sentences. Empty when nothing is known that stands against it.
  returned: success
  type: list
  elements: str
  sample: []
conflicts:
  description: Foreign statements of the bucket policy that stand against the guard.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: What kind of conflict it is, a fixed word.
      type: str
      sample: names_another_key
    severity:
      description: C(conflict), C(warning) or C(note).
      type: str
      sample: conflict
    statement:
      description: The Sid of the statement, or its index where it has none.
      type: raw
      sample: DenyOtherKeys
    index:
      description: The index of the statement in the policy.
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
could_not_look:
  description: What could not be read.
  returned: success
  type: list
  elements: dict
  contains:
    permission:
      description: The IAM action that is missing. None where it was something else.
      type: str
      sample: s3:GetBucketPolicy
    message:
      description: Why, in a sentence.
      type: str
      sample: Not permitted to read the policy of the bucket.
  sample: []
policy:
  description: The bucket policy. None where there is none, or where it could not be read.
  returned: success
  type: dict
  sample:
    Version: "2012-10-17"
    Statement: []
encryption:
  description: The default encryption of the bucket. None where there is none, or where it could not be read.
  returned: success
  type: dict
  sample:
    algorithm: "aws:kms"
    key_arn: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    bucket_key: true
    blocked_encryption_types: [SSE-C]
"""

from typing import Any, NoReturn

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.sealed.s3.plugins.module_utils import (
    arguments,
    bucket_name,
    key_settings,
    key_state,
    posture,
    runner,
)
from ansible_collections.sealed.s3.plugins.module_utils.aws import observe
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Refused
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session
from ansible_collections.sealed.s3.plugins.module_utils.key_settings import KeySettings
from ansible_collections.sealed.s3.plugins.module_utils.posture import Intent, NotRead, Observed, ObservedKey


def _look(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    bucket_name.validate(params["bucket"] or "")
    session = Session(module.params)
    caller = session.caller()
    placeholder = key_state.placeholder_arn(partition=caller.partition, region=session.region, account=caller.account)
    # Built first: what is wrong with the options themselves is an error, whatever is there.
    intent = _intent(params, placeholder)
    sealed = intent.state == posture.PRESENT
    settings = intent.key_settings if intent.key_managed else None
    bucket = observe.bucket(
        session,
        intent.bucket,
        versioning=sealed and intent.versioning is not None,
        tags=sealed and intent.tags is not None,
        settings=sealed,
    )
    key = ObservedKey()
    if sealed and intent.key is not None:
        key = observe.key(
            session,
            intent.key,
            region=session.region,
            account=caller.account,
            tags=settings is not None and settings.tags is not None,
        )
    observed = Observed(
        account=caller.account,
        partition=caller.partition,
        region=session.region,
        bucket=bucket,
        key=key,
        caller_arn=caller.arn,
    )
    outcome = posture.assess(observed, intent)
    return {"changed": False, **outcome.to_dict(), **_shown(observed, intent, outcome)}


def _intent(params: dict[str, Any], placeholder: str) -> Intent:
    if params["state"] == posture.PRESENT and not params["key"]:
        # required_if lets an option pass that is given without a value.
        raise Refused("key is empty. Give the key to seal the bucket under: its id, ARN or alias.")
    given = params["key_settings"]
    settings = None if given is None else KeySettings.from_options(given)
    if settings is not None:
        settings.policy_spec(placeholder)
    return Intent(
        bucket=params["bucket"],
        guard=arguments.guard_spec(params, placeholder),
        state=params["state"],
        key=params["key"],
        key_managed=params["key_managed"],
        create_key=params["create_key"],
        key_settings=settings,
        bucket_key=params["bucket_key"],
        blocked_encryption_types=arguments.blocked_types(params),
        on_conflict=params["on_conflict"],
        allow_lockout=params["allow_lockout"],
        block_public_access=params["block_public_access"],
        versioning=params["versioning"],
        tags=None if params["tags"] is None else {str(name): str(value) for name, value in params["tags"].items()},
    )


def _shown(observed: Observed, intent: Intent, outcome: posture.Posture) -> dict[str, Any]:
    bucket, key = observed.bucket, observed.key
    encryption, policy = bucket.default_encryption, bucket.policy
    return {
        "bucket": {
            "name": intent.bucket,
            "exists": bucket.exists,
            "region": bucket.region,
            "account": bucket.account,
        },
        "key": _shown_key(key, outcome.key_arn) if intent.state == posture.PRESENT else None,
        "policy": policy.to_dict() if policy is not None and not isinstance(policy, NotRead) else None,
        "encryption": encryption.to_dict() if encryption is not None and not isinstance(encryption, NotRead) else None,
    }


def _shown_key(key: ObservedKey, arn: str | None) -> dict[str, Any]:
    if key.refused is not None or isinstance(key.state, NotRead):
        return {"arn": arn, "exists": None}
    if key.state is None:
        return {"arn": arn, "exists": False}
    return {
        **key.state.to_dict(),
        "exists": True,
        "rotation": None if key.rotation is None or isinstance(key.rotation, NotRead) else key.rotation.to_dict(),
        "tags": None if key.tags is None or isinstance(key.tags, NotRead) else dict(key.tags),
    }


def main() -> NoReturn:
    module = AnsibleAWSModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "state": {"type": "str", "choices": [posture.PRESENT, posture.ABSENT], "default": posture.PRESENT},
            "key": {"type": "str", "no_log": False},
            "key_managed": {"type": "bool", "default": False, "no_log": False},
            "create_key": {"type": "bool", "default": False, "no_log": False},
            "key_settings": {"type": "dict", "options": key_settings.ARGUMENTS, "no_log": False},
            "bucket_key": {"type": "bool", "default": True, "no_log": False},
            "blocked_encryption_types": {"type": "list", "elements": "str", "choices": ["SSE-C", "NONE"]},
            "on_conflict": {"type": "str", "choices": ["fail", "replace", "ignore"], "default": "fail"},
            "allow_lockout": {"type": "bool", "default": False},
            "block_public_access": {"type": "bool"},
            "versioning": {"type": "bool"},
            "tags": {"type": "dict"},
            **arguments.GUARD_ARGUMENTS,
        },
        required_if=[("state", posture.PRESENT, ["key"])],
        supports_check_mode=True,
    )
    runner.run(module, _look)


if __name__ == "__main__":
    main()
