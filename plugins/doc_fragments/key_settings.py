# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a key, as options of kms_key_settings and as suboptions of sse_kms_info."""

from __future__ import annotations

import textwrap

_SETTINGS = r"""
description:
  description:
    - The description of the key.
    - Left as it is when omitted.
  type: str
admins:
  description:
    - ARNs of the users, roles or accounts that manage the key and cannot use it. An account may be given as its
      number of 12 digits.
    - They get what the statement for key administrators in AWS's default key policy allows, except for
      C(kms:CreateGrant), with which they could hand out the use of the key.
    - The statement has the Sid C(SealedS3KeyAdministrators). When the option is omitted, it stays as it is; with an
      empty list it is taken out.
  type: list
  elements: str
users:
  description:
    - ARNs of the users, roles or accounts that use the key, to encrypt and decrypt, and cannot manage it.
    - They get what the statement for key users in AWS's default key policy allows. C(kms:CreateGrant) is not in it,
      since S3 uses the key with the permissions of whoever calls it.
    - The statement has the Sid C(SealedS3KeyUsers). When the option is omitted, it stays as it is; with an empty list
      it is taken out.
  type: list
  elements: str
users_through_s3_only:
  description:
    - Whether the users may use the key only by way of S3 in the key's Region (C(kms:ViaService)).
  type: bool
  default: false
rotation:
  description:
    - Whether KMS rotates the key by itself.
    - KMS cannot rotate keys with imported material or in a custom key store. V(true) is refused for them.
  type: bool
  default: true
rotation_period_in_days:
  description:
    - Days between two rotations, V(90) to V(2560).
    - When omitted, a key that is rotated already keeps its period, and another one gets 365 days.
  type: int
tags:
  description:
    - Tags to add or to update. Tags that are not named here stay.
  type: dict
"""

_NESTED_HEAD = r"""
options:
  key_settings:
    description:
      - What the key is to be like, as in M(sealed.s3.kms_key_settings).
      - When omitted, the settings of the key are not compared with anything.
      - Only for a key that may be changed, see O(key_managed).
    type: dict
    suboptions:
"""


class ModuleDocFragment:
    """Fragments sealed.s3.key_settings and sealed.s3.key_settings.nested."""

    def __init__(self) -> None:
        # Put together here, since ansible-test reads only plain text in the class itself.
        self.DOCUMENTATION = "options:\n" + textwrap.indent(_SETTINGS, "  ")
        self.NESTED = _NESTED_HEAD + textwrap.indent(_SETTINGS, "      ")
