"""`/metrics`, on the gateway's own port or on another one."""

from __future__ import annotations

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler

from gateway.http.headers import Headers
from gateway.observing.metrics import Metrics

METRICS = "/metrics"


def metrics_route(metrics: Metrics) -> web.RouteDef:
    """Return the route; whoever reaches it may read."""
    return web.get(METRICS, make_aiohttp_handler(metrics.registry))


def metrics_app(metrics: Metrics) -> web.Application:
    """Return an application that has this route and no other."""
    app = web.Application()
    app.add_routes([metrics_route(metrics)])
    Headers().add_to_all(app)
    return app
