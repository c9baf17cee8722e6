from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import gateway
from gateway.database.base import Row
from gateway.database.connecting import plain_url

for file in Path(gateway.__file__).parent.glob("*/tables.py"):
    import_module(f"gateway.{file.parent.name}.tables")

# Functions and triggers work with them; the gateway has the same moves in status.py.
ONLY_IN_THE_DATABASE = (
    "alembic_version",
    "status_transitions",
    "event_outbox",
    "event_batches",
    "event_epochs",
    "event_cursor_keys",
)

CATALOGS = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull,
            l.collname, pg_get_expr(d.adbin, d.adrelid) AS default
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
        LEFT JOIN pg_collation l ON l.oid = a.attcollation
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0
            AND NOT c.relname = ANY ($1)
        ORDER BY c.relname, a.attnum
    """,
    "constraints": """
        SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) AS definition
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relname = ANY ($1)
        ORDER BY c.relname, k.conname
    """,
    "indexes": """
        SELECT tablename, indexdef FROM pg_indexes
        WHERE schemaname = 'public' AND NOT tablename = ANY ($1) ORDER BY tablename, indexname
    """,
}

T = TypeVar("T")


async def test_the_migrations_make_the_tables_that_the_code_describes(
    migrated_database_url: str, fresh_database_url: str
) -> None:
    await on_connection(fresh_database_url, Row.metadata.create_all)

    migrated = await catalogs(migrated_database_url)

    assert migrated == await catalogs(fresh_database_url)


async def test_alembic_finds_nothing_to_migrate(migrated_database_url: str) -> None:
    differences = await on_connection(
        migrated_database_url,
        lambda connection: compare_metadata(
            MigrationContext.configure(
                connection,
                opts={
                    "compare_server_default": True,
                    "include_name": lambda name, kind, _: (
                        kind != "table" or name not in ONLY_IN_THE_DATABASE
                    ),
                },
            ),
            Row.metadata,
        ),
    )

    assert differences == []


async def catalogs(url: str) -> dict[str, list[tuple[object, ...]]]:
    connection = await asyncpg.connect(url)
    try:
        return {
            name: [tuple(each) for each in await connection.fetch(query, ONLY_IN_THE_DATABASE)]
            for name, query in CATALOGS.items()
        }
    finally:
        await connection.close()


async def on_connection(url: str, work: Callable[[Connection], T]) -> T:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(plain_url(url)),
        poolclass=NullPool,
    )
    async with engine.begin() as connection:
        return await connection.run_sync(work)
