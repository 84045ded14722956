# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated policies, guards, and the changes that S3 makes to a policy before it hands it back."""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import strategies as st

from ansible_collections.sealed.s3.plugins.module_utils.policy import guard

ACCOUNT = "111122223333"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/00000000-12ab-34cd-56ef-1234567890ab"
BUCKET = "example-bucket"


def _one_or_many(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, min_size=1, max_size=4)


_sids = st.text(alphabet="abcXYZ019 -_é", max_size=12)
_accounts = st.sampled_from([ACCOUNT, "444455556666", "000000000000"])
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
        "Service": _one_or_many(st.sampled_from(["cloudtrail.amazonaws.com", "delivery.logs.amazonaws.com"])),
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
    ["aws:SecureTransport", "AWS:SourceVpce", "s3:x-amz-server-side-encryption", "aws:SourceIp", "s3:TlsVersion"]
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


def as_s3_returns_it(policy: dict[str, Any], seed: int) -> dict[str, Any]:
    """The policy in another form that S3 may hand it back in: the same meaning, chosen at random from ``seed``."""
    rng = random.Random(seed)
    returned = copy.deepcopy(policy)
    listed = returned["Statement"] if isinstance(returned["Statement"], list) else [returned["Statement"]]
    rewritten = [_rewritten(statement, rng) for statement in listed]
    rng.shuffle(rewritten)
    returned["Statement"] = rewritten[0] if len(rewritten) == 1 and rng.random() < 0.5 else rewritten
    return _shuffled(returned, rng)


def _rewritten(statement: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        if name in statement:
            statement[name] = _relisted(statement[name], rng)
    for name in ("Action", "NotAction"):
        if name in statement and rng.random() < 0.3:
            value = statement[name]
            statement[name] = value.upper() if isinstance(value, str) else [action.upper() for action in value]
    for name in ("Principal", "NotPrincipal"):
        if name not in statement:
            continue
        principal = statement[name]
        if principal == "*" and rng.random() < 0.5:
            principal = {"AWS": "*"}
        if isinstance(principal, dict):
            principal = {
                kind: _relisted(
                    [_swapped(value, rng) for value in (values if isinstance(values, list) else [values])], rng
                )
                for kind, values in principal.items()
            }
        statement[name] = principal
    if not statement.get("Sid") and rng.random() < 0.5:
        statement["Sid"] = ""
    for keys in statement.get("Condition", {}).values():
        for key in list(keys):
            values = keys.pop(key)
            texts = [_text(value) for value in (values if isinstance(values, list) else [values])]
            keys[key.lower() if rng.random() < 0.3 else key] = _relisted(texts, rng)
    return _shuffled(statement, rng)


def _relisted(value: Any, rng: random.Random) -> Any:
    values = list(value) if isinstance(value, list) else [value]
    rng.shuffle(values)
    if values and rng.random() < 0.2:
        values.append(values[0])
    if len(values) == 1:
        return values[0] if rng.random() < 0.8 else values
    return values


def _swapped(principal: str, rng: random.Random) -> str:
    if principal.isdigit() and rng.random() < 0.5:
        return f"arn:{rng.choice(['aws', 'aws-cn', 'aws-us-gov'])}:iam::{principal}:root"
    if principal.endswith(":root") and rng.random() < 0.5:
        return principal.split(":")[4]
    return principal


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _shuffled(mapping: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    names = list(mapping)
    rng.shuffle(names)
    return {name: mapping[name] for name in names}
