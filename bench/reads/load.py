"""A client that keeps a server busy: raw sockets, kept alive, one request at a time on each."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from itertools import count
from statistics import quantiles
from typing import NamedTuple

_CHUNK = 256 * 1024
_LENGTH = b"content-length: "
# Stands in a request for the first 25 characters of an id that nothing has yet.
NEW_ID = "<new id>".ljust(25, "_")
_PLACE = NEW_ID.encode()
_numbers = count(time.time_ns())


class Request(NamedTuple):
    """What is sent, and how many bytes the answer's body has to have; None: it varies."""

    text: bytes
    size: int | None


class Load(NamedTuple):
    """What a server answered in a while; every answer was as it had to be."""

    answers: int
    elapsed_s: float
    p50_ms: float
    p99_ms: float


class WrongAnswer(Exception):
    """A server gave an answer other than the one it gave when nothing was timed."""


def http_request(port: int, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return the bytes of a POST."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def renewed(text: bytes) -> bytes:
    """Return a request as it is sent this time, with new ids where its client gives them."""
    return text.replace(_PLACE, b"%025d" % next(_numbers)) if _PLACE in text else text


class _Connection:
    """One socket; it sends the next request as soon as it has a whole answer."""

    __slots__ = ("_head", "_left", "_requests", "_size", "sent_at", "socket")

    def __init__(self, port: int, requests: Iterator[Request]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests = requests
        self._head = b""
        self._left = 0
        self._size: int | None = None
        self.sent_at = 0.0

    def send(self) -> None:
        text, self._size = next(self._requests)
        text = renewed(text)
        self.sent_at = time.perf_counter()
        self.socket.send(text)

    def receive(self) -> bool:
        """Take what has arrived; tell whether the answer is whole."""
        data = self.socket.recv(_CHUNK)
        if self._left:
            self._left -= len(data)
            if not data or self._left < 0:
                raise WrongAnswer("the answer is not as long as its head says")
            return not self._left
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0 and data:
            return False
        start = self._head[:end].lower().find(_LENGTH) + len(_LENGTH)
        if not self._head.startswith(b"HTTP/1.1 200 ") or start < len(_LENGTH):
            raise WrongAnswer(repr(self._head[:2000]))
        length = int(self._head[start : self._head.index(b"\r", start)])
        if self._size not in (None, length):
            raise WrongAnswer(f"{length} bytes in place of {self._size}: {self._head[:2000]!r}")
        self._left = end + 4 + length - len(self._head)
        self._head = b""
        return not self._left


def run(port: int, requests: Iterator[Request], *, connections: int, seconds: float) -> Load:
    """Send what comes next for so long, over so many connections at once.

    Raises:
        WrongAnswer: An answer is no success, or not as long as it has to be.
    """
    opened = [_Connection(port, requests) for _ in range(connections)]
    by_descriptor = {each.socket.fileno(): each for each in opened}
    latencies: list[float] = []
    poll = select.poll()
    started = time.perf_counter()
    try:
        for each in opened:
            poll.register(each.socket, select.POLLIN)
            each.send()
        _converse(poll, by_descriptor, latencies, started + seconds)
        elapsed_s = time.perf_counter() - started
    finally:
        for each in opened:
            each.socket.close()
    cuts = quantiles(latencies, n=100) if len(latencies) > 1 else latencies * 99
    return Load(len(latencies), elapsed_s, cuts[49] * 1000, cuts[98] * 1000)


def _converse(
    poll: select.poll,
    connections: dict[int, _Connection],
    latencies: list[float],
    until: float,
) -> None:
    open_requests = len(connections)
    while open_requests:
        for descriptor, _ in poll.poll():
            connection = connections[descriptor]
            if not connection.receive():
                continue
            now = time.perf_counter()
            latencies.append(now - connection.sent_at)
            if now < until:
                connection.send()
            else:
                open_requests -= 1
