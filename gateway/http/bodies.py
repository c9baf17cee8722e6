"""Bodies that are on their way: a client that stops in the middle must not hold anything for long.

While the gateway runs, that is its memory and the connection; when it is told to end, it is the
end: requests that are begun are waited for, and one whose rest never comes would be waited for in
vain.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress

from aiohttp import StreamReader, web

STALL_S = 60.0
STALL_AT_END_S = 2.0
LOOK_EVERY_S = 0.5


class BodyStalled(TimeoutError):
    """The client has sent nothing for too long."""


class Bodies:
    """Looks at the bodies that have not come whole yet."""

    def __init__(self) -> None:
        self._stall_s = STALL_S
        # How much has come of each, and since when that is so.
        self._awaited: dict[StreamReader, tuple[int, float]] = {}

    @contextmanager
    def expected(self, request: web.Request) -> Iterator[None]:
        """Read a body in the block.

        Raises:
            BodyStalled: out of what reads it.
        """
        self._awaited[request.content] = (-1, 0.0)
        try:
            yield
        finally:
            del self._awaited[request.content]

    def hurry(self) -> None:
        """Give those that stall less time."""
        self._stall_s = STALL_AT_END_S

    async def run(self) -> None:
        """Look until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for content, (came, since) in self._awaited.items():
                if content.total_bytes != came:
                    self._awaited[content] = (content.total_bytes, clock())
                elif clock() - since >= self._stall_s:
                    stall = f"nothing came for {self._stall_s:.0f} s, and the body is not whole"
                    content.set_exception(BodyStalled(stall))


def expect_bodies(app: web.Application) -> Bodies:
    """Look at bodies as long as the application runs, and more impatiently once it ends."""
    bodies = Bodies()

    async def looking(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(bodies.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def hurry(_: web.Application) -> None:
        bodies.hurry()

    app.cleanup_ctx.append(looking)
    app.on_shutdown.append(hurry)
    return bodies
