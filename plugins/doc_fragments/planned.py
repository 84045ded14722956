# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that let a check run plan on a bucket or a key that is not there yet."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment sealed.s3.planned."""

    DOCUMENTATION = r"""
options:
  bucket_planned:
    description:
      - Plan as if the bucket existed and had nothing yet, because an earlier task would have created it.
      - In check mode alone. In a real run it is an error.
    type: bool
    default: false
  key_planned:
    description:
      - Plan with an ARN that ends in C(known-after-creation), because an earlier task would have created the key.
      - In check mode alone. In a real run it is an error.
    type: bool
    default: false
"""
