"""The audit of sources: whether a row has what a field reads, and what its type promises."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import singledispatchmethod
from typing import Any, NamedTuple

from graphql import get_named_type
from sqlalchemy import Column, ColumnElement, Table, table
from sqlalchemy import column as new_column
from sqlalchemy.dialects.postgresql import JSONB
from strawberry.utils.str_converters import to_snake_case

from gateway.planner import sources
from gateway.planner.audit.made import made_problems
from gateway.planner.audit.places import LIST, ROOT, SHAPES, Place, Row
from gateway.planner.audit.tables import (
    NAMESPACE,
    has_foreign_key,
    has_index,
    in_namespace,
    one_is_set,
)
from gateway.planner.catalog import Catalog
from gateway.planner.declared import CALLER, text_of
from gateway.planner.sources import Planned, Source

# The sources that tell the type of each row.
_OF_SEVERAL_TYPES = sources.Either | sources.AnyNode | sources.Through

Problems = Iterable[str]


class Target(NamedTuple):
    """An entity that a field leads to."""

    type_name: str
    table: Table
    planned: Planned


class SourceAudit:
    """Checks one field after the other; ``visit`` is told which types a row is read as besides."""

    def __init__(self, catalog: Catalog, visit: Callable[[str, Row], None]) -> None:
        self._catalog = catalog
        self._visit = visit

    def problems(self, source: Source, at: Place) -> Iterator[str]:
        """Return what is wrong with where a field comes from."""
        word, wanted = to_snake_case(type(source).__name__), SHAPES[type(source)]
        if at.row is ROOT and not isinstance(source, sources.Many | sources.Derived):
            yield f"`{word}` cannot stand at a root: return rows, or declare `many` or `derived`"
        elif isinstance(source, sources.Column) and source.name not in at.row.columns:
            yield (
                f"{at.row.title} has no column {source.name}, nor {source.name}_id to name another"
                " row; declare where it comes from"
            )
        elif at.shape not in wanted:
            yield f"`{word}` gives {' or '.join(wanted)}, and the type is {at.shape}"
        elif len(at.types) > 1 and not isinstance(source, _OF_SEVERAL_TYPES):
            yield f"`{word}` gives one type, and the type is {' or '.join(at.types)}"
        else:
            yield from self._problems(source, at)

    @singledispatchmethod
    def _problems(self, source: Source, at: Place) -> Problems:
        raise NotImplementedError(f"no audit of {type(source).__name__}")

    # ---- values -------------------------------------------------------------------------------

    @_problems.register
    def _column(self, source: sources.Column, at: Place) -> Problems:
        yield from _null(at, at.row.columns[source.name])

    @_problems.register
    def _sql(self, source: sources.Sql, at: Place) -> Problems:
        value = yield from built(at.row.title, "the expression", source.build, at.row.columns)
        yield from _null(at, value)

    @_problems.register
    def _computed(self, source: sources.Computed, at: Place) -> Problems:
        if at.is_required and not source.is_sure:
            yield "is null where computing fails, so its type cannot end in !"
        if not source.needs:
            yield "needs nothing of its row, so each row would have the same; name what it needs"
        for name, build in source.needs.items():
            yield from built(at.row.title, f"the need {name}", build, at.row.columns)
        yield from made_problems(get_named_type(at.field.type))

    # ---- objects of the same row --------------------------------------------------------------

    @_problems.register
    def _embedded(self, source: sources.Embedded, at: Place) -> Problems:
        self._visit(at.types[0], at.row)
        if source.when is not None:
            yield from built(at.row.title, "`when`", source.when, at.row.columns)
            if at.is_required:
                yield "is null where `when` does not hold, so its type cannot end in !"
            if at.shape == LIST:
                yield "is a list of the one object, always; `when` is for one object"

    @_problems.register
    def _unnested(self, source: sources.Unnested, at: Place) -> Problems:
        type_name = at.types[0]
        value = at.row.columns.get(source.column)
        planned = self._catalog.types.get(type_name)
        if value is None:
            yield _no_column(at.row.title, source.column)
        elif not isinstance(value.type, JSONB):
            yield f"{value} has to be jsonb to be unnested; it is {value.type}"
        if planned is None or planned.planned.record is None:
            yield f"{type_name} has to be declared with `record`, to tell the types of its keys"
        else:
            keys = [new_column(key, kind) for key, kind in planned.planned.record.items()]
            self._visit(type_name, Row(f"a record of {type_name}", table("record", *keys).c))

    # ---- other rows ---------------------------------------------------------------------------

    @_problems.register
    def _one(self, source: sources.One, at: Place) -> Problems:
        target = yield from self._target(at)
        if target is None:
            return
        if source.on is not None:
            columns = (target.table.c, at.row.columns)
            yield from built(at.row.title, "the predicate `on`", source.on, *columns, CALLER)
            return
        column = source.column or ""
        yield from _reference(at.row, column, target)
        yield from _null(at, at.row.columns.get(column))
        scope = target.planned.scope
        is_itself = column == "id" and target.table is at.row.table and scope is at.row.scope
        if at.is_required and scope is not None and not is_itself:
            yield f"the type ends in !, but the scope of {target.type_name} may hide the row"

    @_problems.register
    def _either(self, source: sources.Either, at: Place) -> Problems:
        yield from self._one_of(at, at.row, source.targets, is_required=at.is_required)

    @_problems.register
    def _any_node(self, source: sources.AnyNode, at: Place) -> Problems:
        for type_name in source.types:
            target = yield from self._target(at, type_name)
            if target is not None and target.planned.prefix is None:
                yield f"{type_name} has no prefix, by which ids tell their type"
        if source.column not in at.row.columns:
            yield _no_column(at.row.title, source.column)
        yield from _null(at, at.row.columns.get(source.column))

    @_problems.register
    def _listed(self, source: sources.Listed, at: Place) -> Problems:
        target = yield from self._target(at)
        if target is not None:
            yield from _back_reference(at, target.table, source.column)
            yield from _order(target.table.name, target.table.c, source.order)

    @_problems.register
    def _trail(self, source: sources.Trail, at: Place) -> Problems:
        target = yield from self._target(at)
        if target is None:
            return
        # No foreign key: a log outlives what it tells of.
        yield from _naming_this(at, target.table, source.column, source.order)
        yield from _order(target.table.name, target.table.c, source.order)

    @_problems.register
    def _through(self, source: sources.Through, at: Place) -> Problems:
        link = source.link
        yield from _back_reference(at, link, source.column)
        yield from _order(link.name, link.c, source.order)
        row = Row(link.name, link.c, link)
        yield from self._one_of(at, row, source.targets, is_required=at.holds_required)

    @_problems.register
    def _ancestors(self, source: sources.Ancestors, at: Place) -> Problems:
        target = yield from self._target(at)
        if target is None:
            return
        if target.table is at.row.table:
            yield from _reference(at.row, source.column, target)
        else:
            yield f"{target.type_name} is not read from {at.row.title}: a row's ancestors are alike"

    @_problems.register
    def _many(self, source: sources.Many, at: Place) -> Problems:
        target = yield from self._target(at)
        if target is None:
            return
        if source.where is not None:
            title, columns = target.table.name, target.table.c
            yield from built(title, "the predicate `where`", source.where, columns)
        if at.row is ROOT:
            if source.column is not None or source.flags or source.tallied is not None:
                yield (
                    "lists all rows at a root: a column, flags and a tally, which go by a row, do"
                    " nothing"
                )
            return
        if source.column is not None:
            # A page goes on by id, so the index has to as well.
            yield from _back_reference(at, target.table, source.column, "id")
        for flag, condition in source.flags.items():
            both = (target.table.c, at.row.columns)
            yield from built(at.row.title, f"the predicate of {flag}", condition, *both)
        if source.tallied is not None:
            yield from built(at.row.title, "the tally", source.tallied, at.row.columns)
            if source.where is not None:
                yield "has a tally, which counts what `where` leaves out as well"

    # ---- derived objects ----------------------------------------------------------------------

    @_problems.register
    def _derived(self, source: sources.Derived, at: Place) -> Problems:
        if at.row is not ROOT and "id" not in at.row.columns:
            yield f"starts from the row's id, and {at.row.title} has none"
            return
        query = sources.DerivedQuery("$2", "$1", {}, lambda *_: "$3")
        found = yield from built(at.row.title, "the query", source.build, query)
        if isinstance(found, sources.DerivedRows):
            columns = [new_column(name, of.kind) for name, of in found.rows.columns.items()]
            rows = table("found", *columns).c
            self._visit(at.types[0], Row(f"the query of {at.name}", rows, is_derived=True))

    @_problems.register
    def _members(self, source: sources.Members, at: Place) -> Problems:
        if not at.row.is_derived:
            yield "lists the rows of a `derived` object, and is not in one"
            return
        yield from _order(at.row.title, at.row.columns, *source.order)
        if source.where is not None:
            columns = (at.row.columns, at.row.columns)
            yield from built(at.row.title, "the predicate `where`", source.where, *columns)
        self._visit(at.types[0], at.row)

    # ---- entities -----------------------------------------------------------------------------

    def _target(
        self, at: Place, type_name: str | None = None
    ) -> Generator[str, None, Target | None]:
        """Return the entity that a field leads to, or one of several."""
        type_name = type_name or at.types[0]
        if type_name not in at.types:
            yield f"leads to {type_name}, and the type is {' or '.join(at.types)}"
            return None
        planned = self._catalog.types.get(type_name)
        if planned is None or planned.planned.table is None:
            yield f"{type_name} is no entity: it has no table to be read from"
            return None
        return Target(type_name, planned.planned.table, planned.planned)

    def _one_of(
        self, at: Place, row: Row, targets: Mapping[str, str], *, is_required: bool
    ) -> Problems:
        """Return what is wrong with columns the first of which that is not null names a row."""
        for column, type_name in targets.items():
            target = yield from self._target(at, type_name)
            if target is not None:
                yield from _reference(row, column, target)
        table = row.table
        if table is None or not is_required or any(column not in table.c for column in targets):
            return
        if not one_is_set(table, targets):
            names = ", ".join(targets)
            yield f"the type has a !, but {names} of {row.title} may be NULL all at once"


def _reference(row: Row, column: str, target: Target) -> Problems:
    """Return what is wrong with reading the row that a column names."""
    if column not in row.columns:
        yield _no_column(row.title, column)
    elif row.table is not None:
        is_itself = column == "id" and target.table is row.table
        if not is_itself and not has_foreign_key(row.table, column, target.table):
            yield _no_foreign_key(row.table, column, target.table)


def _back_reference(at: Place, table: Table, column: str, *more: str) -> Problems:
    """Return what is wrong with finding the rows of which a column names this one."""
    is_there = column in table.c and at.row.table is not None
    if at.row.table is not None and is_there and not has_foreign_key(table, column, at.row.table):
        yield _no_foreign_key(table, column, at.row.table)
    yield from _naming_this(at, table, column, *more)


def _naming_this(at: Place, table: Table, column: str, *more: str) -> Problems:
    """Return what is wrong with finding rows by what a column of theirs says of this one."""
    if column not in table.c:
        yield _no_column(table.name, column)
        return
    if "id" not in at.row.columns:
        yield _no_column(at.row.title, "id")
        return
    wanted = in_namespace(table, column, *more)
    # Values of both are given, so it is all the same which comes first.
    turned = (column, NAMESPACE, *more)
    if not has_index(table, *wanted) and not has_index(table, *turned):
        yield f"{table.name} has no index that begins with ({', '.join(wanted)})"


def _order(title: str, columns: Any, *names: str) -> Problems:
    for name in names:
        if name not in columns:
            yield _no_column(title, name)


def _no_column(title: str, column: str) -> str:
    return f"{title} has no column {column}"


def _no_foreign_key(table: Table, column: str, target: Table) -> str:
    key = ", ".join(in_namespace(target, column))
    wanted = ", ".join(in_namespace(target, "id"))
    return f"{table.name} has no foreign key ({key}) to {target.name} ({wanted})"


def _null(at: Place, value: Any) -> Problems:
    """Return whether a value is promised that may be NULL; only a table's column tells."""
    is_known = at.row.table is not None and isinstance(value, Column)
    if at.is_required and is_known and value.nullable:
        yield f"the type ends in !, but {value} may be NULL"


def built(
    title: str, what: str, build: Callable[..., Any], *arguments: Any
) -> Generator[str, None, Any]:
    """Return what is declared over a row; a column may not be there, a parameter have no value."""
    try:
        made = build(*arguments)
        if isinstance(made, ColumnElement):
            text_of(made)
        return made
    except Exception as error:  # whatever it is, a query would meet it too
        yield f"{what} cannot be built over {title}: {type(error).__name__}: {error}"
        return None
