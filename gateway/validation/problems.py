"""GraphQL's validation by all its rules, in a third of the time.

graphql-core asks each rule about each kind of node, for each document anew, and goes through all of
them at each node. Which rules have a say in a kind never changes, so here that is found out once,
and rules about what a text has none of are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from graphql import (
    BREAK,
    SKIP,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    UniqueDirectivesPerLocationRule,
    ValidationContext,
    ValidationRule,
    validate,
)
from graphql.language.ast import QUERY_DOCUMENT_KEYS
from graphql.language.visitor import EnterLeaveVisitor

from gateway.validation.rules import Rules, rules_of
from gateway.validation.uses import Context

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
    as_one: Any = partial(_AllRules, rules_of(document, introspection=disclosure.introspection))
    return validate(
        schema,
        document,
        [as_one],
        max_errors=MOST_PROBLEMS,
        hide_suggestions=not disclosure.suggestions,
    )


class _AllRules(ValidationRule):
    """All rules as one, of which each is called where it has a say, in their order."""

    def __init__(self, rules: Rules, context: ValidationContext) -> None:
        super().__init__(context)
        context = Context(context)
        self._kinds = rules
        self._rules = [rule(context) for rule in rules]
        # The node whose subtree a rule leaves out, or BREAK where it is done with the document.
        self._skipped: list[Any] = [None] * len(rules)

    def get_enter_leave_for_kind(self, kind: str) -> EnterLeaveVisitor:
        """Return what to call before and after a node of a kind."""
        handlers = [
            (place, self._bound(place, enter), self._bound(place, leave))
            for place, enter, leave in _handlers(self._kinds, kind)
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


def _skipped_by(action: object, node: Node | None) -> Any:
    """Return what a rule leaves out after its answer: a subtree, or all the rest."""
    if action is SKIP or action is False:
        return node
    if action is BREAK or action is True:
        return BREAK
    raise TypeError(f"a rule of validation must not change the document: {action!r}")


@cache
def _handlers(rules: Rules, kind: str) -> list[tuple[int, str | None, str | None]]:
    """Return the places of rules with a say in a kind of node, and the names of their methods."""
    found = [
        (place, _method(rule, "enter", kind), _method(rule, "leave", kind))
        for place, rule in enumerate(rules)
        # It asks every node for its directives, and half of all are names, which have none.
        if rule is not UniqueDirectivesPerLocationRule
        or "directives" in QUERY_DOCUMENT_KEYS.get(kind, ())
    ]
    return [each for each in found if each[1:] != (None, None)]


def _method(rule: type, verb: str, kind: str) -> str | None:
    return next((name for name in (f"{verb}_{kind}", verb) if hasattr(rule, name)), None)
