from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.database.ids import new_id
from gateway.enums import Permission
from tests.client import Client
from tests.operations import (
    CREATE_OBJECT,
    DELETE_BUCKET,
    DELETE_OBJECT,
    PATCH_OBJECT,
    derive_three_deep,
    mutate,
    new_bucket,
    new_collection,
    new_document,
    new_object,
    patch_bucket,
    refused,
    text_blob,
)

LIST = "{ buckets { totalCount nodes { id status } } }"


async def filled_bucket(client: Client) -> dict[str, Any]:
    bucket = await new_bucket(client)
    objects = [
        await new_object(client, bucket, blobs=[text_blob(f"text {number}")]) for number in range(3)
    ]
    await derive_three_deep(client, bucket, *objects[:2])
    return bucket


async def test_tells_how_much_goes(client: Client) -> None:
    bucket = await filled_bucket(client)

    payload = await mutate(client, DELETE_BUCKET, id=bucket["id"])

    assert payload == {
        "deletedId": bucket["id"],
        "deletedObjects": 3,
        "deletedDocuments": 6,
        "errors": [],
    }


async def test_counts_exactly_while_objects_come_in(client: Client) -> None:
    bucket = await new_bucket(client)

    async def create_until_refused() -> int:
        made = 0
        while True:
            payload = await mutate(client, CREATE_OBJECT, input={"bucketId": bucket["id"]})
            if payload["errors"]:
                return made
            made += 1

    writers = [asyncio.create_task(create_until_refused()) for _ in range(6)]
    payload = await mutate(client, DELETE_BUCKET, id=bucket["id"])

    assert payload["deletedObjects"] == sum(await asyncio.gather(*writers))


async def test_counts_a_document_without_an_object(client: Client) -> None:
    bucket = await new_bucket(client)
    frames = await new_collection(client, "frames", bucketIds=[bucket["id"]])
    await new_document(client, frames, rootBucketId=bucket["id"])

    payload = await mutate(client, DELETE_BUCKET, id=bucket["id"])

    assert (payload["deletedObjects"], payload["deletedDocuments"]) == (0, 1)


async def test_is_out_of_the_list_at_once(client: Client) -> None:
    bucket = await filled_bucket(client)

    await client.execute(DELETE_BUCKET, id=bucket["id"])

    assert (await client.execute(LIST))["buckets"] == {"totalCount": 0, "nodes": []}


async def test_is_in_progress_until_it_is_gone(client: Client) -> None:
    bucket = await filled_bucket(client)
    read = "query ($id: ID!) { bucket(id: $id) { status version } }"

    await client.execute(DELETE_BUCKET, id=bucket["id"])
    before = await client.execute(read, id=bucket["id"])
    await client.housekeeper.one_pass()
    after = await client.execute(read, id=bucket["id"])

    assert before["bucket"] == {"status": "IN_PROGRESS", "version": 2}
    assert after["bucket"] is None


async def test_leaves_nothing_but_its_collections(client: Client) -> None:
    kept = await new_bucket(client, bucketName="kept")
    await new_object(client, kept, blobs=[text_blob("text 0"), text_blob("kept")])
    before = await client.stored()
    bucket = await filled_bucket(client)

    await client.execute(DELETE_BUCKET, id=bucket["id"])
    await client.housekeeper.one_pass()

    after = await client.stored()
    emptied: dict[str, list[str]] = {
        "collections": [],
        "collection_sources": [],
        "collection_tallies": [],
    }
    assert after | emptied == before | emptied
    assert len(after["collections"]) == 2
    assert len(after["collection_sources"]) == 1


async def test_is_closed_to_writes_at_once(client: Client) -> None:
    bucket = await new_bucket(client)
    made = await new_object(client, bucket)

    await client.execute(DELETE_BUCKET, id=bucket["id"])

    for operation, variables, path in (
        (CREATE_OBJECT, {"input": {"bucketId": bucket["id"]}}, ["bucketId"]),
        (PATCH_OBJECT, {"input": {"id": made["id"], "keyPrefix": "/a"}}, ["id"]),
        (DELETE_OBJECT, {"id": made["id"]}, ["id"]),
    ):
        (error,) = await refused(client, operation, **variables)
        assert (error["code"], error["path"]) == ("NOT_FOUND", path)


async def test_refuses_a_locked_bucket(client: Client) -> None:
    bucket = await filled_bucket(client)
    await patch_bucket(client, bucket, isLocked=True)

    (error,) = await refused(client, DELETE_BUCKET, id=bucket["id"])

    assert (error["code"], error["path"]) == ("LOCKED", ["id"])
    assert "isLocked: false" in error["message"]


@pytest.mark.parametrize("status", ["ARCHIVED", "SUSPENDED"])
async def test_takes_a_bucket_that_is_closed(client: Client, status: str) -> None:
    bucket = await new_bucket(client)
    await patch_bucket(client, bucket, status=status)

    payload = await mutate(client, DELETE_BUCKET, id=bucket["id"])

    assert payload["errors"] == []


async def test_refuses_a_second_deletion(client: Client) -> None:
    bucket = await new_bucket(client)
    await client.execute(DELETE_BUCKET, id=bucket["id"])

    (error,) = await refused(client, DELETE_BUCKET, id=bucket["id"])

    assert (error["code"], error["path"]) == ("BAD_STATE", ["id"])


async def test_answers_every_id_that_is_no_bucket_here_alike(client: Client) -> None:
    made = await new_object(client, await new_bucket(client))
    other = await client.elsewhere()
    theirs = await new_bucket(other)
    before = await other.stored()

    for id in (new_id("bkt"), theirs["id"], made["id"], "nonsense", ""):
        (error,) = await refused(client, DELETE_BUCKET, id=id)

        assert (error["code"], error["path"]) == ("NOT_FOUND", ["id"])
        assert error["message"] == f"no bucket has the id {id!r}"
    assert await other.stored() == before


async def test_refuses_text_that_cannot_be_kept(client: Client) -> None:
    (error,) = await refused(client, DELETE_BUCKET, id="bkt\0")

    assert (error["code"], error["path"]) == ("INVALID", ["id"])


async def test_needs_a_key_that_may_delete(client: Client) -> None:
    bucket = await new_bucket(client)
    writer = client.holding(Permission.READ, Permission.WRITE)

    (error,) = await writer.errors(DELETE_BUCKET, id=bucket["id"])

    assert error["extensions"]["code"] == "FORBIDDEN"
