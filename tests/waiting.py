"""Waits for what PostgreSQL shows, so that tests of overlaps depend on no timing."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from gateway.database.pool import Database

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
