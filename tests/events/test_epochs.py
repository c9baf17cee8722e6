from __future__ import annotations

import asyncpg
import pytest

from tests.events.conftest import Connect
from tests.events.readers import Log

EPOCHS = "SELECT epoch, first_seq FROM event_epochs ORDER BY epoch"
UPDATE = "UPDATE objects SET version = version + 1 WHERE id = $1"
# What a restored dump has in it: numbers of transactions of another server, here later ones.
RESTORE = """
    UPDATE event_epochs SET server = 'another';
    UPDATE event_outbox SET xid = (xid::text::bigint + 1000000)::text::xid8;
    UPDATE event_batches SET snapshot = format('%s:%s:',
        pg_snapshot_xmax(snapshot)::text::bigint + 1000000,
        pg_snapshot_xmax(snapshot)::text::bigint + 1000000)::pg_snapshot;
"""


async def test_an_epoch_lasts_as_long_as_the_server(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    for _ in range(3):
        assert await sql.fetchval("SELECT open_event_epoch()") == 1

    assert [tuple(row) for row in await superuser.fetch(EPOCHS)] == [(1, 1)]


async def test_a_failover_begins_an_epoch_and_loses_nothing(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    log = Log(sql)
    await log.read()
    await sql.execute(UPDATE, "obj_1")
    await superuser.execute("UPDATE event_epochs SET timeline = '00000000'")

    assert await sql.fetchval("SELECT open_event_epoch()") == 2
    await sql.execute(UPDATE, "obj_2")

    assert [tuple(row) for row in await superuser.fetch(EPOCHS)] == [(1, 1), (2, 13)]
    assert await log.read() == [("obj_1", 2), ("obj_2", 2)]


@pytest.mark.parametrize("is_cleared", [True, False])
async def test_a_restored_database_goes_on_where_its_log_ends(
    sql: asyncpg.Connection, superuser: asyncpg.Connection, connect: Connect, is_cleared: bool
) -> None:
    log = Log(sql, is_cleared=is_cleared)
    await sql.execute(UPDATE, "obj_1")
    await log.read()
    await sql.execute(UPDATE, "obj_2")
    await log.read()
    await sql.execute(UPDATE, "obj_3")  # in the outbox, and not in the log
    await superuser.execute(RESTORE)
    still_open = await connect()
    await still_open.execute("BEGIN")
    await still_open.execute(UPDATE, "obj_4")
    await sql.execute(UPDATE, "obj_5")

    assert await sql.fetchval("SELECT open_event_epoch()") == 2
    await still_open.execute("COMMIT")
    await sql.execute(UPDATE, "obj_6")

    assert await log.read() == [("obj_3", 2), ("obj_5", 2), ("obj_4", 2), ("obj_6", 2)]
    assert [tuple(row) for row in await superuser.fetch(EPOCHS)] == [(1, 1), (2, 15)]


async def test_a_database_that_was_never_sequenced_begins_with_all_it_has(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    await superuser.execute(
        "DELETE FROM event_epochs; DELETE FROM event_log; DELETE FROM event_batches"
    )
    await sql.execute(UPDATE, "obj_1")

    assert await sql.fetchval("SELECT open_event_epoch()") == 1

    assert await Log(sql).read() == [("obj_1", 2)]
    assert [tuple(row) for row in await superuser.fetch(EPOCHS)] == [(1, 1)]
