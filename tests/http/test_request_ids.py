"""The id of each request: taken or made, in the answer, in the log."""

from __future__ import annotations

import re

import pytest

from .conftest import Served

VIEWER = "{ viewer { namespace { namespaceName } } }"
MADE = re.compile(r"[0-9a-f]{32}")


async def ids(served: Served, path: str, **headers: str) -> list[str]:
    async with served.session.get(served.url + path, headers=headers) as answer:
        return answer.headers.getall("X-Request-Id")


@pytest.mark.parametrize(
    "path",
    ["/graphql", "/graphql?query={__typename}", "/healthz", "/", "/nowhere", "/blobs/unsigned"],
)
async def test_every_answer_says_it(served: Served, path: str) -> None:
    assert await ids(served, path, **{"X-Request-Id": "abc-1"}) == ["abc-1"]


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, "<script>", "\u00e4"])
async def test_makes_one_in_place_of_what_is_no_id(served: Served, given: str) -> None:
    (made,) = await ids(served, "/healthz", **{"X-Request-Id": given})

    assert MADE.fullmatch(made)


async def test_each_request_on_a_connection_has_its_own(served: Served) -> None:
    given = await ids(served, "/healthz", **{"X-Request-Id": "abc-1"})
    made = {(await ids(served, "/healthz"))[0] for _ in range(20)}

    assert given == ["abc-1"]
    assert len(made) == 20
    assert all(map(MADE.fullmatch, made))


async def test_a_socket_is_told_one_when_it_opens(served: Served) -> None:
    socket = served.session.ws_connect(
        f"{served.url}/graphql",
        protocols=["graphql-transport-ws"],
        headers={"X-Request-Id": "abc-1"},
    )
    async with socket as ws:
        assert ws._response.headers["X-Request-Id"] == "abc-1"
