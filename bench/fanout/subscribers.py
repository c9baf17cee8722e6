"""Many subscribers in one process, which count what they are given and note when it came.

The parent asks for something by a line of JSON, ``[name, arguments]``, and gets a line back:
``[result]``, or ``{"failed": text}``.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import sys
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson
import uvloop

# So that a subscriber that stalls is soon felt by the server.
_RECEIVE_BUFFER_BYTES = 64 * 1024
_WAIT_S = 120.0
_PING, _CLOSE = 9, 8
_HANDSHAKE = "\r\n".join(
    [
        "GET /graphql HTTP/1.1",
        "Host: 127.0.0.1:%d",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: %s",
        "Sec-WebSocket-Protocol: graphql-transport-ws",
        "",
        "",
    ]
)


class Target(NamedTuple):
    """What is subscribed to; ``init``: the payload that shows the key."""

    port: int
    query: str
    init: Mapping[str, str]


class WrongMessages(Exception):
    """Subscribers did not get what they had to get."""


class _Subscriber(asyncio.Protocol):
    """Takes the frames of one socket."""

    __slots__ = ("_buffer", "_crowd", "_is_upgraded", "is_stalled", "received", "transport")

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._buffer = b""
        self._is_upgraded = False
        self.is_stalled = False
        self.received = 0

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write((_HANDSHAKE % (self._crowd.target.port, key)).encode())

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.lost(self, exc)

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        start = 0
        if not self._is_upgraded:
            start = data.find(b"\r\n\r\n") + 4
            if start < 4:
                self._buffer = data
                return
            self._is_upgraded = True
            init = {"type": "connection_init", "payload": dict(self._crowd.target.init)}
            self._send(1, orjson.dumps(init))
        end = len(data)
        while end - start >= 2:
            length, head = data[start + 1], 2
            if length == 126:
                if end - start < 4:
                    break
                length, head = int.from_bytes(data[start + 2 : start + 4], "big"), 4
            after = start + head + length
            if after > end:
                break
            self._take(data[start] & 15, data[start + head : after])
            start = after
        self._buffer = data[start:]

    def _take(self, kind: int, text: bytes) -> None:
        crowd = self._crowd
        if kind == _PING:
            self._send(10, text)
        elif kind == _CLOSE:
            crowd.failures.append(f"closed: {text!r}")
        else:
            place = crowd.places.get(text)
            if place is None:
                place = crowd.read(self, text)
                if place is None:
                    return
            if place != self.received:
                crowd.failures.append(f"{place} came in place of {self.received}")
            self.received += 1
            crowd.note(self, place)

    def subscribe(self) -> None:
        """Ask for the events."""
        payload = {"query": self._crowd.target.query}
        self._send(1, orjson.dumps({"id": "1", "type": "subscribe", "payload": payload}))

    def _send(self, kind: int, text: bytes) -> None:
        # A mask of zeros is one too, and takes no time.
        head = bytes((0x80 | kind, 0x80 | len(text)))
        if len(text) > 125:
            head = bytes((0x80 | kind, 0xFE)) + len(text).to_bytes(2, "big")
        self.transport.write(head + b"\0\0\0\0" + text)


class Crowd:
    """Subscribers of one server; its public coroutines are what the parent asks for."""

    def __init__(self) -> None:
        self.target = Target(0, "", {})
        # Of each message, as it was when it first came, the how manieth it was.
        self.places: dict[bytes, int] = {}
        self.failures: list[str] = []
        self._events: list[tuple[str, int]] = []
        self._subscribers: list[_Subscriber] = []
        self._open = 0
        self._arrived = array("I")
        self._arrived_at = array("d")
        self._changed = asyncio.Event()

    def read(self, subscriber: _Subscriber, text: bytes) -> int | None:
        """Take a message that nobody had before; return its place among the events."""
        message = orjson.loads(text)
        if message["type"] == "connection_ack":
            subscriber.subscribe()
            return None
        if message["type"] != "next":
            self.failures.append(text.decode())
            return None
        event = message["payload"]["data"]["statusChanged"]
        if not event:  # a word between events; the first says that it has begun
            self._open += 1
            self._changed.set()
            return None
        place = self.places[text] = len(self._events)
        self._events.append((event["nodeId"], event["version"]))
        return place

    def note(self, subscriber: _Subscriber, place: int) -> None:
        """Take note of an event that came."""
        if not subscriber.is_stalled:
            self._arrived.append(place)
            self._arrived_at.append(time.monotonic())
        self._changed.set()

    def lost(self, subscriber: _Subscriber, error: Exception | None) -> None:
        """Take note that a socket has ended."""
        if subscriber in self._subscribers:
            self.failures.append(f"a socket has ended: {error}")
            self._changed.set()

    async def open(self, target: Sequence[Any], count: int, per_s: float) -> None:
        """Open so many more, so many in a second; return when all have subscribed."""
        loop = asyncio.get_running_loop()
        self.target = target = Target(*target)
        wanted = self._open + count
        started = loop.time()
        for number in range(count):
            await asyncio.sleep(started + number / per_s - loop.time())
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            connection.setblocking(False)
            await loop.sock_connect(connection, ("127.0.0.1", target.port))
            subscriber = _Subscriber(self)
            self._subscribers.append(subscriber)
            await loop.create_connection(partial(_given, subscriber), sock=connection)
        await self._until(lambda: self._open >= wanted)

    async def begin(self) -> None:
        """Forget all that came."""
        self.places.clear()
        self._events.clear()
        self._arrived, self._arrived_at = array("I"), array("d")
        for each in self._subscribers:
            each.received = 0

    async def stall(self, share: float) -> None:
        """Have so many take nothing more."""
        for each in self._subscribers[: round(share * len(self._subscribers))]:
            each.is_stalled = True
            each.transport.pause_reading()

    async def go_on(self) -> None:
        """Have all take what there is."""
        for each in self._subscribers:
            if each.is_stalled:
                each.transport.resume_reading()

    async def wait(self, total: int) -> None:
        """Return when all but those that stall have so many."""
        followers = [each for each in self._subscribers if not each.is_stalled]
        await self._until(lambda: all(each.received >= total for each in followers))

    async def finish(self, total: int, known_at: Sequence[tuple[str, int, float]]) -> list[float]:
        """Return, once all have so many, from when events were known to each that came.

        Whoever stalled is not counted, and no event that is not in the list.

        Args:
            known_at: Of an event the id of its node, its version, and when it was committed.
        """
        subscribers = self._subscribers
        await self._until(lambda: all(each.received >= total for each in subscribers))
        for each in subscribers:
            each.is_stalled = False
        at = {(id, version): moment for id, version, moment in known_at}
        times = [at.get(each) for each in self._events]
        return [
            arrived_at - committed_at
            for place, arrived_at in zip(self._arrived, self._arrived_at, strict=True)
            if (committed_at := times[place]) is not None
        ]

    async def close(self) -> None:
        """Leave."""
        leaving, self._subscribers = self._subscribers, []
        for each in leaving:
            each.transport.abort()
        self._open = 0
        await asyncio.sleep(0)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(_WAIT_S):
            while not is_so() and not self.failures:
                self._changed.clear()
                await self._changed.wait()
                await asyncio.sleep(0.002)  # a look at all of them for each message is too much
        if self.failures:
            raise WrongMessages("; ".join(self.failures[:3]))


def _given(subscriber: _Subscriber) -> _Subscriber:
    return subscriber


async def _obey() -> None:
    crowd, loop = Crowd(), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
        name, arguments = orjson.loads(line)
        answer: Any
        try:
            answer = [await getattr(crowd, name)(*arguments)]
        except Exception as error:
            answer = {"failed": f"{name}: {type(error).__name__} {error}"}
        sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_obey())
