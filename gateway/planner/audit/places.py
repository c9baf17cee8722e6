"""What the audit looks at: a field, the row that it is read from, the shape of its type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeGuard

from graphql import (
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from sqlalchemy import Table, table

from gateway.planner import sources
from gateway.planner.sources import Columns, Source

VALUE, OBJECT, LIST, PAGE = "a value", "one object", "a list of objects", "a connection"
SHAPES: Mapping[type[Source], tuple[str, ...]] = {
    sources.Column: (VALUE,),
    sources.Sql: (VALUE,),
    sources.Computed: (VALUE, OBJECT, LIST),
    sources.One: (OBJECT,),
    sources.Either: (OBJECT,),
    sources.AnyNode: (OBJECT,),
    sources.Derived: (OBJECT,),
    sources.Embedded: (OBJECT, LIST),
    sources.Listed: (LIST,),
    sources.Trail: (LIST,),
    sources.Through: (LIST,),
    sources.Unnested: (LIST,),
    sources.Ancestors: (LIST,),
    sources.Members: (LIST,),
    sources.Many: (PAGE,),
}


class Row(NamedTuple):
    """What fields are read from.

    Args:
        title: How messages name it.
        table: None where nothing is known of keys and nulls: in records of jsonb, and in the rows
            of a derived object.
        scope: Which of the table's rows can be seen, where the namespace does not tell.
    """

    title: str
    columns: Columns
    table: Table | None = None
    scope: Callable[..., Any] | None = None
    is_derived: bool = False


# What stands in place of a row at the root of a query: nothing.
ROOT = Row("a root", table("root").c)


class Place(NamedTuple):
    """A field that is read, the object types it may have, and its row."""

    name: str
    field: GraphQLField
    types: tuple[str, ...]
    row: Row

    @property
    def is_required(self) -> bool:
        """Whether the type promises a value."""
        return isinstance(self.field.type, GraphQLNonNull)

    @property
    def holds_required(self) -> bool:
        """Whether the type, a list, promises a value in each of its entries."""
        listed = get_nullable_type(self.field.type)
        return isinstance(listed, GraphQLList) and isinstance(listed.of_type, GraphQLNonNull)

    @property
    def shape(self) -> str:
        """What the type says that the answer looks like here."""
        named = get_named_type(self.field.type)
        if is_connection(named):
            return PAGE
        if not self.types:
            return VALUE
        return LIST if is_list_type(get_nullable_type(self.field.type)) else OBJECT


def is_connection(graphql_type: object) -> TypeGuard[GraphQLObjectType]:
    """Tell whether a type is a page of a list; the catalog knows them by the same two fields."""
    return isinstance(graphql_type, GraphQLObjectType) and {"nodes", "pageInfo"} <= set(
        graphql_type.fields
    )
