# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our statements into a policy, and out of it again, with every foreign statement kept as it was read."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils.policy.document import (
    Document,
    Label,
    label,
    normal_form,
    normal_statement,
)
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import is_ours

# In normal form; the identities by which CloudFront reads from a bucket have canonical user ids as well.
_ACCOUNT = re.compile(r"[0-9]{12}|arn:aws[a-z-]*:iam::cloudfront:user/CloudFront Origin Access Identity [A-Z0-9]+")


@dataclass(frozen=True)
class Merge:
    """What a merge makes of a policy.

    Statements are named by their Sid, or by their index in the policy as it was before.

    :ivar document: the policy to write; None when nothing is left and the policy is to be deleted.
    :ivar added: ours that were not there.
    :ivar updated: ours that were there in another form, or more than once.
    :ivar removed: ours that are not wanted (any more), and foreign ones that were to be taken out.
    :ivar kept: everything that stays as it is, foreign and ours.
    :ivar elements: of Version and Id those that get another value. A merge leaves them alone.
    """

    document: Document | None
    added: tuple[Label, ...] = ()
    updated: tuple[Label, ...] = ()
    removed: tuple[Label, ...] = ()
    kept: tuple[Label, ...] = ()
    elements: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the policy has to be written."""
        return bool(self.added or self.updated or self.removed or self.elements)

    def summary(self) -> dict[str, list[Label]]:
        """The labels as lists, for a module's result."""
        return {name: list(getattr(self, name)) for name in ("added", "updated", "removed", "kept")}


def merge(
    document: Document | None, statements: Sequence[Mapping[str, Any]], *, take_out: Collection[int] = ()
) -> Merge:
    """Bring ``statements`` into the policy: the foreign ones first, in their order, then ours in the order given.

    A policy that already has them, in any form that means the same, comes back as it is. Ours are recognised by their
    Sid alone: a foreign statement of the same content is neither adopted nor removed.

    :param document: the policy as read; None for none.
    :param statements: ours, each with a distinct Sid of ours.
    :param take_out: indices of foreign statements to remove.
    :raises ValueError: when a statement is not ours, a Sid stands twice, or an index names no foreign statement.
    """
    wanted = {str(statement.get("Sid")): statement for statement in statements}
    if len(wanted) != len(statements) or not all(is_ours(statement) for statement in statements):
        raise ValueError("the statements to merge must have distinct Sids of ours")
    before = document.statements if document else ()
    foreign = [index for index, statement in enumerate(before) if not is_ours(statement)]
    if not set(take_out) <= set(foreign):
        raise ValueError("only foreign statements can be taken out")

    present: dict[str, list[Mapping[str, Any]]] = {}
    for statement in before:
        if is_ours(statement):
            present.setdefault(statement["Sid"], []).append(statement)
    added = [sid for sid in wanted if sid not in present]
    same = [sid for sid in wanted if sid in present and _are(present[sid], wanted[sid])]
    updated = [sid for sid in wanted if sid in present and sid not in same]
    removed = [_label(before, index) for index in sorted(take_out)] + [sid for sid in present if sid not in wanted]
    stays = [index for index in foreign if index not in take_out]

    outcome = Merge(
        document=document,
        added=tuple(added),
        updated=tuple(updated),
        removed=tuple(removed),
        kept=(*(_label(before, index) for index in stays), *same),
    )
    if not outcome.changed:
        return outcome
    return _with_statements(outcome, [*(before[index] for index in stays), *statements])


def remove(document: Document | None) -> Merge:
    """Take ours out of the policy, and nothing else.

    One statement that is left is written as one object: whether it was an object or a list of one before ours came in
    cannot be known, since S3 keeps no such difference, and both mean the same.
    """
    outcome = merge(document, ())
    if outcome.changed and outcome.document and len(outcome.document.statements) == 1:
        rest = outcome.document
        return _with_statements(outcome, rest.statements, single=True)
    return outcome


def difference(before: Document | None, after: Document | None) -> Merge:
    """What changes from one policy to another that comes in its place, whosever the statements are.

    Statements that are added are named by their index in ``after`` where they have no Sid.
    """
    old = dict(enumerate(before.statements if before else ()))
    new = dict(enumerate(after.statements if after else ()))
    added, removed = _alone(new, old, _key), _alone(old, new, _key)
    # One Sid on both sides is one statement in another form.
    came, went = _alone(added, removed, _sid), _alone(removed, added, _sid)
    first, second = normal_form(before), normal_form(after)
    elements = [name for name in ("Version", "Id") if first and second and first[name] != second[name]]
    change = Merge(
        document=after,
        added=_labels(came),
        updated=_labels({index: removed[index] for index in removed if index not in went}),
        removed=_labels(went),
        kept=_labels({index: old[index] for index in old if index not in removed}),
        elements=tuple(elements),
    )
    return change if change.changed else replace(change, document=before)


_Indexed = Mapping[int, Mapping[str, Any]]


def _alone(
    these: _Indexed, those: _Indexed, name: Callable[[Mapping[str, Any]], str | None]
) -> dict[int, Mapping[str, Any]]:
    """Those of ``these`` that have no counterpart of the same name among ``those``: each is that of one alone."""
    there = Counter(name(statement) for statement in those.values())
    del there[None]
    alone: dict[int, Mapping[str, Any]] = {}
    for index, statement in these.items():
        if there[name(statement)]:
            there[name(statement)] -= 1
        else:
            alone[index] = statement
    return alone


def _sid(statement: Mapping[str, Any]) -> str | None:
    return statement.get("Sid") or None


def _labels(statements: _Indexed) -> tuple[Label, ...]:
    return tuple(label(statement, index) for index, statement in statements.items())


def lost_statements(before: Document | None, after: Document | None) -> list[Label]:
    """The foreign statements of ``before`` that ``after`` does not have, compared in normal form.

    One is there, too, where S3 has changed its canonical users to accounts: both name the same (Amazon S3 User Guide,
    "Principals for bucket policies").
    """
    there = Counter(_key(statement) for statement in _foreign(after))
    missing: list[tuple[Label, Mapping[str, Any]]] = []
    for index, statement in enumerate(before.statements if before else ()):
        if is_ours(statement):
            continue
        key = _key(statement)
        if there[key]:
            there[key] -= 1
        else:
            missing.append((label(statement, index), normal_statement(statement)))
    rest = [json.loads(key) for key in there.elements()]
    lost: list[Label] = []
    for name, normal in missing:
        found = next((one for one in rest if _is_with_accounts(normal, one)), None)
        if found is None:
            lost.append(name)
        else:
            rest.remove(found)
    return lost


def _is_with_accounts(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether two statements in normal form differ at most in canonical users that became accounts."""
    principals = ("Principal", "NotPrincipal")
    return {**before, **dict.fromkeys(principals)} == {**after, **dict.fromkeys(principals)} and all(
        _are_with_accounts(before.get(element, {}), after.get(element, {})) for element in principals
    )


def _are_with_accounts(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    old = {kind: set(names) for kind, names in before.items()}
    new = {kind: set(names) for kind, names in after.items()}
    gone = old.get("CanonicalUser", set()) - new.get("CanonicalUser", set())
    came = new.get("AWS", set()) - old.get("AWS", set())
    expected = {
        **old,
        "CanonicalUser": old.get("CanonicalUser", set()) - gone,
        "AWS": old.get("AWS", set()) | came,
    }
    return (
        {kind: names for kind, names in expected.items() if names} == new
        # Several of them may be of one account, and the account may have been named beside them.
        and len(came) <= len(gone)
        and all(_ACCOUNT.fullmatch(name) for name in came)
    )


def _key(statement: Mapping[str, Any]) -> str:
    """One text for statements that S3 treats as equal."""
    return json.dumps(normal_statement(statement), sort_keys=True)


def _foreign(document: Document | None) -> Iterable[Mapping[str, Any]]:
    return (statement for statement in (document.statements if document else ()) if not is_ours(statement))


def _are(present: Sequence[Mapping[str, Any]], wanted: Mapping[str, Any]) -> bool:
    return len(present) == 1 and normal_statement(present[0]) == normal_statement(wanted)


def _label(statements: Sequence[Mapping[str, Any]], index: int) -> Label:
    return label(statements[index], index)


def _with_statements(outcome: Merge, statements: Sequence[Mapping[str, Any]], *, single: bool = False) -> Merge:
    document = None
    if statements:
        document = (outcome.document or Document(statements=())).with_statements(statements, single=single)
    return replace(outcome, document=document)
