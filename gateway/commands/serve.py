"""`gateway serve`: the main job."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import click
import orjson
from aiohttp import web

from gateway import demo
from gateway.app import GRAPHQL, MAKE_CONTEXT, SCHEMA, make_app
from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import UrlSigner, load_secret
from gateway.database import migrate
from gateway.database.embedded.server import EmbeddedPostgres, open_postgres
from gateway.database.pool import Database, open_database
from gateway.database.state import CannotStart, StateFolder, open_state
from gateway.namespaces.first_key import FirstKey, ensure_default
from gateway.settings import Settings

logger = logging.getLogger(__name__)

DRAIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line decides."""

    host: str
    port: int
    ready_file: Path | None
    demo: bool


@click.command(short_help="Run the gateway.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on; 0: a free one.")
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
    tables up to
    date, and makes a first namespace and key.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = Settings.from_environment()
    if demo and settings.database_url:
        raise CannotStart(
            "--demo is for the private database; for GATEWAY_DATABASE_URL run `gateway demo`"
        )
    options = Options(host, port, ready_file, demo)
    listening = _listen(host, port)
    with listening, open_state(state) as folder:
        if settings.database_url:
            asyncio.run(_run(settings, options, listening, folder, None))
        else:
            with open_postgres(folder, postgres_bin=settings.postgres_bin) as postgres:
                asyncio.run(_run(settings, options, listening, folder, postgres))


def _listen(host: str, port: int) -> socket.socket:
    """Take the port at once, so that a port in use is told before anything is started."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=1024
        )
    except OSError as error:
        raise CannotStart(
            f"cannot listen on {host} port {port} ({error.strerror});"
            " --port 0 takes a port that is free"
        ) from error


async def _run(
    settings: Settings,
    options: Options,
    listening: socket.socket,
    folder: StateFolder,
    postgres: EmbeddedPostgres | None,
) -> None:
    """Serve until a signal, or until the private database ends by itself."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    url = postgres.url if postgres else settings.database_url
    await _prepare_tables(url, private=postgres is not None)
    address = _address(listening, options.host)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            open_database(url, size=settings.database_pool_size)
        )
        await _warn_of_superuser(database)
        secret = load_secret(folder.path / "links.key")
        signer = UrlSigner(secret, public_url=settings.public_url or address)
        blobs = LocalBlobStore(folder.path / "blobs", signer)
        app = make_app(settings=settings, database=database, database_url=url, blobs=blobs)
        await stack.enter_async_context(_serving(app, listening))
        first = None
        if postgres is not None:
            first = await ensure_default(database, folder.path / "dev-key")
        _tell(address, first, folder, options)
        if options.demo:
            await _fill(app, database)
        if options.ready_file is not None:
            stack.enter_context(_ready(options, address, first))
        await _until_end(stopped, postgres)


async def _prepare_tables(url: str, *, private: bool) -> None:
    if private:
        await migrate.up(url)
    elif await migrate.pending(url):
        raise CannotStart(
            "the tables of GATEWAY_DATABASE_URL are older than this gateway; run `gateway migrate`"
        )


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


@asynccontextmanager
async def _serving(app: web.Application, listening: socket.socket) -> AsyncIterator[None]:
    """Accept requests; at the end let those that run finish."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=DRAIN_S)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield
    finally:
        await runner.cleanup()


async def _fill(app: web.Application, database: Database) -> None:
    query = await demo.fill(app[SCHEMA], app[MAKE_CONTEXT], database, namespace="default")
    if query is None:
        click.echo("The namespace is not empty, so no examples were added.")
    else:
        click.echo(f"Examples are in the namespace. A first query:\n\n{query}")


async def _until_end(stopped: asyncio.Event, postgres: EmbeddedPostgres | None) -> None:
    """Return after a signal.

    Raises:
        CannotStart: the private database has ended by itself.
    """
    signal_came = asyncio.create_task(stopped.wait())
    waits: list[asyncio.Task[object]] = [signal_came]
    if postgres is not None:
        waits.append(asyncio.create_task(postgres.wait()))
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    ended_by_itself = not signal_came.done()
    for each in waits:
        each.cancel()
    if ended_by_itself:
        raise CannotStart("the private PostgreSQL has ended; its log is in the state folder")


def _address(listening: socket.socket, host: str) -> str:
    """Return the URL that reaches the socket from this machine."""
    port = listening.getsockname()[1]
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _tell(address: str, first: FirstKey | None, folder: StateFolder, options: Options) -> None:
    """Print what a person needs; a key is shown only where nobody else can reach the gateway."""
    endpoint = address + GRAPHQL
    click.echo(f"GraphiQL  {endpoint}")
    if first is None:
        click.echo("API key   make one with `gateway keys create`")
        return
    if not _is_loopback(options.host):
        click.echo(f"API key   in {folder.path / 'dev-key'} (namespace {first.namespace_name})")
        return
    click.echo(f"API key   {first.secret} (namespace {first.namespace_name})")
    body = orjson.dumps(
        {"query": "{ viewer { namespace { namespaceName bucketCount } } }"}
    ).decode()
    click.echo(
        f"Try       curl {endpoint} -H 'Authorization: Bearer {first.secret}'"
        f" -H 'X-Namespace: {first.namespace_name}' -H 'Content-Type: application/json' -d '{body}'"
    )


@contextmanager
def _ready(options: Options, address: str, first: FirstKey | None) -> Iterator[None]:
    """Keep the ready file while requests are accepted; it is there whole or not at all."""
    if options.ready_file is None:
        raise ValueError("there is no ready file to write")
    shown = first if first is not None and _is_loopback(options.host) else None
    content = {
        "graphql": address + GRAPHQL,
        "websocket": address.replace("http", "ws", 1) + GRAPHQL,
        "health": address + "/healthz",
        "api_key": shown.secret if shown else None,
        "namespace": shown.namespace_name if shown else None,
        "pid": os.getpid(),
    }
    draft = options.ready_file.with_name(options.ready_file.name + ".new")
    draft.touch(mode=0o600)
    draft.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    draft.replace(options.ready_file)
    try:
        yield
    finally:
        options.ready_file.unlink(missing_ok=True)
