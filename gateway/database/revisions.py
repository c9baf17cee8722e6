"""Which migrations this gateway knows, and which one a database has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import asyncpg

import gateway
from gateway.database.connecting import CONNECT_TIMEOUT_S, plain_url
from gateway.database.state import CannotStart

UNREACHABLE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)

_REVISION = re.compile(r"^revision = ['\"](.+)['\"]$", re.MULTILINE)
_BEFORE = re.compile(r"^down_revision = (?:None|['\"](.+)['\"])$", re.MULTILINE)


class MigrationFailed(CannotStart):
    """A revision cannot be reached.

    Each migration is a transaction of its own: those before the one that failed stay applied.
    """


class _Migration(NamedTuple):
    """A migration's revision, and the one before it."""

    revision: str
    before: str | None


def migrations_folder() -> Path:
    """Return the folder of the migrations: inside the package when installed, else beside it."""
    package = Path(gateway.__file__).parent
    inside = package / "_migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def head(folder: Path | None = None) -> str | None:
    """Return the newest revision that this gateway knows, None if there are no migrations."""
    migrations = _migrations(folder)
    before = {each.before for each in migrations}
    newest = [each.revision for each in migrations if each.revision not in before]
    if len(newest) > 1:
        raise MigrationFailed(f"several migrations are the newest: {', '.join(sorted(newest))}")
    return newest[0] if newest else None


def known(folder: Path | None = None) -> frozenset[str]:
    """Return all revisions that this gateway knows, the newest and those before it."""
    return frozenset(each.revision for each in _migrations(folder))


async def current(url: str) -> str | None:
    """Return the revision of the database, None if no migration was ever applied.

    Raises:
        MigrationFailed: the database cannot be reached.
    """
    try:
        connection = await connect(url)
        try:
            if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
                return None
            revision: str | None = await connection.fetchval(
                "SELECT version_num FROM alembic_version"
            )
            return revision
        finally:
            await connection.close()
    except UNREACHABLE as error:
        raise MigrationFailed(f"cannot connect to the database: {error}") from error


async def pending(url: str, *, folder: Path | None = None) -> bool:
    """Tell whether the database lacks a migration that this gateway needs.

    Raises:
        MigrationFailed: the database cannot be reached, or is newer than this gateway.
    """
    revision = await current(url)
    require_known(revision, folder)
    return revision != head(folder)


def require_known(revision: str | None, folder: Path | None) -> None:
    """Return if a database's revision is one of this gateway's.

    Raises:
        MigrationFailed: it is not.
    """
    if revision is not None and revision not in known(folder):
        raise MigrationFailed(
            f"the database is at revision {revision}, which this gateway does not know: it was"
            " migrated by a newer one. Run that one, or take the database back with its"
            f" `gateway migrate --down {head(folder)}`"
        )


async def connect(url: str) -> asyncpg.Connection:
    """Open a connection; the URL is read by asyncpg, as that of the pool is.

    Raises:
        MigrationFailed: the URL cannot be read, or nobody answers there in time.
    """
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


def _migrations(folder: Path | None) -> list[_Migration]:
    found = []
    for file in sorted(((folder or migrations_folder()) / "versions").glob("*.py")):
        text = file.read_text()
        revision, before = _REVISION.search(text), _BEFORE.search(text)
        if revision is None or before is None:
            raise MigrationFailed(f"{file.name} says no revision, or not which one is before it")
        found.append(_Migration(revision[1], before[1]))
    return found
