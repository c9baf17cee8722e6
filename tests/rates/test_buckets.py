from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.rates.buckets import Buckets
from tests.namespaces.conftest import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def buckets(clock: Clock) -> Buckets:
    """Buckets of 50 tokens that get 10 a second."""
    return Buckets(10, 50, clock=clock)


def taken(buckets: Buckets, subject: str, tries: int) -> int:
    """Return how many of some tries got a token."""
    return sum(not buckets.take(subject) for _ in range(tries))


def test_gives_the_burst_at_once_and_then_the_rate(buckets: Buckets, clock: Clock) -> None:
    assert taken(buckets, "a", 100) == 50
    clock.now += 1
    assert taken(buckets, "a", 100) == 10
    clock.now += 3600
    assert taken(buckets, "a", 100) == 50


def test_a_steady_rate_is_never_refused(buckets: Buckets, clock: Clock) -> None:
    for _ in range(1000):
        assert not buckets.take("a")
        clock.now += 0.1


def test_tells_when_there_is_a_token_again(buckets: Buckets, clock: Clock) -> None:
    taken(buckets, "a", 50)

    wait_s = buckets.take("a")

    assert wait_s == pytest.approx(0.1)
    clock.now += wait_s - 0.01
    assert buckets.take("a")
    clock.now += 0.02
    assert not buckets.take("a")


def test_who_is_refused_pays_nothing(buckets: Buckets, clock: Clock) -> None:
    taken(buckets, "a", 10_000)

    clock.now += 1.001

    assert taken(buckets, "a", 100) == 10


def test_each_has_a_bucket_of_its_own(buckets: Buckets) -> None:
    assert taken(buckets, "a", 100) == 50
    assert taken(buckets, "b", 100) == 50


def test_charges_what_is_not_there_as_well(buckets: Buckets, clock: Clock) -> None:
    buckets.charge("a", 30)
    assert taken(buckets, "a", 100) == 20
    buckets.charge("a", 15)
    assert buckets.take("a") == pytest.approx(1.6)
    clock.now += 1.501
    assert taken(buckets, "a", 100) == 0
    clock.now += 1
    assert taken(buckets, "a", 100) == 10


def test_whoever_pays_afterwards_gets_their_rate_in_the_long_run(
    buckets: Buckets, clock: Clock
) -> None:
    got = 0
    for _ in range(10_000):
        clock.now += 0.01
        if not buckets.take("a"):
            got += 1
            buckets.charge("a", 9)

    assert got == pytest.approx(100 + 5, abs=1)  # one a second, and what was there at first


def test_nobody_owes_more_than_a_full_bucket(buckets: Buckets, clock: Clock) -> None:
    taken(buckets, "a", 50)
    buckets.charge("a", 10_000)

    clock.now += 5
    assert buckets.take("a")
    clock.now += 1.001
    assert taken(buckets, "a", 100) == 10


@pytest.mark.parametrize("begun_s", [0, 2.5, 4.95, 5.05, 9.95])
def test_forgets_nobody_who_owes(buckets: Buckets, clock: Clock, begun_s: float) -> None:
    buckets.take("other")
    clock.now += begun_s
    buckets.charge("a", 100)

    for number in range(99):
        clock.now += 0.1
        assert not buckets.take(f"other {number % 7}")

    assert taken(buckets, "a", 100) == 49


@pytest.mark.parametrize("begun_s", [0, 2.5, 4.95, 5.05])
def test_forgets_nobody_before_their_bucket_is_full(
    buckets: Buckets, clock: Clock, begun_s: float
) -> None:
    buckets.take("other")
    clock.now += begun_s
    assert taken(buckets, "a", 50) == 50

    for number in range(49):
        clock.now += 0.1
        assert not buckets.take(f"other {number}")

    assert taken(buckets, "a", 100) == 49


@pytest.mark.parametrize("pause_s", [0.0001, 0.01, 10])
def test_a_flood_of_new_subjects_fills_no_memory(
    clock: Clock, pause_s: float, buckets: Buckets
) -> None:
    buckets = Buckets(10, 50, most=100, clock=clock)
    most = 0

    for number in range(5000):
        buckets.take(f"address {number}")
        clock.now += pause_s
        most = max(most, len(buckets))

    assert most <= 200


Taking = Callable[[Buckets], object]


@pytest.mark.parametrize(
    "use",
    [lambda buckets: buckets.take("a"), lambda buckets: buckets.charge("a", 1)],
    ids=["take", "charge"],
)
def test_lets_go_of_what_is_full_again(buckets: Buckets, clock: Clock, use: Taking) -> None:
    use(buckets)
    for number in range(3):
        clock.now += 10.1
        buckets.take(f"other {number}")

    assert len(buckets) <= 2
    assert taken(buckets, "a", 100) == 50
