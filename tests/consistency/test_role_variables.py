# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's defaults, argument specs and README name the same variables, and its tasks read every one of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLE = Path(__file__).resolve().parents[2] / "roles" / "encrypted_s3"
DEFAULTS_TEXT = (ROLE / "defaults" / "main.yml").read_text(encoding="utf-8")
DEFAULTS: dict[str, Any] = yaml.safe_load(DEFAULTS_TEXT)
OPTIONS: dict[str, Any] = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))[
    "argument_specs"
]["main"]["options"]
README_TEXT = (ROLE / "README.md").read_text(encoding="utf-8")
# A row of a table of variables: name, default, meaning.
README = dict(re.findall(r"^\| `(encrypted_s3_\w+)` \| (.*?) ?\| .+ \|$", README_TEXT, re.MULTILINE))
REQUIRED = set(re.findall(r"^# (encrypted_s3_\w+): \(required\)$", DEFAULTS_TEXT, re.MULTILINE))
CODE = "\n".join(
    path.read_text(encoding="utf-8") for folder in ("tasks", "vars") for path in sorted((ROLE / folder).glob("*.yml"))
)


def test_the_three_places_name_the_same_variables() -> None:
    assert set(OPTIONS) == set(DEFAULTS) | REQUIRED
    assert set(OPTIONS) == set(README)


def test_what_is_required_is_commented_out_in_the_defaults() -> None:
    assert {name for name, option in OPTIONS.items() if option.get("required")} == REQUIRED
    assert not REQUIRED & set(DEFAULTS)


def test_the_readme_has_one_row_for_each_variable() -> None:
    rows = re.findall(r"^\| `(encrypted_s3_\w+)`", README_TEXT, re.MULTILINE)
    assert sorted(rows) == sorted(set(rows))
    assert set(rows) == set(README)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_the_defaults_agree(name: str) -> None:
    assert DEFAULTS.get(name) == OPTIONS[name].get("default")
    shown = README[name].strip()
    if name in REQUIRED:
        assert shown == "(required)"
    elif DEFAULTS[name] is None:
        assert shown == ""
    else:
        assert yaml.safe_load(shown.strip("`")) == DEFAULTS[name]


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_each_variable_is_described(name: str) -> None:
    assert OPTIONS[name]["type"]
    assert all(sentence.endswith(".") for sentence in OPTIONS[name]["description"])


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_the_tasks_read_each_variable(name: str) -> None:
    assert re.search(rf"(?<![\w]){name}(?!\w)", CODE)


def test_the_tasks_read_no_variable_that_is_not_documented() -> None:
    named = set(re.findall(r"(?<![\w])encrypted_s3_\w+", CODE))
    assert named - {"encrypted_s3_result"} == set(OPTIONS)


def test_internal_variables_that_are_read_are_set() -> None:
    named = set(re.findall(r"__encrypted_s3_\w+", CODE))
    defined = set(re.findall(r"^ *(__encrypted_s3_\w+):", CODE, re.MULTILINE))
    registered = set(re.findall(r"register: (__encrypted_s3_\w+)", CODE))
    assert named == defined | registered


def test_each_task_is_named_after_its_file() -> None:
    for path in sorted((ROLE / "tasks").glob("*.yml")):
        names = re.findall(r"^ *- name: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert names
        # ansible-lint knows the prefix of every file but main.yml, whose names have to begin with a capital.
        prefix = "Main | " if path.stem == "main" else f"{path.stem} | "
        assert all(name.startswith(prefix) for name in names), path
