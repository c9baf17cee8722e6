"""Variables of the shapes that an operation is likely to be asked with, to plan it before it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    is_required_input_field,
    type_from_ast,
)

_SCALARS: Mapping[str, Any] = {
    "String": "",
    "Int": 1,
    "Float": 1.0,
    "Boolean": True,
    "DateTime": "2000-01-01T00:00:00Z",
    "JSON": {},
    "BigInt": 1,
    "Sha256": "0" * 64,
}


def sample_variables(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    prefixes: Sequence[str],
    scalars: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    """Yield variables: only those that have to be given, then all; ids of each kind in turn.

    Args:
        scalars: Values of the scalars that are not known here.
    """
    scalars = {**_SCALARS, **scalars}
    definitions = operation.variable_definitions or ()
    for prefix in prefixes:
        given: dict[str, Any] = {}
        optional: dict[str, Any] = {}
        for each in definitions:
            kind: Any = type_from_ast(schema, each.type)
            is_required = isinstance(kind, GraphQLNonNull) and each.default_value is None
            (given if is_required else optional)[each.variable.name.value] = _sample(
                kind, prefix, scalars
            )
        yield given
        if optional:
            yield given | optional


def _sample(kind: GraphQLInputType, prefix: str, scalars: Mapping[str, Any]) -> Any:
    if isinstance(kind, GraphQLNonNull):
        return _sample(kind.of_type, prefix, scalars)
    if isinstance(kind, GraphQLList):
        return [_sample(kind.of_type, prefix, scalars)]
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        return {
            name: _sample(field.type, prefix, scalars)
            for name, field in kind.fields.items()
            if is_required_input_field(field)
        }
    return f"{prefix}_{'0' * 26}" if kind.name == "ID" else scalars[kind.name]
