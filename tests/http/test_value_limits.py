"""docs/limits.md is run: of values what is beyond a limit, of all limits the settings."""

from __future__ import annotations

import dataclasses
import io
import json
import re

import pytest
from aiohttp import WSCloseCode

from gateway.settings import PREFIX, Settings
from tests.operations import FREE_SCHEMA

from .conftest import Served, Serving
from .test_limits import DOCS, spelt_out

ERRORS = "errors { code message path }"
SUBPROTOCOL = "graphql-transport-ws"
CREATE_BUCKET = "mutation ($i: CreateBucketInput!) { p: createBucket(input: $i) { bucket { id } } }"
# Of a mutation, its input and what it is told; the one row without an input needs a server to fetch
# from, and is shown by the tests of fetching.
ROW = re.compile(r"^\| \*\*`\w+`\*\* \| \d+ \| (\w+) `(.*)` \| (.*) \|$", re.MULTILINE)
VALUES = [match.groups() for match in ROW.finditer(DOCS)]
OPEN_ROW = re.compile(
    r"^\| \*\*`\w+Per\w+`\*\* \| `(\w+)` \| (\d+) \| .* \| (.*) \|$", re.MULTILINE
)
OPEN = {name: (default, told) for name, default, told in OPEN_ROW.findall(DOCS)}
# A setting and its default, in a table or in a sentence.
TOLD = re.compile(r"`(GATEWAY_\w+)`(?:\*\*)? (?:\| |\()(\d+)")
LIMITS = re.compile(r"max_\w+|\w+_(rate|burst)|operation_s|database_queue|fetch_\w+_s")


async def test_tells_what_the_table_says(serving: Serving) -> None:
    async with serving(Settings()) as served:
        bucket_id = await new_bucket(served)
        for mutation, input, told in VALUES:
            given = json.loads(spelt_out(input))
            if mutation != "createBucket":
                given["bucketId"] = bucket_id
            kind = f"{mutation[0].upper()}{mutation[1:]}Input"
            query = f"mutation ($i: {kind}!) {{ p: {mutation}(input: $i) {{ {ERRORS} }} }}"
            body = io.BytesIO(json.dumps({"query": query, "variables": {"i": given}}).encode())
            headers = {"Content-Type": "application/json"}
            _, answer = await served.post(data=body, headers=headers)

            (error,) = answer["data"]["p"]["errors"]
            assert (error["code"], error["message"]) == ("TOO_LARGE", told)
            assert error["path"][0] in given


async def new_bucket(served: Served) -> str:
    variables = {"i": {"bucketName": "a", "bucketSchema": FREE_SCHEMA}}
    _, answer = await served.post({"query": CREATE_BUCKET, "variables": variables})
    id: str = answer["data"]["p"]["bucket"]["id"]
    return id


def test_the_page_has_every_setting_that_limits_something() -> None:
    assert (len(VALUES), len(OPEN)) == (5, 3)
    assert {name: int(default) for name, default in TOLD.findall(DOCS)} == {
        PREFIX + each.name.upper(): each.default
        for each in dataclasses.fields(Settings)
        if LIMITS.fullmatch(each.name)
    }


@pytest.mark.parametrize("name", OPEN)
async def test_who_opens_too_much_is_told_what_the_table_says(serving: Serving, name: str) -> None:
    default, expected = OPEN[name]
    async with (
        serving(Settings.from_environment({name: "1"})) as served,
        served.session.ws_connect(f"{served.url}/graphql", protocols=[SUBPROTOCOL]) as first,
        served.session.ws_connect(f"{served.url}/graphql", protocols=[SUBPROTOCOL]) as second,
    ):
        await first.send_json({"type": "connection_init", "payload": served.headers})
        assert (await first.receive_json())["type"] == "connection_ack"
        if name.endswith("CONNECTIONS_PER_KEY"):
            await second.send_json({"type": "connection_init", "payload": served.headers})
            closed = await second.receive()
            told = closed.extra
            assert closed.data == WSCloseCode.TRY_AGAIN_LATER
        else:
            for id in ("a", "b"):
                payload = {"query": "subscription { statusChanged { __typename } }"}
                await first.send_json({"type": "subscribe", "id": id, "payload": payload})
            refused = await first.receive_json()
            told = refused["payload"][0]["message"]
            assert (refused["type"], refused["id"]) == ("error", "b")

    assert told == expected.replace(default, "1")
