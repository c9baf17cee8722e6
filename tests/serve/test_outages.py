"""A database that falls silent: everybody is told soon, in one way, and all goes on by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from gateway.database import migrate
from gateway.database.pool import open_database
from gateway.database.watching import watched
from gateway.errors import Unavailable
from gateway.namespaces.key_secrets import new_secret
from tests.conftest import lent_folder
from tests.making_namespaces import make_namespace
from tests.operations import CREATE_BUCKET, FREE_SCHEMA
from tests.serve.gateways import LINUX, VIEWER, Answer, Gateway, fetch, serving, until
from tests.serve.silence import Elsewhere, elsewhere

pytestmark = LINUX

# Two seconds are the promise; the machine may have other things to do. Statements have thirty.
SOON_S = 8


@dataclass(frozen=True, slots=True)
class Served:
    gateway: Gateway
    database: Elsewhere
    key: str

    def post(self, query: str, *, key: str = "", **variables: object) -> Answer:
        key = key or self.key
        return self.gateway.post(query, variables, key=key, namespace="production")

    def get(self, query: str) -> Answer:
        headers = {"Authorization": f"Bearer {self.key}", "X-Namespace": "production"}
        return fetch(f"{self.gateway.ready['graphql']}?query={query}", None, headers)


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    with lent_folder() as folder, elsewhere(folder) as database:
        variables = {"GATEWAY_DATABASE_URL": database.url, "GATEWAY_DATABASE_POOL_SIZE": "3"}
        variables["GATEWAY_METRICS"] = "on"
        await migrate.up(database.url)
        key = await make_namespace(database.url, "production")
        with serving(folder / "state", variables=variables) as gateway:
            yield Served(gateway, database, key)


def create(served: Served) -> Answer:
    return served.post(CREATE_BUCKET, input={"bucketName": "b", "bucketSchema": FREE_SCHEMA})


ROADS: dict[str, Callable[[Served], Answer]] = {
    "planned": lambda served: served.post(VIEWER),
    "new": lambda served: served.post("{ viewer { apiKey { name } namespace { id } } }"),
    "by GET": lambda served: served.get("{viewer{namespace{id}}}"),
    "two fields": lambda served: served.post(
        "{ a: viewer { apiKey { id } } b: viewer { namespace { id } } }"
    ),
    "mutation": create,
    "unknown key": lambda served: served.post(VIEWER, key=new_secret()),
    "readiness": lambda served: served.gateway.get("/readyz"),
}


def code(answer: Answer) -> str:
    (error,) = answer.json["errors"]
    assert "data" not in answer.json
    assert answer.headers["Retry-After"] == "1"
    found: str = error["extensions"]["code"]
    return found


def test_everybody_is_told_in_one_way(served: Served) -> None:
    for _ in range(2):
        assert served.post(VIEWER).status == 200
    with served.database.frozen(), ThreadPoolExecutor() as pool:
        begun = time.monotonic()
        asked = {name: pool.submit(road, served) for name, road in ROADS.items()}
        answers = {name: each.result() for name, each in asked.items()}
        again = {name: road(served) for name, road in ROADS.items()}
        elapsed = time.monotonic() - begun

    for told in (answers, again):
        readiness = told.pop("readiness")
        assert (readiness.status, readiness.json["status"]) == (503, "unavailable")
        assert {name: each.status for name, each in told.items()} == dict.fromkeys(told, 503)
        assert {code(each) for each in told.values()} == {"UNAVAILABLE"}
    assert elapsed < SOON_S
    assert_goes_on(served)


def test_a_server_that_is_stopped_is_told_of_in_the_same_way(served: Served) -> None:
    served.database.stop()
    answers = {name: road(served) for name, road in ROADS.items()}
    served.database.start()

    readiness = answers.pop("readiness")
    assert (readiness.status, readiness.json["status"]) == (503, "unavailable")
    assert {name: each.status for name, each in answers.items()} == dict.fromkeys(answers, 503)
    assert {code(each) for each in answers.values()} == {"UNAVAILABLE"}
    assert_goes_on(served)


def test_a_statement_that_takes_long_is_no_outage(served: Served) -> None:
    """Not even if nothing is answered meanwhile."""
    with ThreadPoolExecutor() as pool, served.database.locked("buckets"):
        waiting = [pool.submit(create, served) for _ in range(2)]
        time.sleep(4)  # longer than a silence may be
        assert not any(each.done() for each in waiting)
    assert {each.result().status for each in waiting} == {200}


async def test_who_has_a_connection_beside_the_pool_is_told_too(served: Served) -> None:
    url = served.database.url
    async with (
        asyncio.timeout(SOON_S),
        open_database(url) as database,
        watched(database, url),
    ):

        async def ask() -> None:
            async with database.own_connection() as connection:
                with served.database.frozen():
                    await connection.fetchval("SELECT 1")

        with pytest.raises(Unavailable):
            await ask()


def test_who_sequences_lets_go_and_begins_anew(served: Served) -> None:
    until(lambda: is_leading(served), "events are sequenced")
    with served.database.frozen():
        begun = time.monotonic()
        until(lambda: not is_leading(served), "the sequencer is given up")
        elapsed = time.monotonic() - begun

    assert elapsed < SOON_S
    until(lambda: is_leading(served), "events are sequenced again")


def is_leading(served: Served) -> bool:
    return b"\ngateway_events_leader 1.0" in served.gateway.get("/metrics").body


def assert_goes_on(served: Served) -> None:
    """Assert that it is ready again by itself, and that each road is answered."""
    until(lambda: served.gateway.get("/readyz").status == 200, "it is ready again")
    for name, road in ROADS.items():
        assert road(served).status == (401 if name == "unknown key" else 200), name
    assert "Traceback" not in served.gateway.complaint
