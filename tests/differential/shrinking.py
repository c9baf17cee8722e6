"""Makes a document that shows a difference as small as it can be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    Node,
    ObjectFieldNode,
    SelectionSetNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    validate,
    visit,
)
from graphql.language.visitor import REMOVE

from .running import Comparison, Difference, Execution

_PARTS = (
    FieldNode,
    InlineFragmentNode,
    FragmentSpreadNode,
    ArgumentNode,
    DirectiveNode,
    ObjectFieldNode,
)


async def shrink(comparison: Comparison, found: Difference) -> Difference:
    """Return a difference that no longer shows when any part of its document is left out."""
    alone = await comparison.again(found.text, found.executions[-1:])
    smallest = alone or await comparison.again(found.text, found.executions)
    if smallest is None:  # it took another document to make it show
        return found
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for text in _smaller(smallest.text):
            document = parse(text)
            if _has_empty_selections(document) or validate(comparison.reference.schema, document):
                continue
            found_again = await comparison.again(text, _fitting(text, smallest.executions))
            if found_again is not None and "expected" in found_again.what:
                smallest, is_smaller = found_again, True
                break
    return smallest


def _has_empty_selections(document: DocumentNode) -> bool:
    """Tell whether braces have nothing in them, which the parser lets pass."""
    empty: list[Node] = []

    class Finding(Visitor):
        def enter_selection_set(self, node: SelectionSetNode, *_: object) -> None:
            if not node.selections:
                empty.append(node)

    visit(document, Finding())
    return bool(empty)


def _smaller(text: str) -> Iterator[str]:
    document = parse(text)
    counted = _Leaving(None)
    visit(document, counted)
    for index in range(counted.seen):
        yield print_ast(_tidy(visit(document, _Leaving(index))))


class _Leaving(Visitor):
    """Leaves out one part, by its number; counts them all."""

    def __init__(self, index: int | None) -> None:
        super().__init__()
        self.seen = 0
        self._index = index

    def enter(self, node: Node, *_: object) -> object:
        if not isinstance(node, _PARTS):
            return None
        self.seen += 1
        return REMOVE if self.seen - 1 == self._index else None


def _tidy(document: DocumentNode) -> DocumentNode:
    """Leave out fragments and variables that nothing uses any more."""
    spread = _Names(FragmentSpreadNode)
    visit(document, spread)
    kept = tuple(
        each
        for each in document.definitions
        if not isinstance(each, FragmentDefinitionNode) or each.name.value in spread.names
    )
    if len(kept) < len(document.definitions):
        return _tidy(replace(document, definitions=kept))
    used = _Names(VariableNode)
    visit(document, used)
    tidied: DocumentNode = visit(document, _Forgetting(used.names))
    return tidied


class _Names(Visitor):
    """Collects the names of nodes of a kind, definitions of variables aside."""

    def __init__(self, kind: type[Node]) -> None:
        super().__init__()
        self.names: set[str] = set()
        self._kind = kind

    def enter_variable_definition(self, *_: object) -> object:
        return False

    def enter(self, node: Node, *_: object) -> None:
        if isinstance(node, self._kind):
            self.names.add(node.name.value)  # type: ignore[attr-defined]


class _Forgetting(Visitor):
    """Leaves out definitions of variables that are not among those used."""

    def __init__(self, used: set[str]) -> None:
        super().__init__()
        self._used = used

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: object) -> object:
        return None if node.variable.name.value in self._used else REMOVE


def _fitting(text: str, executions: Sequence[Execution]) -> list[Execution]:
    defined = _Names(VariableNode)
    visit(parse(text), defined)
    return [
        each._replace(
            variables={
                name: value for name, value in each.variables.items() if name in defined.names
            }
        )
        for each in executions
    ]
