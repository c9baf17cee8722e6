"""Blobs of many objects whose bytes URLs name."""

from __future__ import annotations

import hashlib
from typing import Any

from gateway.objects.bringing import AT_A_TIME
from tests.client import Client
from tests.fetching.sites import Crowd, ok, open_to, paths, site
from tests.operations import CREATE_OBJECTS, mutate, new_bucket, new_object, text_blob

SCHEMA = {"properties": {"file": {"type": "binary"}, "text": {"type": "text"}}}
GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def file(data: Any, **rest: Any) -> dict[str, Any]:
    return {"property": "file", "type": "binary", "data": data, **rest}


async def keep(client: Client, *blobs: list[dict[str, Any]], **more: Any) -> Any:
    """Return the payload of a bulk of objects with these blobs, and its bucket."""
    bucket = await new_bucket(client, bucketSchema=SCHEMA)
    inputs = [{"bucketId": bucket["id"], "blobs": each} for each in blobs]
    return await mutate(client, CREATE_OBJECTS, inputs=inputs, **more)


def told(payload: Any) -> list[list[tuple[str, list[str]]]]:
    return [
        [(error["code"], error["path"]) for error in each["errors"]] for each in payload["results"]
    ]


async def test_each_input_is_kept_or_told_why_not(client: Client) -> None:
    answers = {"/1": ok(b"one"), "/2": ok(b"two"), "/3": ok(b"three"), "/gone": GONE}
    async with site(paths(answers)) as here:
        open_to(client, here)
        payload = await keep(
            client,
            [file(here.url("/1")), text_blob("first")],
            [file(here.url("/2")), file({"url": here.url("/gone")}), text_blob("second")],
            [text_blob("third"), file("https://me:secret@example.com/"), file(here.url("/3"))],
            [text_blob("fourth")],
        )

    assert told(payload) == [
        [],
        [("FETCH_FAILED", ["blobs", "1", "data", "url"])],
        [("INVALID", ["blobs", "1", "data"])],
        [],
    ]
    assert (payload["succeeded"], payload["failed"]) == (2, 2)
    (blob, _) = payload["results"][0]["object"]["blobs"]
    assert blob["sourceUrl"] == here.url("/1")
    assert blob["details"]["hash"] == hashlib.sha256(b"one").hexdigest()
    assert await client.bytes_of(blob["details"]["hash"]) == b"one"
    assert not any("/3" in head for head in here.requests), "of what is refused nothing is fetched"
    assert len(client.files()) == 3, "nothing of what is refused"


async def test_one_that_fails_aborts_all_and_leaves_nothing(client: Client) -> None:
    async with site(paths({"/1": ok(b"one"), "/gone": GONE})) as here:
        open_to(client, here)
        payload = await keep(
            client,
            [file(here.url("/1")), text_blob("first")],
            [file(here.url("/gone"))],
            onError="ABORT_ALL",
        )

    assert told(payload) == [
        [("ABORTED", [])],
        [("FETCH_FAILED", ["blobs", "0", "data"])],
    ]
    stored = await client.stored()
    assert (stored["objects"], stored["contents"], stored["files"]) == ([], [], [])


async def test_nothing_is_fetched_where_one_is_refused_and_aborts_all(client: Client) -> None:
    async with site(ok(b"one")) as here:
        open_to(client, here)
        payload = await keep(
            client, [file(here.url())], [file("ftp://example.com/a")], onError="ABORT_ALL"
        )

    assert told(payload) == [[("ABORTED", [])], [("INVALID", ["blobs", "0", "data"])]]
    assert here.connections == 0


async def test_what_the_database_refuses_leaves_no_bytes(client: Client) -> None:
    schema = {"properties": SCHEMA["properties"] | {"sku": {"type": "string", "required": True}}}
    unique_key = {"fields": ["sku"], "defaultPolicy": "INSERT"}
    bucket = await new_bucket(client, bucketSchema=schema, uniqueKey=unique_key)
    await new_object(client, bucket, metadata={"sku": "a"})
    async with site(paths({"/1": ok(b"one"), "/2": ok(b"two")})) as here:
        open_to(client, here)
        inputs = [
            {"bucketId": bucket["id"], "metadata": {"sku": sku}, "blobs": [file(here.url(path))]}
            for sku, path in (("a", "/1"), ("b", "/2"), ("c", "/1"), ("b", "/1"))
        ]
        payload = await mutate(client, CREATE_OBJECTS, inputs=inputs)
        inputs[1]["metadata"] = inputs[2]["metadata"] = {"sku": "d"}
        inputs[1]["blobs"] = [text_blob("in vain")]
        aborted = await mutate(client, CREATE_OBJECTS, inputs=inputs, onError="ABORT_ALL")

    assert [bool(each) for each in told(payload)] == [True, False, False, True]
    assert aborted["succeeded"] == 0
    assert len(client.files()) == 2
    for data in (b"one", b"two"):
        assert await client.bytes_of(hashlib.sha256(data).hexdigest()) == data


async def test_a_url_that_many_objects_name_is_fetched_once(client: Client) -> None:
    async with site(ok(b"logo")) as here:
        open_to(client, here)
        payload = await keep(client, *([file(here.url("/logo"))] for _ in range(30)))

    assert payload["succeeded"] == 30
    assert here.connections == 1
    assert len(client.files()) == 1


async def test_a_bulk_fetches_a_few_at_a_time(client: Client) -> None:
    crowd = Crowd(AT_A_TIME)
    async with site(crowd.answer) as here:
        open_to(client, here)
        blobs = [[file(here.url(f"/{number}"))] for number in range(2 * AT_A_TIME)]
        payload = await keep(client, *blobs)

    assert payload["succeeded"] == 2 * AT_A_TIME
    assert crowd.most == AT_A_TIME


async def test_a_store_that_is_down_ends_a_bulk(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA)
    (client.blob_folder / "tmp").rmdir()
    async with site(ok(b"hello")) as here:
        open_to(client, here)
        inputs = [
            {"bucketId": bucket["id"], "blobs": [file(here.url(f"/{number}")), text_blob("x")]}
            for number in range(3 * AT_A_TIME)
        ]
        (error,) = await client.errors(CREATE_OBJECTS, inputs=inputs)

    assert error["extensions"]["code"] == "UNAVAILABLE"
    assert (await client.stored())["objects"] == []


async def test_bytes_of_a_bulk_with_a_key_outlive_those_that_are_refused(client: Client) -> None:
    """Its transaction is committed after the bulk has ended, so then no row names them yet."""
    bucket = await new_bucket(client, bucketSchema=SCHEMA)
    async with site(paths({"/1": ok(b"one"), "/gone": GONE})) as here:
        keyed = client.sending("a-key")
        open_to(keyed, here)
        inputs = [
            {"bucketId": bucket["id"], "blobs": [file(here.url(path))]} for path in ("/1", "/gone")
        ]
        payload = await mutate(keyed, CREATE_OBJECTS, inputs=inputs)

    assert (payload["succeeded"], payload["failed"]) == (1, 1)
    assert await client.bytes_of(hashlib.sha256(b"one").hexdigest()) == b"one"


async def test_an_input_that_was_made_before_brings_nothing(client: Client) -> None:
    bucket = await new_bucket(client, bucketSchema=SCHEMA)
    async with site(paths({"/1": ok(b"one"), "/2": ok(b"two")})) as here:
        open_to(client, here)
        inputs = [
            {"bucketId": bucket["id"], "blobs": [file(here.url(path))], "idempotencyKey": path}
            for path in ("/1", "/2")
        ]
        await mutate(client, CREATE_OBJECTS, inputs=inputs[:1])
        payload = await mutate(client, CREATE_OBJECTS, inputs=inputs)

    assert payload["succeeded"] == 2
    assert len(client.files()) == 2
    for data in (b"one", b"two"):
        assert await client.bytes_of(hashlib.sha256(data).hexdigest()) == data
