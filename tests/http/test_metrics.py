"""What `/metrics` tells, who may read it, and that clients cannot fill it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.observing.metrics import Metrics
from gateway.observing.requests import MOST_NAMES
from gateway.settings import Settings
from tests.operations import CREATE_OBJECT

from .conftest import Served, Serving

ON = Settings(metrics="on")
VIEWER = "{ viewer { namespace { namespaceName } } }"
CREATE_BUCKET = """
mutation MakeBucket($input: CreateBucketInput!) {
  createBucket(input: $input) { bucket { id } errors { message } }
}
"""

Samples = dict[tuple[str, ...], float]


async def read(served: Served, **headers: str) -> str:
    async with served.session.get(f"{served.url}/metrics", headers=headers) as answer:
        assert answer.status == 200
        return await answer.text()


async def samples(served: Served, name: str) -> Samples:
    """Return the values of a metric by those of its labels."""
    families = text_string_to_metric_families(await read(served))
    return {
        tuple(each.labels.values()): each.value
        for family in families
        for each in family.samples
        if each.name == name
    }


async def test_nobody_reads_it_unless_that_is_set(served: Served) -> None:
    async with served.session.get(f"{served.url}/metrics") as answer:
        assert answer.status == 404


async def test_needs_no_key_and_speaks_both_languages(serving: Serving) -> None:
    async with serving(ON) as served:
        assert "# TYPE gateway_requests_total counter" in await read(served)
        openmetrics = await read(served, Accept="application/openmetrics-text; version=1.0.0")

    assert openmetrics.endswith("# EOF\n")


async def test_adds_up_what_requests_cost(serving: Serving) -> None:
    async with serving(ON) as served:
        for variables in ({"first": 5}, {"first": 7}, {"first": -1}):
            body = {"query": "query Some($first: Int) { buckets(first: $first) { nodes { id } } }"}
            await served.post(body | {"variables": variables})
        found = await samples(served, "gateway_request_cost_total")

    assert found == {("Some",): 6 + 8}


async def test_tells_how_far_events_have_come(serving: Serving) -> None:
    async with serving(ON) as served:
        before = await samples(served, "gateway_events_position")
        await served.post(
            {
                "query": CREATE_BUCKET,
                "variables": {
                    "input": {
                        "bucketName": "a",
                        "bucketSchema": {"properties": {"a": {"type": "string"}}},
                    }
                },
            }
        )
        async with asyncio.timeout(20):
            while await samples(served, "gateway_events_position") == before:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        read_at = await samples(served, "gateway_events_last_read_timestamp_seconds")

    assert abs(read_at[()] - time.time()) < 60


async def test_counts_requests_by_operation_and_outcome(serving: Serving) -> None:
    async with serving(ON) as served:
        for query, headers in (
            ("query Me { viewer { keyId } }", {}),
            ("query Me { viewer { key { name } } }", {}),
            (f"query Me {VIEWER}", {}),
            (f"query Me {VIEWER}", {}),
            (VIEWER, {}),
            ("{", {}),
            ("query Nothing { nothing }", {}),
            ("query Refused { bucket { id } }", {}),
            ("query Refused { bucket { id } }", {"Authorization": "Bearer sk_wrong"}),
        ):
            await served.post({"query": query}, headers=headers)
        await served.post(data=b"nonsense", headers={"Content-Type": "application/json"})

        found = await samples(served, "gateway_requests_total")
        took = await samples(served, "gateway_request_seconds_count")

    assert found == {
        ("Me", "ok"): 2,
        ("(anonymous)", "ok"): 1,
        ("(none)", "GRAPHQL_PARSE_FAILED"): 1,
        ("(none)", "GRAPHQL_VALIDATION_FAILED"): 3,
        ("(none)", "UNAUTHENTICATED"): 1,
        ("(none)", "BAD_USER_INPUT"): 1,
        ("Refused", "BAD_USER_INPUT"): 1,
    }
    assert took == {("Me",): 2, ("(anonymous)",): 1, ("(none)",): 6, ("Refused",): 1}


async def test_counts_operations_on_sockets(serving: Serving) -> None:
    async with serving(ON) as served:
        socket = served.session.ws_connect(
            f"{served.url}/graphql", protocols=["graphql-transport-ws"]
        )
        async with socket as ws:
            payload = {"Authorization": f"Bearer {served.secret}", "X-Namespace": "default"}
            await ws.send_json({"type": "connection_init", "payload": payload})
            await ws.receive_json()
            for number, query in enumerate(
                ("query Me { __typename }", "query Me { bucket { id } }")
            ):
                asked = {"id": str(number), "type": "subscribe", "payload": {"query": query}}
                await ws.send_json(asked)
                await ws.receive_json()
                await ws.receive_json()
            found = await samples(served, "gateway_requests_total")

    assert found == {("Me", "ok"): 1, ("Me", "BAD_USER_INPUT"): 1}


async def test_counts_subscriptions_that_share_what_they_are_told(serving: Serving) -> None:
    query = "subscription Follow { statusChanged { __typename } }"
    async with serving(ON) as served:
        socket = served.session.ws_connect(
            f"{served.url}/graphql", protocols=["graphql-transport-ws"]
        )
        async with socket as ws:
            payload = {"Authorization": f"Bearer {served.secret}", "X-Namespace": "default"}
            await ws.send_json({"type": "connection_init", "payload": payload})
            await ws.receive_json()
            for number in range(3):
                asked = {"id": str(number), "type": "subscribe", "payload": {"query": query}}
                await ws.send_json(asked)
                assert (await ws.receive_json())["type"] == "next"
            found = await samples(served, "gateway_requests_total")

    assert found == {("Follow", "ok"): 3}


async def test_counts_event_streams_as_they_begin(serving: Serving) -> None:
    accept = {"Accept": "text/event-stream"}
    follow = {"query": "subscription Follow { statusChanged { __typename } }"}
    wrong = {"query": 'subscription Wrong { nodeStatus(id: "x") { status } }'}
    async with serving(replace(ON, max_connections_per_key=1)) as served:
        url, headers = f"{served.url}/graphql", served.headers | accept
        async with served.session.post(url, json=wrong, headers=headers) as answer:
            await answer.read()
        async with served.session.post(url, json=follow, headers=headers) as answer:
            await answer.content.readuntil(b"event: next")
            await served.post(follow, headers=accept)
            found = await samples(served, "gateway_requests_total")

    assert found == {
        ("Wrong", "BAD_USER_INPUT"): 1,
        ("Follow", "ok"): 1,
        ("(none)", "LIMIT_EXCEEDED"): 1,
    }


async def test_a_fault_is_the_outcome_wherever_it_stands(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError

    monkeypatch.setattr("gateway.namespaces.queries.row", broken)
    async with serving(ON) as served:
        await served.post({"query": "query Two { bucket { id } viewer { namespace { id } } }"})
        found = await samples(served, "gateway_requests_total")

    assert found == {("Two", "INTERNAL_SERVER_ERROR"): 1}


async def test_clients_cannot_fill_it_with_names(serving: Serving) -> None:
    async with serving(ON) as served:
        for number in range(MOST_NAMES + 20):
            await served.post({"query": f"query Name{number} {{ __typename }}"})
        found = await samples(served, "gateway_requests_total")

    assert len(found) == MOST_NAMES + 1
    assert found["Name0", "ok"] == 1
    assert found["(other)", "ok"] == 20


async def test_trusted_operations_are_told_in_any_case(serving: Serving, tmp_path: Any) -> None:
    (tmp_path / "late.graphql").write_text("query Late { __typename }")
    settings = Settings(metrics="on", trusted_documents=str(tmp_path))
    async with serving(settings) as served:
        for number in range(MOST_NAMES + 1):
            await served.post({"query": f"query Name{number} {{ __typename }}"})
        await served.post({"query": "query Late { __typename }"})
        found = await samples(served, "gateway_requests_total")

    assert found["Late", "ok"] == 1


async def test_counts_what_caches_keep(serving: Serving) -> None:
    async with serving(ON) as served:
        for _ in range(3):
            await served.post({"query": f"query Me {VIEWER}"})
        hits = await samples(served, "gateway_cache_hits_total")
        misses = await samples(served, "gateway_cache_misses_total")
        entries = await samples(served, "gateway_cache_entries")

    assert misses == {("documents",): 1, ("plans",): 2}  # each road looks for the plan
    assert hits[("plans",)] == 2
    assert entries == {("documents",): 1, ("plans",): 1}


async def test_tells_of_the_database(serving: Serving) -> None:
    async with serving(ON) as served:
        before = await samples(served, "gateway_database_statement_seconds_count")
        await served.post({"query": VIEWER})
        after = await samples(served, "gateway_database_statement_seconds_count")
        connections = await samples(served, "gateway_database_connections")
        limit = await samples(served, "gateway_database_connections_limit")
        waiting = await samples(served, "gateway_database_waiting")

    assert after[()] > before[()]
    assert connections.keys() == {("used",), ("free",)}
    assert (limit, waiting) == ({(): 10}, {(): 0})


async def test_tells_of_the_blob_store(serving: Serving) -> None:
    async with serving(ON) as served:
        schema = {"properties": {"file": {"type": "text"}}}
        input: dict[str, Any] = {"bucketName": "a", "bucketSchema": schema}
        _, answer = await served.post({"query": CREATE_BUCKET, "variables": {"input": input}})
        bucket = answer["data"]["createBucket"]["bucket"]["id"]
        blobs = [{"property": "file", "type": "text", "data": "abc"}]
        input = {"bucketId": bucket, "blobs": blobs}
        create = {"query": CREATE_OBJECT, "variables": {"input": input}}
        await served.post(create)
        folder = served.blob_folder
        folder.rename(folder.with_name("gone"))
        folder.touch()
        blobs[0]["data"] = "abcd"
        await served.post(create)
        calls = await samples(served, "gateway_blob_seconds_count")
        outages = await samples(served, "gateway_blob_unavailable_total")

    assert calls[("put",)] == 2
    assert outages[("put",)] == 1


async def test_a_metric_that_cannot_be_read_is_left_out(
    caplog: pytest.LogCaptureFixture, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> float:
        raise ValueError("what broke")

    def measure(metrics: Metrics, **_: object) -> None:
        metrics.gauge("broken", "Is.", broken)

    monkeypatch.setattr("gateway.parts.measure", measure)
    async with serving(ON) as served:
        text = await read(served)

    assert "process_cpu_seconds_total" in text
    assert "broken" not in text
    assert "what broke" in caplog.text


def test_two_metrics_cannot_have_one_name() -> None:
    metrics = Metrics()
    metrics.gauge("gateway_one", "One.", lambda: 1)

    with pytest.raises(ValueError, match="gateway_one"):
        metrics.counter("gateway_one", "One.", lambda: 1)
