# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where a module ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from ansible.module_utils.common import warnings

from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError

if TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def run(module: AnsibleAWSModule, body: Callable[[AnsibleAWSModule], dict[str, Any]]) -> NoReturn:
    """Leave with what ``body`` returns, or with the sentence of what it raises and the details of that.

    Anything else that is raised is a bug and comes through as it is.
    """
    try:
        result = body(module)
    except (AwsError, PolicyError) as error:
        module.fail_json(msg=str(error), **details(error))
    module.exit_json(**result)


def details(error: AwsError | PolicyError) -> dict[str, Any]:
    """What a result tells of an error beside its sentence."""
    told = dict(error.details)
    code = getattr(error, "code", None)
    if code is not None:
        told.setdefault("error_code", code)
    return told


def warn(text: str) -> None:
    """Warn the user.

    AnsibleAWSModule.warn would hand the text over a second time, in a way that is deprecated and warned of in its turn.
    """
    warnings.warn(text)
