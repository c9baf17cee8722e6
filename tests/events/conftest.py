"""Connections for writers of any kind, and for who looks at what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

from gateway.database.pool import Database
from tests.auditing import audited_once as audited_once  # the fixture
from tests.conftest import Shared
from tests.events.following import Gateway, gateway_on
from tests.events.world import ONE, OTHER, World

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


@pytest.fixture
async def worlds(connect: Connect) -> tuple[World, World]:
    """Two namespaces with objects; what made them is in the log."""
    made = []
    for namespace_id in (ONE, OTHER):
        world = World(await connect(None), namespace_id)
        await world.make()
        made.append(world)
    one, other = made
    await one.sql.fetchval("SELECT open_event_epoch()")
    await one.sequence()
    return one, other


@pytest.fixture
async def world(worlds: tuple[World, World]) -> World:
    """The one of them in which subscribers of tests are."""
    return worlds[0]


@pytest.fixture
async def gateway(
    worlds: tuple[World, World],  # noqa: ARG001 - the log is empty before
    database: Database,
    tmp_path: Path,
) -> AsyncIterator[Gateway]:
    """A hub that runs."""
    async with gateway_on(database, tmp_path) as gateway:
        yield gateway
