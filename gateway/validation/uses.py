"""The uses of variables in an operation, found once for all rules that ask for them.

graphql-core finds them once too, but compares whole trees to see that it did.
"""

from __future__ import annotations

from typing import Any

from graphql import (
    FragmentDefinitionNode,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    ValidationContext,
    visit,
)
from graphql.language.ast import QUERY_DOCUMENT_KEYS
from graphql.validation.validation_context import VariableUsage, VariableUsageVisitor

# All but names and descriptions, which are half of the nodes and use no variables.
_KEYS = {
    kind: tuple([key for key in keys if key not in ("name", "description")])
    for kind, keys in QUERY_DOCUMENT_KEYS.items()
}


class _Uses(VariableUsageVisitor):
    """Notes the uses of variables in one definition, and whether it goes on in fragments."""

    spreads_fragments = False

    def enter_fragment_spread(self, *_: Any) -> None:
        """Note that there is more to be looked at."""
        self.spreads_fragments = True


class Context(ValidationContext):
    """What rules ask about a document."""

    def __init__(self, context: ValidationContext) -> None:
        self._types: TypeInfo = context._type_info
        super().__init__(
            context.schema,
            context.document,
            self._types,
            context.report_error,
            context.hide_suggestions,
        )
        self._uses: dict[int, _Uses] = {}
        self._with_fragments: dict[int, list[VariableUsage]] = {}

    def get_variable_usages(self, node: Any) -> list[VariableUsage]:
        """Return the uses of variables in an operation or a fragment."""
        return self._uses_in(node).usages

    def get_recursive_variable_usages(
        self, operation: OperationDefinitionNode
    ) -> list[VariableUsage]:
        """Return the uses of variables in an operation, and in all fragments that it uses."""
        own = self._uses_in(operation)
        if not own.spreads_fragments:
            return own.usages
        found = self._with_fragments.get(id(operation))
        if found is None:
            found = super().get_recursive_variable_usages(operation)
            self._with_fragments[id(operation)] = found
        return found

    def _uses_in(self, node: Any) -> _Uses:
        found = self._uses.get(id(node))
        if found is None:
            fragment = node if isinstance(node, FragmentDefinitionNode) else None
            found = self._uses[id(node)] = _Uses(self._types, fragment)
            visit(node, TypeInfoVisitor(self._types, found), _KEYS)
        return found
