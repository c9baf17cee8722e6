"""The epochs of the log: in which of them a number was given, and whether it still counts.

An epoch is a term of one sequencer, and its mark is drawn by chance. So copies of a database, that
each go on in their own way, never take each other's epochs for their own (decision 0019). Marks
have no order: of two that differ, none is the newer one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise


class Epochs:
    """All epochs of a database, as they were when they were read.

    Args:
        begun: Of each its mark and the number of its first event, the oldest first.
    """

    def __init__(self, begun: Iterable[tuple[int, int]] = ()) -> None:
        self._begun = list(begun)
        self._firsts = [first for _, first in self._begun]
        self._ends = {mark: first for (mark, _), (_, first) in pairwise(self._begun)}

    @property
    def newest(self) -> int:
        """The epoch in which events are numbered now; 0 before anything was."""
        return self._begun[-1][0] if self._begun else 0

    def of(self, seq: int) -> int:
        """Return the epoch in which a number was given; 0: it is older than all that are known."""
        place = bisect_right(self._firsts, seq)
        return self._begun[place - 1][0] if place else 0

    def parts_from(self, epoch: int, seq: int) -> bool:
        """Tell whether what came up to a number in an epoch is not what is in this log up to it.

        So it is where the next epoch gave that number, or a lower one, anew. Of an epoch that is
        not known here nobody can tell where it parted: only what is older than all counts.
        """
        if epoch == self.newest:
            return False
        return seq >= self._ends.get(epoch, self._firsts[0] if self._firsts else 1)
