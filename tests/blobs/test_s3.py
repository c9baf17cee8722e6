"""What only S3 does: it is far away, refuses, and falls silent."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.blobs import measure, s3_client
from gateway.blobs.s3 import STREAM_PART_BYTES, S3BlobStore, open_s3
from gateway.blobs.s3_client import S3Place
from gateway.blobs.s3_signing import Credentials, S3Signer
from gateway.blobs.store import BlobStore, Digest, NoBytes, Part, new_key
from gateway.errors import Unavailable
from tests.blobs.conftest import Browser

DATA = b"0123456789" * 400_000
MISSPELT = "misspelt-secret"


@pytest.fixture
def key() -> str:
    return new_key("ns_s3")


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def first_of(given: AsyncIterator[object]) -> object:
    return await anext(given)


ASKING: dict[str, Callable[[BlobStore, str], Awaitable[object]]] = {
    "put": lambda store, key: store.put(key, b"hello"),
    "put_stream": lambda store, key: store.put_stream(key, chunks(b"hello")),
    "put_large": lambda store, key: store.put_stream(key, chunks(bytes(STREAM_PART_BYTES))),
    "size": lambda store, key: store.size(key),
    "read": lambda store, key: store.read(key),
    "stream": lambda store, key: first_of(store.stream(key)),
    "copy": lambda store, key: store.copy(key, key + "2"),
    "delete": lambda store, key: store.delete(key),
    "listed": lambda store, key: first_of(store.listed(key)),
    "begin_parts": lambda store, key: store.begin_parts(key, mime_type="image/png"),
    "parts": lambda store, key: store.parts(key, "id"),
    "join_parts": lambda store, key: store.join_parts(key, "id", [Part(1, 1, "a")]),
    "abort_parts": lambda store, key: store.abort_parts(key, "id"),
    "check": lambda store, _: store.check(),
}


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
async def test_a_wrong_secret_is_told_and_not_shown(
    s3_place: S3Place,
    key: str,
    ask: Callable[[BlobStore, str], Awaitable[object]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    place = replace(s3_place, secret_key=MISSPELT)

    async with open_s3(place) as store:
        with pytest.raises(Unavailable, match="refuses the gateway's credentials") as failure:
            await ask(store, key)

    assert MISSPELT not in repr(place)
    assert caplog.records
    for text in (failure.value.message, caplog.text):
        assert MISSPELT not in text


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
async def test_a_server_that_is_away_is_told(
    s3_place: S3Place,
    key: str,
    ask: Callable[[BlobStore, str], Awaitable[object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(s3_client, "ATTEMPTS", 1)
    async with open_s3(replace(s3_place, endpoint="http://127.0.0.1:9")) as store:
        with pytest.raises(Unavailable, match="the blob store gives no answer") as failure:
            await ask(store, key)

    assert "127.0.0.1" not in failure.value.message


async def test_a_bucket_that_is_not_there_is_told(s3_place: S3Place, key: str) -> None:
    async with open_s3(replace(s3_place, bucket="gateway-not-there")) as store:
        for ask in (store.check(), store.put(key, b"hello")):
            with pytest.raises(Unavailable, match="does not have the gateway's bucket"):
                await ask


async def test_missing_credentials_are_told(
    s3_place: S3Place, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    nowhere = str(tmp_path_factory.mktemp("aws") / "none")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, nowhere)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(Unavailable, match="set GATEWAY_S3_ACCESS_KEY"):
        async with open_s3(replace(s3_place, access_key="", secret_key="")):
            pass


async def test_takes_credentials_from_the_environment_of_aws(
    s3_place: S3Place, key: str, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_place.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_place.secret_key)

    async with open_s3(replace(s3_place, access_key="", secret_key="")) as store:
        await store.put(key, b"hello")
        url = store.download_url(key, expires_in_s=60, filename=None, mime_type=None)

    assert (await browser.get(url)).body == b"hello"


async def test_shares_a_bucket_under_a_prefix(
    s3_place: S3Place, s3_store: S3BlobStore, key: str, browser: Browser
) -> None:
    async with open_s3(replace(s3_place, prefix="ns_shared/")) as store:
        await store.put(key, b"hello")

        assert [each.key async for each in store.listed("")] == [key]
        url = store.download_url(key, expires_in_s=60, filename=None, mime_type=None)
        assert (await browser.get(url)).body == b"hello"
    assert await s3_store.size(key) is None
    assert await s3_store.read(f"ns_shared/{key}") == b"hello"


async def test_links_name_the_address_that_clients_reach(s3_place: S3Place, key: str) -> None:
    async with open_s3(replace(s3_place, public_endpoint="https://files.example")) as store:
        await store.check()
        url = store.download_url(key, expires_in_s=60, filename=None, mime_type=None)

    assert url.startswith(f"https://files.example/{s3_place.bucket}/{key}?")


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({}, "https://assets.s3.eu-west-1.amazonaws.com/ns_a/1?"),
        ({"addressing": "path"}, "https://s3.eu-west-1.amazonaws.com/assets/ns_a/1?"),
        ({"bucket": "a.b"}, "https://s3.eu-west-1.amazonaws.com/a.b/ns_a/1?"),
        ({"region": "cn-north-1"}, "https://assets.s3.cn-north-1.amazonaws.com.cn/ns_a/1?"),
        ({"endpoint": "http://minio:9000"}, "http://minio:9000/assets/ns_a/1?"),
        (
            {"endpoint": "https://s3.example", "addressing": "virtual"},
            "https://assets.s3.example/ns_a/1?",
        ),
    ],
    ids=lambda value: str(value),
)
async def test_links_lead_to_the_bucket(changes: dict[str, str], start: str) -> None:
    place = S3Place(
        **{"bucket": "assets", "region": "eu-west-1", "access_key": "a", "secret_key": "b"}
        | changes
    )

    async with open_s3(place) as store:
        url = store.download_url("ns_a/1", expires_in_s=60, filename=None, mime_type=None)

    assert url.startswith(start)


async def test_a_link_expires(
    s3_place: S3Place, s3_store: S3BlobStore, key: str, browser: Browser
) -> None:
    await s3_store.put(key, b"hello")
    signer = S3Signer(
        endpoint=s3_place.endpoint,
        bucket=s3_place.bucket,
        region=s3_place.region or "us-east-1",
        virtual=s3_place.is_virtual,
        credentials=lambda: Credentials(s3_place.access_key, s3_place.secret_key),
    )
    past = datetime.now(UTC) - timedelta(seconds=70)

    assert (await browser.get(signer.url("GET", key, expires_in_s=60, now=past))).status == 403
    assert (await browser.get(signer.url("GET", key, expires_in_s=600, now=past))).status == 200


class Road:
    """The way to S3, which breaks off when it is told to."""

    def __init__(self, place: S3Place) -> None:
        parts = urlsplit(place.endpoint)
        self._target = (parts.hostname, parts.port or 80)
        self.place = place
        self.breaks_after: list[int] = []  # for each connection, how many bytes get through
        self.carrying: list[Any] = []
        self._is_closed = False

    def cut(self) -> None:
        """Break all connections."""
        for each in self.carrying:
            each.cancel()

    def close(self) -> None:
        """Let nothing more through."""
        self._is_closed = True
        self.cut()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[S3BlobStore]:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with open_s3(replace(self.place, endpoint=f"http://127.0.0.1:{port}")) as store:
            yield store
        server.close()
        await asyncio.gather(*self.carrying, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.carrying.append(asyncio.current_task())
        most = self.breaks_after.pop(0) if self.breaks_after else 10**12
        if self._is_closed:
            writer.close()
            return
        there, back = await asyncio.open_connection(*self._target)
        ways = [
            asyncio.create_task(_pass_on(reader, back, 10**12)),
            asyncio.create_task(_pass_on(there, writer, most)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for each in (writer, back):
                each.close()
        await asyncio.gather(
            *ways, writer.wait_closed(), back.wait_closed(), return_exceptions=True
        )


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int) -> None:
    while most > 0 and (chunk := await reader.read(min(most, 65536))):
        most -= len(chunk)
        writer.write(chunk)
        await writer.drain()


async def test_a_stream_goes_on_after_connections_were_lost(
    s3_place: S3Place, s3_store: S3BlobStore, key: str
) -> None:
    await s3_store.put(key, DATA)
    road = Road(s3_place)
    road.breaks_after = [2_000_000, 1_500_000]

    async with road.opened() as store:
        found = b"".join([chunk async for chunk in store.stream(key, start=5, end=3_999_000)])

    assert found == DATA[5:3_999_000]
    assert len(road.carrying) == 3


async def test_asks_again_where_an_answer_was_lost(
    s3_place: S3Place, s3_store: S3BlobStore, key: str
) -> None:
    road = Road(s3_place)
    road.breaks_after = [0, 0]

    async with road.opened() as store:
        await store.put(key, b"hello")

    assert len(road.carrying) == 3
    assert await s3_store.read(key) == b"hello"


async def test_sends_a_part_again_whose_answer_was_lost(
    s3_place: S3Place, s3_store: S3BlobStore, key: str
) -> None:
    road = Road(s3_place)
    parts = [bytes([number]) * STREAM_PART_BYTES for number in range(3)]

    async def interrupted() -> AsyncIterator[bytes]:
        for part in parts:
            yield part
            road.cut()
            road.breaks_after = [0]

    async with road.opened() as store:
        digest = await store.put_stream(key, interrupted())

    assert road.breaks_after == []
    assert digest == await measure.digest(s3_store, key)
    assert digest == Digest(3 * STREAM_PART_BYTES, hashlib.sha256(b"".join(parts)).hexdigest())


async def test_nothing_is_kept_where_it_goes_away_amid_a_stream(
    s3_place: S3Place, s3_store: S3BlobStore, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_client, "ATTEMPTS", 1)
    road = Road(s3_place)

    async def cut_off() -> AsyncIterator[bytes]:
        yield bytes(STREAM_PART_BYTES + 1)
        road.close()
        yield bytes(STREAM_PART_BYTES)

    async with road.opened() as store:
        with pytest.raises(Unavailable, match="the blob store gives no answer"):
            await store.put_stream(key, cut_off())

    assert await s3_store.size(key) is None
    (left,) = [each async for each in s3_store.begun_parts(key)]  # nobody could abort it
    await s3_store.abort_parts(key, left.parts_id)
    assert [each async for each in s3_store.begun_parts(key)] == []


async def test_one_client_serves_many_at_once(s3_store: S3BlobStore) -> None:
    keys = [new_key("ns_s3") for _ in range(20)]

    await asyncio.gather(*(s3_store.put(each, each.encode()) for each in keys))

    found = await asyncio.gather(*(s3_store.read(each) for each in keys))
    assert found == [each.encode() for each in keys]


async def test_leaves_no_parts_of_a_stream_that_broke_off(
    s3_place: S3Place, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(STREAM_PART_BYTES + 1)
        raise ZeroDivisionError

    seen = []
    async with open_s3(s3_place) as store:
        begin = store.begin_parts

        async def begin_parts(key: str, *, mime_type: str) -> str:
            seen.append(await begin(key, mime_type=mime_type))
            return seen[-1]

        store.begin_parts = begin_parts  # type: ignore[method-assign]
        with pytest.raises(ZeroDivisionError):
            await store.put_stream(key, broken())

        with pytest.raises(LookupError):
            await store.parts(key, seen[0])
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_server_that_forgets_joined_uploads_is_asked_for_the_bytes(
    key: str, is_there: bool
) -> None:
    """AWS forgets them; Swift, on which the other tests run, does not."""

    async def answer(request: web.Request) -> web.Response:
        if request.method == "HEAD":
            return web.Response(body=b"hello", status=200 if is_there else 404)
        text = "<Error><Code>NoSuchUpload</Code><Message>forgotten</Message></Error>"
        return web.Response(status=404, text=text, content_type="application/xml")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        endpoint = f"http://127.0.0.1:{server.port}"
        place = S3Place(bucket="a", endpoint=endpoint, access_key="b", secret_key=MISSPELT)
        async with open_s3(place) as store:
            joining = store.join_parts(key, "id", [Part(1, 5, "e")])
            if is_there:
                await joining
            else:
                with pytest.raises(NoBytes):
                    await joining
