#!/usr/bin/python
# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sse_kms_info
short_description: Tell how far one bucket or many, and their keys, are from what was asked for
version_added: 0.1.0
description:
  - Reads a bucket and a KMS key and compares them with what is asked for. It changes nothing.
  - With O(buckets) or O(discover), it does so for many buckets in one run, over any number of accounts and Regions.
    Each key is read once, and what goes wrong with one bucket is told for that one and stops none of the others.
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
      - Exactly one of O(bucket), O(buckets) and O(discover) is required.
    type: str
  buckets:
    description:
      - Many buckets, each as its name or as a mapping.
      - A mapping has a C(name); a C(region), where it is left out the Region in which the bucket is; a C(connection),
        the name of one of O(connections); an C(id), the host of an inventory that stands for the bucket, which is
        returned with its result and named in its remedies; and, for what differs from bucket to bucket, any of
        O(state), O(key), O(key_managed), O(create_key), O(key_settings), O(bucket_key), O(blocked_encryption_types),
        O(on_conflict), O(allow_lockout), O(block_public_access), O(versioning), O(tags) and the options of the guard.
        What it leaves out is taken from the options of the task. O(key_settings) and O(tags) are taken as a whole from
        one or the other.
    type: list
    version_added: 0.2.0
    elements: raw
  discover:
    description:
      - Look at the buckets that the credentials own, of each of O(connections). An empty mapping means all of them.
      - A connection that cannot list its buckets is among the results as one that could not be looked at. The module
        fails when none can.
    type: dict
    version_added: 0.2.0
    suboptions:
      prefix:
        description: Only buckets whose names begin with this.
        type: str
      regions:
        description: Only buckets of these Regions.
        type: list
        elements: str
      tags:
        description:
          - Only buckets with these tags. A value of V(*) stands for any.
          - The tags of every other bucket are read, too, then.
        type: dict
  policies:
    description:
      - Whether the results of many buckets have the bucket policies.
    type: bool
    version_added: 0.2.0
    default: false
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
      - Required with O(bucket) and O(state=present). For many buckets it may be left out, and then the customer managed
        key that default encryption names is taken for the one that was meant.
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
    C(kms:ListResourceTags). With O(discover): C(s3:ListAllMyBuckets), and C(s3:GetBucketTagging) with its tags."
  - A role to assume needs C(sts:AssumeRole) beside them.
  - A run without O(versioning), O(tags) and tags in O(key_settings) makes eight API calls, one for each of these
    actions.
  - For many buckets, the caller is asked once for each connection and each key once for each connection and Region. A
    bucket then costs four calls, and three where it was found by O(discover).
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
  - sealed.s3.fleet
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

- name: Look at two buckets that are to have a key each
  sealed.s3.sse_kms_info:
    buckets:
      - name: uploads-111122223333
        key: alias/uploads
      - name: archive-111122223333
        key: alias/archive
        enforcement: deny_other_keys
    region: eu-central-1
  register: fleet

- name: Look at all buckets of two accounts, whatever key each is under
  sealed.s3.sse_kms_info:
    discover: {}
    connections:
      - name: production
        profile: production
      - name: staging
        assume_role_arn: arn:aws:iam::444455556666:role/Auditor
    region: eu-central-1
  register: fleet

- name: Show how many are as they should be
  ansible.builtin.debug:
    var: fleet.summary
"""

RETURN = r"""
buckets:
  description:
    - The results of many buckets, ordered by connection and name. Each has C(name), C(connection), C(account),
      C(region), C(exists) and C(tags) (None where they were not read), and RV(compliance), RV(findings), RV(plan),
      RV(blockers), RV(conflicts), RV(could_not_look), RV(decisions), RV(key) and RV(encryption) as they are returned
      for one bucket, and RV(policy) with O(policies).
    - C(account) is that of the credentials and C(region) the one where the bucket is, or where it was looked for. They
      are None where not even that is known.
  returned: success, for many buckets and without O(results_file)
  type: list
  elements: dict
  sample: []
summary:
  description:
    - How many buckets there are and of which RV(compliance), how many would be changed by a run (C(to_change)) and how
      many of the runs would fail (C(blocked)), the number of findings of each severity, and the same counts for each
      account and Region.
  returned: success, for many buckets
  type: dict
  sample:
    buckets: 2
    compliant: 1
    not_compliant: 1
    could_not_look: 0
    to_change: 1
    blocked: 0
    findings: {high: 1, medium: 0, low: 0, info: 0}
    accounts: {"111122223333": {buckets: 2, compliant: 1, not_compliant: 1, could_not_look: 0}}
    regions: {eu-central-1: {buckets: 2, compliant: 1, not_compliant: 1, could_not_look: 0}}
keys_to_create:
  description: The keys that a run would create, each once, with the buckets that are to have it.
  returned: success, for many buckets
  type: list
  elements: dict
  sample:
    - alias: alias/uploads
      account: "111122223333"
      region: eu-central-1
      connection: default
      buckets: [uploads-111122223333]
bucket:
  description: The bucket.
  returned: success, for one bucket
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
  returned: success, for one bucket
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
  returned: success, for one bucket
  type: str
  sample: not_compliant
findings:
  description: What was found, the gravest first.
  returned: success, for one bucket
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
  returned: success, for one bucket
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
  returned: success, for one bucket
  type: list
  elements: str
  sample: []
conflicts:
  description: Foreign statements of the bucket policy that stand against the guard.
  returned: success, for one bucket
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
  returned: success, for one bucket
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
decisions:
  description:
    - What the bucket policy says to each kind of upload (see the decision table in the documents), under both readings
      of the key-id condition key. None where the policy was not read.
  returned: success, for one bucket
  type: dict
  sample:
    no_headers: {effective: allowed, header_only: allowed}
    sse_s3: {effective: denied, header_only: denied}
policy:
  description: The bucket policy. None where there is none, or where it could not be read.
  returned: success, for one bucket
  type: dict
  sample:
    Version: "2012-10-17"
    Statement: []
encryption:
  description: The default encryption of the bucket. None where there is none, or where it could not be read.
  returned: success, for one bucket
  type: dict
  sample:
    algorithm: "aws:kms"
    key_arn: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    bucket_key: true
    blocked_encryption_types: [SSE-C]
"""

import contextlib
from collections.abc import Iterable
from typing import Any, NoReturn

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.sealed.s3.plugins.module_utils import (
    arguments,
    bucket_name,
    fleet_arguments,
    posture,
    results_file,
    runner,
)
from ansible_collections.sealed.s3.plugins.module_utils.aws import fleet, observe, survey
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import Refused
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session
from ansible_collections.sealed.s3.plugins.module_utils.fleet_arguments import Connections
from ansible_collections.sealed.s3.plugins.module_utils.fleet_summary import Summary
from ansible_collections.sealed.s3.plugins.module_utils.posture import Observed, ObservedKey


def _look(module: AnsibleAWSModule) -> dict[str, Any]:
    if module.params["bucket"] is not None:
        return _look_at_one(module.params)
    return _look_at_many(module.params)


def _look_at_one(params: dict[str, Any]) -> dict[str, Any]:
    bucket_name.validate(params["bucket"])
    if params["state"] == posture.PRESENT and not params["key"]:
        raise Refused("key is empty. Give the key to seal the bucket under: its id, ARN or alias.")
    session = Session(params)
    caller = session.caller()
    # Built first: what is wrong with the options themselves is an error, whatever is there.
    intent = arguments.intent(params, arguments.placeholder(session, caller))
    bucket = observe.bucket_or_refusal(session, intent.bucket, **observe.wanted(intent))
    key = ObservedKey()
    if intent.state == posture.PRESENT and intent.key is not None:
        tags = observe.wants_key_tags(intent)
        key = observe.key(session, intent.key, region=session.region, account=caller.account, tags=tags)
    observed = Observed(
        account=caller.account,
        partition=caller.partition,
        region=session.region,
        bucket=bucket,
        key=key,
        caller_arn=caller.arn,
    )
    outcome = posture.assess(observed, intent)
    there = {"name": intent.bucket, "exists": bucket.exists, "region": bucket.region, "account": bucket.account}
    seen = {**survey.shown(observed, intent, outcome), "policy": survey.shown_policy(bucket)}
    return {"changed": False, "bucket": there, **outcome.to_dict(), **seen}


def _look_at_many(params: dict[str, Any]) -> dict[str, Any]:
    connections = Connections(params)
    looking = survey.Survey(connections)
    found = list(_found(params, looking))
    summary = Summary()
    results: list[tuple[int, dict[str, Any]]] = []

    def look(numbered: tuple[int, survey.Found]) -> tuple[int, survey.Answer | None]:
        place, one = numbered
        return place, looking.look(one)

    with (
        results_file.opened(params["results_file"], len(found)) as write,
        contextlib.closing(fleet.each(look, enumerate(found), threads=connections.threads)) as answers,
    ):
        for place, answer in answers:
            if answer is None:
                continue
            result = answer.to_dict(policies=params["policies"])
            summary.add(result, key=answer.intent.key if answer.intent is not None else None)
            if write is None:
                results.append((place, result))
            else:
                write(result)
    told = {"changed": False, "summary": summary.to_dict(), "keys_to_create": summary.keys_to_create}
    if params["results_file"] is None:
        told["buckets"] = [result for _place, result in sorted(results, key=_order)]
    return told


def _found(params: dict[str, Any], looking: survey.Survey) -> Iterable[survey.Found]:
    if params["discover"] is not None:
        return looking.discover(params)
    return (survey.Found(asked) for asked in fleet_arguments.asked(params, arguments.INTENT_ARGUMENTS))


def _order(placed: tuple[int, dict[str, Any]]) -> tuple[str, str, int]:
    place, result = placed
    return result["connection"], result["name"], place


def main() -> NoReturn:
    module = AnsibleAWSModule(
        argument_spec={
            "bucket": {"type": "str"},
            "discover": {
                "type": "dict",
                "options": {
                    "prefix": {"type": "str"},
                    "regions": {"type": "list", "elements": "str"},
                    "tags": {"type": "dict"},
                },
            },
            "policies": {"type": "bool", "default": False},
            **fleet_arguments.FLEET_ARGUMENTS,
            **arguments.INTENT_ARGUMENTS,
        },
        mutually_exclusive=[("bucket", "buckets", "discover"), ("bucket", "connections"), ("bucket", "results_file")],
        required_one_of=[("bucket", "buckets", "discover")],
        supports_check_mode=True,
    )
    runner.run(module, _look)


if __name__ == "__main__":
    main()
