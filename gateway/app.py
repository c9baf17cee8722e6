"""Where everything is put together, into one aiohttp application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from aiohttp import web

from gateway.blobs.local import LocalBlobStore
from gateway.caller import Caller
from gateway.context import Context
from gateway.database import migrate
from gateway.database.pool import Database
from gateway.errors import Unavailable
from gateway.housekeeping import Housekeeper
from gateway.http.blobs import blob_routes
from gateway.http.health import Check, health_routes
from gateway.http.sockets import close_sockets_at_end
from gateway.http.view import View
from gateway.limits import Limits
from gateway.namespaces.authentication import Authenticator
from gateway.planner.reader import Reader
from gateway.schema import GatewaySchema, make_schema
from gateway.settings import Settings

GRAPHQL = "/graphql"
SCHEMA = web.AppKey("schema", GatewaySchema)
MAKE_CONTEXT: web.AppKey[Callable[[Caller], Context]] = web.AppKey("make_context")


def make_app(*, settings: Settings, database: Database, blobs: LocalBlobStore) -> web.Application:
    """Return the gateway as an application that is ready to be run."""
    reader = Reader(database)
    limits = Limits(
        metadata_bytes=settings.max_metadata_bytes,
        inline_bytes=settings.max_inline_bytes,
        blobs_per_object=settings.max_blobs_per_object,
        name_characters=settings.max_name_characters,
    )
    authenticator = Authenticator(database)
    housekeeper = Housekeeper(database, blobs)

    def make_context(caller: Caller) -> Context:
        return Context(
            caller=caller,
            database=database,
            reader=reader,
            blobs=blobs,
            limits=limits,
            authenticator=authenticator,
            housekeeper=housekeeper,
        )

    async def background(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(housekeeper.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await authenticator.close()

    app = web.Application(client_max_size=settings.max_body_bytes)
    app[SCHEMA] = make_schema()
    app[MAKE_CONTEXT] = make_context
    app.router.add_route("*", GRAPHQL, View(app[SCHEMA], authenticator, make_context))
    app.router.add_get("/", _to_graphiql)
    app.add_routes(blob_routes(blobs))
    app.add_routes(health_routes(_readiness(database, blobs)))
    app.cleanup_ctx.append(background)
    close_sockets_at_end(app)
    return app


def _readiness(database: Database, blobs: LocalBlobStore) -> dict[str, Check]:
    """Return what `/readyz` looks at."""
    older = migrate.known() - {migrate.head()}

    async def check_database() -> None:
        async with database.connection() as connection:
            await connection.execute("SELECT 1")

    async def check_migrations() -> None:
        async with database.connection() as connection:
            revision = await connection.fetchval("SELECT version_num FROM alembic_version")
        # A newer one is no reason to send nobody here: in a roll-out the database is migrated
        # first, and this gateway serves until the new ones do.
        if revision is None or revision in older:
            raise Unavailable("the database lacks migrations; run `gateway migrate`")

    return {"database": check_database, "blobs": blobs.check, "migrations": check_migrations}


async def _to_graphiql(_: web.Request) -> web.Response:
    raise web.HTTPFound(GRAPHQL)
