"""Rows that the items of a list ask for in the same field, read by one statement for all items."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import orjson

from gateway.planner.rows import Rows
from gateway.planner.splice import Failure

# Reads one row or null for each id; as ``executor.read_rows``.
Read = Callable[[Rows], Awaitable[tuple[bytes | None, list[Failure]]]]


class Part(NamedTuple):
    """What one item asked for."""

    json: bytes | None
    failures: list[Failure]


class Gathered:
    """The rows of one field of all items.

    An executor completes the items of a list one after the other before it awaits what any of them
    needs. So when the first part is awaited, all have been asked for.
    """

    def __init__(self, read: Read, namespace_id: str | None) -> None:
        self._read = read
        self._namespace_id = namespace_id
        self._ids: list[str] = []
        self._task: asyncio.Task[tuple[list[Any], dict[int, list[Failure]]]] | None = None

    @property
    def is_open(self) -> bool:
        """Whether more can be asked for."""
        return self._task is None

    def ask(self, rows: Rows) -> slice:
        """Ask for more rows; return which of all they are."""
        start = len(self._ids)
        self._ids += rows.wanted_ids or ()
        return slice(start, len(self._ids))

    async def part(self, rows: Rows, place: slice) -> Part:
        """Return the rows that were asked for: as a list, or the one row or None."""
        if self._task is None:
            self._task = asyncio.create_task(self._read_all())
        values, failures = await self._task
        failed = [
            Failure(each.error, each.path if rows.ids is None else (index, *each.path))
            for index, position in enumerate(range(place.start, place.stop))
            for each in failures.get(position, ())
        ]
        mine = values[place]
        value = mine[0] if rows.ids is None else mine
        return Part(None if value is None else orjson.dumps(value), failed)

    async def _read_all(self) -> tuple[list[Any], dict[int, list[Failure]]]:
        all_rows = Rows.listed(self._ids)
        all_rows.namespace_id = self._namespace_id
        text, found = await self._read(all_rows) if self._ids else (b"[]", [])
        failures: dict[int, list[Failure]] = {}
        for error, (position, *path) in found:
            if isinstance(position, int):
                failures.setdefault(position, []).append(Failure(error, tuple(path)))
        return orjson.loads(text or b"[]"), failures
