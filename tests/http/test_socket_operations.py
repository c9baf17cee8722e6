"""Queries, mutations and subscriptions on a socket: what comes of each, and what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType
from graphql import GraphQLError

from gateway.database.pool import Database
from gateway.errors import GatewayError, LimitExceeded, Unavailable
from gateway.http.live.rules import LiveRules
from gateway.settings import Settings
from tests.conftest import Shared
from tests.operations import FREE_SCHEMA
from tests.waiting import count_waiting, until_one_waits

from .conftest import Served, Serving
from .following import SUBSCRIPTION, Follower, Told
from .test_sockets import ANSWER, SUBPROTOCOL, VIEWER, is_served, let_in

CREATE_BUCKET = (
    "mutation ($input: CreateBucketInput!) { createBucket(input: $input)"
    " { bucket { bucketName } errors { code } } }"
)

# The gateway itself may wait for the table too.
READS = "%bucketName%"


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def served(serving: Serving, told: Told) -> AsyncIterator[Served]:
    rules = LiveRules(operations_per_socket=3, subscriptions_per_key=4, connections_per_key=5)
    async with serving(Settings(), follows=told, live_rules=rules) as served:
        yield served


@pytest.fixture
async def ws(served: Served) -> AsyncIterator[ClientWebSocketResponse]:
    """A socket that has been let in."""
    async with served.session.ws_connect(f"{served.url}/graphql", protocols=[SUBPROTOCOL]) as ws:
        await let_in(ws, served)
        yield ws


@pytest.fixture
async def locked(
    ws: ClientWebSocketResponse,  # noqa: ARG001 - it is opened before
    shared: Shared,
) -> AsyncIterator[asyncpg.Connection]:
    """What keeps all who read or write buckets waiting, until it ends its transaction."""
    connection = await asyncpg.connect(shared.url)
    await connection.execute("BEGIN; LOCK TABLE buckets")
    yield connection
    await connection.close()


async def subscribe(ws: ClientWebSocketResponse, id: str, query: str, **more: Any) -> None:
    await ws.send_json({"id": id, "type": "subscribe", "payload": {"query": query, **more}})


async def create_bucket(ws: ClientWebSocketResponse, id: str, name: str) -> None:
    variables = {"input": {"bucketName": name, "bucketSchema": FREE_SCHEMA}}
    await subscribe(ws, id, CREATE_BUCKET, variables=variables)


async def buckets(served: Served) -> list[str]:
    _, answer = await served.post({"query": "{ buckets { nodes { bucketName } } }"})
    return [each["bucketName"] for each in answer["data"]["buckets"]["nodes"]]


@pytest.mark.parametrize(
    ("payload", "code", "message"),
    [
        ({"query": "{ viewer { "}, "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED", "Cannot query field 'nothing'"),
        ({"query": VIEWER, "operationName": "X"}, "BAD_USER_INPUT", "operationName is 'X'"),
        ({"query": ""}, "BAD_USER_INPUT", "query is missing; it has to be a document"),
        (
            {"query": CREATE_BUCKET, "variables": {"input": 1}},
            "BAD_USER_INPUT",
            "Variable '$input' has invalid value: Expected",
        ),
        (
            {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "a" * 64}}},
            "PERSISTED_QUERY_NOT_FOUND",
            "PersistedQueryNotFound",
        ),
        (
            {"query": VIEWER, "extensions": {"persistedQuery": 1}},
            "BAD_USER_INPUT",
            "extensions.per",
        ),
    ],
)
async def test_what_cannot_be_executed_is_an_error_of_its_id(
    ws: ClientWebSocketResponse, payload: dict[str, Any], code: str, message: str
) -> None:
    await ws.send_json({"id": "1", "type": "subscribe", "payload": payload})

    answer = await ws.receive_json()
    assert (answer["id"], answer["type"]) == ("1", "error")
    assert answer["payload"][0]["extensions"]["code"] == code
    assert answer["payload"][0]["message"].startswith(message)
    assert await is_served(ws)  # it ends neither the socket nor anything else on it


async def test_errors_at_a_path_are_part_of_a_result(ws: ClientWebSocketResponse) -> None:
    await subscribe(ws, "1", '{ viewer { namespace { namespaceName } } bucket(id: "x") { id } }')

    answer = await ws.receive_json()
    assert (answer["type"], answer["payload"]["data"]["bucket"]) == ("next", None)
    assert await ws.receive_json() == {"id": "1", "type": "complete"}


async def test_a_document_is_found_by_its_hash(ws: ClientWebSocketResponse) -> None:
    asked = {"persistedQuery": {"version": 1, "sha256Hash": sha256(VIEWER.encode()).hexdigest()}}
    for payload in ({"query": VIEWER, "extensions": asked}, {"extensions": asked}):
        await ws.send_json({"id": "1", "type": "subscribe", "payload": payload})

        assert await ws.receive_json() == {"id": "1", "type": "next", "payload": ANSWER}
        assert await ws.receive_json() == {"id": "1", "type": "complete"}


async def test_ids_are_told_as_they_were_given(ws: ClientWebSocketResponse) -> None:
    for id in ('"', "\\", "é\n\u2028", "x" * 255):
        await subscribe(ws, id, VIEWER)

        assert (await ws.receive_json())["id"] == id
        assert (await ws.receive_json())["id"] == id


async def test_operations_run_beside_one_another(
    ws: ClientWebSocketResponse, locked: asyncpg.Connection, database: Database
) -> None:
    await create_bucket(ws, "slow", "a")
    await until_one_waits(database)
    assert await is_served(ws)

    await locked.execute("COMMIT")
    answer = await ws.receive_json()
    assert (answer["id"], answer["payload"]["data"]["createBucket"]["errors"]) == ("slow", [])


@pytest.mark.usefixtures("locked")
async def test_an_id_is_of_one_operation_at_a_time(
    ws: ClientWebSocketResponse, database: Database
) -> None:
    await create_bucket(ws, "1", "a")
    await until_one_waits(database)
    await subscribe(ws, "1", VIEWER)

    message = await ws.receive()
    assert (message.type, message.data) == (WSMsgType.CLOSE, 4409)
    assert message.extra == "Subscriber for 1 already exists"


async def test_a_query_is_given_up_when_it_is_not_wanted(
    ws: ClientWebSocketResponse, locked: asyncpg.Connection
) -> None:
    await subscribe(ws, "1", "{ buckets { nodes { bucketName } } }")
    async with asyncio.timeout(20):
        while not await count_waiting(locked, READS):
            pass
    await ws.send_json({"id": "1", "type": "complete"})

    assert await is_served(ws)  # and nothing more was heard of it
    async with asyncio.timeout(20):
        while await count_waiting(locked, READS):
            pass


@pytest.mark.parametrize("end", ["complete", "close", "die"])
async def test_a_mutation_is_made_to_its_end(
    ws: ClientWebSocketResponse,
    served: Served,
    locked: asyncpg.Connection,
    database: Database,
    end: str,
) -> None:
    await create_bucket(ws, "1", "kept")
    await until_one_waits(database)
    if end == "complete":
        await ws.send_json({"id": "1", "type": "complete"})
        assert await is_served(ws)
    elif end == "close":
        await ws.close()
    else:
        assert ws._conn is not None
        assert ws._conn.transport is not None
        ws._conn.transport.abort()
    await locked.execute("COMMIT")

    async with asyncio.timeout(20):
        while await buckets(served) != ["kept"]:
            pass


async def test_a_socket_has_so_many_operations(
    ws: ClientWebSocketResponse, told: Told, served: Served
) -> None:
    for id in "abc":
        await subscribe(ws, id, SUBSCRIPTION)
    await subscribe(ws, "d", VIEWER)

    answer = await ws.receive_json()
    assert (answer["id"], answer["type"]) == ("d", "error")
    assert answer["payload"][0]["message"] == "this socket has 3 operations; the most is 3"
    assert answer["payload"][0]["extensions"] == {
        "code": "LIMIT_EXCEEDED",
        "limit": "operationsPerSocket",
        "value": 4,
        "maximum": 3,
    }
    await ws.send_json({"id": "a", "type": "complete"})
    assert await is_served(ws)
    assert served.connections.subscriptions == 2
    assert len(told.followers) == 3


async def test_a_key_has_so_many_subscriptions_and_sockets(served: Served, told: Told) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"{served.url}/graphql"
        sockets = [await session.ws_connect(url, protocols=[SUBPROTOCOL]) for _ in range(6)]
        for ws in sockets[:5]:
            await let_in(ws, served)
        await sockets[5].send_json({"type": "connection_init", "payload": served.headers})
        refused = await sockets[5].receive()
        assert (refused.type, refused.data) == (
            WSMsgType.CLOSE,
            1013,
        )  # one may have gone meanwhile
        assert refused.extra == "this API key has 5 connections open; the most is 5"

        for number, ws in enumerate(sockets[:4], 1):
            await subscribe(ws, "1", SUBSCRIPTION)
            await told.follower(number)
        await subscribe(sockets[4], "1", SUBSCRIPTION)
        answer = await sockets[4].receive_json()
        assert answer["type"] == "error"
        extensions = answer["payload"][0]["extensions"]
        assert (extensions["limit"], extensions["retryAfter"]) == ("subscriptionsPerKey", 5)

        await sockets[0].close()
        await told.until(lambda: served.connections.subscriptions == 3)
        await subscribe(sockets[4], "1", SUBSCRIPTION)
        await told.follower(5)


# subscriptions


async def test_results_come_in_order_until_it_completes(
    ws: ClientWebSocketResponse, served: Served, told: Told
) -> None:
    await subscribe(ws, "s", SUBSCRIPTION, variables={"n": 1}, operationName=None)
    follower = await told.follower()
    told.publish(*range(25))
    follower.sink.complete()

    for number in range(25):
        expected = {"id": "s", "type": "next", "payload": {"data": {"told": number}}}
        assert await ws.receive_json() == expected
    assert await ws.receive_json() == {"id": "s", "type": "complete"}
    assert await is_served(ws)
    assert follower.asked["variables"] == {"n": 1}
    assert follower.asked["text"] == SUBSCRIPTION
    assert follower.asked["after"] is None
    assert served.connections.subscriptions == 0


@pytest.mark.parametrize("size", [1, 80, 81, 82, 83, 90, 65_000, 65_480, 65_490, 200_000])
async def test_results_of_any_size_are_whole(
    ws: ClientWebSocketResponse, told: Told, size: int
) -> None:
    """Frames tell their length in three ways, depending on it."""
    await subscribe(ws, "s", SUBSCRIPTION)
    await told.follower()
    told.publish("x" * size)

    assert (await ws.receive_json())["payload"] == {"data": {"told": "x" * size}}


async def test_results_may_come_before_it_has_begun(
    ws: ClientWebSocketResponse, told: Told
) -> None:
    def at_start(follower: Follower) -> None:
        told.publish("state")
        follower.sink.complete()

    told.at_start = at_start
    await subscribe(ws, "s", SUBSCRIPTION)

    assert (await ws.receive_json())["payload"] == {"data": {"told": "state"}}
    assert await ws.receive_json() == {"id": "s", "type": "complete"}
    assert (await told.follower()).stops == 1


@pytest.mark.parametrize("end", ["complete", "close", "die"])
async def test_a_client_that_wants_no_more_gets_no_more(
    ws: ClientWebSocketResponse, served: Served, told: Told, end: str
) -> None:
    await subscribe(ws, "s", SUBSCRIPTION)
    follower = await told.follower()
    told.publish(1)
    assert (await ws.receive_json())["payload"] == {"data": {"told": 1}}
    if end == "complete":
        await ws.send_json({"id": "s", "type": "complete"})
        await ws.send_json({"id": "s", "type": "complete"})
        assert await is_served(ws)
    elif end == "close":
        await ws.close()
    else:
        assert ws._conn is not None
        assert ws._conn.transport is not None
        ws._conn.transport.abort()
    await told.until(lambda: follower.stops > 0)

    assert not follower.sink.send(told.published)
    follower.sink.complete()
    follower.sink.fail(Unavailable("too late"))
    assert served.connections.subscriptions == 0
    if end == "complete":
        assert await is_served(ws)


async def test_one_that_is_not_wanted_while_it_begins_is_stopped(
    ws: ClientWebSocketResponse, told: Told
) -> None:
    told.gate.clear()
    await subscribe(ws, "s", SUBSCRIPTION)
    follower = await told.follower()
    await ws.send_json({"id": "s", "type": "complete"})
    assert await is_served(ws)
    told.gate.set()

    await told.until(lambda: follower.stops == 1)


@pytest.mark.parametrize(
    ("refusal", "code", "message"),
    [
        ([GraphQLError("no", extensions={"code": "BAD_USER_INPUT"})], "BAD_USER_INPUT", "no"),
        (Unavailable("the database is away"), "UNAVAILABLE", "the database is away"),
        (GatewayError("a secret"), "INTERNAL_SERVER_ERROR", "Unexpected error."),
    ],
)
async def test_one_that_cannot_begin_is_told_why(
    ws: ClientWebSocketResponse,
    served: Served,
    told: Told,
    refusal: list[GraphQLError] | GatewayError,
    code: str,
    message: str,
) -> None:
    told.refusal = refusal
    await subscribe(ws, "s", SUBSCRIPTION)

    answer = await ws.receive_json()
    assert (answer["id"], answer["type"]) == ("s", "error")
    (error,) = answer["payload"]
    # Of a fault of ours the id of the request is told, to be looked for in the log.
    assert ("requestId" in error["extensions"]) is (code == "INTERNAL_SERVER_ERROR")
    error["extensions"].pop("requestId", None)
    assert error == {"message": message, "extensions": {"code": code}}
    assert served.connections.subscriptions == 0
    assert await is_served(ws)


@pytest.mark.parametrize(
    ("failure", "code", "reason"),
    [
        (Unavailable("the log is away"), 1013, "the log is away"),
        (LimitExceeded("far behind", limit="x", value=2, maximum=1), 1013, "far behind"),
        (GatewayError("a secret"), 1011, "Unexpected error."),
    ],
)
async def test_one_that_cannot_go_on_closes_the_socket(
    ws: ClientWebSocketResponse, told: Told, failure: GatewayError, code: int, reason: str
) -> None:
    await subscribe(ws, "s", SUBSCRIPTION)
    await subscribe(ws, "other", SUBSCRIPTION)
    other = await told.follower(2)
    told.publish(1)
    told.followers[0].sink.fail(failure)

    assert [(await ws.receive_json())["type"] for _ in "12"] == ["next", "next"]
    message = await ws.receive()
    assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, code, reason)
    assert other.stops == 1


async def test_subscriptions_begin_at_a_steady_rate(serving: Serving, told: Told) -> None:
    """In the order they came, so that nobody waits for good."""
    rules = LiveRules(subscribes_per_s=5)
    async with (
        serving(Settings(), follows=told, live_rules=rules) as served,
        served.session.ws_connect(f"{served.url}/graphql", protocols=[SUBPROTOCOL]) as ws,
    ):
        await let_in(ws, served)
        for number in range(12):
            await subscribe(ws, str(number), SUBSCRIPTION, variables={"n": number})
        await ws.send_json({"id": "11", "type": "complete"})
        assert await is_served(ws)
        assert len(told.followers) < 11  # queries do not wait for them

        await told.follower(11)
        assert [each.asked["variables"]["n"] for each in told.followers] == list(range(11))


async def test_whoever_gives_up_has_nobody_wait(serving: Serving, told: Told) -> None:
    rules = LiveRules(subscribes_per_s=5)
    async with (
        serving(Settings(), follows=told, live_rules=rules) as served,
        served.session.ws_connect(f"{served.url}/graphql", protocols=[SUBPROTOCOL]) as ws,
    ):
        await let_in(ws, served)
        for _ in range(4):  # whose turns would take 60 s
            for number in range(75):
                await subscribe(ws, str(number), SUBSCRIPTION)
            assert await is_served(ws)
            for number in range(75):
                await ws.send_json({"id": str(number), "type": "complete"})
        assert await is_served(ws)
        before = len(told.followers)
        await subscribe(ws, "s", SUBSCRIPTION)

        await told.follower(before + 1)


async def test_without_subscriptions_one_is_told_so(
    serving: Serving,
) -> None:
    async with (
        serving(Settings()) as served,
        served.session.ws_connect(f"{served.url}/graphql", protocols=[SUBPROTOCOL]) as ws,
    ):
        await let_in(ws, served)
        await subscribe(ws, "s", SUBSCRIPTION)

        answer = await ws.receive_json()
        assert (answer["id"], answer["type"]) == ("s", "error")
        assert await is_served(ws)
