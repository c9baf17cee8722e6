"""docs/limits.md is run: each request of its table trips its limit, and is told what it says."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from typing import Any, NamedTuple

import pytest
from aiohttp import WSCloseCode, WSMsgType
from graphql import get_introspection_query

import dev
from gateway.query_limits.limits import QueryLimits
from gateway.settings import PREFIX, Settings
from tests.conftest import Shared
from tests.operations import FREE_SCHEMA

from .conftest import Served, Serving

DOCS = (dev.ROOT / "docs" / "limits.md").read_text()
SOCKET_CLOSED = f"it is closed with {WSCloseCode.MESSAGE_TOO_BIG}"
REPEATED = re.compile(r"«([^«»]*)»\N{MULTIPLICATION SIGN}(\d+)")


class Row(NamedTuple):
    """A line of the table."""

    limit: str
    setting: str
    default: int
    request: str
    told: str


def rows() -> list[Row]:
    lines = [line.strip("| ").split(" | ") for line in DOCS.splitlines() if line.startswith("| `")]
    return [
        Row(limit.strip("`"), setting.strip("`"), int(default), request, told)
        for limit, setting, default, request, told in lines
    ]


ROWS = rows()
OF_TIME = next(row for row in ROWS if row.limit == "seconds")
OF_HTTP = [row for row in ROWS if row.told != SOCKET_CLOSED and row is not OF_TIME]
OF_DOCUMENTS = [row for row in OF_HTTP if row.limit != "bodyBytes"]


def spelt_out(text: str) -> str:
    """Return a text with its repetitions written out, the innermost first."""

    def repeated(found: re.Match[str]) -> str:
        part, count = found[1], int(found[2])
        if "#" not in part:
            return part * count
        numbered = [part.replace("#+1", str(n + 1)).replace("#", str(n)) for n in range(count)]
        return "".join(numbered)

    while (written := REPEATED.sub(repeated, text)) != text:
        text = written
    return text


def body(request: str) -> dict[str, Any]:
    query, *variables = re.findall(r"`([^`]*)`", request)
    given = json.loads(spelt_out(variables[0])) if variables else {}
    return {"query": spelt_out(query), "variables": given}


@pytest.fixture
async def limited(serving: Serving) -> Any:
    """A gateway with the limits that it has by default."""
    async with serving(Settings()) as served:
        yield served


@pytest.mark.parametrize("row", OF_HTTP, ids=lambda row: f"{row.limit}-{row.told[:8]}")
async def test_tells_what_the_table_says(limited: Served, row: Row) -> None:
    written = io.BytesIO(json.dumps(body(row.request)).encode())
    status, answer = await limited.post(data=written, headers={"Content-Type": "application/json"})

    (error,) = answer["errors"]
    assert error["message"] == row.told
    assert error["extensions"] == {
        "code": "LIMIT_EXCEEDED",
        "limit": row.limit,
        "value": error["extensions"]["value"],
        "maximum": row.default,
    }
    assert error["extensions"]["value"] > row.default
    assert status == (413 if row.limit == "bodyBytes" else 200)
    assert "data" not in answer


@pytest.mark.parametrize("row", OF_DOCUMENTS, ids=lambda row: f"{row.limit}-{row.told[:8]}")
async def test_a_socket_has_the_same_limits(limited: Served, row: Row) -> None:
    async with limited.session.ws_connect(
        f"{limited.url}/graphql", protocols=["graphql-transport-ws"]
    ) as socket:
        await socket.send_json({"type": "connection_init", "payload": limited.headers})
        assert (await socket.receive_json())["type"] == "connection_ack"
        await socket.send_json({"id": "1", "type": "subscribe", "payload": body(row.request)})
        message = await socket.receive_json()

    assert message["type"] == "error"
    assert message["payload"][0]["message"] == row.told
    assert message["payload"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"


async def test_a_message_beyond_its_limit_closes_the_socket(limited: Served) -> None:
    (row,) = (row for row in ROWS if row.told == SOCKET_CLOSED)
    async with limited.session.ws_connect(
        f"{limited.url}/graphql", protocols=["graphql-transport-ws"]
    ) as socket:
        await socket.send_json({"type": "connection_init", "payload": limited.headers})
        assert (await socket.receive_json())["type"] == "connection_ack"
        await socket.send_json({"id": "1", "type": "subscribe", "payload": body(row.request)})
        message = await socket.receive()

    assert (message.type, message.data) == (WSMsgType.CLOSE, WSCloseCode.MESSAGE_TOO_BIG)


async def test_an_operation_beyond_its_time_is_stopped(serving: Serving, shared: Shared) -> None:
    second = OF_TIME.told.replace(f" {OF_TIME.default} s ", " 1 s ")
    async with serving(Settings(operation_s=1)) as served, shared.broom.transaction():
        await shared.broom.execute("LOCK TABLE collections IN ACCESS EXCLUSIVE MODE")
        status, answer = await served.post(body(OF_TIME.request))

    (error,) = answer["errors"]
    assert (status, error["message"]) == (200, second)
    assert error["extensions"]["code"] == "DEADLINE_EXCEEDED"
    assert "data" not in answer


async def test_what_is_not_executed_is_400_where_clients_can_tell(limited: Served) -> None:
    (row,) = (row for row in ROWS if row.limit == "fields")

    status, answer = await limited.post(
        body(row.request), headers={"Accept": "application/graphql-response+json"}
    )

    assert (status, answer["errors"][0]["message"]) == (400, row.told)


def test_the_table_has_every_limit_with_its_default() -> None:
    limits = [each.name for each in dataclasses.fields(QueryLimits)]
    names = [f"max_{'document_' if each == 'characters' else ''}{each}" for each in limits]
    names += ["max_body_bytes", "max_message_bytes", "operation_s"]

    assert {row.setting: row.default for row in ROWS} == {
        PREFIX + name.upper(): getattr(Settings(), name) for name in names
    }
    assert [getattr(Settings(), name) for name in names[: len(limits)]] == [
        *dataclasses.astuple(QueryLimits())
    ]


@pytest.mark.parametrize(
    ("settings", "query", "variables"),
    [
        (Settings(max_document_characters=14), "{ __typename }", {}),
        (Settings(max_tokens=3), "{ __typename }", {}),
        (Settings(max_definitions=1), "{ __typename }", {}),
        (Settings(max_variables=1), "query ($a: ID!) { node(id: $a) { id } }", {"a": "x"}),
        (Settings(max_depth=2), "{ buckets { totalCount } }", {}),
        (Settings(max_nesting=2), "{ buckets { totalCount } }", {}),
        (Settings(max_fields=2), "{ buckets { totalCount } }", {}),
        (Settings(max_aliases=1), "{ a: __typename }", {}),
        (Settings(max_directives=1), "{ __typename @skip(if: false) }", {}),
        (Settings(max_repeated_keys=2), "{ __typename __typename }", {}),
        (Settings(max_list_items=1), '{ nodes(ids: ["a"]) { id } }', {}),
        (Settings(max_cost=2), "{ buckets(first: 1) { nodes { id } } }", {}),
        (
            Settings(max_list_items=1),
            "query ($a: [ID!]!) { nodes(ids: $a) { id } }",
            {"a": ["x"]},
        ),
    ],
)
async def test_takes_what_is_at_the_limit(
    serving: Serving, settings: Settings, query: str, variables: Any
) -> None:
    async with serving(settings) as served:
        status, answer = await served.post({"query": query, "variables": variables})

    assert status == 200
    assert answer["data"]


async def test_introspection_passes(limited: Served) -> None:
    query = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )

    _, answer = await limited.post({"query": query})

    assert "errors" not in answer


async def test_a_long_list_is_found_wherever_it_is(serving: Serving) -> None:
    text = "query ($filter: BucketFilter) { buckets(filter: $filter) { totalCount } }"
    given = {"and": [{"bucketName": {"in": ["a", "b", "c"]}}]}
    async with serving(Settings(max_list_items=2)) as served:
        _, answer = await served.post({"query": text, "variables": {"filter": given}})

    told = "$filter.and[0].bucketName.in has 3 items; the most is 2"
    assert answer["errors"][0]["message"] == told


async def test_a_long_list_of_the_document_is_found(serving: Serving) -> None:
    async with serving(Settings(max_list_items=2)) as served:
        _, answer = await served.post({"query": '{ nodes(ids: ["a", "b", "c"]) { id } }'})

    assert answer["errors"][0]["message"] == "this list has 3 items; the most is 2"
    assert answer["errors"][0]["locations"] == [{"line": 1, "column": 14}]


async def test_arrays_of_metadata_are_no_lists(serving: Serving) -> None:
    create = (
        "mutation ($input: CreateBucketInput!) { createBucket(input: $input)"
        " { bucket { id } errors { message } } }"
    )
    given = {"bucketName": "a", "bucketSchema": FREE_SCHEMA, "metadata": {"a": [1, 2, 3]}}
    async with serving(Settings(max_list_items=2)) as served:
        _, answer = await served.post({"query": create, "variables": {"input": given}})

    assert answer["data"]["createBucket"]["errors"] == []


MUCH = "buckets { totalCount } " * 51


@pytest.mark.parametrize(
    "unused",
    [
        f"fragment F on Query {{ {MUCH} }}",
        f"fragment F on Query {{ __typename }} fragment F on Query {{ {MUCH} }}",
        f"fragment A on Query {{ ...F }} fragment F on Query {{ ...A {MUCH} }}",
    ],
    ids=["unused", "twice", "circle"],
)
async def test_what_nothing_uses_is_measured_too(limited: Served, unused: str) -> None:
    _, answer = await limited.post({"query": f"{{ __typename }} {unused}"})

    (error,) = answer["errors"]
    assert error["message"] == "buckets is asked for 51 times in one object; the most is 50"


async def test_circles_of_fragments_are_measured_too(limited: Served) -> None:
    circle = "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A __typename }"

    _, answer = await limited.post({"query": circle})

    assert [each["extensions"]["code"] for each in answer["errors"]] == [
        "GRAPHQL_VALIDATION_FAILED"
    ]
