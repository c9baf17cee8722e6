"""Writers that do at random what transactions do, and get in each other's way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random

import asyncpg

from tests.events.world import OBJECTS, bucket_of

LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
IDS = OBJECTS + tuple(f"obj_{number:026d}" for number in range(10, 100))
# Changed once, after everything else.
LAST = f"obj_{100:026d}"

_TOUCH = """
UPDATE objects SET version = version + 1 WHERE namespace_id = $1 AND id = ANY ($2::text[])
"""
_ADD = "INSERT INTO objects (namespace_id, id, bucket_id) SELECT $1, unnest($3::text[]), $2"


@asynccontextmanager
async def connected(url: str, namespace_id: str) -> AsyncIterator[asyncpg.Connection]:
    """Open a connection that is let go of however it ends."""
    connection = await asyncpg.connect(
        url,
        server_settings={
            "app.namespace_id": namespace_id,
            "synchronous_commit": "on",
            "lock_timeout": "300ms",
        },
    )
    try:
        yield connection
    finally:
        connection.terminate()


async def make_objects(url: str, namespace_id: str) -> None:
    """Make what writers change; every tenant has the same ids."""
    async with connected(url, namespace_id) as sql:
        await sql.execute(_ADD, namespace_id, bucket_of(namespace_id), [*IDS[10:], LAST])


class Writer:
    """Writes in one namespace until it is told to stop.

    Args:
        is_long: Its transactions last for as long as many of the others do.
    """

    def __init__(self, url: str, namespace_id: str, seed: int, *, is_long: bool) -> None:
        self._url = url
        self._namespace_id = namespace_id
        self._random = Random(seed)  # noqa: S311
        self._is_long = is_long
        self._is_stopped = False
        self.ended: Counter[str] = Counter()

    def stop(self) -> None:
        self._is_stopped = True

    async def run(self) -> None:
        while not self._is_stopped:
            with suppress(*LOST):
                async with connected(self._url, self._namespace_id) as sql:
                    while not self._is_stopped:
                        await self._transaction(sql)
            await asyncio.sleep(0.05)

    async def _transaction(self, sql: asyncpg.Connection) -> None:
        await sql.execute("BEGIN")
        how = "ROLLBACK" if self._random.random() < 0.2 else "COMMIT"
        try:
            if self._random.random() < 0.4:
                # Its number is older than those of transactions that it waits for.
                await sql.execute("SELECT pg_current_xact_id()")
                await self._pause()
            for _ in range(self._random.randrange(1, 5)):
                await self._write(sql)
                await self._pause()
        except asyncpg.PostgresError:  # a deadlock, or somebody who keeps a row for too long
            how = "failed"
        await sql.execute("ROLLBACK" if how == "failed" else how)
        self.ended[how] += 1
        await asyncio.sleep(self._random.uniform(0, 0.04))

    async def _write(self, sql: asyncpg.Connection) -> None:
        ids = self._some()
        if self._random.random() < 0.1:
            await sql.execute("SAVEPOINT inside")
            await sql.execute(_TOUCH, self._namespace_id, ids)
            await sql.execute("ROLLBACK TO inside")
        else:
            await sql.execute(_TOUCH, self._namespace_id, ids)

    def _some(self) -> Sequence[str]:
        return self._random.sample(IDS, 1 if self._random.random() < 0.8 else 5)

    async def _pause(self) -> None:
        if self._is_long:
            await asyncio.sleep(self._random.uniform(0, 0.4))
        elif self._random.random() < 0.3:
            await asyncio.sleep(self._random.uniform(0, 0.005))


@asynccontextmanager
async def writing(url: str, namespaces: Sequence[str], seed: int) -> AsyncIterator[list[Writer]]:
    """Let five writers of each namespace work; in the end one change is made after all others."""
    writers = [
        Writer(url, namespace_id, seed * 100 + number, is_long=number % 5 == 0)
        for namespace_id in namespaces
        for number in range(5)
    ]
    working = [asyncio.create_task(each.run()) for each in writers]
    try:
        yield writers
    finally:
        for each in writers:
            each.stop()
        await asyncio.gather(*working)
    for namespace_id in namespaces:
        async with connected(url, namespace_id) as sql:
            await sql.execute(_TOUCH, namespace_id, [LAST])
