# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from ansible_collections.sealed.s3.tests.unit import fake_kms
from ansible_collections.sealed.s3.tests.unit.fake_aws import ACCOUNT, CALLER, REGION, FakeAws, Fault, Run, run_module

ADMIN = f"arn:aws:iam::{ACCOUNT}:role/Admin"
USER = f"arn:aws:iam::{ACCOUNT}:role/Uploader"
ALL: dict[str, Any] = {
    "description": "new",
    "admins": [ADMIN],
    "users": [USER],
    "users_through_s3_only": True,
    "rotation_period_in_days": 180,
    "tags": {"owner": "platform"},
}


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


def settle(aws: FakeAws, key: str | None = "alias/uploads", **options: Any) -> Run:
    return run_module(aws, "kms_key_settings", key=key, **options)


def test_all_settings_with_check_mode_and_idempotence(aws: FakeAws) -> None:
    arn = aws.add_key(alias="uploads")
    before = json.loads(json.dumps(aws.of(arn)))
    check = settle(aws, check_mode=True, **ALL)
    assert aws.writes == []
    assert aws.of(arn) == before
    real = settle(aws, **ALL)
    assert (check.exit_code, real.exit_code) == (0, 0)
    assert (check["changed"], real["changed"]) == (True, True)
    assert check.result == real.result
    assert aws.writes == ["PutKeyPolicy", "UpdateKeyDescription", "EnableKeyRotation", "TagResource"]

    assert real["key_arn"] == arn
    assert real["policy"] == aws.policy_of(arn)
    assert real["previous_policy"] == fake_kms.default_policy()
    assert real["statements"] == {
        "added": ["SealedS3KeyAdministrators", "SealedS3KeyUsers"],
        "updated": [],
        "removed": [],
        "kept": ["Enable IAM User Permissions"],
    }
    assert real["rotation"] == {"enabled": True, "period_in_days": 180}
    assert real["description"] == "new"
    assert real["tags"] == {"owner": "platform"}
    assert real["diff"]["before"] == {
        "policy": fake_kms.default_policy(),
        "description": "",
        "rotation": {"enabled": False, "period_in_days": None},
        "tags": {},
    }
    assert real["diff"]["after"] == {
        "policy": real["policy"],
        "description": "new",
        "rotation": real["rotation"],
        "tags": real["tags"],
    }
    aws.calls.clear()
    for check_mode in (True, False):
        second = settle(aws, check_mode=check_mode, **ALL)
        assert not second["changed"]
        assert second["diff"]["before"] == second["diff"]["after"]
    assert aws.writes == []


@pytest.mark.parametrize(
    ("options", "writes"),
    [
        ({}, ["EnableKeyRotation"]),
        ({"rotation": False}, []),
        ({"rotation": False, "description": "new"}, ["UpdateKeyDescription"]),
        ({"rotation": False, "tags": {"a": "b"}}, ["TagResource"]),
        ({"rotation": False, "users": [USER]}, ["PutKeyPolicy"]),
        ({"rotation": False, "admins": [USER]}, ["PutKeyPolicy"]),
        ({"rotation": False, "users": []}, []),
    ],
)
def test_each_option_alone(aws: FakeAws, options: dict[str, Any], writes: list[str]) -> None:
    aws.add_key(alias="uploads")
    assert settle(aws, check_mode=True, **options)["changed"] is bool(writes)
    assert aws.writes == []
    assert settle(aws, **options)["changed"] is bool(writes)
    assert aws.writes == writes
    assert not settle(aws, **options)["changed"]


def test_an_empty_list_takes_our_statement_out_and_an_omitted_option_leaves_it(aws: FakeAws) -> None:
    arn = aws.add_key(alias="uploads")
    settle(aws, admins=[ADMIN], users=[USER])
    untouched = settle(aws, description="x")
    assert "policy" not in untouched.result
    out = settle(aws, users=[])
    assert out["statements"]["removed"] == ["SealedS3KeyUsers"]
    assert [one["Sid"] for one in aws.policy_of(arn)["Statement"]] == [
        "Enable IAM User Permissions",
        "SealedS3KeyAdministrators",
    ]


def test_tags_and_description_of_others_stay(aws: FakeAws) -> None:
    arn = aws.add_key(alias="uploads", Description="theirs")
    aws.of(arn)["tags"] = {"a": "1", "b": "2", "c": "3"}
    run = settle(aws, tags={"b": "new"})
    assert run["tags"] == aws.of(arn)["tags"] == {"a": "1", "b": "new", "c": "3"}
    assert run["description"] == "theirs"


def test_no_more_than_is_needed_is_called(aws: FakeAws) -> None:
    arn = aws.add_key(alias="uploads")
    settle(aws)
    assert aws.calls == ["DescribeKey", "GetKeyRotationStatus", "EnableKeyRotation"]
    aws.calls.clear()
    settle(aws, key=arn)
    assert aws.calls == ["DescribeKey", "GetCallerIdentity", "GetKeyRotationStatus"]


def test_a_planned_key_is_planned_on_what_kms_gives_a_new_one(aws: FakeAws) -> None:
    plan = settle(aws, check_mode=True, key_planned=True, **ALL)
    assert aws.calls == ["GetCallerIdentity"]
    assert plan["key_arn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/known-after-creation"
    arn = aws.add_key(alias="uploads", Description="new")
    real = settle(aws, **ALL)
    for name in ("changed", "policy", "previous_policy", "statements", "rotation", "description", "tags"):
        assert plan[name] == real[name]
    assert real["key_arn"] == arn


def test_a_planned_key_is_an_error_in_a_real_run(aws: FakeAws) -> None:
    run = settle(aws, key_planned=True)
    assert (run.failed, run.exit_code) == (True, 1)
    assert "key_planned was set in a real run" in run.msg
    assert aws.calls == []


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"KeyState": "Disabled"}, "is disabled"),
        (
            {
                "KeyState": "PendingDeletion",
                "DeletionDate": datetime.datetime(2026, 12, 24, tzinfo=datetime.timezone.utc),
            },
            "is waiting to be deleted on 2026-12-24",
        ),
        ({"KeyState": "PendingImport"}, "has no key material yet"),
        ({"KeySpec": "RSA_2048"}, "RSA_2048"),
        ({"KeyUsage": "SIGN_VERIFY"}, "SIGN_VERIFY"),
        ({"KeyManager": "AWS"}, "AWS managed key"),
        ({"Origin": "EXTERNAL"}, "Set rotation to false"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_and_left_alone(aws: FakeAws, metadata: dict[str, Any], said: str) -> None:
    arn = aws.add_key(alias="uploads", **metadata)
    run = settle(aws, **ALL)
    assert (run.failed, run.exit_code) == (True, 1)
    assert run.msg.startswith(f"Key {arn}")
    assert said in run.msg
    assert aws.writes == []


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("alias/nowhere", "There is no KMS alias alias/nowhere in eu-central-1"),
        (f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/x", "is in us-east-1, and eu-central-1 was asked for"),
        ("alias/aws/s3", "AWS managed key"),
        (None, "'' is neither a key id nor an ARN"),
        ("", "'' is neither a key id nor an ARN"),
        ("my key", "'my key' is neither a key id nor an ARN"),
    ],
)
def test_a_key_that_is_not_there_is_named(aws: FakeAws, key: Any, said: str) -> None:
    run = settle(aws, key=key)
    assert run.failed
    assert said in run.msg


def test_a_key_of_another_account_is_refused(aws: FakeAws) -> None:
    arn = aws.add_key(account="999988887777")
    run = settle(aws, key=arn)
    assert f"belongs to account 999988887777, and the caller is {CALLER}" in run.msg
    assert aws.writes == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"admins": ["*"]}, "admins: expected the ARN of a user, a role or an account"),
        ({"users": ["arn:aws:sts::111122223333:assumed-role/A/b"]}, "users: "),
        ({"users": ["arn:aws-cn:iam::111122223333:role/A"]}, "of the partition aws-cn"),
        ({"rotation_period_in_days": 89}, "found 89"),
        ({"rotation_period_in_days": 2561}, "found 2561"),
        ({"rotation": False, "rotation_period_in_days": 100}, "rotation is off"),
        ({"tags": {"aws:x": "y"}}, 'found "aws:x"'),
        ({"description": "x" * 9000}, "found 9000"),
    ],
)
def test_a_bad_value_is_named_and_nothing_is_written(aws: FakeAws, options: dict[str, Any], said: str) -> None:
    aws.add_key(alias="uploads")
    for check_mode in (True, False):
        run = settle(aws, check_mode=check_mode, **options)
        assert (run.failed, run.exit_code) == (True, 1)
        assert said in run.msg
    assert aws.writes == []


def test_the_same_principal_on_both_sides_is_warned_of(aws: FakeAws) -> None:
    aws.add_key(alias="uploads")
    run = settle(aws, admins=[USER], users=[USER])
    assert len(run.warnings) == 1
    assert USER in run.warnings[0]
    assert settle(aws, admins=[ADMIN], users=[USER]).warnings == []


def test_a_half_applied_change_says_what_was_done(aws: FakeAws) -> None:
    aws.add_key(alias="uploads")
    aws.deny("EnableKeyRotation")
    run = settle(aws, **ALL)
    assert run.exit_code == 1
    assert "kms:EnableKeyRotation is denied" in run.msg
    assert "Before that, policy, description of key" in run.msg
    assert run["steps_done"] == ["policy", "description"]
    assert run["previous_policy"] == fake_kms.default_policy()


def test_a_new_principal_is_waited_for_and_then_named(aws: FakeAws) -> None:
    aws.add_key(alias="uploads")
    invalid = Fault(
        "MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals."
    )
    aws.fail("PutKeyPolicy", invalid, times=2)
    assert settle(aws, users=[USER])["changed"]
    assert len(aws.waits) == 2
    aws.fail("PutKeyPolicy", invalid, times=99)
    run = settle(aws, users=[ADMIN])
    assert f"one of {ADMIN}" in run.msg
    assert run["error_code"] == "MalformedPolicyDocumentException"


def test_a_policy_too_large_is_refused_before_it_is_written(aws: FakeAws) -> None:
    aws.add_key(alias="uploads")
    run = settle(aws, users=[f"arn:aws:iam::{ACCOUNT}:role/{number:060d}" for number in range(400)])
    assert "KMS takes at most 32768" in run.msg
    assert run["size"] > 32768
    assert run["previous_policy"] == fake_kms.default_policy()
    assert aws.writes == []


def test_tags_that_are_too_many_are_refused_with_what_was_read(aws: FakeAws) -> None:
    arn = aws.add_key(alias="uploads")
    aws.of(arn)["tags"] = {f"tag-{number}": "" for number in range(50)}
    assert "previous_policy" not in settle(aws, tags={"one": "more"}).result
    run = settle(aws, tags={"one": "more"}, users=[USER])
    assert "a key can have 50 tags" in run.msg
    assert run["previous_policy"] == fake_kms.default_policy()


def test_what_somebody_else_writes_at_the_same_time_is_kept_and_warned_of(aws: FakeAws) -> None:
    arn = aws.add_key(alias="uploads")
    theirs = {"Sid": "Team", "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}
    default = fake_kms.default_policy()

    def write_over() -> None:
        aws.of(arn)["policy"] = json.dumps({**default, "Statement": [*default["Statement"], theirs]})

    aws.once_after("PutKeyPolicy", write_over)
    run = settle(aws, users=[USER])
    assert run["changed"]
    assert run.warnings == [f"Somebody else wrote the policy of key {arn} at the same time; it was merged again."]
    assert theirs in run["policy"]["Statement"]
    assert run["policy"] == run["diff"]["after"]["policy"] == aws.policy_of(arn)
    assert run["previous_policy"] == default


def test_a_policy_that_somebody_else_settles_in_the_same_way_is_no_change(aws: FakeAws) -> None:
    arn = aws.add_key(alias="uploads")
    before = aws.of(arn)["policy"]
    settle(aws, users=[USER])
    settled = aws.of(arn)["policy"]
    aws.of(arn)["policy"] = before
    aws.fail("PutKeyPolicy", Fault("ThrottlingException", "Rate exceeded"))
    aws.waiting.append(lambda _seconds: aws.of(arn).update(policy=settled))
    run = settle(aws, users=[USER])
    assert not run.failed
    assert run["changed"] is False
    assert run["statements"]["added"] == []
    assert run["diff"]["before"] == run["diff"]["after"]


@pytest.mark.parametrize("broken", ["{", "[]", '{"Statement": [{"Effect": "Maybe"}]}'])
def test_a_policy_that_cannot_be_understood_is_left_alone(aws: FakeAws, broken: str) -> None:
    arn = aws.add_key(alias="uploads")
    aws.of(arn)["policy"] = broken
    run = settle(aws, users=[USER])
    assert run.failed
    assert f"policy of key {arn}" in run.msg
    assert aws.writes == []
    assert aws.of(arn)["policy"] == broken
