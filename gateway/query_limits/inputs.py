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


class InputLists:
    """Knows which inputs of a schema can hold lists; a JSON scalar's arrays are none of them."""

    def __init__(self, schema: GraphQLSchema, limits: QueryLimits) -> None:
        self._schema = schema
        self._most = limits.list_items
        inputs = [
            each for each in schema.type_map.values() if isinstance(each, GraphQLInputObjectType)
        ]
        self._holding: set[str] = set()
        known = -1
        while known < len(self._holding):  # inputs hold inputs
            known = len(self._holding)
            self._holding |= {
                each.name
                for each in inputs
                if any(self._can_hold(field.type) for field in each.fields.values())
            }

    def of(self, definition: OperationDefinitionNode) -> Mapping[str, Any]:
        """Return the types of an operation's variables that can hold lists, by their names."""
        types = {
            each.variable.name.value: type_from_ast(self._schema, each.type)
            for each in definition.variable_definitions or ()
        }
        return {name: kind for name, kind in types.items() if kind and self._can_hold(kind)}

    def excess(self, types: Mapping[str, Any], variables: Mapping[str, Any]) -> GraphQLError | None:
        """Return the error of the first list in variables of these types that is too long."""
        waiting = [
            (f"${name}", kind, variables[name])
            for name, kind in types.items()
            if variables.get(name)
        ]
        while waiting:
            path, kind, value = waiting.pop()
            kind = get_nullable_type(kind)
            if isinstance(kind, GraphQLList):
                items = value if isinstance(value, list) else [value]
                if len(items) > self._most:
                    return exceeded("listItems", f"{path} has {{}} items", len(items), self._most)
                if self._can_hold(kind.of_type):
                    waiting += [
                        (f"{path}[{index}]", kind.of_type, each) for index, each in enumerate(items)
                    ]
            elif isinstance(value, dict):
                fields = kind.fields
                waiting += [
                    (f"{path}.{key}", fields[key].type, each)
                    for key, each in value.items()
                    if each and key in fields and self._can_hold(fields[key].type)
                ]
        return None

    def _can_hold(self, kind: Any) -> bool:
        return (
            isinstance(get_nullable_type(kind), GraphQLList)
            or get_named_type(kind).name in self._holding
        )
