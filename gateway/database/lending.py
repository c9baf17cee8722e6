"""Lends the pool's connections again and again without asking the pool each time.

asyncpg's pool makes a task for each release and a timer for each stay: a third of what a point
read takes in all. Here a connection that comes back clean is handed on as it is, without the proxy
that the pool wraps around it. The pool still opens connections, and takes back those that something
happened to.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from gateway.timers import Timers

MOST_WAITING = 1000
# A server that takes longer is as good as gone; whoever waits for a free one has more time.
OPEN_TIMEOUT_S = 1.5


class QueueFull(Exception):
    """As many wait for a connection as may."""


class Connection(asyncpg.Connection):
    """A connection that keeps no state between uses, so the pool need not reset it.

    asyncpg's pool sends a reset query at each release, one more round trip: 1.3 times the
    time of a point read. Nothing here sets anything outside a transaction.
    """

    def get_reset_query(self) -> str:
        """Return what the pool sends at a release: nothing."""
        return ""

    @property
    def bare(self) -> Connection:
        """The connection itself: a proxy hands on to it what it is asked and does not know."""
        return self


# Is handed a connection, or None: the place of one that is gone, to open another in.
_Waiter = asyncio.Future[Connection | None]


class Lender:
    """Whoever waits gets a connection in turn, be it one that comes back or a new one.

    So while anybody waits, all that may be open are, and nobody who comes later finds one.

    Args:
        size: How many connections may be open; the pool's own limit is no smaller.
        most_waiting: How many may wait for one.
        patience_s: How long each waits.
    """

    def __init__(
        self, pool: asyncpg.Pool, size: int, *, patience_s: float, most_waiting: int = MOST_WAITING
    ) -> None:
        self._pool = pool
        self.size = size
        self._open = 0
        self._free: list[Connection] = []
        self._proxies: dict[Connection, PoolConnectionProxy] = {}  # of all that are open
        self._most_waiting = most_waiting
        self._waiting: deque[_Waiter] = deque()
        self._patience = Timers[_Waiter](patience_s, _give_up)

    def used(self) -> int:
        """Return how many connections somebody has."""
        return self._open - len(self._free)

    def free(self) -> int:
        """Return how many are open, and nobody has them."""
        return len(self._free)

    def waiting(self) -> int:
        """Return how many wait for one."""
        return sum(not waiter.done() for waiter in self._waiting)

    async def take(self) -> Connection:
        """Return a connection for the caller alone.

        Raises:
            QueueFull: too many wait already.
            TimeoutError: none came back in time, or none could be opened in time.
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: none can be opened.
        """
        connection: Connection | None = None
        if self._free:
            connection = self._free.pop()  # the last one used: the others may be let go
        elif self._open < self.size:
            self._open += 1
        else:
            connection = await self._wait()
        if connection is None or connection.is_closed():
            return await self._another(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """Take back a connection that has no transaction open."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._free.append(connection)

    async def discard(self, connection: Connection) -> None:
        """Take back a connection that something happened to; the pool resets or closes it."""
        try:
            await self._pool.release(self._proxies.pop(connection))
        finally:
            self._hand_on_place()

    def give_up(self) -> None:
        """End all connections, whoever has them, and the wait for one."""
        for connection in list(self._proxies):
            if not connection.is_closed():
                connection.terminate()
        while self._waiting:
            _give_up(self._waiting.popleft())

    async def close(self) -> None:
        """Give all free connections back to the pool."""
        while self._free:
            await self.discard(self._free.pop())

    async def _another(self, closed: Connection | None) -> Connection:
        """Open a connection in the caller's place, perhaps in that of one that was closed."""
        try:
            if closed is not None:
                await self._pool.release(self._proxies.pop(closed))
            proxy: Any = await self._pool.acquire(timeout=OPEN_TIMEOUT_S)
        except BaseException:
            self._hand_on_place()
            raise
        connection: Connection = proxy.bare
        self._proxies[connection] = proxy
        return connection

    async def _wait(self) -> Connection | None:
        if len(self._waiting) >= self._most_waiting:
            self._waiting = deque(each for each in self._waiting if not each.done())
            if len(self._waiting) >= self._most_waiting:
                raise QueueFull
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._patience.begin(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            # It may have been handed over in the moment in which the wait ended.
            if not waiter.cancelled() and waiter.exception() is None:
                handed = waiter.result()
                if handed is None:
                    self._hand_on_place()
                else:
                    self.give_back(handed)
            raise
        finally:
            self._patience.end(waiter)

    def _hand_on_place(self) -> None:
        """Let the next in turn open a connection in the place of one that is gone."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._open -= 1


def _give_up(waiter: _Waiter) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
