# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from ansible.errors import AnsibleError
from ansible.playbook.task import Task

from ansible_collections.sealed.s3.plugins.action.failed_step import ActionModule

NOTHING: dict[str, Any] = {
    "create_key": False,
    "key_settings": False,
    "create_bucket": False,
    "bucket_settings": {"any": False, "public_access": False, "versioning": False, "tags": False},
    "default_encryption": False,
    "guard": False,
}
FRESH = {**NOTHING, "create_key": True, "create_bucket": True, "default_encryption": True, "guard": True}
RUN_AGAIN = "Run again: what is done is not done twice."


def denied(operation: str, before: str = "Failed") -> dict[str, Any]:
    code = "AccessDenied"
    return {
        "failed": True,
        "msg": f"{before}: An error occurred ({code}) when calling the {operation} operation: No",
        "error": {"code": code, "message": "No"},
        "response_metadata": {"http_status_code": 403, "retry_attempts": 0},
    }


def told(**options: Any) -> dict[str, Any]:
    check_mode = options.pop("check_mode", False)
    task = mock.MagicMock(spec=Task, args=options, check_mode=check_mode, async_val=0, diff=True)
    parts = {
        name: mock.MagicMock() for name in ("connection", "play_context", "loader", "templar", "shared_loader_obj")
    }
    return ActionModule(task=task, **parts).run(task_vars={})


def now(*, exists: bool | None = True, left: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    settings = {name: name in left for name in NOTHING["bucket_settings"]}
    plan = {**NOTHING, "create_bucket": exists is False, "bucket_settings": settings}
    return {"plan": plan, "bucket": {"exists": exists}, "blockers": [], "could_not_look": [], **more}


def of_bucket(plan: dict[str, Any], seen: dict[str, Any], result: dict[str, Any] | None = None) -> dict[str, Any]:
    failed = result or denied("PutBucketTagging")
    return told(of="bucket", result=failed, asked="create or mend the bucket x", name="x", plan=plan, now=seen)


def mends(*names: str) -> dict[str, Any]:
    return {**NOTHING, "bucket_settings": {**NOTHING["bucket_settings"], **dict.fromkeys(names, True), "any": True}}


# --- One call ---------------------------------------------------------------------------------------------------------


def test_the_action_is_named_and_not_the_operation() -> None:
    result = told(of="call", result=denied("HeadBucket"), asked="look", hint="Try.")
    assert result["failed"]
    assert result["msg"] == (
        "Not permitted to look: s3:ListBucket is denied. Allow s3:ListBucket to the caller, or check that no policy "
        "denies it. AWS said: No. Try."
    )


@pytest.mark.parametrize(
    ("msg", "expected"),
    [
        ("Failed: An error occurred (SlowDown) when calling the CreateBucket operation (reached max retries: 4): Slow",
         "Could not look: AWS throttled the requests, also after 5 tries. Run again later"),
        ("Failed: An error occurred (AccessDenied) when calling the Unheard operation: No", "Unheard is denied"),
        ("Timeout trying to wait: Waiter BucketExists failed: An error occurred (403): Forbidden",
         "Not permitted to look: s3:ListBucket is denied"),
        ("Failed: Connection was closed", "Could not look: Failed: Connection was closed. Check the network"),
        ("", "Could not look: its module ended without a word, as where what answered is not AWS or was cut short. "),
        ("Module failed: Unable to parse response (no element found), invalid XML received. Further retries may "
         "succeed:\nb'<Credentials><SecretAccessKey>secret",
         "Could not look: Module failed: Unable to parse response (no element found), invalid XML received. Check the"),
    ],
)  # fmt: skip
def test_what_else_the_modules_say(msg: str, expected: str) -> None:
    assert expected in told(of="call", result={"msg": msg}, asked="look")["msg"]


def test_what_is_needed_for_it_has_to_be_there() -> None:
    with pytest.raises(AnsibleError, match="plan"):
        told(of="run", result={})


# --- The bucket -------------------------------------------------------------------------------------------------------


def test_a_bucket_that_is_as_it_was_to_be_is_no_failure() -> None:
    result = of_bucket({**NOTHING, "create_bucket": True}, now())
    assert not result.get("failed")
    assert result["changed"]
    assert of_bucket(mends("tags"), now())["changed"]


@pytest.mark.parametrize(
    ("plan", "seen", "changed", "expected"),
    [
        ({**NOTHING, "create_bucket": True}, now(left=("tags", "versioning")), True,
         "s3:PutBucketTagging is denied. Allow s3:PutBucketTagging to the caller, or check that no policy denies it. "
         "AWS said: No. The bucket x was created. Not set on it: versioning, tags."),
        ({**NOTHING, "create_bucket": True}, now(exists=False, left=("tags",)), False, "There is no bucket x."),
        (mends("public_access", "tags"), now(left=("tags",)), True,
         "Set on it: the public access block. Not set on it: tags."),
        (mends("tags"), now(left=("tags",)), False, "AWS said: No. Not set on it: tags."),
        (mends("tags"), now(exists=None, could_not_look=[{"message": "Not permitted to find it."}]), True,
         "Not permitted to find it."),
        (mends("tags"), {"failed": True, "msg": "No answer."}, True,
         "What has come of it could not be read again: No answer."),
        (mends("tags"), {}, True, "could not be read again: nothing was said"),
    ],
)  # fmt: skip
def test_a_bucket_that_is_not(plan: dict[str, Any], seen: dict[str, Any], changed: bool, expected: str) -> None:
    result = of_bucket(plan, seen)
    assert result["failed"]
    assert result["changed"] is changed
    assert result.get("steps", []) == (["bucket"] if changed else [])
    assert expected in result["msg"]


def test_what_blocks_the_rest_is_no_reason_to_go_on() -> None:
    assert of_bucket(mends("tags"), now(blockers=["It is of somebody else."]))["failed"]


# --- The key ----------------------------------------------------------------------------------------------------------


KEY = {"key_arn": "arn:k", "aliases": []}
LISTED: dict[str, Any] = {"kms_keys": []}
DISABLED = {"item": "arn:k", "key_state": "Disabled"}
NOT_DISABLED = {"item": "arn:k", **denied("ListGrants")}
EXISTS = {"msg": "Failed: An error occurred (AlreadyExistsException)", "error": {"code": "AlreadyExistsException"}}


def of_key(result: dict[str, Any], found: dict[str, Any], *disabled: dict[str, Any]) -> dict[str, Any]:
    about = {"asked": "create the key alias/x", "name": "alias/x", "creation": "abc"}
    return told(of="key", result=result, found=found, disabled=list(disabled), **about)


def test_a_key_that_its_alias_leads_to_is_no_failure() -> None:
    result = of_key(denied("ListGrants"), {"kms_keys": [{**KEY, "aliases": ["x"]}]})
    assert result == {"changed": True, "sentences": []}


def test_the_key_of_another_run_is_no_failure() -> None:
    assert of_key(EXISTS, LISTED) == {"changed": False, "sentences": []}
    unseen = of_key(EXISTS, denied("ListKeys"))
    assert not unseen.get("failed")
    (warned,) = unseen["sentences"]
    assert "kms:ListKeys is denied" in warned
    assert "SealedS3Creation=abc" in warned


def test_a_key_that_a_further_attempt_has_made_is_no_failure() -> None:
    result = of_key({"key_arn": "arn:k"}, {"kms_keys": [KEY, {**KEY, "aliases": ["x"]}]}, DISABLED)
    assert result == {"changed": True, "sentences": []}


@pytest.mark.parametrize(
    ("found", "disabled", "changed", "expected"),
    [
        (LISTED, (), False, "No key with the tag SealedS3Creation=abc was found: none was created."),
        ({"kms_keys": [KEY]}, (DISABLED,), True,
         "The key arn:k was created, and was disabled, because it has no alias."),
        ({"kms_keys": [KEY]}, (NOT_DISABLED,), True,
         "The key arn:k was created, has no alias and seals nothing. Not permitted to disable and mark the key arn:k: "
         "kms:ListGrants is denied."),
        (denied("ListKeys"), (), True, "It has the tag SealedS3Creation=abc. Disable it"),
    ],
)  # fmt: skip
def test_a_key_without_its_alias(
    found: dict[str, Any], disabled: tuple[dict[str, Any], ...], changed: bool, expected: str
) -> None:
    result = of_key(denied("CreateAlias"), found, *disabled)
    assert result["failed"]
    assert result["changed"] is changed
    assert "Not permitted to create the key alias/x: kms:CreateAlias is denied" in result["msg"]
    assert expected in result["msg"]


def test_a_key_that_kms_has_refused_to_create_is_not_to_be_looked_for() -> None:
    refused = denied("CreateKey")
    result = of_key({**refused, "attempts": 1}, denied("ListKeys"))
    assert result["failed"]
    assert not result["changed"]
    assert "kms:CreateKey is denied" in result["msg"]
    assert "SealedS3Creation" not in result["msg"]
    # The answer to an attempt before may have been lost.
    result = of_key({**refused, "attempts": 2}, denied("ListKeys"))
    assert result["changed"]
    assert "SealedS3Creation=abc" in result["msg"]


def test_a_lost_key_that_could_not_be_disabled_is_named() -> None:
    assert told(of="lost_keys", disabled=[DISABLED])["sentences"] == []
    (said,) = told(of="lost_keys", disabled=[DISABLED, NOT_DISABLED])["sentences"]
    assert said.endswith("Disable it.")


# --- The whole run ----------------------------------------------------------------------------------------------------


def of_run(
    result: dict[str, Any],
    *done: str,
    plan: dict[str, Any] | None = None,
    settled: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return told(of="run", result=result, plan=plan or FRESH, done=list(done), settled=settled or {})


def test_a_run_tells_what_was_done_and_what_was_not() -> None:
    result = of_run({"msg": "It failed."}, "key", "bucket")
    assert result == {
        "changed": True,
        "failed": True,
        "msg": "It failed. Done before that: key, bucket. Not finished: set default encryption, merge the guard into "
        f"the bucket policy. {RUN_AGAIN}",
    }


def test_nothing_is_told_as_nothing() -> None:
    result = of_run({"changed": False}, plan=mends("tags"))
    assert not result["changed"]
    assert result["msg"] == (
        f"The task failed, and said nothing. Nothing was changed. Not finished: settle the bucket. {RUN_AGAIN}"
    )


def test_what_the_task_has_said_is_not_said_again() -> None:
    said = of_run({"msg": f"Interrupted by SIGTERM. Nothing was changed. {RUN_AGAIN}"})["msg"]
    assert said.count("Nothing was changed.") == said.count("Run again") == 1


def test_a_check_run_has_done_nothing() -> None:
    result = told(of="run", result={"msg": "It failed."}, plan=FRESH, done=["key"], check_mode=True)
    assert not result["changed"]
    assert "It failed. Nothing was changed. Not finished: create the key" in result["msg"]


def test_keys_that_no_alias_leads_to_are_named_where_they_are_not_yet() -> None:
    told_of = {"of": "run", "result": {"msg": "The key arn:a stays."}, "plan": FRESH, "lost_keys": ["arn:a", "arn:b"]}
    assert "Keys of this run that no alias leads to: arn:b. Not finished" in told(**told_of)["msg"]


def test_the_policy_of_the_key_is_not_taken_for_that_of_the_bucket() -> None:
    failed = {"failed": True, "msg": "Run again.", "changed": True, "previous_policy": {"Id": "key"}}
    result = of_run(failed, settled=failed)
    assert result["previous_key_policy"] == {"Id": "key"}
    assert "previous_policy" not in result


def test_the_policy_of_the_key_is_told_where_a_later_step_fails() -> None:
    failed = {"msg": "Run again.", "previous_policy": {"Id": "bucket"}}
    result = of_run(failed, "key_settings", settled={"changed": True, "previous_policy": {"Id": "key"}})
    assert result["previous_key_policy"] == {"Id": "key"}
    assert result["previous_policy"] == {"Id": "bucket"}


def test_what_the_task_told_is_kept() -> None:
    before: dict[str, Any] = {"previous_policy": {}, "previous_encryption": {}}
    failed = {"msg": "Run again.", "changed": True, "steps": ["default_encryption"], **before, "diff": []}
    result = of_run(failed, "key", "bucket")
    assert result["changed"]
    assert result["previous_policy"] == {}
    assert "diff" not in result
    assert result["msg"].endswith("Not finished: merge the guard into the bucket policy.")
    assert "Not finished" not in of_run({"steps": ["default_encryption", "guard"]}, "key", "bucket")["msg"]
