"""The time that operations have, whatever they do with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway import deadline
from gateway.deadline import Clock
from gateway.errors import DeadlineExceeded

SHORT_S = 0.05


async def run(clock: Clock, work: Callable[[], Awaitable[object]]) -> object:
    with clock.operation():
        return await work()


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


async def outcomes(clock: Clock, count: int) -> list[object]:
    works = [run(clock, forever) for _ in range(count)]
    return list(await asyncio.gather(*works, return_exceptions=True))


async def test_stops_what_takes_too_long() -> None:
    found = await outcomes(Clock(SHORT_S), 3)

    assert [type(each) for each in found] == [DeadlineExceeded] * 3
    assert str(found[0]) == (
        "the operation took longer than 0.05 s and was stopped; nothing was changed"
    )


async def test_stops_again_after_a_while_without_any() -> None:
    clock = Clock(SHORT_S)

    for _ in range(2):
        await outcomes(clock, 1)
        await asyncio.sleep(2 * SHORT_S)
    with clock.operation():
        pass
    await asyncio.sleep(2 * SHORT_S)

    assert len(await outcomes(clock, 1)) == 1


async def test_each_has_the_whole_time() -> None:
    clock = Clock(0.4)
    loop = asyncio.get_running_loop()
    times: list[float] = []

    async def one(after_s: float) -> None:
        await asyncio.sleep(after_s)
        began = loop.time()
        with pytest.raises(DeadlineExceeded):
            await run(clock, forever)
        times.append(loop.time() - began)

    await asyncio.gather(*(one(each / 20) for each in range(6)))

    assert len(times) == 6
    assert min(times) >= 0.39


async def test_what_ends_in_time_is_left_alone() -> None:
    async def work() -> str:
        await run(Clock(SHORT_S), lambda: asyncio.sleep(0))
        await asyncio.sleep(3 * SHORT_S)
        return "done"

    assert await work() == "done"


async def test_an_error_in_time_is_told_as_it_is() -> None:
    async def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError):
        await run(Clock(SHORT_S), fail)


async def test_who_is_cancelled_by_another_is_not_late() -> None:
    clock = Clock(60)
    task = asyncio.create_task(run(clock, forever))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_is_late_and_cancelled_by_another_is_cancelled() -> None:
    async def slow_to_end() -> None:
        try:
            await forever()
        finally:
            late.set()
            await asyncio.sleep(SHORT_S)

    late = asyncio.Event()
    task = asyncio.create_task(run(Clock(SHORT_S), slow_to_end))
    await late.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_the_task_goes_on_after_it() -> None:
    async def work() -> int:
        with pytest.raises(DeadlineExceeded):
            await run(Clock(SHORT_S), forever)
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    assert await asyncio.create_task(work()) == 0


async def test_what_is_paused_has_all_the_time_and_the_rest_what_is_left() -> None:
    async def work() -> None:
        for _ in range(2):
            with deadline.paused():
                await asyncio.sleep(3 * SHORT_S)
        paused.set()
        await forever()

    paused = asyncio.Event()
    with pytest.raises(DeadlineExceeded):
        await run(Clock(SHORT_S), work)
    assert paused.is_set()


async def test_what_was_paused_is_left_alone_once_it_has_ended() -> None:
    async def work() -> None:
        with deadline.paused():
            await asyncio.sleep(0)

    await run(Clock(SHORT_S), work)

    await asyncio.sleep(3 * SHORT_S)


async def test_outside_of_operations_there_is_nothing_to_pause() -> None:
    with deadline.paused():
        assert deadline.note_change() is False


async def test_says_that_something_may_have_changed() -> None:
    async def work() -> None:
        assert deadline.note_change() is False
        assert deadline.note_change() is True
        await forever()

    with pytest.raises(DeadlineExceeded) as raised:
        await run(Clock(SHORT_S), work)

    assert raised.value.extensions == {"code": "DEADLINE_EXCEEDED", "outcome": "UNKNOWN"}
