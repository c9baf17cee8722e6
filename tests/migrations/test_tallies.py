from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import asyncpg
import pytest

Connect = Callable[..., Awaitable[asyncpg.Connection]]

INSERT = """
    INSERT INTO objects (namespace_id, id, bucket_id, size_bytes) VALUES ('ns_a', $1, $2, $3)
"""
NEW_SESSION = "SET app.tally_slot = ''"


async def test_counts_what_is_inserted_one_by_one_and_by_the_thousand(
    sql: asyncpg.Connection,
) -> None:
    await sql.execute(INSERT, "obj_2", "bkt_1", 20)
    await sql.execute("""
        INSERT INTO objects (namespace_id, id, bucket_id, size_bytes)
        SELECT 'ns_a', 'obj_n' || n, CASE WHEN n % 4 = 0 THEN 'bkt_1' ELSE 'bkt_2' END, n
        FROM generate_series(1, 1000) AS n
    """)

    assert await of_bucket(sql, "bkt_1") == (2 + 250, 120 + 125_500)
    assert await of_bucket(sql, "bkt_2") == (750, 375_000)


async def test_counts_what_is_deleted(sql: asyncpg.Connection) -> None:
    await sql.execute(INSERT, "obj_2", "bkt_1", 20)

    await sql.execute("DELETE FROM objects WHERE id = 'obj_1'")

    assert await of_bucket(sql, "bkt_1") == (1, 20)


async def test_the_last_upload_stays_when_its_object_goes(sql: asyncpg.Connection) -> None:
    upload = """
        INSERT INTO objects (namespace_id, id, bucket_id, created_at)
            VALUES ('ns_a', $1, 'bkt_2', $2)
    """
    newest = datetime(2026, 11, 21, 22, 4, tzinfo=UTC)
    await sql.execute(upload, "obj_2", newest)
    await sql.execute(upload, "obj_3", datetime(2026, 11, 20, tzinfo=UTC))

    await sql.execute("DELETE FROM objects WHERE id = 'obj_2'")

    assert await last_upload(sql, "bkt_2") == newest
    assert await of_bucket(sql, "bkt_2") == (1, 0)


async def test_counts_a_change_of_size_and_a_move_to_another_bucket(
    sql: asyncpg.Connection,
) -> None:
    await sql.execute("UPDATE objects SET size_bytes = 30, status = 'QUEUED' WHERE id = 'obj_1'")
    resized = await of_bucket(sql, "bkt_1")

    await sql.execute("UPDATE objects SET bucket_id = 'bkt_2' WHERE id = 'obj_1'")

    assert resized == (1, 30)
    assert await of_bucket(sql, "bkt_1") == (0, 0)
    assert await of_bucket(sql, "bkt_2") == (1, 30)


async def test_counts_documents_of_their_root_object_and_of_their_collection(
    sql: asyncpg.Connection,
) -> None:
    await sql.execute("""
        INSERT INTO documents (namespace_id, id, collection_id, root_object_id) VALUES
            ('ns_a', 'doc_1', 'col_1', 'obj_1'),
            ('ns_a', 'doc_2', 'col_1', 'obj_1'),
            ('ns_a', 'doc_3', 'col_1', NULL)
    """)
    inserted = (await of_object(sql, "obj_1"), await of_collection(sql, "col_1"))

    await sql.execute("DELETE FROM documents WHERE id IN ('doc_2', 'doc_3')")

    assert inserted == (2, 3)
    assert (await of_object(sql, "obj_1"), await of_collection(sql, "col_1")) == (1, 1)


async def test_what_is_rolled_back_was_never_counted(sql: asyncpg.Connection) -> None:
    transaction = sql.transaction()
    await transaction.start()
    await sql.execute(INSERT, "obj_2", "bkt_1", 20)

    await transaction.rollback()

    assert await of_bucket(sql, "bkt_1") == (1, 100)


@pytest.mark.parametrize(
    "statements",
    [
        "DELETE FROM objects; DELETE FROM buckets",
        "WITH gone AS (DELETE FROM objects) DELETE FROM buckets",
    ],
    ids=["one after the other", "in one statement"],
)
async def test_a_bucket_can_go_together_with_its_objects(
    sql: asyncpg.Connection, statements: str
) -> None:
    async with sql.transaction():
        await sql.execute(statements)

    assert await sql.fetchval("SELECT count(*) FROM bucket_tallies") == 0


async def test_an_object_can_go_together_with_its_documents(sql: asyncpg.Connection) -> None:
    await sql.execute("""
        INSERT INTO documents (namespace_id, id, collection_id, root_object_id)
            VALUES ('ns_a', 'doc_1', 'col_1', 'obj_1')
    """)

    await sql.execute("WITH gone AS (DELETE FROM documents) DELETE FROM objects")

    assert await sql.fetchval("SELECT count(*) FROM object_tallies") == 0
    assert await of_bucket(sql, "bkt_1") == (0, 0)
    assert await of_collection(sql, "col_1") == 0


async def test_an_unknown_bucket_is_refused_in_the_name_of_the_object(
    sql: asyncpg.Connection,
) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError) as refusal:
        await sql.execute(INSERT, "obj_2", "bkt_9", 20)

    assert refusal.value.constraint_name == "fk_objects_namespace_id_bucket_id"


async def test_writers_do_not_wait_for_each_other(
    sql: asyncpg.Connection, connect: Connect
) -> None:
    """With one row of counts for each bucket the second would wait, and the last deadlock."""
    other = await connect()
    for connection in (sql, other):  # both have rows of their own in both buckets
        await connection.execute(INSERT, f"obj_{connection.get_server_pid()}", "bkt_1", 1)
        await connection.execute(INSERT, f"obj_x{connection.get_server_pid()}", "bkt_2", 1)

    async with sql.transaction():
        await sql.execute(INSERT, "obj_2", "bkt_1", 20)
        async with other.transaction():
            await other.execute(INSERT, "obj_3", "bkt_2", 3)
            await other.execute(INSERT, "obj_4", "bkt_1", 4)
            await other.execute("DELETE FROM objects WHERE id = 'obj_1'")
            await sql.execute(INSERT, "obj_5", "bkt_2", 5)

    assert await of_bucket(sql, "bkt_1") == (4, 26)
    assert await of_bucket(sql, "bkt_2") == (4, 10)


async def test_a_row_that_another_transaction_holds_is_left_alone(
    sql: asyncpg.Connection, connect: Connect
) -> None:
    """As when the other gathers it: the session makes a new row rather than wait."""
    other = await connect()
    for connection in (sql, other):
        await connection.execute("SET app.tally_slot = '7'")
    await sql.execute(INSERT, "obj_2", "bkt_1", 20)

    async with sql.transaction():
        await sql.execute("SELECT FROM bucket_tallies FOR UPDATE")
        await other.execute(INSERT, "obj_3", "bkt_1", 3)

    assert await of_bucket(sql, "bkt_1") == (3, 123)


async def test_counts_are_exact_whatever_happens_at_once(
    sql: asyncpg.Connection, connect: Connect
) -> None:
    async def churn(writer: int) -> None:
        connection = await connect()
        for n in range(60):
            bucket = f"bkt_{(writer + n) % 2 + 1}"
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(INSERT, f"obj_{writer}_{n}", bucket, n)
            await connection.execute(
                "UPDATE objects SET size_bytes = size_bytes + 1 WHERE id = $1",
                f"obj_{writer}_{n - 1}",
            )
            await connection.execute("DELETE FROM objects WHERE id = $1", f"obj_{writer}_{n - 5}")
            if n % 7 == 0:
                await transaction.rollback()
            else:
                await transaction.commit()
            if n % 3 == 0:
                await connection.execute(NEW_SESSION)

    await asyncio.gather(*(churn(writer) for writer in range(6)))

    for bucket in ("bkt_1", "bkt_2"):
        (actual,) = await sql.fetch(
            "SELECT count(*), sum(size_bytes) FROM objects WHERE bucket_id = $1", bucket
        )
        assert await of_bucket(sql, bucket) == tuple(actual)


async def test_rows_that_sessions_leave_behind_are_gathered(sql: asyncpg.Connection) -> None:
    for n in range(300):
        await sql.execute(NEW_SESSION)
        await sql.execute(INSERT, f"obj_n{n}", "bkt_1", 1)

    assert await of_bucket(sql, "bkt_1") == (301, 400)
    # Each of them gathers by a chance of one in eight: that none of 150 does will never be seen.
    assert await sql.fetchval("SELECT count(*) FROM bucket_tallies") < 150


async def test_no_count_fails_a_transaction_that_keeps_its_snapshot(
    sql: asyncpg.Connection, connect: Connect
) -> None:
    other = await connect()
    await other.execute(INSERT, "obj_2", "bkt_1", 1)

    for n in range(60):  # it would fail if it gathered, by a chance of one in eight
        await sql.execute(NEW_SESSION)
        async with sql.transaction(isolation="repeatable_read"):
            await sql.fetchval("SELECT count(*) FROM objects")
            await other.execute(INSERT, f"obj_o{n}", "bkt_1", 1)
            await sql.execute(INSERT, f"obj_n{n}", "bkt_1", 1)

    assert await of_bucket(sql, "bkt_1") == (122, 221)


async def test_counts_what_a_superuser_writes_in_several_namespaces_at_once(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    await superuser.execute("""
        INSERT INTO namespaces (id, namespace_name) VALUES ('ns_b', 'b');
        INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)
            VALUES ('ns_b', 'bkt_1', '1', '{}');
        INSERT INTO objects (namespace_id, id, bucket_id, size_bytes)
            VALUES ('ns_a', 'obj_2', 'bkt_1', 1), ('ns_b', 'obj_3', 'bkt_1', 2);
    """)

    counts = await superuser.fetch(
        "SELECT namespace_id, sum(objects), sum(size_bytes) FROM bucket_tallies"
        " GROUP BY namespace_id ORDER BY namespace_id"
    )

    assert [tuple(each) for each in counts] == [("ns_a", 2, 101), ("ns_b", 1, 2)]
    assert await of_bucket(sql, "bkt_1") == (2, 101)


async def test_counts_what_is_copied_in(
    sql: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    """PostgreSQL lets only those use COPY whom row level security does not bind."""
    await superuser.copy_records_to_table(
        "objects",
        columns=["namespace_id", "id", "bucket_id", "size_bytes"],
        records=[("ns_a", f"obj_c{n}", f"bkt_{n % 2 + 1}", n) for n in range(100)],
    )

    assert await of_bucket(sql, "bkt_1") == (1 + 50, 100 + 2450)
    assert await of_bucket(sql, "bkt_2") == (50, 2500)


async def of_bucket(sql: asyncpg.Connection, bucket_id: str) -> tuple[int, int]:
    (row,) = await sql.fetch(
        "SELECT coalesce(sum(objects), 0), coalesce(sum(size_bytes), 0)"
        " FROM bucket_tallies WHERE namespace_id = 'ns_a' AND bucket_id = $1",
        bucket_id,
    )
    return row[0], row[1]


async def last_upload(sql: asyncpg.Connection, bucket_id: str) -> datetime | None:
    moment: datetime | None = await sql.fetchval(
        "SELECT max(last_upload_at) FROM bucket_tallies WHERE bucket_id = $1", bucket_id
    )
    return moment


async def of_object(sql: asyncpg.Connection, object_id: str) -> int:
    documents: int = await sql.fetchval(
        "SELECT sum(documents) FROM object_tallies WHERE object_id = $1", object_id
    )
    return documents


async def of_collection(sql: asyncpg.Connection, collection_id: str) -> int:
    documents: int = await sql.fetchval(
        "SELECT sum(documents) FROM collection_tallies WHERE collection_id = $1", collection_id
    )
    return documents
