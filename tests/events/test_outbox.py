from __future__ import annotations

import asyncpg
import pytest

from tests.events.conftest import Connect

EVENTS = """
    SELECT event, kind, node_id, version, previous_status, status, error, bucket_id, collection_id,
        root_object_id
    FROM event_outbox ORDER BY id
"""
Event = tuple[object, ...]


async def events(superuser: asyncpg.Connection) -> list[Event]:
    return [tuple(row) for row in await superuser.fetch(EVENTS)]


@pytest.mark.parametrize(
    ("change", "event"),
    [
        (
            "INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)"
            " VALUES ('ns_a', 'bkt_2', '2', '{}')",
            ("CREATED", "BUCKET", "bkt_2", 1, None, "ACTIVE", None, "bkt_2", None, None),
        ),
        (
            "UPDATE buckets SET description = 'x', version = version + 1",
            ("UPDATED", "BUCKET", "bkt_1", 2, "ACTIVE", "ACTIVE", None, "bkt_1", None, None),
        ),
        (
            "UPDATE buckets SET status = 'ARCHIVED', version = version + 1",
            (
                *("STATUS_CHANGED", "BUCKET", "bkt_1", 2, "ACTIVE", "ARCHIVED", None, "bkt_1"),
                *(None, None),
            ),
        ),
        (
            "INSERT INTO objects (namespace_id, id, bucket_id) VALUES ('ns_a', 'obj_x', 'bkt_1')",
            ("CREATED", "OBJECT", "obj_x", 1, None, "DRAFT", None, "bkt_1", None, "obj_x"),
        ),
        (
            "UPDATE objects SET status = 'PENDING', error = 'late', version = version + 1"
            " WHERE id = 'obj_1'",
            (
                *("STATUS_CHANGED", "OBJECT", "obj_1", 2, "DRAFT", "PENDING", "late", "bkt_1"),
                *(None, "obj_1"),
            ),
        ),
        (
            "DELETE FROM objects WHERE id = 'obj_1'",
            ("DELETED", "OBJECT", "obj_1", 2, "DRAFT", None, None, "bkt_1", None, "obj_1"),
        ),
        (
            "INSERT INTO documents (namespace_id, id, collection_id, root_object_id,"
            " root_bucket_id) VALUES ('ns_a', 'doc_1', 'col_1', 'obj_1', 'bkt_1')",
            (
                *("CREATED", "DOCUMENT", "doc_1", 1, None, "COMPLETED", None, "bkt_1", "col_1"),
                "obj_1",
            ),
        ),
        (
            "UPDATE collections SET enabled = false, version = version + 1",
            ("UPDATED", "COLLECTION", "col_1", 2, None, None, None, None, "col_1", None),
        ),
        (
            "DELETE FROM collections",
            ("DELETED", "COLLECTION", "col_1", 2, None, None, None, None, "col_1", None),
        ),
        (
            "INSERT INTO uploads (namespace_id, id, bucket_id, filename, content_type, size_bytes,"
            " expires_in_s, expires_at)"
            " VALUES ('ns_a', 'upl_1', 'bkt_1', 'a.png', 'image/png', 1, 60, now())",
            ("CREATED", "UPLOAD", "upl_1", 1, None, "PENDING", None, "bkt_1", None, None),
        ),
        (
            "INSERT INTO objects (namespace_id, id, bucket_id) VALUES ('ns_a', 'obj_1', 'bkt_1')"
            " ON CONFLICT (namespace_id, id) DO UPDATE SET version = objects.version + 1",
            ("UPDATED", "OBJECT", "obj_1", 2, "DRAFT", "DRAFT", None, "bkt_1", None, "obj_1"),
        ),
    ],
)
async def test_a_change_of_any_entity_is_an_event(
    sql: asyncpg.Connection, superuser: asyncpg.Connection, change: str, event: Event
) -> None:
    await sql.execute(change)

    assert await events(superuser) == [event]


async def test_a_statement_about_many_rows_is_an_event_for_each(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    await sql.execute("""
        UPDATE objects SET version = version + 1,
            status = CASE WHEN id > 'obj_4' THEN 'QUEUED' ELSE status END
    """)

    # In the order in which PostgreSQL comes to them, whatever that is.
    assert {id_: event for event, _, id_, *_ in await events(superuser)} == {
        f"obj_{number}": "STATUS_CHANGED" if number > 4 else "UPDATED" for number in range(10)
    }
    assert len(await events(superuser)) == 10


async def test_a_statement_about_very_many_rows_takes_no_square_of_them(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    await sql.execute("""
        UPDATE objects SET version = version + 1 WHERE id = 'obj_1';
        INSERT INTO objects (namespace_id, id, bucket_id)
            SELECT 'ns_a', 'obj_more_' || i, 'bkt_1' FROM generate_series(1, 30000) i;
        SET statement_timeout = '30s';
        UPDATE objects SET version = version + 1;
    """)

    assert len(await events(superuser)) == 1 + 30_000 + 30_010


async def test_an_id_that_changes_is_one_entity_gone_and_one_made(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    await sql.execute("UPDATE objects SET id = 'obj_x', version = 2 WHERE id = 'obj_1'")

    assert {(event, id_, version) for event, _, id_, version, *_ in await events(superuser)} == {
        ("DELETED", "obj_1", 2),
        ("CREATED", "obj_x", 2),
    }


async def test_what_touches_no_row_is_no_event(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    await sql.execute("UPDATE objects SET version = 2 WHERE id = 'nobody'; DELETE FROM documents")

    assert await events(superuser) == []


async def test_what_is_rolled_back_is_no_event(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    await sql.execute("""
        BEGIN;
        UPDATE objects SET version = 2 WHERE id = 'obj_1';
        SAVEPOINT inside;
        UPDATE objects SET version = 2 WHERE id = 'obj_2';
        ROLLBACK TO inside;
        UPDATE objects SET version = 2 WHERE id = 'obj_3';
        COMMIT;
        BEGIN;
        UPDATE objects SET version = 2 WHERE id = 'obj_4';
        ROLLBACK;
    """)

    assert [id_ for _, _, id_, *_ in await events(superuser)] == ["obj_1", "obj_3"]


async def test_the_error_of_an_event_is_cut(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    await sql.execute("UPDATE objects SET error = repeat('x', 1000000) WHERE id = 'obj_1'")

    ((*_, error, _, _, _),) = await events(superuser)
    assert error == "x" * 2000


async def test_another_table_takes_one_line(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    async with sql.transaction():
        await sql.execute("""
            CREATE TABLE batches (namespace_id text, id text, bucket_id text,
                status text DEFAULT 'PENDING', version integer DEFAULT 1);
            SELECT keep_events_of('batches', 'BATCH', bucket_id => 'bucket_id');
            INSERT INTO batches VALUES ('ns_a', 'btch_1', 'bkt_1');
            UPDATE batches SET status = 'COMPLETED', version = 2;
            SELECT keep_no_events_of('batches');
            DELETE FROM batches;
            DROP TABLE batches;
        """)

    assert await events(superuser) == [
        ("CREATED", "BATCH", "btch_1", 1, None, "PENDING", None, "bkt_1", None, None),
        (
            *("STATUS_CHANGED", "BATCH", "btch_1", 2, "PENDING", "COMPLETED", None, "bkt_1"),
            *(None, None),
        ),
    ]


@pytest.mark.parametrize("table", ["event_outbox", "event_log"])
async def test_nobody_sees_or_touches_events_of_others(
    sql: asyncpg.Connection, connect: Connect, table: str
) -> None:
    await sql.execute("UPDATE objects SET version = 2")
    other, nobody = await connect("ns_b"), await connect(None)

    for connection in (other, nobody):
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608
        assert await connection.execute(f"DELETE FROM {table}") == "DELETE 0"  # noqa: S608


async def test_a_writer_can_neither_change_nor_remove_what_is_logged(
    sql: asyncpg.Connection,
) -> None:
    assert await sql.fetchval("SELECT count(*) FROM event_log") == 12
    assert await sql.execute("DELETE FROM event_log") == "DELETE 0"
    assert await sql.execute("UPDATE event_log SET version = 7") == "UPDATE 0"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await sql.execute("""
            INSERT INTO event_log SELECT seq + 100, day, outbox_id, namespace_id, kind, event,
                node_id, bucket_id, collection_id, root_object_id, version, previous_status, status,
                error, at FROM event_log
        """)


async def test_a_day_of_the_log_is_read_through_the_log_alone(sql: asyncpg.Connection) -> None:
    day, *_ = await sql.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'event_log'::regclass"
    )

    assert await sql.fetchval(f"SELECT count(*) FROM {day[0]}") == 0  # noqa: S608
