from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.database.ids import new_id
from gateway.documents import creating as documents
from gateway.documents.deriving import Lineage
from gateway.documents.given_documents import GivenDocument
from gateway.enums import Permission
from tests.client import Client
from tests.operations import (
    DELETE_OBJECT,
    READ_BUCKET,
    READ_OBJECT,
    derive_three_deep,
    mutate,
    new_bucket,
    new_collection,
    new_object,
    patch_bucket,
    refused,
    text_blob,
)


async def test_takes_its_blobs_and_documents_along(client: Client) -> None:
    bucket = await new_bucket(client)
    made = await new_object(client, bucket, blobs=[text_blob("one"), text_blob("two")])
    await derive_three_deep(client, bucket, made)

    payload = await mutate(client, DELETE_OBJECT, id=made["id"])

    assert payload == {
        "deletedId": made["id"],
        "deletedObjects": 1,
        "deletedDocuments": 3,
        "errors": [],
    }
    assert (await client.execute(READ_OBJECT, id=made["id"]))["object"] is None
    left = await client.stored()
    for table in ("objects", "blobs", "documents", "document_blobs", "object_tallies"):
        assert left[table] == []


async def test_leaves_other_objects_and_their_documents(client: Client) -> None:
    bucket = await new_bucket(client)
    kept = await new_object(client, bucket, blobs=[text_blob("one")])
    gone = await new_object(client, bucket, blobs=[text_blob("one")])
    await derive_three_deep(client, bucket, kept, gone)

    await client.execute(DELETE_OBJECT, id=gone["id"])

    read = (await client.execute(READ_OBJECT, id=kept["id"]))["object"]
    assert read["documentCount"] == 3
    assert [blob["sharedBy"] for blob in read["blobs"]] == [1]
    counted = (await client.execute(READ_BUCKET, id=bucket["id"]))["bucket"]
    assert (counted["objectCount"], counted["totalSizeBytes"]) == (1, 3)


async def test_bytes_go_when_nothing_shares_them(client: Client) -> None:
    bucket = await new_bucket(client)
    kept = await new_object(client, bucket, blobs=[text_blob("shared")])
    gone = await new_object(client, bucket, blobs=[text_blob("shared"), text_blob("own")])
    await derive_three_deep(client, bucket, gone)
    assert len(client.files()) == 3

    await client.execute(DELETE_OBJECT, id=gone["id"])
    await client.housekeeper.one_pass()
    assert len(client.files()) == 1

    await client.execute(DELETE_OBJECT, id=kept["id"])
    await client.housekeeper.one_pass()
    assert client.files() == []
    assert (await client.stored())["contents"] == []


async def test_takes_along_a_document_that_was_on_its_way(client: Client) -> None:
    bucket = await new_bucket(client)
    made = await new_object(client, bucket)
    frames = await new_collection(client, "frames", bucketIds=[bucket["id"]])
    document = GivenDocument(
        collection_id=frames, stated=Lineage(source_object_id=made["id"]), metadata={}
    )

    async with client.database.transaction(client.namespace_id) as tx:
        await documents.create_document(tx, client.blobs, client.limits, document)
        deletion = asyncio.create_task(mutate(client, DELETE_OBJECT, id=made["id"]))
        await client.until_waiting(1)

    assert (await deletion)["deletedDocuments"] == 1


async def test_counts_each_object_once_however_many_delete_it(client: Client) -> None:
    bucket = await new_bucket(client)
    made = await new_object(client, bucket, blobs=[text_blob("one")])

    payloads = await asyncio.gather(
        *(mutate(client, DELETE_OBJECT, id=made["id"]) for _ in range(6))
    )

    assert sum(each["deletedObjects"] for each in payloads) == 1
    codes = [error["code"] for each in payloads for error in each["errors"]]
    assert codes == ["NOT_FOUND"] * 5


async def test_answers_every_id_that_is_no_object_here_alike(client: Client) -> None:
    bucket = await new_bucket(client)
    other = await client.elsewhere()
    theirs = await new_object(other, await new_bucket(other))
    before = await other.stored()

    for id in (new_id("obj"), theirs["id"], bucket["id"], "nonsense", ""):
        (error,) = await refused(client, DELETE_OBJECT, id=id)

        assert (error["code"], error["path"]) == ("NOT_FOUND", ["id"])
        assert error["message"] == f"no object has the id {id!r}"
    assert await other.stored() == before


@pytest.mark.parametrize(
    ("closed", "code"),
    [
        ({"isLocked": True}, "LOCKED"),
        ({"status": "ARCHIVED"}, "BAD_STATE"),
        ({"status": "SUSPENDED"}, "BAD_STATE"),
    ],
)
async def test_refuses_an_object_of_a_closed_bucket(
    client: Client, closed: dict[str, Any], code: str
) -> None:
    bucket = await new_bucket(client)
    made = await new_object(client, bucket, blobs=[text_blob("one")])
    await derive_three_deep(client, bucket, made)
    await patch_bucket(client, bucket, **closed)

    (error,) = await refused(client, DELETE_OBJECT, id=made["id"])

    assert (error["code"], error["path"]) == (code, ["id"])


async def test_needs_a_key_that_may_delete(client: Client) -> None:
    made = await new_object(client, await new_bucket(client))
    writer = client.holding(Permission.WRITE)

    (error,) = await writer.errors(DELETE_OBJECT, id=made["id"])

    assert error["extensions"]["code"] == "FORBIDDEN"
