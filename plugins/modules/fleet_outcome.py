#!/usr/bin/python
# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_outcome
short_description: Say of one host what was found out or done for it
version_added: 0.2.0
description:
  - Tells on each host what M(sealed.s3.fleet_posture) has found out or M(sealed.s3.fleet_seal) has done for it, so that
    every host has an outcome of its own. It fails where that has failed for the host.
  - It touches nothing, and runs on the controller without a connection to the host.
author:
  - sealed.s3 contributors (@sealed-s3)
options:
  of:
    description:
      - Whose outcome.
    type: str
    choices: [posture, keys, seal]
    required: true
  failure:
    description:
      - With O(of=keys), why the key that this host makes for others could not be made or settled. It is kept, and told
        with O(of=seal).
    type: str
  changed:
    description: With O(failure), whether something was changed before that.
    type: bool
    default: false
  previous_key_policy:
    description: With O(failure), the policy of the key as it was before that.
    type: dict
attributes:
  action:
    description: Is an action plugin, no code runs on the host.
    support: full
  check_mode:
    description: Reports what was or would be changed for the host.
    support: full
  diff_mode:
    description: Shows what was or would be changed for the host.
    support: full
  idempotent:
    description: Changes nothing itself.
    support: full
seealso:
  - module: sealed.s3.fleet_posture
  - module: sealed.s3.fleet_seal
"""

EXAMPLES = r"""
- name: Say what was found
  sealed.s3.fleet_outcome:
    of: posture
  register: found
"""

RETURN = r"""
left:
  description:
    - With O(of=keys), whether this host makes or settles a key. With O(of=seal), whether the role is to run on it.
  returned: always
  type: bool
  sample: false
way:
  description:
    - What is to be done, V(fine) for nothing, V(seal) for default encryption and the guard alone, V(role) for more.
  returned: with O(of=posture)
  type: str
  sample: seal
bucket:
  description: The name of the bucket.
  returned: with O(of=posture)
  type: str
  sample: uploads-111122223333
region:
  description: The Region of the bucket, or the one in which it would be created.
  returned: with O(of=posture)
  type: str
  sample: eu-central-1
compliance:
  description: As of M(sealed.s3.sse_kms_info).
  returned: with O(of=posture)
  type: str
  sample: not_compliant
findings:
  description: The kinds of the findings of M(sealed.s3.sse_kms_info).
  returned: with O(of=posture)
  type: list
  elements: str
  sample: [guard_missing]
plan:
  description: As of M(sealed.s3.sse_kms_info).
  returned: with O(of=posture)
  type: dict
  sample:
    guard: true
steps:
  description: What was changed, as of M(sealed.s3.sse_kms_seal).
  returned: with O(of=seal), when something was
  type: list
  elements: str
  sample: [guard]
previous_policy:
  description: The bucket policy before the run. None where there was none, and where it was not read.
  returned: with O(of=seal), for a bucket that was to be sealed
  type: dict
  sample:
previous_encryption:
  description: The default encryption before the run. None where there was none, and where it was not read.
  returned: with O(of=seal), for a bucket that was to be sealed
  type: dict
  sample:
previous_key_policy:
  description: The policy of the key before the run, where this host has settled it. None elsewhere.
  returned: with O(of=seal), for a bucket that was to be sealed
  type: dict
  sample:
backup_file:
  description: Where the bucket policy of before is kept.
  returned: with O(of=seal), when it was kept
  type: str
  sample: /var/backups/uploads-111122223333-20261124T120000.000000Z.json
msg:
  description: The outcome in one line.
  returned: when there is one
  type: str
  sample: "To do: merge the guard into the bucket policy."
"""
