"""When keys were used last, written down now and then."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from math import inf

from sqlalchemy import bindparam, func, or_, text, update

from gateway.database.pool import Database
from gateway.database.statements import compiled
from gateway.errors import Unavailable
from gateway.namespaces.tables import ApiKeyRow

NOTE_EVERY_S = 60.0

# Other processes note the use of the same key. A second less than the minute, or of two that are
# a minute apart the later would often come a moment too early.
_NOTE = (
    update(ApiKeyRow)
    .where(
        ApiKeyRow.id == bindparam("id"),
        or_(
            ApiKeyRow.last_used_at.is_(None),
            ApiKeyRow.last_used_at < func.now() - text("interval '59 seconds'"),
        ),
    )
    .values(last_used_at=func.now())
)


class KeyUses:
    """Notes of each key that it is in use, once a minute.

    Args:
        most: Keys of which it is known when that was; others may be noted once more.
        clock: In seconds; steady.
    """

    def __init__(self, database: Database, *, most: int, clock: Callable[[], float]) -> None:
        self._database = database
        self._most = most
        self._clock = clock
        self._noted_at: OrderedDict[str, float] = OrderedDict()
        self._writes: set[asyncio.Task[None]] = set()

    def note(self, key_id: str) -> float:
        """See to it that the use is written down, beside the request that waits for none of it.

        Returns:
            Until when by the clock it need not be noted again.
        """
        now = self._clock()
        noted_at = self._noted_at.get(key_id, -inf)
        if now - noted_at < NOTE_EVERY_S:
            return noted_at + NOTE_EVERY_S
        self._noted_at[key_id] = now
        self._noted_at.move_to_end(key_id)
        if len(self._noted_at) > self._most:
            self._noted_at.popitem(last=False)
        write = asyncio.create_task(self._write(key_id))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
        return now + NOTE_EVERY_S

    async def close(self) -> None:
        """Return when what is still to be noted is written."""
        await asyncio.gather(*self._writes, return_exceptions=True)

    async def _write(self, key_id: str) -> None:
        statement = compiled(_NOTE)
        with suppress(Unavailable):  # a minute later it is tried again
            async with self._database.connection() as connection:
                await connection.execute(statement.sql, *statement.arguments({"id": key_id}))
