"""Headers that every answer has, whoever wrote it."""

from __future__ import annotations

from aiohttp import web
from aiohttp.hdrs import SERVER


def harden(app: web.Application) -> None:
    """Let browsers guess no types, and tell nobody which software answers."""

    async def change(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.pop(SERVER, None)

    app.on_response_prepare.append(change)
