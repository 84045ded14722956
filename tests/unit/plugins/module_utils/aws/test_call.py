# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import http.server
import json
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore import exceptions as sdk
from botocore.config import Config
from botocore.parsers import ResponseParserError

from ansible_collections.sealed.s3.plugins.module_utils.aws import call as calls
from ansible_collections.sealed.s3.plugins.module_utils.aws.call import call, translated
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import (
    AwsError,
    BadCredentials,
    NotFound,
    NotPermitted,
    Refused,
    Unreachable,
)
from ansible_collections.sealed.s3.tests.unit.fake_aws import BUCKET, REGION, FakeAws, Fault

ASKED = f"read the policy of bucket {BUCKET}"
SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def aws() -> FakeAws:
    made = FakeAws()
    made.add_bucket(policy='{"Statement": []}')
    return made


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def read_policy(client: Any) -> dict[str, Any]:
    return call(client, "GetBucketPolicy", asked=ASKED, Bucket=BUCKET)


def failure(aws: FakeAws, fault: Fault, *, times: int = 99) -> AwsError:
    aws.fail("GetBucketPolicy", fault, times=times)
    with pytest.raises(AwsError) as failed:
        read_policy(aws.client("s3", REGION))
    return failed.value


def test_the_answer_comes_back(aws: FakeAws) -> None:
    assert "Statement" in read_policy(aws.client("s3", REGION))["Policy"]
    assert aws.calls == ["GetBucketPolicy"]


def test_every_operation_that_is_called_has_its_action_listed() -> None:
    for (service, operation), actions in calls.IAM_ACTIONS.items():
        model = boto3.session.Session().client(service, region_name=REGION).meta.service_model
        assert operation in model.operation_names
        assert actions
        assert all(action.startswith(f"{service}:") for action in actions)


# --- What AWS answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("AccessDenied", NotPermitted, "s3:GetBucketPolicy is denied. Allow s3:GetBucketPolicy to the caller"),
        ("AllAccessDisabled", NotPermitted, "s3:GetBucketPolicy is denied"),
        ("NoSuchBucket", NotFound, "there is none"),
        ("ExpiredToken", BadCredentials, "the credentials have expired"),
        ("InvalidClientTokenId", BadCredentials, "AWS does not take the credentials"),
        ("SignatureDoesNotMatch", BadCredentials, "AWS does not take the credentials"),
        ("RequestTimeTooSkewed", BadCredentials, "the clock of this host is off"),
        ("SlowDown", Unreachable, "AWS throttled the requests"),
        ("PermanentRedirect", Refused, "it is in another Region"),
        ("MethodNotAllowed", Refused, "only the account that owns the bucket may do that"),
        ("NeverHeardOf", AwsError, "AWS answered NeverHeardOf"),
    ],
)
def test_what_aws_answers_becomes_a_sentence(aws: FakeAws, code: str, kind: type[AwsError], said: str) -> None:
    error = failure(aws, Fault(code, "As AWS puts it"))
    assert error.__class__ is kind
    assert error.code == code
    assert ASKED in str(error)
    assert said in str(error)
    assert str(error).endswith("AWS said: As AWS puts it.")
    assert error.__cause__ is not None


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failure_of_aws_itself_says_nothing_about_what_was_asked(aws: FakeAws, status: int) -> None:
    error = failure(aws, Fault("InternalError", "", status))
    assert error.__class__ is Unreachable
    assert "AWS failed with InternalError" in str(error)
    assert "AWS said" not in str(error)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no identity-based policy allows the s3:GetBucketPolicy action", "Allow s3:GetBucketPolicy to the caller"),
        ("with an explicit deny in a service control policy", "A service control policy of the organization"),
        ("with an explicit deny in a resource control policy", "A resource control policy of the organization"),
        ("because no permissions boundary allows the action", "The caller's permissions boundary"),
        ("with an explicit deny in a resource-based policy", "The policy of the resource itself denies it"),
        ("because no session policy allows the action", "The session's policy does not allow it"),
    ],
)
def test_a_denial_says_which_policy_it_comes_from(aws: FakeAws, text: str, said: str) -> None:
    error = failure(aws, Fault("AccessDenied", f"User: x is not authorized to perform: s3:GetBucketPolicy {text}", 403))
    assert isinstance(error, NotPermitted)
    assert error.action == "s3:GetBucketPolicy"
    assert said in str(error)


def test_kms_names_its_own_actions(aws: FakeAws) -> None:
    aws.add_key(alias="uploads")
    aws.deny("DescribeKey")
    with pytest.raises(NotPermitted) as failed:
        call(aws.client("kms", REGION), "DescribeKey", asked="describe the key", KeyId="alias/uploads")
    assert failed.value.action == "kms:DescribeKey"


def test_a_conflicting_operation_is_waited_for_with_growing_and_scattered_waits(
    aws: FakeAws, waits: list[float]
) -> None:
    aws.fail("GetBucketPolicy", Fault("OperationAborted", "In progress", 409), times=len(calls.CONFLICT_WAITS))
    read_policy(aws.client("s3", REGION))
    assert len(waits) == len(calls.CONFLICT_WAITS)
    assert all(least <= waited <= 1.5 * least for least, waited in zip(calls.CONFLICT_WAITS, waits, strict=True))


@pytest.mark.parametrize("code", ["OperationAborted", "ConditionalRequestConflict"])
def test_a_conflicting_operation_that_does_not_end_is_told(aws: FakeAws, waits: list[float], code: str) -> None:
    error = failure(aws, Fault(code, "In progress", 409))
    assert "also after 5 tries" in str(error)
    assert error.code == code
    assert len(aws.calls) == 5
    assert len(waits) == 4


class Cut:
    """A client whose answers are those, one after the other."""

    def __init__(self, service: str, *answers: dict[str, Any]) -> None:
        self.meta = boto3.client(service, region_name=REGION).meta
        self.left = list(answers)

    def __getattr__(self, _method: str) -> Callable[..., dict[str, Any]]:
        return lambda **_parameters: self.left.pop(0)


def test_an_answer_that_is_cut_short_is_asked_for_again(waits: list[float]) -> None:
    client = Cut("kms", {}, {"KeyRotationEnabled": True})
    assert call(client, "GetKeyRotationStatus", asked="read") == {"KeyRotationEnabled": True}
    assert waits == [0.5]


def test_a_policy_that_is_cut_short_is_asked_for_again(waits: list[float]) -> None:
    client = Cut("s3", {"Policy": '{"State'}, {"Policy": '{"Statement"'}, {"Policy": "{}"})
    assert call(client, "GetBucketPolicy", asked="read") == {"Policy": "{}"}
    assert waits == [0.5, 1.0]


def test_a_policy_that_stays_as_it_is_is_handed_on(waits: list[float]) -> None:
    assert call(Cut("s3", *[{"Policy": "{"}] * 3), "GetBucketPolicy", asked="read") == {"Policy": "{"}


def test_a_key_without_tags_is_no_answer_that_was_cut_short(waits: list[float]) -> None:
    assert call(Cut("kms", {"Truncated": False}), "ListResourceTags", asked="read") == {"Truncated": False}
    assert waits == []


@pytest.mark.parametrize("operation", ["DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListResourceTags"])
def test_an_answer_that_lacks_what_it_has_to_tell_is_none(waits: list[float], operation: str) -> None:
    with pytest.raises(Unreachable, match=r"Could not read: the answer has no [A-Za-z ]+, also after 3 tries"):
        call(Cut("kms", *[{}] * 3), operation, asked="read")


@pytest.mark.parametrize("code", ["NoSuchBucket", "AccessDenied"])
def test_an_answer_that_will_not_change_is_not_asked_for_again(aws: FakeAws, waits: list[float], code: str) -> None:
    failure(aws, Fault(code, "No", 404))
    assert aws.calls == ["GetBucketPolicy"]
    assert waits == []


def test_text_of_others_stays_on_one_line_and_has_an_end(aws: FakeAws) -> None:
    error = failure(aws, Fault("NeverHeardOf", "a\n\x1b[31mb" + "c" * 5000))
    assert "\n" not in str(error)
    assert "\x1b" not in str(error)
    assert "a ?[31mb" in str(error)
    assert len(str(error)) < 1000


# --- What arises on the way -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (sdk.NoCredentialsError(), BadCredentials, "there are no credentials. Give profile"),
        (
            sdk.PartialCredentialsError(provider="env", cred_var="secret"),
            BadCredentials,
            "Sign in again",
        ),
        (sdk.CredentialRetrievalError(provider="sso", error_msg="gone"), BadCredentials, "Sign in again"),
        (sdk.UnauthorizedSSOTokenError(), BadCredentials, "Sign in again"),
        (sdk.TokenRetrievalError(provider="sso", error_msg="gone"), BadCredentials, "Sign in again"),
        (sdk.ProfileNotFound(profile="nobody"), BadCredentials, "(nobody) could not be found. Check profile"),
        (sdk.NoRegionError(), AwsError, "Set region, AWS_REGION, or a region in the profile"),
        (sdk.InvalidRegionError(region_name="no where"), AwsError, "Set region"),
        (sdk.EndpointConnectionError(endpoint_url="https://s3"), Unreachable, "the endpoint cannot be reached"),
        (sdk.ConnectTimeoutError(endpoint_url="https://s3"), Unreachable, "no answer in time"),
        (sdk.ReadTimeoutError(endpoint_url="https://s3"), Unreachable, "no answer in time"),
        (sdk.ConnectionClosedError(endpoint_url="https://s3"), Unreachable, "the endpoint cannot be reached"),
        (sdk.HTTPClientError(error="odd"), Unreachable, "the endpoint cannot be reached"),
        (sdk.ProxyConnectionError(proxy_url="http://p:3128"), Unreachable, "the proxy does not answer"),
        (sdk.SSLError(endpoint_url="https://s3", error="x"), Unreachable, "Give the certificate authority with aws_ca"),
        (sdk.ParamValidationError(report="Unknown parameter"), AwsError, "does not take the parameters"),
        (sdk.ConfigParseError(path="/etc/aws", error="x"), AwsError, "Unable to parse config file"),
        (sdk.DataNotFoundError(data_path="s3"), AwsError, "Unable to load data for: s3"),
        (ValueError("Invalid endpoint: nowhere"), AwsError, "Check endpoint_url and region"),
        (json.JSONDecodeError("Expecting value", "", 0), BadCredentials, "Check credential_process"),
        (FileNotFoundError(2, "No such file", "/token"), BadCredentials, "Check the files and programs"),
    ],
)
def test_what_arises_on_the_way_becomes_a_sentence(raised: Exception, kind: type[AwsError], said: str) -> None:
    with pytest.raises(AwsError) as failed, translated(ASKED):
        raise raised
    assert failed.value.__class__ is kind
    assert f"Could not {ASKED}: " in str(failed.value)
    assert said in str(failed.value)
    assert ".. " not in str(failed.value)


def test_a_bug_is_not_dressed_up_as_a_failure_of_aws() -> None:
    with pytest.raises(ZeroDivisionError), translated(ASKED):
        raise ZeroDivisionError


def test_credentials_in_a_url_are_not_shown() -> None:
    with pytest.raises(AwsError) as failed, translated(ASKED):
        raise sdk.EndpointConnectionError(endpoint_url=f"https://me:{SECRET}@proxy.example/x")
    assert SECRET not in str(failed.value)
    assert "https://proxy.example/x" in str(failed.value)


def test_a_request_that_was_signed_and_is_quoted_is_not_shown(aws: FakeAws) -> None:
    quoted = f"'POST\n/\n\nhost:kms\nx-amz-security-token:{SECRET}\n'"
    for text in (
        f"It does not match.\n\nThe Canonical String for this request should have been\n{quoted}",
        f"It does not match: {quoted}",
    ):
        error = failure(aws, Fault("SignatureDoesNotMatch", text))
        assert "It does not match" in str(error)
        assert SECRET not in str(error)


@pytest.mark.parametrize(
    "quoted",
    [
        f"Unable to parse response (no element found), invalid XML received. Further retries may succeed:\nb'{SECRET}",
        f"Unable to parse response: <SecretAccessKey>{SECRET}</SecretAccessKey> <SessionToken>{SECRET}",
    ],
)
def test_an_answer_with_credentials_that_cannot_be_read_is_not_shown(quoted: str) -> None:
    with pytest.raises(Unreachable, match="what answered is not AWS") as failed, translated(ASKED):
        raise ResponseParserError(quoted)
    assert SECRET not in "".join(traceback.format_exception(failed.value))


# --- Answers that were cut short --------------------------------------------------------------------------------------


def test_an_error_of_which_only_the_status_came_is_asked_for_again(aws: FakeAws, waits: list[float]) -> None:
    aws.fail("GetBucketPolicy", Fault("404", "Not Found", 404), times=2)
    assert "Statement" in read_policy(aws.client("s3", REGION))["Policy"]
    assert len(waits) == len(calls.CUT_SHORT_WAITS)


def test_what_is_not_found_is_not_guessed(aws: FakeAws) -> None:
    error = failure(aws, Fault("404", "Not Found", 404))
    assert error.__class__ is Unreachable
    assert "AWS answered 404, and what it did not find was cut short on its way, also after 3 tries" in str(error)


def test_a_denial_that_was_cut_short_stays_one(aws: FakeAws) -> None:
    error = failure(aws, Fault("403", "Forbidden", 403))
    assert error.__class__ is NotPermitted
    assert aws.calls == ["GetBucketPolicy"] * 3


def test_a_head_has_no_text_that_could_be_cut(aws: FakeAws) -> None:
    with pytest.raises(NotFound):
        call(aws.client("s3", REGION), "HeadBucket", asked="find bucket x", Bucket="x")
    assert aws.calls == ["HeadBucket"]


def test_a_head_tells_a_conflict_by_its_status_alone(aws: FakeAws) -> None:
    aws.fail("HeadBucket", Fault("409", "Conflict", 409))
    call(aws.client("s3", REGION), "HeadBucket", asked="find it", Bucket=BUCKET)
    assert aws.calls == ["HeadBucket"] * 2


def test_a_write_is_not_made_twice_for_a_cut_answer(aws: FakeAws) -> None:
    aws.fail("PutBucketPolicy", Fault("400", "", 400))
    with pytest.raises(AwsError):
        call(aws.client("s3", REGION), "PutBucketPolicy", asked="write", Bucket=BUCKET, Policy="{}")
    assert aws.calls == ["PutBucketPolicy"]


def test_the_action_that_aws_names_is_named(aws: FakeAws) -> None:
    said = "User: arn:aws:iam::1:user/x is not authorized to perform: kms:TagResource on resource: y"
    error = failure(aws, Fault("AccessDenied", said, 403))
    assert isinstance(error, NotPermitted)
    assert error.action == "kms:TagResource"
    assert "kms:TagResource is denied. Allow kms:TagResource to the caller" in str(error)


# --- Real endpoints that are not AWS ----------------------------------------------------------------------------------


class Page(http.server.BaseHTTPRequestHandler):
    """What a captive portal would answer."""

    def do_GET(self) -> None:
        body = b"<html><body>Please sign in</body>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_text: object) -> None:
        """Say nothing."""


@pytest.fixture
def portal() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def silence() -> Iterator[str]:
    """Takes the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def connected() -> Callable[..., Any]:
    def client(endpoint: str, service: str = "s3", read_timeout: float = 30) -> Any:
        return boto3.session.Session(aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key=SECRET).client(
            service,
            region_name=REGION,
            endpoint_url=endpoint,
            config=Config(connect_timeout=30, read_timeout=read_timeout, retries={"total_max_attempts": 1}),
        )

    return client


def test_an_endpoint_that_nobody_listens_on(nobody: str, connected: Callable[..., Any]) -> None:
    with pytest.raises(Unreachable) as failed:
        read_policy(connected(nobody))
    assert "the endpoint cannot be reached" in str(failed.value)
    assert nobody in str(failed.value)
    assert SECRET not in str(failed.value)


def test_credentials_with_a_line_break_are_told_and_not_shown(portal: str) -> None:
    session = boto3.session.Session("AKIDEXAMPLE", "x", f"{SECRET}\n", REGION)
    with pytest.raises(BadCredentials) as failed:
        read_policy(session.client("s3", endpoint_url=portal))
    assert "there is a line break in it. Check session_token" in str(failed.value)
    assert SECRET not in "".join(traceback.format_exception(failed.value))


def test_an_endpoint_that_does_not_answer(silence: str, connected: Callable[..., Any]) -> None:
    with pytest.raises(Unreachable) as failed:
        read_policy(connected(silence, read_timeout=0.2))
    assert "no answer in time" in str(failed.value)


def test_an_endpoint_that_speaks_no_tls(portal: str, connected: Callable[..., Any]) -> None:
    with pytest.raises(Unreachable) as failed:
        read_policy(connected(portal.replace("http:", "https:")))
    assert "the certificate of the endpoint is not trusted" in str(failed.value)
    assert isinstance(failed.value.__cause__, sdk.SSLError)


def test_an_endpoint_that_is_not_aws(portal: str, connected: Callable[..., Any], waits: list[float]) -> None:
    with pytest.raises(Unreachable) as failed:
        call(connected(portal, "sts"), "GetCallerIdentity", asked="find out who calls")
    assert "what answered is not AWS" in str(failed.value)
    # It may have been half of an answer.
    assert len(waits) == len(calls.CUT_SHORT_WAITS)
