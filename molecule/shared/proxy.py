# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of an AWS endpoint: names the calls that pass through it, and can hold them up or change an answer.

It shares no code with the collection.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

# Subresources of a bucket, by their query (Amazon S3 API Reference).
BUCKET_OPERATIONS = {
    "policy": "BucketPolicy",
    "encryption": "BucketEncryption",
    "publicAccessBlock": "PublicAccessBlock",
    "versioning": "BucketVersioning",
    "tagging": "BucketTagging",
    "accelerate": "BucketAccelerateConfiguration",
    "acl": "BucketAcl",
    "logging": "BucketLogging",
    "object-lock": "ObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "requestPayment": "BucketRequestPayment",
}
VERBS = {"GET": "Get", "PUT": "Put", "DELETE": "Delete"}
OF_BUCKETS = {"HEAD": "HeadBucket", "PUT": "CreateBucket", "POST": "PostObject"}
LISTS = {
    "inventory": "ListBucketInventoryConfigurations",
    "versions": "ListObjectVersions",
    "uploads": "ListMultipartUploads",
}
OF_OBJECTS = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
OF_PARTS = {"PUT": "UploadPart", "DELETE": "AbortMultipartUpload"}
# Seconds that a call is held up at most, on a machine that is busy with other things.
HELD_FOR = 240.0


def operation(method: str, target: str, headers: Any, body: bytes) -> str:
    """The name of the AWS operation that an HTTP request asks for."""
    if "X-Amz-Target" in headers:
        return str(headers["X-Amz-Target"]).rpartition(".")[2]
    parts = urlsplit(target)
    query = parse_qs(parts.query, keep_blank_values=True)
    action = re.search(rb"(?:^|&)Action=(\w+)", body) if parts.path == "/" and method == "POST" else None
    if action:
        return action.group(1).decode()
    for name, lists in LISTS.items():
        if name in query and method == "GET":
            return lists
    for name, suffix in BUCKET_OPERATIONS.items():
        if name in query:
            return VERBS[method] + suffix
    if method == "GET" and parts.path == "/":
        return "ListBuckets"
    if "/" not in parts.path.strip("/"):
        return OF_BUCKETS.get(method, f"{method} bucket")
    if "uploads" in query:
        return "CreateMultipartUpload"
    if "uploadId" in query:
        return OF_PARTS.get(method, "CompleteMultipartUpload")
    if method == "PUT" and "x-amz-copy-source" in headers:
        return "CopyObject"
    return OF_OBJECTS.get(method, f"{method} object")


@dataclass(frozen=True)
class Rules:
    """What proxies do beside passing calls on.

    :ivar together: operation -> how many calls of it, over all runs, have to have arrived before any of them passes.
    :ivar later: [run, operation, other run, other operation]: the first run's operation waits until the other run's has
        been answered.
    :ivar unnamed_grants: answers of ListGrants lose the names, as those of grants that AWS services make.
    :ivar refused: operations of KMS that are answered with AccessDeniedException.
    """

    together: dict[str, int] = field(default_factory=dict)
    later: tuple[tuple[int, str, int, str], ...] = ()
    unnamed_grants: bool = False
    refused: tuple[str, ...] = ()


class Board:
    """What has arrived and what has been answered, for all proxies of a stage."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.arrived: Counter[str] = Counter()
        self.answered: set[tuple[int, str]] = set()
        self.changed = threading.Condition()

    def arrive(self, run: int, name: str) -> None:
        """Wait here as long as the rules say."""
        with self.changed:
            self.arrived[name] += 1
            self.changed.notify_all()
            if name in self.rules.together:
                self.changed.wait_for(lambda: self.arrived[name] >= self.rules.together[name], HELD_FOR)
            for own_run, own, other_run, other in self.rules.later:
                if (own_run, own) == (run, name):
                    self.changed.wait_for(partial(self.answered.__contains__, (other_run, other)), HELD_FOR)

    def answer(self, run: int, name: str) -> None:
        """Note that a call has been answered."""
        with self.changed:
            self.answered.add((run, name))
            self.changed.notify_all()


class Proxy:
    """Listens on a free port of the loopback interface while it is entered."""

    def __init__(self, endpoint: str, *, board: Board, run: int) -> None:
        self.upstream = urlsplit(endpoint)
        self.board = board
        self.run = run
        self.calls: list[dict[str, Any]] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.close_connection = True
                self.raw_requestline = self.rfile.readline(65537)
                if self.raw_requestline and self.parse_request():
                    proxy.pass_on(self)

            def log_message(self, *arguments: Any) -> None:
                """Say nothing: the calls are recorded."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()

    def pass_on(self, request: BaseHTTPRequestHandler) -> None:
        """Send a request to the endpoint, and its answer back."""
        body = body_of(request)
        name = operation(request.command, request.path, request.headers, body)
        self.board.arrive(self.run, name)
        if name in self.board.rules.refused:
            self.calls.append({"operation": name, "status": 400, "expected_bucket_owner": None})
            send(request, 400, {"Content-Type": "application/x-amz-json-1.1"}, _DENIED)
            return
        answer = ask(self.upstream, request, body)
        content = answer.content
        if name == "ListGrants" and self.board.rules.unnamed_grants and answer.status == 200:
            content = _without_names(content)
        owner = request.headers.get("x-amz-expected-bucket-owner")
        call = {"operation": name, "status": answer.status, "expected_bucket_owner": owner}
        self.calls.append({**call, "body": body.decode(errors="replace")} if name in _WITH_BODY else call)
        self.board.answer(self.run, name)
        send(request, answer.status, answer.headers, content, length=answer.length)


@dataclass(frozen=True)
class Answer:
    """What an endpoint answered.

    :ivar length: of the content, where there is none because only the headers were asked for.
    """

    status: int
    headers: dict[str, str]
    content: bytes
    length: str | None


def ask(endpoint: SplitResult, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
    """Send a request on to an endpoint."""
    upstream = http.client.HTTPConnection(endpoint.hostname or "", endpoint.port)
    headers = {key: value for key, value in request.headers.items() if key.lower() not in _NOT_PASSED}
    upstream.request(request.command, request.path, body=body, headers={**headers, "Content-Length": str(len(body))})
    answer = upstream.getresponse()
    content = answer.read()
    upstream.close()
    headers = {key: value for key, value in answer.getheaders() if key.lower() not in _NOT_PASSED}
    length = answer.getheader("Content-Length") if request.command == "HEAD" else None
    return Answer(answer.status, headers, content, length)


def send(
    request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], content: bytes, *, length: str | None = None
) -> None:
    """Answer a request."""
    request.send_response_only(status)
    for key, value in headers.items():
        request.send_header(key, value)
    request.send_header("Content-Length", length or str(len(content)))
    request.send_header("Connection", "close")
    request.end_headers()
    request.wfile.write(content)


_DENIED = json.dumps({"__type": "AccessDeniedException", "message": "You may not do this."}).encode()
_WITH_BODY = frozenset(("PutBucketPolicy", "PutBucketEncryption"))
_NOT_PASSED = frozenset(("connection", "content-length", "transfer-encoding", "expect", "keep-alive"))


def body_of(request: BaseHTTPRequestHandler) -> bytes:
    """What was sent with a request."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        request.send_response_only(100)
        request.end_headers()
    return request.rfile.read(int(request.headers.get("Content-Length") or 0))


def _without_names(content: bytes) -> bytes:
    answer = json.loads(content)
    for grant in answer["Grants"]:
        grant.pop("Name", None)
    return json.dumps(answer).encode()
