"""Subscribers in processes of their own, so that what they cost is not the server's."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any

import orjson

from bench.fanout import subscribers
from bench.fanout.subscribers import Target, WrongMessages

# What an event is known by: the id of a node, and its version.
Event = tuple[str, int]

_MOST_OF_LINE_BYTES = 256 * 1024 * 1024


class Crowds:
    """Asks all processes for the same."""

    def __init__(self, processes: list[Process]) -> None:
        self._processes = processes
        self.size = 0

    async def open(self, target: Target, count: int, *, per_s: float = 400) -> None:
        """Let so many more subscribe."""
        share, rest = divmod(count, len(self._processes))
        rate = per_s / len(self._processes)
        await asyncio.gather(
            *(
                _ask(each, "open", tuple(target), share + (number < rest), rate)
                for number, each in enumerate(self._processes)
            )
        )
        self.size += count

    async def begin(self) -> None:
        """Forget all that came."""
        await self._all("begin")

    async def stall(self, share: float) -> None:
        """Have a share of them take nothing more."""
        await self._all("stall", share)

    async def go_on(self) -> None:
        """Have all take what there is."""
        await self._all("go_on")

    async def wait(self, total: int) -> None:
        """Return when all but those that stall have so many events, each once and in order."""
        await self._all("wait", total)

    async def finish(self, total: int, known_at: Mapping[Event, float]) -> list[float]:
        """Return, once all have so many events, from when they were known to each arrival."""
        known = [(*event, moment) for event, moment in known_at.items()]
        return list(chain.from_iterable(await self._all("finish", total, known)))

    async def close(self) -> None:
        """Let all leave."""
        await self._all("close")
        self.size = 0

    async def _all(self, name: str, *arguments: Any) -> list[Any]:
        return await asyncio.gather(*(_ask(each, name, *arguments) for each in self._processes))


async def _ask(process: Process, name: str, *arguments: Any) -> Any:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("this process has no pipes")
    process.stdin.write(orjson.dumps([name, arguments]) + b"\n")
    answer = orjson.loads(await process.stdout.readline() or b'{"failed": "it has ended"}')
    if isinstance(answer, dict):
        raise WrongMessages(answer["failed"])
    return answer[0]


@asynccontextmanager
async def open_crowds(count: int) -> AsyncIterator[Crowds]:
    """Run so many processes of subscribers for the length of the block."""
    # By its path: as a module it would load all that is around it, the gateway too.
    command = [sys.executable, "-P", subscribers.__file__]
    processes = [
        await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, limit=_MOST_OF_LINE_BYTES
        )
        for _ in range(count)
    ]
    try:
        yield Crowds(processes)
    finally:
        for each in processes:
            each.kill()
            await each.wait()
