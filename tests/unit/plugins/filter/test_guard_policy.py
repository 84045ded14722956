# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.sealed.s3.plugins.filter import guard_policy as filter_file
from ansible_collections.sealed.s3.plugins.module_utils.policy import guard
from ansible_collections.sealed.s3.tests.unit.policy_strategies import BUCKET, KEY, OTHER_KEY

guard_policy = filter_file.FilterModule().filters()["guard_policy"]
POLICY = {
    "Version": "2008-10-17",
    "Id": "x",
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    ],
}


@pytest.mark.parametrize("given", [POLICY, json.dumps(POLICY)])
def test_the_guard_is_merged_in_and_taken_out(given: Any) -> None:
    guarded = guard_policy(given, bucket=BUCKET, key_arn=KEY)
    assert guarded["Id"] == "x"
    assert guarded["Statement"] == [*POLICY["Statement"], *guard.statements(guard.GuardSpec(BUCKET, KEY))]
    assert guard_policy(guarded, bucket=BUCKET, key_arn=KEY) == guarded
    assert guard_policy(guarded, state="absent")["Statement"] == POLICY["Statement"][0]


@pytest.mark.parametrize("nothing", [None, "", {}])
def test_no_policy_becomes_the_guard_alone(nothing: Any) -> None:
    guarded = guard_policy(nothing, BUCKET, KEY)
    assert guarded == {"Version": "2012-10-17", "Statement": guard.statements(guard.GuardSpec(BUCKET, KEY))}
    assert guard_policy(guarded, state="absent") == {}


@pytest.mark.parametrize("policy", [0, False, [], ()])
def test_what_is_only_falsy_is_no_missing_policy(policy: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="expected a JSON object"):
        guard_policy(policy, BUCKET, KEY)


@pytest.mark.parametrize("bucket", ["a*", "a/b", "${aws:username}", "\ud800\ud800\ud800", "arn:aws:s3:::x"])
def test_a_bucket_that_cannot_be_is_refused(bucket: str) -> None:
    with pytest.raises(AnsibleFilterError, match="bucket: "):
        guard_policy(None, bucket, KEY)


@pytest.mark.parametrize("keys", [5, {OTHER_KEY: 1}, b"x"])
def test_a_list_that_is_none_is_refused(keys: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="accepted_keys: expected a list of texts"):
        guard_policy(None, BUCKET, KEY, accepted_keys=keys)


def test_no_list_is_an_empty_one() -> None:
    assert guard_policy(None, BUCKET, KEY, accepted_keys=None) == guard_policy(None, BUCKET, KEY)


def test_the_text_of_a_cause_is_not_shown_as_it_is() -> None:
    with pytest.raises(AnsibleFilterError) as raised:
        guard_policy(None, BUCKET, KEY, require_tls="\x1b[31m")
    assert "\x1b" not in str(raised.value)


def test_all_options_reach_the_guard() -> None:
    admin = "arn:aws:iam::111122223333:role/Admin"
    guarded = guard_policy(
        None,
        bucket=BUCKET,
        key_arn=KEY,
        enforcement="deny_other_keys",
        accepted_keys=[OTHER_KEY],
        require_tls="false",
        guard_object_encryption_updates=False,
        guard_replicas="yes",
        encryption_admins=admin,
        exempt_principals=[admin],
        exempt_services=["delivery.logs.amazonaws.com"],
    )
    assert guarded["Statement"] == guard.statements(
        guard.GuardSpec(
            BUCKET,
            KEY,
            enforcement="deny_other_keys",
            accepted_keys=(OTHER_KEY,),
            require_tls=False,
            guard_object_encryption_updates=False,
            guard_replicas=True,
            encryption_admins=(admin,),
            exempt_principals=(admin,),
            exempt_services=("delivery.logs.amazonaws.com",),
        )
    )


@pytest.mark.parametrize(
    ("policy", "options", "sentence"),
    [
        ("{", {}, "policy: expected JSON"),
        ({"Statement": 5}, {}, "Statement: expected a list of statements"),
        (None, {"key_arn": None}, "bucket and key_arn are needed"),
        (None, {"key_arn": "alias/x"}, "key_arn: expected the full ARN"),
        (None, {"state": "gone"}, 'state: expected present or absent, found "gone"'),
        (None, {"on_conflict": "shrug"}, "on_conflict: expected fail, replace, ignore"),
        (None, {"require_tls": "perhaps"}, 'require_tls: expected true or false, found "perhaps"'),
        (None, {"tls": True}, 'unknown option "tls"; known are bucket, key_arn'),
        (
            {**POLICY, "Statement": {**POLICY["Statement"][0], "Effect": "Deny", "Action": "s3:*", "Sid": "Frozen"}},  # type: ignore[dict-item]
            {},
            'The guard cannot go on the policy of example-bucket: The statement "Frozen"',
        ),
    ],
)
def test_bad_input_gets_a_sentence(policy: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(AnsibleFilterError) as refused:
        guard_policy(policy, **{"bucket": BUCKET, "key_arn": KEY, **options})
    assert str(refused.value).startswith(f"sealed.s3.guard_policy: {sentence}")


def test_the_documentation_names_the_options_of_the_guard() -> None:
    documented = yaml.safe_load(filter_file.DOCUMENTATION)["options"]
    options = {field for field in guard.GuardSpec.__dataclass_fields__ if field not in ("bucket", "key_arn")}
    assert set(documented) == {"_input", "bucket", "key_arn", "state", "on_conflict"} | options
    spec = guard.GuardSpec(BUCKET, KEY)
    for name in options:
        default = getattr(spec, name)
        assert documented[name]["default"] == (list(default) if isinstance(default, tuple) else default)
