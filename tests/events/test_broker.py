"""Whatever a broker does, subscribers are told what the log has: all of it, once, and in order."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from gateway.database.embedded.options import TESTING
from gateway.database.embedded.server import open_postgres
from gateway.database.pool import Database
from gateway.database.state import open_state
from gateway.events import tailer
from gateway.events.broker import nats
from gateway.events.broker.channel import SUBJECTS, Channel, find_channel
from gateway.events.broker.nats import Broker
from gateway.events.log import NEW_COLUMNS, READ_NEW, Batch
from gateway.observing.broker_traffic import BrokerTraffic
from gateway.tasks import end
from tests.conftest import lent_folder
from tests.events.conftest import Connect
from tests.events.following import Gateway, Sink, gateway_on
from tests.events.schedule import ENTITIES, Schedule, invented, lost
from tests.events.test_random_subscribers import Follower
from tests.events.test_sequencer import until
from tests.events.test_sequencing import SESSIONS
from tests.events.world import OBJECTS, ONE, World
from tests.nats import Nats, StartNats
from tests.ordering import misordered

STEPS = 400


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        count = metafunc.config.getoption("event_schedules")
        metafunc.parametrize("seed", range(count))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(nats, "RETRY_AFTER_S", 0.05)
    caplog.set_level(logging.WARNING)


@pytest.fixture
def only_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a gateway look into the log only where the broker leaves a hole."""
    for name in ("LOOK_EVERY_S", "PATIENCE_S", "BROKER_MAY_TAKE_S"):
        monkeypatch.setattr(tailer, name, 3600)


def broker_at(server: Nats, *, publishes: Callable[[], bool]) -> Broker:
    return Broker([server.url], publishes=publishes, traffic=BrokerTraffic())


@asynccontextmanager
async def sending(database: Database, folder: Path, server: Nats) -> AsyncIterator[Gateway]:
    """Run the gateway that tells the others; events are sequenced by the test."""
    broker = broker_at(server, publishes=lambda: True)
    async with gateway_on(database, folder, broker=broker) as gateway:
        await until_connected(broker)
        yield gateway


@asynccontextmanager
async def listening(
    database: Database, folder: Path, server: Nats
) -> AsyncIterator[tuple[Gateway, BrokerTraffic]]:
    broker = broker_at(server, publishes=lambda: False)
    async with gateway_on(database, folder, broker=broker) as gateway:
        await until_connected(broker)
        yield gateway, broker.traffic


async def until_connected(*brokers: Broker) -> None:
    async def are() -> bool:
        return all(each.traffic.is_connected for each in brokers)

    await until(are)


@pytest.mark.usefixtures("only_broker")
async def test_what_one_has_read_the_others_need_not(
    world: World, database: Database, tmp_path: Path, nats_server: Nats
) -> None:
    async with (
        sending(database, tmp_path, nats_server) as one,
        listening(database, tmp_path, nats_server) as (other, traffic),
    ):
        here, there = await one.follow(), await other.follow()
        for turn in range(5):
            await world.touch_now(*OBJECTS)
            await there.until_events(10 * (turn + 1))
        await here.until_events(50)

    assert there.texts == here.texts
    assert traffic.received >= 5
    assert (traffic.filled, traffic.unreadable) == (0, 0)


class Relay:
    """Stands between the broker of one gateway and that of others, and is bad at it."""

    # Of each so many messages, in an order drawn by chance.
    FATES = ("pass", "pass", "pass", "lose", "lose", "double", "hold", "spoil")

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311
        self._fates: list[str] = []
        self._held: list[Msg] = []
        self._to = Client()
        self.done = Counter[str]()

    @asynccontextmanager
    async def between(self, here: Nats, there: Nats) -> AsyncIterator[None]:
        async with connected(here) as source, connected(there) as self._to:
            await source.subscribe(f"{SUBJECTS}.>", cb=self._take)
            await source.flush()
            yield

    async def _take(self, message: Msg) -> None:
        if not message.data:
            return
        self._fates = self._fates or self._random.sample(self.FATES, len(self.FATES))
        what = self._fates.pop()
        self.done[what] += 1
        if what in ("pass", "double"):
            await self._to.publish(message.subject, message.data)
        if what == "spoil":
            await self._to.publish(message.subject, message.data[:-1])
        if what in ("double", "hold"):
            self._held.append(message)
        while self._held and self._random.random() < 0.4:
            late = self._held.pop(self._random.randrange(len(self._held)))
            await self._to.publish(late.subject, late.data)


@asynccontextmanager
async def connected(server: Nats) -> AsyncIterator[Client]:
    client = Client()
    await client.connect(server.url)
    try:
        yield client
    finally:
        await client.close()


async def test_each_gets_exactly_what_was_committed_through_a_faulty_broker(
    worlds: tuple[World, World],
    connect: Connect,
    superuser: asyncpg.Connection,
    database: Database,
    tmp_path: Path,
    start_nats: StartNats,
    seed: int,
) -> None:
    one, _ = worlds
    await one.add(*ENTITIES)
    await one.sequence()
    servers, relay = [start_nats() for _ in range(2)], Relay(seed)
    async with (
        relay.between(*servers),
        sending(database, tmp_path, servers[0]) as gateway,
        listening(database, tmp_path, servers[1]) as (other, traffic),
    ):
        staying = await other.follow()
        followers = [Follower([gateway, other], one, seed * 10 + number) for number in range(3)]
        for follower in followers:
            await follower.begin()
        schedule = Schedule(
            [await connect(ONE) for _ in range(SESSIONS)], superuser, [*followers], seed
        )
        await schedule.run(STEPS)

        committed = schedule.committed
        assert len(committed) > STEPS / 8
        for follower in followers:
            await follower.finish(len(committed))
            assert follower.told == followers[0].told
            follower.stop()
        await staying.until_events(len(committed))
        for seen in (staying.seen, [seen for _, _, seen in followers[0].told]):
            assert (lost(committed, seen), invented(committed, seen), misordered(seen)) == (0, 0, 0)
        staying.stop()
    assert relay.done["pass"]
    assert relay.done["lose"]
    assert traffic.received


class Sender:
    """Publishes batches by hand, as any gateway on the database could."""

    def __init__(self, client: Client, channel: Channel, superuser: asyncpg.Connection) -> None:
        self.channel = channel
        self._client = client
        self._superuser = superuser

    async def batch(self, world: World, *ids: str) -> Batch:
        """Change objects; return what that put into the log. Nobody is notified of it."""
        after = await self._superuser.fetchval("SELECT coalesce(max(seq), 0) FROM event_log")
        await world.touch_now(*ids)
        rows = await self._superuser.fetch(READ_NEW, after, 1000)
        assert len(rows) == len(ids)
        return Batch(rows[0]["epoch"], rows)

    async def send(self, *batches: Batch | bytes) -> None:
        for each in batches:
            sealed = each if isinstance(each, bytes) else self.channel.seal(each)
            await self._client.publish(self.channel.subject, sealed)


@pytest.fixture
async def sender(
    world: World,  # noqa: ARG001 - the database has an epoch
    connect: Connect,
    superuser: asyncpg.Connection,
    nats_server: Nats,
) -> AsyncIterator[Sender]:
    async with connected(nats_server) as client:
        yield Sender(client, await find_channel(await connect(None)), superuser)


@pytest.fixture
async def heard(
    only_broker: None,  # noqa: ARG001
    world: World,  # noqa: ARG001
    database: Database,
    tmp_path: Path,
    nats_server: Nats,
) -> AsyncIterator[tuple[Sink, BrokerTraffic]]:
    """One who follows, and what came through the broker to its gateway."""
    async with listening(database, tmp_path, nats_server) as (gateway, traffic):
        yield await gateway.follow(), traffic


Heard = tuple[Sink, BrokerTraffic]


async def test_what_comes_twice_is_told_once(heard: Heard, sender: Sender, world: World) -> None:
    sink, traffic = heard
    first = await sender.batch(world, *OBJECTS[:3])
    second = await sender.batch(world, *OBJECTS[3:6])
    both = Batch(first.epoch, [*first.rows, *second.rows])

    await sender.send(first, first, both, second, both, first)
    await sender.send(await sender.batch(world, OBJECTS[6]))

    await sink.until_events(7)
    assert sink.seen == [(id, 2) for id in OBJECTS[:7]]
    assert traffic.filled == 0


async def test_a_hole_is_filled_from_the_log(heard: Heard, sender: Sender, world: World) -> None:
    sink, traffic = heard
    first, _, third = [await sender.batch(world, id) for id in OBJECTS[:3]]

    await sender.send(third, first)

    await sink.until_events(3)
    assert sink.seen == [(id, 2) for id in OBJECTS[:3]]
    assert traffic.filled == 3


async def test_what_nobody_on_the_database_sent_is_not_told(
    heard: Heard, sender: Sender, world: World
) -> None:
    sink, traffic = heard
    good = await sender.batch(world, OBJECTS[1])
    sealed = sender.channel.seal(good)
    of_a_copy = Channel(bytes(32), "another server").seal(good)

    await sender.send(b"junk", sealed[:-1], sealed[:20], of_a_copy, b"[1, []]")
    await sender.send(sealed[:15] + bytes([sealed[15] ^ 1]) + sealed[16:], good)

    await sink.until_events(1)
    assert sink.seen == [(OBJECTS[1], 2)]
    assert (traffic.received, traffic.unreadable) == (7, 6)


async def test_what_no_broker_brings_is_read_when_the_database_tells_of_it(
    world: World,
    database: Database,
    tmp_path: Path,
    nats_server: Nats,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOOK_EVERY_S", "PATIENCE_S"):
        monkeypatch.setattr(tailer, name, 3600)
    async with listening(database, tmp_path, nats_server) as (gateway, traffic):
        sink = await gateway.follow()

        await world.touch_now(*OBJECTS)

        await sink.until_events(10)
        assert (traffic.received, traffic.filled) == (0, 10)


@pytest.mark.parametrize("brings", [False, True])
async def test_who_is_about_to_follow_is_told_of_as_much_as_who_does(
    world: World,
    sender: Sender,
    database: Database,
    tmp_path: Path,
    nats_server: Nats,
    monkeypatch: pytest.MonkeyPatch,
    brings: bool,
) -> None:
    """By the broker, or if that brings nothing by the database."""
    for name in ("LOOK_EVERY_S", "PATIENCE_S", "ATTENTIVE_S"):
        monkeypatch.setattr(tailer, name, 3600)
    if brings:
        monkeypatch.setattr(tailer, "BROKER_MAY_TAKE_S", 3600)
    async with listening(database, tmp_path, nats_server) as (gateway, _):
        await gateway.hub._tailer.catch_up()
        before = gateway.hub.position

        batch = await sender.batch(world, OBJECTS[1])
        if brings:
            await sender.send(batch)

        async def is_told() -> bool:
            return gateway.hub.position == before + 1

        await until(is_told)


async def test_what_is_of_another_epoch_is_the_logs_to_tell(
    heard: Heard, sender: Sender, world: World
) -> None:
    sink, traffic = heard
    batch = await sender.batch(world, OBJECTS[1])
    other = [{**dict(batch.rows[0]), "node_id": OBJECTS[9]}]

    await sender.send(Batch(batch.epoch - 1, other), Batch(batch.epoch + 1, other))

    await sink.until_events(1)
    assert sink.seen == [(OBJECTS[1], 2)]
    assert traffic.filled == 1


async def test_copies_of_a_database_never_meet(
    connect: Connect, postgres_url: str, migrated_database_url: str
) -> None:
    """Their key is the same one, and so are server, tables and numbers."""
    again = await asyncpg.connect(postgres_url)
    copy = await asyncpg.connect(migrated_database_url)
    here, same, other = [await find_channel(each) for each in (await connect(), again, copy)]
    for each in (again, copy):
        await each.close()

    sealed = here.seal(Batch(1, []))
    assert same.subject == here.subject
    assert same.open(sealed) == Batch(1, [])
    assert other.subject != here.subject
    assert other.open(sealed) is None


async def test_a_server_that_is_started_again_has_another_channel() -> None:
    """So has a server on a copy of its files, which is the same in all else."""
    with (
        lent_folder() as folder,
        open_state(folder) as state,
        open_postgres(state, settings=TESTING) as postgres,
    ):
        found = []
        for _ in range(2):
            connection = await asyncpg.connect(postgres.url)
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS event_cursor_keys AS SELECT 'key'::bytea AS key"
            )
            found.append(await find_channel(connection))
            await connection.close()
            postgres.stop()
            postgres.start()

    one, other = found
    assert one.subject != other.subject
    assert other.open(one.seal(Batch(1, []))) is None


async def test_gateways_meet_again_where_the_database_goes_on(nats_server: Nats) -> None:
    moved, too, stays = [broker_at(nats_server, publishes=lambda: True) for _ in range(3)]
    before, after = Channel(b"key", "one server"), Channel(b"key", "another server")
    batch = Batch(1, [dict.fromkeys(NEW_COLUMNS) | {"at": datetime.now(UTC)}])
    tasks = [asyncio.create_task(each.run()) for each in (moved, too, stays)]
    try:
        for each in (moved, too, stays):
            each.meet(before)
        await until_connected(moved, too, stays)
        for each in (moved, too):
            each.meet(after)

        async def has_come() -> bool:
            moved.publish(batch)
            return batch in too.brought()

        await until(has_come)
        assert (stays.traffic.received, stays.traffic.is_connected) == (0, True)
    finally:
        for task in tasks:
            await end(task)


async def test_whoever_leads_next_tells_the_others(
    world: World, database: Database, tmp_path: Path, nats_server: Nats
) -> None:
    """Also while nobody seems to, and while one has not noticed yet that it does no more."""
    leaders: set[int] = set()
    brokers = [
        broker_at(nats_server, publishes=lambda: 0 in leaders),
        broker_at(nats_server, publishes=lambda: 1 in leaders),
    ]
    async with (
        gateway_on(database, tmp_path, broker=brokers[0]) as one,
        gateway_on(database, tmp_path, broker=brokers[1]) as other,
    ):
        await until_connected(*brokers)
        sinks = [await one.follow(), await other.follow()]
        for turn, who in enumerate(({0}, {1}, {0, 1}, set[int](), {1}, {0})):
            leaders = who
            await world.touch_now(*OBJECTS)
            for sink in sinks:
                await sink.until_events(10 * (turn + 1))

    assert sinks[0].texts == sinks[1].texts
    assert sinks[0].seen == [(id, version) for version in range(2, 8) for id in OBJECTS]
    assert all(each.traffic.published for each in brokers)
    assert all(each.traffic.received for each in brokers)


class Counting(Client):
    """Counts how often anybody tried to connect."""

    attempts = 0

    async def connect(self, *arguments: Any, **options: Any) -> None:
        Counting.attempts += 1
        await super().connect(*arguments, **options)


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    monkeypatch.setattr(nats, "Client", Counting)
    monkeypatch.setattr(Counting, "attempts", 0)
    return lambda: Counting.attempts


async def until_tried(attempts: Callable[[], int], count: int) -> None:
    async def is_so() -> bool:
        return attempts() >= count

    await until(is_so)


async def test_a_broker_that_is_gone_is_told_once_and_used_when_it_comes(
    world: World,
    database: Database,
    tmp_path: Path,
    nats_server: Nats,
    attempts: Callable[[], int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    nats_server.kill()
    broker = broker_at(nats_server, publishes=lambda: False)
    async with gateway_on(database, tmp_path, broker=broker) as other:
        sink = await other.follow()
        await world.touch_now(*OBJECTS)
        await sink.until_events(10)
        await until_tried(attempts, 4)
        (told,) = [record.getMessage() for record in caplog.records]
        assert told.startswith("no events go through NATS (")
        assert nats_server.address.rpartition(":")[2] in told

        nats_server.start()
        await until_connected(broker)
        async with sending(database, tmp_path, nats_server):
            await world.touch_now(*OBJECTS)
            await sink.until_events(20)
            await sink.until(lambda: broker.traffic.received)

    assert [record.getMessage() for record in caplog.records][1:] == [
        "events go through NATS again"
    ]
    assert sink.seen == [(id, version) for version in (2, 3) for id in OBJECTS]


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_a_broker_that_ends_or_freezes_in_the_middle_takes_nothing_along(
    world: World, database: Database, tmp_path: Path, nats_server: Nats, how: str
) -> None:
    async with (
        sending(database, tmp_path, nats_server) as one,
        listening(database, tmp_path, nats_server) as (other, traffic),
        listening(database, tmp_path, nats_server) as (third, _),
    ):
        sinks = [await each.follow() for each in (one, other, third)]
        for turn in range(6):
            if turn in (1, 3) and how == "kill":
                nats_server.kill()
            with nats_server.frozen() if turn in (1, 3) and how == "freeze" else nullcontext():
                await world.touch_now(*OBJECTS)
                for sink in sinks:
                    await sink.until_events(10 * (turn + 1))
            if turn in (1, 3) and how == "kill":
                nats_server.start()
        received = traffic.received
        while traffic.received == received:  # it is used again
            count = len(sinks[1].events) + 10
            await world.touch_now(*OBJECTS)
            await sinks[1].until_events(count)
        for sink in sinks:
            await sink.until_events(count)

    assert sinks[0].texts == sinks[1].texts == sinks[2].texts
    assert sinks[0].seen == [(id, 2 + turn) for turn in range(count // 10) for id in OBJECTS]


PASSWORD = "s:cr@t/1"  # noqa: S105
NOT_THIS_SUBJECT = """
authorization { users = [{
  user: gateway, password: %s, permissions: { publish: "other.>", subscribe: "gateway.>" }
}]}
"""


@pytest.mark.parametrize(
    ("options", "user"),
    [
        (["--user", "gateway", "--pass", PASSWORD], f"gateway:{quote(PASSWORD, safe='')}"),
        (["--auth", PASSWORD], quote(PASSWORD, safe="")),
    ],
    ids=["password", "token"],
)
async def test_connects_as_the_url_says(
    world: World,  # noqa: ARG001
    database: Database,
    tmp_path: Path,
    start_nats: StartNats,
    options: list[str],
    user: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = start_nats(*options)
    dead = [f"nats://127.0.0.1:{number}" for number in range(1, 6)]
    broker = Broker(
        [*dead, f"nats://{user}@{server.address}"], publishes=lambda: True, traffic=BrokerTraffic()
    )
    async with gateway_on(database, tmp_path, broker=broker):
        await until_connected(broker)

    assert caplog.records == []


@pytest.mark.parametrize(
    ("password", "reason"),
    [("wrong", "authorization violation"), (PASSWORD, "permissions violation for publish")],
)
async def test_who_may_not_use_the_broker_is_told_once(
    world: World,  # noqa: ARG001
    database: Database,
    tmp_path: Path,
    start_nats: StartNats,
    attempts: Callable[[], int],
    caplog: pytest.LogCaptureFixture,
    password: str,
    reason: str,
) -> None:
    config = tmp_path / "nats.conf"
    config.write_text(NOT_THIS_SUBJECT % json.dumps(PASSWORD))
    server = start_nats("-c", str(config))
    url = f"nats://gateway:{quote(password, safe='')}@{server.address}"
    broker = Broker([url], publishes=lambda: True, traffic=BrokerTraffic())
    async with gateway_on(database, tmp_path, broker=broker):

        async def is_told() -> bool:
            return attempts() > 3 and reason in caplog.text.lower()

        await until(is_told)

    told = [record.getMessage() for record in caplog.records]
    assert len(set(told)) == len(told)  # who is sent away may see no more than that
    assert password not in caplog.text
