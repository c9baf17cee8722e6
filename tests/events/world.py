"""What events of tests are about: namespaces with a bucket and ten objects each."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

ONE, OTHER = f"ns_{1:026d}", f"ns_{2:026d}"
OBJECTS = tuple(f"obj_{number:026d}" for number in range(10))


def bucket_of(namespace_id: str) -> str:
    return namespace_id.replace("ns_", "bkt_")


class World:
    """One namespace, and a connection that writes in it."""

    def __init__(self, connection: asyncpg.Connection, namespace_id: str) -> None:
        self.sql = connection
        self.namespace_id = namespace_id
        self.bucket_id = bucket_of(namespace_id)

    async def make(self) -> None:
        await self.sql.execute(f"SET app.namespace_id = '{self.namespace_id}'")
        await self.sql.execute(
            "INSERT INTO namespaces (id, namespace_name) VALUES ($1, $1)", self.namespace_id
        )
        await self.sql.execute(
            "INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)"
            " VALUES ($1, $2, 'one', '{}')",
            self.namespace_id,
            self.bucket_id,
        )
        await self.add(*OBJECTS)

    async def add(self, *ids: str) -> None:
        await self.sql.execute(
            "INSERT INTO objects (namespace_id, id, bucket_id) SELECT $1, unnest($3::text[]), $2",
            self.namespace_id,
            self.bucket_id,
            ids,
        )

    async def touch(self, *ids: str) -> None:
        """Change objects one after the other; an object may be among them more than once."""
        for id in ids:
            await self.sql.execute(
                "UPDATE objects SET version = version + 1 WHERE namespace_id = $1 AND id = $2",
                self.namespace_id,
                id,
            )

    async def move(self, id: str, *statuses: str) -> None:
        """Change the status of an object, again and again."""
        for status in statuses:
            await self.sql.execute(
                "UPDATE objects SET version = version + 1, status = $3"
                " WHERE namespace_id = $1 AND id = $2",
                self.namespace_id,
                id,
                status,
            )

    async def remove(self, id: str) -> None:
        await self.sql.execute(
            "DELETE FROM objects WHERE namespace_id = $1 AND id = $2", self.namespace_id, id
        )

    async def sequence(self) -> None:
        """Put into the log what is committed."""
        while await self.sql.fetchval("SELECT sequence_events(10000)") == 10_000:
            pass

    async def touch_now(self, *ids: str) -> None:
        await self.touch(*ids)
        await self.sequence()

    async def move_now(self, id: str, *statuses: str) -> None:
        await self.move(id, *statuses)
        await self.sequence()

    async def versions(self) -> Sequence[tuple[str, int]]:
        rows = await self.sql.fetch(
            "SELECT id, version FROM objects WHERE namespace_id = $1", self.namespace_id
        )
        return [(row["id"], row["version"]) for row in rows]
