from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.database.pool import open_database
from tests.client import Client, new_client
from tests.documents.making import begin_deleting_bucket
from tests.operations import (
    CREATE_OBJECT,
    DELETE_OBJECT,
    PATCH_OBJECT,
    READ_OBJECT,
    mutate,
    new_bucket,
    new_collection,
    new_document,
    new_object,
    patch_bucket,
    refused,
    text_blob,
    without_links,
)

SCHEMA = {
    "properties": {
        "sku": {"type": "string"},
        "code": {"type": "number"},
        "is_real": {"type": "boolean"},
        "size": {"type": "object", "properties": {"width": {"type": "number"}}},
        "title": {"type": "string", "required": True},
        "state": {"type": "string", "default": "draft"},
        "text": {"type": "text"},
        "note": {"type": "text"},
    }
}
LIST = "query ($id: ID!) { bucket(id: $id) { objectCount objects { nodes { id metadata } } } }"


async def keyed_bucket(client: Client, *fields: str, policy: str | None = "UPSERT") -> Any:
    return await new_bucket(
        client,
        bucketSchema=SCHEMA,
        uniqueKey={"fields": list(fields) or ["sku"], "defaultPolicy": policy},
    )


async def put(client: Client, bucket: Any, **input: Any) -> dict[str, Any]:
    """Return the payload of an object of SKU A1 and a title, if the input does not say else."""
    metadata = {"sku": "A1", "title": "first"} | input.pop("metadata", {})
    given = {"bucketId": bucket["id"], "metadata": metadata} | input
    return await mutate(client, CREATE_OBJECT, input=given)


async def put_well(client: Client, bucket: Any, **input: Any) -> dict[str, Any]:
    payload = await put(client, bucket, **input)
    assert payload["errors"] == []
    made: dict[str, Any] = payload["object"]
    return made


async def ids(client: Client, bucket: Any) -> list[str]:
    """Return the ids of all objects of a bucket."""
    found = (await client.execute(LIST, id=bucket["id"]))["bucket"]
    assert found["objectCount"] == len(found["objects"]["nodes"])
    return [each["id"] for each in found["objects"]["nodes"]]


# ---- policies ---------------------------------------------------------------------------------


async def test_insert_makes_one_object_of_a_key(client: Client) -> None:
    bucket = await keyed_bucket(client, policy="INSERT")
    made = await put_well(client, bucket, blobs=[text_blob("one")])

    (error,) = await refused(
        client,
        CREATE_OBJECT,
        input={
            "bucketId": bucket["id"],
            "metadata": {"sku": "A1", "title": "second"},
            "blobs": [text_blob("two")],
        },
    )

    assert (error["code"], error["path"]) == ("ALREADY_EXISTS", ["metadata", "sku"])
    assert error["message"] == 'the bucket has an object with sku "A1" already'
    assert error["existing"] == {"id": made["id"]}
    other = await put_well(client, bucket, metadata={"sku": "A2"})
    assert await ids(client, bucket) == [made["id"], other["id"]]


async def test_update_needs_an_object_that_has_the_key(client: Client) -> None:
    bucket = await keyed_bucket(client, policy="UPDATE")

    (error,) = await refused(
        client,
        CREATE_OBJECT,
        input={"bucketId": bucket["id"], "metadata": {"sku": "A1", "title": "a"}},
    )

    assert (error["code"], error["path"]) == ("NOT_FOUND", ["metadata", "sku"])
    assert error["message"].startswith('the bucket has no object with sku "A1"')


@pytest.mark.parametrize("policy", ["UPDATE", "UPSERT"])
async def test_changes_the_object_that_has_the_key(client: Client, policy: str) -> None:
    bucket = await keyed_bucket(client, policy=None)
    made = await put_well(
        client, bucket, policy="INSERT", keyPrefix="/a", metadata={"x": 1, "y": 2}
    )

    changed = await put_well(
        client,
        bucket,
        policy=policy,
        metadata={"title": "second", "x": None, "z": 3},
        skipDuplicates=True,
    )

    assert changed["id"] == made["id"]
    assert changed["metadata"] == {
        "sku": "A1",
        "title": "second",
        "state": "draft",
        "y": 2,
        "z": 3,
    }
    assert (changed["version"], changed["keyPrefix"]) == (2, "/a")
    assert changed["skipDuplicates"] is True
    assert changed["createdAt"] == made["createdAt"]
    assert changed["updatedAt"] > made["updatedAt"]
    moved = await put_well(client, bucket, policy=policy, keyPrefix="/b")
    assert (moved["version"], moved["keyPrefix"]) == (3, "/b")
    assert await ids(client, bucket) == [made["id"]]


async def test_upsert_makes_what_is_not_there(client: Client) -> None:
    bucket = await keyed_bucket(client)

    made = await put_well(client, bucket, blobs=[text_blob("one")], keyPrefix="/a")

    assert (made["version"], made["keyPrefix"], made["status"]) == (1, "/a", "DRAFT")
    assert made["metadata"]["state"] == "draft"
    assert [blob["details"]["sizeBytes"] for blob in made["blobs"]] == [3]
    read = (await client.execute(READ_OBJECT, id=made["id"]))["object"]
    assert without_links(read) == without_links(made)


async def test_an_update_may_bring_a_part_only(client: Client) -> None:
    bucket = await keyed_bucket(client)
    await put_well(client, bucket, metadata={"state": "final"})
    partial = {"bucketId": bucket["id"], "metadata": {"sku": "A1", "x": 1}}

    payload = await mutate(client, CREATE_OBJECT, input=partial)

    assert payload["errors"] == []
    expected = {"sku": "A1", "title": "first", "state": "final", "x": 1}
    assert payload["object"]["metadata"] == expected
    unknown = {"bucketId": bucket["id"], "metadata": {"sku": "A2", "x": 1}}
    (error,) = await refused(client, CREATE_OBJECT, input=unknown)
    assert (error["code"], error["path"]) == ("SCHEMA_MISMATCH", ["metadata", "title"])


async def test_an_input_that_changes_nothing_leaves_the_version(client: Client) -> None:
    bucket = await keyed_bucket(client)
    made = await put_well(client, bucket, blobs=[text_blob("one")], keyPrefix="/a")

    again = await put_well(client, bucket, blobs=[text_blob("one")], keyPrefix="/a")

    assert without_links(again) == without_links(made)


async def test_true_is_another_value_than_1(client: Client) -> None:
    bucket = await keyed_bucket(client)
    await put_well(client, bucket, metadata={"x": True})

    changed = await put_well(client, bucket, metadata={"x": 1})

    assert (changed["version"], changed["metadata"]["x"]) == (2, 1)
    assert changed["metadata"]["x"] is not True


async def test_an_update_that_does_not_fit_changes_nothing(client: Client) -> None:
    bucket = await keyed_bucket(client)
    await put_well(client, bucket, blobs=[text_blob("one")])

    for metadata, path in (
        ({"title": None}, ["metadata", "title"]),
        ({"title": 5}, ["metadata", "title"]),
        ({"code": "5"}, ["metadata", "code"]),
    ):
        given = {"sku": "A1", "title": "second"} | metadata
        (error,) = await refused(
            client,
            CREATE_OBJECT,
            input={"bucketId": bucket["id"], "metadata": given, "blobs": [text_blob("two")]},
        )
        assert (error["code"], error["path"]) == ("SCHEMA_MISMATCH", path)


async def test_an_update_keeps_within_the_limits(client: Client) -> None:
    bucket = await keyed_bucket(client)
    await put_well(client, bucket, blobs=[text_blob(str(i)) for i in range(60)])
    notes = [{"property": "note", "type": "text", "data": str(i)} for i in range(60)]

    too_many = {"bucketId": bucket["id"], "metadata": {"sku": "A1"}, "blobs": notes}
    (error,) = await refused(client, CREATE_OBJECT, input=too_many)
    assert (error["code"], error["path"]) == ("TOO_LARGE", ["blobs"])
    assert error["message"] == "the object would have 120 blobs; the most is 100"

    await put_well(client, bucket, metadata={"x": "a" * 200_000})
    too_large = {"sku": "A1", "y": "a" * 100_000}
    (error,) = await refused(
        client, CREATE_OBJECT, input={"bucketId": bucket["id"], "metadata": too_large}
    )
    assert (error["code"], error["path"]) == ("TOO_LARGE", ["metadata"])


async def test_policy_is_required(client: Client) -> None:
    bucket = await keyed_bucket(client, policy=None)

    (error,) = await refused(
        client,
        CREATE_OBJECT,
        input={"bucketId": bucket["id"], "metadata": {"sku": "A1", "title": "a"}},
    )

    assert (error["code"], error["path"]) == ("POLICY_REQUIRED", ["policy"])
    assert error["allowed"] == ["INSERT", "UPDATE", "UPSERT"]


@pytest.mark.parametrize("policy", ["INSERT", "UPDATE", "UPSERT"])
async def test_policy_needs_a_unique_key(client: Client, policy: str) -> None:
    bucket = await new_bucket(client)

    (error,) = await refused(
        client, CREATE_OBJECT, input={"bucketId": bucket["id"], "policy": policy}
    )

    assert (error["code"], error["path"]) == ("INVALID", ["policy"])


@pytest.mark.parametrize("policy", ["INSERT", "UPDATE", "UPSERT"])
async def test_a_closed_bucket_takes_no_policy(client: Client, policy: str) -> None:
    bucket = await keyed_bucket(client)
    await put_well(client, bucket)
    await patch_bucket(client, bucket, isLocked=True)
    input = {"bucketId": bucket["id"], "metadata": {"sku": "A1", "title": "b"}, "policy": policy}

    (error,) = await refused(client, CREATE_OBJECT, input=input)

    assert (error["code"], error["path"]) == ("LOCKED", ["bucketId"])
    await patch_bucket(client, bucket, isLocked=False)
    await begin_deleting_bucket(client, bucket["id"])
    (error,) = await refused(client, CREATE_OBJECT, input=input)
    assert (error["code"], error["path"]) == ("NOT_FOUND", ["bucketId"])


async def test_a_key_is_of_one_bucket(client: Client) -> None:
    key = {"fields": ["sku"], "defaultPolicy": "INSERT"}
    one = await new_bucket(client, bucketName="one", bucketSchema=SCHEMA, uniqueKey=key)
    two = await new_bucket(client, bucketName="two", bucketSchema=SCHEMA, uniqueKey=key)
    other = await client.elsewhere()
    three = await new_bucket(other, bucketName="one", bucketSchema=SCHEMA, uniqueKey=key)

    made = [await put_well(client, one), await put_well(client, two), await put_well(other, three)]

    assert len({each["id"] for each in made}) == 3


async def test_a_key_is_free_after_its_object_is_deleted(client: Client) -> None:
    bucket = await keyed_bucket(client, policy="INSERT")
    made = await put_well(client, bucket)

    await mutate(client, DELETE_OBJECT, id=made["id"])

    assert (await put_well(client, bucket))["id"] != made["id"]


# ---- values of keys -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "one", "other"),
    [
        (["code"], {"code": 1}, {"code": 1.0}),
        (["code"], {"code": 100}, {"code": 1e2}),
        (["code"], {"code": 0}, {"code": -0.0}),
        (["code"], {"code": 1e300}, {"code": 1e300}),
        (["code"], {"code": 2**63}, {"code": 2**63}),
        (["size.width"], {"size": {"width": 2}}, {"size": {"width": 2.0, "depth": 3}}),
        (["sku", "code"], {"sku": "a", "code": 1}, {"code": 1.0, "sku": "a"}),
        (["is_real"], {"is_real": True}, {"is_real": True}),
        (["sku"], {"sku": ""}, {"sku": ""}),
    ],
)
async def test_finds_equal_keys_equal(
    client: Client, fields: list[str], one: dict[str, Any], other: dict[str, Any]
) -> None:
    bucket = await keyed_bucket(client, *fields)
    made = await put_well(client, bucket, metadata=one)

    assert (await put_well(client, bucket, metadata=other))["id"] == made["id"]


@pytest.mark.parametrize(
    ("fields", "one", "other"),
    [
        (["code"], {"code": 1}, {"code": 1.5}),
        (["code"], {"code": 2**53}, {"code": 2**53 + 1}),
        (["sku"], {"sku": "a"}, {"sku": "A"}),
        (["sku"], {"sku": "a"}, {"sku": "a "}),
        (["sku"], {"sku": "1"}, {"sku": "1.0"}),
        (["sku"], {"sku": "\u00e9"}, {"sku": "e\u0301"}),
        (["sku", "state"], {"sku": "a,b", "state": "c"}, {"sku": "a", "state": "b,c"}),
        (["sku", "state"], {"sku": 'a","b', "state": "c"}, {"sku": "a", "state": 'b","c'}),
        (["sku", "state"], {"sku": "a", "state": "b"}, {"sku": "b", "state": "a"}),
        (["is_real"], {"is_real": True}, {"is_real": False}),
    ],
)
async def test_tells_other_keys_apart(
    client: Client, fields: list[str], one: dict[str, Any], other: dict[str, Any]
) -> None:
    bucket = await keyed_bucket(client, *fields)
    made = await put_well(client, bucket, metadata=one)

    assert (await put_well(client, bucket, metadata=other))["id"] != made["id"]


async def test_a_default_counts_as_a_value(client: Client) -> None:
    bucket = await keyed_bucket(client, "state", policy="INSERT")
    made = await put_well(client, bucket)

    payload = await put(client, bucket, metadata={"state": "draft"})

    (error,) = payload["errors"]
    assert error["existing"] == {"id": made["id"]}


@pytest.mark.parametrize("policy", ["INSERT", "UPDATE", "UPSERT"])
@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        ({"sku": None}, ["metadata", "sku"]),
        ({"size": None}, ["metadata", "size", "width"]),
        ({"size": {}}, ["metadata", "size", "width"]),
        ({"size": {"width": None}}, ["metadata", "size", "width"]),
    ],
)
async def test_each_object_needs_a_value_in_each_field(
    client: Client, policy: str, metadata: dict[str, Any], path: list[str]
) -> None:
    bucket = await keyed_bucket(client, "sku", "size.width")
    whole = {"sku": "A1", "title": "a", "size": {"width": 1}}

    (error,) = await refused(
        client,
        CREATE_OBJECT,
        input={"bucketId": bucket["id"], "policy": policy, "metadata": whole | metadata},
    )

    assert (error["code"], error["path"]) == ("SCHEMA_MISMATCH", path)
    assert "it is part of the bucket's unique key" in error["message"]


async def test_tells_all_fields_that_are_missing(client: Client) -> None:
    bucket = await keyed_bucket(client, "sku", "code")

    errors = await refused(
        client, CREATE_OBJECT, input={"bucketId": bucket["id"], "metadata": {"title": "a"}}
    )

    assert [error["path"] for error in errors] == [["metadata", "sku"], ["metadata", "code"]]


async def test_a_blob_is_no_value_of_a_key(client: Client) -> None:
    bucket = await keyed_bucket(client, "sku")
    blob = {"property": "sku", "type": "string", "data": "A1"}

    (error,) = await refused(
        client,
        CREATE_OBJECT,
        input={"bucketId": bucket["id"], "metadata": {"title": "a"}, "blobs": [blob]},
    )

    assert (error["code"], error["path"]) == ("SCHEMA_MISMATCH", ["metadata", "sku"])


async def test_a_key_has_a_largest_size(client: Client) -> None:
    bucket = await keyed_bucket(client)
    # Random, so that the index cannot make it smaller: what fits here fits always.
    largest = "".join(chr(0x4E00 + i * 7919 % 20_000) for i in range((2048 - 4) // 3)) + "a"
    made = await put_well(client, bucket, metadata={"sku": largest})
    assert (await put_well(client, bucket, metadata={"sku": largest}))["id"] == made["id"]

    (error,) = await refused(
        client,
        CREATE_OBJECT,
        input={"bucketId": bucket["id"], "metadata": {"sku": largest + "a", "title": "a"}},
    )

    assert (error["code"], error["path"]) == ("TOO_LARGE", ["metadata", "sku"])
    assert error["message"] == "the values of the unique key have 2049 bytes; the most is 2048"


# ---- blobs --------------------------------------------------------------------------------------


def note(text: str, **more: Any) -> dict[str, Any]:
    return {"property": "note", "type": "text", "data": text} | more


def texts(made: dict[str, Any]) -> list[tuple[str, int]]:
    """Return the property and the size of each blob."""
    return [(blob["property"], blob["details"]["sizeBytes"]) for blob in made["blobs"]]


async def test_blobs_take_the_place_of_those_of_their_property(client: Client) -> None:
    bucket = await keyed_bucket(client)
    made = await put_well(client, bucket, blobs=[text_blob("1"), note("22"), text_blob("333")])
    first, middle, last = made["blobs"]

    changed = await put_well(client, bucket, blobs=[text_blob("4444", metadata={"a": 1})])

    assert texts(changed) == [("text", 4), ("note", 2)]
    assert [blob["id"] for blob in changed["blobs"]] == [first["id"], middle["id"]]
    assert changed["blobs"][0]["properties"] == {"a": 1}
    assert changed["contentHash"] not in (made["contentHash"], None)
    more = await put_well(client, bucket, blobs=[note("7" * 7), note("8" * 8)])
    assert texts(more) == [("text", 4), ("note", 7), ("note", 8)]
    assert last["id"] not in [blob["id"] for blob in more["blobs"]]
    read = (await client.execute(READ_OBJECT, id=made["id"]))["object"]
    assert without_links(read) == without_links(more)
    sizes = await client.execute(
        "query ($id: ID!) { bucket(id: $id) { totalSizeBytes } }", id=bucket["id"]
    )
    assert sizes["bucket"]["totalSizeBytes"] == 4 + 7 + 8


async def test_bytes_that_were_replaced_are_removed(client: Client) -> None:
    bucket = await keyed_bucket(client)
    await put_well(client, bucket, blobs=[text_blob("old"), note("stays")])
    assert len(client.files()) == 2

    await put_well(client, bucket, blobs=[text_blob("new one")])
    await client.housekeeper.one_pass()

    assert len(client.files()) == 2
    assert len((await client.stored())["contents"]) == 2


async def test_documents_keep_to_blobs_that_change(client: Client) -> None:
    bucket = await keyed_bucket(client)
    made = await put_well(client, bucket, blobs=[text_blob("a"), text_blob("b")])
    first, second = (blob["id"] for blob in made["blobs"])
    frames = await new_collection(client, "frames", bucketIds=[bucket["id"]])
    artifacts = [
        {"field": "f", "role": "THUMBNAIL", "type": "text", "data": "t", "sourceBlobId": id}
        for id in (first, second)
    ]
    document = await new_document(
        client, frames, sourceObjectId=made["id"], documentBlobs=artifacts
    )

    await put_well(client, bucket, blobs=[text_blob("c")])

    read = "query ($id: ID!) { document(id: $id) { documentBlobs { sourceBlobId } } }"
    found = (await client.execute(read, id=document))["document"]["documentBlobs"]
    assert found == [{"sourceBlobId": first}, {"sourceBlobId": None}]


async def test_skips_contents_that_the_bucket_has(client: Client) -> None:
    bucket = await keyed_bucket(client)
    other = await put_well(client, bucket, metadata={"sku": "B"}, blobs=[text_blob("x")])
    made = await put_well(client, bucket, blobs=[text_blob("a"), note("n")])

    payload = await put(
        client, bucket, blobs=[text_blob("x"), note("n"), note("x")], skipDuplicates=True
    )

    assert payload["errors"] == []
    holder = other["blobs"][0]["id"]
    own = made["blobs"][1]["id"]
    assert [each["id"] for each in payload["skippedBlobs"]] == [holder, own, holder]
    assert without_links(payload["object"])["blobs"] == without_links(made)["blobs"]


async def test_does_not_skip_what_it_replaces_itself(client: Client) -> None:
    bucket = await keyed_bucket(client)
    await put_well(client, bucket, blobs=[text_blob("moving")])

    payload = await put(
        client, bucket, blobs=[text_blob("new"), note("moving")], skipDuplicates=True
    )

    assert payload["errors"] == []
    assert payload["skippedBlobs"] == []
    assert texts(payload["object"]) == [("text", 3), ("note", 6)]


async def test_skips_what_a_new_object_brings_twice(client: Client) -> None:
    bucket = await keyed_bucket(client)

    payload = await put(
        client, bucket, blobs=[text_blob("x"), note("x"), note("yy")], skipDuplicates=True
    )

    (first, _) = payload["object"]["blobs"]
    assert texts(payload["object"]) == [("text", 1), ("note", 2)]
    assert payload["skippedBlobs"] == [{"id": first["id"]}]
    assert payload["object"]["version"] == 1
    assert payload["object"]["contentHash"] is not None


# ---- patches ------------------------------------------------------------------------------------


async def test_a_patch_moves_the_key(client: Client) -> None:
    bucket = await keyed_bucket(client)
    made = await put_well(client, bucket)

    payload = await mutate(
        client, PATCH_OBJECT, input={"id": made["id"], "metadata": {"sku": "A2"}}
    )

    assert payload["errors"] == []
    assert (await put_well(client, bucket, metadata={"sku": "A2"}))["id"] == made["id"]
    assert (await put_well(client, bucket))["id"] != made["id"]


async def test_a_patch_cannot_take_a_key_that_is_there(client: Client) -> None:
    bucket = await keyed_bucket(client)
    made = await put_well(client, bucket)
    other = await put_well(client, bucket, metadata={"sku": "A2"})

    (error,) = await refused(
        client, PATCH_OBJECT, input={"id": made["id"], "metadata": {"sku": "A2"}}
    )

    assert (error["code"], error["path"]) == ("ALREADY_EXISTS", ["metadata", "sku"])
    assert error["existing"] == {"id": other["id"]}


@pytest.mark.parametrize("metadata", [{"sku": None}, {"sku": None, "x": 1}])
async def test_a_patch_cannot_take_the_key_away(client: Client, metadata: Any) -> None:
    bucket = await keyed_bucket(client)
    made = await put_well(client, bucket)

    (error,) = await refused(client, PATCH_OBJECT, input={"id": made["id"], "metadata": metadata})

    assert (error["code"], error["path"]) == ("SCHEMA_MISMATCH", ["metadata", "sku"])


async def test_a_patch_may_leave_the_key_alone(client: Client) -> None:
    bucket = await keyed_bucket(client, "code")
    made = await put_well(client, bucket, metadata={"code": 1})

    payload = await mutate(
        client, PATCH_OBJECT, input={"id": made["id"], "metadata": {"x": 1, "code": 1.0}}
    )

    assert (payload["errors"], payload["object"]["version"]) == ([], 2)


# ---- at the same time ---------------------------------------------------------------------------


@pytest.fixture
async def crowd(postgres_url: str, client: Client) -> AsyncIterator[Client]:
    """A client that has a connection for each of 32 requests."""
    async with open_database(postgres_url, size=32) as database:
        yield await new_client(database, client.blobs, client.blob_folder)


async def test_32_upserts_make_one_object_and_lose_nothing(crowd: Client) -> None:
    bucket = await keyed_bucket(crowd)

    payloads = await asyncio.gather(
        *(
            put(crowd, bucket, metadata={f"k{i}": i, "last": i}, blobs=[text_blob(f"text {i}")])
            for i in range(32)
        )
    )

    assert [payload["errors"] for payload in payloads] == [[]] * 32
    (id,) = await ids(crowd, bucket)
    assert {payload["object"]["id"] for payload in payloads} == {id}
    made = (await crowd.execute(READ_OBJECT, id=id))["object"]
    assert made["version"] == 32
    assert {f"k{i}": i for i in range(32)}.items() <= made["metadata"].items()
    (blob,) = made["blobs"]
    assert blob["details"]["sizeBytes"] == len(f"text {made['metadata']['last']}")


async def test_one_of_32_inserts_wins(crowd: Client) -> None:
    bucket = await keyed_bucket(crowd, policy="INSERT")

    payloads = await asyncio.gather(
        *(put(crowd, bucket, blobs=[text_blob(str(i))]) for i in range(32))
    )

    (id,) = await ids(crowd, bucket)
    lost = [error for payload in payloads for error in payload["errors"]]
    assert [error["code"] for error in lost] == ["ALREADY_EXISTS"] * 31
    assert {error["existing"]["id"] for error in lost} == {id}
    assert len((await crowd.stored())["blobs"]) == 1


async def test_upserts_and_deletions_leave_one_object_or_none(crowd: Client) -> None:
    bucket = await keyed_bucket(crowd)

    async def upsert_and_delete() -> int:
        payload = await put(crowd, bucket, blobs=[text_blob("same")])
        assert payload["errors"] == []
        if payload["object"] is None:  # deleted by another before the answer was read
            return 0
        payload = await mutate(crowd, DELETE_OBJECT, id=payload["object"]["id"])
        deleted: int = payload["deletedObjects"]
        return deleted

    deleted = await asyncio.gather(*(upsert_and_delete() for _ in range(32)))

    assert await ids(crowd, bucket) == []
    assert sum(deleted) >= 1
    last = await put_well(crowd, bucket, blobs=[text_blob("same")])
    assert await ids(crowd, bucket) == [last["id"]]


async def test_patches_and_upserts_share_a_key_in_turn(crowd: Client) -> None:
    bucket = await keyed_bucket(crowd)
    made = await asyncio.gather(
        *(put_well(crowd, bucket, metadata={"sku": f"S{i}"}) for i in range(16))
    )

    payloads = await asyncio.gather(
        *(
            mutate(crowd, PATCH_OBJECT, input={"id": each["id"], "metadata": {"sku": "A1"}})
            for each in made
        ),
        *(put(crowd, bucket) for _ in range(16)),
    )

    codes = {error["code"] for payload in payloads for error in payload["errors"]}
    assert codes <= {"ALREADY_EXISTS"}
    found = (await crowd.execute(LIST, id=bucket["id"]))["bucket"]["objects"]["nodes"]
    assert [each["metadata"]["sku"] for each in found].count("A1") == 1


async def test_an_upsert_waits_for_an_insert_that_is_on_its_way(client: Client) -> None:
    bucket = await keyed_bucket(client)
    made = await new_object(client, bucket, metadata={"sku": "B", "title": "b"})
    insert = (
        "INSERT INTO objects (namespace_id, id, bucket_id, unique_key, metadata)"
        " VALUES ($1, $2, $3, '[\"A1\"]', $4)"
    )
    id = made["id"][:-1] + ("0" if made["id"][-1] != "0" else "1")

    async with client.database.connection() as connection:
        await connection.execute(f"BEGIN; SET LOCAL app.namespace_id = '{client.namespace_id}'")
        metadata = {"sku": "A1", "title": "from elsewhere", "x": 1}
        await connection.execute(insert, client.namespace_id, id, bucket["id"], metadata)
        upsert = asyncio.create_task(put_well(client, bucket))
        await client.until_waiting(1)
        await connection.execute("COMMIT")

    changed = await upsert
    assert (changed["id"], changed["version"], changed["metadata"]["x"]) == (id, 2, 1)


async def test_an_upsert_makes_anew_what_is_deleted_before_it(client: Client) -> None:
    bucket = await keyed_bucket(client)
    made = await put_well(client, bucket, metadata={"x": 1})
    lock = "SELECT 1 FROM objects WHERE namespace_id = $1 AND id = $2 FOR UPDATE"
    remove = "DELETE FROM objects WHERE namespace_id = $1 AND id = $2"

    async with client.database.connection() as connection:
        await connection.execute(f"BEGIN; SET LOCAL app.namespace_id = '{client.namespace_id}'")
        await connection.execute(lock, client.namespace_id, made["id"])
        upsert = asyncio.create_task(put_well(client, bucket))
        await client.until_waiting(1)
        await connection.execute(remove, client.namespace_id, made["id"])
        await connection.execute("COMMIT")

    anew = await upsert
    assert anew["id"] != made["id"]
    assert (anew["version"], "x" in anew["metadata"]) == (1, False)
