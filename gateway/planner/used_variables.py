"""Which variables a field of a document asks for, and so what its plan depends on."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping

from graphql import FragmentDefinitionNode, FragmentSpreadNode, Node, VariableNode
from graphql.execution.values import VariableValues

from gateway.planner.selection import shape_of


def used_variables(
    nodes: Iterable[Node], fragments: Mapping[str, FragmentDefinitionNode]
) -> frozenset[str]:
    """Return the names of the variables in the nodes, and in all that is selected beneath them."""
    names: set[str] = set()
    spread: set[str] = set()
    waiting: list[Node] = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, VariableNode):
            names.add(node.name.value)
        elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
            spread.add(node.name.value)
            waiting.append(fragments[node.name.value])
        for key in node.keys:
            child = getattr(node, key)
            if isinstance(child, Node):
                waiting.append(child)
            elif isinstance(child, list | tuple):
                waiting.extend(child)
    return frozenset(names)


def used_shape(variables: VariableValues, names: Collection[str]) -> Hashable:
    """Return the part of some variables that may change a statement's text.

    The input of a mutation is none of them: objects with other metadata are read back alike.
    """
    return tuple(
        (name, shape_of(value)) for name, value in variables.coerced.items() if name in names
    )
