#!/usr/bin/python
# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_seal
short_description: Seal the buckets of all hosts of a batch in one module run
version_added: 0.2.0
description:
  - For hosts of which M(sealed.s3.fleet_posture) has found that their buckets need default encryption and the guard and
    nothing else. Sets both on all of them with one run of M(sealed.s3.sse_kms_seal), and keeps each host's answer for
    M(sealed.s3.fleet_outcome).
  - It has to be a task of the role P(sealed.s3.encrypted_s3#role) with C(run_once). The playbook C(sealed.s3.encrypt)
    uses it.
  - It does not fail and reports no change for a host; that is told by M(sealed.s3.fleet_outcome) on the host itself.
author:
  - sealed.s3 contributors (@sealed-s3)
options:
  threads:
    description:
      - How many buckets are worked on at a time. What the module takes when omitted.
    type: int
attributes:
  action:
    description: Is an action plugin, and runs a module.
    support: full
  check_mode:
    description: Plans the changes.
    support: full
  diff_mode:
    description: Each host shows its own with M(sealed.s3.fleet_outcome).
    support: N/A
  idempotent:
    description: Leaves alone what is as it should be.
    support: full
seealso:
  - module: sealed.s3.sse_kms_seal
  - module: sealed.s3.fleet_posture
  - module: sealed.s3.fleet_outcome
"""

EXAMPLES = r"""
- name: Seal the buckets of all hosts
  ansible.builtin.import_role:
    name: sealed.s3.encrypted_s3
    tasks_from: fleet_seal
"""

RETURN = r"""
msg:
  description: How many were changed, in one line.
  returned: success
  type: str
  sample: "2 buckets: 1 changed, 0 failed."
"""
