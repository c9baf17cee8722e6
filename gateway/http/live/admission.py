"""A steady rate for what would otherwise come all at once."""

from __future__ import annotations

import asyncio
from collections import deque


class Admission:
    """Lets through so many a second, in the order they come.

    After a restart all clients subscribe again within seconds. At a steady rate those who have
    subscribed are served meanwhile. Whoever no longer waits takes no turn, or a client that asks
    and gives up, again and again, would have all others wait.

    Args:
        burst_s: For as long nobody has to wait, after a time in which fewer came.
    """

    def __init__(self, per_s: float, *, burst_s: float = 0.1) -> None:
        self._gap_s = 1 / per_s
        self._burst_s = burst_s
        self._next_at = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def turn(self) -> None:
        """Return when it is one's turn."""
        loop = asyncio.get_running_loop()
        if not self._waiting and self._takes(loop.time()):
            return
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.append(waiter)
        if self._timer is None:
            self._timer = loop.call_at(self._next_at, self._let_in)
        await waiter

    def _let_in(self) -> None:
        """Let those in whose turn it is."""
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._waiting:
            if self._waiting[0].done():
                self._waiting.popleft()
            elif self._takes(loop.time()):
                self._waiting.popleft().set_result(None)
            else:
                self._timer = loop.call_at(self._next_at, self._let_in)
                return

    def _takes(self, now: float) -> bool:
        """Tell whether the next turn has come, and if so have it taken."""
        at = max(self._next_at, now - self._burst_s)
        if at > now:
            return False
        self._next_at = at + self._gap_s
        return True
