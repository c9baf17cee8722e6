"""How somebody joins the stream of what is asked for, which is made for the first one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from graphql import GraphQLError

from gateway.context import Context
from gateway.database.pool import Database
from gateway.enums import Permission
from gateway.errors import BadUserInput, RequestFailure, Unavailable
from gateway.events.cursors import EventCursors, EventPosition
from gateway.events.encoding import Encoder, TellErrors, anonymous
from gateway.events.filters import Wanted
from gateway.events.following import Following, Sink
from gateway.events.known_log import KnownLog
from gateway.events.messages import ResetReason
from gateway.events.standing import find_standing
from gateway.events.streams.all_streams import Streams
from gateway.events.streams.sharing import AFTER, Asked, Sharing
from gateway.events.streams.stream import Stream
from gateway.events.streams.subscriber import Subscriber
from gateway.events.tailer import Tailer
from gateway.events.topics import Topic
from gateway.planner.executor import PlanExecutor
from gateway.wording import shortened

# Of a document, variables, the name of an operation and a context; errors have their codes.
Prepare = Callable[[str, dict[str, Any], str | None, Context], "PlanExecutor | list[GraphQLError]"]
# Of a document, variables, and the name of an operation.
Note = Callable[[str, dict[str, Any], str | None], None]


class _Ended:
    """Who follows nothing."""

    def drained(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""


class Joining:
    """Lets sinks join streams.

    Args:
        prepare: Makes what executes a subscription, or tells why there is none.
        note: Takes note of one that needs nothing made, as ``prepare`` does of the others.
    """

    def __init__(
        self,
        database: Database,
        cursors: EventCursors,
        prepare: Prepare,
        note: Note,
        tell_errors: TellErrors,
        *,
        tailer: Tailer,
        log: KnownLog,
        streams: Streams,
    ) -> None:
        self._database = database
        self._cursors = cursors
        self._prepare = prepare
        self._note = note
        self._tell_errors = tell_errors
        self._tailer = tailer
        self._log = log
        self._streams = streams
        self._sharing = Sharing()

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
        """Let a sink join the stream of what it asks for, which is made for the first one."""
        asked = self._sharing.known(text, name, variables, context.caller)
        shared = None if asked is None else self._shared(asked, after)
        if asked is not None and shared is not None:
            self._note(text, variables, name)
            return await self._told(asked, sink, self._begin(*shared, sink))
        executor = self._prepare(text, variables, name, context)
        if isinstance(executor, list):
            return executor
        if asked is None:
            try:
                asked = self._sharing.learnt(text, name, variables, executor)
            except GraphQLError as error:
                return self._with_codes(error)
        return await self._told(asked, sink, self._follow(asked, executor, sink, after))

    def _shared(
        self, asked: Asked, last_event_id: str | None
    ) -> tuple[Stream, EventPosition | None] | None:
        """Return the stream of what is asked for, and from where on; None: it takes a closer look.

        Whoever asks for what a stream tells is right in all that another was right in, so nothing
        is executed to find that out: a crowd that comes back asks for the same.
        """
        if asked.place is None and not asked.question.is_open:
            return None
        position = None
        try:
            stream = self._streams.find(self._sharing.key(asked))
            if stream is None:
                return None
            for place in (asked.place, last_event_id):  # both have to be right; the last counts
                if place is not None:
                    position = self._cursors.read(place)
                    position.require(asked.caller.namespace_id)
        except (TypeError, ValueError, BadUserInput):
            return None
        if position is not None and self._is_elsewhere(position):
            return None
        return stream, position

    async def _told(
        self, asked: Asked, sink: Sink, beginning: Awaitable[Following]
    ) -> Following | list[GraphQLError]:
        """Return what follows; or why nothing does, as errors of the field that is asked for."""
        try:
            return await beginning
        except Unavailable as error:
            sink.fail(error)
            return _Ended()
        except RequestFailure as failure:
            nodes, path = [each.node for each in asked.root.details], [asked.root.key]
            return self._with_codes(
                GraphQLError(failure.message, nodes, path=path, original_error=failure)
            )
        except GraphQLError as error:
            return self._with_codes(error)

    def _with_codes(self, *errors: GraphQLError) -> list[GraphQLError]:
        told = list(errors)
        self._tell_errors(told)
        return told

    async def _follow(
        self, asked: Asked, executor: PlanExecutor, sink: Sink, after: str | None
    ) -> Following:
        asked.caller.require(Permission.READ)
        namespace_id = asked.caller.namespace_id
        given = asked.root.arguments.read(executor.variable_values)
        if asked.root.name == "nodeStatus":
            topic = Topic.of_node(
                namespace_id, given["id"], until_terminal=given["until_terminal"] is not False
            )
            position = None
        else:
            topic = Topic(namespace_id, Wanted.of(given.get("filter")))
            position = self._position(given.get(AFTER), after, namespace_id)
        if not self._streams or (position and self._is_elsewhere(position)):
            await self._tailer.catch_up()
        return await self._begin(self._stream(asked, executor, topic), position, sink)

    async def _begin(
        self, stream: Stream, position: EventPosition | None, sink: Sink
    ) -> Subscriber:
        if stream.topic.has_words:
            return self._begin_at(stream, sink, position)
        return await self._begin_with_standing(stream, sink)

    def _begin_at(self, stream: Stream, sink: Sink, position: EventPosition | None) -> Subscriber:
        if position is None:
            subscriber = stream.join(sink, self._tailer.position)
            stream.catching_up.begin(subscriber, is_new=True)
            return subscriber
        subscriber = stream.join(sink, position.seq)
        if self._is_elsewhere(position):
            stream.catching_up.reset(subscriber, ResetReason.DIVERGED)
        else:
            stream.catching_up.begin(subscriber, is_new=False)
        return subscriber

    def _is_elsewhere(self, position: EventPosition) -> bool:
        """Tell whether a place is not one of the log as far as it is known here."""
        is_apart = self._tailer.epochs.parts_from(position.epoch, position.seq)
        return is_apart or position.seq > self._tailer.position

    async def _begin_with_standing(self, stream: Stream, sink: Sink) -> Subscriber:
        """Tell of the state now, then of what changes it.

        The stream has each event that comes into the log from here on, and the state is read later:
        so what is not in the one is in the other. What is in both is told once.
        """
        id = stream.topic.node_id
        subscriber = stream.join(sink, stream.position)
        try:
            standing = await find_standing(
                self._database,
                self._cursors,
                stream.topic.namespace_id,
                id,
            )
            if standing is None:
                raise BadUserInput(f"id: nothing here has the id {shortened(id)!r}")
            await stream.catching_up.begin_with(subscriber, standing)
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

    def _stream(self, asked: Asked, executor: PlanExecutor, topic: Topic) -> Stream:
        """Return the stream of what is asked for.

        Raises:
            BadUserInput, GraphQLError: an argument of what is read for each event.
        """
        key = self._sharing.key(asked)
        stream = self._streams.find(key)
        if stream is not None:
            return stream
        executor.context_value = anonymous(executor.context_value)
        encoder = Encoder(executor, asked.root, self._tell_errors)
        if encoder.is_personal:
            self._sharing.note_personal(asked)
            key = self._sharing.key(asked)
            stream = self._streams.find(key)  # of a text that was forgotten to be one of these
            if stream is not None:
                return stream
        stream = Stream(self._streams, self._log, key, topic, encoder)
        self._streams.add(stream)
        return stream
