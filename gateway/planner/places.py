"""Where fields stand in a text: by that plans are filed, and errors located.

What is kept for long holds no selections, for a document takes thirty times the memory of its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from graphql import ArgumentNode, FieldNode, OperationDefinitionNode, SelectionSetNode

# The text, and where in it each of the nodes begins that are merged into a field.
Place: TypeAlias = tuple[str, tuple[int, ...]]


def place_of(nodes: Sequence[FieldNode]) -> Place:
    """Return the place of a field, the same however often its text is parsed."""
    locations = [node.loc for node in nodes if node.loc]
    return locations[0].source.body, tuple([each.start for each in locations])


def bare(node: FieldNode, arguments: Iterable[ArgumentNode] | None = None) -> FieldNode:
    """Return a field with its arguments, or some of them, without what is selected of it."""
    kept = node.arguments if arguments is None else tuple(arguments)
    return FieldNode(name=node.name, alias=node.alias, arguments=kept, loc=node.loc)


def operation_of(node: FieldNode, definition: OperationDefinitionNode) -> OperationDefinitionNode:
    """Return an operation of one field, without what is selected of that."""
    selected = SelectionSetNode(selections=(bare(node, ()),))
    return OperationDefinitionNode(
        operation=definition.operation, name=definition.name, selection_set=selected
    )
