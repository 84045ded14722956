# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes of the modules that change something. A module names its own support."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment sealed.s3.attributes."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return what a real run would change, without changing it.
  diff_mode:
    description: Returns what is changed, or would be changed in check mode, as before and after.
  idempotent:
    description: When run again with the same options and nobody else has changed anything, it changes nothing.
  action_group:
    description: Use C(group/sealed.s3.s3) in C(module_defaults) to set the connection.
    support: full
    membership: [sealed.s3.s3]
"""
