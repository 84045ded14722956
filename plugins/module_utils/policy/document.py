# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A resource policy: parse it, check it, compare it, measure it, write it.

A :class:`Document` keeps what was read. Comparison goes through a normal form, because S3 hands a policy back in
another form than the one it was given: one-element lists become strings, booleans and numbers become strings, account
ids and root ARNs are interchangeable, keys change their order.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, Union

from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError, shown

MAX_SIZE = 20480
"""The largest bucket policy that S3 takes, in bytes (Amazon S3 User Guide, "Bucket policies": 20 KB)."""

MAX_READ = 65536
"""The largest policy that is read at all, in bytes: twice the largest that AWS keeps (KMS: 32 KB)."""
_MAX_TEXT = 1_000_000
"""The longest text that is looked into: also with all the spaces that people put in, no policy is longer."""

CURRENT_VERSION = "2012-10-17"
DEFAULT_VERSION = "2008-10-17"
"""What a policy without a Version is read as (IAM User Guide, "IAM JSON policy elements: Version")."""

Label = Union[str, int]
"""How a statement is named: its Sid, or its index where it has none."""

_TOP_ELEMENTS = ("Version", "Id", "Statement")
_STATEMENT_ELEMENTS = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)
_ALTERNATIVES = (("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource"))
_PRINCIPAL_TYPES = ("AWS", "Service", "Federated", "CanonicalUser")
_WHERE_ANYBODY = "policy"
_TOO_MANY_DIGITS = "found a value that cannot be read: a number of too many digits"

_ROOT_ARN = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):root")
# Without two repetitions that could share the same zeros: what others wrote may be all zeros.
_PLAIN_NUMBER = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]*))?")


class DocumentError(PolicyError):
    """A policy is malformed.

    :ivar place: where, as in ``Statement[2].Condition.StringEquals``; ``policy`` for the whole of it.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}", place=place)
        self.place = place


@dataclass(frozen=True)
class Document:
    """A checked policy, as it was read.

    :ivar statements: the statements as they were read, in their order. Not to be changed in place.
    :ivar single: whether ``Statement`` was one object instead of a list.
    :ivar top: the other top-level elements with their values, in the order read; ``Statement`` stands among them with
        the value None, to keep its place.
    """

    statements: tuple[dict[str, Any], ...]
    single: bool = False
    top: tuple[tuple[str, Any], ...] = (("Version", CURRENT_VERSION), ("Statement", None))

    @property
    def version(self) -> str | None:
        """The Version as it was read; None where there is none, which means :data:`DEFAULT_VERSION`."""
        return dict(self.top).get("Version")

    @property
    def id(self) -> str | None:
        """The Id as it was read, None where there is none."""
        return dict(self.top).get("Id")

    def with_statements(self, statements: Iterable[Mapping[str, Any]], *, single: bool = False) -> Document:
        """The same document with other statements; Version and Id stay as they are.

        :param single: write ``Statement`` as one object; for exactly one statement.
        """
        chosen = tuple(copy.deepcopy(dict(statement)) for statement in statements)
        return replace(self, statements=chosen, single=single and len(chosen) == 1)

    def to_dict(self) -> dict[str, Any]:
        """The policy as a new mapping, in the form in which it was read."""
        listed = [copy.deepcopy(statement) for statement in self.statements]
        whole = listed[0] if self.single else listed
        return {name: whole if name == "Statement" else value for name, value in self.top}


def parse(source: str | bytes | Mapping[str, Any]) -> Document:
    """Read a policy from JSON text or from a mapping.

    One that is far longer than AWS keeps any is refused before it is looked at: it would take its time.

    :raises DocumentError: when it is not a policy; the error names the place.
    """
    if isinstance(source, (str, bytes)) and len(source) > _MAX_TEXT:
        _too_long()
    if isinstance(source, bytes):
        try:
            source = source.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DocumentError(_WHERE_ANYBODY, f"expected UTF-8, found a stray byte at {error.start}") from error
    found = _load(source) if isinstance(source, str) else source
    if not isinstance(found, Mapping):
        _unexpected(_WHERE_ANYBODY, "a JSON object", found)
    # A text of no more letters has no more in it.
    if not (isinstance(source, str) and len(source) <= MAX_READ) and _is_longer(found, MAX_READ):
        _too_long()

    _check_elements(found, _WHERE_ANYBODY, _TOP_ELEMENTS)
    if "Version" in found and found["Version"] not in (CURRENT_VERSION, DEFAULT_VERSION):
        _unexpected("Version", f'"{CURRENT_VERSION}" or "{DEFAULT_VERSION}"', found["Version"])
    if "Id" in found:
        _check_text(found["Id"], "Id")
    if "Statement" not in found:
        raise DocumentError(_WHERE_ANYBODY, "expected the element Statement, found none")

    listed = found["Statement"]
    single = isinstance(listed, Mapping)
    if single:
        listed = [listed]
    elif not _is_list(listed):
        _unexpected("Statement", "a list of statements or one statement", listed)
    for index, statement in enumerate(listed):
        _check_statement(statement, "Statement" if single else f"Statement[{index}]")

    return Document(
        statements=tuple(_plain(statement) for statement in listed),
        single=single,
        top=tuple((str(name), None if name == "Statement" else _plain(value)) for name, value in found.items()),
    )


def serialise(document: Document) -> str:
    """The policy as compact JSON, the form that is sent and that S3 counts."""
    return _compact(document.to_dict())


def readable(document: Document | None) -> str:
    """The policy as JSON that people can read; nothing for none."""
    return json.dumps(document.to_dict(), indent=2, ensure_ascii=False) + "\n" if document else ""


def size(document: Document) -> int:
    """Bytes that S3 counts for the policy: compact JSON in UTF-8."""
    return len(serialise(document).encode("utf-8"))


def statement_sizes(document: Document) -> list[tuple[Label, int]]:
    """Each statement's label and its share of :func:`size`, in bytes, in the order of the document."""
    return [
        (label(statement, index), len(_compact(statement).encode("utf-8")))
        for index, statement in enumerate(document.statements)
    ]


def label(statement: Mapping[str, Any], index: int) -> Label:
    """How to name a statement: by its Sid, or by its index where it has none."""
    return statement.get("Sid") or index


def labels(document: Document | None) -> list[Label]:
    """The labels of all statements, in their order."""
    return [label(statement, index) for index, statement in enumerate(document.statements)] if document else []


def equal(first: Document | None, second: Document | None) -> bool:
    """Whether S3 treats both policies as the same; None is a bucket without a policy."""
    return normal_form(first) == normal_form(second)


def normal_form(document: Document | None) -> dict[str, Any] | None:
    """The policy in a form that is equal for policies that S3 treats as equal, for ``==``.

    None for a missing policy and for one without statements: neither says anything.
    """
    if document is None or not document.statements:
        return None
    return {
        "Version": document.version or DEFAULT_VERSION,
        "Id": document.id or None,
        "Statement": sorted((normal_statement(statement) for statement in document.statements), key=_compact),
    }


def digest(document: Document | None) -> str:
    """16 hexadecimal digits that are the same for policies that S3 treats as equal, and different for others."""
    return hashlib.sha256(_compact(normal_form(document)).encode("utf-8")).hexdigest()[:16]


def normal_statement(statement: Mapping[str, Any]) -> dict[str, Any]:
    """One statement in normal form: lists sorted and without duplicates, names of one case, numbers as text."""
    normal: dict[str, Any] = {"Effect": statement["Effect"]}
    if statement.get("Sid"):
        normal["Sid"] = statement["Sid"]
    for name in ("Principal", "NotPrincipal"):
        if name in statement:
            normal[name] = _normal_principal(statement[name])
    for name in ("Action", "NotAction"):
        if name in statement:
            normal[name] = _distinct(action.lower() for action in as_list(statement[name]))
    for name in ("Resource", "NotResource"):
        if name in statement:
            normal[name] = _distinct(as_list(statement[name]))
    condition = _normal_condition(statement.get("Condition") or {})
    if condition:
        normal["Condition"] = condition
    return normal


def as_list(value: Any) -> list[Any]:
    """A policy's value as a list: policies write one value as itself or as a list of one."""
    return list(value) if _is_list(value) else [value]


def value_text(value: Any) -> str:
    """A condition's value as S3 hands it back: booleans and numbers become text."""
    return value if isinstance(value, str) else json.dumps(value)


def _normal_principal(principal: Any) -> dict[str, list[str]]:
    if not isinstance(principal, Mapping):
        return {"AWS": [principal]}
    return {
        name: _distinct(_account_id(value) if name == "AWS" else value for value in as_list(principal[name]))
        for name in sorted(principal)
    }


def _account_id(principal: str) -> str:
    """The account id for a root ARN: both name the account (IAM User Guide, "AWS account principals")."""
    root = _ROOT_ARN.fullmatch(principal)
    return root.group(1) if root else principal


def _normal_condition(condition: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    normal: dict[str, dict[str, list[str]]] = {}
    for operator in sorted(condition):
        numeric = operator.lower().startswith("numeric")
        keys: dict[str, list[str]] = {}
        for key in sorted(condition[operator], key=str.lower):
            values = [value_text(value) for value in as_list(condition[operator][key])]
            keys[key.lower()] = _distinct(_number_text(value) if numeric else value for value in values)
        if keys:
            normal[operator] = keys
    return normal


def _number_text(text: str) -> str:
    """One text for 5, 5.0 and 05; what is no plain number stays as it is."""
    plain = _PLAIN_NUMBER.fullmatch(text)
    if plain is None:
        return text
    sign, whole, fraction = plain.group(1), plain.group(2).lstrip("0") or "0", (plain.group(3) or "").rstrip("0")
    number = f"{whole}.{fraction}" if fraction else whole
    return f"-{number}" if sign == "-" and number != "0" else number


def _distinct(values: Iterable[str]) -> list[str]:
    return sorted(set(values))


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    """A copy in plain types: what comes from Ansible may be subclasses of str, list and dict."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if _is_list(value):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _load(text: str) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_exact,
        )
    except json.JSONDecodeError as error:
        raise DocumentError(
            _WHERE_ANYBODY, f"expected JSON, found an error at line {error.lineno} column {error.colno}: {error.msg}"
        ) from error
    except RecursionError as error:
        raise DocumentError(_WHERE_ANYBODY, "expected a policy, found JSON that is nested too deeply") from error
    except ValueError as error:
        if isinstance(error, DocumentError):
            raise
        # Python refuses to convert integers of more than some thousands of digits.
        raise DocumentError(_WHERE_ANYBODY, f"expected a policy, {_TOO_MANY_DIGITS}") from error


def _exact(text: str) -> float:
    """The number that a text is. One that would come out as another number cannot be kept, so it is refused."""
    number = float(text)
    try:
        same = not math.isfinite(number) or Decimal(text) == Decimal(repr(number))
    except InvalidOperation:
        same = False
    if not same:
        raise DocumentError(_WHERE_ANYBODY, f"found the number {shown(text)}, whose digits would be lost: quote it")
    return number


def _too_long() -> NoReturn:
    raise DocumentError(
        _WHERE_ANYBODY, f"expected at most {MAX_READ} bytes, found more; S3 takes a bucket policy of {MAX_SIZE} bytes"
    )


def _is_longer(value: Any, most: int) -> bool:
    """Whether a value certainly has more bytes as JSON. It may be as deep as it wants, and contain itself."""
    count = 0
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            count += 2 * len(one)
        elif isinstance(one, str) or _is_list(one):
            count += len(one)
        if count > most:
            return True
        if isinstance(one, Mapping):
            waiting += one
            waiting += one.values()
        elif _is_list(one):
            waiting += one
    return False


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping of the pairs. A name that stands twice would lose one of its values without a word."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise DocumentError(_WHERE_ANYBODY, f'expected every name once in an object, found "{shown(name)}" twice')
        found[name] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise DocumentError(_WHERE_ANYBODY, f"expected JSON, found {name}, which JSON does not have")


def _check_statement(statement: Any, place: str) -> None:
    if not isinstance(statement, Mapping):
        _unexpected(place, "a mapping", statement)
    _check_elements(statement, place, _STATEMENT_ELEMENTS)
    if "Sid" in statement:
        _check_text(statement["Sid"], f"{place}.Sid")
    if "Effect" not in statement:
        raise DocumentError(place, "expected the element Effect, found none")
    if statement["Effect"] not in ("Allow", "Deny"):
        _unexpected(f"{place}.Effect", '"Allow" or "Deny"', statement["Effect"])
    for names in _ALTERNATIVES:
        given = [name for name in names if name in statement]
        if len(given) != 1:
            raise DocumentError(
                place, f"expected one of {names[0]} and {names[1]}, found {'both' if given else 'neither'}"
            )
    for name in ("Principal", "NotPrincipal"):
        if name in statement:
            _check_principal(statement[name], f"{place}.{name}")
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        if name in statement:
            _check_texts(statement[name], f"{place}.{name}")
    if "Condition" in statement:
        _check_condition(statement["Condition"], f"{place}.Condition")


def _check_principal(principal: Any, place: str) -> None:
    if isinstance(principal, str):
        if principal != "*":
            _unexpected(place, '"*" or a mapping', principal)
        return
    if not isinstance(principal, Mapping):
        _unexpected(place, '"*" or a mapping', principal)
    _check_elements(principal, place, _PRINCIPAL_TYPES)
    if not principal:
        raise DocumentError(place, "expected a principal, found an empty mapping")
    for name, value in principal.items():
        _check_texts(value, f"{place}.{name}")


def _check_condition(condition: Any, place: str) -> None:
    if not isinstance(condition, Mapping):
        _unexpected(place, "a mapping", condition)
    for operator, keys in condition.items():
        _check_text(operator, place)
        here = f"{place}.{shown(operator)}"
        if not isinstance(keys, Mapping):
            _unexpected(here, "a mapping", keys)
        written: dict[str, str] = {}
        for key, values in keys.items():
            _check_text(key, here)
            if key.lower() in written:
                # Condition keys have no case, so S3 would read one key with two sets of values.
                both = f'"{shown(written[key.lower()])}" and "{shown(key)}"'
                raise DocumentError(here, f"expected every condition key once, found {both}")
            written[key.lower()] = key
            for index, value in enumerate(as_list(values)):
                at = f"{here}.{shown(key)}" + (f"[{index}]" if _is_list(values) else "")
                _check_value(value, at)


def _check_value(value: Any, place: str) -> None:
    if isinstance(value, str):
        _check_text(value, place)
    elif not isinstance(value, (bool, int, float)):
        _unexpected(place, "text, a boolean or a number", value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            _unexpected(place, "text, a boolean or a number", str(value))
    else:
        try:
            json.dumps(value)
        except ValueError as error:
            raise DocumentError(place, f"expected text, a boolean or a number, {_TOO_MANY_DIGITS}") from error


def _check_texts(value: Any, place: str) -> None:
    if isinstance(value, str):
        _check_text(value, place)
        return
    if not _is_list(value):
        _unexpected(place, "text or a list of texts", value)
    if not value:
        raise DocumentError(place, "expected at least one value, found an empty list")
    for index, item in enumerate(value):
        _check_text(item, f"{place}[{index}]")


def _check_text(value: Any, place: str) -> None:
    if not isinstance(value, str):
        _unexpected(place, "text", value)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DocumentError(place, "expected text, found half of a surrogate pair, which UTF-8 cannot hold") from error


def _check_elements(mapping: Mapping[Any, Any], place: str, known: Sequence[str]) -> None:
    for name in mapping:
        if name not in known:
            raise DocumentError(place, f'expected {", ".join(known)}, found the unknown element "{shown(name)}"')


def _unexpected(place: str, wanted: str, found: Any) -> NoReturn:
    raise DocumentError(place, f"expected {wanted}, found {_kind(found)}")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, str):
        return f'the text "{shown(value)}"'
    if isinstance(value, Mapping):
        return "a mapping"
    if _is_list(value):
        return "a list"
    if isinstance(value, (int, float)):
        return "a number"
    return f"a value of type {type(value).__name__}"


def _is_list(value: Any) -> bool:
    # What JSON makes comes first, since asking an abstract class takes many times as long.
    kind = type(value)
    return kind is list or (
        kind is not str and kind is not dict and isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    )
