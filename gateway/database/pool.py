"""The pool of connections that a process has."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy.sql import ClauseElement

from gateway import deadline
from gateway.database import connecting
from gateway.database.lending import MOST_WAITING, Connection, Lender, QueueFull
from gateway.database.outages import ANY_FAILURE, TAKES_NO_CHANGES, is_outage
from gateway.database.statements import compiled
from gateway.database.transaction import Transaction, begin_in
from gateway.errors import Unavailable
from gateway.observing.statements import SLOW_S, Statements

QUEUE_TIMEOUT_S = 5.0  # to get a free connection from the pool
ROLLBACK_TIMEOUT_S = 3.0
CLOSE_TIMEOUT_S = 5.0

Connect = Callable[[Mapping[str, str]], Awaitable[asyncpg.Connection]]


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
        begin = begin_in(namespace_id)
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
            if is_outage(error, connection):
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
        passes = is_outage(error, connection)
        if isinstance(error, TAKES_NO_CHANGES):
            _terminate(connection)  # where it leads there may be another server by now
        await self._discard(connection)
        if passes:
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


@asynccontextmanager
async def open_database(
    url: str,
    *,
    size: int = 10,
    most_waiting: int = MOST_WAITING,
    patience_s: float = QUEUE_TIMEOUT_S,
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
    try:
        pool = await connecting.create_pool(url, size=size, statements=statements)
    except ANY_FAILURE as error:
        raise Unavailable(f"cannot connect to the database: {error}") from error
    lender = Lender(pool, size, patience_s=patience_s, most_waiting=most_waiting)
    database = Database(lender, partial(connecting.connect, url), statements)
    try:
        yield database
    finally:
        await database.close()
        # Asks each connection to end; asyncpg cuts those that have not by then.
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await pool.close()
