# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Buckets as hosts: what each host of a batch asks for, and what is kept of the answers between the tasks of a run.

One task reads, or seals, for all hosts of the batch; then each host's own task says what came of its bucket. Between
them the answers lie in the folder that Ansible makes for the run on its controller, open to its user alone, and removes
at its end.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.sealed.s3.plugins.module_utils import posture
from ansible_collections.sealed.s3.plugins.plugin_utils import progress

LOCAL = ("localhost", "127.0.0.1", "::1")
"""Hosts whose names are not those of buckets."""

FRESH_SECONDS = 600
"""How long a posture that was read for many hosts is good enough to plan with. Whatever is written is read anew."""

_OF_MANY = ("name", "connection", "account", "region", "exists", "tags")
_ASKED = "__encrypted_s3_asked"
_CONNECTION = "__encrypted_s3_connection_asked"
_WARNINGS = "__encrypted_s3_key_warnings"
_PROBLEMS = "__encrypted_s3_input_problems"
_READ_BACK_AT = "__encrypted_s3_read_back_at"
_PREFIX = "encrypted_s3_"
_BUCKET = "encrypted_s3_bucket"
_OWN = (_BUCKET, "encrypted_s3_result")
_HERE = ("local", "ansible.builtin.local")
_ELSEWHERE = (
    "Buckets as hosts are worked on where ansible-playbook runs, as its user. Take ansible_connection and "
    "ansible_become off the hosts, and --become off the command."
)
_NO_BUCKET = (
    "{} is no name of a bucket. Name the bucket with -e encrypted_s3_bucket=NAME, or run on an inventory whose group "
    "s3_buckets has a host for each bucket."
)


@dataclass(frozen=True)
class Wish:
    """What one host asks for.

    :ivar asked: options of sse_kms_info for its bucket.
    :ivar connection: options of its connection, those that are given.
    :ivar problem: why it cannot be asked for like that; then the others are empty.
    :ivar verify: whether uploads are to prove it.
    :ivar backup_dir: where the policy of before is kept.
    :ivar read_back_at: the seconds after its write at which the policy is read back.
    :ivar warnings: sentences about what it asks for.
    """

    host: str
    bucket: str
    asked: Mapping[str, Any]
    connection: Mapping[str, Any]
    problem: str | None = None
    verify: bool = False
    backup_dir: str | None = None
    read_back_at: Sequence[float] = ()
    warnings: tuple[str, ...] = ()


class Wishes:
    """What the hosts of a play ask for, by the variables of the role.

    Hosts that differ in nothing but the name of the bucket, as those of a group do, are templated once.
    """

    def __init__(self, action: ActionBase, task_vars: Mapping[str, Any], more: Mapping[str, Any] | None = None) -> None:
        """Take ``more`` for variables of the role that it does not offer."""
        self._action = action
        self._more = more or {}
        hostvars = self._hostvars = task_vars["hostvars"]
        self._manager = hostvars._variable_manager
        self._inventory = hostvars._inventory
        self._play = action._task.get_play()
        self._known: dict[str, Callable[[str, str], Wish]] = {}

    def of(self, host: str) -> Wish:
        """What a host asks for."""
        variables, templar = self._variables(host)
        if _BUCKET not in variables:
            return Wish(host, host, {}, {}, _NO_BUCKET.format(host))
        given = {name: value for name, value in variables.items() if name.startswith(_PREFIX) and name not in _OWN}
        try:
            if _is_elsewhere(variables, templar):
                return Wish(host, host, {}, {}, f"{host}: {_ELSEWHERE}")
            bucket = str(templar.template(variables[_BUCKET]))
            alike = repr(sorted((name, _settled(value, templar)) for name, value in given.items()))
        except AnsibleError as error:
            return Wish(host, host, {}, {}, str(error))
        if alike not in self._known:
            self._known[alike] = self._templated(variables, templar)
        return self._known[alike](host, bucket)

    def of_play(self, host: str) -> Wish:
        """What the variables of a host ask for of any bucket."""
        return self._templated(*self._variables(host))(host, "")

    def _variables(self, host: str) -> tuple[dict[str, Any], Any]:
        variables = self._manager.get_vars(
            play=self._play, host=self._inventory.get_host(host), task=self._action._task, include_hostvars=False
        )
        variables.update(self._more, hostvars=self._hostvars)
        if host not in LOCAL:
            # The bucket of a host is the one that it names, or else the one that it is named after.
            variables.setdefault(_BUCKET, host)
        return variables, self._action._templar.copy_with_new_env(available_variables=variables)

    @staticmethod
    def _templated(variables: Mapping[str, Any], templar: Any) -> Callable[[str, str], Wish]:
        try:
            problems = templar.template(variables[_PROBLEMS])
            asked = {} if problems else dict(templar.template(variables[_ASKED]))
            connection = {} if problems else dict(templar.template(variables[_CONNECTION]))
            verify = str(templar.template(variables[f"{_PREFIX}verify"])).lower() in ("true", "yes", "1", "on")
            backup_dir = templar.template(variables[f"{_PREFIX}backup_dir"]) or None
            read_back_at = templar.template(variables[_READ_BACK_AT])
            warnings = tuple(templar.template(variables[_WARNINGS]))
        except AnsibleError as error:
            problem = str(error)
            return lambda host, bucket: Wish(host, bucket, {}, {}, problem)
        if problems:
            return lambda host, bucket: Wish(host, bucket, {}, {}, " ".join(problems))
        return lambda host, bucket: Wish(
            host, bucket, asked, connection, None, verify, backup_dir, read_back_at, warnings
        )


def _is_elsewhere(variables: Mapping[str, Any], templar: Any) -> bool:
    """Whether a host's variables let its tasks run anywhere but here, or as somebody else."""
    connection = templar.template(variables.get("ansible_connection", "local"))
    become = templar.template(variables.get("ansible_become", False))
    return connection not in _HERE or str(become).lower() in ("true", "yes", "1", "on")


def _settled(value: Any, templar: Any) -> str:
    """A variable's value as text, templated where it is a template: most are not, and templating takes its time."""
    text = repr(value)
    return repr(templar.template(value)) if "{{" in text or "{%" in text else text


class Connections:
    """The different connections of many hosts, by name, as the modules take them."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self.options: list[dict[str, Any]] = []

    def name(self, connection: Mapping[str, Any], *, region: str | None = None) -> str:
        """The name of a connection; one that was not there yet is added.

        :param region: of the bucket, which makes no other connection: who calls is asked in that of the first one.
        """
        alike = json.dumps(connection, sort_keys=True, default=str)
        if alike not in self._names:
            told = connection.get("assume_role_arn") or connection.get("profile") or "environment"
            name = str(told).rsplit("/", 1)[-1]
            taken = set(self._names.values())
            numbered = (f"{name}-{number}" for number in itertools.count(2))
            self._names[alike] = name if name not in taken else next(one for one in numbered if one not in taken)
            at_home = {} if region is None else {"region": region}
            self.options.append({"name": self._names[alike], **at_home, **connection})
        return self._names[alike]


def entry(wish: Wish, connections: Connections) -> dict[str, Any]:
    """A host's bucket as sse_kms_info takes it among many."""
    connection = dict(wish.connection)
    region = connection.pop("region", None)
    place = {"id": wish.host, "name": wish.bucket, "region": region}
    return {**wish.asked, **place, "connection": connections.name(connection, region=region)}


def threads(options: Mapping[str, Any]) -> dict[str, Any]:
    """How many buckets a module is to work on at a time, where an action was told; else the module decides."""
    return {} if options["threads"] is None else {"threads": options["threads"]}


def unread(wish: Wish, problem: str) -> dict[str, Any]:
    """The result for a bucket that was not even asked about."""
    nothing = posture.unread(posture.NotRead(problem)).to_dict()
    place = {"name": wish.bucket, "connection": "", "account": None, "region": None, "exists": None, "tags": None}
    return {**place, "key": None, "encryption": None, "policy": None, **nothing}


def refuse_elsewhere(action: ActionBase) -> None:
    """Refuse to run anywhere but where ansible-playbook runs, as its user: answers are handed over in files.

    :raises AnsibleActionFail: elsewhere.
    """
    if action._connection.transport != "local" or action._connection.become:
        raise AnsibleActionFail(_ELSEWHERE)


def folder_of_the_run() -> Path:
    """The folder that Ansible makes for this run on its controller, for its user alone, and removes at its end."""
    return Path(str(constants.DEFAULT_LOCAL_TMP))  # type: ignore[attr-defined]


@dataclass(frozen=True)
class ModuleRun:
    """What a module that writes a results_file ended with.

    :ivar told: its result.
    :ivar results: what it has written of each bucket, also where it failed later.
    """

    told: dict[str, Any]
    results: Iterator[dict[str, Any]]

    @property
    def failure(self) -> str | None:
        """A sentence where it failed as a whole."""
        return str(self.told.get("msg") or "The module failed, and said nothing.") if self.told.get("failed") else None


@contextlib.contextmanager
def module_run(
    run: Callable[[dict[str, Any]], dict[str, Any]], args: Mapping[str, Any], *, what: str
) -> Iterator[ModuleRun]:
    """Let a module work on many buckets, and show how far it is. Its results can be read inside of the block.

    :param run: runs it with these arguments.
    :param what: what is counted, ``buckets read``.
    """
    with tempfile.TemporaryDirectory(prefix="sealed-s3-", dir=folder_of_the_run()) as folder:
        path = Path(folder) / "results"
        with progress.shown(path, Display().display, what=what):
            told = run({**args, "results_file": str(path)})
        yield ModuleRun(told, lines(path))


class Answers:
    """What is kept of each host between the tasks of a run.

    :param kind: of what: ``posture`` (what was found), ``handed-over`` (that for the role), ``keys`` (who makes them),
        ``keys-failed`` or ``seal`` (what was done).
    """

    def __init__(self, kind: str) -> None:
        self._folder = folder_of_the_run() / f"sealed-s3-answers-{kind}"

    def keep(self, host: str, answer: Mapping[str, Any]) -> None:
        """Keep the answer for a host, instead of an earlier one."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._path(host)
        path.touch(mode=0o600)
        path.write_text(json.dumps(answer), encoding="utf-8")

    def of(self, host: str) -> dict[str, Any] | None:
        """The answer for a host; None where there is none."""
        try:
            answer: dict[str, Any] = json.loads(self._path(host).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return answer

    @classmethod
    def forget_all(cls) -> None:
        """Begin anew: what another run of sealed.s3.encrypt in the same ansible-playbook has left is not ours."""
        for folder in folder_of_the_run().glob("sealed-s3-answers-*"):
            shutil.rmtree(folder)

    def drop(self, host: str) -> None:
        """Forget the answer for a host."""
        self._path(host).unlink(missing_ok=True)

    def _path(self, host: str) -> Path:
        # An inventory's host can be called anything.
        return self._folder / f"{hashlib.sha256(host.encode()).hexdigest()}.json"


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The results in a results_file, without its first line; none where there is no file."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        next(file, None)
        for line in file:
            yield json.loads(line)


def hand_over(host: str, wish: Wish, result: Mapping[str, Any]) -> None:
    """Keep the posture of a host's bucket for the role, which is about to ask for it."""
    Answers("handed-over").keep(
        host, {"bucket": wish.bucket, "asked": _given(wish.asked), "time": time.time(), "postures": [of_one(result)]}
    )


def hand_over_without_key(host: str, *, first_with_it: bool) -> None:
    """Let a check run go on for a host as if its key, which nothing has made, were made by the time its bucket is next.

    :param first_with_it: once before that, hand over the posture as it is: to the one who makes the key.
    """
    answers = Answers("handed-over")
    kept = answers.of(host)
    if kept is None or len(kept["postures"]) > 1:
        return
    (found,) = kept["postures"]
    made = {**found, "plan": {**found["plan"], "create_key": False, "key_settings": False}}
    answers.keep(host, {**kept, "postures": [found, made] if first_with_it else [made]})


def handed_over(host: str, args: Mapping[str, Any]) -> dict[str, Any] | None:
    """The posture that was kept for a host, once; None where there is none, where it is old, or where more is asked.

    :param args: the arguments of sse_kms_info.
    """
    answers = Answers("handed-over")
    kept = answers.of(host)
    if kept is None:
        return None
    answers.drop(host)
    asked = {name: args.get(name) for name in kept["asked"]}
    if kept["bucket"] != args.get("bucket") or kept["asked"] != _given(asked):
        return None
    if time.time() - kept["time"] > FRESH_SECONDS:
        return None
    found, *later = kept["postures"]
    if later:
        answers.keep(host, {**kept, "postures": later})
    posture_of_one: dict[str, Any] = found
    return posture_of_one


def of_one(result: Mapping[str, Any]) -> dict[str, Any]:
    """The result of one bucket among many as sse_kms_info returns it for one alone."""
    alone = {name: value for name, value in result.items() if name not in _OF_MANY}
    there = {"name": result["name"], "exists": result["exists"], "region": None, "account": None}
    if result["exists"]:
        there.update(region=result["region"], account=result["account"])
    return {"changed": False, "bucket": there, **alone}


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = json.loads(json.dumps(options, default=str))
    return {name: value for name, value in given.items() if value is not None}
