"""A database with what is read, built once for a state folder, and copied for each run."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import asyncpg

from gateway.database import migrate, revisions
from gateway.database.embedded.server import EmbeddedPostgres

OBJECTS = 20_000
NAMESPACE, OTHER_NAMESPACE = "bench", "other"

_SCRIPT = (Path(__file__).parent / "dataset.sql").read_text()


class Urls(NamedTuple):
    """Where a database is, for its owner and for a role that no row level security binds."""

    owner: str
    superuser: str


async def fill(url: str, *, objects: int) -> None:
    """Fill a migrated, empty database.

    The second namespace holds a fiftieth of the first, so that what keeps namespaces apart has
    something to keep apart.

    Args:
        url: For a role that no row level security binds.
        objects: Of the first namespace; a multiple of 200.
    """
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_SCRIPT)
        for namespace, count in ((NAMESPACE, objects), (OTHER_NAMESPACE, max(objects // 50, 200))):
            await connection.execute(f"CALL pg_temp.fill('{namespace}', {count})")
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


@asynccontextmanager
async def open_copy(postgres: EmbeddedPostgres, *, scale: int) -> AsyncIterator[Urls]:
    """Lend a fresh copy of the dataset, which is built if the server does not have it yet."""
    template = _name(scale)
    superuser = await asyncpg.connect(postgres.superuser_url("postgres"))
    try:
        is_built = "SELECT true FROM pg_database WHERE datname = $1"
        if not await superuser.fetchval(is_built, template):
            await _build(postgres, superuser, template, scale)
        copy = f"{template}_copy"
        await superuser.execute(f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)")
        await superuser.execute(
            f"CREATE DATABASE {copy} OWNER gateway TEMPLATE {template} STRATEGY file_copy"
        )
        try:
            yield _urls(postgres, copy)
        finally:
            await superuser.execute(f"DROP DATABASE {copy} WITH (FORCE)")
    finally:
        await superuser.close()


def _name(scale: int) -> str:
    """Return the name of the database with this dataset; what makes another gets another name."""
    made_by = f"{_SCRIPT} {revisions.head()}"
    return f"reads_{scale}_{hashlib.sha256(made_by.encode()).hexdigest()[:8]}"


async def _build(
    postgres: EmbeddedPostgres, superuser: asyncpg.Connection, name: str, scale: int
) -> None:
    # It gets its name when it is complete.
    draft = f"{name}_draft"
    await superuser.execute(f"DROP DATABASE IF EXISTS {draft} WITH (FORCE)")
    await superuser.execute(f"CREATE DATABASE {draft} OWNER gateway")
    urls = _urls(postgres, draft)
    await migrate.up(urls.owner)
    await fill(urls.superuser, objects=OBJECTS * scale)
    await superuser.execute(f"ALTER DATABASE {draft} RENAME TO {name}")


def _urls(postgres: EmbeddedPostgres, database: str) -> Urls:
    owner = urlsplit(postgres.url)._replace(path=f"/{database}").geturl()
    return Urls(owner, postgres.superuser_url(database))
