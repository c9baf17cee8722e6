"""Documents three deep, read from either end in one operation."""

from __future__ import annotations

from tests.client import Client
from tests.documents.making import Family
from tests.operations import new_document


async def test_reads_from_the_bucket_down_to_the_deepest_document(
    client: Client, family: Family
) -> None:
    second = await new_document(client, family.frames, sourceObjectId=family.object)

    found = await client.execute(
        """query ($id: ID!) { bucket(id: $id) {
            objects { nodes { id
                blobs { id property presignedUrl }
                documents(directOnly: true) { totalCount nodes { id
                    collection { collectionName }
                    children { nodes { id
                        collection { collectionName }
                        children { totalCount nodes { id children { nodes { id } } } } } } } }
                all: documents { totalCount } } }
            documents { totalCount } } }""",
        id=family.bucket,
    )

    (object_,) = found["bucket"]["objects"]["nodes"]
    assert [blob["id"] for blob in object_["blobs"]] == [family.image, family.note]
    assert all(blob["presignedUrl"] for blob in object_["blobs"])
    assert object_["documents"] == {
        "totalCount": 2,
        "nodes": [
            {
                "id": family.frame,
                "collection": {"collectionName": "frames"},
                "children": {
                    "nodes": [
                        {
                            "id": family.scene,
                            "collection": {"collectionName": "scenes"},
                            "children": {
                                "totalCount": 1,
                                "nodes": [{"id": family.face, "children": {"nodes": []}}],
                            },
                        }
                    ]
                },
            },
            {
                "id": second,
                "collection": {"collectionName": "frames"},
                "children": {"nodes": []},
            },
        ],
    }
    assert object_["all"] == {"totalCount": 4}
    assert found["bucket"]["documents"] == {"totalCount": 4}


async def test_reads_from_the_deepest_document_up_to_the_bucket(
    client: Client, family: Family
) -> None:
    found = await client.execute(
        """query ($id: ID!) { document(id: $id) {
            ancestors { id collection { collectionName } }
            source { __typename ... on Document { id
                source { ... on Document { id
                    source { __typename ... on BucketObject { id
                        bucket { bucketName } } } } } } }
            rootObject { id metadata }
            rootBucket { id }
            lineageChain { collection { collectionName } document { id } }
            sourceBlobs { blobProperty blob { id } } } }""",
        id=family.face,
    )

    object_ = {
        "__typename": "BucketObject",
        "id": family.object,
        "bucket": {"bucketName": "marketing"},
    }
    assert found["document"] == {
        "ancestors": [
            {"id": family.frame, "collection": {"collectionName": "frames"}},
            {"id": family.scene, "collection": {"collectionName": "scenes"}},
        ],
        "source": {
            "__typename": "Document",
            "id": family.scene,
            "source": {"id": family.frame, "source": object_},
        },
        "rootObject": {"id": family.object, "metadata": {"title": "Spring", "year": 2024}},
        "rootBucket": {"id": family.bucket},
        "lineageChain": [
            {"collection": {"collectionName": "frames"}, "document": {"id": family.frame}},
            {"collection": {"collectionName": "scenes"}, "document": {"id": family.scene}},
            {"collection": {"collectionName": "faces"}, "document": None},
        ],
        "sourceBlobs": [
            {"blobProperty": "image", "blob": {"id": family.image}},
            {"blobProperty": "note", "blob": {"id": family.note}},
        ],
    }


async def test_a_document_that_nothing_made_has_no_source(client: Client, family: Family) -> None:
    alone = await new_document(client, family.frames)

    found = await client.execute(
        """query ($id: ID!) { document(id: $id) {
            source { __typename } ancestors { id } rootObject { id } rootBucket { id }
            lineage(direction: BOTH) { complete edges { from } nodes { node { id } } } } }""",
        id=alone,
    )

    assert found["document"] == {
        "source": None,
        "ancestors": [],
        "rootObject": None,
        "rootBucket": None,
        "lineage": {"complete": True, "edges": [], "nodes": [{"node": {"id": alone}}]},
    }


async def test_collections_tell_what_feeds_them_and_what_they_hold(
    client: Client, family: Family
) -> None:
    found = await client.execute(
        """query ($id: ID!) { collection(id: $id) {
            upstream { __typename id } downstream { id } documentCount
            documents { nodes { id } } } }""",
        id=family.scenes,
    )

    assert found["collection"] == {
        "upstream": [{"__typename": "Collection", "id": family.frames}],
        "downstream": [{"id": family.faces}],
        "documentCount": 1,
        "documents": {"nodes": [{"id": family.scene}]},
    }
