# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy hands on everything, in order, late, on many kept connections at once."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from latency import Latency

CONNECTIONS, REQUESTS = 60, 20


class Echo(BaseHTTPRequestHandler):
    """Answers with the path and what was sent, in several pieces."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.path.encode() + b" " + body
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        for start in range(0, len(answer), 70_000):
            self.wfile.write(answer[start : start + 70_000])
            self.wfile.flush()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


@pytest.fixture
def service() -> Iterator[str]:
    server = Server(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def connected(endpoint: str) -> Iterator[http.client.HTTPConnection]:
    there = urlsplit(endpoint)
    assert there.hostname is not None
    connection = http.client.HTTPConnection(there.hostname, there.port, timeout=60)
    try:
        yield connection
    finally:
        connection.close()


def ask(connection: http.client.HTTPConnection, path: str, body: bytes) -> bytes:
    connection.request("POST", path, body)
    return connection.getresponse().read()


@pytest.mark.parametrize("seconds", [0, 0.01])
def test_many_kept_connections_at_once(service: str, seconds: float) -> None:
    def talk(number: int) -> list[bytes]:
        said = []
        with connected(proxy.endpoint) as connection:
            for turn in range(REQUESTS):
                said.append(ask(connection, f"/{number}/{turn}", b"x" * turn))
                # It is kept: the client's library would open another one without a word.
                assert connection.sock is not None
                ports.add((number, connection.sock.getsockname()[1]))
        return said

    ports: set[tuple[int, int]] = set()
    with Latency(service, seconds) as proxy, ThreadPoolExecutor(CONNECTIONS) as pool:
        said = list(pool.map(talk, range(CONNECTIONS)))
    assert said == [
        [f"/{number}/{turn} ".encode() + b"x" * turn for turn in range(REQUESTS)] for number in range(CONNECTIONS)
    ]
    assert len(ports) == CONNECTIONS


def test_a_long_answer_arrives_whole_and_in_order(service: str) -> None:
    body = b"".join(number.to_bytes(4, "big") for number in range(500_000))
    with Latency(service, 0.01) as proxy, connected(proxy.endpoint) as connection:
        assert ask(connection, "/long", body) == b"/long " + body


def test_an_answer_is_late(service: str) -> None:
    # Never flaky: it may be later, but not earlier.
    with Latency(service, 0.1) as proxy, connected(proxy.endpoint) as connection:
        ask(connection, "/", b"")
        start = time.monotonic()
        ask(connection, "/", b"")
        assert time.monotonic() - start >= 0.1


def test_what_is_said_before_the_end_still_arrives() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer_and_hang_up() -> None:
            connection, _address = listening.accept()
            with connection:
                connection.recv(10)
                connection.sendall(b"the last words")

        thread = threading.Thread(target=answer_and_hang_up)
        thread.start()
        with Latency(f"http://127.0.0.1:{listening.getsockname()[1]}", 0.05) as proxy:
            there = urlsplit(proxy.endpoint)
            assert there.hostname is not None and there.port is not None
            with socket.create_connection((there.hostname, there.port), 60) as client:
                client.sendall(b"hello")
                said = b""
                while piece := client.recv(100):
                    said += piece
        thread.join()
    assert said == b"the last words"


def test_where_nobody_listens_the_client_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with (
        Latency(f"http://127.0.0.1:{port}", 0) as proxy,
        connected(proxy.endpoint) as connection,
        pytest.raises(ConnectionError),
    ):
        ask(connection, "/", b"")


@pytest.mark.parametrize("endpoint", ["https://127.0.0.1:1", "http://127.0.0.1", "127.0.0.1:4566"])
def test_it_stands_in_front_of_plain_http_only(endpoint: str) -> None:
    with pytest.raises(ValueError, match="is not http"):
        Latency(endpoint, 0)
