"""Traces as the SDK of OpenTelemetry exports them: which spans, under what, with what in them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from opentelemetry.trace import SpanKind, StatusCode

from gateway.database.pool import Database
from gateway.observing.tracing import Tracing
from gateway.settings import Settings
from tests.operations import CREATE_OBJECT

from .conftest import Served, serve

FIND = """
query Find($name: String!) {
  a: buckets(filter: {bucketName: {eq: "hunter2"}}) { nodes { id } }
  b: buckets(filter: {bucketName: {eq: $name}}, first: 3) { totalCount }
}
"""
CREATE_BUCKET = """
mutation MakeBucket($input: CreateBucketInput!) {
  createBucket(input: $input) { bucket { id } errors { message } }
}
"""
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traces:
    """The spans of a gateway, each request's own first."""

    def __init__(self, sampler: Sampler = ALWAYS_ON) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = Tracing(provider.get_tracer("tests"))

    def take(self) -> list[ReadableSpan]:
        spans = sorted(self._exporter.get_finished_spans(), key=lambda each: each.start_time or 0)
        self._exporter.clear()
        return spans

    def __call__(self, database: Database, folder: Path) -> AbstractAsyncContextManager[Served]:
        return serve(database, folder, Settings(), tracing=self.tracing)


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def are_below(spans: Sequence[ReadableSpan], parent: ReadableSpan) -> bool:
    context = parent.get_span_context()
    assert context is not None
    return all(
        each.parent is not None
        and each.parent.span_id == context.span_id
        and each.parent.trace_id == context.trace_id
        for each in spans
    )


async def test_of_a_query_on_both_roads(database: Database, tmp_path: Path) -> None:
    traces = Traces()
    async with traces(database, tmp_path) as served:
        await served.post({"query": FIND, "variables": {"name": "x"}})
        first = traces.take()
        await served.post(
            {"query": FIND, "variables": {"name": "x"}}, headers={"X-Request-Id": "abc-1"}
        )
        request, *statements = traces.take()

    assert (request.name, request.kind) == ("query", SpanKind.SERVER)
    assert attributes(request) == {
        "graphql.operation.type": "query",
        "graphql.operation.name": "Find",
        "gateway.document.hit": True,
        "gateway.plan.hit": True,
        "gateway.request_id": "abc-1",
    }
    found = attributes(first[0])
    assert (found["gateway.document.hit"], found["gateway.plan.hit"]) == (False, False)
    assert are_below(statements, request)
    assert len(statements) == 2
    for each in statements:
        assert (each.name, each.kind) == ("SELECT", SpanKind.CLIENT)
        assert attributes(each).keys() == {
            "db.system.name",
            "db.operation.name",
            "db.query.text",
            "gateway.plan",
        }
        assert attributes(each)["db.system.name"] == "postgresql"
        times = (request.start_time, each.start_time, each.end_time, request.end_time)
        assert list(times) == sorted(time for time in times if time is not None)
    plans = {attributes(each)["gateway.plan"] for each in statements}
    assert plans < {attributes(each).get("gateway.plan") for each in first}


async def test_of_a_mutation_with_bytes_and_no_value_in_it(
    database: Database, tmp_path: Path
) -> None:
    traces = Traces()
    schema = {"properties": {"hunter2": {"type": "text"}}}
    metadata = {"password": "hunter2"}
    async with traces(database, tmp_path) as served:
        input: dict[str, Any] = {"bucketName": "hunter2", "bucketSchema": schema}
        create = {"query": CREATE_BUCKET, "variables": {"input": input | {"metadata": metadata}}}
        _, answer = await served.post(create)
        bucket = answer["data"]["createBucket"]["bucket"]["id"]
        blobs = [{"property": "hunter2", "type": "text", "data": "hunter2"}]
        input = {"bucketId": bucket, "blobs": blobs, "metadata": metadata}
        await served.post({"query": CREATE_OBJECT, "variables": {"input": input}})
        await served.post({"query": FIND, "variables": {"name": "hunter2"}})
        spans = traces.take()

    requests = [each for each in spans if each.kind is SpanKind.SERVER]
    assert [each.name for each in requests] == ["mutation", "mutation", "query"]
    assert "graphql.operation.name" not in attributes(requests[1])  # it has none
    (put,) = (each for each in spans if each.name == "blob put")
    assert are_below([put], requests[1])
    assert attributes(put) == {"gateway.blob.call": "put"}
    assert {"SELECT", "INSERT", "BEGIN", "COMMIT"} <= {each.name for each in spans}
    for each in spans:
        assert "hunter2" not in str(attributes(each))
        assert bucket not in str(attributes(each))
        assert not each.events


async def test_goes_on_in_the_trace_of_the_client(database: Database, tmp_path: Path) -> None:
    traces = Traces()
    async with traces(database, tmp_path) as served:
        for parent in (PARENT, "nonsense", ""):
            await served.post({"query": "{ __typename }"}, headers={"TraceParent": parent})
    continued, *others = (each for each in traces.take() if each.kind is SpanKind.SERVER)

    assert continued.parent is not None
    assert f"{continued.parent.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{continued.parent.span_id:016x}" == PARENT.split("-")[2]
    assert [each.parent for each in others] == [None, None]


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({"traceparent": PARENT}, {}),
        ({"traceparent": PARENT, "tracestate": "a=1"}, {"a": "1"}),
        ({"traceparent": PARENT, "tracestate": ["a=1"]}, {}),
        ({"traceparent": PARENT.replace("00-", "ff-", 1)}, None),
        ({"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"}, None),
        ({"traceparent": PARENT, "tracestate": f"a={'x' * 255},b={'x' * 255}"}, {}),
        ({"traceparent": PARENT + "-" + "x" * 500}, None),
        ({"traceparent": {"version": 0}}, None),
        ({"traceparent": None}, None),
        ({}, None),
    ],
)
async def test_operations_on_a_socket_go_on_in_the_trace_of_the_client(
    database: Database, tmp_path: Path, given: dict[str, Any], state: dict[str, str] | None
) -> None:
    traces = Traces()
    async with (
        traces(database, tmp_path) as served,
        served.session.ws_connect(
            f"{served.url}/graphql", protocols=["graphql-transport-ws"]
        ) as socket,
    ):
        await socket.send_json({"type": "connection_init", "payload": served.headers | given})
        assert (await socket.receive_json())["type"] == "connection_ack"
        for id in ("1", "2"):
            payload = {"query": "{ viewer { namespace { id } } }"}
            await socket.send_json({"type": "subscribe", "id": id, "payload": payload})
            assert (await socket.receive_json())["type"] == "next"
            assert (await socket.receive_json())["type"] == "complete"
    operations = [each for each in traces.take() if each.name == "query"]

    assert len(operations) == 2
    for each in operations:
        if state is None:
            assert each.parent is None
        else:
            assert each.parent is not None
            assert f"{each.parent.trace_id:032x}" == PARENT.split("-")[1]
            assert f"{each.parent.span_id:016x}" == PARENT.split("-")[2]
            assert dict(each.parent.trace_state) == state


@pytest.mark.parametrize(
    ("query", "headers", "code", "status"),
    [
        ("{", {}, "GRAPHQL_PARSE_FAILED", StatusCode.UNSET),
        ("{ __typename }", {"Authorization": ""}, "UNAUTHENTICATED", StatusCode.UNSET),
        (FIND, {}, "BAD_USER_INPUT", StatusCode.UNSET),
        ("{ viewer { namespace { id } } }", {}, "INTERNAL_SERVER_ERROR", StatusCode.ERROR),
    ],
)
async def test_of_what_fails(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    headers: dict[str, str],
    code: str,
    status: StatusCode,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("hunter2")

    monkeypatch.setattr("gateway.namespaces.queries.row", broken)
    traces = Traces()
    async with traces(database, tmp_path) as served:
        await served.post({"query": query}, headers=headers)
    (request,) = (each for each in traces.take() if each.kind is SpanKind.SERVER)

    assert attributes(request)["error.type"] == code
    assert request.status.status_code is status
    assert "hunter2" not in str(request.status.description)


async def test_of_a_statement_that_fails(database: Database, tmp_path: Path) -> None:
    traces = Traces()
    async with traces(database, tmp_path) as served:
        query = 'query { buckets(filter: {bucketName: {eq: "\\u0000"}}) { totalCount } }'
        await served.post({"query": query})
        failed = [each for each in traces.take() if each.status.status_code is StatusCode.ERROR]

    (select,) = failed
    assert select.name == "SELECT"
    assert attributes(select)["db.response.status_code"] == "22021"
    assert attributes(select)["error.type"] == "CharacterNotInRepertoireError"


async def test_what_is_not_sampled_costs_no_more_spans(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces = Traces(ALWAYS_OFF)
    made = []
    original = traces.tracing._tracer.start_span

    def start_span(*args: Any, **kwargs: Any) -> Any:
        made.append(args[0])
        return original(*args, **kwargs)

    monkeypatch.setattr(traces.tracing._tracer, "start_span", start_span)
    async with traces(database, tmp_path) as served:
        await served.post({"query": FIND, "variables": {"name": "x"}})

    assert traces.take() == []
    assert made == ["GraphQL Operation"]
