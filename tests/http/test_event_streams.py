"""GraphQL over SSE, in its distinct connections mode."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse
from graphql import GraphQLError

from gateway.errors import GatewayError, Unavailable
from gateway.events.following import Message
from gateway.http.event_streams import events
from gateway.http.event_streams.stream import EventStream
from gateway.http.live.rules import LiveRules
from gateway.settings import Settings

from .conftest import Served, Serving
from .following import SUBSCRIPTION, Follower, Told
from .raw_socket import raw_socket
from .test_socket_endings import create_key
from .test_sockets import ANSWER, VIEWER

EVENTS = "text/event-stream"
RETRY = "retry: 1000"


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def served(serving: Serving, told: Told) -> AsyncIterator[Served]:
    async with serving(Settings(), follows=told) as served:
        yield served


@asynccontextmanager
async def streamed(
    served: Served, body: Any = None, *, accept: str = EVENTS, **kwargs: Any
) -> AsyncIterator[ClientResponse]:
    """Ask for a stream, by POST if there is a body."""
    headers = served.headers | {"Accept": accept} | kwargs.pop("headers", {})
    method = "GET" if body is None else "POST"
    async with served.session.request(
        method, f"{served.url}/graphql", json=body, headers=headers, **kwargs
    ) as answer:
        yield answer


async def event(answer: ClientResponse) -> str:
    """Return the next event, as it is written."""
    async with asyncio.timeout(20):
        return (await answer.content.readuntil(b"\n\n")).decode().removesuffix("\n\n")


async def events_of(answer: ClientResponse) -> list[str]:
    """Return all events, to the end of the answer."""
    async with asyncio.timeout(20):
        return (await answer.text()).split("\n\n")


def next_event(data: Any, *, id: str | None = None) -> str:
    text = json.dumps(data, separators=(",", ":"))
    return "\n".join(["event: next", *([f"id: {id}"] if id else []), f"data: {text}"])


# what has one result


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_query_has_one_event(served: Served, method: str) -> None:
    asked: Any = {"body": {"query": VIEWER}} if method == "POST" else {"params": {"query": VIEWER}}
    async with streamed(served, **asked) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert await events_of(answer) == [next_event(ANSWER), "event: complete\ndata:", ""]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ viewer {", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { __typename } query B { __typename }", "BAD_USER_INPUT"),
    ],
)
async def test_what_cannot_be_executed_is_an_event(served: Served, query: str, code: str) -> None:
    """Clients try again, or show nothing, where the status is another."""
    async with streamed(served, {"query": query}) as answer:
        assert answer.status == 200
        first, complete, _ = await events_of(answer)
    errors = json.loads(first.removeprefix("event: next\ndata: "))["errors"]
    assert errors[0]["extensions"]["code"] == code
    assert complete == "event: complete\ndata:"


async def test_what_is_no_request_has_a_status(served: Served) -> None:
    for body, headers, status, code in (
        ({"query": VIEWER}, {"Authorization": ""}, 401, "UNAUTHENTICATED"),
        ({"query": 1}, {}, 400, "BAD_USER_INPUT"),
        ([], {}, 400, "BAD_USER_INPUT"),
        ({}, {}, 400, "BAD_USER_INPUT"),
    ):
        async with streamed(served, body, headers=headers) as answer:
            assert answer.status == status
            assert answer.content_type == "application/json"
            assert (await answer.json())["errors"][0]["extensions"]["code"] == code


async def test_a_mutation_is_not_asked_for_by_get(served: Served) -> None:
    params = {"query": 'mutation { revokeApiKey(id: "x") { errors { code } } }'}
    async with streamed(served, params=params) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    async with streamed(served, params) as answer:
        assert "NOT_FOUND" in (await events_of(answer))[0]


@pytest.mark.parametrize(
    "accept",
    [
        "application/graphql-response+json, application/json, text/event-stream",
        "text/event-stream, application/json;q=0.1",
        "text/event-stream;q=0, */*",
    ],
)
async def test_who_reads_json_gets_json(served: Served, accept: str) -> None:
    """Urql names event streams on every query."""
    async with streamed(served, {"query": VIEWER}, accept=accept) as answer:
        assert await answer.json() == ANSWER


@pytest.mark.parametrize(
    "accept", ["TEXT/EVENT-STREAM", "text/event-stream, */*;q=0.1", "text/event-stream;q=0.5"]
)
async def test_who_reads_events_gets_events(served: Served, accept: str) -> None:
    async with streamed(served, {"query": VIEWER}, accept=accept) as answer:
        assert answer.content_type == EVENTS


def test_an_event_is_one_line() -> None:
    """PostgreSQL breaks lines in what it aggregates, and an event ends with its line."""
    message = Message(b'{"data": [1, \n 2,\r\n 3, "\\n"]}', None)

    assert events.results([message]) == b'event: next\ndata: {"data": [1,  2, 3, "\\n"]}\n\n'


# subscriptions


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_results_come_with_their_cursors(served: Served, told: Told, method: str) -> None:
    body = {"query": SUBSCRIPTION, "variables": {"n": 1}}
    asked: Any = {"body": body}
    if method == "GET":
        asked = {"params": {"query": SUBSCRIPTION, "variables": '{"n": 1}'}}
    async with streamed(served, **asked, headers={"Last-Event-ID": "c7"}) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Request-Id"]
        follower = await told.follower()
        assert follower.asked["after"] == "c7"
        assert follower.asked["variables"] == {"n": 1}
        assert await event(answer) == RETRY
        told.publish("a")
        assert await event(answer) == next_event({"data": {"told": "a"}}, id="c1")
        told.publish("b", "é")
        assert await event(answer) == next_event({"data": {"told": "b"}}, id="c2")
        assert 'data: {"data":{"told":"é"}}' in await event(answer)
        follower.sink.send([Message(b'{"data":null}', None)])
        assert await event(answer) == next_event({"data": None})
        follower.sink.complete()

        assert await events_of(answer) == ["event: complete\ndata:", ""]
    assert follower.stops == 1
    assert (served.connections.count, served.connections.subscriptions) == (0, 0)


async def test_one_that_cannot_begin_is_told_why(served: Served, told: Told) -> None:
    for refusal, message in (
        ([GraphQLError("no", extensions={"code": "BAD_USER_INPUT"})], "no"),
        (Unavailable("the database is away"), "the database is away"),
    ):
        told.refusal = refusal
        async with streamed(served, {"query": SUBSCRIPTION}) as answer:
            retry, first, *rest = await events_of(answer)

        assert retry == RETRY
        assert json.loads(first.partition("data: ")[2])["errors"][0]["message"] == message
        assert rest == ["event: complete\ndata:", ""]


async def test_one_that_a_fault_keeps_from_beginning_is_told_so(
    served: Served, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever is told nothing comes again and again."""

    def at_start(_: Follower) -> None:
        raise ValueError("a secret")

    told.at_start = at_start
    async with streamed(served, {"query": SUBSCRIPTION}) as answer:
        _, first, *rest = await events_of(answer)

    (error,) = json.loads(first.partition("data: ")[2])["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "a secret" not in first
    assert rest == ["event: complete\ndata:", ""]
    (record,) = caplog.records
    assert record.exc_info
    assert isinstance(record.exc_info[1], ValueError)


@pytest.mark.parametrize("failure", [Unavailable("away"), GatewayError("a secret")])
async def test_one_that_cannot_go_on_ends_without_completing(
    served: Served, told: Told, failure: GatewayError
) -> None:
    """So that clients come again, and resume."""
    async with streamed(served, {"query": SUBSCRIPTION}) as answer:
        follower = await told.follower()
        told.publish(1)
        follower.sink.fail(failure)

        assert await events_of(answer) == [RETRY, next_event({"data": {"told": 1}}, id="c1"), ""]
    assert follower.stops == 1


async def test_results_may_come_before_it_has_begun(served: Served, told: Told) -> None:
    def at_start(follower: Follower) -> None:
        told.publish("state")
        follower.sink.complete()

    told.at_start = at_start
    async with streamed(served, {"query": SUBSCRIPTION}) as answer:
        expected = [RETRY, next_event({"data": {"told": "state"}}, id="c1")]
        assert await events_of(answer) == [*expected, "event: complete\ndata:", ""]
    assert (await told.follower()).stops == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_who_goes_is_noticed(served: Served, told: Told, method: str) -> None:
    asked: Any = {"body": {"query": SUBSCRIPTION}}
    if method == "GET":
        asked = {"params": {"query": SUBSCRIPTION}}
    async with streamed(served, **asked) as answer:
        follower = await told.follower()
        assert await event(answer) == RETRY
        answer.close()
        await told.until(lambda: follower.stops == 1)

    await told.until(lambda: served.connections.count == 0)
    assert not follower.sink.send(told.published)


async def test_who_goes_before_it_has_begun_leaves_nothing(served: Served, told: Told) -> None:
    told.gate.clear()
    async with streamed(served, {"query": SUBSCRIPTION}) as answer:
        follower = await told.follower()
        stream = follower.sink
        assert isinstance(stream, EventStream)
        answer.close()
        await told.until(lambda: stream._is_over)
        assert follower.stops == 0  # nobody has it yet
        told.gate.set()

        await told.until(lambda: served.connections.count == 0)
        assert follower.stops == 1
        assert served.connections.subscriptions == 0
        assert served.connections.secret_digests() == []


async def test_comments_show_that_it_lives(serving: Serving, told: Told) -> None:
    async with (
        serving(Settings(), follows=told, live_rules=LiveRules(beat_s=0.05)) as served,
        streamed(served, {"query": SUBSCRIPTION}) as answer,
    ):
        assert await event(answer) == RETRY
        for _ in range(3):
            assert await event(answer) == ":"


async def test_it_ends_with_its_key(served: Served, told: Told) -> None:
    key_id, headers = await create_key(served)
    async with streamed(served, {"query": SUBSCRIPTION}, headers=headers) as answer:
        await told.follower()
        mutation = f'mutation {{ revokeApiKey(id: "{key_id}") {{ errors {{ code }} }} }}'
        assert (await served.post({"query": mutation}))[0] == 200

        assert await events_of(answer) == [RETRY, ""]
    async with streamed(served, {"query": SUBSCRIPTION}, headers=headers) as answer:
        assert answer.status == 401  # whoever comes again


async def test_it_ends_with_the_gateway(serving: Serving, told: Told, served: Served) -> None:
    async with (
        serving(Settings(), follows=told) as stopping,
        served.session.post(
            f"{stopping.url}/graphql",
            json={"query": SUBSCRIPTION},
            headers=stopping.headers | {"Accept": EVENTS},
        ) as answer,
    ):
        await told.follower()
        told.publish(1)
        await stopping.connections.drain(1)

        assert await events_of(answer) == [RETRY, next_event({"data": {"told": 1}}, id="c1"), ""]


@pytest.mark.parametrize("limit", ["connections", "subscriptions"])
async def test_a_key_has_so_many(serving: Serving, told: Told, limit: str) -> None:
    most: dict[str, Any] = {f"{limit}_per_key": 2}
    async with (
        serving(Settings(), follows=told, live_rules=LiveRules(**most)) as served,
        streamed(served, {"query": SUBSCRIPTION}),
        streamed(served, {"query": SUBSCRIPTION}) as second,
    ):
        await told.follower(2)
        async with streamed(served, {"query": SUBSCRIPTION}) as answer:
            assert answer.content_type == "application/json"
            (error,) = (await answer.json())["errors"]
        assert (answer.status, answer.headers["Retry-After"]) == (429, "5")
        assert error["extensions"] == {
            "code": "LIMIT_EXCEEDED",
            "limit": f"{limit}PerKey",
            "value": 3,
            "maximum": 2,
            "retryAfter": 5,
        }

        second.close()
        await told.until(lambda: served.connections.count == 1)
        async with streamed(served, {"query": SUBSCRIPTION}) as answer:
            assert answer.status == 200


async def test_a_slow_client_gets_everything(served: Served, told: Told) -> None:
    async with streamed(served, {"query": SUBSCRIPTION}, read_bufsize=8192) as answer:
        follower = await told.follower()
        told.publish(*["x" * 10_000] * 3000)
        assert follower.is_slow
        assert await event(answer) == RETRY
        for number in range(3000):
            assert await event(answer) == next_event(
                {"data": {"told": "x" * 10_000}}, id=f"c{number + 1}"
            )
        assert follower.drains == follower.stalls


async def test_who_takes_nothing_is_cut_off(serving: Serving, told: Told) -> None:
    rules = LiveRules(stall_s=0.2, farewell_s=0.1)
    async with (
        serving(Settings(), follows=told, live_rules=rules) as served,
        streamed(served, {"query": SUBSCRIPTION}, read_bufsize=1024),
    ):
        follower = await told.follower()
        told.publish(*["x" * 10_000] * 3000)
        assert follower.is_slow
        await told.until(lambda: served.connections.count == 0)

        assert follower.stops == 1


async def test_old_clients_get_it_unframed(served: Served, told: Told) -> None:
    """HTTP/1.0 knows no chunks; the end of the connection is that of the answer."""
    host, _, port = served.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    query = "subscription%20{told}"
    key = served.headers["Authorization"]
    writer.write(
        f"GET /graphql?query={query} HTTP/1.0\r\nAccept: {EVENTS}\r\nAuthorization: {key}\r\n"
        "X-Namespace: default\r\n\r\n".encode()
    )
    follower = await told.follower()
    told.publish(1)
    follower.sink.complete()
    async with asyncio.timeout(20):
        head, _, body = (await reader.read(-1)).decode().partition("\r\n\r\n")
    writer.close()

    assert "Transfer-Encoding" not in head
    expected = [RETRY, next_event({"data": {"told": 1}}, id="c1"), "event: complete\ndata:", ""]
    assert body.split("\n\n") == expected


async def test_an_answer_and_a_socket_count_alike(served: Served, told: Told) -> None:
    async with raw_socket(served.url), streamed(served, {"query": SUBSCRIPTION}):
        await told.follower()

        assert served.connections.count == 2
        assert served.connections.subscriptions == 1
