"""How a websocket begins."""

from __future__ import annotations

from aiohttp import web

from gateway.http.finished import Over
from gateway.http.live.parts import LiveParts
from gateway.http.sockets import handshake
from gateway.http.sockets.connection import Connection
from gateway.observing import notes


async def serve_socket(request: web.Request, parts: LiveParts) -> web.StreamResponse:
    """Open a websocket and serve it to its end.

    Raises:
        Refused: The request is no handshake.
    """
    answer = handshake.answer_to(request, notes.request_id())
    try:
        connection = Connection(parts, request)
    except ConnectionError:
        return Over(request.writer)  # nobody is there to read it
    connection.outlet.write(answer)
    await connection.serve()
    return Over(request.writer)
