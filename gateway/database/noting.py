"""Connections that tell of each of their statements, and end those that take too long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from time import perf_counter
from typing import Any, TypeVar, cast

import asyncpg

from gateway.database.lending import Connection
from gateway.observing.statements import Statements
from gateway.timers import Timers

Method = TypeVar("Method", bound=Callable[..., Awaitable[Any]])


def _noted(method: Method) -> Method:
    @wraps(method)
    async def run(self: NotedConnection, query: str, *args: Any, **options: Any) -> Any:
        started_at = perf_counter()
        self.begin()
        try:
            found = await method(self, query, *args, **options)
        except BaseException as error:
            if self.end() and isinstance(error, asyncio.CancelledError):
                late = TimeoutError()
                self.statements.ended(query, started_at, late)
                raise late from error
            self.statements.ended(query, started_at, error)
            raise
        self.end()
        self.statements.ended(query, started_at)
        return found

    return cast(Method, run)


class NotedConnection(Connection):
    """A connection whose statements are noted; asyncpg's own loggers cost 2 us for each.

    Nor has it asyncpg's ``command_timeout``, which makes a timer for each of them (decision 0020).
    """

    # Given when it is opened.
    statements: Statements
    patience: Timers[NotedConnection]

    _task: asyncio.Task[object] | None
    _cancelled_before: int
    _is_late = False

    execute = _noted(asyncpg.Connection.execute)
    executemany = _noted(asyncpg.Connection.executemany)
    fetch = _noted(asyncpg.Connection.fetch)
    fetchrow = _noted(asyncpg.Connection.fetchrow)
    fetchval = _noted(asyncpg.Connection.fetchval)

    def begin(self) -> None:
        """Let the time of a statement begin, in the task that waits for it."""
        self._task = task = asyncio.current_task()
        self._cancelled_before = task.cancelling() if task else 0
        self.patience.begin(self)

    def end(self) -> bool:
        """Let it be over; tell whether it was cancelled because its time was up."""
        self.patience.end(self)
        task, self._task = self._task, None
        if not self._is_late or task is None:
            return False
        self._is_late = False
        # Somebody else may have cancelled it as well, as when the gateway ends.
        return task.uncancel() <= self._cancelled_before

    def give_up(self) -> None:
        """Cancel the statement: its time is up."""
        if self._task is not None:
            self._is_late = True
            self._task.cancel()
