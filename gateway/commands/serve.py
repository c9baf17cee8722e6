"""`gateway serve`: the main job."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click
import uvloop
from aiohttp import web

from gateway import demo
from gateway.app import MAKE_CONTEXT, METRICS, SCHEMA, make_app
from gateway.commands import announcing, log_lines
from gateway.commands.listening import accepting, listen
from gateway.commands.storing import open_blobs
from gateway.commands.tables import prepare_tables
from gateway.commands.traces import open_traces
from gateway.database.embedded.server import EmbeddedPostgres, open_postgres
from gateway.database.pool import Database, open_database
from gateway.database.state import CannotStart, StateFolder, open_state
from gateway.database.watching import watched
from gateway.http.metrics import metrics_app
from gateway.namespaces.first_key import ensure_default
from gateway.setting_texts import read_metrics
from gateway.settings import Settings

logger = logging.getLogger(__name__)

STOPPING = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line decides."""

    host: str
    port: int
    ready_file: Path | None
    demo: bool


@click.command(short_help="Run the gateway.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0: a free one.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=".gateway",
    show_default=True,
    help="Folder for what is kept: the private database, bytes, secrets.",
)
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Written when requests are accepted: addresses, key and process id as JSON.",
)
@click.option("--demo", is_flag=True, help="Fill an empty namespace with examples.")
def serve(host: str, port: int, state: Path, ready_file: Path | None, demo: bool) -> None:
    """Run the gateway.

    Without GATEWAY_DATABASE_URL it starts a private PostgreSQL in the state folder, brings its
    tables up to date, and makes a first namespace and key.
    """
    settings = Settings.from_environment()
    if demo and settings.database_url:
        raise CannotStart(
            "--demo is for the private database; for GATEWAY_DATABASE_URL run `gateway demo`"
        )
    for number in STOPPING:
        signal.signal(number, _leave)
    log_lines.set_up(settings)
    options = Options(host, port, ready_file, demo)
    listening = listen(host, port)
    metrics_at = read_metrics(settings.metrics)
    metrics = listen(*metrics_at, other="GATEWAY_METRICS names another") if metrics_at else None
    with listening, metrics or nullcontext(), open_state(state) as folder:
        if ready_file is not None:
            announcing.clear(ready_file)
        if settings.database_url:
            _run_loop(_run(settings, options, listening, metrics, folder, None))
        else:
            with open_postgres(folder, postgres_bin=settings.postgres_bin) as postgres:
                _run_loop(_run(settings, options, listening, metrics, folder, postgres))


def _leave(*_: object) -> NoReturn:
    """End in order, before there is an event loop that takes the signal."""
    sys.exit(0)


def _run_loop(serving: Coroutine[Any, Any, None]) -> None:
    """Serve on uvloop: a point read takes 0.87 of the CPU it takes on asyncio's own loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_signal(serving))


async def _until_signal(serving: Coroutine[Any, Any, None]) -> None:
    """Serve until a signal comes; what was begun then ends in order, however far it had come."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, stopped.set)
    signal_came = asyncio.create_task(stopped.wait())
    served = asyncio.create_task(serving)
    await asyncio.wait([served, signal_came], return_when=asyncio.FIRST_COMPLETED)
    for each in (served, signal_came):
        each.cancel()
    with suppress(asyncio.CancelledError):
        await served


async def _run(
    settings: Settings,
    options: Options,
    listening: socket.socket,
    metrics: socket.socket | None,
    folder: StateFolder,
    postgres: EmbeddedPostgres | None,
) -> None:
    """Serve until cancelled.

    Raises:
        CannotStart: something is not as it has to be, or the private database ended by itself.
    """
    url = postgres.url if postgres else settings.database_url
    await prepare_tables(url, may_migrate=postgres is not None)
    address = announcing.address_of(listening, options.host)
    _warn_of_links(settings, options.host, address)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(_database(settings, url))
        blobs = await stack.enter_async_context(
            open_blobs(settings, folder, public_url=settings.public_url or address)
        )
        tracing = stack.enter_context(open_traces())
        app = make_app(settings=settings, database=database, blobs=blobs, tracing=tracing)
        if metrics is not None:  # to the end
            await stack.enter_async_context(accepting(metrics_app(app[METRICS]), metrics))
        await stack.enter_async_context(accepting(app, listening))
        # What set-up made lives as long as the process; collecting garbage need not look at it
        # again and again (creating objects: 168 ms at the 99th percentile before, 44 after).
        gc.collect()
        gc.freeze()
        key_file = folder.path / "dev-key"
        first = None if postgres is None else await ensure_default(database, key_file)
        is_private = announcing.is_loopback(options.host)
        announcing.tell(address, first, key_file=key_file, is_shown=is_private)
        if options.demo:
            await _fill(app, database)
        if options.ready_file is not None:
            shown = first if is_private else None
            stack.enter_context(announcing.ready(options.ready_file, address, shown))
        if postgres is None:
            await asyncio.Event().wait()
        else:
            await postgres.wait()
            raise CannotStart(
                f"the private PostgreSQL has ended; its log is {folder.path / 'postgres.log'}"
            )


def _warn_of_links(settings: Settings, host: str, address: str) -> None:
    is_serving_bytes = not settings.s3_bucket
    if host in announcing.EVERY_ADDRESS and is_serving_bytes and not settings.public_url:
        logger.warning(
            "links to bytes begin with %s; if clients reach the gateway elsewhere, name that in"
            " GATEWAY_PUBLIC_URL",
            address,
        )


@asynccontextmanager
async def _database(settings: Settings, url: str) -> AsyncIterator[Database]:
    """Give the database, which is watched meanwhile."""
    opened = open_database(
        url,
        size=settings.database_pool_size,
        most_waiting=settings.database_queue,
        slow_s=settings.slow_ms / 1000,
    )
    async with opened as database, watched(database, url):
        await _warn_of_superuser(database)
        yield database


async def _warn_of_superuser(database: Database) -> None:
    async with database.connection() as connection:
        unbound = await connection.fetchval(
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
    if unbound:
        logger.warning(
            "the database role is a superuser or bypasses row level security, which is the second"
            " lock between namespaces; connect as an ordinary role that owns the tables"
        )


async def _fill(app: web.Application, database: Database) -> None:
    query = await demo.fill(app[SCHEMA], app[MAKE_CONTEXT], database, namespace="default")
    if query is None:
        click.echo("The namespace is not empty, so no examples were added.")
    else:
        click.echo(f"Examples are in the namespace. A first query:\n\n{query}")
