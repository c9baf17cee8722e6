"""Two gateways, one database, one rate."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from gateway.database.pool import Database, open_database
from gateway.errors import Unavailable
from gateway.rates import shared
from gateway.rates.shared import SharedBuckets
from tests.namespaces.conftest import Clock

NEVER = 0.0001  # a second: no token comes back while a test runs


def gateway(database: Database, *, per_s: float = NEVER, burst: float = 100) -> SharedBuckets:
    return SharedBuckets(per_s, burst, database=database, clock=Clock())


def taken(buckets: SharedBuckets, subject: str = "key_a", tries: int = 1000) -> int:
    """Return how many of some tries got a token."""
    return sum(not buckets.take(subject) for _ in range(tries))


async def test_what_one_has_given_the_other_does_not_give_again(database: Database) -> None:
    one, other = gateway(database), gateway(database)
    assert taken(one, tries=60) == 60
    await one.tell()
    assert taken(other, tries=1) == 1
    await other.tell()

    assert taken(other) == 100 - 61
    await other.tell()
    assert taken(one, tries=1) == 1  # it cannot know yet
    await one.tell()
    assert taken(one) == 0


async def test_what_both_gave_at_once_is_paid_for(database: Database) -> None:
    one = gateway(database, per_s=10)
    other = gateway(database, per_s=10)
    assert taken(one) == taken(other) == 100

    await one.tell()
    await other.tell()

    # Twice the burst is gone, so the next token comes after what both have given too much.
    wait_s = other.take("key_a")
    assert 9 < wait_s <= 10.1


async def test_keys_do_not_pay_for_each_other(database: Database) -> None:
    one, other = gateway(database), gateway(database)
    taken(one, "key_a")
    taken(one, "key_b", 10)
    await one.tell()
    taken(other, "key_b", 1)
    await other.tell()

    assert taken(other, "key_b") == 100 - 11
    assert taken(other, "key_c") == 100


async def test_what_is_taken_while_it_tells_is_not_forgotten(database: Database) -> None:
    one = gateway(database)
    taken(one, tries=50)
    telling = asyncio.create_task(one.tell())
    await asyncio.sleep(0)

    assert taken(one, tries=30) == 30

    await telling
    assert taken(one) == 20


async def test_without_a_database_each_counts_for_itself_and_tells_later(
    database: Database, postgres_url: str
) -> None:
    async with open_database(postgres_url) as gone:
        pass
    one, other = gateway(gone), gateway(database)
    assert taken(one, tries=60) == 60
    with pytest.raises(Unavailable):
        await one.tell()
    assert taken(one) == 40

    gone.lender = database.lender
    await one.tell()
    taken(other, tries=1)
    await other.tell()

    assert taken(other) == 0


async def test_who_asks_little_costs_the_database_nothing(database: Database) -> None:
    one = gateway(database, per_s=2000, burst=2000)
    taken(one, tries=20)
    await one.tell()
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM key_rates") == 0

    taken(one, tries=20)
    await one.tell()

    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM key_rates") == 1


async def test_goes_on_telling_after_a_failure(
    database: Database,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(shared, "TELL_EVERY_S", 0.001)
    async with open_database(postgres_url) as gone:
        pass
    one = gateway(gone)
    taken(one, tries=60)
    running = asyncio.create_task(one.run())

    async with asyncio.timeout(20):
        while not caplog.messages:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        gone.lender = database.lender
        while not await has_been_told(database):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("rates are counted by this gateway alone: ")


async def test_tells_once_of_a_fault_that_stays(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared, "TELL_EVERY_S", 0.001)
    one = gateway(database)
    taken(one, "key_\0", tries=60)  # which PostgreSQL cannot keep

    def statements() -> float:
        return float(database.statements.seconds.buckets()[-1][1])

    before = statements()
    running = asyncio.create_task(one.run())
    async with asyncio.timeout(20):
        while statements() < before + 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    (record,) = caplog.records
    assert record.exc_info is not None


async def has_been_told(database: Database) -> bool:
    async with database.connection() as connection:
        told: bool = await connection.fetchval("SELECT EXISTS (SELECT FROM key_rates)")
    return told
