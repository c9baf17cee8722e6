from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.events.conftest import Connect
from tests.events.readers import BelowTheOldest, ById, Log
from tests.events.schedule import ENTITIES, Reader, Schedule, invented, lost
from tests.ordering import misordered

SESSIONS = 5
STEPS = 150
UPDATE = "UPDATE objects SET version = version + 1 WHERE id = $1"


async def run_schedule(
    connect: Connect, observer: asyncpg.Connection, readers: list[Reader], seed: int
) -> Schedule:
    connections = [await connect() for _ in range(SESSIONS)]
    schedule = Schedule(connections, observer, readers, seed)
    await schedule.run(STEPS)
    for each in connections:
        await each.close()
    return schedule


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        count = metafunc.config.getoption("event_schedules")
        metafunc.parametrize("seed", range(count))


@pytest.mark.usefixtures("sql")
async def test_loses_nothing_repeats_nothing_and_keeps_the_order(
    connect: Connect, superuser: asyncpg.Connection, seed: int
) -> None:
    clearing = Log(await connect(), is_cleared=True)
    piece_by_piece = Log(await connect(), most=2)
    readers: list[Reader] = [clearing, piece_by_piece]
    for each in readers:
        await each.read()

    schedule = await run_schedule(connect, superuser, readers, seed)

    assert len(schedule.committed) > STEPS / 10
    for seen in schedule.seen.values():
        assert lost(schedule.committed, seen) == 0
        assert invented(schedule.committed, seen) == 0
        assert misordered(seen) == 0


@pytest.mark.usefixtures("sql")
async def test_the_schedules_catch_cursors_that_are_wrong(
    connect: Connect, superuser: asyncpg.Connection
) -> None:
    caught = {"lost by id": 0, "misordered below the oldest": 0}
    for seed in range(6):
        by_id, below = ById(superuser), BelowTheOldest(superuser)
        readers: list[Reader] = [by_id, below]
        for each in readers:
            await each.read()
        schedule = await run_schedule(connect, superuser, readers, seed)
        caught["lost by id"] += lost(schedule.committed, schedule.seen[by_id])
        caught["misordered below the oldest"] += misordered(schedule.seen[below])

    assert all(caught.values()), caught


async def test_two_that_sequence_at_once_number_each_event_once(
    sql: asyncpg.Connection, connect: Connect
) -> None:
    log = Log(sql)
    await log.read()
    stopped = asyncio.Event()

    async def sequence() -> None:
        connection = await connect()
        while not stopped.is_set():
            await connection.fetchval("SELECT sequence_events(3)")

    async def write(entity: str) -> None:
        connection = await connect()
        for _ in range(50):
            await connection.execute(UPDATE, entity)

    sequencing = [asyncio.create_task(sequence()) for _ in range(3)]
    await asyncio.gather(*(write(each) for each in ENTITIES))
    stopped.set()
    await asyncio.gather(*sequencing)

    seen = await log.read()
    assert len(seen) == len(set(seen)) == 50 * len(ENTITIES)
    assert misordered(seen) == 0
    assert await sql.fetchval("SELECT count(*) FROM event_log WHERE seq <= 12") == 12


async def test_a_batch_that_fails_in_the_end_leaves_nothing(
    sql: asyncpg.Connection, connect: Connect
) -> None:
    log = Log(sql)
    await log.read()
    await sql.execute(UPDATE, "obj_1")
    sequencing = await connect()

    transaction = sequencing.transaction()
    await transaction.start()
    assert await sequencing.fetchval("SELECT sequence_events(10)") == 1
    await transaction.rollback()

    assert await log.read() == [("obj_1", 2)]
    assert await log.read() == []


async def test_a_backlog_is_moved_piece_by_piece_while_writers_go_on(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    log = Log(sql, most=1000)
    await log.read()
    for _ in range(3):
        await sql.execute("UPDATE objects SET version = version + 1")

    moved: list[int] = []
    while not moved or moved[-1] == 7:
        moved.append(await sql.fetchval("SELECT sequence_events(7)"))
        if len(moved) < 3:
            await sql.execute(UPDATE, "obj_1")

    assert moved == [7, 7, 7, 7, 2]
    seen = await log.read()
    assert [version for entity, version in seen if entity == "obj_1"] == [2, 3, 4, 5, 6]
    rows = await superuser.fetch("SELECT node_id, version FROM event_log WHERE seq > 12")
    assert len(rows) == len({tuple(row) for row in rows}) == 32


async def test_tells_of_what_is_new_in_the_log(sql: asyncpg.Connection, connect: Connect) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    listening = await connect(None)
    await listening.add_listener("events", lambda *arguments: told.put_nowait(arguments[-1]))

    await sql.execute("UPDATE objects SET version = 2 WHERE id < 'obj_4'")
    await sql.fetchval("SELECT sequence_events(10)")

    async with asyncio.timeout(20):
        assert await told.get() == "16"


async def test_the_day_of_the_log_never_goes_back(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    """A server whose clock is behind goes on in the day of the one before it."""
    await superuser.execute("UPDATE event_batches SET day = day + 3")

    await sql.execute(UPDATE, "obj_1")
    await sql.fetchval("SELECT sequence_events(10)")

    assert await superuser.fetchval("""
        SELECT array_agg(DISTINCT day - (now() AT TIME ZONE 'UTC')::date) FROM event_log
    """) == [0, 3]
