# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option of the modules that write a bucket policy and see what comes of it."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment sealed.s3.read_back."""

    DOCUMENTATION = r"""
options:
  read_back_at:
    description:
      - The seconds after the write of a bucket policy at which it is read back, ascending, at most C(60). S3 has no
        conditional write of a policy. Who has read the policy before this run wrote it, and writes later, overwrites
        it; the later the policy is read back, the more of that is noticed and mended.
      - A policy that has not changed is not read back. C([0]) waits for nothing.
    type: list
    elements: float
    default: [0, 1, 3]
    version_added: 0.2.0
"""
