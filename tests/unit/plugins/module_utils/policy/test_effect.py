# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.policy import document, effect, guard
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document

BUCKET = "uploads"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ADMIN = "arn:aws:iam::111122223333:role/Admin"
ALL = guard.GuardSpec(BUCKET, KEY, guard_replicas=True, encryption_admins=(ADMIN,))


def policy(*statements: dict[str, Any]) -> Document:
    return document.parse({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.mark.parametrize("enforcement", guard.ENFORCEMENTS)
@pytest.mark.parametrize("exempt", [(), (ADMIN,)])
def test_the_guard_does_what_it_would_do_and_no_policy_does_nothing(enforcement: str, exempt: tuple[str, ...]) -> None:
    spec = guard.GuardSpec(BUCKET, KEY, enforcement, exempt_principals=exempt, encryption_admins=(ADMIN,))
    ours = guard.statements(spec)
    assert effect.judge(policy(*ours), spec) == effect.Effect((), effect.judge(policy(*ours), spec).denied_by)
    assert set(effect.judge(policy(*ours), spec).denied_by) == {one["Sid"] for one in ours}
    nothing = effect.judge(None, spec)
    assert {"sse_s3", "sse_c", "dsse_kms", "sse_kms_other_key", "plain_http"} <= set(nothing.passing)
    assert nothing.denied_by == ()


@pytest.mark.parametrize(
    ("without", "passing"),
    [
        ("SealedS3DenyEncryptionWithoutTheKey", {"sse_kms_no_key_id"}),
        ("SealedS3DenyOtherAlgorithms", {"dsse_kms"}),
        ("SealedS3DenyCustomerProvidedKeys", {"sse_c"}),
        ("SealedS3DenyReencryptionToOtherKeys", {"reencryption_to_another_key"}),
        ("SealedS3DenyReplicasUnderOtherKeys", {"replication_to_another_key"}),
        ("SealedS3DenyDefaultEncryptionChanges", {"default_encryption_change"}),
        ("SealedS3DenyInsecureTransport", {"plain_http"}),
    ],
)
def test_each_statement_is_missed(without: str, passing: set[str]) -> None:
    ours = [one for one in guard.statements(ALL) if one["Sid"] != without]
    assert len(ours) == len(guard.statements(ALL)) - 1
    assert set(effect.judge(policy(*ours), ALL).passing) >= passing


def test_a_broader_deny_counts() -> None:
    shut = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
    }
    assert effect.judge(policy(shut), ALL) == effect.Effect((), (0,))


def test_a_deny_for_part_of_the_objects_or_the_callers_does_not_count() -> None:
    ours = guard.statements(guard.GuardSpec(BUCKET, KEY, require_tls=False, guard_object_encryption_updates=False))
    spec = guard.GuardSpec(BUCKET, KEY, require_tls=False, guard_object_encryption_updates=False)
    whole = set(effect.judge(None, spec).passing)
    for change in (
        {"Resource": f"arn:aws:s3:::{BUCKET}/in/*"},
        {"Principal": {"AWS": ADMIN}},
        {"Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}},
    ):
        assert set(effect.judge(policy(*({**one, **change} for one in ours)), spec).passing) == whole
