"""What goes wrong beneath subscribers: they get everything all the same, or are told to resume."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway import tasks
from gateway.database import migrate
from gateway.database.embedded.options import TESTING
from gateway.database.embedded.server import open_postgres
from gateway.database.pool import Database, open_database
from gateway.database.state import open_state
from gateway.errors import GatewayError, Unavailable
from gateway.events import known_log, tailer
from gateway.events.encoding import Encoder
from gateway.events.following import Message
from gateway.events.log import LogReader
from gateway.events.sequencer import Sequencer
from gateway.events.streams import making
from gateway.events.streams.stream import Stream
from gateway.events.tailer import Tailer
from gateway.planner.reader import Reader
from tests.conftest import lent_folder
from tests.events.following import Gateway, Sink, gateway_on
from tests.events.test_sequencer import LOST, crash, running, until
from tests.events.world import OBJECTS, ONE, World

WITH_NODES = "subscription { statusChanged { ... on StatusEvent { version node { id } } } }"
NODE_STATUS = "subscription ($id: ID!) { nodeStatus(id: $id) { event version } }"
MAKE_HOLE = "DELETE FROM event_log WHERE seq = (SELECT max(seq) FROM event_log) - 1"
KILL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = $1 AND datname = current_database()
"""


@pytest.mark.parametrize("name", ["lineage-gateway tailer", "lineage-gateway"])
async def test_connections_that_are_lost_lose_no_event(
    gateway: Gateway, world: World, superuser: asyncpg.Connection, name: str
) -> None:
    sink, nodes = await gateway.follow(), await gateway.follow(WITH_NODES)

    for _ in range(5):
        await world.touch_now(OBJECTS[1])
        await superuser.execute(KILL, name)
        await world.touch_now(OBJECTS[2])

    await sink.until_events(10)
    await nodes.until_events(10)
    assert sink.seen == [(OBJECTS[turn % 2 + 1], turn // 2 + 2) for turn in range(10)]
    assert sink.failure is None


async def test_without_notifications_events_come_a_little_later(
    gateway: Gateway, world: World, monkeypatch: pytest.MonkeyPatch, superuser: asyncpg.Connection
) -> None:
    monkeypatch.setattr(tailer, "CHANNEL", "silence")
    await superuser.execute(KILL, "lineage-gateway tailer")
    sink = await gateway.follow()

    await world.touch_now(*OBJECTS)

    await sink.until_events(10)


async def test_an_outage_ends_subscriptions_which_resume(
    gateway: Gateway,
    world: World,
    superuser: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sink = await gateway.follow()
    connect = gateway.database._connect

    async def refuse(_: object) -> asyncpg.Connection:
        raise OSError("no route")

    monkeypatch.setattr(tailer, "PATIENCE_S", 1.0)
    await world.touch_now(OBJECTS[0])
    await sink.until_events(1)  # from its reading on it has so little patience
    monkeypatch.setattr(gateway.database, "_connect", refuse)
    await superuser.execute(KILL, "lineage-gateway tailer")
    await sink.until(lambda: sink.failure)
    assert isinstance(sink.failure, Unavailable)
    await world.touch_now(OBJECTS[1])
    refused = Sink()
    await gateway.ask(sink=refused)
    assert isinstance(refused.failure, Unavailable)
    assert gateway.what_is_left() == (0, 0, 0, 0)

    monkeypatch.setattr(gateway.database, "_connect", connect)
    again = refused
    while again.failure:
        again = Sink()
        await gateway.ask(variables={"after": sink.last_cursor}, sink=again)
    await again.until_events(1)
    assert again.seen == [(OBJECTS[1], 2)]


async def test_an_outage_is_told_once_and_so_is_its_end(
    gateway: Gateway,
    world: World,
    superuser: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = await gateway.follow()
    connect = gateway.database._connect
    attempts = 0

    async def refuse(_: object) -> asyncpg.Connection:
        nonlocal attempts
        attempts += 1
        raise OSError("no route")

    async def are_many() -> bool:
        return attempts > 3

    monkeypatch.setattr(tailer, "RETRY_AFTER_S", 0)
    monkeypatch.setattr(tailer, "PATIENCE_S", 60)
    monkeypatch.setattr(gateway.database, "_connect", refuse)
    await superuser.execute(KILL, "lineage-gateway tailer")
    await until(are_many)
    monkeypatch.setattr(gateway.database, "_connect", connect)
    await world.touch_now(OBJECTS[1])
    await sink.until_events(1)

    assert [record.getMessage() for record in caplog.records] == [
        "the log of events is not followed: the database gives no answer; try again",
        "the log of events is followed again",
    ]


async def test_a_hole_in_the_log_is_an_alarm_and_never_skipped(
    gateway: Gateway,
    world: World,
    superuser: asyncpg.Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = await gateway.follow()
    async with superuser.transaction():
        await world.touch(*OBJECTS[:3])
        await superuser.execute("SELECT sequence_events(10)")
        await superuser.execute(MAKE_HOLE)

    await sink.until(lambda: sink.failure)

    assert type(sink.failure) is GatewayError
    assert sink.events == []
    assert "has a hole after" in caplog.text
    again = await gateway.follow()
    await world.touch_now(OBJECTS[4])
    await again.until_events(1)


async def test_a_stream_that_cannot_be_ended_leaves_no_other_waiting(
    gateway: Gateway,
    world: World,
    superuser: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever tells of events goes on, too."""
    await gateway.follow("subscription { statusChanged { __typename } }")
    sink = await gateway.follow()
    streams = [*gateway.hub._streams]
    fail = Stream.fail

    def fail_but_one(stream: Stream, error: GatewayError) -> None:
        if stream is streams[0]:
            raise ZeroDivisionError
        fail(stream, error)

    monkeypatch.setattr(Stream, "fail", fail_but_one)
    async with superuser.transaction():
        await world.touch(*OBJECTS[:3])
        await superuser.execute("SELECT sequence_events(10)")
        await superuser.execute(MAKE_HOLE)

    await sink.until(lambda: sink.failure)
    assert "ZeroDivisionError" in caplog.text
    again = await gateway.follow()
    await world.touch_now(OBJECTS[4])
    await again.until_events(1)


async def test_a_fault_that_ends_the_tailer_is_not_the_end_of_following(
    database: Database,
    tmp_path: Path,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run, is_faulty = Tailer.run, True

    async def run_faultily(self: Tailer) -> None:
        nonlocal is_faulty
        if is_faulty:
            is_faulty = False
            raise ZeroDivisionError
        await run(self)

    monkeypatch.setattr(Tailer, "run", run_faultily)
    monkeypatch.setattr(tasks, "AGAIN_AFTER_S", 0.01)
    async with gateway_on(database, tmp_path) as gateway, asyncio.timeout(20):
        sink = await gateway.follow()
        await world.touch_now(OBJECTS[1])

        await sink.until_events(1)
    assert "ZeroDivisionError" in caplog.text


async def test_a_message_that_cannot_be_made_ends_the_stream_and_no_other(
    gateway: Gateway,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = await gateway.follow()
    sink = await gateway.follow("subscription { statusChanged { ... on StatusEvent { version } } }")
    encode = Encoder.of_event

    def fail_one(self: Encoder, event: Any) -> bytes:
        if len(self._fields["StatusEvent"]) == 1:
            raise ZeroDivisionError
        return encode(self, event)

    monkeypatch.setattr(Encoder, "of_event", fail_one)
    await world.touch_now(OBJECTS[1])

    await sink.until(lambda: sink.failure)
    await other.until_events(1)
    assert type(sink.failure) is GatewayError
    assert "ZeroDivisionError" in caplog.text
    assert gateway.what_is_left()[0] == 1


async def test_a_replay_that_fails_is_told(
    gateway: Gateway,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    start = await gateway.follow()
    start.stop()
    await world.touch_now(OBJECTS[1])

    async def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(LogReader, "page", fail)
    sink = await gateway.follow(variables={"after": start.last_cursor})

    await sink.until(lambda: sink.failure)
    assert type(sink.failure) is GatewayError
    assert "ZeroDivisionError" in caplog.text
    assert gateway.what_is_left() == (0, 0, 0, 0)


@pytest.mark.parametrize("is_for_good", [False, True])
async def test_reading_again_is_tried_for_a_while(
    gateway: Gateway, world: World, monkeypatch: pytest.MonkeyPatch, is_for_good: bool
) -> None:
    for module in (known_log, making):
        monkeypatch.setattr(module, "RETRY_AFTER_S", 0)
        monkeypatch.setattr(module, "PATIENCE_S", 0.1 if is_for_good else 60)
    start = await gateway.follow()
    start.stop()
    await world.touch_now(OBJECTS[1])
    failures = {"page": 0, "read": 0}
    real: dict[str, Any] = {"page": LogReader.page, "read": Reader.read}

    def failing(name: str) -> Any:
        async def fail(*arguments: Any, **more: Any) -> Any:
            failures[name] += 1
            if is_for_good or failures[name] < 4:
                raise Unavailable("try again")
            return await real[name](*arguments, **more)

        return fail

    monkeypatch.setattr(LogReader, "page", failing("page"))
    replaying = await gateway.follow(variables={"after": start.last_cursor})
    monkeypatch.setattr(Reader, "read", failing("read"))
    nodes = await gateway.follow(WITH_NODES)
    await world.touch_now(OBJECTS[2])

    if is_for_good:
        await replaying.until(lambda: replaying.failure)
        await nodes.until(lambda: nodes.failure)
        assert isinstance(replaying.failure, Unavailable)
        assert isinstance(nodes.failure, Unavailable)
        assert gateway.what_is_left() == (0, 0, 0, 0)
    else:
        await replaying.until_events(2)
        await nodes.until_events(1)
        assert failures == {"page": 4, "read": 4}


class Broken(Sink):
    def send(self, messages: Sequence[Message]) -> bool:
        if self.messages:
            raise RuntimeError("the transport is closed")
        return super().send(messages)


async def test_a_sink_that_fails_is_let_go_of(
    gateway: Gateway, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    broken = await gateway.follow(sink=Broken())
    other = await gateway.follow()

    await world.touch_now(OBJECTS[1], OBJECTS[2])

    await other.until_events(2)
    assert type(broken.failure) is GatewayError
    assert "the transport is closed" in caplog.text


class BrokenAtLast(Sink):
    def complete(self) -> None:
        raise RuntimeError("the transport is closed")


async def test_a_sink_that_fails_at_last_is_let_go_of(
    gateway: Gateway, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    asked = {"id": OBJECTS[1]}
    broken = await gateway.follow(NODE_STATUS, asked, sink=BrokenAtLast())
    other = await gateway.follow(NODE_STATUS, asked)

    await world.remove(OBJECTS[1])
    await world.sequence()

    await other.until(lambda: other.is_complete)
    assert type(broken.failure) is GatewayError
    assert "the transport is closed" in caplog.text
    assert gateway.what_is_left() == (0, 0, 0, 0)


async def test_nothing_is_left_of_the_last(gateway: Gateway, world: World) -> None:
    await world.touch_now(OBJECTS[1])
    before = asyncio.all_tasks()
    first = await gateway.follow()
    texts = [WITH_NODES, "subscription { statusChanged { __typename } }"]
    sinks = [
        await gateway.follow(text, {}, sink=Sink(takes=takes))
        for text in texts
        for takes in (1, 2, None)
    ]
    sinks += [
        await gateway.follow(variables={"after": first.last_cursor, "filter": {"kinds": [kind]}})
        for kind in ("OBJECT", "BUCKET")
    ]

    await world.touch_now(*OBJECTS)
    await first.until_events(5)
    for each in (first, *sinks):
        each.stop()
        each.following.stop()  # type: ignore[union-attr]  # twice does no harm
    await asyncio.sleep(0)

    assert gateway.what_is_left() == (0, 0, 0, 0)
    await until(lambda: _are(before))


async def _are(tasks: set[asyncio.Task[Any]]) -> bool:
    return asyncio.all_tasks() <= tasks


async def test_survives_that_postgres_crashes(tmp_path: Path) -> None:
    with (
        lent_folder() as folder,
        open_state(folder) as state,
        open_postgres(state, settings=TESTING) as postgres,
    ):
        await migrate.up(postgres.url)
        connection = await asyncpg.connect(
            postgres.url, server_settings={"synchronous_commit": "on"}
        )
        world = World(connection, ONE)
        await world.make()
        await connection.fetchval("SELECT open_event_epoch()")
        await world.sequence()
        connection.terminate()
        async with (
            open_database(postgres.url) as database,
            running(Sequencer(database, retention_days=7)),
            gateway_on(database, tmp_path) as one,
            gateway_on(database, tmp_path) as other,
        ):
            readers = [Resuming(each) for each in (one, other)]
            for reader in readers:
                await reader.resume()
            for turn in range(3):
                await write_until_done(postgres.url)
                if turn < 2:
                    await crash(postgres.url)
            await assert_all_were_told(postgres.url, readers)


class Resuming:
    """A client that comes back with its cursor whenever its subscription is ended."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._sinks: list[Sink] = []
        self._cursor: str | None = None

    async def resume(self) -> None:
        while True:
            sink = Sink()
            found = await self._gateway.ask(variables={"after": self._cursor}, sink=sink)
            assert not isinstance(found, list), found
            if sink.messages or not sink.failure:
                self._sinks.append(sink)
                return
            await asyncio.sleep(0.05)

    async def look(self) -> list[tuple[str, int]]:
        last = self._sinks[-1]
        if last.failure:
            if last.messages:
                self._cursor = last.last_cursor
            await self.resume()
        assert not any(word == "StatusReset" for each in self._sinks for word, _ in each.words)
        return [event for each in self._sinks for event in each.seen]


async def write_until_done(url: str) -> None:
    """Change each object three times, however often the connection is lost."""
    written = 0
    while written < 30:
        try:
            connection = await asyncpg.connect(
                url, server_settings={"synchronous_commit": "on", "app.namespace_id": ONE}
            )
        except LOST:
            await asyncio.sleep(0.05)
            continue
        try:
            while written < 30:
                await World(connection, ONE).touch(OBJECTS[written % 10])
                written += 1
        except LOST:
            pass
        finally:
            connection.terminate()


async def assert_all_were_told(url: str, readers: list[Resuming]) -> None:
    connection = await asyncpg.connect(url, server_settings={"app.namespace_id": ONE})
    versions = await World(connection, ONE).versions()
    connection.terminate()
    wanted = {(id, version) for id, last in versions for version in range(2, last + 1)}
    for reader in readers:

        async def has_all(reader: Resuming = reader) -> bool:
            seen = await reader.look()
            assert len(seen) == len(set(seen))
            return set(seen) == wanted

        await until(has_all)


async def test_two_gateways_tell_the_same(
    gateway: Gateway, world: World, database: Database, tmp_path: Path
) -> None:
    async with gateway_on(database, tmp_path) as other:
        here, there = await gateway.follow(), await other.follow()
        start = here.last_cursor
        assert start == there.last_cursor
        for _ in range(5):
            await world.touch_now(*OBJECTS)
        await here.until_events(50)
        await there.until_events(50)
        assert here.texts == there.texts

        crossed = await other.follow(variables={"after": here.cursors[20]})
        await crossed.until_events(30)
        assert crossed.texts[1:31] == here.texts[21:]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
