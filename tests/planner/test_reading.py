"""What clients get: values, pages, types, errors."""

from __future__ import annotations

import pytest

from .conftest import (
    BUCKET,
    FACES_OF_1,
    FRAME_1,
    FRAME_2,
    KEY,
    OBJECTS,
    OURS,
    SCENES_OF_1,
    THEIRS,
    TRICKY,
    Engine,
    an_id,
)


async def test_gives_values_as_they_were_written(engine: Engine) -> None:
    answer = await engine.execute(
        "query ($id: ID!) { object(id: $id) { metadata createdAt keyPrefix contentHash"
        " sourceDetails { type sourceId } blobs { details { sizeBytes mimeType } } } }",
        id=OBJECTS[0],
    )

    assert answer["object"] == {
        "metadata": TRICKY | {"number": 1},
        "createdAt": "2026-01-02T03:04:05+00:00",
        "keyPrefix": "/ours/1",
        "contentHash": None,
        "sourceDetails": [{"type": "BUCKET", "sourceId": BUCKET}],
        "blobs": [{"details": {"sizeBytes": 50, "mimeType": None}}] * 2,
    }


async def test_counts_are_those_of_the_rows(engine: Engine) -> None:
    answer = await engine.execute(
        "{ viewer { namespace { bucketCount objectCount documentCount } }"
        ' bucket(name: "ours videos") { objectCount totalSizeBytes'
        " storageStats { minSizeBytes maxSizeBytes avgSizeBytes } }"
        ' empty: bucket(name: "ours empty") { objectCount lastUploadAt'
        " storageStats { minSizeBytes maxSizeBytes avgSizeBytes totalSizeBytes } } }"
    )

    assert answer == {
        "viewer": {"namespace": {"bucketCount": 2, "objectCount": 5, "documentCount": 10}},
        "bucket": {
            "objectCount": 5,
            "totalSizeBytes": 1500,
            "storageStats": {"minSizeBytes": 100, "maxSizeBytes": 500, "avgSizeBytes": 300},
        },
        "empty": {
            "objectCount": 0,
            "lastUploadAt": None,
            "storageStats": {
                "minSizeBytes": 0,
                "maxSizeBytes": 0,
                "avgSizeBytes": 0,
                "totalSizeBytes": 0,
            },
        },
    }


async def test_pages_lead_through_the_whole_list(engine: Engine) -> None:
    query = (
        'query ($first: Int, $after: String) { bucket(name: "ours videos") {'
        " objects(first: $first, after: $after) { totalCount nodes { id } edges { cursor }"
        " pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"
    )
    seen: list[str] = []
    after = None
    pages = 0
    while True:
        answer = await engine.execute(query, first=2, after=after)
        page = answer["bucket"]["objects"]
        seen += [node["id"] for node in page["nodes"]]
        pages += 1
        assert page["totalCount"] == 5
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]

    assert seen == OBJECTS
    assert pages == 3


async def test_a_page_may_be_empty(engine: Engine) -> None:
    answer = await engine.execute(
        '{ bucket(name: "ours empty") { objects { totalCount nodes { id } edges { cursor }'
        " pageInfo { hasNextPage startCursor endCursor } } }"
        " none: buckets(first: 0) { nodes { id } pageInfo { hasNextPage } } }"
    )

    assert answer["bucket"]["objects"] == {
        "totalCount": 0,
        "nodes": [],
        "edges": [],
        "pageInfo": {"hasNextPage": False, "startCursor": None, "endCursor": None},
    }
    assert answer["none"] == {"nodes": [], "pageInfo": {"hasNextPage": True}}


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("first: 1001", "first is 1001; it has to be 0 to 1000"),
        ("first: -1", "first is -1; it has to be 0 to 1000"),
        ("last: 1001", "last is 1001; it has to be 0 to 1000"),
        ("first: 1, last: 1", "first and last are both given"),
        ('after: "nonsense"', "after is no cursor of this list in this order"),
        (f'before: "obj~{OBJECTS[0]}"', "before is no cursor of this list in this order"),
        ("orderBy: [" + "{field: CREATED_AT}" * 6 + "]", "orderBy has 6 entries"),
    ],
)
async def test_refuses_a_bad_page(engine: Engine, argument: str, message: str) -> None:
    data, errors = await engine.run(f"{{ buckets({argument}) {{ totalCount }} }}")

    assert data is None
    assert [error.extensions["code"] for error in errors] == ["BAD_USER_INPUT"]
    assert message in errors[0].message
    assert engine.statements == []


async def test_reads_lineage_both_ways(engine: Engine) -> None:
    answer = await engine.execute(
        "query ($leaf: ID!, $object: ID!) { document(id: $leaf) {"
        " ancestors { id } rootObject { id } source { __typename ... on Document { id } } }"
        " object(id: $object) { documents(directOnly: true) { nodes { id children { nodes { id"
        " source { ... on Document { id } } children { nodes { id } } } } } }"
        " all: documents { totalCount } } }",
        leaf=FACES_OF_1[0],
        object=OBJECTS[0],
    )

    assert answer["document"] == {
        "ancestors": [{"id": FRAME_1}, {"id": SCENES_OF_1[0]}],
        "rootObject": {"id": OBJECTS[0]},
        "source": {"__typename": "Document", "id": SCENES_OF_1[0]},
    }
    direct = answer["object"]["documents"]["nodes"]
    assert [node["id"] for node in direct] == [FRAME_1, FRAME_2]
    scenes = direct[0]["children"]["nodes"]
    assert [node["id"] for node in scenes] == SCENES_OF_1
    assert scenes[0]["source"] == {"id": FRAME_1}
    assert scenes[0]["children"]["nodes"] == [{"id": FACES_OF_1[0]}]
    assert answer["object"]["all"] == {"totalCount": 10}


async def test_finds_any_node_by_its_prefix(engine: Engine) -> None:
    ids = [OBJECTS[1], FRAME_1, an_id("blob", 10), OURS, KEY, BUCKET, an_id("col", 1)]

    answer = await engine.execute(
        "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }",
        ids=[*ids, an_id("obj", 99), "nonsense", THEIRS],
    )

    assert answer["nodes"] == [
        *[
            {"__typename": name, "id": id_}
            for name, id_ in zip(
                ["BucketObject", "Document", "Blob", "Namespace", "ApiKey", "Bucket", "Collection"],
                ids,
                strict=True,
            )
        ],
        None,
        None,
        None,
    ]


async def test_signs_links_only_where_there_are_bytes(engine: Engine) -> None:
    answer = await engine.execute(
        "query ($id: ID!, $frame: ID!) {"
        " object(id: $id) { blobs { presignedUrl(expiresIn: 60) id } }"
        " node(id: $id) { ... on BucketObject { blobs { url: presignedUrl } } }"
        " document(id: $frame) { presignedUrl presignedUrls source { ... on BucketObject {"
        " blobs { presignedUrl } } } } }",
        id=OBJECTS[0],
        frame=FRAME_1,
    )

    first, second = answer["object"]["blobs"]
    assert first["presignedUrl"].startswith(f"http://here/blobs/{OURS}/1?")
    assert second["presignedUrl"] is None
    assert set(first) == {"presignedUrl", "id"}  # nothing of what signing needs is left
    assert answer["node"]["blobs"][0]["url"] is not None
    assert answer["document"]["presignedUrl"] is not None
    assert len(answer["document"]["presignedUrls"]) == 1
    assert answer["document"]["source"]["blobs"][0]["presignedUrl"] is not None


async def test_refuses_a_link_without_end(engine: Engine) -> None:
    data, errors = await engine.run(
        "query ($id: ID!) { object(id: $id) { blobs { presignedUrl(expiresIn: 0) } } }",
        id=OBJECTS[0],
    )

    assert data == {"object": None}
    assert [error.extensions["code"] for error in errors] == ["BAD_USER_INPUT"]
    assert "expiresIn is 0" in errors[0].message


async def test_unknown_ids_are_null_and_lineage_says_so(engine: Engine) -> None:
    unknown = an_id("obj", 99)

    data, errors = await engine.run(
        "query ($id: ID!) { object(id: $id) { id } document(id: $id) { id } node(id: $id) { id } }",
        id=unknown,
    )
    assert not errors
    assert data == {"object": None, "document": None, "node": None}

    data, errors = await engine.run("query ($id: ID!) { lineage(id: $id) { root } }", id=unknown)
    assert data is None
    assert [error.extensions["code"] for error in errors] == ["BAD_USER_INPUT"]
