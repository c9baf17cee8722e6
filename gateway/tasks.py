"""The end of tasks that run until they are cancelled."""

from __future__ import annotations

import asyncio
from typing import Any

AGAIN_AFTER_S = 1.0


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
