"""What GraphQL documents may look like: fragments, directives, aliases, many fields."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.blobs.local import LocalBlobStore
from gateway.http.strict_json import encode

from .conftest import FRAME_1, OBJECTS, Engine


async def test_merges_fragments_and_repeated_fields(engine: Engine) -> None:
    answer = await engine.execute(
        "query ($id: ID!) { object(id: $id) { id ...Blobs bucket { id } ... { bucket { bucketName }"
        " blobs { property } } } } fragment Blobs on BucketObject { blobs { position: id } }",
        id=OBJECTS[0],
    )

    assert list(answer["object"]) == ["id", "blobs", "bucket"]
    assert set(answer["object"]["blobs"][0]) == {"position", "property"}
    assert set(answer["object"]["bucket"]) == {"id", "bucketName"}


async def test_obeys_skip_and_include_each_time(engine: Engine) -> None:
    query = (
        "query ($id: ID!, $more: Boolean!) { object(id: $id) {"
        " id @skip(if: $more) bucket @include(if: $more) { id } } }"
    )

    without = await engine.execute(query, id=OBJECTS[0], more=False)
    with_more = await engine.execute(query, id=OBJECTS[0], more=True)
    again = await engine.execute(query, id=OBJECTS[1], more=False)

    assert list(without["object"]) == ["id"]
    assert list(with_more["object"]) == ["bucket"]
    assert again["object"] == {"id": OBJECTS[1]}


async def test_reads_more_than_fifty_fields_and_long_aliases(engine: Engine) -> None:
    names = [f"field_{number}_{'x' * 80}" for number in range(120)]
    fields = " ".join(f"{name}: id" for name in names)

    answer = await engine.execute(f'{{ object(id: "{OBJECTS[0]}") {{ {fields} }} }}')

    assert answer["object"] == dict.fromkeys(names, OBJECTS[0])


async def test_an_object_may_be_empty(engine: Engine) -> None:
    answer = await engine.execute(
        f'{{ node(id: "{OBJECTS[0]}") {{ ... on Document {{ id }} }}'
        f' document(id: "{FRAME_1}") {{ id @skip(if: true) }} }}'
    )

    assert answer == {"node": {}, "document": {}}


async def test_mixes_with_introspection(engine: Engine) -> None:
    answer = await engine.execute(
        f'{{ __typename __type(name: "Blob") {{ name }} object(id: "{OBJECTS[0]}") {{ id }}'
        f" buckets {{ __typename edges {{ __typename node {{ __typename }} }}"
        f" pageInfo {{ __typename }} }} }}"
    )

    assert answer["__typename"] == "Query"
    assert answer["__type"] == {"name": "Blob"}
    assert answer["buckets"]["__typename"] == "BucketConnection"
    assert answer["buckets"]["edges"][0] == {
        "__typename": "BucketEdge",
        "node": {"__typename": "Bucket"},
    }
    assert answer["buckets"]["pageInfo"] == {"__typename": "PageInfo"}


async def test_one_statement_for_each_root_field(engine: Engine) -> None:
    await engine.execute(
        f'{{ a: object(id: "{OBJECTS[0]}") {{ bucket {{ objects {{ nodes {{ documents {{ nodes'
        f" {{ ancestors {{ id }} lineage {{ nodes {{ node {{ id }} }} }} }} }} }} }} }} }}"
        " buckets { nodes { id } } viewer { namespace { id } apiKey { id } } }"
    )

    assert len(engine.statements) == 3


async def test_a_plan_serves_other_variables(engine: Engine) -> None:
    query = (
        "query ($id: ID!, $first: Int) { object(id: $id) { id"
        " documents(first: $first) { nodes { id } } } }"
    )

    one = await engine.execute(query, id=OBJECTS[0], first=1)
    (statement,) = engine.statements
    three = await engine.execute(query, id=OBJECTS[0], first=3)
    default = await engine.execute(query, id=OBJECTS[0])
    null = await engine.execute(query, id=OBJECTS[0], first=None)
    other = await engine.execute(query, id=OBJECTS[1], first=1)

    assert engine.statements == [statement]
    assert [len(each["object"]["documents"]["nodes"]) for each in (one, three)] == [1, 3]
    assert [len(each["object"]["documents"]["nodes"]) for each in (default, null)] == [10, 10]
    assert other["object"] == {"id": OBJECTS[1], "documents": {"nodes": []}}


SHORT_ROAD = [
    ("query ($id: ID!) { object(id: $id) { id metadata } }", {"id": OBJECTS[0]}),
    ("query ($id: ID!) { object(id: $id) { blobs { presignedUrl } } }", {"id": OBJECTS[0]}),
    ("query ($id: ID!) { object(id: $id) { id } }", {"id": FRAME_1}),
    ('{ a: buckets { totalCount } viewer { apiKey { id } } b: node(id: "obj_x") { id } }', {}),
]
LONG_ROAD = [
    ("{ __typename buckets { totalCount } }", {}),
    (
        "{ buckets { totalCount } ...More } fragment More on Query { collections { totalCount } }",
        {},
    ),
    ("{ buckets { totalCount } buckets { nodes { id } } }", {}),
    ("{ buckets @skip(if: true) { totalCount } }", {}),
    ("{ statusTransitions { kind } }", {}),
    ("query ($id: ID!) { lineage(id: $id) { root } }", {"id": "obj_00000000000000000000000099"}),
    ("query ($id: ID!) { object(id: $id) { id } }", {}),
    ("query ($first: Int) { buckets(first: $first) { totalCount } }", {"first": -1}),
    ("{ nothing }", {}),
    ("{", {}),
    ("query A { buckets { totalCount } } query B { collections { totalCount } }", {}),
]


@pytest.mark.parametrize(("query", "variables"), SHORT_ROAD)
async def test_the_short_road_gives_the_same_bytes(
    engine: Engine, query: str, variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalBlobStore, "download_url", lambda _, key, **__: f"link to {key}")
    context = engine.context()
    long = await engine.schema.execute(query, variables, context)

    assert await engine.schema.answer(query, variables, None, context) == encode(
        {"data": long.data}
    )


async def test_a_plan_serves_any_moment(engine: Engine) -> None:
    query = (
        "query ($since: DateTime!) { buckets(filter: {createdAt: {gte: $since}}) { totalCount } }"
    )
    context = engine.context()
    await engine.schema.execute(query, {"since": "2026-01-01T00:00:00Z"}, context)

    short = await engine.schema.answer(query, {"since": "2999-01-01T00:00:00Z"}, None, context)

    assert short == b'{"data":{"buckets":{"totalCount":0}}}'


async def test_the_short_road_knows_operations_by_name(engine: Engine) -> None:
    query = "query A { buckets { totalCount } } query B { collections { totalCount } }"
    context = engine.context()
    await engine.schema.execute(query, {}, context, operation_name="B")

    assert await engine.schema.answer(query, {}, "A", context) is None  # not planned yet
    answer = await engine.schema.answer(query, {}, "B", context)
    assert answer == b'{"data":{"collections":{"totalCount":3}}}'


@pytest.mark.parametrize(("query", "variables"), LONG_ROAD)
async def test_the_rest_goes_the_long_road(
    engine: Engine, query: str, variables: dict[str, Any]
) -> None:
    context = engine.context()
    await engine.run(query, **variables)

    assert await engine.schema.answer(query, variables, None, context) is None


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query ($id: ID) { bucket(id: $id) { id } }", {"id": None}),
        ("query ($id: ID) { bucket(id: $id) { id } }", {}),
        ("query ($id: ID, $name: String) { bucket(id: $id, name: $name) { id } }", {"name": "x"}),
        ("query ($id: ID!) { bucket(id: $id) { objects(first: 1) { totalCount } } }", {"id": 5}),
        ("query ($n: Int!) { buckets(first: $n) { totalCount } }", {"n": None}),
        ("query ($n: Int) { buckets(first: $n) { nodes { id } } }", {"n": 1}),
        ("query ($n: Int = 1) { buckets(first: $n) { nodes { id } } }", {}),
        ("query ($n: Int = 1) { buckets(first: $n) { nodes { id } } }", {"n": None}),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": [OBJECTS[0], "obj_x"]}),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": OBJECTS[0]}),
    ],
)
async def test_both_roads_read_variables_alike(
    engine: Engine, query: str, variables: dict[str, Any]
) -> None:
    context = engine.context()
    long = await engine.schema.execute(query, variables, context)
    short = await engine.schema.answer(query, variables, None, context)

    assert short == (None if long.errors else encode({"data": long.data}))
