# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-playbook on the hosts of many cases at once, and tells what came of each host."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import groups
import yaml
from environments import ROOT
from stage import SECRETS

FORKS = 4
_HERE = Path(__file__).parent
_ROLE = [
    {
        "hosts": "all",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "roles": ["sealed.s3.encrypted_s3"],
    }
]
# AWS STS API Reference, "AssumeRole": how its answer has them.
_OF_A_ROLE = re.compile(r"<(SecretAccessKey|SessionToken)>")
ENCRYPT = "sealed.s3.encrypt"
"""Instead of the role alone."""


@dataclass
class HostRan:
    """What came of a host.

    :ivar failures: what its failed tasks said, those that were rescued, too.
    :ivar handed_over: the fact ``encrypted_s3_result``; empty where it has none.
    """

    failures: list[dict[str, Any]] = field(default_factory=list)
    handed_over: Mapping[str, Any] = field(default_factory=dict)
    stats: Mapping[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return bool(self.stats.get("failures") or self.stats.get("unreachable") or not self.stats)

    @property
    def changed(self) -> bool:
        """Whether it reports a change, that of the task that failed included."""
        last = self.failures[-1]["result"] if self.failed and self.failures else {}
        return bool(self.stats.get("changed") or last.get("changed"))

    @property
    def last(self) -> Mapping[str, Any]:
        """The result of the task that it failed with."""
        result: Mapping[str, Any] = self.failures[-1]["result"] if self.failures else {}
        return result

    @property
    def told(self) -> Mapping[str, Any]:
        """What the role tells, done or failed."""
        return self.last if self.failed else self.handed_over

    @property
    def msg(self) -> str:
        return str(self.last.get("msg", ""))


@dataclass(frozen=True)
class Ran:
    """What came of a run.

    :ivar output: all that was said.
    """

    hosts: dict[str, HostRan]
    output: str


def run(hosts: Mapping[str, Mapping[str, Any]], *, playbook: str = "", arguments: tuple[str, ...] = ()) -> Ran:
    """Run the role, or a playbook, on hosts with these variables."""
    with tempfile.TemporaryDirectory(prefix="sealed-s3-faults-") as folder:
        path = Path(folder)
        inventory = path / "hosts.yml"
        inventory.write_text(yaml.safe_dump({"s3_buckets": {"hosts": dict(hosts)}}), encoding="utf-8")
        play = path / "role.yml"
        play.write_text(yaml.safe_dump(_ROLE), encoding="utf-8")
        outcomes = path / "outcomes"
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        command = [program, "-i", str(inventory), playbook or str(play), *arguments]
        _ended, output = output_of(command, _environment(path, outcomes), path)
        found = {name: HostRan() for name in hosts}
        for line in outcomes.read_text(encoding="utf-8").splitlines() if outcomes.exists() else ():
            told = json.loads(line)
            host = found[told["host"]]
            if "stats" in told:
                host.stats = told["stats"]
            elif "handed_over" in told:
                host.handed_over = told["handed_over"]
            else:
                host.failures.append(told)
        return Ran(found, output)


def output_of(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """How a command ended, and all that it said. Nothing that it has started outlives us."""
    with subprocess.Popen(
        command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            output, _none = process.communicate()
        except BaseException:
            # The forks of Ansible, too.
            groups.send(process.pid, signal.SIGKILL)
            raise
        return process.returncode, output


def _environment(folder: Path, outcomes: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))}
    return {
        **kept,
        "ANSIBLE_CALLBACK_PLUGINS": str(_HERE / "callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "in_this_process",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache"),
        "ANSIBLE_FORKS": str(FORKS),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "FAULTS_OUTCOMES": str(outcomes),
        "PYTHONPATH": str(ROOT / ".cache"),
    }


def secrets_in(text: str) -> list[str]:
    """The secrets that stand in a text, those included that AssumeRole has answered with."""
    given = [name for name, value in SECRETS.items() if value in text]
    return given + [f"{name} of a role" for name in dict.fromkeys(_OF_A_ROLE.findall(text))]
