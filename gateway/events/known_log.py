"""The log as this process knows it: where it ends, and what is in it before that."""

from __future__ import annotations

import asyncio

from gateway.database.pool import Database
from gateway.errors import Unavailable
from gateway.events.cursors import EventCursor, EventCursors
from gateway.events.log import LogPage, LogReader
from gateway.events.tailer import Tailer
from gateway.events.topics import Topic

PAGE_EVENTS = 512
# Those who catch up must leave connections to requests.
READS_AT_ONCE = 3
RETRY_AFTER_S = 0.2
PATIENCE_S = 5.0


class KnownLog:
    """Reads the log up to where the tailer is, in the epochs that the tailer knows."""

    def __init__(self, database: Database, cursors: EventCursors, tailer: Tailer) -> None:
        self._cursors = cursors
        self._tailer = tailer
        self._reader = LogReader(database, cursors)
        self._turns = asyncio.Semaphore(READS_AT_ONCE)

    @property
    def position(self) -> int:
        """The place up to which all streams have been given their events."""
        return self._tailer.position

    def cursor(self, namespace_id: str, seq: int) -> EventCursor:
        """Return the cursor of a place."""
        return self._cursors.write(namespace_id, self._tailer.epochs.of(seq), seq)

    async def page(self, topic: Topic, *, after: int, until: int) -> LogPage:
        """Return what fits of the log after a place; the database is asked again for a while.

        Raises:
            Unavailable: it gives no answer, or not of the epoch that is known here.
        """
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + PATIENCE_S
        while True:
            try:
                async with self._turns:
                    page = await self._reader.page(
                        topic.namespace_id,
                        topic.wanted,
                        self._tailer.epochs,
                        after=after,
                        until=until,
                        most=PAGE_EVENTS,
                    )
                if page.epoch == self._tailer.epochs.newest:
                    return page
                failure = Unavailable("the database was set back; resume")
            except Unavailable as error:
                failure = error
            if loop.time() > give_up_at:
                raise failure
            await asyncio.sleep(RETRY_AFTER_S)
