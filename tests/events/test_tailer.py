from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest

from gateway.database.pool import Database
from gateway.errors import GatewayError
from gateway.events import tailer
from gateway.events.log import LogRow
from gateway.events.tailer import Tailer
from tests.events.conftest import Connect
from tests.events.following import ALL, Gateway
from tests.events.test_sequencer import until
from tests.events.world import OBJECTS, World
from tests.waiting import count_waiting


class Nobody:
    """Does not follow."""

    is_wanted = False

    def take(self, records: Sequence[LogRow]) -> None:
        raise AssertionError(records)

    def fail_all(self, error: GatewayError) -> None:
        raise AssertionError(error)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tailers that look when they are told of events, or asked, and else never."""
    monkeypatch.setattr(tailer, "LOOK_EVERY_S", 60)
    monkeypatch.setattr(tailer, "PATIENCE_S", 60)


@asynccontextmanager
async def running(database: Database) -> AsyncIterator[Tailer]:
    """A tailer that knows where the log ends."""
    tailing = Tailer(database, Nobody())
    task = asyncio.create_task(tailing.run())
    await tailing.catch_up()
    yield tailing
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.usefixtures("unhurried")
async def test_nothing_is_read_while_nobody_follows(
    world: World, database: Database, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailer, "ATTENTIVE_S", 0)
    heard: asyncio.Queue[object] = asyncio.Queue()
    listening: asyncpg.Connection = await connect(None)
    await listening.add_listener("events", lambda *_: heard.put_nowait(None))
    async with running(database) as tailing:
        before, answered = tailing.position, database.statements.answered

        for each in OBJECTS[:5]:
            await world.touch_now(each)
            await heard.get()

        assert (tailing.position, database.statements.answered) == (before, answered)
        await tailing.catch_up()
        assert tailing.position == before + 5


@pytest.mark.usefixtures("unhurried")
async def test_the_place_is_the_newest_for_who_is_about_to_follow(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailer, "ATTENTIVE_S", 60)
    async with running(database) as tailing:
        before = tailing.position

        await world.touch_now(OBJECTS[1])

        async with asyncio.timeout(60):
            while tailing.position == before:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.01)
        assert tailing.position == before + 1


@pytest.mark.usefixtures("unhurried")
async def test_who_begins_while_the_end_of_the_log_is_looked_for_misses_nothing(
    world: World, gateway: Gateway, connect: Connect
) -> None:
    """Two come to a gateway that nobody followed, one of them a moment after the other."""
    first, second = await connect(None), await connect(None)

    async def until_waiting(count: int) -> None:
        async def is_so() -> bool:
            return await count_waiting(world.sql, "%event_batches%") == count

        await until(is_so)

    # So that what follows is one statement, not that and the preparing of it.
    (await gateway.follow()).stop()
    await first.execute("BEGIN; LOCK TABLE event_batches")
    one = asyncio.create_task(gateway.follow())
    await until_waiting(1)
    other = asyncio.create_task(gateway.follow(ALL, {"filter": {"kinds": ["OBJECT"]}}))
    locking = asyncio.create_task(second.execute("BEGIN; LOCK TABLE event_batches"))
    await until_waiting(2)
    # The one is told where the log ends now; for the other it is looked for again.
    await first.execute("COMMIT")
    await locking
    sink = await one
    await until_waiting(1)

    await world.touch(OBJECTS[1])
    await second.execute("SELECT sequence_events(100)")
    await second.execute("COMMIT")

    await sink.until_events(1)
    assert sink.seen == [(OBJECTS[1], 2)]
    await other
