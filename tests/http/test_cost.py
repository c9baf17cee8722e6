"""What requests cost: told to whom asks for it, and refused where it is too much."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import InvalidSetting, Settings
from tests.operations import FREE_SCHEMA

from .conftest import Served, Serving

REPORT = {"GraphQL-Cost": "report"}
PAGES = "query Pages($n: Int) { buckets(first: $n) { totalCount nodes { id } } }"
DEEP = """query Deep($n: Int) { buckets(first: 100) { nodes {
    objects(first: $n) { nodes { id } } } } }"""
FOLLOW = """subscription { nodeStatus(id: "bkt_1") { node { ... on Bucket {
    objects(first: 1000) { nodes { documents(first: 1000) { nodes {
        children(first: 9) { nodes { id } } } } } } } } } }"""
CREATE = """mutation ($input: CreateBucketInput!) { createBucket(input: $input) {
    bucket { id objects(first: 3) { nodes { id } } } errors { message } } }"""
NEW = {"bucketName": "a", "bucketSchema": FREE_SCHEMA}


def cost(answer: Any) -> Any:
    return answer["extensions"]["cost"]


async def test_tells_the_cost_where_it_is_asked_for(served: Served) -> None:
    body = {"query": PAGES, "variables": {"n": 7}}

    _, plain = await served.post(body)
    _, first = await served.post(body, headers=REPORT)
    _, again = await served.post(body, headers=REPORT)
    _, plain_again = await served.post(body)

    assert plain_again == plain == {"data": {"buckets": {"totalCount": 0, "nodes": []}}}
    assert first == plain | {"extensions": {"cost": {"requested": 8, "limit": 5_000_000}}}
    assert again == first


async def test_the_variables_decide(served: Served) -> None:
    for given, rows in (({}, 21), ({"n": 3}, 4), ({"n": None}, 21)):
        _, answer = await served.post({"query": PAGES, "variables": given}, headers=REPORT)
        assert cost(answer)["requested"] == rows


async def test_each_operation_of_a_document_has_its_own(served: Served) -> None:
    text = f"{PAGES} query Viewer {{ viewer {{ namespace {{ id }} }} }}"

    for name, rows in (("Pages", 21), ("Viewer", 2)):
        _, answer = await served.post({"query": text, "operationName": name}, headers=REPORT)
        assert cost(answer)["requested"] == rows


async def test_a_get_tells_it_too(served: Served) -> None:
    headers = served.headers | REPORT
    async with served.session.get(
        f"{served.url}/graphql", params={"query": PAGES}, headers=headers
    ) as answer:
        assert cost(await answer.json())["requested"] == 21


async def test_a_mutation_tells_what_it_reads_back(served: Served) -> None:
    twice = {"query": CREATE, "variables": {"input": NEW}}

    _, made = await served.post(twice, headers=REPORT)
    _, taken = await served.post(twice, headers=REPORT)

    assert made["data"]["createBucket"]["bucket"]["objects"] == {"nodes": []}
    assert taken["data"]["createBucket"]["bucket"] is None
    assert cost(made) == cost(taken) == {"requested": 1 + 1 + 3, "limit": 5_000_000}


async def test_an_answer_with_errors_tells_it(served: Served) -> None:
    text = '{ buckets(after: "x") { nodes { id } } }'

    _, answer = await served.post({"query": text}, headers=REPORT)

    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert cost(answer)["requested"] == 21


async def test_what_is_no_valid_document_has_no_cost(served: Served) -> None:
    for text in (
        "{",
        "{ nothing }",
        PAGES + PAGES,
        "query A { __typename } query B { __typename }",
    ):
        _, answer = await served.post({"query": text}, headers=REPORT)
        assert answer.keys() == {"errors"}


@pytest.mark.parametrize("said", ["", "Report", "validate", "report, report"])
async def test_the_header_is_read_strictly(served: Served, said: str) -> None:
    status, answer = await served.post({"query": PAGES}, headers={"GraphQL-Cost": said})

    assert status == 400
    assert answer["errors"] == [
        {
            "message": 'GraphQL-Cost has to be "report", or be left out',
            "extensions": {"code": "BAD_USER_INPUT"},
        }
    ]


async def test_what_costs_too_much_is_refused(serving: Serving) -> None:
    async with serving(Settings(max_cost=1000)) as served:
        body = {"query": DEEP, "variables": {"n": 8}}
        read = {"query": DEEP, "variables": {"n": 7}}
        _, taken = await served.post(read, headers=REPORT)
        for _ in range(2):  # the plan is kept by now
            status, answer = await served.post(body, headers=REPORT)

    assert cost(taken) == {"requested": 901, "limit": 1000}
    assert status == 200
    assert answer == {
        "errors": [
            {
                "message": "the operation may read 1001 rows, chiefly at buckets.nodes.objects; the"
                " most is 1000, so ask for first: 7 at buckets.nodes.objects",
                "locations": [{"line": 2, "column": 5}],
                "extensions": {
                    "code": "LIMIT_EXCEEDED",
                    "limit": "cost",
                    "value": 1001,
                    "maximum": 1000,
                },
            }
        ],
        "extensions": {"cost": {"requested": 1001, "limit": 1000}},
    }


async def test_a_mutation_that_costs_too_much_is_not_made(serving: Serving) -> None:
    async with serving(Settings(max_cost=4)) as served:
        _, refused = await served.post({"query": CREATE, "variables": {"input": NEW}})
        _, made = await served.post({"query": "{ buckets { totalCount } }"})

    assert refused["errors"][0]["extensions"]["limit"] == "cost"
    assert made == {"data": {"buckets": {"totalCount": 0}}}


async def test_a_socket_tells_and_refuses_it(serving: Serving) -> None:
    async with (
        serving(Settings(max_cost=1000)) as served,
        served.session.ws_connect(
            f"{served.url}/graphql", protocols=["graphql-transport-ws"]
        ) as socket,
    ):
        init = served.headers | REPORT
        await socket.send_json({"type": "connection_init", "payload": init})
        assert (await socket.receive_json())["type"] == "connection_ack"
        answers = []
        for n in (7, 8):
            payload = {"query": DEEP, "variables": {"n": n}}
            await socket.send_json({"id": str(n), "type": "subscribe", "payload": payload})
            answers.append(await socket.receive_json())
            while n == 7 and (await socket.receive_json())["type"] != "complete":
                pass

    assert answers[0]["payload"]["extensions"] == {"cost": {"requested": 901, "limit": 1000}}
    assert answers[1]["type"] == "error"
    assert answers[1]["payload"][0]["extensions"]["limit"] == "cost"


async def test_a_subscription_costs_what_each_event_reads(served: Served) -> None:
    async with served.session.ws_connect(
        f"{served.url}/graphql", protocols=["graphql-transport-ws"]
    ) as socket:
        await socket.send_json({"type": "connection_init", "payload": served.headers})
        assert (await socket.receive_json())["type"] == "connection_ack"
        await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": FOLLOW}})
        message = await socket.receive_json()

    assert message["type"] == "error"
    assert message["payload"][0]["message"].startswith(
        "the operation may read 11002002 rows, chiefly at nodeStatus.node.objects.nodes.documents."
    )


async def test_a_socket_reads_its_field_strictly(served: Served) -> None:
    async with served.session.ws_connect(
        f"{served.url}/graphql", protocols=["graphql-transport-ws"]
    ) as socket:
        payload = served.headers | {"GraphQL-Cost": True}
        await socket.send_json({"type": "connection_init", "payload": payload})
        await socket.receive()

        assert socket.close_code == 4403


async def test_does_not_start_with_a_document_that_always_costs_too_much(
    serving: Serving, tmp_path: Path
) -> None:
    (tmp_path / "a.graphql").write_text("{ buckets(first: 5) { nodes { id } } }")
    settings = Settings(trusted_documents=str(tmp_path), max_cost=5)

    with pytest.raises(
        InvalidSetting, match=r"a\.graphql: the operation may read 6 rows, chiefly at buckets; the"
    ):
        async with serving(settings):
            pass


async def test_warns_of_a_document_that_may_cost_too_much(
    serving: Serving, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"pages": PAGES}))
    settings = Settings(trusted_documents=str(tmp_path), max_cost=100)
    asked = {"persistedQuery": {"version": 1, "sha256Hash": "pages"}}

    with caplog.at_level(logging.WARNING):
        async with serving(settings) as served:
            answers = [
                (await served.post({"extensions": asked, "variables": {"n": n}}))[1]
                for n in (99, 100)
            ]

    assert ["data" in each for each in answers] == [True, False]
    assert answers[1]["errors"][0]["extensions"]["limit"] == "cost"
    assert "trusted operation Pages may read up to 1001 rows" in caplog.text
