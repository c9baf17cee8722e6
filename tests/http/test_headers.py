"""What answers say to browsers, whoever wrote them."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from hashlib import sha256
from urllib.parse import urlsplit

import pytest

from gateway.settings import Settings

from .conftest import Served, Serving

NO_PAGE = "default-src 'none'; frame-ancestors 'none'"
PATHS = ["/graphql", "/graphql?query={__typename}", "/", "/healthz", "/readyz", "/nowhere"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_is_hardened(served: Served, method: str, path: str) -> None:
    asked = served.session.request(method, f"{served.url}{path}", allow_redirects=False)
    async with asked as answer:
        headers = answer.headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"] == NO_PAGE
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not {"Server", "X-Powered-By", "Strict-Transport-Security"} & headers.keys()


@pytest.mark.parametrize("request_text", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nA b: c\r\n\r\n"])
async def test_what_is_no_http_learns_nothing_of_the_software(
    served: Served, request_text: bytes
) -> None:
    address = urlsplit(served.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(request_text)
    answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.0 400")
    for word in (b"aiohttp", b"Python", b"Traceback"):
        assert word not in answer


async def test_answers_to_post_are_kept_by_nobody(served: Served) -> None:
    create = 'mutation { createApiKey(input: {name: "a", permissions: [READ]}) { secret } }'
    async with served.session.post(
        f"{served.url}/graphql", headers=served.headers, json={"query": create}
    ) as answer:
        shown = await answer.json()

    assert shown["data"]["createApiKey"]["secret"].startswith("sk_")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("public_url", "told"),
    [("https://gateway.example.org", "max-age=31536000"), ("http://gateway", None), ("", None)],
)
async def test_browsers_stay_with_https_where_it_is_public(
    serving: Serving, public_url: str, told: str | None
) -> None:
    async with (
        serving(Settings(public_url=public_url)) as served,
        served.session.get(f"{served.url}/healthz") as answer,
    ):
        assert answer.headers.get("Strict-Transport-Security") == told


async def test_the_page_may_run_what_is_written_in_it_and_no_more(served: Served) -> None:
    url = f"{served.url}/graphql"
    async with served.session.get(url, headers={"Accept": "text/html"}) as answer:
        html = await answer.text()
    parts = dict(
        each.split(" ", 1) for each in answer.headers["Content-Security-Policy"].split("; ")
    )

    assert parts["frame-ancestors"] == parts["base-uri"] == parts["default-src"] == "'none'"
    assert parts["connect-src"] == "'self'"
    allowed = parts["script-src"].split()
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:", "data:"} & set(allowed)
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", html, re.DOTALL)
    for attributes, text in scripts:
        if source := re.search(r'src="([^"]*)"', attributes):
            address = urlsplit(source[1])
            assert f"{address.scheme}://{address.netloc}" in allowed
        else:
            assert f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" in allowed
    assert len(scripts) > 2
