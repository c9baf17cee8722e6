"""Tasks that run until they are cancelled: how they go on, and how they end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

logger = logging.getLogger(__name__)

AGAIN_AFTER_S = 1.0


async def go_on(work: Callable[[], Awaitable[None]]) -> None:
    """Do what has no end until cancelled; begin it anew when a fault has ended it.

    All such work looks after the failures that it knows of. Of any other nobody would hear before
    the gateway stops, and until then nobody would do the work.
    """
    while True:
        try:
            await work()
        except Exception:
            logger.exception("work in the background has failed, and is begun anew")
        await asyncio.sleep(AGAIN_AFTER_S)


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel a task, and return when it has ended.

    A cancellation is lost where what the task waits for ends in the same moment and whoever waited
    for it returns that. So it is cancelled again.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=AGAIN_AFTER_S)
    if not task.cancelled():
        task.result()
