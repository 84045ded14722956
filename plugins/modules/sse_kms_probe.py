#!/usr/bin/python
# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sse_kms_probe
short_description: Prove with real uploads that a bucket lets objects in under one KMS key alone
version_added: 0.1.0
description:
  - Uploads small objects to a bucket, one for each way to upload and to name an encryption, and compares what happens
    with what the guard promises that M(sealed.s3.sse_kms_policy) writes with the same options.
  - An upload that is stored is read back, and has to be encrypted with C(aws:kms) under the key.
  - The run fails when a promise is broken, and names it. It also fails when nothing at all could be proved.
  - An upload that could not be made counts neither as kept nor as broken, and is named in RV(could_not_look). A refusal
    counts as kept only when a comparable upload of the same caller passed, and when neither KMS nor the caller's own
    permissions are behind it.
  - What was uploaded is removed again, with all versions, also when the run is interrupted. What stays is named in
    RV(left_behind).
  - In check mode nothing is uploaded. The answer is computed from the policy in force and marked as RV(predicted).
author:
  - sealed.s3 contributors (@sealed-s3)
options:
  bucket:
    description:
      - The name of the bucket.
    type: str
    required: true
  key:
    description:
      - The key that objects must end up under, as key id, key ARN, alias (with or without C(alias/)) or alias ARN.
      - When it is given as an alias, an upload that names the alias is tried, too.
    type: str
    required: true
  other_key:
    description:
      - Another key of the Region, in any of these forms. An upload that names it is tried.
      - When omitted, that upload is skipped.
    type: str
  prefix:
    description:
      - What the keys of the uploads begin with. A part that is new in each run follows.
    type: str
    default: .sealed-s3-probe/
  timeout:
    description:
      - How many seconds to wait for each answer. Each request is tried twice.
    type: float
    default: 10
  http_endpoint_url:
    description:
      - The endpoint without TLS, for the upload over plain HTTP.
      - When omitted, it is derived from that of AWS, or is the endpoint itself where that has no TLS. Where there is
        none, that upload is skipped.
    type: str
  find_model:
    description:
      - Whether to find out RV(key_id_model) where the uploads do not tell, as with O(enforcement=deny_overrides).
      - This writes the bucket policy. It merges two temporary statements, C(SealedS3ProbeModel) and
        C(SealedS3ProbeModelControl), about a prefix of the probe's own, uploads there, and takes them out again, also
        when the run is interrupted.
      - A statement that was left is removed by the next run of M(sealed.s3.sse_kms_policy) or of this module with
        O(find_model=true).
    type: bool
    default: false
  model_bucket:
    description:
      - Another bucket of the account and Region, on which O(find_model) is to do that. Its default encryption has to be
        under a customer managed key.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: partial
    details: With O(find_model=true), each run that has to write the policy says that it changed it.
notes:
  - "IAM actions: C(sts:GetCallerIdentity), C(kms:DescribeKey), C(s3:ListBucket), C(s3:GetBucketPolicy),
    C(s3:GetEncryptionConfiguration), C(s3:PutObject), C(s3:GetObject), C(s3:ListBucketVersions), C(s3:DeleteObject),
    C(s3:DeleteObjectVersion), C(s3:AbortMultipartUpload), C(s3:ListBucketMultipartUploads). With
    O(find_model=true): C(s3:PutBucketPolicy), C(s3:DeleteBucketPolicy)."
  - The uploads also need C(kms:GenerateDataKey) and C(kms:Decrypt) on the key, and on O(other_key).
  - It goes on without any of these as far as it can. Without C(s3:GetBucketPolicy), a refusal counts as kept only where
    the service says that the bucket policy denied it.
  - The promise of uploads without encryption headers rests on the bucket's default encryption as it is.
  - Under an endpoint without TLS, uploads are held against the guard's statements about encryption, and RV(probes) of
    kind C(plain_http) against O(require_tls).
seealso:
  - module: sealed.s3.sse_kms_policy
  - module: sealed.s3.sse_kms_info
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - sealed.s3.attributes
  - sealed.s3.guard
"""

EXAMPLES = r"""
- name: Prove that the bucket is sealed
  sealed.s3.sse_kms_probe:
    bucket: uploads-111122223333
    key: alias/uploads
    other_key: alias/somebody-elses
    region: eu-central-1
  register: proof

- name: Show it at a glance
  ansible.builtin.debug:
    var: proof.table

- name: Find out how the service reads the key-id condition key, on a scratch bucket
  sealed.s3.sse_kms_probe:
    bucket: uploads-111122223333
    key: alias/uploads
    find_model: true
    model_bucket: scratch-111122223333
    region: eu-central-1

- name: Compute it from the policy, without any upload
  sealed.s3.sse_kms_probe:
    bucket: uploads-111122223333
    key: alias/uploads
    region: eu-central-1
  check_mode: true
"""

RETURN = r"""
probes:
  description: The uploads, in the order in which they were made.
  returned: success, and failure because of them
  type: list
  elements: dict
  contains:
    kind:
      description: Which upload, a fixed word.
      type: str
      sample: sse_s3
    title:
      description: The same for people.
      type: str
      sample: AES256
    expected:
      description:
        - C(must_pass); C(must_fail); or C(either), where it depends on how the service reads the request, and what
          passes has to be under the key. None where it was skipped.
      type: str
      sample: must_fail
    happened:
      description: What the service answered. None where the upload was not made.
      type: dict
      contains:
        status:
          description: The HTTP status. None where no answer came.
          type: int
          sample: 403
        code:
          description: The error code.
          type: str
          sample: AccessDenied
        message:
          description: The service's text.
          type: str
          sample: Access Denied
        step:
          description: Of an upload in parts, the call that it ended with.
          type: str
          sample: CreateMultipartUpload
    stored:
      description: How the object is encrypted. None where it was not stored or could not be read back.
      type: dict
      contains:
        algorithm:
          description: C(AES256), C(aws:kms), C(aws:kms:dsse), C(SSE-C) or C(none).
          type: str
          sample: aws:kms
        key_arn:
          description: The KMS key.
          type: str
          sample: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
        bucket_key:
          description: Whether a Bucket Key was used.
          type: bool
          sample: true
    verdict:
      description: C(kept), C(broken), C(could_not_look), C(undetermined) or C(skipped).
      type: str
      sample: kept
    reason:
      description: Why, in a sentence.
      type: str
      sample: Refused.
key_id_model:
  description:
    - How the service fills the condition key C(s3:x-amz-server-side-encryption-aws-kms-key-id). C(effective) is with
      the key that it will use, C(header_only) from the request's header alone, C(undetermined) where that is not known.
    - With C(effective), uploads without headers pass under O(enforcement=deny_other_keys). With C(header_only), they
      are refused there.
  returned: success, and failure because of the uploads
  type: str
  sample: undetermined
key_id_model_reason:
  description: What tells, in a sentence.
  returned: success, and failure because of the uploads
  type: str
  sample: "This guard behaves the same under both: find_model can tell."
broken:
  description: The kinds whose promise is broken.
  returned: success, and failure because of them
  type: list
  elements: str
  sample: []
could_not_look:
  description: The kinds of which nothing could be learned, although they were tried.
  returned: success, and failure because of the uploads
  type: list
  elements: str
  sample: []
left_behind:
  description: What could not be removed again.
  returned: success, and failure because of the uploads
  type: list
  elements: dict
  contains:
    what:
      description: The object, the upload in parts, or the statements.
      type: str
      sample: s3://uploads-111122223333/.sealed-s3-probe/0123456789ab/no_headers
    bucket:
      description: The bucket.
      type: str
      sample: uploads-111122223333
    key:
      description: The object's key. None for statements.
      type: str
      sample: .sealed-s3-probe/0123456789ab/no_headers
    reason:
      description: Why it stays.
      type: str
      sample: "AccessDenied: Access Denied"
  sample: []
table:
  description: The run at a glance, as lines of text.
  returned: success, and failure because of the uploads
  type: list
  elements: str
  sample:
    - upload      promised  happened          stored                       verdict
    - ----------  --------  ----------------  ---------------------------  -------
    - no headers  passes    200 passed        aws:kms 1234abcd bucket key  kept
    - AES256      refused   403 AccessDenied  -                            kept
predicted:
  description: Whether this is computed from the policy, as in check mode.
  returned: success, and failure because of the uploads
  type: bool
  sample: false
key_arn:
  description: The full ARN of the key.
  returned: success, and failure because of the uploads
  type: str
  sample: arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
error_code:
  description: The error code of AWS.
  returned: failure, when AWS gave one
  type: str
  sample: NoSuchBucket
"""

from typing import Any, NoReturn

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.sealed.s3.plugins.module_utils import arguments, bucket_name, key_state, runner
from ansible_collections.sealed.s3.plugins.module_utils.aws import probe as uploading
from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import AES256, Bucket
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError, NotPermitted, Refused
from ansible_collections.sealed.s3.plugins.module_utils.aws.key import Key
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session
from ansible_collections.sealed.s3.plugins.module_utils.policy import guard
from ansible_collections.sealed.s3.plugins.module_utils.policy import probe as probes
from ansible_collections.sealed.s3.plugins.module_utils.policy.decision import HEADER_ONLY, DefaultEncryption
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError
from ansible_collections.sealed.s3.plugins.module_utils.policy.probe import Keys, Model, Probe, Situation, Summary

_LONGEST_PREFIX = 900
_NOT_IN_PREFIX = "*?$"


def _probe(module: AnsibleAWSModule) -> dict[str, Any]:
    params = module.params
    bucket_name.validate(params["bucket"])
    if params["model_bucket"]:
        bucket_name.validate(params["model_bucket"])
    prefix = _prefix(params["prefix"])
    if params["timeout"] <= 0:
        raise Refused("timeout is not above 0. Give the seconds to wait for each answer.")
    session = Session(module.params)
    # What is wrong with the options themselves is told before any call.
    placeholder = key_state.placeholder_arn(partition="aws", region=session.region, account="000000000000")
    arguments.guard_spec({**params, "accepted_keys": []}, placeholder)

    caller = session.caller()
    bucket = Bucket(session, params["bucket"])
    try:
        bucket.locate()
    except NotPermitted as error:
        runner.warn(f"{error} The uploads are tried nevertheless.")
    keys = _keys(session, params)
    spec = arguments.guard_spec(params, keys.arn)
    if keys.other in spec.keys:
        raise Refused("other_key is a key that the guard admits. Give another one, or leave it out.")
    policy, policy_known = _policy(bucket)
    default = _default(bucket, keys)
    uploads = uploading.Uploads(
        session,
        bucket.name,
        prefix=prefix,
        timeout=params["timeout"],
        owner=caller.account,
        http_url=params["http_endpoint_url"],
    )
    situation = Situation(
        spec=spec,
        keys=keys,
        policy=policy,
        policy_known=policy_known,
        default_encryption=default,
        principal=caller.arn,
        secure=uploads.secure,
        prefix=uploads.prefix,
    )
    if module.check_mode:
        model = Model(probes.UNDETERMINED, "Only uploads can tell.")
        return _ended(Summary(bucket.name, probes.predict(situation), model, predicted=True), keys)
    result = _Run(session, params, bucket, uploads, situation, prefix).result()
    if result["key_id_model"] == HEADER_ONLY and spec.enforcement == guard.DENY_OTHER_KEYS:
        runner.warn(
            f"The service that bucket {bucket.name} is on fills the key-id condition key from the header alone. Under "
            "deny_other_keys it refuses uploads without headers. Use deny_overrides to let them pass."
        )
    return result


class _Run:
    """The uploads of a real run, and the removal of all that was made."""

    def __init__(
        self,
        session: Session,
        params: dict[str, Any],
        bucket: Bucket,
        uploads: uploading.Uploads,
        situation: Situation,
        prefix: str,
    ) -> None:
        self._session = session
        self._params = params
        self._bucket = bucket
        self._uploads = uploads
        self._situation = situation
        self._prefix = prefix
        self._finder: uploading.ModelFinder | None = None
        self._scratch: uploading.Uploads | None = None

    def result(self) -> dict[str, Any]:
        tries: list[probes.Try] = []
        judged: list[Probe] = []
        model = Model(probes.UNDETERMINED, "The run was interrupted.")
        interrupted = ""
        left: list[dict[str, Any]] = []
        with uploading.stoppable() as calm_down:
            try:
                for one in self._uploads.all(self._situation):
                    tries.append(one)
                judged = probes.judge(self._situation, tries)
                model = probes.conclude(self._situation, judged)
                if self._params["find_model"] and model.key_id_model == probes.UNDETERMINED:
                    model = self._found_model()
            except uploading.Interrupted as error:
                interrupted = str(error)
                judged = judged or probes.judge(self._situation, tries)
            finally:
                # A second signal does not keep this from being done.
                calm_down()
                for made in (self._finder, self._uploads, self._scratch):
                    left += made.clean() if made else []
        summary = Summary(self._bucket.name, judged, model, left_behind=left)
        wrote = self._finder is not None and self._finder.wrote
        return _ended(summary, self._situation.keys, wrote=wrote, interrupted=interrupted)

    def _found_model(self) -> Model:
        """Ask with temporary statements. Where that does not come off, the uploads' own verdicts still count."""
        try:
            return self._ask_for_model()
        except (AwsError, PolicyError) as error:
            return Model(probes.UNDETERMINED, str(error))

    def _ask_for_model(self) -> Model:
        name = self._params["model_bucket"]
        bucket, uploads = self._bucket, self._uploads
        default = self._situation.default_encryption
        if name and name != bucket.name:
            bucket = Bucket(self._session, name)
            bucket.locate()
            default = _default(bucket, self._situation.keys)
            uploads = self._scratch = uploading.Uploads(
                self._session,
                name,
                prefix=self._prefix,
                timeout=self._params["timeout"],
                owner=self._session.caller().account,
            )
        if default is None or default.algorithm != "aws:kms" or not default.key_arn:
            return Model(
                probes.UNDETERMINED,
                f"The default encryption of bucket {bucket.name} is not known to be under a customer managed key, "
                "which find_model needs.",
            )
        arn = f"arn:{self._situation.spec.partition}:s3:::{bucket.name}"
        self._finder = uploading.ModelFinder(bucket, uploads, bucket_arn=arn, key_arn=default.key_arn)
        return self._finder.find()


def _prefix(given: str) -> str:
    prefix = given if given.endswith("/") else f"{given}/"
    if not given or given.startswith("/") or len(given) > _LONGEST_PREFIX or set(_NOT_IN_PREFIX) & set(given):
        raise Refused(
            f'prefix: expected 1 to {_LONGEST_PREFIX} characters that do not begin with "/" and without '
            f'any of "{_NOT_IN_PREFIX}". Leave it out to take .sealed-s3-probe/.'
        )
    return prefix


def _keys(session: Session, params: dict[str, Any]) -> Keys:
    try:
        named = key_state.parse_name(params["key"])
    except key_state.KeyNameError as error:
        raise Refused(str(error)) from error
    alias = None
    if named.kind.startswith("alias"):
        alias = named.text if named.kind == "alias" else named.text.split(":", 5)[5]
    other = _key_arn(session, params["other_key"]) if params["other_key"] else None
    return Keys(arn=_key_arn(session, params["key"]), alias=alias, other=other)


def _key_arn(session: Session, name: str) -> str:
    """The ARN of a key that is fit for use; one that is given as such is taken when the caller may not look it up."""
    try:
        key = Key.resolve(session, name, region=session.region)
    except NotPermitted as error:
        if not guard.is_key_arn(name.strip()):
            raise
        runner.warn(f"{error} The uploads are tried nevertheless.")
        return name.strip()
    key.judge(region=session.region)
    return key.arn


def _policy(bucket: Bucket) -> tuple[Document | None, bool]:
    """The policy in force, and whether it could be read."""
    try:
        return bucket.policy(), True
    except (NotPermitted, PolicyError) as error:
        runner.warn(f"{error} So a refusal counts only where the service says that the policy denied it.")
        return None, False


def _default(bucket: Bucket, keys: Keys) -> DefaultEncryption | None:
    """Default encryption; None where it is not known, or names a key in a way that does not tell which it is."""
    try:
        rule = bucket.default_encryption()
    except NotPermitted as error:
        runner.warn(f"{error} So it is not known what happens to an upload without headers.")
        return None
    if rule is None:
        return DefaultEncryption(AES256)
    key = rule.key_arn
    if key is None or guard.is_key_arn(key):
        return DefaultEncryption(rule.algorithm, key)
    if key == keys.arn.rsplit("/", 1)[-1] or (keys.alias and key.endswith(keys.alias)):
        return DefaultEncryption(rule.algorithm, keys.arn)
    return None


def _ended(summary: Summary, keys: Keys, *, wrote: bool = False, interrupted: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {
        "changed": wrote or bool(summary.left_behind),
        "probes": [one.to_dict() for one in summary.probes],
        "key_id_model": summary.model.key_id_model,
        "key_id_model_reason": summary.model.reason,
        "broken": summary.named(probes.BROKEN),
        "could_not_look": summary.named(probes.COULD_NOT_LOOK),
        "left_behind": list(summary.left_behind),
        "table": summary.table(),
        "predicted": summary.predicted,
        "key_arn": keys.arn,
    }
    if summary.left_behind:
        stays = " ".join(f"{one['what']}: {one['reason']}." for one in summary.left_behind)
        runner.warn(f"Not everything that the probe made could be removed. Remove it by hand. {stays}")
    if interrupted:
        cleaned = "What it had made was removed." if not summary.left_behind else "See left_behind."
        raise Refused(f"The probe was stopped by {interrupted}. {cleaned}", **result)
    if summary.failure:
        raise Refused(summary.failure, **result)
    if result["could_not_look"]:
        runner.warn(
            f"Of these uploads nothing could be learned on bucket {summary.bucket}: "
            f"{', '.join(result['could_not_look'])}. The reasons are in probes and table."
        )
    return result


def main() -> NoReturn:
    module = AnsibleAWSModule(
        argument_spec={
            "bucket": {"type": "str", "required": True},
            "key": {"type": "str", "required": True, "no_log": False},
            "other_key": {"type": "str", "no_log": False},
            "prefix": {"type": "str", "default": ".sealed-s3-probe/"},
            "timeout": {"type": "float", "default": 10},
            "http_endpoint_url": {"type": "str"},
            "find_model": {"type": "bool", "default": False},
            "model_bucket": {"type": "str"},
            **arguments.GUARD_ARGUMENTS,
        },
        supports_check_mode=True,
    )
    runner.run(module, _probe)


if __name__ == "__main__":
    main()
