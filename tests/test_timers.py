"""The one timer of many."""

from __future__ import annotations

import asyncio

from gateway.timers import Timers

SHORT_S = 0.02


async def test_tells_in_their_order_of_those_whose_time_is_up() -> None:
    told: list[str] = []
    all_told = asyncio.Event()

    def ring(one: str) -> None:
        told.append(one)
        if one == "last":
            all_told.set()

    timers = Timers[str](SHORT_S, ring)
    for each in ("first", "ended", "second"):
        timers.begin(each)
    timers.end("ended")
    await asyncio.sleep(SHORT_S / 2)
    timers.begin("last")
    await all_told.wait()

    assert told == ["first", "second", "last"]


async def test_tells_once_of_one_that_began_again() -> None:
    told: list[str] = []
    both = asyncio.Event()

    def ring(one: str) -> None:
        told.append(one)
        if one == "other":
            both.set()

    timers = Timers[str](SHORT_S, ring)

    timers.begin("one")
    timers.end("one")
    timers.begin("one")
    timers.begin("other")
    await both.wait()

    assert told == ["one", "other"]


async def test_goes_on_after_a_while_without_any() -> None:
    told = asyncio.Event()
    timers = Timers[str](SHORT_S, lambda _: told.set())
    timers.begin("one")
    timers.end("one")
    await asyncio.sleep(2 * SHORT_S)

    timers.begin("one")

    await told.wait()
