"""What the comparison with the reference (tests/differential) found, made small."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import Client
from tests.operations import DELETE_BUCKET, mutate, new_bucket, new_object

from .conftest import BUCKET, FRAMES, LISTS, OBJECTS, Engine


async def test_a_type_that_a_member_cannot_have_leaves_no_trace(engine: Engine) -> None:
    answer = await engine.execute(
        "query ($id: ID!) { collection(id: $id) { upstream { id ... on Blob { presignedUrl }"
        " ... on Document { children { nodes { presignedUrls } } } } } }",
        id=FRAMES,
    )

    assert answer["collection"]["upstream"] == [{"id": BUCKET}]


async def test_reads_a_list_of_nothing_but_type_names(engine: Engine) -> None:
    answer = await engine.execute(
        "{ buckets { nodes { __typename } edges { __typename } pageInfo { hasNextPage } } }"
    )

    assert answer["buckets"] == {
        "nodes": [{"__typename": "Bucket"}] * 2,
        "edges": [{"__typename": "BucketEdge"}] * 2,
        "pageInfo": {"hasNextPage": False},
    }


@pytest.mark.parametrize("size", ["first: 0", "last: 0"])
async def test_an_empty_page_of_a_list_with_rows_has_no_cursors(engine: Engine, size: str) -> None:
    answer = await engine.execute(
        f"{{ buckets({size}) {{"
        " pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"
    )

    info = answer["buckets"]["pageInfo"]
    assert (info["startCursor"], info["endCursor"]) == (None, None)
    assert info["hasNextPage"] or info["hasPreviousPage"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"in": ["a", [1]]}, [2]),
        ({"in": [[1], [2]]}, [2]),
        ({"nin": [[1], [2]]}, [1, 3, 4, 5]),
        ({"in": [{"a": []}, [[1]]]}, []),
    ],
)
async def test_compares_metadata_with_several_lists(
    engine: Engine, condition: dict[str, Any], expected: list[int]
) -> None:
    answer = await engine.execute(
        'query ($filter: ObjectFilter) { bucket(name: "lists videos") {'
        " objects(filter: $filter) { nodes { id } } } }",
        namespace=LISTS,
        filter={"metadata": [{"path": "/deep/x.y", **condition}]},
    )

    found = [OBJECTS.index(node["id"]) + 1 for node in answer["bucket"]["objects"]["nodes"]]
    assert found == expected


async def test_a_name_leads_past_a_bucket_that_is_being_deleted(client: Client) -> None:
    find = "query ($name: String) { bucket(name: $name) { id } }"
    gone = await new_bucket(client, bucketName="videos")
    await new_object(client, gone)
    await mutate(client, DELETE_BUCKET, id=gone["id"])

    assert await client.execute(find, name="videos") == {"bucket": None}

    bucket = await new_bucket(client, bucketName="videos")
    assert await client.execute(find, name="videos") == {"bucket": {"id": bucket["id"]}}


async def test_capitals_of_any_script_do_not_matter_if_so_asked(client: Client) -> None:
    bucket = await new_bucket(client)
    made = await new_object(client, bucket, keyPrefix="/Äpfel")

    for condition in ({"eq": "/Äpfel"}, {"in": ["/äPFEL"]}, {"startsWith": "/Ä"}):
        answer = await client.execute(
            "query ($id: ID!, $filter: ObjectFilter) { bucket(id: $id) {"
            " objects(filter: $filter) { nodes { id } } } }",
            id=bucket["id"],
            filter={"keyPrefix": {**condition, "caseSensitive": False}},
        )
        assert answer["bucket"]["objects"]["nodes"] == [{"id": made["id"]}]
