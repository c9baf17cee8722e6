"""What the planner knows of the schema: each type's table, each field's source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
)
from strawberry.types.field import StrawberryField

from gateway.planner.declare import PLANNED, SOURCE
from gateway.planner.sources import Column, One, Planned, Source
from gateway.planner.sql import Relation, relation_of

STRAWBERRY = "strawberry-definition"


@dataclass(frozen=True, slots=True)
class PlannedFieldOf:
    """A field's source, and the object types its value (a connection: its nodes) may have."""

    source: Source
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedType:
    """An object type that the planner reads; ``rows`` are its table's, or its records."""

    name: str
    planned: Planned
    rows: Relation | None
    fields: Mapping[str, PlannedFieldOf]


class Catalog:
    """All planned types of a schema, by name, and entities by their ids' prefix."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.types: dict[str, PlannedType] = {}
        for graphql_type in schema.type_map.values():
            if (
                isinstance(graphql_type, GraphQLObjectType)
                and STRAWBERRY in graphql_type.extensions
            ):
                self._add(schema, graphql_type)
        self.by_prefix = {
            each.planned.prefix: each for each in self.types.values() if each.planned.prefix
        }

    def _add(self, schema: GraphQLSchema, graphql_type: GraphQLObjectType) -> None:
        origin = graphql_type.extensions[STRAWBERRY].origin
        planned: Planned = origin.__dict__.get(PLANNED, Planned())
        fields = {
            name: PlannedFieldOf(source, _types(schema, field))
            for name, field in graphql_type.fields.items()
            if (source := _source(planned, field)) is not None
        }
        if fields:
            self.types[graphql_type.name] = PlannedType(
                graphql_type.name, planned, _rows(planned), fields
            )


def _rows(planned: Planned) -> Relation | None:
    if planned.table is not None:
        return relation_of(planned.table)
    return None if planned.record is None else Relation.of_types("record", planned.record)


def _source(planned: Planned, field: GraphQLField) -> Source | None:
    declared = field.extensions.get(STRAWBERRY)
    if not isinstance(declared, StrawberryField):
        return None
    if SOURCE in declared.metadata:
        source: Source = declared.metadata[SOURCE]
        return source
    columns: Any = planned.record if planned.table is None else planned.table.columns
    if declared.base_resolver is not None:
        return None
    name = declared.python_name
    if f"{name}_id" in (columns or ()):
        return One(f"{name}_id")
    # An embedded object has no columns of its own; it finds them in the row it stands in.
    return Column(name)


def _types(schema: GraphQLSchema, field: GraphQLField) -> tuple[str, ...]:
    named = get_named_type(field.type)
    if is_abstract_type(named):
        return tuple(each.name for each in schema.get_possible_types(named))
    if isinstance(named, GraphQLObjectType):
        nodes = named.fields.get("nodes")
        if nodes is not None and "pageInfo" in named.fields:
            return (get_named_type(nodes.type).name,)
        return (named.name,)
    return ()
