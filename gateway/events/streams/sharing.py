"""Tells which subscriptions get the same messages, and so have one stream."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson
from graphql import NonNullTypeNode, VariableDefinitionNode, VariableNode

from gateway.caller import Caller
from gateway.events.encoding import Root
from gateway.planner.caching import LeastUsedCache
from gateway.planner.executor import PlanExecutor
from gateway.planner.used_variables import used_variables

MOST_TEXTS = 512
# The argument that says from which place on; messages do not depend on it.
AFTER = "after"


class Question(NamedTuple):
    """What all who send one text ask for, whatever their variables.

    Args:
        variables: The names of those that messages depend on: not that of the place alone.
        place: The variable that has the place, if the text leaves it to one.
        is_open: Whether it is from now on where that variable is not given.
    """

    root: Root
    variables: frozenset[str]
    place: str | None
    is_open: bool


class Asked(NamedTuple):
    """A subscription, as it was asked for; ``name``: of its operation, if there are several."""

    text: str
    name: str | None
    variables: dict[str, Any]
    caller: Caller
    question: Question

    @property
    def root(self) -> Root:
        """The field that is asked for."""
        return self.question.root

    @property
    def place(self) -> object:
        """The place that its variables have, as it was sent."""
        name = self.question.place
        return None if name is None else self.variables.get(name)


class Sharing:
    """Tells of each who asks what it has in common with others."""

    def __init__(self) -> None:
        self._questions = LeastUsedCache[tuple[str, str | None], Question](MOST_TEXTS)
        # Texts whose messages depend on who the caller is.
        self._personal = LeastUsedCache[tuple[str, str | None], bool](MOST_TEXTS)

    def known(
        self, text: str, name: str | None, variables: dict[str, Any], caller: Caller
    ) -> Asked | None:
        """Return what is asked for; None if nobody has asked by this text before."""
        question = self._questions.find((text, name))
        return None if question is None else Asked(text, name, variables, caller, question)

    def learnt(
        self, text: str, name: str | None, variables: dict[str, Any], executor: PlanExecutor
    ) -> Asked:
        """Return what is asked for by a text of which nothing is known; ``executor``: of it.

        Raises:
            GraphQLError: an argument that is written in the text cannot be read.
        """
        question = _question_of(executor)
        self._questions.keep((text, name), question)
        return Asked(text, name, variables, executor.context_value.caller, question)

    def key(self, asked: Asked) -> tuple[object, ...]:
        """Return what two subscriptions have in common if the same messages are for both.

        Where the messages depend on the caller they are for that one only.

        Raises:
            TypeError: variables are nested deeper than any that are right.
        """
        document = (asked.text, asked.name)
        used = asked.question.variables
        given = {each: asked.variables[each] for each in used if each in asked.variables}
        caller = asked.caller
        written = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
        key = (*document, written, caller.namespace_id, caller.permissions)
        if self._personal.find(document) is None:
            return key
        return (*key, caller.key_id, caller.namespaces)

    def note_personal(self, asked: Asked) -> None:
        """Take note that messages of a text depend on the caller."""
        self._personal.keep((asked.text, asked.name), True)


def _question_of(executor: PlanExecutor) -> Question:
    root = Root.of(executor)
    fragments = {name: each.definition for name, each in executor.fragments.items()}
    nodes = [each.node for each in root.details]
    arguments = [each for node in nodes for each in node.arguments or ()]
    places = [each.value for each in arguments if each.name.value == AFTER]
    others = [each for each in arguments if each.name.value != AFTER]
    selections = [node.selection_set for node in nodes if node.selection_set]
    place = next((each.name.value for each in places if isinstance(each, VariableNode)), None)
    declared = executor.operation.variable_definitions or ()
    return Question(
        root,
        used_variables([*others, *selections], fragments),
        place,
        is_open=not places
        or any(each.variable.name.value == place and _may_be_left_out(each) for each in declared),
    )


def _may_be_left_out(variable: VariableDefinitionNode) -> bool:
    return variable.default_value is None and not isinstance(variable.type, NonNullTypeNode)
