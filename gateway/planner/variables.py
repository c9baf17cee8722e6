"""An operation's variables; values that are right as they are do without graphql-core."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphql import GraphQLSchema, NonNullTypeNode, OperationDefinitionNode
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource, get_variable_values

from gateway.planner.coercing import Coerce, Coercers, Unusual


class _Known(NamedTuple):
    """A variable that can be coerced here."""

    name: str
    coerce: Coerce
    is_required: bool
    has_default: bool
    signature: GraphQLVariableSignature


class VariableReader:
    """Reads the variables of one operation, execution after execution."""

    def __init__(self, schema: GraphQLSchema, definition: OperationDefinitionNode) -> None:
        self._schema = schema
        self._definitions = definition.variable_definitions or ()
        coercers = Coercers()
        known = [_known(schema, each, coercers) for each in self._definitions]
        # One that is not known takes all of them through graphql-core.
        self._known = [each for each in known if each] if all(known) else None

    def read(self, given: dict[str, Any]) -> VariableValues | None:
        """Return the variables as resolvers take them, None if there is anything wrong."""
        if self._known is not None:
            try:
                return _coerced(self._known, given)
            except (Unusual, RecursionError):
                pass
        coerced = get_variable_values(self._schema, self._definitions, given)
        return None if isinstance(coerced, list) else coerced


def _known(schema: GraphQLSchema, definition: Any, coercers: Coercers) -> _Known | None:
    signature = get_variable_signature(schema, definition)
    if not isinstance(signature, GraphQLVariableSignature):
        return None
    try:
        coerce = coercers.of(signature.type)
    except Unusual:
        return None
    is_required = isinstance(definition.type, NonNullTypeNode)
    has_default = definition.default_value is not None
    return _Known(definition.variable.name.value, coerce, is_required, has_default, signature)


def _coerced(known: list[_Known], given: dict[str, Any]) -> VariableValues:
    coerced: dict[str, Any] = {}
    sources: dict[str, VariableValueSource] = {}
    for name, coerce, is_required, has_default, signature in known:
        if name in given:
            value = given[name]
            coerced[name] = coerce(value)
            sources[name] = VariableValueSource(signature, value)
        elif is_required or has_default:
            raise Unusual
        else:
            sources[name] = VariableValueSource(signature)
    return VariableValues(sources, coerced)
