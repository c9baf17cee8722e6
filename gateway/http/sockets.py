"""Ends websockets when the gateway stops: nobody else would, and they may stay open for days."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from weakref import WeakSet

from aiohttp import WSCloseCode, web

# For the other side to answer the farewell.
CLOSE_S = 3.0


def close_sockets_at_end(app: web.Application) -> None:
    """Tell the clients of all sockets to go elsewhere once the application stops."""
    sockets: WeakSet[web.WebSocketResponse] = WeakSet()

    async def note(_: web.Request, response: web.StreamResponse) -> None:
        if isinstance(response, web.WebSocketResponse):
            sockets.add(response)

    async def close_all(_: web.Application) -> None:
        farewells = [each.close(code=WSCloseCode.GOING_AWAY) for each in sockets]
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*farewells, return_exceptions=True)

    app.on_response_prepare.append(note)
    app.on_shutdown.append(close_all)
