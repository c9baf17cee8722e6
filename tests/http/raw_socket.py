"""A websocket by hand: sends what no library would, reads slowly, dies at once."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class RawSocket:
    """The client's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.headers = ""

    async def handshake(self, host: str, *, subprotocol: str | None, extra: str = "") -> None:
        key = b64encode(os.urandom(16)).decode()
        named = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
        self._writer.write(
            f"GET /graphql HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"{named}{extra}\r\n".encode()
        )
        self.headers = (await self._reader.readuntil(b"\r\n\r\n")).decode()

    def send_frame(self, opcode: int, payload: bytes, *, is_final: bool = True) -> None:
        mask = os.urandom(4)
        masked = bytes(each ^ mask[index % 4] for index, each in enumerate(payload))
        size = len(payload)
        if size < 126:
            length = bytes((0x80 | size,))
        elif size < 65_536:
            length = struct.pack("!BH", 0x80 | 126, size)
        else:
            length = struct.pack("!BQ", 0x80 | 127, size)
        self._writer.write(bytes((0x80 * is_final | opcode,)) + length + mask + masked)

    def send(self, message: Any) -> None:
        self.send_frame(TEXT, json.dumps(message).encode())

    async def receive_frame(self) -> tuple[int, bytes]:
        """Return opcode and payload of the next frame."""
        async with asyncio.timeout(20):
            first, second = await self._reader.readexactly(2)
            assert first & 0xF0 == 0x80, "whole frames, without extensions"
            assert not second & 0x80, "a server masks nothing"
            size = second
            if second == 126:
                size = int.from_bytes(await self._reader.readexactly(2), "big")
            elif second == 127:
                size = int.from_bytes(await self._reader.readexactly(8), "big")
            return first & 0x0F, await self._reader.readexactly(size)

    async def receive(self) -> Any:
        """Return the next message."""
        opcode, payload = await self.receive_frame()
        assert opcode == TEXT, (opcode, payload)
        return json.loads(payload)

    async def closing(self) -> tuple[int, str]:
        """Return code and reason of the closing frame, whatever comes before it."""
        while True:
            opcode, payload = await self.receive_frame()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big"), payload[2:].decode()

    async def until_gone(self) -> bytes:
        """Return what comes until the other side ends the connection."""
        async with asyncio.timeout(20):
            try:
                return await self._reader.read(-1)
            except ConnectionError:
                return b""

    def die(self) -> None:
        """Reset the connection, as if the client had been killed."""
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


@asynccontextmanager
async def raw_socket(
    url: str,
    *,
    subprotocol: str | None = "graphql-transport-ws",
    receive_buffer: int | None = None,
    extra: str = "",
) -> AsyncIterator[RawSocket]:
    """Open a socket; the smaller its receive buffer, the sooner it is slow."""
    host, _, port = urlsplit(url).netloc.partition(":")
    connection = socket.socket()
    connection.setblocking(False)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    await asyncio.get_running_loop().sock_connect(connection, (host, int(port)))
    # A reader that is not asked reads up to twice its limit by itself.
    limit = 2**16 if receive_buffer is None else receive_buffer
    reader, writer = await asyncio.open_connection(sock=connection, limit=limit)
    raw = RawSocket(reader, writer)
    try:
        await raw.handshake(host, subprotocol=subprotocol, extra=extra)
        yield raw
    finally:
        writer.transport.abort()
