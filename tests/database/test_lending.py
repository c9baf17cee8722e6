"""Lending: in turn, nothing lost, whatever happens to those who wait."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from gateway.database.pool import Database, open_database
from gateway.errors import Unavailable

SIZE = 2


@pytest.fixture
async def small(postgres_url: str) -> AsyncIterator[Database]:
    async with open_database(postgres_url, size=SIZE) as database:
        yield database


async def all_at_once(database: Database) -> set[int]:
    """Return the server's process of each connection, all of them lent at one time."""
    meeting = asyncio.Barrier(SIZE)

    async def one() -> int:
        async with database.connection() as connection:
            await meeting.wait()
            pid: int = await connection.fetchval("SELECT pg_backend_pid()")
            return pid

    async with asyncio.timeout(5):
        return set(await asyncio.gather(*[one() for _ in range(SIZE)]))


async def test_lends_the_same_connection_again(small: Database) -> None:
    pids = set()
    for _ in range(5):
        async with small.connection() as connection:
            pids.add(await connection.fetchval("SELECT pg_backend_pid()"))

    assert len(pids) == 1


async def test_who_waits_gets_one_in_turn(small: Database) -> None:
    served: list[int] = []

    async def ask(number: int) -> None:
        async with small.connection() as connection:
            served.append(number)
            await connection.fetchval("SELECT 1")

    async with small.connection(), small.connection():
        waiting = [asyncio.create_task(ask(number)) for number in range(6)]
        await asyncio.sleep(0)
        assert served == []
    await asyncio.gather(*waiting)

    assert served == list(range(6))


@pytest.mark.parametrize("how", ["discarded", "closed"])
async def test_who_waits_is_not_overtaken_where_a_connection_is_replaced(
    postgres_url: str, how: str
) -> None:
    served: list[str] = []

    async def ask(who: str) -> None:
        connection = await lender.take()
        served.append(who)
        lender.give_back(connection)

    async with open_database(postgres_url, size=1) as database:
        lender = database.lender
        connection = await lender.take()
        waiting = [asyncio.create_task(ask(who)) for who in "abc"]
        await asyncio.sleep(0)

        if how == "discarded":
            await lender.discard(connection)
        else:
            connection.terminate()
            lender.give_back(connection)
        await ask("who comes later")

        await asyncio.gather(*waiting)
        assert served == ["a", "b", "c", "who comes later"]
        assert (lender.used(), lender.free(), lender.waiting()) == (0, 1, 0)


async def test_a_place_is_handed_on_by_who_gives_up_in_that_moment(postgres_url: str) -> None:
    async with open_database(postgres_url, size=1) as database:
        connection = await database.lender.take()
        waiting = [asyncio.create_task(database.value("SELECT 1", [])) for _ in range(3)]
        await asyncio.sleep(0)

        await database.lender.discard(connection)
        waiting[0].cancel()

        assert await asyncio.gather(*waiting[1:]) == [1, 1]
        assert (database.lender.used(), database.lender.free()) == (0, 1)


async def test_nothing_is_lost_when_those_who_wait_give_up(small: Database) -> None:
    chance = random.Random(7)  # noqa: S311 - for a schedule

    async def ask() -> None:
        async with small.connection() as connection:
            await connection.fetchval("SELECT pg_sleep(0.001)")

    for _ in range(20):
        tasks = [asyncio.create_task(ask()) for _ in range(10)]
        await asyncio.sleep(0)
        for task in chance.sample(tasks, 6):
            if chance.random() < 0.5:
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    assert len(await all_at_once(small)) == SIZE


async def test_a_connection_left_in_a_transaction_is_not_lent_on(small: Database) -> None:
    async with small.connection() as connection:
        await connection.execute("BEGIN")

    async with small.connection() as one, small.connection() as two:
        assert not one.is_in_transaction()
        assert not two.is_in_transaction()


async def test_connections_that_the_server_ended_are_replaced(small: Database) -> None:
    before = await all_at_once(small)
    async with small.connection() as connection:
        others = before - {await connection.fetchval("SELECT pg_backend_pid()")}
        for pid in others:
            await connection.execute(f"SELECT pg_terminate_backend({pid})")
    await asyncio.sleep(0.1)  # for the news to arrive

    after = await all_at_once(small)

    assert len(after) == SIZE
    assert not others & after


async def test_tells_when_none_comes_back(postgres_url: str) -> None:
    async with open_database(postgres_url, size=SIZE, patience_s=0.05) as small:
        async with small.connection(), small.connection():
            with pytest.raises(Unavailable):
                async with small.connection():
                    pass

        assert len(await all_at_once(small)) == SIZE


async def test_no_more_wait_than_may(postgres_url: str) -> None:
    async with open_database(postgres_url, size=1, most_waiting=1) as database:
        async with database.connection():
            waiting = asyncio.create_task(database.value("SELECT 1", []))
            await asyncio.sleep(0)
            with pytest.raises(Unavailable, match="too many requests wait for the database"):
                await database.value("SELECT 2", [])

        assert await waiting == 1
        assert await database.value("SELECT 2", []) == 2
        assert database.outages == {"queue": 1}


async def test_who_waits_no_more_keeps_nobody_from_waiting(postgres_url: str) -> None:
    async with open_database(postgres_url, size=1, most_waiting=1) as database:
        async with database.connection():
            gone = asyncio.create_task(database.value("SELECT 1", []))
            await asyncio.sleep(0)
            gone.cancel()
            await asyncio.wait([gone])
            waiting = asyncio.create_task(database.value("SELECT 2", []))
            await asyncio.sleep(0)

        assert await waiting == 2


async def test_giving_up_ends_every_wait(small: Database) -> None:
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(given_up(small)) for _ in range(5)]
        await asyncio.sleep(0.1)  # two are lent a connection, three wait for one
        small.give_up()

    assert [each.result() for each in asked] == [True] * 5
    with pytest.raises(Unavailable):
        await small.value("SELECT 1", [])
    small.is_silent = False
    assert len(await all_at_once(small)) == SIZE


async def given_up(database: Database) -> bool:
    """Ask for what takes long; tell whether it was given up as an outage."""
    try:
        await database.value("SELECT pg_sleep(60)", [])
    except Unavailable:
        return True
    return False
