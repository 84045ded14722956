#!/usr/bin/python
# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_audit
short_description: Read many buckets in one module run and write reports
version_added: 0.2.0
description:
  - Reads the buckets of all hosts of the play, or those that the credentials own, with one run of
    M(sealed.s3.sse_kms_info), and writes what it says as JSON, CSV, JUnit XML and as one page of HTML.
  - It has to be a task of the role P(sealed.s3.encrypted_s3#role) with C(run_once). The playbook C(sealed.s3.audit)
    uses it.
  - It does not fail for what it finds. RV(failing) says whether the run is to.
author:
  - sealed.s3 contributors (@sealed-s3)
options:
  folder:
    description:
      - Where the reports are written, on the controller. It is made where it is missing; reports that are there are
        replaced.
    type: path
    required: true
  formats:
    description:
      - Which reports.
    type: list
    elements: str
    choices: [json, csv, junit, html]
    default: [json, csv, junit, html]
  title:
    description:
      - What the reports are called.
    type: str
    default: Encryption of S3 buckets
  fail_on:
    description:
      - The least severity of a finding that fails the run. A bucket that could not be looked at fails it, too, and so
        does an audit that finds no bucket at all, unless this is V(never).
    type: str
    choices: [high, medium, low, info, never]
    default: high
  discover:
    description:
      - Read the buckets that the credentials own rather than those of the hosts, as
        O(sealed.s3.sse_kms_info#module:discover).
    type: dict
  connections:
    description:
      - Whose buckets, with O(discover), as O(sealed.s3.sse_kms_info#module:connections).
      - One that names neither a role to assume nor a profile nor keys assumes the role of the role's variable
        C(encrypted_s3_assume_role_arn), where there is one.
    type: list
    elements: dict
    default: []
  threads:
    description:
      - How many buckets are worked on at a time. What the module takes when omitted.
    type: int
attributes:
  action:
    description: Is an action plugin, and runs a module that reads.
    support: full
  check_mode:
    description: Writes the reports, and changes nothing else.
    support: full
  diff_mode:
    description: It changes nothing but the reports.
    support: N/A
  idempotent:
    description: The reports tell when the buckets were read; all else is the same.
    support: full
seealso:
  - module: sealed.s3.sse_kms_info
"""

EXAMPLES = r"""
- name: Audit
  ansible.builtin.import_role:
    name: sealed.s3.encrypted_s3
    tasks_from: fleet_audit
"""

RETURN = r"""
summary:
  description: As of M(sealed.s3.sse_kms_info).
  returned: success
  type: dict
  sample:
    buckets: 2
    compliant: 1
    not_compliant: 1
    could_not_look: 0
files:
  description: The reports by their formats.
  returned: success
  type: dict
  sample:
    json: sealed-s3-audit/audit.json
failing:
  description: Why the run is to fail; empty where it is not.
  returned: success
  type: str
  sample: findings of severity high (1)
msg:
  description: The summary in one line.
  returned: success
  type: str
  sample: "2 buckets: 1 compliant, 1 not compliant, 0 could not be looked at."
"""
