# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LocalStack is stopped whatever happens to those who started it, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import localstack
import pytest

LAUNCHER = [sys.executable, str(Path(localstack.__file__))]
PATIENCE = 90


def until(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)
    return holds()


def answers(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/_localstack/health", timeout=30):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False


def is_gone(endpoint: str, temporary: Path) -> bool:
    return not answers(endpoint) and not list(temporary.glob("sealed-s3-localstack-*"))


@pytest.fixture
def running(tmp_path: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        LAUNCHER, env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line)
        if "Ctrl-C stops it" in line:
            break
    (endpoint,) = [line.partition("=")[2].strip() for line in printed if line.startswith("export AWS_ENDPOINT_URL=")]
    assert answers(endpoint)
    return process, endpoint


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGHUP, 128 + signal.SIGHUP)],
)
def test_a_signal_stops_it(
    running: tuple[subprocess.Popen[str], str], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process, endpoint = running
    process.send_signal(number)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert is_gone(endpoint, tmp_path)


def test_it_ends_with_a_launcher_that_is_killed(running: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
    process, endpoint = running
    process.kill()
    process.communicate()
    assert until(lambda: is_gone(endpoint, tmp_path))


def test_a_command_runs_beside_it_and_its_code_is_handed_on(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "import os, boto3; print(os.environ['AWS_ENDPOINT_URL']); print(boto3.client('sts').get_caller_identity()"
        "['Account']); raise SystemExit(7)",
    ]
    done = subprocess.run(
        [*LAUNCHER, *command],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    endpoint, account = done.stdout.split()
    assert (done.returncode, account) == (7, "000000000000"), done.stderr
    assert endpoint.startswith("http://127.0.0.1:")
    assert is_gone(endpoint, tmp_path)


def test_a_failure_in_the_block_stops_it() -> None:
    with pytest.raises(ZeroDivisionError), localstack.LocalStack() as started:
        assert answers(started.endpoint)
        assert started.log.exists()
        # What it keeps is in the folder that is removed, wherever it runs.
        assert started.ca_bundle.exists()
        assert (started.log.parent / "filesystem_root" / "var").is_dir()
        raise ZeroDivisionError
    assert not answers(started.endpoint)
    assert not started.log.parent.exists()


def test_one_that_does_not_start_says_why_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localstack, "_RUN_WHILE_WE_DO", "raise SystemExit('no room left')\n")
    not_started = localstack.LocalStack()
    with pytest.raises(SystemExit, match=r"(?s)LocalStack did not start.*no room left"), not_started:
        pass
    assert not not_started.log.parent.exists()
