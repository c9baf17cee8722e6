"""Orders, filters and pages from either end."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import FRAME_1, LISTS, OBJECTS, SCENES, Engine

LIST = (
    "query ($filter: ObjectFilter, $order: [ObjectOrder!], $first: Int, $after: String,"
    ' $last: Int, $before: String) { bucket(name: "lists videos") { objects(filter: $filter,'
    " orderBy: $order, first: $first, after: $after, last: $last, before: $before) { totalCount"
    " statusCounts { status count } nodes { id } edges { cursor }"
    " pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"
)


def numbers(page: Any) -> list[int]:
    return [OBJECTS.index(node["id"]) + 1 for node in page["nodes"]]


async def listed(engine: Engine, **variables: Any) -> Any:
    answer = await engine.execute(LIST, namespace=LISTS, **variables)
    return answer["bucket"]["objects"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"status": {"eq": "DRAFT"}}, [1, 3, 5]),
        ({"status": {"ne": "DRAFT"}}, [2, 4]),
        ({"status": {"in": ["DRAFT", "FAILED"]}}, [1, 3, 4, 5]),
        ({"status": {"nin": ["DRAFT", "FAILED"]}}, [2]),
        ({"status": {"in": []}}, []),
        ({"keyPrefix": {"eq": "/a"}}, [2, 4]),
        ({"keyPrefix": {"ne": "/a"}}, [1, 3, 5]),
        ({"keyPrefix": {"nin": ["/a"]}}, [1, 3, 5]),
        ({"keyPrefix": {"isNull": True}}, [3]),
        ({"keyPrefix": {"isNull": False, "ne": "/a"}}, [1, 5]),
        ({"keyPrefix": {"startsWith": "/"}}, [1, 2, 4]),
        ({"keyPrefix": {"endsWith": "b"}}, [1]),
        ({"keyPrefix": {"contains": "A"}}, []),
        ({"keyPrefix": {"contains": "A", "caseSensitive": False}}, [2, 4]),
        ({"keyPrefix": {"in": ["/A", "/B"], "caseSensitive": False}}, [1, 2, 4]),
        ({"keyPrefix": {"eq": "%"}}, []),
        ({"createdAt": {"gte": "2026-01-02T03:04:05Z"}}, [1, 2, 3, 4, 5]),
        ({"createdAt": {"gt": "2026-01-02T03:04:05Z"}}, []),
        ({"createdAt": {"lte": "2026-01-02T04:04:05+01:00"}}, [1, 2, 3, 4, 5]),
        ({"metadata": [{"path": "year", "eq": 2024}]}, [1]),
        ({"metadata": [{"path": "year", "eq": "2024"}]}, [3]),
        ({"metadata": [{"path": "year", "ne": 2024}]}, [2, 3, 4, 5]),
        ({"metadata": [{"path": "year", "gt": 2023}]}, [1, 2]),
        ({"metadata": [{"path": "year", "lte": 2023.5}]}, [2]),
        ({"metadata": [{"path": "year", "gte": "2024"}]}, [3]),
        ({"metadata": [{"path": "year", "in": [2024, "2024"]}]}, [1, 3]),
        ({"metadata": [{"path": "year", "nin": [2024, "2024"]}]}, [2, 4, 5]),
        ({"metadata": [{"path": "year", "exists": True}]}, [1, 2, 3, 4]),
        ({"metadata": [{"path": "year", "exists": False}]}, [5]),
        ({"metadata": [{"path": "year", "isNull": True}]}, [4, 5]),
        ({"metadata": [{"path": "year", "isNull": False}]}, [1, 2, 3]),
        ({"metadata": [{"path": "tag", "contains": "%"}]}, [1]),
        ({"metadata": [{"path": "tag", "contains": "_"}]}, [2]),
        ({"metadata": [{"path": "tag", "startsWith": "a"}]}, [1, 4]),
        ({"metadata": [{"path": "tag", "endsWith": "b"}]}, [1, 2, 4]),
        ({"metadata": [{"path": "year", "contains": "20"}]}, [3]),
        ({"metadata": [{"path": "/deep/x.y", "eq": 1}]}, [1]),
        ({"metadata": [{"path": "/deep/x.y", "eq": [1]}]}, [2]),
        ({"metadata": [{"path": "/deep/x.y/0", "eq": 1}]}, [2]),
        ({"metadata": [{"path": "year", "eq": 2024}, {"path": "tag", "exists": True}]}, [1]),
        ({"not": {"metadata": [{"path": "year", "gt": 2023}]}}, [3, 4, 5]),
        ({"not": {"keyPrefix": {"startsWith": "/"}}}, [3, 5]),
        ({"not": {"not": {"keyPrefix": {"eq": "/a"}}}}, [2, 4]),
        ({"or": [{"status": {"eq": "FAILED"}}, {"keyPrefix": {"eq": "/b"}}]}, [1, 4]),
        ({"or": []}, []),
        ({"and": []}, [1, 2, 3, 4, 5]),
        (
            {"and": [{"status": {"eq": "DRAFT"}}, {"not": {"keyPrefix": {"isNull": True}}}]},
            [1, 5],
        ),
        ({"status": {"eq": "DRAFT"}, "keyPrefix": {"eq": "/b"}}, [1]),
    ],
)
async def test_filter(engine: Engine, given: dict[str, Any], expected: list[int]) -> None:
    page = await listed(engine, filter=given)

    assert numbers(page) == expected
    assert page["totalCount"] == len(expected)
    assert sum(each["count"] for each in page["statusCounts"]) == len(expected)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"status": {"eq": None}}, "filter.status.eq is null"),
        ({"keyPrefix": None}, "filter.keyPrefix is null"),
        ({"metadata": [{"path": "a", "eq": None}]}, "filter.metadata.0.eq is null; use isNull"),
        ({"metadata": [{"path": "a"}]}, "nothing to compare it with"),
        ({"metadata": [{"path": "a", "gt": [1]}]}, "filter.metadata.0.gt has to be a text or"),
        ({"metadata": [{"path": "a", "gt": True}]}, "has to be a text or a number"),
        ({"metadata": [{"path": "a..b", "eq": 1}]}, "has an empty key"),
        ({"metadata": [{"path": ".".join("a" * 21), "eq": 1}]}, "path has 21 keys; the most is 20"),
        ({"status": {"in": ["DRAFT"] * 1001}}, "filter.status.in has 1001 entries"),
    ],
)
async def test_refuses_a_filter(engine: Engine, given: dict[str, Any], message: str) -> None:
    _, errors = await engine.run(LIST, namespace=LISTS, filter=given)

    assert [error.extensions["code"] for error in errors] == ["BAD_USER_INPUT"]
    assert message in errors[0].message


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([{"field": "CREATED_AT"}], [1, 2, 3, 4, 5]),
        ([{"field": "CREATED_AT", "direction": "DESC"}], [5, 4, 3, 2, 1]),
        ([{"field": "KEY_PREFIX"}], [3, 5, 2, 4, 1]),
        ([{"field": "KEY_PREFIX", "direction": "DESC"}], [1, 4, 2, 5, 3]),
        ([{"field": "STATUS"}, {"field": "KEY_PREFIX", "direction": "DESC"}], [2, 1, 5, 3, 4]),
        ([{"field": "STATUS", "direction": "DESC"}, {"field": "KEY_PREFIX"}], [4, 3, 5, 1, 2]),
        ([{"field": "METADATA", "metadataPath": "year"}], [4, 5, 3, 2, 1]),
        (
            [{"field": "METADATA", "metadataPath": "year", "direction": "DESC"}],
            [1, 2, 3, 5, 4],
        ),
        ([{"field": "METADATA", "metadataPath": "tag"}], [3, 5, 2, 1, 4]),
    ],
)
async def test_order_and_its_pages_from_either_end(
    engine: Engine, order: list[dict[str, Any]], expected: list[int]
) -> None:
    whole = await listed(engine, order=order)
    assert numbers(whole) == expected

    forwards: list[int] = []
    after = None
    for start in (0, 2, 4):
        page = await listed(engine, order=order, first=2, after=after)
        forwards += numbers(page)
        assert page["pageInfo"]["hasPreviousPage"] is (start > 0)
        assert page["pageInfo"]["hasNextPage"] is (start < 4)
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        after = page["pageInfo"]["endCursor"]
        assert after == page["edges"][-1]["cursor"]
    assert forwards == expected

    backwards: list[int] = []
    before = None
    for end in (5, 3, 1):
        page = await listed(engine, order=order, last=2, before=before)
        backwards = numbers(page) + backwards
        assert page["pageInfo"]["hasNextPage"] is (end < 5)
        assert page["pageInfo"]["hasPreviousPage"] is (end > 1)
        assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
        before = page["pageInfo"]["startCursor"]
        assert before == page["edges"][0]["cursor"]
    assert backwards == expected


async def test_a_cursor_belongs_to_its_order(engine: Engine) -> None:
    by_prefix = [{"field": "KEY_PREFIX"}]
    page = await listed(engine, order=by_prefix, first=1)
    cursor = page["pageInfo"]["endCursor"]

    for order in (
        None,
        [{"field": "STATUS"}],
        [{"field": "KEY_PREFIX", "direction": "DESC"}],
        [{"field": "METADATA", "metadataPath": "key_prefix"}],
    ):
        _, errors = await engine.run(LIST, namespace=LISTS, order=order, after=cursor)
        assert "after is no cursor of this list in this order" in errors[0].message
    _, errors = await engine.run(LIST, namespace=LISTS, order=by_prefix, after=cursor[:-3])
    assert "after is a damaged cursor" in errors[0].message


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ({"field": "METADATA"}, "orderBy by METADATA needs a metadataPath"),
        ({"field": "STATUS", "metadataPath": "a"}, "orderBy by STATUS takes no metadataPath"),
    ],
)
async def test_refuses_an_order(engine: Engine, order: dict[str, Any], message: str) -> None:
    _, errors = await engine.run(LIST, namespace=LISTS, order=[order])

    assert [error.extensions["code"] for error in errors] == ["BAD_USER_INPUT"]
    assert message in errors[0].message


async def test_a_window_between_two_cursors(engine: Engine) -> None:
    edges = (await listed(engine))["edges"]

    page = await listed(engine, after=edges[0]["cursor"], before=edges[4]["cursor"], first=2)

    assert numbers(page) == [2, 3]
    assert page["pageInfo"]["hasNextPage"] is True
    assert page["pageInfo"]["hasPreviousPage"] is True
    assert page["totalCount"] == 5


async def test_filters_and_orders_documents(engine: Engine) -> None:
    answer = await engine.execute(
        "query ($scenes: ID!, $root: ID!, $frame: ID!) {"
        ' bucket(name: "ours videos") { documents(filter: {'
        " collectionId: {eq: $scenes}, rootObjectId: {in: [$root]}, updatedAt: {isNull: false} },"
        " orderBy: [{field: UPDATED_AT, direction: DESC}], first: 3) { totalCount nodes { id }"
        " statusCounts { count: count status __typename } } }"
        ' buckets(filter: {bucketName: {startsWith: "ours"}}, orderBy: [{field: BUCKET_NAME}])'
        " { nodes { bucketName } } document(id: $frame) { children(last: 1) { nodes { id } } } }",
        frame=FRAME_1,
        scenes=SCENES,
        root=OBJECTS[0],
    )

    documents = answer["bucket"]["documents"]
    assert documents["totalCount"] == 4
    assert [node["id"][-2:] for node in documents["nodes"]] == ["22", "21", "12"]
    assert documents["statusCounts"] == [
        {"count": 4, "status": "COMPLETED", "__typename": "StatusCount"}
    ]
    assert [node["bucketName"] for node in answer["buckets"]["nodes"]] == [
        "ours empty",
        "ours videos",
    ]
    assert [node["id"][-2:] for node in answer["document"]["children"]["nodes"]] == ["12"]
