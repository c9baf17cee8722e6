"""`gateway demo`: examples for a namespace that is empty."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from gateway import demo as examples
from gateway.app import MAKE_CONTEXT, SCHEMA, make_app
from gateway.commands.storing import open_blobs
from gateway.commands.tables import prepare_tables
from gateway.database.embedded.server import open_postgres
from gateway.database.pool import Database, open_database
from gateway.database.state import CannotStart, StateFolder, StateInUse, open_state
from gateway.errors import GatewayError, NotFound
from gateway.namespaces.first_key import NAMESPACE_NAME, ensure_default
from gateway.settings import Settings


@click.command(short_help="Fill an empty namespace with examples.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=".gateway",
    show_default=True,
    help="Folder of the gateway: the bytes go there, and there is its private database.",
)
@click.option(
    "--namespace",
    default=NAMESPACE_NAME,
    show_default=True,
    help="The namespace to fill, by name or id.",
)
def demo(state: Path, namespace: str) -> None:
    """Fill a namespace that has no bucket and no collection with examples; print a first query.

    GATEWAY_DATABASE_URL names the database, or else it is the private one of the state folder. No
    gateway may be running on that folder: a new one has `serve --demo` for this.
    """
    settings = Settings.from_environment()
    with _alone_in(state) as folder:
        try:
            if settings.database_url:
                query = asyncio.run(_fill_outside(settings, folder, namespace))
            else:
                with open_postgres(folder, postgres_bin=settings.postgres_bin) as postgres:
                    query = asyncio.run(_fill_private(settings, postgres.url, folder, namespace))
        except NotFound as error:
            raise CannotStart(
                f"there is no namespace {namespace!r};"
                f" `gateway namespaces create {namespace}` makes it"
            ) from error
        except GatewayError as error:
            raise CannotStart(error.message) from error
    if query is None:
        click.echo(f"The namespace {namespace} is not empty, so no examples were added.")
    else:
        click.echo(f"Examples are in the namespace {namespace}. A first query:\n\n{query}")


@contextmanager
def _alone_in(state: Path) -> Iterator[StateFolder]:
    try:
        with open_state(state) as folder:
            yield folder
    except StateInUse as error:
        # Not in a folder of its own instead, as a second gateway: the bytes belong in this one.
        raise CannotStart(
            f"a gateway is running on the state folder {state}; stop it first,"
            " or start it anew as `gateway serve --demo`"
        ) from error


async def _fill_outside(settings: Settings, folder: StateFolder, namespace: str) -> str | None:
    url = settings.database_url
    await prepare_tables(url, may_migrate=False)
    async with open_database(url, size=1) as database:
        return await _fill(settings, database, folder, namespace)


async def _fill_private(
    settings: Settings, url: str, folder: StateFolder, namespace: str
) -> str | None:
    await prepare_tables(url, may_migrate=True)
    async with open_database(url, size=1) as database:
        await ensure_default(database, folder.path / "dev-key")
        return await _fill(settings, database, folder, namespace)


async def _fill(
    settings: Settings, database: Database, folder: StateFolder, namespace: str
) -> str | None:
    async with open_blobs(settings, folder, public_url=settings.public_url) as blobs:
        app = make_app(settings=settings, database=database, blobs=blobs)
        return await examples.fill(app[SCHEMA], app[MAKE_CONTEXT], database, namespace=namespace)
