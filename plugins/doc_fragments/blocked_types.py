# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option of the modules that write what encryption a bucket refuses."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment sealed.s3.blocked_types."""

    DOCUMENTATION = r"""
options:
  blocked_encryption_types:
    description:
      - The encryption types that the bucket refuses. V(SSE-C) is encryption with keys that the uploader provides.
      - V(NONE), which stands alone, blocks none.
      - When omitted, what is blocked stays blocked.
    type: list
    elements: str
    choices: [SSE-C, NONE]
"""
