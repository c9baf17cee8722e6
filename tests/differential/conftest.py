"""A world of random rows, in a database and in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, fields

import pytest

from gateway.database.pool import Database, open_database
from gateway.query_limits.limits import QueryLimits
from gateway.schema import make_schema
from tests.conftest import Server

from .comparing import Cursors
from .running import Comparison
from .world import World

# Random documents are larger than anybody may ask for.
ANY_SIZE = QueryLimits(**{each.name: 10**9 for each in fields(QueryLimits)})


@dataclass(frozen=True)
class Written:
    """A world and the database that holds it; ``bare``: as a role that sees every namespace."""

    world: World
    database: Database
    bare: Database

    def comparison(self, *, bare: bool = False, cursors: Cursors | None = None) -> Comparison:
        """Return one with a schema of its own: no document or plan is left of another test."""
        database = self.bare if bare else self.database
        return Comparison(self.world, make_schema(ANY_SIZE), database, cursors or Cursors())


@pytest.fixture(scope="session")
async def written(
    server: Server, migrated_template: str, request: pytest.FixtureRequest
) -> AsyncIterator[Written]:
    name = await server.create(template=migrated_template)
    world = World(request.config.getoption("--differential-seed"))
    await world.write(server.url(name))
    async with (
        open_database(server.url(name)) as database,
        open_database(server.postgres.superuser_url(name)) as bare,
    ):
        yield Written(world, database, bare)


@pytest.fixture
def tell(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], None]:
    """Writes a line to whoever runs the tests with --verbose."""

    def write(line: str) -> None:
        if request.config.get_verbosity() > 0:
            with capsys.disabled():
                print(f"\n  {line}", end=" ")  # noqa: T201

    return write
