from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import bindparam, select

from gateway.database.ids import new_id
from gateway.documents.tables import DocumentRow
from gateway.enums import Permission
from gateway.objects import deleting as deleting_objects
from tests.client import Client
from tests.documents.making import Family, begin_deleting_bucket, make_family
from tests.operations import mutate, new_document, refused
from tests.waiting import until_one_waits

CREATE = """
    mutation ($input: CreateDocumentInput!) { createDocument(input: $input) {
        document { id } errors { code path message } } }
"""
DELETE = """
    mutation ($id: ID!) { deleteDocument(id: $id) {
        deletedId deletedObjects deletedDocuments errors { code path message } } }
"""
HOLD = (
    select(DocumentRow.id)
    .where(DocumentRow.namespace_id == bindparam("namespace_id"), DocumentRow.id == bindparam("id"))
    .with_for_update(read=True, key_share=True)
)


async def which_are_left(client: Client, *ids: str) -> list[str]:
    found = await client.execute("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)
    return [each["id"] for each in found["nodes"] if each]


async def test_takes_all_that_derives_from_it(client: Client, family: Family) -> None:
    second_face = await new_document(client, family.faces, sourceDocumentId=family.scene)
    second_frame = await new_document(client, family.frames, sourceObjectId=family.object)

    payload = await mutate(client, DELETE, id=family.scene)

    assert payload == {
        "deletedId": family.scene,
        "deletedObjects": 0,
        "deletedDocuments": 3,
        "errors": [],
    }
    ids = (family.frame, family.scene, family.face, second_face, second_frame, family.object)
    assert await which_are_left(client, *ids) == [family.frame, second_frame, family.object]


async def test_takes_its_artifacts_and_their_bytes(client: Client, family: Family) -> None:
    files = client.files()
    mine = {"field": "a", "role": "AUX", "type": "text", "data": "mine"}
    shared = {"field": "b", "role": "AUX", "type": "text", "data": "seen in spring"}
    made = await new_document(
        client,
        family.frames,
        sourceObjectId=family.object,
        documentBlobs=[mine | {"sourceBlobId": family.note}, shared],
    )
    below = await new_document(
        client, family.scenes, sourceDocumentId=made, documentBlobs=[mine | {"data": "below"}]
    )
    assert len(client.files()) == len(files) + 2

    housekeeper = asyncio.create_task(client.housekeeper.run())
    await mutate(client, DELETE, id=made)
    async with asyncio.timeout(20):
        while client.files() != files:  # noqa: ASYNC110 - a folder tells nobody of changes
            await asyncio.sleep(0.01)
    housekeeper.cancel()

    assert await which_are_left(client, made, below) == []
    assert (await client.stored())["document_blobs"] == []


async def test_counts_what_is_left(client: Client, family: Family) -> None:
    await mutate(client, DELETE, id=family.scene)

    counts = await client.execute(
        """query ($object: ID!, $frames: ID!, $faces: ID!) {
            object(id: $object) { documentCount }
            frames: collection(id: $frames) { documentCount }
            faces: collection(id: $faces) { documentCount } }""",
        object=family.object,
        frames=family.frames,
        faces=family.faces,
    )
    assert counts == {
        "object": {"documentCount": 1},
        "frames": {"documentCount": 1},
        "faces": {"documentCount": 0},
    }


async def test_takes_documents_without_a_root_too(client: Client, family: Family) -> None:
    first = await new_document(client, family.frames)
    await new_document(client, family.scenes, sourceDocumentId=first)

    assert (await mutate(client, DELETE, id=first))["deletedDocuments"] == 2


async def test_an_id_that_is_no_document_here_is_unknown(client: Client, family: Family) -> None:
    elsewhere = await client.elsewhere()
    theirs = await make_family(elsewhere)
    before = await elsewhere.stored()

    for id_ in (new_id("doc"), theirs.frame, family.object, ""):
        (error,) = await refused(client, DELETE, id=id_)

        assert (error["code"], error["path"]) == ("NOT_FOUND", ["id"])
        assert error["message"] == f"no document has the id '{id_}'"
    assert await elsewhere.stored() == before


async def test_documents_go_with_their_bucket(client: Client, family: Family) -> None:
    await begin_deleting_bucket(client, family.bucket)

    (error,) = await refused(client, DELETE, id=family.face)

    assert (error["code"], error["path"]) == ("NOT_FOUND", ["id"])


async def test_needs_the_permission_to_delete(client: Client, family: Family) -> None:
    writer = client.holding(Permission.WRITE)

    (error,) = await writer.errors(DELETE, id=family.frame)

    assert error["extensions"]["code"] == "FORBIDDEN"
    assert await which_are_left(client, family.frame) == [family.frame]


@pytest.mark.parametrize("source", ["sourceObjectId", "rootObjectId", "sourceDocumentId"])
async def test_a_document_comes_too_late_for_a_source_that_goes(
    client: Client, family: Family, source: str
) -> None:
    id_ = family.scene if source == "sourceDocumentId" else family.object
    input = {"collectionId": family.faces, source: id_}

    async with client.database.transaction(client.namespace_id) as tx:
        await deleting_objects.delete_object(tx, id=family.object)
        late = asyncio.create_task(mutate(client, CREATE, input=input))
        await until_one_waits(client.database)

    payload = await late
    assert payload["document"] is None
    assert [(each["code"], each["path"]) for each in payload["errors"]] == [("NOT_FOUND", [source])]
    assert (await client.stored())["documents"] == []


async def test_a_document_is_unknown_once_its_root_object_goes(
    client: Client, family: Family
) -> None:
    async with client.database.transaction(client.namespace_id) as tx:
        await deleting_objects.delete_object(tx, id=family.object)
        late = asyncio.create_task(mutate(client, DELETE, id=family.frame))
        await until_one_waits(client.database)

    payload = await late
    assert payload["deletedDocuments"] == 0
    assert [(each["code"], each["path"]) for each in payload["errors"]] == [("NOT_FOUND", ["id"])]


async def test_a_document_that_comes_in_time_goes_as_well(client: Client, family: Family) -> None:
    async with client.database.transaction(client.namespace_id) as tx:
        # As the foreign key of a new document does, until it is committed.
        await tx.row(HOLD, namespace_id=tx.namespace_id, id=family.scene)
        deletion = asyncio.create_task(mutate(client, DELETE, id=family.frame))
        await until_one_waits(client.database)
        await new_document(client, family.faces, sourceDocumentId=family.scene)

    assert (await deletion)["deletedDocuments"] == 4


async def test_any_overlap_of_creating_and_deleting_ends_well(
    client: Client, family: Family
) -> None:
    async def grow() -> None:
        for parent in (family.frame, family.scene, family.face) * 4:
            input = {"collectionId": family.faces, "sourceDocumentId": parent}
            payload = await mutate(client, CREATE, input=input)
            codes = [each["code"] for each in payload["errors"]]
            assert codes in ([], ["NOT_FOUND"])

    async def cut(id_: str) -> dict[str, Any]:
        return await mutate(client, DELETE, id=id_)

    answers = await asyncio.gather(
        grow(), grow(), cut(family.face), cut(family.scene), cut(family.frame), grow()
    )

    gone = [each["deletedDocuments"] for each in answers if each]
    left = await client.execute(
        "query ($id: ID!) { object(id: $id) { documentCount documents { totalCount } } }",
        id=family.object,
    )
    assert sum(gone) >= 3
    assert left["object"] == {"documentCount": 0, "documents": {"totalCount": 0}}
