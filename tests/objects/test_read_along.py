"""Objects that are read by the statement which makes them: the answer that a read of them gives."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import Client
from tests.operations import new_bucket, patch_bucket

SCHEMA = {"properties": {"content": {"type": "json"}, "still": {"type": "image"}}}
CONTENT = {
    "property": "content",
    "type": "json",
    "keyPrefix": "/a",
    "data": {"n": [1, 2.5, None, "é\U0001f600"], "big": 2**53 - 1},
    "metadata": {"by": 'a "b" \\ c'},
}
ELSEWHERE = {"property": "still", "type": "image", "data": "s3://there/a%20b.png"}
INPUTS: list[dict[str, Any]] = [
    {},
    {"blobs": [CONTENT, CONTENT | {"keyPrefix": None}], "metadata": {"a": {"b": [True, 1e300]}}},
    {"blobs": [ELSEWHERE], "keyPrefix": "/x:y::z $1 %s", "canonicalizeSource": False},
]
# What is selected of an object that was made, and nothing else has to be read for it.
OWN = {
    "columns": "keyPrefix metadata contentHash status error version createdAt updatedAt",
    "blobs": "blobs { id same: id type properties sourceUrl createdAt details { hash filename } }",
    "other names": "kind: __typename parts: blobs { __typename as: keyPrefix } again: id",
}
MORE = {
    "its bucket": "bucket { bucketName objectCount storageStats { totalSizeBytes } }",
    "a count": "documentCount",
    "documents": "documents { totalCount nodes { id } }",
    "who shares": "blobs { sharedBy }",
    "links": "blobs { presignedUrl details { hash } }",
    "an expression": "sourceDetails { type sourceId }",
}


def creating(selection: str) -> str:
    return (
        "mutation ($input: CreateObjectInput!) { createObject(input: $input)"
        f" {{ object {{ id {selection} }} skippedBlobs {{ id }} errors {{ message }} }} }}"
    )


async def create(
    client: Client, bucket: dict[str, Any], selection: str, **input: Any
) -> tuple[dict[str, Any], int]:
    """Return a new object, and how many statements read it."""
    with client.reading() as statements:
        answer = await client.execute(creating(selection), input={"bucketId": bucket["id"]} | input)
    payload = answer["createObject"]
    assert (payload["skippedBlobs"], payload["errors"]) == ([], [])
    made: dict[str, Any] = payload["object"]
    return made, len(statements)


async def read(client: Client, id: str, selection: str) -> Any:
    query = f"query ($id: ID!) {{ object(id: $id) {{ id {selection} }} }}"
    return (await client.execute(query, id=id))["object"]


@pytest.mark.parametrize(
    ("selection", "statements"),
    [(each, 0) for each in OWN.values()] + [(each, 1) for each in MORE.values()],
    ids=[*OWN, *MORE],
)
async def test_shows_what_a_read_shows(client: Client, selection: str, statements: int) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA)
    await create(client, bucket, selection)  # the first of a kind is planned

    for input in INPUTS:
        made, count = await create(client, bucket, selection, **input)

        assert count == statements
        assert made == await read(client, made["id"], selection)


async def test_reads_what_is_asked_for_twice(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA)
    twice = creating("keyPrefix").replace(
        "skippedBlobs", "same: object { blobs { id } } skippedBlobs"
    )

    for _ in range(2):
        answer = await client.execute(twice, input={"bucketId": bucket["id"], "blobs": [CONTENT]})

    payload = answer["createObject"]
    (blob,) = payload["same"]["blobs"]
    assert payload["object"].keys() == {"id", "keyPrefix"}
    assert await read(client, payload["object"]["id"], "blobs { id }") == {
        "id": payload["object"]["id"],
        "blobs": [blob],
    }


async def test_reads_it_afterwards_where_the_bucket_has_changed(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA)
    counts = []
    for description in (None, None, "changed", None):
        if description:
            await patch_bucket(client, bucket, description=description)
        made, count = await create(client, bucket, OWN["blobs"], blobs=[CONTENT])
        counts.append(count)
        assert made == await read(client, made["id"], OWN["blobs"])

    assert counts == [1, 0, 1, 0]


async def test_reads_a_replay_as_it_is_now(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA)
    await create(client, bucket, "metadata")
    first, _ = await create(client, bucket, "metadata", idempotencyKey="k", metadata={"a": 1})

    again, count = await create(client, bucket, "metadata", idempotencyKey="k", metadata={"a": 1})

    assert (again, count) == (first, 1)
