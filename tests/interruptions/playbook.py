# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signal strikes a run of the playbook sealed.s3.encrypt at one of its writes: what came of it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.exceptions
import groups
from environments import ROOT
from gate import Call
from holding import CARRIED_OUT, Holding
from stage import ACCESS_KEY, REGION, SECRETS, Stage

# Finds every process of a run, whatever session it is in.
_MARK = "SEALED_S3_INTERRUPTED_RUN"
_LEFT = "keys without alias"
# What the role tags the keys with that it creates. Others make keys at the same time.
_TAG = "SealedS3Creation"
_WRITES = ("Create", "Delete", "Disable", "Enable", "Put", "Tag", "Update")
# Those of our own modules; the others are amazon.aws's.
_OURS = ("EnableKeyRotation", "PutBucketEncryption", "PutBucketPolicy")
_RECAP = re.compile(r"ok=\d+ +changed=(\d+) +unreachable=0 +failed=0")
_START_SECONDS = 120.0
# How ansible-playbook ends: by the signal, or by itself as after Ctrl-C.
_INTERRUPTED = 99
_CODES = {
    signal.SIGINT: (-signal.SIGINT, _INTERRUPTED),
    signal.SIGTERM: (-signal.SIGTERM, _INTERRUPTED),
    signal.SIGKILL: (-signal.SIGKILL,),
}
# Until Ansible has handed a signal on to its workers, and they to the modules.
_HANDED_ON_WITHIN = 0.5
# Less than the patience of a write that is held.
_ENDS_FIRST_WITHIN = 3.0

GROUP = "group"
EVERYTHING = "everything"
MODULE = "module"

# What became of it.
AGAIN = "completes"
KEY_LEFT = "completes, a key is left over"


@dataclass(frozen=True)
class Blow:
    """Whom which signal strikes.

    :ivar whom: the process group of ansible-playbook, as Ctrl-C does, while the workers of Ansible are in sessions of
        their own; every process of the run, as where its container is killed; or the module alone.
    :ivar everywhere: whether it is tried at every write, not only where most can go wrong.
    """

    name: str
    number: signal.Signals
    whom: str = GROUP
    everywhere: bool = True


BLOWS = (
    Blow("SIGINT", signal.SIGINT),
    Blow("SIGTERM", signal.SIGTERM),
    Blow("SIGKILL", signal.SIGKILL, everywhere=False),
    Blow("SIGKILL, everything", signal.SIGKILL, EVERYTHING),
    Blow("SIGTERM, the module", signal.SIGTERM, MODULE, everywhere=False),
)


_MOST_CAN_GO_WRONG_AT = ("CreateKey", "CreateAlias", "PutBucketPolicy")


def blows(call: Call) -> list[Blow]:
    """What can strike a run at one of its writes."""
    return [blow for blow in BLOWS if blow.everywhere or call.operation in _MOST_CAN_GO_WRONG_AT]


@dataclass(frozen=True)
class Place:
    """The bucket and the alias of one run."""

    bucket: str
    alias: str


@dataclass(frozen=True)
class Scene:
    """What a run finds."""

    name: str
    title: str
    fresh: bool


SCENES = (
    Scene("playbook-fresh", "`sealed.s3.encrypt`, neither bucket nor key is there", fresh=True),
    Scene("playbook-policy", "`sealed.s3.encrypt`, a bucket with a policy of others", fresh=False),
)


@dataclass
class Blown:
    """What was tried.

    :ivar came: what came of a further run.
    """

    scene: Scene
    call: Call
    blow: Blow
    came: str = ""
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.scene.name}: {self.call}, {self.blow.name}"


@dataclass(frozen=True)
class Calm:
    """What a run does that no signal strikes.

    :ivar writes: its calls that change something.
    :ivar states: what is there before any, and after each of them.
    """

    writes: tuple[Call, ...]
    states: tuple[Any, ...]


class Playbook:
    """Runs of the playbook against an endpoint."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._folder = folder
        self._endpoint = endpoint

    def start(self, place: Place) -> PlaybookRun:
        """Start one."""
        variables = {
            "encrypted_s3_bucket": place.bucket,
            "encrypted_s3_key_alias": place.alias,
            "encrypted_s3_backup_dir": str(self._folder / place.bucket),
            # A second after the write, no other one writes here.
            "encrypted_s3_read_back_at": [0],
        }
        mark = uuid.uuid4().hex
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))},
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_URL": self._endpoint,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRETS["secret_key"],
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache"),
            "ANSIBLE_HOME": str(self._folder / "home"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
            _MARK: mark,
        }
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "sealed.s3.encrypt", "-i", "localhost,"]
        output = self._folder / f"{mark}.log"
        with output.open("wb") as log:
            process = subprocess.Popen(
                [*command, "-e", json.dumps(variables)],
                env=environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return PlaybookRun(process, mark, output)


class PlaybookRun:
    """One that runs, or has run, for the time of a ``with`` block: nothing of it is left behind."""

    def __init__(self, process: subprocess.Popen[bytes], mark: str, output: Path) -> None:
        self._process = process
        self._mark = f"{_MARK}={mark}".encode()
        self._output = output

    def __enter__(self) -> PlaybookRun:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.kill()
        self._process.wait()

    def strike(self, blow: Blow) -> bool:
        """Send the signal; whether it struck anybody of those for whom it is."""
        if blow.whom == EVERYTHING:
            # They are killed, and no other signal goes to all of them.
            assert blow.number == signal.SIGKILL
            return self.kill()
        if blow.whom == MODULE:
            return self._send([one for one in self.living() if self._is_module(one)], blow.number)
        # To one that has ended and is not waited for a signal can be sent, too.
        lives = any(self._is_in_group(one) for one in self.living())
        groups.send(self._process.pid, blow.number)
        return lives

    def kill(self) -> bool:
        """Kill every process of it; whether there was any."""
        found = False
        while living := self.living():
            found = self._send(living, signal.SIGKILL) or found
            self._process.poll()
        return found

    def hands_on(self, blow: Blow) -> None:
        """Wait until Ansible has handed a signal on."""
        if blow.whom == GROUP:
            # It has by the time that it ends, if it ends before those to whom it is handed on.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_ENDS_FIRST_WITHIN)
        time.sleep(_HANDED_ON_WITHIN)

    @staticmethod
    def _send(processes: Iterable[int], number: signal.Signals) -> bool:
        """Send it to each that is still there; whether one was."""
        found = False
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
                found = True
        return found

    @staticmethod
    def _is_module(process: int) -> bool:
        try:
            command = (Path("/proc") / str(process) / "cmdline").read_bytes()
        except OSError:
            # It has ended meanwhile.
            return False
        return bool(command) and not any(program in command for program in (b"ansible-playbook", b"/bin/sh"))

    def _is_in_group(self, process: int) -> bool:
        try:
            return os.getpgid(process) == self._process.pid
        except ProcessLookupError:
            return False

    def living(self) -> list[int]:
        """The processes of the run that are there, without those that have ended and are not yet waited for."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            # One may end meanwhile. Of one that has ended, there is no environment.
            with contextlib.suppress(OSError):
                if self._mark in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found

    def over(self) -> bool:
        """Wait for the end of all of it; whether it came."""
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None or self.living():
            if time.monotonic() > deadline:
                self.kill()
                return False
            time.sleep(0.05)
        return True

    @property
    def code(self) -> int | None:
        return self._process.returncode

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    @property
    def changed(self) -> int | None:
        """How many tasks changed something; None where it did not come to its end."""
        recap = _RECAP.search(self.output)
        return int(recap[1]) if recap and self.code == 0 else None


class PlaybookTrial:
    """Tries blows on one stage, through a gate of its own."""

    def __init__(self, stage: Stage, gate: Holding, folder: Path) -> None:
        self.stage = stage
        self.gate = gate
        self.playbook = Playbook(folder, gate.url)
        self._folder = folder
        self._numbers = itertools.count(1)
        self._known: set[str] = set()

    def calm(self, scene: Scene) -> Calm:
        """Run it without signals.

        :raises SystemExit: where even that fails.
        """
        place = self._place(scene)
        self.gate.open()
        writes: list[Call] = []
        states = [self._state(place)]

        def after(call: Call) -> None:
            if call.operation.startswith(_WRITES):
                writes.append(call)
                states.append(self._state(place))

        self.gate.after_each = after
        run = self._ended(place)
        self.gate.after_each = None
        again = self._ended(place)
        if not run.changed or again.changed != 0:
            raise SystemExit(f"{scene.name} fails without any signal: {run.output}{again.output}")
        return Calm(tuple(writes), tuple(states))

    def attempt(self, scene: Scene, call: Call, blow: Blow, calm: Calm) -> Blown:
        """Try one."""
        tried = Blown(scene, call, blow)
        place = self._place(scene)
        before = self._state(place)
        self.gate.hold(call, CARRIED_OUT)
        with self.playbook.start(place) as run:
            if not self.gate.reached.wait(_START_SECONDS):
                tried.problems.append("the call did not come")
            if not run.strike(blow):
                tried.problems.append("the signal struck nobody")
            if self.gate.overdue:
                tried.problems.append("the call was no longer held when the signal came")
            if blow.whom == EVERYTHING:
                self.gate.let_go(passes=False)
            else:
                run.hands_on(blow)
                self.gate.let_go()
            if not run.over():
                tried.problems.append("a process was left behind")
        if blow.whom != MODULE and run.code not in _CODES[blow.number]:
            tried.problems.append(f"it ended with {run.code}")
        after = self._state(place)
        come = calm.states[calm.writes.index(call) + 1 :]
        if after not in _may_come(scene, call, blow, come):
            where = "one that it may not come to" if after in come else "none of those after a step"
            tried.problems.append(f"the state is {where}")
        interrupted = f"Interrupted by {blow.number.name} "
        if blow.whom == MODULE and call.operation in _OURS and not run.changed and interrupted not in run.output:
            tried.problems.append(f"it does not say that the module was interrupted: {run.output}")
        tried.problems += _of_others(before, after, "after the signal")
        tried.problems += self._of_backups(place, blow)
        tried.problems += self._of_further_runs(tried, place, before, calm)
        return tried

    def _of_further_runs(self, tried: Blown, place: Place, before: Mapping[str, Any], calm: Calm) -> Iterator[str]:
        self.gate.open()
        again = self._ended(place)
        there = self._state(place)
        wanted = calm.states[-1]
        tried.came = AGAIN if there[_LEFT] == 0 else KEY_LEFT
        if again.changed is None:
            yield f"a further run fails: {again.output}"
        elif {**there, _LEFT: 0} != wanted:
            yield "after a further run, what is there is not what was wanted"
        elif there[_LEFT] and tried.call.operation != "CreateKey":
            yield "a key is left over"
        yield from _of_others(before, there, "after the further run")
        if there == wanted:
            # On that, a further run was seen to change nothing.
            return
        once_more = self._ended(place)
        if once_more.changed != 0 or self._state(place) != there:
            yield "the run after that changes something"

    def _ended(self, place: Place) -> PlaybookRun:
        """One that no signal strikes, at its end."""
        with self.playbook.start(place) as run:
            run.over()
        return run

    def _of_backups(self, place: Place, blow: Blow) -> Iterator[str]:
        folder = self._folder / place.bucket
        for path in folder.iterdir() if folder.exists() else ():
            if path.name.startswith("."):
                if blow.number != signal.SIGKILL:
                    yield f"{path.name} was left behind"
            elif path.stat().st_mode & 0o777 != 0o600 or json.loads(path.read_text()) != self._foreign(place):
                yield f"{path.name} is not the policy of before, for its owner alone"

    def _place(self, scene: Scene) -> Place:
        number = next(self._numbers)
        place = Place(f"{scene.name}-{number:04}", f"{scene.name}-{number:04}")
        self._known = self._keys()
        if scene.fresh:
            return place
        key = self.stage.kms.create_key()["KeyMetadata"]["KeyId"]
        self.stage.kms.enable_key_rotation(KeyId=key)
        self.stage.kms.create_alias(AliasName=f"alias/{place.alias}", TargetKeyId=key)
        self.stage.s3.create_bucket(Bucket=place.bucket)
        self.stage.s3.put_bucket_policy(Bucket=place.bucket, Policy=json.dumps(self._foreign(place)))
        return place

    def _foreign(self, place: Place) -> dict[str, Any]:
        within = f"arn:aws:s3:::{place.bucket}/*"
        root = {"AWS": f"arn:aws:iam::{self.stage.account}:root"}
        statement = {"Sid": "Readers", "Effect": "Allow", "Principal": root, "Action": "s3:GetObject"}
        return {"Version": "2012-10-17", "Statement": [{**statement, "Resource": within}]}

    def _state(self, place: Place) -> dict[str, Any]:
        """What is there, without the names."""
        kms = self.stage.kms
        aliases = {one["AliasName"]: one.get("TargetKeyId") for one in kms.list_aliases(Limit=1000)["Aliases"]}
        key = aliases.get(f"alias/{place.alias}")
        state: dict[str, Any] = {
            "key": key and kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"],
            "rotated": key and kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"],
            _LEFT: sum(map(self._is_of_the_role, self._keys() - self._known - set(aliases.values()))),
            "encryption": None,
            "policy": None,
        }
        try:
            encryption = self.stage.s3.get_bucket_encryption(Bucket=place.bucket)
        except botocore.exceptions.ClientError as error:
            state["bucket"] = error.response["Error"]["Code"]
        else:
            state["bucket"] = "is there"
            state["encryption"] = encryption["ServerSideEncryptionConfiguration"]
            with contextlib.suppress(botocore.exceptions.ClientError):
                state["policy"] = json.loads(self.stage.s3.get_bucket_policy(Bucket=place.bucket)["Policy"])
        text = json.dumps(state, sort_keys=True).replace(place.bucket, "BUCKET")
        told: dict[str, Any] = json.loads(text.replace(key, "KEY") if key else text)
        return told

    def _is_of_the_role(self, key: str) -> bool:
        return any(tag["TagKey"] == _TAG for tag in self.stage.kms.list_resource_tags(KeyId=key)["Tags"])

    def _keys(self) -> set[str]:
        pages = self.stage.kms.get_paginator("list_keys").paginate()
        return {key["KeyId"] for page in pages for key in page["Keys"]}


def _may_come(scene: Scene, call: Call, blow: Blow, come: Sequence[Any]) -> Sequence[Any]:
    """The states that may be there after a blow.

    :param come: those after the call that is held, and after each that follows it when no signal strikes.
    """
    if blow.whom == EVERYTHING:
        return come[:1]
    if not scene.fresh:
        # What is there is sealed by the module for many: one that was begun is finished.
        return come[-1:]
    if blow.whom == MODULE:
        # The role lives on. It makes another key, and disables the first.
        return (*come, {**come[-1], _LEFT: 1}) if call.operation == "CreateKey" else come
    # A worker whose parent was killed carries its task out. With the other signals nothing more is begun.
    return come if blow.number == signal.SIGKILL else come[:1]


def _of_others(before: Mapping[str, Any], after: Mapping[str, Any], when: str) -> list[str]:
    def foreign(state: Mapping[str, Any]) -> list[Any]:
        statements = (state["policy"] or {"Statement": []})["Statement"]
        return [one for one in statements if not str(one.get("Sid", "")).startswith("SealedS3")]

    return [] if foreign(before) == foreign(after) else [f"statements of others were changed, {when}"]
