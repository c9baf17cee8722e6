from __future__ import annotations

from typing import Any

import pytest

from tests.client import Client
from tests.operations import CREATE_BUCKET, PATCH_BUCKET, mutate, new_bucket, refused

SCHEMA = {
    "properties": {
        "sku": {"type": "string"},
        "photo": {"type": "image"},
        "tags": {"type": "array"},
        "size": {
            "type": "object",
            "properties": {"width": {"type": "integer"}, "a.b": {"type": "boolean"}},
        },
        "metadata": {"type": "object", "properties": {"price": {"type": "float"}}},
    }
}
_UNIQUE_KEY = "uniqueKey { fields defaultPolicy }"
READ = f"query ($id: ID!) {{ bucket(id: $id) {{ {_UNIQUE_KEY} }} }}"
LIST = f"{{ buckets {{ nodes {{ bucketName {_UNIQUE_KEY} }} }} }}"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"fields": ["sku"]}, {"fields": ["sku"], "defaultPolicy": None}),
        (
            {"fields": ["size.width", "/size/a.b", "price"], "defaultPolicy": "UPSERT"},
            {"fields": ["size.width", "/size/a.b", "price"], "defaultPolicy": "UPSERT"},
        ),
        (
            {"fields": ["metadata.price"], "defaultPolicy": None},
            {"fields": ["metadata.price"], "defaultPolicy": None},
        ),
    ],
)
async def test_keeps_a_key(client: Client, given: dict[str, Any], kept: dict[str, Any]) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA, uniqueKey=given)

    assert await client.execute(READ, id=bucket["id"]) == {"bucket": {"uniqueKey": kept}}


async def test_a_bucket_need_not_have_a_key(client: Client) -> None:
    await new_bucket(client, bucketName="without", uniqueKey=None)
    await new_bucket(client, bucketName="with", bucketSchema=SCHEMA, uniqueKey={"fields": ["sku"]})

    assert (await client.execute(LIST))["buckets"]["nodes"] == [
        {"bucketName": "without", "uniqueKey": None},
        {"bucketName": "with", "uniqueKey": {"fields": ["sku"], "defaultPolicy": None}},
    ]


SCALARS = ["sku", "size.width", "/size/a.b", "price"]


@pytest.mark.parametrize(
    ("fields", "path", "code", "message"),
    [
        ([], [], "INVALID", "a unique key needs at least one field; it has none"),
        (["color"], ["0"], "INVALID", "'color' is not in the bucket's schema, or is a blob"),
        (["sku", "photo"], ["1"], "INVALID", "'photo' is not in the bucket's schema"),
        (["tags"], ["0"], "INVALID", "'tags' is of type array"),
        (["size"], ["0"], "INVALID", "'size' is of type object"),
        (["metadata"], ["0"], "INVALID", "'metadata' is of type object"),
        (["size.depth"], ["0"], "INVALID", "'size.depth' is not in the bucket's schema"),
        (["sku", "/sku"], ["1"], "INVALID", "/sku is named twice; name each field once"),
        (["price", "metadata.price"], ["1"], "INVALID", "metadata.price is named twice"),
        (["a..b"], ["0"], "INVALID", "path 'a..b' has an empty key"),
        ([""], ["0"], "INVALID", "path '' has an empty key"),
        (["sku"] * 17, [], "TOO_LARGE", "the unique key has 17 fields; the most is 16"),
    ],
)
async def test_refuses_fields_that_make_no_key(
    client: Client, fields: list[str], path: list[str], code: str, message: str
) -> None:
    (error,) = await refused(
        client,
        CREATE_BUCKET,
        input={"bucketName": "a", "bucketSchema": SCHEMA, "uniqueKey": {"fields": fields}},
    )

    assert (error["code"], error["path"]) == (code, ["uniqueKey", "fields", *path])
    assert error["message"].startswith(message)
    if "scalar fields of the metadata" in error["message"]:
        assert error["allowed"] == SCALARS


async def test_tells_all_fields_that_are_wrong(client: Client) -> None:
    input = {
        "bucketName": "",
        "bucketSchema": SCHEMA,
        "uniqueKey": {"fields": ["x", "sku", "y"]},
    }

    errors = await refused(client, CREATE_BUCKET, input=input)

    assert [error["path"] for error in errors] == [
        ["bucketName"],
        ["uniqueKey", "fields", "0"],
        ["uniqueKey", "fields", "2"],
    ]


async def test_needs_a_schema_to_choose_from(client: Client) -> None:
    input = {"bucketName": "a", "bucketSchema": {}, "uniqueKey": {"fields": ["sku"]}}

    (error,) = await refused(client, CREATE_BUCKET, input=input)

    assert error["path"] == ["bucketSchema", "properties"]


async def test_never_changes(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA, uniqueKey={"fields": ["sku"]})

    (error,) = await client.errors(
        PATCH_BUCKET, input={"id": bucket["id"], "uniqueKey": {"fields": ["price"]}}
    )

    assert "uniqueKey" in error["message"]
    payload = await mutate(
        client, PATCH_BUCKET, input={"id": bucket["id"], "description": "the same key"}
    )
    assert payload["errors"] == []
    read = await client.execute(READ, id=bucket["id"])
    assert read["bucket"]["uniqueKey"]["fields"] == ["sku"]
