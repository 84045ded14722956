# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.policy import document, guard, key_move
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import GuardSpec

BUCKET = "uploads-111122223333"
PLACE = "arn:aws:kms:eu-central-1:111122223333"
OLD = f"{PLACE}:key/11111111-12ab-34cd-56ef-1234567890ab"
NEW = f"{PLACE}:key/22222222-12ab-34cd-56ef-1234567890ab"
OTHER = f"{PLACE}:key/33333333-12ab-34cd-56ef-1234567890ab"
ELSEWHERE = OLD.replace("eu-central-1", "eu-west-1")
WANTED = GuardSpec(BUCKET, NEW)


def policy(*statements: dict[str, Any]) -> Document:
    return document.parse({"Version": "2012-10-17", "Statement": list(statements)})


def guarded(spec: GuardSpec) -> Document:
    return policy(*guard.statements(spec))


def of_ours(keys: Any, **elements: Any) -> dict[str, Any]:
    """A statement of ours, bent by hand."""
    condition = {"StringNotEquals": {"S3:X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": keys}}
    return {
        "Sid": "SealedS3DenyOtherEncryptionKeys",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:PutObject"],
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
        "Condition": condition,
        **elements,
    }


@pytest.mark.parametrize("enforcement", guard.ENFORCEMENTS)
def test_every_guard_tells_which_keys_it_admits(enforcement: str) -> None:
    spec = GuardSpec(BUCKET, OLD, enforcement, accepted_keys=(NEW,), guard_replicas=True)
    assert key_move.admitted_keys(guarded(spec)) == {OLD, NEW}


@pytest.mark.parametrize(
    ("found", "admitted"),
    [
        (None, set()),
        (policy(), set()),
        (policy(of_ours(OLD)), {OLD}),
        (policy(of_ours([OLD, NEW]), of_ours(NEW, Sid="SealedS3DenyNamedOtherKeys")), {NEW}),
        (policy(of_ours(OLD, Sid="Mine")), set()),
        (policy(of_ours(OLD, Action=["s3:PutObject", "s3:GetObject"])), set()),
        (policy(of_ours(OLD, Condition={"Null": {guard.ALGORITHM: "false"}})), set()),
        (policy({**{k: v for k, v in of_ours(OLD).items() if k != "Action"}, "NotAction": "s3:GetObject"}), set()),
    ],
)
def test_a_key_is_admitted_where_every_statement_of_ours_on_uploads_admits_it(
    found: Document | None, admitted: set[str]
) -> None:
    assert key_move.admitted_keys(found) == admitted


@pytest.mark.parametrize("default_key", [OLD, OLD.rsplit("/", 1)[1]])
def test_the_key_of_before_stays_admitted_while_the_default_moves(default_key: str) -> None:
    before = guarded(GuardSpec(BUCKET, OLD))
    found = key_move.guard_for_the_move(before, default_key=default_key, wanted=WANTED)
    assert found == replace(WANTED, accepted_keys=(OLD,))


def test_where_it_is_to_stay_admitted_the_wanted_guard_itself_goes_first() -> None:
    wanted = replace(WANTED, accepted_keys=(OTHER, OLD))
    before = guarded(GuardSpec(BUCKET, OLD))
    assert key_move.guard_for_the_move(before, default_key=OLD, wanted=wanted) == wanted


@pytest.mark.parametrize(
    ("before", "default_key"),
    [
        pytest.param(None, OLD, id="no policy"),
        pytest.param(policy(of_ours(OLD, Sid="Mine")), OLD, id="no guard"),
        pytest.param(guarded(GuardSpec(BUCKET, OLD)), None, id="no key in default encryption"),
        pytest.param(guarded(GuardSpec(BUCKET, NEW)), NEW, id="default encryption is under the key already"),
        pytest.param(
            guarded(GuardSpec(BUCKET, NEW)), OTHER, id="the guard does not admit the key of default encryption"
        ),
        pytest.param(policy(of_ours(ELSEWHERE)), ELSEWHERE, id="a key of another Region"),
        pytest.param(policy(of_ours("alias/uploads")), "alias/uploads", id="no key at all"),
    ],
)
def test_no_key_is_admitted_that_the_guard_did_not_admit_for_the_default(
    before: Document | None, default_key: str | None
) -> None:
    assert key_move.guard_for_the_move(before, default_key=default_key, wanted=WANTED) is None
