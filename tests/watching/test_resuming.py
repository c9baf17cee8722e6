"""`gateway watch` of gateways that are killed: each transition is told once, in its order.

``--watched-objects 1000`` is the long run.
"""

from __future__ import annotations

import time

import pytest

from .conftest import Place, watching
from .moving import MOVES, Mover, check, moved_through_kills


@pytest.fixture
def number(request: pytest.FixtureRequest) -> int:
    number: int = request.config.getoption("--watched-objects")
    return number


def test_through_kills_of_the_only_gateway(mortal: Place, number: int, bucket_name: str) -> None:
    with mortal.serving():
        bucket_id = mortal.create_bucket(bucket_name)
        start = mortal.cursor()
        ids = mortal.create_objects(bucket_id, number)
        with watching(mortal, bucket_name, "--after", start) as watch:
            watch.until_told(number)
            with moved_through_kills(mortal, ids) as mover:
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
