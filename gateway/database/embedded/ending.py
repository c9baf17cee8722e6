"""Waiting for a child process on an event loop that may be any."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress

_LOOK_EVERY_S = 0.25


async def until_ended(process: subprocess.Popen[bytes]) -> None:
    """Return when a process has ended: at once on Linux, elsewhere at the next look."""
    if sys.platform == "linux" and process.poll() is None:
        with suppress(OSError):  # a kernel before 5.3, or a sandbox
            await _until_readable(os.pidfd_open(process.pid))
    while process.poll() is None:  # noqa: ASYNC110 - nothing else tells of it
        await asyncio.sleep(_LOOK_EVERY_S)


async def _until_readable(descriptor: int) -> None:
    """Return when a file can be read, as that of a process can once it has ended; close it."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        loop.add_reader(descriptor, readable.set)
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
