# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option of the modules that replace a bucket policy and can keep the one of before."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment sealed.s3.backup."""

    DOCUMENTATION = r"""
options:
  backup_dir:
    description:
      - A folder on the host where the module runs. Before a policy is replaced, it is kept there, as it was read right
        before, in a file that is named by bucket and time and that its owner alone can read. The name ends in a digest
        of the policy that comes in its place. M(sealed.s3.bucket_policy_restore) puts it back.
      - The folder is made when it is missing. When the file cannot be written, the policy is not replaced.
    type: path
"""
