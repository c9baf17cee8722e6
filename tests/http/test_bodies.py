"""Bodies that stop in the middle."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from gateway.http import bodies
from gateway.settings import Settings

from .conftest import Served, Serving

BODY = b'{"query": "{ __typename }"}'


async def send(served: Served, *pieces: bytes, pause_s: float) -> tuple[bytes, bytes]:
    """Send a body of BODY's length in pieces; return the status line and the body of the answer."""
    address = urlsplit(served.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(
        b"POST /graphql HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\nX-Namespace: default\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n" % (served.secret.encode(), len(BODY))
    )
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(pause_s)
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0], body


async def test_one_that_stalls_is_given_up(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bodies, "STALL_S", 0.2)
    monkeypatch.setattr(bodies, "LOOK_EVERY_S", 0.05)

    async with serving(Settings()) as served:
        status, body = await send(served, BODY[:5], pause_s=0)

    assert status == b"HTTP/1.1 408 Request Timeout"
    assert b"the body is not whole" in body
    assert b"BAD_USER_INPUT" in body
    assert caplog.text == ""


async def test_one_that_is_slow_is_waited_for(served: Served) -> None:
    pieces = [BODY[start : start + 3] for start in range(0, len(BODY), 3)]

    status, body = await send(served, *pieces, pause_s=0.1)

    assert status == b"HTTP/1.1 200 OK"
    assert body == b'{"data":{"__typename":"Query"}}'
