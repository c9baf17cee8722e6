"""Waits for what PostgreSQL shows, so that tests of overlaps depend on no timing."""

from __future__ import annotations

import asyncio

import asyncpg
from sqlalchemy import text

from gateway.database.pool import Database

_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1
"""
_IS_ANY_WAITING = text(
    "SELECT EXISTS (SELECT FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock')"
)


async def until_one_waits(database: Database) -> None:
    """Return once a transaction in this database waits for another."""
    async with asyncio.timeout(20):
        while True:
            async with database.transaction() as tx:
                if await tx.value(_IS_ANY_WAITING):
                    return


async def count_waiting(connection: asyncpg.Connection, like: str = "%") -> int:
    """Count the statements that wait for a lock now, also inside a transaction."""
    # A transaction keeps what it saw of pg_stat_activity: its first look would be its last.
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    count: int = await connection.fetchval(_WAITING, like)
    return count
