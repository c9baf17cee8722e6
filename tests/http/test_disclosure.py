"""What is told of the schema to those who do not know it."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import get_introspection_query

from gateway.settings import InvalidSetting, Settings

from .conftest import Served, Serving

# Each is nearly right; the second part is what is meant.
NEARLY: list[tuple[str, dict[str, Any], str]] = [
    ("{ bucketz { totalCount } }", {}, "buckets"),
    ("{ node(idd: 1) { id } }", {}, "id"),
    ("{ node(id: 1) { ... on Buckett { id } } }", {}, "Bucket"),
    ("{ node(id: 1) { bucketName } }", {}, "Bucket"),
    ("{ buckets(orderBy: [{field: CREATED_ATT}]) { totalCount } }", {}, "CREATED_AT"),
    (
        "{ buckets(orderBy: [{field: CREATED_AT, directionn: ASC}]) { totalCount } }",
        {},
        "direction",
    ),
    ("query ($o: [BucketOrderr!]) { buckets(orderBy: $o) { totalCount } }", {}, "BucketOrder"),
    (
        "query ($o: [BucketOrder!]) { buckets(orderBy: $o) { totalCount } }",
        {"o": [{"field": "CREATED_ATT"}]},
        "CREATED_AT",
    ),
    (
        "query ($o: [BucketOrder!]) { buckets(orderBy: $o) { totalCount } }",
        {"o": [{"field": "CREATED_AT", "directionn": "ASC"}]},
        "direction",
    ),
    (
        "mutation ($i: CreateApiKeyInput!) { createApiKey(input: $i) { secret } }",
        {"i": {"name": "a", "permissions": ["REED"]}},
        "READ",
    ),
    ("{ __typename @skipp(if: true) }", {}, "skip"),
]


async def messages(served: Served, query: str, variables: dict[str, Any]) -> str:
    _, answer = await served.post({"query": query, "variables": variables})
    return "\n".join(each["message"] for each in answer["errors"])


@pytest.mark.parametrize(("query", "variables", "meant"), NEARLY)
async def test_errors_name_nothing_that_was_not_asked(
    served: Served, query: str, variables: dict[str, Any], meant: str
) -> None:
    told = await messages(served, query, variables)

    assert "Did you mean" not in told
    assert f"'{meant}'" not in told


@pytest.mark.parametrize(("query", "variables", "meant"), NEARLY[:-1])  # it has none to offer
async def test_errors_may_name_what_was_meant(
    serving: Serving, query: str, variables: dict[str, Any], meant: str
) -> None:
    async with serving(Settings(suggestions=True)) as served:
        told = await messages(served, query, variables)

    assert "Did you mean" in told
    assert f"'{meant}'" in told


INTROSPECTING = [
    "{ __schema { queryType { name } } }",
    '{ __type(name: "Bucket") { name } }',
    "{ a: __schema { types { name } } ...F } fragment F on Query { b: __type(name: 1) { name } }",
    get_introspection_query(),
]


@pytest.mark.parametrize("query", INTROSPECTING)
async def test_introspection_can_be_turned_off(serving: Serving, query: str) -> None:
    async with serving(Settings(introspection=False)) as served:
        _, answer = await served.post({"query": query})

    assert "data" not in answer
    assert all(
        each["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED" for each in answer["errors"]
    )
    assert "introspection is turned off here" in answer["errors"][0]["message"]


async def test_what_clients_need_to_tell_types_apart_stays(serving: Serving) -> None:
    query = "{ __typename viewer { __typename namespace { __typename } } }"
    async with serving(Settings(introspection=False)) as served:
        _, answer = await served.post({"query": query})

    assert answer["data"] == {
        "__typename": "Query",
        "viewer": {"__typename": "Viewer", "namespace": {"__typename": "Namespace"}},
    }


async def test_introspection_is_on_by_default(served: Served) -> None:
    _, answer = await served.post({"query": '{ __type(name: "Bucket") { name } }'})

    assert answer["data"] == {"__type": {"name": "Bucket"}}


async def test_one_setting_cannot_tell_what_the_other_hides(serving: Serving) -> None:
    with pytest.raises(InvalidSetting, match=r"GATEWAY_SUGGESTIONS.*GATEWAY_INTROSPECTION"):
        async with serving(Settings(introspection=False, suggestions=True)):
            pass
