# ruff: noqa: S608 - the names of the tables are written below

from __future__ import annotations

from contextlib import suppress

import asyncpg
import pytest

from gateway.database.violations import on_violation
from gateway.enums import EntityKind, Status
from gateway.errors import BadState
from gateway.status import TRANSITIONS

TABLES = {
    EntityKind.BUCKET: ("buckets", "bkt_1"),
    EntityKind.OBJECT: ("objects", "obj_1"),
    EntityKind.DOCUMENT: ("documents", "doc_1"),
    EntityKind.UPLOAD: ("uploads", "upl_1"),
}


@pytest.fixture
async def sql(sql: asyncpg.Connection) -> asyncpg.Connection:
    await sql.execute(
        "INSERT INTO documents (namespace_id, id, collection_id) VALUES ('ns_a', 'doc_1', 'col_1')"
    )
    await sql.execute("""
        INSERT INTO uploads (namespace_id, id, bucket_id, filename, content_type, size_bytes,
            expires_in_s, expires_at)
        VALUES ('ns_a', 'upl_1', 'bkt_1', 'a', 'text/plain', 1, 60, now())
    """)
    return sql


async def test_the_table_and_the_code_tell_the_same_moves(sql: asyncpg.Connection) -> None:
    rows = await sql.fetch("SELECT kind, from_status, to_status FROM status_transitions")

    assert {tuple(row) for row in rows} == {
        (kind, start, end)
        for kind, moves in TRANSITIONS.items()
        for start, ends in moves.items()
        for end in ends
    }


@pytest.mark.parametrize("kind", TRANSITIONS)
def test_the_code_tells_where_every_move_may_go_on_to(kind: EntityKind) -> None:
    moves = TRANSITIONS[kind]

    assert {end for ends in moves.values() for end in ends} <= set(moves)


@pytest.mark.parametrize("kind", TRANSITIONS)
async def test_only_legal_moves_are_made(sql: asyncpg.Connection, kind: EntityKind) -> None:
    table, row_id = TABLES[kind]
    moves = TRANSITIONS[kind]
    made = set()

    for start in moves:
        for end in moves:
            transaction = sql.transaction()
            await transaction.start()
            await put(sql, table, row_id, start)
            refused = {f"ck_{table}_status_move": BadState("no such move")}
            with suppress(BadState), on_violation(**refused):
                await sql.execute(f"UPDATE {table} SET status = $1 WHERE id = $2", end, row_id)
                made.add((start, end))
            await transaction.rollback()

    stays = {(status, status) for status in moves}
    assert made == stays | {(start, end) for start in moves for end in moves[start]}


async def test_a_refusal_names_both_states_and_what_would_be_right(
    sql: asyncpg.Connection,
) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        await sql.execute("UPDATE objects SET status = 'COMPLETED' WHERE id = 'obj_1'")

    assert str(refusal.value).startswith(
        "the status of object obj_1 cannot go from DRAFT to COMPLETED"
    )
    assert refusal.value.detail == "From DRAFT it can go to: PENDING, QUEUED"
    assert refusal.value.table_name == "objects"


async def test_a_bucket_that_is_being_deleted_goes_nowhere(sql: asyncpg.Connection) -> None:
    await sql.execute("UPDATE buckets SET status = 'IN_PROGRESS' WHERE id = 'bkt_1'")

    with pytest.raises(asyncpg.CheckViolationError) as refusal:
        await sql.execute("UPDATE buckets SET status = 'ACTIVE' WHERE id = 'bkt_1'")

    assert refusal.value.detail == "From IN_PROGRESS it can go to: none"


async def test_one_illegal_move_refuses_the_whole_statement(sql: asyncpg.Connection) -> None:
    await sql.execute("UPDATE objects SET status = 'QUEUED'")
    await sql.execute("""
        INSERT INTO objects (namespace_id, id, bucket_id) VALUES ('ns_a', 'obj_2', 'bkt_1')
    """)

    with pytest.raises(asyncpg.CheckViolationError):
        await sql.execute("UPDATE objects SET status = 'PROCESSING'")

    assert await sql.fetchval("SELECT status FROM objects WHERE id = 'obj_1'") == Status.QUEUED


async def put(sql: asyncpg.Connection, table: str, row_id: str, status: Status) -> None:
    """Give a row the status, whatever it has."""
    await sql.execute(f"ALTER TABLE {table} DISABLE TRIGGER refuse_status_move")
    await sql.execute(f"UPDATE {table} SET status = $1 WHERE id = $2", status, row_id)
    await sql.execute(f"ALTER TABLE {table} ENABLE TRIGGER refuse_status_move")
