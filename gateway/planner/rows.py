"""Which rows a resolver wants read; the planner finds out what of them was selected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.database.ids import prefix_of
from gateway.errors import BadUserInput


class Rows:
    """What a resolver returns in place of values.

    ``Rows()`` is every row of a connection, ``Rows(id="obj_…")`` one row by equal columns,
    ``Rows.listed(ids)`` one row or null for each id, in that order.
    """

    __slots__ = ("columns", "ids", "json", "namespace_id")

    def __init__(self, **columns: Any) -> None:
        self.columns = columns
        self.ids: tuple[str, ...] | None = None
        # Where to read instead of in the request's namespace.
        self.namespace_id: str | None = None
        # What was read of the one row already, as it was selected; None: nothing.
        self.json: bytes | None = None

    @classmethod
    def listed(cls, ids: Sequence[str]) -> Rows:
        """Ask for one row per id."""
        rows = cls()
        rows.ids = tuple(ids)
        return rows

    @property
    def wanted_ids(self) -> tuple[str, ...] | None:
        """The ids that are asked for, one or many; None where it is not by ids alone."""
        if self.ids is None and self.columns.keys() == {"id"}:
            return (self.columns["id"],)
        return self.ids

    @property
    def prefix(self) -> str | None:
        """The prefix of the one id that is asked for, where it is well formed."""
        return prefix_of(self.columns["id"]) if "id" in self.columns else None

    @property
    def shape(self) -> object:
        """What of this changes the statement's text."""
        return (self.ids is not None, tuple(self.columns), self.prefix)


def row(**columns: Any) -> Any:
    """Return ``Rows`` of one row, typed so that it can stand where an entity is declared."""
    return Rows(**columns)


def row_read(json: bytes | None, **columns: Any) -> Any:
    """Return ``row`` with what the statement that made the row has read of it, if it has."""
    rows = Rows(**columns)
    rows.json = json
    return rows


def row_in(namespace_id: str, **columns: Any) -> Any:
    """Return ``row``, read in another namespace: one that the caller's key may be used in."""
    rows = Rows(**columns)
    rows.namespace_id = namespace_id
    return rows


def one_of_kind(prefix: str, id_: str) -> Any:
    """Return ``Rows`` of the row with an id of one kind; None for an id of another kind."""
    return Rows(id=id_) if prefix_of(id_) == prefix else None


def by_id_or_name(prefix: str, id_: str | None, **name: str | None) -> Any:
    """Return ``Rows`` of the row with an id, or with a name in the column that is the keyword.

    Raises:
        BadUserInput: neither is given, or both.
    """
    ((column, value),) = name.items()
    if (id_ is None) == (value is None):
        raise BadUserInput("give either an id or a name")
    return one_of_kind(prefix, id_) if id_ is not None else Rows(**{column: value})


def listed(ids: Sequence[str]) -> Any:
    """Return ``Rows`` of one row per id, typed so that it can stand where entities are declared."""
    return Rows.listed(ids)
