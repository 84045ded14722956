# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A check that did not do its work does not pass."""

from __future__ import annotations

import sys
from collections.abc import Callable

import checks
import pytest


def check(program: str) -> checks.Check:
    def run(run: checks.Run) -> None:
        run(sys.executable, "-c", program)

    return checks.Check("example", run)


@pytest.mark.parametrize(
    "line",
    [
        "WARNING: All targets skipped.",
        'WARNING: Skipping sanity test "import" on Python 3.8',
        "ansible-lint not found, skipping lint of collection",
        "3 passed, 1 skipped in 0.10s",
        "3 passed, 2 deselected in 0.10s",
        "3 passed, 1 xfailed in 0.10s",
    ],
)
def test_a_tool_that_skips_fails(line: str) -> None:
    outcome = checks.perform(check(f"print({line!r})"), show=False)
    assert outcome.problem == f"something was skipped: {line}"


@pytest.mark.parametrize(
    "line",
    [
        "skipping: [localhost]",
        "localhost : ok=8 changed=0 unreachable=0 failed=0 skipped=4 rescued=0 ignored=0",
        "3 passed in 0.10s",
        "fresh : actions=1  successful=1  disabled=0  skipped=0  missing=0  failed=0",
    ],
)
def test_what_only_looks_like_it_passes(line: str) -> None:
    assert not checks.perform(check(f"print({line!r})"), show=False).problem


def test_a_failure_says_the_code_and_keeps_what_was_printed() -> None:
    outcome = checks.perform(check("print('the reason'); raise SystemExit(3)"), show=False)
    assert outcome.problem.endswith("ended with code 3")
    assert "the reason" in outcome.printed


def test_a_group_or_a_name_chooses() -> None:
    assert {one.name for one in checks.chosen(["sanity", "mypy"])} == {
        "mypy",
        *(f"sanity-{core}" for core in checks.CORES),
        *(f"pylint-{core}" for core in checks.CORES[:-1]),
    }
    assert checks.chosen([]) == sorted(checks.CHECKS, key=lambda one: -one.seconds)
    assert checks.chosen(["torture"]) == sorted(checks.LONG_CHECKS, key=lambda one: -one.seconds)


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(SystemExit, match="There is no check or group lnit; there are "):
        checks.chosen(["lnit"])


@pytest.mark.parametrize(("program", "code"), [("", 0), ("raise SystemExit(1)", 1)])
def test_the_run_fails_when_a_check_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], program: str, code: int
) -> None:
    monkeypatch.setattr(checks, "CHECKS", (check(program),))
    monkeypatch.setattr(checks.environments, "ensure_all", _do_nothing)
    monkeypatch.setattr(checks, "stop_on_signals", _do_nothing)
    monkeypatch.setattr(sys, "argv", ["checks.py"])
    assert checks.main() == code
    assert capsys.readouterr().out.endswith(f"\n{1 - code} passed, {code} failed\n")


_do_nothing: Callable[..., None] = lambda *_arguments: None  # noqa: E731
