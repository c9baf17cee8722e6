"""Subscribers on sockets, who lose them at random and come back to any gateway."""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any

import aiohttp
import orjson

from tests.events.world import bucket_of
from tests.storms.judge import Told, number_of
from tests.storms.writers import LAST

SUBSCRIPTION = """
subscription ($after: EventCursor) {
  statusChanged(filter: { kinds: [OBJECT] }, after: $after) {
    __typename
    ... on StatusEvent { cursor nodeId bucketId version }
    ... on StatusCheckpoint { cursor }
    ... on StatusReset { cursor reason }
  }
}
"""
# How far back one may go who lost what it was told last.
_REMEMBERED = 50
_VERSIONS = 1 << 32


class Gone(Exception):
    """The socket is no more."""


@lru_cache(maxsize=4096)
def _read(text: str) -> dict[str, Any]:
    """Return a message; those who follow the same get the same."""
    message: dict[str, Any] = orjson.loads(text)
    return message


@dataclass
class Counts:
    """What happened to all subscribers of a storm."""

    told: int = 0
    reconnects: int = 0
    went_back: int = 0
    of_others: int = 0  # of another namespace
    resets: int = 0
    endings: Counter[str] = field(default_factory=Counter)


class Follower:
    """Someone who follows a namespace; ``told`` and ``texts`` hold of all it was told.

    Args:
        urls: Of the gateways.
        start: The cursor at which it begins.
    """

    def __init__(
        self,
        urls: Sequence[str],
        key: str,
        namespace_id: str,
        start: str,
        seed: int,
        counts: Counts,
    ) -> None:
        self._urls = urls
        self._init = {"Authorization": f"Bearer {key}", "X-Namespace": namespace_id}
        self._bucket_id = bucket_of(namespace_id)
        self.namespace_id = namespace_id
        self._random = Random(seed)  # noqa: S311
        self._counts = counts
        self._numbers = array("q")
        self._texts = array("q")
        self._cursors: deque[str] = deque([start], maxlen=_REMEMBERED)
        self._staying = asyncio.timeout(None)
        self.heard = 0  # events, also those that it was told of again
        self.is_refused = False
        self.is_done = False

    @property
    def told(self) -> list[Told]:
        return [divmod(number, _VERSIONS) for number in self._numbers]

    @property
    def texts(self) -> bytes:
        """What stands for the bytes of all messages, in their order."""
        return self._texts.tobytes()

    def leave(self) -> None:
        """Lose the socket, if there is one, and come back in a moment."""
        with suppress(RuntimeError):  # it has none now
            self._staying.reschedule(0)

    async def run(self) -> None:
        """Follow until the last change is told, on one socket after the other."""
        while not self.is_done:
            with suppress(aiohttp.ClientError, OSError, Gone, TimeoutError):
                # Closed with its connector: the other side gets no word of it.
                async with aiohttp.ClientSession() as session:
                    await self._follow(session)
            self._counts.reconnects += 1
            await asyncio.sleep(self._random.uniform(0, 0.3))

    async def _follow(self, session: aiohttp.ClientSession) -> None:
        url = self._random.choice(self._urls)
        async with asyncio.timeout(10):
            socket = await session.ws_connect(url, protocols=["graphql-transport-ws"])
            await socket.send_json({"type": "connection_init", "payload": self._init})
            await self._receive(socket)
        variables = {"after": self._place()}
        payload = {"query": SUBSCRIPTION, "variables": variables}
        await socket.send_json({"id": "1", "type": "subscribe", "payload": payload})
        self._staying = asyncio.timeout(self._random.expovariate(1 / 2))
        async with self._staying:
            while not self.is_done:
                self._take(await self._receive(socket))
                if self._random.random() < 0.0005:  # slow, so that the gateway has to wait for it
                    await asyncio.sleep(self._random.uniform(0.2, 1.5))

    def _place(self) -> str:
        """Return where to go on; at times as one that lost what it was told last."""
        if len(self._cursors) > 1 and self._random.random() < 0.3:
            back = self._random.randrange(1, len(self._cursors))
            for _ in range(back):
                self._cursors.pop()
            del self._numbers[-back:]
            del self._texts[-back:]
            self._counts.went_back += 1
        return self._cursors[-1]

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> str:
        while True:
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                self._counts.endings[str(socket.close_code)] += 1
                raise Gone
            text: str = message.data
            if text == '{"type":"ping"}':
                await socket.send_json({"type": "pong"})
            else:
                return text

    def _take(self, text: str) -> None:
        message = _read(text)
        if message["type"] != "next":
            self._counts.endings[text] += 1
            self.is_refused = True
            raise Gone
        told = message["payload"]["data"]["statusChanged"]
        if told["__typename"] == "StatusEvent":
            self.heard += 1
            self._counts.told += 1
            self._counts.of_others += told["bucketId"] != self._bucket_id
            self._numbers.append(number_of(told["nodeId"]) * _VERSIONS + told["version"])
            self._texts.append(hash(text))
            self._cursors.append(told["cursor"])
            self.is_done = told["nodeId"] == LAST and told["version"] > 1
        elif told["__typename"] == "StatusReset":
            self._counts.resets += 1


@asynccontextmanager
async def following(followers: Sequence[Follower]) -> AsyncIterator[None]:
    """Let all follow; return once each was told of the last change."""
    running = [asyncio.create_task(each.run()) for each in followers]
    try:
        yield
        async with asyncio.timeout(120):
            await asyncio.gather(*running)
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
