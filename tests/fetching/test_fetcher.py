from __future__ import annotations

import asyncio
import gzip
import hashlib
import logging
import shutil
import socket
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from gateway.errors import FetchFailed
from gateway.fetching.addresses import Addresses
from gateway.fetching.fetcher import Fetched, Fetcher
from gateway.fetching.looking_up import LookUp, look_up_by_system
from gateway.fetching.rules import FetchRules
from gateway.fetching.urls import BadUrl
from tests.fetching.sites import Site, endless, ok, redirect, site

NOT_REACHED = "no server was reached"


def rules(*sites: Site, allow: str = "127.0.0.1/32", **changes: Any) -> FetchRules:
    """Return rules that open ``allow`` and the ports of the sites."""
    return FetchRules(
        ports=frozenset({80, 443, *(each.port for each in sites)}),
        addresses=Addresses([ip_network(allow)]),
        **changes,
    )


async def body_of(fetcher: Fetcher, url: str) -> bytes:
    async with fetcher.open(url) as fetched:
        return b"".join([chunk async for chunk in fetched.chunks])


async def opened(fetcher: Fetcher, url: str) -> Fetched:
    async with fetcher.open(url) as fetched:
        return fetched


async def reason(fetcher: Fetcher, url: str) -> str:
    """Return why a fetch fails, which its message says after the URL without its query."""
    with pytest.raises(FetchFailed) as failure:
        await body_of(fetcher, url)
    shown, _, why = failure.value.message.partition(" cannot be fetched: ")
    assert shown == str(URL(url).with_query(None).with_fragment(None))
    return why


def answering(*answers: list[str]) -> tuple[LookUp, list[str]]:
    """Return a look-up that gives these answers one after the other, and what it was asked."""
    asked: list[str] = []

    async def look_up(host: str) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    return look_up, asked


# ------------------------------------------------------------------ what goes well


async def test_gives_the_bytes_and_what_the_server_says_of_them() -> None:
    headers = ("Content-Type: image/png", 'Content-Disposition: attachment; filename="b.png"')
    async with (
        site(ok(b"hello", *headers)) as here,
        Fetcher(rules(here)).open(here.url("/a.png?signature=1#top")) as fetched,
    ):
        body = b"".join([chunk async for chunk in fetched.chunks])

    assert body == b"hello"
    assert (fetched.size_bytes, fetched.content_type, fetched.filename) == (5, "image/png", "b.png")
    assert here.requests[0].startswith("GET /a.png?signature=1 HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{here.port}\r\n" in here.requests[0]
    assert "Accept-Encoding: identity\r\n" in here.requests[0]


async def test_gives_large_bytes_in_pieces_of_bounded_size() -> None:
    piece = bytes(range(256)) * 4096

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(32):
            await response.write(piece)
        return response

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app) as server:
        here = Site("127.0.0.1", server.port or 0)
        digest, largest = hashlib.sha256(), 0
        async with Fetcher(rules(here)).open(here.url()) as fetched:
            async for chunk in fetched.chunks:
                digest.update(chunk)
                largest = max(largest, len(chunk))

    assert fetched.size_bytes is None
    assert digest.digest() == hashlib.sha256(piece * 32).digest()
    assert largest <= 512 * 1024


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (None, "a b.png"),
        ("inline", "a b.png"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        (r'attachment; filename="c:\\x\\y.png"', "y.png"),
        ("attachment; filename*=UTF-8''%C3%BC.png", "ü.png"),
        ('attachment; filename=""', "a b.png"),
        ("???;;==", "a b.png"),
    ],
)
async def test_a_name_is_that_of_the_header_or_the_path(header: str | None, name: str) -> None:
    headers = [] if header is None else [f"Content-Disposition: {header}"]
    async with site(ok(b"", *headers)) as here:
        fetched = await opened(Fetcher(rules(here)), here.url("/b/a%20b.png"))

    assert fetched.filename == name


async def test_no_name_where_there_is_none() -> None:
    async with site(ok(b"")) as here:
        assert (await opened(Fetcher(rules(here)), here.url("/"))).filename is None


async def test_reads_to_the_end_where_no_size_is_declared() -> None:
    async with site(b"HTTP/1.0 200 OK\r\n\r\nhello") as here:
        assert await body_of(Fetcher(rules(here)), here.url()) == b"hello"


async def test_leaves_the_environments_proxies_and_passwords_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password secret")
    monkeypatch.setenv("NETRC", str(netrc))
    async with site(b"") as proxy, site(ok(b"hello")) as here:
        monkeypatch.setenv("http_proxy", proxy.url())

        body = await body_of(Fetcher(rules(here)), here.url())

    assert body == b"hello"
    assert proxy.connections == 0
    assert "authorization" not in here.requests[0].lower()


async def test_keeps_no_cookies() -> None:
    async with site(ok(b"", "Set-Cookie: a=1; Path=/")) as here:
        fetcher = Fetcher(rules(here))
        await body_of(fetcher, here.url())
        await body_of(fetcher, here.url())

    assert "cookie" not in here.requests[1].lower()


# ------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "localhost",
        "localhost.",
    ],
)
async def test_a_server_of_the_gateways_own_machine_is_not_reached(host: str) -> None:
    async with site(ok(b"secret")) as here:
        fetcher = Fetcher(replace(rules(here), addresses=Addresses()))
        why = await reason(fetcher, here.url(host=host))

    assert NOT_REACHED in why
    assert here.connections == 0


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://0.0.0.0/"],
)
async def test_metadata_of_clouds_is_not_reached(url: str) -> None:
    assert NOT_REACHED in await reason(Fetcher(FetchRules()), url)


async def test_a_name_that_leads_inside_is_not_reached() -> None:
    look_up, asked = answering(["169.254.169.254"])

    why = await reason(Fetcher(FetchRules(), look_up=look_up), "http://pictures.example/")

    assert NOT_REACHED in why
    assert "169.254" not in why
    assert asked == ["pictures.example"]


async def test_one_address_inside_shuts_out_the_others_of_the_name() -> None:
    async with site(ok(b"hello")) as here:
        look_up, _ = answering(["127.0.0.1", "127.0.0.2"])

        why = await reason(Fetcher(rules(here), look_up=look_up), here.url(host="two.example"))

    assert NOT_REACHED in why
    assert here.connections == 0


async def test_a_name_that_changes_its_address_gets_nowhere_else() -> None:
    """The second answer, of which DNS rebinding lives, is never asked for."""
    async with (
        site(ok(b"hello"), host="127.0.0.2") as outside,
        site(ok(b"secret"), host="127.0.0.3", port=outside.port) as inside,
    ):
        look_up, asked = answering(["127.0.0.2"], ["127.0.0.3"])
        fetcher = Fetcher(rules(outside, allow="127.0.0.2/32"), look_up=look_up)

        body = await body_of(fetcher, outside.url(host="rebinding.example"))

        assert body == b"hello"
        assert f"Host: rebinding.example:{outside.port}" in outside.requests[0]
        assert asked == ["rebinding.example"]
        # And whoever comes back to it is checked anew.
        assert NOT_REACHED in await reason(fetcher, outside.url(host="rebinding.example"))
        assert (len(asked), inside.connections) == (2, 0)


async def test_a_name_that_changes_its_address_between_redirects_gets_nowhere_else() -> None:
    async with (
        site(redirect("/again"), host="127.0.0.2") as outside,
        site(ok(b"secret"), host="127.0.0.3", port=outside.port) as inside,
    ):
        look_up, asked = answering(["127.0.0.2"], ["127.0.0.3"])
        fetcher = Fetcher(rules(outside, allow="127.0.0.2/32"), look_up=look_up)

        why = await reason(fetcher, outside.url(host="rebinding.example"))

    assert NOT_REACHED in why
    assert (len(asked), inside.connections) == (2, 0)


async def test_tells_alike_of_what_is_and_is_not_there_inside() -> None:
    async with site(ok(b"secret")) as here:
        shut = Fetcher(replace(rules(here), addresses=Addresses()))
        there = await reason(shut, here.url())
    gone = await reason(shut, here.url())
    closed = await reason(Fetcher(rules(here)), here.url())
    unknown, _ = answering([])
    nobody = await reason(Fetcher(rules(here), look_up=unknown), "http://nobody.example/")

    assert there == gone == closed == nobody


async def test_the_systems_look_up_finds_names_of_this_machine() -> None:
    assert "127.0.0.1" in await look_up_by_system("localhost")
    with pytest.raises(socket.gaierror):
        await look_up_by_system("nobody.invalid")


async def test_a_name_without_an_address_is_not_reached() -> None:
    assert NOT_REACHED in await reason(Fetcher(FetchRules()), "http://nobody.invalid/")


async def test_the_operator_is_told_more(caplog: pytest.LogCaptureFixture) -> None:
    look_up, _ = answering(["10.0.0.1"])

    with caplog.at_level(logging.INFO):
        await reason(Fetcher(FetchRules(), look_up=look_up), "http://a.example/?signature=secret")

    assert "a.example is at 10.0.0.1" in caplog.text
    assert "secret" not in caplog.text


async def test_a_url_is_refused_as_it_is_written_before_anything_is_looked_up() -> None:
    look_up, asked = answering()

    with pytest.raises(BadUrl):
        await body_of(Fetcher(FetchRules(), look_up=look_up), "https://me:secret@example.com/")

    assert asked == []


# ------------------------------------------------------------------ redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_follows_redirects(status: int) -> None:
    async with site(ok(b"hello")) as there, site(redirect(there.url(), status)) as here:
        assert await body_of(Fetcher(rules(here, there)), here.url()) == b"hello"


def hops(most: int) -> Callable[[str, asyncio.StreamWriter], Awaitable[None]]:
    """Return what redirects from /0 to /1 and so on, and answers /``most``."""

    async def answer(head: str, writer: asyncio.StreamWriter) -> None:
        step = int(head.split()[1].removeprefix("/"))
        writer.write(ok(b"hello") if step == most else redirect(f"{step + 1}"))

    return answer


async def test_follows_five_redirects() -> None:
    async with site(hops(5)) as here:
        fetched = await opened(Fetcher(rules(here)), here.url("/0"))

    assert fetched.filename == "0"  # the name under which it was asked for


async def test_follows_no_sixth() -> None:
    async with site(hops(6)) as here:
        assert "redirects more than 5 times" in await reason(Fetcher(rules(here)), here.url("/0"))

    assert len(here.requests) == 6


async def test_a_loop_ends() -> None:
    async with site(redirect("/")) as here:
        assert "redirects more than 5 times" in await reason(Fetcher(rules(here)), here.url())


@pytest.mark.parametrize("host", ["127.0.0.2", "[::ffff:127.0.0.2]", "inside.example"])
async def test_a_redirect_that_leads_inside_is_not_followed(host: str) -> None:
    async with site(ok(b"secret"), host="127.0.0.2") as inside:
        look_up, _ = answering(["127.0.0.2"])
        async with site(redirect(inside.url("/?token=x", host=host))) as here:
            why = await reason(Fetcher(rules(here, inside), look_up=look_up), here.url())

    assert NOT_REACHED in why
    assert host not in why
    assert inside.connections == 0


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "http://me:secret@127.0.0.1/",
        "http://127.0.0.1:22/",
        "http://2130706433/",
        "http://[fe80::1%25eth0]/",
        "http://a b/",
        "http://[",
    ],
)
async def test_a_redirect_is_read_as_strictly_as_the_url(location: str) -> None:
    async with site(redirect(location)) as here:
        why = await reason(Fetcher(rules(here)), here.url())

    assert why == "it redirects to what may not be fetched"


async def test_a_redirect_to_nowhere_ends() -> None:
    async with site(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n") as here:
        why = await reason(Fetcher(rules(here)), here.url())

    assert why == "it redirects to what may not be fetched"


# ------------------------------------------------------------------ answers that are not kept


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oops", "201 Made", "206 Partial"])
async def test_an_answer_other_than_200_is_not_kept(status: str) -> None:
    body = b"HTTP/1.1 " + status.encode() + b"\r\nContent-Length: 6\r\n\r\nsecret"
    async with site(body) as here:
        why = await reason(Fetcher(rules(here)), here.url())

    assert why == f"the server answered {status[:3]} instead of 200"


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "identity, gzip", "deflate"])
async def test_packed_bytes_are_refused_unread(encoding: str) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    async with site(ok(bomb, f"Content-Encoding: {encoding}")) as here:
        why = await reason(Fetcher(rules(here, most_bytes=20_000)), here.url())

    assert "compressed" in why


async def test_packed_transfers_are_refused() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
    async with site(answer) as here:
        assert "compressed" in await reason(Fetcher(rules(here)), here.url())


async def test_a_file_that_is_gzip_itself_is_kept_as_it_is() -> None:
    packed = gzip.compress(b"hello")
    async with site(ok(packed, "Content-Type: application/gzip")) as here:
        assert await body_of(Fetcher(rules(here)), here.url()) == packed


async def test_too_large_a_size_is_refused_before_the_first_byte() -> None:
    async with site(ok(b"", size=11)) as here:
        why = await reason(Fetcher(rules(here, most_bytes=10)), here.url())

    assert why == "it has 11 bytes; the most is 10"


async def test_as_many_bytes_as_allowed_are_kept() -> None:
    async with site(ok(b"0123456789")) as here:
        assert await body_of(Fetcher(rules(here, most_bytes=10)), here.url()) == b"0123456789"


async def test_an_endless_stream_ends() -> None:
    async with site(endless) as here:
        why = await reason(Fetcher(rules(here, most_bytes=1_000_000)), here.url())

    assert why == "it has more than 1000000 bytes, which is the most"


@pytest.mark.parametrize(
    "answer",
    [
        ok(b"hell", size=5),
        ok(b"", size=5),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhell",
    ],
)
async def test_a_body_that_is_cut_off_fails(answer: bytes) -> None:
    async with site(answer) as here:
        assert await reason(Fetcher(rules(here)), here.url()) == (
            "it ended before all of it had come"
        )


@pytest.mark.parametrize(
    "answer",
    [
        b"hello\r\n\r\n",
        ok(b"hello and more", size=5),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_not_valid_http_fails(answer: bytes) -> None:
    async with site(answer) as here:
        assert (
            await reason(Fetcher(rules(here)), here.url())
            == "the server's answer is not valid HTTP"
        )


async def test_a_server_that_hangs_up_fails() -> None:
    async with site(b"") as here:
        why = await reason(Fetcher(rules(here)), here.url())

    assert why == "the server closed the connection before it had answered"


# ------------------------------------------------------------------ time


async def test_a_server_that_says_nothing_fails() -> None:
    async def answer(_: str, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with site(answer) as here:
        why = await reason(Fetcher(rules(here, connect_s=0.1, idle_s=0.1)), here.url())

    assert why == "nothing came for 0.2 s"


@pytest.mark.parametrize("stalled", [b"HTTP/1.1 200 OK\r\nContent-Le", ok(b"hell", size=5)])
async def test_a_server_that_stops_amid_its_answer_fails(stalled: bytes) -> None:
    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(stalled)
        await asyncio.Event().wait()

    async with site(answer) as here:
        why = await reason(Fetcher(rules(here, connect_s=0.1, idle_s=0.1)), here.url())

    assert why in ("nothing came for 0.2 s", "nothing came for 0.1 s")


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
async def test_a_server_that_drips_fails(begin: bytes) -> None:
    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with site(answer) as here:
        why = await reason(Fetcher(rules(here, total_s=0.3)), here.url())

    assert why == "it takes too long as a whole"


async def test_headers_that_drip_end_before_the_whole_time_is_over() -> None:
    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with site(answer) as here:
        why = await reason(Fetcher(rules(here, connect_s=0.1, idle_s=0.1)), here.url())

    assert why == "nothing came for 0.2 s"


async def test_a_name_that_nobody_answers_for_is_not_reached() -> None:
    async def look_up(_: str) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    fetcher = Fetcher(FetchRules(connect_s=0.1, idle_s=10), look_up=look_up)

    assert NOT_REACHED in await reason(fetcher, "http://slow.example/")


async def test_who_reads_slowly_is_not_taken_for_a_slow_server() -> None:
    async with site(ok(bytes(3_000_000))) as here:
        fetcher = Fetcher(rules(here, idle_s=0.2))
        size_bytes = 0
        async with fetcher.open(here.url()) as fetched:
            async for chunk in fetched.chunks:
                if size_bytes == 0:
                    await asyncio.sleep(0.5)
                size_bytes += len(chunk)

    assert size_bytes == 3_000_000


async def test_who_stops_reading_leaves_nothing_open() -> None:
    gone = asyncio.Event()

    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhello")
        try:
            while True:
                writer.write(bytes(65_536))
                await writer.drain()
        except ConnectionError:
            gone.set()

    async with site(answer) as here:
        await opened(Fetcher(rules(here)), here.url())
        async with asyncio.timeout(10):
            await gone.wait()


# ------------------------------------------------------------------ TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of pictures.example, signed by itself, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "made.pem", folder / "key.pem"
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    names = ["-subj", "/CN=pictures.example", "-addext", "subjectAltName=DNS:pictures.example"]
    subprocess.run(
        [openssl, *options.split(), "-keyout", str(key), "-out", str(made), *names],
        check=True,
        capture_output=True,
    )
    made.write_text(made.read_text() + key.read_text())
    return made


@pytest.fixture
def tls(certificate: Path) -> SSLContext:
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_certificate_nobody_vouches_for_is_refused(tls: SSLContext) -> None:
    async with site(ok(b"hello"), tls=tls) as here:
        look_up, _ = answering(["127.0.0.1"])
        url = here.url(host="pictures.example", scheme="https")

        why = await reason(Fetcher(rules(here), look_up=look_up), url)

    assert why == "its TLS certificate or handshake is not valid"
    assert here.requests == []


async def test_a_certificate_is_checked_for_the_name(
    tls: SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with site(ok(b"hello"), tls=tls) as here:
        for host, expected in (("pictures.example", b"hello"), ("other.example", None)):
            look_up, _ = answering(["127.0.0.1"])
            fetcher = Fetcher(rules(here), look_up=look_up)
            url = here.url(host=host, scheme="https")
            if expected is None:
                assert "TLS" in await reason(fetcher, url)
            else:
                assert await body_of(fetcher, url) == expected


async def test_no_redirect_leads_from_https_to_http(
    tls: SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with site(ok(b"altered")) as there, site(redirect(there.url()), tls=tls) as here:
        look_up, _ = answering(["127.0.0.1"])
        url = here.url(host="pictures.example", scheme="https")

        why = await reason(Fetcher(rules(here, there), look_up=look_up), url)

    assert why == "it redirects from https to http, where anyone may alter it"
    assert there.connections == 0
