"""The measures of a document, in time that is linear in its text.

A fragment is measured once, however often it is used: thirty fragments that each use the next one
twice have 2^30 fields, and are measured in microseconds. Nothing here calls itself, for the sender
decides how deep a document is nested.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    ValueNode,
)

from gateway.query_limits.limits import QueryLimits, exceeded
from gateway.query_limits.repeated_keys import Fragments, check_keys

# GraphiQL asks thirteen levels deep for a type of a type; what is known of types costs no SQL.
INTROSPECTION = ("__schema", "__type")


class _Use(NamedTuple):
    """A fragment that is used: where, and whether that is within introspection."""

    name: str
    depth: int
    nesting: int
    is_introspection: bool


@dataclass(slots=True)
class _Measures:
    """What an operation or a fragment amounts to."""

    depth: int = 0
    nesting: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    uses: list[_Use] = field(default_factory=list)

    def add(self, use: _Use, used: _Measures) -> None:
        """Add what a fragment amounts to, which is used here."""
        self.depth = max(self.depth, use.depth + (0 if use.is_introspection else used.depth))
        self.nesting = max(self.nesting, use.nesting + used.nesting)
        self.fields += used.fields
        self.aliases += used.aliases
        self.directives += used.directives


# What is said of each measure.
_TOLD = {
    "depth": "is {} fields deep",
    "nesting": "nests fields and fragments {} deep",
    "fields": "has {} fields and fragments",
    "aliases": "has {} aliases",
    "directives": "has {} directives",
}


def excess(document: DocumentNode, limits: QueryLimits) -> GraphQLError | None:
    """Return the error of the first limit that a document exceeds."""
    count = len(document.definitions)
    if count > limits.definitions:
        what = "the document has {} definitions"
        return exceeded("definitions", what, count, limits.definitions)
    written = [each for each in document.definitions if isinstance(each, FragmentDefinitionNode)]
    fragments: dict[str, FragmentDefinitionNode] = {}
    for fragment in written:
        fragments.setdefault(fragment.name.value, fragment)
    operations = [
        each for each in document.definitions if isinstance(each, OperationDefinitionNode)
    ]
    used: set[str] = set()
    try:
        measured = {name: _measures(each, limits) for name, each in fragments.items()}
        for name in _used_first(measured):
            _add_used(measured[name], measured)
        for operation in operations:
            _check(operation, measured, fragments, used, limits)
        # Validation goes through those as well which nothing uses, and which have a name twice.
        for fragment in written:
            name = fragment.name.value
            if name not in used or fragment is not fragments[name]:
                _check(fragment, measured, fragments, used, limits)
    except GraphQLError as error:
        return error
    return None


def _check(
    definition: OperationDefinitionNode | FragmentDefinitionNode,
    measured: Mapping[str, _Measures],
    fragments: Fragments,
    used: set[str],
    limits: QueryLimits,
) -> None:
    subject = "the operation"
    if isinstance(definition, FragmentDefinitionNode):
        subject = f"fragment {definition.name.value}"
    count = len(definition.variable_definitions or ())
    if count > limits.variables:
        what = f"{subject} has {{}} variables"
        raise exceeded("variables", what, count, limits.variables, definition)
    found = _measures(definition, limits)
    _add_used(found, measured)
    for name, told in _TOLD.items():
        value, maximum = getattr(found, name), getattr(limits, name)
        if value > maximum:
            raise exceeded(name, f"{subject} {told}", value, maximum, definition)
    check_keys(definition, fragments, used, limits)


def _measures(
    definition: OperationDefinitionNode | FragmentDefinitionNode, limits: QueryLimits
) -> _Measures:
    """Return what a definition amounts to by itself, without the fragments that it uses.

    Raises:
        GraphQLError: A list in it has too many items.
    """
    found = _Measures(directives=len(definition.directives or ()))
    values = list(_values(definition.directives))
    for variable in definition.variable_definitions or ():
        found.directives += len(variable.directives or ())
        values += _values(variable.directives)
        if variable.default_value:
            values.append(variable.default_value)
    waiting = [(definition.selection_set, 0, 1, False)]
    while waiting:
        selected, depth, nesting, is_introspection = waiting.pop()
        found.nesting = max(found.nesting, nesting)
        found.fields += len(selected.selections)
        for node in selected.selections:
            found.directives += len(node.directives or ())
            values += _values(node.directives)
            inner = depth
            within = is_introspection
            if isinstance(node, FieldNode):
                found.aliases += node.alias is not None
                values += [each.value for each in node.arguments or ()]
                inner += not is_introspection
                found.depth = max(found.depth, inner)
                within = is_introspection or node.name.value in INTROSPECTION
            if isinstance(node, FragmentSpreadNode):
                found.uses.append(_Use(node.name.value, depth, nesting, is_introspection))
            elif isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set:
                waiting.append((node.selection_set, inner, nesting + 1, within))
    _check_lists(values, limits)
    return found


def _values(directives: Iterable[DirectiveNode] | None) -> list[ValueNode]:
    return [each.value for directive in directives or () for each in directive.arguments or ()]


def _check_lists(values: list[ValueNode], limits: QueryLimits) -> None:
    while values:
        value = values.pop()
        if isinstance(value, ObjectValueNode):
            values += [each.value for each in value.fields]
        elif isinstance(value, ListValueNode):
            if len(value.values) > limits.list_items:
                what = "this list has {} items"
                raise exceeded("listItems", what, len(value.values), limits.list_items, value)
            values += value.values


def _used_first(measured: Mapping[str, _Measures]) -> list[str]:
    """Return the fragments' names, each after those that it uses; a circle is cut anywhere."""
    order: list[str] = []
    begun: set[str] = set()
    for start in measured:
        waiting = [(start, False)]
        while waiting:
            name, is_done = waiting.pop()
            if is_done:
                order.append(name)
            elif name not in begun:
                begun.add(name)
                waiting.append((name, True))
                waiting += [
                    (use.name, False) for use in measured[name].uses if use.name in measured
                ]
    return order


def _add_used(found: _Measures, measured: Mapping[str, _Measures]) -> None:
    for use in found.uses:
        if use.name in measured:  # validation tells of those that are not
            found.add(use, measured[use.name])
