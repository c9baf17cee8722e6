from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import bindparam, update

from gateway.collections import patching
from gateway.collections.tables import CollectionRow
from gateway.database.ids import new_id
from gateway.enums import Permission
from tests.client import Client
from tests.operations import mutate, new_bucket, new_collection, new_document, refused
from tests.waiting import until_one_waits

PATCH = """
    mutation ($input: PatchCollectionInput!) { patchCollection(input: $input) {
        collection { id collectionName enabled metadata version createdAt updatedAt
            source { bucketIds } }
        errors { code path message ... on ConflictError { currentVersion existing { id } } } } }
"""
RENAME = (
    update(CollectionRow)
    .where(
        CollectionRow.namespace_id == bindparam("in_namespace"),
        CollectionRow.id == bindparam("of_id"),
    )
    .values(collection_name=bindparam("new_name"))
)


@pytest.fixture
async def collection_id(client: Client) -> str:
    return await new_collection(client, "frames", bucketIds=[(await new_bucket(client))["id"]])


@pytest.fixture
async def other_id(client: Client, collection_id: str) -> str:
    return await new_collection(client, "scenes", collectionIds=[collection_id])


async def patch(client: Client, id: str, **changes: Any) -> dict[str, Any]:
    payload = await mutate(client, PATCH, input={"id": id, **changes})
    assert payload["errors"] == []
    collection: dict[str, Any] = payload["collection"]
    return collection


async def test_changes_only_what_is_sent(client: Client, collection_id: str) -> None:
    before = await patch(client, collection_id)

    renamed = await patch(client, collection_id, collectionName="shots")
    disabled = await patch(client, collection_id, enabled=False)
    noted = await patch(client, collection_id, metadata={"a": {"b": 1, "c": 2}})
    merged = await patch(client, collection_id, metadata={"a": {"b": None}}, expectedVersion=4)
    cleared = await patch(client, collection_id, metadata=None, enabled=True)

    assert renamed == before | {
        "collectionName": "shots",
        "version": 2,
        "updatedAt": renamed["updatedAt"],
    }
    assert disabled == renamed | {
        "enabled": False,
        "version": 3,
        "updatedAt": disabled["updatedAt"],
    }
    assert noted["metadata"] == {"a": {"b": 1, "c": 2}}
    assert merged["metadata"] == {"a": {"c": 2}}
    assert (cleared["metadata"], cleared["enabled"], cleared["version"]) == ({}, True, 6)
    moments = [each["updatedAt"] for each in (before, renamed, disabled, noted, merged, cleared)]
    assert moments == sorted(set(moments))


@pytest.mark.parametrize(
    "changes",
    [{}, {"collectionName": "frames"}, {"enabled": True}, {"metadata": {}}, {"metadata": None}],
)
async def test_a_patch_that_changes_nothing_is_no_new_version(
    client: Client, collection_id: str, changes: dict[str, Any]
) -> None:
    before = await client.stored()

    assert (await patch(client, collection_id, **changes))["version"] == 1

    assert await client.stored() == before


async def test_holds_to_the_expected_version(client: Client, collection_id: str) -> None:
    await patch(client, collection_id, enabled=False)

    (error,) = await refused(
        client, PATCH, input={"id": collection_id, "enabled": True, "expectedVersion": 1}
    )

    assert (error["code"], error["path"]) == ("VERSION_MISMATCH", ["expectedVersion"])
    assert (error["currentVersion"], error["existing"]) == (2, {"id": collection_id})


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"collectionName": None}, "INVALID", "collectionName"),
        ({"collectionName": ""}, "INVALID", "collectionName"),
        ({"collectionName": "x" * 300}, "TOO_LARGE", "collectionName"),
        ({"enabled": None}, "INVALID", "enabled"),
        ({"metadata": [1]}, "INVALID", "metadata"),
        ({"metadata": {"a": "x" * 2**20}}, "TOO_LARGE", "metadata"),
    ],
)
async def test_refuses_what_cannot_be_kept(
    client: Client, collection_id: str, changes: dict[str, Any], code: str, path: str
) -> None:
    (error,) = await refused(client, PATCH, input={"id": collection_id, **changes})

    assert (error["code"], error["path"]) == (code, [path])


async def test_tells_all_that_is_wrong_at_once(client: Client, collection_id: str) -> None:
    errors = await refused(
        client,
        PATCH,
        input={"id": collection_id, "collectionName": "", "enabled": None, "metadata": 1},
    )

    assert [error["path"] for error in errors] == [["collectionName"], ["enabled"], ["metadata"]]


async def test_refuses_a_name_that_is_taken(
    client: Client, collection_id: str, other_id: str
) -> None:
    (error,) = await refused(
        client, PATCH, input={"id": other_id, "collectionName": "frames", "enabled": False}
    )

    assert (error["code"], error["path"]) == ("ALREADY_EXISTS", ["collectionName"])
    assert error["existing"] == {"id": collection_id}


async def test_refuses_a_name_that_is_taken_at_the_same_time(
    client: Client, collection_id: str, other_id: str
) -> None:
    async with client.database.transaction(client.namespace_id) as tx:
        await tx.run(RENAME, in_namespace=tx.namespace_id, of_id=other_id, new_name="shots")
        patching = asyncio.create_task(
            mutate(client, PATCH, input={"id": collection_id, "collectionName": "shots"})
        )
        await until_one_waits(client.database)

    payload = await patching
    assert payload["collection"] is None
    assert [(each["code"], each["path"]) for each in payload["errors"]] == [
        ("ALREADY_EXISTS", ["collectionName"])
    ]


async def test_an_id_that_is_no_collection_here_is_unknown(
    client: Client, collection_id: str
) -> None:
    elsewhere = await client.elsewhere()
    their_bucket = (await new_bucket(elsewhere))["id"]
    theirs = await new_collection(elsewhere, "theirs", bucketIds=[their_bucket])
    document_id = await new_document(client, collection_id)

    for id_ in (new_id("col"), theirs, document_id, ""):
        (error,) = await refused(client, PATCH, input={"id": id_, "enabled": False})

        assert (error["code"], error["path"]) == ("NOT_FOUND", ["id"])
        assert error["message"] == f"no collection has the id '{id_}'"


async def test_documents_come_in_while_a_patch_is_on_its_way(
    client: Client, collection_id: str
) -> None:
    async with client.database.transaction(client.namespace_id) as tx:
        await patching.patch_collection(
            tx, client.limits, id=collection_id, changes={"enabled": False}
        )

        async with asyncio.timeout(20):
            await new_document(client, collection_id)


async def test_needs_the_permission_to_write(client: Client, collection_id: str) -> None:
    reader = client.holding(Permission.READ)

    (error,) = await reader.errors(PATCH, input={"id": collection_id, "enabled": False})

    assert error["extensions"]["code"] == "FORBIDDEN"
