"""The rules of validation, and which of them have a say of a text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

from graphql import (
    ASTValidationRule,
    DeferStreamDirectiveLabel,
    DeferStreamDirectiveOnRootField,
    DeferStreamDirectiveOnValidOperationsRule,
    DocumentNode,
    FieldNode,
    FragmentsOnCompositeTypesRule,
    GraphQLError,
    KnownDirectivesRule,
    KnownFragmentNamesRule,
    MaxIntrospectionDepthRule,
    NoFragmentCyclesRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    PossibleFragmentSpreadsRule,
    StreamDirectiveOnListField,
    UniqueDirectivesPerLocationRule,
    UniqueFragmentNamesRule,
    UniqueVariableNamesRule,
    VariablesAreInputTypesRule,
    VariablesInAllowedPositionRule,
    specified_rules,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

Rules: TypeAlias = tuple[type[ASTValidationRule], ...]

# The schema has neither @defer nor @stream: that they are unknown is all there is to say of them.
# And one of these rules fails at a @stream on __typename of a union.
_OF_INCREMENTAL_DELIVERY: Rules = (
    DeferStreamDirectiveOnRootField,
    DeferStreamDirectiveOnValidOperationsRule,
    DeferStreamDirectiveLabel,
    StreamDirectiveOnListField,
)

RULES: Rules = (
    *(rule for rule in specified_rules if rule not in _OF_INCREMENTAL_DELIVERY),
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)


class NoIntrospectionRule(ASTValidationRule):
    """Refuses the fields that tell of the schema."""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Refuse it if it is one of them."""
        if node.name.value in ("__schema", "__type"):
            self.report_error(
                GraphQLError(
                    f"{node.name.value} is not answered: introspection is turned off here", node
                )
            )


# What cannot be written without one of these characters: the rules about nothing else have nothing
# to say of a text that has none of them.
_ABOUT: Mapping[tuple[str, ...], Rules] = {
    ("@",): (KnownDirectivesRule, UniqueDirectivesPerLocationRule),
    ("...", "fragment"): (
        FragmentsOnCompositeTypesRule,
        UniqueFragmentNamesRule,
        KnownFragmentNamesRule,
        NoUnusedFragmentsRule,
        PossibleFragmentSpreadsRule,
        NoFragmentCyclesRule,
    ),
    ("$",): (
        VariablesAreInputTypesRule,
        UniqueVariableNamesRule,
        NoUndefinedVariablesRule,
        NoUnusedVariablesRule,
        VariablesInAllowedPositionRule,
    ),
    ("__schema", "__type"): (MaxIntrospectionDepthRule, NoIntrospectionRule),
}


def rules_of(document: DocumentNode, *, introspection: bool) -> Rules:
    """Return the rules that may have something to say of a document, in their order."""
    if document.loc is None:  # it was not parsed
        return _rules((), introspection)
    text = document.loc.source.body
    missing = [about for about in _ABOUT if not any(each in text for each in about)]
    return _rules(tuple(missing), introspection)


@cache
def _rules(missing: tuple[tuple[str, ...], ...], introspection: bool) -> Rules:
    silent = {rule for about in missing for rule in _ABOUT[about]}
    rules: Rules = RULES
    if not introspection:
        rules += (NoIntrospectionRule,)
    return tuple([rule for rule in rules if rule not in silent])
