"""Brings the database's tables to a revision.

Alembic takes 12 MB, so a gateway that finds its tables up to date does not import this.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from gateway.database.revisions import (
    UNREACHABLE,
    MigrationFailed,
    connect,
    migrations_folder,
    require_known,
)

WAIT_FOR_OTHERS_S = 60.0
# Names the lock among all that use the database; drawn once by chance.
LOCK_KEY = 5_862_193_470_219_415_551

_T = TypeVar("_T")

# Alembic keeps what it works on in a module's globals.
_alembic_is_free = asyncio.Lock()


async def up(url: str, revision: str = "head", *, folder: Path | None = None) -> None:
    """Apply the migrations up to the revision; several gateways may try at once.

    Args:
        url: With or without SQLAlchemy's ``+asyncpg``.
        folder: Instead of the gateway's own migrations.

    Raises:
        MigrationFailed: the message names the reason.
    """
    await _migrate(url, lambda config: command.upgrade(config, revision), folder)


async def down(url: str, revision: str, *, folder: Path | None = None) -> None:
    """Take migrations back, down to the revision: ``base`` takes back all, ``-1`` the last one.

    Raises:
        MigrationFailed: the message names the reason.
    """
    await _migrate(url, lambda config: command.downgrade(config, revision), folder)


def new(message: str, *, folder: Path | None = None) -> Path:
    """Write an empty migration that follows the newest one; return its file."""
    script = command.revision(_config(folder), message)
    if not isinstance(script, Script):
        raise TypeError(f"one file was expected, not {script!r}")
    return Path(script.path)


def _config(folder: Path | None) -> Config:
    config = Config()
    location = str(folder or migrations_folder())
    config.set_main_option("script_location", location.replace("%", "%%"))
    config.set_main_option(
        "file_template", "%%(year)d-%%(month).2d-%%(day).2d_%%(hour).2d%%(minute).2d_%%(slug)s"
    )
    return config


async def _migrate(url: str, work: Callable[[Config], None], folder: Path | None) -> None:
    config = _config(folder)

    def run(connection: Connection) -> None:
        require_known(_revision_of(connection), folder)
        config.attributes["connection"] = connection
        work(config)

    with _explained():
        async with _only_one(url), _alembic_is_free:
            await _on_connection(url, run)


async def _on_connection(url: str, work: Callable[[Connection], _T]) -> _T:
    """Run the work on a new connection. Its URL is read by asyncpg, as that of the pool is."""
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: connect(url), poolclass=NullPool
    )
    async with engine.connect() as connection:
        return await connection.run_sync(work)


@asynccontextmanager
async def _only_one(url: str) -> AsyncIterator[None]:
    """Keep the other gateways' migrations out."""
    connection = await connect(url)
    try:
        await _lock(connection)
        yield
    finally:
        await connection.close()


async def _lock(connection: asyncpg.Connection) -> None:
    """Take the lock of migrations, which ends with the connection.

    It is tried again and again rather than waited for: who waits inside a statement is one that
    CREATE INDEX CONCURRENTLY waits for.
    """
    try:
        async with asyncio.timeout(WAIT_FOR_OTHERS_S):
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK_KEY):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    except TimeoutError as error:
        raise MigrationFailed(
            f"another gateway has been migrating this database for over {WAIT_FOR_OTHERS_S:.0f}"
            " seconds; try again when it has ended"
        ) from error


def _revision_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except CommandError as error:
        raise MigrationFailed(str(error)) from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == asyncpg.LockNotAvailableError.sqlstate:
            raise MigrationFailed(
                "a table is in use by a long transaction, for which a migration does not wait"
                " since all others would have to wait behind it; try again when that has ended"
            ) from error
        raise MigrationFailed(f"a migration was refused: {error.orig}") from error
    except UNREACHABLE as error:
        raise MigrationFailed(f"cannot connect to the database: {error}") from error
