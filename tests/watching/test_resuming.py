"""`gateway watch` of gateways that are killed: each transition is told once, in its order.

``--watched-objects 1000`` is the long run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import pytest

from .conftest import STATUSES, Event, Place, moves_by_object, watching

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


@pytest.fixture
def number(request: pytest.FixtureRequest) -> int:
    number: int = request.config.getoption("--watched-objects")
    return number


def check(events: Sequence[Event], ids: Sequence[str]) -> None:
    """Hold that every transition was told once, and those of an object in order."""
    assert dict(moves_by_object(events)) == dict.fromkeys(ids, MOVES)
    assert len(events) == len({each["cursor"] for each in events})


def test_through_kills_of_the_only_gateway(mortal: Place, number: int, bucket_name: str) -> None:
    with mortal.serving():
        bucket_id = mortal.create_bucket(bucket_name)
        start = mortal.cursor()
        ids = mortal.create_objects(bucket_id, number)
        mover = Mover(mortal, ids)
        with watching(mortal, bucket_name, "--after", start) as watch:
            watch.until_told(number)
            with mover.moving():
                mover.wait_until_among("QUEUED")
                mortal.kill()
                with mortal.serving():
                    mover.wait_until_among("COMPLETED")
                    mortal.kill()
                with mortal.serving():
                    restarted_at = time.monotonic()
                    events = watch.until_told(len(MOVES) * number)
                    told_at = time.monotonic()
                    complaint = watch.complaint.splitlines()

    check(events, ids)
    # Once for each outage; one that is over before it goes on is the same to it.
    assert 1 <= len(complaint) <= 2
    assert all(line.startswith("waiting for the gateway: ") for line in complaint)
    print(  # noqa: T201 - with pytest -s
        f"{len(events)} events, complete {told_at - restarted_at:.2f} s after the restart,"
        f" {told_at - mover.ended_at:.2f} s after the last move"
    )


def test_two_gateways_tell_the_same(
    mortal: Place, place: Place, number: int, bucket_name: str
) -> None:
    """One is killed; the other is asked for all changes."""
    bucket_id = place.create_bucket(bucket_name)
    start = place.cursor()
    ids = place.create_objects(bucket_id, number)
    mover = Mover(place, ids)
    with (
        mortal.serving(),
        watching(mortal, bucket_name, "--after", start) as one,
        watching(place, bucket_id, "--after", start) as two,
    ):
        one.until_told(number)
        with mover.moving():
            mover.wait_until_among("QUEUED")
            mortal.kill()
            mover.wait_until_among("COMPLETED")
            with mortal.serving():
                of_one = one.until_told(len(MOVES) * number)
        of_two = two.until_told(len(MOVES) * number)
        assert two.complaint == ""

    check(of_one, ids)
    assert of_one == of_two
