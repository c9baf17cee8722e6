"""Makes the messages of one stream."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.errors import Unavailable
from gateway.events.cursors import EventCursor
from gateway.events.encoding import Encoder
from gateway.events.following import Message
from gateway.events.known_log import KnownLog
from gateway.events.log import Event
from gateway.events.messages import ResetReason, StatusCheckpoint, StatusReset
from gateway.events.streams.entries import Entry
from gateway.events.topics import Topic

RETRY_AFTER_S = 0.2
PATIENCE_S = 5.0


class Maker:
    """Makes messages of events, and the words between them."""

    def __init__(self, log: KnownLog, topic: Topic, encoder: Encoder) -> None:
        self._log = log
        self._topic = topic
        self._encoder = encoder
        # The last checkpoint: clients come back in crowds, and most of them to the same place.
        self._place: tuple[EventCursor, bool] | None = None
        self._checkpoint = Message(b"", None)

    async def entries(self, events: Sequence[Event]) -> list[Entry]:
        """Return the messages of events.

        Raises:
            Unavailable: PostgreSQL gives no answer, and that for long.
        """
        if self._encoder.reads:
            texts = await self._patiently(events)
        else:
            texts = [self._encoder.of_event(each) for each in events]
        return [
            Entry(
                event.seq,
                Message(text, event.cursor),
                event.version,
                event.status,
                self._topic.ends_with(event),
            )
            for event, text in zip(events, texts, strict=True)
        ]

    async def _patiently(self, events: Sequence[Event]) -> list[bytes]:
        """Make messages; try again while the database gives no answer."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_S
        while True:
            try:
                return await self._encoder.of_events(events)
            except Unavailable:
                if loop.time() > until:
                    raise
            await asyncio.sleep(RETRY_AFTER_S)

    def checkpoint(self, position: int, *, is_replaying: bool) -> Message:
        """Return the word that all up to a place was told."""
        cursor = self._log.cursor(self._topic.namespace_id, position)
        if self._place != (cursor, is_replaying):
            word = StatusCheckpoint(cursor=cursor, replaying=is_replaying)
            self._checkpoint = Message(self._encoder.of_word(word), cursor)
            self._place = cursor, is_replaying
        return self._checkpoint

    def reset(self, position: int, reason: ResetReason) -> Message:
        """Return the word that events up to a place are missing."""
        cursor = self._log.cursor(self._topic.namespace_id, position)
        word = StatusReset(reason=reason, cursor=cursor)
        return Message(self._encoder.of_word(word), cursor)
