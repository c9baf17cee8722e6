"""How many rows a connection has, where its parent keeps the number: none of them is read."""

from __future__ import annotations

from gateway.planner.declared import declared
from gateway.planner.selection import Selected
from gateway.planner.sources import Many
from gateway.planner.sql import Expression, Row


def kept_count(source: Many, selected: Selected, parent: Row | None) -> Expression | None:
    """Return the number that is kept of all rows; None where there is none, or fewer are asked for.

    Pages do not narrow a connection: cursors and sizes leave its number alone.
    """
    if source.tallied is None or parent is None:
        return None
    arguments = selected.arguments
    is_narrowed = arguments.get("filter") is not None or any(map(arguments.get, source.flags))
    return None if is_narrowed else declared(source.tallied, parent)
