# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that work on many buckets in one run, documented in the doc fragment sealed.s3.fleet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

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
    "validate_certs": {"type": "bool"},
    "aws_config": {"type": "dict"},
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
}
"""The options of a module for many buckets."""

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
        names = [one["name"] for one in given]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise Refused(f"connections: {', '.join(doubled)} is there more than once. Give each a name of its own.")
        for one in given:
            self._options[one["name"]] = _overlaid(params, one)
        self._sessions: dict[str, Session] = {}

    @property
    def names(self) -> list[str]:
        """Those that were given, or else the one that the module's own options make."""
        return [name for name in self._options if name != DEFAULT] or [DEFAULT]

    def session(self, name: str) -> Session:
        """The session of a connection.

        :raises Refused: where there is none of this name.
        """
        if name not in self._options:
            raise Refused(
                f'connection: there is no "{shown(name)}" among connections. There is {", ".join(self._options)}.'
            )
        if name not in self._sessions:
            self._sessions[name] = Session(self._options[name], threads=self.threads)
        return self._sessions[name]

    def variables(self, name: str) -> dict[str, str]:
        """What of a connection a command needs, by the names of the role's variables without their prefix."""
        options = self._options.get(name, {})
        return {option: str(options[option]) for option in _TOLD if options.get(option)}


def threads(params: Mapping[str, Any]) -> int:
    """How many buckets are worked on at a time.

    :raises Refused: for a number that cannot be.
    """
    wanted = int(params["threads"])
    if not 1 <= wanted <= MOST_THREADS:
        raise Refused(f"threads: expected 1 to {MOST_THREADS}, found {wanted}.")
    return wanted


def _overlaid(params: Mapping[str, Any], connection: Mapping[str, Any]) -> dict[str, Any]:
    """The module's connection with what a connection of its own says otherwise."""
    given = {name: value for name, value in connection.items() if name != "name" and value is not None}
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
    name, connection, region, identity = (str(given.get(part) or "") for part in _WHICH)
    more = {key: value for key, value in given.items() if key not in _WHICH}
    checked = validator.validate(
        {**base, **{key: value for key, value in more.items() if key in own and value is not None}}
    )
    unknown = sorted(str(key) for key in more if key not in own)
    problem = None
    if not name:
        problem = "buckets: there is a mapping without a name. Name the bucket."
    elif unknown:
        known = ", ".join((*_WHICH, *own))
        problem = f"buckets: {shown(name)} has {', '.join(map(shown, unknown))}. There is {known}."
    elif checked.error_messages:
        problem = f"buckets: {shown(name)}: {'. '.join(checked.error_messages)}."
    return Asked(
        name=name,
        connection=connection or DEFAULT,
        region=region or None,
        params={**params, **checked.validated_parameters, "bucket": name},
        problem=problem,
        id=identity or None,
    )


def refused(one: Asked) -> None:
    """Raise what is wrong with how a bucket was asked for.

    :raises AwsError: the sentence.
    """
    if one.problem is not None:
        raise AwsError(one.problem)
