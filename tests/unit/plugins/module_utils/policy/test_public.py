# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.policy import document, public


def allows(principal: Any = "*", condition: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::uploads/*"}
    if principal is not None:
        statement["Principal"] = principal
    if condition is not None:
        statement["Condition"] = condition
    return {**statement, **more}


@pytest.mark.parametrize(
    "statement",
    [
        allows(),
        allows({"AWS": "*"}),
        allows({"AWS": ["arn:aws:iam::111122223333:root", "*"]}),
        allows(None, NotPrincipal={"AWS": "arn:aws:iam::111122223333:root"}),
        allows(condition={"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
        allows(condition={"IpAddress": {"aws:SourceIp": ["10.0.0.0/16", "0.0.0.0/1"]}}),
        allows(condition={"IpAddress": {"aws:SourceIp": "::/0"}}),
        allows(condition={"StringLike": {"aws:SourceVpc": "*"}}),
        allows(condition={"StringEquals": {"aws:SourceVpc": "${aws:PrincipalTag/vpc}"}}),
        allows(condition={"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}),
        allows(condition={"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
        # Holds for requests without the key too.
        allows(condition={"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}),
        allows(condition={"Bool": {"aws:SecureTransport": "true"}}),
        allows(condition={"StringEquals": {"s3:prefix": "public"}}),
    ],
)
def test_public(statement: dict[str, Any]) -> None:
    policy = document.parse({"Statement": [{**statement, "Sid": "Site"}]})
    assert public.statements(policy) == ["Site"]


@pytest.mark.parametrize(
    "statement",
    [
        allows({"AWS": "arn:aws:iam::111122223333:root"}),
        allows({"Service": "cloudtrail.amazonaws.com"}),
        allows(
            {"Service": "cloudfront.amazonaws.com"}, {"StringEquals": {"aws:SourceArn": "arn:aws:cloudfront::1:x/y"}}
        ),
        {**allows(), "Effect": "Deny"},
        allows(condition={"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}),
        allows(condition={"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "10.0.0.0/8"]}}),
        allows(condition={"IpAddress": {"aws:SourceIp": "203.0.113.7"}}),
        allows(condition={"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}),
        allows(condition={"StringEquals": {"AWS:SourceVpce": ["vpce-1", "vpce-2"]}}),
        allows(condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}}),
        allows(condition={"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-1/r-1/*"}}),
    ],
)
def test_not_public(statement: dict[str, Any]) -> None:
    assert public.statements(document.parse({"Statement": statement})) == []


def test_a_statement_without_a_sid_is_named_by_its_index() -> None:
    policy = document.parse({"Statement": [allows({"AWS": "111122223333"}), allows()]})
    assert public.statements(policy) == [1]
