# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An enforcing LocalStack for each model of S3, one for all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "harness"))
sys.path.insert(0, str(Path(__file__).parent))

from localstack import KEY_ID_MODELS, LocalStack
from service import Service

# The user's own account has no part in this.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]


@pytest.fixture(scope="session", params=KEY_ID_MODELS)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """One under each model of the key-id condition key."""
    with LocalStack(request.param) as localstack:
        yield Service(localstack, request.param)


@pytest.fixture(scope="session")
def other_choices() -> Iterator[Service]:
    """One with the other choice at both lesser switches."""
    with LocalStack("effective", named_key="as_sent", parts="upload") as localstack:
        yield Service(localstack, "effective")
