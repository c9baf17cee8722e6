"""Finds out when the database has fallen silent, so that nobody waits for it in vain.

A server that has ended refuses connections, and whoever asks it knows at once. One that is stopped,
swaps, or is behind a network that lost it says nothing: each statement would wait for its own time
to be up. A statement may take long, though, so its time tells nothing about the server. What does:
that in a while no statement at all was answered, and a question on a connection of its own was not
either. Then all statements are given up, and new ones are refused until the server answers again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from gateway.database.connecting import plain_url
from gateway.database.outages import ANY_FAILURE
from gateway.database.pool import Database

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
# With two looks before it, a caller is told within two seconds.
PATIENCE_S = 1.0
# Patience is counted in steps, between which answers are read: a process that was held up itself
# must not take that for the silence of the server.
_STEPS = 10
_ASK = "SELECT 1"


class Watch:
    """Looks at the signs of life of a database."""

    def __init__(self, database: Database, url: str) -> None:
        self._database = database
        self._url = plain_url(url)
        self._connection: asyncpg.Connection | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        database = self._database
        await self._is_alive()  # so that there is a connection to ask on
        answered = -1
        try:
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                if database.is_silent:
                    if await self._is_alive():
                        logger.warning("the database answers again")
                        database.is_silent = False
                elif not database.is_used or database.statements.answered != answered:
                    answered = database.statements.answered
                elif not await self._is_alive():
                    logger.error("the database is silent; requests are refused until it answers")
                    database.give_up()
        finally:
            self._drop_connection()

    async def _is_alive(self) -> bool:
        """Tell whether the server answers, be it by a refusal."""
        answered = self._database.statements.answered
        asking = asyncio.create_task(self._ask())
        try:
            for _ in range(_STEPS):
                await asyncio.wait([asking], timeout=PATIENCE_S / _STEPS)
                if asking.done() and asking.result():
                    return True
                if self._database.statements.answered != answered:
                    return True
            return False
        finally:
            if not asking.done():
                self._drop_connection()
                asking.cancel()
                with suppress(asyncio.CancelledError):
                    await asking

    async def _ask(self) -> bool:
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(self._url, timeout=PATIENCE_S)
            await self._connection.fetchval(_ASK)
        except (asyncpg.InsufficientResourcesError, asyncpg.InsufficientPrivilegeError):
            return True  # it is full, but it lives
        except ANY_FAILURE:
            self._drop_connection()
            return False
        return True

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            connection.terminate()


@asynccontextmanager
async def watched(database: Database, url: str) -> AsyncIterator[None]:
    """Watch a database during the block, on one connection besides those of its pool."""
    watching = asyncio.create_task(Watch(database, url).run())
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
