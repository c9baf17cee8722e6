"""Random schedules of transactions that get in each other's way, and what they committed.

Several sessions begin, write, roll back to savepoints, wait for each other's rows, keep
transactions open for long, and commit or roll back, in an order drawn by chance; in between,
readers look for what is new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Protocol

import asyncpg

# Of an event: the entity and its version, which each change raises by one.
Seen = tuple[str, int]

ENTITIES = [f"obj_{number}" for number in range(10)]
_WRITE = "UPDATE objects SET version = version + 1 WHERE id = $1 RETURNING version"
_IS_WAITING = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1"


class Reader(Protocol):
    """Anyone who follows what is committed."""

    async def read(self) -> list[Seen]:
        """Return what is new since the last time."""


class Session:
    """A connection with a transaction, or none."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.is_open = False
        self.written: list[Seen] = []
        self.holds: set[str] = set()
        self.waits_for: str | None = None
        self.waiting: asyncio.Task[int] | None = None

    async def begin(self, *, take_number: bool) -> None:
        await self.connection.execute("BEGIN")
        if take_number:  # so that its number is older than those of transactions it waits for
            await self.connection.execute("SELECT pg_current_xact_id()")
        self.is_open = True

    async def write(self, entity: str) -> None:
        self.written.append((entity, await self.connection.fetchval(_WRITE, entity)))
        self.holds.add(entity)

    async def write_and_undo(self, entity: str) -> None:
        await self.connection.execute("SAVEPOINT inside")
        await self.connection.fetchval(_WRITE, entity)
        await self.connection.execute("ROLLBACK TO inside")

    async def start_waiting(self, entity: str, observer: asyncpg.Connection) -> None:
        self.waits_for = entity
        self.waiting = asyncio.create_task(self.connection.fetchval(_WRITE, entity))
        pid = self.connection.get_server_pid()
        async with asyncio.timeout(20):
            while not await observer.fetchval(_IS_WAITING, pid):  # noqa: ASYNC110
                await asyncio.sleep(0)

    async def stop_waiting(self) -> None:
        assert self.waiting is not None
        assert self.waits_for is not None
        self.written.append((self.waits_for, await self.waiting))
        self.holds.add(self.waits_for)
        self.waiting = self.waits_for = None

    async def end(self, how: str) -> list[Seen]:
        """End the transaction; return what it committed."""
        await self.connection.execute(how)
        written = self.written if how == "COMMIT" else []
        self.is_open, self.written, self.holds = False, [], set()
        return written


class Schedule:
    """Drives the sessions; ``committed`` is the truth, in the order of commits."""

    def __init__(
        self,
        connections: Sequence[asyncpg.Connection],
        observer: asyncpg.Connection,
        readers: Sequence[Reader],
        seed: int,
    ) -> None:
        self._random = Random(seed)  # noqa: S311
        self._sessions = [Session(each) for each in connections]
        self._observer = observer
        self._readers = readers
        self.committed: list[Seen] = []
        self.seen: dict[Reader, list[Seen]] = {each: [] for each in readers}

    async def run(self, steps: int) -> None:
        """Take so many steps, end all transactions, and read to the end."""
        for _ in range(steps):
            await self._step()
            if self._random.random() < 0.1:
                await self.read()
        while any(each.is_open for each in self._sessions):
            for each in self._sessions:
                if each.is_open and each.waiting is None:
                    await self._end(each, "COMMIT")
        await self.read()
        await self.read()

    async def read(self) -> None:
        for reader, seen in self.seen.items():
            seen += await reader.read()

    async def _step(self) -> None:
        # The first is the one whose transactions are long.
        weights = [0.2, *(1.0 for _ in self._sessions[1:])]
        (session,) = self._random.choices(self._sessions, weights)
        if session.waiting is not None:
            return
        if not session.is_open:
            await session.begin(take_number=self._random.random() < 0.4)
        elif (chance := self._random.random()) < 0.55:
            await self._write(session, undo=chance < 0.08)
        elif chance < 0.65:
            await self._end(session, "ROLLBACK")
        else:
            await self._end(session, "COMMIT")

    async def _write(self, session: Session, *, undo: bool) -> None:
        entity = self._random.choice(ENTITIES)
        holder = next((each for each in self._sessions if entity in each.holds), None)
        if holder is None and undo:
            await session.write_and_undo(entity)
        elif holder in (None, session):
            await session.write(entity)
        elif self._can_wait(session, entity, holder):
            await session.start_waiting(entity, self._observer)

    def _can_wait(self, session: Session, entity: str, holder: Session | None) -> bool:
        """Tell whether it gets the row in the end: nobody waits for who waits, so none for ever."""
        waited_for = {each.waits_for for each in self._sessions}
        return (
            holder is not None
            and holder.waiting is None
            and entity not in waited_for
            and not session.holds & waited_for
        )

    async def _end(self, session: Session, how: str) -> None:
        held = session.holds
        self.committed += await session.end(how)
        for each in self._sessions:
            if each.waits_for in held:
                await each.stop_waiting()


def lost(committed: list[Seen], seen: list[Seen]) -> int:
    """Return how many events were never seen."""
    return len(set(committed) - set(seen))


def invented(committed: list[Seen], seen: list[Seen]) -> int:
    """Return how many were seen twice, or were never committed."""
    return len(seen) - len(set(seen) & set(committed))
