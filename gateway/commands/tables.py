"""The tables that a command needs, as new as the gateway."""

from __future__ import annotations

from gateway.database import revisions
from gateway.database.state import CannotStart

OLD_OUTSIDE = (
    "the tables of GATEWAY_DATABASE_URL are older than this gateway; run `gateway migrate`"
)


async def prepare_tables(url: str, *, may_migrate: bool, otherwise: str = OLD_OUTSIDE) -> None:
    """Return once the tables are up to date.

    Args:
        otherwise: What is said of older ones that may not be migrated.

    Raises:
        CannotStart: they are older; or a migration failed.
    """
    if not await revisions.pending(url):
        return
    if not may_migrate:
        raise CannotStart(otherwise)
    from gateway.database import migrate

    await migrate.up(url)
