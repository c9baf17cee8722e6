"""Says what is wrong with what somebody was told, by what the objects have become."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from tests.ordering import misordered

# Of an event: the number of its object, and the version that it brought.
Told = tuple[int, int]


class Verdict(NamedTuple):
    """How many events of one subscriber were not as they should be."""

    lost: int
    twice: int
    invented: int
    misordered: int


RIGHT = Verdict(0, 0, 0, 0)


def number_of(object_id: str) -> int:
    return int(object_id.removeprefix("obj_"))


async def wanted(sql: asyncpg.Connection, namespace_id: str) -> set[Told]:
    """Return all that happened to the objects of a namespace after they were made.

    Each change that was committed raised a version by one, so the versions tell of all of them.
    """
    rows = await sql.fetch("SELECT id, version FROM objects WHERE namespace_id = $1", namespace_id)
    return {
        (number_of(row["id"]), version) for row in rows for version in range(2, row["version"] + 1)
    }


def judge(wanted: set[Told], told: Sequence[Told]) -> Verdict:
    """Compare what was told with what happened."""
    different = set(told)
    return Verdict(
        lost=len(wanted - different),
        twice=len(told) - len(different),
        invented=len(different - wanted),
        misordered=misordered(told),
    )
