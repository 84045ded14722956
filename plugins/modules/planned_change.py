#!/usr/bin/python
# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: planned_change
short_description: Report in check mode the change that another task would make
version_added: 0.1.0
description:
  - Stands in check mode for a task whose module has no check mode, and which Ansible therefore skips, such as
    M(amazon.aws.s3_bucket). It reports the change, with a diff.
  - Outside check mode it reports no change. Put it before the task that it stands for, with the same name, and run that
    task only when RV(planned) is false.
  - It touches nothing, and runs on the controller without a connection to the host.
author:
  - sealed.s3 contributors (@sealed-s3)
options:
  before:
    description:
      - What is there now. Nothing when omitted.
    type: raw
  after:
    description:
      - What is there after the change. A change is reported when it differs from O(before).
    type: raw
  message:
    description:
      - A sentence about the change, for the result and as the header of the diff.
    type: str
attributes:
  action:
    description: Is an action plugin, no code runs on the host.
    support: full
  check_mode:
    description: Can run in check mode and say what would change.
    support: full
  diff_mode:
    description: Shows what would change, as JSON, in check mode.
    support: full
  idempotent:
    description: Changes nothing, and gives the same answer to the same options.
    support: full
seealso:
  - module: amazon.aws.s3_bucket
  - module: amazon.aws.kms_key
"""

EXAMPLES = r"""
- name: Create the bucket
  sealed.s3.planned_change:
    after:
      name: uploads
      versioning: true
  register: bucket

- name: Create the bucket
  amazon.aws.s3_bucket:
    name: uploads
    versioning: true
    purge_tags: false
  when: not bucket.planned
"""

RETURN = r"""
planned:
  description: Whether this is check mode, so that the task that this one stands for must not run.
  returned: always
  type: bool
  sample: true
msg:
  description: The sentence given as O(message).
  returned: when O(message) is given
  type: str
  sample: Create the bucket uploads.
diff:
  description: What would change.
  returned: in check mode, when O(before) and O(after) differ
  type: dict
  sample:
    before: ""
    after: "{\n  \"name\": \"uploads\"\n}\n"
"""
