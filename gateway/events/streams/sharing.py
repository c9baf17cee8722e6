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


class Asked(NamedTuple):
    """A subscription, as it was asked for; ``name``: of its operation, if there are several."""

    text: str
    name: str | None
    variables: dict[str, Any]
    executor: PlanExecutor
    root: Root

    @property
    def caller(self) -> Caller:
        """Who asks."""
        caller: Caller = self.executor.context_value.caller
        return caller


class Sharing:
    """Makes the keys of streams."""

    def __init__(self) -> None:
        # Texts whose messages depend on who the caller is.
        self._personal = LeastUsedCache[tuple[str, str | None], bool](MOST_TEXTS)
        self._variables = LeastUsedCache[tuple[str, str | None], frozenset[str]](MOST_TEXTS)

    def key(self, asked: Asked) -> tuple[object, ...]:
        """Return what two subscriptions have in common if the same messages are for both.

        Where the messages depend on the caller they are for that one only.
        """
        document = (asked.text, asked.name)
        used = self._variables.find(document)
        if used is None:
            used = _variables_of(asked)
            self._variables.keep(document, used)
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


def _variables_of(asked: Asked) -> frozenset[str]:
    """Return the names of the variables that messages depend on: not that of the place alone."""
    fragments = {name: each.definition for name, each in asked.executor.fragments.items()}
    nodes = [each.node for each in asked.root.details]
    arguments = [
        each for node in nodes for each in node.arguments or () if each.name.value != "after"
    ]
    selections = [node.selection_set for node in nodes if node.selection_set]
    return used_variables([*arguments, *selections], fragments)
