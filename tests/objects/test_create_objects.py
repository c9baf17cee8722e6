from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.database.ids import new_id
from gateway.database.pool import open_database
from gateway.enums import Permission
from tests.client import Client, new_client
from tests.operations import (
    CREATE_OBJECTS,
    DELETE_OBJECT,
    SCHEMA,
    mutate,
    new_bucket,
    patch_bucket,
    text_blob,
)

KEYED = {
    "properties": {
        "sku": {"type": "string"},
        "title": {"type": "string", "required": True},
        "text": {"type": "text"},
    }
}
LIST = "query ($id: ID!) { bucket(id: $id) { objectCount totalSizeBytes objects(first: 1000) {"
LIST += " nodes { id metadata version contentHash blobs { id details { sizeBytes } } } } } }"


async def keep(client: Client, *inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    payload = await mutate(client, CREATE_OBJECTS, inputs=list(inputs), **more)
    failed = [bool(each["errors"]) for each in payload["results"]]
    assert (payload["succeeded"], payload["failed"]) == (failed.count(False), failed.count(True))
    assert [each["object"] is None for each in payload["results"]] == failed
    return payload


def codes(payload: dict[str, Any]) -> list[list[str]]:
    return [[error["code"] for error in each["errors"]] for each in payload["results"]]


async def nodes(client: Client, bucket: Any) -> list[dict[str, Any]]:
    found = (await client.execute(LIST, id=bucket["id"]))["bucket"]
    made: list[dict[str, Any]] = found["objects"]["nodes"]
    sizes = [blob["details"]["sizeBytes"] for each in made for blob in each["blobs"]]
    assert (found["objectCount"], found["totalSizeBytes"]) == (len(made), sum(sizes))
    return made


async def keyed_bucket(client: Client, policy: str | None = "UPSERT") -> Any:
    key = {"fields": ["sku"], "defaultPolicy": policy}
    return await new_bucket(client, bucketSchema=KEYED, uniqueKey=key)


async def test_answers_each_input_in_its_place(client: Client) -> None:
    bucket = await new_bucket(client)
    other = await new_bucket(client, bucketName="other")

    payload = await keep(
        client,
        *(
            {"bucketId": each["id"], "metadata": {"n": n}, "blobs": [text_blob(f"text {n}")] * 2}
            for n in range(50)
            for each in (bucket, other)
        ),
    )

    assert [each["object"]["metadata"]["n"] for each in payload["results"]] == [
        n for n in range(50) for _ in range(2)
    ]
    assert {each["object"]["bucketId"] for each in payload["results"][::2]} == {bucket["id"]}
    assert [each["object"]["blobs"][1]["details"]["sizeBytes"] for each in payload["results"]] == [
        len(f"text {n}") for n in range(50) for _ in range(2)
    ]
    assert [each["metadata"]["n"] for each in await nodes(client, bucket)] == list(range(50))
    assert len(client.files()) == 50


async def test_takes_no_inputs(client: Client) -> None:
    assert await keep(client) == {"results": [], "succeeded": 0, "failed": 0}


async def test_takes_1000_inputs_and_no_more(client: Client) -> None:
    bucket = await new_bucket(client)
    inputs = [{"bucketId": bucket["id"], "metadata": {"n": n}} for n in range(1001)]

    (error,) = await client.errors(CREATE_OBJECTS, inputs=inputs)

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == "inputs has 1001 items; the most is 1000"
    assert await nodes(client, bucket) == []
    payload = await keep(client, *inputs[:1000])
    assert [each["object"]["metadata"]["n"] for each in payload["results"]] == list(range(1000))


async def test_reads_all_results_in_one_statement_for_each_field(client: Client) -> None:
    bucket = await keyed_bucket(client, "INSERT")
    given = {"bucketId": bucket["id"], "skipDuplicates": True, "blobs": [text_blob("same")]}
    inputs = [given | {"metadata": {"sku": str(n // 2), "title": "a"}} for n in range(40)]

    with client.reading() as statements:
        payload = await keep(client, *inputs)

    assert (payload["succeeded"], payload["failed"]) == (20, 20)
    assert len(statements) == 3  # the objects, the skipped blobs, what keys conflict with
    existing = [each["errors"][0]["existing"]["id"] for each in payload["results"][1::2]]
    assert existing == [each["object"]["id"] for each in payload["results"][::2]]
    assert payload["results"][2]["skippedBlobs"] == payload["results"][4]["skippedBlobs"] != []


async def test_keeps_what_it_can(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA)
    locked = await new_bucket(client, bucketName="locked")
    await patch_bucket(client, locked, isLocked=True)
    there = {"bucketId": bucket["id"], "metadata": {"title": "a"}}

    payload = await keep(
        client,
        there,
        {"bucketId": bucket["id"], "blobs": [text_blob("a") | {"type": "nonsense"}]},
        {"bucketId": new_id("bkt")},
        {"bucketId": locked["id"]},
        there | {"policy": "UPSERT"},
        there | {"metadata": {"title": "with a NUL: \0"}},
        there | {"keyPrefix": " "},
        there,
    )

    assert codes(payload) == [
        [],
        ["INVALID", "SCHEMA_MISMATCH"],
        ["NOT_FOUND"],
        ["LOCKED"],
        ["INVALID"],
        ["INVALID"],
        ["INVALID"],
        [],
    ]
    assert [[error["path"] for error in each["errors"]] for each in payload["results"]] == [
        [],
        [["blobs", "0", "type"], ["metadata", "title"]],
        [["bucketId"]],
        [["bucketId"]],
        [["policy"]],
        [["metadata", "title"]],
        [["keyPrefix"]],
        [],
    ]
    assert len(await nodes(client, bucket)) == 2


@pytest.mark.parametrize("late", [True, False])
async def test_keeps_all_or_nothing(client: Client, late: bool) -> None:
    """A failure that the input shows, and one that only what is stored shows."""
    bucket = await keyed_bucket(client, "INSERT")
    good = {"bucketId": bucket["id"], "metadata": {"sku": "A", "title": "a"}}
    bad = good if late else {"bucketId": bucket["id"]}
    before = await client.stored()
    other = good | {"metadata": {"sku": "B", "title": "b"}, "blobs": [text_blob("bytes")]}

    payload = await keep(client, good, bad, other, onError="ABORT_ALL")

    assert payload["succeeded"] == 0
    assert codes(payload)[0] == codes(payload)[2] == ["ABORTED"]
    assert "ABORTED" not in codes(payload)[1]
    assert "first inputs[1]" in payload["results"][0]["errors"][0]["message"]
    assert await client.stored() == before
    payload = await keep(client, good, other, onError="ABORT_ALL")
    assert payload["succeeded"] == 2


# ---- duplicates within the batch ----------------------------------------------------------------


def product(bucket: Any, sku: str = "A", **input: Any) -> dict[str, Any]:
    metadata = {"sku": sku, "title": "first"} | input.pop("metadata", {})
    return {"bucketId": bucket["id"], "metadata": metadata} | input


async def test_upserts_of_one_key_come_one_after_another(client: Client) -> None:
    bucket = await keyed_bucket(client)
    await keep(client, product(bucket, "old", metadata={"x": 0}, blobs=[text_blob("0")]))

    payload = await keep(
        client,
        *(
            product(bucket, sku, metadata={f"k{n}": n}, blobs=[text_blob("a" * n)])
            for n in range(1, 4)
            for sku in ("new", "old")
        ),
        product(bucket, "new", metadata={"k1": None}),
    )

    old, new = await nodes(client, bucket)
    assert [each["object"]["id"] for each in payload["results"]] == [
        *[new["id"], old["id"]] * 3,
        new["id"],
    ]
    assert (old["version"], new["version"]) == (4, 4)
    kept = {"title": "first", "k2": 2, "k3": 3}
    assert new["metadata"] == kept | {"sku": "new"}
    assert old["metadata"] == kept | {"sku": "old", "x": 0, "k1": 1}
    assert [blob["details"]["sizeBytes"] for blob in old["blobs"] + new["blobs"]] == [3, 3]
    await client.housekeeper.one_pass()
    assert len(client.files()) == 1


async def test_policies_meet_what_came_before_in_the_batch(client: Client) -> None:
    bucket = await keyed_bucket(client, None)
    partial = {"bucketId": bucket["id"], "metadata": {"sku": "A", "x": 1}, "policy": "UPSERT"}

    payload = await keep(
        client,
        product(bucket, policy="UPDATE"),  # not there yet
        partial,  # nor whole enough to be new
        product(bucket, policy="INSERT", metadata={"title": 5}),
        product(bucket, policy="INSERT"),
        product(bucket, policy="INSERT"),
        partial,
        product(bucket, policy="UPDATE", metadata={"title": "last"}),
        product(bucket),
    )

    assert codes(payload) == [
        ["NOT_FOUND"],
        ["SCHEMA_MISMATCH"],
        ["SCHEMA_MISMATCH"],
        [],
        ["ALREADY_EXISTS"],
        [],
        [],
        ["POLICY_REQUIRED"],
    ]
    (made,) = await nodes(client, bucket)
    assert payload["results"][4]["errors"][0]["existing"] == {"id": made["id"]}
    assert made["metadata"] == {"sku": "A", "title": "last", "x": 1}
    assert made["version"] == 3


async def test_an_update_that_fails_leaves_those_before_and_after(client: Client) -> None:
    bucket = await keyed_bucket(client)

    payload = await keep(
        client,
        product(bucket, metadata={"x": 1}),
        product(bucket, metadata={"x": 2, "title": None}, blobs=[text_blob("lost")]),
        product(bucket, metadata={"y": 3}),
    )

    assert codes(payload) == [[], ["SCHEMA_MISMATCH"], []]
    (made,) = await nodes(client, bucket)
    assert made["metadata"] == {"sku": "A", "title": "first", "x": 1, "y": 3}
    assert client.files() == []


async def test_skips_contents_of_the_batch_and_of_the_bucket(client: Client) -> None:
    bucket = await new_bucket(client)
    other = await new_bucket(client, bucketName="other")
    given = {"bucketId": bucket["id"], "skipDuplicates": True}
    await keep(client, {"bucketId": bucket["id"], "blobs": [text_blob("there")]})
    (there,) = (await nodes(client, bucket))[0]["blobs"]

    payload = await keep(
        client,
        given | {"blobs": [text_blob("there"), text_blob("new")]},
        given | {"blobs": [text_blob("new")]},
        given | {"blobs": [text_blob("new")], "skipDuplicates": False},
        {"bucketId": bucket["id"], "blobs": [text_blob("unasked")]},
        given | {"blobs": [text_blob("unasked")]},
        given | {"bucketId": other["id"], "blobs": [text_blob("new")]},
    )

    made = [each["object"]["blobs"] for each in payload["results"]]
    skipped = [[blob["id"] for blob in each["skippedBlobs"]] for each in payload["results"]]
    assert [len(each) for each in made] == [1, 0, 1, 1, 0, 1]
    assert skipped == [[there["id"]], [made[0][0]["id"]], [], [], [made[3][0]["id"]], []]
    found = (await nodes(client, bucket))[1:]
    assert [each["version"] for each in found] == [1] * 5
    assert found[1]["contentHash"] is None


# ---- at the same time ---------------------------------------------------------------------------


@pytest.fixture
async def crowd(postgres_url: str, client: Client) -> AsyncIterator[Client]:
    async with open_database(postgres_url, size=16) as database:
        yield await new_client(database, client.blobs, client.blob_folder)


async def test_bulks_that_share_keys_and_contents_do_not_wait_in_circles(crowd: Client) -> None:
    bucket = await keyed_bucket(crowd)

    def inputs(n: int) -> list[dict[str, Any]]:
        skus = [f"S{(n * 7 + k) % 60}" for k in range(30)]
        if n % 2:
            skus.reverse()
        return [
            product(bucket, sku, metadata={f"by{n}": 1}, blobs=[text_blob(sku)])
            | {"skipDuplicates": n % 3 == 0}
            for sku in skus
        ]

    payloads = await asyncio.gather(*(keep(crowd, *inputs(n)) for n in range(24)))

    assert {payload["failed"] for payload in payloads} == {0}
    made = await nodes(crowd, bucket)
    assert len(made) == len({each["metadata"]["sku"] for each in made}) == 60
    written = sum(key.startswith("by") for each in made for key in each["metadata"])
    assert written == 24 * 30
    assert sum(each["version"] for each in made) == written


async def test_bulks_and_deletions_do_not_wait_in_circles(crowd: Client) -> None:
    bucket = await keyed_bucket(crowd)

    async def keep_and_delete(n: int) -> None:
        skus = [f"S{(n + k) % 12}" for k in range(8)]
        inputs = [product(bucket, sku) for sku in skus]
        payload = await mutate(crowd, CREATE_OBJECTS, inputs=inputs)
        assert payload["failed"] == 0
        for each in payload["results"][:4]:
            if each["object"]:  # null where another was quicker than this answer was read
                await mutate(crowd, DELETE_OBJECT, id=each["object"]["id"])

    await asyncio.gather(*(keep_and_delete(n) for n in range(12)))

    made = await nodes(crowd, bucket)
    assert len(made) == len({each["metadata"]["sku"] for each in made})


async def test_needs_a_key_that_may_write(client: Client) -> None:
    bucket = await new_bucket(client)
    reader = client.holding(Permission.READ)

    (error,) = await reader.errors(CREATE_OBJECTS, inputs=[{"bucketId": bucket["id"]}])

    assert error["extensions"]["code"] == "FORBIDDEN"
