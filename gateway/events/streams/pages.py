"""Messages made anew of what is in the log, once for all who are at the same place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from gateway.events.known_log import KnownLog
from gateway.events.streams.entries import Entry, size_of
from gateway.events.streams.making import Maker
from gateway.events.topics import Topic
from gateway.planner.caching import LeastUsedCache


class Page(NamedTuple):
    """Messages that were made anew of what is in the log, up to ``end``.

    Args:
        is_whole: False: something between its start and its first message is gone.
    """

    entries: list[Entry]
    end: int
    is_whole: bool


KeptPages = LeastUsedCache[object, Page]


class Pages:
    """The pages of one stream.

    Args:
        kept: Those of all streams.
        is_shared: Tells whether more than one subscriber may want a page.
    """

    def __init__(
        self,
        log: KnownLog,
        topic: Topic,
        maker: Maker,
        kept: KeptPages,
        is_shared: Callable[[], bool],
    ) -> None:
        self._log = log
        self._topic = topic
        self._maker = maker
        self._kept = kept
        self._is_shared = is_shared
        self._reading: dict[int, asyncio.Task[Page]] = {}

    async def after(self, position: int) -> Page:
        """Return the messages after a place, read once for all who are there.

        Raises:
            Unavailable: PostgreSQL gives no answer, and that for long.
        """
        page = self._kept.find((self, position))
        if page is not None:
            return page
        reading = self._reading.get(position)
        if reading is None:
            reading = asyncio.create_task(self._read_shared(position))
            self._reading[position] = reading
            reading.add_done_callback(_note_failure)
        return await asyncio.shield(reading)

    async def read(self, after: int) -> Page:
        """Return the messages after a place, read for one.

        Raises:
            Unavailable: PostgreSQL gives no answer, and that for long.
        """
        page = await self._log.page(self._topic, after=after, until=self._log.position)
        if page.first_seq > after + 1:
            return Page([], after, is_whole=False)
        return Page(await self._maker.entries(page.events), page.end, is_whole=True)

    def stop(self) -> None:
        """Read no further: nobody waits any more."""
        for task in self._reading.values():
            if task is not asyncio.current_task():
                task.cancel()

    async def _read_shared(self, after: int) -> Page:
        try:
            page = await self.read(after)
        finally:
            del self._reading[after]
        if page.is_whole and self._is_shared():
            self._kept.keep((self, after), page, size_of(page.entries))
        return page


def _note_failure(reading: asyncio.Task[Page]) -> None:
    """Take note of a failure that perhaps nobody waits for any more."""
    if not reading.cancelled():
        reading.exception()
