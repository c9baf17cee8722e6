"""The pool of connections, and the transaction that services write in."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import orjson
from sqlalchemy.sql import ClauseElement

from gateway import deadline
from gateway.database.ids import prefix_of
from gateway.database.lending import MOST_WAITING, Connection, Lender, QueueFull
from gateway.database.noting import NotedConnection
from gateway.database.statements import compiled
from gateway.errors import Unavailable
from gateway.observing.statements import SLOW_S, Statements
from gateway.timers import Timers

CONNECT_TIMEOUT_S = 5.0  # to open the first connection, or to get a free one from the pool
STATEMENT_TIMEOUT_S = 30.0
ROLLBACK_TIMEOUT_S = 3.0

# A statement of a service may be about one row or about many, as its values say: PostgreSQL plans
# it with them, until it finds that they make no difference. Reads are planned once (decision 0008).
_BEGIN = "BEGIN; SET LOCAL plan_cache_mode = auto"

# What passes by itself: the server stops, starts, is full, or undid one of two transactions.
_PASSING = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidCachedStatementError,  # a migration changed the table; asyncpg now knows
    asyncpg.OutdatedSchemaCacheError,
    TimeoutError,
)
# What may come of a connection's end, or of a fault of ours.
_PERHAPS_LOST = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)
ANY_FAILURE = (*_PERHAPS_LOST, asyncpg.PostgresError)


_SERVER_SETTINGS = {
    "TimeZone": "UTC",  # PostgreSQL then writes moments as RFC 3339 in UTC
    "jit": "off",  # nested reads: 3 ms against 219 ms with it
    "plan_cache_mode": "force_generic_plan",  # a read: planning takes as long as it
    "application_name": "lineage-gateway",
}

Connect = Callable[[Mapping[str, str]], Awaitable[asyncpg.Connection]]


def _to_json(value: Any) -> str:
    return orjson.dumps(value).decode()


async def prepare_connection(connection: asyncpg.Connection) -> None:
    """Make a connection take and give JSON columns as Python values."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=_to_json, decoder=orjson.loads
        )


class Transaction:
    """One transaction on one connection, in a namespace or, for the gateway's own tables, in none.

    Values are given by the names of the statement's bind parameters. A dict or list bound to a
    JSON column is sent as JSON; an enum of words is a string.
    """

    def __init__(self, connection: Connection, namespace_id: str | None, begin: str) -> None:
        self._connection = connection
        self._namespace_id = namespace_id
        self._begin: str | None = begin  # sent with the first statement, or just before it

    @property
    def is_begun(self) -> bool:
        """Whether the server knows of it."""
        return self._begin is None

    @property
    def namespace_id(self) -> str:
        """The namespace that row level security lets this transaction see and write."""
        if self._namespace_id is None:
            raise RuntimeError("this transaction has no namespace")
        return self._namespace_id

    async def rows(self, statement: ClauseElement, /, **values: Any) -> list[asyncpg.Record]:
        """Return all rows."""
        sql = compiled(statement)
        if self._begin is not None:
            await self.run_script()
        return await self._connection.fetch(sql.sql, *sql.arguments(values))

    async def row(self, statement: ClauseElement, /, **values: Any) -> asyncpg.Record | None:
        """Return the first row, None if there is none."""
        sql = compiled(statement)
        if self._begin is not None:
            await self.run_script()
        return await self._connection.fetchrow(sql.sql, *sql.arguments(values))

    async def value(self, statement: ClauseElement, /, **values: Any) -> Any:
        """Return the first column of the first row, None if there is none."""
        sql = compiled(statement)
        if self._begin is not None:
            await self.run_script()
        return await self._connection.fetchval(sql.sql, *sql.arguments(values))

    async def run(self, statement: ClauseElement, /, **values: Any) -> int:
        """Run a statement that returns nothing; return how many rows it touched."""
        sql = compiled(statement)
        if self._begin is not None:
            await self.run_script()
        return _count(await self._connection.execute(sql.sql, *sql.arguments(values)))

    async def run_many(self, statement: ClauseElement, values: Sequence[dict[str, Any]], /) -> None:
        """Run a statement once for each set of values, in one round trip or few."""
        sql = compiled(statement)
        if self._begin is not None:
            await self.run_script()
        await self._connection.executemany(sql.sql, [sql.arguments(each) for each in values])

    async def run_script(self, *statements: str) -> int:
        """Run SQL by hand in one message, that of the BEGIN if nothing came before.

        Each statement sees what was committed before it, as if it had a message of its own. None
        takes values: what it names must be ids, which are known by their shape.

        Returns:
            How many rows the last one touched or found.
        """
        begin = () if self._begin is None else (self._begin,)
        self._begin = None
        return _count(await self._connection.execute("; ".join((*begin, *statements))))


def _count(tag: str) -> int:
    """Return the number at the end of what the server says of a statement, as in "SELECT 1"."""
    count = tag.rpartition(" ")[2]
    return int(count) if count.isdigit() else 0


class Database:
    """The one pool of a process; reads and writes share it.

    ``on_commit`` is called after each commit of a change in a namespace.
    """

    def __init__(
        self, lender: Lender, connect: Connect, statements: Statements | None = None
    ) -> None:
        self.lender = lender
        self._connect = connect
        self.on_commit: Callable[[], None] = _nothing
        self.statements = statements or Statements()
        # What was told as UNAVAILABLE, by what was missing.
        self.outages: Counter[str] = Counter()
        self.is_silent = False
        self._own: set[asyncpg.Connection] = set()

    @property
    def is_used(self) -> bool:
        """Whether somebody has a connection, of the pool or beside it."""
        return bool(self._own or self.lender.used())

    def give_up(self) -> None:
        """End all connections, whatever they wait for; refuse everything while ``is_silent``."""
        self.is_silent = True
        self.lender.give_up()
        for connection in self._own:
            _terminate(connection)

    @asynccontextmanager
    async def transaction(
        self, namespace_id: str | None = None, *, is_look: bool = False
    ) -> AsyncIterator[Transaction]:
        """Open a transaction; commit at the end of the block, roll back if it raises.

        Args:
            is_look: Whether it changes nothing.

        Raises:
            Unavailable: PostgreSQL gives no answer. Nothing was changed, unless it fell silent
                during COMMIT: then nobody knows.
        """
        begin = _BEGIN
        if namespace_id is not None:
            if prefix_of(namespace_id) != "ns":
                raise ValueError("a namespace's id is needed")
            begin = f"{_BEGIN}; SET LOCAL app.namespace_id = '{namespace_id}'"
        async with self.connection() as connection:
            tx = Transaction(connection, namespace_id, begin)
            try:
                yield tx
                if not tx.is_begun:
                    return
                if not is_look:
                    deadline.note_change()
                outcome = await connection.execute("COMMIT")
            except BaseException:
                if tx.is_begun:
                    await _roll_back(connection)
                raise
            if outcome != "COMMIT":
                raise RuntimeError(
                    "nothing was kept: a statement had failed, and the block went on in spite of it"
                )
            if namespace_id is not None and not is_look:
                self.on_commit()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection from the pool.

        Raises:
            Unavailable: no connection is to be had, or it was lost inside the block.
        """
        connection = await self._take()
        try:
            yield connection
        except BaseException as error:
            await self._fail(connection, error)
            raise
        if connection.is_closed() or connection.is_in_transaction():
            await self._discard(connection)
        else:
            self.lender.give_back(connection)

    @asynccontextmanager
    async def own_connection(self, **settings: str) -> AsyncIterator[asyncpg.Connection]:
        """Open a connection beside the pool, for who keeps it; it ends with the block.

        Args:
            settings: The server's, for this connection.

        Raises:
            Unavailable: it cannot be opened, or was lost inside the block.
        """
        try:
            connection = await self._connect(settings)
        except ANY_FAILURE as error:
            raise Unavailable(f"cannot connect to the database: {error}") from error
        connection.add_query_logger(self._note_answer)
        self._own.add(connection)
        try:
            yield connection
        except BaseException as error:
            if _is_outage(error, connection):
                raise Unavailable("the database gives no answer; try again") from error
            raise
        finally:
            self._own.discard(connection)
            _terminate(connection)  # whatever it holds is free at once, also if nobody answers

    def _note_answer(self, query: asyncpg.connection.LoggedQuery) -> None:
        """Count it as a sign of life, and no more: what is asked so is asked all the time."""
        if query.exception is None:
            self.statements.answered += 1

    async def value(self, sql: str, arguments: Sequence[Any]) -> Any:
        """Return the one value of a statement that is a transaction of its own.

        The same as in a block of ``connection``, without the block: most of what is asked of the
        database is asked here, and each generator on the way takes as long as the socket.

        Raises:
            Unavailable: PostgreSQL gives no answer.
        """
        connection = await self._take()
        try:
            value = await connection.fetchval(sql, *arguments)
        except BaseException as error:
            await self._fail(connection, error)
            raise
        self.lender.give_back(connection)
        return value

    async def change(self, statement: ClauseElement, /, **values: Any) -> Any:
        """Change something in a namespace by one statement, and commit it; return its one value.

        That takes one message instead of the three of a transaction. The statement has to set the
        namespace, and to return something unless it changes nothing.

        Raises:
            Unavailable: PostgreSQL gives no answer. Nobody knows whether something was changed.
        """
        sql = compiled(statement)
        connection = await self._take()
        before = deadline.note_change()
        try:
            value = await connection.fetchval(sql.sql, *sql.arguments(values))
        except BaseException as error:
            await self._fail(connection, error)
            raise
        self.lender.give_back(connection)
        if value is None:
            deadline.note_change(before)
        else:
            self.on_commit()
        return value

    async def _take(self) -> Connection:
        if self.is_silent:
            self.outages["silence"] += 1
            raise Unavailable("the database gives no answer; try again")
        try:
            return await self.lender.take()
        except QueueFull as error:
            self.outages["queue"] += 1
            raise Unavailable("too many requests wait for the database; try again") from error
        except ANY_FAILURE as error:
            self.outages["connection"] += 1
            raise Unavailable("the database gives no connection; try again") from error

    async def _fail(self, connection: Connection, error: BaseException) -> None:
        """Let go of a connection that something happened to.

        Raises:
            Unavailable: it happened to the server, or passes by itself.
        """
        is_outage = _is_outage(error, connection)
        await self._discard(connection)
        if is_outage:
            self.outages["answer"] += 1
            raise Unavailable("the database gives no answer; try again") from error

    async def _discard(self, connection: Connection) -> None:
        # asyncpg closes one that cannot be reset, and opens another in its place.
        with suppress(*ANY_FAILURE):
            await self.lender.discard(connection)

    async def close(self) -> None:
        """Let go of all connections that nobody uses."""
        with suppress(*ANY_FAILURE):
            await self.lender.close()


def _nothing() -> None:
    """Take note of nothing."""


def _is_outage(error: BaseException, connection: asyncpg.Connection) -> bool:
    return isinstance(error, _PASSING) or (
        isinstance(error, _PERHAPS_LOST) and connection.is_closed()
    )


async def _roll_back(connection: Connection) -> None:
    """Leave the transaction, if need be by ending the connection: a silent server holds nobody."""
    try:
        # Not as the statement's own: that begins when one that was cancelled has ended.
        async with asyncio.timeout(ROLLBACK_TIMEOUT_S):
            await connection.execute("ROLLBACK")
    except ANY_FAILURE:
        _terminate(connection)
    except BaseException:
        _terminate(connection)
        raise


def _terminate(connection: asyncpg.Connection) -> None:
    if not connection.is_closed():
        connection.terminate()


def plain_url(url: str) -> str:
    """Return the URL as asyncpg reads it: without the driver's name that SQLAlchemy puts in."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


@asynccontextmanager
async def open_database(
    url: str,
    *,
    size: int = 10,
    most_waiting: int = MOST_WAITING,
    patience_s: float = CONNECT_TIMEOUT_S,
    slow_s: float = SLOW_S,
) -> AsyncIterator[Database]:
    """Connect to PostgreSQL at ``url`` with a pool of up to ``size`` connections.

    Args:
        most_waiting: How many may wait for a connection; more are refused at once.
        patience_s: How long each of them waits.
        slow_s: From which duration on a statement is logged.

    Raises:
        Unavailable: the server cannot be reached, or refuses the name or the password.
    """
    statements = Statements(slow_s=slow_s)
    patience = Timers[NotedConnection](STATEMENT_TIMEOUT_S, NotedConnection.give_up)

    async def connect(settings: Mapping[str, str]) -> asyncpg.Connection:
        return await asyncpg.connect(
            plain_url(url),
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=STATEMENT_TIMEOUT_S,
            server_settings=_SERVER_SETTINGS | dict(settings),
        )

    async def prepare(connection: Any) -> None:
        connection.statements = statements
        connection.patience = patience
        await prepare_connection(connection)

    try:
        pool = await asyncpg.create_pool(
            plain_url(url),
            min_size=1,
            max_size=size,
            connection_class=NotedConnection,
            init=prepare,
            timeout=CONNECT_TIMEOUT_S,
            # Text of a planned read can be long, and each is worth its plan.
            statement_cache_size=512,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,
            server_settings=_SERVER_SETTINGS,
        )
    except ANY_FAILURE as error:
        raise Unavailable(f"cannot connect to the database: {error}") from error
    lender = Lender(pool, size, patience_s=patience_s, most_waiting=most_waiting)
    database = Database(lender, connect, statements)
    try:
        yield database
    finally:
        await database.close()
        # Asks each connection to end; asyncpg cuts those that have not by then.
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await pool.close()
