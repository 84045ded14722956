# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium: one that is on PATH, else Debian's own, unpacked below .cache without touching the system."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from environments import CACHE, one_at_a_time

ON_PATH = ("chromium-headless-shell", "chromium", "google-chrome")
# What the headless shell can do without is left out; a machine without any font would show no text.
PACKAGES = ("chromium-headless-shell", "fonts-dejavu-core")
FOLDER = CACHE / "browser"
PROGRAM = Path("usr/lib/chromium/chromium-headless-shell")
# The registry can be slow, or busy.
ATTEMPTS = 3
PAUSE = 5.0
FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{root}/usr/share/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>{folder}/font-cache</cachedir>
</fontconfig>
"""
# Nothing of the machine's is used, nothing is asked for in the background.
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
).split()


class NoChromium(Exception):
    """There is none, and none could be fetched; the text says what to do."""


@dataclass(frozen=True)
class Chromium:
    """A browser that answers.

    :ivar environment: what it needs beside the variables that are there.
    """

    path: str
    environment: dict[str, str] = field(default_factory=dict)

    def trouble(self) -> str:
        """Why it does not start, for libraries of the machine can be missing; empty where it does."""
        with tempfile.TemporaryDirectory(prefix="sealed-s3-chromium-") as folder:
            try:
                shown = subprocess.run(
                    [self.path, *ARGUMENTS, f"--user-data-dir={folder}", "--dump-dom", "data:text/html,<p>ready"],
                    env={**os.environ, **self.environment},
                    stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
                )  # fmt: skip
            except (OSError, subprocess.TimeoutExpired) as error:
                return str(error)
        return "" if "ready" in shown.stdout else _last_line(shown)


def find(folder: Path = FOLDER) -> Chromium:
    """The browser to use; it is fetched where there is none.

    :raises NoChromium: where that is not possible.
    """
    there = [Chromium(path) for name in ON_PATH if (path := shutil.which(name))]
    for one in there:
        if not one.trouble():
            return one
    with one_at_a_time("chromium"):
        ours = unpacked(folder)
        if Path(ours.path).exists() and not ours.trouble():
            return ours
        fetch(folder)
        ours = unpacked(folder)
        trouble = ours.trouble()
        if trouble:
            raise NoChromium(_missing(f"Debian's {PACKAGES[0]} in {folder} does not start ({trouble})"))
        return ours


def unpacked(folder: Path) -> Chromium:
    """The browser below a folder, and what it needs to find its libraries and fonts there."""
    root = folder / "root"
    # Some have a folder of their own, where the absolute path that is built into a library does not lead.
    libraries = sorted({str(path.parent) for top in ("lib", "usr/lib") for path in (root / top).rglob("*.so*")})
    known = os.environ.get("LD_LIBRARY_PATH")
    return Chromium(
        str(root / PROGRAM),
        {
            "LD_LIBRARY_PATH": os.pathsep.join([*libraries, *([known] if known else [])]),
            "FONTCONFIG_FILE": str(folder / "fonts.conf"),
        },
    )


def fetch(folder: Path) -> None:
    """Download the packages that this machine lacks, with folders of apt of our own, and unpack them.

    :raises NoChromium: where apt cannot.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise NoChromium(_missing("This machine has no apt-get to fetch one with"))
    print("Fetching Chromium ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    lists, archives = folder / "state" / "lists" / "partial", folder / "cache" / "archives" / "partial"
    for partial in (lists, archives):
        partial.mkdir(parents=True)
    _apt(folder, "update")
    _apt(folder, "--yes", "install", "--download-only", "--no-install-recommends", *PACKAGES)
    root = folder / "root"
    root.mkdir()
    for archive in sorted(archives.parent.glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", str(archive), str(root)], check=True)
    (folder / "fonts.conf").write_text(FONTS.format(root=root, folder=folder), encoding="utf-8")
    # Only needed to get here.
    for each in ("state", "cache"):
        shutil.rmtree(folder / each)


def _apt(folder: Path, *arguments: str) -> None:
    options = (
        f"Dir::State={folder}/state",
        "Dir::State::status=/var/lib/dpkg/status",
        f"Dir::Cache={folder}/cache",
        "Debug::NoLocking=1",
        # apt, started by root, becomes a user who may not see the checkout.
        "APT::Sandbox::User=root",
        "Acquire::Retries=2",
    )
    command = ["apt-get", "-q", *(part for option in options for part in ("-o", option)), *arguments]
    said = _tried(command)
    if said is not None:
        raise NoChromium(_missing(f"apt-get could not fetch one ({said})"))


def _tried(command: Sequence[str]) -> str | None:
    """Run a command until it succeeds, some times. The last line that it said, where it did not."""
    said = ""
    for attempt in range(ATTEMPTS):
        time.sleep(attempt * PAUSE)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return None
        said = _last_line(done)
    return said


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip() or done.stdout.strip() or f"code {done.returncode}").splitlines()[-1]


def _missing(why: str) -> str:
    return f"There is no Chromium on PATH. {why}. Install chromium (Debian: apt install chromium) and try again."


if __name__ == "__main__":
    try:
        print(find().path)
    except NoChromium as error:
        sys.exit(str(error))
