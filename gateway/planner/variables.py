"""An operation's variables; values that are right as they are do without graphql-core."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphql import GraphQLSchema, NamedTypeNode, NonNullTypeNode, OperationDefinitionNode
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values

# The scalars that take a value of one Python type as it is.
_TAKEN = {"ID": str, "String": str, "Boolean": bool}


class _Plain(NamedTuple):
    """A variable of a scalar that needs no conversion, without a default."""

    name: str
    kind: type
    is_required: bool
    signature: GraphQLVariableSignature


class VariableReader:
    """Reads the variables of one operation, execution after execution."""

    def __init__(self, schema: GraphQLSchema, definition: OperationDefinitionNode) -> None:
        self._schema = schema
        self._definitions = definition.variable_definitions or ()
        plain = [_plain(schema, each) for each in self._definitions]
        # One that is not plain takes all of them through graphql-core.
        self._plain = [each for each in plain if each] if all(plain) else None

    def read(self, given: dict[str, Any]) -> VariableValues | None:
        """Return the variables as resolvers take them, None if there is anything wrong."""
        values = None if self._plain is None else _taken(self._plain, given)
        if values is not None:
            return values
        coerced = get_variable_values(self._schema, self._definitions, given)
        return None if isinstance(coerced, list) else coerced


def _plain(schema: GraphQLSchema, definition: Any) -> _Plain | None:
    is_required = isinstance(definition.type, NonNullTypeNode)
    named = definition.type.type if is_required else definition.type
    if not isinstance(named, NamedTypeNode) or definition.default_value is not None:
        return None
    kind = _TAKEN.get(named.name.value)
    signature = get_variable_signature(schema, definition)
    if kind is None or not isinstance(signature, GraphQLVariableSignature):
        return None
    return _Plain(definition.variable.name.value, kind, is_required, signature)


def _taken(plain: list[_Plain], given: dict[str, Any]) -> VariableValues | None:
    coerced: dict[str, Any] = {}
    sources: dict[str, VariableValueSource] = {}
    for name, kind, is_required, signature in plain:
        if name in given:
            value = given[name]
            if type(value) is not kind and (value is not None or is_required):
                return None
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = value
        elif is_required:
            return None
        else:
            sources[name] = VariableValueSource(signature)
    return VariableValues(sources, coerced)
