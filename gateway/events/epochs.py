"""The epochs of the log: in which of them a number was given, and whether it still counts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable


class Epochs:
    """All epochs of a database, as they were when they were read.

    Args:
        begun: Of each its number and that of its first event.
    """

    def __init__(self, begun: Iterable[tuple[int, int]] = ()) -> None:
        self._begun = sorted(begun)
        self._firsts = [first for _, first in self._begun]

    @property
    def newest(self) -> int:
        """The epoch in which events are numbered now; 0 before anything was."""
        return self._begun[-1][0] if self._begun else 0

    def of(self, seq: int) -> int:
        """Return the epoch in which a number was given."""
        place = bisect_right(self._firsts, seq)
        return self._begun[place - 1][0] if place else 0

    def parts_from(self, epoch: int, seq: int) -> bool:
        """Tell whether what came up to a number in an epoch is not what is in this log up to it.

        So it is where an epoch that came later gave that number, or a lower one, anew.
        """
        if epoch > self.newest:
            return True
        return any(later > epoch and first <= seq for later, first in self._begun)
