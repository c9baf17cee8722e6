"""The schema as clients see it: all of it is described, and schema.graphql is what it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
)

from gateway.schema import make_schema

EXPORT = Path(__file__).parent.parent / "schema.graphql"


def described(schema: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    """Return all that a client can name, each with its description."""
    for name, each in schema.type_map.items():
        if is_introspection_type(each) or is_specified_scalar_type(each):
            continue
        yield name, each.description
        if isinstance(each, GraphQLObjectType | GraphQLInterfaceType):
            for field_name, field in each.fields.items():
                yield f"{name}.{field_name}", field.description
                for argument_name, argument in field.args.items():
                    yield f"{name}.{field_name}({argument_name}:)", argument.description
        elif isinstance(each, GraphQLInputObjectType):
            for input_name, given in each.fields.items():
                yield f"{name}.{input_name}", given.description
        elif isinstance(each, GraphQLEnumType):
            for value_name, value in each.values.items():
                yield f"{name}.{value_name}", value.description


def test_describes_everything_that_a_client_can_name() -> None:
    schema = build_schema(make_schema().as_str())

    assert [name for name, description in described(schema) if not description] == []


def test_is_exported_as_it_is() -> None:
    assert EXPORT.read_text() == make_schema().as_str() + "\n"  # `python3 dev.py schema` writes it
