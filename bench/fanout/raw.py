"""The limit: one payload, each subscriber's id in front of it, straight to the sockets.

It knows no keys and no events, and waits for nobody who is slow: the least that a server on aiohttp
has to do for each message.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct

import uvloop
from aiohttp import WSMsgType, web

SUBPROTOCOL = "graphql-transport-ws"
_ACK = '{"type":"connection_ack"}'
_FIRST = '{"id":"%s","type":"next","payload":{"data":{"statusChanged":null}}}'


class Broadcast:
    """Whoever has subscribed, and what is before each result of theirs."""

    def __init__(self) -> None:
        self._subscribers: dict[asyncio.WriteTransport, bytes] = {}
        self._telling: set[asyncio.Task[None]] = set()

    async def subscribe(self, request: web.Request) -> web.StreamResponse:
        """Speak as much of the protocol as it takes to subscribe."""
        connection = web.WebSocketResponse(protocols=[SUBPROTOCOL], compress=False)
        await connection.prepare(request)
        transport = request.transport
        if transport is None:
            return connection
        try:
            async for message in connection:
                if message.type is not WSMsgType.TEXT:
                    continue
                said = message.json()
                if said["type"] == "connection_init":
                    await connection.send_str(_ACK)
                else:
                    before = f'{{"id":"{said["id"]}","type":"next","payload":'
                    self._subscribers[transport] = before.encode()
                    await connection.send_str(_FIRST % said["id"])
        finally:
            self._subscribers.pop(transport, None)
        return connection

    async def tell(self, request: web.Request) -> web.Response:
        """Begin to write payloads to all; ``{payloads: [text], atOnce, everyS}``."""
        asked = await request.json()
        payloads = [each.encode() for each in asked["payloads"]]
        task = asyncio.create_task(self._tell(payloads, asked["atOnce"], asked["everyS"]))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
        return web.Response()

    async def _tell(self, payloads: list[bytes], at_once: int, every_s: float) -> None:
        for start in range(0, len(payloads), at_once):
            for payload in payloads[start : start + at_once]:
                for transport, before in self._subscribers.items():
                    header = struct.pack("!BBH", 0x81, 126, len(before) + len(payload) + 1)
                    transport.write(header + before + payload + b"}")
            await asyncio.sleep(every_s)


async def serve(listening: socket.socket) -> None:
    """Serve for ever."""
    broadcast = Broadcast()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_get("/graphql", broadcast.subscribe)
    app.router.add_post("/tell", broadcast.tell)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listening, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with (
        socket.socket(fileno=int(os.environ["BENCH_SOCKET"])) as given_socket,
        # As the gateway does, so that the loop is no part of the difference.
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(serve(given_socket))
