# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A play of buckets as far as action plugins see it: its hosts with the variables of the role, and the templating."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.plugins.action import ActionBase
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[2] / "roles" / "encrypted_s3"


def _trusted(value: Any) -> Any:
    """As a variable that was read from an inventory's file."""
    return trust_as_template(value) if isinstance(value, str) else value


class _HostVars(dict[str, Any]):
    """The variables of each host, and what the actions take from there beside them."""

    def __init__(self, manager: Any, hosts: dict[str, dict[str, Any]]) -> None:
        super().__init__(hosts)
        self._variable_manager = manager
        self._inventory = SimpleNamespace(get_host=lambda name: name)


class FakePlay:
    """A play.

    :param hosts: the variables of each host.
    """

    def __init__(self, hosts: dict[str, dict[str, Any]], *, check_mode: bool = False) -> None:
        self._loader = DataLoader()
        self._hosts = hosts
        self.check_mode = check_mode
        self.environment: list[Any] = []
        self.asked: list[str] = []
        self._role = {
            name: value
            for part in ("defaults", "vars")
            for name, value in self._loader.load_from_file(
                str(ROLE / part / "main.yml"), trusted_as_template=True
            ).items()
        }

    def get_vars(self, *, host: str, **_how: Any) -> dict[str, Any]:
        self.asked.append(host)
        own = {name: _trusted(value) for name, value in self._hosts[host].items()}
        return {**self._role, **own, "inventory_hostname": host}

    @property
    def task_vars(self) -> dict[str, Any]:
        """The variables that the action of the first host is given."""
        first = next(iter(self._hosts))
        return {
            "inventory_hostname": first,
            "ansible_play_batch": list(self._hosts),
            "ansible_python_interpreter": "/usr/bin/python-of-somebody-else",
            "hostvars": _HostVars(self, self._hosts),
        }

    def action(self, kind: type[ActionBase], **args: Any) -> Any:
        """An action of the play's only task."""
        task = mock.MagicMock(
            spec=Task, args=args, check_mode=self.check_mode, async_val=0, diff=True, environment=self.environment
        )
        task._role = None
        task.get_play.return_value = self
        return kind(
            task=task,
            connection=mock.MagicMock(transport="local", become=None),
            play_context=mock.MagicMock(),
            loader=self._loader,
            templar=Templar(loader=self._loader, variables=self.task_vars),
            shared_loader_obj=mock.MagicMock(),
        )
