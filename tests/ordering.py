"""Whether what happened to one thing is told in its order."""

from __future__ import annotations

from collections.abc import Hashable, Iterable


def misordered(told: Iterable[tuple[Hashable, int]]) -> int:
    """Return how often an earlier version of something came after a later one."""
    latest: dict[Hashable, int] = {}
    count = 0
    for thing, version in told:
        count += version < latest.get(thing, 0)
        latest[thing] = max(version, latest.get(thing, 0))
    return count
