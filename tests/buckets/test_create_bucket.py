from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.enums import Permission
from tests.client import Client
from tests.operations import (
    CREATE_BUCKET,
    DELETE_BUCKET,
    FREE_SCHEMA,
    READ_BUCKET,
    mutate,
    new_bucket,
    refused,
)

PRODUCT_IMAGES = {
    "bucketName": "product_images",
    "bucketSchema": {
        "properties": {
            "image": {"description": "Product image blob", "type": "image"},
            "metadata": {
                "description": "Product information",
                "properties": {
                    "title": {"type": "string"},
                    "category": {"type": "string"},
                    "price": {"type": "float"},
                },
                "type": "object",
            },
        }
    },
    "description": "Product images with metadata for e-commerce",
    "metadata": {"department": "Sales", "region": "US"},
}


async def test_keeps_what_is_sent(client: Client) -> None:
    payload = await mutate(client, CREATE_BUCKET, input=PRODUCT_IMAGES)

    assert payload["errors"] == []
    bucket = payload["bucket"]
    assert bucket["id"] == bucket["bucketId"]
    assert bucket["id"].startswith("bkt_")
    assert {key: bucket[key] for key in PRODUCT_IMAGES} == PRODUCT_IMAGES
    read = await client.execute(READ_BUCKET, id=bucket["id"])
    assert read["bucket"] == bucket


async def test_is_empty_and_open(client: Client) -> None:
    bucket = await new_bucket(client)

    assert bucket["createdAt"] == bucket["updatedAt"]
    expected = {
        "description": None,
        "metadata": {},
        "status": "ACTIVE",
        "isLocked": False,
        "version": 1,
        "lastUploadAt": None,
        "objectCount": 0,
        "totalSizeBytes": 0,
        "storageStats": {
            "totalSizeBytes": 0,
            "avgSizeBytes": 0,
            "maxSizeBytes": 0,
            "minSizeBytes": 0,
        },
    }
    assert {key: bucket[key] for key in expected} == expected


async def test_keeps_the_order_of_the_schema(client: Client) -> None:
    names = ["zebra", "apple", "metadata", "b", "a"]
    schema = {"properties": {name: {"type": "object"} for name in names}}

    bucket = await new_bucket(client, bucketSchema=schema)

    assert list(bucket["bucketSchema"]["properties"]) == names


async def test_refuses_a_name_that_is_taken(client: Client) -> None:
    bucket = await new_bucket(client, bucketName="pics")

    (error,) = await refused(
        client, CREATE_BUCKET, input={"bucketName": "pics", "bucketSchema": FREE_SCHEMA}
    )

    assert error["code"] == "ALREADY_EXISTS"
    assert error["path"] == ["bucketName"]
    assert error["existing"] == {"id": bucket["id"]}


async def test_takes_a_name_that_another_namespace_has(client: Client) -> None:
    other = await client.elsewhere()
    await new_bucket(other, bucketName="pics")

    bucket = await new_bucket(client, bucketName="pics")

    assert bucket["bucketName"] == "pics"


async def test_takes_the_name_of_a_bucket_that_is_being_deleted(client: Client) -> None:
    old = await new_bucket(client, bucketName="pics")
    await client.execute(DELETE_BUCKET, id=old["id"])

    bucket = await new_bucket(client, bucketName="pics")

    assert bucket["id"] != old["id"]


async def test_gives_a_name_to_one_of_many_at_once(client: Client) -> None:
    input = {"bucketName": "pics", "bucketSchema": FREE_SCHEMA}

    payloads = await asyncio.gather(*(mutate(client, CREATE_BUCKET, input=input) for _ in range(8)))

    (made,) = [each["bucket"] for each in payloads if each["bucket"]]
    errors = [error for each in payloads for error in each["errors"]]
    assert [error["code"] for error in errors] == ["ALREADY_EXISTS"] * 7
    assert all(error["existing"] == {"id": made["id"]} for error in errors)


@pytest.mark.parametrize(
    ("wrong", "code", "path"),
    [
        ({"bucketName": "n" * 300}, "TOO_LARGE", ["bucketName"]),
        ({"bucketName": ""}, "INVALID", ["bucketName"]),
        ({"bucketName": " \t"}, "INVALID", ["bucketName"]),
        ({"bucketName": "a\nb"}, "INVALID", ["bucketName"]),
        ({"bucketName": "a\0b"}, "INVALID", ["bucketName"]),
        ({"description": "a\0b"}, "INVALID", ["description"]),
        ({"description": "d" * 10_001}, "TOO_LARGE", ["description"]),
        ({"metadata": {"a": "b" * 2**20}}, "TOO_LARGE", ["metadata"]),
        ({"metadata": ["a"]}, "INVALID", ["metadata"]),
        ({"metadata": {"a": ["b\0"]}}, "INVALID", ["metadata", "a", "0"]),
        ({"metadata": {"a": 2**64}}, "INVALID", ["metadata", "a"]),
        ({"bucketSchema": {}}, "INVALID", ["bucketSchema", "properties"]),
        ({"bucketSchema": "image"}, "INVALID", ["bucketSchema"]),
        (
            {"bucketSchema": {"properties": {"a": {"type": "picture"}}}},
            "INVALID",
            ["bucketSchema", "properties", "a", "type"],
        ),
    ],
)
async def test_refuses_what_cannot_be_kept(
    client: Client, wrong: dict[str, Any], code: str, path: list[str]
) -> None:
    (error,) = await refused(
        client, CREATE_BUCKET, input={"bucketName": "pics", "bucketSchema": FREE_SCHEMA} | wrong
    )

    assert (error["code"], error["path"]) == (code, path)


async def test_tells_all_that_is_wrong_at_once(client: Client) -> None:
    wrong = {
        "bucketName": "",
        "bucketSchema": {"properties": {"a": {"type": "picture"}, "b": {}}},
        "description": "d" * 10_001,
        "metadata": 7,
    }

    errors = await refused(client, CREATE_BUCKET, input=wrong)

    assert [error["path"] for error in errors] == [
        ["bucketName"],
        ["bucketSchema", "properties", "a", "type"],
        ["bucketSchema", "properties", "b", "type"],
        ["description"],
        ["metadata"],
    ]


async def test_needs_a_key_that_may_write(client: Client) -> None:
    reader = client.holding(Permission.READ)
    input = {"bucketName": "pics", "bucketSchema": FREE_SCHEMA}

    (error,) = await reader.errors(CREATE_BUCKET, input=input)

    assert error["extensions"]["code"] == "FORBIDDEN"
    assert (await client.stored())["buckets"] == []
