"""The gateway as an aiohttp application: what answers where, and when parts begin and end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.blobs.local import LocalBlobStore
from gateway.blobs.store import BlobStore
from gateway.caller import Caller
from gateway.context import Context
from gateway.database.pool import Database
from gateway.events.following import Follows
from gateway.http.blobs import blob_routes
from gateway.http.bodies import expect_bodies
from gateway.http.front import FRONT, Front
from gateway.http.headers import Headers
from gateway.http.health import health_routes
from gateway.http.live.open_connections import OpenConnections
from gateway.http.live.rules import LiveRules
from gateway.http.metrics import metrics_route
from gateway.http.view import View
from gateway.observing.metrics import Metrics
from gateway.parts import Parts
from gateway.readiness import readiness
from gateway.schema import GatewaySchema
from gateway.settings import Settings

if TYPE_CHECKING:  # its packages may be missing
    from gateway.observing.tracing import Tracing

GRAPHQL = "/graphql"
SCHEMA = web.AppKey("schema", GatewaySchema)
CONNECTIONS = web.AppKey("connections", OpenConnections)
METRICS = web.AppKey("metrics", Metrics)
MAKE_CONTEXT: web.AppKey[Callable[[Caller], Context]] = web.AppKey("make_context")


def make_app(
    *,
    settings: Settings,
    database: Database,
    blobs: BlobStore,
    follows: Follows | None = None,
    live_rules: LiveRules | None = None,
    tracing: Tracing | None = None,
) -> web.Application:
    """Return the gateway as an application that is ready to be run.

    Args:
        follows: Runs subscriptions, in place of the hub.
        live_rules: In place of those that settings make.
        tracing: What makes traces; None: nothing does.

    Raises:
        InvalidSetting: The trusted documents cannot be read, or two settings contradict each other.
    """
    parts = Parts(
        settings, database, blobs, follows=follows, live_rules=live_rules, tracing=tracing
    )
    app = web.Application(client_max_size=settings.max_body_bytes)
    app[SCHEMA] = parts.schema
    app[CONNECTIONS] = parts.connections
    app[METRICS] = parts.metrics
    app[MAKE_CONTEXT] = parts.make_context

    bodies = expect_bodies(app)
    headers = Headers(
        is_https=settings.public_url.startswith("https://"),
        endpoint=GRAPHQL,
        origins=parts.origins,
    )
    headers.add_to_all(app)
    app[FRONT] = Front(GRAPHQL, View(parts.live, bodies, headers).answer)
    app.router.add_route("*", GRAPHQL, app[FRONT].route)
    app.router.add_get("/", _to_graphiql)
    if isinstance(blobs, LocalBlobStore):  # others serve their links themselves
        app.add_routes(blob_routes(blobs, bodies))
    app.add_routes(health_routes(readiness(database, parts.blobs), dispensable=["blobs"]))
    if settings.metrics == "on":
        app.add_routes([metrics_route(parts.metrics)])

    async def prepare(_: web.Application) -> None:
        await parts.prepare()

    async def work(_: web.Application) -> AsyncIterator[None]:
        async with parts.at_work():
            yield

    async def drain(_: web.Application) -> None:
        await parts.connections.drain(settings.drain_s)

    app.on_startup.append(prepare)
    app.cleanup_ctx.append(work)
    app.on_shutdown.append(drain)
    return app


async def _to_graphiql(_: web.Request) -> web.Response:
    raise web.HTTPFound(GRAPHQL)
