# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environments that work in this checkout needs, each from its lock file.

python tests/harness/environments.py dev localstack
"""

from __future__ import annotations

import ast
import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
REQUIREMENTS = ROOT / "tests" / "requirements"
UV_NAMES = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
BOOTSTRAP = CACHE / "bootstrap" / "bin"
COLLECTIONS = CACHE / "ansible_collections"

# Ansible starts a Python for every module: keep what is compiled, whatever the machine says, and out of the checkout.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("PYTHONPYCACHEPREFIX", str(CACHE / "compiled"))


def folder(name: str) -> Path:
    """Where an environment is: ``dev`` is .venv, the others are out of sight."""
    return ROOT / ".venv" if name == "dev" else CACHE / "environments" / name


def program(name: str, command: str) -> str:
    """The path of a command of an environment."""
    return str(folder(name) / "bin" / command)


def ensure(name: str) -> None:
    """Make the environment, or make it anew when its lock file or the Python has changed."""
    lock = REQUIREMENTS / f"{name}.txt"
    # What is installed without what it depends on.
    alone = REQUIREMENTS / f"{name}.no-deps.txt"
    locks = [lock, *([alone] if alone.exists() else [])]
    target = folder(name)
    stamp = target / "made-from"
    wanted = f"{sys.version} {hashlib.sha256(b''.join(each.read_bytes() for each in locks)).hexdigest()}"
    with one_at_a_time(name):
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return
        print(f"Making the environment {name} ...", flush=True)
        _uv("venv", "--quiet", "--clear", "--python", str(BOOTSTRAP / "python"), str(target))
        install = ("pip", "install", "--quiet", "--require-hashes", "--python", str(target))
        _uv(*install, "--requirement", str(lock))
        if alone.exists():
            _uv(*install, "--no-deps", "--requirement", str(alone))
        stamp.write_text(wanted, encoding="utf-8")


def ensure_collections() -> None:
    """Put amazon.aws, and a link to this checkout, where Ansible looks for collections."""
    lock = REQUIREMENTS / "collections.txt"
    stamp = COLLECTIONS / "made-from"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    link = COLLECTIONS / "sealed" / "s3"
    with one_at_a_time("collections"):
        if not (stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
            print("Fetching the collection amazon.aws ...", flush=True)
            shutil.rmtree(COLLECTIONS, ignore_errors=True)
            with tempfile.TemporaryDirectory() as download:
                _run(
                    *(str(BOOTSTRAP / "python"), "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"),
                    *("--disable-pip-version-check", "--dest", download, "--requirement", str(lock)),
                )
                (wheel,) = Path(download).glob("*.whl")
                with zipfile.ZipFile(wheel) as archive:
                    inside = [name for name in archive.namelist() if name.startswith("ansible_collections/amazon/aws/")]
                    archive.extractall(CACHE, inside)
            stamp.write_text(wanted, encoding="utf-8")
        if not (link.is_symlink() and link.resolve() == ROOT):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(ROOT, link.parent), target_is_directory=True)


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """One maker at a time: checks run side by side."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _uv(*arguments: str) -> None:
    _run(str(BOOTSTRAP / "uv"), *arguments)


@functools.cache
def _settings_of_pip() -> dict[str, str]:
    """What pip is told on this machine, by its files and by variables: option -> value."""
    command = [str(BOOTSTRAP / "python"), "-m", "pip", "--disable-pip-version-check", "config", "list"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    settings: dict[str, str] = {}
    # The last one has the last word.
    for section in ("global", "install", ":env:"):
        for option, value in re.findall(rf"^{section}\.([a-z-]+)=(.*)$", listed, re.M):
            settings[option] = ast.literal_eval(value)
    return settings


def write_pip_configuration(path: Path) -> None:
    """Tell a pip that sees neither our HOME nor our variables what ours is told."""
    settings = {"cache-dir": str(CACHE / "pip"), **_settings_of_pip()}
    lines = [f"{option} = {value.strip()}".replace("\n", "\n    ") for option, value in settings.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text("\n".join(["[global]", *lines, ""]), encoding="utf-8")


def _run(*command: str) -> None:
    told = _settings_of_pip()
    environment = {
        # uv does not ask pip.
        **{theirs: told[ours] for ours, theirs in UV_NAMES.items() if ours in told},
        **os.environ,
        "UV_CACHE_DIR": str(CACHE / "uv"),
        "UV_PYTHON_DOWNLOADS": "never",
        # The Python is ours to choose: an activated environment is not.
        "VIRTUAL_ENV": "",
    }
    subprocess.run(command, check=True, env=environment)


def ensure_all(names: Iterable[str]) -> None:
    """Make the environments and the collections."""
    for name in names:
        ensure(name)
    ensure_collections()


if __name__ == "__main__":
    ensure_all(sys.argv[1:])
