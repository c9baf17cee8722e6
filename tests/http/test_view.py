"""The endpoint as clients meet it: keys, bodies, errors, sockets, the page."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import WSMsgType

from tests.operations import FREE_SCHEMA

from .conftest import Served

VIEWER = "{ viewer { namespace { namespaceName } } }"
ANSWER = {"data": {"viewer": {"namespace": {"namespaceName": "default"}}}}


def code(answer: Any) -> str:
    (error,) = answer["errors"]
    found: str = error["extensions"]["code"]
    return found


async def test_answers_a_post(served: Served) -> None:
    assert await served.post({"query": VIEWER}) == (200, ANSWER)


async def test_answers_a_get(served: Served) -> None:
    url = f"{served.url}/graphql"
    async with served.session.get(url, params={"query": VIEWER}, headers=served.headers) as answer:
        assert answer.status == 200
        assert await answer.json() == ANSWER


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({"Authorization": ""}, 401, "UNAUTHENTICATED"),
        ({"Authorization": "Bearer sk_wrong"}, 401, "UNAUTHENTICATED"),
        ({"Authorization": "Basic abc"}, 401, "UNAUTHENTICATED"),
        ({"X-Namespace": ""}, 400, "NAMESPACE_REQUIRED"),
        ({"X-Namespace": "nowhere"}, 400, "NAMESPACE_REQUIRED"),
    ],
)
async def test_refuses_who_is_not_known(
    served: Served, headers: dict[str, str], status: int, expected: str
) -> None:
    found, answer = await served.post({"query": VIEWER}, headers=headers)

    assert (found, code(answer)) == (status, expected)
    assert "data" not in answer


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"nonsense", 400),
        (b'"text"', 400),
        (b"null", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"query": 5}', 400),
        (b'{"query": "{ __typename }", "variables": []}', 400),
        (b'{"query": "{ __typename }", "variables": {"a": NaN}}', 400),
        (b'{"query": "\xff"}', 400),
        (b'{"query": "\\ud800"}', 400),
        (b"[" * 50_000, 400),
        (b'{"query": "' + b" " * 200_000 + b'"}', 413),
    ],
)
async def test_refuses_a_bad_body(served: Served, body: bytes, status: int) -> None:
    found, answer = await served.post(data=body, headers={"Content-Type": "application/json"})

    assert found == status
    assert code(answer) == ("LIMIT_EXCEEDED" if status == 413 else "BAD_USER_INPUT")


async def test_refuses_a_body_that_is_not_gzip(served: Served) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    status, answer = await served.post(data=b"no gzip", headers=headers)

    assert (status, code(answer)) == (400, "BAD_USER_INPUT")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ viewer {} }", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($id: ID!) { object(id: $id) { id } }", "BAD_USER_INPUT"),
        ("{ buckets(first: -1) { totalCount } }", "BAD_USER_INPUT"),
        ("{ bucket { id } }", "BAD_USER_INPUT"),
    ],
)
async def test_errors_have_codes(served: Served, query: str, expected: str) -> None:
    _, answer = await served.post({"query": query})

    assert code(answer) == expected


@pytest.mark.parametrize("is_planned", [False, True])
async def test_hides_the_text_of_a_fault(
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    is_planned: bool,
) -> None:
    if is_planned:  # what comes again takes the short road
        await served.post({"query": VIEWER})

    async def broken(*_: object) -> None:
        raise ValueError("password=hunter2")

    monkeypatch.setattr("gateway.planner.reader.Reader.read", broken)
    _, answer = await served.post({"query": VIEWER})

    (error,) = answer["errors"]
    assert error["message"] == "Unexpected error."
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "hunter2" in caplog.text  # whoever runs the gateway is told


async def test_a_browser_gets_the_page_without_a_key(served: Served) -> None:
    async with served.session.get(f"{served.url}/", headers={"Accept": "text/html"}) as answer:
        assert answer.status == 200
        assert str(answer.url).endswith("/graphql")
        assert "graphiql" in (await answer.text()).lower()


async def test_tells_whether_it_lives_and_can_serve(served: Served) -> None:
    async with served.session.get(f"{served.url}/healthz") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "ok"})
    async with served.session.get(f"{served.url}/readyz") as answer:
        assert answer.status == 200
        parts = {"database": "ok", "blobs": "ok", "migrations": "ok"}
        assert await answer.json() == {"status": "ok", **parts}


async def test_is_ready_for_what_needs_no_bytes_without_its_blob_store(served: Served) -> None:
    folder = served.blob_folder
    folder.rename(folder.with_name("gone"))
    folder.touch()  # a file where the folder was

    async with served.session.get(f"{served.url}/readyz") as answer:
        parts = await answer.json()

    assert (answer.status, parts["status"], parts["database"]) == (200, "degraded", "ok")
    assert parts["blobs"] != "ok"


async def test_a_socket_shows_its_key_first(served: Served) -> None:
    socket = served.session.ws_connect(f"{served.url}/graphql", protocols=["graphql-transport-ws"])
    async with socket as ws:
        payload = {"Authorization": f"Bearer {served.secret}", "X-Namespace": "default"}
        await ws.send_json({"type": "connection_init", "payload": payload})
        assert await ws.receive_json() == {"type": "connection_ack"}

        await ws.send_json({"id": "1", "type": "subscribe", "payload": {"query": VIEWER}})
        message = await ws.receive()
        assert message.type is WSMsgType.TEXT
        assert message.json() == {"id": "1", "type": "next", "payload": ANSWER}
        assert await ws.receive_json() == {"id": "1", "type": "complete"}


@pytest.mark.parametrize(
    ("first", "closed_with"),
    [
        ({"type": "connection_init", "payload": {"Authorization": "Bearer sk_no"}}, 4403),
        ({"type": "connection_init"}, 4403),
        ({"id": "1", "type": "subscribe", "payload": {"query": VIEWER}}, 4401),
    ],
)
async def test_a_socket_without_a_key_is_closed(
    served: Served, first: dict[str, Any], closed_with: int
) -> None:
    socket = served.session.ws_connect(f"{served.url}/graphql", protocols=["graphql-transport-ws"])
    async with socket as ws:
        await ws.send_json(first)
        message = await ws.receive()

    assert message.type is WSMsgType.CLOSE
    assert message.data == closed_with


async def test_makes_what_is_asked_once_each_time(served: Served) -> None:
    text = (
        "mutation ($input: CreateBucketInput!) { createBucket(input: $input)"
        " { bucket { bucketName } errors { code path } } }"
    )
    answers = []
    for name in ("a", "b", "b", ""):
        variables = {"input": {"bucketName": name, "bucketSchema": FREE_SCHEMA}}
        status, answer = await served.post({"query": text, "variables": variables})
        assert status == 200
        answers.append(answer["data"]["createBucket"])

    assert answers[:2] == [{"bucket": {"bucketName": each}, "errors": []} for each in "ab"]
    assert [each["errors"][0] for each in answers[2:]] == [
        {"code": "ALREADY_EXISTS", "path": ["bucketName"]},
        {"code": "INVALID", "path": ["bucketName"]},
    ]
    _, answer = await served.post({"query": "{ buckets { totalCount } }"})
    assert answer["data"]["buckets"]["totalCount"] == 2
