# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.policy import lockout

ACCOUNT = "111122223333"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/Platform/anna"
SSO_NAME = "AWSReservedSSO_Admin_0123456789abcdef"
SSO_SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/{SSO_NAME}/anna"
SSO_PATH = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com"


@pytest.mark.parametrize(
    ("caller", "pattern", "admitted"),
    [
        (SESSION, f"arn:aws:iam::{ACCOUNT}:role/Platform", True),
        (SESSION, "arn:aws:iam::*:role/Plat?orm", True),
        (SESSION, f"arn:aws:iam::{ACCOUNT}:*", True),
        (SESSION, f"arn:aws:iam::{ACCOUNT}:role/team/Platform", None),
        (SESSION, f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/*/Plat*", None),
        (SESSION, f"arn:aws:iam::{ACCOUNT}:role/team/*", None),
        (SESSION, f"arn:aws:iam::{ACCOUNT}:role/team/Other", False),
        (SESSION, f"arn:aws:iam::{ACCOUNT}:role/platform", False),
        (SESSION, f"arn:aws:iam::{ACCOUNT}:user/team/Platform", False),
        (SESSION, "arn:aws:iam::999988887777:role/team/Platform", False),
        (SESSION, f"arn:aws-cn:iam::{ACCOUNT}:role/team/Platform", False),
        (SESSION.replace("aws", "aws-cn", 1), f"arn:aws-cn:iam::{ACCOUNT}:role/Platform", True),
        (f"arn:aws:iam::{ACCOUNT}:user/team/anna", f"arn:aws:iam::{ACCOUNT}:user/team/anna", True),
        (f"arn:aws:iam::{ACCOUNT}:user/team/anna", f"arn:aws:iam::{ACCOUNT}:user/anna", False),
        (f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:root", True),
        (f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:role/*", False),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/anna", f"arn:aws:*::{ACCOUNT}:federated-user/*", True),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/anna", f"arn:aws:iam::{ACCOUNT}:user/anna", False),
        # A role of IAM Identity Center has a path, whatever its session's ARN looks like.
        (SSO_SESSION, f"arn:aws:iam::{ACCOUNT}:role/{SSO_NAME}", False),
        (SSO_SESSION, f"arn:aws:iam::{ACCOUNT}:role/AWSReservedSSO_*", False),
        (SSO_SESSION, f"{SSO_PATH}/*{SSO_NAME}", True),
        (SSO_SESSION, f"{SSO_PATH}*/AWSReservedSSO_Admin_*", True),
        (SSO_SESSION, f"arn:aws:iam::{ACCOUNT}:role/*", True),
        (SSO_SESSION, f"{SSO_PATH}/*/AWSReservedSSO_Admin_*", None),
        (SSO_SESSION, f"{SSO_PATH}/{SSO_NAME}", None),
        (SSO_SESSION, f"{SSO_PATH}/eu-west-1/{SSO_NAME}", None),
        (SSO_SESSION, f"{SSO_PATH}/eu-west-1/AWSReservedSSO_Other_*", False),
    ],
)
def test_whether_a_pattern_admits_the_caller(caller: str, pattern: str, admitted: bool | None) -> None:
    assert lockout.admits([pattern], caller) is admitted
    others = "arn:aws:iam::444455556666:role/Nobody"
    assert lockout.admits([others, pattern], caller) is admitted
    assert (lockout.refusal([pattern], caller) is not None) == (admitted is False)
    assert (lockout.doubt([pattern], caller) is not None) == (admitted is None)


def test_without_admins_there_is_nothing_to_refuse() -> None:
    assert lockout.refusal([], SESSION) is None
    assert lockout.doubt([], SESSION) is None


def test_the_sentence_names_what_to_add() -> None:
    told = str(lockout.refusal(["arn:aws:iam::444455556666:role/Nobody"], SESSION))
    assert f"arn:aws:iam::{ACCOUNT}:role/Platform" in told
    assert "arn:aws:iam::444455556666:role/Nobody" in told
    assert "allow_lockout" in told


@pytest.mark.parametrize("caller", [SESSION, SSO_SESSION, f"arn:aws:iam::{ACCOUNT}:user/team/anna"])
def test_what_the_sentence_says_to_add_admits_the_caller(caller: str) -> None:
    told = lockout.refusal(["arn:aws:iam::444455556666:role/Nobody"], caller)
    assert told is not None
    named = [word.strip("',\"") for word in told.split() if f"arn:aws:iam::{ACCOUNT}" in word]
    assert [lockout.admits([pattern], caller) for pattern in named] == [True]
