# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of sse_kms_info for many buckets, as the reports of an audit get them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ansible_collections.sealed.s3.plugins.module_utils import posture
from ansible_collections.sealed.s3.plugins.module_utils.policy import decision
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.report import THRESHOLDS, Report

GENERATED = "2026-11-24T12:00:00Z"
COUNTS = ("buckets", posture.COMPLIANT, posture.NOT_COMPLIANT, posture.COULD_NOT_LOOK)
# Ordinary text seldom has what a reader of CSV, XML or HTML stumbles over.
TRAPS = ("<", ">", "&", '"', "'", "=", "+", "-", "@", "\t", "\r", "\n", ",", ";", "\x00", "\x1b", "\u202e", "\u2028",
         "\ud800", "\ufffe", "]]>", "</script>", "<!--", "-->", "{{ data }}", "\U0001f510")  # fmt: skip
TEXTS = st.lists(st.sampled_from(TRAPS) | st.text(max_size=6), max_size=5).map("".join)
VALUES = st.none() | st.booleans() | TEXTS | st.lists(TEXTS, max_size=3) | st.dictionaries(TEXTS, TEXTS, max_size=3)
FINDINGS = st.fixed_dictionaries(
    {
        "id": TEXTS,
        "severity": st.sampled_from(posture.SEVERITIES),
        "title": TEXTS,
        "observed": VALUES,
        "wanted": VALUES,
        "remedy": TEXTS,
        "controls": st.lists(TEXTS, max_size=2),
    }
)
RESULTS = st.fixed_dictionaries(
    {
        "name": TEXTS,
        "connection": TEXTS,
        "account": st.none() | TEXTS,
        "region": st.none() | TEXTS,
        "exists": st.none() | st.booleans(),
        "tags": st.none() | st.dictionaries(TEXTS, TEXTS, max_size=3),
        "compliance": st.sampled_from(COUNTS[1:]),
        "findings": st.lists(FINDINGS, max_size=3),
        "could_not_look": st.lists(
            st.fixed_dictionaries({"permission": st.none() | TEXTS, "message": TEXTS}), max_size=2
        ),
        "key": st.none() | st.fixed_dictionaries({"arn": st.none() | TEXTS}),
        "policy": st.none() | st.fixed_dictionaries({"Statement": st.lists(VALUES, max_size=2)}),
    }
)
REPORTS = st.builds(
    Report,
    st.lists(RESULTS, max_size=4),
    st.fixed_dictionaries(dict.fromkeys(COUNTS, st.integers(0, 9))),
    TEXTS,
    st.just(GENERATED),
    st.sampled_from(THRESHOLDS),
    st.just("1.2.3"),
)


def finding(severity: str = posture.HIGH, **changes: Any) -> dict[str, Any]:
    """A finding of the posture, with changes."""
    found = posture.Finding(
        "default_encryption_algorithm",
        severity,
        "Default encryption is not SSE-KMS",
        observed={"algorithm": "AES256"},
        wanted={"algorithm": "aws:kms"},
        remedy="ansible-playbook sealed.s3.encrypt -e encrypted_s3_bucket=uploads",
        controls=("Security Hub S3.17", "Config s3-default-encryption-kms"),
    )
    return {**found.to_dict(), **changes}


def result(name: str = "uploads", *findings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What is said of a bucket, with changes."""
    return {
        "name": name,
        "connection": "default",
        "account": "111122223333",
        "region": "eu-central-1",
        "exists": True,
        "tags": {"team": "billing"},
        "compliance": posture.NOT_COMPLIANT if findings else posture.COMPLIANT,
        "findings": list(findings),
        "plan": posture.Plan().to_dict(),
        "blockers": [],
        "conflicts": [],
        "could_not_look": [],
        "key": {"arn": "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
        "encryption": None,
        "policy": None,
        "decisions": {name: dict.fromkeys(decision.KEY_ID_MODELS, "allowed") for name in decision.REQUEST_KINDS},
        **changes,
    }


def unread(name: str = "hidden", *findings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What is said of a bucket whose policy could not be read."""
    missing = [{"permission": "s3:GetBucketPolicy", "message": "Not permitted to read the policy."}]
    told = {"compliance": posture.COULD_NOT_LOOK, "could_not_look": missing, "decisions": None, **changes}
    return result(name, *findings, **told)


def report(*results: dict[str, Any], **changes: Any) -> Report:
    """A report on buckets."""
    counted = {one: sum(bucket["compliance"] == one for bucket in results) for one in COUNTS[1:]}
    told = {"summary": {"buckets": len(results), **counted}, "title": "Audit", "generated": GENERATED, **changes}
    return Report(results, **told)
