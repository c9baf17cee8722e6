"""Runs all subscriptions of a process: who asks for the same is told by one stream."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import asyncpg
import orjson
from graphql import GraphQLError

from gateway.caller import Caller
from gateway.checks import shortened
from gateway.context import Context
from gateway.database.pool import Database
from gateway.enums import Permission
from gateway.errors import BadUserInput, GatewayError, RequestFailure, Unavailable
from gateway.events.cursors import EventCursor, EventCursors, EventPosition
from gateway.events.encoding import Encoder, Root, TellErrors, anonymous
from gateway.events.filters import Wanted
from gateway.events.following import Following, Sink
from gateway.events.log import Event, LogPage, LogReader
from gateway.events.messages import ResetReason
from gateway.events.standing import find_standing
from gateway.events.stream import Page, Stream, Subscriber
from gateway.events.tailer import Tailer
from gateway.events.topics import Topic
from gateway.planner.caching import LeastUsedCache
from gateway.planner.executor import PlanExecutor
from gateway.planner.used_variables import used_variables
from gateway.tasks import end

logger = logging.getLogger(__name__)

# A subscriber who hears of nothing is told a new place, or its own would grow too old.
CHECKPOINT_AFTER_S = 30.0
CHECK_EVERY_S = 1.0
MOST_BYTES = 32 * 1024 * 1024
MOST_PAGES, MOST_PAGE_BYTES = 64, 8 * 1024 * 1024
PAGE_EVENTS = 512
# Those who catch up must leave connections to requests.
READS_AT_ONCE = 3
RETRY_AFTER_S = 0.2
PATIENCE_S = 5.0

# Of a document, variables, the name of an operation and a context; errors have their codes.
Prepare = Callable[[str, dict[str, Any], str | None, Context], "PlanExecutor | list[GraphQLError]"]


class _Ended:
    """Who follows nothing."""

    def drained(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class _Place:
    """The streams of one namespace: those about certain nodes by them, and the others."""

    def __init__(self) -> None:
        self.by_node: dict[str, dict[Stream, None]] = defaultdict(dict)
        self.others: dict[Stream, None] = {}


class Hub:
    """Runs subscriptions.

    Args:
        prepare: Makes what executes a subscription, or tells why there is none.
        most_bytes: What of messages is kept for those who are slow, or come back.
    """

    def __init__(
        self,
        database: Database,
        cursors: EventCursors,
        prepare: Prepare,
        tell_errors: TellErrors,
        *,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._database = database
        self._cursors = cursors
        self._prepare = prepare
        self._tell_errors = tell_errors
        self._most_bytes = most_bytes
        self._kept_bytes = 0
        self._log = LogReader(database, cursors)
        self._tailer = Tailer(database, self)
        self._streams: dict[object, Stream] = {}
        self._places: dict[str, _Place] = {}
        self._reads = asyncio.Semaphore(READS_AT_ONCE)
        # Texts whose messages depend on who the caller is.
        self._personal = LeastUsedCache[tuple[str, str | None], bool](512)
        self._variables = LeastUsedCache[tuple[str, str | None], frozenset[str]](512)
        self.pages = LeastUsedCache[object, Page](MOST_PAGES, most_weight=MOST_PAGE_BYTES)

    async def run(self) -> None:
        """Work until cancelled."""
        tailing = asyncio.create_task(self._tailer.run())
        try:
            await self._check_streams()
        finally:
            await end(tailing)

    async def _check_streams(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            for stream in list(self._streams.values()):
                try:
                    stream.check(loop.time(), CHECKPOINT_AFTER_S)
                except Exception:
                    logger.exception("looking after a stream of events failed")
                    stream.fail(GatewayError("Unexpected error."))

    # ---- who follows --------------------------------------------------------------------------

    async def follow(
        self,
        text: str,
        variables: dict[str, Any],
        name: str | None,
        context: Context,
        sink: Sink,
        *,
        after: str | None = None,
    ) -> Following | list[GraphQLError]:
        """Start the subscription operation of a document; see ``following.Follows``."""
        executor = self._prepare(text, variables, name, context)
        if isinstance(executor, list):
            return executor
        try:
            root = Root.of(executor)
            try:
                return await self._follow(text, variables, name, executor, root, sink, after)
            except Unavailable as error:
                sink.fail(error)
                return _Ended()
            except RequestFailure as failure:
                nodes = [each.node for each in root.details]
                errors = [
                    GraphQLError(failure.message, nodes, path=[root.key], original_error=failure)
                ]
        except GraphQLError as error:
            errors = [error]
        self._tell_errors(errors)
        return errors

    async def _follow(
        self,
        text: str,
        variables: dict[str, Any],
        name: str | None,
        executor: PlanExecutor,
        root: Root,
        sink: Sink,
        after: str | None,
    ) -> Following:
        context: Context = executor.context_value
        context.caller.require(Permission.READ)
        namespace_id = context.caller.namespace_id
        given = root.arguments
        if root.name == "nodeStatus":
            topic = Topic.of_node(
                namespace_id, given["id"], until_terminal=given["until_terminal"] is not False
            )
            position = None
        else:
            topic = Topic(namespace_id, Wanted.of(given.get("filter")))
            position = self._position(given.get("after"), after, namespace_id)
        if not self._streams or (position and position.seq > self.position):
            await self._tailer.catch_up()
        key = self._key(text, variables, name, executor, root)
        stream = self._stream(key, (text, name), topic, executor, root)
        if topic.has_words:
            return self._begin(stream, sink, position)
        return await self._begin_with_standing(stream, sink, given["id"])

    def _begin(self, stream: Stream, sink: Sink, position: EventPosition | None) -> Subscriber:
        if position is None:
            subscriber = stream.join(sink, self.position)
            stream.begin(subscriber, is_new=True)
            return subscriber
        subscriber = stream.join(sink, position.seq)
        is_apart = self._tailer.epochs.parts_from(position.epoch, position.seq)
        if is_apart or position.seq > self.position:
            stream.reset(subscriber, ResetReason.DIVERGED)
        else:
            stream.begin(subscriber, is_new=False)
        return subscriber

    async def _begin_with_standing(self, stream: Stream, sink: Sink, id: str) -> Subscriber:
        """Tell of the state now, then of what changes it.

        The stream has each event that comes into the log from here on, and the state is read later:
        so what is not in the one is in the other. What is in both is told once.
        """
        subscriber = stream.join(sink, stream.position)
        try:
            standing = await find_standing(
                self._database,
                self._cursors,
                self._tailer.epochs,
                stream.topic.namespace_id,
                id,
            )
            if standing is None:
                raise BadUserInput(f"id: nothing here has the id {shortened(id)!r}")
            await stream.begin_with(subscriber, standing)
        except BaseException:
            subscriber.stop()
            raise
        return subscriber

    def _position(
        self, given: EventPosition | None, last_event_id: str | None, namespace_id: str
    ) -> EventPosition | None:
        """Return where to go on.

        Raises:
            BadUserInput: it is no place of this namespace.
        """
        if last_event_id is not None:
            try:
                given = self._cursors.read(last_event_id)
            except ValueError as error:
                raise BadUserInput(f"after (Last-Event-ID): {error}") from error
        if given is not None:
            given.require(namespace_id)
        return given

    # ---- streams ------------------------------------------------------------------------------

    def _key(
        self,
        text: str,
        variables: dict[str, Any],
        name: str | None,
        executor: PlanExecutor,
        root: Root,
    ) -> tuple[object, ...]:
        """Return what two subscriptions have in common if the same messages are for both."""
        used = self._variables.find((text, name))
        if used is None:
            used = _variables_of(executor, root)
            self._variables.keep((text, name), used)
        given = {each: variables[each] for each in used if each in variables}
        caller: Caller = executor.context_value.caller
        written = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
        return (text, name, written, caller.namespace_id, caller.permissions)

    def _stream(
        self,
        key: tuple[object, ...],
        document: tuple[str, str | None],
        topic: Topic,
        executor: PlanExecutor,
        root: Root,
    ) -> Stream:
        """Return the stream of a key; where the messages depend on the caller, one of the caller's.

        Raises:
            BadUserInput, GraphQLError: an argument of what is read for each event.
        """
        caller: Caller = executor.context_value.caller
        personal = (*key, caller.key_id, caller.namespaces)
        is_personal = self._personal.find(document) is not None
        stream = self._streams.get(personal if is_personal else key)
        if stream is not None:
            return stream
        executor.context_value = anonymous(executor.context_value)
        encoder = Encoder(executor, root, self._tell_errors)
        if encoder.is_personal:
            self._personal.keep(document, True)
            key = personal
        stream = self._streams[key] = Stream(self, key, topic, encoder)
        place = self._places.setdefault(topic.namespace_id, _Place())
        for node_id in topic.wanted.node_id or ():
            place.by_node[node_id][stream] = None
        if topic.wanted.node_id is None:
            place.others[stream] = None
        return stream

    def end(self, stream: Stream) -> None:
        """Forget a stream that nobody follows any more."""
        if self._streams.get(stream.key) is not stream:
            return
        del self._streams[stream.key]
        self._kept_bytes -= stream.kept_bytes
        place = self._places[stream.topic.namespace_id]
        place.others.pop(stream, None)
        for node_id in stream.topic.wanted.node_id or ():
            of_node = place.by_node[node_id]
            of_node.pop(stream, None)
            if not of_node:
                del place.by_node[node_id]
        if not place.others and not place.by_node:
            del self._places[stream.topic.namespace_id]
        if not self._streams:
            self.pages.clear()

    def keep(self, size: int) -> None:
        """Count what a stream keeps; where it is too much in all, each forgets the older half."""
        self._kept_bytes += size
        while self._kept_bytes > self._most_bytes:
            self._kept_bytes -= sum(each.forget_half() for each in self._streams.values())

    # ---- the log ------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """The place up to which all streams have been given their events."""
        return self._tailer.position

    @property
    def delay_s(self) -> float:
        """How old the newest event was when it came here, by the clocks of both machines."""
        return self._tailer.delay_s

    @property
    def read_at(self) -> float:
        """When the log was last read to its end, in seconds since 1970; 0: not yet."""
        return self._tailer.read_at

    @property
    def streams(self) -> int:
        """How many distinct subscriptions there are."""
        return len(self._streams)

    @property
    def is_wanted(self) -> bool:
        """Whether anybody follows."""
        return bool(self._streams)

    def take(self, records: Sequence[asyncpg.Record]) -> None:
        """Give each event to the streams that it fits."""
        for record in records:
            place = self._places.get(record["namespace_id"])
            if place is None:
                continue
            streams: Iterable[Stream] = place.others
            of_node = place.by_node.get(record["node_id"])
            if of_node:
                streams = (*streams, *of_node)
            event: Event | None = None
            for stream in streams:
                if event is None:
                    event = Event.of(record, self.cursor(record["namespace_id"], record["seq"]))
                if stream.topic.fits(event):
                    stream.push(event)

    def fail_all(self, error: GatewayError) -> None:
        """Tell everybody that it cannot go on."""
        for stream in list(self._streams.values()):
            stream.fail(error)

    def cursor(self, namespace_id: str, seq: int) -> EventCursor:
        """Return the cursor of a place."""
        return self._cursors.write(namespace_id, self._tailer.epochs.of(seq), seq)

    async def read_page(self, topic: Topic, *, after: int, until: int) -> LogPage:
        """Return what fits of the log after a place; the database is asked again for a while.

        Raises:
            Unavailable: it gives no answer, or not of the epoch that is known here.
        """
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + PATIENCE_S
        while True:
            try:
                async with self._reads:
                    page = await self._log.page(
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


def _variables_of(executor: PlanExecutor, root: Root) -> frozenset[str]:
    """Return the names of the variables that messages depend on: not that of the place alone."""
    fragments = {name: each.definition for name, each in executor.fragments.items()}
    nodes = [each.node for each in root.details]
    arguments = [
        each for node in nodes for each in node.arguments or () if each.name.value != "after"
    ]
    selections = [node.selection_set for node in nodes if node.selection_set]
    return used_variables([*arguments, *selections], fragments)
