"""Connections for writers of any kind, and for who looks at what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import asyncpg
import pytest

from gateway.database.pool import Database
from tests.conftest import Server, Shared

Connect = Callable[..., Awaitable[asyncpg.Connection]]


@pytest.fixture
async def connect(postgres_url: str) -> AsyncIterator[Connect]:
    """Opens a connection as the gateway's role, bound to a namespace or none."""
    async with AsyncExitStack() as stack:

        async def open_connection(namespace_id: str | None = "ns_a") -> asyncpg.Connection:
            connection = await asyncpg.connect(postgres_url)
            stack.push_async_callback(connection.close)
            if namespace_id is not None:
                await connection.execute(f"SET app.namespace_id = '{namespace_id}'")
            return connection

        yield open_connection


@pytest.fixture
async def database(shared: Shared, postgres_url: str) -> Database:  # noqa: ARG001 - emptied once
    """The database that the connections are to, emptied before any of them wrote."""
    return shared.database


@pytest.fixture
async def superuser(postgres_url: str, server: Server) -> AsyncIterator[asyncpg.Connection]:
    """A connection that no row level security binds."""
    database = urlsplit(postgres_url).path.removeprefix("/")
    connection = await asyncpg.connect(server.postgres.superuser_url(database))
    yield connection
    await connection.close()


@pytest.fixture
async def sql(connect: Connect) -> asyncpg.Connection:
    """A connection bound to ``ns_a``, which has a bucket, ten objects and a collection.

    Their own events are in the log, and the outbox is empty.
    """
    connection = await connect()
    await connection.execute("""
        INSERT INTO namespaces (id, namespace_name) VALUES ('ns_a', 'a');
        INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)
            VALUES ('ns_a', 'bkt_1', '1', '{}');
        INSERT INTO objects (namespace_id, id, bucket_id)
            SELECT 'ns_a', 'obj_' || i, 'bkt_1' FROM generate_series(0, 9) i;
        INSERT INTO collections
            (namespace_id, id, collection_name, source_type, extractor_name, extractor_version)
            VALUES ('ns_a', 'col_1', '1', 'BUCKET', 'frames', 'v1');
    """)
    for step in ("open_event_epoch()", "sequence_events(100)", "clear_event_outbox(100)"):
        await connection.fetchval(f"SELECT {step}")
    return connection
