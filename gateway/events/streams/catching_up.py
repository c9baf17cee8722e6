"""Brings subscribers to where their stream is: those who begin, and those who were slow."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gateway.errors import GatewayError, Unavailable
from gateway.events.log import Event
from gateway.events.messages import ResetReason
from gateway.events.streams.entries import portions
from gateway.events.streams.subscriber import Opening, Subscriber

if TYPE_CHECKING:
    from gateway.events.streams.stream import Stream

logger = logging.getLogger(__name__)


class CatchingUp:
    """Gives the subscribers of a stream what they lack, each at its own pace."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def begin(self, subscriber: Subscriber, *, is_new: bool) -> None:
        """Begin to tell a subscriber of events: first where it is.

        Args:
            is_new: It asks for nothing that was before, so it is live at once.
        """
        kept, position = self._stream.kept, subscriber.position
        is_missing = position < kept.floor or bool(kept.after(position))
        if is_missing and not is_new:
            subscriber.opening = Opening.IS_REPLAYING
        else:
            subscriber.opening = Opening.IS_LIVE
        self.go_on(subscriber)

    async def begin_with(self, subscriber: Subscriber, standing: Event) -> None:
        """Tell a subscriber of a state that was read after it joined, then of what changes it.

        Raises:
            Unavailable: PostgreSQL gives no answer.
        """
        (entry,) = await self._stream.maker.entries([standing])
        if not subscriber.is_following:
            return
        # What was in the log by then led to that state. So did what was committed and not in the
        # log yet, which is told by its version.
        subscriber.position = max(subscriber.position, entry.seq)
        subscriber.shown = (entry.version, entry.status)
        audience = self._stream.audience
        takes_more = audience.write(subscriber, [entry.message])
        if entry.is_last and subscriber.is_following:
            audience.complete(subscriber)
        elif takes_more:
            self.go_on(subscriber)

    def reset(self, subscriber: Subscriber, reason: ResetReason) -> None:
        """Tell a subscriber that events are missing, and let it go on from here."""
        stream = self._stream
        subscriber.position = max(stream.position, stream.log.position)
        subscriber.opening = Opening.IS_LIVE
        if stream.audience.write(subscriber, [stream.maker.reset(subscriber.position, reason)]):
            self.go_on(subscriber)

    def go_on(self, subscriber: Subscriber) -> None:
        """Give a subscriber what it lacks, then let it be live."""
        kept, position = self._stream.kept, subscriber.position
        if position >= kept.floor and not kept.after(position):
            self._make_live(subscriber)
        elif subscriber.task is None:
            subscriber.task = asyncio.create_task(self._catch_up(subscriber))

    async def _catch_up(self, subscriber: Subscriber) -> None:
        try:
            while subscriber.is_catching_up:
                await self._next_step(subscriber)
        except Unavailable as error:
            self._stream.audience.fail(subscriber, error)
        except Exception:
            logger.exception("a subscriber cannot catch up")
            self._stream.audience.fail(subscriber, GatewayError("Unexpected error."))
        finally:
            subscriber.task = None

    async def _next_step(self, subscriber: Subscriber) -> None:
        stream = self._stream
        if subscriber.position >= stream.kept.floor:
            entries = stream.kept.after(subscriber.position)
            if not entries:
                self._make_live(subscriber)
                return
            end = entries[-1].seq
        else:
            page = await stream.pages.after(subscriber.position)
            if not subscriber.is_catching_up:
                return
            if not page.is_whole:
                if not stream.topic.has_words:
                    raise Unavailable("events that were missed are gone from the log; begin anew")
                self.reset(subscriber, ResetReason.EXPIRED)
                return
            entries, end = page.entries, page.end
        if not self._tell_replaying(subscriber):
            return
        for portion in portions(entries):
            if not stream.audience.give(subscriber, portion):
                return
            await asyncio.sleep(0)
            if not subscriber.is_catching_up:
                return
        subscriber.position = max(subscriber.position, end)

    def _tell_replaying(self, subscriber: Subscriber) -> bool:
        if subscriber.opening is not Opening.IS_REPLAYING:
            return True
        subscriber.opening = Opening.IS_LIVE
        word = self._stream.maker.checkpoint(subscriber.position, is_replaying=True)
        return self._stream.audience.write(subscriber, [word])

    def _make_live(self, subscriber: Subscriber) -> None:
        """Let a subscriber get messages as they come; it lacks none."""
        stream = self._stream
        stream.audience.make_live(subscriber, stream.position)
        if subscriber.opening is Opening.IS_LIVE:
            subscriber.opening = Opening.NOTHING
            word = stream.maker.checkpoint(subscriber.position, is_replaying=False)
            stream.audience.write(subscriber, [word])
