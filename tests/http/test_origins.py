"""Pages of other sites: what a browser is told, and which sockets are opened for it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from aiohttp import ClientResponse, WSServerHandshakeError
from multidict import CIMultiDict

from gateway.http.origins import Origins
from gateway.settings import InvalidSetting, Settings

from .conftest import Served, Serving

APP = "https://app.example.org"
OTHER = "https://elsewhere.example.net"
ASKS_FIRST = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x"}
VIEWER = {"query": "{ viewer { apiKey { name } } }"}
ALLOWED = "Access-Control-Allow-Origin"


def told(answer: ClientResponse) -> dict[str, str]:
    """Return what an answer says of other origins."""
    return {
        name: value
        for name, value in answer.headers.items()
        if name.startswith("Access-Control-") or name == "Vary"
    }


async def ask(
    served: Served, method: str, headers: Mapping[str, str], path: str = "/graphql"
) -> ClientResponse:
    body = VIEWER if method == "POST" else None
    url = f"{served.url}{path}"
    async with served.session.request(method, url, headers=headers, json=body) as answer:
        await answer.read()
        return answer


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "GET"])
async def test_by_default_no_page_may_read_an_answer(served: Served, method: str) -> None:
    answer = await ask(served, method, {"Origin": APP, **ASKS_FIRST, **served.headers})

    assert set(told(answer)) <= {"Vary"}
    assert "Origin" not in answer.headers.get("Vary", "")


async def test_a_page_that_is_named_may_ask_with_a_key(serving: Serving) -> None:
    async with serving(Settings(cors_origins=f"{APP}, http://localhost:5173")) as served:
        first = await ask(served, "OPTIONS", {"Origin": APP, **ASKS_FIRST})
        then = await ask(served, "POST", {"Origin": APP, **served.headers})

    assert (first.status, then.status) == (204, 200)
    assert told(first) == {
        ALLOWED: APP,
        "Access-Control-Allow-Methods": "GET, HEAD, POST",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key,"
        " X-Namespace, traceparent, tracestate, *",
        "Access-Control-Max-Age": "7200",
        "Vary": "Origin",
    } | ({"Vary": first.headers["Vary"]})
    assert first.headers["Vary"].endswith("Origin")
    assert told(then) == {
        ALLOWED: APP,
        "Access-Control-Expose-Headers": "Retry-After, X-Request-Id",
        "Vary": "Origin",
    }


async def test_errors_can_be_read_too(serving: Serving) -> None:
    async with serving(Settings(cors_origins=APP)) as served:
        nobody = await ask(served, "POST", {"Origin": APP})
        unknown = await ask(served, "DELETE", {"Origin": APP})

    assert (nobody.status, nobody.headers[ALLOWED]) == (401, APP)
    assert (unknown.status, unknown.headers[ALLOWED]) == (405, APP)


@pytest.mark.parametrize("origin", [OTHER, "null", f"{APP}.evil.example", f"{APP}:8443", APP[:-1]])
async def test_another_page_is_told_nothing_and_caches_know_why(
    serving: Serving, origin: str
) -> None:
    async with serving(Settings(cors_origins=APP)) as served:
        first = await ask(served, "OPTIONS", {"Origin": origin, **ASKS_FIRST})
        then = await ask(served, "POST", {"Origin": origin, **served.headers})
        from_no_page = await ask(served, "POST", served.headers)

    assert told(then) == told(from_no_page) == {"Vary": "Origin"}
    assert ALLOWED not in first.headers


async def test_a_cached_answer_to_get_is_for_one_origin(serving: Serving) -> None:
    path = "/graphql?query={__typename}"
    async with serving(Settings(cors_origins=APP)) as served:
        answer = await ask(served, "GET", {"Origin": APP, **served.headers}, path)

    assert answer.headers["Vary"] == "Accept, Authorization, X-Namespace, GraphQL-Cost, Origin"


async def test_a_star_allows_every_page_and_no_cookies(serving: Serving) -> None:
    async with serving(Settings(cors_origins="*")) as served:
        first = await ask(served, "OPTIONS", {"Origin": "null", **ASKS_FIRST})
        then = await ask(served, "POST", {"Origin": OTHER, **served.headers})

    assert (first.headers[ALLOWED], then.headers[ALLOWED]) == ("*", "*")
    assert "Vary" not in then.headers
    assert "Access-Control-Allow-Credentials" not in first.headers


async def test_only_the_endpoint_is_opened(serving: Serving) -> None:
    async with serving(Settings(cors_origins="*")) as served:
        answer = await ask(served, "GET", {"Origin": APP}, "/readyz")

    assert ALLOWED not in answer.headers


@pytest.mark.parametrize(
    ("cors", "public_url", "headers", "may"),
    [
        ("", "", {}, True),
        ("", "", {"Origin": "http://{host}"}, True),
        ("", "", {"Origin": "https://{host}"}, True),  # a proxy ends TLS
        ("", "", {"Origin": "http://127.0.0.1:1"}, False),
        ("", "", {"Origin": APP}, False),
        ("", "", {"Origin": "null"}, False),
        ("", "", {"Origin": ""}, False),
        ("", "", {"Origin": "nonsense"}, False),
        (APP, "", {"Origin": APP}, True),
        (APP, "", {"Origin": OTHER}, False),
        ("*", "", {"Origin": "null"}, True),
        ("", f"{APP}/", {"Origin": APP}, True),
        ("", APP, {"Origin": f"{APP}.evil.example"}, False),
        ("", "", {"Origin": APP, "Sec-Fetch-Site": "same-origin"}, True),
        ("", "", {"Origin": APP, "Sec-Fetch-Site": "same-site"}, False),
    ],
)
async def test_opens_sockets_for_its_own_pages_those_that_are_named_and_what_is_no_browser(
    serving: Serving, cors: str, public_url: str, headers: dict[str, str], may: bool
) -> None:
    async with serving(Settings(cors_origins=cors, public_url=public_url)) as served:
        host = served.url.removeprefix("http://")
        sent = {name: value.format(host=host) for name, value in headers.items()}
        try:
            async with served.session.ws_connect(
                f"{served.url}/graphql", protocols=["graphql-transport-ws"], headers=sent
            ) as socket:
                await socket.send_json({"type": "connection_init", "payload": served.headers})
                opened = (await socket.receive_json())["type"] == "connection_ack"
        except WSServerHandshakeError as refusal:
            opened = refusal.status != 403

    assert opened is may


def test_a_proxy_may_end_tls() -> None:
    headers = CIMultiDict({"origin": "https://gateway.example.org", "host": "gateway.example.org"})

    assert Origins().may_connect(headers)


@pytest.mark.parametrize(
    "text",
    ["https://a.example/", "https://a.example/app", "a.example", "null", "*,https://a.example"],
)
def test_refuses_what_is_no_origin(text: str) -> None:
    with pytest.raises(InvalidSetting, match=r"GATEWAY_CORS_ORIGINS.*no path"):
        Settings.from_environment({"GATEWAY_CORS_ORIGINS": text})


@pytest.mark.parametrize("text", ["HTTPS://App.example.org:443", f"{APP},{APP}"])
async def test_takes_origins_however_they_are_written(serving: Serving, text: str) -> None:
    async with serving(Settings.from_environment({"GATEWAY_CORS_ORIGINS": text})) as served:
        answer = await ask(served, "POST", {"Origin": APP, **served.headers})

    assert answer.headers[ALLOWED] == APP
