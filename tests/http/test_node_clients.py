"""The clients that frontends use: npm's graphql-ws and graphql-sse, on Node."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.http.live.farewells import RESTART, TOO_SLOW
from gateway.settings import Settings
from tests.node import NPM
from tests.node import node as node  # the fixture

from .conftest import Served, Serving
from .following import SUBSCRIPTION, Told
from .test_sockets import ANSWER, VIEWER

SCRIPTS = ["sockets.mjs", "streams.mjs"]


class Client:
    """A program that asks what it is told to."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def ask(self, id: str, query: str, **more: Any) -> None:
        self._say({"id": id, "payload": {"query": query, **more}})

    def stop(self, id: str) -> None:
        self._say({"id": id, "stop": True})

    def end(self) -> None:
        self._say({})

    async def told(self) -> Any:
        """Return what it says next."""
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            return json.loads(await self._process.stdout.readline())

    def _say(self, step: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(step).encode() + b"\n")


@asynccontextmanager
async def running(
    node: Path, script: str, served: Served, headers: dict[str, str] | None = None, **more: str
) -> AsyncIterator[Client]:
    told = {
        "ASKED_URL": f"{served.url}/graphql",
        "ASKED_HEADERS": json.dumps(headers or served.headers),
    }
    process = await asyncio.create_subprocess_exec(
        node, NPM / script, env=os.environ | told | more, stdin=PIPE, stdout=PIPE
    )
    try:
        client = Client(process)
        yield client
        client.end()
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def served(serving: Serving, told: Told) -> AsyncIterator[Served]:
    async with serving(Settings(), follows=told) as served:
        yield served


@pytest.mark.parametrize("script", SCRIPTS)
async def test_asks_and_follows(served: Served, told: Told, node: Path, script: str) -> None:
    async with running(node, script, served) as client:
        client.ask("query", VIEWER)
        if script == "sockets.mjs":
            assert await client.told() == {"connected": {"wasRetry": False}}
        assert await client.told() == {"id": "query", "next": ANSWER}
        assert await client.told() == {"id": "query", "complete": True}

        client.ask("ends", SUBSCRIPTION)
        follower = await told.follower()
        told.publish("a", "b")
        for value in "ab":
            assert await client.told() == {"id": "ends", "next": {"data": {"told": value}}}
        follower.sink.complete()
        assert await client.told() == {"id": "ends", "complete": True}

        client.ask("stopped", SUBSCRIPTION)
        follower = await told.follower(2)
        told.publish("c")
        assert (await client.told())["next"] == {"data": {"told": "c"}}
        client.stop("stopped")
        await told.until(lambda: follower.stops == 1)
        assert await client.told() == {"id": "stopped", "complete": True}


@pytest.mark.parametrize("script", SCRIPTS)
async def test_is_told_what_is_wrong(served: Served, node: Path, script: str) -> None:
    async with running(node, script, served) as client:
        for query, code in (
            ("{ viewer {", "GRAPHQL_PARSE_FAILED"),
            ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ):
            client.ask("1", query)
            answer = await client.told()
            if "connected" in answer:
                answer = await client.told()
            if script == "sockets.mjs":
                errors = answer["error"]
            else:
                errors = answer["next"]["errors"]
                assert await client.told() == {"id": "1", "complete": True}
            assert errors[0]["extensions"]["code"] == code


@pytest.mark.parametrize("script", SCRIPTS)
async def test_comes_again_and_resumes(served: Served, told: Told, node: Path, script: str) -> None:
    """When the gateway restarts, and when a client was too slow."""
    query = "subscription ($after: String) { told(after: $after) }"
    async with running(node, script, served) as client:
        client.ask("s", query, variables={})
        for number in range(1, 4):
            follower = await told.follower(number)
            told.publish(number)
            if script == "sockets.mjs":
                expected = {"connected": {"wasRetry": number > 1}}
                assert await client.told() == expected
            assert await client.told() == {"id": "s", "next": {"data": {"told": number}}}
            expected_after = {} if number == 1 else {"after": number - 1}
            assert follower.asked["variables"] == expected_after
            if number < 3:
                farewell = [RESTART, TOO_SLOW][number - 1]
                (connection,) = served.connections._beats_at
                connection.close(farewell)
                if script == "sockets.mjs":
                    assert (await client.told())["closed"] == farewell._asdict()


@pytest.mark.parametrize("script", SCRIPTS)
async def test_a_wrong_key_is_tried_again_before_it_is_given_up(
    served: Served, node: Path, script: str
) -> None:
    """For an app may have another one by then."""
    headers = served.headers | {"Authorization": "Bearer sk_wrong"}
    async with running(node, script, served, headers) as client:
        client.ask("1", VIEWER)
        if script == "streams.mjs":
            answer = await client.told()
            assert "401" in answer["error"]
            return
        for _ in range(6):
            assert (await client.told())["closed"]["code"] == 4403
        assert await client.told() == {"id": "1", "error": "4403"}


async def test_pings_of_its_own_are_answered(served: Served, node: Path) -> None:
    async with running(node, "sockets.mjs", served, ASKED_PING_MS="50") as client:
        client.ask("s", SUBSCRIPTION)
        assert await client.told() == {"connected": {"wasRetry": False}}

        assert await client.told() == "pong"
