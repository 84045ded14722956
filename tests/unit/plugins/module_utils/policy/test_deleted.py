# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.policy import deleted, document

GONE = "AROAJQABLZS4A3QDU576Q"
USER = "AIDAJQABLZS4A3QDU576Q"


def policy(*principals: Any, element: str = "Principal") -> document.Document:
    statements = [
        {"Sid": f"S{number}" if number else "", "Effect": "Allow", element: one, "Action": "s3:*", "Resource": "*"}
        for number, one in enumerate(principals)
    ]
    return document.parse({"Statement": statements})


def test_each_is_named_with_its_statement() -> None:
    found = policy({"AWS": GONE}, "*", {"AWS": ["111122223333", USER, GONE]})
    assert deleted.named(found) == f"{GONE} in 0, {USER} in S2, {GONE} in S2"
    assert deleted.named(policy({"AWS": USER}, element="NotPrincipal")) == f"{USER} in 0"


def test_the_sentence_says_what_to_do() -> None:
    assert deleted.not_taken_back(policy({"AWS": GONE}), whose="The policy of key x", service="KMS") == (
        f"The policy of key x names principals that were deleted, which KMS does not take back: {GONE} in 0. "
        "Take them out of these statements."
    )
    assert deleted.not_taken_back(policy("*")) == ""


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "111122223333"},
        {"AWS": f"arn:aws:iam::111122223333:role/{GONE}"},
        {"AWS": GONE.lower()},
        {"Service": GONE},
        {"CanonicalUser": GONE},
    ],
)
def test_what_is_no_unique_id_is_not_named(principal: Any) -> None:
    assert deleted.named(policy(principal)) == ""
