# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runs in which others interfere: what they find, what they are to do, and the calls that they make."""

from __future__ import annotations

import contextlib
import json
import random
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import botocore.exceptions
from foreign import Policy, Statement, Writer, of_the_guard
from gate import Call
from stage import Modules, Ran, Stage
from watching import FILE, READ, WAIT, Entry, Ledger, Schedule, Watched

from ansible_collections.sealed.s3.plugins.module_utils.aws import session as sessions
from ansible_collections.sealed.s3.plugins.module_utils.backup import Backup

OURS = "ours"
FOREIGN = "foreign"


@dataclass(frozen=True)
class Kind:
    """A kind of run.

    :ivar others: whether there are statements of others in the policy.
    :ivar before: options of the guard that is there; None for no guard.
    :ivar moves: whether that is under another key, and default encryption, too.
    """

    name: str
    module: str
    options: Mapping[str, Any] = field(default_factory=dict)
    others: bool = True
    before: Mapping[str, Any] | None = None
    moves: bool = False


KINDS = (
    Kind("guard", "sse_kms_policy"),
    Kind("first", "sse_kms_policy", others=False),
    Kind("update", "sse_kms_policy", before={"require_tls": False}),
    Kind("absent", "sse_kms_policy", {"state": "absent"}, before={}),
    Kind("last", "sse_kms_policy", {"state": "absent"}, others=False, before={}),
    Kind("seal", "sse_kms_seal"),
    Kind("move", "sse_kms_seal", before={}, moves=True),
)


@dataclass(frozen=True)
class Scene:
    """A run that is to be interfered with.

    :ivar calls: those that it makes when nobody interferes.
    :ivar guard: what is there of ours before.
    :ivar wanted: what is to be there of ours in the end.
    """

    kind: Kind
    keeps: bool
    calls: tuple[Call, ...]
    guard: tuple[Statement, ...]
    wanted: tuple[Statement, ...]

    @property
    def name(self) -> str:
        return f"{self.kind.name}{' with backup_dir' if self.keeps else ''}"

    @property
    def writes(self) -> list[Call]:
        """Its writes of the policy, in their order."""
        return [call for call in self.calls if call.operation in ("PutBucketPolicy", "DeleteBucketPolicy")]

    def until_the_last_read(self) -> list[Call]:
        """The calls up to the last read before the first write."""
        before = self.calls[: self.calls.index(self.writes[0])]
        last = max(index for index, call in enumerate(before) if call.operation == READ)
        return list(before[: last + 1])


@contextlib.contextmanager
def one_client_for_all() -> Iterator[None]:
    """For all runs that talk to the same address the same clients: to make them takes a quarter of a run."""
    clients: dict[tuple[Any, ...], Any] = {}
    make, lock = sessions.Session._make, threading.Lock()

    def made(session: sessions.Session, *wanted: Any) -> Any:
        known = (session._params["endpoint_url"], *wanted)
        with lock:
            if known not in clients:
                clients[known] = make(session, *wanted)
            return clients[known]

    with patch.object(sessions.Session, "_make", made):
        yield


class Theatre:
    """One bucket and two keys, on which all scenes are played."""

    def __init__(self, endpoint: str, folder: str) -> None:
        self.stage = Stage(endpoint)
        self.ledger = Ledger()
        self.clock = Schedule(lambda: self.ledger.note(Entry(OURS, WAIT)))
        self.modules = Modules(self.clock)
        self.endpoint = endpoint
        self._folder = folder
        target = self.stage.new_target()
        self.bucket = target.bucket
        self.key, self._other_key = target.key_arn, self.stage.new_target().key_arn

    def read(self) -> Policy:
        """The policy as it is, past the gates."""
        try:
            return dict(json.loads(self.stage.s3.get_bucket_policy(Bucket=self.bucket)["Policy"]))
        except botocore.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
                return None
            raise

    def write(self, policy: Policy) -> None:
        """Write the policy, past the gates, as somebody else."""
        with self.ledger.lock:
            if policy is None:
                self.stage.s3.delete_bucket_policy(Bucket=self.bucket)
            else:
                self.stage.s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy))
            self.ledger.note(Entry(FOREIGN, "PutBucketPolicy", policy))

    def options(self, kind: Kind, *, keeps: bool) -> dict[str, Any]:
        """What the module of a kind is given."""
        options = {"bucket": self.bucket, **kind.options}
        if options.get("state") != "absent":
            options["key"] = self.key
        if keeps:
            options["backup_dir"] = tempfile.mkdtemp(dir=self._folder)
        return options

    def run(self, kind: Kind, gate: Watched, *, keeps: bool) -> Ran:
        """Run the module of a kind."""
        keep = Backup.keep

        def kept(backup: Backup, *given: Any) -> bool:
            written = keep(backup, *given)
            if written:
                self.ledger.note(Entry(OURS, FILE))
            return written

        with patch.object(Backup, "keep", kept):
            return self.modules.run(kind.module, gate.url, self.options(kind, keeps=keeps))

    def prepare(self, kind: Kind, guard: tuple[Statement, ...], rng: random.Random) -> tuple[Writer, Policy]:
        """Let the bucket be as a run of a kind finds it, with other statements each time.

        :returns: who makes statements of others, and the policy that is there.
        """
        writer = Writer(self.bucket, rng)
        listed = [writer.statement() for _number in range(rng.randint(1, 4))] if kind.others else []
        policy = writer.policy([*listed, *guard])
        self.clock.begin()
        self.write(policy)
        if kind.module == "sse_kms_seal":
            self._set_default(self._other_key if kind.moves else None)
        self.ledger.begin()
        return writer, policy

    def _set_default(self, key: str | None) -> None:
        if key is None:
            self.stage.s3.delete_bucket_encryption(Bucket=self.bucket)
            return
        rule = {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
            "BucketKeyEnabled": True,
        }
        self.stage.s3.put_bucket_encryption(Bucket=self.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})

    def scene(self, kind: Kind, gate: Watched, *, keeps: bool) -> Scene:
        """Play it once without anybody else.

        :raises SystemExit: where even that fails.
        """
        guard: tuple[Statement, ...] = ()
        if kind.before is not None:
            self.write(None)
            options = {"bucket": self.bucket, "key": self._other_key if kind.moves else self.key, **kind.before}
            self._succeed(self.modules.run("sse_kms_policy", gate.url, options))
            guard = tuple(of_the_guard(self.read()))
        self.prepare(kind, guard, random.Random(0))
        gate.count_anew()
        self._succeed(self.run(kind, gate, keeps=keeps))
        return Scene(kind, keeps, tuple(gate.seen), guard, tuple(of_the_guard(self.read())))

    @staticmethod
    def _succeed(ran: Ran) -> None:
        if ran.failed:
            raise SystemExit(f"It fails although nobody interferes: {ran.output}")
