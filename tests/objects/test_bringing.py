"""Bytes are in the store before the transaction that names them is open."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.blobs.local import LocalBlobStore
from gateway.objects import sweeping
from tests.client import Client
from tests.documents.making import Family, make_family
from tests.operations import (
    CREATE_DOCUMENT,
    CREATE_DOCUMENTS,
    CREATE_OBJECT,
    CREATE_OBJECTS,
    DELETE_OBJECT,
    mutate,
    new_bucket,
    new_object,
    patch_bucket,
    refused,
    text_blob,
)

_BUSY = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND state LIKE 'idle in transaction%'
"""
_LOCKS = """
SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE datname = current_database() AND locktype = 'advisory'
    AND application_name <> 'lineage-gateway events'
"""


class Watched(LocalBlobStore):
    """Does something whenever bytes are put, before they are."""

    def __init__(self, client: Client, work: Callable[[], Awaitable[None]]) -> None:
        super().__init__(client.blob_folder, client.blobs.signer)
        self.puts = 0
        self._work = work

    async def put(self, key: str, data: bytes) -> None:
        self.puts += 1
        await self._work()
        await super().put(key, data)


def watch(client: Client, work: Callable[[], Awaitable[None]] | None = None) -> Watched:
    async def nothing() -> None:
        pass

    store = Watched(client, work or nothing)
    client.blobs = store
    return store


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def artifact(text: str) -> dict[str, Any]:
    return {"field": "summary", "role": "PROCESSED", "type": "text", "data": text}


async def send(client: Client, family: Family, operation: str, *texts: str) -> Any:
    """Make an object or a document of each text, by whichever operation."""
    blobs: list[dict[str, Any]]
    if operation in (CREATE_OBJECT, CREATE_OBJECTS):
        blobs = [
            {"bucketId": family.bucket, "blobs": [text_blob(each, property="note")]}
            for each in texts
        ]
    else:
        blobs = [
            {
                "collectionId": family.frames,
                "sourceObjectId": family.object,
                "documentBlobs": [artifact(each)],
            }
            for each in texts
        ]
    if operation in (CREATE_OBJECTS, CREATE_DOCUMENTS):
        return await mutate(client, operation, inputs=blobs)
    return [await mutate(client, operation, input=each) for each in blobs]


ALL = pytest.mark.parametrize(
    "operation", [CREATE_OBJECT, CREATE_OBJECTS, CREATE_DOCUMENT, CREATE_DOCUMENTS]
)


@ALL
async def test_no_transaction_is_open_while_bytes_are_put(client: Client, operation: str) -> None:
    family = await make_family(client)
    seen = []

    async def look() -> None:
        async with client.database.connection() as connection:
            seen.append((await connection.fetchval(_BUSY), await connection.fetchval(_LOCKS)))

    watch(client, look)
    await send(client, family, operation, "hello", "world")

    assert seen == [(0, 0)] * 2
    for text in ("hello", "world"):
        assert await client.bytes_of(sha256(text)) == text.encode()


@ALL
async def test_bytes_that_are_there_are_not_put_again(client: Client, operation: str) -> None:
    family = await make_family(client)
    store = watch(client)

    await send(client, family, operation, "hello", "world")
    await send(client, family, operation, "hello", "world", "new")

    assert store.puts == 3
    assert len(client.files()) == 5  # with the family's two


async def test_the_same_bytes_within_a_bulk_are_put_once(client: Client) -> None:
    family = await make_family(client)
    store = watch(client)

    await send(client, family, CREATE_OBJECTS, *["hello"] * 20)
    await send(client, family, CREATE_DOCUMENTS, *["world"] * 20)

    assert store.puts == 2


async def test_nothing_is_put_for_what_is_refused_anyway(client: Client) -> None:
    bucket = await new_bucket(client)
    store = watch(client)

    input = {"bucketId": bucket["id"], "blobs": [text_blob("hello")], "metadata": 5}
    await refused(client, CREATE_OBJECT, input=input)
    await refused(client, CREATE_OBJECT, input=input | {"metadata": {}, "bucketId": "bkt_none"})
    payload = await mutate(client, CREATE_OBJECTS, inputs=[input])
    document = {"collectionId": "col_none", "documentBlobs": [artifact("hello")]}
    await refused(client, CREATE_DOCUMENT, input=document)

    assert payload["failed"] == 1
    assert store.puts == 0


@pytest.mark.parametrize("operation", [CREATE_OBJECT, CREATE_OBJECTS])
async def test_bytes_go_where_the_bucket_is_locked_meanwhile(
    client: Client, operation: str
) -> None:
    bucket = await new_bucket(client)

    async def lock() -> None:
        await patch_bucket(client, bucket, isLocked=True)

    store = watch(client, lock)
    input = {"bucketId": bucket["id"], "blobs": [text_blob("hello")]}
    if operation == CREATE_OBJECT:
        payload = await mutate(client, operation, input=input)
    else:
        payload = (await mutate(client, operation, inputs=[input]))["results"][0]

    assert [error["code"] for error in payload["errors"]] == ["LOCKED"]
    assert store.puts == 1
    assert client.files() == []


async def test_bytes_go_where_the_object_of_a_document_is_deleted_meanwhile(
    client: Client,
) -> None:
    family = await make_family(client)

    async def remove() -> None:
        await mutate(client, DELETE_OBJECT, id=family.object)

    watch(client, remove)
    (payload,) = await send(client, family, CREATE_DOCUMENT, "hello")
    await client.housekeeper.one_pass()

    assert [(error["code"], error["path"]) for error in payload["errors"]] == [
        ("NOT_FOUND", ["sourceObjectId"])
    ]
    assert client.files() == []


async def test_bytes_that_go_after_they_were_found_are_put_all_the_same(client: Client) -> None:
    bucket = await new_bucket(client)
    gone = await new_object(client, bucket, blobs=[text_blob("hello")])
    await mutate(client, DELETE_OBJECT, id=gone["id"])
    key = await client.key_of(sha256("hello"))

    async def sweep() -> None:
        await sweeping.sweep(client.database, client.blobs, client.namespace_id)

    watch(client, sweep)  # while the other blob's bytes are put
    await new_object(client, bucket, blobs=[text_blob("hello"), text_blob("world")])

    assert await client.key_of(sha256("hello")) != key
    assert await client.bytes_of(sha256("hello")) == b"hello"
    assert len(client.files()) == 2
