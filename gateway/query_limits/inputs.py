"""The lists within variables, which may not be longer than a limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    get_nullable_type,
    type_from_ast,
)

from gateway.query_limits.limits import QueryLimits, exceeded

# Where a value is, innermost key first, so that a step down costs one small tuple and no text.
_Spot = tuple["_Spot", str | int] | None


class InputLists:
    """Knows which inputs of a schema can hold lists; a JSON scalar's arrays are none of them."""

    def __init__(self, schema: GraphQLSchema, limits: QueryLimits) -> None:
        self._schema = schema
        self._most = limits.list_items
        inputs = [
            each for each in schema.type_map.values() if isinstance(each, GraphQLInputObjectType)
        ]
        # Of each input that can hold lists, the fields that can, with their types.
        self._fields: dict[str, list[tuple[str, Any]]] = {}
        known = -1
        while known < len(self._fields):  # inputs hold inputs
            known = len(self._fields)
            for each in inputs:
                if any(self._can_hold(field.type) for field in each.fields.values()):
                    self._fields[each.name] = []
        for each in inputs:
            if each.name in self._fields:
                self._fields[each.name] = [
                    (name, get_nullable_type(field.type))
                    for name, field in each.fields.items()
                    if self._can_hold(field.type)
                ]

    def of(self, definition: OperationDefinitionNode) -> Mapping[str, Any]:
        """Return the types of an operation's variables that can hold lists, by their names."""
        types: dict[str, Any] = {
            each.variable.name.value: type_from_ast(self._schema, each.type)
            for each in definition.variable_definitions or ()
        }
        return {
            name: get_nullable_type(kind)
            for name, kind in types.items()
            if kind and self._can_hold(kind)
        }

    def excess(self, types: Mapping[str, Any], variables: Mapping[str, Any]) -> GraphQLError | None:
        """Return the error of the first list in variables of these types that is too long."""
        waiting: list[tuple[_Spot, Any, Any]] = [
            ((None, f"${name}"), kind, variables[name])
            for name, kind in types.items()
            if variables.get(name)
        ]
        while waiting:
            spot, kind, value = waiting.pop()
            if isinstance(kind, GraphQLList):
                items = value if isinstance(value, list) else [value]
                if len(items) > self._most:
                    what = f"{_written(spot)} has {{}} items"
                    return exceeded("listItems", what, len(items), self._most)
                inner = get_nullable_type(kind.of_type)
                if self._can_hold(inner):
                    waiting += [((spot, index), inner, each) for index, each in enumerate(items)]
            elif isinstance(value, dict):
                for name, field in self._fields[kind.name]:
                    if below := value.get(name):
                        waiting.append(((spot, name), field, below))
        return None

    def _can_hold(self, kind: Any) -> bool:
        return (
            isinstance(get_nullable_type(kind), GraphQLList)
            or get_named_type(kind).name in self._fields
        )


def _written(spot: _Spot) -> str:
    keys: list[str] = []
    while spot is not None:
        spot, key = spot
        keys.append(f"[{key}]" if isinstance(key, int) else f".{key}")
    return "".join(reversed(keys)).removeprefix(".")
