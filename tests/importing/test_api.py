"""What an import does with answers that no gateway of the tests gives when it is asked to."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway import remote
from gateway.importing.api import Api
from gateway.remote import Refusal, RemoteGateway

BUCKET = {"id": "bkt_1", "bucketName": "a", "bucketSchema": {}}


def refused(code: str) -> dict[str, Any]:
    return {"errors": [{"message": code, "extensions": {"code": code}}]}


async def find_bucket(
    *answers: dict[str, Any] | tuple[int, str], kind: type[RemoteGateway] = Api
) -> tuple[dict[str, Any], list[str]]:
    """Ask a gateway that gives these answers one after the other; return what is told of it too.

    Args:
        answers: Of the gateway; or status and text of what stands before it.
    """
    waiting = list(answers)
    told: list[str] = []

    async def answer(_: web.Request) -> web.Response:
        given = waiting.pop(0)
        if isinstance(given, tuple):
            return web.Response(status=given[0], text=given[1])
        return web.json_response(given)

    app = web.Application()
    app.router.add_post("/graphql", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        gateway = kind(
            session,
            url=str(server.make_url("")),
            key="sk_1",
            namespace="default",
            on_retry=lambda why: told.append(str(why)),
        )
        return await gateway.find_bucket("a"), told


@pytest.mark.parametrize("code", ["UNAVAILABLE", "DEADLINE_EXCEEDED"])
async def test_what_may_pass_is_tried_again(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSES_S", (0, 0, 0))

    found, told = await find_bucket(refused(code), refused(code), {"data": {"bucket": BUCKET}})

    assert found == BUCKET
    assert told == [code]


async def test_what_is_refused_is_not_tried_again() -> None:
    with pytest.raises(Refusal, match="FORBIDDEN"):
        await find_bucket(refused("FORBIDDEN"), {"data": {"bucket": BUCKET}})


async def test_a_key_that_asks_too_often_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSES_S", (0,))
    too_often = refused("LIMIT_EXCEEDED")
    too_often["errors"][0]["extensions"]["retryAfter"] = 0.35

    found, _ = await find_bucket(too_often, {"data": {"bucket": BUCKET}})

    assert found == BUCKET
    with pytest.raises(Refusal, match="LIMIT_EXCEEDED"):
        await find_bucket(refused("LIMIT_EXCEEDED"))


@pytest.mark.parametrize(
    "of_a_proxy",
    [(502, "<h1>Bad Gateway</h1>"), (503, ""), (503, '{"message": "unavailable"}'), (429, "x")],
)
async def test_what_a_proxy_says_while_the_gateway_is_away_may_pass(
    of_a_proxy: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PAUSES_S", (0,))

    found, told = await find_bucket(of_a_proxy, {"data": {"bucket": BUCKET}})

    assert found == BUCKET
    assert told[0].endswith(f"/graphql answers {of_a_proxy[0]}, and not as a gateway does")


@pytest.mark.parametrize("answer", [(404, "404: Not Found"), (200, "<html>"), (200, "{}")])
async def test_what_is_no_gateway_is_told(answer: tuple[int, str]) -> None:
    with pytest.raises(Refusal, match=rf"/graphql answers {answer[0]}, and not as"):
        await find_bucket(answer)
