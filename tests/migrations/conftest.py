"""Connections for SQL made by hand, as an operator or another service would write it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import asyncpg
import pytest

Connect = Callable[..., Awaitable[asyncpg.Connection]]


@pytest.fixture
async def connect(postgres_url: str) -> AsyncIterator[Connect]:
    """Opens a connection as the tables' owner, an ordinary role, bound to a namespace or none."""
    async with AsyncExitStack() as stack:

        async def open_connection(namespace_id: str | None = "ns_a") -> asyncpg.Connection:
            connection = await asyncpg.connect(postgres_url)
            stack.push_async_callback(connection.close)
            # Waiting for another transaction is what the tallies must never do.
            await connection.execute("SET lock_timeout = '5s'")
            if namespace_id is not None:
                await connection.execute(f"SET app.namespace_id = '{namespace_id}'")
            return connection

        yield open_connection


@pytest.fixture
async def sql(connect: Connect) -> asyncpg.Connection:
    """A connection bound to ``ns_a``, which has two buckets, an object and a collection."""
    connection = await connect()
    await connection.execute("""
        INSERT INTO namespaces (id, namespace_name) VALUES ('ns_a', 'a');
        INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)
            VALUES ('ns_a', 'bkt_1', '1', '{}'), ('ns_a', 'bkt_2', '2', '{}');
        INSERT INTO objects (namespace_id, id, bucket_id, size_bytes)
            VALUES ('ns_a', 'obj_1', 'bkt_1', 100);
        INSERT INTO collections
            (namespace_id, id, collection_name, source_type, extractor_name, extractor_version)
            VALUES ('ns_a', 'col_1', '1', 'BUCKET', 'frames', 'v1');
    """)
    return connection
