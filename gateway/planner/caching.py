"""What was used last is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class CacheCounts:
    """What a cache did since the process began."""

    hits: int = 0
    misses: int = 0
    evictions: int = 0


class LeastUsedCache(Generic[K, V]):
    """Keeps values; those that were not used for the longest time go first.

    Args:
        most: How many are kept.
        most_weight: What their weights may add up to.
    """

    def __init__(self, most: int, *, most_weight: int = 0) -> None:
        self._most = most
        self._most_weight = most_weight
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._weight = 0
        self.counts = CacheCounts()

    def size(self) -> int:
        """Return how many are kept."""
        return len(self._kept)

    def find(self, key: K) -> V | None:
        """Return what is kept under a key."""
        entry = self._kept.get(key)
        if entry is None:
            self.counts.misses += 1
            return None
        self.counts.hits += 1
        self._kept.move_to_end(key)
        return entry[0]

    def keep(self, key: K, value: V, weight: int = 0) -> None:
        """Keep a value, in place of what was kept under its key."""
        self._weight += weight - self._kept.get(key, (None, 0))[1]
        self._kept[key] = value, weight
        self._kept.move_to_end(key)
        while len(self._kept) > self._most or self._weight > self._most_weight:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._weight -= dropped
            self.counts.evictions += 1

    def clear(self) -> None:
        """Drop everything."""
        self._kept.clear()
        self._weight = 0
