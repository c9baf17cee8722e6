"""The ``lineage`` field: what it holds, and that it says truly whether something is missing."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.database.ids import new_id
from tests.client import Client
from tests.documents.making import Family, make_family
from tests.operations import mutate, new_document, refused

GRAPH = """root complete truncatedBy
    nodes { distance childCount node { __typename id } }
    edges { from to featureExtractorId collectionId at }"""
READ = f"""
    query ($id: ID!, $direction: LineageDirection, $depth: Int, $most: Int, $collections: [ID!]) {{
        lineage(id: $id, direction: $direction, depth: $depth, maxNodes: $most,
            collectionIds: $collections) {{ {GRAPH} }} }}
"""
CREATE = """
    mutation ($input: CreateDocumentInput!) { createDocument(input: $input) {
        document { id } errors { code path message } } }
"""


async def graph(client: Client, id: str, **arguments: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await client.execute(READ, id=id, **arguments))["lineage"]
    return found


def nodes(found: dict[str, Any]) -> list[tuple[int, str]]:
    return [(each["distance"], each["node"]["id"]) for each in found["nodes"]]


def edges(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["from"], each["to"]) for each in found["edges"]}


async def test_goes_upstream_to_the_root(client: Client, family: Family) -> None:
    found = await graph(client, family.face, direction="UPSTREAM")

    assert found["root"] == family.face
    assert found["nodes"] == [
        {"distance": 0, "childCount": 0, "node": {"__typename": "Document", "id": family.face}},
        {"distance": 1, "childCount": 1, "node": {"__typename": "Document", "id": family.scene}},
        {"distance": 2, "childCount": 1, "node": {"__typename": "Document", "id": family.frame}},
        {
            "distance": 3,
            "childCount": 1,
            "node": {"__typename": "BucketObject", "id": family.object},
        },
    ]
    assert (found["complete"], found["truncatedBy"]) == (True, None)


async def test_goes_downstream_to_every_leaf(client: Client, family: Family) -> None:
    second_face = await new_document(client, family.faces, sourceDocumentId=family.scene)
    second_frame = await new_document(client, family.frames, sourceObjectId=family.object)

    found = await graph(client, family.object, direction="DOWNSTREAM")

    assert nodes(found) == [
        (0, family.object),
        (1, family.frame),
        (1, second_frame),
        (2, family.scene),
        (3, family.face),
        (3, second_face),
    ]
    assert [each["childCount"] for each in found["nodes"]] == [2, 1, 0, 2, 0, 0]
    assert edges(found) == {
        (family.object, family.frame),
        (family.object, second_frame),
        (family.frame, family.scene),
        (family.scene, family.face),
        (family.scene, second_face),
    }
    assert (found["complete"], found["truncatedBy"]) == (True, None)


async def test_goes_both_ways_but_not_aside(client: Client, family: Family) -> None:
    await new_document(client, family.frames, sourceObjectId=family.object)
    await new_document(client, family.scenes, sourceDocumentId=family.frame)

    found = await graph(client, family.scene)

    assert sorted(nodes(found)) == sorted(
        [(0, family.scene), (1, family.frame), (1, family.face), (2, family.object)]
    )
    assert edges(found) == {
        (family.object, family.frame),
        (family.frame, family.scene),
        (family.scene, family.face),
    }
    assert (found["complete"], found["truncatedBy"]) == (True, None)


async def test_an_edge_tells_what_made_it_where_and_when(client: Client, family: Family) -> None:
    found = await graph(client, family.scene, direction="UPSTREAM", depth=1)

    created_at = await client.execute(
        "query ($id: ID!) { document(id: $id) { createdAt } }", id=family.scene
    )
    assert found["edges"] == [
        {
            "from": family.frame,
            "to": family.scene,
            "featureExtractorId": "scenes_v1",
            "collectionId": family.scenes,
            "at": created_at["document"]["createdAt"],
        }
    ]


@pytest.mark.parametrize(
    ("start", "direction", "depth", "count", "is_complete"),
    [
        ("object", "DOWNSTREAM", 0, 1, False),
        ("object", "DOWNSTREAM", 2, 3, False),
        ("object", "DOWNSTREAM", 3, 4, True),
        ("object", "DOWNSTREAM", 4, 4, True),
        ("object", "UPSTREAM", 0, 1, True),
        ("object", "BOTH", 3, 4, True),
        ("face", "UPSTREAM", 0, 1, False),
        ("face", "UPSTREAM", 2, 3, False),
        ("face", "UPSTREAM", 3, 4, True),
        ("face", "DOWNSTREAM", 0, 1, True),
        ("face", "BOTH", 2, 3, False),
        ("face", "BOTH", 3, 4, True),
        ("scene", "BOTH", 0, 1, False),
        ("scene", "BOTH", 1, 3, False),
        ("scene", "BOTH", 2, 4, True),
        ("frame", "BOTH", 1, 3, False),
    ],
)
async def test_says_whether_the_depth_left_something_out(
    client: Client,
    family: Family,
    start: str,
    direction: str,
    depth: int,
    count: int,
    is_complete: bool,
) -> None:
    found = await graph(client, getattr(family, start), direction=direction, depth=depth)

    assert len(found["nodes"]) == count
    assert len(found["edges"]) == count - 1
    assert found["complete"] is is_complete
    assert found["truncatedBy"] == (None if is_complete else "depth")


@pytest.mark.parametrize(
    ("start", "direction"),
    [("object", "DOWNSTREAM"), ("face", "UPSTREAM"), ("scene", "BOTH"), ("object", "BOTH")],
)
async def test_says_whether_the_number_of_nodes_left_something_out(
    client: Client, family: Family, start: str, direction: str
) -> None:
    start_id = getattr(family, start)
    for most in (1, 2, 3, 4, 5):
        found = await graph(client, start_id, direction=direction, most=most)

        assert len(found["nodes"]) == min(most, 4)
        assert found["nodes"][0] == {
            "distance": 0,
            "childCount": found["nodes"][0]["childCount"],
            "node": found["nodes"][0]["node"],
        }
        assert found["root"] == start_id
        assert found["complete"] is (most >= 4)
        assert found["truncatedBy"] == (None if most >= 4 else "maxNodes")
        known = {each["node"]["id"] for each in found["nodes"]}
        assert {end for edge in edges(found) for end in edge} <= known


async def test_names_the_number_of_nodes_where_both_left_something_out(
    client: Client, family: Family
) -> None:
    found = await graph(client, family.object, direction="DOWNSTREAM", depth=2, most=2)

    assert (found["complete"], found["truncatedBy"]) == (False, "maxNodes")
    assert nodes(found) == [(0, family.object), (1, family.frame)]


async def test_documents_of_other_collections_are_walked_through(
    client: Client, family: Family
) -> None:
    down = await graph(
        client, family.object, direction="DOWNSTREAM", collections=[family.faces, new_id("col")]
    )
    up = await graph(client, family.face, direction="UPSTREAM", collections=[family.frames])
    both = await graph(client, family.scene, collections=[])

    assert nodes(down) == [(0, family.object), (3, family.face)]
    assert edges(down) == {(family.object, family.face)}
    assert down["edges"][0]["featureExtractorId"] == "faces_v1"
    assert nodes(up) == [(0, family.face), (2, family.frame), (3, family.object)]
    assert edges(up) == {(family.frame, family.face), (family.object, family.frame)}
    assert nodes(both) == [(0, family.scene), (2, family.object)]
    assert edges(both) == {(family.object, family.scene)}
    assert [each["complete"] for each in (down, up, both)] == [True, True, True]


@pytest.mark.parametrize(
    ("collection", "depth", "most", "reason"),
    [
        ("faces", 2, 9, "depth"),
        ("faces", 3, 9, None),
        ("faces", 3, 1, "maxNodes"),
        ("faces", 3, 2, None),
        ("frames", 0, 9, "depth"),
        ("frames", 1, 9, None),  # what is deeper is of other collections
        ("frames", 1, 2, None),
    ],
)
async def test_is_complete_when_all_that_is_asked_for_is_there(
    client: Client, family: Family, collection: str, depth: int, most: int, reason: str | None
) -> None:
    found = await graph(
        client,
        family.object,
        direction="DOWNSTREAM",
        collections=[getattr(family, collection)],
        depth=depth,
        most=most,
    )

    assert len(found["nodes"]) == (2 if reason is None else 1)
    assert (found["complete"], found["truncatedBy"]) == (reason is None, reason)


async def test_refuses_more_collections_than_anyone_means(client: Client, family: Family) -> None:
    (error,) = await client.errors(READ, id=family.face, collections=[family.faces] * 1001)

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == "collectionIds has 1001 entries; the most is 1000"


async def test_counts_children_that_are_left_out(client: Client, family: Family) -> None:
    await new_document(client, family.faces, sourceDocumentId=family.scene)

    found = await graph(client, family.scene, direction="DOWNSTREAM", depth=0)

    assert [each["childCount"] for each in found["nodes"]] == [2]


async def test_is_a_field_of_documents_and_objects_too(client: Client, family: Family) -> None:
    found = await client.execute(
        f"""query ($document: ID!, $object: ID!) {{
            document(id: $document) {{ lineage {{ {GRAPH} }} }}
            object(id: $object) {{ lineage {{ {GRAPH} }} }} }}""",
        document=family.scene,
        object=family.object,
    )

    assert found["document"]["lineage"] == await graph(client, family.scene, direction="UPSTREAM")
    assert found["object"]["lineage"] == await graph(client, family.object, direction="DOWNSTREAM")


async def test_every_document_of_a_list_has_a_graph_of_its_own(
    client: Client, family: Family
) -> None:
    found = await client.execute(
        """query ($id: ID!) { object(id: $id) { documents { nodes { id
            lineage(direction: DOWNSTREAM, depth: 1) { root complete nodes { node { id } } }
            } } } }""",
        id=family.object,
    )

    assert [
        (each["id"], each["lineage"]["root"], each["lineage"]["complete"])
        for each in found["object"]["documents"]["nodes"]
    ] == [
        (family.frame, family.frame, False),
        (family.scene, family.scene, True),
        (family.face, family.face, True),
    ]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [({"depth": -1}, "depth"), ({"depth": 101}, "depth"), ({"most": 0}, "maxNodes")],
)
async def test_refuses_bounds_without_measure(
    client: Client, family: Family, arguments: dict[str, int], name: str
) -> None:
    (error,) = await client.errors(READ, id=family.face, **arguments)

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"].startswith(f"{name} is ")


async def test_an_id_that_is_not_here_has_no_graph(client: Client, family: Family) -> None:
    theirs = await make_family(await client.elsewhere())

    for id_ in (new_id("doc"), theirs.face, theirs.object, family.bucket, "x"):
        (error,) = await client.errors(READ, id=id_)

        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["message"] == "lineage: nothing has this id"


async def test_lineage_is_a_hundred_steps_deep_and_no_deeper(
    client: Client, family: Family
) -> None:
    deepest = family.face
    for _ in range(97):
        deepest = await new_document(client, family.faces, sourceDocumentId=deepest)

    found = await client.execute(
        f"""query ($id: ID!) {{ document(id: $id) {{
            ancestors {{ id }} lineageChain {{ documentId }}
            lineage(depth: 100) {{ {GRAPH} }} }} }}""",
        id=deepest,
    )
    errors = await refused(
        client, CREATE, input={"collectionId": family.faces, "sourceDocumentId": deepest}
    )

    document = found["document"]
    assert [each["id"] for each in document["ancestors"][:3]] == [
        family.frame,
        family.scene,
        family.face,
    ]
    assert [each["id"] for each in document["ancestors"]] == [
        each["documentId"] for each in document["lineageChain"][:-1]
    ]
    assert len(document["lineageChain"]) == 100
    assert len(document["lineage"]["nodes"]) == 101
    assert document["lineage"]["complete"] is True
    assert [(each["code"], each["path"]) for each in errors] == [
        ("TOO_LARGE", ["sourceDocumentId"])
    ]


async def test_what_is_deleted_is_out_of_every_graph(client: Client, family: Family) -> None:
    delete = "mutation ($id: ID!) { deleteDocument(id: $id) { deletedDocuments } }"
    await mutate(client, delete, id=family.scene)

    found = await graph(client, family.object, direction="DOWNSTREAM")

    assert nodes(found) == [(0, family.object), (1, family.frame)]
    assert found["complete"] is True
