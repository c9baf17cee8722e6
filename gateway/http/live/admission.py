"""A steady rate for what would otherwise come all at once."""

from __future__ import annotations

import asyncio


class Admission:
    """Lets through so many a second, in the order they come.

    After a restart all clients subscribe again within seconds. At a steady rate those who have
    subscribed are served meanwhile.

    Args:
        burst_s: For as long nobody has to wait, after a time in which fewer came.
    """

    def __init__(self, per_s: float, *, burst_s: float = 0.1) -> None:
        self._gap_s = 1 / per_s
        self._burst_s = burst_s
        self._next_at = 0.0

    async def turn(self) -> None:
        """Return when it is one's turn."""
        now = asyncio.get_running_loop().time()
        at = max(self._next_at, now - self._burst_s)
        self._next_at = at + self._gap_s
        if at > now:
            await asyncio.sleep(at - now)
