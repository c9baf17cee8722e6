"""A way to PostgreSQL on which everything takes a while, drawn by chance.

What a gateway asks for arrives late, and so does each answer, on each connection by itself: so what
happens in a gateway while it waits for one comes to happen in every order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from urllib.parse import parse_qs, urlencode, urlsplit

STALL = 50  # so many times the usual
_PORT = 5432
_CHUNK_BYTES = 64 * 1024


class Detour:
    """Carries what is sent between gateways and a server, late.

    Args:
        late_s: By how much, on average, what comes late does.
        stalls: Of what is sent, how much comes so late that nobody may wait for it.
    """

    def __init__(self, target: str, *, late_s: float, stalls: float, seed: int) -> None:
        self._target = target
        self._late_s = late_s
        self._stalls = stalls
        self._random = Random(seed)  # noqa: S311
        self._carrying: dict[asyncio.StreamReader, list[asyncio.Task[None]]] = {}

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry what is sent on one connection, until one of its ends is gone."""
        there_reader, there_writer = await asyncio.open_unix_connection(self._target)
        ways = [
            asyncio.create_task(self._carry_one_way(source, sink))
            for source, sink in ((reader, there_writer), (there_reader, writer))
        ]
        self._carrying[reader] = ways
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._carrying[reader]
            for way in ways:
                way.cancel()
            for sink in (writer, there_writer):
                sink.close()
                with suppress(OSError):
                    await sink.wait_closed()

    async def _carry_one_way(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while data := await source.read(_CHUNK_BYTES):
                await asyncio.sleep(self._late())
                sink.write(data)

    def _late(self) -> float:
        chance = self._random.random()
        if not self._late_s:
            return 0
        if chance < self._stalls:
            return STALL * self._late_s
        return 0 if chance < 0.5 else self._random.expovariate(1 / self._late_s)

    def straighten(self) -> None:
        """Let nothing come late any more."""
        self._late_s = 0

    def cut(self) -> None:
        """Lose half of the connections, at both ends at once."""
        for ways in self._random.sample(list(self._carrying.values()), len(self._carrying) // 2):
            for way in ways:
                way.cancel()

    async def end(self) -> None:
        """Lose all connections; return when nothing of them is left."""
        while self._carrying:
            for ways in list(self._carrying.values()):
                for way in ways:
                    way.cancel()
            await asyncio.sleep(0)


@asynccontextmanager
async def detour_to(
    url: str, folder: Path, *, late_s: float, stalls: float = 0, seed: int
) -> AsyncIterator[tuple[Detour, str]]:
    """Give a detour to the server of a URL, and the URL that leads there by it."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    (there,), (port,) = query["host"], query.get("port", [str(parts.port or _PORT)])
    detour = Detour(f"{there}/.s.PGSQL.{port}", late_s=late_s, stalls=stalls, seed=seed)
    server = await asyncio.start_unix_server(detour.carry, folder / f".s.PGSQL.{_PORT}")
    try:
        query = query | {"host": [str(folder)], "port": [str(_PORT)]}
        yield detour, parts._replace(query=urlencode(query, doseq=True)).geturl()
    finally:
        server.close()
        await detour.end()
