"""Clients who come, ask, follow and go in any order, while answers of the database come late.

Nothing is left of them, wherever each was when it went; and a gateway that stops sends away all who
are there.
"""

from __future__ import annotations

import asyncio
import json
from asyncio import IncompleteReadError
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

import aiohttp
import asyncpg
import pytest

from gateway.database.pool import open_database
from gateway.events.hub import Hub
from gateway.settings import Settings
from tests.conftest import Shared
from tests.events.crowds import own
from tests.events.detour import detour_to
from tests.events.test_sequencer import until
from tests.events.world import OBJECTS, World, bucket_of

from .conftest import Served, serve
from .raw_socket import raw_socket
from .test_socket_endings import tasks_of_clients

SECONDS = 0.4
CLIENTS = 8
SUBSCRIPTIONS = (
    "subscription { statusChanged { __typename ... on StatusEvent { version node { id } } } }",
    "subscription { statusChanged { __typename } }",
    f'subscription {{ nodeStatus(id: "{OBJECTS[0]}", untilTerminal: false) {{ version }} }}',
    f'subscription {{ nodeStatus(id: "{bucket_of(OBJECTS[0])}") {{ version }} }}',  # of nothing
)
QUERY = "{ viewer { namespace { namespaceName } } }"
CREATE = (
    'mutation { createBucket(input: {bucketName: "%s", bucketSchema: {}}) { errors { code } } }'
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        count = metafunc.config.getoption("event_schedules")
        metafunc.parametrize("seed", range(max(2, count // 3)))


@pytest.fixture
def hubs(monkeypatch: pytest.MonkeyPatch) -> list[Hub]:
    """Those that work."""
    at_work: list[Hub] = []
    run = Hub.run

    async def noted(hub: Hub) -> None:
        at_work.append(hub)
        await run(hub)

    monkeypatch.setattr(Hub, "run", noted)
    return at_work


async def test_nothing_is_left_of_who_goes(
    shared: Shared, postgres_url: str, tmp_path: Path, hubs: list[Hub], seed: int
) -> None:
    random = Random(seed)  # noqa: S311
    late_s = random.choice([0.001, 0.005])
    async with (
        asyncio.timeout(60),
        detour_to(postgres_url, tmp_path, late_s=late_s, seed=seed) as (_, url),
        open_database(url, size=3, slow_s=600) as database,
        serve(database, tmp_path, Settings(drain_s=1)) as served,
        raw_socket(served.url) as idle,  # so that what the key has is not forgotten
    ):
        idle.send({"type": "connection_init", "payload": served.headers})
        await idle.receive()
        before = tasks_of_clients()
        async with writing(shared, postgres_url, own(random)):
            await asyncio.gather(*(coming_and_going(served, own(random)) for _ in range(CLIENTS)))

        async def is_nothing_left() -> bool:
            connections = served.connections
            return (
                (connections.count, connections.subscriptions) == (1, 0)
                and len(connections.secret_digests()) == 1
                and tasks_of_clients() <= before
                and hubs[0].streams == 0
            )

        await until(is_nothing_left)
        staying = [asyncio.create_task(stay(served, own(random))) for _ in range(4)]
        await asyncio.sleep(random.random() / 20)
        idle.die()
    await asyncio.gather(*staying)
    assert served.connections.count == 0
    assert served.connections.subscriptions == 0
    assert hubs[0].streams == 0


@asynccontextmanager
async def writing(shared: Shared, url: str, random: Random) -> AsyncIterator[None]:
    """Let things change all the time."""
    namespace_id = await shared.broom.fetchval("SELECT id FROM namespaces")
    sql = await asyncpg.connect(url, server_settings={"app.namespace_id": namespace_id})
    world = World(sql, namespace_id)
    await sql.execute(
        "INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)"
        " VALUES ($1, $2, 'one', '{}')",
        namespace_id,
        world.bucket_id,
    )
    await world.add(*OBJECTS)
    is_over = False

    async def write() -> None:
        while not is_over:
            await world.touch(*random.sample(OBJECTS, 2))
            await asyncio.sleep(random.expovariate(1 / 0.01))

    task = asyncio.create_task(write())
    try:
        yield
    finally:
        is_over = True
        await task
        await sql.close()


async def coming_and_going(served: Served, random: Random) -> None:
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + SECONDS
    while loop.time() < ends_at:
        visit = random.choice([visit_by_socket, visit_by_stream])
        with suppress(OSError, IncompleteReadError, aiohttp.ClientError):
            await visit(served, random)


async def visit_by_socket(served: Served, random: Random) -> None:
    headers = served.headers if random.random() < 0.9 else {"Authorization": "Bearer nobody"}
    async with raw_socket(served.url, receive_buffer=random.choice([None, 4096])) as raw:
        raw.send({"type": "connection_init", "payload": headers})
        if random.random() < 0.8:
            await raw.receive_frame()
        for _ in range(random.choice([1, 2, 5])):
            text = random.choice([*SUBSCRIPTIONS, QUERY, CREATE % random.random()])
            if random.random() < 0.7:
                message = {"type": "subscribe", "payload": {"query": text}}
            else:
                message = {"type": "complete"}
            raw.send(message | {"id": random.choice("abc")})
            if random.random() < 0.5:
                await asyncio.sleep(random.expovariate(1 / 0.005))
        with suppress(TimeoutError):
            async with asyncio.timeout(random.choice([0, random.random() / 20])):
                while True:
                    await raw.receive_frame()
        if random.random() < 0.5:
            raw.die()


async def visit_by_stream(served: Served, random: Random) -> None:
    headers = served.headers | {"Accept": "text/event-stream", "Connection": "close"}
    body = json.dumps({"query": random.choice(SUBSCRIPTIONS)})
    with suppress(TimeoutError):
        async with (
            asyncio.timeout(random.expovariate(1 / random.choice([0.005, 0.02]))),
            served.session.post(f"{served.url}/graphql", headers=headers, data=body) as answer,
        ):
            await answer.read()


async def stay(served: Served, random: Random) -> None:
    """Follow until the gateway sends everybody away."""
    with suppress(OSError, IncompleteReadError):
        async with raw_socket(served.url) as raw:
            raw.send({"type": "connection_init", "payload": served.headers})
            asked = {"query": random.choice(SUBSCRIPTIONS[:3])}
            raw.send({"id": "1", "type": "subscribe", "payload": asked})
            await raw.closing()
