"""Ways to follow what is committed: the log, and cursors that are often advised and are wrong."""

from __future__ import annotations

import asyncpg

from tests.events.schedule import Seen


class Log:
    """The events of the log, by their numbers.

    Args:
        most: How many are sequenced in one batch.
        is_cleared: Whether the outbox is cleared each time.
    """

    def __init__(
        self, connection: asyncpg.Connection, *, most: int = 1000, is_cleared: bool = False
    ) -> None:
        self._connection = connection
        self._most = most
        self._is_cleared = is_cleared
        self.last_seq: int | None = None

    async def read(self) -> list[Seen]:
        sequence = self._connection.fetchval
        if self.last_seq is None:
            self.last_seq = await sequence("SELECT coalesce(max(seq), 0) FROM event_log")
        for _ in range(2):  # what came while another took pieces of a backlog is in the next batch
            while await sequence("SELECT sequence_events($1)", self._most):
                pass
        if self._is_cleared:
            await sequence("SELECT clear_event_outbox(1000)")
        rows = await self._connection.fetch(
            "SELECT seq, node_id, version FROM event_log WHERE seq > $1 ORDER BY seq", self.last_seq
        )
        numbers = [row["seq"] for row in rows]
        assert numbers == list(range(self.last_seq + 1, self.last_seq + 1 + len(rows)))
        self.last_seq += len(rows)
        return [(row["node_id"], row["version"]) for row in rows]


class ById:
    """All after the last id: what a later id overtook is never seen."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._last = 0

    async def read(self) -> list[Seen]:
        rows = await self._connection.fetch(
            "SELECT id, node_id, version FROM event_outbox WHERE id > $1 ORDER BY id", self._last
        )
        if rows:
            self._last = rows[-1]["id"]
        return [(row["node_id"], row["version"]) for row in rows]


class BelowTheOldest:
    """All of transactions older than any that runs, by transaction and id.

    An old transaction may write after it waited for a younger one.
    """

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._last = ("0", 0)

    async def read(self) -> list[Seen]:
        rows = await self._connection.fetch(
            """
            SELECT xid::text, id, node_id, version FROM event_outbox
            WHERE (xid, id) > ($1::text::xid8, $2::bigint)
                AND xid < pg_snapshot_xmin(pg_current_snapshot())
            ORDER BY event_outbox.xid, id
            """,
            *self._last,
        )
        if rows:
            self._last = (rows[-1]["xid"], rows[-1]["id"])
        return [(row["node_id"], row["version"]) for row in rows]
