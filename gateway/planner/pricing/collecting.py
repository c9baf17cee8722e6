"""Which fields a selection has of one object type, with what decides whether they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    NamedTypeNode,
    SelectionSetNode,
    VariableNode,
    is_abstract_type,
)

_WANTED = {"include": True, "skip": False}


class Condition(NamedTuple):
    """A variable that has to be ``wanted``, as @include and @skip say."""

    variable: str
    wanted: bool


Conditions = frozenset[Condition]
ALWAYS: Conditions = frozenset()


class Asked(NamedTuple):
    """A field of an answer: all that is written of it is merged.

    Args:
        conditions: Where it is written once; else it counts as asked for.
    """

    key: str
    nodes: tuple[FieldNode, ...]
    conditions: Conditions

    @property
    def identity(self) -> object:
        """What tells it from others, but for what is below it."""
        return tuple(map(id, self.nodes)), self.conditions


class Collector:
    """Collects the fields of selections in one document."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> None:
        self._schema = schema
        self._fragments = fragments

    def fields(self, parent: GraphQLObjectType, sets: Iterable[SelectionSetNode]) -> list[Asked]:
        """Return the fields that are selected of an object of a type."""
        found: dict[str, list[tuple[FieldNode, Conditions]]] = {}
        spread: set[tuple[str, Conditions]] = set()
        waiting: list[tuple[SelectionSetNode, Conditions]] = [(each, ALWAYS) for each in sets]
        while waiting:
            selected, outer = waiting.pop(0)
            for node in selected.selections:
                conditions = _conditions(node.directives or (), outer)
                if conditions is None:
                    continue
                if isinstance(node, FieldNode):
                    key = (node.alias or node.name).value
                    found.setdefault(key, []).append((node, conditions))
                    continue
                fragment: Any = node
                if isinstance(node, FragmentSpreadNode):
                    use = (node.name.value, conditions)
                    if use in spread:
                        continue
                    spread.add(use)
                    fragment = self._fragments[node.name.value]
                if self._applies(fragment.type_condition, parent):
                    waiting.append((fragment.selection_set, conditions))
        return [_asked(key, nodes) for key, nodes in found.items()]

    def _applies(self, condition: NamedTypeNode | None, parent: GraphQLObjectType) -> bool:
        if condition is None or condition.name.value == parent.name:
            return True
        named = self._schema.type_map[condition.name.value]
        return is_abstract_type(named) and self._schema.is_sub_type(named, parent)


def _asked(key: str, nodes: list[tuple[FieldNode, Conditions]]) -> Asked:
    conditions = nodes[0][1] if len(nodes) == 1 else ALWAYS
    return Asked(key, tuple(node for node, _ in nodes), conditions)


def _conditions(directives: Iterable[DirectiveNode], outer: Conditions) -> Conditions | None:
    """Return the conditions of a node, None if it is never asked for."""
    found = set(outer)
    for each in directives:
        wanted = _WANTED.get(each.name.value)
        if wanted is None:
            continue
        for value in (argument.value for argument in each.arguments or ()):
            if isinstance(value, VariableNode):
                found.add(Condition(value.name.value, wanted))
            elif isinstance(value, BooleanValueNode) and value.value is not wanted:
                return None
    return frozenset(found)
