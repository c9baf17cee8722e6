"""A database that is set back: what comes after a place is told whole, or that it is not.

Servers are killed, and replaced at their address by copies that lack some of what they had.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from gateway.database import migrate
from gateway.database.embedded.binaries import choose_binaries
from gateway.database.pool import open_database
from gateway.errors import Unavailable
from gateway.events import tailer
from gateway.events.sequencer import Sequencer
from tests.conftest import lent_folder
from tests.events.clusters import Cluster, Clusters, url_at
from tests.events.following import Gateway, Sink, gateway_on
from tests.events.schedule import Seen
from tests.events.test_sequencer import running
from tests.events.world import OBJECTS, ONE, World

# Sets the first server back to what it had when this was called; then `back` does it.
Back = Callable[[], Awaitable[None]]
Way = Callable[[Clusters], Awaitable[Back]]


async def standby_lags(clusters: Clusters) -> Back:
    standby = await clusters.standby()
    await standby.has_what(clusters.serving)
    await standby.cut_off()

    async def back() -> None:
        clusters.serving.kill()
        await standby.promote()
        clusters.serve(standby)

    return back


async def second_standby_lags(clusters: Clusters) -> Back:
    """Another one was promoted, of which it never heard: both count timelines and epochs alike."""
    first, second = await clusters.standby(), await clusters.standby()
    for each in (first, second):
        await each.has_what(clusters.serving)
    await second.cut_off()
    clusters.serving.kill()
    await first.promote()
    clusters.serve(first)

    async def back() -> None:
        timeline = await first.timeline()
        first.kill()
        await second.promote()
        assert await second.timeline() == timeline
        clusters.serve(second)

    return back


async def backup_is_started(clusters: Clusters) -> Back:
    """It comes to its end, and goes on there in the same timeline."""
    backup = clusters.backup()

    async def back() -> None:
        timeline = await clusters.serving.timeline()
        clusters.serving.kill()
        await backup.start()
        assert await backup.timeline() == timeline
        clusters.serve(backup)

    return back


async def recovered_to_a_point(clusters: Clusters) -> Back:
    backup = clusters.backup()
    await clusters.serving.ask("SELECT pg_create_restore_point('here')")

    async def back() -> None:
        clusters.serving.kill()
        backup.recover(clusters.serving, "here")
        await backup.start()
        await backup.until_it_writes()
        clusters.serve(backup)

    return back


WAYS = (standby_lags, second_standby_lags, backup_is_started, recovered_to_a_point)


@pytest.fixture(scope="module")
async def origin() -> AsyncIterator[Cluster]:
    """A server with a namespace; what made that is in the log."""
    binaries = choose_binaries(os.environ.get("GATEWAY_POSTGRES_BIN", ""), None)
    with lent_folder() as folder:
        origin = Cluster(folder, binaries)
        origin.make()
        await origin.start()
        await migrate.up(url_at(origin.socket))
        async with world_at(url_at(origin.socket)) as world:
            await world.make()
            await world.sql.fetchval("SELECT open_event_epoch()")
            await world.sequence()
        yield origin
        origin.kill()


@pytest.fixture
async def clusters(origin: Cluster) -> AsyncIterator[Clusters]:
    with lent_folder() as folder, Clusters(folder, origin) as clusters:
        await clusters.serving.start()
        yield clusters


@asynccontextmanager
async def world_at(url: str) -> AsyncIterator[World]:
    """Lend a namespace; what is written there is durable."""
    connection = await asyncpg.connect(
        url, server_settings={"app.namespace_id": ONE, "synchronous_commit": "on"}
    )
    try:
        yield World(connection, ONE)
    finally:
        await connection.close()


async def touch(clusters: Clusters, *ids: str) -> list[Seen]:
    """Change objects; return what is to be told of that."""
    async with world_at(clusters.url) as world:
        await world.touch(*ids)
        versions = dict(await world.versions())
    return [(id, versions[id]) for id in ids]


def has_come(sink: Sink, count: int) -> bool:
    is_live = ("StatusCheckpoint", False) in sink.words
    return sink.failure is not None or (is_live and len(sink.events) >= count)


def was_told(sink: Sink, last: list[Seen]) -> bool:
    return sink.seen[-1:] == last


async def resumed(gateway: Gateway, cursor: str | None, count: int) -> Sink:
    """Come back with a cursor, again and again while the database is away, to so many events."""
    while True:
        sink = Sink()
        found = await gateway.ask(variables={"after": cursor}, sink=sink)
        assert not isinstance(found, list), found
        sink.following = found
        await sink.until(partial(has_come, sink, count))
        if sink.failure is None:
            gateway.sinks.append(sink)
            return sink
        assert isinstance(sink.failure, Unavailable)
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("way", WAYS)
async def test_nobody_is_left_with_a_hole(
    clusters: Clusters, way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailer, "PATIENCE_S", 60)  # a busy machine takes long to start a server
    async with (
        open_database(clusters.url) as database,
        running(Sequencer(database, retention_days=7)),
        gateway_on(database, tmp_path) as gateway,
    ):
        live = await gateway.follow()
        await touch(clusters, *OBJECTS[:4])
        await live.until_events(4)
        set_back = await way(clusters)
        # Of what is kept nothing is missing, and what is lost comes after it.
        kept = list(live.seen)
        await touch(clusters, *OBJECTS[:3])
        await live.until_events(7)

        await set_back()
        # More than was lost, so all of its numbers are given anew.
        new = await touch(clusters, *OBJECTS)
        await live.until(lambda: live.failure)
        assert isinstance(live.failure, Unavailable)
        assert live.failure.message == "the database was set back; resume"

        async with gateway_on(database, tmp_path) as fresh:
            for each in (gateway, fresh):
                for place, cursor in enumerate(live.cursors):
                    follows = kept[place:] + new if place <= len(kept) else []
                    again = await resumed(each, cursor, len(follows))
                    assert again.seen == follows
                    if place > len(kept):
                        assert again.words[0] == ("StatusReset", "DIVERGED")
            last = await touch(clusters, OBJECTS[0])
            for sink in (*gateway.sinks, *fresh.sinks):
                if sink is not live:
                    await sink.until(partial(was_told, sink, last))
