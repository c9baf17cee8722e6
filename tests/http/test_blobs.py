from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
from aiohttp import ClientSession, parse_content_disposition, web
from multidict import CIMultiDictProxy
from yarl import URL

from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import Link, UrlSigner
from gateway.blobs.store import new_key
from gateway.http import blobs
from gateway.http.blobs import blob_routes

DATA = bytes(range(256))
KEY = new_key("ns_a")
TOKEN = KEY.partition("/")[2]


@dataclass
class Answer:
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def code(self) -> str:
        return str(self.error["extensions"]["code"])

    @property
    def error(self) -> Any:
        (error,) = json.loads(self.body)["errors"]
        return error


class Server:
    """A store behind a real port, holding ``DATA``."""

    def __init__(self, store: LocalBlobStore, folder: Path, session: ClientSession) -> None:
        self.store = store
        self.folder = folder
        self._session = session

    def link(self, filename: str | None = "a.png", mime_type: str | None = "image/png") -> str:
        return self.store.download_url(
            KEY, expires_in_s=3600, filename=filename, mime_type=mime_type
        )

    async def until_drafts(self, count: int) -> None:
        """Return once so many uploads are being written."""
        async with asyncio.timeout(20):
            while count != len(list((self.folder / "tmp").iterdir())):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def ask(
        self, url: str, method: str = "GET", body: bytes | None = None, /, **headers: str
    ) -> Answer:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.request(
            method,
            URL(url, encoded=True),
            data=body,
            headers=names,
            skip_auto_headers=["Content-Type"],
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    listening = socket.create_server(("127.0.0.1", 0))
    signer = UrlSigner(b"secret", public_url=f"http://127.0.0.1:{listening.getsockname()[1]}")
    store = LocalBlobStore(tmp_path / "blobs", signer)
    await store.put(KEY, DATA)
    app = web.Application()
    app.add_routes(blob_routes(store))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    async with ClientSession() as session:
        yield Server(store, tmp_path / "blobs", session)
    await runner.cleanup()


async def test_a_link_gives_the_exact_bytes(server: Server) -> None:
    answer = await server.ask(server.link())

    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Length"] == "256"
    assert answer.headers["ETag"] == f'"{TOKEN}"'
    assert answer.headers["Accept-Ranges"] == "bytes"


async def test_head_gives_the_headers_alone(server: Server) -> None:
    answer = await server.ask(server.link(), "HEAD")

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == "256"
    assert answer.headers["Content-Type"] == "image/png"


async def test_bytes_may_be_cached_by_their_reader_until_the_link_expires(server: Server) -> None:
    link = Link(KEY, int(time.time()) + 100_000, None, None)

    answer = await server.ask(server.store.signer.url("GET", link))

    private, age, immutable = answer.headers["Cache-Control"].split(", ")
    assert (private, immutable) == ("private", "immutable")
    assert 99_000 < int(age.removeprefix("max-age=")) <= 100_000


@pytest.mark.parametrize(
    ("wanted", "given", "body"),
    [
        ("bytes=0-9", "bytes 0-9/256", DATA[:10]),
        ("bytes=250-", "bytes 250-255/256", DATA[250:]),
        ("bytes=250-999", "bytes 250-255/256", DATA[250:]),
        ("bytes=-6", "bytes 250-255/256", DATA[250:]),
    ],
)
async def test_serves_a_range(server: Server, wanted: str, given: str, body: bytes) -> None:
    answer = await server.ask(server.link(), Range=wanted)

    assert (answer.status, answer.body) == (206, body)
    assert answer.headers["Content-Range"] == given
    assert answer.headers["ETag"] == f'"{TOKEN}"'


async def test_refuses_a_range_beyond_the_end(server: Server) -> None:
    answer = await server.ask(server.link(), Range="bytes=256-")

    assert (answer.status, answer.body) == (416, b"")
    assert answer.headers["Content-Range"] == "bytes */256"


@pytest.mark.parametrize("etags", [f'"{TOKEN}"', f'W/"{TOKEN}"', f'"other", "{TOKEN}"', "*"])
async def test_sends_nothing_to_who_has_the_bytes(server: Server, etags: str) -> None:
    answer = await server.ask(server.link(), If_None_Match=etags)

    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["ETag"] == f'"{TOKEN}"'


async def test_sends_all_to_who_has_other_bytes(server: Server) -> None:
    answer = await server.ask(server.link(), If_None_Match='"other"')

    assert (answer.status, answer.body) == (200, DATA)


@pytest.mark.parametrize(("etags", "status"), [(f'"{TOKEN}"', 206), ("*", 206), ('"other"', 412)])
async def test_goes_on_only_with_the_same_bytes(server: Server, etags: str, status: int) -> None:
    answer = await server.ask(server.link(), If_Match=etags, Range="bytes=0-9")

    assert answer.status == status
    assert answer.body == (DATA[:10] if status == 206 else b"")


@pytest.mark.parametrize(
    ("name", "in_ascii"),
    [
        ("a b.png", "a b.png"),
        ("überblick 😀.pdf", "_berblick _.pdf"),
        ('a"b;c=d%41.png', "a_b;c=d_41.png"),
        ("%0d%0aX: y", "_0d_0aX: y"),
    ],
)
async def test_saves_under_the_blobs_name(server: Server, name: str, in_ascii: str) -> None:
    answer = await server.ask(server.link(filename=name))

    kind, names = parse_content_disposition(answer.headers["Content-Disposition"])
    assert kind == "attachment"
    assert names == {"filename": in_ascii, "filename*": name}


async def test_a_name_cannot_add_a_header(server: Server) -> None:
    answer = await server.ask(server.link(filename='a\r\nSet-Cookie: b=c\r\n\r\n<script>"'))

    assert answer.status == 200
    assert "Set-Cookie" not in answer.headers
    assert answer.body == DATA


async def test_saves_under_the_key_without_a_name(server: Server) -> None:
    answer = await server.ask(server.link(filename=None, mime_type=None))

    assert f'filename="{TOKEN}"' in answer.headers["Content-Disposition"]
    assert answer.headers["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "mime_type", ["text/html", "image/svg+xml", "application/xml", "text/javascript", "image/png"]
)
async def test_a_browser_runs_nothing(server: Server, mime_type: str) -> None:
    answer = await server.ask(server.link(mime_type=mime_type))

    assert answer.headers["Content-Type"] == mime_type
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize(
    ("part", "other"),
    [
        (TOKEN, "0" * 64),
        ("ns_a", "ns_b"),
        ("type=image", "type=text"),
        ("filename=a", "filename=b"),
        ("signature=", "signature=0"),
        ("signature=", "signature=%ff"),
        ("expires=", "expires=9"),
        ("expires=", "no="),
    ],
)
async def test_refuses_an_altered_link(server: Server, part: str, other: str) -> None:
    answer = await server.ask(server.link().replace(part, other, 1))

    assert (answer.status, answer.code) == (403, "FORBIDDEN")
    assert answer.headers["Cache-Control"] == "no-store"


async def test_refuses_an_expired_link(server: Server) -> None:
    link = Link(KEY, int(time.time()) - 1, "a.png", "image/png")

    answer = await server.ask(server.store.signer.url("GET", link))

    assert (answer.status, answer.code) == (403, "FORBIDDEN")
    assert "expired" in answer.error["message"]


@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH"])
async def test_a_link_allows_reading_only(server: Server, method: str) -> None:
    answer = await server.ask(server.link(), method)

    assert (answer.status, answer.code) == (403, "FORBIDDEN")
    assert await server.store.read(KEY) == DATA


async def test_a_page_of_any_origin_may_ask(server: Server) -> None:
    answer = await server.ask(
        server.link(),
        "OPTIONS",
        Origin="https://app.test",
        Access_Control_Request_Method="PUT",
        Access_Control_Request_Headers="content-type",
    )

    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"].split(", ")
    assert answer.headers["Access-Control-Allow-Headers"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Range": "bytes=0-9"}, 206),
        ({"Range": "bytes=256-"}, 416),
        ({"If-None-Match": "*"}, 304),
        ({"If-Match": '"other"'}, 412),
    ],
)
async def test_a_page_can_read_each_answer(
    server: Server, headers: dict[str, str], status: int
) -> None:
    answer = await server.ask(server.link(), Origin="https://app.test", **headers)

    assert answer.status == status
    assert_readable(answer)


async def test_a_page_can_read_what_its_uploads_are_answered(server: Server) -> None:
    store, key = server.store, new_key("ns_a")
    parts_id = await store.begin_parts(key, mime_type="image/png")
    part = store.part_target(key, parts_id, 1, expires_in_s=60, size_bytes=len(DATA))
    whole = store.upload_target(
        key, expires_in_s=60, size_bytes=len(DATA), mime_type="image/png", sha256=None
    )

    of_part = await server.ask(part.url, "PUT", DATA, Origin="https://app.test")
    of_whole = await server.ask(
        whole.url, "PUT", DATA, Origin="https://app.test", Content_Type="image/png"
    )
    too_short = await server.ask(
        whole.url, "PUT", DATA[1:], Origin="https://app.test", Content_Type="image/png"
    )

    assert (of_part.status, of_whole.status, too_short.status) == (200, 200, 403)
    assert of_part.headers["ETag"]
    for answer in (of_part, of_whole, too_short):
        assert_readable(answer)


async def test_a_page_can_read_why_it_is_refused(server: Server) -> None:
    altered = await server.ask(server.link() + "0", Origin="https://app.test")
    await server.store.delete(KEY)
    gone = await server.ask(server.link(), Origin="https://app.test")

    assert (altered.status, gone.status) == (403, 404)
    assert_readable(altered)
    assert_readable(gone)


def assert_readable(answer: Answer) -> None:
    """Assert that a browser gives a page of another origin the answer, and what is told of it."""
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@pytest.mark.parametrize("key", ["", "%ff", "..%2f..%2fetc%2fpasswd", "ns_a/%00"])
async def test_refuses_a_key_that_was_never_signed(server: Server, key: str) -> None:
    link = URL(server.link(), encoded=True)

    answer = await server.ask(f"{link.origin()}/blobs/{key}?{link.raw_query_string}")

    assert answer.status in (403, 404)
    assert b"Traceback" not in answer.body


async def test_bytes_that_are_gone_are_not_found(server: Server) -> None:
    await server.store.delete(KEY)

    answer = await server.ask(server.link())

    assert (answer.status, answer.code) == (404, "NOT_FOUND")


async def test_a_store_that_gives_no_answer_is_told_without_its_place(server: Server) -> None:
    path = server.store.path(KEY)
    path.unlink()
    path.parent.rmdir()
    path.parent.touch()

    answer = await server.ask(server.link())

    assert (answer.status, answer.code) == (503, "UNAVAILABLE")
    assert str(path.parent.parent).encode() not in answer.body


async def test_serves_many_at_once(server: Server) -> None:
    data = b"x" * 3_000_000
    key = new_key("ns_a")
    await server.store.put(key, data)
    url = server.store.download_url(key, expires_in_s=60, filename=None, mime_type=None)

    answers = await asyncio.gather(*(server.ask(url) for _ in range(8)))

    assert all(answer.body == data for answer in answers)


class Uploading:
    """A connection on which a PUT of ``DATA`` has begun."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def begun(cls, server: Server, key: str, *, length: str) -> Self:
        target = server.store.upload_target(
            key, expires_in_s=60, size_bytes=len(DATA), mime_type="image/png", sha256=None
        )
        url = URL(target.url, encoded=True)
        uploading = cls(*await asyncio.open_connection(url.host, url.port))
        head = f"PUT {url.raw_path_qs} HTTP/1.1\r\nHost: {url.host}\r\n{length}\r\n"
        uploading.send(f"{head}Content-Type: image/png\r\nConnection: close\r\n\r\n".encode())
        return uploading

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> bytes:
        """Return the answer, and hang up: the server waits some seconds for the rest of a body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        assert length is not None
        body = await self.reader.readexactly(int(length[1]))
        await self.hang_up()
        return head + body

    async def hang_up(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def test_an_upload_needs_its_length(server: Server) -> None:
    key = new_key("ns_a")
    uploading = await Uploading.begun(server, key, length="Transfer-Encoding: chunked")
    uploading.send(b"100\r\n" + DATA + b"\r\n0\r\n\r\n")

    answer = await uploading.answer()

    assert answer.startswith(b"HTTP/1.1 411 ")
    assert b"Content-Length is missing" in answer
    assert await server.store.size(key) is None


async def test_nothing_is_kept_of_an_upload_that_breaks_off(server: Server) -> None:
    key = new_key("ns_a")
    uploading = await Uploading.begun(server, key, length=f"Content-Length: {len(DATA)}")
    uploading.send(DATA[:100])
    await server.until_drafts(1)

    await uploading.hang_up()

    await server.until_drafts(0)
    assert await server.store.size(key) is None


async def test_an_upload_that_stalls_is_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "STALL_S", 0.05)
    key = new_key("ns_a")
    uploading = await Uploading.begun(server, key, length=f"Content-Length: {len(DATA)}")
    uploading.send(DATA[:100])

    answer = await uploading.answer()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert await server.store.size(key) is None
    await server.until_drafts(0)


async def test_a_disk_that_refuses_is_told(server: Server) -> None:
    key = new_key("ns_a")
    (server.folder / "tmp").rmdir()
    uploading = await Uploading.begun(server, key, length=f"Content-Length: {len(DATA)}")
    uploading.send(DATA)

    answer = await uploading.answer()

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"UNAVAILABLE" in answer
    assert str(server.folder).encode() not in answer
