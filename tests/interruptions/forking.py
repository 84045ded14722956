# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that has loaded all that takes long, and forks a process for each module that it is told to run.

Each leads a process group, as what Ansible's worker starts belongs to the group of that worker. Orders come in as lines
of JSON, and each gets one for an answer: ``{"run": module, "given": ..., "folder": ...}`` the process's id, and
``{"ended": id}`` its exit code, or null while it runs. Where no more orders can come, what still runs is killed.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

sys.path[:0] = json.loads(sys.argv[1])

from ansible.module_utils.testing import patch_module_args
from stage import REGION, SDK_SESSION

from ansible_collections.sealed.s3.plugins.module_utils.aws import session as sessions

_MODULES = (
    "bucket_encryption",
    "bucket_policy_restore",
    "kms_key_settings",
    "sse_kms_info",
    "sse_kms_policy",
    "sse_kms_seal",
)
_STDOUT, _STDERR = 1, 2


def main() -> None:
    for name in _MODULES:
        importlib.import_module(f"ansible_collections.sealed.s3.plugins.modules.{name}")
    for service in ("s3", "kms", "sts"):
        SDK_SESSION.client(service, region_name=REGION)
    running: set[int] = set()
    try:
        for line in sys.stdin:
            order = json.loads(line)
            if "ended" in order:
                answer = _ended(order["ended"])
                if answer is not None:
                    running.discard(order["ended"])
            else:
                answer = _start(order)
                running.add(answer)
            print(json.dumps(answer), flush=True)
    finally:
        # Not waited for yet, so that their ids are still theirs.
        for child in running:
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError):
                    kill(child, signal.SIGKILL)


def _start(order: Mapping[str, Any]) -> int:
    child = os.fork()
    if child == 0:
        _run(order["run"], order["given"], Path(order["folder"]))
    return child


def _ended(child: int) -> int | None:
    found, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _run(name: str, given: dict[str, Any], folder: Path) -> NoReturn:
    os.setsid()
    # As a new process has it, also where this one was started in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in ((_STDOUT, "out"), (_STDERR, "err")):
        os.dup2(os.open(folder / stream, os.O_WRONLY | os.O_CREAT, 0o600), number)
    module = importlib.import_module(f"ansible_collections.sealed.s3.plugins.modules.{name}")
    code = 0
    try:
        with patch_module_args(given), patch.object(sessions.Session, "_make_sdk_session", lambda _own: SDK_SESSION):
            module.main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
