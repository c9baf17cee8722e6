"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from gateway.errors import GatewayError

logger = logging.getLogger(__name__)

Check = Callable[[], Awaitable[None]]


def health_routes(checks: Mapping[str, Check]) -> list[web.RouteDef]:
    """Return `/healthz`, the process, and `/readyz`, everything that it needs, by name."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def look() -> web.Response:
        outcomes = await asyncio.gather(*map(_outcome, checks.values()))
        parts = dict(zip(checks, outcomes, strict=True))
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
    except Exception:
        logger.exception("a check of /readyz failed")
        return "the check failed; the log tells why"
    return "ok"
