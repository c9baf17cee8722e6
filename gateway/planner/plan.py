"""A finished plan: the statement's text, its parameters, and what Python adds to the answer."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.planner.built import Getter, Inputs
from gateway.planner.caching import LeastUsedCache
from gateway.planner.declared import CALLER_GETTERS, NAMESPACE
from gateway.planner.splice import Shape

# The namespace is set and the rows are read in one round trip; the setting ends with the
# statement. Row level security then refuses what a forgotten predicate would let through.
# Its policies read the setting when rows are looked for, and that is after it was set:
# CASE evaluates its condition first, and the statement within it, which refers to nothing outside
# of it, is a plan of its own that PostgreSQL begins when its value is asked for. A function that
# sets something is never evaluated ahead, and rules out parallel workers (decision 0008).
# The answer comes as bytes, for text would be decoded, and encoded again for the response.
_SCOPED = (
    "SELECT CASE WHEN set_config('app.namespace_id', {namespace}, true) IS NOT NULL THEN"
    " convert_to((\n{statement}\n), 'UTF8') END"
)
_PARAMETER = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """How one field of one document is read, whatever its variables."""

    sql: str
    getters: tuple[Getter, ...]
    # Parameters that this statement does not need after all, but whose arguments are checked all
    # the same.
    checks: tuple[Getter, ...]
    shape: Shape | None
    # Argument sites of the document.
    sites: tuple[Any, ...]
    # What is read of one row by its id; None where it is more, or no such row (``along.py``).
    parts: frozenset[tuple[str, str]] | None

    @property
    def is_personal(self) -> bool:
        """Whether the statement asks who the caller is, not only in which namespace."""
        return any(each in self.getters for each in CALLER_GETTERS if each is not CALLER_GETTERS[0])

    def parameters(self, inputs: Inputs) -> list[Any]:
        """Return the statement's parameters for one execution."""
        for check in self.checks:
            check(inputs)
        return [getter(inputs) for getter in self.getters]


PlanCache = LeastUsedCache[Hashable, ReadPlan]


def finish(
    query: str,
    getters: Sequence[Getter],
    shape: Shape | None,
    *,
    sites: Sequence[Any],
    parts: frozenset[tuple[str, str]] | None = None,
) -> ReadPlan:
    """Return the plan of a built statement.

    Its parameters are numbered anew: those that no part of it needs after all are left out, as
    PostgreSQL could not tell their types.
    """
    numbers: dict[int, int] = {}

    def numbered(place: re.Match[str]) -> str:
        return f"${numbers.setdefault(int(place[1]), len(numbers) + 1)}"

    sql = _PARAMETER.sub(numbered, _SCOPED.format(namespace=NAMESPACE, statement=query))
    checks = [
        getter
        for number, getter in enumerate(getters, 1)
        if number not in numbers and number > len(CALLER_GETTERS)
    ]
    used = [getters[number - 1] for number in numbers]
    return ReadPlan(sql, tuple(used), tuple(checks), shape, tuple(sites), parts)
