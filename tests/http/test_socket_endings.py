"""How sockets end that nobody closes: with their key, with their client, with the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType

from gateway import tasks
from gateway.database.pool import Database
from gateway.http.live.key_watch import KeyWatch
from gateway.http.live.rules import LiveRules
from gateway.http.requests import Asked
from gateway.http.sockets.connection import Connection
from gateway.http.sockets.messages import Subscribe
from gateway.settings import Settings
from tests.conftest import Shared
from tests.waiting import until_one_waits

from .conftest import Served, Serving
from .following import SUBSCRIPTION, Told
from .raw_socket import CLOSE, PING, PONG, RawSocket, raw_socket
from .test_socket_operations import buckets, create_bucket, subscribe
from .test_sockets import SUBPROTOCOL, is_served, let_in

CREATE_KEY = """
mutation ($expiresAt: DateTime) {
  createApiKey(input: {name: "k", permissions: [ADMIN], expiresAt: $expiresAt}) {
    apiKey { id } secret errors { message }
  }
}
"""
REVOKE = 'mutation { revokeApiKey(id: "%s") { errors { code } } }'
ENDED = (4403, "Forbidden: this API key has expired, or was revoked or rotated")
# Another process is heard of only when the keys are looked up again.
OFTEN = LiveRules(recheck_s=0.05)
SELDOM = LiveRules(recheck_s=600)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def connection(database: Database, shared: Shared) -> AsyncIterator[asyncpg.Connection]:
    """A connection of a neighbour to the database, which is emptied before."""
    assert database is shared.database
    connection = await asyncpg.connect(shared.url)
    yield connection
    await connection.close()


async def create_key(served: Served, **variables: Any) -> tuple[str, dict[str, str]]:
    """Return the id of a new key, and what to show of it."""
    _, answer = await served.post({"query": CREATE_KEY, "variables": variables})
    made = answer["data"]["createApiKey"]
    headers = served.headers | {"Authorization": f"Bearer {made['secret']}"}
    return made["apiKey"]["id"], headers


@asynccontextmanager
async def opened(
    served: Served, told: Told, headers: dict[str, str]
) -> AsyncIterator[ClientWebSocketResponse]:
    """Open a socket with one subscription."""
    number = len(told.followers) + 1
    async with served.session.ws_connect(f"{served.url}/graphql", protocols=[SUBPROTOCOL]) as ws:
        await ws.send_json({"type": "connection_init", "payload": headers})
        assert await ws.receive_json() == {"type": "connection_ack"}
        await subscribe(ws, "s", SUBSCRIPTION)
        await told.follower(number)
        yield ws


async def closing(ws: ClientWebSocketResponse) -> tuple[int, str]:
    async with asyncio.timeout(20):
        message = await ws.receive()
    assert message.type is WSMsgType.CLOSE, message
    return message.data, message.extra or ""


@pytest.mark.parametrize("change", ["revokeApiKey", "rotateApiKey"])
async def test_a_key_that_is_changed_here_ends_its_sockets_at_once(
    serving: Serving, told: Told, change: str
) -> None:
    async with serving(Settings(), follows=told, live_rules=SELDOM) as served:
        key_id, headers = await create_key(served)
        async with (
            opened(served, told, headers) as ws,
            opened(served, told, served.headers) as other,
        ):
            mutation = f'mutation {{ {change}(id: "{key_id}") {{ errors {{ code }} }} }}'
            _, answer = await served.post({"query": mutation})
            assert answer["data"][change]["errors"] == []

            assert await closing(ws) == ENDED
            assert told.followers[0].stops == 1
            assert await is_served(other)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_keys SET revoked_at = now() WHERE id = $1",
        "UPDATE api_keys SET expires_at = now() WHERE id = $1",
        "DELETE FROM api_keys WHERE id = $1",
    ],
)
async def test_a_key_that_is_changed_elsewhere_ends_its_sockets_soon(
    serving: Serving, told: Told, connection: asyncpg.Connection, change: str
) -> None:
    async with serving(Settings(), follows=told, live_rules=OFTEN) as served:
        key_id, headers = await create_key(served)
        async with (
            opened(served, told, headers) as ws,
            opened(served, told, served.headers) as other,
        ):
            await connection.execute(change, key_id)

            assert await closing(ws) == ENDED
            assert await is_served(other)


async def test_a_key_that_was_changed_a_moment_ago_opens_nothing_for_long(
    serving: Serving, told: Told, connection: asyncpg.Connection
) -> None:
    """What was right is taken for right a few seconds longer, of which a socket would make more."""
    async with serving(Settings(), follows=told, live_rules=SELDOM) as served:
        key_id, headers = await create_key(served)
        await served.post({"query": "{ __typename }"}, headers=headers)
        await connection.execute("UPDATE api_keys SET revoked_at = now() WHERE id = $1", key_id)

        url = f"{served.url}/graphql"
        async with served.session.ws_connect(url, protocols=[SUBPROTOCOL]) as ws:
            await ws.send_json({"type": "connection_init", "payload": headers})
            async with asyncio.timeout(20):
                while (message := await ws.receive()).type is not WSMsgType.CLOSE:
                    pass
            assert message.data == 4403  # a slow machine may have forgotten that it was right


async def test_a_key_that_expires_ends_its_sockets(
    serving: Serving, told: Told, connection: asyncpg.Connection
) -> None:
    """By the database's clock; when it does was found out before, so nobody has to look again.

    Found out at once: the first look at all keys is long past.
    """
    async with serving(Settings(), follows=told, live_rules=SELDOM) as served:
        at = await connection.fetchval("SELECT now() + interval '3 seconds'")
        _, headers = await create_key(served, expiresAt=at.isoformat())
        async with opened(served, told, headers) as ws:
            assert await closing(ws) == ENDED
            at -= timedelta(seconds=2)  # how long the database may take to answer
            assert await connection.fetchval("SELECT now() >= $1::timestamptz", at)


async def test_a_connection_that_cannot_be_ended_keeps_no_others_open(
    serving: Serving, told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a fault")

    async with serving(Settings(), follows=told, live_rules=SELDOM) as served:
        keys = [await create_key(served) for _ in range(2)]
        async with (
            opened(served, told, keys[0][1]),
            opened(served, told, keys[1][1]) as other,
        ):
            with monkeypatch.context() as patch:
                patch.setattr(Connection, "close", broken)
                await served.post({"query": REVOKE % keys[0][0]})
                await told.until(lambda: "a fault" in caplog.text)
            await served.post({"query": REVOKE % keys[1][0]})

            assert await closing(other) == ENDED


async def test_keys_are_watched_on_when_a_fault_has_ended_that(
    serving: Serving, told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run, is_faulty = KeyWatch.run, True

    async def run_faultily(self: KeyWatch) -> None:
        nonlocal is_faulty
        if is_faulty:
            is_faulty = False
            raise ZeroDivisionError
        await run(self)

    monkeypatch.setattr(KeyWatch, "run", run_faultily)
    monkeypatch.setattr(tasks, "AGAIN_AFTER_S", 0.01)
    async with serving(Settings(), follows=told, live_rules=SELDOM) as served:
        key_id, headers = await create_key(served)
        async with opened(served, told, headers) as ws:
            await served.post({"query": REVOKE % key_id})

            assert await closing(ws) == ENDED
    assert "ZeroDivisionError" in caplog.text


# clients that are gone


async def test_who_is_silent_is_pinged_and_then_given_up(serving: Serving, told: Told) -> None:
    rules = LiveRules(beat_s=0.2)
    async with (
        serving(Settings(), follows=told, live_rules=rules) as served,
        raw_socket(served.url) as silent,
        served.session.ws_connect(f"{served.url}/graphql", protocols=[SUBPROTOCOL]) as lively,
    ):
        await let_in(lively, served)
        await subscribe(lively, "s", SUBSCRIPTION)
        silent.send({"type": "connection_init", "payload": served.headers})
        await silent.receive()
        silent.send({"id": "s", "type": "subscribe", "payload": {"query": SUBSCRIPTION}})
        await told.follower(2)
        answering = asyncio.create_task(lively.receive())  # aiohttp pongs while it reads
        for _ in range(3):
            assert await silent.receive_frame() == (PING, b"")
            silent.send_frame(PONG, b"")
        assert await silent.receive_frame() == (PING, b"")

        assert await silent.until_gone() == b""
        await told.until(lambda: sum(each.stops for each in told.followers) == 1)
        told.publish("still here")
        assert "still here" in (await answering).data


async def test_a_fault_of_one_ends_no_beats_of_others(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        serving(Settings(), live_rules=LiveRules(beat_s=0.05)) as served,
        raw_socket(served.url) as raw,
    ):
        faulty, *_ = served.connections._beats_at
        beat = Connection.beat

        def broken(connection: Connection) -> None:
            if connection is faulty:
                raise ValueError("a fault")
            beat(connection)

        monkeypatch.setattr(Connection, "beat", broken)
        async with raw_socket(served.url) as other:  # its first beat is after one of the other's
            assert await other.receive_frame() == (PING, b"")
        raw.die()
    assert "a fault" in caplog.text


Stage = Callable[[RawSocket, Served, Told], Any]


async def at_opening(*_: Any) -> None:
    """Show no key."""


async def at_authentication(raw: RawSocket, served: Served, _: Told) -> None:
    raw.send({"type": "connection_init", "payload": served.headers})


async def at_subscribing(raw: RawSocket, served: Served, told: Told) -> None:
    await at_authentication(raw, served, told)
    await raw.receive()
    told.gate.clear()
    raw.send({"id": "s", "type": "subscribe", "payload": {"query": SUBSCRIPTION}})
    await told.follower()


async def at_following(raw: RawSocket, served: Served, told: Told) -> None:
    await at_subscribing(raw, served, told)
    told.gate.set()
    told.publish(1)
    await raw.receive()


async def at_sending(raw: RawSocket, served: Served, told: Told) -> None:
    await at_following(raw, served, told)
    told.publish(*["x" * 1000] * 5)


async def at_closing(raw: RawSocket, served: Served, told: Told) -> None:
    await at_following(raw, served, told)
    raw.send_frame(9, b"", is_final=False)  # no websocket: it is told to go


def tasks_of_clients() -> set[asyncio.Task[Any]]:
    """Return the tasks that connections have; those of the gateway's other work come and go."""
    found = set()
    for task in asyncio.all_tasks():
        code = getattr(task.get_coro(), "cr_code", None)
        if code is not None and {"http", "aiohttp"} & {*Path(code.co_filename).parts}:
            found.add(task)
    return found


STAGES = [at_opening, at_authentication, at_subscribing, at_following, at_sending, at_closing]


@pytest.mark.parametrize("stage", STAGES)
async def test_a_client_that_dies_leaves_nothing(
    serving: Serving, told: Told, stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(Settings(), follows=told) as served:
        before = tasks_of_clients()
        async with raw_socket(served.url) as raw:
            await stage(raw, served, told)
            raw.die()
            await told.until(lambda: served.connections.count == 0)
        told.gate.set()
        await told.until(lambda: tasks_of_clients() <= before)

        assert all(each.stops for each in told.followers)
        assert served.connections.subscriptions == 0
        assert served.connections.secret_digests() == []
    assert caplog.text == ""


# the gateway stops


async def test_sockets_are_told_to_come_again(serving: Serving, told: Told) -> None:
    rules = LiveRules(farewell_s=1)  # nobody answers it before the gateway has ended
    async with aiohttp.ClientSession() as session:
        async with serving(Settings(), follows=told, live_rules=rules) as served:
            url = f"{served.url}/graphql"
            sockets = [await session.ws_connect(url, protocols=[SUBPROTOCOL]) for _ in range(3)]
            for number, ws in enumerate(sockets[:2], 1):
                await let_in(ws, served)
                await subscribe(ws, "s", SUBSCRIPTION)
                await told.follower(number)
            told.publish("before")
            farewells = asyncio.gather(*(each.receive() for each in sockets[2:]))
        # Everything that was sent arrives, and no `complete`, which would be the end for good.
        for ws in sockets[:2]:
            assert (await ws.receive_json())["payload"] == {"data": {"told": "before"}}
            assert await closing(ws) == (1012, "The gateway restarts; come again")
        (farewell,) = await farewells
        assert farewell.data == 1012
        assert all(each.stops == 1 for each in told.followers)
        assert served.connections.count == 0


async def test_answers_under_way_are_waited_for(
    serving: Serving, told: Told, connection: asyncpg.Connection, database: Database
) -> None:
    """A client that is told to come again asks again, and would make a change twice."""
    async with aiohttp.ClientSession() as session, serving(Settings(), follows=told) as served:
        ws = await session.ws_connect(f"{served.url}/graphql", protocols=[SUBPROTOCOL])
        await let_in(ws, served)
        await connection.execute("BEGIN; LOCK TABLE buckets")
        await create_bucket(ws, "1", "kept")
        await until_one_waits(database)
        draining = asyncio.create_task(served.connections.drain(20))
        await subscribe(ws, "late", SUBSCRIPTION)
        await connection.execute("COMMIT")

        answer = await ws.receive_json()
        assert (answer["id"], answer["type"]) == ("1", "next")
        assert (await ws.receive_json())["type"] == "complete"
        assert await closing(ws) == (1012, "The gateway restarts; come again")
        await draining
        assert await buckets(served) == ["kept"]
        assert told.followers == []


async def test_what_turns_out_to_be_a_subscription_is_not_waited_for(
    serving: Serving, told: Told
) -> None:
    """It has come, and nobody has looked at it yet."""
    async with aiohttp.ClientSession() as session, serving(Settings(), follows=told) as served:
        ws = await session.ws_connect(f"{served.url}/graphql", protocols=[SUBPROTOCOL])
        await let_in(ws, served)
        (connection,) = served.connections._beats_at
        assert isinstance(connection, Connection)
        connection._start(Subscribe("s", Asked(SUBSCRIPTION, None, {}, None)))
        connection.retire()

        assert await closing(ws) == (1012, "The gateway restarts; come again")
        assert told.followers == []
    assert served.connections.subscriptions == 0


async def test_those_that_take_too_long_are_not(
    serving: Serving, told: Told, connection: asyncpg.Connection, database: Database
) -> None:
    rules = LiveRules(farewell_s=0.2)
    async with (
        aiohttp.ClientSession() as session,
        serving(Settings(), follows=told, live_rules=rules) as served,
    ):
        url = f"{served.url}/graphql"
        ws = await session.ws_connect(url, protocols=[SUBPROTOCOL])
        silent = await session.ws_connect(url, protocols=[SUBPROTOCOL], autoclose=False)
        await let_in(ws, served)
        await let_in(silent, served)
        await connection.execute("BEGIN; LOCK TABLE buckets")
        await create_bucket(ws, "1", "kept")
        await until_one_waits(database)
        await served.connections.drain(0.3)

        assert await closing(ws) == (1012, "The gateway restarts; come again")
        assert served.connections.count == 0  # who does not answer the farewell is cut off
        await connection.execute("COMMIT")
        async with asyncio.timeout(20):
            while await buckets(served) != ["kept"]:
                pass


async def test_the_farewell_is_the_last_that_is_sent(serving: Serving, told: Told) -> None:
    async with (
        serving(Settings(), follows=told) as served,
        raw_socket(served.url) as raw,
    ):
        raw.send({"type": "connection_init", "payload": served.headers})
        assert await raw.receive() == {"type": "connection_ack"}
        raw.send({"id": "s", "type": "subscribe", "payload": {"query": SUBSCRIPTION}})
        follower = await told.follower()
        for _ in range(3):
            raw.send({"type": "connection_init"})
            raw.send({"type": "ping"})
        told.publish(1)
        assert (await raw.closing())[0] == 4429
        (connection,) = served.connections._beats_at
        connection.beat()
        told.publish(2)
        follower.sink.complete()
        raw.send_frame(CLOSE, (4429).to_bytes(2, "big"))

        assert await raw.until_gone() == b""
