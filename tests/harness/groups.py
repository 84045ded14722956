# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Process groups: what a program that we start has started, and the program itself."""

from __future__ import annotations

import os
import signal


def send(leader: int, number: signal.Signals) -> bool:
    """Send a signal to the group of its leader; whether there was something of it."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return False
    return True
