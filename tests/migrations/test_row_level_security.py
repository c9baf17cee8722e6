# ruff: noqa: S608 - the names of the tables are written below

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

Connect = Callable[..., Awaitable[asyncpg.Connection]]

TABLES = (
    "buckets",
    "bucket_tallies",
    "objects",
    "object_tallies",
    "blobs",
    "contents",
    "removals",
    "uploads",
    "collections",
    "collection_sources",
    "collection_tallies",
    "documents",
    "document_blobs",
    "idempotency_keys",
)
# One row in each table; {0} is a or b.
ROWS = """
    INSERT INTO namespaces (id, namespace_name) VALUES ('ns_{0}', '{0}');
    INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)
        VALUES ('ns_{0}', 'bkt_{0}', 'name', '{{}}');
    INSERT INTO objects (namespace_id, id, bucket_id) VALUES ('ns_{0}', 'obj_{0}', 'bkt_{0}');
    INSERT INTO blobs (namespace_id, id, object_id, bucket_id, position, property, type, has_bytes)
        VALUES ('ns_{0}', 'blob_{0}', 'obj_{0}', 'bkt_{0}', 0, 'text', 'TEXT', true);
    INSERT INTO contents (namespace_id, hash, size_bytes, key)
        VALUES ('ns_{0}', repeat('{0}', 64), 1, 'ns_{0}/1');
    INSERT INTO removals (namespace_id, key) VALUES ('ns_{0}', 'ns_{0}/2');
    INSERT INTO uploads
        (namespace_id, id, bucket_id, filename, content_type, size_bytes, expires_in_s, expires_at)
        VALUES ('ns_{0}', 'upl_{0}', 'bkt_{0}', 'a', 'text/plain', 1, 60, now());
    INSERT INTO collections
        (namespace_id, id, collection_name, source_type, extractor_name, extractor_version)
        VALUES ('ns_{0}', 'col_{0}', 'name', 'BUCKET', 'frames', 'v1');
    INSERT INTO collection_sources (namespace_id, collection_id, position, bucket_id)
        VALUES ('ns_{0}', 'col_{0}', 0, 'bkt_{0}');
    INSERT INTO documents (namespace_id, id, collection_id, root_object_id)
        VALUES ('ns_{0}', 'doc_{0}', 'col_{0}', 'obj_{0}');
    INSERT INTO document_blobs
        (namespace_id, document_id, position, field, role, type, has_bytes, source_blob_id)
        VALUES ('ns_{0}', 'doc_{0}', 0, 'thumbnail', 'THUMBNAIL', 'IMAGE', true, 'blob_{0}');
    INSERT INTO idempotency_keys (namespace_id, key, fingerprint) VALUES ('ns_{0}', 'key', 'x');
"""


@pytest.fixture(autouse=True)
async def both_namespaces(superuser: asyncpg.Connection) -> None:
    await superuser.execute(ROWS.format("a"))
    await superuser.execute(ROWS.format("b"))


@pytest.fixture
async def a(connect: Connect) -> asyncpg.Connection:
    """The tables' owner, an ordinary role, bound to the namespace ``ns_a``."""
    return await connect("ns_a")


@pytest.fixture
async def nowhere(connect: Connect) -> asyncpg.Connection:
    """The same role, bound to no namespace."""
    return await connect(None)


@pytest.fixture(params=["owner", "visitor"])
async def anyone(
    request: pytest.FixtureRequest, a: asyncpg.Connection, superuser: asyncpg.Connection
) -> AsyncIterator[asyncpg.Connection]:
    """The owner, then a role that owns nothing but may do everything; bound to ``ns_a``."""
    if request.param == "owner":
        yield a
        return
    transaction = superuser.transaction()
    await transaction.start()
    await superuser.execute("""
        CREATE ROLE visitor;
        GRANT ALL ON ALL TABLES IN SCHEMA public TO visitor;
        SET LOCAL ROLE visitor;
        SET LOCAL app.namespace_id = 'ns_a';
    """)
    yield superuser
    await transaction.rollback()


async def test_every_table_of_tenants_is_bound(a: asyncpg.Connection) -> None:
    tenants = await a.fetch("""
        SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS bound
        FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid AND t.attname = 'namespace_id'
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    """)

    assert {row["relname"] for row in tenants} >= set(TABLES)
    assert [row["relname"] for row in tenants if not row["bound"]] == []


@pytest.mark.parametrize("table", TABLES)
async def test_nothing_is_seen_or_touched_without_a_namespace(
    nowhere: asyncpg.Connection, table: str
) -> None:
    assert await nowhere.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await nowhere.execute(f"UPDATE {table} SET namespace_id = namespace_id") == "UPDATE 0"
    assert await nowhere.execute(f"DELETE FROM {table}") == "DELETE 0"


@pytest.mark.parametrize("table", TABLES)
async def test_only_rows_of_the_own_namespace_are_seen_and_touched(
    anyone: asyncpg.Connection, table: str
) -> None:
    seen = await anyone.fetch(f"SELECT DISTINCT namespace_id FROM {table}")
    updated = await anyone.execute(
        f"UPDATE {table} SET namespace_id = namespace_id WHERE namespace_id = 'ns_b'"
    )
    deleted = await anyone.execute(f"DELETE FROM {table} WHERE namespace_id = 'ns_b'")

    assert [row["namespace_id"] for row in seen] == ["ns_a"]
    assert (updated, deleted) == ("UPDATE 0", "DELETE 0")


@pytest.mark.parametrize(
    "row",
    [
        "buckets (namespace_id, id, bucket_name, bucket_schema)"
        " VALUES ('ns_b', 'bkt_2', 'new', '{}')",
        "objects (namespace_id, id, bucket_id) VALUES ('ns_b', 'obj_2', 'bkt_b')",
        "blobs (namespace_id, id, object_id, bucket_id, position, property, type, has_bytes)"
        " VALUES ('ns_b', 'blob_2', 'obj_b', 'bkt_b', 1, 'text', 'TEXT', true)",
        "contents (namespace_id, hash, size_bytes) VALUES ('ns_b', 'hash', 1)",
        "collections (namespace_id, id, collection_name, source_type, extractor_name,"
        " extractor_version) VALUES ('ns_b', 'col_2', 'new', 'BUCKET', 'frames', 'v1')",
        "collection_sources (namespace_id, collection_id, position, bucket_id)"
        " VALUES ('ns_b', 'col_b', 1, 'bkt_b')",
        "documents (namespace_id, id, collection_id) VALUES ('ns_b', 'doc_2', 'col_b')",
        "document_blobs (namespace_id, document_id, position, field, role, type, has_bytes)"
        " VALUES ('ns_b', 'doc_b', 1, 'field', 'AUX', 'JSON', false)",
        "bucket_tallies VALUES ('ns_b', 'bkt_b', 1, 1, 1)",
        "object_tallies VALUES ('ns_b', 'obj_b', 1, 1)",
        "collection_tallies VALUES ('ns_b', 'col_b', 1, 1)",
        "idempotency_keys (namespace_id, key, fingerprint) VALUES ('ns_b', 'key_2', 'x')",
    ],
    ids=lambda row: row.split()[0],
)
async def test_no_row_is_put_into_another_namespace(
    anyone: asyncpg.Connection, nowhere: asyncpg.Connection, row: str
) -> None:
    for sql in (nowhere, anyone):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await sql.execute(f"INSERT INTO {row}")


async def test_no_row_is_moved_into_another_namespace(a: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await a.execute("UPDATE contents SET namespace_id = 'ns_b'")


async def test_the_setting_of_an_earlier_transaction_gives_no_access(
    nowhere: asyncpg.Connection,
) -> None:
    async with nowhere.transaction():
        await nowhere.execute("SET LOCAL app.namespace_id = 'ns_a'")
        assert await nowhere.fetchval("SELECT count(*) FROM buckets") == 1

    assert await nowhere.fetchval("SELECT count(*) FROM buckets") == 0


async def test_foreign_keys_hold_within_the_namespace(a: asyncpg.Connection) -> None:
    await a.execute(
        "INSERT INTO objects (namespace_id, id, bucket_id) VALUES ('ns_a', 'obj_2', 'bkt_a')"
    )

    with pytest.raises(asyncpg.ForeignKeyViolationError) as refusal:
        await a.execute(
            "INSERT INTO objects (namespace_id, id, bucket_id) VALUES ('ns_a', 'obj_3', 'bkt_b')"
        )

    assert refusal.value.constraint_name == "fk_objects_namespace_id_bucket_id"


async def test_foreign_keys_see_rows_that_the_writer_does_not(nowhere: asyncpg.Connection) -> None:
    """No setting is needed for a namespace, but its rows keep it."""
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await nowhere.execute("DELETE FROM namespaces WHERE id = 'ns_a'")


async def test_what_cascades_goes_with_its_owner(a: asyncpg.Connection) -> None:
    await a.execute("DELETE FROM documents")
    await a.execute("DELETE FROM collections")

    assert await a.fetchval("SELECT count(*) FROM collection_sources") == 0
    assert await a.fetchval("SELECT count(*) FROM collection_tallies") == 0
    assert await a.fetchval("SELECT count(*) FROM document_blobs") == 0
