"""Servers of the tests: each says what it is told to, byte by byte, and counts who comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from ssl import SSLContext
from typing import Any

from gateway.fetching.addresses import Addresses
from gateway.fetching.fetcher import Fetcher
from gateway.fetching.rules import FetchRules
from tests.client import Client

Answer = Callable[[str, asyncio.StreamWriter], Awaitable[None]]
"""Is given a request's head."""


class Site:
    """A server that runs."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.requests: list[str] = []
        self.connections = 0

    def url(self, path: str = "/", *, host: str | None = None, scheme: str = "http") -> str:
        return f"{scheme}://{host or self.host}:{self.port}{path}"


@asynccontextmanager
async def site(
    answer: Answer | bytes,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: SSLContext | None = None,
) -> AsyncIterator[Site]:
    """Run a server; it closes each connection once it has answered."""
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.connections += 1
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            here.requests.append(head)
            if isinstance(answer, bytes):
                writer.write(answer)
            else:
                await answer(head, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()
            serving.discard(task)

    server = await asyncio.start_server(serve, host, port, ssl=tls)
    here = Site(host, server.sockets[0].getsockname()[1])
    try:
        yield here
    finally:
        server.close()
        for task in serving:
            task.cancel()  # those that stall
        await asyncio.gather(*serving, return_exceptions=True)


def ok(body: bytes, *headers: str, size: int | None = None) -> bytes:
    """Return an answer with a Content-Length, right unless it is given."""
    length = f"Content-Length: {len(body) if size is None else size}"
    return "\r\n".join(["HTTP/1.1 200 OK", length, *headers, "", ""]).encode() + body


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def paths(answers: dict[str, bytes]) -> Answer:
    """Return what answers each path in its way."""

    async def answer(head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(answers[head.split()[1].partition("?")[0]])

    return answer


async def endless(_: str, writer: asyncio.StreamWriter) -> None:
    """Answer without end."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(bytes(65_536))
        await writer.drain()


class Crowd:
    """Answers once as many have come as may at a time; ``most`` is how many were there at once."""

    def __init__(self, at_a_time: int) -> None:
        self.most = 0
        self._at_a_time = at_a_time
        self._now = 0
        self._is_full = asyncio.Event()

    async def answer(self, head: str, writer: asyncio.StreamWriter) -> None:
        self._now += 1
        self.most = max(self._now, self.most)
        if self._now == self._at_a_time:
            self._is_full.set()
        async with asyncio.timeout(10):
            await self._is_full.wait()
        await asyncio.sleep(0.05)  # for one too many to come
        self._now -= 1
        writer.write(ok(head.encode()))


def open_to(client: Client, *sites: Site, **changes: Any) -> None:
    """Let the client's gateway fetch from these sites."""
    client.fetcher = Fetcher(
        FetchRules(
            ports={each.port for each in sites},
            addresses=Addresses([ip_network("127.0.0.1/32")]),
            **changes,
        )
    )
