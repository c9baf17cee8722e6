"""The transaction that services write in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
from sqlalchemy.sql import ClauseElement

from gateway.database.ids import prefix_of
from gateway.database.lending import Connection
from gateway.database.statements import compiled

# A statement of a service may be about one row or about many, as its values say: PostgreSQL plans
# it with them, until it finds that they make no difference. Reads are planned once (decision 0008).
_BEGIN = "BEGIN; SET LOCAL plan_cache_mode = auto"


class RollBack(Exception):
    """Ends a transaction of which nothing is to be kept; whoever raises it catches it again."""


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


def begin_in(namespace_id: str | None) -> str:
    """Return what begins a transaction in a namespace, or in none."""
    if namespace_id is None:
        return _BEGIN
    if prefix_of(namespace_id) != "ns":
        raise ValueError("a namespace's id is needed")
    return f"{_BEGIN}; SET LOCAL app.namespace_id = '{namespace_id}'"
