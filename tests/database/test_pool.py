import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import ARRAY, Text, any_, bindparam, column, func, insert, select, table, text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.database import connecting, pool
from gateway.database.embedded.options import TESTING
from gateway.database.embedded.server import open_postgres
from gateway.database.ids import new_id
from gateway.database.pool import Database, open_database
from gateway.database.state import StateFolder, open_state
from gateway.database.transaction import Transaction
from gateway.errors import NotFound, Unavailable

THINGS = table("things", column("namespace_id", Text), column("name", Text), column("data", JSONB))
ADD = insert(THINGS).values(
    namespace_id=bindparam("namespace_id"), name=bindparam("name"), data=bindparam("data", None)
)
ADD_ALONE = text("""
    INSERT INTO things
    SELECT CASE WHEN set_config('app.namespace_id', :namespace_id, true) = :namespace_id
        THEN :namespace_id END, :name
    WHERE :name <> '' RETURNING name
""")
NAMES = select(THINGS.c.name).order_by(THINGS.c.name)
SLEEP = select(func.pg_sleep(bindparam("seconds")))
BACKEND = select(func.pg_backend_pid())

CREATE = """
CREATE TABLE things (
    namespace_id text NOT NULL,
    name text CONSTRAINT short CHECK (length(name) < 100),
    data jsonb,
    CONSTRAINT one_name UNIQUE (namespace_id, name) DEFERRABLE
);
ALTER TABLE things ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON things
    USING (namespace_id = nullif(current_setting('app.namespace_id', true), ''))
"""


async def make_things(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(CREATE)
    await connection.close()


@pytest.fixture(scope="module")
async def url(server: Any) -> str:
    """One database for all: each test has a namespace of its own."""
    url: str = server.url(await server.create())
    await make_things(url)
    return url


@pytest.fixture
async def one(url: str) -> AsyncIterator[Database]:
    """A pool of one connection: whoever spoils it is found out by the next."""
    async with open_database(url, size=1, slow_s=600) as database:
        yield database


@pytest.fixture
def state(state_folder: Path) -> Iterator[StateFolder]:
    with open_state(state_folder) as state:
        yield state


@pytest.fixture
def ns() -> str:
    return new_id("ns")


async def add(tx: Transaction, name: str) -> None:
    await tx.run(ADD, namespace_id=tx.namespace_id, name=name)


async def names(database: Database, namespace_id: str) -> list[str]:
    async with database.transaction(namespace_id) as tx:
        return [row["name"] for row in await tx.rows(NAMES)]


async def test_keeps_what_a_block_did(one: Database, ns: str) -> None:
    async with one.transaction(ns) as tx:
        await add(tx, "a")

    assert await names(one, ns) == ["a"]


async def test_a_block_that_asks_nothing_tells_the_server_nothing(one: Database, url: str) -> None:
    async with one.transaction() as tx:
        pid = await tx.value(BACKEND)
    async with one.transaction(), open_database(url, size=1) as other:
        sql = "SELECT state FROM pg_stat_activity WHERE pid = $1"
        state = await other.value(sql, [pid])

    assert state == "idle"


async def test_a_script_begins_the_transaction_and_tells_how_many_rows_it_found(
    one: Database, ns: str
) -> None:
    async with one.transaction(ns) as tx:
        await add(tx, "a")
    async with one.transaction(ns) as tx:
        found = await tx.run_script("SELECT 1", "SELECT FROM things WHERE name = 'a'")
        missed = await tx.run_script("SELECT FROM things WHERE name = 'b'")
        is_begun = tx.is_begun

    assert (found, missed, is_begun) == (1, 0, True)


async def test_a_script_that_fails_undoes_the_block(one: Database, ns: str) -> None:
    async def work() -> None:
        async with one.transaction(ns) as tx:
            await tx.run_script("SELECT 1", "SELECT 1 / 0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await work()
    async with one.transaction(ns) as tx:
        await add(tx, "a")
    assert await names(one, ns) == ["a"]


async def test_a_change_by_one_statement_is_kept_at_once(one: Database, ns: str) -> None:
    assert await one.change(ADD_ALONE, namespace_id=ns, name="a") == "a"
    assert await names(one, ns) == ["a"]


async def test_a_change_that_changes_nothing_returns_nothing(one: Database, ns: str) -> None:
    assert await one.change(ADD_ALONE, namespace_id=ns, name="") is None
    assert await names(one, ns) == []


async def test_a_change_that_fails_is_undone(one: Database, ns: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await one.change(ADD_ALONE, namespace_id=ns, name="a" * 100)

    assert await names(one, ns) == []


async def test_a_change_whose_connection_is_lost_is_an_outage(one: Database, ns: str) -> None:
    with pytest.raises(Unavailable, match="no answer"):
        await one.change(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    assert await names(one, ns) == []


async def test_undoes_what_a_block_did_that_raises(
    one: Database, ns: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with one.transaction(ns) as tx:
            await add(tx, "a")
            raise NotFound("no such thing")

    with pytest.raises(NotFound, match="no such thing"):
        await work()

    assert await names(one, ns) == []
    assert not caplog.records


async def test_does_not_pretend_to_have_kept_what_postgresql_undid(one: Database, ns: str) -> None:
    async def work() -> None:
        async with one.transaction(ns) as tx:
            await add(tx, "a")
            with suppress(asyncpg.CheckViolationError):
                await add(tx, "long" * 100)

    with pytest.raises(RuntimeError, match="nothing was kept"):
        await work()

    assert await names(one, ns) == []


async def test_a_constraint_that_is_checked_at_the_end_is_told_of(one: Database, ns: str) -> None:
    async def work() -> None:
        async with one.transaction(ns) as tx:
            await tx.run(text("SET CONSTRAINTS ALL DEFERRED"))
            await add(tx, "a")
            await add(tx, "a")

    with pytest.raises(asyncpg.UniqueViolationError):
        await work()

    assert await names(one, ns) == []


async def test_a_namespace_sees_and_writes_its_own_rows_only(one: Database, ns: str) -> None:
    async with one.transaction(ns) as tx:
        await add(tx, "a")

    other = new_id("ns")
    assert await names(one, other) == []
    async with one.transaction() as tx:
        assert await tx.rows(NAMES) == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with one.transaction(other) as tx:
            await tx.run(ADD, namespace_id=ns, name="b")


async def test_the_namespace_ends_with_the_transaction(one: Database, ns: str) -> None:
    async with one.transaction(ns) as tx:
        assert tx.namespace_id == ns
        backend = await tx.value(BACKEND)
    with pytest.raises(NotFound):
        async with one.transaction(ns) as tx:
            raise NotFound("after the setting")

    async with one.connection() as connection:
        assert await connection.fetchval("SELECT pg_backend_pid()") == backend
        assert not await connection.fetchval("SELECT current_setting('app.namespace_id', true)")


@pytest.mark.parametrize("wrong", ["", "default", new_id("obj"), new_id("ns") + "'; DROP TABLE x"])
async def test_only_a_namespaces_id_is_taken_for_one(one: Database, wrong: str) -> None:
    with pytest.raises(ValueError, match="a namespace's id is needed"):
        async with one.transaction(wrong):
            pass


async def test_a_transaction_of_no_namespace_says_so(one: Database) -> None:
    async with one.transaction() as tx:
        with pytest.raises(RuntimeError, match="no namespace"):
            _ = tx.namespace_id


async def test_values_go_in_and_come_out_as_python_objects(one: Database, ns: str) -> None:
    data = {"z": [1, 2.5, None, "ü"], "a": {}}
    async with one.transaction(ns) as tx:
        assert await tx.run(ADD, namespace_id=ns, name="a", data=data) == 1
        await tx.run_many(
            ADD, [{"namespace_id": ns, "name": name, "data": []} for name in ("b", "c")]
        )

        assert await tx.value(select(THINGS.c.data).where(THINGS.c.name == "a")) == data
        row = await tx.row(select(THINGS.c.name, THINGS.c.data).where(THINGS.c.name == "b"))
        assert row is not None
        assert dict(row) == {"name": "b", "data": []}
        wanted = THINGS.c.name == any_(bindparam("wanted", type_=ARRAY(Text)))
        assert len(await tx.rows(NAMES.where(wanted), wanted=["a", "c", "x"])) == 2
        assert await tx.row(NAMES.where(THINGS.c.name == "x")) is None
        assert await tx.value(NAMES.where(THINGS.c.name == "x")) is None
        assert await tx.run(text("DELETE FROM things WHERE name <> 'a'")) == 2
        assert await tx.run(text("SET CONSTRAINTS ALL IMMEDIATE")) == 0


async def test_a_cancelled_block_is_undone_and_gives_its_connection_back(
    one: Database, ns: str
) -> None:
    inside = asyncio.Event()
    async with one.transaction() as tx:
        backend = await tx.value(BACKEND)

    async def work() -> None:
        async with one.transaction(ns) as tx:
            await add(tx, "a")
            inside.set()
            await tx.value(SLEEP, seconds=60)

    task = asyncio.create_task(work())
    await inside.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with asyncio.timeout(5):
        assert await names(one, ns) == []
        async with one.transaction() as tx:
            assert await tx.value(BACKEND) == backend


async def test_who_is_cancelled_while_waiting_takes_no_connection(one: Database, ns: str) -> None:
    async with one.transaction(ns):
        waiting = asyncio.create_task(names(one, ns))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    async with asyncio.timeout(5):
        assert await names(one, ns) == []


async def test_a_server_that_falls_silent_does_not_hold_a_cancelled_caller(
    one: Database, ns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "ROLLBACK_TIMEOUT_S", 0.1)
    async with one.transaction() as tx:
        backend = await tx.value(BACKEND)

    begun = asyncio.get_running_loop().time()
    os.kill(backend, signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await names(one, ns)

        assert await names(one, ns) == []
        assert asyncio.get_running_loop().time() - begun < connecting.STATEMENT_TIMEOUT_S / 2
    finally:
        os.kill(backend, signal.SIGCONT)


async def test_a_cancelled_reader_learns_of_nothing_else(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CLOSE_TIMEOUT_S", 0.5)
    async with open_database(url, size=1) as database:
        inside = asyncio.Event()
        backend = 0

        async def read() -> None:
            nonlocal backend
            async with database.connection() as connection:
                backend = await connection.fetchval("SELECT pg_backend_pid()")
                os.kill(backend, signal.SIGSTOP)
                inside.set()
                await connection.fetchval("SELECT 1")

        task = asyncio.create_task(read())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        os.kill(backend, signal.SIGCONT)
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def test_a_statement_that_takes_too_long_is_given_up(
    url: str, ns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "STATEMENT_TIMEOUT_S", 0.2)
    async with open_database(url, size=1) as database:
        with pytest.raises(Unavailable):
            async with database.transaction(ns) as tx:
                await tx.value(SLEEP, seconds=60)

        assert await names(database, ns) == []


async def test_when_all_connections_are_taken_the_caller_is_told(url: str, ns: str) -> None:
    async with open_database(url, size=1, patience_s=0.1) as one:
        async with one.transaction(ns):
            with pytest.raises(Unavailable, match="no connection"):
                await names(one, ns)

        assert await names(one, ns) == []


@pytest.mark.parametrize("pause", [0, 0.05], ids=["farewell unread", "farewell read"])
async def test_a_connection_that_is_lost_is_replaced(
    one: Database, url: str, ns: str, pause: float
) -> None:
    other = await asyncpg.connect(url)

    async def work() -> None:
        async with one.transaction(ns) as tx:
            await add(tx, "a")
            await other.execute("SELECT pg_terminate_backend($1)", await tx.value(BACKEND))
            await asyncio.sleep(pause)
            await tx.value(SLEEP, seconds=60)

    with pytest.raises(Unavailable):
        await work()

    await other.close()
    assert await names(one, ns) == []


@pytest.mark.parametrize("pause", [0, 0.05], ids=["farewell unread", "farewell read"])
async def test_a_connection_that_is_lost_while_reading_is_replaced(
    one: Database, url: str, pause: float
) -> None:
    other = await asyncpg.connect(url)

    async def read() -> None:
        async with one.connection() as connection:
            backend = await connection.fetchval("SELECT pg_backend_pid()")
            await other.execute("SELECT pg_terminate_backend($1)", backend)
            await asyncio.sleep(pause)
            await connection.fetchval("SELECT 1")

    for _ in range(10):  # chance decides what has arrived by then
        with pytest.raises(Unavailable):
            await read()
        async with one.connection() as connection:
            assert await connection.fetchval("SELECT 1") == 1

    await other.close()


async def test_a_server_that_takes_no_changes_is_an_outage(one: Database, ns: str) -> None:
    """It was the primary, perhaps: who connects anew comes to the one that is."""
    for _ in range(2):
        async with one.connection() as connection:
            await connection.execute("SET default_transaction_read_only = on")
        with pytest.raises(Unavailable):
            async with one.transaction(ns) as tx:
                await add(tx, "a")

    async with one.transaction(ns) as tx:
        await add(tx, "b")
    assert await names(one, ns) == ["b"]
    assert one.outages == {"answer": 2}


async def test_reads_one_value_again_and_again_on_one_connection(one: Database) -> None:
    backends = {await one.value("SELECT pg_backend_pid() + $1", [each]) for each in (0, 0, 0)}

    assert len(backends) == 1
    assert await one.value("SELECT 1 WHERE $1", [False]) is None


async def test_reads_are_planned_once_and_the_statements_of_services_with_their_values(
    one: Database, ns: str
) -> None:
    read = "SELECT count(*) FROM things WHERE name = $1"
    find = select(func.count()).where(THINGS.c.name == bindparam("name"))
    for name in ("a", "b", "c"):
        await one.value(read, [name])
        async with one.transaction(ns) as tx:
            await tx.value(find, name=name)

    async with one.connection() as connection:
        plans = await connection.fetch(
            "SELECT custom_plans, generic_plans FROM pg_prepared_statements"
            " WHERE statement LIKE 'SELECT count(*)%' ORDER BY prepare_time"
        )
    assert [tuple(each) for each in plans] == [(0, 3), (3, 0)]


async def test_a_fault_in_a_statement_is_no_outage(one: Database) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        await one.value("SELECT 1 / $1", [0])
    with pytest.raises(asyncpg.DataError):
        await one.value("SELECT 1 / $1", ["no number"])

    assert await one.value("SELECT 1 / $1", [1]) == 1


@pytest.mark.parametrize("pause", [0, 0.05], ids=["farewell unread", "farewell read"])
async def test_a_connection_that_is_lost_between_two_values_is_replaced(
    one: Database, url: str, pause: float
) -> None:
    other = await asyncpg.connect(url)

    for _ in range(10):  # chance decides what has arrived by then
        backend = await one.value("SELECT pg_backend_pid()", [])
        await other.execute("SELECT pg_terminate_backend($1)", backend)
        await asyncio.sleep(pause)
        with suppress(Unavailable):
            assert await one.value("SELECT pg_backend_pid()", []) != backend
        assert await one.value("SELECT pg_backend_pid()", []) != backend

    await other.close()


async def test_a_connection_that_is_lost_in_a_statement_is_told_of(one: Database, url: str) -> None:
    other = await asyncpg.connect(url)
    backend = await one.value("SELECT pg_backend_pid()", [])

    reading = asyncio.create_task(one.value("SELECT pg_sleep(60)", []))
    await asyncio.sleep(0)
    await other.execute("SELECT pg_terminate_backend($1)", backend)
    with pytest.raises(Unavailable):
        await reading

    await other.close()
    assert await one.value("SELECT 1", []) == 1


async def test_a_value_that_takes_too_long_is_given_up(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "STATEMENT_TIMEOUT_S", 0.2)
    async with open_database(url, size=1) as database:
        with pytest.raises(Unavailable):
            await database.value("SELECT pg_sleep(60)", [])

        assert await database.value("SELECT 1", []) == 1


async def test_a_server_that_falls_silent_holds_no_reader(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "STATEMENT_TIMEOUT_S", 0.2)
    async with open_database(url, size=1) as database:
        backend = await database.value("SELECT pg_backend_pid()", [])
        os.kill(backend, signal.SIGSTOP)
        try:
            async with asyncio.timeout(10):
                with pytest.raises(Unavailable):
                    await database.value("SELECT 1", [])
        finally:
            os.kill(backend, signal.SIGCONT)

        assert await database.value("SELECT 1", []) == 1


async def test_a_cancelled_reader_gives_the_connection_back(one: Database) -> None:
    backend = await one.value("SELECT pg_backend_pid()", [])
    reading = asyncio.create_task(one.value("SELECT pg_sleep(60)", []))
    await asyncio.sleep(0)

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    async with asyncio.timeout(5):
        assert await one.value("SELECT pg_backend_pid()", []) == backend


async def test_one_of_two_that_wait_for_each_other_is_told_to_try_again(url: str, ns: str) -> None:
    lock = select(func.pg_advisory_xact_lock(bindparam("key")))
    both = asyncio.Barrier(2)
    async with open_database(url, size=2) as database:

        async def work(first: int, second: int) -> None:
            async with database.transaction(ns) as tx:
                await tx.value(lock, key=first)
                await add(tx, str(first))
                await both.wait()
                await tx.value(lock, key=second)

        results = await asyncio.gather(work(1, 2), work(2, 1), return_exceptions=True)

        assert [type(each) for each in results if each] == [Unavailable]
        assert len(await names(database, ns)) == 1


async def test_a_table_that_a_migration_changes_is_read_anew(
    one: Database, url: str, ns: str
) -> None:
    everything = text("SELECT * FROM things")
    async with one.transaction(ns) as tx:
        await tx.rows(everything)
    other = await asyncpg.connect(url)
    await other.execute("ALTER TABLE things ADD COLUMN more text")

    with pytest.raises(Unavailable):
        async with one.transaction(ns) as tx:
            await tx.rows(everything)
    async with one.transaction(ns) as tx:
        assert await tx.rows(everything) == []

    await other.execute("ALTER TABLE things DROP COLUMN more")
    await other.close()


async def test_a_value_of_a_table_that_a_migration_changes_is_read_anew(
    one: Database, url: str
) -> None:
    first = "SELECT * FROM (SELECT) none LEFT JOIN things ON false"
    assert await one.value(first, []) is None
    other = await asyncpg.connect(url)
    await other.execute("ALTER TABLE things ADD COLUMN more text")

    assert await one.value(first, []) is None

    await other.execute("ALTER TABLE things DROP COLUMN more")
    await other.close()


async def test_who_is_cancelled_as_a_statement_is_given_up_is_cancelled(one: Database) -> None:
    lent: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def read() -> None:
        async with one.connection() as connection:
            lent.set_result(connection)
            await connection.fetchval("SELECT pg_sleep(60)")

    reading = asyncio.create_task(read())
    (await lent).give_up()
    reading.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await one.value("SELECT 1", []) == 1


async def test_the_blocks_own_trouble_with_files_is_not_the_databases(one: Database) -> None:
    with pytest.raises(FileNotFoundError):
        async with one.transaction():
            Path("/no/such/file").read_text()


async def test_says_that_the_server_is_gone_and_goes_on_when_it_is_back(
    state: StateFolder, ns: str
) -> None:
    address = state.path / "socket"
    with open_postgres(state, settings=TESTING) as server:
        await make_things(server.url)
        address.symlink_to((state.path / "postgres.socket").read_text())
        url = server.url.replace(str(address.readlink()), str(address))
        opened = open_database(url, size=2)
        database = await opened.__aenter__()
        async with database.transaction(ns) as tx:
            await add(tx, "a")

    for _ in range(3):
        with pytest.raises(Unavailable):
            async with asyncio.timeout(2):
                await names(database, ns)

    with open_postgres(state, settings=TESTING):
        address.unlink()
        address.symlink_to((state.path / "postgres.socket").read_text())
        assert await names(database, ns) == ["a"]
        await opened.__aexit__(None, None, None)


async def test_a_server_that_stops_inside_a_block_is_told_of(state: StateFolder, ns: str) -> None:
    with open_postgres(state, settings=TESTING) as server:
        async with open_database(server.url) as database:

            async def work() -> None:
                async with database.transaction(ns) as tx:
                    await asyncio.to_thread(server.stop)
                    await tx.value(BACKEND)

            with pytest.raises(Unavailable):
                await work()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://gateway:hush@/gateway?host=/no/such/folder",
        "postgresql://gateway:hush@127.0.0.1:1/gateway",
        "mysql://gateway:hush@localhost/gateway",
    ],
)
async def test_a_database_that_cannot_be_reached_is_told_of_at_once(url: str) -> None:
    with pytest.raises(Unavailable, match="cannot connect to the database") as raised:
        async with open_database(url):
            pass

    assert "hush" not in str(raised.value)


async def test_a_wrong_password_is_told_of_and_not_told(fresh_database_url: str) -> None:
    password = fresh_database_url.split(":")[2].split("@")[0]

    with pytest.raises(Unavailable, match="password authentication failed") as raised:
        async with open_database(fresh_database_url.replace(password, "hush")):
            pass

    assert "hush" not in str(raised.value)


async def test_a_url_may_name_sqlalchemys_driver(fresh_database_url: str) -> None:
    url = fresh_database_url.replace("postgresql://", "postgresql+asyncpg://")

    async with open_database(url) as database, database.transaction() as tx:
        assert await tx.value(select(func.current_user())) == "gateway"
