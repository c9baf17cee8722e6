from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from gateway.database.ids import new_id
from gateway.database.pool import open_database
from gateway.enums import Permission
from tests.client import Client, new_client
from tests.documents.making import Family, make_family
from tests.operations import (
    CREATE_DOCUMENTS,
    CREATE_OBJECTS,
    DELETE_DOCUMENT,
    DELETE_OBJECT,
    PATCH_BUCKET,
    UPDATE_STATUSES,
    mutate,
    new_bucket,
    new_document,
)

READ = """
query ($ids: [ID!]!) {
  nodes(ids: $ids) {
    ... on BucketObject { id status version }
    ... on Document { id status version }
  }
}
"""
RUN = ("QUEUED", "IN_PROGRESS", "PROCESSING", "COMPLETED")


async def update(client: Client, *inputs: dict[str, Any]) -> Any:
    payload = await mutate(client, UPDATE_STATUSES, inputs=list(inputs))
    failed = [bool(each["errors"]) for each in payload["results"]]
    assert (payload["succeeded"], payload["failed"]) == (failed.count(False), failed.count(True))
    # What was deleted since is null as well, so the other way round nothing is promised.
    assert all(each["node"] is None for each in payload["results"] if each["errors"])
    return payload


def codes(payload: Any) -> list[list[str]]:
    return [[error["code"] for error in each["errors"]] for each in payload["results"]]


def statuses(payload: Any) -> list[tuple[str, int]]:
    return [(each["node"]["status"], each["node"]["version"]) for each in payload["results"]]


async def objects_in(client: Client, bucket_id: str, count: int) -> list[str]:
    inputs = [{"bucketId": bucket_id}] * count
    payload = await mutate(client, CREATE_OBJECTS, inputs=inputs)
    return [each["object"]["id"] for each in payload["results"]]


async def documents_of(client: Client, collection: str, **sources: list[str]) -> list[str]:
    ((name, ids),) = sources.items()
    inputs = [{"collectionId": collection, name: id} for id in ids]
    payload = await mutate(client, CREATE_DOCUMENTS, inputs=inputs)
    return [each["document"]["id"] for each in payload["results"]]


async def read(client: Client, ids: list[str]) -> list[Any]:
    nodes: list[Any] = (await client.execute(READ, ids=ids))["nodes"]
    return nodes


async def test_answers_each_input_in_its_place(client: Client, family: Family) -> None:
    other = await new_bucket(client)
    objects = [
        id
        for pair in zip(
            await objects_in(client, family.bucket, 20),
            await objects_in(client, other["id"], 20),
            strict=True,
        )
        for id in pair
    ]
    ids = [family.face, *objects, family.frame]

    payload = await update(client, *({"id": id, "status": "QUEUED", "error": id} for id in ids))

    found = [(each["node"]["id"], each["node"]["error"]) for each in payload["results"]]
    assert found == [(id, id) for id in ids]
    assert statuses(payload) == [("QUEUED", 2)] * 42
    assert [each["node"]["__typename"] for each in payload["results"][::41]] == ["Document"] * 2


async def test_takes_no_inputs(client: Client) -> None:
    assert await update(client) == {"results": [], "succeeded": 0, "failed": 0}


async def test_takes_1000_inputs_and_no_more(client: Client) -> None:
    bucket = await new_bucket(client)
    ids = await objects_in(client, bucket["id"], 1000)
    inputs = [{"id": id, "status": "QUEUED"} for id in ids]

    (error,) = await client.errors(UPDATE_STATUSES, inputs=[*inputs, inputs[0]])

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == "inputs has 1001 items; the most is 1000"
    assert {each["version"] for each in await read(client, ids)} == {1}
    assert statuses(await update(client, *inputs)) == [("QUEUED", 2)] * 1000


async def test_reads_all_results_in_one_statement_for_each_field(
    client: Client, family: Family
) -> None:
    ids = [*await objects_in(client, family.bucket, 20), family.frame, family.face]
    inputs = [{"id": id, "status": "QUEUED", "expectedVersion": 1} for id in ids]

    with client.reading() as statements:
        payload = await update(client, *inputs)
        again = await update(client, *inputs)

    assert len(statements) == 2  # the nodes; then what versions conflict with
    assert (payload["succeeded"], again["failed"]) == (22, 22)
    existing = [each["errors"][0]["existing"]["id"] for each in again["results"]]
    assert existing == ids


async def test_keeps_what_it_can(client: Client, family: Family) -> None:
    theirs = await make_family(await client.elsewhere())
    locked = await new_bucket(client, bucketName="locked")
    (closed,) = await objects_in(client, locked["id"], 1)
    await mutate(client, PATCH_BUCKET, input={"id": locked["id"], "isLocked": True})

    payload = await update(
        client,
        {"id": family.object, "status": "QUEUED"},
        {"id": family.frame, "status": "PROCESSING"},
        {"id": theirs.object, "status": "QUEUED"},
        {"id": new_id("doc"), "status": "QUEUED"},
        {"id": family.bucket, "status": "ARCHIVED", "error": "a" * 10_001},
        {"id": closed, "status": "QUEUED"},
        {"id": family.scene, "status": "QUEUED", "expectedVersion": 2},
        {"id": family.scene, "status": "QUEUED", "error": "a NUL: \0"},
        {"id": family.scene, "status": "QUEUED", "error": "a" * 10_001},
        {"id": family.face, "status": "QUEUED"},
    )

    assert codes(payload) == [
        [],
        ["BAD_STATE"],
        ["NOT_FOUND"],
        ["NOT_FOUND"],
        ["INVALID", "TOO_LARGE"],
        ["LOCKED"],
        ["VERSION_MISMATCH"],
        ["INVALID"],
        ["TOO_LARGE"],
        [],
    ]
    paths = [[error["path"] for error in each["errors"]] for each in payload["results"]]
    assert paths == [
        [],
        [["status"]],
        [["id"]],
        [["id"]],
        [["id"], ["error"]],
        [["id"]],
        [["expectedVersion"]],
        [["error"]],
        [["error"]],
        [],
    ]
    left = await read(client, [family.frame, family.scene, closed])
    assert [each["version"] for each in left] == [1, 1, 1]


async def test_several_of_one_id_come_one_after_another(client: Client, family: Family) -> None:
    payload = await update(
        client,
        *(
            {"id": id, "status": status}
            for status in ("QUEUED", "COMPLETED", "IN_PROGRESS", "IN_PROGRESS", "FAILED")
            for id in (family.object, family.face)
        ),
        {"id": family.object, "status": "FAILED", "error": "out of memory", "expectedVersion": 4},
        {"id": family.object, "status": "QUEUED", "expectedVersion": 4},
    )

    # From COMPLETED a document is queued, but nothing that is QUEUED is COMPLETED at once.
    assert codes(payload) == [[], [], ["BAD_STATE"], ["BAD_STATE"], *[[]] * 7, ["VERSION_MISMATCH"]]
    made, face = await read(client, [family.object, family.face])
    assert (made["status"], made["version"]) == ("FAILED", 5)
    assert (face["status"], face["version"]) == ("FAILED", 4)
    kept = [each["node"] for each in payload["results"] if each["node"]]
    assert {each["error"] for each in kept if each["id"] == made["id"]} == {"out of memory"}


async def test_1000_of_one_id_are_1000_changes(client: Client, family: Family) -> None:
    turns = ("QUEUED", "CANCELED")

    payload = await update(
        client, *({"id": family.object, "status": turns[n % 2]} for n in range(1000))
    )

    assert statuses(payload) == [("CANCELED", 1001)] * 1000


async def test_a_thousand_take_as_many_statements_as_two(client: Client, family: Family) -> None:
    async def count(ids: list[str]) -> int:
        statements: list[Any] = []
        async with client.database.connection() as connection:  # the one that is lent next
            connection.add_query_logger(statements.append)
        await update(client, *({"id": id, "status": "QUEUED"} for id in ids))
        async with client.database.connection() as connection:
            connection.remove_query_logger(statements.append)
        return len(statements)

    ids = await objects_in(client, family.bucket, 502)
    documents = await documents_of(client, family.frames, sourceObjectId=ids)

    few = await count([ids[0], documents[0]])
    many = await count([*ids[2:], *documents[2:]])

    assert few == many > 0


# ---- at the same time ---------------------------------------------------------------------------


@pytest.fixture
async def crowd(postgres_url: str, client: Client) -> AsyncIterator[Client]:
    async with open_database(postgres_url, size=16) as database:
        yield await new_client(database, client.blobs, client.blob_folder)


async def test_bulks_of_the_same_ids_do_not_wait_in_circles(crowd: Client) -> None:
    family = await make_family(crowd)
    objects = await objects_in(crowd, family.bucket, 500)
    ids = [*objects, *await documents_of(crowd, family.frames, sourceObjectId=objects)]
    await update(crowd, *({"id": id, "status": "QUEUED"} for id in ids))

    async def tell(n: int) -> Any:
        mine = Random(n).sample(ids, len(ids))  # noqa: S311 - nothing here is secret
        inputs = [{"id": id, "status": "QUEUED", "error": f"by {n}"} for id in mine]
        return await update(crowd, *inputs)

    payloads = await asyncio.gather(*(tell(n) for n in range(8)))

    assert {payload["failed"] for payload in payloads} == {0}
    assert {each["version"] for each in await read(crowd, ids)} == {2 + 8}


async def test_of_bulks_that_make_the_same_move_one_is_enough(crowd: Client) -> None:
    bucket = await new_bucket(crowd)
    ids = await objects_in(crowd, bucket["id"], 200)

    for status in RUN:
        inputs = [{"id": id, "status": status} for id in ids]
        payloads = await asyncio.gather(*(update(crowd, *inputs[:: n % 2 or -1]) for n in range(6)))
        assert {payload["failed"] for payload in payloads} == {0}

    assert {(each["status"], each["version"]) for each in await read(crowd, ids)} == {
        ("COMPLETED", 5)
    }


async def test_bulks_and_deletions_do_not_wait_in_circles(crowd: Client) -> None:
    family = await make_family(crowd)
    objects = await objects_in(crowd, family.bucket, 12)
    frames = await documents_of(crowd, family.frames, sourceObjectId=objects)
    scenes = await documents_of(crowd, family.scenes, sourceDocumentId=frames * 4)
    documents = [*frames, *scenes]

    async def tell(n: int) -> None:
        mine = Random(n).sample([*objects, *documents], 60)  # noqa: S311
        for error in ("first", "then"):
            payload = await update(
                crowd, *({"id": id, "status": "QUEUED", "error": error} for id in mine)
            )
            assert {code for each in codes(payload) for code in each} <= {"NOT_FOUND"}

    async def delete(operation: str, id: str) -> None:
        assert (await mutate(crowd, operation, id=id))["errors"] == []

    await asyncio.gather(
        *(tell(n) for n in range(6)),
        *(delete(DELETE_DOCUMENT, id) for id in frames[:6]),
        *(delete(DELETE_OBJECT, id) for id in objects[6:]),
    )

    left = [each["id"] for each in await read(crowd, [*objects, *documents]) if each]
    assert left == objects[:6]


async def test_a_source_is_locked_before_what_derives_from_it(
    client: Client, family: Family
) -> None:
    """As by who deletes it, even where it is the younger of the two."""
    younger = await new_document(client, family.scenes, sourceDocumentId=family.frame)
    hold = "SELECT 1 FROM documents WHERE namespace_id = $1 AND id = $2 FOR UPDATE"

    async with client.database.connection() as connection:
        await connection.execute(f"BEGIN; SET LOCAL app.namespace_id = '{client.namespace_id}'")
        await connection.execute(hold, client.namespace_id, family.face)
        inputs = [{"id": id, "status": "QUEUED"} for id in (family.face, younger)]
        bulk = asyncio.create_task(update(client, *inputs))
        await client.until_waiting(1)
        deletion = asyncio.create_task(mutate(client, DELETE_DOCUMENT, id=family.frame))
        await client.until_waiting(2)
        await connection.execute("COMMIT")

    assert codes(await bulk) == [[], []]
    assert (await deletion)["deletedDocuments"] == 4


async def test_needs_a_key_that_may_write(client: Client, family: Family) -> None:
    reader = client.holding(Permission.READ)

    (error,) = await reader.errors(UPDATE_STATUSES, inputs=[{"id": family.face, "status": "DRAFT"}])

    assert error["extensions"]["code"] == "FORBIDDEN"
