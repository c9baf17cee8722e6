"""What happens to an upload from two sides at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.blobs import measure
from gateway.blobs.store import BlobStore, Digest, new_key
from gateway.database.transaction import Transaction
from gateway.objects import creating, sweeping
from gateway.objects.new_blobs import GivenBlob
from gateway.objects.new_objects import GivenObject
from gateway.uploads import confirming
from gateway.uploads import creating as announcing
from gateway.uploads.creating import GivenUpload
from tests.operations import mutate, patch_bucket
from tests.uploads.uploading import (
    CONFIRM_UPLOAD,
    CREATE_UPLOAD,
    DATA,
    LARGE,
    Uploading,
    sha256,
)

MANY = 8


class _EachAlone(dict[Any, asyncio.Lock]):
    """Turns of as many gateways as there are requests: none waits for another."""

    def setdefault(self, key: Any, default: Any = None) -> Any:  # noqa: ARG002
        return default


@asynccontextmanager
async def stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Stop confirmations while they look at the bytes; they go on after the block."""
    reached, go_on = asyncio.Event(), asyncio.Event()
    digest = measure.digest

    async def slow(store: BlobStore, key: str) -> Digest:
        found = await digest(store, key)
        reached.set()
        await go_on.wait()
        return found

    async def until_reached() -> None:
        async with asyncio.timeout(20):
            await reached.wait()

    monkeypatch.setattr(measure, "digest", slow)
    yield until_reached
    go_on.set()


async def confirm(uploading: Uploading, upload: dict[str, Any]) -> dict[str, Any]:
    return await mutate(uploading.client, CONFIRM_UPLOAD, input={"uploadId": upload["id"]})


async def confirm_at_once(uploading: Uploading, upload: dict[str, Any]) -> None:
    payloads = await asyncio.gather(*[confirm(uploading, upload) for _ in range(MANY)])

    assert [each["errors"] for each in payloads] == [[]] * MANY
    assert {each["upload"]["status"] for each in payloads} == {"COMPLETED"}
    assert {each["upload"]["version"] for each in payloads} == {2}
    assert {each["upload"]["isDuplicate"] for each in payloads} == {False}
    await uploading.client.housekeeper.one_pass()
    assert len(await uploading.keys()) == 1


@pytest.mark.parametrize("gateways", ["one", "many"])
@pytest.mark.parametrize("announced", [None, sha256(DATA)])
async def test_many_confirm_one_upload(
    uploading: Uploading, announced: str | None, gateways: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if gateways == "many":
        monkeypatch.setattr(confirming, "_turns", _EachAlone())
    upload = await uploading.create(fileHash=announced)
    await uploading.put(upload)

    await confirm_at_once(uploading, upload)

    assert await uploading.client.bytes_of(sha256(DATA)) == DATA


async def test_many_confirm_one_upload_in_parts(uploading: Uploading) -> None:
    upload = await uploading.create(LARGE, multipart=True)
    for number in (1, 2, 3):
        await uploading.put_part(upload, number)

    await confirm_at_once(uploading, upload)

    assert await uploading.client.bytes_of(sha256(LARGE)) == LARGE


@pytest.mark.parametrize("is_multipart", [False, True])
async def test_who_aborts_wins_over_who_is_still_looking(
    uploading: Uploading, is_multipart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await uploading.create(LARGE, multipart=is_multipart)
    if is_multipart:
        for number in (1, 2, 3):
            await uploading.put_part(upload, number)
    else:
        await uploading.put(upload, LARGE)

    async with stopped(monkeypatch) as until_reached:
        confirmation = asyncio.create_task(confirm(uploading, upload))
        await until_reached()
        aborted = await uploading.abort(upload)
        await uploading.client.housekeeper.one_pass()
    payload = await confirmation
    await uploading.client.housekeeper.one_pass()

    assert aborted["status"] == "CANCELED"
    assert [each["code"] for each in payload["errors"]] == ["BAD_STATE"]
    assert (await uploading.client.stored())["contents"] == []
    assert await uploading.keys() == []


async def test_an_upload_that_expires_while_it_is_confirmed_leaves_no_row_without_bytes(
    uploading: Uploading, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await uploading.create(fileHash=None)
    await uploading.put(upload)

    async with stopped(monkeypatch) as until_reached:
        confirmation = asyncio.create_task(confirm(uploading, upload))
        await until_reached()
        await uploading.expire(upload)
        await uploading.client.housekeeper.one_pass()
    payload = await confirmation

    assert [each["code"] for each in payload["errors"]] == ["NOT_FOUND"]
    stored = await uploading.client.stored()
    assert [stored[name] for name in ("uploads", "contents")] == [[], []]


async def test_who_makes_an_object_of_an_upload_keeps_it_from_going(uploading: Uploading) -> None:
    client = uploading.client
    upload = await uploading.confirmed()
    blob = GivenBlob(property="file", type="binary", data=None, upload_id=upload["id"])
    given = GivenObject(bucket_id=uploading.bucket["id"], blobs=[blob])

    async with client.database.transaction(client.namespace_id) as tx:
        await creating.create_object(tx, client.blobs, client.limits, given)
        await uploading.expire(upload)
        await client.housekeeper.one_pass()
        still_there = await uploading.read(upload)
    await client.housekeeper.one_pass()

    assert still_there is not None
    assert await uploading.read(upload) is None
    assert await client.bytes_of(sha256(DATA)) == DATA


async def test_strays_are_told_from_what_is_still_coming(uploading: Uploading) -> None:
    client = uploading.client
    upload = await uploading.create()
    await uploading.put(upload)
    strays = await sweeping.sweep_strays(
        client.database, client.blobs, client.namespace_id, older_than_s=-60
    )

    assert strays == 0
    assert (await uploading.confirm(upload))["status"] == "COMPLETED"


async def test_parts_without_an_upload_are_strays(uploading: Uploading) -> None:
    client = uploading.client
    store, namespace_id = client.blobs, client.namespace_id
    upload = await uploading.create(LARGE, multipart=True)
    await uploading.put_part(upload, 1)
    key = new_key(namespace_id)  # of a gateway that was killed before it had made the row
    await store.begin_parts(key, mime_type="video/mp4")

    async def sweep(older_than_s: float) -> int:
        return await sweeping.sweep_strays(
            client.database, store, namespace_id, older_than_s=older_than_s
        )

    assert await sweep(3600) == 0, "what is young may be of a request that goes on"
    assert await sweep(-60) == 1
    assert await sweep(-60) == 0

    assert [part["number"] for part in await uploading.received(upload) or ()] == [1]
    await uploading.expire(upload)
    await client.housekeeper.one_pass()
    assert [each async for each in store.begun_parts(namespace_id)] == []


@pytest.mark.parametrize("idempotency_key", [None, "k1"])
async def test_nobody_waits_while_the_store_begins_parts(
    uploading: Uploading, idempotency_key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = uploading.client
    begin = client.blobs.begin_parts

    async def slow(key: str, *, mime_type: str) -> str:
        async with asyncio.timeout(20):  # which waits for all who hold the bucket
            await patch_bucket(client, uploading.bucket, isLocked=True)
        return await begin(key, mime_type=mime_type)

    monkeypatch.setattr(client.blobs, "begin_parts", slow)
    sender = client.sending(idempotency_key) if idempotency_key else client

    payload = await mutate(sender, CREATE_UPLOAD, input=uploading.input(LARGE, multipart=True))

    assert [each["code"] for each in payload["errors"]] == ["LOCKED"]
    assert [each async for each in client.blobs.begun_parts(client.namespace_id)] == []


@pytest.mark.parametrize("idempotency_key", [None, "k1"])
async def test_a_file_that_comes_while_parts_are_begun_is_not_sent_again(
    uploading: Uploading, idempotency_key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = uploading.client
    begin = client.blobs.begin_parts

    async def slow(key: str, *, mime_type: str) -> str:
        await uploading.confirmed(LARGE)
        return await begin(key, mime_type=mime_type)

    monkeypatch.setattr(client.blobs, "begin_parts", slow)
    sender = client.sending(idempotency_key) if idempotency_key else client
    input = uploading.input(LARGE, multipart=True, fileHash=sha256(LARGE))

    payload = await mutate(sender, CREATE_UPLOAD, input=input)

    assert (payload["upload"]["status"], payload["upload"]["isDuplicate"]) == ("COMPLETED", True)
    strays = await sweeping.sweep_strays(
        client.database, client.blobs, client.namespace_id, older_than_s=-60
    )
    assert strays == 1, "the parts that nobody needs"


async def test_a_file_that_goes_while_it_is_announced_is_sent_in_parts(
    uploading: Uploading,
) -> None:
    client = uploading.client
    earlier = await uploading.confirmed(LARGE)
    is_there = True

    @asynccontextmanager
    async def transaction() -> AsyncIterator[Transaction]:
        nonlocal is_there
        if is_there:  # when it was looked at, and no more when the upload is made
            is_there = False
            await uploading.expire(earlier)
            await client.housekeeper.one_pass()
        async with client.database.transaction(client.namespace_id) as tx:
            yield tx

    id = await announcing.create_upload(
        client.database,
        client.blobs,
        client.limits,
        GivenUpload(
            bucket_id=uploading.bucket["id"],
            filename="a.png",
            content_type="image/png",
            size_bytes=len(LARGE),
            hash=sha256(LARGE),
            is_multipart=True,
        ),
        namespace_id=client.namespace_id,
        transaction=transaction,
    )

    upload = await uploading.read({"id": id})
    assert upload is not None
    assert upload["status"] == "PENDING"
    for number in (1, 2, 3):
        await uploading.put_part(upload, number)
    assert (await uploading.confirm(upload))["status"] == "COMPLETED"
