"""One stream of messages, and all who follow it, each at a place of its own.

A subscriber is a position. Who keeps up is *live*: each message is written to all of them as it
comes. Who is slow is left alone until its sink has drained, and then goes on from what the stream
keeps, or from the log, until nothing is missing.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import Enum, auto
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from gateway.errors import GatewayError, Unavailable
from gateway.events.cursors import EventCursor
from gateway.events.encoding import Encoder
from gateway.events.following import Message, Sink
from gateway.events.log import Event
from gateway.events.messages import ResetReason, StatusCheckpoint, StatusReset
from gateway.events.topics import Topic

if TYPE_CHECKING:
    from gateway.events.hub import Hub

logger = logging.getLogger(__name__)

# Between two looks at what else there is to do.
MOST_WRITES = 250
MOST_EVENTS = 256
MOST_PENDING = 10_000
MOST_BEHIND = 100_000
# Of what is written to a subscriber at once: more would wait in its buffer.
PORTION_BYTES = 64 * 1024
# What an entry takes besides its bytes.
ENTRY_BYTES = 400
RETRY_AFTER_S = 0.2
PATIENCE_S = 5.0

_SEQ = attrgetter("seq")


class Entry(NamedTuple):
    """A message in a stream, and what of its event decides who gets it.

    Args:
        is_last: Nothing follows it.
    """

    seq: int
    message: Message
    version: int
    status: str | None
    is_last: bool


class Page(NamedTuple):
    """Messages that were made anew of what is in the log, up to ``end``.

    Args:
        is_whole: False: something between its start and its first message is gone.
    """

    entries: list[Entry]
    end: int
    is_whole: bool


class State(Enum):
    """What a subscriber does."""

    LIVE = auto()
    SLOW = auto()
    CATCHING_UP = auto()
    ENDED = auto()


class Opening(Enum):
    """What a subscriber is still to be told of where it is."""

    NOTHING = auto()
    IS_REPLAYING = auto()
    IS_LIVE = auto()


class Subscriber:
    """A place in a stream, and where what comes after it is written to.

    Args:
        shown: The version and status that were told at first: no event is told that led to it.
    """

    __slots__ = ("opening", "position", "shown", "sink", "state", "stream", "task")

    def __init__(self, stream: Stream, sink: Sink, position: int) -> None:
        self.stream = stream
        self.sink = sink
        self.position = position
        self.state = State.CATCHING_UP
        self.opening = Opening.NOTHING
        self.shown: tuple[int, str | None] | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def is_catching_up(self) -> bool:
        """Whether it is given what it lacks."""
        return self.state is State.CATCHING_UP

    @property
    def is_following(self) -> bool:
        """Whether it has not ended."""
        return self.state is not State.ENDED

    def drained(self) -> None:
        """Go on sending."""
        if self.state is State.SLOW:
            self.state = State.CATCHING_UP
            self.stream.go_on(self)

    def stop(self) -> None:
        """Send nothing more."""
        self.stream.leave(self)


class Stream:
    """The messages of one topic, encoded once.

    ``floor`` is the place after which all messages are kept, up to ``position``.
    """

    def __init__(self, hub: Hub, key: object, topic: Topic, encoder: Encoder) -> None:
        self._hub = hub
        self.key = key
        self.topic = topic
        self._encoder = encoder
        self.subscribers: dict[Subscriber, None] = {}
        self._live: dict[Subscriber, None] = {}
        # Of those who could not keep up, how many messages there had been by then.
        self._left: dict[Subscriber, int] = {}
        self._pending: list[Event] = []
        self._is_behind = False
        self._position = self.floor = hub.position
        self._kept: list[Entry] = []
        self.kept_bytes = 0
        self._count = 0
        self._worker: asyncio.Task[None] | None = None
        self._reading: dict[int, asyncio.Task[Page]] = {}
        self.told_at = asyncio.get_running_loop().time()

    @property
    def position(self) -> int:
        """The place up to which all messages were given to those who are live."""
        is_busy = self._worker is not None or self._pending or self._is_behind
        return self._position if is_busy else self._hub.position

    # ---- what comes ---------------------------------------------------------------------------

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

    async def _work(self) -> None:
        try:
            while self._pending or self._is_behind:
                if self._is_behind:
                    await self._deliver(await self._missed())
                else:
                    events = self._pending[:MOST_EVENTS]
                    del self._pending[:MOST_EVENTS]
                    await self._deliver(await self._entries(events))
        except Unavailable as error:
            self.fail(error)
        except Exception:
            logger.exception("a stream of events failed")
            self.fail(GatewayError("Unexpected error."))
        finally:
            self._worker = None

    async def _missed(self) -> list[Entry]:
        """Return what comes next in the log, of events that were too many to be kept."""
        page = await self._read_page(self._position)
        if not page.is_whole:
            raise Unavailable("the log was emptied before it was read; resume")
        if page.end >= self._hub.position:
            self._is_behind = False
        if not page.entries:
            self._position = max(self._position, page.end)
        return page.entries

    async def _entries(self, events: Sequence[Event]) -> list[Entry]:
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
                self.topic.ends_with(event),
            )
            for event, text in zip(events, texts, strict=True)
        ]

    async def _patiently(self, events: Sequence[Event]) -> list[bytes]:
        """Make messages; try again while the database gives no answer.

        Raises:
            Unavailable: it goes on so.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_S
        while True:
            try:
                return await self._encoder.of_events(events)
            except Unavailable:
                if loop.time() > until:
                    raise
            await asyncio.sleep(RETRY_AFTER_S)

    async def _deliver(self, entries: list[Entry]) -> None:
        """Keep messages, and write them to all who are live."""
        if not entries:
            return
        self._keep(entries)
        for portion in _portions(entries):
            # What happens here happens to everybody who follows, for each message.
            live, can_end = State.LIVE, self.topic.can_end
            messages = [each.message for each in portion]
            first, last = portion[0].seq, portion[-1].seq
            writes = MOST_WRITES
            for subscriber in list(self._live):
                position = subscriber.position
                if position >= last or subscriber.state is not live:
                    continue
                if can_end or position >= first:
                    self._give(subscriber, portion)
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

    def _keep(self, entries: list[Entry]) -> None:
        self._position = entries[-1].seq
        self._count += len(entries)
        self.told_at = asyncio.get_running_loop().time()
        self._kept += entries
        added = sum(map(_size, entries))
        self.kept_bytes += added
        self._hub.keep(added)

    def forget_half(self) -> int:
        """Keep the newer half of the messages only; return how many bytes went."""
        count = (len(self._kept) + 1) // 2
        if not count:
            return 0
        gone = self._kept[:count]
        del self._kept[:count]
        self.floor = gone[-1].seq
        size = sum(map(_size, gone))
        self.kept_bytes -= size
        return size

    # ---- who follows --------------------------------------------------------------------------

    def join(self, sink: Sink, position: int) -> Subscriber:
        """Return a new subscriber at a place; ``begin`` has to follow."""
        subscriber = Subscriber(self, sink, position)
        self.subscribers[subscriber] = None
        return subscriber

    def begin(self, subscriber: Subscriber, *, is_new: bool) -> None:
        """Begin to tell a subscriber of events: first where it is.

        Args:
            is_new: It asks for nothing that was before, so it is live at once.
        """
        is_missing = subscriber.position < self.floor or bool(self._after(subscriber.position))
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
        (entry,) = await self._entries([standing])
        if not subscriber.is_following:
            return
        subscriber.shown = (entry.version, entry.status)
        takes_more = self._write(subscriber, [entry.message])
        if entry.is_last and subscriber.is_following:
            self._complete(subscriber)
        elif takes_more:
            self.go_on(subscriber)

    def reset(self, subscriber: Subscriber, reason: ResetReason) -> None:
        """Tell a subscriber that events are missing, and let it go on from here."""
        subscriber.position = max(self.position, self._hub.position)
        cursor = self._cursor(subscriber.position)
        subscriber.opening = Opening.IS_LIVE
        word = StatusReset(reason=reason, cursor=cursor)
        if self._write(subscriber, [Message(self._encoder.of_word(word), cursor)]):
            self.go_on(subscriber)

    def go_on(self, subscriber: Subscriber) -> None:
        """Give a subscriber what it lacks, then let it be live."""
        if subscriber.position >= self.floor and not self._after(subscriber.position):
            self._make_live(subscriber)
        elif subscriber.task is None:
            subscriber.task = asyncio.create_task(self._catch_up(subscriber))

    def leave(self, subscriber: Subscriber) -> None:
        """Let go of a subscriber; the last one ends the stream."""
        if not subscriber.is_following:
            return
        subscriber.state = State.ENDED
        self._live.pop(subscriber, None)
        self._left.pop(subscriber, None)
        self.subscribers.pop(subscriber, None)
        if subscriber.task is not None and subscriber.task is not asyncio.current_task():
            subscriber.task.cancel()
        if not self.subscribers:
            self._end()

    def fail(self, error: GatewayError) -> None:
        """Tell all subscribers that it cannot go on."""
        for each in list(self.subscribers):
            self._fail(each, error)

    def check(self, now: float, idle_s: float) -> None:
        """End those who are too far behind; tell the others where they are, if nothing did."""
        for each, left_at in list(self._left.items()):
            if self._count - left_at > MOST_BEHIND:
                self._fail(
                    each, Unavailable(f"this subscriber is over {MOST_BEHIND} events behind")
                )
        if self.topic.has_words and now - self.told_at > idle_s and not self._worker:
            self.told_at = now
            self._tell_place()

    def _tell_place(self) -> None:
        position = self.position
        if position < self._position:
            return
        message = self._checkpoint(position, is_replaying=False)
        for each in list(self._live):
            if each.state is State.LIVE:
                each.position = max(each.position, position)
                self._write(each, [message])

    def _end(self) -> None:
        for task in (self._worker, *self._reading.values()):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        self._pending.clear()
        self._is_behind = False
        self._hub.end(self)
        self._kept.clear()
        self.kept_bytes = 0

    # ---- writing ------------------------------------------------------------------------------

    def _give(self, subscriber: Subscriber, entries: Sequence[Entry]) -> bool:
        """Write what of some messages a subscriber lacks; return whether it takes more."""
        messages: list[Message] = []
        is_over = False
        for each in entries:
            if each.seq <= subscriber.position or _is_shown(subscriber, each):
                continue
            messages.append(each.message)
            if each.is_last:
                is_over = True
                break
        subscriber.position = max(subscriber.position, entries[-1].seq)
        takes_more = not messages or self._write(subscriber, messages)
        if is_over and subscriber.is_following:
            self._complete(subscriber)
            return False
        return takes_more

    def _write(self, subscriber: Subscriber, messages: Sequence[Message]) -> bool:
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

    def _drop(self, subscriber: Subscriber, error: Exception) -> None:
        logger.error("a sink of a subscription failed", exc_info=error)
        self._fail(subscriber, GatewayError("Unexpected error."))

    def _complete(self, subscriber: Subscriber) -> None:
        self.leave(subscriber)
        subscriber.sink.complete()

    def _fail(self, subscriber: Subscriber, error: GatewayError) -> None:
        self.leave(subscriber)
        with suppress(Exception):
            subscriber.sink.fail(error)

    # ---- catching up --------------------------------------------------------------------------

    async def _catch_up(self, subscriber: Subscriber) -> None:
        try:
            while subscriber.is_catching_up:
                await self._next_step(subscriber)
        except Unavailable as error:
            self._fail(subscriber, error)
        except Exception:
            logger.exception("a subscriber cannot catch up")
            self._fail(subscriber, GatewayError("Unexpected error."))
        finally:
            subscriber.task = None

    async def _next_step(self, subscriber: Subscriber) -> None:
        if subscriber.position >= self.floor:
            entries = self._after(subscriber.position)
            if not entries:
                self._make_live(subscriber)
                return
            end = entries[-1].seq
        else:
            page = await self._page(subscriber.position)
            if not subscriber.is_catching_up:
                return
            if not page.is_whole:
                if not self.topic.has_words:
                    raise Unavailable("events that were missed are gone from the log; begin anew")
                self.reset(subscriber, ResetReason.EXPIRED)
                return
            entries, end = page.entries, page.end
        if not self._tell_replaying(subscriber):
            return
        for portion in _portions(entries):
            if not self._give(subscriber, portion):
                return
            await asyncio.sleep(0)
            if not subscriber.is_catching_up:
                return
        subscriber.position = max(subscriber.position, end)

    def _after(self, position: int) -> list[Entry]:
        """Return the next messages after a place, of those that are kept."""
        if not self._kept or self._kept[-1].seq <= position:
            return []
        start = bisect_right(self._kept, position, key=_SEQ)
        return self._kept[start : start + MOST_EVENTS]

    def _tell_replaying(self, subscriber: Subscriber) -> bool:
        if subscriber.opening is not Opening.IS_REPLAYING:
            return True
        subscriber.opening = Opening.IS_LIVE
        return self._write(subscriber, [self._checkpoint(subscriber.position, is_replaying=True)])

    def _make_live(self, subscriber: Subscriber) -> None:
        """Let a subscriber get messages as they come; it lacks none."""
        subscriber.position = max(subscriber.position, self.position)
        subscriber.state = State.LIVE
        self._left.pop(subscriber, None)
        self._live[subscriber] = None
        if subscriber.opening is Opening.IS_LIVE:
            subscriber.opening = Opening.NOTHING
            self._write(subscriber, [self._checkpoint(subscriber.position, is_replaying=False)])

    async def _page(self, after: int) -> Page:
        """Return messages after a place from the log, read once for all who are there."""
        page = self._hub.pages.find((self, after))
        if page is not None:
            return page
        reading = self._reading.get(after)
        if reading is None:
            reading = self._reading[after] = asyncio.create_task(self._read_shared(after))
            reading.add_done_callback(_note_failure)
        return await asyncio.shield(reading)

    async def _read_shared(self, after: int) -> Page:
        try:
            page = await self._read_page(after)
        finally:
            del self._reading[after]
        if page.is_whole and len(self.subscribers) > 1:
            self._hub.pages.keep((self, after), page, sum(map(_size, page.entries)))
        return page

    async def _read_page(self, after: int) -> Page:
        page = await self._hub.read_page(self.topic, after=after, until=self._hub.position)
        if page.first_seq > after + 1:
            return Page([], after, is_whole=False)
        return Page(await self._entries(page.events), page.end, is_whole=True)

    # ---- words --------------------------------------------------------------------------------

    def _checkpoint(self, position: int, *, is_replaying: bool) -> Message:
        cursor = self._cursor(position)
        word = StatusCheckpoint(cursor=cursor, replaying=is_replaying)
        return Message(self._encoder.of_word(word), cursor)

    def _cursor(self, position: int) -> EventCursor:
        return self._hub.cursor(self.topic.namespace_id, position)


def _note_failure(reading: asyncio.Task[Page]) -> None:
    """Take note of a failure that perhaps nobody waits for any more."""
    if not reading.cancelled():
        reading.exception()


def _is_shown(subscriber: Subscriber, entry: Entry) -> bool:
    """Tell whether the subscriber has been told of a later state already."""
    if subscriber.shown is None:
        return False
    version, status = subscriber.shown
    if entry.version < version or (entry.version == version and entry.status == status):
        return True
    subscriber.shown = None
    return False


def _size(entry: Entry) -> int:
    return len(entry.message.json) + ENTRY_BYTES


def _portions(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Return messages in parts that are not too large to be written at once."""
    start = size = 0
    for place, each in enumerate(entries):
        size += len(each.message.json)
        if size > PORTION_BYTES and place > start:
            yield entries[start:place]
            start, size = place, len(each.message.json)
    if entries:
        yield entries[start:]
