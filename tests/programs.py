"""Programs that others wrote, run beside what this process serves."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

# A machine that has other things to do; nothing ever takes so long unless it hangs.
DEADLINE_S = 120


class Ended(NamedTuple):
    status: int
    output: str


async def run_program(
    *command: str | Path,
    folder: Path,
    variables: Mapping[str, str] | None = None,
    deadline_s: float = DEADLINE_S,
) -> Ended:
    """Run a program while this process goes on serving it."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=os.environ | dict(variables or {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    reading = asyncio.create_task(process.communicate())
    _, unfinished = await asyncio.wait([reading], timeout=deadline_s)
    if unfinished:
        process.kill()
    output, _ = await reading
    assert process.returncode is not None
    return Ended(process.returncode, output.decode())


@contextmanager
def frozen(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Stop a process for the length of the block, as `kill -STOP` does."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)
