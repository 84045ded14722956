# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a step of the role that failed, and what the user is told of it. Pure.

The modules of amazon.aws name the API operation that failed. Here the IAM action is named that it needs, and what was
done before it, which they do not say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.aws.call import one_line, refusal
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import RUN_AGAIN, says_to_run_again
from ansible_collections.sealed.s3.plugins.plugin_utils import fleet_plan

ACTIONS: Mapping[str, str] = {
    "AssumeRole": "sts:AssumeRole",
    "CreateAlias": "kms:CreateAlias",
    "CreateBucket": "s3:CreateBucket",
    "CreateKey": "kms:CreateKey",
    "DescribeKey": "kms:DescribeKey",
    "DisableKey": "kms:DisableKey",
    "GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "GetBucketAcl": "s3:GetBucketAcl",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "GetBucketLogging": "s3:GetBucketLogging",
    "GetBucketOwnershipControls": "s3:GetBucketOwnershipControls",
    "GetBucketPolicy": "s3:GetBucketPolicy",
    "GetBucketRequestPayment": "s3:GetBucketRequestPayment",
    "GetBucketTagging": "s3:GetBucketTagging",
    "GetBucketVersioning": "s3:GetBucketVersioning",
    "GetKeyPolicy": "kms:GetKeyPolicy",
    "GetKeyRotationStatus": "kms:GetKeyRotationStatus",
    "GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "HeadBucket": "s3:ListBucket",
    "ListAliases": "kms:ListAliases",
    "ListBucketInventoryConfigurations": "s3:GetInventoryConfiguration",
    "ListGrants": "kms:ListGrants",
    "ListKeyPolicies": "kms:ListKeyPolicies",
    "ListKeys": "kms:ListKeys",
    "ListResourceTags": "kms:ListResourceTags",
    "PutBucketTagging": "s3:PutBucketTagging",
    "PutBucketVersioning": "s3:PutBucketVersioning",
    "PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "TagResource": "kms:TagResource",
}
"""The IAM action that each operation needs that amazon.aws calls for the role (Service Authorization Reference)."""

_ANSWERED = re.compile(
    r"An error occurred \((?P<code>[^)]+)\) when calling the (?P<operation>\w+) operation"
    r"(?: \(reached max retries: (?P<retries>[0-9]+)\))?: ?(?P<said>.*)",
    re.DOTALL,
)
# A waiter tells the code alone.
_WAITED = re.compile(r"Waiter \w*(?i:bucket_?exists) failed.*?\((?P<code>[^)]+)\): ?(?P<said>.*)", re.DOTALL)
_TAG = "SealedS3Creation"
_SETTINGS = {"public_access": "the public access block", "versioning": "versioning", "tags": "tags"}
_STEPS = {
    "create_key": "key",
    "key_settings": "key_settings",
    "create_bucket": "bucket",
    "bucket_settings": "bucket",
    "default_encryption": "default_encryption",
    "guard": "guard",
}
_KEPT = ("error_code", "previous_policy", "previous_encryption", "steps", "backup_file", "conflicts", "size")


@dataclass(frozen=True)
class Outcome:
    """What came of a step.

    :ivar complete: whether all has come about all the same.
    :ivar changed: whether something was changed.
    :ivar msg: the sentences; empty where nothing is to be said.
    """

    complete: bool
    changed: bool
    msg: str = ""


def sentence(result: Mapping[str, Any], asked: str) -> str:
    """What the failed result of a module of amazon.aws means.

    :param asked: what was tried, to follow "could not".
    """
    said = str(result.get("msg") or "")
    found = _ANSWERED.search(said)
    waited = None if found else _WAITED.search(said)
    metadata = result.get("response_metadata") or {}
    told = {
        "HTTPStatusCode": metadata.get("http_status_code"),
        "RetryAttempts": metadata.get("retry_attempts"),
    }
    if found:
        operation = found["operation"]
        needed = ACTIONS.get(operation, operation)
        told["RetryAttempts"] = found["retries"] or told["RetryAttempts"]
        return str(refusal(found["code"], found["said"], asked=asked, needed=needed, metadata=told))
    if waited:
        needed = ACTIONS["HeadBucket"]
        return str(refusal(waited["code"], waited["said"], asked=asked, needed=needed, metadata=told))
    # A module that ends with a traceback, as where half an answer came, leaves nothing in its result.
    why = one_line(said) or "its module ended without a word, as where what answered is not AWS or was cut short"
    return f"Could not {asked}: {why}. Check the network, region and endpoint_url."


def of_bucket(
    result: Mapping[str, Any], asked: str, *, bucket: str, plan: Mapping[str, Any], now: Mapping[str, Any]
) -> Outcome:
    """What came of the bucket although s3_bucket failed.

    :param plan: what was to be done, as sse_kms_info said it before.
    :param now: what sse_kms_info says after it.
    """
    failure = sentence(result, asked)
    if now.get("failed") or "plan" not in now:
        unread = f"What has come of it could not be read again: {now.get('msg') or 'nothing was said'}"
        return Outcome(False, True, f"{failure} {unread}")
    left = [name for name in _SETTINGS if now["plan"]["bucket_settings"][name]]
    created = bool(plan["create_bucket"]) and now["bucket"]["exists"] is True
    known = now["bucket"]["exists"] is not None and not now["could_not_look"]
    # All that is asked of a new bucket is in the plan that it is created.
    wanted = [] if plan["create_bucket"] or not known else [one for one in _SETTINGS if plan["bucket_settings"][one]]
    done = [one for one in wanted if one not in left]
    complete = known and not now["blockers"] and not now["plan"]["create_bucket"] and not left
    told = [failure]
    if created:
        told.append(f"The bucket {bucket} was created.")
    elif plan["create_bucket"] and known:
        told.append(f"There is no bucket {bucket}.")
    if done:
        told.append(f"Set on it: {_listed(done)}.")
    if left and now["bucket"]["exists"]:
        told.append(f"Not set on it: {_listed(left)}.")
    if not known:
        told += [str(one["message"]) for one in now["could_not_look"]]
    return Outcome(complete, created or bool(done) or not known, " ".join(told))


def of_key(
    result: Mapping[str, Any],
    asked: str,
    *,
    alias: str,
    creation: str,
    found: Mapping[str, Any],
    disabled: Sequence[Mapping[str, Any]],
) -> Outcome:
    """What came of the key although kms_key failed, once or in the end.

    :param creation: the value of the tag that tells the keys of this run.
    :param found: what kms_key_info says of the keys with that tag.
    :param disabled: what came of disabling those that no alias leads to.
    """
    failure = sentence(result, asked)
    leads = "key_arn" in result or (result.get("error") or {}).get("code") == "AlreadyExistsException"
    if "kms_keys" not in found and _made_nothing(result):
        return Outcome(False, False, failure)
    if "kms_keys" not in found:
        unseen = sentence(found, "look for a key that this run may have created")
        told = f"{unseen} It has the tag {_TAG}={creation}. Disable it: it has no alias and seals nothing."
        return Outcome(leads, True, told if leads else f"{failure} {told}")
    keys = found["kms_keys"]
    ours = any(alias.removeprefix("alias/") in key["aliases"] for key in keys)
    if ours or leads:
        return Outcome(True, bool(keys))
    if not keys:
        told = f"No key with the tag {_TAG}={creation} was found: none was created."
    else:
        told = " ".join(_disabled(one) for one in disabled)
    return Outcome(False, bool(keys), f"{failure} {told}")


def _made_nothing(result: Mapping[str, Any]) -> bool:
    """Whether KMS has refused to create a key, and was asked only once."""
    found = _ANSWERED.search(str(result.get("msg") or ""))
    status = (result.get("response_metadata") or {}).get("http_status_code") or 0
    refused = found is not None and found["operation"] == "CreateKey" and 400 <= status < 500
    return refused and result.get("attempts", 1) == 1


def lost(disabled: Iterable[Mapping[str, Any]]) -> list[str]:
    """A sentence for each key that no alias leads to and that could not be disabled."""
    return [_disabled(one) for one in disabled if "key_state" not in one]


def _disabled(one: Mapping[str, Any]) -> str:
    key = one["item"]
    if "key_state" in one:
        return f"The key {key} was created, and was disabled, because it has no alias."
    stays = sentence(one, f"disable and mark the key {key}")
    return f"The key {key} was created, has no alias and seals nothing. {stays} Disable it."


def of_run(
    result: Mapping[str, Any],
    *,
    plan: Mapping[str, Any],
    done: Sequence[str],
    lost_keys: Sequence[str],
    settled: Mapping[str, Any],
) -> dict[str, Any]:
    """What a failed run of the role tells: why it failed, what was done before that, and what was not finished.

    :param result: of the task that failed.
    :param plan: what was to be done, as sse_kms_info said it.
    :param done: the steps before, as the role names them in its result.
    :param lost_keys: keys that the run has made and that no alias leads to.
    :param settled: the result of kms_key_settings, which may be that of the task that failed.
    """
    finished = {*done, *(result.get("steps") or ())}
    left = {part: bool(plan[part]) and step not in finished for part, step in _STEPS.items()}
    left["bucket_settings"] = plan["bucket_settings"]["any"] and "bucket" not in finished
    names = fleet_plan.steps({**left, "bucket_settings": {"any": left["bucket_settings"]}})
    told = [str(result.get("msg") or "The task failed, and said nothing.")]
    changed = bool(done) or bool(result.get("changed"))
    if done:
        told.append(f"Done before that: {', '.join(done)}.")
    elif not changed and "Nothing was changed." not in told[0]:
        told.append("Nothing was changed.")
    unnamed = [key for key in lost_keys if key not in told[0]]
    if unnamed:
        told.append(f"Keys of this run that no alias leads to: {', '.join(unnamed)}.")
    if names:
        told.append(f"Not finished: {', '.join(names)}.")
    kept = {name: result[name] for name in _KEPT if name in result}
    if settled.get("failed"):
        # It is the key's.
        kept.pop("previous_policy", None)
    if settled.get("previous_policy"):
        kept["previous_key_policy"] = settled["previous_policy"]
    if not says_to_run_again(told[0]):
        told.append(RUN_AGAIN)
    return {**kept, "changed": changed, "msg": " ".join(told)}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(_SETTINGS[name] for name in names)
