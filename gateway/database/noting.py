"""Connections that tell of each of their statements."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from time import perf_counter
from typing import Any, TypeVar, cast

import asyncpg

from gateway.database.lending import Connection
from gateway.observing.statements import Statements

Method = TypeVar("Method", bound=Callable[..., Awaitable[Any]])


def _noted(method: Method) -> Method:
    @wraps(method)
    async def run(self: NotedConnection, query: str, *args: Any, **options: Any) -> Any:
        started_at = perf_counter()
        try:
            found = await method(self, query, *args, **options)
        except BaseException as error:
            self.statements.ended(query, started_at, error)
            raise
        self.statements.ended(query, started_at)
        return found

    return cast(Method, run)


class NotedConnection(Connection):
    """A connection whose statements are noted; asyncpg's own loggers cost 2 us for each."""

    statements: Statements  # given when it is opened

    execute = _noted(asyncpg.Connection.execute)
    executemany = _noted(asyncpg.Connection.executemany)
    fetch = _noted(asyncpg.Connection.fetch)
    fetchrow = _noted(asyncpg.Connection.fetchrow)
    fetchval = _noted(asyncpg.Connection.fetchval)
