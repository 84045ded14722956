# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import fnmatch
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.sealed.s3.plugins.module_utils.policy import document, key_policy
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.key_policy import KeyPolicyError, KeyPolicySpec
from ansible_collections.sealed.s3.tests.unit import service_authorization

ACCOUNT = "111122223333"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ADMIN = f"arn:aws:iam::{ACCOUNT}:role/Admin"
USER = f"arn:aws:iam::{ACCOUNT}:role/team/Uploader"
USE = frozenset(("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"))


def parsed(*statements: dict[str, Any]) -> Document:
    return document.parse({"Version": "2012-10-17", "Id": "key-policy", "Statement": list(statements)})


def allows(sid: str, principal: Any, action: Any = "kms:*", **more: Any) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **more}


DEFAULT = key_policy.default_policy(partition="aws", account=ACCOUNT)
FOREIGN = allows("Team", {"AWS": f"arn:aws:iam::{ACCOUNT}:role/Team"}, ["kms:Decrypt"])


def expanded(patterns: tuple[str, ...]) -> set[str]:
    """The actions of KMS that the patterns allow, by the published list of all of them."""
    actions = service_authorization.actions("kms")
    found = {action for action in actions for pattern in patterns if fnmatch.fnmatchcase(action, pattern)}
    for pattern in patterns:
        assert fnmatch.filter(actions, pattern), f"{pattern} is no action of KMS"
    return found


def test_administrators_cannot_use_the_key_and_users_cannot_manage_it() -> None:
    manages, uses = expanded(key_policy.ADMINISTRATOR_ACTIONS), expanded(key_policy.USER_ACTIONS)
    assert uses >= USE
    assert manages & uses == {"kms:DescribeKey"}
    assert {"kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:EnableKeyRotation", "kms:TagResource"} <= manages
    # No action that encrypts, decrypts, signs or derives, and no grant with which to hand that out.
    cryptographic = {"Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateMac", "Sign", "Verify", "Derive"}
    assert not [action for action in manages if action.split(":")[1].startswith(tuple(cryptographic))]
    assert "kms:CreateGrant" not in manages | uses
    assert not [action for action in uses if action.split(":")[1].startswith(("Put", "Create", "Delete", "Schedule"))]


def test_the_statements_of_a_whole_split() -> None:
    spec = KeyPolicySpec(key_arn=KEY, admins=(ADMIN, ADMIN), users=(USER, "444455556666"), users_through_s3_only=True)
    root, admins, users = key_policy.statements(spec)
    assert root == allows("SealedS3KeyRoot", {"AWS": ROOT})
    assert admins == allows("SealedS3KeyAdministrators", {"AWS": ADMIN}, list(key_policy.ADMINISTRATOR_ACTIONS))
    assert users["Principal"] == {"AWS": [USER, "444455556666"]}
    assert users["Condition"] == {"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}
    document.parse({"Version": "2012-10-17", "Statement": [root, admins, users]})


@pytest.mark.parametrize(
    ("partition", "region", "name"),
    [
        ("aws-cn", "cn-north-1", "s3.cn-north-1.amazonaws.com.cn"),
        ("aws-us-gov", "us-gov-west-1", "s3.us-gov-west-1.amazonaws.com"),
    ],
)
def test_other_partitions(partition: str, region: str, name: str) -> None:
    arn = KEY.replace("arn:aws:", f"arn:{partition}:").replace("eu-central-1", region)
    user = USER.replace("arn:aws:", f"arn:{partition}:")
    root, users = key_policy.statements(KeyPolicySpec(key_arn=arn, users=(user,), users_through_s3_only=True))
    assert root["Principal"] == {"AWS": f"arn:{partition}:iam::{ACCOUNT}:root"}
    assert users["Condition"] == {"StringEquals": {"kms:ViaService": name}}


def test_through_s3_only_is_refused_where_the_name_of_s3_is_not_known() -> None:
    arn, user = KEY.replace("arn:aws:", "arn:aws-iso:"), USER.replace("arn:aws:", "arn:aws-iso:")
    KeyPolicySpec(key_arn=arn, users=(user,))
    with pytest.raises(KeyPolicyError, match="partition aws-iso is not known"):
        KeyPolicySpec(key_arn=arn, users=(user,), users_through_s3_only=True)


@pytest.mark.parametrize(
    ("principal", "said"),
    [
        ("*", 'found "*"'),
        (f"arn:aws:iam::{ACCOUNT}:role/*", "no principals of a policy"),
        (f"arn:aws:iam::{ACCOUNT}:role/Up?oader", "no principals of a policy"),
        (f"arn:aws:iam::{ACCOUNT}:group/admins", "groups are no principals"),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/me", "ARN of a session"),
        (f"arn:aws-cn:iam::{ACCOUNT}:role/Admin", "of the partition aws-cn"),
        ("s3.amazonaws.com", "expected the ARN of a user"),
        ("11112222333", "expected the ARN of a user"),
        (f"arn:aws:iam::{ACCOUNT}:role/", "expected the ARN of a user"),
        (f"arn:aws:iam::{ACCOUNT}:role/Admin\n", "expected the ARN of a user"),
    ],
)
@pytest.mark.parametrize("option", ["admins", "users"])
def test_a_principal_that_no_key_policy_can_name_is_refused(option: str, principal: str, said: str) -> None:
    named: dict[str, Any] = {option: (ADMIN, principal)}
    with pytest.raises(KeyPolicyError) as refused:
        KeyPolicySpec(key_arn=KEY, **named)
    assert said in str(refused.value)
    assert str(refused.value).startswith(f"{option}: ")


@pytest.mark.parametrize("principal", [ACCOUNT, ROOT, ADMIN, USER, f"arn:aws:iam::{ACCOUNT}:user/a.b+c=d,e@f-g_h"])
def test_principals_that_a_key_policy_can_name(principal: str) -> None:
    assert KeyPolicySpec(key_arn=KEY, admins=(principal,)).admins == (principal,)


@pytest.mark.parametrize(
    ("statement", "counts"),
    [
        (allows("Enable IAM User Permissions", {"AWS": ROOT}), True),
        (allows("Any", {"AWS": ACCOUNT}), True),
        (allows("Any", {"AWS": ["arn:aws:iam::444455556666:root", ROOT]}, ["KMS:*"]), True),
        (allows("Any", {"AWS": ROOT}, "*"), True),
        (allows("Any", {"AWS": ROOT}, "kms:Describe*"), False),
        (allows("Any", {"AWS": "arn:aws:iam::444455556666:root"}), False),
        (allows("Any", {"AWS": ROOT}, Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}), False),
        (allows("Any", {"AWS": ADMIN}), False),
        (allows("Any", "*"), False),
        ({**allows("Any", {"AWS": ROOT}), "Effect": "Deny"}, False),
    ],
)
def test_which_statement_counts_as_the_root_statement(statement: dict[str, Any], counts: bool) -> None:
    there = parsed(statement)
    assert key_policy.has_root(there, account=ACCOUNT) is counts
    outcome = key_policy.merge(there, KeyPolicySpec(key_arn=KEY, admins=(ADMIN,)))
    assert ("SealedS3KeyRoot" in outcome.added) is not counts


def test_a_split_is_merged_beside_what_is_there() -> None:
    spec = KeyPolicySpec(key_arn=KEY, admins=(ADMIN,), users=(USER,))
    before = parsed(DEFAULT.statements[0], FOREIGN)
    outcome = key_policy.merge(before, spec)
    assert outcome.added == ("SealedS3KeyAdministrators", "SealedS3KeyUsers")
    assert outcome.document is not None
    assert outcome.document.statements[:2] == before.statements
    assert outcome.document.id == "key-policy"
    assert not key_policy.merge(outcome.document, spec).changed


def test_what_is_not_asked_about_stays_and_an_empty_list_takes_out() -> None:
    full = key_policy.merge(DEFAULT, KeyPolicySpec(key_arn=KEY, admins=(ADMIN,), users=(USER,))).document
    nothing = key_policy.merge(full, KeyPolicySpec(key_arn=KEY))
    assert not nothing.changed
    assert nothing.document is full
    assert nothing.kept == ("Enable IAM User Permissions", "SealedS3KeyAdministrators", "SealedS3KeyUsers")
    no_users = key_policy.merge(full, KeyPolicySpec(key_arn=KEY, users=()))
    assert no_users.removed == ("SealedS3KeyUsers",)
    assert no_users.kept == ("Enable IAM User Permissions", "SealedS3KeyAdministrators")
    neither = key_policy.merge(full, KeyPolicySpec(key_arn=KEY, users=(), admins=()))
    assert document.equal(neither.document, DEFAULT)


def test_our_root_statement_is_never_taken_out() -> None:
    lonely = parsed(FOREIGN)
    with_root = key_policy.merge(lonely, KeyPolicySpec(key_arn=KEY, admins=(), users=()))
    assert with_root.added == ("SealedS3KeyRoot",)
    # Not even when somebody else adds one too: taking it out and adding it would go on for ever.
    assert with_root.document is not None
    both = parsed(*with_root.document.statements, DEFAULT.statements[0])
    assert not key_policy.merge(both, KeyPolicySpec(key_arn=KEY, admins=())).changed


def test_statements_of_a_later_version_stay() -> None:
    later = allows("SealedS3KeyAuditors", {"AWS": ADMIN}, "kms:DescribeKey")
    outcome = key_policy.merge(parsed(DEFAULT.statements[0], later), KeyPolicySpec(key_arn=KEY, users=(USER,)))
    assert outcome.kept == ("Enable IAM User Permissions", "SealedS3KeyAuditors")
    assert outcome.added == ("SealedS3KeyUsers",)


def test_changed_users_are_updated_in_place_of_the_old_ones() -> None:
    before = key_policy.merge(DEFAULT, KeyPolicySpec(key_arn=KEY, users=(USER,))).document
    outcome = key_policy.merge(before, KeyPolicySpec(key_arn=KEY, users=(USER, ADMIN), users_through_s3_only=True))
    assert outcome.updated == ("SealedS3KeyUsers",)


def test_the_same_principal_on_both_sides_is_told() -> None:
    assert KeyPolicySpec(key_arn=KEY, admins=(ADMIN, USER), users=(USER,)).both == (USER,)
    assert KeyPolicySpec(key_arn=KEY, admins=(ADMIN,), users=(USER,)).both == ()


def test_a_policy_that_kms_would_not_take_for_its_size_is_refused_with_the_sizes() -> None:
    users = tuple(f"arn:aws:iam::{ACCOUNT}:role/{number:060d}" for number in range(400))
    outcome = key_policy.merge(DEFAULT, KeyPolicySpec(key_arn=KEY, users=users))
    assert outcome.document is not None
    with pytest.raises(KeyPolicyError) as refused:
        key_policy.check_size(outcome.document)
    assert f"{document.size(outcome.document)} bytes" in str(refused.value)
    assert "SealedS3KeyUsers" in str(refused.value)
    key_policy.check_size(DEFAULT)


def test_the_limit_is_32768_bytes_and_not_one_less() -> None:
    room = key_policy.MAX_SIZE - document.size(parsed(allows("", {"AWS": ROOT})))
    key_policy.check_size(parsed(allows("x" * room, {"AWS": ROOT})))
    with pytest.raises(KeyPolicyError):
        key_policy.check_size(parsed(allows("x" * (room + 1), {"AWS": ROOT})))


PRINCIPALS = st.one_of(st.none(), st.lists(st.sampled_from((ADMIN, USER, ACCOUNT, ROOT)), max_size=3).map(tuple))
SPECS = st.builds(
    KeyPolicySpec, key_arn=st.just(KEY), admins=PRINCIPALS, users=PRINCIPALS, users_through_s3_only=st.booleans()
)
STATEMENTS = st.lists(
    st.sampled_from((DEFAULT.statements[0], FOREIGN, allows("", {"AWS": ADMIN}), allows("Open", "*", "kms:Sign"))),
    min_size=1,
    max_size=4,
)


@given(statements=STATEMENTS, specs=st.lists(SPECS, min_size=1, max_size=3))
def test_foreign_statements_survive_any_sequence_and_a_second_merge_changes_nothing(
    statements: list[dict[str, Any]], specs: list[KeyPolicySpec]
) -> None:
    there: Document | None = parsed(*statements)
    for spec in specs:
        outcome = key_policy.merge(there, spec)
        there = outcome.document
        assert there is not None
        assert list(there.statements[: len(statements)]) == statements
        assert not key_policy.merge(there, spec).changed
        if spec.touched:
            assert key_policy.has_root(there, account=ACCOUNT)
