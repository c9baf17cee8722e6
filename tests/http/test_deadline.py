"""Operations that take too long: stopped, their SQL with them, and told of honestly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from gateway.settings import Settings
from tests.conftest import Shared
from tests.fetching.sites import site
from tests.operations import CREATE_BUCKET, CREATE_OBJECT, FREE_SCHEMA, PATCH_BUCKET
from tests.waiting import count_waiting

from .conftest import Served, Serving

STOPPED = "the operation took longer than 1 s and was stopped; "
NOTHING = {
    "message": STOPPED + "nothing was changed",
    "extensions": {"code": "DEADLINE_EXCEEDED", "outcome": "NOTHING_CHANGED"},
}
UNKNOWN = {
    "message": STOPPED + "its change may have been made: look for it, or send it again if it has"
    " an idempotency key",
    "extensions": {"code": "DEADLINE_EXCEEDED", "outcome": "UNKNOWN"},
}
READ = "{ collections { totalCount } }"
ANSWER = {"data": {"collections": {"totalCount": 0}}}
COLLECTIONS, OBJECTS, DOCUMENTS = (
    f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"
    for name in ("collections", "objects", "documents")
)
A_TEXT = {"type": "text"}
RESPONSE_JSON = {"Accept": "application/graphql-response+json"}


@pytest.fixture
async def hasty(serving: Serving) -> AsyncIterator[Served]:
    """A gateway whose operations have a second."""
    async with serving(Settings(operation_s=1)) as served:
        yield served


@pytest.fixture
def other(shared: Shared) -> asyncpg.Connection:
    """A connection that holds what others need."""
    return shared.broom


@asynccontextmanager
async def held(connection: asyncpg.Connection, lock: str) -> AsyncIterator[None]:
    """Let others wait for a lock; ends while it is held, once nobody waits for it any more."""
    async with connection.transaction():
        await connection.execute(lock)
        yield
        async with asyncio.timeout(5):
            while await count_waiting(connection):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def create_bucket(served: Served, **properties: Any) -> str:
    given = {"bucketName": "a", "bucketSchema": {"properties": properties or {"a": A_TEXT}}}
    _, answer = await served.post({"query": CREATE_BUCKET, "variables": {"input": given}})
    id_: str = answer["data"]["createBucket"]["bucket"]["id"]
    return id_


async def count(served: Served, bucket_id: str) -> int:
    query = "query ($id: ID!) { bucket(id: $id) { objectCount } }"
    _, answer = await served.post({"query": query, "variables": {"id": bucket_id}})
    found: int = answer["data"]["bucket"]["objectCount"]
    return found


@pytest.mark.parametrize("is_planned", [True, False], ids=["short road", "long road"])
async def test_a_query_is_stopped_and_its_sql_too(
    hasty: Served, other: asyncpg.Connection, is_planned: bool
) -> None:
    if is_planned:
        await hasty.post({"query": READ})

    async with held(other, COLLECTIONS):
        assert await hasty.post({"query": READ}) == (200, {"errors": [NOTHING]})

    assert await hasty.post({"query": READ}) == (200, ANSWER)


async def test_several_fields_are_stopped_together(
    hasty: Served, other: asyncpg.Connection
) -> None:
    query = "{ a: collections { totalCount } b: collections { totalCount } buckets { totalCount } }"

    async with held(other, COLLECTIONS):
        for _ in range(2):
            assert await hasty.post({"query": query}) == (200, {"errors": [NOTHING]})


async def test_the_status_tells_it_where_clients_can_read_it(
    hasty: Served, other: asyncpg.Connection
) -> None:
    async with held(other, COLLECTIONS):
        answer = await hasty.post({"query": READ}, headers=RESPONSE_JSON)

    assert answer == (504, {"errors": [NOTHING]})


async def test_a_get_is_stopped(hasty: Served, other: asyncpg.Connection) -> None:
    async with (
        held(other, COLLECTIONS),
        hasty.session.get(
            f"{hasty.url}/graphql", params={"query": READ}, headers=hasty.headers
        ) as answer,
    ):
        assert await answer.json() == {"errors": [NOTHING]}


async def test_a_socket_is_told_and_goes_on(hasty: Served, other: asyncpg.Connection) -> None:
    async with hasty.session.ws_connect(
        f"{hasty.url}/graphql", protocols=["graphql-transport-ws"]
    ) as socket:
        await socket.send_json({"type": "connection_init", "payload": hasty.headers})
        assert (await socket.receive_json())["type"] == "connection_ack"
        ask = {"type": "subscribe", "payload": {"query": READ}}
        async with held(other, COLLECTIONS):
            await socket.send_json({"id": "1", **ask})
            stopped = await socket.receive_json()
        await socket.send_json({"id": "2", **ask})
        answered = await socket.receive_json()
        while answered["id"] != "2":
            answered = await socket.receive_json()

    assert stopped == {"id": "1", "type": "error", "payload": [NOTHING]}
    assert answered["payload"] == ANSWER


async def test_more_than_the_pool_has_connections_are_stopped(
    hasty: Served, other: asyncpg.Connection
) -> None:
    async with held(other, COLLECTIONS):
        found = await asyncio.gather(*(hasty.post({"query": READ}) for _ in range(25)))

    assert found == [(200, {"errors": [NOTHING]})] * 25
    assert (await hasty.post({"query": READ}))[1] == ANSWER


async def test_a_change_that_is_stopped_before_its_commit_is_undone(
    hasty: Served, other: asyncpg.Connection
) -> None:
    bucket_id = await create_bucket(hasty)
    patch = {"id": bucket_id, "bucketName": "b"}

    async with held(other, "SELECT FROM buckets FOR UPDATE"):
        answer = await hasty.post({"query": PATCH_BUCKET, "variables": {"input": patch}})

    assert answer == (200, {"errors": [NOTHING]})
    _, found = await hasty.post({"query": f'{{ bucket(id: "{bucket_id}") {{ bucketName }} }}'})
    assert found["data"]["bucket"]["bucketName"] == "a"


async def test_of_a_statement_that_commits_itself_nobody_knows(
    hasty: Served, other: asyncpg.Connection
) -> None:
    bucket_id = await create_bucket(hasty)
    body = {"query": CREATE_OBJECT, "variables": {"input": {"bucketId": bucket_id, "blobs": []}}}
    # Once the bucket was seen, the statement holds it itself; a busy machine may need a few tries.
    while (await hasty.post(body))[1].keys() != {"data"}:
        pass
    made = await count(hasty, bucket_id)

    async with held(other, OBJECTS):
        answer = await hasty.post(body)

    assert answer == (200, {"errors": [UNKNOWN]})
    assert await count(hasty, bucket_id) == made


async def test_with_a_key_it_is_found_out_by_sending_it_again(
    hasty: Served, other: asyncpg.Connection
) -> None:
    bucket_id = await create_bucket(hasty, image={"type": "image"})
    blob = {"property": "image", "type": "image", "data": {"base64": "cG5n"}}
    given = {"bucketId": bucket_id, "blobs": [blob], "idempotencyKey": "k"}
    body = {"query": CREATE_OBJECT, "variables": {"input": given}}

    async with held(other, OBJECTS):
        stopped = await hasty.post(body)
    _, made = await hasty.post(body)
    _, again = await hasty.post(body)

    assert stopped == (200, {"errors": [NOTHING]})
    assert made["data"]["createObject"]["object"]["id"].startswith("obj_")
    assert again == made
    assert await count(hasty, bucket_id) == 1


async def test_a_change_whose_answer_cannot_be_read_may_have_been_made(
    hasty: Served, other: asyncpg.Connection
) -> None:
    query = CREATE_BUCKET.replace("bucket {", "replayed bucket { documents { totalCount }")
    given = {"bucketName": "a", "bucketSchema": FREE_SCHEMA, "idempotencyKey": "k"}
    body = {"query": query, "variables": {"input": given}}

    async with held(other, DOCUMENTS):
        stopped = await hasty.post(body)
    _, again = await hasty.post(body)

    assert stopped == (200, {"errors": [UNKNOWN]})
    assert again["data"]["createBucket"]["bucket"]["bucketName"] == "a"
    assert again["data"]["createBucket"]["replayed"] is True


@pytest.fixture
async def slow_commit(shared: Shared) -> AsyncIterator[None]:
    """Whoever commits a new bucket waits for a lock that ``other`` may hold."""
    owner = await asyncpg.connect(shared.url)
    await owner.execute("""
        CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT ON buckets
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_at_commit();
    """)
    yield
    await owner.execute("DROP TRIGGER wait_at_commit ON buckets; DROP FUNCTION wait_at_commit()")
    await owner.close()


@pytest.mark.usefixtures("slow_commit")
async def test_of_a_commit_that_is_stopped_nobody_knows(
    hasty: Served, other: asyncpg.Connection
) -> None:
    query = CREATE_BUCKET.replace("bucket {", "replayed bucket {")
    given = {"bucketName": "a", "bucketSchema": FREE_SCHEMA, "idempotencyKey": "k"}
    body = {"query": query, "variables": {"input": given}}

    async with held(other, "SELECT pg_advisory_xact_lock(4711)"):
        stopped = await hasty.post(body)
    _, again = await hasty.post(body)

    assert stopped == (200, {"errors": [UNKNOWN]})
    assert again["data"]["createBucket"]["errors"] == []
    assert again["data"]["createBucket"]["replayed"] is False


async def test_bytes_may_take_longer_to_come(serving: Serving) -> None:
    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1.5)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 3\r\n\r\npng")

    async with site(answer) as source:
        settings = Settings(
            operation_s=1, fetch_ports=str(source.port), fetch_allow_networks="127.0.0.0/8"
        )
        async with serving(settings) as served:
            bucket_id = await create_bucket(served, image={"type": "image"})
            blob = {"property": "image", "type": "image", "data": source.url("/a.png")}
            given = {"bucketId": bucket_id, "blobs": [blob]}
            _, made = await served.post({"query": CREATE_OBJECT, "variables": {"input": given}})

    assert made["data"]["createObject"]["errors"] == []
    assert made["data"]["createObject"]["object"]["blobs"][0]["details"]["sizeBytes"] == 3
