"""Everything at once: answers of the database come late, and what waits for them overlaps.

Each subscription is told exactly what the log has after its place, once and in order, whoever else
comes and goes meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random

import pytest

from gateway.database.pool import open_database
from gateway.events import known_log, log, tailer
from gateway.events.broker.nats import Broker
from gateway.events.sequencer import Sequencer
from gateway.events.streams import audience, entries, stream
from tests.events.conftest import Connect
from tests.events.crowds import Cursors, Row, Tide, Visitor, own
from tests.events.detour import STALL, Detour, detour_to
from tests.events.following import Gateway, gateway_on
from tests.events.test_broker import broker_at, until_connected
from tests.events.test_sequencer import running, until
from tests.events.world import OBJECTS, ONE, OTHER, World
from tests.nats import Nats

SECONDS = 0.5
KINDS = ("plain", "small", "unhurried", "impatient", "cut", "broker")
# How often each object is changed, by comparison.
OFTEN = (5, 3, *8 * [1])
LOG = """
SELECT seq, node_id, kind, event, version, status FROM event_log
WHERE namespace_id = $1 ORDER BY seq
"""
MOVE = """
UPDATE objects SET version = version + 1, status = CASE status
    WHEN 'DRAFT' THEN 'QUEUED' WHEN 'QUEUED' THEN 'PROCESSING' WHEN 'PROCESSING' THEN $2
    ELSE 'QUEUED' END
WHERE id = $1 AND version < 1000
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        count = metafunc.config.getoption("event_schedules")
        metafunc.parametrize("seed", range(count))


async def test_each_is_told_all_once_and_in_order(
    worlds: tuple[World, World],
    connect: Connect,
    postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    seed: int,
) -> None:
    random = Random(seed)  # noqa: S311
    kind = random.choice(KINDS)
    brokers = brokers_at(request.getfixturevalue("nats_server"), random) if kind == "broker" else []
    late_s = random.choice([0.001, 0.003, 0.006])
    set_bounds(monkeypatch, kind, late_s, random)
    stalls = 0.02 if kind == "impatient" else 0
    async with (
        asyncio.timeout(60),
        detour_to(postgres_url, tmp_path, late_s=late_s, stalls=stalls, seed=seed) as (detour, url),
        gateways_on(url, tmp_path, brokers, random) as gateways,
    ):
        tide = Tide()
        places = {
            each.namespace_id: Cursors(each.namespace_id, gateways[0].context.cursors, each.sql)
            for each in worlds
        }
        visitors = [
            Visitor(gateways, namespace_id, places[namespace_id], tide, own(random))
            for namespace_id in random.choices([ONE, ONE, OTHER], k=random.choice([2, 4, 6, 8]))
        ]
        async with writing(connect, random):
            await visiting(visitors, tide, random, detour if kind == "cut" else None)
        logs = {each.namespace_id: await until_logged(each) for each in worlds}
        judge(visitors, logs)
        monkeypatch.setattr(tailer, "PATIENCE_S", 60)
        detour.straighten()
        await until_all_are_told(visitors, logs)
        for each in visitors:
            each.leave()
        for gateway in gateways:
            assert gateway.what_is_left() == (0, 0, 0, 0)


def set_bounds(monkeypatch: pytest.MonkeyPatch, kind: str, late_s: float, random: Random) -> None:
    """Set how much is done at a time, and waited for."""
    if kind != "plain":
        monkeypatch.setattr(entries, "MOST_EVENTS", random.choice([1, 3, 256]))
        monkeypatch.setattr(audience, "MOST_WRITES", 1)
        monkeypatch.setattr(known_log, "PAGE_EVENTS", random.choice([2, 5]))
        monkeypatch.setattr(log, "PAGE_GRID", random.choice([2, 8]))
        monkeypatch.setattr(stream, "MOST_PENDING", random.choice([1, 4, 1000]))
        monkeypatch.setattr(tailer, "MOST_EVENTS", random.choice([2, 5]))
    if kind == "unhurried":
        monkeypatch.setattr(tailer, "LOOK_EVERY_S", 60)
        monkeypatch.setattr(tailer, "PATIENCE_S", 60)
    if kind == "impatient":
        monkeypatch.setattr(tailer, "LOOK_EVERY_S", 0.01)
        monkeypatch.setattr(tailer, "PATIENCE_S", STALL / 2 * late_s)
        monkeypatch.setattr(tailer, "RETRY_AFTER_S", 0.01)


@asynccontextmanager
async def gateways_on(
    url: str, folder: Path, brokers: Sequence[Broker], random: Random
) -> AsyncIterator[list[Gateway]]:
    """Run two gateways and the sequencer."""
    first, second = brokers or (None, None)
    most_bytes = random.choice([500, 3_000, 10**6])
    async with (
        open_database(url, size=3, slow_s=600) as database,
        running(Sequencer(database, retention_days=7)),
        gateway_on(database, folder, broker=first) as one,
        gateway_on(database, folder, broker=second, most_bytes=most_bytes) as other,
    ):
        await until_connected(*brokers)
        yield [one, other]


def brokers_at(server: Nats, random: Random) -> list[Broker]:
    """Return the brokers of two gateways, of which now this and now that one publishes."""
    loop = asyncio.get_running_loop()
    term_s = random.choice([0.02, 0.1, 10])

    def publishes(turn: int) -> bool:
        return int(loop.time() / term_s) % 2 == turn

    return [broker_at(server, publishes=partial(publishes, turn)) for turn in range(2)]


@asynccontextmanager
async def writing(connect: Connect, random: Random) -> AsyncIterator[None]:
    """Let objects change all the time."""
    is_over = False

    async def write(namespace_id: str, random: Random) -> None:
        sql = await connect(namespace_id)
        while not is_over:
            async with sql.transaction():
                for id in sorted({*random.choices(OBJECTS, OFTEN, k=random.choice([1, 1, 2, 4]))}):
                    await sql.execute(MOVE, id, random.choice(["COMPLETED", "FAILED"]))
                    if random.random() < 0.2:
                        await asyncio.sleep(random.random() / 100)
            if random.random() < 0.5:
                await sql.fetchval("SELECT sequence_events($1)", random.choice([1, 3, 1000]))
            if random.random() < 0.03:
                await sql.fetchval("SELECT open_event_epoch()")
            await asyncio.sleep(random.expovariate(1 / 0.01))

    tasks = [
        asyncio.create_task(write(namespace_id, own(random))) for namespace_id in (ONE, ONE, OTHER)
    ]
    try:
        yield
    finally:
        is_over = True
        await asyncio.gather(*tasks)


async def visiting(
    visitors: Sequence[Visitor], tide: Tide, random: Random, detour: Detour | None
) -> None:
    """Let all come and go for a while, each by itself and all at once."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + SECONDS

    async def come_and_go(visitor: Visitor, random: Random) -> None:
        while loop.time() < ends_at:
            await tide.until_in()
            if random.random() < 0.7:
                await asyncio.sleep(random.expovariate(1 / random.choice([0.001, 0.01])))
            await visitor.visit()

    async def turn() -> None:
        while loop.time() < ends_at:
            await asyncio.sleep(random.expovariate(1 / 0.02))
            await tide.go_out(random.expovariate(1 / 0.005))
            if detour is not None and random.random() < 0.1:
                detour.cut()

    comers = [come_and_go(each, own(random)) for each in visitors]
    await asyncio.gather(turn(), *comers)


async def until_logged(world: World) -> Sequence[Row]:
    """Return the log once it has all that was committed."""

    async def is_so() -> bool:
        await world.sequence()
        left: int = await world.sql.fetchval(
            "SELECT count(*) FROM objects o WHERE version > (SELECT max(version) FROM event_log e"
            " WHERE e.node_id = o.id AND e.namespace_id = o.namespace_id)"
        )
        return left == 0

    await until(is_so)
    return await world.sql.fetch(LOG, world.namespace_id)


def judge(visitors: Sequence[Visitor], logs: dict[str, Sequence[Row]]) -> None:
    """Fail if anyone was told wrong."""
    for visitor in visitors:
        for told in visitor.told:
            told.lacks(logs[visitor.namespace_id])


async def until_all_are_told(visitors: Sequence[Visitor], logs: dict[str, Sequence[Row]]) -> None:
    """Let all stay; return once each was told everything."""

    async def are() -> bool:
        await asyncio.gather(*(each.stay() for each in visitors))
        return not any(each.told[-1].lacks(logs[each.namespace_id]) for each in visitors)

    await until(are)
