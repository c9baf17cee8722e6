from __future__ import annotations

import asyncpg
import pytest

from gateway.database.pool import Database
from gateway.events import clearing
from tests.events.conftest import Connect
from tests.events.readers import Log

COUNT = "SELECT count(*) FROM event_outbox"


async def test_removes_what_is_in_the_log_and_nothing_else(
    sql: asyncpg.Connection, superuser: asyncpg.Connection, connect: Connect, database: Database
) -> None:
    log = Log(sql)
    await log.read()
    still_open = await connect()
    await still_open.execute("BEGIN")
    await still_open.execute("UPDATE objects SET version = 2 WHERE id = 'obj_1'")
    await sql.execute("UPDATE objects SET version = 2 WHERE id = 'obj_2'")
    assert await log.read() == [("obj_2", 2)]
    await sql.execute("UPDATE objects SET version = 2 WHERE id = 'obj_3'")
    await still_open.execute("COMMIT")

    assert await clearing.clear_some(database) == 1
    assert await clearing.clear_some(database) == 0

    assert await superuser.fetchval(COUNT) == 2
    assert await log.read() == [("obj_1", 2), ("obj_3", 2)]


async def test_keeps_what_a_backlog_is_not_done_with(
    sql: asyncpg.Connection, superuser: asyncpg.Connection, database: Database
) -> None:
    await sql.execute("UPDATE objects SET version = 2")
    assert await sql.fetchval("SELECT sequence_events(4)") == 4

    assert await clearing.clear_some(database) == 0

    assert len(await Log(sql).read()) == 6
    assert await clearing.clear_some(database) == 10
    assert await superuser.fetchval("SELECT count(*) FROM event_batches") == 1


@pytest.fixture
async def week(sql: asyncpg.Connection, superuser: asyncpg.Connection, database: Database) -> None:
    """Events of today and of each of the ten days before."""
    await clearing.drop_old_days(database, 1)  # what other tests left
    await superuser.execute("UPDATE event_log SET seq = seq + 1000")
    for ago in range(1, 11):
        day = f"(now() AT TIME ZONE 'UTC')::date - {ago}"
        await sql.execute(f"SELECT add_event_day({day})")
        await superuser.execute(f"""
            INSERT INTO event_log SELECT seq - {ago} * 20, {day}, outbox_id, namespace_id, kind,
                event, node_id, bucket_id, collection_id, root_object_id, version, previous_status,
                status, error, at
            FROM event_log WHERE seq > 1000
        """)  # noqa: S608


@pytest.mark.usefixtures("week")
async def test_drops_the_days_that_are_too_old(
    superuser: asyncpg.Connection, database: Database
) -> None:
    assert await clearing.drop_old_days(database, 7) == 3
    assert await clearing.drop_old_days(database, 7) == 0

    assert await superuser.fetchval("SELECT count(DISTINCT day) FROM event_log") == 8
    assert await superuser.fetchval("""
        SELECT min(day) = (now() AT TIME ZONE 'UTC')::date - 7 FROM event_log
    """)


@pytest.mark.usefixtures("week")
async def test_waits_for_nobody_who_reads_the_log(
    superuser: asyncpg.Connection, database: Database
) -> None:
    async with superuser.transaction():
        await superuser.fetchval("SELECT count(*) FROM event_log")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await clearing.drop_old_days(database, 7)

    assert await clearing.drop_old_days(database, 7) == 3


async def test_goes_on_after_all_days_are_gone(
    sql: asyncpg.Connection, superuser: asyncpg.Connection, database: Database
) -> None:
    log = Log(sql)
    await log.read()
    await superuser.execute("UPDATE event_batches SET day = day - 9")
    await superuser.execute("DELETE FROM event_log")
    await clearing.drop_old_days(database, -1)

    await sql.execute("UPDATE objects SET version = 2 WHERE id = 'obj_1'")

    assert await log.read() == [("obj_1", 2)]
    assert await superuser.fetchval("SELECT seq FROM event_log") == 13
