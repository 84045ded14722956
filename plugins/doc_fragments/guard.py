# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the guard."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment sealed.s3.guard."""

    DOCUMENTATION = r"""
options:
  enforcement:
    description:
      - Which guard.
      - V(deny_overrides) denies an upload that names any other encryption. An upload without encryption headers passes
        and gets the bucket's default encryption.
      - V(deny_other_keys) denies an upload unless the key that S3 uses in the end is the key. It also catches a default
        encryption that was switched to another key.
      - V(require_headers) denies an upload that does not itself name C(aws:kms) and the key.
    type: str
    choices: [deny_overrides, deny_other_keys, require_headers]
    default: deny_overrides
  accepted_keys:
    description:
      - Full ARNs of further keys that uploads may name, for the time of a key change.
      - They have to be in the Region of the key. Aliases and bare key ids are refused, since they match nothing in a
        policy.
    type: list
    elements: str
    default: []
  require_tls:
    description:
      - Whether to deny every request that does not come over TLS.
    type: bool
    default: true
  guard_object_encryption_updates:
    description:
      - Whether to deny that objects are moved to another key with C(s3:UpdateObjectEncryption).
      - Services that do not know this action refuse the policy. Set it to V(false) for them.
    type: bool
    default: true
  guard_replicas:
    description:
      - Whether to deny replicas (C(s3:ReplicateObject)) that are encrypted under another key.
    type: bool
    default: false
  encryption_admins:
    description:
      - ARNs of the users and roles that alone may change the bucket's default encryption. V(*) and V(?) are wildcards.
      - A role has to be given as C(arn:aws:iam::ACCOUNT:role/NAME), not as the session C(arn:aws:sts::...).
      - When empty, there is no such statement.
    type: list
    elements: str
    default: []
  exempt_principals:
    description:
      - ARNs of the users and roles that the statements about uploads leave alone. V(*) and V(?) are wildcards.
    type: list
    elements: str
    default: []
  exempt_services:
    description:
      - Service principals that the statements about uploads leave alone, such as V(delivery.logs.amazonaws.com).
      - A service that calls for itself has no principal ARN, so O(exempt_principals) cannot name it.
    type: list
    elements: str
    default: []
"""
