"""A mutation with a key is made once; sent again, it is answered as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Interval, bindparam, update

from gateway.enums import Permission
from gateway.idempotency.tables import IdempotencyKeyRow
from tests.client import Client
from tests.fetching.sites import ok, open_to, site
from tests.objects.test_sources import PNG, image, with_schema
from tests.operations import (
    CREATE_BUCKET,
    DELETE_OBJECT,
    FREE_SCHEMA,
    mutate,
    new_bucket,
    new_collection,
    new_document,
    new_object,
    patch_bucket,
    text_blob,
)

_ERRORS = "errors { code message path ... on FieldError { allowed } }"
_AGE = (
    update(IdempotencyKeyRow)
    .where(IdempotencyKeyRow.namespace_id == bindparam("namespace"))
    .values(created_at=IdempotencyKeyRow.created_at - bindparam("age", type_=Interval))
)


def with_input(field: str, input: str, payload: str) -> str:
    return (
        f"mutation ($input: {input}!) {{ {field}(input: $input)"
        f" {{ {payload} replayed {_ERRORS} }} }}"
    )


def with_id(field: str) -> str:
    payload = f"deletedId deletedObjects deletedDocuments replayed {_ERRORS}"
    return f"mutation ($id: ID!) {{ {field}(id: $id) {{ {payload} }} }}"


NEW_BUCKET = with_input("createBucket", "CreateBucketInput", "bucket { id bucketName }")
NEW_OBJECT = with_input(
    "createObject", "CreateObjectInput", "object { id version } skippedBlobs { id }"
)
PATCH_OBJECT = with_input("patchObject", "PatchObjectInput", "object { id version metadata }")
LONG_WAY = """
mutation ($input: CreateObjectInput!) { ...All }
fragment All on Mutation {
  createObject(input: $input) { object { id version } skippedBlobs { id } replayed errors { code } }
}
"""


class World(NamedTuple):
    bucket: dict[str, Any]
    object: dict[str, Any]
    collection: str
    document: str


Build = Callable[[World], dict[str, Any]]
MUTATIONS: dict[str, tuple[str, Build]] = {
    "createBucket": (NEW_BUCKET, lambda _: {"bucketName": "new", "bucketSchema": FREE_SCHEMA}),
    "patchBucket": (
        with_input("patchBucket", "PatchBucketInput", "bucket { id version }"),
        lambda world: {"id": world.bucket["id"], "description": "new"},
    ),
    "createObject": (
        NEW_OBJECT,
        lambda world: {
            "bucketId": world.bucket["id"],
            "blobs": [text_blob("there"), text_blob("new")],
            "skipDuplicates": True,
        },
    ),
    "patchObject": (
        PATCH_OBJECT,
        lambda world: {"id": world.object["id"], "metadata": {"n": 2}, "expectedVersion": 1},
    ),
    "createCollection": (
        with_input("createCollection", "CreateCollectionInput", "collection { id }"),
        lambda world: {
            "collectionName": "new",
            "source": {"type": "BUCKET", "bucketIds": [world.bucket["id"]]},
            "featureExtractor": {"name": "crop", "version": "v1", "parameters": {"a": 1}},
        },
    ),
    "patchCollection": (
        with_input("patchCollection", "PatchCollectionInput", "collection { id version }"),
        lambda world: {"id": world.collection, "enabled": False},
    ),
    "createDocument": (
        with_input("createDocument", "CreateDocumentInput", "document { id }"),
        lambda world: {
            "collectionId": world.collection,
            "sourceObjectId": world.object["id"],
            "vector": [0.5, 1],
        },
    ),
    "patchDocument": (
        with_input("patchDocument", "PatchDocumentInput", "document { id version }"),
        lambda world: {"id": world.document, "metadata": {"n": 2}},
    ),
    "createUpload": (
        with_input("createUpload", "CreateUploadInput", "upload { id status }"),
        lambda world: {
            "bucketId": world.bucket["id"],
            "filename": "a.txt",
            "contentType": "text/plain",
            "fileSizeBytes": 5,
            "multipart": True,
        },
    ),
    "updateStatus": (
        with_input("updateStatus", "UpdateStatusInput", "node { id ... on Document { version } }"),
        lambda world: {"id": world.document, "status": "QUEUED", "expectedVersion": 1},
    ),
    "createNamespace": (
        with_input("createNamespace", "CreateNamespaceInput", "namespace { id }"),
        lambda world: {"namespaceName": f"beside-{world.bucket['id']}"},
    ),
}
DELETIONS: dict[str, Callable[[World], str]] = {
    "deleteDocument": lambda world: world.document,
    "deleteObject": lambda world: str(world.object["id"]),
    "deleteBucket": lambda world: str(world.bucket["id"]),
}


async def new_world(client: Client) -> World:
    bucket = await new_bucket(client)
    made = await new_object(client, bucket, blobs=[text_blob("there")])
    collection = await new_collection(client, "crops", bucketIds=[bucket["id"]])
    return World(
        bucket, made, collection, await new_document(client, collection, sourceObjectId=made["id"])
    )


async def keys_kept(client: Client) -> int:
    return len((await client.stored())["idempotency_keys"])


def code_and_path(payload: dict[str, Any]) -> list[Any]:
    return [(error["code"], error["path"]) for error in payload["errors"]]


REUSED = [("IDEMPOTENCY_REUSED", ["idempotencyKey"])]


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("way", ["input", "header"])
async def test_what_is_sent_again_is_answered_and_not_made_again(
    client: Client, name: str, way: str
) -> None:
    operation, build = MUTATIONS[name]
    input = build(await new_world(client))
    sender = client.sending("k1") if way == "header" else client
    if way == "input":
        input |= {"idempotencyKey": "k1"}

    first = await mutate(sender, operation, input=input)
    stored = await client.stored()
    second = await mutate(sender, operation, input=input)

    assert (first["replayed"], first["errors"]) == (False, [])
    assert second == first | {"replayed": True}
    assert await client.stored() == stored


@pytest.mark.parametrize("name", DELETIONS)
async def test_deletions_take_the_header(client: Client, name: str) -> None:
    id = DELETIONS[name](await new_world(client))
    sender = client.sending("k1")

    first = await mutate(sender, with_id(name), id=id)
    second = await mutate(sender, with_id(name), id=id)

    assert (first["deletedId"], first["replayed"], first["errors"]) == (id, False, [])
    assert second == first | {"replayed": True}
    await client.housekeeper.one_pass()
    assert await mutate(sender, with_id(name), id=id) == second


async def test_a_deletion_with_a_key_wakes_the_housekeeper(client: Client) -> None:
    world = await new_world(client)
    client.idempotency_key = "k1"
    working = asyncio.create_task(client.housekeeper.run())
    await client.housekeeper.one_pass()
    assert client.files()

    await mutate(client, DELETE_OBJECT, id=world.object["id"])

    async with asyncio.timeout(20):
        while client.files():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    working.cancel()


async def test_both_roads_know_the_same_keys(client: Client) -> None:
    bucket = await new_bucket(client)
    short, long = (
        {"bucketId": bucket["id"], "metadata": {"b": [1.5, None], "a": 1}, "idempotencyKey": key}
        for key in ("k1", "k2")
    )

    made = await mutate(client, NEW_OBJECT, input=short)
    assert await mutate(client, LONG_WAY, input=short) == made | {"replayed": True}

    made = await mutate(client, LONG_WAY, input=long)
    assert await mutate(client, NEW_OBJECT, input=long) == made | {"replayed": True}


async def test_defaults_and_the_order_of_keys_make_no_other_input(client: Client) -> None:
    bucket = await new_bucket(client)
    input = {"bucketId": bucket["id"], "metadata": {"a": 1, "b": 2}, "idempotencyKey": "k1"}
    made = await mutate(client, NEW_OBJECT, input=input)

    same: dict[str, Any] = {
        "blobs": [],
        "keyPrefix": None,
        "skipDuplicates": False,
        "metadata": {"b": 2, "a": 1},
    }
    again = await mutate(client, NEW_OBJECT, input=input | same)

    assert again == made | {"replayed": True}


@pytest.mark.parametrize(
    "change",
    [{"metadata": {"n": 2}}, {"keyPrefix": "/a"}, {"blobs": [text_blob("a")]}, {"metadata": None}],
)
async def test_other_input_is_refused(client: Client, change: dict[str, Any]) -> None:
    bucket = await new_bucket(client)
    input = {"bucketId": bucket["id"], "metadata": {"n": 1}, "idempotencyKey": "k1"}
    await mutate(client, NEW_OBJECT, input=input)
    stored = await client.stored()

    refused = await mutate(client, NEW_OBJECT, input=input | change)

    assert code_and_path(refused) == REUSED
    assert (refused["object"], refused["replayed"]) == (None, False)
    assert await client.stored() == stored


async def test_null_in_a_patch_is_other_input_than_nothing(client: Client) -> None:
    bucket = await new_bucket(client)
    input = {"id": (await new_object(client, bucket))["id"], "idempotencyKey": "k1"}
    await mutate(client, PATCH_OBJECT, input=input)

    assert code_and_path(await mutate(client, PATCH_OBJECT, input=input | {"keyPrefix": None})) == (
        REUSED
    )


async def test_another_mutation_is_refused(client: Client) -> None:
    world = await new_world(client)
    sender = client.sending("k1")
    await mutate(sender, with_id("deleteDocument"), id=world.document)

    assert code_and_path(await mutate(sender, with_id("deleteObject"), id=world.document)) == REUSED


async def test_a_refused_mutation_keeps_no_key(client: Client) -> None:
    bucket = await new_bucket(client)
    bad = {"bucketId": bucket["id"], "blobs": [text_blob("a") | {"property": "none"}]}
    refused = await mutate(client, NEW_OBJECT, input=bad | {"idempotencyKey": "k1"})
    assert [code for code, _ in code_and_path(refused)] == ["SCHEMA_MISMATCH"]
    assert await keys_kept(client) == 0

    made = await mutate(
        client, NEW_OBJECT, input={"bucketId": bucket["id"], "idempotencyKey": "k1"}
    )

    assert (made["errors"], made["replayed"]) == ([], False)


async def test_what_went_since_is_null(client: Client) -> None:
    world = await new_world(client)
    operation, build = MUTATIONS["createObject"]
    input = build(world) | {"idempotencyKey": "k1"}
    made = await mutate(client, operation, input=input)
    assert len(made["skippedBlobs"]) == 1

    await mutate(client, DELETE_OBJECT, id=world.object["id"])
    one_gone = await mutate(client, operation, input=input)
    long_way = await mutate(client, LONG_WAY, input=input)
    await mutate(client, DELETE_OBJECT, id=made["object"]["id"])
    both_gone = await mutate(client, operation, input=input)

    assert one_gone == made | {"replayed": True, "skippedBlobs": []}
    assert long_way == one_gone
    assert both_gone == one_gone | {"object": None}


async def test_a_replay_shows_the_rows_as_they_are_now(client: Client) -> None:
    bucket = await new_bucket(client)
    input = {"bucketId": bucket["id"], "idempotencyKey": "k1"}
    made = (await mutate(client, NEW_OBJECT, input=input))["object"]
    await mutate(client, PATCH_OBJECT, input={"id": made["id"], "metadata": {"n": 1}})

    replayed = await mutate(client, NEW_OBJECT, input=input)

    assert replayed["object"] == {"id": made["id"], "version": 2}


async def test_namespaces_do_not_meet(client: Client) -> None:
    input = {"bucketName": "pics", "bucketSchema": FREE_SCHEMA, "idempotencyKey": "k1"}
    here = await mutate(client, NEW_BUCKET, input=input)
    there = await mutate(
        await client.elsewhere(), NEW_BUCKET, input=input | {"description": "another"}
    )

    assert (here["replayed"], there["replayed"], there["errors"]) == (False, False, [])
    assert here["bucket"]["id"] != there["bucket"]["id"]


async def test_keys_are_the_namespaces_whoever_sends_them(client: Client) -> None:
    """As a pipeline's next worker does, with an API key of its own."""
    input = {"bucketName": "pics", "bucketSchema": FREE_SCHEMA, "idempotencyKey": "k1"}
    made = await mutate(client, NEW_BUCKET, input=input)

    other = client.holding(Permission.WRITE)
    assert await mutate(other, NEW_BUCKET, input=input) == made | {"replayed": True}
    (error,) = await client.holding(Permission.READ).errors(NEW_BUCKET, input=input)
    assert error["extensions"] == {"code": "FORBIDDEN"}


async def test_a_key_is_free_again_after_a_day(client: Client) -> None:
    input = {"bucketName": "pics", "bucketSchema": FREE_SCHEMA, "idempotencyKey": "k1"}
    made = await mutate(client, NEW_BUCKET, input=input)

    async def grow_older(**age: float) -> None:
        async with client.database.transaction(client.namespace_id) as tx:
            await tx.run(_AGE, namespace=client.namespace_id, age=timedelta(**age))

    await grow_older(hours=23, minutes=59)
    assert (await mutate(client, NEW_BUCKET, input=input))["replayed"]

    await grow_older(minutes=1)
    other = input | {"bucketName": "other"}
    anew = await mutate(client, NEW_BUCKET, input=other)
    assert (anew["replayed"], anew["errors"]) == (False, [])
    assert anew["bucket"]["id"] != made["bucket"]["id"]
    assert (await mutate(client, NEW_BUCKET, input=other))["replayed"]


@pytest.mark.parametrize(
    ("key", "code"),
    [("", "INVALID"), (" ", "INVALID"), ("a\nb", "INVALID"), ("k" * 256, "TOO_LARGE")],
)
@pytest.mark.parametrize("way", ["input", "header"])
async def test_refuses_what_is_no_key(client: Client, key: str, code: str, way: str) -> None:
    input = {"bucketName": "pics", "bucketSchema": FREE_SCHEMA}
    sender = client.sending(key) if way == "header" else client
    if way == "input":
        input |= {"idempotencyKey": key}

    refused = await mutate(sender, NEW_BUCKET, input=input)

    assert code_and_path(refused) == [(code, ["idempotencyKey"])]


async def test_the_longest_key_is_taken(client: Client) -> None:
    input = {"bucketName": "pics", "bucketSchema": FREE_SCHEMA, "idempotencyKey": "k" * 255}
    await mutate(client, NEW_BUCKET, input=input)

    assert (await mutate(client, NEW_BUCKET, input=input))["replayed"]


async def test_header_and_input_have_to_be_the_same(client: Client) -> None:
    input = {"bucketName": "pics", "bucketSchema": FREE_SCHEMA, "idempotencyKey": "k1"}

    refused = await mutate(client.sending("k2"), NEW_BUCKET, input=input)
    made = await mutate(client.sending("k1"), NEW_BUCKET, input=input)

    assert code_and_path(refused) == [("INVALID", ["idempotencyKey"])]
    assert made["errors"] == []


async def test_each_field_of_a_document_has_a_key_made_of_the_header(client: Client) -> None:
    text = """mutation ($a: CreateBucketInput!, $b: CreateBucketInput!) {
      a: createBucket(input: $a) { bucket { id } replayed errors { code } }
      b: createBucket(input: $b) { bucket { id } replayed errors { code } }
    }"""
    a, b = ({"bucketName": name, "bucketSchema": FREE_SCHEMA} for name in "ab")
    sender = client.sending("k1")

    first = await sender.execute(text, a=a, b=b | {"bucketName": "a"})
    second = await sender.execute(text, a=a, b=b)

    assert [first["a"]["replayed"], first["b"]["errors"]] == [False, [{"code": "ALREADY_EXISTS"}]]
    assert second["a"] == first["a"] | {"replayed": True}
    assert (second["b"]["replayed"], second["b"]["errors"]) == (False, [])


async def test_secrets_are_never_kept(client: Client) -> None:
    create = """mutation ($input: CreateApiKeyInput!) {
      createApiKey(input: $input) { secret apiKey { id } errors { code message path } } }"""
    input = {"name": "ci", "permissions": ["READ"]}
    rotate = create.replace("$input: CreateApiKeyInput!", "$id: ID!")
    rotate = rotate.replace("createApiKey(input: $input)", "rotateApiKey(id: $id)")
    made = await mutate(client, create, input=input)

    for payload in (
        await mutate(client.sending("k1"), create, input=input),
        await mutate(client.sending("k1"), rotate, id=made["apiKey"]["id"]),
    ):
        assert (payload["secret"], payload["apiKey"]) == (None, None)
        assert code_and_path(payload) == [("INVALID", ["idempotencyKey"])]
        assert "Idempotency-Key" in payload["errors"][0]["message"]
    assert await keys_kept(client) == 0


@pytest.mark.parametrize("multipart", [False, True])
async def test_an_upload_is_announced_once(client: Client, multipart: bool) -> None:
    bucket = await new_bucket(client)
    operation = with_input("createUpload", "CreateUploadInput", "upload { id status }")
    input = {
        "bucketId": bucket["id"],
        "filename": "a.txt",
        "contentType": "text/plain",
        "fileSizeBytes": 5,
        "multipart": multipart,
    }

    first = await mutate(client.sending("k1"), operation, input=input)
    second = await mutate(client.sending("k1"), operation, input=input)

    assert (first["replayed"], first["errors"]) == (False, [])
    assert second == first | {"replayed": True}
    assert len((await client.stored())["uploads"]) == 1


async def test_a_source_is_fetched_once(client: Client) -> None:
    bucket = await with_schema(client)
    async with site(ok(PNG)) as here:
        open_to(client, here)
        input = {
            "bucketId": bucket["id"],
            "blobs": [image(here.url("/a.png"))],
            "idempotencyKey": "k1",
        }

        payloads = await asyncio.gather(
            *[mutate(client, NEW_OBJECT, input=input) for _ in range(4)]
        )

    assert here.connections == 1
    assert sorted(each["replayed"] for each in payloads) == [False, True, True, True]
    assert len({each["object"]["id"] for each in payloads}) == 1


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("value", [2**70, nested(300), nested(900), "\ud800"])
async def test_what_nothing_can_keep_is_told_of(client: Client, value: Any) -> None:
    bucket = await new_bucket(client)
    input = {"bucketId": bucket["id"], "metadata": {"n": value}, "idempotencyKey": "k1"}

    assert [code for code, _ in code_and_path(await mutate(client, NEW_OBJECT, input=input))] == [
        "INVALID"
    ]


async def test_mutations_without_a_key_keep_none(client: Client) -> None:
    bucket = await new_bucket(client)
    await patch_bucket(client, bucket, description="new")
    await mutate(client, CREATE_BUCKET, input={"bucketName": "b", "bucketSchema": FREE_SCHEMA})

    assert await keys_kept(client) == 0
