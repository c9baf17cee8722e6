"""Removes what was sequenced from the outbox, and from the log what is older than is kept."""

from __future__ import annotations

import asyncio
import logging

import asyncpg
from sqlalchemy import Integer, bindparam, func, select

from gateway.database.pool import Database
from gateway.errors import Unavailable

logger = logging.getLogger(__name__)

CLEAR_EVERY_S = 5.0
DROP_EVERY_S = 3600.0
MOST_AT_A_TIME = 10_000

_CLEAR = select(func.clear_event_outbox(bindparam("most", type_=Integer)))
_DROP = select(func.drop_event_days(bindparam("days", type_=Integer)))


async def run(database: Database, retention_days: int) -> None:
    """Work until cancelled. Failures are logged and tried again later."""
    loop = asyncio.get_running_loop()
    drop_due = loop.time()
    while True:
        try:
            while await clear_some(database) == MOST_AT_A_TIME:
                pass
            if loop.time() >= drop_due:
                await drop_old_days(database, retention_days)
                drop_due = loop.time() + DROP_EVERY_S
        except Unavailable as error:
            logger.warning("clearing away events: %s", error)
        except asyncpg.LockNotAvailableError:
            logger.info("old events are being read, so they are dropped later")
        except Exception:
            logger.exception("clearing away events failed")
        await asyncio.sleep(CLEAR_EVERY_S)


async def clear_some(database: Database) -> int:
    """Remove events from the outbox that are in the log; return how many."""
    async with database.transaction() as tx:
        removed: int = await tx.value(_CLEAR, most=MOST_AT_A_TIME)
    return removed


async def drop_old_days(database: Database, retention_days: int) -> int:
    """Remove from the log the days before the last so many; return how many days went.

    Raises:
        asyncpg.LockNotAvailableError: somebody reads the log, and others would wait behind.
    """
    async with database.transaction() as tx:
        dropped: int = await tx.value(_DROP, days=retention_days)
    return dropped
