"""SQL as the planner writes it: text, of which names come from tables and values are parameters.

Nothing that a client sent becomes text. A column is looked up among its row's before it is named, a
value is a parameter, and what the document names goes through ``quoted``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, Integer, Table, Text
from sqlalchemy.types import TypeEngine

from gateway.database.statements import DIALECT

TEXT = Text()
TEXTS: TypeEngine[Any] = ARRAY(Text)
INTEGER = Integer()

_quoted_name = DIALECT.identifier_preparer.quote


class Expression(NamedTuple):
    """An expression: its text, its type, whether it may be NULL."""

    sql: str
    kind: TypeEngine[Any] = TEXT
    nullable: bool = True

    def __str__(self) -> str:
        """Return the text, so that an expression can stand in an f-string."""
        return self.sql


class Relation:
    """A kind of row: a name for it, and its columns by theirs."""

    __slots__ = ("columns", "name")

    def __init__(self, name: str, columns: Mapping[str, Expression]) -> None:
        self.name = name
        self.columns = columns

    @classmethod
    def of_types(cls, name: str, types: Mapping[str, TypeEngine[Any]]) -> Relation:
        """Return the relation of rows that no table keeps."""
        columns = {column: Expression(_quoted_name(column), kind) for column, kind in types.items()}
        return cls(name, columns)


@cache
def relation_of(table: Table) -> Relation:
    """Return the relation of a table's rows."""
    columns = {
        column.name: Expression(_quoted_name(column.name), column.type, bool(column.nullable))
        for column in table.columns
    }
    return Relation(_quoted_name(table.name), columns)


class Row:
    """The row that a statement is at, under a name of its own there.

    Args:
        is_readable: Whether all such rows can be selected by this name, as those of a WITH can.
    """

    __slots__ = ("is_readable", "name", "relation")

    def __init__(self, name: str, relation: Relation, *, is_readable: bool = False) -> None:
        self.name = name
        self.relation = relation
        self.is_readable = is_readable

    def __getitem__(self, column: str) -> Expression:
        """Return one of the row's columns."""
        sql, kind, nullable = self.relation.columns[column]
        return Expression(f"{self.name}.{sql}", kind, nullable)

    @property
    def source(self) -> str:
        """What to read the row from."""
        return f"{self.relation.name} AS {self.name}"


def quoted(text: str) -> str:
    """Return a text as a literal."""
    return "'" + text.replace("'", "''") + "'"


@cache
def type_name(kind: TypeEngine[Any]) -> str:
    """Return a type's name without the collation, which the column has that a value is held to."""
    return "text" if isinstance(kind, Text) else kind.compile(dialect=DIALECT).lower()


def select(what: object, source: str, *where: object) -> str:
    """Return a query for rows of which all conditions hold."""
    query = f"SELECT {what}\nFROM {source}"
    return f"{query}\nWHERE {' AND '.join(map(str, where))}" if where else query


def nested(query: str) -> str:
    """Return a query as it stands in another."""
    return f"(\n{query}\n)"


def all_of(conditions: Iterable[object]) -> Expression:
    """Return the condition that all of these hold."""
    return _joined(" AND ", conditions, "true")


def any_of(conditions: Iterable[object]) -> Expression:
    """Return the condition that one of these holds."""
    return _joined(" OR ", conditions, "false")


def _joined(operator: str, conditions: Iterable[object], nothing: str) -> Expression:
    parts = [str(each) for each in conditions]
    text = f"({operator.join(parts)})" if len(parts) > 1 else "".join(parts)
    return Expression(text or nothing)
