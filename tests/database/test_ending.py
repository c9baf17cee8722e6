import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.database.embedded.ending import until_ended


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("is_told", [True, False])
async def test_the_end_of_a_process_is_noticed(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, is_told: bool
) -> None:
    if not is_told:
        monkeypatch.setattr(os, "pidfd_open", _not_there)
    waiting = asyncio.create_task(until_ended(process))
    await asyncio.sleep(0)
    assert not waiting.done()

    process.kill()

    async with asyncio.timeout(10):
        await waiting
        await until_ended(process)


async def test_who_no_longer_waits_leaves_nothing_open(process: subprocess.Popen[bytes]) -> None:
    before = _count_open()
    waiting = asyncio.create_task(until_ended(process))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert _count_open() == before


def _count_open() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def _not_there(_: int) -> int:
    raise OSError("no such system call")
