"""The handshake of a websocket."""

from __future__ import annotations

from aiohttp import web
from aiohttp.hdrs import UPGRADE
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from gateway.http.answers import Refused
from gateway.http.live.parts import LiveParts
from gateway.http.sockets.connection import Connection


def wants_socket(request: web.Request) -> bool:
    """Tell whether a request asks for a websocket."""
    return request.method == "GET" and "websocket" in request.headers.get(UPGRADE, "").lower()


async def serve_socket(request: web.Request, parts: LiveParts) -> web.StreamResponse:
    """Open a websocket and serve it to its end.

    Raises:
        Refused: The request is no handshake.
    """
    socket = web.WebSocketResponse(
        protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
        max_msg_size=parts.rules.message_bytes,
        compress=False,  # its state takes 90 KB a socket, and no frame could be shared
        # The connection answers itself: what aiohttp does waits for slow clients.
        autoclose=False,
        autoping=False,
    )
    try:
        writer = await socket.prepare(request)
        connection = Connection(parts, request, socket, writer)
    except web.HTTPBadRequest as error:
        raise Refused(f"this is no handshake of a websocket: {error.text}") from error
    except ConnectionError:
        return web.Response()  # nobody is there to read it
    await connection.serve()
    return socket
