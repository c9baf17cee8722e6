"""Objects that move through their states while what serves them is killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

from .conftest import STATUSES, Event, Place, moves_by_object

_AT_ONCE = 10
_BEFORE = (None, "DRAFT", *STATUSES)
MOVES = list(pairwise(_BEFORE))


class Mover:
    """Moves objects through all their states, beside whatever happens to the gateway."""

    def __init__(self, place: Place, ids: Sequence[str]) -> None:
        self._place = place
        self._ids = ids
        self._thread = threading.Thread(target=self._move)
        self._reached = {status: threading.Event() for status in STATUSES}
        self.ended_at = 0.0

    @contextmanager
    def moving(self) -> Iterator[None]:
        self._thread.start()
        yield
        self._thread.join()

    def wait_until_among(self, status: str) -> None:
        """Return when some of the objects have a status, and most do not."""
        self._reached[status].wait()

    def _move(self) -> None:
        try:
            for status in STATUSES:
                self._place.move(self._ids[:_AT_ONCE], status)
                self._reached[status].set()
                self._place.move(self._ids[_AT_ONCE:], status, at_once=_AT_ONCE)
        finally:
            self.ended_at = time.monotonic()
            for each in self._reached.values():
                each.set()


@contextmanager
def moved_through_kills(mortal: Place, ids: Sequence[str]) -> Iterator[Mover]:
    """Move objects and kill the gateway twice meanwhile; in the block it serves the third time."""
    mover = Mover(mortal, ids)
    with mover.moving():
        mover.wait_until_among("QUEUED")
        mortal.kill()
        with mortal.serving():
            mover.wait_until_among("COMPLETED")
            mortal.kill()
        with mortal.serving():
            yield mover


def check(events: Sequence[Event], ids: Sequence[str]) -> None:
    """Hold that every transition was told once, and those of an object in order."""
    assert dict(moves_by_object(events)) == dict.fromkeys(ids, MOVES)
    assert len(events) == len({each["cursor"] for each in events})
