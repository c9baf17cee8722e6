"""Lends the pool's connections again and again without asking the pool each time.

asyncpg's pool makes a task for each release and a timer for each stay: a third of what a point
read takes in all. Here a connection that comes back clean is handed on as it is. The pool still
opens connections, and takes back those that something happened to.
"""

from __future__ import annotations

import asyncio
from collections import deque

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection = PoolConnectionProxy
_Waiter = asyncio.Future[Connection | None]


class Lender:
    """Whoever waits gets a connection in turn.

    Args:
        size: How many connections may be open; the pool's own limit is no smaller.
    """

    def __init__(self, pool: asyncpg.Pool, size: int) -> None:
        self._pool = pool
        self._size = size
        self._open = 0
        self._free: list[Connection] = []
        self._waiting: deque[_Waiter] = deque()

    async def take(self, timeout_s: float) -> Connection:
        """Return a connection for the caller alone.

        Raises:
            TimeoutError: none came back in time, or none could be opened in time.
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: none can be opened.
        """
        while True:
            while self._free:
                connection = self._free.pop()  # the last one used: the others may be let go
                if not is_lost(connection):
                    return connection
                await self.discard(connection)
            if self._open < self._size:
                return await self._another(timeout_s)
            handed = await self._wait(timeout_s)
            if handed is not None:
                return handed

    def give_back(self, connection: Connection) -> None:
        """Take back a connection that works and has no transaction open."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._free.append(connection)

    async def discard(self, connection: Connection) -> None:
        """Take back a connection that something happened to; the pool resets or closes it."""
        try:
            await self._pool.release(connection)
        finally:
            self._one_less()

    async def close(self) -> None:
        """Give all free connections back to the pool."""
        while self._free:
            await self.discard(self._free.pop())

    async def _another(self, timeout_s: float) -> Connection:
        self._open += 1
        try:
            return await self._pool.acquire(timeout=timeout_s)
        except BaseException:
            self._one_less()
            raise

    async def _wait(self, timeout_s: float) -> Connection | None:
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                return await waiter
        except BaseException:
            # It may have been handed over in the moment in which the wait ended.
            if waiter.done() and not waiter.cancelled():
                handed = waiter.result()
                if handed is None:
                    self._wake()
                else:
                    self.give_back(handed)
            raise

    def _one_less(self) -> None:
        self._open -= 1
        self._wake()

    def _wake(self) -> None:
        """Let the next in turn try to open a connection of its own."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


def is_lost(connection: Connection) -> bool:
    """Tell whether a connection is of no more use."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has already taken it back
        return True
