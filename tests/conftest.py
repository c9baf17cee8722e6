"""PostgreSQL for tests: servers of the versions that are supported, and databases on them.

GATEWAY_TEST_POSTGRES=15 runs the whole suite on that version; GATEWAY_POSTGRES_BIN=folder, on those
programs.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from gateway.database import migrate
from gateway.database.embedded.binaries import Binaries, choose_binaries, find_binaries
from gateway.database.embedded.options import TESTING
from gateway.database.embedded.server import EmbeddedPostgres, open_postgres
from gateway.database.pool import Database, open_database
from gateway.database.state import open_state
from tests.client import client as client  # the fixture
from tests.nats import nats_server as nats_server
from tests.nats import start_nats as start_nats
from tests.s3 import s3_place as s3_place
from tests.s3 import s3_store as s3_store

NEWEST, OLDEST = 18, 15
# What a migration fills and nobody changes.
STATIC_TABLES = ("alembic_version", "status_transitions", "event_cursor_keys")


def _binaries(major: int) -> Binaries | None:
    return next((each for each in find_binaries() if each.major == major), None)


# A gateway that a test starts as a process of its own has to follow, and refuses unknown names.
if wanted := os.environ.pop("GATEWAY_TEST_POSTGRES", ""):
    found = _binaries(int(wanted))
    if found is None:
        raise pytest.UsageError(f"GATEWAY_TEST_POSTGRES is {wanted}, which is not installed")
    os.environ["GATEWAY_POSTGRES_BIN"] = str(found.folder)


# A shell lets what it runs in the background ignore Ctrl-C, and so would all that is started here.
signal.signal(signal.SIGINT, signal.default_int_handler)


# What a number says: how much of something random there is, or from which seed it goes.
_NUMBERS = {
    "--differential-checks": (
        300,
        "how many random reads to compare with the reference (a nightly run: 10000)",
    ),
    "--differential-seed": (1, "the seed of the rows and the first read"),
    "--kills": (
        4,
        "how often to kill a gateway that is at work, on each store (a nightly run: 50)",
    ),
    "--event-schedules": (
        5,
        "how many random schedules of writers to sequence (a nightly run: 1000)",
    ),
    "--random-documents": (
        300,
        "how many random documents to send by HTTP (a nightly run: 20000)",
    ),
    "--random-seed": (1, "the seed of the random documents"),
    "--schemathesis-examples": (
        4,
        "how often schemathesis asks for each field (a nightly run: 300)",
    ),
    "--tenant-steps": (
        150,
        "how often a tenant asks or changes something beside a neighbour (nightly: 10000)",
    ),
    "--tenant-seed": (1, "the seed of both tenants' rows and of the steps"),
    "--outages": (
        1,
        "how often to take PostgreSQL and S3 from a gateway in each way (a nightly run: 10)",
    ),
    "--watched-objects": (
        60,
        "how many objects to move while a watched gateway is killed (a nightly run: 1000)",
    ),
    "--strikes": (
        3,
        "how often to kill gateways and PostgreSQL beneath subscribers (a nightly run: 500)",
    ),
    "--storm-seed": (1, "the seed of all that storms do"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-cases", action="store_true", help="write the SQL of tests/planner/cases anew"
    )
    parser.addoption(
        "--all-faults", action="store_true", help="seed every fault into the planner, not a few"
    )
    for name, (default, what) in _NUMBERS.items():
        parser.addoption(name, type=int, default=default, help=what)


def pytest_collection_finish() -> None:
    # All that was imported stays. To look at it again and again took a quarter of the time.
    gc.collect()
    gc.freeze()


@contextmanager
def lent_folder() -> Iterator[Path]:
    """Lend a folder for a server's data, in memory where there is much of it.

    Not in the folder of pytest: it is closed to the user that root may have to take.
    """
    memory = Path("/dev/shm")  # noqa: S108
    fits = memory.is_dir() and shutil.disk_usage(memory).free > 4 * 1024**3
    with tempfile.TemporaryDirectory(prefix="gateway-tests-", dir=memory if fits else None) as path:
        folder = Path(path)
        folder.chmod(0o755)
        yield folder


class Server:
    """A server on which tests make databases."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self.postgres = postgres
        self._numbers = count(1)

    async def create(self, *, template: str = "template1") -> str:
        """Make a database that the ordinary role owns; return its name."""
        name = f"test_{next(self._numbers)}"
        # Copying files is quicker than writing them to the log, since nothing is ever flushed.
        await self._execute(
            f"CREATE DATABASE {name} OWNER gateway TEMPLATE {template} STRATEGY file_copy"
        )
        return name

    async def drop(self, name: str) -> None:
        await self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        return urlsplit(self.postgres.url)._replace(path=f"/{name}").geturl()

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.postgres.superuser_url("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@dataclass(frozen=True, slots=True)
class Shared:
    """The database that most tests share, one after the other."""

    url: str
    database: Database
    broom: asyncpg.Connection
    sweep: str

    async def empty(self) -> None:
        await self.broom.execute(self.sweep)


@pytest.fixture(scope="session", autouse=True)
def _bytecode() -> Iterator[None]:
    """Where Python keeps no bytecode, keep it here: without it a gateway starts twice as long."""
    with pytest.MonkeyPatch.context() as patch, lent_folder() as folder:
        if os.environ.get("PYTHONDONTWRITEBYTECODE"):
            patch.delenv("PYTHONDONTWRITEBYTECODE")
            patch.setenv("PYTHONPYCACHEPREFIX", str(folder))
        yield


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[Path], Server]]:
    """Gives the server that runs the programs in a folder; it is started when first asked for."""
    started: dict[Path, Server] = {}
    with ExitStack() as stack:

        def server(programs: Path) -> Server:
            if programs not in started:
                folder = stack.enter_context(lent_folder())
                state = stack.enter_context(open_state(folder))
                postgres = open_postgres(state, postgres_bin=str(programs), settings=TESTING)
                started[programs] = Server(stack.enter_context(postgres))
            return started[programs]

        yield server


@pytest.fixture(scope="session")
def server(servers: Callable[[Path], Server]) -> Server:
    """The server that all tests use which do not care for its version."""
    return servers(choose_binaries(os.environ.get("GATEWAY_POSTGRES_BIN", ""), None).folder)


@pytest.fixture(scope="session")
async def migrated_template(server: Server) -> str:
    """The name of a database with all migrations, to be copied; nobody may stay connected to it."""
    name = await server.create()
    await migrate.up(server.url(name))
    return name


@pytest.fixture(scope="session")
async def shared(server: Server, migrated_template: str) -> AsyncIterator[Shared]:
    name = await server.create(template=migrated_template)
    broom = await asyncpg.connect(
        server.postgres.superuser_url(name),
        server_settings={
            "session_replication_role": "replica",  # no triggers: any order will do, no row is kept
            "lock_timeout": "5s",  # a test that left a transaction open is told of, not waited for
        },
    )
    tables = await broom.fetch(
        "SELECT quote_ident(tablename) AS name FROM pg_tables"
        " WHERE schemaname = 'public' AND NOT tablename = ANY ($1)",
        STATIC_TABLES,
    )
    sweep = "; ".join(f"DELETE FROM {each['name']}" for each in tables)  # noqa: S608
    # No statement is slow there, for tests look at all that is logged.
    async with open_database(server.url(name), slow_s=600) as database:
        yield Shared(server.url(name), database, broom, sweep)
    await broom.close()


@pytest.fixture
async def database(shared: Shared) -> Database:
    """A migrated, empty database."""
    await shared.empty()
    return shared.database


@pytest.fixture
async def postgres_url(shared: Shared) -> str:
    """The URL of the same database, emptied too; for tests that start a gateway on it."""
    await shared.empty()
    return shared.url


@pytest.fixture
async def superuser(postgres_url: str, server: Server) -> AsyncIterator[asyncpg.Connection]:
    """A connection that no row level security binds."""
    database = urlsplit(postgres_url).path.removeprefix("/")
    connection = await asyncpg.connect(server.postgres.superuser_url(database))
    yield connection
    await connection.close()


@pytest.fixture
async def migrated_database_url(server: Server, migrated_template: str) -> AsyncIterator[str]:
    """The URL of a migrated database of the test's own."""
    name = await server.create(template=migrated_template)
    yield server.url(name)
    await server.drop(name)


@pytest.fixture
async def fresh_database_url(server: Server) -> AsyncIterator[str]:
    """The URL of a database of the test's own without a single table."""
    name = await server.create()
    yield server.url(name)
    await server.drop(name)


@pytest.fixture
def state_folder() -> Iterator[Path]:
    """A place for a gateway's state that other users can reach; the folder is not made yet."""
    with lent_folder() as folder:
        yield folder / "state"


@pytest.fixture(scope="module")
def state_folders() -> Iterator[Path]:
    """A folder for the state folders that the tests of a module share."""
    with lent_folder() as folder:
        yield folder


@pytest.fixture(params=[NEWEST, OLDEST], ids=lambda major: f"postgres{major}")
def any_binaries(request: pytest.FixtureRequest) -> Binaries:
    """The programs of each version that is supported: the newest and the oldest."""
    binaries = _binaries(request.param)
    if binaries is None:
        reason = f"PostgreSQL {request.param} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return binaries


@pytest.fixture
async def any_postgres(
    any_binaries: Binaries, servers: Callable[[Path], Server]
) -> AsyncIterator[str]:
    """The URL of a database of the test's own without a single table, on each version in turn."""
    server = servers(any_binaries.folder)
    name = await server.create()
    yield server.url(name)
    await server.drop(name)
