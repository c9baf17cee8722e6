from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest
from sqlalchemy import text

from gateway.database import connecting, migrate
from gateway.database.embedded.options import TESTING
from gateway.database.embedded.server import open_postgres
from gateway.database.pool import Database, open_database
from gateway.database.state import open_state
from gateway.events import clearing, sequencer
from gateway.events.sequencer import Sequencer
from tests.conftest import lent_folder
from tests.events.following import Gateway
from tests.events.schedule import ENTITIES
from tests.events.world import OBJECTS, World

UPDATE = "UPDATE objects SET version = version + 1 WHERE id = $1"
# Each version of each object, once and in order: what a reader of the log has to get.
WRITTEN = """
    SELECT array_agg(v ORDER BY id, v) FROM objects, generate_series(1, version) v
"""
LOGGED = "SELECT array_agg(version ORDER BY node_id, seq) FROM event_log WHERE kind = 'OBJECT'"
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
GAPS = "SELECT max(seq) - count(*) FROM event_log"
KILL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'lineage-gateway events' AND datname = current_database()
"""
SEQUENCING = 3471906258814402967  # the key of the lock under which events are numbered
WAITING = """
    SELECT array_agg(wait_event) FROM pg_stat_activity
    WHERE application_name = 'lineage-gateway events' AND datname = current_database()
"""


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def until_logged(sql: asyncpg.Connection) -> None:
    """Return once the log tells exactly what the objects say; what it tells has no hole."""

    async def is_so() -> bool:
        assert await sql.fetchval(GAPS) == 0
        return bool(await sql.fetchval(WRITTEN) == await sql.fetchval(LOGGED))

    await until(is_so)


async def until_leading(*sequencers: Sequencer) -> Sequencer:
    async with asyncio.timeout(60):
        while not (leaders := [each for each in sequencers if each.is_leader]):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    (leader,) = leaders
    return leader


@asynccontextmanager
async def running(*sequencers: Sequencer) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(each.run()) for each in sequencers]
    yield tasks
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Open a connection in ``ns_a`` that is let go of however it ends."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SET app.namespace_id = 'ns_a'")
        yield connection
    finally:
        connection.terminate()


@asynccontextmanager
async def writing(url: str) -> AsyncIterator[None]:
    """Let objects change all the time, on connections that are opened anew if they are lost."""
    stopped = False

    async def write(entity: str) -> None:
        while not stopped:
            with suppress(*LOST):
                async with connected(url) as connection:
                    while not stopped:
                        await connection.execute(UPDATE, entity)
                        await asyncio.sleep(0.001)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(write(each)) for each in ENTITIES[:4]]
    yield
    stopped = True
    await asyncio.gather(*tasks)


async def test_puts_into_the_log_what_anyone_commits(
    sql: asyncpg.Connection, database: Database
) -> None:
    async with running(Sequencer(database, retention_days=7)):
        await sql.execute(UPDATE, "obj_1")
        await until_logged(sql)
        await sql.execute("UPDATE objects SET version = version + 1")
        await until_logged(sql)


async def test_one_leads_and_another_takes_over(
    sql: asyncpg.Connection, database: Database
) -> None:
    one, other = (Sequencer(database, retention_days=7) for _ in range(2))
    async with running(one, other) as tasks:
        leader = await until_leading(one, other)
        await sql.execute(UPDATE, "obj_1")
        await until_logged(sql)

        tasks[(one, other).index(leader)].cancel()
        await sql.execute(UPDATE, "obj_2")
        await until_logged(sql)

        assert await until_leading(one, other) is not leader


@pytest.mark.parametrize("is_leader", [True, False])
async def test_events_are_sequenced_as_soon_as_a_gateway_tells_of_a_commit(
    sql: asyncpg.Connection, database: Database, monkeypatch: pytest.MonkeyPatch, is_leader: bool
) -> None:
    monkeypatch.setattr(sequencer, "LONGEST_PAUSE_S", 3600)
    monkeypatch.setattr(sequencer, "LEAST_PAUSE_S", 1800)
    one, other = (Sequencer(database, retention_days=7) for _ in range(2))
    async with running(one, other):
        leader = await until_leading(one, other)
        teller = leader if is_leader else next(each for each in (one, other) if each is not leader)
        monkeypatch.setattr(sequencer, "LEAST_PAUSE_S", 0)
        await sql.execute(UPDATE, "obj_1")

        teller.poke()

        await until_logged(sql)


@pytest.mark.parametrize(
    ("moved", "took_ms", "rest_ms"),
    [(1, 1, 4), (1, 9, 0.1), (100, 4, 10), (150, 4, 15), (150, 90, 15), (9999, 90, 50)],
)
def test_rests_for_longer_when_there_is_more_but_never_for_long(
    moved: int, took_ms: float, rest_ms: float
) -> None:
    assert sequencer.rest_s(moved, took_ms / 1000) == pytest.approx(rest_ms / 1000)


async def test_a_commit_in_a_namespace_is_told_of(database: Database) -> None:
    told = []
    database.on_commit = lambda: told.append(True)
    try:
        async with database.transaction(f"ns_{0:026d}") as tx:
            await tx.run_script("SELECT 1")
        assert told == [True]
        with suppress(ZeroDivisionError):
            async with database.transaction(f"ns_{0:026d}") as tx:
                await tx.run_script("SELECT 1")
                raise ZeroDivisionError
        async with database.transaction() as tx:
            await tx.run_script("SELECT 1")
        async with database.transaction(f"ns_{0:026d}", is_look=True) as tx:
            await tx.run_script("SELECT 1")
        assert told == [True]
        assert await database.change(text("SELECT NULL")) is None
        assert told == [True]
        assert await database.change(text("SELECT 1"))
        assert told == [True, True]
    finally:
        database.on_commit = lambda: None


async def test_to_follow_is_no_commit(gateway: Gateway, world: World, database: Database) -> None:
    """Else a crowd that comes back would have the outbox looked at, again and again."""
    start = await gateway.follow()
    start.stop()
    await world.touch_now(OBJECTS[1])
    told = []
    database.on_commit = lambda: told.append(True)
    try:
        replayed = await gateway.follow(variables={"after": start.last_cursor})
        await replayed.until_events(1)
        one = await gateway.follow(
            "subscription ($id: ID!) { nodeStatus(id: $id) { version } }", {"id": OBJECTS[1]}
        )
        assert one.messages == [{"version": 2}]
    finally:
        database.on_commit = lambda: None
    assert told == []


async def test_goes_on_after_its_connection_is_lost(
    sql: asyncpg.Connection,
    superuser: asyncpg.Connection,
    postgres_url: str,
    database: Database,
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = Sequencer(database, retention_days=7)
    async with running(one), writing(postgres_url):
        for _ in range(3):
            await until_leading(one)
            await superuser.execute(KILL)
            await until(lambda: _is_not(one))
        await until_leading(one)

    async with running(one):
        await until_logged(sql)
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


async def _is_not(one: Sequencer) -> bool:
    return not one.is_leader


async def test_a_server_that_takes_no_changes_is_told_of_once(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One that was the primary, or is not yet."""
    monkeypatch.setattr(sequencer, "RETRY_AFTER_S", 0)
    connect, is_primary, attempts = database._connect, False, 0

    async def connect_to_either(settings: Mapping[str, str]) -> asyncpg.Connection:
        nonlocal attempts
        attempts += 1
        more = {} if is_primary else {"default_transaction_read_only": "on"}
        return await connect({**settings, **more})

    async def are_many() -> bool:
        return attempts > 3

    monkeypatch.setattr(database, "_connect", connect_to_either)
    one = Sequencer(database, retention_days=7)
    async with running(one):
        await until(are_many)
        is_primary = True
        await until_leading(one)

    assert [record.getMessage() for record in caplog.records] == [
        "no events are sequenced here: the database gives no answer; try again",
        "events can be sequenced here again",
    ]


async def test_tells_of_an_outage_once(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sequencer, "RETRY_AFTER_S", 0)
    attempts = 0
    connect = database._connect

    async def refuse(_: object) -> asyncpg.Connection:
        nonlocal attempts
        attempts += 1
        raise OSError("no route")

    async def are_many() -> bool:
        return attempts > 3

    monkeypatch.setattr(database, "_connect", refuse)
    one = Sequencer(database, retention_days=7)
    async with running(one):
        await until(are_many)
        monkeypatch.setattr(database, "_connect", connect)
        await until_leading(one)

    assert [record.getMessage() for record in caplog.records] == [
        "no events are sequenced here: cannot connect to the database: no route",
        "events can be sequenced here again",
    ]


async def test_the_beginning_of_a_term_may_take_long(
    sql: asyncpg.Connection,
    superuser: asyncpg.Connection,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connecting, "STATEMENT_TIMEOUT_S", 0.5)

    async def waits() -> bool:
        return bool(await sql.fetchval(WAITING) == ["advisory"])

    async with open_database(postgres_url) as database:
        await superuser.execute("SELECT pg_advisory_lock($1)", SEQUENCING)
        one = Sequencer(database, retention_days=7)
        async with running(one):
            await until(waits)
            await asyncio.sleep(1)
            still = await waits()
            await superuser.execute("SELECT pg_advisory_unlock($1)", SEQUENCING)
            await until_leading(one)

    assert still


async def test_clears_the_outbox_while_it_leads(
    sql: asyncpg.Connection,
    superuser: asyncpg.Connection,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clearing, "CLEAR_EVERY_S", 0.01)

    async def is_empty() -> bool:
        return not await superuser.fetchval("SELECT count(*) FROM event_outbox")

    async with running(Sequencer(database, retention_days=7)):
        await sql.execute("UPDATE objects SET version = version + 1")
        await until_logged(sql)
        await until(is_empty)


async def test_a_clearing_that_fails_is_tried_again(
    sql: asyncpg.Connection,
    superuser: asyncpg.Connection,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(clearing, "CLEAR_EVERY_S", 0.01)
    await sql.execute("ALTER FUNCTION clear_event_outbox RENAME TO gone")
    one = Sequencer(database, retention_days=7)

    async def has_failed() -> bool:
        return any(record.levelno == logging.ERROR for record in caplog.records)

    async def is_empty() -> bool:
        return not await superuser.fetchval("SELECT count(*) FROM event_outbox")

    async with running(one):
        await sql.execute("UPDATE objects SET version = version + 1")
        await until_logged(sql)
        await until(has_failed)
        await sql.execute("ALTER FUNCTION gone RENAME TO clear_event_outbox")
        await until(is_empty)


async def test_survives_that_postgres_crashes() -> None:
    with (
        lent_folder() as folder,
        open_state(folder) as state,
        open_postgres(state, settings=TESTING) as postgres,
    ):
        await migrate.up(postgres.url)

        async with connected(postgres.url) as sql:
            await sql.execute("""
                SET synchronous_commit = on;
                INSERT INTO namespaces (id, namespace_name) VALUES ('ns_a', 'a');
                INSERT INTO buckets (namespace_id, id, bucket_name, bucket_schema)
                    VALUES ('ns_a', 'bkt_1', '1', '{}');
                INSERT INTO objects (namespace_id, id, bucket_id)
                    SELECT 'ns_a', 'obj_' || i, 'bkt_1' FROM generate_series(0, 9) i;
            """)
        async with open_database(postgres.url) as database:
            candidates = [Sequencer(database, retention_days=7) for _ in range(2)]
            async with running(*candidates):
                async with writing(postgres.url):
                    for _ in range(2):
                        await until_leading(*candidates)
                        await until(lambda: _has_written(postgres.url))
                        await crash(postgres.url)
                        await until(lambda: _is_back(postgres.url))
                        await until_leading(*candidates)
                async with connected(postgres.url) as sql:
                    await until_logged(sql)


async def _has_written(url: str) -> bool:
    async with connected(url) as sql:
        before = await sql.fetchval("SELECT sum(version) FROM objects")
        await asyncio.sleep(0.05)
        after = await sql.fetchval("SELECT sum(version) FROM objects")
    return bool(after > before + 10)


async def _is_back(url: str) -> bool:
    with suppress(*LOST):
        async with connected(url):
            return True
    return False


async def crash(url: str) -> None:
    """Kill a backend: the server ends all the others, and recovers from its log."""
    async with connected(url) as connection:
        os.kill(connection.get_server_pid(), signal.SIGKILL)
        with suppress(*LOST):
            await connection.fetchval("SELECT pg_sleep(60)")
