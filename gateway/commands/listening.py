"""A port: taken, and what is asked there answered."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.database.state import CannotStart
from gateway.http.front import FRONT, FrontRunner

DRAIN_S = 20.0


def listen(
    host: str, port: int, *, other: str = "--port 0 takes one that is free"
) -> socket.socket:
    """Take the port at once, so that a port in use is told before anything is started."""
    try:
        return socket.create_server(
            (host, port),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=1024,
            dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        way_out = f"; {other}" if error.errno == errno.EADDRINUSE else ""
        raise CannotStart(f"cannot listen on {host} port {port}: {reason}{way_out}") from error


@asynccontextmanager
async def accepting(app: web.Application, listening: socket.socket) -> AsyncIterator[None]:
    """Accept requests; at the end let those that run finish."""
    kind = FrontRunner if FRONT in app else web.AppRunner
    runner = kind(app, access_log=None, shutdown_timeout=DRAIN_S)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        yield
    finally:
        await runner.cleanup()
