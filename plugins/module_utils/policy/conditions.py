# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Condition operators of IAM, with three answers: true, false, unknown.

A condition key that the request does not settle is unknown, not false. What depends on it stays unknown, and says on
which keys.

Sources: IAM User Guide, "IAM JSON policy elements: Condition operators", "Conditions with multiple context keys or
values", "Set operators for multivalued context keys" and "IAM policy elements: Variables and tags".
"""

from __future__ import annotations

import functools
import ipaddress
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Optional, Union

from ansible_collections.sealed.s3.plugins.module_utils.policy.document import CURRENT_VERSION, as_list, value_text

Truth = Optional[bool]
"""True, False, or None for unknown."""


@dataclass(frozen=True)
class Verdict:
    """An answer.

    :ivar truth: true, false, or None for unknown.
    :ivar unknown_keys: the condition keys that left it open; empty unless it is unknown.
    """

    truth: Truth
    unknown_keys: frozenset[str] = frozenset()


TRUE = Verdict(True)
FALSE = Verdict(False)


def unknown(*keys: str) -> Verdict:
    """The answer that depends on ``keys``."""
    return Verdict(None, frozenset(keys))


def negation(verdict: Verdict) -> Verdict:
    """The opposite; unknown stays unknown."""
    return verdict if verdict.truth is None else Verdict(not verdict.truth)


def all_of(verdicts: Iterable[Verdict]) -> Verdict:
    """True when all are; false as soon as one is, whatever the others; otherwise unknown."""
    return _joined(verdicts, settled_by=False)


def any_of(verdicts: Iterable[Verdict]) -> Verdict:
    """True as soon as one is, whatever the others; false when all are; otherwise unknown."""
    return _joined(verdicts, settled_by=True)


def _joined(verdicts: Iterable[Verdict], *, settled_by: bool) -> Verdict:
    keys: frozenset[str] = frozenset()
    settled = True
    for verdict in verdicts:
        if verdict.truth is settled_by:
            return verdict
        settled = settled and verdict.truth is not None
        keys |= verdict.unknown_keys
    return Verdict(not settled_by) if settled else Verdict(None, keys)


class Context:
    """What is known of a request: condition keys, without regard to case, and their values.

    :param values: for each key that is settled its value or values, or None where it is known to be absent. A key that
        is not in the mapping is unknown.
    """

    def __init__(self, values: Mapping[str, str | Sequence[str] | None]) -> None:
        self._values: dict[str, tuple[str, ...] | None] = {
            key.lower(): None if value is None else tuple(value_text(one) for one in as_list(value))
            for key, value in values.items()
        }

    def settles(self, key: str) -> bool:
        """Whether anything is known of the key."""
        return key.lower() in self._values

    def values(self, key: str) -> tuple[str, ...] | None:
        """The values of a settled key; None where it is absent.

        :raises KeyError: for a key that is not settled.
        """
        return self._values[key.lower()]


def evaluate(condition: Any, context: Context, *, version: str | None) -> Verdict:
    """Whether a Condition block holds: all of its operators, for all of their keys.

    :param condition: the block, None for none. What has not its form is unknown, and named.
    :param version: the Version of the policy; variables are variables only under 2012-10-17.
    """
    return TRUE if condition is None else all_of(_block(condition, context, version))


def _block(condition: Any, context: Context, version: str | None) -> Iterator[Verdict]:
    if not isinstance(condition, Mapping):
        yield unknown("the element Condition")
        return
    for operator, keys in condition.items():
        if isinstance(keys, Mapping):
            for key, values in keys.items():
                yield _operator(operator, key, as_list(values), context, version)
        else:
            yield unknown(f"the operator {operator}")


def wildcard_match(pattern: str, value: str) -> bool:
    """Whether the value matches a pattern with ``*`` and ``?``, with regard to case. Without backtracking."""
    return _pattern(pattern, True).matches(value)


def arn_match(pattern: str, value: str) -> bool:
    """Whether an ARN matches a pattern: each of its six parts for itself, with ``*`` and ``?``."""
    return _arn_match(_pattern(pattern, True), value)


# --- Patterns ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Wildcard:
    text: str


_Token = Union[str, _Wildcard]
_MANY = _Wildcard("*")
_ONE = _Wildcard("?")
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_DEFAULT = re.compile(r"\s*([^,\s]+)\s*,\s*'([^']*)'\s*")


class Pattern:
    """A policy's text with its wildcards, its variables put in.

    :ivar unknown_keys: variables whose value is not known; each stands in the pattern as ``*``.
    """

    def __init__(self, tokens: Sequence[_Token], unknown_keys: frozenset[str] = frozenset()) -> None:
        self.tokens = tuple(tokens)
        self.unknown_keys = unknown_keys

    @functools.cached_property
    def _segments(self) -> list[_Segment]:
        """The stretches between the ``*``."""
        segments: list[list[_Token]] = [[]]
        for token in self.tokens:
            if token is _MANY:
                segments.append([])
            else:
                segments[-1].append(token)
        return [_Segment(segment) for segment in segments]

    @functools.cached_property
    def _literal(self) -> str | None:
        """The text before a closing ``*``, or all of it, where there is no other wildcard. Most are like that."""
        first, *others = self._segments
        if first.text is None or len(others) > 1 or (others and others[0].length):
            return None
        return first.text

    def matches(self, value: str) -> bool:
        """Whether the whole value matches."""
        first, *others = self._segments
        if not others:
            return len(value) == first.length and first.stands_at(value, 0)
        *middle, last = others
        if len(value) < first.length + last.length or not first.stands_at(value, 0):
            return False
        end = len(value) - last.length
        position = first.length
        for segment in middle:
            # The leftmost place is always good enough: what follows may start anywhere behind it.
            at = segment.find(value, position, end)
            if at < 0:
                return False
            position = at + segment.length
        return last.stands_at(value, end)

    def may_match_after(self, start: str) -> bool:
        """Whether some value matches that begins with ``start`` and goes on by at least one character."""
        literal = self._literal
        if literal is not None:
            if len(literal) > len(start):
                return literal.startswith(start)
            return len(self._segments) == 2 and start.startswith(literal)
        *_before, places = self._places(start)
        return any(place < len(self._steps) for place in places)

    def matches_all_after(self, start: str) -> bool:
        """Whether every value matches that begins with ``start``, as far as a closing ``*`` shows it."""
        if not self.tokens or self.tokens[-1] is not _MANY:
            return False
        literal = self._literal
        if literal is not None:
            return start.startswith(literal)
        return any(len(self._steps) in places for places in self._places(start))

    @functools.cached_property
    def _steps(self) -> list[_Token]:
        """The tokens with one ``*`` for several in a row, which mean the same and would all be places to be."""
        pairs = itertools.pairwise((None, *self.tokens))
        return [token for before, token in pairs if token is not None and not (before is _MANY and token is _MANY)]

    def _places(self, start: str) -> Iterator[set[int]]:
        """Where in the pattern one can be after no character of ``start``, after one, and so on."""
        places = _after_many(self._steps, {0})
        yield places
        for character in start:
            moved = set()
            for place in places:
                if place < len(self._steps):
                    token = self._steps[place]
                    if token is _MANY:
                        moved.add(place)
                    elif token is _ONE or token == character:
                        moved.add(place + 1)
            places = _after_many(self._steps, moved)
            yield places

    def casefold(self) -> Pattern:
        """The pattern for comparison without regard to case."""
        folded: list[_Token] = []
        for token in self.tokens:
            folded += [token] if isinstance(token, _Wildcard) else token.casefold()
        return Pattern(folded, self.unknown_keys)

    def split(self, separator: str, most: int) -> list[Pattern]:
        """The pattern in parts, at most ``most`` cuts, as ``str.split`` does."""
        parts: list[list[_Token]] = [[]]
        for token in self.tokens:
            if token == separator and len(parts) <= most:
                parts.append([])
            else:
                parts[-1].append(token)
        return [Pattern(part) for part in parts]


def pattern_of(text: str, context: Context, *, version: str | None, wildcards: bool = True) -> Pattern | None:
    """The pattern of a policy's text, with its variables put in.

    :param version: the policy's Version; under another than 2012-10-17 variables are plain text.
    :param wildcards: whether ``*`` and ``?`` are wildcards.
    :returns: None when a variable is absent from the request and has no default: then nothing matches, or the whole
        statement is invalid ("IAM policy elements: Variables and tags": it "might cause the entire statement to be
        invalid").
    """
    if "${" not in text:
        return _pattern(text, wildcards)
    tokens: list[_Token] = []
    missing: set[str] = set()
    position = 0
    for found in _VARIABLE.finditer(text) if version == CURRENT_VERSION else ():
        tokens += _tokens(text[position : found.start()], wildcards=wildcards)
        position = found.end()
        name = found.group(1)
        if name in ("*", "?", "$"):
            tokens.append(name)
            continue
        default = _DEFAULT.fullmatch(name)
        key = default.group(1) if default else name.strip()
        if not context.settles(key):
            missing.add(key)
            tokens.append(_MANY)
            continue
        # Only a key with one value can be a variable.
        values = context.values(key) or ()
        if len(values) == 1:
            tokens += values[0]
        elif default:
            tokens += default.group(2)
        else:
            return None
    tokens += _tokens(text[position:], wildcards=wildcards)
    return Pattern(tokens, frozenset(missing))


def _tokens(text: str, *, wildcards: bool = True) -> list[_Token]:
    wild = {"*": _MANY, "?": _ONE} if wildcards else {}
    return [wild.get(character, character) for character in text]


def _pattern(text: str, wildcards: bool) -> Pattern:
    """The pattern of a text without variables."""
    return _remembered(text, wildcards) if len(text) <= _REMEMBERED_AT_MOST else _plain(text, wildcards)


def _plain(text: str, wildcards: bool) -> Pattern:
    return Pattern(_tokens(text, wildcards=wildcards))


# The same few texts are compared over and over: one policy with each kind of request, and many policies alike. Texts
# that nobody writes by hand would take more memory than that is worth, over thousands of policies.
_REMEMBERED_AT_MOST = 256
_remembered = functools.lru_cache(maxsize=4096)(_plain)


class _Segment:
    """A stretch without ``*``.

    :ivar text: the stretch where it has no ``?``, else None.
    """

    def __init__(self, tokens: Sequence[_Token]) -> None:
        self.length = len(tokens)
        self.text = None if _ONE in tokens else "".join(str(token) for token in tokens)
        self._tokens = tokens

    def stands_at(self, value: str, start: int) -> bool:
        """Whether it stands in ``value`` at ``start``."""
        if self.text is not None:
            return value.startswith(self.text, start)
        there = value[start : start + self.length]
        return len(there) == self.length and all(
            token is _ONE or token == one for token, one in zip(self._tokens, there, strict=True)
        )

    def find(self, value: str, start: int, end: int) -> int:
        """The first place in ``value[start:end]`` where it stands; -1 for none.

        Where it has a ``?``, all places are followed at once, each in a bit of a number: however the two repeat
        themselves, no character is looked at twice.
        """
        if self.text is not None:
            return value.find(self.text, start, end)
        anything, of_character = self._bits
        whole = 1 << (self.length - 1)
        places = 0
        for position in range(start, end):
            places = ((places << 1) | 1) & of_character.get(value[position], anything)
            if places & whole:
                return position + 1 - self.length
        return -1

    @functools.cached_property
    def _bits(self) -> tuple[int, dict[str, int]]:
        """The places of the ``?``, and for each character the places where it, or a ``?``, stands."""
        anything = 0
        of_character: dict[str, int] = {}
        for place, token in enumerate(self._tokens):
            if isinstance(token, _Wildcard):
                anything |= 1 << place
            else:
                of_character[token] = of_character.get(token, 0) | 1 << place
        return anything, {character: anything | places for character, places in of_character.items()}


def _after_many(tokens: Sequence[_Token], places: set[int]) -> set[int]:
    """The places with those behind a ``*``, which may stand for nothing."""
    reached = set(places)
    for place in sorted(places):
        while place < len(tokens) and tokens[place] is _MANY and place + 1 not in reached:
            place += 1
            reached.add(place)
    return reached


# --- Operators --------------------------------------------------------------------------------------------------------

_OPERATOR = re.compile(r"(?:(?P<set>forallvalues|foranyvalue):)?(?P<name>[a-z]+?)(?P<ifexists>ifexists)?", re.I)


def _operator(operator: str, key: str, wanted: Sequence[Any], context: Context, version: str | None) -> Verdict:
    # The documents do not say whether an operator's case matters. To disregard it errs towards seeing a deny.
    parsed = _OPERATOR.fullmatch(operator)
    name = parsed.group("name").lower() if parsed else ""
    if_exists = parsed is not None and parsed.group("ifexists") is not None
    # IfExists can follow every operator but Null.
    if parsed is None or (name not in _COMPARISONS and (name != "null" or if_exists)):
        return unknown(f"the operator {operator}")
    if not context.settles(key):
        return unknown(key)
    values = context.values(key)
    texts = [value_text(one) for one in wanted]
    if name == "null":
        # Null asks whether the key is absent; a key without a value counts as that.
        return Verdict(any(text.lower() == ("false" if values else "true") for text in texts))
    comparison, negated = _COMPARISONS[name]
    quantifier = (parsed.group("set") or "").lower()
    if not values:
        return Verdict(if_exists or (quantifier == "forallvalues" if quantifier else negated))

    def holds(value: str) -> Verdict:
        met = any_of(comparison(text, value, context, version) for text in texts)
        return negation(met) if negated else met

    if quantifier == "forallvalues":
        return all_of(holds(value) for value in values)
    if quantifier == "foranyvalue" or not negated:
        return any_of(holds(value) for value in values)
    return all_of(holds(value) for value in values)


_Comparison = Callable[[str, str, Context, "str | None"], Verdict]


def _text(*, wildcards: bool = False, fold: bool = False, negated: bool = False) -> _Comparison:
    def compare(wanted: str, value: str, context: Context, version: str | None) -> Verdict:
        pattern = pattern_of(wanted, context, version=version, wildcards=wildcards)
        if pattern is None:
            return _unresolved(wanted, negated)
        if fold:
            pattern, value = pattern.casefold(), value.casefold()
        return _matched(pattern, pattern.matches(value))

    return compare


def _arn(*, negated: bool = False) -> _Comparison:
    def compare(wanted: str, value: str, context: Context, version: str | None) -> Verdict:
        pattern = pattern_of(wanted, context, version=version)
        return _unresolved(wanted, negated) if pattern is None else _matched(pattern, _arn_match(pattern, value))

    return compare


def _matched(pattern: Pattern, matches: bool) -> Verdict:
    return unknown(*pattern.unknown_keys) if matches and pattern.unknown_keys else Verdict(matches)


def _unresolved(wanted: str, negated: bool) -> Verdict:
    """A variable that is absent. A statement that needs a match does not apply, whatever AWS does; one that needs none
    applies, unless AWS takes it for invalid."""
    return unknown(f"the variable in {wanted}") if negated else FALSE


def _arn_match(pattern: Pattern, value: str) -> bool:
    if pattern.unknown_keys or pattern.tokens == (_MANY,):
        # A variable may hold colons; a lone "*" stands for any ARN.
        return pattern.matches(value)
    parts, values = pattern.split(":", 5), value.split(":", 5)
    return len(parts) == len(values) == 6 and all(part.matches(one) for part, one in zip(parts, values, strict=True))


def _ordered(parse: Callable[[str], Decimal | None], test: Callable[[Decimal, Decimal], bool]) -> _Comparison:
    def compare(wanted: str, value: str, context: Context, version: str | None) -> Verdict:
        policy, request = parse(wanted), parse(value)
        return Verdict(policy is not None and request is not None and test(request, policy))

    return compare


_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_DATE = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2}))?)?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _number(text: str) -> Decimal | None:
    """The number; None for anything else, which then compares as false."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _date(text: str) -> Decimal | None:
    """Seconds since 1970 of an ISO 8601 date (W3C profile) or of epoch seconds; None for anything else."""
    parsed = _DATE.fullmatch(text)
    if parsed is None or (parsed.group("month") is None and len(text) != 4):
        return _number(text) if re.fullmatch(r"[+-]?[0-9]{1,15}", text) else None
    zone = parsed.group("zone") or "Z"
    offset = timedelta()
    if zone != "Z":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:])) * (-1 if zone[0] == "-" else 1)
    try:
        moment = datetime(
            int(parsed.group("year")),
            int(parsed.group("month") or 1),
            int(parsed.group("day") or 1),
            int(parsed.group("hour") or 0),
            int(parsed.group("minute") or 0),
            int(parsed.group("second") or 0),
            tzinfo=timezone.utc,
        )
    except ValueError:
        return None
    elapsed = moment - _EPOCH - offset if abs(offset) < timedelta(days=1) else None
    if elapsed is None:
        return None
    return Decimal(elapsed.days * 86400 + elapsed.seconds) + Decimal(f"0.{parsed.group('fraction') or 0}")


def _binary(wanted: str, value: str, context: Context, version: str | None) -> Verdict:
    return Verdict(wanted == value)


def _address(wanted: str, value: str, context: Context, version: str | None) -> Verdict:
    try:
        return Verdict(ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False))
    except ValueError:
        return FALSE


def _families() -> dict[str, tuple[_Comparison, bool]]:
    """Every operator by its lower-case name: the comparison of one value, and whether the operator negates it."""
    comparisons: dict[str, tuple[_Comparison, bool]] = {
        "stringequals": (_text(), False),
        "stringnotequals": (_text(negated=True), True),
        "stringequalsignorecase": (_text(fold=True), False),
        "stringnotequalsignorecase": (_text(fold=True, negated=True), True),
        "stringlike": (_text(wildcards=True), False),
        "stringnotlike": (_text(wildcards=True, negated=True), True),
        # ArnEquals and ArnLike behave identically.
        "arnequals": (_arn(), False),
        "arnnotequals": (_arn(negated=True), True),
        "arnlike": (_arn(), False),
        "arnnotlike": (_arn(negated=True), True),
        # Of the operators that are not for strings or ARNs, Bool alone takes variables.
        "bool": (_text(fold=True), False),
        "binaryequals": (_binary, False),
        "ipaddress": (_address, False),
        "notipaddress": (_address, True),
    }
    for family, parse in (("numeric", _number), ("date", _date)):
        comparisons |= {
            f"{family}equals": (_ordered(parse, lambda request, policy: request == policy), False),
            f"{family}notequals": (_ordered(parse, lambda request, policy: request == policy), True),
            f"{family}lessthan": (_ordered(parse, lambda request, policy: request < policy), False),
            f"{family}lessthanequals": (_ordered(parse, lambda request, policy: request <= policy), False),
            f"{family}greaterthan": (_ordered(parse, lambda request, policy: request > policy), False),
            f"{family}greaterthanequals": (_ordered(parse, lambda request, policy: request >= policy), False),
        }
    return comparisons


_COMPARISONS = _families()
