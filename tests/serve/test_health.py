"""What /readyz says, whatever the parts do; that it sees them is shown in test_outside_database."""

from __future__ import annotations

import asyncio
import logging

import pytest

from gateway.errors import Unavailable
from gateway.http.health import Readiness


async def well() -> None:
    """Find nothing wrong."""


async def down() -> None:
    raise Unavailable("it gives no answer")


async def broken() -> None:
    raise KeyError("secret")


async def test_each_part_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "gateway.http.health"):
        parts = await Readiness({"first": down, "second": well, "third": broken}).parts()

    assert parts == {
        "first": "it gives no answer",
        "second": "ok",
        "third": "the check failed; the log tells why",
    }
    assert "KeyError: 'secret'" in caplog.text


async def test_whoever_asks_meanwhile_gets_the_same_answer() -> None:
    """Anybody may ask; a crowd must not take all connections of the database."""
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)

    readiness = Readiness({"part": look})
    assert await asyncio.gather(*(readiness.parts() for _ in range(5))) == [{"part": "ok"}] * 5
    assert looks == 1

    await readiness.parts()
    assert looks == 2


async def test_who_gives_up_takes_the_answer_from_nobody() -> None:
    go = asyncio.Event()

    async def wait() -> None:
        await go.wait()

    readiness = Readiness({"part": wait})
    impatient, patient = (asyncio.create_task(readiness.parts()) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    go.set()

    assert await patient == {"part": "ok"}
    assert impatient.cancelled()
