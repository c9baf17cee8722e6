from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from sqlalchemy import Interval, bindparam, update

from gateway import housekeeping
from gateway.blobs.store import new_key
from gateway.buckets import emptying
from gateway.database.ids import new_id
from gateway.housekeeping import Housekeeper
from gateway.idempotency import claims
from gateway.idempotency.tables import IdempotencyKeyRow
from tests.client import Client
from tests.operations import (
    DELETE_BUCKET,
    DELETE_OBJECT,
    derive_three_deep,
    new_bucket,
    new_collection,
    new_object,
    text_blob,
)

EMPTY = (
    "buckets",
    "objects",
    "blobs",
    "documents",
    "document_blobs",
    "contents",
    "removals",
    "files",
)

_AGE = (
    update(IdempotencyKeyRow)
    .where(
        IdempotencyKeyRow.namespace_id == bindparam("namespace_id"), IdempotencyKeyRow.key != "k5"
    )
    .values(created_at=IdempotencyKeyRow.created_at - bindparam("age", type_=Interval))
)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emptying, "OBJECTS_AT_A_TIME", 2)
    monkeypatch.setattr(emptying, "DOCUMENTS_AT_A_TIME", 2)


async def deleted_bucket(client: Client, name: str = "pics") -> str:
    """Delete a bucket of three objects with three documents each; return its id."""
    bucket = await new_bucket(client, bucketName=name)
    objects = [
        await new_object(client, bucket, blobs=[text_blob(f"{name} {number}"), text_blob("same")])
        for number in range(3)
    ]
    await derive_three_deep(client, bucket, *objects)
    await client.execute(DELETE_BUCKET, id=bucket["id"])
    id: str = bucket["id"]
    return id


async def left(client: Client) -> dict[str, list[str]]:
    stored = await client.stored()
    return {name: stored[name] for name in EMPTY if stored[name]}


@asynccontextmanager
async def running(housekeeper: Housekeeper) -> AsyncIterator[None]:
    task = asyncio.create_task(housekeeper.run())
    yield
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def until_nothing_is_left(client: Client) -> None:
    async def is_so() -> bool:
        return not await left(client)

    await until(is_so)


async def until_files_are(client: Client, count: int) -> None:
    async def is_so() -> bool:
        return len(client.files()) == count

    await until(is_so)


@pytest.mark.usefixtures("small_pieces")
async def test_removes_a_deleted_bucket_piece_by_piece(client: Client) -> None:
    await deleted_bucket(client)

    await client.housekeeper.one_pass()

    assert await left(client) == {}


@pytest.mark.usefixtures("small_pieces")
async def test_goes_on_where_a_crash_ended_it(client: Client) -> None:
    bucket_id = await deleted_bucket(client)
    for pieces in range(7):
        assert await left(client), f"nothing is left after {pieces} pieces"
        async with client.database.transaction(client.namespace_id) as tx:
            await emptying.remove_some(tx, bucket_id)
        with suppress(ZeroDivisionError):
            async with client.database.transaction(client.namespace_id) as tx:
                await emptying.remove_some(tx, bucket_id)
                raise ZeroDivisionError  # as a crash would, this leaves the piece where it was

    # One that was told of nothing, as after a new start.
    await Housekeeper(client.database, client.blobs).one_pass()

    assert await left(client) == {}


async def test_removes_keys_that_are_older_than_a_day_piece_by_piece(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "REMOVED_AT_ONCE", 2)
    bucket = await new_bucket(client)
    for number in range(6):
        await new_object(client, bucket, idempotencyKey=f"k{number}")
    async with client.database.transaction(client.namespace_id) as tx:
        await tx.run(_AGE, namespace_id=client.namespace_id, age=claims.KEPT_FOR)

    await client.housekeeper.one_pass()

    (left,) = (await client.stored())["idempotency_keys"]
    assert "k5" in left


async def test_leaves_a_bucket_to_the_gateway_that_is_at_it(client: Client) -> None:
    bucket_id = await deleted_bucket(client)

    async with client.database.transaction(client.namespace_id) as tx:
        await emptying.remove_some(tx, bucket_id)
        async with asyncio.timeout(10):
            await client.housekeeper.one_pass()

    assert "objects" in await left(client)


@pytest.mark.usefixtures("small_pieces")
async def test_several_gateways_do_not_disturb_each_other(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a", "b", "c"):
        await deleted_bucket(client, name)
    housekeepers = [Housekeeper(client.database, client.blobs) for _ in range(3)]

    await asyncio.gather(*(each.one_pass() for each in housekeepers))
    await housekeepers[0].one_pass()

    assert await left(client) == {}
    assert caplog.records == []


async def test_removes_nothing_else(client: Client) -> None:
    bucket = await new_bucket(client, bucketName="kept")
    kept = await new_object(client, bucket, blobs=[text_blob("same"), text_blob("mine")])
    await derive_three_deep(client, bucket, kept)
    other = await client.elsewhere()
    await new_object(other, await new_bucket(other), blobs=[text_blob("same")])
    theirs = await other.stored()
    before = await left(client)
    await deleted_bucket(client)

    await client.housekeeper.one_pass()

    assert await left(client) == before
    assert await other.stored() == theirs


async def test_works_in_every_namespace(client: Client) -> None:
    others = [await client.elsewhere() for _ in range(3)]
    for each in others:
        await deleted_bucket(each)

    await client.housekeeper.one_pass()

    for each in others:
        assert await left(each) == {}


async def test_begins_with_what_was_left_before_it_started(client: Client) -> None:
    await deleted_bucket(client)

    async with running(Housekeeper(client.database, client.blobs)):
        await until_nothing_is_left(client)


async def test_is_woken_by_deletions(client: Client) -> None:
    bucket = await new_bucket(client)
    texts = ("one", "two", "three")  # the first pass may meet one of them, and never all
    objects = [await new_object(client, bucket, blobs=[text_blob(text)]) for text in texts]

    async with running(client.housekeeper):
        for number, made in enumerate(objects, 1):
            await client.execute(DELETE_OBJECT, id=made["id"])
            await until_files_are(client, len(texts) - number)
        await client.execute(DELETE_BUCKET, id=bucket["id"])
        await until_nothing_is_left(client)


async def test_tries_again_what_failed(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(housekeeping, "RETRY_AFTER_S", 0.05)
    bucket = await new_bucket(client)
    made = await new_object(client, bucket, blobs=[text_blob("one")])
    (hash,) = (blob["details"]["hash"] for blob in made["blobs"])
    file = client.blobs.path(await client.key_of(hash))
    file.unlink()
    file.mkdir()  # which cannot be removed as a file is
    await client.execute(DELETE_OBJECT, id=made["id"])

    def levels() -> list[int]:
        return [each.levelno for each in caplog.records if each.name == housekeeping.__name__]

    async def failed_twice() -> bool:
        return len(levels()) >= 2

    async with running(client.housekeeper):
        await until(failed_twice)
        file.rmdir()
        await client.execute(DELETE_BUCKET, id=bucket["id"])
        await until_nothing_is_left(client)

    assert set(levels()) == {logging.WARNING}


async def test_a_bucket_that_resists_does_not_hold_up_the_others(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    resisting = await deleted_bucket(client, "a")
    await add_what_keeps(client, resisting)
    yielding = await deleted_bucket(client, "b")

    await client.housekeeper.one_pass()

    async with client.database.transaction(client.namespace_id) as tx:
        deleted = await emptying.find_deleted(tx)
    assert resisting in deleted
    assert yielding not in deleted
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def add_what_keeps(client: Client, bucket_id: str) -> None:
    """Add what no rule of ours allows: a document of the bucket, and one of it that has no root."""
    other = await new_bucket(client, bucketName="other")
    collection_id = await new_collection(client, "stray", bucketIds=[other["id"]])
    parent, child = new_id("doc"), new_id("doc")
    async with client.database.connection() as connection, connection.transaction():
        await connection.execute(
            "SELECT set_config('app.namespace_id', $1, true)", client.namespace_id
        )
        await connection.executemany(
            "INSERT INTO documents (namespace_id, collection_id, id, root_bucket_id, source_type,"
            " source_document_id, source_collection_id) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [
                (client.namespace_id, collection_id, parent, bucket_id, None, None, None),
                (
                    client.namespace_id,
                    collection_id,
                    child,
                    None,
                    "COLLECTION",
                    parent,
                    collection_id,
                ),
            ],
        )


async def test_removes_what_failed_writers_left(client: Client) -> None:
    key = new_key(client.namespace_id)
    await client.blobs.put(key, b"left behind")
    os.utime(client.blobs.path(key), (0, 0))

    async with running(client.housekeeper):
        await until_nothing_is_left(client)
