# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import os
import pathlib
import threading
import time
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from ansible_collections.sealed.s3.plugins.module_utils.aws import fleet
from ansible_collections.sealed.s3.plugins.module_utils.aws import session as sessions
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError, BadCredentials, Refused, Unreachable
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session
from ansible_collections.sealed.s3.tests.unit.fake_aws import ACCOUNT, CALLER, FakeAws


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def session(**params: Any) -> Session:
    return Session(
        {"region": "eu-west-3", "access_key": "AKIDEXAMPLE", "secret_key": "x", "validate_certs": True, **params}
    )


def connect(here: Session) -> Any:
    return here.s3


def test_each_client_is_made_once_for_its_region_from_one_sdk_session(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    original = sessions.boto3.session.Session

    def session_of_sdk(**given: Any) -> Any:
        made.append(given)
        return original(**given)

    monkeypatch.setattr(sessions.boto3.session, "Session", session_of_sdk)
    here = session()
    assert here.s3 is here.s3
    assert here.kms is here.client("kms")
    assert here.kms is not here.client("kms", region="us-east-1")
    assert here.client("kms", region="us-east-1").meta.region_name == "us-east-1"
    assert here.sts.meta.region_name == here.region == "eu-west-3"
    assert made == [{"profile_name": None}]


def test_the_options_reach_the_client() -> None:
    client = session(endpoint_url="http://127.0.0.1:4566", session_token="t").s3
    assert client.meta.endpoint_url == "http://127.0.0.1:4566"
    credentials = client._request_signer._credentials
    assert (credentials.access_key, credentials.secret_key, credentials.token) == ("AKIDEXAMPLE", "x", "t")


def test_retries_are_those_of_the_standard_mode_and_bounded() -> None:
    config = session().s3.meta.config
    assert config.retries["mode"] == "standard"
    assert config.retries["total_max_attempts"] == 5
    assert config.connect_timeout == 10
    assert "sealed.s3" in config.user_agent_extra


def test_aws_config_of_the_task_wins() -> None:
    config = session(
        aws_config={"connect_timeout": 1, "retries": {"max_attempts": 9, "mode": "adaptive"}}
    ).s3.meta.config
    assert config.connect_timeout == 1
    assert config.retries["mode"] == "adaptive"
    assert config.retries["total_max_attempts"] == 10
    assert config.read_timeout == 60


@pytest.mark.parametrize(
    ("config", "mode"),
    [
        (None, "standard"),
        ({"retries": {"max_attempts": 9, "mode": "adaptive"}}, "adaptive"),
        ({"retries": {"total_max_attempts": 3}}, "standard"),
    ],
)
def test_what_must_not_be_repeated_unseen_is_sent_once(config: dict[str, Any] | None, mode: str) -> None:
    retries = session(aws_config=config).s3_once.meta.config.retries
    assert retries == {"mode": mode, "total_max_attempts": 1}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"no_such_option": 1}, "no_such_option"),
        ({"retries": {"mode": "nonsense"}}, "nonsense"),
        ({"retries": {"max_attempts": -1}}, "max_attempts"),
        ({"s3": {"addressing_style": "nonsense"}}, "nonsense"),
    ],
)
def test_an_aws_config_that_botocore_does_not_take_is_told(config: dict[str, Any], said: str) -> None:
    with pytest.raises(AwsError, match=rf"aws_config is not what botocore takes.*{said}"):
        connect(session(aws_config=config))


def test_a_token_file_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("AWS_ROLE_ARN", f"arn:aws:iam::{ACCOUNT}:role/Deploy")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "gone"))
    with pytest.raises(BadCredentials, match=r"No such file.*gone.*AWS_WEB_IDENTITY_TOKEN_FILE"):
        session(access_key=None, secret_key=None).caller()


@pytest.mark.parametrize(
    ("command", "said"), [("/no/such/program", "Check the files and programs"), ("echo hello", "gives no JSON")]
)
def test_a_process_that_gives_no_credentials_is_told(tmp_path: pathlib.Path, command: str, said: str) -> None:
    (tmp_path / "config").write_text(f"[profile odd]\ncredential_process = {command}\n")
    with pytest.raises(BadCredentials, match=said):
        session(access_key=None, secret_key=None, profile="odd").caller()


def test_certificates_are_checked_as_asked(tmp_path: pathlib.Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    assert session()._connection[2]["verify"] is True
    assert session(validate_certs=False)._connection[2]["verify"] is False
    assert session(aws_ca_bundle=str(bundle))._connection[2]["verify"] == str(bundle)


def test_the_region_comes_from_the_profile_where_none_is_given(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config").write_text("[profile archive]\nregion = ca-central-1\n")
    here = session(region=None, access_key=None, secret_key=None, profile="archive")
    assert here.region == "ca-central-1"
    assert here.s3.meta.region_name == "ca-central-1"


def test_no_region_at_all_is_told() -> None:
    with pytest.raises(Refused, match=r"No Region was given\. Set region, AWS_REGION"):
        connect(session(region=None))


def test_a_region_that_is_none_is_told() -> None:
    with pytest.raises(AwsError, match="connect to s3 in eu central 1"):
        connect(session(region="eu central 1"))


def test_a_profile_that_does_not_exist_is_told() -> None:
    for region in ("eu-west-3", None):
        with pytest.raises(BadCredentials, match=r"\(nobody\) could not be found"):
            connect(session(region=region, access_key=None, secret_key=None, profile="nobody"))


def test_an_endpoint_that_is_no_url_is_told() -> None:
    with pytest.raises(AwsError, match="Check endpoint_url and region"):
        connect(session(endpoint_url="nowhere"))


def test_no_credentials_are_told() -> None:
    with pytest.raises(BadCredentials, match="there are no credentials"):
        session(access_key=None, secret_key=None).caller()


def test_who_calls_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = FakeAws()
    monkeypatch.setattr(Session, "_make", lambda _self, service, region: aws.client(service, region))
    here = session()
    assert here.caller() is here.caller()
    assert here.caller() == sessions.Caller(account=ACCOUNT, arn=CALLER, partition="aws")
    assert aws.calls == ["GetCallerIdentity"]


def test_the_partition_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = FakeAws()
    aws.arn = f"arn:aws-us-gov:sts::{ACCOUNT}:assumed-role/Platform/x"
    monkeypatch.setattr(Session, "_make", lambda _self, service, region: aws.client(service, region))
    assert session().caller().partition == "aws-us-gov"


def test_an_answer_that_is_not_of_sts_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "call", lambda *_args, **_given: {})
    with pytest.raises(Unreachable, match="what answered is not AWS"):
        session().caller()


def test_another_region_shares_everything_else() -> None:
    here = session()
    there = here.in_region("ap-south-1")
    assert there.s3.meta.region_name == there.region == "ap-south-1"
    assert there.s3 is here.client("s3", region="ap-south-1")
    assert there.in_region("eu-west-3") is here
    assert there.in_region("ap-south-1").kms is there.kms
    assert there.verify is here.verify is True


def test_another_region_has_the_same_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = FakeAws()
    monkeypatch.setattr(Session, "_make", lambda _self, service, region, *_more: aws.client(service, region))
    here = session()
    assert here.in_region("ap-south-1").caller() is here.caller()
    assert aws.calls == ["GetCallerIdentity"]


def test_threads_have_a_connection_each_and_slow_down_together() -> None:
    here = Session({"region": "eu-west-3", "access_key": "AKIDEXAMPLE", "secret_key": "x"}, threads=23)
    assert here.s3.meta.config.max_pool_connections == 23
    assert here.in_region("ap-south-1").s3.meta.config.retries["mode"] == "adaptive"
    assert session().s3.meta.config.retries["mode"] == "standard"
    assert here.verify is True


def test_threads_that_come_at_once_share_what_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = FakeAws()
    made: list[Any] = []
    original = sessions.boto3.session.Session

    def session_of_sdk(**given: Any) -> Any:
        made.append(given)
        # Long enough for the others to come.
        time.sleep(0.05)
        return original(**given)

    def client(_self: Session, service: str, region: str) -> Any:
        made.append((service, region))
        return aws.client(service, region)

    monkeypatch.setattr(sessions.boto3.session, "Session", session_of_sdk)
    monkeypatch.setattr(Session, "_make", client)
    # From which amazon.aws takes the Region, by way of a session of its own.
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    aws.before.append(lambda _operation, _parameters: time.sleep(0.05))
    here = session(region=None)
    together = threading.Barrier(8)

    def work(_number: int) -> Any:
        together.wait(10)
        return here.region, here.caller(), here.in_region("ap-south-1").caller()

    assert len(set(fleet.each(work, range(8), threads=8))) == 1
    assert here._sdk_session is here._sdk_session
    assert made == [{"profile_name": None}, ("sts", "eu-west-3"), {"profile_name": None}]
    assert aws.calls == ["GetCallerIdentity"]


def test_a_client_that_does_not_wait_tries_twice_and_signs_with_version_4() -> None:
    config = session(threads=4).impatient_s3(timeout=3).meta.config
    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (3, 3, 2)
    assert config.signature_version == "s3v4"
    elsewhere = session(endpoint_url="http://127.0.0.1:1").impatient_s3(timeout=3, endpoint_url="http://127.0.0.1:2")
    assert elsewhere.meta.endpoint_url == "http://127.0.0.1:2"


def test_authorities_of_the_profile_count_too(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config").write_text("[default]\nca_bundle = /etc/ours.pem\n")
    assert session().verify == "/etc/ours.pem"
    assert session(validate_certs=False).verify is False


def test_profile_and_keys_at_once_are_refused() -> None:
    with pytest.raises(BadCredentials, match="Give either profile or access_key"):
        connect(session(profile="archive"))


ROLE = "arn:aws:iam::999988887777:role/Sealer"


class Sts:
    """Answers AssumeRole, by way of a stubbed request."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.asked: list[Any] = []
        self.refuse = refuse

    def client(self, original: Any) -> Any:
        def make(_session: Any, service: str, **given: Any) -> Any:
            made = original(_session, service, **given)
            if service == "sts":
                self.asked.append(given)
                made.meta.events.register("before-call.sts.AssumeRole", self.answer)
            return made

        return make

    def answer(self, params: Any, **_more: Any) -> Any:
        self.asked.append(params["body"])
        if self.refuse:
            error = {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {}}
            return AWSResponse("https://sts", 403, {}, None), error
        credentials = {
            "AccessKeyId": "ASIAROLE",
            "SecretAccessKey": "y",
            "SessionToken": "t",
            "Expiration": datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1),
        }
        return AWSResponse("https://sts", 200, {}, None), {"Credentials": credentials, "ResponseMetadata": {}}


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Sts:
    here = Sts()
    monkeypatch.setattr(sessions.boto3.session.Session, "client", here.client(sessions.boto3.session.Session.client))
    return here


def test_a_role_is_assumed_when_first_needed_and_once(sts: Sts) -> None:
    here = session(assume_role_arn=ROLE, assume_role_external_id="four-eyes", endpoint_url="http://127.0.0.1:1")
    used = here.s3._request_signer._credentials.get_frozen_credentials()
    assert (used.access_key, used.secret_key, used.token) == ("ASIAROLE", "y", "t")
    assert here.kms._request_signer._credentials.get_frozen_credentials() == used
    (how, body) = sts.asked
    assert (how["region_name"], how["endpoint_url"], how["aws_access_key_id"]) == (
        "eu-west-3",
        "http://127.0.0.1:1",
        "AKIDEXAMPLE",
    )
    assert (body["RoleArn"], body["RoleSessionName"], body["ExternalId"]) == (ROLE, "sealed-s3", "four-eyes")


def test_a_role_that_may_not_be_assumed_is_told(sts: Sts) -> None:
    sts.refuse = True
    with pytest.raises(AwsError, match=f"Not permitted to assume the role {ROLE}: sts:AssumeRole is denied"):
        session(assume_role_arn=ROLE).caller()
    assert "ExternalId" not in sts.asked[-1]


def test_without_credentials_no_role_is_assumed() -> None:
    with pytest.raises(BadCredentials, match="no credentials that could assume the role"):
        connect(session(assume_role_arn=ROLE, access_key=None, secret_key=None))
