from __future__ import annotations

import asyncio
import base64
import hashlib
import shutil
from typing import Any

import pytest
from sqlalchemy import ColumnElement, bindparam, func, literal_column, select, update

from gateway.buckets.tables import BucketRow
from gateway.database.ids import new_id
from gateway.enums import Permission
from gateway.objects import creating
from gateway.objects.new_objects import GivenObject
from gateway.objects.tables import BlobRow, ObjectRow
from tests.client import Client
from tests.operations import (
    CREATE_OBJECT,
    DELETE_BUCKET,
    READ_BUCKET,
    READ_OBJECT,
    SCHEMA,
    mutate,
    new_bucket,
    new_object,
    patch_bucket,
    refused,
    text_blob,
    without_links,
)

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF"
CONTRACT_SCHEMA = {
    "properties": {
        "content": {"type": "json"},
        "thumbnail": {"type": "image"},
        "file": {"type": "PDF"},
    }
}
CONTENT = {
    "property": "content",
    "type": "json",
    "key_prefix": "/contract-2024/content.pdf",
    "data": {"num_pages": 5, "title": "Service Agreement 2024"},
    "metadata": {"author": "John Doe", "department": "Legal"},
}
THUMBNAIL: dict[str, Any] = {
    "property": "thumbnail",
    "type": "image",
    "data": {
        "base64": base64.b64encode(PNG).decode(),
        "filename": "smartphone-x1.png",
        "mime_type": "image/png",
    },
    "metadata": {"height": 300, "width": 200},
}
FILE = {
    "property": "file",
    "type": "pdf",
    "data": "data:application/pdf;base64," + base64.b64encode(PDF).decode(),
}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def camel(blob: dict[str, Any]) -> dict[str, Any]:
    """Return the blob with the reference's ``key_prefix`` as GraphQL names it."""
    return {"keyPrefix" if key == "key_prefix" else key: value for key, value in blob.items()}


async def test_keeps_the_example_of_the_reference(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=CONTRACT_SCHEMA)

    made = await new_object(
        client,
        bucket,
        keyPrefix="/documents",
        blobs=[camel(CONTENT), THUMBNAIL, FILE],
        metadata={"category": "contracts", "status": "draft", "year": 2024},
    )

    content, thumbnail, file = made["blobs"]
    assert content["keyPrefix"] == "/contract-2024/content.pdf"
    assert content["properties"] == {
        "num_pages": 5,
        "title": "Service Agreement 2024",
        "author": "John Doe",
        "department": "Legal",
    }
    canonical = b'{"num_pages":5,"title":"Service Agreement 2024"}'
    assert content["details"] == {
        "filename": None,
        "sizeBytes": len(canonical),
        "mimeType": "application/json",
        "hash": sha256(canonical),
    }
    assert content["presignedUrl"] is None
    assert thumbnail["type"] == "IMAGE"
    assert thumbnail["properties"] == {"height": 300, "width": 200}
    assert thumbnail["details"] == {
        "filename": "smartphone-x1.png",
        "sizeBytes": len(PNG),
        "mimeType": "image/png",
        "hash": sha256(PNG),
    }
    assert file["type"] == "PDF"
    assert file["details"]["mimeType"] == "application/pdf"
    assert made["metadata"] == {"category": "contracts", "status": "draft", "year": 2024}
    assert made["keyPrefix"] == "/documents"
    assert made["status"] == "DRAFT"
    assert made["sourceDetails"] == [{"type": "BUCKET", "sourceId": bucket["id"]}]
    assert (made["version"], made["documentCount"], made["error"]) == (1, 0, None)
    read = (await client.execute(READ_OBJECT, id=made["id"]))["object"]
    assert without_links(read) == without_links(made)


async def test_keeps_the_bytes(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=CONTRACT_SCHEMA)

    await new_object(client, bucket, blobs=[THUMBNAIL, FILE])

    for data in (PNG, PDF):
        assert await client.bytes_of(sha256(data)) == data


async def test_keeps_equal_bytes_once_and_their_names_apart(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=CONTRACT_SCHEMA)
    renamed = THUMBNAIL | {"data": THUMBNAIL["data"] | {"filename": "other.png"}}

    made = await new_object(client, bucket, blobs=[THUMBNAIL, renamed])

    names = [blob["details"]["filename"] for blob in made["blobs"]]
    assert names == ["smartphone-x1.png", "other.png"]
    assert [blob["sharedBy"] for blob in made["blobs"]] == [2, 2]
    assert len(client.files()) == 1


async def test_is_as_plain_as_can_be_without_more(client: Client) -> None:
    bucket = await new_bucket(client)

    made = await new_object(client, bucket)

    expected: dict[str, Any] = {
        "keyPrefix": None,
        "blobs": [],
        "metadata": {},
        "contentHash": None,
        "skipDuplicates": False,
    }
    assert {key: made[key] for key in expected} == expected


async def test_is_counted_in_its_bucket(client: Client) -> None:
    bucket = await new_bucket(client)

    await new_object(client, bucket, blobs=[text_blob("12345"), text_blob("123")])
    made = await new_object(client, bucket, blobs=[text_blob("12")])

    counted = (await client.execute(READ_BUCKET, id=bucket["id"]))["bucket"]
    assert counted["objectCount"] == 2
    assert counted["totalSizeBytes"] == 10
    assert counted["lastUploadAt"] == made["createdAt"]
    assert counted["storageStats"] == {
        "totalSizeBytes": 10,
        "avgSizeBytes": 5,
        "maxSizeBytes": 8,
        "minSizeBytes": 2,
    }


async def test_fills_in_the_defaults_of_the_schema(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA)

    made = await new_object(client, bucket, metadata={"title": "a"})

    assert made["metadata"] == {"title": "a", "state": "draft"}


async def test_content_hash_is_that_of_the_hashes_in_order(client: Client) -> None:
    bucket = await new_bucket(client)
    one, two = sha256(b"one"), sha256(b"two")

    made = await new_object(client, bucket, blobs=[text_blob("one"), text_blob("two")])
    turned = await new_object(client, bucket, blobs=[text_blob("two"), text_blob("one")])

    assert made["contentHash"] == sha256((one + two).encode())
    assert turned["contentHash"] == sha256((two + one).encode())


async def test_skips_what_the_bucket_has_already(client: Client) -> None:
    bucket = await new_bucket(client)
    first = await new_object(client, bucket, blobs=[text_blob("one")])

    payload = await mutate(
        client,
        CREATE_OBJECT,
        input={
            "bucketId": bucket["id"],
            "blobs": [text_blob("one"), text_blob("two")],
            "skipDuplicates": True,
        },
    )

    made = payload["object"]
    assert [blob["details"]["hash"] for blob in made["blobs"]] == [sha256(b"two")]
    assert payload["skippedBlobs"] == [{"id": first["blobs"][0]["id"]}]
    assert made["contentHash"] == sha256(sha256(b"two").encode())
    assert made["skipDuplicates"] is True


async def test_skips_what_came_earlier_in_the_same_call(client: Client) -> None:
    bucket = await new_bucket(client)

    payload = await mutate(
        client,
        CREATE_OBJECT,
        input={
            "bucketId": bucket["id"],
            "blobs": [text_blob("one"), text_blob("two"), text_blob("one")],
            "skipDuplicates": True,
        },
    )

    one, two = payload["object"]["blobs"]
    assert [one["details"]["hash"], two["details"]["hash"]] == [sha256(b"one"), sha256(b"two")]
    assert payload["skippedBlobs"] == [{"id": one["id"]}]


async def test_makes_an_object_without_blobs_if_all_are_skipped(client: Client) -> None:
    schema = {"properties": {"text": {"type": "text", "required": True}}}
    bucket = await new_bucket(client, bucketSchema=schema)
    await new_object(client, bucket, blobs=[text_blob("one")])

    made = await new_object(client, bucket, blobs=[text_blob("one")], skipDuplicates=True)

    assert (made["blobs"], made["contentHash"]) == ([], None)


async def test_does_not_skip_what_another_bucket_has(client: Client) -> None:
    await new_object(client, await new_bucket(client), blobs=[text_blob("one")])
    bucket = await new_bucket(client, bucketName="other")

    made = await new_object(client, bucket, blobs=[text_blob("one")], skipDuplicates=True)

    assert len(made["blobs"]) == 1


async def test_of_many_at_once_all_but_one_skip(client: Client) -> None:
    bucket = await new_bucket(client)
    blobs = [text_blob("one"), text_blob("two")]

    payloads = await asyncio.gather(
        *(
            mutate(
                client,
                CREATE_OBJECT,
                input={
                    "bucketId": bucket["id"],
                    "blobs": blobs[:: 1 if number % 2 else -1],
                    "skipDuplicates": True,
                },
            )
            for number in range(8)
        )
    )

    made = [blob for each in payloads for blob in each["object"]["blobs"]]
    assert {blob["details"]["hash"] for blob in made} == {sha256(b"one"), sha256(b"two")}
    assert len(made) == 2
    assert sum(len(each["skippedBlobs"]) for each in payloads) == 14


@pytest.mark.parametrize(
    ("wrong", "code", "path"),
    [
        ({"keyPrefix": ""}, "INVALID", ["keyPrefix"]),
        ({"keyPrefix": "/a\nb"}, "INVALID", ["keyPrefix"]),
        ({"keyPrefix": "/a\0b"}, "INVALID", ["keyPrefix"]),
        ({"keyPrefix": "/" * 1025}, "TOO_LARGE", ["keyPrefix"]),
        ({"metadata": {}}, "SCHEMA_MISMATCH", ["metadata", "title"]),
        ({"metadata": None}, "SCHEMA_MISMATCH", ["metadata", "title"]),
        ({"metadata": "title"}, "INVALID", ["metadata"]),
        ({"metadata": {"title": 7}}, "SCHEMA_MISMATCH", ["metadata", "title"]),
        ({"metadata": {"title": "a", "price": "3.5"}}, "SCHEMA_MISMATCH", ["metadata", "price"]),
        ({"metadata": {"title": "a", "state": "old"}}, "SCHEMA_MISMATCH", ["metadata", "state"]),
        ({"metadata": {"title": "a", "x": "b" * 2**20}}, "TOO_LARGE", ["metadata"]),
        ({"metadata": {"title": "a\0"}}, "INVALID", ["metadata", "title"]),
        ({"blobs": [text_blob("a")] * 101}, "TOO_LARGE", ["blobs"]),
    ],
)
async def test_refuses_what_cannot_be_kept(
    client: Client, wrong: dict[str, Any], code: str, path: list[str]
) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA)
    right = {"bucketId": bucket["id"], "metadata": {"title": "a"}, "blobs": [text_blob("a")]}

    (error,) = await refused(client, CREATE_OBJECT, input=right | wrong)

    assert (error["code"], error["path"]) == (code, path)


@pytest.mark.parametrize(
    ("wrong", "code", "path"),
    [
        ({"property": "unknown"}, "SCHEMA_MISMATCH", ["property"]),
        ({"property": "price"}, "SCHEMA_MISMATCH", ["property"]),
        ({"type": "image"}, "SCHEMA_MISMATCH", ["type"]),
        ({"type": "picture"}, "INVALID", ["type"]),
        ({"data": None}, "INVALID", ["data"]),
        ({"data": "t\0"}, "INVALID", ["data"]),
        ({"data": {"base64": "a===", "filename": "a"}}, "INVALID", ["data", "base64"]),
        ({"data": {"base64": "aGVsbG8gd29ybGQ", "filename": "a"}}, "INVALID", ["data", "base64"]),
        ({"data": {"base64": "A" * (11 * 2**20 * 4 // 3)}}, "TOO_LARGE", ["data", "base64"]),
        ({"data": {"base64": "YQ==", "url": "https://a.b/c"}}, "INVALID", ["data"]),
        ({"data": {"url": "ftp://example.com/a.txt"}}, "INVALID", ["data", "url"]),
        ({"data": "x" * (10 * 2**20 + 1)}, "TOO_LARGE", ["data"]),
        ({"keyPrefix": " "}, "INVALID", ["keyPrefix"]),
        ({"metadata": [1]}, "INVALID", ["metadata"]),
        ({"metadata": {"a": "b" * 2**20}}, "TOO_LARGE", ["metadata"]),
    ],
)
async def test_refuses_a_blob_that_cannot_be_kept(
    client: Client, wrong: dict[str, Any], code: str, path: list[str]
) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA)
    blobs = [text_blob("right"), text_blob("wrong") | wrong]

    (error,) = await refused(
        client,
        CREATE_OBJECT,
        input={"bucketId": bucket["id"], "metadata": {"title": "a"}, "blobs": blobs},
    )

    assert (error["code"], error["path"]) == (code, ["blobs", "1", *path])


async def test_needs_data(client: Client) -> None:
    bucket = await new_bucket(client)
    blob = {"property": "text", "type": "text"}

    (error,) = await refused(
        client, CREATE_OBJECT, input={"bucketId": bucket["id"], "blobs": [blob]}
    )

    assert (error["code"], error["path"]) == ("INVALID", ["blobs", "0", "data"])


async def test_needs_the_blobs_that_the_schema_requires(client: Client) -> None:
    schema = {"properties": {"text": {"type": "text", "required": True}}}
    bucket = await new_bucket(client, bucketSchema=schema)

    (error,) = await refused(client, CREATE_OBJECT, input={"bucketId": bucket["id"]})

    assert (error["code"], error["path"]) == ("SCHEMA_MISMATCH", ["blobs"])


async def test_defaults_count_for_the_size_of_metadata(client: Client) -> None:
    schema = {"properties": {"a": {"type": "string", "default": "d" * 200_000}}}
    bucket = await new_bucket(client, bucketSchema=schema)

    (error,) = await refused(
        client,
        CREATE_OBJECT,
        input={"bucketId": bucket["id"], "metadata": {"b": "d" * 200_000}},
    )

    assert (error["code"], error["path"]) == ("TOO_LARGE", ["metadata"])


async def test_tells_all_that_is_wrong_at_once(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA)

    errors = await refused(
        client,
        CREATE_OBJECT,
        input={
            "bucketId": bucket["id"],
            "keyPrefix": "",
            "blobs": [
                {"property": "nothing", "type": "picture"},
                text_blob("right"),
                {"property": "thumbnail", "type": "image", "data": "no image", "metadata": 7},
            ],
            "metadata": {"price": "3.5"},
        },
    )

    assert [error["path"] for error in errors] == [
        ["keyPrefix"],
        ["blobs", "0", "property"],
        ["blobs", "0", "type"],
        ["blobs", "0", "data"],
        ["blobs", "2", "data"],
        ["blobs", "2", "metadata"],
        ["metadata", "title"],
        ["metadata", "price"],
    ]


async def test_answers_every_id_that_is_no_bucket_here_alike(client: Client) -> None:
    made = await new_object(client, await new_bucket(client))
    theirs = await new_bucket(await client.elsewhere())
    deleted = await new_bucket(client, bucketName="deleted")
    await client.execute(DELETE_BUCKET, id=deleted["id"])

    for id in (new_id("bkt"), theirs["id"], deleted["id"], made["id"], "bkt_' OR true", ""):
        (error,) = await refused(client, CREATE_OBJECT, input={"bucketId": id})

        assert (error["code"], error["path"]) == ("NOT_FOUND", ["bucketId"])
        assert error["message"] == f"no bucket has the id {id!r}"


async def test_sees_what_became_of_a_bucket_that_it_knows(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema={"properties": {"text": {"type": "text"}}})
    await new_object(client, bucket, blobs=[text_blob("a")])
    await new_object(client, bucket, blobs=[text_blob("b")])
    required = {"properties": {"title": {"type": "string", "required": True}}}
    async with client.database.transaction(client.namespace_id) as tx:  # by hand
        await tx.run(update(BucketRow).values(bucket_schema=bindparam("new")), new=required)

    errors = await refused(client, CREATE_OBJECT, input={"bucketId": bucket["id"]})

    assert [(each["code"], each["path"]) for each in errors] == [
        ("SCHEMA_MISMATCH", ["metadata", "title"])
    ]


async def test_takes_what_a_bucket_that_it_knows_refused_before(client: Client) -> None:
    required = {"properties": {"title": {"type": "string", "required": True}}}
    bucket = await new_bucket(client, bucketSchema=required)
    await new_object(client, bucket, metadata={"title": "a"})
    with_default = {"properties": {"title": {"type": "string", "default": "b"}}}
    async with client.database.transaction(client.namespace_id) as tx:  # by hand
        await tx.run(update(BucketRow).values(bucket_schema=bindparam("new")), new=with_default)

    made = [await new_object(client, bucket) for _ in range(2)]

    assert [each["metadata"] for each in made] == [{"title": "b"}] * 2


STRUCTURED: dict[str, Any] = {
    "keyPrefix": "/contract-2024",
    "metadata": {"author": "John Doe", "pages": [1, 2.5, None]},
    "blobs": [
        camel(CONTENT),
        {"property": "content", "type": "json", "data": [1, {"a": "ü"}]},
    ],
}


@pytest.mark.parametrize("given", [STRUCTURED, {"metadata": {"a": 1}}, {}])
async def test_one_statement_writes_what_a_transaction_writes(
    client: Client, given: dict[str, Any]
) -> None:
    bucket = await new_bucket(client, bucketSchema=CONTRACT_SCHEMA)

    first = await _new_rows(client, bucket, given)  # the bucket is not known yet
    others = [await _new_rows(client, bucket, given) for _ in range(2)]

    assert others == [first] * 2
    assert len(first[1]) == len(given.get("blobs", []))


async def _new_rows(client: Client, bucket: dict[str, Any], given: dict[str, Any]) -> Any:
    """Make an object; return its row and its blobs', without what is new in each."""
    made = await new_object(client, bucket, **given)
    rows = []
    for table, holder in ((ObjectRow, ObjectRow.id), (BlobRow, BlobRow.object_id)):
        new: ColumnElement[Any] = literal_column("'{id,object_id,created_at,updated_at}'::text[]")
        row = func.to_jsonb(literal_column(table.__tablename__)).op("-")(new)
        async with client.database.transaction(client.namespace_id) as tx:
            found = await tx.rows(select(row).where(holder == bindparam("id")), id=made["id"])
        rows.append([each[0] for each in found])
    return rows


async def test_is_kept_at_once_where_one_statement_does(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=CONTRACT_SCHEMA)
    given = GivenObject(bucket_id=bucket["id"])

    async def create_alone() -> creating.Created | None:
        return await creating.create_alone(
            client.database,
            client.limits,
            given,
            namespace_id=client.namespace_id,
            find_reading=None,
        )

    before = await create_alone()  # nobody has seen the bucket
    await new_object(client, bucket)
    created = await create_alone()

    assert before is None
    assert created is not None
    answer = await client.execute(READ_OBJECT, id=created.object_id)
    assert answer["object"]["id"] == created.object_id


async def test_looks_for_an_upload_where_the_bucket_is_known(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=CONTRACT_SCHEMA)
    await new_object(client, bucket)
    blob = {"property": "content", "type": "json", "uploadId": new_id("upl")}

    errors = await refused(client, CREATE_OBJECT, input={"bucketId": bucket["id"], "blobs": [blob]})

    assert [each["path"] for each in errors] == [["blobs", "0", "uploadId"]]


async def test_is_undone_with_the_transaction_that_had_begun_before(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=CONTRACT_SCHEMA)
    await new_object(client, bucket)
    given = GivenObject(bucket_id=bucket["id"])

    async def work() -> None:
        async with client.database.transaction(client.namespace_id) as tx:
            await tx.run(update(BucketRow).values(description="changed"))
            await creating.create_object(tx, client.blobs, client.limits, given)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()
    assert (await client.execute(READ_BUCKET, id=bucket["id"]))["bucket"]["objectCount"] == 1


async def test_refuses_a_locked_bucket(client: Client) -> None:
    bucket = await new_bucket(client)
    await patch_bucket(client, bucket, isLocked=True)

    (error,) = await refused(client, CREATE_OBJECT, input={"bucketId": bucket["id"]})

    assert (error["code"], error["path"]) == ("LOCKED", ["bucketId"])


@pytest.mark.parametrize("status", ["ARCHIVED", "SUSPENDED"])
async def test_refuses_a_bucket_that_is_closed(client: Client, status: str) -> None:
    bucket = await new_bucket(client)
    await patch_bucket(client, bucket, status=status)

    (error,) = await refused(client, CREATE_OBJECT, input={"bucketId": bucket["id"]})

    assert (error["code"], error["path"]) == ("BAD_STATE", ["bucketId"])
    assert status in error["message"]


async def test_keeps_nothing_if_the_store_cannot_keep_the_bytes(client: Client) -> None:
    bucket = await new_bucket(client)
    shutil.rmtree(client.blob_folder / "tmp")
    before = await client.stored()

    (error,) = await client.errors(
        CREATE_OBJECT, input={"bucketId": bucket["id"], "blobs": [text_blob("lost")]}
    )

    assert error["extensions"]["code"] == "UNAVAILABLE"
    assert await client.stored() == before


async def test_needs_a_key_that_may_write(client: Client) -> None:
    bucket = await new_bucket(client)
    reader = client.holding(Permission.READ)

    (error,) = await reader.errors(CREATE_OBJECT, input={"bucketId": bucket["id"]})

    assert error["extensions"]["code"] == "FORBIDDEN"
