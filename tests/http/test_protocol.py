"""GraphQL over HTTP: what is asked how, and what each answer says of itself."""

from __future__ import annotations

import gzip
import json
import logging
from typing import Any

import pytest

from .conftest import Served

VIEWER = "{ viewer { namespace { namespaceName } } }"
ANSWER = {"data": {"viewer": {"namespace": {"namespaceName": "default"}}}}
JSON = "application/json; charset=utf-8"
RESPONSE_JSON = "application/graphql-response+json; charset=utf-8"
CREATE = (
    'mutation { createNamespace(input: {namespaceName: "made-by-get"})'
    " { namespace { id } errors { code } } }"
)


async def ask(served: Served, method: str = "POST", **kwargs: Any) -> tuple[int, Any, Any]:
    """Return status, headers and body of an answer; ``accept=`` is a header."""
    headers = served.headers | kwargs.pop("headers", {})
    if (accept := kwargs.pop("accept", None)) is not None:
        headers["Accept"] = accept
    url = f"{served.url}/graphql"
    async with served.session.request(method, url, headers=headers, **kwargs) as answer:
        text = await answer.text()
        return answer.status, answer.headers, json.loads(text) if text else None


def error(answer: Any) -> tuple[str, str]:
    assert "data" not in answer  # nothing was executed
    (found,) = answer["errors"]
    return found["extensions"]["code"], found["message"]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("APPLICATION/JSON;charset=UTF-8", JSON),
        ("application/graphql-response+json", RESPONSE_JSON),
        ('application/graphql-response+json; charset="utf-8"', RESPONSE_JSON),
        ("application/graphql-response+json, application/json", RESPONSE_JSON),
        ("application/json, application/graphql-response+json", RESPONSE_JSON),
        ("application/graphql-response+json, application/json;q=0.9", RESPONSE_JSON),
        ("application/graphql-response+json;q=0.5, application/json", JSON),
        ("application/graphql-response+json;q=0.5, */*;q=0.1", RESPONSE_JSON),
        ("application/json;q=0, */*", RESPONSE_JSON),
        ("application/graphql-response+json;q=0, */*;q=0.1", JSON),
        ("text/html, */*;q=0.8", JSON),
        # What urql and Apollo Client send: they take streams as well, and get none.
        ("application/graphql-response+json, application/json, text/event-stream", RESPONSE_JSON),
        ("text/event-stream, multipart/mixed, application/json", JSON),
        ("multipart/mixed;deferSpec=20220824, application/json", JSON),
    ],
)
async def test_answers_in_the_type_that_is_wanted(
    served: Served, accept: str, expected: str
) -> None:
    for body, executed in (({"query": VIEWER}, True), ({"query": "{ nothing }"}, False)):
        status, headers, answer = await ask(served, json=body, accept=accept)

        assert headers["Content-Type"] == expected
        assert status == (200 if executed or expected == JSON else 400)
        assert ("data" in answer) == executed


@pytest.mark.parametrize(
    "accept",
    [
        "text/event-stream;q=0",
        "multipart/mixed",
        "text/html",
        "application/xml, text/*",
        "application/json;q=0",
        "*/*;q=0",
        "application/json;charset=latin1",
        "application/json;q=nan",
        ",;=",
    ],
)
async def test_refuses_to_answer_in_other_types(served: Served, accept: str) -> None:
    status, headers, answer = await ask(served, json={"query": VIEWER}, accept=accept)

    assert (status, headers["Content-Type"]) == (406, JSON)
    assert error(answer) == (
        "BAD_USER_INPUT",
        "Accept has to name application/graphql-response+json or application/json",
    )


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'],
)
async def test_takes_json(served: Served, content_type: str) -> None:
    data = json.dumps({"query": VIEWER}).encode()

    status, _, answer = await ask(served, data=data, headers={"Content-Type": content_type})

    assert (status, answer) == (200, ANSWER)


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/jsonx",
        "application/graphql",
        "application/graphql-response+json",
        "text/plain, application/json",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/json; charset=latin1",
    ],
)
async def test_takes_no_other_bodies(served: Served, content_type: str) -> None:
    data = json.dumps({"query": VIEWER}).encode()

    status, headers, answer = await ask(served, data=data, headers={"Content-Type": content_type})

    assert (status, headers["Accept-Post"]) == (415, "application/json")
    assert error(answer) == (
        "BAD_USER_INPUT",
        f"Content-Type is {content_type!r}; the body has to be application/json, in UTF-8",
    )


async def test_a_body_has_to_have_a_type(served: Served) -> None:
    status, _, answer = await ask(
        served, data=b'{"query": "{ __typename }"}', skip_auto_headers=["Content-Type"]
    )

    assert status == 415
    assert error(answer)[1].startswith("Content-Type is missing;")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", 'the body is empty; a request is one JSON object, as in {"query": "{ v'),
        (b"nonsense", "the body is not JSON: invalid literal, expected 'null' (line 1, column 1)"),
        (b'{"query":\n "', "the body is not JSON: unexpected end of data (line 2, column 3)"),
        (b'{"query": "\xff"}', "the body is not JSON: str is not valid UTF-8"),
        (b"\xef\xbb\xbf{}", "the body is not JSON: UTF-8 byte order mark (BOM)"),
        ('{"query": "x"}'.encode("utf-16"), "the body is not JSON: "),
        (b'{"query": "\\ud800"}', "the body is not JSON: "),
        (b'{"operationName": "\\ud800"}', "the body is not JSON: "),
        (b'{"variables": {"a": NaN}}', "the body is not JSON: "),
        (b'{"variables": {"a": Infinity}}', "the body is not JSON: "),
        (b'{"variables": {"a": 1e999}}', "the body is not JSON: "),
        (b'{"variables": {"a": ' + b"1" * 5000 + b"}}", "the body is not JSON: "),
        (b"[" * 50_000, "the body is not JSON: "),
        (b'{"query": "{ __typename }"} x', "the body is not JSON: "),
        (b'"text"', "the body is a string; a request is one JSON object, as in"),
        (b"null", "the body is null; a request is one JSON object, as in"),
        (b"1", "the body is a number; a request is one JSON object, as in"),
        (b"[]", "the body is an array; batches are not taken"),
        (b'[{"query": "{ __typename }"}]', "the body is an array; batches are not taken"),
        (b"{}", "query is missing; it has to be a document of GraphQL"),
        (b'{"query": null}', "query is missing; it has to be a document of GraphQL"),
        (b'{"query": ""}', "query is missing; it has to be a document of GraphQL"),
        (b'{"query": 5}', "query is a number; it has to be a string"),
        (b'{"query": ["a"]}', "query is an array; it has to be a string"),
        (b'{"query": "{a}", "operationName": 5}', "operationName is a number; it has to be a s"),
        (b'{"query": "{a}", "variables": []}', "variables is an array; it has to be an object"),
        (b'{"query": "{a}", "variables": "{}"}', "variables is a string; it has to be an object"),
        (b'{"query": "{a}", "extensions": 0}', "extensions is a number; it has to be an object"),
        (b'{"query": "{a}", "extensions": false}', "extensions is a boolean; it has to be an o"),
        (b'{"qeury": "{a}"}', "a request has no qeury; it has query, operationName, variables and"),
        (b'{"query": "{a}", "variable": {}, "id": 1}', "a request has no id, variable; it has q"),
    ],
)
async def test_refuses_what_is_no_request(served: Served, body: bytes, message: str) -> None:
    for accept in ("application/json", "application/graphql-response+json"):
        status, headers, answer = await ask(
            served, data=body, accept=accept, headers={"Content-Type": "application/json"}
        )

        code, told = error(answer)
        assert (status, code) == (400, "BAD_USER_INPUT")
        assert told.startswith(message)
        assert headers["Content-Type"] == f"{accept}; charset=utf-8"


async def test_null_is_as_good_as_nothing(served: Served) -> None:
    body = {"query": VIEWER, "variables": None, "operationName": None, "extensions": None}

    assert (await ask(served, json=body))[2] == ANSWER


@pytest.mark.parametrize(
    ("query", "name", "expected"),
    [
        ("query A { __typename } query B { buckets { totalCount } }", "A", "Query"),
        (
            "query A { __typename } query B { __typename }",
            None,
            "operationName has to say which operation is meant: A, B",
        ),
        (
            "query A { __typename }",
            "C",
            "operationName is 'C'; the operations of the document are A",
        ),
        (
            "{ __typename }",
            "",
            "operationName is ''; the operations of the document are anonymous",
        ),
        (
            "fragment F on Query { __typename }",
            None,
            "Fragment 'F' is never used.",
        ),
        (
            "query A { buckets { totalCount } } mutation B { __typename }",
            None,
            "operationName has to say which operation is meant: A, B",
        ),
    ],
)
async def test_names_pick_operations(
    served: Served, query: str, name: str | None, expected: str
) -> None:
    status, _, answer = await ask(
        served,
        json={"query": query, "operationName": name},
        accept="application/graphql-response+json",
    )

    if expected == "Query":
        assert (status, answer) == (200, {"data": {"__typename": "Query"}})
    else:
        assert (status, error(answer)[1]) == (400, expected)


@pytest.mark.parametrize(
    ("query", "variables", "code", "location"),
    [
        ("{ viewer {", {}, "GRAPHQL_PARSE_FAILED", {"line": 1, "column": 11}),
        ("{\n  nothing }", {}, "GRAPHQL_VALIDATION_FAILED", {"line": 2, "column": 3}),
        (
            "query ($id: ID!) { object(id: $id) { id } }",
            {"id": None},
            "BAD_USER_INPUT",
            {"line": 1, "column": 8},
        ),
        (
            "query ($n: Int) { buckets(first: $n) { totalCount } }",
            {"n": "many"},
            "BAD_USER_INPUT",
            {"line": 1, "column": 8},
        ),
    ],
)
async def test_tells_where_a_request_is_wrong(
    served: Served, query: str, variables: Any, code: str, location: Any
) -> None:
    for accept, expected in (("application/json", 200), ("application/graphql-response+json", 400)):
        status, _, answer = await ask(
            served, json={"query": query, "variables": variables}, accept=accept
        )

        assert (status, error(answer)[0]) == (expected, code)
        assert answer["errors"][0]["locations"] == [location]


async def test_what_was_executed_has_data(served: Served) -> None:
    for accept in ("application/json", "application/graphql-response+json"):
        status, _, answer = await ask(
            served, json={"query": "{ buckets(first: -1) { totalCount } }"}, accept=accept
        )

        assert (status, answer["data"]) == (200, None)
        assert answer["errors"][0]["path"] == ["buckets"]


async def test_tells_the_first_of_very_much_that_is_wrong(served: Served) -> None:
    query = "{ " + " ".join(f"nosuch{number}" for number in range(150)) + " }"

    _, _, answer = await ask(served, json={"query": query})

    assert len(answer["errors"]) == 21
    assert answer["errors"][-1]["message"].startswith("Too many validation errors")


async def test_a_get_asks_in_its_url(served: Served) -> None:
    params = {
        "query": "query A($n: Int) { buckets(first: $n) { totalCount } } query B { __typename }",
        "variables": '{"n": 1}',
        "operationName": "A",
        "extensions": "{}",
    }

    status, headers, answer = await ask(served, "GET", params=params)

    assert (status, answer) == (200, {"data": {"buckets": {"totalCount": 0}}})
    assert headers["Vary"] == "Accept, Authorization, X-Namespace, GraphQL-Cost"


async def test_a_get_may_leave_parameters_empty(served: Served) -> None:
    params = {"query": VIEWER, "variables": "", "operationName": "", "extensions": ""}

    assert (await ask(served, "GET", params=params))[2] == ANSWER


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "query is missing; it has to be a document of GraphQL"),
        ({"query": ""}, "query is missing; it has to be a document of GraphQL"),
        ({"query": VIEWER, "variables": "[]"}, "variables is an array; it has to be an object"),
        ({"query": VIEWER, "variables": "{"}, "variables of the URL is not JSON: "),
        ({"query": VIEWER, "extensions": "1"}, "extensions is a number; it has to be an object"),
        ({"query": VIEWER, "extensions": "x"}, "extensions of the URL is not JSON: "),
        ({"query": VIEWER, "variable": "{}"}, "a request has no variable; it has query, "),
        ([("query", VIEWER), ("query", VIEWER)], "the URL has query more than once"),
    ],
)
async def test_refuses_a_url_that_is_no_request(served: Served, params: Any, message: str) -> None:
    status, _, answer = await ask(served, "GET", params=params)

    assert status == 400
    assert error(answer)[1].startswith(message)


async def test_a_get_changes_nothing(served: Served) -> None:
    for params in (
        {"query": CREATE},
        {"query": f"query A {{ __typename }} {CREATE.replace('mutation', 'mutation B')}"}
        | {"operationName": "B"},
    ):
        status, headers, answer = await ask(served, "GET", params=params)

        assert (status, headers["Allow"]) == (405, "POST")
        assert error(answer) == ("BAD_USER_INPUT", "a mutation is asked for by POST")
    _, _, answer = await ask(served, json={"query": CREATE})
    assert answer["data"]["createNamespace"]["errors"] == []  # the name was free


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "QUERY"])
async def test_takes_no_other_methods(served: Served, method: str) -> None:
    status, headers, answer = await ask(served, method, json={"query": VIEWER})

    assert (status, headers["Allow"]) == (405, "GET, HEAD, POST, OPTIONS")
    assert error(answer) == (
        "BAD_USER_INPUT",
        f"GraphQL is asked by GET or POST, not by {method}",
    )


async def test_tells_its_methods(served: Served) -> None:
    status, headers, answer = await ask(served, "OPTIONS")

    assert (status, headers["Allow"], answer) == (204, "GET, HEAD, POST, OPTIONS", None)


async def test_a_head_is_a_get_without_a_body(served: Served) -> None:
    status, headers, answer = await ask(served, "HEAD", params={"query": VIEWER})
    assert (status, headers["Content-Type"], answer) == (200, JSON, None)

    async with served.session.head(f"{served.url}/graphql", headers={"Accept": "text/html"}) as it:
        assert (it.status, it.content_type) == (200, "text/html")


async def test_a_subscription_has_its_own_transport(served: Served) -> None:
    for method, place in (("POST", "json"), ("GET", "params")):
        query = {"query": "subscription { __typename }"}
        status, _, answer = await ask(served, method, **{place: query})

        assert status == 400
        assert error(answer)[1] == (
            "a subscription is asked for on a websocket, by the protocol graphql-transport-ws,"
            " or with Accept: text/event-stream"
        )


async def test_the_key_comes_before_the_body(served: Served) -> None:
    status, headers, answer = await ask(
        served, data=b"{", headers={"Content-Type": "application/json", "Authorization": "x"}
    )

    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    assert error(answer)[0] == "UNAUTHENTICATED"


async def test_takes_compressed_bodies(served: Served) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    data = gzip.compress(json.dumps({"query": VIEWER}).encode())

    assert (await ask(served, data=data, headers=headers))[2] == ANSWER


async def test_a_gzip_bomb_is_too_large(served: Served) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    data = gzip.compress(b" " * 10_000_000)

    status, _, answer = await ask(served, data=data, headers=headers)

    assert (status, error(answer)[0]) == (413, "LIMIT_EXCEEDED")


@pytest.mark.parametrize("size", [7, 50_000])
async def test_a_bad_gzip_is_one_line_of_the_log(
    served: Served, caplog: pytest.LogCaptureFixture, size: int
) -> None:
    caplog.set_level(logging.INFO)
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    status, _, answer = await ask(served, data=b"no gzip" * (size // 7), headers=headers)

    assert (status, error(answer)[1]) == (400, "the body is not encoded as its headers say")
    # The sequencer tells at the same level when it begins.
    others = ("aiohttp.access", "gateway.events.sequencer")
    (line,) = (each for each in caplog.records if each.name not in others)
    assert (line.levelname, line.exc_info) == ("INFO", None)
    assert (await ask(served, json={"query": VIEWER}))[2] == ANSWER


@pytest.mark.parametrize("encoding", ["compress", "gzip, gzip", "x"])
async def test_takes_no_other_encodings(served: Served, encoding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}

    status, headers, answer = await ask(served, data=b"{}", headers=headers)

    assert (status, headers["Accept-Encoding"]) == (415, "gzip, deflate")
    assert error(answer)[1] == f"Content-Encoding is {encoding!r}; it may be gzip or deflate"


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query ($id: ID!) { bucket(id: $id) { id } }", {"id": "\0"}),
        ('{ bucket(id: "\\u0000") { id } }', {}),
        (
            "query ($a: String) { buckets(filter: {bucketName: {eq: $a}}) { totalCount } }",
            {"a": "a\0"},
        ),
        (
            "query ($a: [PathFilter!]) { buckets(filter: {metadata: $a}) { totalCount } }",
            {"a": [{"path": "a", "eq": "\0"}]},
        ),
        (
            "query ($a: [String!]) { buckets(filter: {bucketName: {in: $a}}) { totalCount } }",
            {"a": ["\0"]},
        ),
    ],
)
async def test_no_character_reaches_the_database_that_it_cannot_take(
    served: Served, query: str, variables: Any
) -> None:
    status, _, answer = await ask(served, json={"query": query, "variables": variables})

    assert status == 200
    codes = [each["extensions"]["code"] for each in answer.get("errors", [])]
    assert codes in ([], ["BAD_USER_INPUT"])
