"""Keys of bulks: one for all of it by the header, one for each input."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.idempotency import claims
from tests.client import Client
from tests.operations import (
    DELETE_OBJECT,
    FREE_SCHEMA,
    mutate,
    new_bucket,
    new_collection,
    new_object,
    text_blob,
)

from .test_replaying import LONG_WAY, NEW_OBJECT, code_and_path, keys_kept, nested

_PAYLOAD = "replayed errors { __typename code message path ... on FieldError { allowed } }"
OBJECTS = f"""
mutation ($inputs: [CreateObjectInput!]!, $onError: OnError! = CONTINUE) {{
  createObjects(inputs: $inputs, onError: $onError) {{
    results {{ object {{ id version }} skippedBlobs {{ id }} {_PAYLOAD} }} succeeded failed
  }}
}}
"""
OBJECTS_THE_LONG_WAY = OBJECTS.replace("onError: $onError)", "onError: $onError) @skip(if: false)")
DOCUMENTS = f"""
mutation ($inputs: [CreateDocumentInput!]!, $onError: OnError! = CONTINUE) {{
  createDocuments(inputs: $inputs, onError: $onError) {{
    results {{ document {{ id }} {_PAYLOAD} }} succeeded failed
  }}
}}
"""
_STATUS_PAYLOAD = f"node {{ id ... on BucketObject {{ status version }} }} {_PAYLOAD}"
STATUS = f"""
mutation ($input: UpdateStatusInput!) {{ updateStatus(input: $input) {{ {_STATUS_PAYLOAD} }} }}
"""
STATUSES = f"""
mutation ($inputs: [UpdateStatusInput!]!) {{
  updateStatuses(inputs: $inputs) {{ results {{ {_STATUS_PAYLOAD} }} succeeded failed }}
}}
"""
REUSED = [("IDEMPOTENCY_REUSED", ["idempotencyKey"])]


def replayed(payload: dict[str, Any]) -> list[bool]:
    return [each["replayed"] for each in payload["results"]]


def codes(payload: dict[str, Any]) -> list[list[str]]:
    return [[error["code"] for error in each["errors"]] for each in payload["results"]]


async def inputs_of(client: Client, *keys: str | None) -> list[dict[str, Any]]:
    """Return an input for each key; all into one bucket, each with other metadata."""
    bucket = await new_bucket(client)
    return [
        {"bucketId": bucket["id"], "metadata": {"n": n}, "idempotencyKey": key}
        for n, key in enumerate(keys)
    ]


async def objects_of(client: Client) -> int:
    return len((await client.stored())["objects"])


async def test_a_bulk_with_a_key_is_answered_as_it_was(client: Client) -> None:
    bucket = await new_bucket(client)
    taken = {"fields": ["sku"], "defaultPolicy": "INSERT"}
    keyed = await new_bucket(
        client,
        bucketName="keyed",
        bucketSchema={"properties": {"sku": {"type": "string"}}},
        uniqueKey=taken,
    )
    await new_object(client, keyed, metadata={"sku": "A1"})
    source = await new_object(client, bucket, blobs=[text_blob("a")])
    inputs = [
        {"bucketId": bucket["id"], "blobs": [text_blob("a")], "skipDuplicates": True},
        {"bucketId": keyed["id"], "metadata": {"sku": "A1"}},
        {"bucketId": bucket["id"], "blobs": [text_blob("a") | {"type": "sound"}]},
    ]
    sender = client.sending("k1")

    first = await mutate(sender, OBJECTS, inputs=inputs)
    stored = await client.stored()
    second = await mutate(sender, OBJECTS, inputs=inputs)

    assert codes(first) == [[], ["ALREADY_EXISTS"], ["INVALID"]]
    assert first["results"][0]["skippedBlobs"] == [{"id": source["blobs"][0]["id"]}]
    assert replayed(second) == [True, False, False]
    for each in second["results"]:
        each["replayed"] = False
    assert second == first
    assert await client.stored() == stored

    await mutate(client, DELETE_OBJECT, id=source["id"])
    for text in (OBJECTS, OBJECTS_THE_LONG_WAY):
        replay = await mutate(sender, text, inputs=inputs)
        assert replay["results"][0] == first["results"][0] | {"replayed": True, "skippedBlobs": []}


async def test_a_bulk_of_documents_with_a_key_is_made_once(client: Client) -> None:
    bucket = await new_bucket(client)
    crops = await new_collection(client, "crops", bucketIds=[bucket["id"]])
    made = await new_object(client, bucket)
    inputs = [{"collectionId": crops, "sourceObjectId": made["id"]}] * 2
    sender = client.sending("k1")

    first = await mutate(sender, DOCUMENTS, inputs=inputs)
    second = await mutate(sender, DOCUMENTS, inputs=inputs)

    assert replayed(second) == [True, True]
    assert [each["document"] for each in second["results"]] == [
        each["document"] for each in first["results"]
    ]
    assert len((await client.stored())["documents"]) == 2


async def test_other_inputs_under_a_bulks_key_are_refused_each(client: Client) -> None:
    inputs = await inputs_of(client, None, None)
    sender = client.sending("k1")
    await mutate(sender, OBJECTS, inputs=inputs)

    refused = await mutate(sender, OBJECTS, inputs=[*inputs, *inputs])
    whole = await mutate(sender, OBJECTS, inputs=inputs, onError="ABORT_ALL")

    assert [code_and_path(each) for each in refused["results"]] == [REUSED] * 4
    assert (refused["succeeded"], refused["failed"]) == (0, 4)
    assert [code_and_path(each) for each in whole["results"]] == [REUSED] * 2
    assert await objects_of(client) == 2


@pytest.mark.parametrize("on_error", ["CONTINUE", "ABORT_ALL"])
async def test_a_bulk_of_which_nothing_was_kept_keeps_no_key(client: Client, on_error: str) -> None:
    (input,) = await inputs_of(client, "k2")
    bad = input | {"blobs": [text_blob("a") | {"property": "none"}]}
    sender = client.sending("k1")

    failed = await mutate(sender, OBJECTS, inputs=[bad], onError=on_error)
    assert (codes(failed), await keys_kept(client)) == ([["SCHEMA_MISMATCH"]], 0)

    mended = await mutate(sender, OBJECTS, inputs=[input], onError=on_error)
    assert (replayed(mended), mended["failed"]) == ([False], 0)


@pytest.mark.parametrize("single", [NEW_OBJECT, LONG_WAY])
async def test_inputs_that_were_made_are_answered_and_the_others_made(
    client: Client, single: str
) -> None:
    """Be it in another bulk or alone."""
    a, b, c, d = await inputs_of(client, "a", "b", "c", None)
    alone = await mutate(client, single, input=a)
    first = await mutate(client, OBJECTS, inputs=[b])

    second = await mutate(client, OBJECTS, inputs=[d, c, b, a])

    assert replayed(second) == [False, False, True, True]
    assert second["succeeded"] == 4
    assert second["results"][2] == first["results"][0] | {"replayed": True}
    assert second["results"][3]["object"] == alone["object"]
    assert await objects_of(client) == 4
    assert await mutate(client, single, input=c) == {
        "object": second["results"][1]["object"],
        "skippedBlobs": [],
        "replayed": True,
        "errors": [],
    }


async def test_other_input_under_the_key_of_one_refuses_that_one(client: Client) -> None:
    a, b = await inputs_of(client, "a", "b")
    await mutate(client, OBJECTS, inputs=[a])
    other = a | {"metadata": {"n": "other"}}

    payload = await mutate(client, OBJECTS, inputs=[b, other])

    assert [code_and_path(each) for each in payload["results"]] == [[], REUSED]
    assert (payload["succeeded"], payload["failed"]) == (1, 1)


async def test_twins_in_a_bulk(client: Client) -> None:
    """The second is a replay; where it is not the same, it is refused."""
    (a,) = await inputs_of(client, "a")

    payload = await mutate(client, OBJECTS, inputs=[a, a, a | {"keyPrefix": "/b"}])

    first, second, third = payload["results"]
    assert (first["replayed"], first["errors"]) == (False, [])
    assert second == first | {"replayed": True}
    assert code_and_path(third) == REUSED
    assert await objects_of(client) == 1


async def test_a_twin_fails_as_the_first_does(client: Client) -> None:
    (a,) = await inputs_of(client, "a")
    bad = a | {"bucketId": "bkt_none"}

    payload = await mutate(client, OBJECTS, inputs=[bad, bad])

    assert codes(payload) == [["NOT_FOUND"], ["NOT_FOUND"]]
    assert await keys_kept(client) == 0


async def test_an_input_that_failed_keeps_no_key(client: Client) -> None:
    a, b = await inputs_of(client, "a", "b")
    bad = b | {"blobs": [text_blob("a") | {"property": "none"}]}

    first = await mutate(client, OBJECTS, inputs=[a, bad])
    second = await mutate(client, OBJECTS, inputs=[a, b])

    assert codes(first) == [[], ["SCHEMA_MISMATCH"]]
    assert (replayed(second), second["failed"]) == ([True, False], 0)


async def test_all_or_nothing_keeps_no_keys_either(client: Client) -> None:
    a, b, c = await inputs_of(client, "a", "b", "c")
    await mutate(client, OBJECTS, inputs=[a])
    bad = c | {"blobs": [text_blob("a") | {"property": "none"}]}

    aborted = await mutate(client, OBJECTS, inputs=[a, b, b, bad], onError="ABORT_ALL")
    assert codes(aborted) == [["ABORTED"], ["ABORTED"], ["ABORTED"], ["SCHEMA_MISMATCH"]]
    assert await keys_kept(client) == 1

    mended = await mutate(client, OBJECTS, inputs=[a, b, b, c], onError="ABORT_ALL")
    assert replayed(mended) == [True, False, True, False]
    assert await objects_of(client) == 3


@pytest.mark.parametrize("value", [2**70, nested(300), nested(900), "\ud800"])
async def test_what_nothing_can_keep_is_told_of(client: Client, value: Any) -> None:
    a, b = await inputs_of(client, "a", "b")
    bad = a | {"metadata": {"n": value}}

    payload = await mutate(client.sending("all"), OBJECTS, inputs=[bad, b])

    assert codes(payload) == [["INVALID"], []]


async def test_a_key_that_is_none_refuses_its_input(client: Client) -> None:
    a, b = await inputs_of(client, "", "b")

    payload = await mutate(client, OBJECTS, inputs=[a, b])

    assert [code_and_path(each) for each in payload["results"]] == [
        [("INVALID", ["idempotencyKey"])],
        [],
    ]


async def test_keys_of_all_and_of_each_go_together(client: Client) -> None:
    a, b = await inputs_of(client, "a", "b")
    first = await mutate(client.sending("all"), OBJECTS, inputs=[a, b])

    again = await mutate(client.sending("all"), OBJECTS, inputs=[a, b])
    each = await mutate(client, OBJECTS, inputs=[b, a])

    assert replayed(again) == replayed(each) == [True, True]
    assert [each["object"] for each in again["results"]] == [
        each["object"] for each in first["results"]
    ]
    assert await objects_of(client) == 2


async def test_bulks_of_the_same_inputs_at_the_same_time(client: Client) -> None:
    inputs = await inputs_of(client, *(f"k{n}" for n in range(10, 50)))

    payloads = await asyncio.gather(
        *[mutate(client, OBJECTS, inputs=inputs[n:] + inputs[:n]) for n in range(0, 40, 5)]
    )

    assert all(payload["failed"] == 0 for payload in payloads)
    assert sum(replayed(payload).count(False) for payload in payloads) == 40
    assert await objects_of(client) == 40


async def test_bulks_in_opposite_orders_do_not_wait_in_a_circle(client: Client) -> None:
    inputs = await inputs_of(client, "k1", "k2", "k3")

    async with client.database.transaction(client.namespace_id) as tx:
        await claims.claim(tx, {"k2": b"another"})
        both = [
            asyncio.create_task(mutate(client, OBJECTS, inputs=each))
            for each in (inputs, inputs[::-1])
        ]
        await client.until_waiting(2)
        await claims.release(tx, ["k2"])

    one, other = [await each for each in both]
    assert (one["failed"], other["failed"]) == (0, 0)
    assert sorted(replayed(one) + replayed(other)) == [False] * 3 + [True] * 3


async def test_documents_have_keys_of_their_own(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=FREE_SCHEMA)
    crops = await new_collection(client, "crops", bucketIds=[bucket["id"]])
    made = await new_object(client, bucket)
    a, b = (
        {"collectionId": crops, "sourceObjectId": made["id"], "idempotencyKey": key} for key in "ab"
    )

    await mutate(client, DOCUMENTS, inputs=[a])
    second = await mutate(client, DOCUMENTS, inputs=[b, a])

    assert replayed(second) == [False, True]
    assert len((await client.stored())["documents"]) == 2


async def test_statuses_have_keys_of_their_own(client: Client) -> None:
    made = await new_object(client, await new_bucket(client))
    a, b, c = (
        {"id": made["id"], "status": status, "idempotencyKey": key}
        for key, status in (("a", "QUEUED"), ("b", "IN_PROGRESS"), ("c", "COMPLETED"))
    )

    await mutate(client, STATUSES, inputs=[a, b])
    second = await mutate(client, STATUSES, inputs=[a, b, c])
    alone = await mutate(client, STATUS, input=c)
    other = await mutate(client, STATUSES, inputs=[a | {"status": "FAILED"}])

    assert (replayed(second), codes(second)) == ([True, True, False], [[], [], []])
    assert [each["node"]["status"] for each in second["results"]] == ["COMPLETED"] * 3
    assert alone == second["results"][2] | {"replayed": True}
    assert codes(other) == [["IDEMPOTENCY_REUSED"]]
