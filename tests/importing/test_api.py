"""What an import does with answers that no gateway of the tests gives when it is asked to."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway import remote
from gateway.importing.api import Api
from gateway.remote import Refusal

BUCKET = {"id": "bkt_1", "bucketName": "a", "bucketSchema": {}}


def refused(code: str) -> dict[str, Any]:
    return {"errors": [{"message": code, "extensions": {"code": code}}]}


async def find_bucket(*answers: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Ask a gateway that gives these answers one after the other; return what is told of it too."""
    waiting = list(answers)
    told: list[str] = []

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(waiting.pop(0))

    app = web.Application()
    app.router.add_post("/graphql", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        gateway = Api(
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
