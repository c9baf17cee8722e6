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


async def test_each_term_begins_an_epoch_and_loses_nothing(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    log = Log(sql)
    await log.read()
    await sql.execute(UPDATE, "obj_1")

    assert await sql.fetchval("SELECT open_event_epoch()") == 2
    await sql.execute(UPDATE, "obj_2")

    assert await log.read() == [("obj_1", 2), ("obj_2", 2)]
    assert await sql.fetchval("SELECT open_event_epoch()") == 3
    assert [tuple(row) for row in await superuser.fetch(EPOCHS)] == [(1, 1), (2, 13), (3, 15)]


@pytest.mark.usefixtures("sql")
async def test_the_mark_of_an_epoch_is_given_once(superuser: asyncpg.Connection) -> None:
    """Also by two copies of a database that do the same."""
    marks = set()
    for _ in range(20):
        transaction = superuser.transaction()
        await transaction.start()
        await superuser.fetchval("SELECT open_event_epoch()")
        marks.add(await superuser.fetchval("SELECT max(mark) FROM event_epochs WHERE epoch = 2"))
        await transaction.rollback()

    assert len(marks) == 20
    assert all(0 <= mark < 2**32 for mark in marks)


async def test_a_term_in_which_nothing_happens_leaves_no_epoch(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    for _ in range(3):
        assert await sql.fetchval("SELECT open_event_epoch()") == 2

    assert [tuple(row) for row in await superuser.fetch(EPOCHS)] == [(1, 1), (2, 13)]


async def test_epochs_that_are_older_than_the_log_are_forgotten(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    for number in range(3):
        await sql.execute(UPDATE, f"obj_{number}")
        await sql.fetchval("SELECT sequence_events(10)")
        await sql.fetchval("SELECT open_event_epoch()")

    # The place before what is kept counts still, and is in the second.
    await superuser.execute("DELETE FROM event_log WHERE seq <= 14")
    await sql.fetchval("SELECT open_event_epoch()")
    assert [tuple(row) for row in await superuser.fetch(EPOCHS)] == [(2, 14), (3, 15), (4, 16)]
    await superuser.execute("DELETE FROM event_log")
    await sql.fetchval("SELECT open_event_epoch()")

    assert [tuple(row) for row in await superuser.fetch(EPOCHS)] == [(3, 15), (4, 16)]


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

    assert await sql.fetchval("SELECT open_event_epoch()") == 3
    await still_open.execute("COMMIT")
    await sql.execute(UPDATE, "obj_6")

    assert await log.read() == [("obj_3", 2), ("obj_5", 2), ("obj_4", 2), ("obj_6", 2)]
    assert [tuple(row) for row in await superuser.fetch(EPOCHS)] == [(1, 1), (2, 15), (3, 17)]


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
