"""NATS as the broker. Only a gateway that is told of one imports this."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, MaxPayloadError, UnexpectedEOF

from gateway.events.broker.channel import Channel, find_channel
from gateway.events.log import Batch
from gateway.observing.broker_traffic import BrokerTraffic

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 1.0
CONNECT_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 1.0
PING_EVERY_S = 5
# Of what comes and goes; the oldest have to make room, for the log has them all.
MOST_BATCHES = 100

_FAILURES = (Error, OSError, TimeoutError)


class Broker:
    """Brings the batches that the gateway which sequences has read of the log to the others.

    It promises nothing: what it loses, doubles or disorders is found out by who takes it, and read
    from the log.

    Args:
        servers: URLs; any of them will do.
        publishes: Tells whether it is this gateway that sequences.
        traffic: Where is counted what goes through.
    """

    def __init__(
        self, servers: list[str], *, publishes: Callable[[], bool], traffic: BrokerTraffic
    ) -> None:
        self._servers = servers
        self._publishes = publishes
        self.traffic = traffic
        self.on_brought: Callable[[], None] = _nothing
        self._channel: Channel | None = None
        self._brought: deque[bytes] = deque(maxlen=MOST_BATCHES)
        self._outgoing: deque[Batch] = deque(maxlen=MOST_BATCHES)
        self._woken = asyncio.Event()
        self._trouble: Exception | None = None

    # ---- for the tailer -----------------------------------------------------------------------

    @property
    def is_publishing(self) -> bool:
        """Whether what is read of the log here is to be published."""
        return self.traffic.is_connected and self._publishes()

    @property
    def is_bringing(self) -> bool:
        """Whether what is new in the log comes here by itself, if all is well."""
        return self.traffic.is_connected and not self._publishes()

    async def meet_at(self, connection: asyncpg.Connection) -> None:
        """Use the channel of the database that a connection is to."""
        self.meet(await find_channel(connection))

    def meet(self, channel: Channel) -> None:
        """Use this channel from now on."""
        if self._channel is None or channel.subject != self._channel.subject:
            self._channel = channel
            self._outgoing.clear()
            self._brought.clear()
            self._woken.set()

    def publish(self, batch: Batch) -> None:
        """Send a batch to the other gateways, a moment later."""
        self._outgoing.append(batch)
        self._woken.set()

    def brought(self) -> Iterator[Batch]:
        """Yield what has come since, in the order in which it came."""
        while self._brought:
            sealed = self._brought.popleft()
            batch = None if self._channel is None else self._channel.open(sealed)
            if batch is None:
                self.traffic.unreadable += 1
            else:
                yield batch

    def forget_brought(self) -> None:
        """Drop what has come since: nobody waits for it."""
        self._brought.clear()

    # ---- the connection -----------------------------------------------------------------------

    async def run(self) -> None:
        """Work until cancelled. Failures are logged, and everything begun anew."""
        told: set[str] = set()  # of this outage; the first reason need not be the true one
        while True:
            try:
                while (channel := self._channel) is None:
                    await self._woken.wait()
                    self._woken.clear()
                async with self._connected(channel) as client:
                    if told:
                        logger.warning("events go through NATS again")
                        told.clear()
                    await self._send(client, channel)
            except _FAILURES as error:
                reason = str(self._trouble or error) or type(error).__name__
                if reason not in told:
                    logger.warning(
                        "no events go through NATS (%s); they are read from the log", reason
                    )
                    told.add(reason)
            except Exception:
                logger.exception("working with NATS failed (begun anew in %.1f s)", RETRY_AFTER_S)
            await asyncio.sleep(RETRY_AFTER_S)

    @asynccontextmanager
    async def _connected(self, channel: Channel) -> AsyncIterator[Client]:
        """Be connected, and allowed to use the channel, inside the block.

        The client's own way to come back is not used: it tells of nothing that went wrong before,
        keeps what is to be published for later, and gives up where a password is refused.
        """
        self._trouble = None
        self._outgoing.clear()
        self.forget_brought()
        client = Client()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await client.connect(
                    self._servers,
                    name="lineage-gateway",
                    **_credentials(self._servers),
                    no_echo=True,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    ping_interval=PING_EVERY_S,
                    flush_timeout=CONNECT_TIMEOUT_S,
                    error_cb=self._note,
                    closed_cb=self._end,
                )
                self._trouble = None  # with another server of the list
                await client.subscribe(channel.subject, cb=partial(self._hear, channel))
                # Whoever may not publish is told so here, not when it comes to sequence.
                await client.publish(channel.subject)
                for _ in range(2):  # the first PING may overtake it
                    await client.flush()
            if self._trouble:
                raise self._trouble
            self.traffic.is_connected = True
            yield client
        finally:
            self.traffic.is_connected = False
            with suppress(*_FAILURES):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await client.close()

    async def _send(self, client: Client, channel: Channel) -> None:
        """Publish what there is to publish, as long as the channel is the right one.

        Raises:
            nats.errors.Error, OSError: the connection is lost, or the server refuses something.
        """
        while channel is self._channel:
            if self._trouble:
                raise self._trouble
            if not self._outgoing:
                await self._woken.wait()
                self._woken.clear()
            else:
                with suppress(MaxPayloadError):  # the others hear of it from the database
                    await client.publish(channel.subject, channel.seal(self._outgoing.popleft()))
                    self.traffic.published += 1

    async def _hear(self, channel: Channel, message: Msg) -> None:
        if channel is not self._channel or not message.data:  # without any, somebody tries the way
            return
        self.traffic.received += 1
        self._brought.append(message.data)
        self.on_brought()

    async def _note(self, error: Exception) -> None:
        self._trouble = error
        self._woken.set()

    async def _end(self) -> None:
        if self.traffic.is_connected and self._trouble is None:  # not by what is done here
            await self._note(UnexpectedEOF())


def _credentials(servers: list[str]) -> Mapping[str, Any]:
    """Return who connects, by the first URL that says so; the client itself unquotes nothing."""
    for server in servers:
        url = urlsplit(server)
        if url.username and url.password is None:
            return {"token": unquote(url.username)}
        if url.username:
            return {"user": unquote(url.username), "password": unquote(url.password or "")}
    return {}


def _nothing() -> None:
    """Take note of nothing."""
