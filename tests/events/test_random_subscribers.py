"""Random schedules of writers in two namespaces, and subscribers who come and go at random.

Each gets exactly what was committed in its namespace after the place where it began, once and in
order, however often it goes to another gateway, or back to an earlier place.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import asyncpg
import pytest

from gateway.database.pool import Database
from tests.events.conftest import Connect
from tests.events.following import Gateway, Sink, gateway_on
from tests.events.schedule import ENTITIES, Schedule, Seen
from tests.events.test_sequencing import SESSIONS, STEPS
from tests.events.world import ONE, World


class Follower:
    """Someone who follows, now here and now there; ``told`` is what holds of all it was told."""

    def __init__(self, gateways: list[Gateway], world: World, seed: int) -> None:
        self._gateways = gateways
        self._world = world
        self._random = Random(seed)  # noqa: S311
        self._sink: Sink | None = None
        self._told_to_sink = 0
        self.told: list[tuple[str, bytes, Seen]] = []
        self.start = ""

    async def begin(self) -> None:
        self._sink = await self._gateways[0].follow()
        self.start = self._sink.last_cursor

    async def read(self) -> list[Seen]:
        """Return nothing: what holds in the end counts."""
        await self._world.sequence()
        if self._random.random() < 0.4:
            await self._go_elsewhere()
        elif self._sink and self._sink.takes == 0:
            self._sink.drain(self._random.choice([1, 2, 5, None]))
        return []

    async def finish(self, count: int) -> list[Seen]:
        await self._world.sequence()
        await self._go_elsewhere(takes=None)
        assert self._sink is not None
        await self._sink.until_events(count - len(self.told))
        self._collect()
        return [seen for _, _, seen in self.told]

    def stop(self) -> None:
        assert self._sink is not None
        self._sink.stop()

    async def _go_elsewhere(self, *, takes: int | None = 1) -> None:
        assert self._sink is not None
        self._collect()
        self._sink.stop()
        if self.told and self._random.random() < 0.5:  # as one that lost what it was told last
            del self.told[self._random.randrange(len(self.told)) :]
        after = self.told[-1][0] if self.told else self.start
        takes = takes and self._random.choice([None, 2, 3])
        gateway = self._random.choice(self._gateways)
        self._sink = await gateway.follow(variables={"after": after}, sink=Sink(takes=takes))

    def _collect(self) -> None:
        assert self._sink is not None
        for event, seen in zip(self._sink.events, self._sink.seen, strict=True):
            self.told.append((event["cursor"], event["at"].encode(), seen))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        count = metafunc.config.getoption("event_schedules")
        metafunc.parametrize("seed", range(count))


async def test_each_gets_exactly_what_was_committed(
    gateway: Gateway,
    worlds: tuple[World, World],
    connect: Connect,
    superuser: asyncpg.Connection,
    database: Database,
    tmp_path: Path,
    seed: int,
) -> None:
    one, other = worlds
    for each in worlds:  # the same ids in both
        await each.add(*ENTITIES)
    await one.sequence()
    async with gateway_on(database, tmp_path, most_bytes=3_000) as small:
        followers = [Follower([gateway, small], one, seed * 10 + number) for number in range(5)]
        for follower in followers:
            await follower.begin()
        schedule = Schedule(
            [await connect(ONE) for _ in range(SESSIONS)],
            superuser,
            [*followers, Noise(other, seed)],
            seed,
        )
        await schedule.run(STEPS)

        assert len(schedule.committed) > STEPS / 8
        first = await followers[0].finish(len(schedule.committed))
        assert sorted(first) == sorted(schedule.committed)
        for follower in followers[1:]:
            await follower.finish(len(schedule.committed))
            assert follower.told == followers[0].told
        versions: dict[str, int] = {}
        for entity, version in first:
            assert version == versions.get(entity, 1) + 1
            versions[entity] = version
        for follower in followers:
            follower.stop()
        assert gateway.what_is_left() == small.what_is_left() == (0, 0, 0, 0)


class Noise:
    """Someone in the other namespace who changes things of the same ids."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._random = Random(seed)  # noqa: S311

    async def read(self) -> list[Seen]:
        """Return nothing: it is nobody's to see."""
        await self._world.touch(*self._random.sample(ENTITIES, 3))
        return []
