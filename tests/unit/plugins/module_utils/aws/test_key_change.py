# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils import key_settings
from ansible_collections.sealed.s3.plugins.module_utils.aws import key_change
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError, Refused
from ansible_collections.sealed.s3.plugins.module_utils.aws.key import PRINCIPAL_WAITS, Key
from ansible_collections.sealed.s3.plugins.module_utils.aws.key_change import Outcome
from ansible_collections.sealed.s3.plugins.module_utils.aws.policy_writing import WRITES
from ansible_collections.sealed.s3.plugins.module_utils.aws.reading_back import STALE_WAITS
from ansible_collections.sealed.s3.plugins.module_utils.key_settings import KeyFacts, KeySettings
from ansible_collections.sealed.s3.plugins.module_utils.policy import key_policy
from ansible_collections.sealed.s3.tests.unit import fake_kms
from ansible_collections.sealed.s3.tests.unit.fake_kms import ACCOUNT, FakeKms

ADMIN = f"arn:aws:iam::{ACCOUNT}:role/Admin"
USER = f"arn:aws:iam::{ACCOUNT}:role/Uploader"
THEIRS = {
    "Sid": "Team",
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/Team"},
    "Action": "kms:Decrypt",
    "Resource": "*",
}
ALL = KeySettings(description="new", admins=(ADMIN,), users=(USER,), rotation_period_in_days=180, tags={"a": "b"})


class FakeSession:
    def __init__(self, fake: FakeKms) -> None:
        self.kms = self.kms_once = fake_kms.client(fake, "kms")


@pytest.fixture
def aws() -> FakeKms:
    return FakeKms()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def resolved(aws: FakeKms, arn: str) -> Key:
    session: Any = FakeSession(aws)
    return Key.resolve(session, arn, region=fake_kms.REGION)


def carry_out(aws: FakeKms, arn: str, settings: KeySettings) -> Outcome:
    key = resolved(aws, arn)
    facts = key_change.read(key, settings)
    planned = key_settings.plan(settings, facts, key_arn=arn)
    return key_change.apply(key, settings, facts=facts, planned=planned)


def settle(aws: FakeKms, arn: str, settings: KeySettings) -> KeyFacts:
    return carry_out(aws, arn, settings).after


def add_to_policy(aws: FakeKms, arn: str, *statements: Mapping[str, Any]) -> None:
    policy = aws.policy_of(arn)
    policy["Statement"] += copy.deepcopy(list(statements))
    aws.of(arn)["policy"] = json.dumps(policy)


def sids(aws: FakeKms, arn: str) -> list[str]:
    return [statement["Sid"] for statement in aws.policy_of(arn)["Statement"]]


def test_all_parts_are_written_in_their_order_and_a_second_run_writes_nothing(aws: FakeKms) -> None:
    arn = aws.add_key()
    add_to_policy(aws, arn, THEIRS)
    after = settle(aws, arn, ALL)
    assert aws.writes == ["PutKeyPolicy", "UpdateKeyDescription", "EnableKeyRotation", "TagResource"]
    assert sids(aws, arn) == ["Enable IAM User Permissions", "Team", "SealedS3KeyAdministrators", "SealedS3KeyUsers"]
    assert aws.policy_of(arn)["Statement"][1] == THEIRS
    assert (aws.of(arn)["rotation"], aws.of(arn)["tags"]) == (180, {"a": "b"})
    assert after.policy is not None
    assert after.policy.to_dict() == aws.policy_of(arn)
    assert (after.description, after.tags) == ("new", {"a": "b"})
    aws.calls.clear()
    settle(aws, arn, ALL)
    assert aws.writes == []


def test_the_policy_is_read_last_before_it_is_written(aws: FakeKms) -> None:
    settle(aws, aws.add_key(), ALL)
    written = aws.calls.index("PutKeyPolicy")
    assert aws.calls[written - 1 : written + 2] == ["GetKeyPolicy", "PutKeyPolicy", "GetKeyPolicy"]


def test_only_what_is_asked_about_is_read(aws: FakeKms) -> None:
    settle(aws, aws.add_key(), KeySettings(rotation=None, description=""))
    assert aws.calls == ["DescribeKey"]


def test_only_what_is_asked_about_is_shown(aws: FakeKms) -> None:
    settings = KeySettings(rotation=None, description="new")
    outcome = carry_out(aws, aws.add_key(), settings)
    assert key_change.shown_facts(outcome.before, settings) == {"description": ""}
    assert key_change.shown_facts(outcome.after, settings) == {"description": "new"}


def test_a_policy_that_cannot_be_read_is_never_written(aws: FakeKms) -> None:
    aws.deny("GetKeyPolicy")
    with pytest.raises(AwsError, match="Not permitted to read the policy of key"):
        settle(aws, aws.add_key(), ALL)
    assert aws.writes == []


@pytest.mark.parametrize(
    ("operation", "done"),
    [
        ("PutKeyPolicy", []),
        ("UpdateKeyDescription", ["policy"]),
        ("EnableKeyRotation", ["policy", "description"]),
        ("TagResource", ["policy", "description", "rotation"]),
    ],
)
def test_a_change_that_stops_half_way_says_what_was_done(aws: FakeKms, operation: str, done: list[str]) -> None:
    arn = aws.add_key()
    aws.deny(operation)
    with pytest.raises(AwsError) as stopped:
        settle(aws, arn, ALL)
    assert f"kms:{operation}" in str(stopped.value)
    assert stopped.value.details.get("steps_done", []) == done
    assert stopped.value.details["changed"] is bool(done)
    assert ("had been changed already" in str(stopped.value)) is bool(done)
    if done:
        assert f"Before that, {', '.join(done)} of key {arn}" in str(stopped.value)
    assert stopped.value.details["previous_policy"] == fake_kms.default_policy()


LOST = fake_kms.KmsError("KMSInternalException", "Injected", 500)


def then_once(aws: FakeKms, operation: str, *, deny: str = "") -> None:
    """Carry out the next call of ``operation``, and lose the answer; deny another from then on."""
    real, left = aws.answer, [1]

    def answer(called: str, parameters: Any) -> dict[str, Any]:
        told = real(called, parameters)
        if called == operation and left:
            left.clear()
            aws.deny(deny)
            raise LOST
        return told

    aws.answer = answer  # type: ignore[assignment]


def test_a_policy_whose_answer_is_lost_counts_when_it_is_there(aws: FakeKms) -> None:
    arn = aws.add_key()
    then_once(aws, "PutKeyPolicy")
    settle(aws, arn, ALL)
    assert aws.writes == ["PutKeyPolicy", "UpdateKeyDescription", "EnableKeyRotation", "TagResource"]


def test_a_policy_that_failed_and_is_not_there_changed_nothing(aws: FakeKms) -> None:
    arn = aws.add_key()
    aws.fail("PutKeyPolicy", LOST, times=99)
    with pytest.raises(AwsError, match=r"It was read again, and it is as it was before\.$") as stopped:
        settle(aws, arn, ALL)
    assert stopped.value.details["changed"] is False
    assert aws.writes == ["PutKeyPolicy"] * WRITES


@pytest.mark.parametrize("code", ["KMSInternalException", "ThrottlingException"])
def test_a_policy_that_failed_is_written_again_on_what_is_there_then(aws: FakeKms, code: str) -> None:
    arn = aws.add_key()
    aws.fail("PutKeyPolicy", fake_kms.KmsError(code, "Injected", 400 if code == "ThrottlingException" else 500))

    def write_meanwhile(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "GetKeyPolicy" and "PutKeyPolicy" in aws.calls:
            aws.before.clear()
            add_to_policy(aws, arn, THEIRS)

    aws.before.append(write_meanwhile)
    settle(aws, arn, KeySettings(users=(USER,), rotation=None))
    assert sids(aws, arn) == ["Enable IAM User Permissions", "Team", "SealedS3KeyUsers"]
    assert aws.writes == ["PutKeyPolicy"] * 2


def test_a_policy_that_failed_and_is_not_there_is_written_again(aws: FakeKms, waits: list[float]) -> None:
    arn = aws.add_key()
    aws.fail("PutKeyPolicy", LOST)
    settle(aws, arn, KeySettings(users=(USER,), rotation=None))
    assert sids(aws, arn) == ["Enable IAM User Permissions", "SealedS3KeyUsers"]
    assert aws.writes == ["PutKeyPolicy"] * 2
    assert waits == list(STALE_WAITS)


def test_a_key_policy_that_is_throttled_all_the_time_ends_with_a_sentence(aws: FakeKms) -> None:
    arn = aws.add_key()
    aws.fail("PutKeyPolicy", fake_kms.KmsError("ThrottlingException", "Rate exceeded", 400), times=99)
    with pytest.raises(AwsError, match="AWS throttled the requests") as stopped:
        settle(aws, arn, ALL)
    assert stopped.value.details["changed"] is False
    assert aws.writes == ["PutKeyPolicy"] * 5


def write_over_and_lag(aws: FakeKms, arn: str, failure: Exception | None) -> None:
    """Somebody else writes after us; our next write ends with the failure, and then the first policy is shown."""
    first = aws.of(arn)["policy"]

    def write_after_us(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "GetKeyPolicy" and aws.writes == ["PutKeyPolicy"]:
            aws.of(arn)["policy"] = first
            add_to_policy(aws, arn, THEIRS)
        elif operation == "PutKeyPolicy" and aws.writes == ["PutKeyPolicy"] * 2:
            aws.before.clear()
            show_instead(aws, arn, first)
            if failure is not None:
                raise failure

    aws.before.append(write_after_us)


def test_a_throttled_policy_is_not_written_on_what_was_there_earlier(aws: FakeKms) -> None:
    arn = aws.add_key()
    write_over_and_lag(aws, arn, fake_kms.KmsError("ThrottlingException", "Rate exceeded", 400))
    with pytest.raises(Refused, match="still reads as it was before"):
        settle(aws, arn, KeySettings(users=(USER,), rotation=None))
    assert aws.writes == ["PutKeyPolicy"] * 2


def test_a_policy_that_may_have_come_through_and_cannot_be_looked_at_is_told_as_a_change(aws: FakeKms) -> None:
    arn = aws.add_key()
    then_once(aws, "PutKeyPolicy", deny="GetKeyPolicy")
    with pytest.raises(AwsError, match="It is not known whether the policy was written, since it could") as stopped:
        settle(aws, arn, ALL)
    assert stopped.value.details["changed"] is True
    assert stopped.value.details["previous_policy"] == fake_kms.default_policy()


def test_a_policy_that_was_written_and_cannot_be_read_back_is_told_as_a_change(aws: FakeKms) -> None:
    arn = aws.add_key()
    aws.before.append(lambda called, _parameters: aws.deny("GetKeyPolicy") if called == "PutKeyPolicy" else None)
    with pytest.raises(AwsError, match=f"The policy of key {arn} was written, and could not be read back") as stopped:
        settle(aws, arn, ALL)
    assert stopped.value.details["changed"] is True


SETTINGS = [
    ("UpdateKeyDescription", "DescribeKey", "description", KeySettings(description="new")),
    ("EnableKeyRotation", "GetKeyRotationStatus", "rotation", KeySettings(rotation=True)),
    ("DisableKeyRotation", "GetKeyRotationStatus", "rotation", KeySettings(rotation=False)),
    ("TagResource", "ListResourceTags", "tags", KeySettings(tags={"a": "b"})),
]


def key_that_rotates_if(aws: FakeKms, operation: str) -> str:
    arn = aws.add_key()
    # So that the one setting alone is left to do.
    aws.of(arn)["rotation"] = None if operation == "EnableKeyRotation" else 365
    return arn


@pytest.mark.parametrize(("operation", "_read", "_part", "settings"), SETTINGS)
def test_a_setting_whose_answer_is_lost_counts_when_it_is_there(
    aws: FakeKms, operation: str, _read: str, _part: str, settings: KeySettings
) -> None:
    then_once(aws, operation)
    settle(aws, key_that_rotates_if(aws, operation), settings)
    assert aws.writes == [operation]


@pytest.mark.parametrize(("operation", "_read", "_part", "settings"), SETTINGS)
def test_a_setting_that_failed_and_is_not_there_changed_nothing(
    aws: FakeKms, waits: list[float], operation: str, _read: str, _part: str, settings: KeySettings
) -> None:
    aws.fail(operation, LOST)
    with pytest.raises(AwsError, match=r"It was read again, and it is as it was before\.$") as stopped:
        settle(aws, key_that_rotates_if(aws, operation), settings)
    assert stopped.value.details["changed"] is False
    # Reads of KMS may lag behind its writes.
    assert waits == list(STALE_WAITS)


@pytest.mark.parametrize(("operation", "read", "part", "settings"), SETTINGS)
def test_a_setting_that_may_have_come_through_and_cannot_be_looked_at_is_told_as_a_change(
    aws: FakeKms, operation: str, read: str, part: str, settings: KeySettings
) -> None:
    then_once(aws, operation, deny=read)
    with pytest.raises(AwsError, match=f"It is not known whether the {part} was changed, since it could") as stopped:
        settle(aws, key_that_rotates_if(aws, operation), settings)
    assert stopped.value.details["changed"] is True


def test_rotation_is_switched_off_and_a_period_is_kept(aws: FakeKms) -> None:
    arn = aws.add_key()
    aws.of(arn)["rotation"] = 200
    settle(aws, arn, KeySettings())
    assert aws.writes == []
    settle(aws, arn, KeySettings(rotation=False))
    assert aws.of(arn)["rotation"] is None
    settle(aws, arn, KeySettings())
    assert aws.of(arn)["rotation"] == 365


def test_a_write_that_is_not_visible_at_once_is_waited_for(aws: FakeKms, waits: list[float]) -> None:
    arn = aws.add_key()
    stale = aws.of(arn)["policy"]
    fresh = [stale]
    reads = [0]

    def answer_late(operation: str, parameters: Mapping[str, Any]) -> None:
        if operation == "PutKeyPolicy":
            reads[0] = 2
            fresh[0] = parameters["Policy"]
        if operation == "GetKeyPolicy" and "PutKeyPolicy" in aws.calls:
            aws.of(arn)["policy"] = stale if reads[0] else fresh[0]
            reads[0] -= 1

    aws.before.append(answer_late)
    settle(aws, arn, KeySettings(users=(USER,), rotation=None))
    assert waits == [0.5, 1.0]
    assert aws.writes == ["PutKeyPolicy"]
    assert "SealedS3KeyUsers" in sids(aws, arn)


UNKNOWN = fake_kms.KmsError("MalformedPolicyDocumentException", "Policy contains a statement with invalid principals.")


def test_a_new_principal_is_waited_for_until_the_last_try(aws: FakeKms, waits: list[float]) -> None:
    arn = aws.add_key()
    aws.fail("PutKeyPolicy", UNKNOWN, times=len(PRINCIPAL_WAITS))
    settle(aws, arn, KeySettings(users=(USER,), rotation=None))
    assert sids(aws, arn) == ["Enable IAM User Permissions", "SealedS3KeyUsers"]
    assert [wait >= least for wait, least in zip(waits, PRINCIPAL_WAITS, strict=True)] == [True] * len(PRINCIPAL_WAITS)


def test_an_unknown_principal_is_named_after_a_bounded_wait(aws: FakeKms) -> None:
    arn = aws.add_key()
    aws.fail("PutKeyPolicy", UNKNOWN, times=99)
    with pytest.raises(Refused, match=f"one of {ADMIN}, {USER}.*It was tried 6 times over [0-9]+ sec") as stopped:
        settle(aws, arn, ALL)
    assert stopped.value.details["changed"] is False
    assert aws.writes == ["PutKeyPolicy"] * 6


THROTTLED = fake_kms.KmsError("ThrottlingException", "Rate exceeded", 400)


@pytest.mark.parametrize("failures", [[UNKNOWN] * 4 + [THROTTLED], [THROTTLED] * 4 + [UNKNOWN] * 2])
def test_a_new_principal_and_throttling_are_waited_for_each_by_itself(aws: FakeKms, failures: list[Any]) -> None:
    arn = aws.add_key()
    coming = iter(failures)

    def fail(operation: str, _parameters: Mapping[str, Any]) -> None:
        failure = next(coming, None) if operation == "PutKeyPolicy" else None
        if failure is not None:
            raise failure

    aws.before.append(fail)
    settle(aws, arn, KeySettings(users=(USER,), rotation=None))
    assert sids(aws, arn) == ["Enable IAM User Permissions", "SealedS3KeyUsers"]


def test_a_policy_that_was_not_written_is_not_called_written(aws: FakeKms) -> None:
    """Its answer was lost, it is not there, the next try is throttled, and then it cannot be read."""
    arn = aws.add_key()
    coming = iter([LOST, THROTTLED])

    def fail(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "PutKeyPolicy":
            failure = next(coming)
            if failure is THROTTLED:
                aws.deny("GetKeyPolicy")
            raise failure

    aws.before.append(fail)
    with pytest.raises(AwsError, match=r"^Not permitted to read the policy of key") as stopped:
        settle(aws, arn, ALL)
    assert stopped.value.details["changed"] is False


@pytest.mark.parametrize("denied", ["", "UpdateKeyDescription"])
def test_what_somebody_else_did_while_it_was_turned_away_is_no_change_of_ours(aws: FakeKms, denied: str) -> None:
    arn = aws.add_key()
    wanted = KeySettings(users=(USER,), rotation=None, description="new")
    ours = key_settings.plan(wanted, key_change.read(resolved(aws, arn), wanted), key_arn=arn).merge
    assert ours is not None
    assert ours.document is not None
    theirs = json.dumps(ours.document.to_dict())
    aws.fail("PutKeyPolicy", THROTTLED)
    if denied:
        aws.deny(denied)
    aws.before.append(
        lambda operation, _parameters: (
            aws.of(arn).update(policy=theirs) if operation == "GetKeyPolicy" and aws.writes else None
        )
    )
    if denied:
        with pytest.raises(AwsError) as stopped:
            settle(aws, arn, wanted)
        assert stopped.value.details["changed"] is False
        assert "steps_done" not in stopped.value.details
        return
    outcome = carry_out(aws, arn, wanted)
    assert outcome.plan.parts == ["description"]
    assert outcome.before.policy == outcome.after.policy


def test_a_policy_that_grows_too_large_meanwhile_is_refused(aws: FakeKms) -> None:
    arn = aws.add_key()
    principals = [f"arn:aws:iam::{ACCOUNT}:role/{number:060d}" for number in range(385)]
    bulky = {**THEIRS, "Principal": {"AWS": principals}}
    overwrites = [1]

    def overwrite(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "GetKeyPolicy" and aws.writes and overwrites[0]:
            overwrites[0] -= 1
            aws.of(arn)["policy"] = json.dumps(fake_kms.default_policy())
            add_to_policy(aws, arn, bulky)

    aws.before.append(overwrite)
    with pytest.raises(key_policy.KeyPolicyError, match="KMS takes at most 32768") as stopped:
        settle(aws, arn, KeySettings(users=(USER,), rotation=None))
    assert f"Before that, the policy of key {arn} was written, and somebody else wrote over it." in str(stopped.value)
    assert stopped.value.details["changed"] is True


def test_a_policy_that_locks_out_is_not_tried_again(aws: FakeKms, waits: list[float]) -> None:
    said = "The new key policy will not allow you to update the key policy in the future."
    aws.fail("PutKeyPolicy", fake_kms.KmsError("MalformedPolicyDocumentException", said))
    with pytest.raises(AwsError, match="will not allow you to update the key policy"):
        settle(aws, aws.add_key(), ALL)
    assert waits == []


def test_what_others_write_while_kms_does_not_know_a_principal_stays(aws: FakeKms) -> None:
    arn = aws.add_key()
    aws.fail("PutKeyPolicy", UNKNOWN)

    def write_meanwhile(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "GetKeyPolicy" and aws.writes:
            aws.before.clear()
            add_to_policy(aws, arn, THEIRS)

    aws.before.append(write_meanwhile)
    outcome = carry_out(aws, arn, KeySettings(users=(USER,), rotation=None))
    assert outcome.before.policy is not None
    assert [one["Sid"] for one in outcome.before.policy.statements] == ["Enable IAM User Permissions", "Team"]
    assert sids(aws, arn) == ["Enable IAM User Permissions", "Team", "SealedS3KeyUsers"]


def show_instead(aws: FakeKms, arn: str, policy: str) -> None:
    """Let each read show this policy from now on, whatever is written."""

    def show(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "GetKeyPolicy":
            aws.of(arn)["policy"] = policy

    aws.before.append(show)


def test_a_write_that_does_not_become_visible_is_not_made_again(aws: FakeKms, waits: list[float]) -> None:
    """What others have written since, and KMS does not show either, would be gone."""
    arn = aws.add_key()
    show_instead(aws, arn, aws.of(arn)["policy"])
    with pytest.raises(Refused, match="still reads as it was before") as stopped:
        settle(aws, arn, KeySettings(users=(USER,), rotation=None))
    assert stopped.value.details["changed"] is True
    assert waits == list(STALE_WAITS)
    assert aws.writes == ["PutKeyPolicy"]


@pytest.mark.parametrize("answered", [True, False])
def test_what_was_there_before_somebody_else_wrote_is_not_written_on(aws: FakeKms, answered: bool) -> None:
    arn = aws.add_key()
    write_over_and_lag(aws, arn, None if answered else LOST)
    with pytest.raises(AwsError, match="still reads as it was" if answered else "It is not known whether") as stopped:
        settle(aws, arn, KeySettings(users=(USER,), rotation=None))
    assert stopped.value.details["changed"] is True
    assert aws.writes == ["PutKeyPolicy"] * 2


@pytest.mark.parametrize("denied", ["", "UpdateKeyDescription"])
def test_somebody_else_who_writes_after_us_is_merged_with(aws: FakeKms, denied: str) -> None:
    arn = aws.add_key()
    overwrites = [1]

    def overwrite(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "GetKeyPolicy" and "PutKeyPolicy" in aws.calls and overwrites[0]:
            overwrites[0] -= 1
            aws.of(arn)["policy"] = json.dumps(fake_kms.default_policy())
            add_to_policy(aws, arn, THEIRS)

    aws.before.append(overwrite)
    aws.deny(denied)
    wanted = KeySettings(users=(USER,), rotation=None, description="new")
    if denied:
        with pytest.raises(AwsError, match=f"Somebody else wrote the policy of key {arn} at the same time"):
            settle(aws, arn, wanted)
    else:
        outcome = carry_out(aws, arn, wanted)
        assert outcome.interfered
        assert outcome.after.policy is not None
        assert outcome.after.policy.to_dict() == aws.policy_of(arn)
    assert aws.writes[:2] == ["PutKeyPolicy"] * 2
    assert sids(aws, arn) == ["Enable IAM User Permissions", "Team", "SealedS3KeyUsers"]


def test_somebody_else_who_goes_on_writing_is_named_after_a_bounded_number_of_tries(aws: FakeKms) -> None:
    arn = aws.add_key()

    def overwrite(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "GetKeyPolicy" and "PutKeyPolicy" in aws.calls:
            aws.of(arn)["policy"] = json.dumps(fake_kms.default_policy())
            add_to_policy(aws, arn, {**THEIRS, "Sid": f"Team{len(aws.calls)}"})

    aws.before.append(overwrite)
    with pytest.raises(Refused, match="was written 3 times"):
        settle(aws, arn, KeySettings(users=(USER,), rotation=None))
    assert aws.writes == ["PutKeyPolicy"] * 3


def test_a_foreign_statement_that_is_gone_after_the_write_is_named(aws: FakeKms) -> None:
    arn = aws.add_key()
    add_to_policy(aws, arn, THEIRS)

    def lose(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "GetKeyPolicy" and "PutKeyPolicy" in aws.calls:
            policy = aws.policy_of(arn)
            policy["Statement"] = [one for one in policy["Statement"] if one["Sid"] != "Team"]
            aws.of(arn)["policy"] = json.dumps(policy)

    aws.before.append(lose)
    with pytest.raises(Refused, match="not in it now that were there before: Team") as refused:
        settle(aws, arn, KeySettings(users=(USER,), rotation=None))
    assert [one["Sid"] for one in refused.value.details["previous_policy"]["Statement"]][-1] == "Team"


def test_another_form_of_the_same_policy_is_no_loss(aws: FakeKms) -> None:
    arn = aws.add_key()
    add_to_policy(aws, arn, THEIRS)

    def reshape(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "GetKeyPolicy" and "PutKeyPolicy" in aws.calls:
            policy = aws.policy_of(arn)
            for one in policy["Statement"]:
                one["Action"] = one["Action"] if isinstance(one["Action"], list) else [one["Action"]]
                one["Principal"] = (
                    {"AWS": [one["Principal"]["AWS"]]} if isinstance(one["Principal"]["AWS"], str) else {}
                )
            policy["Statement"].reverse()
            aws.of(arn)["policy"] = json.dumps(policy)

    aws.before.append(reshape)
    settle(aws, arn, KeySettings(users=(USER,), rotation=None))
    aws.before.clear()
    aws.calls.clear()
    settle(aws, arn, KeySettings(users=(USER,), rotation=None))
    assert aws.writes == []
