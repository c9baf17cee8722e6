"""How requests went: how many of each operation, with what outcome, in what time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from gateway.observing.histograms import REQUEST_S, Histogram
from gateway.observing.notes import NO_OPERATION, OK, Notes

# Of operations that are not trusted: their names are the clients' choice.
MOST_NAMES = 100
OTHERS = "(other)"


class _Tally:
    __slots__ = ("cost", "outcomes", "seconds")

    def __init__(self) -> None:
        self.cost = 0
        self.outcomes: Counter[str] = Counter()
        self.seconds = Histogram(REQUEST_S)


class Requests:
    """Counts requests by HTTP, and operations on sockets.

    Args:
        names: Of operations that have a row of their own in any case; of others the first do.
    """

    def __init__(self, names: Iterable[str] = (), *, most_names: int = MOST_NAMES) -> None:
        self._tallies = {name: _Tally() for name in (NO_OPERATION, OTHERS, *names)}
        self._most = len(self._tallies) + most_names

    def ended(self, notes: Notes, seconds: float) -> None:
        """Count a request."""
        tally = self._tallies.get(notes.operation) or self._new(notes.operation)
        tally.outcomes[notes.outcome] += 1
        tally.seconds.observe(seconds)
        if notes.cost is not None and notes.outcome is OK:
            tally.cost += notes.cost()

    def by_outcome(self) -> dict[tuple[str, ...], float]:
        """Return how many there were of each operation with each outcome."""
        return {
            (name, outcome): count
            for name, tally in self._tallies.items()
            for outcome, count in tally.outcomes.items()
        }

    def costs(self) -> dict[str, float]:
        """Return what those of each operation that went well cost together."""
        return {name: each.cost for name, each in self._tallies.items() if each.cost}

    def seconds(self) -> dict[str, Histogram]:
        """Return how long those of each operation took."""
        return {name: each.seconds for name, each in self._tallies.items() if each.outcomes}

    def _new(self, name: str) -> _Tally:
        if len(self._tallies) >= self._most:
            return self._tallies[OTHERS]
        tally = self._tallies[name] = _Tally()
        return tally
