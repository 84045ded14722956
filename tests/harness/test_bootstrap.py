# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python of the machine is found, or one sentence says what is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).parent
# What a shell script needs; no Python.
TOOLS = ("dirname", "cmp", "rm", "mkdir", "cat", "cp")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the bootstrap only, and a lock that asks for nothing."""
    for name in ("harness", "requirements"):
        (tmp_path / "tests" / name).mkdir(parents=True)
    shutil.copy(HARNESS / "bootstrap.sh", tmp_path / "tests" / "harness")
    (tmp_path / "tests" / "requirements" / "bootstrap.txt").write_text("# nothing\n", encoding="utf-8")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def bootstrap(checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(checkout / "tests" / "harness" / "bootstrap.sh")],
        env={"PATH": str(checkout / "bin"), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def program(checkout: Path, name: str, text: str) -> None:
    path = checkout / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def test_no_python_is_said_in_one_sentence(checkout: Path) -> None:
    done = bootstrap(checkout)
    assert done.returncode == 1
    assert done.stderr.startswith("sealed.s3 needs Python 3.12 or 3.13, and none was found")
    assert done.stderr.count("\n") == 1


def test_a_shim_that_fails_is_no_python(checkout: Path) -> None:
    program(checkout, "bin/python3.13", "echo 'python3.13: command not found' >&2; exit 127")
    done = bootstrap(checkout)
    assert done.returncode == 1
    assert "none was found" in done.stderr


@pytest.mark.parametrize("where", ["bin/python3.12", "bin/python3", "root/versions/3.13.9/bin/python"])
def test_a_python_that_runs_is_found(checkout: Path, where: str) -> None:
    program(checkout, where, f'exec "{sys.executable}" "$@"')
    done = bootstrap(checkout, PYENV_ROOT=str(checkout / "root"))
    assert (done.returncode, done.stderr) == (0, "")
    made = checkout / ".cache" / "bootstrap"
    assert (made / "bin" / "python").exists()
    # A second run has nothing to do.
    stamp = (made / "lock").stat().st_mtime_ns
    assert bootstrap(checkout, PYENV_ROOT=str(checkout / "root")).returncode == 0
    assert (made / "lock").stat().st_mtime_ns == stamp


def test_the_root_of_a_shim_is_searched(checkout: Path) -> None:
    program(checkout, "root/versions/3.12.5/bin/python", f'exec "{sys.executable}" "$@"')
    program(checkout, "root/shims/python3", "exit 127")
    done = bootstrap(checkout, PATH=f"{checkout / 'root' / 'shims'}:{checkout / 'bin'}")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_python_that_makes_no_environments_is_said_in_one_sentence(checkout: Path) -> None:
    # As Debian's without python3-venv, and without any pip.
    program(checkout, "bin/python3", f'[ "$1" = -m ] && exit 1; exec "{sys.executable}" "$@"')
    done = bootstrap(checkout)
    assert done.returncode == 1
    assert done.stderr.startswith("python3 cannot make virtual environments; install its venv package")
    assert done.stderr.count("\n") == 1
    assert not (checkout / ".cache" / "bootstrap").exists()
