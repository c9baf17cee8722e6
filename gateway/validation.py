"""GraphQL's validation, by all its rules, in 0.5 to 0.6 of the time.

graphql-core asks each rule about each kind of node, for each document anew, and goes through all of
them at each node. Which rules have a say in a kind never changes, so here that is found out once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from graphql import (
    BREAK,
    SKIP,
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    ValidationContext,
    ValidationRule,
    specified_rules,
    validate,
)
from graphql.language.visitor import EnterLeaveVisitor
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

RULES: tuple[type[ASTValidationRule], ...] = (
    *specified_rules,
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)

# Nobody mends more at a time, and each takes a search for what may have been meant.
MOST_PROBLEMS = 20

_Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Disclosure:
    """How much of the schema is told to those who do not know it.

    Args:
        introspection: Whether ``__schema`` and ``__type`` are answered; ``__typename`` always is.
        suggestions: Whether errors name what may have been meant.
    """

    introspection: bool = True
    suggestions: bool = False


DEFAULT_DISCLOSURE = Disclosure()


def problems(
    schema: GraphQLSchema, document: DocumentNode, disclosure: Disclosure = DEFAULT_DISCLOSURE
) -> list[GraphQLError]:
    """Return what is wrong with a document, as graphql-core tells it, up to ``MOST_PROBLEMS``."""
    return validate(
        schema,
        document,
        [_AllRules if disclosure.introspection else _WithoutIntrospection],
        max_errors=MOST_PROBLEMS,
        hide_suggestions=not disclosure.suggestions,
    )


class _NoIntrospection(ASTValidationRule):
    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Refuse the fields that tell of the schema."""
        if node.name.value in ("__schema", "__type"):
            self.report_error(
                GraphQLError(
                    f"{node.name.value} is not answered: introspection is turned off here", node
                )
            )


class _AllRules(ValidationRule):
    """All rules as one, of which each is called where it has a say, in their order."""

    rules: ClassVar[tuple[type[ASTValidationRule], ...]] = RULES

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._rules = [rule(context) for rule in self.rules]
        # The node whose subtree a rule leaves out, or BREAK where it is done with the document.
        self._skipped: list[Any] = [None] * len(self.rules)

    def get_enter_leave_for_kind(self, kind: str) -> EnterLeaveVisitor:
        """Return what to call before and after a node of a kind."""
        handlers = [
            (place, self._bound(place, enter), self._bound(place, leave))
            for place, enter, leave in _handlers(self.rules, kind)
        ]
        if not handlers:
            return EnterLeaveVisitor(None, None)
        return EnterLeaveVisitor(
            self._entering([(place, enter) for place, enter, _ in handlers if enter]),
            self._leaving([(place, leave) for place, _, leave in handlers]),
        )

    def _bound(self, place: int, name: str | None) -> _Handler | None:
        return None if name is None else getattr(self._rules[place], name)

    def _entering(self, handlers: list[tuple[int, _Handler]]) -> _Handler:
        skipped = self._skipped

        def enter(node: Node, *where: Any) -> None:
            for place, handler in handlers:
                if skipped[place] is None:
                    action = handler(node, *where)
                    if action is not None:
                        skipped[place] = _skipped_by(action, node)

        return enter

    def _leaving(self, handlers: list[tuple[int, _Handler | None]]) -> _Handler:
        skipped = self._skipped

        def leave(node: Node, *where: Any) -> None:
            for place, handler in handlers:
                if skipped[place] is node:
                    skipped[place] = None
                elif skipped[place] is None and handler is not None:
                    action = handler(node, *where)
                    if action is not None:
                        skipped[place] = _skipped_by(action, None)

        return leave


class _WithoutIntrospection(_AllRules):
    rules = (*RULES, _NoIntrospection)


def _skipped_by(action: object, node: Node | None) -> Any:
    """Return what a rule leaves out after its answer: a subtree, or all the rest."""
    if action is SKIP or action is False:
        return node
    if action is BREAK or action is True:
        return BREAK
    raise TypeError(f"a rule of validation must not change the document: {action!r}")


@cache
def _handlers(
    rules: tuple[type[ASTValidationRule], ...], kind: str
) -> list[tuple[int, str | None, str | None]]:
    """Return the places of rules with a say in a kind of node, and the names of their methods."""
    found = [
        (place, _method(rule, "enter", kind), _method(rule, "leave", kind))
        for place, rule in enumerate(rules)
    ]
    return [each for each in found if each[1:] != (None, None)]


def _method(rule: type, verb: str, kind: str) -> str | None:
    return next((name for name in (f"{verb}_{kind}", verb) if hasattr(rule, name)), None)
