# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import time
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import (
    AwsError,
    NotFound,
    NotPermitted,
    Refused,
    Unreachable,
)
from ansible_collections.sealed.s3.plugins.module_utils.aws.key import Key, UnknownPrincipal
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Caller
from ansible_collections.sealed.s3.plugins.module_utils.key_state import Rotation
from ansible_collections.sealed.s3.plugins.module_utils.policy import document
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError
from ansible_collections.sealed.s3.tests.unit import fake_kms
from ansible_collections.sealed.s3.tests.unit.fake_kms import ACCOUNT, CALLER, REGION, FakeKms, KmsError

INVALID = KmsError(
    "MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals."
)


class FakeSession:
    region = REGION

    def __init__(self, fake: FakeKms) -> None:
        self.kms = self.kms_once = fake_kms.client(fake, "kms")

    def caller(self) -> Caller:
        return Caller(account=ACCOUNT, arn=CALLER, partition="aws")


@pytest.fixture
def aws() -> FakeKms:
    return FakeKms()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def resolve(aws: FakeKms, name: str, region: str = REGION) -> Key:
    session: Any = FakeSession(aws)
    return Key.resolve(session, name, region=region)


def test_every_name_of_a_key_leads_to_it_with_one_call(aws: FakeKms) -> None:
    arn = aws.add_key(alias="uploads")
    for name in (
        arn,
        arn.rsplit("/", 1)[1],
        "uploads",
        "alias/uploads",
        f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/uploads",
    ):
        aws.calls.clear()
        found = resolve(aws, name)
        assert (found.arn, found.region, found.account, found.partition) == (arn, REGION, ACCOUNT, "aws")
        assert (found.id, found.state) == (arn.rsplit("/", 1)[1], "Enabled")
        assert aws.calls == ["DescribeKey"]
        found.judge(region=REGION)


@pytest.mark.parametrize("name", ["alias/aws/s3", "arn:aws:s3:::x", f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/uploads"])
def test_a_name_that_cannot_be_right_is_refused_without_a_call(aws: FakeKms, name: str) -> None:
    with pytest.raises(Refused):
        resolve(aws, name)
    assert aws.calls == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("uploads", "There is no KMS alias alias/uploads in eu-central-1"),
        ("99999999-12ab-34cd-56ef-1234567890ab", "There is no KMS key 99999999-12ab-34cd-56ef-1234567890ab"),
    ],
)
def test_a_missing_key_is_named(aws: FakeKms, name: str, said: str) -> None:
    with pytest.raises(NotFound) as missing:
        resolve(aws, name)
    assert said in str(missing.value)
    assert missing.value.code == "NotFoundException"


def test_a_key_that_may_not_be_described_is_not_called_missing(aws: FakeKms) -> None:
    aws.deny("DescribeKey")
    with pytest.raises(NotPermitted) as denied:
        resolve(aws, "uploads")
    assert denied.value.action == "kms:DescribeKey"


@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion", "PendingImport", "Unavailable"])
def test_a_dying_key_is_judged_and_never_touched(aws: FakeKms, state: str) -> None:
    found = resolve(aws, aws.add_key(KeyState=state))
    with pytest.raises(Refused, match=f"Key state {state}"):
        found.judge(region=REGION)
    assert aws.writes == []


def test_a_key_of_another_region_is_refused(aws: FakeKms) -> None:
    with pytest.raises(Refused, match="is in eu-central-1, and us-east-1 was asked for"):
        resolve(aws, aws.add_key()).judge(region="us-east-1")


def test_rotation(aws: FakeKms) -> None:
    found = resolve(aws, aws.add_key())
    assert found.rotation() == Rotation(enabled=False)
    found.enable_rotation(period_in_days=None)
    assert found.rotation() == Rotation(enabled=True, period_in_days=365)
    found.enable_rotation(period_in_days=90)
    assert found.rotation() == Rotation(enabled=True, period_in_days=90)
    found.disable_rotation()
    assert found.rotation() == Rotation(enabled=False)
    aws.fail("GetKeyRotationStatus", KmsError("UnsupportedOperationException"))
    assert found.rotation() == Rotation(enabled=False)
    aws.fail("GetKeyRotationStatus", KmsError("KMSInvalidStateException"))
    with pytest.raises(AwsError, match="read the rotation of key arn:aws:kms"):
        found.rotation()


def test_tags_of_all_pages_and_no_others_are_changed(aws: FakeKms) -> None:
    arn = aws.add_key()
    aws.of(arn)["tags"].update({"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"})
    found = resolve(aws, arn)
    assert found.tags() == {"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"}
    assert aws.calls.count("ListResourceTags") == 3
    found.put_tags({"a": "new", "f": "6"})
    assert aws.of(arn)["tags"] == {"a": "new", "b": "2", "c": "3", "d": "4", "e": "5", "f": "6"}


def test_a_policy_that_is_none_is_named(aws: FakeKms) -> None:
    arn = aws.add_key()
    aws.of(arn)["policy"] = "{"
    with pytest.raises(PolicyError, match=f"The policy of key {arn} cannot be understood") as broken:
        resolve(aws, arn).policy()
    assert broken.value.details["place"] == "policy"


def test_the_policy_is_written_with_the_lock_out_check_on(aws: FakeKms) -> None:
    arn = aws.add_key()
    found = resolve(aws, arn)
    found.put_policy(found.policy())
    assert aws.policy_of(arn) == fake_kms.default_policy()
    assert aws.writes == ["PutKeyPolicy"]


def test_an_unknown_principal_is_named(aws: FakeKms) -> None:
    found = resolve(aws, aws.add_key())
    aws.fail("PutKeyPolicy", INVALID)
    theirs = {
        "Sid": "Old",
        "Effect": "Allow",
        "Principal": {"AWS": ["AROAEXAMPLE1234567890", "111122223333"]},
        "Action": "kms:Decrypt",
        "Resource": "*",
    }
    with pytest.raises(UnknownPrincipal) as refused:
        found.put_policy(document.parse({"Statement": [theirs]}), principals=("arn:aws:iam::111122223333:role/New",))
    assert "one of arn:aws:iam::111122223333:role/New." in str(refused.value)
    assert "one that was deleted and has to be taken out of the policy first: AROAEXAMPLE1234567890 in Old" in str(
        refused.value
    )
    assert aws.writes == ["PutKeyPolicy"]


def test_a_policy_that_locks_out_is_told_as_it_is(aws: FakeKms) -> None:
    found = resolve(aws, aws.add_key())
    said = "The new key policy will not allow you to update the key policy in the future."
    aws.fail("PutKeyPolicy", KmsError("MalformedPolicyDocumentException", said))
    with pytest.raises(AwsError, match="will not allow you to update the key policy") as refused:
        found.put_policy(found.policy())
    assert not isinstance(refused.value, UnknownPrincipal)


def test_what_does_not_answer_is_unreachable(aws: FakeKms) -> None:
    found = resolve(aws, aws.add_key())
    aws.fail("GetKeyPolicy", KmsError("KMSInternalException", status=500), times=10)
    with pytest.raises(Unreachable):
        found.policy()


def test_the_placeholder_is_in_the_callers_account(aws: FakeKms) -> None:
    session: Any = FakeSession(aws)
    assert Key.placeholder(session, region=REGION) == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/known-after-creation"


def test_grants_are_never_asked_for(aws: FakeKms) -> None:
    """An unnamed grant, as AWS services make them, cannot trouble what never looks at grants."""
    found = resolve(aws, aws.add_key())
    found.policy(), found.tags(), found.rotation()
    assert not [name for name in aws.calls if "Grant" in name]
    assert json.loads(json.dumps(found.description.to_dict()))["arn"] == found.arn
