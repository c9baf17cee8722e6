"""Writing to a connection at the speed of its other side."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

logger = logging.getLogger(__name__)

# Beyond it the other side counts as slow.
HIGH_WATER_BYTES = 32 * 1024
# Linux would let this grow to 4 MiB for each client that is slow.
SEND_BUFFER_BYTES = 128 * 1024


class Outlet:
    """Writes at once, and tells when a slow client has caught up.

    Nothing is kept here: what the client has not taken yet is in the transport's buffer, and who
    writes is asked to stop before that grows.

    Args:
        writer: Of the prepared response.
        stall_s: For which the client may be slow without a pause.
        give_up: Called when it is slow for longer.
        fail: Called when one of those who wait raises.
    """

    __slots__ = (
        "_fail",
        "_give_up",
        "_protocol",
        "_stall_s",
        "_transport",
        "_waiting",
        "_watching",
        "_writer",
    )

    def __init__(
        self,
        request: web.Request,
        writer: AbstractStreamWriter,
        *,
        stall_s: float,
        give_up: Callable[[], None],
        fail: Callable[[], None],
    ) -> None:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._transport = transport
        self._protocol = request.protocol
        self._writer = writer
        self._stall_s = stall_s
        self._give_up = give_up
        self._fail = fail
        self._waiting: deque[Callable[[], None]] | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def is_slow(self) -> bool:
        """Whether the client has yet to take what is written."""
        return self._protocol.writing_paused

    @property
    def is_gone(self) -> bool:
        """Whether nothing that is written arrives any more."""
        return self._transport.is_closing()

    def write(self, data: bytes) -> bool:
        """Write at once; tell whether more may follow.

        After False ``when_drained`` tells when it may, unless the client is gone.
        """
        transport = self._transport
        if transport.is_closing():
            return False
        transport.write(data)
        # Almost always all of it is gone at once.
        return not transport.get_write_buffer_size() or not self._protocol.writing_paused

    def when_drained(self, call: Callable[[], None]) -> None:
        """Call a function, once, when the client has caught up; never if it goes before that."""
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(call)
        self._watch()

    async def keep_pace(self) -> None:
        """Return when the client has caught up, or is gone."""
        if self.is_slow and not self.is_gone:
            await asyncio.wait([self._watch()])

    def close(self, within_s: float) -> None:
        """End the connection when everything is sent; what the client does not take is lost."""
        self._transport.close()
        if self._transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(within_s, self._transport.abort)

    def abort(self) -> None:
        """End the connection now."""
        self._transport.abort()

    def _watch(self) -> asyncio.Task[None]:
        # One for all who wait: aiohttp wakes up one.
        if self._watching is None:
            self._watching = asyncio.create_task(self._drain())
        return self._watching

    async def _drain(self) -> None:
        try:
            while (self._waiting or self.is_slow) and not self.is_gone:
                async with asyncio.timeout(self._stall_s):
                    await self._writer.drain()
                self._tell()
        except TimeoutError:
            self._give_up()
        except ConnectionError:
            pass  # those who wait end with the connection
        except Exception:
            logger.exception("what waits for a slow client has failed")
            self._fail()
        finally:
            self._watching = None

    def _tell(self) -> None:
        """Let those go on who wait, one after the other, until the client is slow again."""
        while self._waiting and not self.is_slow and not self.is_gone:
            self._waiting.popleft()()
