"""The audit of objects that Python makes: of plain types, whose fields are taken as they are."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import GraphQLNamedType, GraphQLObjectType, get_named_type, is_abstract_type
from strawberry.types.field import StrawberryField

from gateway.planner.audit.ignored import ignored
from gateway.planner.catalog import STRAWBERRY
from gateway.planner.declare import PLANNED, SOURCE


def made_problems(
    graphql_type: GraphQLNamedType, above: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Return what of a computed value's type would be ignored or could not be told."""
    if is_abstract_type(graphql_type):
        yield f"makes objects in Python, and nothing tells which {graphql_type.name} is made"
    if not isinstance(graphql_type, GraphQLObjectType) or graphql_type.name in above:
        return
    if PLANNED in vars(graphql_type.extensions[STRAWBERRY].origin):
        yield f"makes objects in Python, and {graphql_type.name} is read from rows"
        return
    for name, field in graphql_type.fields.items():
        place = f"{graphql_type.name}.{name}"
        declared: StrawberryField = field.extensions[STRAWBERRY]
        if SOURCE in declared.metadata or any(ignored(declared)):
            yield f"makes objects in Python, so {place} has to be a plain field"
        else:
            yield from made_problems(get_named_type(field.type), above | {graphql_type.name})
