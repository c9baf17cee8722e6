"""Brings the database's tables to a revision, and tells which one they have."""

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
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

import gateway
from gateway.database.pool import CONNECT_TIMEOUT_S, plain_url
from gateway.database.state import CannotStart

WAIT_FOR_OTHERS_S = 60.0
# Names the lock among all that use the database; drawn once by chance.
LOCK_KEY = 5_862_193_470_219_415_551

_T = TypeVar("_T")

# Alembic keeps what it works on in a module's globals.
_alembic_is_free = asyncio.Lock()


class MigrationFailed(CannotStart):
    """A revision cannot be reached.

    Each migration is a transaction of its own: those before the one that failed stay applied.
    """


def migrations_folder() -> Path:
    """Return the folder of the migrations: inside the package when installed, else beside it."""
    package = Path(gateway.__file__).parent
    inside = package / "_migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def head(folder: Path | None = None) -> str | None:
    """Return the newest revision that this gateway knows, None if there are no migrations."""
    return _scripts(folder).get_current_head()


def known(folder: Path | None = None) -> frozenset[str]:
    """Return all revisions that this gateway knows, the newest and those before it."""
    return frozenset(script.revision for script in _scripts(folder).walk_revisions())


async def current(url: str) -> str | None:
    """Return the revision of the database, None if no migration was ever applied.

    Raises:
        MigrationFailed: the database cannot be reached.
    """
    with _explained():
        return await _on_connection(url, _revision_of)


async def pending(url: str, *, folder: Path | None = None) -> bool:
    """Tell whether the database lacks a migration that this gateway needs.

    Raises:
        MigrationFailed: the database cannot be reached, or is newer than this gateway.
    """
    revision = await current(url)
    _require_known(revision, folder)
    return revision != head(folder)


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
        _require_known(_revision_of(connection), folder)
        config.attributes["connection"] = connection
        work(config)

    with _explained():
        async with _only_one(url), _alembic_is_free:
            await _on_connection(url, run)


async def _on_connection(url: str, work: Callable[[Connection], _T]) -> _T:
    """Run the work on a new connection. Its URL is read by asyncpg, as that of the pool is."""
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: _connect(url), poolclass=NullPool
    )
    async with engine.connect() as connection:
        return await connection.run_sync(work)


async def _connect(url: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(plain_url(url), timeout=CONNECT_TIMEOUT_S)
    except ValueError as error:  # not shown, for it may have a part of the password
        raise MigrationFailed(
            "the URL of the database cannot be read; it has to be like"
            " postgresql://user:password@host:5432/database, with %xx for special characters"
        ) from error
    except TimeoutError as error:
        raise MigrationFailed(
            f"cannot connect to the database: no answer within {CONNECT_TIMEOUT_S:.0f} seconds"
        ) from error


@asynccontextmanager
async def _only_one(url: str) -> AsyncIterator[None]:
    """Keep the other gateways' migrations out.

    The lock is tried again and again rather than waited for: who waits inside a statement is one
    that CREATE INDEX CONCURRENTLY waits for.
    """
    connection = await _connect(url)
    try:
        async with asyncio.timeout(WAIT_FOR_OTHERS_S):
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK_KEY):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    except TimeoutError as error:
        await connection.close()
        raise MigrationFailed(
            f"another gateway has been migrating this database for over {WAIT_FOR_OTHERS_S:.0f}"
            " seconds; try again when it has ended"
        ) from error
    try:
        yield
    finally:
        await connection.close()


def _revision_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _require_known(revision: str | None, folder: Path | None) -> None:
    if revision is not None and revision not in known(folder):
        raise MigrationFailed(
            f"the database is at revision {revision}, which this gateway does not know: it was"
            " migrated by a newer one. Run that one, or take the database back with its"
            f" `gateway migrate --down {head(folder)}`"
        )


def _scripts(folder: Path | None) -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(folder))


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
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise MigrationFailed(f"cannot connect to the database: {error}") from error
