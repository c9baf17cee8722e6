"""Answers whose head is written with their body: the same as aiohttp writes them."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.settings import Settings

from .conftest import Served, Serving

QUERY = {"query": "{ viewer { namespace { namespaceName } } }"}
APP = "https://app.example.org"
EACH_TIME = {"Date", "X-Request-Id", "Connection"}
END = b"\r\n\r\n"


@pytest.mark.parametrize("cors_origins", ["", APP, "*"])
@pytest.mark.parametrize("public_url", ["", "https://gateway.example.org"])
async def test_say_what_others_say(serving: Serving, cors_origins: str, public_url: str) -> None:
    async with serving(Settings(cors_origins=cors_origins, public_url=public_url)) as served:
        for origin in ({}, {"Origin": APP}, {"Origin": "https://elsewhere.example.net"}):
            for accept in ("*/*", "application/graphql-response+json"):
                asked = {"Accept": accept, **origin}
                # Planned; as usual; by aiohttp, which alone can end a connection.
                planned = await told(served, asked, "keep-alive")
                usual = await told(served, asked, "keep-alive")

                assert planned == usual == await told(served, asked, "close"), asked


async def told(served: Served, asked: dict[str, str], connection: str) -> Any:
    """Return all that an answer says, but for what is another each time."""
    headers = served.headers | asked | {"Connection": connection, "X-Request-Id": "abc-1"}
    url = f"{served.url}/graphql"
    async with served.session.post(url, json=QUERY, headers=headers) as answer:
        assert answer.headers.getall("X-Request-Id") == ["abc-1"]
        assert answer.headers["Date"].endswith(" GMT")
        names = sorted(set(answer.headers) - EACH_TIME)
        lines = [(name, answer.headers.getall(name)) for name in names]
        return answer.status, lines, await answer.read()


async def spoken(served: Served, *requests: bytes) -> bytes:
    """Return all that comes of requests that are sent at once; the last one has to end it."""
    address = urlsplit(served.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"".join(requests))
    try:
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()


def post(served: Served, version: str = "1.1", **headers: str) -> bytes:
    body = json.dumps(QUERY).encode()
    named = {"Host": "gateway", **served.headers, "Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"{name}: {value}" for name, value in named.items()]
    head = [f"POST /graphql HTTP/{version}", *lines, f"Content-Length: {len(body)}"]
    return "\r\n".join(head).encode() + END + body


async def test_come_in_order_on_one_connection(served: Served) -> None:
    await served.post(QUERY)
    asked = [post(served, X_Request_Id=f"id-{number}") for number in range(5)]
    last = post(served, X_Request_Id="id-5", Connection="close")

    answers = await spoken(served, *asked, last)

    assert answers.count(b"HTTP/1.1 200 OK\r\n") == answers.count(b'{"data":{"viewer":') == 6
    lines = [line for line in answers.splitlines() if line.startswith(b"X-Request-Id")]
    assert lines == [b"X-Request-Id: id-%d" % number for number in range(6)]


async def test_keep_a_connection_of_http_1_0_open_where_that_is_asked_for(served: Served) -> None:
    await served.post(QUERY)
    asked = post(served, "1.0", Connection="keep-alive")

    answers = await spoken(served, asked, post(served, "1.0"))

    first, second = answers.split(b"HTTP/1.0 200 OK\r\n")[1:]
    assert b"\r\nConnection: keep-alive\r\n" in first
    assert b"\r\nConnection: keep-alive\r\n" not in second
    assert first.partition(END)[2] == second.partition(END)[2]


async def test_a_client_may_be_asked_for_the_body(served: Served) -> None:
    await served.post(QUERY)

    asked = post(served, Expect="100-continue")
    answers = await spoken(served, asked, post(served, Connection="close"))

    assert answers.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert answers.count(b"HTTP/1.1 ") == 3


@pytest.mark.parametrize("size", [100_000, 100_001])
async def test_a_body_that_comes_at_once_has_a_limit_too(served: Served, size: int) -> None:
    text = json.dumps(QUERY)
    body = text[:-1] + " " * (size - len(text)) + "}"
    url = f"{served.url}/graphql"
    sent = served.headers | {"Content-Type": "application/json"}

    async with served.session.post(url, data=body.encode(), headers=sent) as answer:
        told = await answer.json()

    assert answer.status == (200 if size <= 100_000 else 413)
    assert ("data" in told) is (size <= 100_000)
