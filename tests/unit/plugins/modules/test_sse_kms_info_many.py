# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import collections
import gc
import json
import pathlib
import stat
import weakref
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.sealed.s3.plugins.module_utils.aws import survey
from ansible_collections.sealed.s3.plugins.module_utils.policy import decision, guard
from ansible_collections.sealed.s3.plugins.module_utils.posture import PUBLIC_ACCESS_SETTINGS, Observed
from ansible_collections.sealed.s3.tests.unit.fake_aws import (
    ACCOUNT,
    CALLER,
    OTHER_ACCOUNT,
    REGION,
    FakeAws,
    FakeBucket,
    Fault,
    Run,
    run_module,
)

ELSEWHERE = "us-east-1"
ESCAPE = "\x1b[31m"
FOUR = ["HeadBucket", "GetBucketEncryption", "GetBucketPolicy", "GetPublicAccessBlock"]
OF_A_KEY = ["DescribeKey", "GetKeyRotationStatus", "GetKeyPolicy"]
NOTHING = {"buckets": 0, "compliant": 0, "not_compliant": 0, "could_not_look": 0}


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


class Accounts(FakeAws):
    """The account of the task, and others behind profiles.

    :ivar others: by the name of the profile.
    """

    def __init__(self) -> None:
        super().__init__()
        self.others: dict[str, FakeAws] = {}

    def add(self, profile: str, account: str = OTHER_ACCOUNT) -> FakeAws:
        made = _Account(account)
        self.others[profile] = made
        return made

    def client_of(self, params: Mapping[str, Any], service: str, region: str) -> Any:
        return self.others.get(params.get("profile") or "", self).client(service, region)


class _Account(FakeAws):
    def __init__(self, account: str) -> None:
        super().__init__()
        self.arn = CALLER.replace(ACCOUNT, account)

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        answer = super().answer(operation, parameters)
        return {**answer, "Account": self.arn.split(":")[4]} if operation == "GetCallerIdentity" else answer


def look(aws: FakeAws, **options: Any) -> Run:
    run = run_module(aws, "sse_kms_info", **options)
    assert aws.writes == []
    assert run.result.get("changed", False) is False
    return run


def of(run: Run) -> dict[str, Any]:
    """The results by the names of their buckets."""
    return {result["name"]: result for result in run["buckets"]}


def ids(result: Mapping[str, Any]) -> list[str]:
    return [finding["id"] for finding in result["findings"]]


def seal(bucket: FakeBucket, name: str, arn: str, **spec: Any) -> FakeBucket:
    """Put a bucket in order."""
    bucket.encryption = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn},
        "BucketKeyEnabled": True,
    }
    bucket.public_access_block = dict.fromkeys(PUBLIC_ACCESS_SETTINGS, True)
    bucket.put_policy({"Version": "2012-10-17", "Statement": guard.statements(guard.GuardSpec(name, arn, **spec))})
    return bucket


def add_sealed(aws: FakeAws, name: str, arn: str, **settings: Any) -> FakeBucket:
    return seal(aws.add_bucket(name, **settings), name, arn)


@pytest.fixture
def key(aws: FakeAws) -> str:
    arn = aws.add_key(alias="uploads")
    aws.of(arn)["rotation"] = 365
    return arn


# --- many buckets ---


@pytest.mark.parametrize("threads", [1, 16])
def test_each_key_is_read_once_and_who_calls_is_asked_once(aws: FakeAws, key: str, threads: int) -> None:
    names = [f"uploads-{number}" for number in range(20)]
    for name in names:
        add_sealed(aws, name, key)
    run = look(aws, buckets=names, key="alias/uploads", threads=threads)
    assert [result["name"] for result in run["buckets"]] == sorted(names)
    assert run["summary"] == {
        **NOTHING,
        "buckets": 20,
        "compliant": 20,
        "to_change": 0,
        "blocked": 0,
        "findings": {"high": 0, "medium": 0, "low": 0, "info": 0},
        "accounts": {ACCOUNT: {**NOTHING, "buckets": 20, "compliant": 20}},
        "regions": {REGION: {**NOTHING, "buckets": 20, "compliant": 20}},
    }
    assert run["keys_to_create"] == []
    counts = collections.Counter(aws.calls)
    assert counts == {"GetCallerIdentity": 1, **dict.fromkeys(FOUR, 20), **dict.fromkeys(OF_A_KEY, 1)}
    assert all(given["ExpectedBucketOwner"] == ACCOUNT for _name, given in aws.requests if "Bucket" in given)


def test_a_result_has_all_that_one_bucket_has(aws: FakeAws, key: str) -> None:
    add_sealed(aws, "uploads", key)
    (result,) = look(aws, buckets=["uploads"], key=key)["buckets"]
    alone = look(aws, bucket="uploads", key=key).result
    told = {"name", "connection", "account", "region", "exists", "tags"}
    assert {name: alone[name] for name in set(result) - told} == {name: result[name] for name in set(result) - told}
    # Older versions of ansible-core always tell how a module was called.
    assert set(alone) - set(result) - {"invocation"} == {"bucket", "changed", "policy"}
    assert {name: result[name] for name in told} == {
        "name": "uploads",
        "connection": "default",
        "account": ACCOUNT,
        "region": REGION,
        "exists": True,
        "tags": None,
    }
    assert set(result["decisions"]) == set(decision.REQUEST_KINDS)
    assert result["decisions"]["sse_s3"] == {"effective": "denied", "header_only": "denied"}


def test_policies_are_returned_where_they_are_asked_for(aws: FakeAws, key: str) -> None:
    add_sealed(aws, "uploads", key)
    aws.add_bucket("open")
    results = of(look(aws, buckets=["uploads", "open", "gone", "no bucket"], key=key, policies=True))
    assert len(results["uploads"]["policy"]["Statement"]) == 6
    assert (results["open"]["policy"], results["gone"]["policy"], results["no bucket"]["policy"]) == (None, None, None)


def test_no_buckets_are_no_calls(aws: FakeAws) -> None:
    run = look(aws, buckets=[])
    assert (run["buckets"], run["keys_to_create"], run["summary"]["buckets"]) == ([], [], 0)
    assert aws.calls == []


@pytest.mark.parametrize("host", ["theirs", "localhost", None])
def test_a_remedy_runs_the_host_that_stands_for_the_bucket(aws: FakeAws, key: str, host: str | None) -> None:
    """Localhost stands for none: it is named for the run alone, with its variables."""
    aws.add_bucket("open")
    (result,) = look(aws, buckets=[{"name": "open", "id": host}], key=key)["buckets"]
    (remedy,) = {one["remedy"] for one in result["findings"] if one["id"] == "guard_missing"}
    if host == "theirs":
        assert remedy == "ansible-playbook -i INVENTORY sealed.s3.encrypt --limit theirs"
    else:
        assert remedy.startswith("ansible-playbook sealed.s3.encrypt -e encrypted_s3_bucket=open ")
        assert " -e encrypted_s3_hosts=localhost " in remedy


def test_a_bucket_twice_is_two_results_in_their_order(aws: FakeAws, key: str) -> None:
    add_sealed(aws, "uploads", key)
    asked = [
        {"name": "uploads", "id": str(number), "state": "absent" if number % 2 else "present"} for number in range(9)
    ]
    run = look(aws, buckets=asked, key=key)
    assert [result["id"] for result in run["buckets"]] == [str(number) for number in range(9)]
    assert [result["compliance"] for result in run["buckets"]][:2] == ["compliant", "not_compliant"]
    assert "id" not in look(aws, buckets=["uploads"], key=key)["buckets"][0]


def test_what_a_bucket_says_for_itself_counts(aws: FakeAws, key: str) -> None:
    other = aws.add_key(2, alias="archive")
    seal(aws.add_bucket("strict"), "strict", other, enforcement="require_headers")
    add_sealed(aws, "plain", key)
    aws.add_bucket("open")
    run = look(
        aws,
        buckets=[
            "plain",
            {"name": "strict", "key": "alias/archive", "enforcement": "require_headers"},
            {"name": "open", "state": "absent"},
        ],
        key="uploads",
    )
    assert {name: result["compliance"] for name, result in of(run).items()} == dict.fromkeys(
        ("plain", "strict", "open"), "compliant"
    )
    assert of(run)["strict"]["key"]["arn"] == other
    assert of(run)["open"]["key"] is None
    assert collections.Counter(aws.calls)["DescribeKey"] == 2
    assert collections.Counter(aws.calls)["GetBucketEncryption"] == 2


def test_with_state_absent_only_the_policy_is_read(aws: FakeAws, key: str) -> None:
    add_sealed(aws, "uploads", key)
    aws.add_bucket("open")
    run = look(aws, buckets=["uploads", "open"], state="absent")
    assert sorted(aws.calls) == ["GetBucketPolicy"] * 2 + ["GetCallerIdentity"] + ["HeadBucket"] * 2
    assert (ids(of(run)["uploads"]), ids(of(run)["open"])) == (["guard_present"], [])
    assert (of(run)["uploads"]["key"], of(run)["uploads"]["encryption"]) == (None, None)
    assert run["summary"]["to_change"] == 1


def test_tags_and_versioning_are_read_where_they_are_asked_about(aws: FakeAws, key: str) -> None:
    add_sealed(aws, "uploads", key, tags={"team": "a"}, versioning="Enabled")
    add_sealed(aws, "archive", key)
    asked = ["archive", {"name": "uploads", "tags": {"team": "a"}, "versioning": True}]
    results = of(look(aws, buckets=asked, key=key))
    assert (results["uploads"]["tags"], results["archive"]["tags"]) == ({"team": "a"}, None)
    assert results["uploads"]["findings"] == []
    assert collections.Counter(aws.calls)["GetBucketTagging"] == 1


def test_the_summary_tells_accounts_and_regions_apart() -> None:
    aws = Accounts()
    other = aws.add("other")
    arn = aws.add_key(1)
    add_sealed(aws, "mine", arn)
    other.add_bucket("theirs", owner=OTHER_ACCOUNT)
    other.add_bucket("far", owner=OTHER_ACCOUNT, region=ELSEWHERE)
    run = look(
        aws,
        buckets=["mine", {"name": "theirs", "connection": "b"}, {"name": "far", "connection": "b"}, {"name": "x"}],
        connections=[{"name": "b", "profile": "other"}],
        access_key=None,
        secret_key=None,
    )
    assert run["summary"]["accounts"] == {
        ACCOUNT: {**NOTHING, "buckets": 1, "compliant": 1},
        OTHER_ACCOUNT: {**NOTHING, "buckets": 2, "not_compliant": 2},
        "unknown": {**NOTHING, "buckets": 1, "could_not_look": 1},
    }
    assert run["summary"]["regions"] == {
        ELSEWHERE: {**NOTHING, "buckets": 1, "not_compliant": 1},
        REGION: {**NOTHING, "buckets": 2, "compliant": 1, "not_compliant": 1},
        "unknown": {**NOTHING, "buckets": 1, "could_not_look": 1},
    }
    assert [(result["connection"], result["name"]) for result in run["buckets"]] == [
        ("b", "far"),
        ("b", "theirs"),
        ("default", "mine"),
        ("default", "x"),
    ]
    assert (aws.calls.count("GetCallerIdentity"), other.calls.count("GetCallerIdentity")) == (1, 1)


# --- Regions ---


def test_a_bucket_in_another_region_is_looked_at_there(aws: FakeAws) -> None:
    there = f"arn:aws:kms:{ELSEWHERE}:{ACCOUNT}:key/00000001-12ab-34cd-56ef-1234567890ab"
    aws.add_key(1, alias="uploads", Arn=there)
    aws.of(there)["rotation"] = 365
    add_sealed(aws, "far", there, region=ELSEWHERE)
    (result,) = look(aws, buckets=["far"], key="alias/uploads")["buckets"]
    assert (result["compliance"], result["region"], result["exists"]) == ("compliant", ELSEWHERE, True)
    assert sorted(aws.calls) == sorted(["GetCallerIdentity", *FOUR, *OF_A_KEY])
    assert {("s3", ELSEWHERE), ("kms", ELSEWHERE)} <= set(aws.made)
    assert ("kms", REGION) not in aws.made


def test_the_keys_of_a_guard_have_to_be_in_the_region_where_the_bucket_is(aws: FakeAws) -> None:
    """Which nobody said: it is not held against the Region of the task."""
    there = f"arn:aws:kms:{ELSEWHERE}:{ACCOUNT}:key/00000001-12ab-34cd-56ef-1234567890ab"
    old = there.replace("00000001", "00000002")
    aws.add_key(1, Arn=there)
    add_sealed(aws, "far", there, region=ELSEWHERE)
    aws.add_bucket("near")
    results = of(look(aws, buckets=["far", "near"], accepted_keys=[old]))
    assert results["far"]["compliance"] == "not_compliant"
    assert "guard_incomplete" not in ids(results["far"])
    assert "key_change" in ids(results["far"])
    assert results["near"]["compliance"] == "could_not_look"
    assert "is not in the Region of the key" in results["near"]["could_not_look"][0]["message"]


def test_a_bucket_in_another_region_than_asked_for_is_refused(aws: FakeAws, key: str) -> None:
    add_sealed(aws, "far", key, region=ELSEWHERE)
    (result,) = look(aws, buckets=[{"name": "far", "region": REGION}], key=key)["buckets"]
    assert (result["exists"], ids(result), result["region"]) == (None, ["bucket_refused"], REGION)
    assert f"Set region to {ELSEWHERE}" in result["blockers"][0]
    assert "GetBucketPolicy" not in aws.calls


def test_a_bucket_whose_region_nobody_tells_is_refused(aws: FakeAws, key: str) -> None:
    """A redirect that botocore could not follow."""
    add_sealed(aws, "far", key, region=ELSEWHERE)
    aws.fail("HeadBucket", Fault("301", "Moved Permanently", 301))
    (result,) = look(aws, buckets=["far"], key=key)["buckets"]
    assert (result["exists"], ids(result)) == (None, ["bucket_refused"])
    assert "it is in another Region" in result["blockers"][0]


def test_the_region_of_a_bucket_is_its_own(aws: FakeAws, key: str) -> None:
    add_sealed(aws, "far", key, region=ELSEWHERE)
    (result,) = look(aws, buckets=[{"name": "far", "region": ELSEWHERE}])["buckets"]
    assert (result["exists"], result["region"]) == (True, ELSEWHERE)
    assert ("s3", REGION) not in aws.made


# --- what goes wrong with one ---


def test_what_cannot_be_read_is_told_for_that_bucket_alone(aws: FakeAws, key: str) -> None:
    for name in ("a-denied", "b-policy", "c-fine", "d-busy", "e-broken"):
        add_sealed(aws, name, key)
    aws.add_bucket("f-strange", owner=OTHER_ACCOUNT)
    aws.buckets["e-broken"].policy = "{"

    def refuse(operation: str, given: Mapping[str, Any]) -> None:
        at = (operation, given.get("Bucket"))
        if at in (("HeadBucket", "a-denied"), ("GetBucketPolicy", "b-policy")):
            raise Fault("403" if operation == "HeadBucket" else "AccessDenied", "no", 403)
        if at == ("GetBucketEncryption", "d-busy"):
            raise Fault("SlowDown", "slow down", 503)

    aws.before.append(refuse)
    run = look(aws, buckets=[*aws.buckets, "g-gone", "no bucket"], key=key)
    results = of(run)
    assert {name: result["compliance"] for name, result in results.items()} == {
        "a-denied": "could_not_look",
        "b-policy": "could_not_look",
        "c-fine": "compliant",
        "d-busy": "could_not_look",
        "e-broken": "could_not_look",
        "f-strange": "could_not_look",
        "g-gone": "not_compliant",
        "no bucket": "could_not_look",
    }
    permissions = {name: [one["permission"] for one in result["could_not_look"]] for name, result in results.items()}
    assert permissions == {
        "a-denied": ["s3:ListBucket"],
        "b-policy": ["s3:GetBucketPolicy"],
        "c-fine": [],
        "d-busy": [None],
        "e-broken": [None],
        "f-strange": ["s3:ListBucket"],
        "g-gone": [],
        "no bucket": [None],
    }
    assert {name: result["exists"] for name, result in results.items()} == {
        **dict.fromkeys(("a-denied", "d-busy", "f-strange", "no bucket"), None),
        **dict.fromkeys(("b-policy", "c-fine", "e-broken"), True),
        "g-gone": False,
    }
    assert "AWS throttled the requests" in results["d-busy"]["could_not_look"][0]["message"]
    assert (results["d-busy"]["account"], results["no bucket"]["account"]) == (ACCOUNT, None)
    assert (results["d-busy"]["key"], results["d-busy"]["encryption"], results["d-busy"]["decisions"]) == (None,) * 3
    assert (results["b-policy"]["decisions"], results["b-policy"]["encryption"]["key_arn"]) == (None, key)
    assert not any(result["plan"]["any"] for name, result in results.items() if name != "g-gone")
    assert run["summary"]["blocked"] == 6
    assert run["summary"]["could_not_look"] == 6


def test_what_was_asked_wrongly_is_told_for_that_bucket_alone(aws: FakeAws, key: str) -> None:
    add_sealed(aws, "fine", key)
    run = look(
        aws,
        buckets=[
            "fine",
            5,
            {"key": key},
            {"name": "colour", "colour": "red"},
            {"name": "kind", "versioning": "perhaps"},
            {"name": "settings", "key_settings": [1]},
            {"name": "Not/One"},
            {"name": "lost", "connection": "nowhere"},
            {"name": "admins", "encryption_admins": ["*"]},
            {"name": "blocked", "blocked_encryption_types": []},
            {"name": f"name{ESCAPE}"},
            {"name": "escaped", f"colour{ESCAPE}": "red"},
        ],
        key=key,
    )
    results = of(run)
    assert results.pop("fine")["compliance"] == "compliant"
    assert len(results) == 11
    assert {result["compliance"] for result in results.values()} == {"could_not_look"}
    said = {name: result["could_not_look"][0]["message"] for name, result in results.items()}
    assert all(message.isprintable() for message in said.values())
    for name, words in {
        "5": "neither a name nor a mapping",
        "": "a mapping without a name",
        "colour": "colour has colour",
        "kind": "not a valid boolean",
        "settings": "key_settings is no mapping",
        "Not/One": "cannot be the name of a bucket",
        "lost": 'there is no "nowhere" among connections',
        "admins": "encryption_admins",
        "blocked": "blocked_encryption_types is empty",
        f"name{ESCAPE}": r'"name\u001b[31m" cannot be the name of a bucket',
        "escaped": r"escaped has colour\u001b[31m",
    }.items():
        assert words in said[name]


def test_a_key_that_nobody_answers_for_is_told_for_each_bucket_and_asked_for_once(aws: FakeAws, key: str) -> None:
    for name in ("one", "two", "three"):
        add_sealed(aws, name, key)
    aws.fail("DescribeKey", Fault("ThrottlingException", "slow down"), times=99)
    run = look(aws, buckets=["one", "two", "three", {"name": "none", "state": "absent"}], key=key)
    assert aws.calls.count("DescribeKey") == 1
    assert run["summary"]["could_not_look"] == 3
    assert len({result["could_not_look"][0]["message"] for result in run["buckets"] if result["could_not_look"]}) == 1


def test_credentials_that_fail_are_told_for_their_buckets_alone_and_asked_once(key: str) -> None:
    aws = Accounts()
    arn = aws.add_key(1)
    other = aws.add("expired")
    other.fail("GetCallerIdentity", Fault("ExpiredToken", "The token has expired"), times=99)
    theirs = [{"name": f"theirs-{number}", "connection": "b"} for number in range(8)]
    mine = [f"mine-{number}" for number in range(8)]
    for name in mine:
        add_sealed(aws, name, arn)
    run = look(
        aws,
        buckets=[*mine, *theirs],
        connections=[{"name": "b", "profile": "expired"}],
        access_key=None,
        secret_key=None,
    )
    assert other.calls == ["GetCallerIdentity"]
    assert [result["compliance"] for result in run["buckets"]] == ["could_not_look"] * 8 + ["compliant"] * 8
    failed = run["buckets"][0]
    assert "the credentials have expired" in failed["could_not_look"][0]["message"]
    assert (failed["account"], failed["region"], failed["exists"]) == (None, REGION, None)


def test_a_mistake_in_the_code_comes_out_as_it_is(aws: FakeAws, key: str) -> None:
    for number in range(50):
        add_sealed(aws, f"uploads-{number}", key)

    def mistaken(operation: str, _given: Mapping[str, Any]) -> None:
        if operation == "GetPublicAccessBlock":
            raise ZeroDivisionError("a mistake")

    aws.before.append(mistaken)
    with pytest.raises(BaseException, match=r"a mistake|DID NOT RAISE") as caught:
        look(aws, buckets=list(aws.buckets), key=key)
    assert isinstance(caught.value, ZeroDivisionError)
    assert aws.calls.count("GetPublicAccessBlock") < 50


# --- a key that nobody named ---


def test_without_a_key_that_of_default_encryption_is_the_one_that_was_meant(aws: FakeAws) -> None:
    first, second = aws.add_key(1), aws.add_key(2, alias="two")
    for arn in (first, second):
        aws.of(arn)["rotation"] = 365
    add_sealed(aws, "one", first)
    add_sealed(aws, "two", second)
    add_sealed(aws, "too", second)
    half = add_sealed(aws, "half", first)
    half.policy = None
    moved = add_sealed(aws, "moved", second)
    moved.encryption["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] = first  # type: ignore[index]
    run = look(aws, buckets=list(aws.buckets))
    results = of(run)
    assert {name: result["compliance"] for name, result in results.items()} == {
        "one": "compliant",
        "two": "compliant",
        "too": "compliant",
        "half": "not_compliant",
        "moved": "not_compliant",
    }
    assert (results["one"]["key"]["arn"], results["two"]["key"]["arn"]) == (first, second)
    assert "guard_missing" in ids(results["half"])
    assert "guard_of_another_key" in ids(results["moved"])
    assert results["half"]["plan"]["guard"]
    assert f"encrypted_s3_key_arn={first}" in results["half"]["findings"][0]["remedy"]
    assert aws.calls.count("DescribeKey") == 2


@pytest.mark.parametrize(
    ("default", "finding", "severity"),
    [
        ({"SSEAlgorithm": "AES256"}, "default_encryption_algorithm", "high"),
        ({"SSEAlgorithm": "aws:kms:dsse", "KMSMasterKeyID": "KEY"}, "default_encryption_algorithm", "high"),
        ({"SSEAlgorithm": "aws:kms"}, "default_encryption_no_key", "high"),
        ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/aws/s3"}, "key_refused", "high"),
        ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "MANAGED"}, "key_unusable", "high"),
        ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "GONE"}, "key_missing", "high"),
        ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/uploads"}, "default_encryption_key_form", "medium"),
        ({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "no key"}, "key_refused", "high"),
        (None, "default_encryption_algorithm", "high"),
    ],
)
def test_what_default_encryption_names_is_judged(
    aws: FakeAws, key: str, default: dict[str, Any] | None, finding: str, severity: str
) -> None:
    managed = aws.add_key(2, KeyManager="AWS")
    names = {"KEY": key, "MANAGED": managed, "GONE": key.replace("00000001", "99999999")}
    bucket = add_sealed(aws, "uploads", key)
    if default is None:
        bucket.encryption = None
    else:
        named = {name: names.get(value, value) for name, value in default.items()}
        bucket.encryption = {"ApplyServerSideEncryptionByDefault": named, "BucketKeyEnabled": True}
    (result,) = look(aws, buckets=["uploads"])["buckets"]
    assert (ids(result)[0], result["findings"][0]["severity"]) == (finding, severity)
    assert result["compliance"] == "not_compliant"
    assert not result["plan"]["create_key"]
    assert result["decisions"]["sse_s3"]["effective"] == "denied"


def test_default_encryption_that_may_not_be_read_names_no_key(aws: FakeAws, key: str) -> None:
    add_sealed(aws, "uploads", key)
    aws.deny("GetBucketEncryption")
    (result,) = look(aws, buckets=["uploads"])["buckets"]
    assert (result["compliance"], result["key"], ids(result)) == (
        "could_not_look",
        {"arn": None, "exists": False},
        [],
    )
    assert "DescribeKey" not in aws.calls


# --- keys to create ---


def test_keys_that_would_be_created_are_told_once(aws: FakeAws) -> None:
    for name in ("one", "two"):
        aws.add_bucket(name)
    options = {"create_key": True, "key_managed": True}
    run = look(
        aws,
        buckets=["two", "three", {"name": "one", "key": "uploads"}, {"name": "other", "key": "alias/other"}],
        key="alias/uploads",
        **options,
    )
    common = {"account": ACCOUNT, "region": REGION, "connection": "default"}
    assert run["keys_to_create"] == [
        {"alias": "alias/other", "buckets": ["other"], **common},
        {"alias": "alias/uploads", "buckets": ["one", "three", "two"], **common},
    ]
    assert run["summary"]["to_change"] == 4
    assert of(run)["three"]["plan"]["create_bucket"]
    none = look(aws, buckets=["two"], key="alias/uploads")
    assert none["keys_to_create"] == []
    assert "There is no KMS key alias/uploads" in none["buckets"][0]["blockers"][0]


# --- discover ---


@pytest.fixture
def fleet_of(aws: FakeAws, key: str) -> FakeAws:
    add_sealed(aws, "logs-1", key, tags={"team": "a", "stage": "prod"})
    add_sealed(aws, "logs-2", key, tags={"team": "b"})
    add_sealed(aws, "uploads-1", key)
    add_sealed(aws, "uploads-2", key, region=ELSEWHERE, tags={"team": "a"})
    aws.add_bucket("strange", owner=OTHER_ACCOUNT)
    return aws


@pytest.mark.parametrize(
    ("discover", "names"),
    [
        ({}, ["logs-1", "logs-2", "uploads-1", "uploads-2"]),
        ({"prefix": "logs"}, ["logs-1", "logs-2"]),
        ({"prefix": "none"}, []),
        ({"regions": [ELSEWHERE]}, ["uploads-2"]),
        ({"regions": [ELSEWHERE, REGION], "prefix": "u"}, ["uploads-1", "uploads-2"]),
        ({"tags": {"team": "a"}}, ["logs-1", "uploads-2"]),
        ({"tags": {"team": "*"}}, ["logs-1", "logs-2", "uploads-2"]),
        ({"tags": {"team": "a", "stage": "prod"}}, ["logs-1"]),
        ({"tags": {}}, ["logs-1", "logs-2", "uploads-1", "uploads-2"]),
        ({"tags": {"team": "c"}}, []),
    ],
)
def test_buckets_are_discovered(fleet_of: FakeAws, discover: dict[str, Any], names: list[str]) -> None:
    run = look(fleet_of, discover=discover)
    assert [result["name"] for result in run["buckets"]] == names
    assert run["summary"]["buckets"] == len(names)
    # Listing told whose they are, and where.
    assert "HeadBucket" not in fleet_of.calls
    assert fleet_of.calls.count("GetBucketPolicy") == len(names)
    assert fleet_of.calls.count("GetBucketTagging") == (4 if discover.get("tags") else 0)
    for result in run["buckets"]:
        assert result["region"] == fleet_of.buckets[result["name"]].region
        assert (result["tags"] is not None) == bool(discover.get("tags"))


def test_tags_that_were_read_to_discover_are_compared_without_a_further_call(fleet_of: FakeAws) -> None:
    run = look(fleet_of, discover={"tags": {"team": "*"}}, tags={"team": "a"})
    assert {result["name"]: ids(result) for result in run["buckets"]}["logs-2"] == ["tags_differ"]
    assert fleet_of.calls.count("GetBucketTagging") == 4
    fleet_of.calls.clear()
    look(fleet_of, discover={}, tags={"team": "a"})
    assert fleet_of.calls.count("GetBucketTagging") == 4


def test_a_bucket_whose_tags_may_not_be_read_is_neither_in_nor_out(fleet_of: FakeAws) -> None:
    fleet_of.fail("GetBucketTagging", Fault("AccessDenied", "no", 403), times=1)
    run = look(fleet_of, discover={"tags": {"team": "b"}, "prefix": "uploads-1"})
    (result,) = run["buckets"]
    assert (result["compliance"], result["exists"], result["tags"]) == ("could_not_look", None, None)
    assert result["could_not_look"][0]["permission"] == "s3:GetBucketTagging"


def test_a_service_that_does_not_say_the_region_is_asked_for_each(
    fleet_of: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [{"Name": name} for name in (*sorted(fleet_of.buckets)[:1], "uploads-1", "uploads-2", "gone")]
    monkeypatch.setattr(fleet_of, "_list_buckets", lambda _given: {"Buckets": listed})
    run = look(fleet_of, discover={"regions": [ELSEWHERE, "eu-west-3"], "tags": {"team": "a"}})
    results = of(run)
    assert sorted(results) == ["gone", "uploads-2"]
    assert (results["uploads-2"]["region"], results["uploads-2"]["exists"]) == (ELSEWHERE, True)
    # It was listed a moment ago: who asks is told that it is not there.
    assert (results["gone"]["exists"], ids(results["gone"])) == (False, ["bucket_missing"])
    assert fleet_of.calls.count("GetBucketTagging") == 1


def test_every_connection_is_searched_and_one_that_fails_is_named() -> None:
    aws = Accounts()
    add_sealed(aws, "mine", aws.add_key(1))
    other = aws.add("b")
    other.add_bucket("theirs", owner=OTHER_ACCOUNT)
    options: dict[str, Any] = {
        "discover": {},
        "connections": [{"name": "production", "profile": "a"}, {"name": "staging", "profile": "b"}],
        "access_key": None,
        "secret_key": None,
    }
    run = look(aws, **options)
    assert [(one["connection"], one["name"]) for one in run["buckets"]] == [
        ("production", "mine"),
        ("staging", "theirs"),
    ]
    other.fail("ListBuckets", Fault("ExpiredToken", "The token has expired"))
    run = look(aws, **options)
    assert [(one["name"], one["compliance"]) for one in run["buckets"]] == [
        ("mine", "compliant"),
        ("(buckets of staging)", "could_not_look"),
    ]
    (missing,) = run["buckets"][1]["could_not_look"]
    assert missing["message"].startswith("Could not list the buckets: the credentials have expired.")
    assert run["summary"]["could_not_look"] == 1
    for one in (aws, other):
        one.fail("ListBuckets", Fault("AccessDenied", "no", 403))
    run = look(aws, **options)
    assert (run.failed, run.exit_code) == (True, 1)
    assert run.msg.startswith("Not permitted to list the buckets")
    aws.fail("ListBuckets", Fault("AccessDenied", "no", 403))
    alone = look(aws, discover={})
    assert alone.msg.startswith("Not permitted to list the buckets: s3:ListAllMyBuckets is denied.")
    assert alone["error_code"] == "AccessDenied"


def test_a_connection_that_is_wrong_is_told_for_its_buckets_alone() -> None:
    aws = Accounts()
    add_sealed(aws, "mine", aws.add_key(1))
    options: dict[str, Any] = {
        "connections": [{"name": "fine"}, {"name": "certs", "validate_certs": "perhaps", "secret_key": "a-secret-key"}],
    }
    named = look(aws, buckets=["mine", {"name": "theirs", "connection": "certs"}], **options)
    found = look(aws, discover={}, **options)
    for run, name in ((named, "theirs"), (found, "(buckets of certs)")):
        assert of(run)["mine"]["compliance"] == "compliant"
        (missing,) = of(run)[name]["could_not_look"]
        assert missing["message"] == "connections: certs: validate_certs is neither true nor false."
        assert "a-secret-key" not in json.dumps(run.result)


# --- results_file ---


def lines(path: pathlib.Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("there", [False, True])
def test_results_go_to_a_file_of_their_own(aws: FakeAws, key: str, tmp_path: pathlib.Path, there: bool) -> None:
    path = tmp_path / "results"
    if there:
        path.write_text("of before\n" * 1000)
        path.chmod(0o666)
    names = [f"uploads-{number}" for number in range(5)]
    for name in names:
        add_sealed(aws, name, key)
    run = look(aws, buckets=[*names, "no bucket"], key=key, results_file=str(path), policies=True)
    assert "buckets" not in run.result
    assert run["summary"]["buckets"] == 6
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    total, *results = lines(path)
    assert total == {"total": 6}
    assert sorted(result["name"] for result in results) == ["no bucket", *names]
    returned = look(aws, buckets=[*names, "no bucket"], key=key, policies=True)["buckets"]
    assert sorted(results, key=lambda result: result["name"]) == returned


def test_results_are_in_the_file_as_they_come(aws: FakeAws, key: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "results"
    seen: list[int] = []
    for number in range(9):
        add_sealed(aws, f"uploads-{number}", key)

    def reading(operation: str, _given: Mapping[str, Any]) -> None:
        if operation == "HeadBucket":
            # Of the last line there may only be a part.
            seen.append(path.read_bytes().count(b"\n"))

    aws.before.append(reading)
    look(aws, buckets=list(aws.buckets), key=key, results_file=str(path), threads=1)
    assert seen[0] == 1
    # Two are taken at a time.
    assert all(number - 2 <= done - 1 <= number for number, done in enumerate(seen)), seen


def test_buckets_that_were_left_out_are_in_the_total_and_not_in_the_file(
    fleet_of: FakeAws, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "results"
    look(fleet_of, discover={"tags": {"team": "b"}}, results_file=str(path))
    total, *results = lines(path)
    assert (total, [result["name"] for result in results]) == ({"total": 4}, ["logs-2"])


def test_a_file_that_cannot_be_written_is_told_before_any_bucket_is_read(
    aws: FakeAws, key: str, tmp_path: pathlib.Path
) -> None:
    for path in (tmp_path, tmp_path / "no" / "folder", tmp_path / f"no{ESCAPE}" / "folder"):
        run = look(aws, buckets=["uploads"], key=key, results_file=str(path))
        assert (run.failed, aws.calls) == (True, [])
        assert run.msg.startswith("results_file: ")
        assert run.msg.isprintable()


def test_a_full_disk_is_told(aws: FakeAws, key: str) -> None:
    add_sealed(aws, "uploads", key)
    run = look(aws, buckets=["uploads"], key=key, results_file="/dev/full")
    assert run.failed
    assert "results_file: /dev/full cannot be written: No space left on device." in run.msg


def test_a_file_that_is_none_keeps_its_mode(aws: FakeAws, key: str) -> None:
    add_sealed(aws, "uploads", key)
    assert not look(aws, buckets=["uploads"], key=key, results_file="/dev/null").failed
    assert stat.S_IMODE(pathlib.Path("/dev/null").stat().st_mode) & 0o066


# --- the options themselves ---


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "one of the following is required: bucket, buckets, discover"),
        ({"bucket": "a", "buckets": ["b"]}, "mutually exclusive: bucket|buckets|discover"),
        ({"bucket": "a", "results_file": "/tmp/x"}, "mutually exclusive: bucket|results_file"),
        ({"bucket": "a", "connections": [{"name": "b"}]}, "mutually exclusive: bucket|connections"),
        ({"buckets": ["a"], "threads": 0}, "threads: expected 1 to 64, found 0"),
        ({"buckets": ["a"], "connections": [{"name": "b"}, {"name": "b"}]}, "connections: b is there more than once"),
        ({"buckets": ["a"], "connections": [{"region": "b"}]}, "missing required arguments: name"),
        ({"buckets": ["a"], "connections": [["b"]]}, "connections"),
        ({"buckets": ["a"], "versioning": "perhaps"}, "not a valid boolean"),
        ({"discover": {"colour": "red"}}, "colour"),
    ],
)
def test_what_cannot_be_meant_for_any_bucket_is_an_error(aws: FakeAws, options: dict[str, Any], said: str) -> None:
    run = look(aws, **options)
    assert (run.failed, run.exit_code) == (True, 1)
    assert said in run.msg.replace(", ", "|") or said in run.msg
    assert aws.calls == []


def test_no_secret_of_a_connection_comes_out(tmp_path: pathlib.Path) -> None:
    aws = Accounts()
    aws.add_bucket("open")
    other = aws.add("quiet")
    other.fail("GetCallerIdentity", Fault("InvalidClientTokenId", "a-session-token a-secret-key"), times=9)
    path = tmp_path / "results"
    options: dict[str, Any] = {
        "buckets": ["open", {"name": "theirs", "connection": "b"}, {"name": "odd", "secret_key": "a-secret-key"}],
        "connections": [
            {
                "name": "b",
                "access_key": "AKIDOTHER",
                "secret_key": "a-secret-key",
                "session_token": "a-session-token",
                "endpoint_url": "https://user:a-password@s3.example",
            },
        ],
    }
    told = json.dumps(look(aws, **options).result)
    for secret in ("a-secret-key", "a-session-token", "a-password"):
        assert secret not in told.replace('"https://user:a-password@s3.example"', "")
    look(aws, **options, results_file=str(path))
    for secret in ("a-secret-key", "a-session-token", "a-password"):
        assert secret not in path.read_text(encoding="utf-8")


# --- how much is done for each ---


def test_what_is_decided_for_each_bucket_is_bounded(aws: FakeAws, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sees that a bucket takes twice as long, until there are thousands."""
    decided = [0]
    original = decision.decide

    def counted(*args: Any) -> Any:
        decided[0] += 1
        return original(*args)

    monkeypatch.setattr(decision, "decide", counted)
    for number in range(20):
        add_sealed(aws, f"uploads-{number}", key)
        strange = {
            "Effect": "Deny",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/Reader-{number}"},
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::strange-{number}/*",
        }
        bucket = add_sealed(aws, f"strange-{number}", key)
        bucket.put_policy({"Version": "2012-10-17", "Statement": [strange, *bucket.statements]})

    def count(*names: str) -> int:
        decided[0] = 0
        look(aws, buckets=list(names), key=key, threads=1)
        return decided[0]

    count("uploads-0")
    assert count(*(f"uploads-{number}" for number in range(20))) <= 20 * 3
    # A policy that no other bucket has.
    assert count(*(f"strange-{number}" for number in range(20))) <= 20 * 40


def test_no_policy_stays_in_memory(
    aws: FakeAws, key: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[weakref.ref[Observed]] = []
    most = [0]

    def alive() -> int:
        return sum(ref() is not None for ref in seen)

    original = survey.Survey.look

    def looking(self: survey.Survey, found: survey.Found) -> Any:
        answer = original(self, found)
        assert answer is not None
        assert answer.observed is not None
        seen.append(weakref.ref(answer.observed))
        most[0] = max(most[0], alive())
        return answer

    monkeypatch.setattr(survey.Survey, "look", looking)
    for number in range(150):
        add_sealed(aws, f"uploads-{number}", key)
    look(aws, buckets=list(aws.buckets), key=key, threads=4, results_file=str(tmp_path / "results"))
    gc.collect()
    assert most[0] <= 2 * 4 + 1
    assert (len(seen), alive()) == (150, 0)


def test_tags_that_ansible_would_misread_are_left_out() -> None:
    aws = FakeAws()
    aws.add_bucket("uploads-1", tags={"__ansible_type": "AnsibleUnsafe", "owner": "platform"})
    run = run_module(aws, "sse_kms_info", discover={"tags": {"owner": "*"}})
    assert run["buckets"][0]["tags"] == {"owner": "platform"}
