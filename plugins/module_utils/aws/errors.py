# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the aws room raises. Each text is a sentence: what was asked, what was found, what to do."""

from __future__ import annotations

import re
from typing import Any

RUN_AGAIN = "Run again: what is done is not done twice."
"""How a sentence ends whose step is to be done once more."""

_SAYS_SO = re.compile(r"(?i)\b(?:run again|run it again|further run)\b")


class AwsError(Exception):
    """AWS, or the way to it, did not do what was asked.

    :ivar code: AWS's error code, such as ``NoSuchBucket``; None where AWS gave none.
    :ivar details: further values for a module's result (JSON-like), empty when there are none.
    """

    def __init__(self, message: str, *, code: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.details: dict[str, Any] = details


class NotPermitted(AwsError):
    """AWS answered that the caller may not do this. Nothing is known about what was asked for.

    :ivar action: the IAM action that is missing, such as ``s3:GetBucketPolicy``.
    """

    def __init__(self, message: str, *, action: str, code: str | None = None, **details: Any) -> None:
        super().__init__(message, code=code, **details)
        self.action = action


class NotFound(AwsError):
    """There is no such thing."""


class Unreachable(AwsError):
    """No answer came: not reached, too slow, or throttled past all retries. Nothing is known about what was asked."""


class UnknownOutcome(Unreachable):
    """A write failed, and whether it came through all the same cannot be told. Counts as a change.

    :param error: how the write failed.
    :param done: what may have been done: ``the policy was written``.
    :param unread: why that cannot be told.
    """

    def __init__(self, error: AwsError, done: str, unread: Exception | None = None) -> None:
        why = "" if unread is None else f", since it could not be read again: {str(unread).rstrip('.')}"
        super().__init__(
            f"{error} It is not known whether {done}{why}. {RUN_AGAIN}",
            code=error.code,
            **{**error.details, "changed": True},
        )


class Interrupted(Unreachable):
    """A signal asked to stop.

    :param name: the signal's.
    :param asked: what is not done because of it, to follow "before it could".
    :ivar sent: whether it is a write that had no answer yet.
    """

    def __init__(self, name: str, asked: str, *, sent: bool = False) -> None:
        super().__init__(f"Interrupted by {name} {'in the attempt to' if sent else 'before it could'} {asked}.")
        self.sent = sent


class BadCredentials(Unreachable):
    """There are no credentials, or AWS does not take them. Nothing is known about what was asked."""


class Refused(AwsError):
    """A precondition does not hold. Nothing was changed because of it."""


def says_to_run_again(text: str) -> bool:
    """Whether a sentence says already what :data:`RUN_AGAIN` does."""
    return _SAYS_SO.search(text) is not None


def may_have_come_through(error: AwsError) -> bool:
    """Whether a write may have been carried out although it failed: the answer was lost, or AWS failed on the way."""
    if isinstance(error, Interrupted):
        return error.sent
    return isinstance(error, Unreachable) and not isinstance(error, BadCredentials)
