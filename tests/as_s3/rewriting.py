# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy as S3 and KMS hand it back: not in the form in which it was put, and not in the same form twice.

What they are known to change:

- a list of one becomes the one (hashicorp/terraform#2432; of KMS, #13973), the order within lists is any (the same;
  of KMS, hashicorp/terraform-provider-aws#39788), and so is the order of keys;
- booleans and numbers in conditions become text, in S3 (crossplane-contrib/provider-aws#1771);
- an account's id becomes the ARN of its root user (aws/aws-cdk#9334); S3 knows both for the same, so either may come;
- a canonical user id may become the id of its account, in S3 (Amazon S3 User Guide, "Principals for bucket policies");
- a user or role that was deleted becomes its unique id (IAM User Guide, "AWS JSON policy elements: Principal").

A single statement that is no list comes back as a list of one or as it is: which of them is not known. The order of
statements, their Sids, the Version, actions and the names of condition keys are not known to change. Since they mean
the same in other forms as well, ``any_form`` changes them, too.

It shares no code with the collection: it is what the collection is tried against.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_ACCOUNT = re.compile(r"[0-9]{12}")
_OFTEN, _SOMETIMES = 0.8, 0.3
_PRINCIPALS = ("Principal", "NotPrincipal")
_ACTIONS = ("Action", "NotAction")
_RESOURCES = ("Resource", "NotResource")


@dataclass(frozen=True)
class Known:
    """What the service knows of principals.

    :ivar partition: where it is.
    :ivar shown: user or role, as the policy names it, to what is shown instead: to the unique id of one that was
        deleted.
    :ivar accounts: canonical user id to account id.
    """

    partition: str = "aws"
    shown: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)


_NOBODY = Known()


def as_s3(
    policy: Mapping[str, Any], chance: random.Random, *, known: Known = _NOBODY, any_form: bool = False
) -> dict[str, Any]:
    """A bucket policy in a form in which S3 may hand it back.

    :param any_form: change also what S3 is not known to change, but IAM's grammar says means the same.
    """
    return _Rewriting(chance, known, any_form=any_form).policy(policy)


def as_kms(policy: Mapping[str, Any], chance: random.Random, *, known: Known = _NOBODY) -> dict[str, Any]:
    """A key policy in a form in which KMS may hand it back."""
    return _Rewriting(chance, known, of_key=True).policy(policy)


def text_of(policy: Mapping[str, Any], chance: random.Random) -> str:
    """A policy as text, with some spacing."""
    return json.dumps(policy, **chance.choice(_SPACINGS))


def tidy(policy: Mapping[str, Any], partition: str = "aws") -> dict[str, Any]:
    """The one form of all forms in which a service may hand a policy back, for ``==``, as it is mostly seen.

    Lists are sorted and name nothing twice, and one is no list; conditions have texts; accounts are the ARNs of their
    roots. Statements stay in their order, with all else that they have.
    """
    return {
        name: [_tidy_statement(one, partition) for one in _listed(value)] if name == "Statement" else value
        for name, value in policy.items()
    }


_SPACINGS: tuple[dict[str, Any], ...] = (
    {"separators": (",", ":")},
    {"separators": (",", ":"), "ensure_ascii": False},
    {},
    {"indent": 2, "separators": (",", " : ")},
)


class _Rewriting:
    """One answer."""

    def __init__(self, chance: random.Random, known: Known, *, any_form: bool = False, of_key: bool = False) -> None:
        self._chance = chance
        self._known = known
        self._any_form = any_form
        self._of_key = of_key

    def policy(self, policy: Mapping[str, Any]) -> dict[str, Any]:
        changed = dict(policy)
        given = policy.get("Statement", [])
        statements = [self._statement(one) for one in _listed(given)]
        if self._any_form:
            self._chance.shuffle(statements)
            if "Version" not in changed and self._sometimes():
                changed["Version"] = "2008-10-17"
        single = len(statements) == 1 and (self._any_form or isinstance(given, Mapping))
        if "Statement" in changed:
            changed["Statement"] = statements[0] if single and self._half() else statements
        return self._shuffled(changed)

    def _statement(self, statement: Any) -> Any:
        if not isinstance(statement, Mapping):
            return statement
        changed = dict(statement)
        for name in (*_ACTIONS, *_RESOURCES):
            if name in changed:
                changed[name] = self._values(changed[name])
        for name in _PRINCIPALS:
            if name in changed:
                changed[name] = self._principal(changed[name])
        if isinstance(changed.get("Condition"), Mapping):
            changed["Condition"] = self._shuffled(
                {operator: self._keys(keys) for operator, keys in changed["Condition"].items()}
            )
        if self._any_form:
            for name in _ACTIONS:
                if name in changed and self._sometimes():
                    changed[name] = _each(changed[name], str.upper)
            if not changed.get("Sid") and self._half():
                changed["Sid"] = ""
        return self._shuffled(changed)

    def _keys(self, keys: Any) -> Any:
        if not isinstance(keys, Mapping):
            return keys
        changed: dict[str, Any] = {}
        for key, values in keys.items():
            name = key.lower() if self._any_form and self._sometimes() else key
            changed[name] = self._values(values if self._of_key else _each(values, _text))
        return self._shuffled(changed)

    def _principal(self, principal: Any) -> Any:
        if not isinstance(principal, Mapping):
            return {"AWS": principal} if self._any_form and principal == "*" and self._half() else principal
        by_type = {kind: _listed(values) for kind, values in principal.items()}
        if "AWS" in by_type:
            by_type["AWS"] = [self._shown(name) for name in by_type["AWS"]]
        if "CanonicalUser" in by_type and not self._of_key:
            accounts = [name for name in by_type["CanonicalUser"] if name in self._known.accounts]
            others = [name for name in by_type.pop("CanonicalUser") if name not in accounts]
            by_type |= {"CanonicalUser": others} if others else {}
            if accounts:
                by_type["AWS"] = by_type.get("AWS", []) + [self._shown(self._known.accounts[name]) for name in accounts]
        return self._shuffled({kind: self._values(values) for kind, values in by_type.items()})

    def _shown(self, name: Any) -> Any:
        if not isinstance(name, str):
            return name
        root = _root(self._known.partition, "([0-9]{12})")
        account = re.fullmatch(root, name)
        if _ACCOUNT.fullmatch(name) and self._half():
            return _root(self._known.partition, name)
        # KMS is not known to shorten them.
        if account and not self._of_key and self._half():
            return account[1]
        return self._known.shown.get(name, name)

    def _values(self, values: Any) -> Any:
        """One or several, with those in any order."""
        listed = list(_listed(values))
        self._chance.shuffle(listed)
        if self._any_form and listed and self._chance.random() < 0.2:
            listed.append(listed[0])
        if len(listed) == 1 and (isinstance(values, list) or self._any_form):
            return listed[0] if self._chance.random() < _OFTEN else listed
        return listed[0] if len(listed) == 1 else listed

    def _shuffled(self, mapping: Mapping[str, Any]) -> dict[str, Any]:
        names = list(mapping)
        self._chance.shuffle(names)
        return {name: mapping[name] for name in names}

    def _half(self) -> bool:
        return self._chance.random() < 0.5

    def _sometimes(self) -> bool:
        return self._chance.random() < _SOMETIMES


def _tidy_statement(statement: Any, partition: str) -> Any:
    if not isinstance(statement, Mapping):
        return statement
    tidied = dict(statement)
    for name in (*_ACTIONS, *_RESOURCES):
        if name in tidied:
            tidied[name] = _tidy_values(_listed(tidied[name]))
    for name in _PRINCIPALS:
        if isinstance(tidied.get(name), Mapping):
            tidied[name] = {
                kind: _tidy_values(_arn(one, partition) if kind == "AWS" else one for one in _listed(values))
                for kind, values in tidied[name].items()
            }
    if isinstance(tidied.get("Condition"), Mapping):
        tidied["Condition"] = {
            operator: {key: _tidy_values(map(_text, _listed(values))) for key, values in keys.items()}
            for operator, keys in tidied["Condition"].items()
        }
    return tidied


def _tidy_values(values: Iterable[Any]) -> Any:
    found = sorted(set(values))
    return found[0] if len(found) == 1 else found


def _arn(principal: str, partition: str) -> str:
    return _root(partition, principal) if _ACCOUNT.fullmatch(principal) else principal


def _root(partition: str, account: str) -> str:
    return f"arn:{partition}:iam::{account}:root"


def _text(value: Any) -> Any:
    return value if isinstance(value, str) else json.dumps(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _each(values: Any, change: Callable[[Any], Any]) -> Any:
    return [change(one) for one in values] if isinstance(values, list) else change(values)
