"""The price of an operation, for the variables of each request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import GraphQLError

from gateway.planner.pricing.collecting import Conditions
from gateway.planner.pricing.costliest import mend, way_to_costliest
from gateway.planner.pricing.sums import LARGEST, SMALLEST, Reading, Sum
from gateway.query_limits.limits import exceeded


class Price:
    """What one operation costs: the rows that it reads if all its pages are full.

    Args:
        sums: Each after those that it needs, that of the whole operation last.
        defaults: What the operation says of booleans that are not given.
        maximum: The most that it may cost.
    """

    __slots__ = ("_defaults", "_sums", "least", "maximum", "most")

    def __init__(self, sums: Sequence[Sum], defaults: Mapping[str, bool], *, maximum: int) -> None:
        self.maximum = maximum
        self.most = LARGEST.values(sums)[-1]
        self.least = SMALLEST.values(sums)[-1]
        self._defaults = defaults
        # Most documents cost the same whatever their variables are, and need nothing but that.
        is_settled = self.most == self.least <= maximum
        self._sums: Sequence[Sum] = () if is_settled else sums

    @property
    def may_exceed(self) -> bool:
        """Whether there are variables for which it is too high."""
        return self.most > self.maximum

    def under(self, variables: Mapping[str, Any]) -> int:
        """Return the price for the variables of a request, as they came."""
        return self._reading(variables).values(self._sums)[-1] if self._sums else self.most

    def excess(self, variables: Mapping[str, Any]) -> GraphQLError | None:
        """Return the error of a price that is too high; it names the field that reads the most."""
        if not self.may_exceed:
            return None
        reading = self._reading(variables)
        values = reading.values(self._sums)
        if values[-1] <= self.maximum:
            return None
        steps = way_to_costliest(self._sums, reading)
        path = ".".join(step.term.key for step in steps)
        return exceeded(
            "cost",
            f"the operation may read {{}} rows, chiefly at {path}",
            values[-1],
            self.maximum,
            steps[-1].term.name,
            mend=mend(steps, values, reading, variables, self.maximum),
        )

    def _reading(self, variables: Mapping[str, Any]) -> Reading:
        given = {**self._defaults, **variables}

        def holds(conditions: Conditions) -> bool:
            return all(given.get(variable) is wanted for variable, wanted in conditions)

        return Reading(lambda size: size.under(variables), holds)
