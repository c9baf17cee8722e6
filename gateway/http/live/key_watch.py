"""Ends connections with the keys they were opened with."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from math import inf

from gateway.database.pool import Database
from gateway.errors import Unavailable
from gateway.http.live.open_connections import OpenConnections
from gateway.namespaces.authentication import Authenticator
from gateway.namespaces.remaining import remaining_s

logger = logging.getLogger(__name__)


class KeyWatch:
    """Looks all keys that connections are open with up again and again, in one statement.

    A key that expires ends on time, also while the database is away. One that is revoked or
    rotated by this process ends at once, by another within ``every_s``.
    """

    def __init__(
        self,
        database: Database,
        authenticator: Authenticator,
        connections: OpenConnections,
        *,
        every_s: float,
    ) -> None:
        self._database = database
        self._changed = authenticator.changed
        self._connections = connections
        self._every_s = every_s
        self._ends_at: dict[bytes, float] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            soonest_s = min(self._ends_at.values(), default=inf) - loop.time()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0, min(self._every_s, soonest_s))):
                    await self._changed.wait()
            self._changed.clear()
            self._end_those_that_are_over()
            try:
                await self._look()
            except Unavailable:
                pass  # what was known of the keys goes on to count
            except Exception:
                logger.exception("the keys of open connections could not be looked up")
            self._end_those_that_are_over()

    async def _look(self) -> None:
        digests = self._connections.secret_digests()
        now = asyncio.get_running_loop().time()
        left_s = await remaining_s(self._database, digests) if digests else {}
        self._ends_at = {each: now + left_s.get(each, 0) for each in digests}

    def _end_those_that_are_over(self) -> None:
        now = asyncio.get_running_loop().time()
        for digest, ends_at in list(self._ends_at.items()):
            if ends_at <= now:
                del self._ends_at[digest]
                self._connections.end(digest)
