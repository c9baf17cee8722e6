"""Who follows a stream: those who are written to as messages come, and those who are slow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from gateway.errors import GatewayError, Unavailable
from gateway.events.following import Message
from gateway.events.streams.entries import Entry, portions
from gateway.events.streams.subscriber import State, Subscriber

logger = logging.getLogger(__name__)

# Between two looks at what else there is to do.
MOST_WRITES = 250
MOST_BEHIND = 100_000


class Audience:
    """The subscribers of one stream.

    Args:
        can_end: Whether one of the messages can be the last.
        be_left: Called when the last subscriber has gone.
    """

    def __init__(self, *, can_end: bool, be_left: Callable[[], None]) -> None:
        self._can_end = can_end
        self._be_left = be_left
        self._subscribers: dict[Subscriber, None] = {}
        self._live: dict[Subscriber, None] = {}
        # Of those who could not keep up, how many messages there had been by then.
        self._left: dict[Subscriber, int] = {}
        self._count = 0

    @property
    def size(self) -> int:
        """How many follow."""
        return len(self._subscribers)

    def add(self, subscriber: Subscriber) -> None:
        """Have one more, who is not live yet."""
        self._subscribers[subscriber] = None

    def make_live(self, subscriber: Subscriber, position: int) -> None:
        """Let a subscriber get messages as they come; it lacks none up to a place."""
        subscriber.position = max(subscriber.position, position)
        subscriber.state = State.LIVE
        self._left.pop(subscriber, None)
        self._live[subscriber] = None

    def leave(self, subscriber: Subscriber) -> None:
        """Let go of a subscriber; may be called twice."""
        if not subscriber.is_following:
            return
        subscriber.state = State.ENDED
        self._live.pop(subscriber, None)
        self._left.pop(subscriber, None)
        self._subscribers.pop(subscriber, None)
        if subscriber.task is not None and subscriber.task is not asyncio.current_task():
            subscriber.task.cancel()
        if not self._subscribers:
            self._be_left()

    # ---- writing ------------------------------------------------------------------------------

    async def tell(self, entries: Sequence[Entry]) -> None:
        """Write messages to all who are live."""
        self._count += len(entries)
        for portion in portions(entries):
            # What happens here happens to everybody who follows, for each message.
            live, can_end = State.LIVE, self._can_end
            messages = [each.message for each in portion]
            first, last = portion[0].seq, portion[-1].seq
            writes = MOST_WRITES
            for subscriber in list(self._live):
                position = subscriber.position
                if position >= last or subscriber.state is not live:
                    continue
                if can_end or position >= first:
                    self.give(subscriber, portion)
                else:
                    subscriber.position = last
                    try:
                        takes_more = subscriber.sink.send(messages)
                    except Exception as error:
                        self._drop(subscriber, error)
                    else:
                        if not takes_more:
                            self._note_slow(subscriber)
                writes -= 1
                if not writes:
                    writes = MOST_WRITES
                    await asyncio.sleep(0)

    def tell_place(self, message: Message, position: int) -> None:
        """Write a message to all who are live: nothing up to a place was for them."""
        for each in list(self._live):
            if each.state is State.LIVE:
                each.position = max(each.position, position)
                self.write(each, [message])

    def give(self, subscriber: Subscriber, entries: Sequence[Entry]) -> bool:
        """Write what of some messages a subscriber lacks; return whether it takes more."""
        messages: list[Message] = []
        is_over = False
        for each in entries:
            if not subscriber.lacks(each):
                continue
            messages.append(each.message)
            if each.is_last:
                is_over = True
                break
        subscriber.position = max(subscriber.position, entries[-1].seq)
        takes_more = not messages or self.write(subscriber, messages)
        if is_over and subscriber.is_following:
            self.complete(subscriber)
            return False
        return takes_more

    def write(self, subscriber: Subscriber, messages: Sequence[Message]) -> bool:
        """Write messages; return whether the subscriber takes more."""
        try:
            takes_more = subscriber.sink.send(messages)
        except Exception as error:
            self._drop(subscriber, error)
            return False
        if not takes_more:
            self._note_slow(subscriber)
        return takes_more and subscriber.is_following

    def _note_slow(self, subscriber: Subscriber) -> None:
        """Leave a subscriber alone until its sink has drained."""
        if subscriber.state is State.LIVE:
            del self._live[subscriber]
            self._left[subscriber] = self._count
        if subscriber.is_following:
            subscriber.state = State.SLOW

    # ---- ends ---------------------------------------------------------------------------------

    def complete(self, subscriber: Subscriber) -> None:
        """End a subscription well."""
        self.leave(subscriber)
        try:
            subscriber.sink.complete()
        except Exception as error:
            self._drop(subscriber, error)

    def fail(self, subscriber: Subscriber, error: GatewayError) -> None:
        """Tell a subscriber that it cannot go on."""
        self.leave(subscriber)
        with suppress(Exception):
            subscriber.sink.fail(error)

    def fail_all(self, error: GatewayError) -> None:
        """Tell all subscribers that it cannot go on."""
        for each in list(self._subscribers):
            self.fail(each, error)

    def fail_those_far_behind(self) -> None:
        """End those who are so slow that they would never be live again."""
        for each, left_at in list(self._left.items()):
            if self._count - left_at > MOST_BEHIND:
                self.fail(each, Unavailable(f"this subscriber is over {MOST_BEHIND} events behind"))

    def _drop(self, subscriber: Subscriber, error: Exception) -> None:
        logger.error("a sink of a subscription failed", exc_info=error)
        self.fail(subscriber, GatewayError("Unexpected error."))
