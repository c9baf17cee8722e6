from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.database.pool import Database
from gateway.errors import Unavailable
from gateway.events import known_log
from gateway.events.log import LogPage, LogReader
from gateway.events.streams import audience, entries, stream
from tests.events.following import Gateway, Sink, gateway_on
from tests.events.test_messages import OPERATIONS
from tests.events.world import OBJECTS, World

MANY = OBJECTS * 30
WITH_NODES = """
subscription {
  statusChanged {
    ... on StatusEvent { cursor nodeId version node { id } }
    ... on StatusCheckpoint { cursor }
  }
}
"""


@pytest.fixture(params=["kept", "in the log"])
async def small_gateway(
    request: pytest.FixtureRequest,
    worlds: tuple[World, World],  # noqa: ARG001 - the log is empty before
    database: Database,
    tmp_path: Path,
) -> AsyncIterator[Gateway]:
    """A hub that keeps all messages, and one that keeps only the last of them."""
    most_bytes = 2_000 if request.param == "in the log" else 10_000_000
    async with gateway_on(database, tmp_path, most_bytes=most_bytes) as gateway:
        yield gateway


async def test_goes_on_where_it_stopped_once_it_drains(
    small_gateway: Gateway, world: World
) -> None:
    fast = await small_gateway.follow()
    slow = await small_gateway.follow(sink=Sink(takes=2))

    await world.touch_now(OBJECTS[0])
    for _ in range(3):
        await world.touch_now(*OBJECTS * 10)
    await fast.until_events(301)
    held_up = len(slow.events)
    await slow.drained_until(lambda: len(slow.events) == 301)
    await world.touch_now(OBJECTS[0])
    await slow.until_events(302)

    assert held_up < 301
    assert slow.texts == fast.texts


def has_events(sink: Sink, count: int) -> bool:
    return len(sink.events) == count


async def test_many_that_stall_at_random_get_what_the_others_get(
    small_gateway: Gateway, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "PORTION_BYTES", 2_000)
    monkeypatch.setattr(audience, "MOST_WRITES", 3)
    random = Random(1)  # noqa: S311
    fast = await small_gateway.follow()
    slow = [await small_gateway.follow(sink=Sink(takes=random.randrange(2, 9))) for _ in range(20)]

    for _ in range(30):
        await world.touch_now(*random.choices(OBJECTS, k=random.randrange(1, 20)))
        for each in random.sample(slow, 8):
            if each.takes == 0:
                each.drain(random.randrange(1, 6))
    count = sum(version - 1 for _, version in await world.versions())
    await fast.until_events(count)
    for each in slow:
        await each.drained_until(partial(has_events, each, count))

    assert all(each.texts == fast.texts for each in slow)


async def test_whoever_is_slow_holds_up_nobody(gateway: Gateway, world: World) -> None:
    stalled = [await gateway.follow(sink=Sink(takes=1)) for _ in range(10)]
    fast = await gateway.follow()

    await world.touch_now(*MANY)
    await fast.until_events(len(MANY))

    assert [len(each.messages) for each in stalled] == [1] * 10
    assert not any(each.failure for each in stalled)


async def test_who_is_too_far_behind_is_told_to_come_again(
    gateway: Gateway, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "MOST_BEHIND", 5)
    monkeypatch.setattr(entries, "MOST_EVENTS", 2)
    stalled = await gateway.follow(sink=Sink(takes=2))
    replaying = await gateway.follow(variables={"after": stalled.last_cursor}, sink=Sink(takes=1))
    await world.touch_now(*OBJECTS)

    await stalled.until(lambda: stalled.failure)

    assert isinstance(stalled.failure, Unavailable)
    assert "5 events behind" in stalled.failure.message
    assert replaying.failure is None or len(replaying.messages) == 1
    again = await gateway.follow(variables={"after": stalled.last_cursor})
    await again.until_live()
    assert stalled.seen + again.seen == [(each, 2) for each in OBJECTS]


async def test_a_portion_is_no_larger_than_one_write(
    gateway: Gateway, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "PORTION_BYTES", 1_000)
    sink = await gateway.follow()

    await world.touch_now(*MANY)
    await sink.until_events(len(MANY))

    assert sink.writes > len(MANY) / 5
    assert sink.seen == [(id, 2 + turn) for turn in range(30) for id in OBJECTS]


async def test_what_is_kept_is_bounded(
    worlds: tuple[World, World], database: Database, tmp_path: Path
) -> None:
    async with gateway_on(database, tmp_path, most_bytes=20_000) as gateway:
        sinks = [await gateway.follow(OPERATIONS[name]) for name in ("every field", "nodes")]
        for _ in range(5):
            await worlds[0].touch_now(*OBJECTS * 5)
        for sink in sinks:
            await sink.until_messages(251)

        assert 0 < gateway.what_is_left()[2] <= 20_000
        for sink in sinks:
            sink.stop()
        assert gateway.what_is_left() == (0, 0, 0, 0)


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events each page has that is read of the log from here on."""
    sizes: list[int] = []
    read = LogReader.page

    async def counting(*arguments: Any, **more: Any) -> LogPage:
        page = await read(*arguments, **more)
        sizes.append(len(page.events))
        return page

    monkeypatch.setattr(LogReader, "page", counting)
    return sizes


async def test_a_stream_that_falls_behind_reads_the_log(
    gateway: Gateway, world: World, monkeypatch: pytest.MonkeyPatch, pages: list[int]
) -> None:
    """Its events come faster than it can read what they need; page after page lies behind it."""
    monkeypatch.setattr(stream, "MOST_PENDING", 20)
    monkeypatch.setattr(entries, "MOST_EVENTS", 7)
    monkeypatch.setattr(known_log, "PAGE_EVENTS", 50)
    sink = await gateway.follow(WITH_NODES)
    start = sink.last_cursor

    for _ in range(4):
        await world.touch(*OBJECTS * 10)
    await world.sequence()
    await sink.until_events(400)
    assert max(pages) <= 50
    # It is behind no longer: what comes now is not read of the log.
    count = len(pages)
    await world.touch_now(OBJECTS[1])
    await sink.until_events(401)

    assert sink.seen == [(id, 2 + turn) for turn in range(40) for id in OBJECTS] + [
        (OBJECTS[1], 42)
    ]
    again = await gateway.follow(WITH_NODES, after=start)
    await again.until_events(401)
    assert again.seen == sink.seen
    assert len(pages) == count


async def test_those_at_one_place_share_what_is_read(
    gateway: Gateway, world: World, pages: list[int]
) -> None:
    start = await gateway.follow()
    start.stop()
    await world.touch_now(*MANY * 3)
    pages.clear()
    sinks = [await gateway.follow(variables={"after": start.last_cursor}) for _ in range(50)]
    for each in sinks:
        await each.until_live()

    assert {len(each.events) for each in sinks} == {len(MANY) * 3}
    assert len({tuple(each.texts) for each in sinks}) == 1
    assert len(pages) < 10
