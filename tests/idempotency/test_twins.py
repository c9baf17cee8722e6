"""Requests with the same key at the same time: one is made, the others wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import pytest

from gateway.database import connecting
from gateway.database.pool import open_database
from gateway.idempotency import attempt
from tests.client import Client
from tests.conftest import Shared
from tests.fetching.sites import ok, open_to, site
from tests.objects.test_sources import PNG, image, with_schema
from tests.operations import FREE_SCHEMA, mutate

from .test_replaying import NEW_BUCKET, NEW_OBJECT, keys_kept

INPUT = {"bucketName": "pics", "bucketSchema": FREE_SCHEMA, "idempotencyKey": "k1"}


@asynccontextmanager
async def locked(shared: Shared, table: str) -> AsyncIterator[None]:
    """Let nobody write a table."""
    holder = await asyncpg.connect(shared.url)
    try:
        async with holder.transaction():
            await holder.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            yield
    finally:
        await holder.close()


async def start(client: Client, waiting: int) -> asyncio.Task[dict[str, Any]]:
    """Send the mutation; return when so many transactions wait in the database."""
    task = asyncio.create_task(mutate(client, NEW_BUCKET, input=INPUT))
    await client.until_waiting(waiting)
    return task


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Forgets which keys this process is busy with, as if the next request came to another one."""
    return lambda: monkeypatch.setattr(attempt, "_locks", {})


async def test_a_twin_in_another_gateway_waits_for_the_first(
    client: Client, shared: Shared, elsewhere: Any
) -> None:
    async with locked(shared, "buckets"):
        first = await start(client, 1)
        elsewhere()
        second = await start(client, 2)

    made = await first
    assert (made["replayed"], made["errors"]) == (False, [])
    assert await second == made | {"replayed": True}


async def test_a_twin_in_another_gateway_runs_if_the_first_is_rolled_back(
    client: Client, shared: Shared, elsewhere: Any
) -> None:
    async with locked(shared, "buckets"):
        first = await start(client, 1)
        elsewhere()
        second = await start(client, 2)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first

    made = await second
    assert (made["replayed"], made["errors"]) == (False, [])
    assert len((await client.stored())["buckets"]) == 1


async def test_twins_here_wait_without_a_connection(client: Client, shared: Shared) -> None:
    async with locked(shared, "buckets"):
        first = await start(client, 1)
        others = [asyncio.create_task(mutate(client, NEW_BUCKET, input=INPUT)) for _ in range(31)]
        async with asyncio.timeout(20):
            for _ in range(50):
                assert "buckets" in await client.execute("{ buckets { nodes { id } } }")
        await client.until_waiting(1)

    made = await first
    assert await asyncio.gather(*others) == [made | {"replayed": True}] * 31


async def test_a_twin_here_runs_if_the_first_is_rolled_back(client: Client, shared: Shared) -> None:
    async with locked(shared, "buckets"):
        first = await start(client, 1)
        second = asyncio.create_task(mutate(client, NEW_BUCKET, input=INPUT))
        await asyncio.sleep(0)
        first.cancel()

    made = await second
    assert (made["replayed"], made["errors"]) == (False, [])


async def test_a_twin_here_does_not_wait_for_ever(
    client: Client, shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "STATEMENT_TIMEOUT_S", 0.05)
    async with locked(shared, "buckets"):
        first = await start(client, 1)
        (error,) = await client.errors(NEW_BUCKET, input=INPUT)

    assert error["extensions"] == {"code": "UNAVAILABLE"}
    assert "still running" in error["message"]
    assert (await first)["errors"] == []


async def test_a_twin_in_another_gateway_does_not_wait_for_ever(
    client: Client, shared: Shared, elsewhere: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "STATEMENT_TIMEOUT_S", 0.5)
    async with locked(shared, "buckets"):
        first = await start(client, 1)
        elsewhere()
        async with open_database(shared.url) as database:
            other = Client(database, client.blobs, client.blob_folder, client.caller)
            (error,) = await other.errors(NEW_BUCKET, input=INPUT)

    assert error["extensions"] == {"code": "UNAVAILABLE"}
    assert "still running" in error["message"]
    assert (await first)["errors"] == []


async def test_bytes_that_a_twin_in_another_gateway_fetched_are_removed(
    client: Client, shared: Shared, elsewhere: Any
) -> None:
    bucket = await with_schema(client)
    async with site(ok(PNG)) as here:
        open_to(client, here)
        blob = image(here.url("/a.png"))
        input = {"bucketId": bucket["id"], "blobs": [blob], "idempotencyKey": "k1"}
        async with locked(shared, "objects"):
            first = asyncio.create_task(mutate(client, NEW_OBJECT, input=input))
            await client.until_waiting(1)
            elsewhere()
            second = asyncio.create_task(mutate(client, NEW_OBJECT, input=input))
            await client.until_waiting(2)
        made = await first

        assert await second == made | {"replayed": True}
    assert here.connections == 2
    assert len(client.files()) == 1


async def test_nothing_is_kept_of_what_is_cut_off(client: Client, shared: Shared) -> None:
    async with locked(shared, "buckets"):
        first = await start(client, 1)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first

    assert await keys_kept(client) == 0
    assert (await client.stored())["buckets"] == []
    assert not (await mutate(client, NEW_BUCKET, input=INPUT))["replayed"]
