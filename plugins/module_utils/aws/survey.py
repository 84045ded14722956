# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The posture of many buckets. A key that they share is read once, and no failure of one stops the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.sealed.s3.plugins.module_utils import arguments, bucket_name, fleet_arguments, posture
from ansible_collections.sealed.s3.plugins.module_utils.aws import fleet, observe
from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import Bucket, Located, OtherRegion
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Caller, Session
from ansible_collections.sealed.s3.plugins.module_utils.fleet_arguments import Asked, Connections
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import shown as printable
from ansible_collections.sealed.s3.plugins.module_utils.posture import (
    Intent,
    NotRead,
    Observed,
    ObservedBucket,
    ObservedKey,
    Posture,
)

# They stand for no bucket: it was named for the run alone, and so are its variables.
_NOBODYS_HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Found:
    """A bucket to look at.

    :ivar listed: where it was found by listing: then it is known to be there and whose it is.
    :ivar tags: what its tags have to be for it to be looked at; a value of ``*`` stands for any.
    :ivar regions: in which Regions it has to be to be looked at, where listing did not say; empty: in any.
    :ivar not_listed: it stands for all buckets of its connection, which could not be listed.
    """

    asked: Asked
    listed: fleet.Listed | None = None
    tags: Mapping[str, str] | None = None
    regions: tuple[str, ...] = ()
    not_listed: NotRead | None = None


@dataclass(frozen=True)
class Answer:
    """What was found out about one bucket.

    :ivar observed, intent, outcome: None where it could not be asked about at all, see ``failure``.
    """

    asked: Asked
    account: str | None
    region: str | None
    observed: Observed | None = None
    intent: Intent | None = None
    outcome: Posture | None = None
    tags: Mapping[str, str] | None = None
    failure: NotRead | None = None

    def to_dict(self, *, policies: bool = False) -> dict[str, Any]:
        """The answer for a module's result.

        :param policies: with the bucket policy.
        """
        if self.observed is None or self.intent is None or self.outcome is None:
            missing = self.failure or NotRead("")
            shape = posture.unread(missing).to_dict()
            seen: dict[str, Any] = {"exists": None, "key": None, "encryption": None}
        else:
            shape = self.outcome.to_dict()
            seen = {"exists": self.observed.bucket.exists, **shown(self.observed, self.intent, self.outcome)}
        if policies:
            seen["policy"] = None if self.observed is None else shown_policy(self.observed.bucket)
        identity = {} if self.asked.id is None else {"id": self.asked.id}
        return {
            **identity,
            "name": self.asked.name,
            "connection": self.asked.connection,
            "account": self.account,
            "region": self.region,
            "tags": None if self.tags is None else _told(self.tags),
            **seen,
            **shape,
        }


class Survey:
    """Reads buckets and their keys, and judges them."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._callers = fleet.Once()
        self._keys = fleet.Once()

    def discover(self, params: Mapping[str, Any]) -> Iterator[Found]:
        """The buckets of every connection that ``discover`` fits.

        A connection that cannot list its buckets stands in for them, as one that could not be looked at.

        :param params: the module's parameters.
        :raises AwsError: where no connection can list its buckets.
        """
        wanted = params["discover"]
        regions = tuple(wanted["regions"] or ())
        refused: list[AwsError] = []
        for name in self._connections.names:
            try:
                listing = fleet.list_buckets(self._connections.session(name), prefix=wanted["prefix"], regions=regions)
                for listed in listing:
                    asked = Asked(listed.name, name, listed.region, {**params, "bucket": listed.name})
                    yield Found(asked, listed, wanted["tags"], regions)
            except AwsError as error:
                refused.append(error)
                if len(refused) == len(self._connections.names):
                    raise
                them = Asked(f"(buckets of {printable(name)})", name, None, params)
                yield Found(them, not_listed=NotRead(str(error), getattr(error, "action", None)))

    def look(self, found: Found) -> Answer | None:
        """Read one bucket and judge it; None for one whose tags or Region are not those that were asked for.

        Raises nothing for what AWS or its users can cause: that is in the answer.
        """
        asked = found.asked
        account, region = None, asked.region
        if found.not_listed is not None:
            return Answer(asked, account, region, failure=found.not_listed)
        try:
            fleet_arguments.refused(asked)
            bucket_name.validate(asked.name)
            session = self._session(asked)
            region = session.region
            caller = self._caller(asked.connection)
            account = caller.account
            session, located = self._whereabouts(found, session, caller)
            region = session.region
            return self._look(found, session, caller, located)
        except (AwsError, PolicyError) as error:
            failure = NotRead(str(error), getattr(error, "action", None))
            return Answer(asked, account, region, failure=failure)

    def _look(self, found: Found, session: Session, caller: Caller, located: Located | ObservedBucket) -> Answer | None:
        asked = found.asked
        tags = None
        if isinstance(located, Located):
            if found.regions and session.region not in found.regions:
                return None
            if found.tags:
                tags = Bucket(session, asked.name).tags()
                if not _tagged(tags, found.tags):
                    return None
        # Only now is the Region certain, in which the keys of the guard have to be.
        intent = arguments.intent(asked.params, arguments.placeholder(session, caller))
        host = None if asked.id in _NOBODYS_HOSTS else asked.id
        intent = replace(intent, connection=self._connections.variables(asked.connection), host=host)
        bucket = self._bucket(session, intent, located, tags)
        if intent.key is None and intent.state == posture.PRESENT:
            intent = _with_the_key_that_is_there(intent, bucket)
        key = self._key(asked, session, caller, intent)
        observed = Observed(
            account=caller.account,
            partition=caller.partition,
            region=session.region,
            bucket=bucket,
            key=key,
            caller_arn=caller.arn,
        )
        seen = bucket.tags if isinstance(bucket.tags, Mapping) else tags
        outcome = posture.assess(observed, intent)
        return Answer(asked, caller.account, session.region, observed, intent, outcome, seen)

    def _session(self, asked: Asked) -> Session:
        session = self._connections.session(asked.connection)
        return session.in_region(asked.region) if asked.region else session

    def _caller(self, connection: str) -> Caller:
        return self._callers(connection, self._connections.session(connection).caller)

    def _whereabouts(self, found: Found, session: Session, caller: Caller) -> tuple[Session, Located | ObservedBucket]:
        """The session of the Region where the bucket is, and that it is there; else what was observed instead.

        Nobody has to know the Region of each of many.
        """
        name = found.asked.name
        if found.listed is not None and found.listed.region is not None:
            return session, Located(name, session.region, caller.account)
        try:
            return session, observe.locate(session, name)
        except OtherRegion as error:
            if found.asked.region:
                return session, ObservedBucket(exists=None, refused=str(error))
            return session.in_region(error.region), Located(name, error.region, caller.account)

    def _bucket(
        self,
        session: Session,
        intent: Intent,
        located: Located | ObservedBucket,
        tags: Mapping[str, str] | None,
    ) -> ObservedBucket:
        """The rest of the bucket.

        :param tags: where they were read already.
        """
        if isinstance(located, ObservedBucket):
            return located
        wanted = observe.wanted(intent, tags=tags is None)
        bucket = observe.bucket(session, intent.bucket, located=located, **wanted)
        return bucket if tags is None else replace(bucket, tags=tags)

    def _key(self, asked: Asked, session: Session, caller: Caller, intent: Intent) -> ObservedKey:
        name = intent.key
        if name is None or intent.state != posture.PRESENT:
            return ObservedKey()
        tags = observe.wants_key_tags(intent)
        question = (asked.connection, session.region, name, tags)
        return self._keys(
            question, lambda: observe.key(session, name, region=session.region, account=caller.account, tags=tags)
        )


def _with_the_key_that_is_there(intent: Intent, bucket: ObservedBucket) -> Intent:
    """Nobody named a key: then the customer's key that default encryption names is taken for the one that was meant."""
    rule = bucket.default_encryption
    if isinstance(rule, posture.DefaultRule) and rule.algorithm == posture.KMS and rule.key_arn:
        return replace(intent, key=rule.key_arn)
    return intent


def _tagged(tags: Mapping[str, str], wanted: Mapping[str, Any]) -> bool:
    return all(name in tags and str(value) in ("*", tags[name]) for name, value in wanted.items())


def shown(observed: Observed, intent: Intent, outcome: Posture) -> dict[str, Any]:
    """What was read, for a module's result: ``key`` and ``encryption``."""
    encryption = observed.bucket.default_encryption
    return {
        "key": _shown_key(observed.key, outcome.key_arn) if intent.state == posture.PRESENT else None,
        "encryption": encryption.to_dict() if encryption is not None and not isinstance(encryption, NotRead) else None,
    }


def shown_policy(bucket: ObservedBucket) -> dict[str, Any] | None:
    """The policy that was read, for a module's result."""
    policy = bucket.policy
    return None if policy is None or isinstance(policy, NotRead) else policy.to_dict()


def _shown_key(key: ObservedKey, arn: str | None) -> dict[str, Any]:
    if key.refused is not None or isinstance(key.state, NotRead):
        return {"arn": arn, "exists": None}
    if key.state is None:
        return {"arn": arn, "exists": False}
    return {
        **key.state.to_dict(),
        "exists": True,
        "rotation": None if key.rotation is None or isinstance(key.rotation, NotRead) else key.rotation.to_dict(),
        "tags": None if key.tags is None or isinstance(key.tags, NotRead) else _told(key.tags),
    }


def _told(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags for a module's result. Ansible would take some names for its own marks, and fail on what they hold."""
    return {name: value for name, value in tags.items() if not name.startswith("__ansible_")}
