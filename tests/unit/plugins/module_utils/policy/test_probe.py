# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is promised for each upload, and what an answer proves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.policy import guard, probe
from ansible_collections.sealed.s3.plugins.module_utils.policy.decision import DefaultEncryption
from ansible_collections.sealed.s3.plugins.module_utils.policy.document import Document
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import GuardSpec
from ansible_collections.sealed.s3.plugins.module_utils.policy.probe import (
    BROKEN,
    COULD_NOT_LOOK,
    EITHER,
    KEPT,
    KINDS,
    MUST_FAIL,
    MUST_PASS,
    SKIPPED,
    UNDETERMINED,
    Happened,
    Keys,
    Model,
    Probe,
    Situation,
    Stored,
    Summary,
    Try,
)

KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER = KEY.replace("1234abcd", "99999999")
SPEC = GuardSpec("uploads", KEY)
PASSED = Happened(200)
DENIED = Happened(403, "AccessDenied", "Access Denied")
BY_POLICY = Happened(403, "AccessDenied", "no: with an explicit deny in a resource-based policy")
UNDER_KEY = Stored("aws:kms", KEY, bucket_key=True)
ANCHOR = Try("sse_kms", PASSED, UNDER_KEY)
PLAIN = {
    "no_headers",
    "copy_no_headers",
    "multipart_no_headers",
    "presigned_put",
    "post_form",
}
NAMED = {"sse_kms_bare_key_id", "sse_kms_alias"}


def situation(spec: GuardSpec = SPEC, **settings: Any) -> Situation:
    return replace(
        Situation(
            spec=spec,
            keys=Keys(KEY, "alias/uploads", OTHER),
            policy=Document(tuple(guard.statements(spec))),
            policy_known=True,
            default_encryption=DefaultEncryption("aws:kms", KEY),
            principal="arn:aws:iam::111122223333:user/x",
            secure=True,
            prefix=".p/1/",
        ),
        **settings,
    )


def verdict(name: str, happened: Happened, stored: Stored | None = None, *more: Try, **settings: Any) -> str:
    tries = [Try(name, happened, stored), *(more or (ANCHOR,))]
    return probe.judge(situation(**settings), tries)[0].verdict


def test_the_promises_are_those_of_the_decision_table() -> None:
    for enforcement, plain, parts in (
        (guard.DENY_OVERRIDES, MUST_PASS, MUST_PASS),
        (guard.DENY_OTHER_KEYS, EITHER, EITHER),
        (guard.REQUIRE_HEADERS, MUST_FAIL, EITHER),
    ):
        found = situation(replace(SPEC, enforcement=enforcement))
        for name in KINDS:
            wanted = MUST_FAIL
            if name in PLAIN:
                wanted = plain
            elif name in NAMED:
                wanted = EITHER
            elif name == "multipart_sse_kms":
                wanted = parts
            elif name == "sse_kms":
                wanted = MUST_PASS
            assert found.expected(name) == wanted, (enforcement, name)


def test_plain_http_is_promised_by_tls_alone() -> None:
    found = situation(replace(SPEC, require_tls=False))
    assert found.expected("plain_http") == MUST_PASS
    assert situation(secure=False).expected("no_headers") == MUST_PASS


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        (UNDER_KEY, KEPT),
        (Stored("aws:kms", OTHER), BROKEN),
        (Stored("AES256"), BROKEN),
        (Stored("none"), BROKEN),
        (Stored("aws:kms:dsse", KEY), BROKEN),
        (Stored("aws:kms"), COULD_NOT_LOOK),
        (None, COULD_NOT_LOOK),
        (Stored("aws:kms", "alias/uploads"), KEPT),
        (Stored("aws:kms", KEY.rsplit("/", 1)[0] + "/alias/uploads"), KEPT),
        (Stored("aws:kms", "alias/not-uploads"), BROKEN),
    ],
)
def test_what_passes_has_to_be_under_the_key(stored: Stored | None, wanted: str) -> None:
    assert verdict("no_headers", PASSED, stored) == wanted
    assert verdict("sse_kms_alias", PASSED, stored) == wanted


def test_accepted_keys_count() -> None:
    spec = replace(SPEC, accepted_keys=(OTHER,))
    assert verdict("no_headers", PASSED, Stored("aws:kms", OTHER), spec=spec) == KEPT


@pytest.mark.parametrize("name", [name for name in KINDS if situation().expected(name) == MUST_FAIL])
def test_what_must_fail(name: str) -> None:
    assert verdict(name, PASSED, UNDER_KEY) == BROKEN
    assert verdict(name, DENIED) == KEPT
    assert verdict(name, BY_POLICY) == KEPT
    nothing_passed = Try("sse_kms", DENIED)
    assert verdict(name, DENIED, None, nothing_passed) == COULD_NOT_LOOK
    assert verdict(name, BY_POLICY, None, nothing_passed) == COULD_NOT_LOOK
    assert verdict(name, DENIED, policy=None) == COULD_NOT_LOOK
    assert verdict(name, DENIED, policy=None, policy_known=False) == COULD_NOT_LOOK
    assert verdict(name, BY_POLICY, policy=None, policy_known=False) == KEPT
    assert verdict(name, Happened(None, message="slow")) == COULD_NOT_LOOK
    assert verdict(name, Happened(400, "InvalidArgument")) == COULD_NOT_LOOK


@pytest.mark.parametrize(
    "message",
    [
        "not authorized to perform: kms:GenerateDataKey with an explicit deny in a resource-based policy",
        "because no identity-based policy allows the s3:PutObject action",
        "with an explicit deny in an identity-based policy",
        "with an explicit deny in a service control policy",
        "because no session policy allows the s3:PutObject action",
        "because no resource-based policy allows the s3:PutObject action",
        "because no permissions boundary allows the s3:PutObject action",
        "is not authorized to perform: s3:GetObject with an explicit deny in a resource-based policy",
    ],
)
@pytest.mark.parametrize("name", ["sse_s3", "no_headers", "sse_kms_alias"])
def test_refusals_by_something_else(name: str, message: str) -> None:
    assert verdict(name, Happened(403, "AccessDenied", message)) == COULD_NOT_LOOK


def test_a_caller_who_may_only_upload_without_headers() -> None:
    plain = Try("no_headers", PASSED, UNDER_KEY)
    assert verdict("sse_s3", DENIED, None, plain) == COULD_NOT_LOOK
    assert verdict("sse_s3", BY_POLICY, None, plain) == KEPT


def test_what_must_pass() -> None:
    assert verdict("no_headers", BY_POLICY) == BROKEN
    assert verdict("no_headers", DENIED) == COULD_NOT_LOOK
    foreign = Document(({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"},))
    assert verdict("no_headers", DENIED, policy=foreign) == BROKEN
    assert verdict("no_headers", BY_POLICY, secure=False) == COULD_NOT_LOOK


def test_either() -> None:
    assert verdict("sse_kms_alias", DENIED) == KEPT
    assert verdict("sse_kms_alias", DENIED, policy=None) == COULD_NOT_LOOK
    unknown = replace(SPEC, enforcement=guard.DENY_OTHER_KEYS)
    policy = Document(tuple(guard.statements(unknown)))
    assert verdict("no_headers", BY_POLICY, spec=unknown, policy=policy, default_encryption=None) == UNDETERMINED


def test_a_copy_whose_source_may_not_be_readable_proves_nothing() -> None:
    tries = [Try("copy_sse_s3", DENIED, could_read_source=False), ANCHOR]
    assert probe.judge(situation(), tries)[0].verdict == COULD_NOT_LOOK


def test_skipped() -> None:
    bare = situation(keys=Keys(KEY))
    assert "other_key" in probe.why_skipped(bare, "sse_kms_other_key")
    assert "alias" in probe.why_skipped(bare, "sse_kms_alias")
    spared = situation(replace(SPEC, exempt_principals=("arn:aws:iam::111122223333:user/*",)))
    assert "spares this caller" in probe.why_skipped(spared, "sse_s3")
    assert probe.why_skipped(spared, "no_headers") == ""
    assert {one.verdict for one in probe.predict(bare) if one.expected is None} == {SKIPPED}


def test_predicted() -> None:
    assert {one.verdict for one in probe.predict(situation())} == {KEPT}
    drifted = {one.name: one for one in probe.predict(situation(default_encryption=DefaultEncryption("AES256")))}
    assert drifted["no_headers"].verdict == BROKEN
    assert drifted["sse_kms"].verdict == KEPT
    assert {one.verdict for one in probe.predict(situation(policy_known=False))} == {COULD_NOT_LOOK}


# The model


def model(plain: Happened, other: Happened, enforcement: str = guard.DENY_OTHER_KEYS, **settings: Any) -> str:
    found = situation(replace(SPEC, enforcement=enforcement), **settings)
    stored = UNDER_KEY if plain.passed else None
    tries = [Try("no_headers", plain, stored), ANCHOR, Try("sse_s3", other)]
    return probe.conclude(found, probe.judge(found, tries)).key_id_model


def test_the_model_is_told_by_uploads_without_headers() -> None:
    assert model(PASSED, DENIED) == "effective"
    assert model(DENIED, DENIED) == "header_only"
    assert model(BY_POLICY, BY_POLICY) == "header_only"


def test_the_model_is_not_told_where_nothing_shows_that_the_policy_is_enforced() -> None:
    assert model(PASSED, PASSED) == UNDETERMINED
    assert model(PASSED, Happened(None)) == UNDETERMINED
    assert model(PASSED, DENIED, policy_known=False) == UNDETERMINED
    assert model(PASSED, DENIED, policy=None) == UNDETERMINED
    assert model(PASSED, DENIED, guard.DENY_OVERRIDES) == UNDETERMINED
    assert model(DENIED, DENIED, guard.REQUIRE_HEADERS) == UNDETERMINED
    assert model(Happened(None), DENIED) == UNDETERMINED


def test_uploads_that_contradict_one_another_tell_nothing() -> None:
    found = situation(replace(SPEC, enforcement=guard.DENY_OTHER_KEYS))
    tries = [Try("no_headers", PASSED, UNDER_KEY), Try("post_form", DENIED), Try("sse_s3", DENIED), ANCHOR]
    told = probe.conclude(found, probe.judge(found, tries))
    assert told.key_id_model == UNDETERMINED
    assert "contradict" in told.reason


def test_the_temporary_statements_are_ours_and_about_the_prefix_alone() -> None:
    made = probe.model_statements("arn:aws:s3:::uploads", KEY, ".p/1/")
    assert all(guard.is_ours(one) for one in made)
    assert [one["Resource"] for one in made] == [f"arn:aws:s3:::uploads/.p/1/{name}/*" for name in ("model", "control")]


# The summary


def test_the_failure_names_what_is_broken() -> None:
    found = situation(policy=None)
    broken = probe.judge(found, [Try("sse_s3", PASSED), Try("sse_c", PASSED), ANCHOR])
    told = Summary("uploads", broken, Model(UNDETERMINED, "?"))
    assert told.failure is not None
    assert told.failure.startswith("2 promises are broken on bucket uploads: sse_s3, sse_c.")
    assert "No upload was refused" in told.failure
    one = Summary("uploads", broken[:1], Model(UNDETERMINED, "?"), predicted=True).failure
    assert one is not None
    assert one.startswith("1 promise would be broken")


def test_where_nothing_is_proved_that_is_a_failure() -> None:
    lost = [Probe("no_headers", MUST_PASS, COULD_NOT_LOOK, "No answer.", Happened(None))]
    assert Summary("uploads", lost, Model(UNDETERMINED, "?")).failure == (
        "Nothing could be proved on bucket uploads. No answer."
    )
    assert Summary("uploads", probe.predict(situation()), Model(UNDETERMINED, "?")).failure is None


def test_the_table() -> None:
    judged = probe.judge(situation(), [ANCHOR, Try("sse_s3", DENIED), Try("sse_c", Happened(None)), Try("no_headers")])
    left = [{"what": "s3://uploads/x", "reason": "AccessDenied"}]
    lines = Summary("uploads", judged, Model("effective", "Told."), left_behind=left).table()
    assert lines[0].split() == ["upload", "promised", "happened", "stored", "verdict"]
    assert " ".join(lines[2].split()) == "aws:kms, the key passes 200 passed aws:kms 1234abcd bucket key kept"
    assert lines[3].split() == ["AES256", "refused", "403", "AccessDenied", "-", "kept"]
    assert "no answer" in lines[4]
    assert "skipped" in lines[5]
    assert "uploads: 2 kept, 1 could not look, 1 skipped." in lines
    assert lines[-1] == "left behind: s3://uploads/x. AccessDenied"
    assert all(len(line) < 120 for line in lines)
