"""Moves events from the outbox into the log; of all gateways on a database, one at a time does.

What is right about the log rests on the functions in the database, whoever calls them, and how
often (decision 0012). Here is who calls them, and when.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import asyncpg

from gateway.database.pool import Database
from gateway.errors import Unavailable
from gateway.events import clearing
from gateway.tasks import end

logger = logging.getLogger(__name__)

# Names the lock of the one that sequences; drawn once by chance.
LEADER_KEY = 6_630_914_725_180_337_219
POKES = "event_pokes"

# Batches begin no closer to each other: in one, the events of all that committed meanwhile.
LEAST_PAUSE_S = 0.005
# It works on the writers' cores, so the more events it finds, the longer it lets them gather.
REST_FOR_EVENT_S = 0.0001
LONGEST_REST_S = 0.05
# Gateways tell of their commits. Others do not, so the outbox is looked at: soon after one of them
# wrote, else seldom, for a look takes the two processes some 0.3 ms of CPU.
LONGEST_PAUSE_S = 0.1
STAND_EVERY_S = 0.5
RETRY_AFTER_S = 0.5
# A batch of so many takes a quarter of a second; a backlog is moved piece by piece.
MOST_EVENTS = 10_000
OPEN_TIMEOUT_S = 3600.0  # without one it would be that of all statements

_SETTINGS = {
    "application_name": "lineage-gateway events",
    # A leader that stands still, or that the network lost, must not lead on.
    "idle_session_timeout": "10s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
# An event that was shown and then lost in a crash would have its number given to another.
_BE_DURABLE = """
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""
_POKE = f"SELECT set_config('synchronous_commit', 'off', true), pg_notify('{POKES}', '')"


def rest_s(moved: int, took_s: float) -> float:
    """Return how long to rest after a batch of so many events, which took so long."""
    return max(LEAST_PAUSE_S - took_s, min(moved * REST_FOR_EVENT_S, LONGEST_REST_S))


class Sequencer:
    """A candidate for sequencing, and the sequencer while no other gateway is it."""

    def __init__(self, database: Database, *, retention_days: int) -> None:
        self._database = database
        self._retention_days = retention_days
        self._poked = asyncio.Event()
        self._is_well = True
        self.is_leader = False
        self.sequenced = 0  # so many events since this was made

    def poke(self) -> None:
        """Tell of a commit, so that its events are in the log a moment later."""
        self._poked.set()

    async def run(self) -> None:
        """Work until cancelled. Failures are logged, and everything begun anew."""
        while True:
            try:
                async with self._database.own_connection(**_SETTINGS) as connection:
                    await connection.execute(_BE_DURABLE)
                    await self._stand(connection)
                    await self._lead(connection)
            except Unavailable as error:
                if self._is_well:  # once for each outage
                    logger.warning("no events are sequenced here: %s", error)
                self._is_well = False
            except Exception:
                logger.exception("sequencing failed (begun anew in %.1f s)", RETRY_AFTER_S)
            finally:
                self.is_leader = False
            await asyncio.sleep(RETRY_AFTER_S)

    async def _stand(self, connection: asyncpg.Connection) -> None:
        """Return once this is the leader; until then hand on to the leader what is told here.

        The lock is tried again and again: who waits inside a statement keeps a snapshot, and with
        it every version of every row.
        """
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if loop.time() >= due:
                if await connection.fetchval("SELECT pg_try_advisory_lock($1)", LEADER_KEY):
                    return
                self._be_well()
                due = loop.time() + STAND_EVERY_S
            await self._wait_for_poke(due - loop.time())
            if self._take_poke():
                await connection.execute(_POKE)
                await asyncio.sleep(LEAST_PAUSE_S)

    async def _lead(self, connection: asyncpg.Connection) -> None:
        """Sequence for as long as the connection lasts, for the lock is the connection's."""
        await connection.add_listener(POKES, self._hear)
        # After a restore it looks at all that the log holds.
        epoch = await connection.fetchval("SELECT open_event_epoch()", timeout=OPEN_TIMEOUT_S)
        self._be_well()  # not before: a server that takes no changes lends the lock all the same
        logger.info("sequencing events here, in epoch %d", epoch)
        self.is_leader = True
        cleaning = asyncio.create_task(clearing.run(self._database, self._retention_days))
        try:
            await self._sequence(connection)
        finally:
            await end(cleaning)

    async def _sequence(self, connection: asyncpg.Connection) -> None:
        loop = asyncio.get_running_loop()
        pause_s = LEAST_PAUSE_S
        while True:
            started = loop.time()
            is_told = self._take_poke()
            moved = await connection.fetchval("SELECT sequence_events($1)", MOST_EVENTS)
            self.sequenced += moved
            if moved == MOST_EVENTS:
                continue
            rested_at = loop.time() + rest_s(moved, loop.time() - started)
            # Others than gateways tell of nothing that they write, and may well go on.
            are_others = moved and not is_told
            pause_s = LEAST_PAUSE_S if are_others else min(2 * pause_s, LONGEST_PAUSE_S)
            await self._wait_for_poke(max(pause_s, rested_at - loop.time()))
            await asyncio.sleep(rested_at - loop.time())

    def _be_well(self) -> None:
        if not self._is_well:
            logger.warning("events can be sequenced here again")
        self._is_well = True

    async def _wait_for_poke(self, seconds: float) -> None:
        """Return once told of a commit, or after so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._poked.wait()

    def _take_poke(self) -> bool:
        """Tell whether anybody told of a commit since this was asked last."""
        is_told = self._poked.is_set()
        self._poked.clear()
        return is_told

    def _hear(self, *_: object) -> None:
        self._poked.set()
