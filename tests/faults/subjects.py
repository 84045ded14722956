# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runs that are put to the test: a module, what it is given, and what it finds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stage import Stage, Target

Prepare = Callable[[Stage, Callable[[str, Mapping[str, Any]], None]], Target]
"""Makes the target of a case; with it what runs a module without faults."""

# Removed at the end of the program.
_BACKUPS = tempfile.TemporaryDirectory(prefix="sealed-s3-backups-")


def _fresh(stage: Stage, _run: Callable[[str, Mapping[str, Any]], None]) -> Target:
    return stage.new_target()


def sealed(stage: Stage, run: Callable[[str, Mapping[str, Any]], None]) -> Target:
    target = stage.new_target()
    run("sse_kms_seal", _seal(target))
    return target


def _sealed_under_another(stage: Stage, run: Callable[[str, Mapping[str, Any]], None]) -> Target:
    target = sealed(stage, run)
    return Target(target.bucket, stage.new_target().key_arn)


def _only_the_guard(stage: Stage, run: Callable[[str, Mapping[str, Any]], None]) -> Target:
    target = stage.new_target()
    stage.s3.delete_bucket_policy(Bucket=target.bucket)
    run("sse_kms_policy", _guard(target))
    return target


def _sealed_with_a_backup(stage: Stage, run: Callable[[str, Mapping[str, Any]], None]) -> Target:
    target = stage.new_target()
    run("sse_kms_seal", {**_seal(target), "backup_dir": str(_backups_of(target))})
    return target


def _seal(target: Target) -> dict[str, Any]:
    return {"bucket": target.bucket, "key": target.key_arn, "blocked_encryption_types": ["SSE-C"]}


def _guard(target: Target) -> dict[str, Any]:
    return {"bucket": target.bucket, "key": target.key_arn}


def _unguard(target: Target) -> dict[str, Any]:
    return {"bucket": target.bucket, "state": "absent"}


def _default_encryption(target: Target) -> dict[str, Any]:
    return {"bucket": target.bucket, "key": target.key_arn}


def _key_settings(target: Target) -> dict[str, Any]:
    return {
        "key": target.key_arn,
        "admins": [f"arn:aws:iam::{target.key_arn.split(':')[4]}:root"],
        "description": "For uploads",
        "rotation": True,
        "rotation_period_in_days": 180,
        "tags": {"purpose": "uploads"},
    }


def _restore(target: Target) -> dict[str, Any]:
    (backup,) = _backups_of(target).iterdir()
    return {"bucket": target.bucket, "backup_file": str(backup)}


def _backups_of(target: Target) -> Path:
    return Path(_BACKUPS.name) / target.bucket


def _info(target: Target) -> dict[str, Any]:
    return {"bucket": target.bucket, "key": target.key_arn}


@dataclass(frozen=True)
class Subject:
    """A run.

    :ivar title: for the table.
    """

    name: str
    title: str
    module: str
    options: Callable[[Target], dict[str, Any]]
    prepare: Prepare = _fresh


SUBJECTS = (
    Subject("policy", "`sse_kms_policy`, onto a policy of others", "sse_kms_policy", _guard),
    Subject("policy-absent", "`sse_kms_policy`, `state: absent`", "sse_kms_policy", _unguard, sealed),
    Subject(
        "policy-last",
        "`sse_kms_policy`, `state: absent`, nothing else there",
        "sse_kms_policy",
        _unguard,
        _only_the_guard,
    ),
    Subject("encryption", "`bucket_encryption`", "bucket_encryption", _default_encryption),
    Subject("key", "`kms_key_settings`", "kms_key_settings", _key_settings),
    Subject("seal", "`sse_kms_seal`", "sse_kms_seal", _seal),
    Subject("move", "`sse_kms_seal`, from one key to another", "sse_kms_seal", _seal, _sealed_under_another),
    Subject("restore", "`bucket_policy_restore`", "bucket_policy_restore", _restore, _sealed_with_a_backup),
    Subject("info", "`sse_kms_info`", "sse_kms_info", _info),
)
