# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the tests run: how many examples of the property tests there are, and what of ansible-test takes part."""

from __future__ import annotations

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does.
settings.register_profile("sealed", deadline=None)
# Where the same tests run once more, with another ansible-core or by ansible-test, it is not the examples that differ.
settings.register_profile("sealed-again", deadline=None, max_examples=10)
settings.load_profile("sealed")


def pytest_configure(config: pytest.Config) -> None:
    """Have ansible-test run the tests as they run without it.

    Its plugin forks for each test, which takes three times as long; these leave nothing behind for one another, as each
    of the other runs shows.
    """
    forking = config.pluginmanager.get_plugin("ansible_forked")
    if forking is not None:
        config.pluginmanager.unregister(forking)
        settings.load_profile("sealed-again")
