# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured on: the machine and the versions, without names or paths."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.metadata import version
from platform import python_version

from environments import COLLECTIONS, program


def facts() -> dict[str, str]:
    """Name -> value, in the order of a sentence."""
    amazon = json.loads((COLLECTIONS / "amazon" / "aws" / "MANIFEST.json").read_text(encoding="utf-8"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "": f"{os.cpu_count()} cores with {memory:.0f} GB of memory",
        "Python": python_version(),
        "ansible-core": version("ansible-core"),
        "amazon.aws": str(amazon["collection_info"]["version"]),
        "boto3": version("boto3"),
        "LocalStack": _version_in("localstack", "localstack-core"),
        "Cloud Custodian": _version_in("custodian", "c7n"),
    }


def _version_in(environment: str, package: str) -> str:
    command = [
        program(environment, "python"),
        "-c",
        f"from importlib.metadata import version; print(version({package!r}))",
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
