# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils import key_state
from ansible_collections.sealed.s3.plugins.module_utils.key_state import KeyState

REGION = "eu-central-1"
ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
MULTI_REGION_ID = "mrk-1234abcd12ab34cd56ef1234567890ab"
ARN = f"arn:aws:kms:{REGION}:111122223333:key/{ID}"


def described(**changes: Any) -> KeyState:
    metadata = {
        "Arn": ARN,
        "KeyId": ID,
        "KeyState": "Enabled",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyManager": "CUSTOMER",
        "Origin": "AWS_KMS",
        "Description": "uploads",
        "MultiRegion": False,
    }
    return KeyState.from_metadata({**metadata, **changes})


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        (ID, "id", ID),
        (MULTI_REGION_ID, "id", MULTI_REGION_ID),
        (ARN, "key_arn", ARN),
        ("uploads", "alias", "alias/uploads"),
        ("alias/uploads", "alias", "alias/uploads"),
        ("alias/team/uploads_1-a", "alias", "alias/team/uploads_1-a"),
        (" uploads\n", "alias", "alias/uploads"),
        # A word that only looks like an id is an alias.
        ("1234abcd-12ab", "alias", "alias/1234abcd-12ab"),
        ("arn:aws-cn:kms:cn-north-1:111122223333:alias/uploads", "alias_arn", None),
        (f"arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/{MULTI_REGION_ID}", "key_arn", None),
    ],
)
def test_every_form_of_a_name_is_told_apart(given: str, kind: str, text: str | None) -> None:
    name = key_state.parse_name(given)
    assert name.kind == kind
    assert name.text == (given if text is None else text)


def test_an_arn_brings_its_partition_region_and_account() -> None:
    name = key_state.parse_name("arn:aws-cn:kms:cn-north-1:111122223333:alias/uploads")
    assert (name.partition, name.region, name.account) == ("aws-cn", "cn-north-1", "111122223333")
    assert key_state.parse_name("uploads").account is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("alias/aws/s3", "AWS managed key"),
        ("aws/s3", "AWS managed key"),
        (f"arn:aws:kms:{REGION}:111122223333:alias/aws/s3", "AWS managed key"),
        ("", "neither a key id nor an ARN"),
        ("alias/", "neither a key id nor an ARN"),
        ("my key", "neither a key id nor an ARN"),
        ("alias/" + "a" * 251, "neither a key id nor an ARN"),
        ("a\x1b[31mb", "neither a key id nor an ARN"),
        ("arn:aws:s3:::bucket", "is not the ARN of a KMS key"),
        (f"arn:aws:kms:{REGION}:111122223333:key/uploads", "does not end in a key id"),
    ],
)
def test_a_name_that_kms_would_not_take_is_refused(given: str, said: str) -> None:
    with pytest.raises(key_state.KeyNameError) as refused:
        key_state.parse_name(given)
    assert said in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_a_usable_key_is_not_refused() -> None:
    assert key_state.refusal(described(), region=REGION) is None
    assert key_state.refusal(described(), region=None) is None
    assert key_state.refusal(described(Arn=f"{ARN.rsplit('/', 1)[0]}/{MULTI_REGION_ID}"), region=REGION) is None


DELETED = datetime.datetime(2026, 12, 1, 8, 30, tzinfo=datetime.timezone.utc)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"KeyState": "Disabled"}, ["is disabled", "(Key state Disabled.)", "nothing here enables a key"]),
        (
            {"KeyState": "PendingDeletion", "DeletionDate": DELETED},
            ["waiting to be deleted on 2026-12-01T08:30:00+00:00", "nothing here revives a key"],
        ),
        ({"KeyState": "PendingDeletion"}, ["waiting to be deleted."]),
        ({"KeyState": "PendingReplicaDeletion"}, ["once its replicas are gone"]),
        ({"KeyState": "PendingImport"}, ["no key material yet"]),
        ({"KeyState": "Unavailable"}, ["key store that is not connected"]),
        ({"KeyState": "Creating"}, ["still being created"]),
        ({"KeyState": "Updating"}, ["being changed"]),
        ({"KeyState": "SomethingNew"}, ["cannot be used in this state", "(Key state SomethingNew.)"]),
        ({"KeySpec": "RSA_2048"}, ["RSA_2048", "SYMMETRIC_DEFAULT"]),
        ({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}, ["HMAC_256", "GENERATE_VERIFY_MAC"]),
        ({"KeyUsage": "SIGN_VERIFY"}, ["SIGN_VERIFY"]),
        ({"KeyManager": "AWS"}, ["is an AWS managed key"]),
        ({"Arn": f"arn:aws:kms:us-east-1:111122223333:key/{ID}"}, ["is in us-east-1", f"{REGION} was asked for"]),
    ],
)
def test_an_unusable_key_is_refused_and_the_state_is_named(changes: dict[str, Any], said: list[str]) -> None:
    sentence = key_state.refusal(described(**changes), region=REGION)
    assert sentence is not None
    assert sentence.startswith("Key arn:aws:kms:")
    for part in said:
        assert part in sentence


def test_an_answer_of_an_older_kind_is_read() -> None:
    older = {"Arn": ARN, "KeyId": ID, "Enabled": False, "CustomerMasterKeySpec": "ECC_NIST_P256"}
    state = KeyState.from_metadata(older)
    assert (state.state, state.spec, state.origin, state.description) == ("Disabled", "ECC_NIST_P256", "AWS_KMS", "")
    assert state.deletion_date is None


def test_a_date_that_is_text_already_stays() -> None:
    assert described(DeletionDate="2026-12-01").deletion_date == "2026-12-01"


@pytest.mark.parametrize(
    ("changes", "rotatable"),
    [
        ({}, True),
        ({"Origin": "EXTERNAL"}, False),
        ({"Origin": "AWS_CLOUDHSM"}, False),
        ({"KeySpec": "RSA_2048"}, False),
    ],
)
def test_what_kms_can_rotate(changes: dict[str, Any], rotatable: bool) -> None:
    assert described(**changes).rotatable is rotatable


def test_a_placeholder_says_what_it_is() -> None:
    arn = key_state.placeholder_arn(partition="aws-cn", region="cn-north-1", account="111122223333")
    assert arn == "arn:aws-cn:kms:cn-north-1:111122223333:key/known-after-creation"
    assert key_state.is_placeholder(arn)
    assert not key_state.is_placeholder(ARN)


def test_the_result_of_a_key_names_its_region_and_account() -> None:
    assert described().to_dict() | {"region": REGION, "account": "111122223333"} == described().to_dict()
