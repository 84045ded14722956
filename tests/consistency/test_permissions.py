# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IAM actions of docs/permissions.md are those that errors name, and those of published data."""

from __future__ import annotations

import re
from pathlib import Path

import botocore.session
import pytest

from ansible_collections.sealed.s3.plugins.module_utils.aws.call import IAM_ACTIONS
from ansible_collections.sealed.s3.plugins.plugin_utils.failed_step import ACTIONS
from ansible_collections.sealed.s3.tests.unit import service_authorization

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "permissions.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")}
ACTION = re.compile(r"`((?:s3|kms|sts):[A-Z]\w+)`")
# What finds the bucket, and is listed with what is needed to look.
TO_LOOK = {"s3:ListBucket"}


@pytest.mark.parametrize("operation", sorted(ACTIONS))
def test_the_action_that_an_error_of_the_role_names_is_the_published_one(operation: str) -> None:
    session = botocore.session.get_session()
    (service,) = (name for name in ("s3", "kms", "sts") if operation in session.get_service_model(name).operation_names)
    assert service_authorization.needed(service, operation) == {ACTIONS[operation]}


def test_what_is_documented_to_create_a_key_or_a_bucket_is_what_errors_can_name() -> None:
    assert set(ACTION.findall(SECTIONS["To create a key or a bucket"])) == set(ACTIONS.values()) - TO_LOOK


def test_what_the_modules_of_this_collection_need_is_documented() -> None:
    assert {action for actions in IAM_ACTIONS.values() for action in actions} <= set(ACTION.findall(PAGE))
