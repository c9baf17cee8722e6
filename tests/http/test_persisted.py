"""Documents by their hash: automatic ones, and the folder of trusted ones."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType
from sqlalchemy import update

from gateway import parts
from gateway.buckets import holding
from gateway.buckets.tables import BucketRow
from gateway.database.pool import Database
from gateway.http.persisted import PersistedTexts
from gateway.schema import make_schema
from gateway.settings import InvalidSetting, Settings
from gateway.trusted import read_trusted
from tests.operations import CREATE_BUCKET, CREATE_OBJECT, FREE_SCHEMA
from tests.waiting import until_one_waits

from .conftest import Served, Serving

VIEWER = "{ viewer { namespace { namespaceName } } }"
OTHER = "{ buckets { totalCount } }"
ANSWER = {"data": {"viewer": {"namespace": {"namespaceName": "default"}}}}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def asked(hash_: Any, version: Any = 1) -> dict[str, Any]:
    return {"persistedQuery": {"version": version, "sha256Hash": hash_}}


def code(answer: Any) -> str:
    (error,) = answer["errors"]
    found: str = error["extensions"]["code"]
    return found


async def test_a_hash_is_known_once_its_text_was_sent(served: Served) -> None:
    by_hash = {"extensions": asked(sha256(VIEWER))}

    status, answer = await served.post(by_hash)
    assert (status, code(answer)) == (200, "PERSISTED_QUERY_NOT_FOUND")
    assert answer["errors"][0]["message"] == "PersistedQueryNotFound"  # what clients look for

    assert await served.post(by_hash | {"query": VIEWER}) == (200, ANSWER)
    assert await served.post(by_hash) == (200, ANSWER)
    assert await served.post({"extensions": asked(sha256(VIEWER).upper())}) == (200, ANSWER)


async def test_a_get_may_send_the_hash_alone(served: Served) -> None:
    query = "query ($n: Int) { buckets(first: $n) { totalCount } }"
    url = f"{served.url}/graphql"
    params = {"extensions": json.dumps(asked(sha256(query))), "variables": '{"n": 1}'}

    async with served.session.get(url, params=params, headers=served.headers) as answer:
        assert code(await answer.json()) == "PERSISTED_QUERY_NOT_FOUND"
        assert answer.headers["Cache-Control"] == "no-store"
    both = params | {"query": query}
    for each in (both, params):
        async with served.session.get(url, params=each, headers=served.headers) as answer:
            assert await answer.json() == {"data": {"buckets": {"totalCount": 0}}}


@pytest.mark.parametrize(
    ("extensions", "message"),
    [
        (asked("0" * 64), "extensions.persistedQuery.sha256Hash is not the SHA-256 of query"),
        (asked(5), "extensions.persistedQuery.sha256Hash has to be a string"),
        (asked(""), "extensions.persistedQuery.sha256Hash has to be a string"),
        (
            asked(sha256(VIEWER), 2),
            'extensions.persistedQuery has to be {"version": 1, "sha256Hash": "…"}',
        ),
        (
            {"persistedQuery": "x"},
            'extensions.persistedQuery has to be {"version": 1, "sha256Hash": "…"}',
        ),
    ],
)
async def test_refuses_what_is_no_hash(served: Served, extensions: Any, message: str) -> None:
    status, answer = await served.post({"query": VIEWER, "extensions": extensions})

    assert (status, code(answer)) == (400, "BAD_USER_INPUT")
    assert answer["errors"][0]["message"] == message


async def test_other_extensions_are_left_alone(served: Served) -> None:
    for extensions in ({}, {"tracing": True}, {"persistedQuery": None}, None):
        assert await served.post({"query": VIEWER, "extensions": extensions}) == (200, ANSWER)
    status, answer = await served.post({"query": 5, "extensions": asked(sha256(VIEWER))})
    assert (status, code(answer)) == (400, "BAD_USER_INPUT")


async def test_a_change_is_answered_although_its_text_is_forgotten_meanwhile(
    serving: Serving, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PersistedTexts", partial(PersistedTexts, most=3))
    async with serving(Settings()) as served:
        input = {"bucketName": "a", "bucketSchema": FREE_SCHEMA}
        _, made = await served.post({"query": CREATE_BUCKET, "variables": {"input": input}})
        bucket_id = made["data"]["createBucket"]["bucket"]["id"]
        by_hash = {
            "extensions": asked(sha256(CREATE_OBJECT)),
            "variables": {"input": {"bucketId": bucket_id}},
        }
        await served.post(by_hash | {"query": CREATE_OBJECT})
        namespace_id = await database.value("SELECT id FROM namespaces", ())

        async with database.transaction(namespace_id) as tx:
            await holding.hold_alone(tx, bucket_id)
            creating = asyncio.create_task(served.post(by_hash))
            await until_one_waits(database)
            for number in range(3):
                text = f"{{ a{number}: __typename }}"
                await served.post({"query": text, "extensions": asked(sha256(text))})
            await tx.run(update(BucketRow).values(is_locked=True))
        _, answer = await creating
        _, forgotten = await served.post(by_hash)

    assert [each["code"] for each in answer["data"]["createObject"]["errors"]] == ["LOCKED"]
    assert code(forgotten) == "PERSISTED_QUERY_NOT_FOUND"


async def test_what_is_wrong_is_not_kept(served: Served) -> None:
    wrong = "{ nothing }"
    by_hash = {"extensions": asked(sha256(wrong))}

    _, answer = await served.post(by_hash | {"query": wrong})
    assert code(answer) == "GRAPHQL_VALIDATION_FAILED"
    _, answer = await served.post(by_hash)
    assert code(answer) == "PERSISTED_QUERY_NOT_FOUND"


def test_what_is_kept_is_bounded() -> None:
    persisted = PersistedTexts(make_schema(), trusted={}, most=3)
    for number in range(5):
        text = f"{{ a{number}: __typename }}"
        assert persisted.text_of(text, asked(sha256(text))) == text

    assert persisted.kept.size() == 3


@pytest.fixture
async def trusting(serving: Serving, tmp_path: Path) -> AsyncIterator[Served]:
    """A gateway that answers trusted documents only."""
    (tmp_path / "viewer.graphql").write_text(VIEWER)
    (tmp_path / "relay.json").write_text(json.dumps({"by-name": "query Q { __typename }"}))
    async with serving(
        Settings(trusted_documents=str(tmp_path), trusted_documents_only=True)
    ) as served:
        yield served


async def test_answers_trusted_documents_only(trusting: Served) -> None:
    assert await trusting.post({"query": VIEWER}) == (200, ANSWER)
    assert await trusting.post({"extensions": asked(sha256(VIEWER))}) == (200, ANSWER)
    by_name = {"extensions": asked("by-name")}
    assert await trusting.post(by_name) == (200, {"data": {"__typename": "Query"}})

    for refused in (
        {"query": OTHER},
        {"query": "{"},
        {"query": OTHER, "extensions": asked(sha256(OTHER))},
    ):
        status, answer = await trusting.post(refused)
        assert (status, code(answer)) == (400, "PERSISTED_QUERY_NOT_IN_LIST")
    _, answer = await trusting.post({"extensions": asked(sha256(OTHER))})
    assert code(answer) == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_socket_answers_trusted_documents_only(trusting: Served) -> None:
    async with trusting.session.ws_connect(
        f"{trusting.url}/graphql", protocols=["graphql-transport-ws"]
    ) as socket:
        await socket.send_json({"type": "connection_init", "payload": trusting.headers})
        assert (await socket.receive_json())["type"] == "connection_ack"
        await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": OTHER}})
        message = await socket.receive()

        assert message.type is WSMsgType.TEXT
        assert message.json()["type"] == "error"
        assert message.json()["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_IN_LIST"


async def test_trusted_documents_are_found_beside_others(serving: Serving, tmp_path: Path) -> None:
    (tmp_path / "viewer.gql").write_text(VIEWER)
    async with serving(Settings(trusted_documents=str(tmp_path))) as served:
        assert await served.post({"extensions": asked(sha256(VIEWER))}) == (200, ANSWER)
        assert (await served.post({"query": OTHER}))[0] == 200


async def test_trusted_documents_are_planned_at_start(serving: Serving, tmp_path: Path) -> None:
    text = "query ($id: ID!, $n: Int) { object(id: $id) { documents(first: $n) { totalCount } } }"
    (tmp_path / "object.graphql").write_text(text)
    async with serving(Settings(trusted_documents=str(tmp_path))) as served:
        misses = served.schema.plans.counts.misses
        for variables in ({"id": f"obj_{1:026}"}, {"id": f"obj_{1:026}", "n": 5}):
            body = {"extensions": asked(sha256(text)), "variables": variables}
            assert await served.post(body) == (200, {"data": {"object": None}})

        assert served.schema.plans.counts.misses == misses


MANIFEST = "apollo-persisted-query-manifest"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, {}),
        ({"a.graphql": VIEWER, "notes.txt": "none"}, {sha256(VIEWER): VIEWER}),
        (
            {"below/a.gql": VIEWER, "b.json": '{"1": "{ x }"}'},
            {sha256(VIEWER): VIEWER, "1": "{ x }"},
        ),
        (
            {
                "m.json": json.dumps(
                    {"format": MANIFEST, "operations": [{"id": "1", "body": VIEWER}]}
                )
            },
            {"1": VIEWER},
        ),
        ({"a.json": json.dumps({"1": VIEWER}), "b.json": json.dumps({"1": VIEWER})}, {"1": VIEWER}),
    ],
)
def test_reads_what_builds_write(
    tmp_path: Path, files: Mapping[str, str], found: Mapping[str, str]
) -> None:
    write(tmp_path, files)

    assert {id_: document.text for id_, document in read_trusted(tmp_path).items()} == found


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"a.graphql": b"\xff"}, "a.graphql cannot be read"),
        ({"a.json": b"{"}, "a.json cannot be read"),
        ({"a.json": b"[]"}, 'it has to be {"<id>": "<text of the document>", …}'),
        ({"a.json": b'{"1": 2}'}, 'it has to be {"<id>": "<text of the document>", …}'),
        (
            {"a.json": json.dumps({"format": MANIFEST, "operations": [{"id": "1"}]}).encode()},
            "its operations have to be objects with an id and a body",
        ),
        (
            {"a.json": b'{"1": "a"}', "b.json": b'{"1": "b"}'},
            "b.json has the id '1' for another text than a.json",
        ),
    ],
)
def test_refuses_files_that_cannot_be_read(
    tmp_path: Path, files: Mapping[str, bytes], complaint: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    with pytest.raises(InvalidSetting) as raised:
        read_trusted(tmp_path)

    assert complaint in str(raised.value)


async def test_does_not_start_with_a_wrong_document(serving: Serving, tmp_path: Path) -> None:
    for text, complaint in (("{ nothing }", "Cannot query field 'nothing'"), ("{", "Syntax Error")):
        (tmp_path / "a.graphql").write_text(text)
        with pytest.raises(
            InvalidSetting, match=f"GATEWAY_TRUSTED_DOCUMENTS: a.graphql: {complaint}"
        ):
            async with serving(Settings(trusted_documents=str(tmp_path))):
                pass


async def test_does_not_start_without_the_folder(serving: Serving, tmp_path: Path) -> None:
    for settings, complaint in (
        (Settings(trusted_documents=str(tmp_path / "none")), "which is no folder"),
        (Settings(trusted_documents_only=True), "needs GATEWAY_TRUSTED_DOCUMENTS"),
    ):
        with pytest.raises(InvalidSetting, match=complaint):
            async with serving(settings):
                pass


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
