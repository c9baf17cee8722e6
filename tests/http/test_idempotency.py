"""The header Idempotency-Key, and what a client finds that lost an answer."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import asyncpg

from gateway.database.pool import Database
from tests.conftest import Shared
from tests.operations import FREE_SCHEMA

from .conftest import Served

NEW_BUCKET = """
mutation ($input: CreateBucketInput!) {
  createBucket(input: $input) { bucket { id objectCount } replayed errors { code path } }
}
"""
NEW_OBJECT = """
mutation ($input: CreateObjectInput!) {
  createObject(input: $input) { object { id } replayed errors { code path } }
}
"""
INPUT = {"bucketName": "pics", "bucketSchema": FREE_SCHEMA}


async def send(served: Served, text: str, input: Any, key: str | None = None) -> dict[str, Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    status, answer = await served.post(
        {"query": text, "variables": {"input": input}}, headers=headers
    )
    assert (status, answer.get("errors")) == (200, None)
    (payload,) = answer["data"].values()
    assert isinstance(payload, dict)
    return payload


async def test_the_header_is_the_key(served: Served) -> None:
    first = await send(served, NEW_BUCKET, INPUT, "k1")
    second = await send(served, NEW_BUCKET, INPUT, "k1")
    other = await send(served, NEW_BUCKET, INPUT | {"bucketName": "other"}, "k1")
    in_both = await send(served, NEW_BUCKET, INPUT | {"idempotencyKey": "k1"}, "k1")
    differing = await send(served, NEW_BUCKET, INPUT | {"idempotencyKey": "k2"}, "k1")

    assert (first["replayed"], first["errors"]) == (False, [])
    assert second == in_both == first | {"replayed": True}
    path = ["idempotencyKey"]
    assert other["errors"] == [{"code": "IDEMPOTENCY_REUSED", "path": path}]
    assert differing["errors"] == [{"code": "INVALID", "path": path}]


async def test_a_header_that_is_no_text_is_refused(served: Served) -> None:
    refused = await send(served, NEW_BUCKET, INPUT, "\udcff")

    assert refused["errors"] == [{"code": "INVALID", "path": ["idempotencyKey"]}]


async def test_queries_do_not_mind_the_header(served: Served) -> None:
    for text in (
        "{ buckets { nodes { id } } }",
        "{ buckets { nodes { id } } statusTransitions { kind } }",
    ):
        status, answer = await served.post({"query": text}, headers={"Idempotency-Key": "k1"})
        assert (status, answer["data"]["buckets"]) == (200, {"nodes": []})


async def test_32_requests_make_one_object(served: Served) -> None:
    """More requests than the gateway has connections."""
    bucket = (await send(served, NEW_BUCKET, INPUT))["bucket"]
    blob = {"property": "text", "type": "text", "data": "a"}
    input = {"bucketId": bucket["id"], "blobs": [blob], "idempotencyKey": "k1"}

    payloads = await asyncio.gather(*[send(served, NEW_OBJECT, input) for _ in range(32)])

    assert [payload["errors"] for payload in payloads] == [[]] * 32
    assert len({payload["object"]["id"] for payload in payloads}) == 1
    assert sorted(payload["replayed"] for payload in payloads) == [False] + [True] * 31


async def test_who_lost_the_answer_gets_it_again(
    served: Served, database: Database, shared: Shared
) -> None:
    """The connection is cut between COMMIT and the answer."""
    holder = await asyncpg.connect(shared.url)
    await holder.execute("BEGIN; LOCK TABLE bucket_tallies")  # which only the answer reads
    session = aiohttp.ClientSession()
    lost = asyncio.create_task(
        session.post(
            f"{served.url}/graphql",
            headers=served.headers | {"Idempotency-Key": "k1"},
            json={"query": NEW_BUCKET, "variables": {"input": INPUT}},
        )
    )
    async with asyncio.timeout(20), database.connection() as connection:
        while not await connection.fetchval(  # noqa: ASYNC110
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0.01)
    lost.cancel()
    await session.close()
    await holder.execute("ROLLBACK")
    await holder.close()

    again = await send(served, NEW_BUCKET, INPUT, "k1")

    assert (again["replayed"], again["errors"]) == (True, [])
    _, answer = await served.post({"query": "{ buckets { nodes { id } } }"})
    assert answer["data"]["buckets"]["nodes"] == [{"id": again["bucket"]["id"]}]
