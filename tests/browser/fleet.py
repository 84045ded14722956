# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up buckets, judged by the real posture: the same ones in each run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils import posture
from ansible_collections.sealed.s3.plugins.module_utils.fleet_summary import Summary
from ansible_collections.sealed.s3.plugins.module_utils.key_settings import KeySettings
from ansible_collections.sealed.s3.plugins.module_utils.key_state import KeyState, Rotation
from ansible_collections.sealed.s3.plugins.module_utils.policy import decision, document, guard, key_policy
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.posture import (
    DefaultRule,
    Intent,
    NotRead,
    Observed,
    ObservedBucket,
    ObservedKey,
)

TITLE = "Encryption of S3 buckets"
GENERATED = "2026-11-24T12:00:00Z"
ACCOUNTS = ("111122223333", "222233334444", "333344445555", "444455556666", "555566667777", "666677778888",
            "777788889999", "888899990000", "999900001111", "123456789012", "210987654321", "345678901234")  # fmt: skip
REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2", "ap-southeast-2", "sa-east-1")
TEAMS = ("billing", "clickstream", "exports", "invoices", "logs", "media", "models", "reports", "scans", "uploads")
JUDGED = 240
ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_ID = "99999999-12ab-34cd-56ef-1234567890ab"
BLOCKED = dict.fromkeys(posture.PUBLIC_ACCESS_SETTINGS, True)

HOSTILE = (
    "</script><img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>",
    "\x1b[31mred\x1b[0m \x07 bell \x00 nul",
    "\u202egnirts desrever\u202c \u200bzero\u200b \u2028line\u2029",
    '=HYPERLINK("http://example.invalid","x")',
    "<!-- --!> ]]> &lt;b&gt; 'quote' \"quote\" `tick` ${x} {{ data }}",
    "🔐 emoji 👩‍💻 café עברית العربية 中文",
)
"""Texts that an owner of a bucket can put into tags, statement ids and policies."""


@dataclass(frozen=True)
class Case:
    """How a made-up bucket is, as changes of one that is in order."""

    bucket: Mapping[str, Any] = field(default_factory=dict)
    key: Mapping[str, Any] = field(default_factory=dict)
    intent: Mapping[str, Any] = field(default_factory=dict)
    guarded: bool = True
    foreign: tuple[Mapping[str, Any], ...] = ()


def _statement(sid: str, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Sid": sid, "Effect": effect, "Principal": "*", "Action": "s3:GetObject", "Resource": "{bucket}/*", **more}


_PLAIN_DENY = _statement("DenyUnEncryptedObjectUploads", "Deny", Action="s3:PutObject",
                         Condition={"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}})  # fmt: skip
_UNREAD = NotRead("Not permitted to read the policy of the bucket: no identity-based policy allows it.",
                  "s3:GetBucketPolicy")  # fmt: skip

IN_ORDER = Case()
CASES = (
    IN_ORDER,
    Case(foreign=(_statement("AllowReaders", Principal={"AWS": "arn:aws:iam::111122223333:role/Reader"}),)),
    IN_ORDER,
    Case(bucket={"default_encryption": DefaultRule("AES256")}, guarded=False),
    IN_ORDER,
    Case(key={"rotation": Rotation(False)}, bucket={"public_access_block": None}),
    IN_ORDER,
    Case(bucket={"policy": _UNREAD}),
    Case(bucket={"default_encryption": DefaultRule("aws:kms", "{other}", False)}),
    IN_ORDER,
    Case(intent={"guard": {"enforcement": guard.REQUIRE_HEADERS}}),
    Case(guarded=False, foreign=(_PLAIN_DENY,)),
    Case(key={"state": "PendingDeletion"}),
    IN_ORDER,
    Case(bucket={"exists": None, "not_read": NotRead("Not permitted to look at the bucket.", "s3:ListBucket")}),
    Case(bucket={"exists": False}),
    IN_ORDER,
    Case(bucket={"versioning": "Suspended"}, intent={"versioning": True}),
    Case(intent={"guard": {"enforcement": guard.DENY_OTHER_KEYS}}),
    IN_ORDER,
)


def results(number: int, *, hostile: bool = False) -> list[dict[str, Any]]:
    """That many buckets; with ``hostile``, each has such a text in its tags and in its policy."""
    judged = [
        _result(index, CASES[index % len(CASES)], HOSTILE[index % len(HOSTILE)] if hostile else None)
        for index in range(min(number, JUDGED))
    ]
    # To judge takes its time: the others are as these, under names of their own.
    as_text = [json.dumps(result) for result in judged]
    further = [
        json.loads(as_text[index % JUDGED].replace(_name(index % JUDGED), _name(index)))
        for index in range(JUDGED, number)
    ]
    return [*judged, *further]


def _name(index: int) -> str:
    return f"{TEAMS[index % len(TEAMS)]}-{index // len(TEAMS) + 1:04d}"


def _result(index: int, case: Case, hostile: str | None) -> dict[str, Any]:
    name = _name(index)
    account, region = ACCOUNTS[index * 7 % 31 % len(ACCOUNTS)], REGIONS[index * 5 % 17 % len(REGIONS)]
    arn = f"arn:aws:kms:{region}:{account}:key/{ID}"
    other = f"arn:aws:kms:{region}:{account}:key/{OTHER_ID}"
    spec = replace(guard.GuardSpec(name, arn), **case.intent.get("guard", {}))
    foreign = [{**one, "Resource": one["Resource"].format(bucket=f"arn:aws:s3:::{name}")} for one in case.foreign]
    tags = {"team": TEAMS[index % len(TEAMS)], "stage": ("prod", "test")[index % 2]}
    intent = {key: value for key, value in case.intent.items() if key != "guard"}
    if hostile is not None:
        tags |= {hostile: "name", "value": hostile}
        foreign.append(_statement(hostile, "Deny", Action="s3:PutObject", Resource=f"arn:aws:s3:::{name}/*"))
        intent |= {"tags": {"owner": "platform", "value": "plain"}}
    statements = [*foreign, *(guard.statements(spec) if case.guarded else ())]
    policy = document.parse({"Version": "2012-10-17", "Statement": statements}) if statements else None
    bucket: dict[str, Any] = {
        "region": region,
        "account": account,
        "default_encryption": DefaultRule("aws:kms", arn, True, ("SSE-C",)),
        "policy": policy,
        "public_access_block": BLOCKED,
        "tags": tags,
        **case.bucket,
    }
    rule = bucket["default_encryption"]
    if rule.key_arn == "{other}":
        bucket["default_encryption"] = replace(rule, key_arn=other)
    state = KeyState.from_metadata(
        {"Arn": arn, "KeyId": ID, "KeyState": case.key.get("state", "Enabled"), "Origin": "AWS_KMS",
         "Description": "Seals the uploads"}
    )  # fmt: skip
    key = {"rotation": Rotation(True, 365), "policy": key_policy.default_policy(partition="aws", account=account)}
    observed = Observed(
        account=account,
        partition="aws",
        region=region,
        bucket=ObservedBucket(**{"exists": True, **bucket}),
        key=ObservedKey(**{**key, **case.key, "state": state}),
        caller_arn=f"arn:aws:iam::{account}:role/Auditor",
    )
    outcome = posture.assess(
        observed,
        Intent(bucket=name, guard=spec, key="alias/uploads", key_managed=True, key_settings=KeySettings(),
               blocked_encryption_types=("SSE-C",), block_public_access=True, **intent),
    )  # fmt: skip
    return {"name": name, "connection": "default", **_facts(observed), **outcome.to_dict()}


def _facts(observed: Observed) -> dict[str, Any]:
    bucket, key = observed.bucket, observed.key
    seen = bucket.not_read is None and bool(bucket.exists)
    policy = bucket.policy if seen else NotRead("")
    rule = bucket.default_encryption if seen else None
    assert isinstance(key.state, KeyState)
    rotation = key.rotation
    return {
        "account": bucket.account if seen else None,
        "region": bucket.region if seen else None,
        "exists": bucket.exists,
        "tags": bucket.tags if seen else None,
        "key": {
            **key.state.to_dict(),
            "exists": True,
            "rotation": rotation.to_dict() if isinstance(rotation, Rotation) else None,
            "tags": None,
        },
        "encryption": rule.to_dict() if isinstance(rule, DefaultRule) else None,
        "policy": policy.to_dict() if isinstance(policy, Document) else None,
        "decisions": None if isinstance(policy, NotRead) else decisions(policy, key.state.arn),
    }


def decisions(policy: Document | None, arn: str) -> dict[str, dict[str, str]]:
    """What a policy does to each kind of upload, under both readings."""
    other = arn.replace(ID, OTHER_ID)
    return {
        name: {
            model: decision.decide(policy, kind.request("arn:aws:s3:::b", arn, other, key_id_model=model, key="o"))
            .outcome
            for model in decision.KEY_ID_MODELS
        }
        for name, kind in decision.REQUEST_KINDS.items()
    }  # fmt: skip


def summary(buckets: list[dict[str, Any]]) -> dict[str, Any]:
    """The summary of results."""
    counted = Summary()
    for bucket in buckets:
        counted.add(bucket)
    return counted.to_dict()
