from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import rfc8785

from tests.client import Client
from tests.documents.making import Family
from tests.operations import new_document

READ = """
    query ($id: ID!) { document(id: $id) {
        collectionId rootObjectId rootBucketId sourceType sourceCollectionId sourceDocumentId
        sourceObjectId lineagePath createdAt status error version metadata internalMetadata vector
        lineageChain { collectionId featureExtractorId documentId timestamp }
        sourceBlobs { blobId blobProperty blobType }
        features { featureExtractorId payload }
        documentBlobs { field } } }
"""


async def read(client: Client, document_id: str) -> dict[str, object]:
    answer = await client.execute(READ, id=document_id)
    found: dict[str, object] = answer["document"]
    return found


async def test_derives_lineage_from_the_source_object(client: Client, family: Family) -> None:
    made = await new_document(client, family.frames, sourceObjectId=family.object)

    found = await read(client, made)
    created_at = found.pop("createdAt")
    assert found == {
        "collectionId": family.frames,
        "rootObjectId": family.object,
        "rootBucketId": family.bucket,
        "sourceType": "BUCKET",
        "sourceCollectionId": None,
        "sourceDocumentId": None,
        "sourceObjectId": family.object,
        "lineagePath": f"{family.bucket}/{family.frames}",
        "lineageChain": [
            {
                "collectionId": family.frames,
                "featureExtractorId": "frames_v1",
                "documentId": None,
                "timestamp": created_at,
            }
        ],
        "sourceBlobs": [
            {"blobId": family.image, "blobProperty": "image", "blobType": "IMAGE"},
            {"blobId": family.note, "blobProperty": "note", "blobType": "TEXT"},
        ],
        "metadata": {"title": "Spring", "year": 2024},
        "internalMetadata": found["internalMetadata"],
        "features": [],
        "vector": None,
        "documentBlobs": [],
        "status": "COMPLETED",
        "error": None,
        "version": 1,
    }


async def test_derives_lineage_from_the_source_document(client: Client, family: Family) -> None:
    face = await read(client, family.face)
    scene = await read(client, family.scene)
    frame = await read(client, family.frame)

    assert {
        name: face[name]
        for name in (
            "rootObjectId",
            "rootBucketId",
            "sourceType",
            "sourceCollectionId",
            "sourceDocumentId",
            "sourceObjectId",
            "lineagePath",
        )
    } == {
        "rootObjectId": family.object,
        "rootBucketId": family.bucket,
        "sourceType": "COLLECTION",
        "sourceCollectionId": family.scenes,
        "sourceDocumentId": family.scene,
        "sourceObjectId": None,
        "lineagePath": "/".join((family.bucket, family.frames, family.scenes, family.faces)),
    }
    assert face["lineageChain"] == [
        {
            "collectionId": family.frames,
            "featureExtractorId": "frames_v1",
            "documentId": family.frame,
            "timestamp": frame["createdAt"],
        },
        {
            "collectionId": family.scenes,
            "featureExtractorId": "scenes_v1",
            "documentId": family.scene,
            "timestamp": scene["createdAt"],
        },
        {
            "collectionId": family.faces,
            "featureExtractorId": "faces_v1",
            "documentId": None,
            "timestamp": face["createdAt"],
        },
    ]
    assert face["sourceBlobs"] == frame["sourceBlobs"]


async def test_takes_all_that_a_caller_states_rightly(client: Client, family: Family) -> None:
    early = "2024-02-29T12:00:00+02:00"
    chain = [
        {"collectionId": family.frames, "featureExtractorId": "frames_v1", "timestamp": early},
        {
            "collectionId": family.scenes,
            "featureExtractorId": "scenes_v1",
            "documentId": family.scene,
        },
        {"collectionId": family.faces, "featureExtractorId": "faces_v1", "timestamp": early},
    ]

    made = await new_document(
        client,
        family.faces,
        rootObjectId=family.object,
        rootBucketId=family.bucket,
        sourceType="COLLECTION",
        sourceCollectionId=family.scenes,
        sourceDocumentId=family.scene,
        lineagePath=f"{family.bucket}/{family.frames}/{family.scenes}/{family.faces}",
        lineageChain=chain,
        sourceBlobs=[{"blobId": family.note, "blobProperty": "note", "blobType": "TEXT"}],
    )

    found = await read(client, made)
    derived = await read(client, family.face)
    told = found["lineageChain"]
    assert isinstance(told, list)
    assert [step["documentId"] for step in told] == [family.frame, family.scene, None]
    scene = await read(client, family.scene)
    assert [datetime.fromisoformat(step["timestamp"]) for step in told] == [
        datetime.fromisoformat(early),
        datetime.fromisoformat(str(scene["createdAt"])),
        datetime.fromisoformat(early),
    ]
    assert found["sourceBlobs"] == [
        {"blobId": family.note, "blobProperty": "note", "blobType": "TEXT"}
    ]
    for name in ("lineagePath", "rootObjectId", "rootBucketId", "sourceCollectionId"):
        assert found[name] == derived[name]


async def test_a_root_object_alone_gives_the_lineage_a_start(
    client: Client, family: Family
) -> None:
    made = await new_document(client, family.scenes, rootObjectId=family.object)

    found = await read(client, made)
    assert found["rootBucketId"] == family.bucket
    assert found["lineagePath"] == f"{family.bucket}/{family.scenes}"
    assert found["metadata"] == {"title": "Spring", "year": 2024}
    assert [found[name] for name in ("sourceType", "sourceObjectId", "sourceDocumentId")] == [
        None
    ] * 3
    assert await blob_ids(client, made) == [family.image, family.note]


async def test_a_root_bucket_alone_gives_the_path_a_start(client: Client, family: Family) -> None:
    made = await new_document(client, family.scenes, rootBucketId=family.bucket)

    found = await read(client, made)
    assert found["rootObjectId"] is None
    assert found["lineagePath"] == f"{family.bucket}/{family.scenes}"
    assert found["sourceBlobs"] == []


async def test_lineage_may_start_at_a_document(client: Client, family: Family) -> None:
    first = await new_document(client, family.frames, metadata={"by": "hand"})
    second = await new_document(client, family.scenes, sourceDocumentId=first)

    found = [await read(client, each) for each in (first, second)]
    assert [each["lineagePath"] for each in found] == [None, None]
    assert [each["rootObjectId"] for each in found] == [None, None]
    assert [each["metadata"] for each in found] == [{"by": "hand"}, {}]
    chain = found[1]["lineageChain"]
    assert isinstance(chain, list)
    assert [(step["collectionId"], step["documentId"]) for step in chain] == [
        (family.frames, first),
        (family.scenes, None),
    ]


async def test_metadata_of_the_root_object_flows_into_every_document(
    client: Client, family: Family
) -> None:
    own = {"year": 2025, "tags": {"a": 1}, "title": None}

    frame = await new_document(client, family.frames, sourceObjectId=family.object, metadata=own)
    scene = await new_document(client, family.scenes, sourceDocumentId=frame)

    assert (await read(client, frame))["metadata"] == own
    assert (await read(client, scene))["metadata"] == {"title": "Spring", "year": 2024}


async def test_keeps_features_and_vector_as_they_are(client: Client, family: Family) -> None:
    features = [
        {"featureExtractorId": "ocr_v1", "payload": {"text": "Grüße\n", "boxes": [[0, 1.5]]}},
        {"featureExtractorId": "ocr_v1", "payload": 0},
    ]

    made = await new_document(
        client,
        family.frames,
        sourceObjectId=family.object,
        features=features,
        vector=[0.1, -3, 1e-300],
    )

    found = await read(client, made)
    assert found["features"] == features
    assert found["vector"] == [0.1, -3, 1e-300]


async def test_notes_which_settings_made_it(client: Client, family: Family) -> None:
    config: dict[str, Any] = {
        "name": "frames",
        "version": "v1",
        "input_mappings": {},
        "field_passthrough": [],
        "parameters": {},
    }

    found = await read(client, family.frame)

    assert found["internalMetadata"] == {
        "ingestion_status": "COMPLETED",
        "feature_extractor_config_hash": hashlib.sha256(rfc8785.dumps(config)).hexdigest(),
    }


async def test_chosen_source_blobs_are_handed_on(client: Client, family: Family) -> None:
    frame = await new_document(
        client,
        family.frames,
        sourceObjectId=family.object,
        sourceBlobs=[{"blobId": family.note}],
    )
    scene = await new_document(client, family.scenes, sourceDocumentId=frame)
    none = await new_document(client, family.scenes, sourceDocumentId=frame, sourceBlobs=[])

    assert await blob_ids(client, frame) == [family.note]
    assert await blob_ids(client, scene) == [family.note]
    assert await blob_ids(client, none) == []


async def test_a_disabled_collection_takes_documents(client: Client, family: Family) -> None:
    patch = {"id": family.frames, "enabled": False}
    await client.execute(
        "mutation ($input: PatchCollectionInput!) { patchCollection(input: $input) {"
        " collection { enabled } } }",
        input=patch,
    )

    await new_document(client, family.frames, sourceObjectId=family.object)


async def test_counts_documents_where_they_belong(client: Client, family: Family) -> None:
    await new_document(client, family.frames, sourceObjectId=family.object)

    counts = await client.execute(
        """query ($object: ID!, $frames: ID!, $faces: ID!) {
            object(id: $object) { documentCount }
            frames: collection(id: $frames) { documentCount }
            faces: collection(id: $faces) { documentCount } }""",
        object=family.object,
        frames=family.frames,
        faces=family.faces,
    )
    assert counts == {
        "object": {"documentCount": 4},
        "frames": {"documentCount": 2},
        "faces": {"documentCount": 1},
    }


async def blob_ids(client: Client, document_id: str) -> list[str]:
    found = await client.execute(
        "query ($id: ID!) { document(id: $id) { sourceBlobs { blob { id } } } }", id=document_id
    )
    return [each["blob"]["id"] for each in found["document"]["sourceBlobs"]]
