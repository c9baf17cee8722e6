"""Sums of what the fields of an operation read, made once for a document.

What is selected below a field is summed up once, however often it is selected: a term names its sum
by the place, and each sum comes after those that it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from graphql import NameNode

from gateway.planner.pricing.collecting import Conditions
from gateway.planner.pricing.sizes import Size

Count: TypeAlias = Size | int


@dataclass(frozen=True, slots=True)
class Term:
    """A field of an answer.

    Args:
        name: Where it stands in the document, most of which it does not keep alive.
        once: The rows that it reads, besides ``rows``.
        rows: As many more.
        times: How often what is below is read.
        below: The place of its sum.
        size: What decides ``rows``, or ``times`` of lists below, where an argument does.
    """

    key: str
    name: NameNode
    conditions: Conditions
    once: int
    rows: Count
    times: Count
    below: int
    size: Size | None


# The terms for each type that an object may turn out to be, of which the costliest counts.
Sum: TypeAlias = Sequence[Sequence[Term]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the variables say: how large a size is, and whether conditions hold."""

    size: Callable[[Size], int]
    holds: Callable[[Conditions], bool]

    def count(self, count: Count) -> int:
        """Return the number that a count comes to."""
        return count if isinstance(count, int) else self.size(count)

    def values(self, sums: Sequence[Sum]) -> list[int]:
        """Return the value of each sum."""
        values: list[int] = []
        for each in sums:
            most = 0
            for terms in each:
                total = 0
                for term in terms:
                    if not term.conditions or self.holds(term.conditions):
                        total += term.once + self.count(term.rows)
                        total += self.count(term.times) * values[term.below]
                most = max(most, total)
            values.append(most)
        return values


LARGEST = Reading(lambda size: size.largest, lambda _: True)
SMALLEST = Reading(lambda size: size.smallest, lambda _: False)
