"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from gateway.errors import GatewayError

Check = Callable[[], Awaitable[None]]


def health_routes(checks: Mapping[str, Check]) -> list[web.RouteDef]:
    """Return `/healthz`, the process, and `/readyz`, everything that it needs, by name."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        parts = {name: await _outcome(check) for name, check in checks.items()}
        ready = all(outcome == "ok" for outcome in parts.values())
        return web.json_response(
            {"status": "ok" if ready else "unavailable", **parts}, status=200 if ready else 503
        )

    return [web.get("/healthz", healthz), web.get("/readyz", readyz)]


async def _outcome(check: Check) -> str:
    try:
        await check()
    except GatewayError as failure:
        return failure.message
    return "ok"
