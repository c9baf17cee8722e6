from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.database.ids import new_id
from gateway.enums import Permission
from tests.client import Client
from tests.documents.making import Family, make_family
from tests.operations import CREATE_DOCUMENTS, DELETE_DOCUMENT, DELETE_OBJECT, mutate, new_object

READ = """
query ($id: ID!) {
  document(id: $id) {
    collectionId rootObjectId rootBucketId sourceType sourceDocumentId sourceObjectId lineagePath
    lineageChain { collectionId documentId featureExtractorId }
    metadata features { featureExtractorId payload } vector
    sourceBlobs { blobId } documentBlobs { field sizeBytes sourceBlobId }
  }
}
"""
COUNT = "query ($id: ID!) { collection(id: $id) { documentCount documents { totalCount } } }"


async def keep(client: Client, *inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    payload = await mutate(client, CREATE_DOCUMENTS, inputs=list(inputs), **more)
    failed = [bool(each["errors"]) for each in payload["results"]]
    assert (payload["succeeded"], payload["failed"]) == (failed.count(False), failed.count(True))
    assert [each["document"] is None for each in payload["results"]] == failed
    return payload


def codes(payload: dict[str, Any]) -> list[list[str]]:
    return [[error["code"] for error in each["errors"]] for each in payload["results"]]


def paths(payload: dict[str, Any]) -> list[list[list[str]]]:
    return [[error["path"] for error in each["errors"]] for each in payload["results"]]


async def count(client: Client, collection_id: str) -> int:
    found = (await client.execute(COUNT, id=collection_id))["collection"]
    assert found["documentCount"] == found["documents"]["totalCount"]
    number: int = found["documentCount"]
    return number


async def test_derives_the_lineage_of_each(client: Client, family: Family) -> None:
    image = {"field": "f", "role": "THUMBNAIL", "type": "text", "data": "t"}

    payload = await keep(
        client,
        {"collectionId": family.frames, "sourceObjectId": family.object, "vector": [0.5, -1e-9, 2]},
        {
            "collectionId": family.scenes,
            "sourceDocumentId": family.frame,
            "metadata": {"title": "Own", "list": [[1], []]},
            "features": [{"featureExtractorId": "x", "payload": [[1, 2], []]}],
        },
        {"collectionId": family.faces, "sourceDocumentId": family.scene, "vector": [1]},
        {"collectionId": family.faces, "rootBucketId": family.bucket},
        {"collectionId": family.faces},
        {
            "collectionId": family.frames,
            "sourceObjectId": family.object,
            "documentBlobs": [image | {"sourceBlobId": family.image}, image],
            "sourceBlobs": [{"blobId": family.note}],
        },
    )

    assert payload["failed"] == 0
    made = [
        (await client.execute(READ, id=each["document"]["id"]))["document"]
        for each in payload["results"]
    ]
    frame, scene, face, of_bucket, of_nothing, with_blobs = made
    path = f"{family.bucket}/{family.frames}"
    assert [each["lineagePath"] for each in made] == [
        path,
        f"{path}/{family.scenes}",
        f"{path}/{family.scenes}/{family.faces}",
        f"{family.bucket}/{family.faces}",
        None,
        path,
    ]
    assert [step["documentId"] for step in face["lineageChain"]] == [
        family.frame,
        family.scene,
        None,
    ]
    assert {each["rootObjectId"] for each in (frame, scene, face)} == {family.object}
    assert (of_bucket["rootObjectId"], of_bucket["rootBucketId"]) == (None, family.bucket)
    assert of_nothing["rootBucketId"] is None
    assert scene["metadata"] == {"title": "Own", "year": 2024, "list": [[1], []]}
    assert scene["features"] == [{"featureExtractorId": "x", "payload": [[1, 2], []]}]
    assert [each["vector"] for each in made] == [[0.5, -1e-9, 2], None, [1], None, None, None]
    assert [each["blobId"] for each in with_blobs["sourceBlobs"]] == [family.note]
    assert [each["sourceBlobId"] for each in with_blobs["documentBlobs"]] == [family.image, None]
    assert with_blobs["documentBlobs"][1] == {"field": "f", "sizeBytes": 1, "sourceBlobId": None}
    assert await count(client, family.faces) == 1 + 3


async def test_takes_1000_inputs_and_no_more(client: Client, family: Family) -> None:
    inputs = [
        {
            "collectionId": family.scenes,
            "sourceDocumentId": family.frame,
            "metadata": {"n": n},
        }
        for n in range(1001)
    ]

    (error,) = await client.errors(CREATE_DOCUMENTS, inputs=inputs)

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert await count(client, family.scenes) == 1
    with client.reading() as statements:
        payload = await keep(client, *inputs[:1000])
    assert len(statements) == 1
    assert [each["document"]["metadata"]["n"] for each in payload["results"]] == list(range(1000))
    assert await count(client, family.scenes) == 1001


async def test_takes_no_inputs(client: Client) -> None:
    assert await keep(client) == {"results": [], "succeeded": 0, "failed": 0}


async def test_keeps_what_it_can(client: Client, family: Family) -> None:
    other = await make_family(await client.elsewhere())
    good = {"collectionId": family.scenes, "sourceDocumentId": family.frame}

    payload = await keep(
        client,
        good,
        good | {"sourceDocumentId": other.frame},
        good | {"collectionId": new_id("col"), "metadata": 5, "sourceObjectId": family.object},
        good | {"rootObjectId": new_id("obj"), "lineagePath": "nonsense"},
        good | {"metadata": {"a": "\0"}},
        good | {"sourceBlobs": [{"blobId": new_id("blob")}]},
        good,
    )

    assert codes(payload) == [
        [],
        ["NOT_FOUND"],
        ["INVALID", "NOT_FOUND", "INVALID"],
        ["NOT_FOUND", "INVALID"],
        ["INVALID"],
        ["NOT_FOUND"],
        [],
    ]
    assert paths(payload)[1:-1] == [
        [["sourceDocumentId"]],
        [["metadata"], ["collectionId"], ["sourceDocumentId"]],
        [["rootObjectId"], ["lineagePath"]],
        [["metadata", "a"]],
        [["sourceBlobs", "0", "blobId"]],
    ]
    assert await count(client, family.scenes) == 3


async def test_keeps_all_or_nothing(client: Client, family: Family) -> None:
    good = {"collectionId": family.scenes, "sourceDocumentId": family.frame}
    image = {"field": "f", "role": "THUMBNAIL", "type": "text", "data": "never kept"}
    before = await client.stored()

    payload = await keep(
        client,
        good | {"documentBlobs": [image]},
        good | {"lineagePath": "nonsense"},
        good,
        onError="ABORT_ALL",
    )

    assert codes(payload) == [["ABORTED"], ["INVALID"], ["ABORTED"]]
    assert await client.stored() == before
    payload = await keep(client, good, good, onError="ABORT_ALL")
    assert (payload["succeeded"], await count(client, family.scenes)) == (2, 3)


@pytest.mark.parametrize("on_error", ["CONTINUE", "ABORT_ALL"])
async def test_a_source_that_is_deleted_on_the_way_fails_alone(
    client: Client, family: Family, on_error: str
) -> None:
    """The object is found, then its deletion comes first: the bulk has to begin anew."""
    other = await new_object(client, {"id": family.bucket})
    inputs = [
        {"collectionId": family.frames, "sourceObjectId": id} for id in (family.object, other["id"])
    ]
    lock = "SELECT 1 FROM objects WHERE namespace_id = $1 AND id = $2 FOR UPDATE"
    remove = "DELETE FROM objects WHERE namespace_id = $1 AND id = $2"

    async with client.database.connection() as connection:
        await connection.execute(f"BEGIN; SET LOCAL app.namespace_id = '{client.namespace_id}'")
        await connection.execute(lock, client.namespace_id, other["id"])
        bulk = asyncio.create_task(keep(client, *inputs, onError=on_error))
        await client.until_waiting(1)
        await connection.execute(remove, client.namespace_id, other["id"])
        await connection.execute("COMMIT")

    payload = await bulk
    first = [] if on_error == "CONTINUE" else ["ABORTED"]
    assert codes(payload) == [first, ["NOT_FOUND"]]
    assert paths(payload)[1] == [["sourceObjectId"]]
    assert await count(client, family.frames) == 1 + (on_error == "CONTINUE")


async def test_bulks_and_deletions_do_not_wait_in_circles(client: Client, family: Family) -> None:
    objects = [await new_object(client, {"id": family.bucket}) for _ in range(6)]
    payload = await keep(
        client,
        *({"collectionId": family.frames, "sourceObjectId": each["id"]} for each in objects),
    )
    frames = [each["document"]["id"] for each in payload["results"]]
    payload = await keep(
        client, *({"collectionId": family.scenes, "sourceDocumentId": id} for id in frames)
    )
    scenes = [each["document"]["id"] for each in payload["results"]]

    async def derive(n: int) -> None:
        sources = [*scenes, *frames] if n % 2 else [*frames, *scenes]
        inputs = [{"collectionId": family.faces, "sourceDocumentId": id} for id in sources]
        payload = await mutate(client, CREATE_DOCUMENTS, inputs=inputs)
        assert {code for each in codes(payload) for code in each} <= {"NOT_FOUND"}

    async def delete(operation: str, id: str) -> None:
        payload = await mutate(client, operation, id=id)
        assert {error["code"] for error in payload["errors"]} <= {"NOT_FOUND"}

    await asyncio.gather(
        *(derive(n) for n in range(6)),
        *(delete(DELETE_DOCUMENT, id) for id in frames[:3]),
        *(delete(DELETE_OBJECT, each["id"]) for each in objects[2:]),
    )

    await count(client, family.faces)


async def test_needs_a_key_that_may_write(client: Client, family: Family) -> None:
    reader = client.holding(Permission.READ)

    (error,) = await reader.errors(CREATE_DOCUMENTS, inputs=[{"collectionId": family.frames}])

    assert error["extensions"]["code"] == "FORBIDDEN"
