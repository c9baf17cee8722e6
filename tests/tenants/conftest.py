"""Two databases with one tenant in each; in the second it has a neighbour."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import UrlSigner
from gateway.database.pool import open_database
from gateway.schema import make_schema
from tests.conftest import Server
from tests.differential.conftest import ANY_SIZE
from tests.differential.conftest import tell as tell  # the fixture
from tests.differential.world import OURS, THEIRS, World
from tests.operations import FREE_SCHEMA

from .running import Tenant, Twins


@dataclass(frozen=True)
class Housed:
    """The twins, and a connection to the second database that sees everything."""

    twins: Twins
    superuser: asyncpg.Connection


House = Callable[..., AbstractAsyncContextManager[Housed]]


@pytest.fixture
async def house(
    server: Server, migrated_template: str, tmp_path: Path, request: pytest.FixtureRequest
) -> House:
    """Opens the twins; ``bare``: the second as a role that sees every namespace."""

    @asynccontextmanager
    async def opened(*, bare: bool = False) -> AsyncIterator[Housed]:
        names = [await server.create(template=migrated_template) for _ in range(2)]
        world = World(request.config.getoption("--tenant-seed"))
        for table, rows in world.tables.items():
            world.tables[table] = [row for row in rows if row.get("namespace_id") != THEIRS]
        _open(world)
        for name in names:
            await world.write(server.url(name))
        second = server.postgres.superuser_url(names[1]) if bare else server.url(names[1])
        superuser = await asyncpg.connect(server.postgres.superuser_url(names[1]))
        async with open_database(server.url(names[0])) as first, open_database(second) as beside:
            tenants = []
            for place, database in (("alone", first), ("beside", beside)):
                signer = UrlSigner(b"k" * 32, public_url="http://gateway")
                blobs = LocalBlobStore(tmp_path / place, signer)
                schema = make_schema(ANY_SIZE)
                tenants += [Tenant(schema, database, blobs, each) for each in (OURS, THEIRS)]
            alone, _, ours, theirs = tenants
            twins = Twins(alone, ours, theirs, world)
            await twins.settle()
            yield Housed(twins, superuser)
        await superuser.close()
        for name in names:
            await server.drop(name)

    return opened


def _open(world: World) -> None:
    """Make rows of a world that are there to be read into ones that can be changed as well."""
    for bucket in world.tables["buckets"]:
        bucket |= {"is_locked": False, "bucket_schema": FREE_SCHEMA, "unique_key_fields": None}
        bucket |= {"unique_key_policy": None, "bucket_name": bucket["bucket_name"] or "no name"}
        if bucket["status"] != "IN_PROGRESS":
            bucket["status"] = "ACTIVE"
    for document in world.tables["documents"]:  # a chain ends in the document's own collection
        step = {"feature_extractor_id": "x_1", "timestamp": "2026-01-02T03:04:05+00:00"}
        document["lineage_chain"] = [step | {"collection_id": document["collection_id"]}]
