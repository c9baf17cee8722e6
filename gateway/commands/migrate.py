"""`gateway migrate`: the tables of an outside database."""

from __future__ import annotations

import asyncio

import click

from gateway.database import migrate as migrations
from gateway.database import revisions
from gateway.database.state import CannotStart
from gateway.settings import Settings


@click.command(short_help="Bring the database's tables up to date.")
@click.option(
    "--down", metavar="REVISION", help="Go back to a revision instead: -1, or base for none at all."
)
def migrate(down: str | None) -> None:
    """Bring the tables of GATEWAY_DATABASE_URL up to date.

    The private database of a state folder needs no call: `serve` migrates it by itself.
    """
    url = Settings.from_environment().database_url
    if not url:
        raise CannotStart(
            "GATEWAY_DATABASE_URL is not set; the private database is migrated by `gateway serve`"
        )
    asyncio.run(_migrate(url, down))


async def _migrate(url: str, revision: str | None) -> None:
    if revision is None:
        await migrations.up(url)
    else:
        await migrations.down(url, revision)
    click.echo(f"The database is at revision {await revisions.current(url) or 'base'}.")
