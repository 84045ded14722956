# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: guard_policy
short_description: Merge the encryption guard into a bucket policy, without touching AWS
version_added: 0.1.0
author:
  - The sealed.s3 contributors (@sealed-s3)
description:
  - Returns the bucket policy that M(sealed.s3.sse_kms_policy) would write, from the policy that is there now.
  - Reads nothing from AWS and writes nothing, so it suits templates, tests and pipelines that review policies.
  - Statements of others stay as they are, in their order. A policy that has the guard comes back unchanged.
positional: _input
options:
  _input:
    description:
      - The bucket policy, as a mapping or as JSON text.
      - An empty text, an empty mapping or V(none) stands for a bucket without a policy.
    type: raw
    required: true
  bucket:
    description: The name of the bucket. Needed unless O(state=absent).
    type: str
  key_arn:
    description: The full ARN of the KMS key. Needed unless O(state=absent).
    type: str
  state:
    description: Whether the guard is to be in the policy.
    type: str
    choices: [present, absent]
    default: present
  on_conflict:
    description:
      - What to do with foreign statements that deny what the guard allows.
      - V(fail) names them, V(replace) takes them out, V(ignore) keeps them.
    type: str
    choices: [fail, replace, ignore]
    default: fail
  enforcement:
    description: Which guard. See M(sealed.s3.sse_kms_policy).
    type: str
    choices: [deny_overrides, deny_other_keys, require_headers]
    default: deny_overrides
  accepted_keys:
    description: Full ARNs of further keys that are admitted.
    type: list
    elements: str
    default: []
  require_tls:
    description: Whether to deny requests over plain HTTP.
    type: bool
    default: true
  guard_object_encryption_updates:
    description: Whether to deny C(s3:UpdateObjectEncryption) to any other key.
    type: bool
    default: true
  guard_replicas:
    description: Whether to deny C(s3:ReplicateObject) under any other key.
    type: bool
    default: false
  encryption_admins:
    description: Patterns of the principal ARNs that alone may change default encryption.
    type: list
    elements: str
    default: []
  exempt_principals:
    description: Patterns of principal ARNs that the upload statements leave alone.
    type: list
    elements: str
    default: []
  exempt_services:
    description: Service principals that the upload statements leave alone.
    type: list
    elements: str
    default: []
seealso:
  - module: sealed.s3.sse_kms_policy
"""

EXAMPLES = r"""
- name: Show the policy that a bucket would get
  ansible.builtin.debug:
    msg: "{{ policy | sealed.s3.guard_policy(bucket='example-bucket', key_arn=key_arn, enforcement='deny_overrides') }}"
  vars:
    key_arn: arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
    policy:
      Version: "2012-10-17"
      Statement:
        - Sid: Readers
          Effect: Allow
          Principal:
            AWS: arn:aws:iam::444455556666:root
          Action: s3:GetObject
          Resource: arn:aws:s3:::example-bucket/*

- name: Take the guard off again
  ansible.builtin.debug:
    msg: "{{ guarded | sealed.s3.guard_policy(state='absent') }}"
  vars:
    guarded: |
      {"Version": "2012-10-17", "Statement": []}
"""

RETURN = r"""
_value:
  description: The bucket policy. An empty mapping when no statement is left.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.sealed.s3.plugins.module_utils import bucket_name
from ansible_collections.sealed.s3.plugins.module_utils.policy import document, guard, plan
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError, shown

_LISTS = ("accepted_keys", "encryption_admins", "exempt_principals", "exempt_services")
_FLAGS = ("require_tls", "guard_object_encryption_updates", "guard_replicas")


def guard_policy(
    policy: Any,
    bucket: str | None = None,
    key_arn: str | None = None,
    state: str = "present",
    on_conflict: str = plan.FAIL,
    **options: Any,
) -> dict[str, Any]:
    """The policy with the guard merged in, or taken out with ``state`` absent.

    :raises AnsibleFilterError: for a malformed policy, a guard that would not protect, conflicts, or a policy that
        would be too large.
    """
    try:
        if state not in ("present", "absent"):
            raise PolicyError(f'state: expected present or absent, found "{shown(state)}".')
        if on_conflict not in plan.ON_CONFLICT:
            raise PolicyError(f'on_conflict: expected {", ".join(plan.ON_CONFLICT)}, found "{shown(on_conflict)}".')
        before = None if policy in (None, "", b"", {}) else document.parse(policy)
        if state == "absent":
            outcome = plan.unguarded(before)
        else:
            outcome = plan.guarded(before, _guard_spec(bucket, key_arn, options), on_conflict=on_conflict)
    except PolicyError as error:
        raise AnsibleFilterError(f"sealed.s3.guard_policy: {error}") from error
    after = outcome.merge.document
    return after.to_dict() if after else {}


def _guard_spec(bucket: str | None, key_arn: str | None, options: Mapping[str, Any]) -> guard.GuardSpec:
    if not bucket or not key_arn:
        raise PolicyError("bucket and key_arn are needed for the guard; give both, or state='absent'.")
    bucket_name.validate(str(bucket))
    chosen: dict[str, Any] = {}
    for name, value in options.items():
        if name == "enforcement":
            chosen[name] = str(value)
        elif name in _LISTS:
            chosen[name] = _texts(name, value)
        elif name in _FLAGS:
            try:
                chosen[name] = boolean(value)
            except TypeError:
                # Ansible adds the text of a cause to its own, as it is.
                raise PolicyError(f'{name}: expected true or false, found "{shown(value)}".') from None
        else:
            known = ", ".join(("bucket", "key_arn", "state", "on_conflict", "enforcement", *_LISTS, *_FLAGS))
            raise PolicyError(f'unknown option "{shown(name)}"; known are {known}.')
    return guard.GuardSpec(bucket=str(bucket), key_arn=str(key_arn), **chosen)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    """The texts of an option that is a list, or one text."""
    listed = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(listed, Sequence) or isinstance(listed, bytes):
        raise PolicyError(f'{name}: expected a list of texts, found "{shown(value)}".')
    return tuple(str(item) for item in listed)


class FilterModule:
    """The filters of this file, for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Names and functions."""
        return {"guard_policy": guard_policy}
