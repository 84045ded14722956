#!/usr/bin/python
# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_posture
short_description: Read the buckets of all hosts of a batch in one module run
version_added: 0.2.0
description:
  - For hosts that are buckets. Works out from the variables of the role P(sealed.s3.encrypted_s3#role) what each host
    of the batch asks for, reads all of their buckets with one run of M(sealed.s3.sse_kms_info), and keeps each host's
    answer for M(sealed.s3.fleet_outcome) and for the role.
  - It has to be a task of the role with C(run_once). The playbook C(sealed.s3.encrypt) uses it.
  - It does not fail for a host; that is told by M(sealed.s3.fleet_outcome) on the host itself.
author:
  - sealed.s3 contributors (@sealed-s3)
options:
  threads:
    description:
      - How many buckets are worked on at a time. What the module takes when omitted.
    type: int
attributes:
  action:
    description: Is an action plugin, and runs a module that reads.
    support: full
  check_mode:
    description: It changes nothing.
    support: full
  diff_mode:
    description: It changes nothing.
    support: N/A
  idempotent:
    description: It changes nothing.
    support: full
seealso:
  - module: sealed.s3.sse_kms_info
  - module: sealed.s3.fleet_outcome
  - module: sealed.s3.fleet_seal
"""

EXAMPLES = r"""
- name: Read the buckets of all hosts
  ansible.builtin.import_role:
    name: sealed.s3.encrypted_s3
    tasks_from: fleet_posture
"""

RETURN = r"""
todo:
  description: The hosts whose buckets are to be sealed.
  returned: success
  type: list
  elements: str
  sample: [uploads-111122223333]
key_hosts:
  description: The hosts that make or settle a key for others, over all batches of the run so far.
  returned: success
  type: list
  elements: str
  sample: []
summary:
  description: The summary of M(sealed.s3.sse_kms_info), over all batches of the run so far.
  returned: success
  type: dict
  sample:
    buckets: 2
    compliant: 1
    not_compliant: 1
    could_not_look: 0
msg:
  description: The summary in one line.
  returned: success
  type: str
  sample: "2 buckets: 1 compliant, 1 not compliant, 0 could not be looked at."
"""
