"""Faults of ours, planted everywhere: the log tells all of them, the answer nothing but an id."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from gateway.errors import Overtaken
from tests.operations import CREATE_BUCKET, CREATE_OBJECT, FREE_SCHEMA

from .conftest import Served

HIDDEN = "password=hunter2"
VIEWER = "{ viewer { namespace { namespaceName } } }"
LINKS = """
query ($id: ID!) { bucket(id: $id) { objects { nodes { blobs { presignedUrl } } } } }
"""
FAULTS = [
    ValueError(HIDDEN),
    Overtaken(HIDDEN),
    KeyError(HIDDEN),
    RecursionError(HIDDEN),
]


def plant(monkeypatch: pytest.MonkeyPatch, place: str, fault: Exception) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise fault

    monkeypatch.setattr(place, broken)


def hidden(path: list[str | int], id: str = "abc-1") -> dict[str, Any]:
    return {
        "message": "Unexpected error.",
        "path": path,
        "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": id},
    }


async def ask(served: Served, query: str, **variables: Any) -> tuple[Any, list[Any]]:
    """Return data and errors, these without the places in the document."""
    body = {"query": query, "variables": variables}
    _, answer = await served.post(body, headers={"X-Request-Id": "abc-1"})
    assert HIDDEN not in str(answer)
    errors = [{k: v for k, v in each.items() if k != "locations"} for each in answer["errors"]]
    return answer.get("data"), errors


def tracebacks(caplog: pytest.LogCaptureFixture) -> list[str]:
    logged = [each for each in caplog.records if each.levelno >= logging.ERROR]
    return [str(each.exc_info[1]) for each in logged if each.exc_info]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("is_planned", [False, True], ids=["long road", "short road"])
async def test_of_a_read(
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: Exception,
    is_planned: bool,
) -> None:
    if is_planned:
        await served.post({"query": VIEWER})
    plant(monkeypatch, "gateway.planner.reader.Reader.read", fault)

    assert await ask(served, VIEWER) == (None, [hidden(["viewer"])])
    assert tracebacks(caplog) == [str(fault)]


async def test_of_a_resolver(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plant(monkeypatch, "gateway.namespaces.queries.row", ValueError(HIDDEN))

    assert await ask(served, VIEWER) == (None, [hidden(["viewer"])])
    assert tracebacks(caplog) == [HIDDEN]


async def test_of_a_nested_read_is_told_once(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bucket = await make_bucket(served)
    blobs = [{"property": "file", "type": "text", "data": each} for each in "abc"]
    for number in range(2):
        input = {"bucketId": bucket, "blobs": blobs, "metadata": {"number": number}}
        await served.post({"query": CREATE_OBJECT, "variables": {"input": input}})
    plant(monkeypatch, "gateway.objects.links.link", ValueError(HIDDEN))

    data, errors = await ask(served, LINKS, id=bucket)

    objects = data["bucket"]["objects"]["nodes"]
    assert objects == [{"blobs": [{"presignedUrl": None}] * 3}] * 2
    first: list[str | int] = ["bucket", "objects", "nodes", 0, "blobs", 0, "presignedUrl"]
    assert errors == [hidden(first)]
    assert tracebacks(caplog) == [HIDDEN]


@pytest.mark.parametrize("place", ["buckets.creating.create_bucket", "mutation.has_harmless_text"])
async def test_of_a_mutation(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    await make_bucket(served)  # the same mutation on its short road
    plant(monkeypatch, f"gateway.{place}", ValueError(HIDDEN))

    input = {"bucketName": "b", "bucketSchema": FREE_SCHEMA}
    assert await ask(served, CREATE_BUCKET, input=input) == (None, [hidden(["createBucket"])])
    assert tracebacks(caplog) == [HIDDEN]


async def test_of_the_read_after_a_mutation(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await make_bucket(served)
    plant(monkeypatch, "gateway.planner.reader.Reader.read", ValueError(HIDDEN))

    input = {"bucketName": "b", "bucketSchema": FREE_SCHEMA}
    data, errors = await ask(served, CREATE_BUCKET, input=input)

    assert data == {"createBucket": {"bucket": None, "errors": []}}
    assert errors == [hidden(["createBucket", "bucket"])]
    assert tracebacks(caplog) == [HIDDEN]


async def test_before_there_is_an_operation(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plant(monkeypatch, "gateway.http.view.read_body", ValueError(HIDDEN))

    status, answer = await served.post({"query": VIEWER}, headers={"X-Request-Id": "abc-1"})

    error = hidden([])
    del error["path"]
    assert (status, answer) == (500, {"errors": [error]})
    assert tracebacks(caplog) == [HIDDEN]


async def test_of_operations_on_a_socket_that_each_have_an_id(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, "gateway.planner.reader.Reader.read", ValueError(HIDDEN))
    socket = served.session.ws_connect(
        f"{served.url}/graphql",
        protocols=["graphql-transport-ws"],
        headers={"X-Request-Id": "abc-1"},
    )
    async with socket as ws:
        payload = {"Authorization": f"Bearer {served.secret}", "X-Namespace": "default"}
        await ws.send_json({"type": "connection_init", "payload": payload})
        await ws.receive_json()
        found = []
        for number in "12":
            await ws.send_json({"id": number, "type": "subscribe", "payload": {"query": VIEWER}})
            message = await ws.receive_json()
            assert HIDDEN not in str(message)
            (error,) = message["payload"]["errors"]
            found.append(error["extensions"])
            await ws.receive_json()

    assert {each["code"] for each in found} == {"INTERNAL_SERVER_ERROR"}
    assert len({each["requestId"] for each in found} | {"abc-1"}) == 3


async def make_bucket(served: Served) -> str:
    schema = {"properties": {"file": {"type": "text"}}}
    input = {"bucketName": "a", "bucketSchema": schema}
    _, answer = await served.post({"query": CREATE_BUCKET, "variables": {"input": input}})
    id: str = answer["data"]["createBucket"]["bucket"]["id"]
    return id
