"""What every blob store does alike."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.blobs import measure
from gateway.blobs.s3 import STREAM_PART_BYTES
from gateway.blobs.store import (
    MIN_PART_BYTES,
    BlobStore,
    Digest,
    NoBytes,
    Part,
    UploadTarget,
    new_key,
)
from gateway.errors import InvalidInput
from tests.blobs.conftest import Browser

DATA = bytes(range(256)) * 40
LARGE = DATA * 820  # one part of a stream, and some of the next
assert STREAM_PART_BYTES < len(LARGE) < 2 * STREAM_PART_BYTES


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def chunks(data: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def streamed(store: BlobStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.stream(key, start=start, end=end)])


async def keys(store: BlobStore, prefix: str) -> list[str]:
    return sorted([each.key async for each in store.listed(prefix)])


@pytest.fixture
def namespace_id() -> str:
    return new_key("ns").replace("/", "_")


@pytest.fixture
def key(namespace_id: str) -> str:
    return new_key(namespace_id)


async def test_gives_back_what_was_put(store: BlobStore, key: str) -> None:
    await store.put(key, DATA)

    assert await store.read(key) == DATA
    assert await store.size(key) == len(DATA)


async def test_keeps_zero_bytes_apart_from_nothing(store: BlobStore, key: str) -> None:
    assert await store.size(key) is None
    assert await store.read(key) is None

    await store.put(key, b"")

    assert await store.size(key) == 0
    assert await store.read(key) == b""


async def test_deletes_what_is_there_and_what_is_not(store: BlobStore, key: str) -> None:
    await store.put(key, DATA)

    await store.delete(key)
    await store.delete(key)

    assert await store.size(key) is None


async def test_is_ready(store: BlobStore) -> None:
    await store.check()


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, None), (0, 10), (10, 20), (10_000, None), (10_000, 99_999), (10_240, None), (5, 5)],
)
async def test_streams_a_range(store: BlobStore, key: str, start: int, end: int | None) -> None:
    await store.put(key, DATA)

    assert await streamed(store, key, start, end) == DATA[start:end]


async def test_streams_what_is_large(store: BlobStore, key: str) -> None:
    await store.put(key, LARGE)

    assert await streamed(store, key) == LARGE
    assert await streamed(store, key, 5_000_000, 8_000_000) == LARGE[5_000_000:8_000_000]
    assert await measure.digest(store, key) == Digest(len(LARGE), sha256(LARGE))


async def test_there_is_nothing_to_stream(store: BlobStore, key: str) -> None:
    with pytest.raises(NoBytes):
        await streamed(store, key)


@pytest.mark.parametrize(
    "data",
    [b"", DATA, LARGE[:STREAM_PART_BYTES], LARGE],
    ids=["nothing", "small", "one part", "large"],
)
async def test_takes_a_stream(store: BlobStore, key: str, data: bytes) -> None:
    found = await store.put_stream(key, chunks(data), size_bytes=len(data), sha256=sha256(data))

    assert found == Digest(len(data), sha256(data))
    assert await store.read(key) == data


@pytest.mark.parametrize("data", [DATA, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ({"size_bytes": 100}, "more than the 100 bytes"),
        ({"size_bytes": 10**9}, "1000000000 were announced"),
        ({"sha256": "0" * 64}, "0" * 64 + " was announced"),
    ],
    ids=["longer", "shorter", "other"],
)
async def test_keeps_nothing_of_a_stream_that_is_not_what_it_was_to_be(
    store: BlobStore, key: str, data: bytes, expected: dict[str, int | str], told: str
) -> None:
    with pytest.raises(InvalidInput, match=told) as failure:
        await store.put_stream(key, chunks(data), **expected)  # type: ignore[arg-type]

    assert failure.value.path == (("sha256",) if "sha256" in expected else ("sizeBytes",))
    assert await store.size(key) is None


@pytest.mark.parametrize("data", [DATA, LARGE], ids=["small", "large"])
async def test_keeps_nothing_of_a_stream_that_breaks_off(
    store: BlobStore, key: str, data: bytes
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        async for chunk in chunks(data):
            yield chunk
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.put_stream(key, broken())

    assert await store.size(key) is None


async def test_keeps_nothing_of_a_stream_that_is_cancelled(store: BlobStore, key: str) -> None:
    all_came = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        async for chunk in chunks(LARGE):
            yield chunk
        all_came.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(store.put_stream(key, endless()))
    await all_came.wait()
    putting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await store.size(key) is None


async def test_a_copy_outlives_its_source(store: BlobStore, key: str, namespace_id: str) -> None:
    await store.put(key, DATA)
    copy = new_key(namespace_id)

    await store.copy(key, copy)
    await store.put(key, b"other")
    await store.delete(key)

    assert await store.read(copy) == DATA


async def test_there_is_nothing_to_copy(store: BlobStore, key: str, namespace_id: str) -> None:
    with pytest.raises(NoBytes):
        await store.copy(key, new_key(namespace_id))


async def test_lists_what_it_keeps(store: BlobStore, namespace_id: str) -> None:
    mine = sorted(new_key(namespace_id) for _ in range(3))
    for each in mine:
        await store.put(each, DATA)
    await store.put(new_key(namespace_id + "x"), DATA)

    listed = [each async for each in store.listed(f"{namespace_id}/")]

    assert sorted(each.key for each in listed) == mine
    assert {each.size_bytes for each in listed} == {len(DATA)}
    times = [each.modified_at for each in listed]
    assert (max(times) - min(times)).total_seconds() < 60
    assert all(each.utcoffset() is not None for each in times)


async def test_a_link_gives_the_bytes_under_their_name(
    store: BlobStore, key: str, browser: Browser
) -> None:
    await store.put(key, DATA)

    url = store.download_url(key, expires_in_s=60, filename='ü "1".png', mime_type="image/png; x=1")
    answer = await browser.get(url)

    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers["Content-Type"] == "image/png; x=1"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "filename*=UTF-8''%C3%BC%20%221%22.png" in answer.headers["Content-Disposition"]
    assert "immutable" in answer.headers["Cache-Control"]


async def test_a_link_gives_a_range(store: BlobStore, key: str, browser: Browser) -> None:
    await store.put(key, DATA)

    url = store.download_url(key, expires_in_s=60, filename=None, mime_type=None)
    answer = await browser.get(url, Range="bytes=10-19")

    assert (answer.status, answer.body) == (206, DATA[10:20])
    assert answer.headers["Content-Type"] == "application/octet-stream"


async def test_a_link_that_was_altered_gives_nothing(
    store: BlobStore, key: str, namespace_id: str, browser: Browser
) -> None:
    other = new_key(namespace_id)
    await store.put(key, DATA)
    await store.put(other, b"secret")

    url = store.download_url(key, expires_in_s=60, filename="a.png", mime_type="image/png")

    assert (await browser.get(url.replace(key, other))).status == 403
    assert (await browser.get(url.replace("a.png", "a.exe"))).status == 403
    assert await browser.put(UploadTarget(url, {}), b"x") == 403
    assert await store.read(key) == DATA


async def test_a_link_to_nothing_finds_nothing(
    store: BlobStore, key: str, browser: Browser
) -> None:
    url = store.download_url(key, expires_in_s=60, filename=None, mime_type=None)

    assert (await browser.get(url)).status == 404


class Uploading:
    """A target for ``DATA``, and what may be sent there instead."""

    def __init__(self, store: BlobStore, key: str, *, with_sha256: bool) -> None:
        self.target = store.upload_target(
            key,
            expires_in_s=60,
            size_bytes=len(DATA),
            mime_type="image/png",
            sha256=sha256(DATA) if with_sha256 else None,
        )


@pytest.mark.parametrize("with_sha256", [True, False])
async def test_a_client_sends_bytes_straight_to_the_store(
    store: BlobStore, key: str, browser: Browser, with_sha256: bool
) -> None:
    target = Uploading(store, key, with_sha256=with_sha256).target

    assert await browser.put(target, DATA) == 200

    assert await store.read(key) == DATA
    assert await browser.put(target, DATA) == 200, "again, if the answer was lost"
    assert await store.read(key) == DATA


async def test_a_client_sends_what_is_large(store: BlobStore, key: str, browser: Browser) -> None:
    target = store.upload_target(
        key,
        expires_in_s=60,
        size_bytes=len(LARGE),
        mime_type="video/mp4",
        sha256=sha256(LARGE),
    )

    assert await browser.put(target, LARGE) == 200

    assert await measure.digest(store, key) == Digest(len(LARGE), sha256(LARGE))


@pytest.mark.parametrize("with_sha256", [True, False])
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (DATA + b"x", {}, 403),
        (DATA[:-1], {}, 403),
        (b"", {}, 403),
        (DATA, {"Content_Type": "text/html"}, 403),
    ],
    ids=["longer", "shorter", "empty", "other type"],
)
async def test_the_store_refuses_another_size_or_type(
    store: BlobStore,
    key: str,
    browser: Browser,
    with_sha256: bool,
    body: bytes,
    headers: dict[str, str],
    status: int,
) -> None:
    target = Uploading(store, key, with_sha256=with_sha256).target

    assert await browser.put(target, body, **headers) == status

    assert await store.size(key) is None


async def test_the_store_refuses_other_bytes(store: BlobStore, key: str, browser: Browser) -> None:
    target = Uploading(store, key, with_sha256=True).target

    assert await browser.put(target, DATA[::-1]) == 400

    assert await store.size(key) is None


async def test_the_store_refuses_an_altered_target(
    store: BlobStore, key: str, namespace_id: str, browser: Browser
) -> None:
    target = Uploading(store, key, with_sha256=True).target
    elsewhere = new_key(namespace_id)

    url = target.url.replace(key, elsewhere)
    assert await browser.put(UploadTarget(url, target.headers), DATA) == 403
    assert (await browser.get(target.url)).status == 403

    assert await keys(store, namespace_id) == []


class Parts:
    """An upload of ``LARGE`` in two parts."""

    BODIES = (LARGE[:MIN_PART_BYTES], LARGE[MIN_PART_BYTES:])

    def __init__(self, store: BlobStore, browser: Browser, key: str, parts_id: str) -> None:
        self.store = store
        self.browser = browser
        self.key = key
        self.id = parts_id

    async def send(self, number: int, body: bytes, *, size_bytes: int | None = None) -> int:
        target = self.store.part_target(
            self.key,
            self.id,
            number,
            expires_in_s=60,
            size_bytes=len(body) if size_bytes is None else size_bytes,
        )
        return await self.browser.put(target, body)

    async def numbers(self) -> list[int]:
        return [part.number for part in await self.store.parts(self.key, self.id)]

    async def join(self) -> None:
        await self.store.join_parts(self.key, self.id, await self.store.parts(self.key, self.id))


@pytest.fixture
async def parts(store: BlobStore, browser: Browser, key: str) -> Parts:
    return Parts(store, browser, key, await store.begin_parts(key, mime_type="video/mp4"))


async def test_joins_parts_that_came_in_any_order(parts: Parts) -> None:
    assert await parts.numbers() == []
    for number in (7, 2):
        assert await parts.send(number, Parts.BODIES[number == 7]) == 200
    assert await parts.numbers() == [2, 7]
    assert await parts.store.size(parts.key) is None

    await parts.join()

    assert await measure.digest(parts.store, parts.key) == Digest(len(LARGE), sha256(LARGE))


async def test_the_last_of_a_number_counts(parts: Parts) -> None:
    await parts.send(1, b"wrong")
    await parts.send(1, DATA)

    await parts.join()

    assert await parts.store.read(parts.key) == DATA


async def test_joining_again_is_harmless(parts: Parts) -> None:
    await parts.send(1, DATA)
    found = await parts.store.parts(parts.key, parts.id)

    await parts.store.join_parts(parts.key, parts.id, found)
    await parts.store.join_parts(parts.key, parts.id, found)

    assert await parts.store.read(parts.key) == DATA


async def test_a_part_that_is_sent_again_meanwhile_is_not_joined(parts: Parts) -> None:
    await parts.send(1, DATA)
    found = await parts.store.parts(parts.key, parts.id)
    await parts.send(1, DATA[::-1])

    with pytest.raises(InvalidInput) as failure:
        await parts.store.join_parts(parts.key, parts.id, found)

    assert failure.value.path == ("parts",)
    assert await parts.store.size(parts.key) is None
    await parts.join()
    assert await parts.store.read(parts.key) == DATA[::-1]


async def test_no_part_but_the_last_may_be_small(parts: Parts) -> None:
    await parts.send(1, DATA)
    await parts.send(2, DATA)

    with pytest.raises(InvalidInput, match="part"):
        await parts.join()

    assert await parts.numbers() == [1, 2]


async def test_parts_that_never_came_are_not_joined(parts: Parts) -> None:
    await parts.send(1, DATA)
    (found,) = await parts.store.parts(parts.key, parts.id)

    for wrong in ([], [replace(found, number=2)], [found, found]):
        with pytest.raises(InvalidInput):
            await parts.store.join_parts(parts.key, parts.id, wrong)

    assert await parts.store.size(parts.key) is None


@pytest.mark.parametrize("size_bytes", [len(DATA) - 1, len(DATA) + 1])
async def test_the_store_refuses_a_part_of_another_size(parts: Parts, size_bytes: int) -> None:
    assert await parts.send(1, DATA, size_bytes=size_bytes) == 403

    assert await parts.numbers() == []


async def test_aborting_removes_the_parts(parts: Parts) -> None:
    await parts.send(1, DATA)

    await parts.store.abort_parts(parts.key, parts.id)
    await parts.store.abort_parts(parts.key, parts.id)

    with pytest.raises(NoBytes):
        await parts.numbers()
    assert await parts.send(2, DATA) == 404
    with pytest.raises(NoBytes):
        await parts.store.join_parts(parts.key, parts.id, [Part(1, len(DATA), "0")])
    assert await parts.store.size(parts.key) is None


async def test_aborting_what_was_joined_leaves_the_bytes(parts: Parts) -> None:
    await parts.send(1, DATA)
    await parts.join()

    await parts.store.abort_parts(parts.key, parts.id)

    assert await parts.store.read(parts.key) == DATA


async def test_tells_which_uploads_in_parts_are_not_over(
    store: BlobStore, browser: Browser, namespace_id: str
) -> None:
    keys = sorted(new_key(namespace_id) for _ in range(4))
    ids = [await store.begin_parts(each, mime_type="video/mp4") for each in keys]
    begun = [Parts(store, browser, *each) for each in zip(keys, ids, strict=True)]
    await store.begin_parts(new_key(namespace_id + "x"), mime_type="video/mp4")
    await begun[1].send(1, DATA)
    await begun[2].send(1, DATA)
    await begun[2].join()
    await store.abort_parts(keys[3], begun[3].id)

    found = [each async for each in store.begun_parts(f"{namespace_id}/")]

    assert sorted((each.key, each.parts_id) for each in found) == [
        (each.key, each.id) for each in begun[:2]
    ]
    times = [each.since for each in found]
    assert abs((datetime.now(UTC) - min(times)).total_seconds()) < 60
