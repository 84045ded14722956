# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults that a call can meet, and who injects each: microburst, or the gate in front of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SERVICES = ("s3", "kms", "sts")

# What the gate does by itself, since microburst has no such fault.
LOST = "lost"
SLOW = "slow"
CUT = "cut"
STALE = "stale"


@dataclass(frozen=True)
class Fault:
    """A fault.

    :ivar name: on the command line and at the head of the table's column.
    :ivar meaning: a sentence for the documentation.
    :ivar rules: by service, what microburst is told (its rules, without ``service``); a service that is not there has
        no such fault.
    :ivar own: what the gate does instead.
    """

    name: str
    meaning: str
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    own: str = ""

    @property
    def injected_by(self) -> str:
        """Who injects it."""
        return "the gate" if self.own else "microburst"

    def concerns(self, service: str) -> bool:
        """Whether calls of a service can meet it."""
        return bool(self.own) or service in self.rules

    def microburst_rules(self) -> list[dict[str, Any]]:
        """The rules for microburst's control API."""
        return [{"service": service, **rule} for service, rule in self.rules.items()]


def _error(code: str, status: int) -> dict[str, Any]:
    return {"error": {"code": code, "status": status, "message": "Injected."}}


def _everywhere(rule: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return dict.fromkeys(SERVICES, rule)


# Codes and statuses: Amazon S3 API Reference, "Error responses"; AWS KMS API Reference and AWS STS API Reference,
# "Common Error Types" and the errors of each operation.
FAULTS = (
    Fault(
        "throttled",
        "AWS throttles: `SlowDown` (503) of S3, `ThrottlingException` (400) of KMS, `Throttling` (400) of STS.",
        {
            "s3": _error("SlowDown", 503),
            "kms": _error("ThrottlingException", 400),
            "sts": _error("Throttling", 400),
        },
    ),
    Fault(
        "500",
        "AWS fails: `InternalError` of S3, `KMSInternalException` of KMS, `InternalFailure` of STS.",
        {
            "s3": _error("InternalError", 500),
            "kms": _error("KMSInternalException", 500),
            "sts": _error("InternalFailure", 500),
        },
    ),
    Fault("503", "`ServiceUnavailable`.", _everywhere(_error("ServiceUnavailable", 503))),
    Fault(
        "conflict",
        "`OperationAborted` (409): another change of the same bucket is under way. S3 alone has it.",
        {"s3": _error("OperationAborted", 409)},
    ),
    Fault("reset", "The connection is reset before the request is passed on.", _everywhere({"reset": True})),
    Fault("lost", "The request is carried out, and the connection is reset before its answer.", own=LOST),
    Fault("slow", "The request is carried out, and its answer comes later than the read timeout.", own=SLOW),
    Fault("cut", "The connection ends in the middle of the answer's body.", own=CUT),
    Fault(
        "half",
        "The answer ends well after half of its body, which is no XML or JSON then.",
        _everywhere({"response": {"truncate_frac": 0.5}}),
    ),
    Fault(
        "denied",
        "`AccessDenied` (403) of S3 and STS, `AccessDeniedException` (400) of KMS.",
        {
            "s3": _error("AccessDenied", 403),
            "kms": _error("AccessDeniedException", 400),
            "sts": _error("AccessDenied", 403),
        },
    ),
    Fault(
        "expired",
        "The session token has expired: `ExpiredToken` (400, of STS 403), `ExpiredTokenException` (400) of KMS.",
        {
            "s3": _error("ExpiredToken", 400),
            "kms": _error("ExpiredTokenException", 400),
            "sts": _error("ExpiredToken", 403),
        },
    ),
    Fault(
        "stale",
        "The read is answered as the first read of the run was: for two seconds, or for ever. Reads alone have it.",
        own=STALE,
    ),
)
BY_NAME = {fault.name: fault for fault in FAULTS}
