"""Reading a row in the statement that makes it: one message to PostgreSQL in place of two.

To a statement the tables are as they were before it. What it makes stands in a WITH, and a WITH of
a table's name is read in the table's place. So the plan of a payload's field stays as it is and
finds the rows that are made, and no others. It must not need any.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import TextClause, text

from gateway.planner import sources
from gateway.planner.catalog import Catalog
from gateway.planner.rows import Rows
from gateway.planner.selection import TYPENAME, Selected

# A table whose rows are read, and the column in which they name the row above; of the row that is
# asked for, it is its own id.
Part = tuple[str, str]

_PARAMETER = re.compile(r"\$(\d+)")


class Reading(NamedTuple):
    """How a field of a payload will be read, and which rows that takes."""

    sql: str
    parameters: list[Any]
    parts: frozenset[Part]

    @property
    def values(self) -> dict[str, Any]:
        """The values of ``expression``."""
        return {f"read_{number}": value for number, value in enumerate(self.parameters, 1)}


# Returns how a field of a mutation's payload will be read, given its name and its rows; None where
# nobody knows yet, or they are not all that it reads.
FindReading = Callable[[str, Rows], Reading | None]


def find_reading_of(info: Any) -> FindReading | None:
    """Return what finds the readings of a mutation; None on the long road."""
    return getattr(info, "find_reading", None)


def expression(sql: str) -> TextClause:
    """Return a plan's statement as what a SELECT of SQLAlchemy may return."""
    escaped = sql.removeprefix("SELECT ").replace(":", r"\:")
    return text(_PARAMETER.sub(r":read_\1", escaped))


def parts_of(catalog: Catalog, type_name: str, selected: Selected) -> frozenset[Part] | None:
    """Return what is read of a row, by its id, and of rows that name it; None if more is."""
    table = catalog.types[type_name].planned.table
    below = _parts_below(catalog, type_name, selected)
    return None if table is None or below is None else below | {(table.name, "id")}


def _parts_below(catalog: Catalog, type_name: str, selected: Selected) -> frozenset[Part] | None:
    planned = catalog.types[type_name]
    if planned.planned.scope is not None:
        return None
    parts: frozenset[Part] = frozenset()
    for each in selected.fields[type_name]:
        if each.name == TYPENAME:
            continue
        field = planned.fields[each.name]
        match field.source:
            case sources.Column():
                continue
            case sources.Embedded(when=None):
                below = _parts_below(catalog, field.types[0], each)
            case sources.Listed(column=column):
                table = catalog.types[field.types[0]].planned.table
                below = _parts_below(catalog, field.types[0], each)
                if table is not None and below is not None:
                    below |= {(table.name, column)}
            case _:
                below = None
        if below is None:
            return None
        parts |= below
    return parts
