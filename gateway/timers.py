"""One timer for all that may take the same time.

A timer for each would be set and taken back thousands of times a second, and hardly ever fire. All
of them have the same time, so it is up in the order in which they began: one timer, for the first,
is enough. It is left alone when that one is done, and looks again when it fires.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Timers(Generic[T]):
    """Tells of each of those that began and did not end in time, once.

    Args:
        seconds: The time that each has.
        ring: Is told of it.
    """

    def __init__(self, seconds: float, ring: Callable[[T], None]) -> None:
        self.seconds = seconds
        self._ring = ring
        self._running: dict[T, float] = {}  # the next whose time is up is the first
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, one: T) -> float:
        """Let the time of one begin; return when it is up, by ``monotonic``."""
        until = monotonic() + self.seconds
        self._running[one] = until
        if self._timer is None:
            self._look_in(self.seconds)
        return until

    def end(self, one: T) -> None:
        """Tell nothing of one any more."""
        self._running.pop(one, None)

    def _look_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        now = monotonic()
        for one, until in list(self._running.items()):
            if until > now:
                self._look_in(until - now)
                return
            del self._running[one]
            self._ring(one)
