"""Runs all subscriptions of a process: who asks for the same is told by one stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError

from gateway.context import Context
from gateway.database.pool import Database
from gateway.errors import GatewayError
from gateway.events.cursors import EventCursors
from gateway.events.encoding import TellErrors
from gateway.events.following import Following, Sink
from gateway.events.joining import Joining, Note, Prepare
from gateway.events.known_log import KnownLog
from gateway.events.log import Event, LogRow
from gateway.events.streams.all_streams import Streams
from gateway.events.tailer import Tailer
from gateway.tasks import end, go_on

if TYPE_CHECKING:  # its package may be missing
    from gateway.events.broker.nats import Broker

logger = logging.getLogger(__name__)

# A subscriber who hears of nothing is told a new place, or its own would grow too old.
CHECKPOINT_AFTER_S = 30.0
CHECK_EVERY_S = 1.0
MOST_BYTES = 32 * 1024 * 1024


class Hub:
    """Runs subscriptions.

    Args:
        prepare, note: As of ``Joining``.
        most_bytes: What of messages is kept for those who are slow, or come back.
        broker: Brings what another gateway has read of the log.
    """

    def __init__(
        self,
        database: Database,
        cursors: EventCursors,
        prepare: Prepare,
        note: Note,
        tell_errors: TellErrors,
        *,
        most_bytes: int = MOST_BYTES,
        broker: Broker | None = None,
    ) -> None:
        self._tailer = Tailer(database, self, broker)
        self._log = KnownLog(database, cursors, self._tailer)
        self._streams = Streams(most_bytes)
        self._joining = Joining(
            database,
            cursors,
            prepare,
            note,
            tell_errors,
            tailer=self._tailer,
            log=self._log,
            streams=self._streams,
        )

    async def run(self) -> None:
        """Work until cancelled."""
        tailing = asyncio.create_task(go_on(self._tailer.run))
        try:
            await self._check_streams()
        finally:
            await end(tailing)

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
        return await self._joining.follow(text, variables, name, context, sink, after=after)

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

    def take(self, records: Sequence[LogRow]) -> None:
        """Give each event to the streams that it fits."""
        for record in records:
            namespace_id = record["namespace_id"]
            event: Event | None = None
            for stream in self._streams.about(namespace_id, record["node_id"]):
                if event is None:
                    event = Event.of(record, self._log.cursor(namespace_id, record["seq"]))
                if stream.topic.fits(event):
                    stream.push(event)

    def fail_all(self, error: GatewayError) -> None:
        """Tell everybody that it cannot go on."""
        for stream in self._streams:
            try:
                stream.fail(error)
            except Exception:  # the others are not to be left to wait, nor to join this one
                logger.exception("a stream of events could not be ended")
                self._streams.end(stream)

    async def _check_streams(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            for stream in self._streams:
                try:
                    stream.check(loop.time(), CHECKPOINT_AFTER_S)
                except Exception:
                    logger.exception("looking after a stream of events failed")
                    stream.fail(GatewayError("Unexpected error."))
