# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated policies and guards, and what S3 may do to a policy before it hands it back."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from ansible_collections.sealed.s3.plugins.module_utils.policy import guard
from ansible_collections.sealed.s3.tests.as_s3.rewriting import Known, as_s3

ACCOUNT = "111122223333"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/00000000-12ab-34cd-56ef-1234567890ab"
BUCKET = "example-bucket"


def _one_or_many(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, min_size=1, max_size=4)


_sids = st.text(alphabet="abcXYZ019 -_é", max_size=12)
# The last one writes the logs of load balancers.
_accounts = st.sampled_from([ACCOUNT, "444455556666", "000000000000", "127311923021"])
_partitions = st.sampled_from(["aws", "aws-cn", "aws-us-gov"])
_aws_principals = st.one_of(
    st.just("*"),
    _accounts,
    st.builds("arn:{}:iam::{}:root".format, _partitions, _accounts),
    st.builds("arn:{}:iam::{}:role/Uploader".format, _partitions, _accounts),
)
_principals = st.just("*") | st.fixed_dictionaries(
    {},
    optional={
        "AWS": _one_or_many(_aws_principals),
        "Service": _one_or_many(
            st.sampled_from(["cloudtrail.amazonaws.com", "delivery.logs.amazonaws.com", "logging.s3.amazonaws.com"])
        ),
        "CanonicalUser": _one_or_many(st.sampled_from(["79a59df900b949e55d96a1e698fbaced"])),
    },
).filter(bool)
_actions = _one_or_many(st.sampled_from(["s3:GetObject", "S3:getobject", "s3:PutObject", "s3:*", "*", "s3:List*"]))
_resources = _one_or_many(
    st.sampled_from([f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*", f"arn:aws:s3:::{BUCKET}/Reports/?.csv"])
)
_condition_values = _one_or_many(
    st.one_of(
        st.booleans(),
        st.integers(-5, 3000),
        st.floats(allow_nan=False, allow_infinity=False, width=16),
        st.sampled_from(["true", "false", "aws:kms", "AES256", "10.0.0.0/8", "${aws:username}", "1.50", KEY]),
    )
)
_condition_keys = st.sampled_from(
    [
        "aws:SecureTransport",
        "AWS:SourceVpce",
        "s3:x-amz-server-side-encryption",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "aws:SourceIp",
        "s3:TlsVersion",
    ]
)
_conditions = st.dictionaries(
    st.sampled_from(["StringEquals", "StringNotEquals", "Bool", "Null", "NumericLessThan", "IpAddress"]),
    st.dictionaries(_condition_keys, _condition_values, max_size=2),
    max_size=3,
)


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    """One well-formed statement of a bucket policy, foreign."""
    statement: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Deny"]))}
    if draw(st.booleans()):
        statement["Sid"] = draw(_sids)
    statement[draw(st.sampled_from(["Principal", "NotPrincipal"]))] = draw(_principals)
    statement[draw(st.sampled_from(["Action", "NotAction"]))] = draw(_actions)
    statement[draw(st.sampled_from(["Resource", "NotResource"]))] = draw(_resources)
    if draw(st.booleans()):
        statement["Condition"] = draw(_conditions)
    names = draw(st.permutations(list(statement)))
    return {name: statement[name] for name in names}


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    """A well-formed bucket policy without statements of ours; Statement is a list or one object."""
    listed = draw(st.lists(statements(), min_size=1, max_size=5))
    policy: dict[str, Any] = {"Statement": listed}
    if len(listed) == 1 and draw(st.booleans()):
        policy["Statement"] = listed[0]
    if draw(st.booleans()):
        policy["Version"] = draw(st.sampled_from(["2012-10-17", "2008-10-17"]))
    if draw(st.booleans()):
        policy["Id"] = draw(st.text(alphabet="abcXYZ019", max_size=8))
    names = draw(st.permutations(list(policy)))
    return {name: policy[name] for name in names}


guard_specs = st.builds(
    guard.GuardSpec,
    bucket=st.just(BUCKET),
    key_arn=st.just(KEY),
    enforcement=st.sampled_from(guard.ENFORCEMENTS),
    accepted_keys=st.sampled_from([(), (OTHER_KEY,), (KEY, OTHER_KEY)]),
    require_tls=st.booleans(),
    guard_object_encryption_updates=st.booleans(),
    guard_replicas=st.booleans(),
    encryption_admins=st.sampled_from([(), (f"arn:aws:iam::{ACCOUNT}:role/Admin*",)]),
    exempt_principals=st.sampled_from([(), (f"arn:aws:iam::{ACCOUNT}:role/A", f"arn:aws:iam::{ACCOUNT}:role/B")]),
    exempt_services=st.sampled_from([(), ("delivery.logs.amazonaws.com",)]),
)


# What chooses the form in which a policy comes back.
chances = st.builds(random.Random, st.integers())
# In any partition, also in another one than the policy's.
known = st.builds(Known, partition=_partitions)


def as_s3_returns_it(policy: dict[str, Any], seed: int) -> dict[str, Any]:
    """The policy in any form that means the same, chosen by ``seed``."""
    return as_s3(policy, random.Random(seed), any_form=True)


def _elsewhere(statement: dict[str, Any], element: str, other: str, value: Any) -> None:
    """Replace an element, under whichever of two names it stands."""
    name = element if element in statement else other
    statement[name] = value


def _one_more(statement: dict[str, Any], element: str, other: str, value: str) -> None:
    name = element if element in statement else other
    there = statement[name]
    statement[name] = [*(there if isinstance(there, list) else [there]), value]


def _swap(statement: dict[str, Any], element: str, other: str) -> None:
    name, new = (element, other) if element in statement else (other, element)
    statement[new] = statement.pop(name)


def _condition(statement: dict[str, Any], value: Any) -> None:
    condition = statement.setdefault("Condition", {})
    condition["StringLike"] = {"aws:UserAgent": value}


_PRINCIPAL = ("Principal", "NotPrincipal")
_ACTION = ("Action", "NotAction")
_RESOURCE = ("Resource", "NotResource")
# Each makes another statement of any statement: what they put in is nowhere in the generated ones.
_differences: dict[str, Callable[[dict[str, Any]], None]] = {
    "effect": lambda one: one.update(Effect={"Allow": "Deny", "Deny": "Allow"}[one["Effect"]]),
    "Sid": lambda one: one.update(Sid=one.get("Sid", "") + "x"),
    "one action more": lambda one: _one_more(one, *_ACTION, "s3:RestoreObject"),
    "NotAction": lambda one: _swap(one, *_ACTION),
    "one resource more": lambda one: _one_more(one, *_RESOURCE, f"arn:aws:s3:::{BUCKET.upper()}"),
    "NotResource": lambda one: _swap(one, *_RESOURCE),
    "another role": lambda one: _elsewhere(one, *_PRINCIPAL, {"AWS": f"arn:aws:iam::{ACCOUNT}:role/uploader"}),
    "a role named root": lambda one: _elsewhere(one, *_PRINCIPAL, {"AWS": f"arn:aws:iam::{ACCOUNT}:role/root"}),
    "another account": lambda one: _elsewhere(one, *_PRINCIPAL, {"AWS": ["777788889999"]}),
    "a deleted role": lambda one: _elsewhere(one, *_PRINCIPAL, {"AWS": "AROAJQABLZS4A3QDU576Q"}),
    "an account as a service": lambda one: _elsewhere(one, *_PRINCIPAL, {"Service": ACCOUNT}),
    "NotPrincipal": lambda one: _swap(one, *_PRINCIPAL),
    "a condition": lambda one: _condition(one, "curl"),
    "a condition on nothing": lambda one: _condition(one, []),
}


@st.composite
def different_policies(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A policy, and one that differs from it in one statement: there it is another, is gone, or is there twice."""
    policy = draw(policies())
    other = copy.deepcopy(policy)
    listed = other["Statement"] if isinstance(other["Statement"], list) else [other["Statement"]]
    index = draw(st.integers(0, len(listed) - 1))
    difference = draw(st.sampled_from([*_differences, "gone", "twice"]))
    if difference == "gone":
        del listed[index]
    elif difference == "twice":
        listed.append(copy.deepcopy(listed[index]))
    else:
        _differences[difference](listed[index])
    other["Statement"] = listed
    return policy, other
