"""Tells which subscriptions get the same messages, and so have one stream."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from gateway.caller import Caller
from gateway.events.encoding import Root
from gateway.planner.caching import LeastUsedCache
from gateway.planner.executor import PlanExecutor
from gateway.planner.used_variables import used_variables

MOST_TEXTS = 512


class Question(NamedTuple):
    """What all who send one text ask for, whatever their variables.

    Args:
        variables: The names of those that messages depend on: not that of the place alone.
    """

    root: Root
    variables: frozenset[str]


class Asked(NamedTuple):
    """A subscription, as it was asked for; ``name``: of its operation, if there are several."""

    text: str
    name: str | None
    variables: dict[str, Any]
    executor: PlanExecutor
    question: Question

    @property
    def root(self) -> Root:
        """The field that is asked for."""
        return self.question.root

    @property
    def caller(self) -> Caller:
        """Who asks."""
        caller: Caller = self.executor.context_value.caller
        return caller


class Sharing:
    """Tells of each who asks what it has in common with others."""

    def __init__(self) -> None:
        self._questions = LeastUsedCache[tuple[str, str | None], Question](MOST_TEXTS)
        # Texts whose messages depend on who the caller is.
        self._personal = LeastUsedCache[tuple[str, str | None], bool](MOST_TEXTS)

    def question(self, text: str, name: str | None, executor: PlanExecutor) -> Question:
        """Return what a text asks for; ``executor``: of its operation with that name.

        Raises:
            GraphQLError: an argument that is written in the text cannot be read.
        """
        question = self._questions.find((text, name))
        if question is None:
            root = Root.of(executor)
            question = Question(root, _variables_of(executor, root))
            self._questions.keep((text, name), question)
        return question

    def key(self, asked: Asked) -> tuple[object, ...]:
        """Return what two subscriptions have in common if the same messages are for both.

        Where the messages depend on the caller they are for that one only.
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


def _variables_of(executor: PlanExecutor, root: Root) -> frozenset[str]:
    fragments = {name: each.definition for name, each in executor.fragments.items()}
    nodes = [each.node for each in root.details]
    arguments = [
        each for node in nodes for each in node.arguments or () if each.name.value != "after"
    ]
    selections = [node.selection_set for node in nodes if node.selection_set]
    return used_variables([*arguments, *selections], fragments)
