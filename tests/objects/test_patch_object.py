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
    PATCH_OBJECT,
    SCHEMA,
    mutate,
    new_bucket,
    new_collection,
    new_object,
    patch_bucket,
    refused,
    text_blob,
    without_links,
)


async def patch(client: Client, made: dict[str, Any], **input: Any) -> dict[str, Any]:
    payload = await mutate(client, PATCH_OBJECT, input={"id": made["id"]} | input)
    assert payload["errors"] == []
    patched: dict[str, Any] = payload["object"]
    return patched


async def test_changes_only_what_is_sent(client: Client) -> None:
    bucket = await new_bucket(client)
    made = await new_object(
        client, bucket, keyPrefix="/a", metadata={"a": 1}, blobs=[text_blob("one")]
    )

    patched = await patch(client, made, keyPrefix="/b")

    assert patched["updatedAt"] > made["updatedAt"]
    changed = {"keyPrefix": "/b", "version": 2, "updatedAt": patched["updatedAt"]}
    assert without_links(patched) == without_links(made) | changed


async def test_merges_metadata(client: Client) -> None:
    bucket = await new_bucket(client)
    made = await new_object(
        client, bucket, metadata={"category": "contracts", "status": "draft", "year": 2024}
    )

    patched = await patch(client, made, metadata={"year": None, "status": "final"})

    assert patched["metadata"] == {"category": "contracts", "status": "final"}


async def test_null_clears(client: Client) -> None:
    bucket = await new_bucket(client)
    made = await new_object(client, bucket, keyPrefix="/a", metadata={"a": 1}, skipDuplicates=True)

    patched = await patch(client, made, keyPrefix=None, metadata=None, skipDuplicates=None)

    assert (patched["keyPrefix"], patched["metadata"]) == (None, {})
    assert patched["skipDuplicates"] is False


async def test_turns_skipping_on(client: Client) -> None:
    made = await new_object(client, await new_bucket(client))

    patched = await patch(client, made, skipDuplicates=True)

    assert patched["skipDuplicates"] is True


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"keyPrefix": "/a"},
        {"metadata": {"a": {"b": 1.5}, "absent": None}, "skipDuplicates": False},
    ],
)
async def test_a_patch_that_changes_nothing_is_no_new_version(
    client: Client, same: dict[str, Any]
) -> None:
    bucket = await new_bucket(client)
    made = await new_object(client, bucket, keyPrefix="/a", metadata={"a": {"b": 1.5}})

    assert await patch(client, made, **same) == made


async def test_tells_true_from_one(client: Client) -> None:
    made = await new_object(client, await new_bucket(client), metadata={"a": 1})

    patched = await patch(client, made, metadata={"a": True})

    assert patched["metadata"]["a"] is True


async def test_refuses_a_stale_version(client: Client) -> None:
    made = await new_object(client, await new_bucket(client))
    await patch(client, made, expectedVersion=1, keyPrefix="/first")

    (error,) = await refused(
        client,
        PATCH_OBJECT,
        input={"id": made["id"], "expectedVersion": 1, "keyPrefix": "/second"},
    )

    assert (error["code"], error["path"]) == ("VERSION_MISMATCH", ["expectedVersion"])
    assert error["currentVersion"] == 2
    assert error["existing"] == {"id": made["id"]}


async def test_loses_no_patch_of_many_at_once(client: Client) -> None:
    made = await new_object(client, await new_bucket(client))

    await asyncio.gather(
        *(patch(client, made, metadata={f"writer {number}": 1}) for number in range(8))
    )

    patched = await patch(client, made)
    assert patched["metadata"] == {f"writer {number}": 1 for number in range(8)}
    assert patched["version"] == 9


async def test_does_not_wait_for_documents(client: Client) -> None:
    bucket = await new_bucket(client)
    made = await new_object(client, bucket)
    frames = await new_collection(client, "frames", bucketIds=[bucket["id"]])
    document = GivenDocument(
        collection_id=frames, stated=Lineage(source_object_id=made["id"]), metadata={}
    )

    async with client.database.transaction(client.namespace_id) as tx:
        await documents.create_document(tx, client.blobs, client.limits, document)
        async with asyncio.timeout(10):
            patched = await patch(client, made, keyPrefix="/meanwhile")

    assert patched["keyPrefix"] == "/meanwhile"


async def test_does_not_fill_in_a_default_again(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA)
    made = await new_object(client, bucket, metadata={"title": "a"})

    patched = await patch(client, made, metadata={"state": None})

    assert patched["metadata"] == {"title": "a"}


@pytest.mark.parametrize(
    ("wrong", "code", "path"),
    [
        ({"metadata": {"title": None}}, "SCHEMA_MISMATCH", ["metadata", "title"]),
        ({"metadata": None}, "SCHEMA_MISMATCH", ["metadata", "title"]),
        ({"metadata": {"title": 7}}, "SCHEMA_MISMATCH", ["metadata", "title"]),
        ({"metadata": {"price": "3.5"}}, "SCHEMA_MISMATCH", ["metadata", "price"]),
        ({"metadata": {"state": "old"}}, "SCHEMA_MISMATCH", ["metadata", "state"]),
        ({"metadata": ["title"]}, "INVALID", ["metadata"]),
        ({"metadata": {"a": "b\0"}}, "INVALID", ["metadata", "a"]),
        ({"metadata": {"a": "b" * 2**20}}, "TOO_LARGE", ["metadata"]),
        ({"metadata": {"second": "b" * 200_000}}, "TOO_LARGE", ["metadata"]),
        ({"keyPrefix": ""}, "INVALID", ["keyPrefix"]),
        ({"keyPrefix": "/" * 1025}, "TOO_LARGE", ["keyPrefix"]),
    ],
)
async def test_refuses_what_cannot_be_kept(
    client: Client, wrong: dict[str, Any], code: str, path: list[str]
) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA)
    made = await new_object(client, bucket, metadata={"title": "a", "first": "b" * 200_000})

    (error,) = await refused(client, PATCH_OBJECT, input={"id": made["id"]} | wrong)

    assert (error["code"], error["path"]) == (code, path)


async def test_keeps_a_required_key_that_has_a_default(client: Client) -> None:
    schema = {"properties": {"state": {"type": "string", "required": True, "default": "draft"}}}
    made = await new_object(client, await new_bucket(client, bucketSchema=schema))

    (error,) = await refused(
        client, PATCH_OBJECT, input={"id": made["id"], "metadata": {"state": None}}
    )

    assert (error["code"], error["path"]) == ("SCHEMA_MISMATCH", ["metadata", "state"])


async def test_tells_all_that_is_wrong_at_once(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA)
    made = await new_object(client, bucket, metadata={"title": "a"})
    wrong = {"keyPrefix": "", "metadata": {"title": None, "price": []}}

    errors = await refused(client, PATCH_OBJECT, input={"id": made["id"]} | wrong)

    paths = [error["path"] for error in errors]
    assert paths == [["keyPrefix"], ["metadata", "title"], ["metadata", "price"]]


async def test_does_not_ask_for_blobs_that_were_there_or_skipped(client: Client) -> None:
    schema = {
        "properties": {
            "text": {"type": "text", "required": True},
            "title": {"type": "string", "required": True},
        }
    }
    bucket = await new_bucket(client, bucketSchema=schema)
    blobs = [text_blob("one"), {"property": "title", "type": "string", "data": "two"}]
    first = await new_object(client, bucket, blobs=blobs)
    skipped = await new_object(client, bucket, blobs=blobs, skipDuplicates=True)
    assert (len(first["blobs"]), len(skipped["blobs"])) == (2, 0)

    for made in (first, skipped):
        patched = await patch(client, made, metadata={"a": 1})

        assert patched["metadata"] == {"a": 1}


async def test_a_key_may_go_that_a_blob_stands_for_as_well(client: Client) -> None:
    schema = {"properties": {"title": {"type": "string", "required": True}}}
    bucket = await new_bucket(client, bucketSchema=schema)
    blob = {"property": "title", "type": "string", "data": "two"}
    made = await new_object(client, bucket, blobs=[blob], metadata={"title": "a"})

    patched = await patch(client, made, metadata={"title": None})

    assert patched["metadata"] == {}


async def test_answers_every_id_that_is_no_object_here_alike(client: Client) -> None:
    bucket = await new_bucket(client)
    other = await client.elsewhere()
    theirs = await new_object(other, await new_bucket(other))
    before = await other.stored()

    for id in (new_id("obj"), theirs["id"], bucket["id"], "nonsense", ""):
        (error,) = await refused(client, PATCH_OBJECT, input={"id": id, "keyPrefix": "/a"})

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
    made = await new_object(client, bucket)
    await patch_bucket(client, bucket, **closed)

    (error,) = await refused(client, PATCH_OBJECT, input={"id": made["id"], "keyPrefix": "/a"})

    assert (error["code"], error["path"]) == (code, ["id"])


async def test_needs_a_key_that_may_write(client: Client) -> None:
    made = await new_object(client, await new_bucket(client))
    reader = client.holding(Permission.READ)

    (error,) = await reader.errors(PATCH_OBJECT, input={"id": made["id"], "keyPrefix": "/a"})

    assert error["extensions"]["code"] == "FORBIDDEN"
