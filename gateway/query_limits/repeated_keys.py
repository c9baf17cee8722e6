"""How often one field is asked for in one object, which validation compares each with each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from gateway.query_limits.limits import QueryLimits, exceeded

Fragments = Mapping[str, FragmentDefinitionNode]


def check_keys(
    definition: OperationDefinitionNode | FragmentDefinitionNode,
    fragments: Fragments,
    used: set[str],
    limits: QueryLimits,
) -> None:
    """Refuse objects that one field is asked of too often.

    Args:
        definition: Is within the other limits, so all that it selects can be gone through.
        used: Takes up the names of the fragments that are met.

    Raises:
        GraphQLError: There is one.
    """
    left = limits.fields  # none, only where fragments use one another in a circle
    waiting: list[list[SelectionSetNode]] = [[definition.selection_set]]
    while waiting and left > 0:
        nodes, count = _collected(waiting.pop(), fragments, used)
        left -= count
        for key, same in nodes.items():
            if len(same) > limits.repeated_keys:
                what = f"{key} is asked for {{}} times in one object"
                raise exceeded("repeatedKeys", what, len(same), limits.repeated_keys, same[0])
            below = [each.selection_set for each in same if each.selection_set]
            if below:
                waiting.append(below)


def _collected(
    sets: Sequence[SelectionSetNode], fragments: Fragments, used: set[str]
) -> tuple[Mapping[str, list[FieldNode]], int]:
    """Return the fields that are selected of one object, by their names in the answer.

    The number is that of the fields and fragments which were looked at.
    """
    found: defaultdict[str, list[FieldNode]] = defaultdict(list)
    count = 0
    here: set[str] = set()
    waiting = list(sets)
    while waiting:
        nodes = waiting.pop().selections
        count += len(nodes)
        for node in nodes:
            if isinstance(node, FieldNode):
                found[(node.alias or node.name).value].append(node)
            elif isinstance(node, InlineFragmentNode):
                waiting.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in here:
                here.add(node.name.value)
                if fragment := fragments.get(node.name.value):
                    waiting.append(fragment.selection_set)
    used |= here
    return found, count
