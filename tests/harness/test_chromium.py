# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Chromium is taken from PATH where it works there, else fetched, else asked for in a sentence."""

from __future__ import annotations

from pathlib import Path

import chromium
import pytest

# Stands in for apt-get: what it is asked to install is a package that dpkg-deb, another stand-in, unpacks.
APT = """
for option in "$@"; do case "$option" in Dir::Cache=*) cache="${option#*=}" ;; esac; done
case "$*" in *install*) : > "$cache/archives/shell.deb" ;; esac
"""
DPKG = """
mkdir -p "$3/usr/lib/chromium" "$3/usr/lib/x86_64-linux-gnu/pulseaudio"
: > "$3/usr/lib/x86_64-linux-gnu/pulseaudio/libpulsecommon-16.1.so"
printf '#!/bin/sh\\necho "ready $LD_LIBRARY_PATH $FONTCONFIG_FILE"\\n' > "$3/usr/lib/chromium/chromium-headless-shell"
chmod +x "$3/usr/lib/chromium/chromium-headless-shell"
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH but for the basics."""
    programs = tmp_path / "bin"
    basics = tmp_path / "basics"
    for folder in (programs, basics):
        folder.mkdir()
    for name in ("sh", "mkdir", "chmod"):
        (basics / name).symlink_to(next(one / name for one in map(Path, ("/bin", "/usr/bin")) if (one / name).exists()))
    monkeypatch.setenv("PATH", f"{programs}:{basics}")
    monkeypatch.setattr(chromium, "PAUSE", 0)
    return programs


def program(path: Path, name: str, script: str) -> None:
    (path / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (path / name).chmod(0o755)


def test_one_on_path_is_taken(path: Path, tmp_path: Path) -> None:
    program(path, "chromium", "echo ready")
    assert chromium.find(tmp_path / "browser") == chromium.Chromium(str(path / "chromium"))


def test_without_one_debian_s_is_fetched_once(path: Path, tmp_path: Path) -> None:
    # As what Ubuntu has by that name, which only says what else to install.
    program(path, "chromium", "echo 'install a snap' >&2; exit 1")
    program(path, "apt-get", APT)
    program(path, "dpkg-deb", DPKG)
    found = chromium.find(tmp_path / "browser")
    assert found.path == str(tmp_path / "browser/root/usr/lib/chromium/chromium-headless-shell")
    assert "x86_64-linux-gnu/pulseaudio" in found.environment["LD_LIBRARY_PATH"]
    assert Path(found.environment["FONTCONFIG_FILE"]).exists()
    assert sorted(one.name for one in (tmp_path / "browser").iterdir()) == ["fonts.conf", "root"]
    (path / "apt-get").unlink()
    assert chromium.find(tmp_path / "browser") == found


@pytest.mark.parametrize(
    ("programs", "why"),
    [
        ({}, "This machine has no apt-get to fetch one with"),
        ({"apt-get": "echo 'E: no way' >&2; exit 100", "dpkg-deb": DPKG}, "apt-get could not fetch one (E: no way)"),
        ({"apt-get": APT, "dpkg-deb": "true"}, "does not start ("),
    ],
)  # fmt: skip
def test_where_there_is_none_a_sentence_says_what_to_do(
    path: Path, tmp_path: Path, programs: dict[str, str], why: str
) -> None:
    for name, script in programs.items():
        program(path, name, script)
    with pytest.raises(chromium.NoChromium) as error:
        chromium.find(tmp_path / "browser")
    assert str(error.value).startswith("There is no Chromium on PATH. ")
    assert why in str(error.value)
    assert str(error.value).endswith(". Install chromium (Debian: apt install chromium) and try again.")


def test_a_slow_registry_is_asked_again(path: Path, tmp_path: Path) -> None:
    program(path, "apt-get", f'if [ -e "{tmp_path}/asked" ]; then :; else : > "{tmp_path}/asked"; exit 100; fi\n{APT}')
    program(path, "dpkg-deb", DPKG)
    assert not chromium.find(tmp_path / "browser").trouble()
