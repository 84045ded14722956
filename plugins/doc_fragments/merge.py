# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the modules that merge the guard into a policy."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment sealed.s3.merge."""

    DOCUMENTATION = r"""
options:
  on_conflict:
    description:
      - What to do when statements of others deny uploads that the guard allows, or let a service write that cannot use
        the key.
      - V(fail) names them and changes nothing. V(replace) takes them out. V(ignore) keeps them and warns.
    type: str
    choices: [fail, replace, ignore]
    default: fail
  allow_lockout:
    description:
      - Whether O(encryption_admins) may leave out the caller. Such a guard is refused otherwise, because the caller
        could not change default encryption any more.
    type: bool
    default: false
"""
