# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that work on many buckets in one run, documented in the doc fragment sealed.s3.fleet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.validation import check_type_bool, check_type_dict

from ansible_collections.sealed.s3.plugins.module_utils.aws.call import one_line, without_credentials
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError, Refused
from ansible_collections.sealed.s3.plugins.module_utils.aws.fleet import MOST_THREADS, THREADS
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import shown

DEFAULT = "default"
"""The name of the connection that the module's own options make."""

_CONNECTION_OPTIONS: dict[str, dict[str, Any]] = {
    "region": {"type": "str"},
    "profile": {"type": "str"},
    "access_key": {"type": "str", "no_log": False},
    "secret_key": {"type": "str", "no_log": True},
    "session_token": {"type": "str", "no_log": True},
    "endpoint_url": {"type": "str"},
    "aws_ca_bundle": {"type": "path"},
    # Of any type, since what is wrong with one connection is no reason to fail for the buckets of the others:
    # Connections converts them. That what is secret is declared here keeps it out of logs and results.
    "validate_certs": {"type": "raw"},
    "aws_config": {"type": "raw"},
    "assume_role_arn": {"type": "str"},
    "assume_role_external_id": {"type": "str"},
}

FLEET_ARGUMENTS: dict[str, dict[str, Any]] = {
    "buckets": {"type": "list", "elements": "raw"},
    "connections": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, **_CONNECTION_OPTIONS},
    },
    "threads": {"type": "int", "default": THREADS},
    "results_file": {"type": "path"},
}
"""The options of a module for many buckets."""

_CONVERTED: tuple[tuple[str, Callable[[Any], Any], str], ...] = (
    ("validate_certs", check_type_bool, "is neither true nor false"),
    ("aws_config", check_type_dict, "is no mapping"),
)
_CREDENTIALS = ("profile", "access_key", "secret_key", "session_token")
_WHICH = ("name", "connection", "region", "id")
_TOLD = ("profile", "assume_role_arn", "endpoint_url")


@dataclass(frozen=True)
class Asked:
    """One bucket of many, as it was asked for.

    :ivar connection: the name of its connection.
    :ivar region: its Region; None: wherever it is.
    :ivar params: the module's parameters for it, with ``bucket``.
    :ivar problem: why it cannot be asked for like that; then ``params`` may be incomplete.
    :ivar id: by what the result is to be recognised, where somebody asked for that.
    """

    name: str
    connection: str
    region: str | None
    params: Mapping[str, Any]
    problem: str | None = None
    id: str | None = None


class Connections:
    """The sessions of a run by the names of their connections, each made once.

    :param params: the module's parameters, with :data:`FLEET_ARGUMENTS`.
    :raises Refused: for a name that is given twice, or for a number of threads that cannot be.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.threads = threads(params)
        self._options: dict[str, dict[str, Any]] = {DEFAULT: dict(params)}
        given = params["connections"]
        counts = Counter(one["name"] for one in given)
        doubled = sorted(name for name, count in counts.items() if count > 1)
        if doubled:
            raise Refused(f"connections: {_listed(doubled)} is there more than once. Give each a name of its own.")
        self._given = list(counts)
        self._wrong: dict[str, str] = {}
        for one in given:
            name = one["name"]
            own, wrong = _converted(_said(one))
            self._options[name] = _overlaid(params, own)
            if wrong:
                self._wrong[name] = f"connections: {shown(name)}: {', '.join(wrong)}."
        self._sessions: dict[str, Session] = {}

    @property
    def names(self) -> list[str]:
        """Those that were given, or else the one that the module's own options make."""
        return self._given or [DEFAULT]

    def session(self, name: str) -> Session:
        """The session of a connection.

        :raises Refused: where there is none of this name, and for one whose options are wrong.
        """
        if name in self._wrong:
            raise Refused(self._wrong[name])
        if name not in self._options:
            raise Refused(
                f'connection: there is no "{shown(name)}" among connections. There is {_listed(self._options)}.'
            )
        if name not in self._sessions:
            # Several threads may come here at once, and are to share one.
            self._sessions.setdefault(name, Session(self._options[name], threads=self.threads))
        return self._sessions[name]

    def variables(self, name: str) -> dict[str, str]:
        """What of a connection a command needs, by the names of the role's variables without their prefix."""
        options = self._options.get(name, {})
        told = {option: str(options[option]) for option in _TOLD if options.get(option)}
        if "endpoint_url" in told:
            told["endpoint_url"] = without_credentials(told["endpoint_url"])
        return told


def threads(params: Mapping[str, Any]) -> int:
    """How many buckets are worked on at a time.

    :raises Refused: for a number that cannot be.
    """
    wanted = int(params["threads"])
    if not 1 <= wanted <= MOST_THREADS:
        raise Refused(f"threads: expected 1 to {MOST_THREADS}, found {wanted}.")
    return wanted


def _said(connection: Mapping[str, Any]) -> dict[str, Any]:
    """What a connection says for itself."""
    # Empty text is what a template gives for nothing.
    return {name: value for name, value in connection.items() if name != "name" and value not in (None, "")}


def _converted(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Options of a connection in their types, without those that are wrong, and what is wrong with these."""
    converted, wrong = dict(given), []
    for name, convert, problem in _CONVERTED:
        if name not in given:
            continue
        try:
            converted[name] = convert(given[name])
        except TypeError:
            # Not what was given: nobody knows what it is.
            del converted[name]
            wrong.append(f"{name} {problem}")
    return converted, wrong


def _overlaid(params: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The module's connection with what a connection of its own says otherwise."""
    merged = dict(params)
    if any(name in given for name in _CREDENTIALS):
        # Who gives some of them means these alone.
        merged.update(dict.fromkeys(_CREDENTIALS))
    merged.update(given)
    return merged


def asked(
    params: Mapping[str, Any], own: Mapping[str, Mapping[str, Any]], *, required_if: Sequence[Any] = ()
) -> Iterator[Asked]:
    """The buckets of ``buckets``, each with its parameters.

    :param params: the module's parameters; what a bucket does not say for itself is taken from here.
    :param own: the argument spec of what a bucket can say for itself.
    """
    base = {name: params[name] for name in own if params.get(name) is not None}
    validator = ArgumentSpecValidator(dict(own), required_if=list(required_if))
    for given in params["buckets"] or ():
        yield _asked(given, params, base, own, validator)


def _asked(
    given: Any,
    params: Mapping[str, Any],
    base: Mapping[str, Any],
    own: Mapping[str, Mapping[str, Any]],
    validator: ArgumentSpecValidator,
) -> Asked:
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, Mapping):
        text = shown(str(given))
        return Asked(text, DEFAULT, None, {}, f'buckets: "{text}" is neither a name nor a mapping with a name.')
    name, connection, region, identity = (_text(given.get(part)) or "" for part in _WHICH)
    more = {key: value for key, value in given.items() if key not in _WHICH}
    wanted = {key: value for key, value in more.items() if key in own and value is not None}
    checked, wrong = validated({**base, **wanted}, validator)
    wrong = [*(f"{part} is no text" for part in _WHICH if _text(given.get(part)) is None), *wrong]
    unknown = sorted(str(key) for key in more if key not in own)
    problem = None
    if not name:
        problem = "buckets: there is a mapping without a name, or with one that is no text. Name the bucket."
    elif unknown:
        known = ", ".join((*_WHICH, *own))
        problem = f"buckets: {shown(name)} has {_listed(unknown)}. There is {known}."
    elif wrong:
        problem = f"buckets: {shown(name)}: {'. '.join(wrong)}."
    return Asked(
        name=name,
        connection=connection or DEFAULT,
        region=region or None,
        params={**params, **checked, "bucket": name},
        problem=problem,
        id=identity or None,
    )


def _text(value: Any) -> str | None:
    """A name, empty for none. A number is one that was written without quotes; None: it is no text."""
    if value is None:
        return ""
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else None


def validated(given: Mapping[str, Any], validator: ArgumentSpecValidator) -> tuple[dict[str, Any], list[str]]:
    """Options as Ansible converts them, and what is wrong with them, also where its validator does not survive them."""
    nested = [name for name, spec in validator.argument_spec.items() if "options" in spec]
    # Ansible's validator does not survive a list of something else than mappings there.
    odd = [name for name in nested if name in given and not isinstance(given[name], (Mapping, str))]
    try:
        found = validator.validate({name: value for name, value in given.items() if name not in odd})
    except (ArithmeticError, ValueError) as error:
        # Nor infinity, or a number of 5,000 digits, where an int is asked for.
        return {}, [f"an option is not what it is to be: {one_line(error)}"]
    parameters: dict[str, Any] = found.validated_parameters
    # The messages quote what was given.
    wrong = [one_line(message) for message in found.error_messages]
    return parameters, [*(f"{name} is no mapping" for name in odd), *wrong]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(shown, names))


def refused(one: Asked) -> None:
    """Raise what is wrong with how a bucket was asked for.

    :raises AwsError: the sentence.
    """
    if one.problem is not None:
        raise AwsError(one.problem)
