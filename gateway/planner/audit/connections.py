"""The audit of connections: the planner knows their parts by name, and no others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphql import GraphQLObjectType, get_named_type
from sqlalchemy import Table

# The parts of a connection, and the fields of those that are objects of the connection's own.
_PARTS: Mapping[str, tuple[str, ...]] = {
    "nodes": (),
    "edges": ("cursor", "node"),
    "pageInfo": ("hasNextPage", "hasPreviousPage", "startCursor", "endCursor"),
    "totalCount": (),
    "statusCounts": ("status", "count"),
}


def own_types(connection: GraphQLObjectType) -> Iterator[tuple[GraphQLObjectType, tuple[str, ...]]]:
    """Return the types that a connection is made of, each with the fields it may have."""
    yield connection, tuple(_PARTS)
    for name, known in _PARTS.items():
        if known and name in connection.fields:
            part = get_named_type(connection.fields[name].type)
            if isinstance(part, GraphQLObjectType):
                yield part, known


def connection_problems(connection: GraphQLObjectType, table: Table) -> Iterator[tuple[str, str]]:
    """Return which fields could not be read of pages over a table, and why."""
    nodes = get_named_type(connection.fields["nodes"].type)
    for part, known in own_types(connection):
        for name, field in part.fields.items():
            place = f"{part.name}.{name}"
            if name not in known:
                yield place, f"is no part of a connection; here, these are: {', '.join(known)}"
            elif name == "node" and get_named_type(field.type) is not nodes:
                yield place, f"has to be of the same type as nodes: {nodes.name}"
            elif name == "statusCounts" and "status" not in table.c:
                yield place, f"{table.name} has no column status"
