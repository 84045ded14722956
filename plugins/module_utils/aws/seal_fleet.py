# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seal many buckets. A key that they share is described once, and no failure of one stops the rest."""

from __future__ import annotations

from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils import fleet_arguments, runner
from ansible_collections.sealed.s3.plugins.module_utils.aws import fleet, preflight, seal
from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import OtherRegion
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError
from ansible_collections.sealed.s3.plugins.module_utils.aws.key import Key
from ansible_collections.sealed.s3.plugins.module_utils.aws.seal import Sealed
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session
from ansible_collections.sealed.s3.plugins.module_utils.fleet_arguments import Asked, Connections
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError

# What of an outcome is told of each of many buckets; the policies alone would make the result twice as large.
_TOLD = (
    "changed",
    "steps",
    "previous_policy",
    "previous_encryption",
    "conflicts",
    "encryption",
    "key_arn",
    "backup_file",
)
_NOTHING: dict[str, Any] = {
    "changed": False,
    "steps": [],
    "previous_policy": None,
    "previous_encryption": None,
    "conflicts": [],
    "encryption": None,
    "key_arn": None,
    "backup_file": None,
}


class SealFleet:
    """Seals buckets, any number at a time.

    :param diff: with before and after of what changes.
    """

    def __init__(self, connections: Connections, *, check_mode: bool, diff: bool) -> None:
        self._connections = connections
        self._check_mode = check_mode
        self._diff = diff
        self._sessions = fleet.Once()
        self._keys = fleet.Once()

    def seal(self, asked: Asked) -> dict[str, Any]:
        """Seal one bucket; the result for the module's.

        Raises nothing for what AWS or its users can cause: that is in the result.
        """
        identity = {} if asked.id is None else {"id": asked.id}
        which = {**identity, "name": asked.name, "connection": asked.connection}
        try:
            sealed = self._seal(asked)
        except (AwsError, PolicyError) as error:
            details = runner.details(error)
            told = {name: details.get(name, nothing) for name, nothing in _NOTHING.items()}
            code = {"error_code": details["error_code"]} if "error_code" in details else {}
            return {**which, "failed": True, "msg": str(error), **code, **told, "warnings": []}
        outcome = sealed.to_dict()
        told = {name: outcome[name] for name in _TOLD}
        diff = {"diff": sealed.diff} if self._diff else {}
        return {**which, "failed": False, **told, "warnings": list(sealed.warnings), **diff}

    def _seal(self, asked: Asked) -> Sealed:
        fleet_arguments.refused(asked)
        session = self._sessions(asked.connection, lambda: self._session(asked.connection))
        if asked.region:
            return self._seal_in(session.in_region(asked.region), asked)
        try:
            return self._seal_in(session, asked)
        except OtherRegion as error:
            # Nobody has to know the Region of each of many.
            return self._seal_in(session.in_region(error.region), asked)

    def _session(self, connection: str) -> Session:
        """A session that knows its caller, so that not every thread asks for it."""
        session = self._connections.session(connection)
        session.caller()
        return session

    def _seal_in(self, session: Session, asked: Asked) -> Sealed:
        def describe(there: Session, key: str) -> Key:
            return self._keys((asked.connection, there.region, key), lambda: preflight.describe(there, key))

        return seal.seal(session, asked.params, check_mode=self._check_mode, describe=describe)
