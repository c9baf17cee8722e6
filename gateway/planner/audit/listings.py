"""The audit of filters and orders: each names a column of the list's table that it fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    get_named_type,
)
from sqlalchemy import Column, DateTime, Table, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine
from strawberry.utils.str_converters import to_snake_case

from gateway.database.base import IdText
from gateway.planner.ordering import METADATA

# The columns that the filters of single values compare with.
_FITS: Mapping[str, type[TypeEngine[Any]]] = {
    "IdFilter": IdText,
    "StringFilter": Text,
    "StatusFilter": Text,
    "DateTimeFilter": DateTime,
}

Problems = Iterator[tuple[str, str]]


def listing_problems(field: GraphQLField, table: Table) -> Problems:
    """Return which filters and orders of a connection's field do not fit a table, and why."""
    for argument, problems in (("filter", _filter_problems), ("orderBy", _order_problems)):
        if argument in field.args:
            given = get_named_type(field.args[argument].type)
            if isinstance(given, GraphQLInputObjectType):
                yield from problems(given, table)


def _filter_problems(given: GraphQLInputObjectType, table: Table) -> Problems:
    for name, field in given.fields.items():
        place, kind = f"{given.name}.{name}", get_named_type(field.type)
        if name in ("and", "or", "not"):
            if kind is not given:
                yield place, f"combines filters of this list, so it has to be made of {given.name}"
        elif name == "metadata":
            if kind.name != "PathFilter":
                yield place, f"looks into metadata, so it has to be made of PathFilter: {kind.name}"
            yield from _metadata_problems(place, table)
        elif kind.name not in _FITS:
            yield place, f"{kind.name} compares no column; those that do: {', '.join(_FITS)}"
        else:
            wanted = _FITS[kind.name]
            column = table.c.get(to_snake_case(name))
            if column is None:
                yield place, f"{table.name} has no column {to_snake_case(name)}"
            elif not isinstance(column.type, wanted):
                fits = f"{kind.name} compares with {wanted.__name__}"
                yield place, f"{fits}, and {column} is {column.type}"


def _order_problems(given: GraphQLInputObjectType, table: Table) -> Problems:
    sort = get_named_type(given.fields["field"].type)
    if not isinstance(sort, GraphQLEnumType):
        yield f"{given.name}.field", f"names what to sort by, so it has to be an enum: {sort.name}"
        return
    for name, value in sort.values.items():
        place = f"{sort.name}.{name}"
        if value.value == METADATA:
            yield from _metadata_problems(place, table)
            if "metadataPath" not in given.fields:
                yield place, f"needs a field metadataPath in {given.name}"
            continue
        column = table.c.get(str(value.value).lower())
        if column is None:
            yield place, f"{table.name} has no column {str(value.value).lower()}"
        elif not _is_key(column):
            yield (
                place,
                f"{column} is {column.type}; lists are sorted by texts, and by moments that are"
                " NOT NULL and whose names end in _at",
            )


def _is_key(column: Column[Any]) -> bool:
    """Tell whether cursors can hold a column's value; ``ordering`` takes it from the name's end."""
    if column.name.endswith("_at"):
        return isinstance(column.type, DateTime) and not column.nullable
    return isinstance(column.type, Text)


def _metadata_problems(place: str, table: Table) -> Problems:
    column = table.c.get("metadata")
    if column is None or not isinstance(column.type, JSONB):
        yield place, f"{table.name} has no column metadata of type jsonb"
