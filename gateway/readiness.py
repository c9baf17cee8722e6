"""What `/readyz` looks at."""

from __future__ import annotations

from gateway.blobs.store import BlobStore
from gateway.database import revisions
from gateway.database.pool import Database
from gateway.errors import Unavailable
from gateway.http.health import Check


def readiness(database: Database, blobs: BlobStore) -> dict[str, Check]:
    """Return the checks by their names."""
    older = revisions.known() - {revisions.head()}

    async def check_database() -> None:
        async with database.connection() as connection:
            await connection.execute("SELECT 1")

    async def check_migrations() -> None:
        async with database.connection() as connection:
            revision = await connection.fetchval("SELECT version_num FROM alembic_version")
        # A newer one is no reason to send nobody here: in a roll-out the database is migrated
        # first, and this gateway serves until the new ones do.
        if revision is None or revision in older:
            raise Unavailable("the database lacks migrations; run `gateway migrate`")

    return {"database": check_database, "blobs": blobs.check, "migrations": check_migrations}
