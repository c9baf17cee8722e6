"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping

from aiohttp import web

from gateway.errors import GatewayError

logger = logging.getLogger(__name__)

CHECK_S = 2.0

Check = Callable[[], Awaitable[None]]


def health_routes(
    checks: Mapping[str, Check], *, dispensable: Collection[str] = ()
) -> list[web.RouteDef]:
    """Return `/healthz`, the process, and `/readyz`, everything that it needs, by name.

    Args:
        dispensable: What most requests can do without. Were gateways not ready for want of it, none
            would be, and nobody would be answered at all.
    """
    readiness = Readiness(checks)

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        parts = await readiness.parts()
        failing = {name for name, outcome in parts.items() if outcome != "ok"}
        is_ready = failing <= set(dispensable)
        status = "unavailable" if not is_ready else "degraded" if failing else "ok"
        return web.json_response({"status": status, **parts}, status=200 if is_ready else 503)

    return [web.get("/healthz", healthz), web.get("/readyz", readyz)]


class Readiness:
    """Looks at all parts at once; whoever asks meanwhile gets the same answer.

    Anybody may ask, as often as they like, and a look takes connections and writes a file.
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._look: asyncio.Task[dict[str, str]] | None = None

    async def parts(self) -> dict[str, str]:
        """Return what is said of each part: ok, or what is wrong."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._outcomes())
        return await asyncio.shield(self._look)

    async def _outcomes(self) -> dict[str, str]:
        outcomes = await asyncio.gather(*map(_outcome, self._checks.values()))
        return dict(zip(self._checks, outcomes, strict=True))


async def _outcome(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_S):
            await check()
    except GatewayError as failure:
        return failure.message
    except TimeoutError:
        return f"no answer within {CHECK_S:.0f} s"
    except Exception:
        logger.exception("a check of /readyz failed")
        return "the check failed; the log tells why"
    return "ok"
