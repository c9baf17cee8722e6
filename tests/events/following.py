"""Subscribers for tests: real hubs on a real database, and sinks that note what they are given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from inspect import isawaitable
from pathlib import Path
from typing import Any

import orjson
from graphql import GraphQLError, parse
from strawberry.utils.str_converters import to_snake_case

from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import UrlSigner
from gateway.caller import Caller
from gateway.context import Context
from gateway.database.ids import new_id
from gateway.database.pool import Database
from gateway.enums import Permission
from gateway.errors import GatewayError
from gateway.events.broker.nats import Broker
from gateway.events.cursors import EventCursors
from gateway.events.following import Following, Message
from gateway.events.hub import Hub
from gateway.events.log import Event
from gateway.fetching.fetcher import Fetcher
from gateway.fetching.rules import FetchRules
from gateway.housekeeping import Housekeeper
from gateway.http.strict_json import encode
from gateway.limits import Limits
from gateway.namespaces.authentication import Authenticator
from gateway.planner.reader import Reader
from gateway.schema import GatewaySchema, make_schema
from gateway.tasks import end
from tests.client import Noting
from tests.events.world import ONE

ALL = """
subscription ($filter: StatusEventFilter, $after: EventCursor) {
  statusChanged(filter: $filter, after: $after) {
    __typename
    ... on StatusEvent {
      cursor event kind nodeId bucketId collectionId rootObjectId version previousStatus status
      error at
    }
    ... on StatusCheckpoint { cursor replaying }
    ... on StatusReset { cursor reason }
  }
}
"""


class Sink:
    """Notes what it is given.

    Args:
        takes: How many calls of ``send`` are answered with True; then it is slow until ``drain``.
    """

    def __init__(self, takes: int | None = None) -> None:
        self.takes = takes
        self.texts: list[bytes] = []
        self.messages: list[dict[str, Any]] = []
        self.cursors: list[str | None] = []
        self.writes = 0
        self.is_complete = False
        self.failure: GatewayError | None = None
        self.is_stopped = False
        self.following: Following | None = None
        self._changed = asyncio.Event()

    def send(self, messages: Sequence[Message]) -> bool:
        assert messages
        assert not self.is_over
        assert self.takes is None or self.takes > 0, "written to although it is slow"
        self.writes += 1
        for each in messages:
            self.texts.append(each.json)
            (message,) = orjson.loads(each.json)["data"].values()
            self.messages.append(message)
            self.cursors.append(each.cursor)
        self._changed.set()
        if self.takes is None:
            return True
        self.takes -= 1
        return self.takes > 0

    @property
    def is_over(self) -> bool:
        return self.is_complete or self.is_stopped or self.failure is not None

    def complete(self) -> None:
        assert not self.is_over
        self.is_complete = True
        self._changed.set()

    def fail(self, error: GatewayError) -> None:
        assert not self.is_over
        self.failure = error
        self._changed.set()

    def drain(self, takes: int | None = None) -> None:
        """Be ready for so many more."""
        self.takes = takes
        assert self.following is not None
        self.following.drained()

    async def drained_until(self, is_so: Callable[[], bool]) -> None:
        """Be ready for one more write after the other, then for any."""
        async with asyncio.timeout(20):
            while not is_so():
                if self.takes == 0:
                    self.drain(1)
                await asyncio.sleep(0)
        if self.takes == 0:
            self.drain()
        self.takes = None

    def stop(self) -> None:
        assert self.following is not None
        self.following.stop()
        self.is_stopped = True

    @property
    def events(self) -> list[dict[str, Any]]:
        return [each for each in self.messages if "version" in each]

    @property
    def seen(self) -> list[tuple[str, int]]:
        return [(each["nodeId"], each["version"]) for each in self.events]

    @property
    def words(self) -> list[tuple[str, object]]:
        """The checkpoints and resets."""
        return [
            (each["__typename"], each.get("replaying", each.get("reason")))
            for each in self.messages
            if "version" not in each
        ]

    @property
    def last_cursor(self) -> str:
        return next(each for each in reversed(self.cursors) if each is not None)

    async def until_live(self) -> None:
        await self.until(lambda: ("StatusCheckpoint", False) in self.words)

    async def until_events(self, count: int) -> None:
        await self.until(lambda: len(self.events) >= count)

    async def until_messages(self, count: int) -> None:
        await self.until(lambda: len(self.messages) == count)

    async def until(self, is_so: Callable[[], object], seconds: float = 20) -> None:
        """Return once something holds of what was given."""
        try:
            async with asyncio.timeout(seconds):
                while not is_so():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as error:
            error.add_note(f"{len(self.events)} events, {self.words}, failure: {self.failure!r}")
            raise


@dataclass
class Gateway:
    """A hub and what a request to it carries."""

    database: Database
    hub: Hub
    context: Context
    schema: GatewaySchema
    caller: Caller = field(default_factory=lambda: caller_in(ONE))
    sinks: list[Sink] = field(default_factory=list)

    async def follow(
        self,
        text: str = ALL,
        variables: dict[str, Any] | None = None,
        *,
        namespace_id: str = ONE,
        sink: Sink | None = None,
        caller: Caller | None = None,
        after: str | None = None,
    ) -> Sink:
        """Follow; fail where the hub refuses."""
        sink = sink or Sink()
        found = await self.ask(
            text, variables, namespace_id=namespace_id, sink=sink, caller=caller, after=after
        )
        assert not isinstance(found, list), found
        sink.following = found
        self.sinks.append(sink)
        return sink

    async def ask(
        self,
        text: str = ALL,
        variables: dict[str, Any] | None = None,
        *,
        namespace_id: str = ONE,
        sink: Sink | None = None,
        caller: Caller | None = None,
        after: str | None = None,
    ) -> Following | list[GraphQLError]:
        context = self.context_of(caller or caller_in(namespace_id))
        return await self.hub.follow(
            text, variables or {}, None, context, sink or Sink(), after=after
        )

    async def refusal(self, text: str = ALL, variables: Any = None, **more: Any) -> dict[str, Any]:
        """Return the one error with which the hub refuses."""
        found = await self.ask(text, variables, **more)
        assert isinstance(found, list)
        (error,) = found
        return dict(error.formatted)

    async def read(self, text: str, id: str) -> Any:
        """Return the data of a query about an id."""
        context = self.context_of(self.caller)
        result = await self.schema.execute(text, {"id": id}, context)
        assert not result.errors, result.errors
        return orjson.loads(encode(result.data))

    async def executed_alone(self, text: str, variables: dict[str, Any], sink: Sink) -> list[Any]:
        """Return what graphql-core makes of the events that a sink was told of, one by one."""
        document = parse(text)
        answers = []
        for event in sink.events:
            given = {to_snake_case(name): value for name, value in event.items()}
            del given["__typename"]
            made = Event(**given | {"seq": 0, "at": datetime.fromisoformat(given["at"])})
            executor: Any = self.schema.execution_context_class.build(
                self.schema._schema, document, made, self.context_of(self.caller), variables
            )
            result = executor.execute_operation(False)
            if isawaitable(result):
                result = await result
            answer = {"data": result.data}
            if result.errors:
                self.schema.tell_errors(result.errors)
                answer["errors"] = [each.formatted for each in result.errors]
            answers.append(orjson.loads(encode(answer)))
        return answers

    @contextmanager
    def reading(self) -> Iterator[list[str]]:
        """Give the statements by which nodes are read inside the block."""
        statements: list[str] = []
        reader = self.context.reader
        self.context.reader = Noting(self.database, statements)
        try:
            yield statements
        finally:
            self.context.reader = reader

    def context_of(self, caller: Caller) -> Context:
        return Context(
            **{
                name: getattr(self.context, name)
                for name in (
                    "database",
                    "reader",
                    "blobs",
                    "fetcher",
                    "limits",
                    "authenticator",
                    "cursors",
                    "housekeeper",
                )
            },
            caller=caller,
        )

    def what_is_left(self) -> tuple[int, int, int, int]:
        """Return how many streams, places, bytes and pages the hub has."""
        streams = self.hub._streams
        return len(streams), len(streams._places), streams._kept_bytes, streams.pages.size()


def caller_in(namespace_id: str, *permissions: Permission) -> Caller:
    held = frozenset(permissions or (Permission.READ,))
    return Caller(new_id("key"), held, None, namespace_id)


@asynccontextmanager
async def gateway_on(
    database: Database,
    folder: Path,
    *,
    most_bytes: int = 32 * 1024 * 1024,
    broker: Broker | None = None,
) -> AsyncIterator[Gateway]:
    """Run a hub, and the broker that it has."""
    cursors = EventCursors()
    await cursors.load(database)
    schema = make_schema(cursors=cursors)
    blobs = LocalBlobStore(folder, UrlSigner(b"k" * 32, public_url="http://gateway"))
    context = Context(
        caller=Caller.nobody(),
        database=database,
        reader=Reader(database),
        blobs=blobs,
        fetcher=Fetcher(FetchRules()),
        limits=Limits(),
        authenticator=Authenticator(database),
        cursors=cursors,
        housekeeper=Housekeeper(database, blobs),
    )
    hub = Hub(
        database,
        cursors,
        schema.subscribe_by,
        schema.note_subscription,
        schema.tell_errors,
        most_bytes=most_bytes,
        broker=broker,
    )
    tasks = [asyncio.create_task(each.run()) for each in (hub, broker) if each]
    try:
        yield Gateway(database, hub, context, schema)
    finally:
        for task in tasks:
            await end(task)
