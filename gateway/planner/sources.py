"""Where a field's value comes from: the words in which types declare it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Table
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.types import TypeEngine

from gateway.planner.sql import Relation

Columns = ReadOnlyColumnCollection[str, Any]
Predicate = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Sizing:
    """How many rows a field has at most: what the first of these arguments says that is given.

    Args:
        arguments: Their names in the schema.
        default: The size where none is given.
        is_list: Whether they are lists, whose length counts.
    """

    arguments: tuple[str, ...]
    default: int
    most: int
    is_list: bool = False


class Source:
    """Base of all sources."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Column(Source):
    """A column of the row."""

    name: str


@dataclass(frozen=True, slots=True)
class Sql(Source):
    """An expression over the row's columns."""

    build: Callable[[Columns], ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class One(Source):
    """The row of another entity whose id is in a column of this one, or that a predicate finds."""

    column: str | None = None
    on: Callable[[Columns, Columns, CallerBinds], Predicate] | None = None


@dataclass(frozen=True, slots=True)
class Many(Source):
    """A connection: the rows whose ``column`` names this row, in the order of their ids.

    ``where`` narrows them always; ``flags`` narrow them when the boolean argument of that name is
    true. ``tallied`` is how many there are, where this row keeps that and it is exact.
    """

    column: str | None = None
    where: Callable[[Columns], Predicate] | None = None
    flags: Mapping[str, Callable[[Columns, Columns], Predicate]] = field(default_factory=dict)
    tallied: Callable[[Columns], ColumnElement[int]] | None = None


@dataclass(frozen=True, slots=True)
class Listed(Source):
    """All rows whose ``column`` names this row, as a plain list; for few rows."""

    column: str
    order: str


@dataclass(frozen=True, slots=True)
class Trail(Source):
    """The rows of a log whose ``column`` names this row, as a plain list from a place on.

    The argument ``first`` says how many, ``after`` where to go on. ``place`` makes of the latter,
    for a namespace, the value of a parameter of type ``kind``; ``beyond`` is the condition, as SQL
    over a row of the log and that parameter.
    """

    column: str
    order: str
    kind: TypeEngine[Any]
    place: Callable[[Any, str], Any]
    beyond: Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Through(Source):
    """All entities at the other end of a link table, as a plain list; for few rows.

    ``targets`` says which type the id in which of the link's columns names.
    """

    link: Table
    column: str
    targets: Mapping[str, str]
    order: str


@dataclass(frozen=True, slots=True)
class Either(Source):
    """One entity of a union: of the first column that is not null, the type said here."""

    targets: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AnyNode(Source):
    """The entity that the id in a column names, of one of ``types``; its prefix tells which."""

    column: str
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Embedded(Source):
    """An object over the same row; in a list type, a list of that one object.

    ``when`` tells of which rows there is one; it is null for the others. None: of all.
    """

    when: Callable[[Columns], Predicate] | None = None


@dataclass(frozen=True, slots=True)
class Unnested(Source):
    """A list of records kept in a jsonb column."""

    column: str


@dataclass(frozen=True, slots=True)
class Ancestors(Source):
    """All rows above this one, the root first; ``column`` names the parent."""

    column: str


@dataclass(frozen=True, slots=True)
class Derived(Source):
    """An object over rows that a query of its own finds, starting from this row's id.

    Without a row, at the root of a query, it starts from the argument ``id``. No rows make the
    object null. ``sizing`` is of these rows.
    """

    build: Callable[[DerivedQuery], DerivedRows]
    sizing: Sizing


@dataclass(frozen=True, slots=True)
class Members(Source):
    """In a derived object: its rows, as a plain list; ``where`` gets one row and all of them."""

    order: tuple[str, ...]
    where: Callable[[Columns, Columns], Predicate] | None = None


@dataclass(frozen=True, slots=True)
class Computed(Source):
    """A value that Python makes, one call for all rows of an answer.

    ``batch`` gets the request's context and, for each row, a dict of ``needs``; it returns as many
    values. The field's arguments come as keywords. The value is null where ``batch`` raises;
    ``is_sure`` says that it never does.

    What subscriptions read is shared by all callers of a namespace with the same permissions, so
    ``batch`` may ask the context's caller for those two only.

    Of a field whose type is an object, or a list of objects, a value is a dict, or a list of dicts,
    with every field under its name in Python; what was selected is taken out of it.
    """

    batch: Callable[..., Any]
    needs: Mapping[str, Callable[[Columns], ColumnElement[Any]]]
    is_sure: bool = False


@dataclass(frozen=True, slots=True)
class DerivedQuery:
    """What a derived query is built from; all but the arguments as SQL.

    Args:
        start: The id to start from.
        arguments: Their values in this execution; only what changes the text may be taken from
        them.
        bind: Returns an argument as a parameter, converted (and checked) at each execution.
    """

    start: str
    namespace_id: str
    arguments: Mapping[str, Any]
    bind: Callable[[str, TypeEngine[Any], Callable[[Any], Any]], str]


@dataclass(frozen=True, slots=True)
class DerivedRows:
    """A derived query and what its rows are; ``rows`` is a constant, by which plans are kept."""

    query: str
    rows: Relation


@dataclass(frozen=True, slots=True)
class CallerBinds:
    """The caller as parameters of the statement."""

    namespace_id: ColumnElement[str]
    key_id: ColumnElement[str]
    namespaces: ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Planned:
    """What a planned type reads from.

    Args:
        table: The entity's table; None for records and embedded objects.
        prefix: Of the entity's ids.
        scope: The rows a caller may see, where the table has no ``namespace_id``.
        record: Columns of a record in a jsonb array, by JSON key.
        named: The rows that can be found by their names; None: all.
    """

    table: Table | None = None
    prefix: str | None = None
    scope: Callable[[Columns, CallerBinds], Predicate] | None = None
    record: Mapping[str, TypeEngine[Any]] | None = None
    named: Callable[[Columns], Predicate] | None = None
