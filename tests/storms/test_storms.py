"""Random transactions, subscribers who come and go, and machines that are killed beneath them.

Everybody is told of all that was committed in the own namespace, once and in order; seen from
outside. ``--strikes 500`` is the long run, which tells its counts with ``-s``.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial

import asyncpg
import pytest

from gateway.database import migrate
from tests.conftest import lent_folder
from tests.events.test_sequencer import until
from tests.events.world import ONE, OTHER
from tests.serve.gateways import LINUX
from tests.serve.silence import elsewhere
from tests.storms import planted
from tests.storms.followers import Counts, Follower, following
from tests.storms.judge import RIGHT, Told, judge, number_of, wanted
from tests.storms.machines import Machines, machines, make_key, make_namespaces
from tests.storms.writers import IDS, LAST, make_objects, writing

NAMESPACES = (ONE, OTHER)
FOLLOWERS = 6  # of each namespace
_LOGGED = "SELECT count(*) FROM event_log WHERE kind = 'OBJECT'"


@LINUX
async def test_each_is_told_all_of_its_own_once_and_in_order(
    request: pytest.FixtureRequest,
) -> None:
    strikes = request.config.getoption("--strikes")
    seed = request.config.getoption("--storm-seed")
    with lent_folder() as folder, elsewhere(folder, is_durable=True) as database:
        await migrate.up(database.url)
        await prepare(database.url)
        key = await make_key(database.url)
        async with machines(database, seed) as all_of_them:
            counts = Counts()
            followers = await start(all_of_them, key, seed, counts)
            async with following(followers), writing(database.url, NAMESPACES, seed) as writers:
                for number in range(strikes):
                    if number % 2:  # a crowd comes back to gateways that nobody follows
                        for each in followers:
                            each.leave()
                    name = await all_of_them.strike(number)
                    await until_all_are_told_more(followers, after=f"{name}, strike {number}")
                    assert (counts.of_others, counts.resets) == (0, 0)

            happened = await judge_all(database.url, followers)
            assert (counts.of_others, counts.resets) == (0, 0)
            for gateway in all_of_them.gateways:
                await until(partial(asyncio.to_thread, gateway.has_nothing_left))
                assert "Traceback" not in gateway.complaint
    ended = sum((each.ended for each in writers), Counter[str]())
    print(f"{happened} events", counts, all_of_them.struck, ended)  # noqa: T201 - with pytest -s


async def judge_all(url: str, followers: Sequence[Follower]) -> int:
    """Hold what each was told against what the objects have become; return how much that was."""
    happened = 0
    sql = await asyncpg.connect(url)
    for namespace_id in NAMESPACES:
        await sql.execute(f"SET app.namespace_id = '{namespace_id}'")
        of_all = await wanted(sql, namespace_id)
        ours = [each for each in followers if each.namespace_id == namespace_id]
        assert len(of_all) > 50
        assert {judge(of_all, each.told) for each in ours} == {RIGHT}
        assert len({each.texts for each in ours}) == 1
        happened += len(of_all)
    await sql.close()
    return happened


@pytest.mark.parametrize(
    ("fault", "is_caught_as"),
    [(planted.BY_ID, "lost"), (planted.BELOW_THE_OLDEST, "misordered")],
    ids=["by id", "below the oldest"],
)
async def test_cursors_that_are_wrong_are_caught(
    migrated_database_url: str, fault: str, is_caught_as: str
) -> None:
    url = migrated_database_url
    await prepare(url)
    sql = await asyncpg.connect(url, server_settings={"app.events_of": "all"})
    try:
        assert await sql.fetchval("SELECT open_event_epoch()") == 1
        await sql.fetchval("SELECT sequence_events(1000)")
        start = await sql.fetchval("SELECT max(seq) FROM event_log")
        await sql.execute(fault)
        await sql.execute(f"SET app.namespace_id = '{ONE}'")
        verdict, seed = RIGHT, 0
        while not getattr(verdict, is_caught_as):
            seed += 1
            assert seed <= 20
            async with writing(url, [ONE], seed) as writers:
                while sum(each.ended["COMMIT"] for each in writers) < 60:
                    await sql.fetchval("SELECT sequence_events(1000)")
            await sql.fetchval("SELECT sequence_events(100000)")
            verdict = judge(await wanted(sql, ONE), await logged(sql, start))
    finally:
        await sql.close()
    print(verdict)  # noqa: T201 - with pytest -s


async def logged(sql: asyncpg.Connection, after: int) -> list[Told]:
    rows = await sql.fetch(
        "SELECT node_id, version FROM event_log WHERE seq > $1 ORDER BY seq", after
    )
    return [(number_of(row["node_id"]), row["version"]) for row in rows]


async def prepare(url: str) -> None:
    """Make two namespaces with the same objects."""
    await make_namespaces(url, *NAMESPACES)
    for namespace_id in NAMESPACES:
        await make_objects(url, namespace_id)


async def start(all_of_them: Machines, key: str, seed: int, counts: Counts) -> list[Follower]:
    """Return who will follow all that happens from now on."""
    sql = await asyncpg.connect(all_of_them.url, server_settings={"app.events_of": "all"})

    async def is_sequenced() -> bool:
        return bool(await sql.fetchval(_LOGGED) == len(NAMESPACES) * len([*IDS, LAST]))

    await until(is_sequenced)
    await sql.close()
    urls = [each.url for each in all_of_them.gateways]
    return [
        Follower(
            urls,
            key,
            namespace_id,
            await asyncio.to_thread(all_of_them.gateways[0].cursor, key, namespace_id),
            seed * 100 + number,
            counts,
        )
        for number in range(FOLLOWERS)
        for namespace_id in NAMESPACES
    ]


async def until_all_are_told_more(followers: Sequence[Follower], after: str) -> None:
    """Return once each has heard of what came after this was called: nobody hangs in silence."""
    before = [each.heard for each in followers]

    async def have_heard() -> bool:
        assert not any(each.is_refused for each in followers)
        return all(each.heard > then for each, then in zip(followers, before, strict=True))

    try:
        await until(have_heard)
    except TimeoutError as error:
        silent = [each for each, then in zip(followers, before, strict=True) if each.heard == then]
        error.add_note(f"after {after}, {len(silent)} of {len(followers)} were told nothing")
        raise
