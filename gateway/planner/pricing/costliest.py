"""Which field makes an operation too costly, and what would be right in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gateway.planner.pricing.sums import Reading, Sum, Term


class Step(NamedTuple):
    """A field on the way to the costliest one; ``times``: how often it is read itself."""

    term: Term
    times: int


class _Best(NamedTuple):
    """The most rows that one field below reads, and the term on the way there."""

    rows: int = 0
    term: Term | None = None
    is_further: bool = False


def way_to_costliest(sums: Sequence[Sum], reading: Reading) -> list[Step]:
    """Return the fields down to the one whose own rows are the most."""
    found: list[_Best] = []
    for each in sums:
        best = _Best()
        for term in (term for terms in each for term in terms if reading.holds(term.conditions)):
            own = term.once + reading.count(term.rows)
            further = reading.count(term.times) * found[term.below].rows
            if own > best.rows:
                best = _Best(own, term)
            if further > best.rows:
                best = _Best(further, term, is_further=True)
        found.append(best)
    steps: list[Step] = []
    best, times = found[-1], 1
    while best.term is not None:
        steps.append(Step(best.term, times))
        times *= reading.count(best.term.times)
        best = found[best.term.below] if best.is_further else _Best()
    return steps


def mend(
    steps: Sequence[Step],
    values: Sequence[int],
    reading: Reading,
    variables: Mapping[str, Any],
    maximum: int,
) -> str:
    """Return what would be right: a smaller size, as far down the way as that is enough."""
    for depth in range(len(steps), 0, -1):
        term, times = steps[depth - 1]
        if term.size is None:
            continue
        size = reading.size(term.size)
        # What a field reads grows with its size, but for what it reads once.
        growing = reading.count(term.rows) + reading.count(term.times) * values[term.below]
        each = times * growing // size if size else 0
        fits = (maximum - values[-1] + times * growing) // each if each else 0
        if 0 < fits < size:
            path = ".".join(step.term.key for step in steps[:depth])
            name = term.size.argument(variables)
            smaller = f"{fits} {name}" if term.size.is_list else f"{name}: {fits}"
            return f"ask for {smaller} at {path}"
    return "ask for smaller pages, or for less at a time"
