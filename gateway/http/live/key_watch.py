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

# Between two looks, however many connections are opened meanwhile.
REST_S = 0.05


class KeyWatch:
    """Looks all keys that connections are open with up again and again, in one statement.

    A key that expires ends on time, also while the database is away. One that is revoked or
    rotated by this process ends at once, by another within ``every_s``. What let a connection in
    may have been known for a while, or asked for before a change and answered after it: so a key
    of which nothing is known is looked up as soon as a connection is open with it. If the database
    is away in that very moment, nothing is known of that key until it is back.
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
        self._connections = connections
        self._every_s = every_s
        self._woken = asyncio.Event()
        # When all are looked up again, whatever is known of them.
        self._due_at = 0.0
        self._ends_at: dict[bytes, float] = {}
        self._new: set[bytes] = set()
        authenticator.on_change = self._look_at_all
        connections.on_admitted = self._look_at

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            soonest_at = min(self._ends_at.values(), default=inf)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(self._due_at, soonest_at)):
                    await self._woken.wait()
            self._woken.clear()
            try:
                self._end_those_that_are_over()
                await self._look()
                self._end_those_that_are_over()
            except Unavailable:
                pass  # what was known of the keys goes on to count
            except Exception:
                logger.exception("the keys of open connections could not be looked after")
            await asyncio.sleep(REST_S)

    def _look_at_all(self) -> None:
        self._due_at = 0.0
        self._woken.set()

    def _look_at(self, digest: bytes) -> None:
        if digest not in self._ends_at:
            self._new.add(digest)
            self._woken.set()

    async def _look(self) -> None:
        """Look up all keys if it is time for that, or else those of which nothing is known yet."""
        now = asyncio.get_running_loop().time()
        digests = [each for each in self._new if each not in self._ends_at]
        self._new.clear()
        if now >= self._due_at:
            self._due_at = now + self._every_s
            digests = self._connections.secret_digests()
            # Whoever comes meanwhile with another one is not among those that are looked up.
            known = self._ends_at
            self._ends_at = {each: known[each] for each in digests if each in known}
        left_s = await remaining_s(self._database, digests) if digests else {}
        self._ends_at |= {each: now + left_s.get(each, 0) for each in digests}

    def _end_those_that_are_over(self) -> None:
        now = asyncio.get_running_loop().time()
        for digest, ends_at in list(self._ends_at.items()):
            if ends_at <= now:
                del self._ends_at[digest]
                self._connections.end(digest)
