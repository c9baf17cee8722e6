"""That what ``python -m bench reads`` compares is equal; nothing is timed here."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import asyncpg
import click
import pytest

from bench.reads import check, contenders, growth, pages
from bench.reads.contenders import Contender, Gateway
from bench.reads.dataset import NAMESPACE, Urls, fill
from bench.reads.explain import explained
from bench.reads.measure import Side
from bench.reads.postgraphile import packages
from bench.reads.postgraphile.contender import PostGraphile, open_postgraphile, prepare
from bench.reads.postgraphile.packages import Packages
from bench.reads.workloads import WORKLOADS
from gateway.database.pool import open_database
from gateway.namespaces.first_key import ensure_default
from tests.conftest import Server


@pytest.fixture(scope="module")
async def urls(server: Server, migrated_template: str) -> AsyncIterator[Urls]:
    """A small dataset."""
    name = await server.create(template=migrated_template)
    urls = Urls(server.url(name), server.postgres.superuser_url(name))
    await fill(urls.superuser, objects=600)
    yield urls
    await server.drop(name)


@pytest.fixture(scope="module")
async def both(
    urls: Urls, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[list[Contender]]:
    folder = tmp_path_factory.mktemp("contenders")
    async with open_database(urls.owner, size=1) as database:
        first = await ensure_default(database, folder / "key")
    headers = {"Authorization": f"Bearer {first.secret}", "X-Namespace": NAMESPACE}
    with ExitStack() as stack:
        limit = stack.enter_context(contenders.open_limit(urls.superuser, folder, headers))
        gateway = stack.enter_context(contenders.open_gateway(urls.owner, folder, headers))
        yield [limit, gateway]


@pytest.fixture
async def connection(urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(urls.superuser)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def all_three(
    urls: Urls, both: list[Contender], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[list[Contender]]:
    if "BENCH_POSTGRAPHILE" not in os.environ:
        pytest.skip("BENCH_POSTGRAPHILE is no folder that npm may install PostGraphile into")
    installed = packages.install(Path(os.environ["BENCH_POSTGRAPHILE"]))
    assert isinstance(installed, Packages)
    superuser = await asyncpg.connect(urls.superuser)
    namespace_id = await prepare(superuser)
    await superuser.close()
    with open_postgraphile(
        urls.superuser,
        tmp_path_factory.mktemp("postgraphile"),
        _gateway(both).headers,
        packages=installed,
        namespace_id=namespace_id,
    ) as postgraphile:
        yield [*both, postgraphile]


@pytest.mark.parametrize("name", WORKLOADS)
async def test_both_answer_alike(
    name: str, both: list[Contender], connection: asyncpg.Connection
) -> None:
    workload = WORKLOADS[name]
    asked = {
        each: await workload.variables(connection, turn=turn) for turn, each in enumerate(both)
    }

    check.equal_answers(workload, asked)

    if workload.ids is None:
        written = {sent[0]["input"]["bucketId"]: len(sent) for sent in asked.values()}
        await check.equal_rows(connection, written)


@pytest.mark.parametrize("name", WORKLOADS)
async def test_postgraphile_answers_alike(
    name: str, all_three: list[Contender], connection: asyncpg.Connection
) -> None:
    workload = WORKLOADS[name]
    *others, postgraphile = all_three
    assert isinstance(postgraphile, PostGraphile)
    forms = postgraphile.forms(workload)
    # Buckets that no other test writes into.
    asked = {
        each: await workload.variables(connection, turn=turn)
        for turn, each in enumerate([*others, *forms], start=2)
    }

    check.equal_answers(workload, asked)

    if workload.ids is None:
        written = {sent[0]["input"]["bucketId"]: len(sent) for sent in asked.values()}
        await check.equal_rows(connection, written)


async def test_postgraphile_knows_its_callers(all_three: list[Contender]) -> None:
    *_, postgraphile = all_three
    headers = {"Authorization": "Bearer sk_wrong", "X-Namespace": NAMESPACE}
    stranger = PostGraphile(postgraphile.port, postgraphile.pid, headers, "ns_1")

    with pytest.raises(click.ClickException, match="answers 401"):
        contenders.ask(stranger, stranger.requests(WORKLOADS["W1"], [{"id": "obj_1"}])[0])


@pytest.mark.parametrize(
    "name", ["objects by id", "objects by createdAt", "objects by metadata.number"]
)
async def test_the_late_page_is_where_it_says(
    name: str, both: list[Contender], connection: asyncpg.Connection
) -> None:
    gateway = _gateway(both)
    # The objects of a bucket are made one after the other, so that all three orders are one.
    bucket_id = await connection.fetchval(pages.PAGES[name].find_holder, NAMESPACE)
    ids = [
        each["id"]
        for each in await connection.fetch(
            "SELECT id FROM objects WHERE bucket_id = $1 ORDER BY id", bucket_id
        )
    ]

    sides = await pages.sides(pages.PAGES[name], gateway, connection, late=30)

    assert {of: _listed(gateway, side) for of, side in sides.items()} == {
        pages.FIRST: ids[:1],
        pages.LATE: ids[29:30],
    }


async def test_refuses_a_list_without_a_late_page(
    both: list[Contender], connection: asyncpg.Connection
) -> None:
    with pytest.raises(click.ClickException, match="too short"):
        await pages.sides(pages.PAGES["objects by id"], _gateway(both), connection, late=31)


async def test_growth_asks_for_what_is_there(both: list[Contender], urls: Urls) -> None:
    gateway = _gateway(both)

    side = await growth.side(WORKLOADS["W1"], gateway, urls.superuser)

    body = contenders.ask(gateway, side.requests[0].text)
    assert gateway.answer_in(WORKLOADS["W1"], body) is not None
    assert side.requests[0].size == len(body)


async def test_refuses_answers_that_differ(
    both: list[Contender], connection: asyncpg.Connection
) -> None:
    workload = WORKLOADS["W1"]
    first, second, *_ = await workload.variables(connection, turn=0)
    limit, gateway = both

    with pytest.raises(click.ClickException, match="limit answers"):
        check.equal_answers(workload, {limit: [first], gateway: [second]})


async def test_refuses_rows_that_are_missing(
    both: list[Contender], connection: asyncpg.Connection
) -> None:
    (limit, *_), workload = both, WORKLOADS["W5"]
    sent = await workload.variables(connection, turn=0)
    bucket_id = sent[0]["input"]["bucketId"]
    there = await connection.fetchval(
        "SELECT count(*) FROM objects WHERE bucket_id = $1", bucket_id
    )

    contenders.ask(limit, limit.requests(workload, sent)[0])

    await check.equal_rows(connection, {bucket_id: there + 1})
    with pytest.raises(click.ClickException, match="are there"):
        await check.equal_rows(connection, {bucket_id: there + 2})


async def test_the_dataset_has_what_is_asked_for(
    both: list[Contender], connection: asyncpg.Connection
) -> None:
    limit, _ = both
    talks = await _first_answer(limit, "W3", connection)
    leaf = await _first_answer(limit, "W4", connection)

    nodes = talks["objects"]["nodes"]
    documents = nodes[0]["documents"]["nodes"]
    assert [len(nodes), len(nodes[0]["blobs"]), len(documents)] == [20, 2, 5]
    assert [len(each["children"]["nodes"]) for each in documents] == [3] * 5
    assert len(leaf["ancestors"]) == 3


async def test_explains_each_read(urls: Urls, tmp_path: Path) -> None:
    plans = [each async for each in explained(urls, ["W1", "W5"], tmp_path)]

    assert [plan.splitlines()[0] for plan in plans] == ["## W1", "## W5"]
    assert all("pk_objects" in plan and "Buffers" in plan for plan in plans)


def _gateway(both: list[Contender]) -> Gateway:
    (gateway,) = [each for each in both if isinstance(each, Gateway)]
    return gateway


def _listed(gateway: Gateway, side: Side) -> list[str]:
    (request,) = side.requests
    answer = json.loads(contenders.ask(gateway, request.text))
    return [each["id"] for each in answer["data"]["node"]["list"]["nodes"]]


async def _first_answer(limit: Contender, name: str, connection: asyncpg.Connection) -> Any:
    workload = WORKLOADS[name]
    variables = await workload.variables(connection, turn=0)
    (request, *_) = limit.requests(workload, variables)
    return limit.answer_in(workload, contenders.ask(limit, request))
