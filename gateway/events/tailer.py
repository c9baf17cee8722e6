"""Follows the log of all namespaces, from its end on: one in each process does."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import asyncpg

from gateway.database.pool import Database
from gateway.errors import GatewayError, Unavailable
from gateway.events.epochs import Epochs
from gateway.events.log import READ_END, READ_EPOCHS, READ_NEW, SEE_ALL, Batch, LogRow

if TYPE_CHECKING:  # its package may be missing
    from gateway.events.broker.nats import Broker

logger = logging.getLogger(__name__)

CHANNEL = "events"
# The sequencer tells of each batch; what is not heard of is found a moment later.
LOOK_EVERY_S = 0.25
# Who asks where the log ends is about to follow it from there.
ATTENTIVE_S = 1.0
# What the sequencer has told of and no broker brought by then is read.
BROKER_MAY_TAKE_S = 0.05
MOST_EVENTS = 1000
RETRY_AFTER_S = 0.2
LONGEST_RETRY_S = 1.0
# Who follows and hears nothing for so long cannot know that nothing happens.
PATIENCE_S = 5.0

_SETTINGS = SEE_ALL | {
    "application_name": "lineage-gateway tailer",
    # The log grows faster than its statistics: only its indexes are to be read.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}


class Listener(Protocol):
    """Whom a tailer tells of events."""

    @property
    def is_wanted(self) -> bool:
        """Whether anybody follows at all."""

    def take(self, records: Sequence[LogRow]) -> None:
        """Take the rows of the log after those before; ``Tailer.position`` is behind them."""

    def fail_all(self, error: GatewayError) -> None:
        """Tell everybody who follows that it cannot go on."""


class _Broken(Exception):
    """What was told so far does not go on."""


class Tailer:
    """Tells a listener of all events, in order and without a gap, as they come into the log.

    Whatever keeps it from that ends the subscriptions of all, who then resume from their places:
    nothing is ever left out. While nobody follows, no events are read.
    """

    def __init__(
        self, database: Database, listener: Listener, broker: Broker | None = None
    ) -> None:
        self._database = database
        self._listener = listener
        self._broker = broker
        self._woken = asyncio.Event()
        self._is_due = False
        self._attentive_until = 0.0
        if broker is not None:
            broker.on_brought = self._woken.set
        self._waiting: list[asyncio.Future[None]] = []
        self._is_known = False
        self._retry_after_s = RETRY_AFTER_S
        self._is_lost = False
        self.position = 0
        self.epochs = Epochs()
        self.delay_s = 0.0
        self.read_at = 0.0

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                async with asyncio.timeout(PATIENCE_S) as patience:
                    await self._tail(patience)
            except TimeoutError:
                self._give_up(Unavailable("the log of events gives no answer; resume in a moment"))
            except _Broken as error:
                logger.warning("%s; all subscriptions are resumed", error)
                self._give_up(Unavailable("the database was set back; resume"))
            except Exception:
                logger.exception("following the log failed; all subscriptions are ended")
                self._give_up(GatewayError("Unexpected error."))
                await asyncio.sleep(RETRY_AFTER_S)

    async def catch_up(self) -> None:
        """Return once ``position`` is where the log ended after this was called.

        Raises:
            Unavailable: PostgreSQL gives no answer.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[None] = loop.create_future()
        self._waiting.append(answer)
        self._attentive_until = loop.time() + ATTENTIVE_S
        self._wake()
        await answer

    def _give_up(self, error: GatewayError) -> None:
        self._is_known = False
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_exception(error)
        self._listener.fail_all(error)

    async def _tail(self, patience: asyncio.Timeout) -> None:
        """Follow the log, on one connection after the other; each answer renews the patience."""
        while True:
            try:
                async with self._database.own_connection(**_SETTINGS) as connection:
                    await connection.add_listener(CHANNEL, self._hear)
                    if self._broker is not None:
                        await self._broker.meet_at(connection)
                    while True:
                        await self._look(connection, patience)
            except Unavailable as error:
                if not self._is_lost:  # once for each outage
                    logger.warning("the log of events is not followed: %s", error)
                    self._is_lost, self._retry_after_s = True, RETRY_AFTER_S
                await asyncio.sleep(self._retry_after_s)
                self._retry_after_s = min(2 * self._retry_after_s, LONGEST_RETRY_S)

    async def _look(self, connection: asyncpg.Connection, patience: asyncio.Timeout) -> None:
        """Read what is new, tell of it, and wait until there may be more."""
        self._is_due = False
        waiting, self._waiting = self._waiting, []
        try:
            is_end = await self._read(connection)
        except BaseException:
            self._waiting = waiting + self._waiting
            raise
        patience.reschedule(asyncio.get_running_loop().time() + PATIENCE_S)
        if self._is_lost:
            logger.warning("the log of events is followed again")
            self._is_lost = False
        if not is_end:
            self._waiting = waiting + self._waiting
            await asyncio.sleep(0)
            return
        self.read_at = time.time()
        for each in waiting:
            if not each.done():
                each.set_result(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._wait()

    async def _wait(self) -> None:
        """Return once the log is to be read; what the broker brings meanwhile is told of."""
        while not self._is_due:
            await self._woken.wait()
            self._woken.clear()
            if self._broker is not None and not self._take_brought(self._broker):
                return

    async def _read(self, connection: asyncpg.Connection) -> bool:
        """Read on; return whether that was to the end."""
        if not (self._is_known and self._is_wanted):
            return await self._go_to_end(connection)
        records = await connection.fetch(READ_NEW, self.position, MOST_EVENTS)
        if records[0]["epoch"] != self.epochs.newest:
            await self._change_epoch(connection)
        if records[0]["seq"] is None:
            return True
        if records[0]["seq"] != self.position + 1 or records[-1]["seq"] != self.position + len(
            records
        ):
            raise RuntimeError(f"the log of events has a hole after {self.position}")
        self._tell(records)
        if self._broker is not None:
            if self._broker.is_publishing:
                self._broker.publish(Batch(self.epochs.newest, records))
            elif self._broker.is_bringing:
                self._broker.traffic.filled += len(records)
        return len(records) < MOST_EVENTS

    def _take_brought(self, broker: Broker) -> bool:
        """Tell of what the broker brought; return whether the log need not be read for the rest.

        What is told already is left out. What does not follow, or is of another epoch than the one
        that is known here, is left to the log: it has all that is missing, or knows better.
        """
        if not self._is_attentive:
            broker.forget_brought()
        for batch in broker.brought():
            told = self.position + 1 - batch.rows[0]["seq"]
            if batch.epoch != self.epochs.newest or told < 0:
                return False
            self._tell(batch.rows[told:])
        return True

    def _tell(self, rows: Sequence[LogRow]) -> None:
        """Tell of rows that follow what was told."""
        if rows:
            self.position = rows[-1]["seq"]
            self.delay_s = time.time() - rows[-1]["at"].timestamp()
            self._listener.take(rows)

    async def _go_to_end(self, connection: asyncpg.Connection) -> bool:
        """Go to where the log ends; return False if somebody began to follow meanwhile.

        Whoever did so began at ``position``, and is to be told of all that comes after it.
        """
        (end,) = await connection.fetch(READ_END)
        epochs = self.epochs
        if end["epoch"] != epochs.newest or not self._is_known:
            epochs = Epochs(map(tuple, await connection.fetch(READ_EPOCHS)))
        if self._is_known and self._is_wanted:
            return False
        self.position, self.epochs, self._is_known = end["last_seq"], epochs, True
        return True

    async def _change_epoch(self, connection: asyncpg.Connection) -> None:
        """Go on in a new epoch, if all that was told is in the log as it is now.

        Raises:
            _Broken: it is not.
        """
        known, self.epochs = self.epochs, Epochs(map(tuple, await connection.fetch(READ_EPOCHS)))
        if self.epochs.parts_from(known.of(self.position), self.position):
            raise _Broken(f"events are numbered anew after {self.position}, in another epoch")

    @property
    def _is_wanted(self) -> bool:
        """Whether anybody follows, here or behind a broker."""
        is_publishing = self._broker is not None and self._broker.is_publishing
        return self._listener.is_wanted or is_publishing

    @property
    def _is_attentive(self) -> bool:
        """Whether anybody follows here, or is about to."""
        is_asked = asyncio.get_running_loop().time() < self._attentive_until
        return is_asked or self._listener.is_wanted

    def _hear(self, *arguments: object) -> None:
        """Look, unless nobody would be told, or a broker brings what the database tells of."""
        if not (self._is_attentive or self._is_wanted):
            return
        if self._broker is None or not self._broker.is_bringing:
            self._wake()
        else:
            last_seq = int(str(arguments[-1]))
            loop = asyncio.get_running_loop()
            loop.call_later(BROKER_MAY_TAKE_S, self._wake_if_before, last_seq)

    def _wake_if_before(self, seq: int) -> None:
        if self.position < seq:
            self._wake()

    def _wake(self) -> None:
        self._is_due = True
        self._woken.set()
