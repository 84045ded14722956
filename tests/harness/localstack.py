# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a real LocalStack from its package, without a container, and always stops it.

    python tests/harness/localstack.py                    runs one until Ctrl-C
    python tests/harness/localstack.py COMMAND ARG ...    runs the command beside one, with the variables set

It listens on 127.0.0.1 only, on a port that is free at start, and keeps its state in a temporary folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import FrameType

from environments import program

REGION = "us-east-1"
_START_SECONDS = 60
_STOP_SECONDS = 10
_STATE_FOLDERS = ("FILESYSTEM_ROOT", "TMPDIR", "XDG_CACHE_HOME", "HOME")


class LocalStack:
    """A LocalStack for the time of a ``with`` block.

    :ivar endpoint: its URL.
    :ivar log: the file it logs to, one line for each API call.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="sealed-s3-localstack-"))
        self.log = self._folder / "log.txt"
        self.endpoint = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def variables(self) -> dict[str, str]:
        """What boto3 and Ansible have to find in the environment."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "SEALED_S3_LOCALSTACK_LOG": str(self.log),
        }

    def __enter__(self) -> LocalStack:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_failure: object) -> None:
        self.stop()

    def _start(self) -> None:
        port = _free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment.update(
            GATEWAY_LISTEN=f"127.0.0.1:{port}",
            SERVICES="s3,kms,sts,iam",
            SKIP_SSL_CERT_DOWNLOAD="1",
            DNS_ADDRESS="0",
            DISABLE_EVENTS="1",
        )
        for name in _STATE_FOLDERS:
            state = self._folder / name.lower()
            state.mkdir()
            environment[name] = str(state)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [program("localstack", "python"), "-m", "localstack.runtime.main"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                # A group of its own: Ctrl-C is ours to handle, and nothing of it stays behind.
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
                raise SystemExit("LocalStack did not start. The end of its log:\n" + "\n".join(tail))
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_localstack/health", timeout=2) as answer:
                return set(json.load(answer)["services"]) >= {"s3", "kms", "sts", "iam"}
        except (OSError, ValueError, KeyError):
            return False

    def stop(self) -> None:
        """Stop it, by its process group, and remove its state."""
        if self._process is not None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
            # Also what of its group outlived it.
            self._signal(signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the program as Ctrl-C does: through every ``with`` and ``finally``."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def main() -> int:
    stop_on_signals()
    with LocalStack() as localstack:
        if len(sys.argv) > 1:
            return subprocess.run(sys.argv[1:], check=False, env={**os.environ, **localstack.variables}).returncode
        print(f"LocalStack listens on {localstack.endpoint}. In another terminal:\n")
        for name, value in localstack.variables.items():
            print(f"export {name}={value}")
        print("\nCtrl-C stops it.", flush=True)
        signal.pause()
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        raise SystemExit(main())
