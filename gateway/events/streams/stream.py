"""One stream of messages, and all who follow it, each at a place of its own.

A subscriber is a position. Who keeps up is *live*: each message is written to all of them as it
comes (``audience.py``). Who is slow is left alone until its sink has drained, and then goes on from
what the stream keeps, or from the log, until nothing is missing (``catching_up.py``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.errors import GatewayError, Unavailable
from gateway.events.encoding import Encoder
from gateway.events.following import Sink
from gateway.events.known_log import KnownLog
from gateway.events.log import Event
from gateway.events.streams import entries
from gateway.events.streams.audience import Audience
from gateway.events.streams.catching_up import CatchingUp
from gateway.events.streams.entries import Entry, Kept
from gateway.events.streams.making import Maker
from gateway.events.streams.pages import Pages
from gateway.events.streams.subscriber import Subscriber
from gateway.events.topics import Topic

if TYPE_CHECKING:
    from gateway.events.streams.all_streams import Streams

logger = logging.getLogger(__name__)

MOST_PENDING = 10_000


class Stream:
    """The messages of one topic, encoded once."""

    def __init__(
        self, streams: Streams, log: KnownLog, key: object, topic: Topic, encoder: Encoder
    ) -> None:
        self._streams = streams
        self.log = log
        self.key = key
        self.topic = topic
        self.audience = Audience(can_end=topic.can_end, be_left=self._end)
        self.maker = Maker(log, topic, encoder)
        self.pages = Pages(log, topic, self.maker, streams.pages, lambda: self.audience.size > 1)
        self.catching_up = CatchingUp(self)
        self.kept = Kept(log.position)
        self._position = log.position
        self._pending: list[Event] = []
        self._is_behind = False
        self._worker: asyncio.Task[None] | None = None
        self._told_at = asyncio.get_running_loop().time()

    @property
    def position(self) -> int:
        """The place up to which all messages were given to those who are live."""
        is_busy = self._worker is not None or self._pending or self._is_behind
        return self._position if is_busy else self.log.position

    def join(self, sink: Sink, position: int) -> Subscriber:
        """Return a new subscriber at a place; ``catching_up`` has to begin with it."""
        subscriber = Subscriber(self, sink, position)
        self.audience.add(subscriber)
        return subscriber

    def push(self, event: Event) -> None:
        """Take an event that fits; messages follow."""
        if self._is_behind:
            return  # it is read from the log
        self._pending.append(event)
        if len(self._pending) > MOST_PENDING:
            self._pending.clear()
            self._is_behind = True
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    def check(self, now: float, idle_s: float) -> None:
        """End those who are too far behind; tell the others where they are, if nothing did."""
        self.audience.fail_those_far_behind()
        if self.topic.has_words and now - self._told_at > idle_s and not self._worker:
            self._told_at = now
            self._tell_place()

    def fail(self, error: GatewayError) -> None:
        """Tell all subscribers that it cannot go on."""
        self.audience.fail_all(error)

    async def _work(self) -> None:
        try:
            while self._pending or self._is_behind:
                if self._is_behind:
                    await self._deliver(await self._missed())
                else:
                    events = self._pending[: entries.MOST_EVENTS]
                    del self._pending[: entries.MOST_EVENTS]
                    await self._deliver(await self.maker.entries(events))
        except Unavailable as error:
            self.fail(error)
        except Exception:
            logger.exception("a stream of events failed")
            self.fail(GatewayError("Unexpected error."))
        finally:
            self._worker = None

    async def _missed(self) -> list[Entry]:
        """Return what comes next in the log, of events that were too many to be kept."""
        page = await self.pages.read(self._position)
        if not page.is_whole:
            raise Unavailable("the log was emptied before it was read; resume")
        if page.end >= self.log.position:
            self._is_behind = False
        if not page.entries:
            self._position = max(self._position, page.end)
        return page.entries

    async def _deliver(self, made: Sequence[Entry]) -> None:
        """Keep messages, and write them to all who are live."""
        if not made:
            return
        self._position = made[-1].seq
        self._told_at = asyncio.get_running_loop().time()
        self._streams.count_kept(self.kept.add(made))
        await self.audience.tell(made)

    def _tell_place(self) -> None:
        position = self.position
        if position >= self._position:
            word = self.maker.checkpoint(position, is_replaying=False)
            self.audience.tell_place(word, position)

    def _end(self) -> None:
        if self._worker is not None and self._worker is not asyncio.current_task():
            self._worker.cancel()
        self.pages.stop()
        self._pending.clear()
        self._is_behind = False
        self._streams.end(self)
        self.kept.clear()
