# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy that adds latency: it hands on each response a while after it came, as a service far away does.

It knows nothing of HTTP: what the client sends goes through at once, and every piece of an answer waits for the same
time. So kept connections, many at once and answers in several pieces all work, and a request costs that time once.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from urllib.parse import urlsplit


class Latency:
    """The proxy, in a thread, for the time of a ``with`` block.

    :param endpoint: the URL of what it stands in front of.
    :param seconds: how long each piece of an answer waits.
    :ivar endpoint: its own URL, on a free port of 127.0.0.1.
    """

    def __init__(self, endpoint: str, seconds: float) -> None:
        there = urlsplit(endpoint)
        if there.scheme != "http" or there.hostname is None or there.port is None:
            raise ValueError(f"{endpoint} is not http://HOST:PORT.")
        self._there = (there.hostname, there.port)
        self._seconds = seconds
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="latency", daemon=True)
        self._clients: set[asyncio.Transport] = set()
        self.endpoint = ""

    def __enter__(self) -> Latency:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.endpoint = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_failure: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(
            lambda: _Client(self._loop, self._there, self._seconds, self._clients), "127.0.0.1", 0, backlog=1024
        )

    async def _close(self) -> None:
        self._server.close()
        for client in tuple(self._clients):
            client.abort()
        # Each of them closes its connection to the service.
        while self._clients:
            await asyncio.sleep(0)
        await asyncio.sleep(0)


class _Client(asyncio.Protocol):
    """The connection of a client. What it says before the service is reached is kept until then."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        there: tuple[str, int],
        seconds: float,
        clients: set[asyncio.Transport],
    ) -> None:
        self._loop, self._there, self._seconds, self._clients = loop, there, seconds, clients
        self._said: list[bytes] = []
        self._service: asyncio.Transport | None = None
        self._gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._clients.add(transport)
        self._connecting = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            transport, _protocol = await self._loop.create_connection(
                lambda: _Service(self._loop, self._transport, self._seconds), *self._there
            )
        except OSError:
            self._transport.abort()
            return
        if self._gone:
            transport.close()
            return
        self._service = transport
        transport.writelines(self._said)

    def data_received(self, data: bytes) -> None:
        if self._service is None:
            self._said.append(data)
        else:
            self._service.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self._gone = True
        self._clients.discard(self._transport)
        if self._service is not None:
            self._service.close()


class _Service(asyncio.Protocol):
    """The connection to the service. What it says waits, and so does its end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: asyncio.Transport, seconds: float) -> None:
        self._loop, self._client, self._seconds = loop, client, seconds
        # Timers that end in the same moment do not promise their order; this does.
        self._waiting: deque[bytes] = deque()

    def data_received(self, data: bytes) -> None:
        self._waiting.append(data)
        self._loop.call_later(self._seconds, self._hand_on)

    def _hand_on(self) -> None:
        self._client.write(self._waiting.popleft())

    def connection_lost(self, _error: Exception | None) -> None:
        self._loop.call_later(self._seconds, self._end)

    def _end(self) -> None:
        while self._waiting:
            self._hand_on()
        self._client.close()
