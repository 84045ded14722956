# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that the modules for many buckets share, except buckets itself."""

from __future__ import annotations


class ModuleDocFragment:
    """Used with ``extends_documentation_fragment: sealed.s3.fleet``."""

    DOCUMENTATION = r"""
options:
  connections:
    description:
      - Further connections for many buckets, each with a name. What one leaves out is as for the task itself, except
        that one which gives a profile or credentials uses these alone.
      - The task's own connection is called V(default).
      - A O(connections[].validate_certs) or O(connections[].aws_config) that is wrong is told for the buckets of its
        connection alone.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name by which a bucket refers to it.
        type: str
        required: true
      region:
        description: The Region of buckets that do not say theirs.
        type: str
      profile:
        description: A profile of the AWS configuration.
        type: str
      access_key:
        description: An access key id.
        type: str
      secret_key:
        description: Its secret.
        type: str
      session_token:
        description: A session token.
        type: str
      endpoint_url:
        description: Where AWS is asked, when not at its own address.
        type: str
      aws_ca_bundle:
        description: A file with certificate authorities.
        type: path
      validate_certs:
        description: Whether certificates are checked, V(true) or V(false).
        type: raw
      aws_config:
        description: Parameters of C(botocore.config.Config), a mapping.
        type: raw
      assume_role_arn:
        description: A role that is assumed first, and again whenever its credentials are about to expire.
        type: str
      assume_role_external_id:
        description: The external id that the role's trust policy asks for.
        type: str
  threads:
    description:
      - How many of many buckets are worked on at a time, V(1) to V(64). While AWS throttles, all of them slow down.
    type: int
    default: 16
  results_file:
    description:
      - Write the results of many buckets to this file rather than returning them, one JSON document in a line, as each
        is done. The first line tells how many there are to be.
      - It is made for its owner alone, and replaced where it is there. The folder has to be there.
      - For many buckets alone.
    type: path
"""
