# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent without an SDK, endpoints, signals, and answers that do not come."""

from __future__ import annotations

import http.server
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import botocore.exceptions
import pytest

from ansible_collections.sealed.s3.plugins.module_utils.aws import probe as uploading
from ansible_collections.sealed.s3.plugins.module_utils.policy.probe import KINDS
from ansible_collections.sealed.s3.tests.unit.fake_aws import BUCKET, Fault
from ansible_collections.sealed.s3.tests.unit.fake_objects import FakeObjects, run_probe

REFUSAL = b"<Error><Code>AccessDenied</Code><Message>No,\n never</Message></Error>"
SESSION: Any = SimpleNamespace(verify=True)


@pytest.fixture
def server() -> Iterator[str]:
    """Stores what is put, and refuses what is posted."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self._answer(200, b"", {"x-amz-server-side-encryption": "aws:kms", "x-amz-version-id": "v1"})

        def do_POST(self) -> None:
            self._answer(403, REFUSAL, {})

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}/x"
        made.shutdown()
        thread.join()


def test_send(server: str) -> None:
    stored = uploading.send(SESSION, "PUT", server, {"a": "b"}, b"x", 5)
    assert stored.passed
    assert stored.response == {"ServerSideEncryption": "aws:kms", "VersionId": "v1"}
    refused = uploading.send(SESSION, "POST", server, {}, b"x", 5)
    assert (refused.status, refused.code, refused.message) == (403, "AccessDenied", "No, never")
    lost = uploading.send(SESSION, "PUT", "http://127.0.0.1:1/x", {}, b"x", 5)
    assert lost.status is None
    assert "cannot be reached" in lost.message


@pytest.mark.parametrize(
    ("endpoint", "given", "wanted"),
    [
        ("https://s3.eu-central-1.amazonaws.com", None, "http://s3.eu-central-1.amazonaws.com"),
        ("https://s3.cn-north-1.amazonaws.com.cn", None, "http://s3.cn-north-1.amazonaws.com.cn"),
        ("https://s3.example.com", None, None),
        ("https://s3.example.com", "http://plain.example.com", "http://plain.example.com"),
        ("http://localhost:4566", None, "http://localhost:4566"),
        ("https://amazonaws.com.example.com", None, None),
    ],
)
def test_the_endpoint_without_tls(endpoint: str, given: str | None, wanted: str | None) -> None:
    assert uploading.http_endpoint(endpoint, given) == wanted


def test_one_signal_stops_and_those_after_it_are_noted() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with uploading.stoppable() as calm_down:
        with pytest.raises(uploading.Interrupted, match="SIGTERM"):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
    with uploading.stoppable() as calm_down:
        calm_down()
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) == before


def sealed() -> FakeObjects:
    aws = FakeObjects()
    aws.add_key(alias="uploads")
    aws.add_bucket()
    return aws


def test_an_endpoint_that_stops_answering_is_not_waited_for_over_and_over() -> None:
    aws = sealed()

    def hook(operation: str, parameters: Mapping[str, Any]) -> None:
        if "Key" in parameters or operation == "ListObjectVersions":
            raise botocore.exceptions.ReadTimeoutError(endpoint_url="https://fake")

    aws.before.append(hook)
    run = run_probe(aws, bucket=BUCKET, key="uploads")
    assert run.failed
    assert "Nothing could be proved" in run.msg
    assert len(aws.parameters_of("PutObject")) == 2
    assert len(aws.parameters_of("DeleteObject")) <= 2
    assert run["left_behind"]
    assert {one["verdict"] for one in run["probes"]} == {"could_not_look", "skipped"}


def test_where_deletions_get_no_answer_not_each_is_waited_for() -> None:
    aws = sealed()

    def hook(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "DeleteObject":
            raise botocore.exceptions.ReadTimeoutError(endpoint_url="https://fake")

    aws.before.append(hook)
    run = run_probe(aws, bucket=BUCKET, key="uploads")
    assert len(run["left_behind"]) == len(aws.objects) > len(aws.parameters_of("DeleteObject"))
    assert run["left_behind"][-1]["reason"] == "the endpoint does not answer"


def test_what_was_stored_although_no_answer_came_is_removed() -> None:
    aws = sealed()

    def hook(operation: str, parameters: Mapping[str, Any]) -> None:
        if operation == "PutObject" and parameters["Key"].endswith("/sse_s3"):
            raise botocore.exceptions.ReadTimeoutError(endpoint_url="https://fake")

    aws.after.append(hook)
    run = run_probe(aws, bucket=BUCKET, key="uploads")
    assert not aws.objects
    assert run["left_behind"] == []


def test_an_upload_in_parts_that_may_not_be_aborted_is_named() -> None:
    aws = sealed()

    def hook(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation in ("UploadPart", "AbortMultipartUpload"):
            raise Fault("AccessDenied", "no", 403)

    aws.before.append(hook)
    run = run_probe(aws, bucket=BUCKET, key="uploads")
    assert {one["key"].rsplit("/", 1)[-1] for one in run["left_behind"]} == {
        name for name, kind in KINDS.items() if kind.way == "multipart"
    }
    assert all(one["upload_id"] for one in run["left_behind"])


@pytest.mark.parametrize("answered", [True, False])
def test_an_upload_in_parts_that_was_begun_twice_is_aborted_twice(answered: bool) -> None:
    """botocore tries it again where no answer came, and that began another one."""
    aws = sealed()

    def hook(operation: str, parameters: Mapping[str, Any]) -> None:
        if operation == "CreateMultipartUpload":
            if answered:
                aws.sent_again.add(operation)
            aws.uploads[f"lost-{len(aws.uploads)}"] = dict(parameters)
            aws.uploads[f"lost-{len(aws.uploads)}"] = dict(parameters)
            if not answered:
                raise botocore.exceptions.ReadTimeoutError(endpoint_url="https://fake")

    aws.before.append(hook)
    run = run_probe(aws, bucket=BUCKET, key="uploads")
    assert not aws.uploads
    assert run["left_behind"] == []


@pytest.mark.parametrize("status", [400, 500])
def test_what_was_refused_at_a_second_try_may_be_there(status: int) -> None:
    """The first one may have been carried out, or the only one where AWS failed on the way."""
    aws = sealed()

    def hook(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "PutObject":
            if status == 400:
                aws.sent_again.add(operation)
            raise Fault("Injected", "no", status)

    aws.after.append(hook)
    run = run_probe(aws, bucket=BUCKET, key="uploads")
    assert not aws.objects
    assert run["left_behind"] == []


@pytest.mark.parametrize("versioning", [None, "Enabled"])
def test_a_version_that_no_answer_named_may_be_there_where_they_cannot_be_listed(versioning: str | None) -> None:
    aws = sealed()
    aws.buckets[BUCKET].versioning = versioning
    aws.sent_again.add("CopyObject")
    aws.deny("ListObjectVersions")
    run = run_probe(aws, bucket=BUCKET, key="uploads")
    copies = {name for name, kind in KINDS.items() if kind.way == "copy"} if versioning else set()
    named = {one["key"].rsplit("/", 1)[-1]: one["reason"] for one in run["left_behind"]}
    assert named.keys() == copies
    assert all("another version of it may be there" in reason for reason in named.values())


def test_copies_need_an_object_that_is_there() -> None:
    aws = sealed()

    def hook(operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == "PutObject":
            raise Fault("AccessDenied", "no", 403)

    aws.before.append(hook)
    run = run_probe(aws, bucket=BUCKET, key="uploads")
    skipped = {one["kind"]: one["reason"] for one in run["probes"] if one["verdict"] == "skipped"}
    assert "nothing to copy" in skipped["copy_no_headers"]
