"""What a client sends on a websocket, message by message."""

from __future__ import annotations

import asyncio
from typing import cast

from aiohttp._websocket.reader import WebSocketDataQueue  # aiohttp's parser takes no other
from aiohttp.http_websocket import WebSocketReader, WSMessage
from aiohttp.web_protocol import RequestHandler

# What may wait here; beyond it nothing more is read from the connection.
QUEUE_BYTES = 64 * 1024


class Inbox:
    """Takes over a connection whose handshake is answered.

    Args:
        most_bytes: Of one message.
    """

    __slots__ = ("_parser", "_queue")

    def __init__(self, protocol: RequestHandler, most_bytes: int) -> None:
        loop = asyncio.get_running_loop()
        self._queue = WebSocketDataQueue(protocol, QUEUE_BYTES, loop=loop)
        # Kept here too: the connection forgets it as it ends, with what came last.
        self._parser = WebSocketReader(self._queue, most_bytes, compress=False, decode_text=True)
        protocol.set_parser(self._parser)
        protocol.keep_alive(False)

    async def next(self) -> WSMessage:
        """Return the next message, also one by which the client says that it goes.

        Raises:
            EofStream: The client has gone without one.
            WebSocketError: What came is no websocket's; nothing more is read.
        """
        return cast(WSMessage, await self._queue.read())  # its texts are decoded
