"""The database for commands that a person runs, beside a gateway that serves or without one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import click

from gateway.commands.tables import prepare_tables
from gateway.database.embedded.address import running_url
from gateway.database.embedded.server import open_postgres
from gateway.database.pool import open_database
from gateway.database.state import CannotStart, StateInUse, open_state
from gateway.database.transaction import Transaction
from gateway.errors import GatewayError
from gateway.settings import Settings

T = TypeVar("T")
_OLD = (
    "the tables of the database are older than this gateway: run `gateway migrate`, or, where a"
    " gateway with a private database runs, start that anew"
)

state_option = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=".gateway",
    show_default=True,
    help="Folder of the gateway; not looked at if GATEWAY_DATABASE_URL is set.",
)


def in_transaction(state: Path, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """Return what ``work`` returns, done in one transaction on the gateway's database.

    Raises:
        CannotStart: The database cannot be reached, or its tables are not those of this gateway.
        ClickException: The work was refused; the command ends with exit code 1.
    """
    settings = Settings.from_environment()
    with ExitStack() as stack:
        if settings.database_url:
            url, own = settings.database_url, False
        else:
            url, own = stack.enter_context(_private_database(state, settings.postgres_bin))
        try:
            return asyncio.run(_run(url, work, may_migrate=own))
        except GatewayError as error:
            raise click.ClickException(error.message) from error


@contextmanager
def _private_database(state: Path, postgres_bin: str) -> Iterator[tuple[str, bool]]:
    """Give the URL of the folder's database, and whether its server was started for us alone."""
    if not state.is_dir():
        raise CannotStart(
            f"there is no state folder {state}; `gateway serve` makes it, --state names another,"
            " and GATEWAY_DATABASE_URL a database elsewhere"
        )
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(open_state(state))
        except StateInUse:
            url, own = running_url(state), False
            if url is None:  # it uses a database elsewhere, or is just starting
                raise
        else:
            postgres = stack.enter_context(open_postgres(folder, postgres_bin=postgres_bin))
            url, own = postgres.url, True
        yield url, own


async def _run(url: str, work: Callable[[Transaction], Awaitable[T]], *, may_migrate: bool) -> T:
    await prepare_tables(url, may_migrate=may_migrate, otherwise=_OLD)
    async with open_database(url, size=1) as database, database.transaction() as tx:
        return await work(tx)
