# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where a module ends."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from ansible.module_utils.common import warnings

from ansible_collections.sealed.s3.plugins.module_utils.aws import interruption
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import RUN_AGAIN, AwsError, says_to_run_again
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError

if TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def run(module: AnsibleAWSModule, body: Callable[[AnsibleAWSModule], dict[str, Any]]) -> NoReturn:
    """Leave with what ``body`` returns, or with the sentence of what it raises and the details of that.

    So it is, too, where a signal asks to stop. Anything else that is raised is a bug and comes through as it is.
    """
    with interruption.handled():
        try:
            _end(module, body)
        finally:
            # A signal that comes after this ends the process: what is said is out by then, if somebody still hears it.
            with contextlib.suppress(OSError):
                sys.stdout.flush()


def _end(module: AnsibleAWSModule, body: Callable[[AnsibleAWSModule], dict[str, Any]]) -> NoReturn:
    try:
        result = body(module)
    except (AwsError, PolicyError) as error:
        _fail(module, str(error), details(error))
    ended = interruption.ended()
    if ended is not None:
        # Something on the way has taken it for a question without an answer.
        _fail(module, str(ended), result)
    module.exit_json(**result)


def _fail(module: AnsibleAWSModule, msg: str, told: Mapping[str, Any]) -> NoReturn:
    if interruption.ended() is not None:
        nothing = "" if told.get("changed") else " Nothing was changed."
        again = "" if says_to_run_again(msg) else f" {RUN_AGAIN}"
        msg = f"{msg}{nothing}{again}"
        # Whoever runs the module has had the signal, too, mostly, and no longer hears it.
        module.log(msg)
    module.fail_json(**{**told, "msg": msg})


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
