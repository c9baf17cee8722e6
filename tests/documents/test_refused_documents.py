"""What createDocument refuses; ``refusals`` sees each time that the database is as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.database.ids import new_id
from gateway.enums import Permission
from tests.client import Client
from tests.documents.making import (
    Family,
    Root,
    begin_deleting_bucket,
    make_family,
    make_root,
)
from tests.operations import new_collection, new_document, refused

CREATE = """
    mutation ($input: CreateDocumentInput!) { createDocument(input: $input) {
        document { id } errors { code path message ... on FieldError { allowed } } } }
"""


@pytest.fixture
async def others(client: Client) -> Root:
    """Things of the same namespace that a document of the family has nothing to do with."""
    return await make_root(client, "other")


async def refusals(client: Client, **input: Any) -> list[dict[str, Any]]:
    return await refused(client, CREATE, input=input)


def chain(f: Family, **changes: dict[str, Any]) -> dict[str, Any]:
    """Return the chain of a face that is made from ``f.scene``, with changes to its steps."""
    steps = {
        "frames": (f.frames, f.frame),
        "scenes": (f.scenes, f.scene),
        "faces": (f.faces, None),
    }
    return {
        "lineageChain": [
            {
                "collectionId": collection,
                "featureExtractorId": f"{name}_v1",
                "documentId": document,
            }
            | changes.get(name, {})
            for name, (collection, document) in steps.items()
        ]
    }


def artifact(**changes: Any) -> dict[str, Any]:
    blob = {"field": "summary", "role": "ARTIFACT", "type": "text", "data": "A spring day."}
    return {"documentBlobs": [blob | changes]}


def source_blob(**stated: Any) -> dict[str, Any]:
    return {"sourceBlobs": [stated]}


def fields(errors: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(error["code"], ".".join(error["path"])) for error in errors]


# What is stated beside the collection and a source document, and the path of the complaint.
CONTRADICTIONS: dict[str, tuple[Callable[[Family, Root], dict[str, Any]], str]] = {
    "root object": (lambda _, o: {"rootObjectId": o.object}, "rootObjectId"),
    "root bucket": (lambda _, o: {"rootBucketId": o.bucket}, "rootBucketId"),
    "source collection": (lambda f, _: {"sourceCollectionId": f.frames}, "sourceCollectionId"),
    "path": (lambda f, _: {"lineagePath": f"{f.bucket}/{f.faces}"}, "lineagePath"),
    "empty path": (lambda _f, _o: {"lineagePath": ""}, "lineagePath"),
    "short chain": (
        lambda f, _: {"lineageChain": chain(f)["lineageChain"][1:]},
        "lineageChain",
    ),
    "empty chain": (lambda _f, _o: {"lineageChain": []}, "lineageChain"),
    "collection of a step": (
        lambda f, _: chain(f, scenes={"collectionId": f.frames}),
        "lineageChain.1.collectionId",
    ),
    "extractor of a step": (
        lambda f, _: chain(f, frames={"featureExtractorId": "frames_v2"}),
        "lineageChain.0.featureExtractorId",
    ),
    "document of a step": (
        lambda f, _: chain(f, scenes={"documentId": f.frame}),
        "lineageChain.1.documentId",
    ),
    "document of the last step": (
        lambda f, _: chain(f, faces={"documentId": f.face}),
        "lineageChain.2.documentId",
    ),
    "blob": (lambda _, o: source_blob(blobId=o.note), "sourceBlobs.0.blobId"),
    "property of a blob": (
        lambda f, _: source_blob(blobId=f.note, blobProperty="image"),
        "sourceBlobs.0.blobProperty",
    ),
    "type of a blob": (
        lambda f, _: source_blob(blobId=f.image, blobType="PDF"),
        "sourceBlobs.0.blobType",
    ),
    "blob of an artifact": (
        lambda _, o: artifact(sourceBlobId=o.note),
        "documentBlobs.0.sourceBlobId",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
async def test_refuses_what_contradicts_the_source_document(
    client: Client, family: Family, others: Root, name: str
) -> None:
    stated, path = CONTRADICTIONS[name]

    errors = await refusals(
        client,
        collectionId=family.faces,
        sourceDocumentId=family.scene,
        **stated(family, others),
    )

    assert fields(errors) == [("INVALID", path)]


async def test_says_what_would_agree(client: Client, family: Family, others: Root) -> None:
    errors = await refusals(
        client,
        collectionId=family.faces,
        sourceDocumentId=family.scene,
        rootObjectId=others.object,
        lineagePath="elsewhere",
        lineageChain=[],
    )

    path = "/".join((family.bucket, family.frames, family.scenes, family.faces))
    assert [error["message"] for error in errors] == [
        f"rootObjectId is '{others.object}'; by its source it has to be '{family.object}'",
        f"lineagePath is 'elsewhere'; by its source it has to be '{path}'",
        "lineageChain has 0 steps; it has to have 3, through"
        f" {family.frames}, {family.scenes}, {family.faces}",
    ]


async def test_refuses_what_contradicts_the_source_object(
    client: Client, family: Family, others: Root
) -> None:
    errors = await refusals(
        client,
        collectionId=family.frames,
        sourceObjectId=family.object,
        rootObjectId=others.object,
        rootBucketId=others.bucket,
        lineagePath=f"{others.bucket}/{family.frames}",
    )

    assert fields(errors) == [
        ("INVALID", "rootObjectId"),
        ("INVALID", "rootBucketId"),
        ("INVALID", "lineagePath"),
    ]


async def test_refuses_what_contradicts_the_root_object(
    client: Client, family: Family, others: Root
) -> None:
    errors = await refusals(
        client,
        collectionId=family.frames,
        rootObjectId=family.object,
        rootBucketId=others.bucket,
        lineagePath=f"{family.bucket}/{family.scenes}/{family.frames}",
    )

    assert fields(errors) == [("INVALID", "rootBucketId"), ("INVALID", "lineagePath")]


async def test_without_a_root_there_is_none_to_be_stated(client: Client, family: Family) -> None:
    parent = await new_document(client, family.frames)

    errors = await refusals(
        client,
        collectionId=family.scenes,
        sourceDocumentId=parent,
        rootObjectId=family.object,
        lineagePath=f"{family.bucket}/{family.scenes}",
        sourceBlobs=[{"blobId": family.note}],
        **artifact(sourceBlobId=family.note),
    )

    assert fields(errors) == [
        ("INVALID", "rootObjectId"),
        ("INVALID", "lineagePath"),
        ("INVALID", "sourceBlobs.0.blobId"),
        ("INVALID", "documentBlobs.0.sourceBlobId"),
    ]
    assert errors[0]["message"] == (
        "rootObjectId has to be left out here; by its source the document has none"
    )


async def test_names_each_source_blob_once(client: Client, family: Family) -> None:
    note = {"blobId": family.note}

    errors = await refusals(
        client, collectionId=family.frames, sourceObjectId=family.object, sourceBlobs=[note, note]
    )

    assert fields(errors) == [("INVALID", "sourceBlobs.1.blobId")]


SOURCES: dict[str, tuple[Callable[[Family], dict[str, Any]], str]] = {
    "both": (
        lambda f: {"sourceObjectId": f.object, "sourceDocumentId": f.frame},
        "sourceDocumentId",
    ),
    "BUCKET of nothing": (lambda _: {"sourceType": "BUCKET"}, "sourceObjectId"),
    "COLLECTION of nothing": (lambda _: {"sourceType": "COLLECTION"}, "sourceDocumentId"),
    "BUCKET of a document": (
        lambda f: {"sourceType": "BUCKET", "sourceDocumentId": f.frame},
        "sourceType",
    ),
    "COLLECTION of an object": (
        lambda f: {"sourceType": "COLLECTION", "sourceObjectId": f.object},
        "sourceType",
    ),
    "collection of nothing": (
        lambda f: {"sourceCollectionId": f.frames},
        "sourceCollectionId",
    ),
    "collection of an object": (
        lambda f: {"sourceCollectionId": f.frames, "sourceObjectId": f.object},
        "sourceCollectionId",
    ),
}


@pytest.mark.parametrize("name", SOURCES)
async def test_refuses_sources_that_do_not_fit_together(
    client: Client, family: Family, name: str
) -> None:
    stated, path = SOURCES[name]

    errors = await refusals(client, collectionId=family.scenes, **stated(family))

    assert fields(errors) == [("INVALID", path)]


@pytest.mark.parametrize("kind", ["TAXONOMY", "CLUSTER"])
async def test_refuses_sources_of_other_kinds(client: Client, family: Family, kind: str) -> None:
    (error,) = await refusals(client, collectionId=family.scenes, sourceType=kind)

    assert (error["code"], error["path"]) == ("INVALID", ["sourceType"])
    assert error["allowed"] == ["BUCKET", "COLLECTION"]


# Where an id stands, what stands around it, and the kind of thing it should name.
IDS: dict[str, tuple[Callable[[Family, str], dict[str, Any]], str]] = {
    "collectionId": (lambda _, id_: {"collectionId": id_}, "collection"),
    "rootObjectId": (lambda _, id_: {"rootObjectId": id_}, "object"),
    "rootBucketId": (lambda _, id_: {"rootBucketId": id_}, "bucket"),
    "sourceObjectId": (lambda _, id_: {"sourceObjectId": id_}, "object"),
    "sourceDocumentId": (lambda _, id_: {"sourceDocumentId": id_}, "document"),
    "sourceCollectionId": (
        lambda f, id_: {"sourceDocumentId": f.scene, "sourceCollectionId": id_},
        "collection",
    ),
    "lineageChain.0.collectionId": (
        lambda f, id_: {"sourceDocumentId": f.scene} | chain(f, frames={"collectionId": id_}),
        "collection",
    ),
    "lineageChain.1.documentId": (
        lambda f, id_: {"sourceDocumentId": f.scene} | chain(f, scenes={"documentId": id_}),
        "document",
    ),
    "sourceBlobs.0.blobId": (
        lambda f, id_: {"sourceDocumentId": f.scene} | source_blob(blobId=id_),
        "blob",
    ),
    "documentBlobs.0.sourceBlobId": (
        lambda f, id_: {"sourceDocumentId": f.scene} | artifact(sourceBlobId=id_),
        "blob",
    ),
}
PREFIXES = {
    "collection": "col",
    "object": "obj",
    "bucket": "bkt",
    "document": "doc",
    "blob": "blob",
}


@pytest.mark.parametrize("path", IDS)
async def test_an_unknown_id_is_told_by_its_path(client: Client, family: Family, path: str) -> None:
    stated, kind = IDS[path]
    theirs = await make_family(await client.elsewhere())
    of_theirs = {
        "collection": theirs.frames,
        "object": theirs.object,
        "bucket": theirs.bucket,
        "document": theirs.frame,
        "blob": theirs.note,
    }
    of_another_kind = family.object if kind != "object" else family.bucket

    for id_ in (new_id(PREFIXES[kind]), of_theirs[kind], of_another_kind, "", "x" * 10_000):
        errors = await refusals(client, **{"collectionId": family.faces, **stated(family, id_)})

        shown = id_ if len(id_) < 80 else "x" * 79 + "…"
        assert errors == [
            {
                "code": "NOT_FOUND",
                "path": path.split("."),
                "message": f"no {kind} has the id '{shown}'",
                "allowed": None,
            }
        ]


@pytest.mark.parametrize("field", ["rootBucketId", "rootObjectId", "sourceObjectId"])
async def test_what_is_in_a_bucket_that_is_being_deleted_is_gone(
    client: Client, family: Family, others: Root, field: str
) -> None:
    await begin_deleting_bucket(client, others.bucket)
    id_ = others.bucket if field == "rootBucketId" else others.object

    errors = await refusals(client, collectionId=family.frames, **{field: id_})
    beside = await refusals(
        client, collectionId=family.faces, sourceDocumentId=family.scene, rootObjectId=others.object
    )

    assert fields(errors) == [("NOT_FOUND", field)]
    assert fields(beside) == [("NOT_FOUND", "rootObjectId")]


async def test_a_source_document_goes_with_its_bucket(client: Client, family: Family) -> None:
    await begin_deleting_bucket(client, family.bucket)

    errors = await refusals(client, collectionId=family.faces, sourceDocumentId=family.scene)

    assert fields(errors) == [("NOT_FOUND", "sourceDocumentId")]


# What is sent beside a right source, and the complaint.
CONTENT: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "metadata that is a list": ({"metadata": [1]}, ("INVALID", "metadata")),
    "metadata that is a string": ({"metadata": "x"}, ("INVALID", "metadata")),
    "large metadata": ({"metadata": {"a": "x" * 2**20}}, ("TOO_LARGE", "metadata")),
    "NUL": ({"metadata": {"a": ["x\0"]}}, ("INVALID", "metadata.a.0")),
    "no vector": ({"vector": []}, ("INVALID", "vector")),
    "large vector": ({"vector": [0.5] * 65_537}, ("INVALID", "vector")),
    "nameless feature": (
        {"features": [{"featureExtractorId": " ", "payload": {}}]},
        ("INVALID", "features.0.featureExtractorId"),
    ),
    "large number in a feature": (
        {"features": [{"featureExtractorId": "a", "payload": {"n": [2**64]}}]},
        ("INVALID", "features.0.payload.n.0"),
    ),
    "nameless artifact": (artifact(field=""), ("INVALID", "documentBlobs.0.field")),
    "long name of an artifact": (
        artifact(field="x" * 300),
        ("TOO_LARGE", "documentBlobs.0.field"),
    ),
    "unknown type of an artifact": (artifact(type="film"), ("INVALID", "documentBlobs.0.type")),
    "type of metadata for an artifact": (
        artifact(type="integer"),
        ("INVALID", "documentBlobs.0.type"),
    ),
    "artifact of null": (artifact(data=None), ("INVALID", "documentBlobs.0.data")),
    "artifact that cannot be read": (
        artifact(type="image", data={"base64": "?"}),
        ("INVALID", "documentBlobs.0.data.base64"),
    ),
    "path as a name": (artifact(filename="a/b"), ("INVALID", "documentBlobs.0.filename")),
    "no media type": (artifact(contentType="x"), ("INVALID", "documentBlobs.0.contentType")),
    "another media type": (
        artifact(type="image", data="data:,x", contentType="text/html"),
        ("INVALID", "documentBlobs.0.contentType"),
    ),
    "many artifacts": (
        {"documentBlobs": artifact()["documentBlobs"] * 101},
        ("TOO_LARGE", "documentBlobs"),
    ),
}


@pytest.mark.parametrize("name", CONTENT)
async def test_refuses_content_that_cannot_be_kept(
    client: Client, family: Family, name: str
) -> None:
    sent, complaint = CONTENT[name]

    errors = await refusals(
        client, collectionId=family.frames, sourceObjectId=family.object, **sent
    )

    assert fields(errors) == [complaint]


async def test_a_vector_is_made_of_finite_numbers(client: Client, family: Family) -> None:
    # Written in the operation itself, a number beyond all doubles is read as infinite.
    text = """
        mutation { createDocument(input: {collectionId: "COLLECTION", vector: [0, 1e999]}) {
            document { id } errors { code path } } }
    """.replace("COLLECTION", family.frames)

    (error,) = await refused(client, text)

    assert (error["code"], error["path"]) == ("INVALID", ["vector", "1"])


async def test_features_have_a_limit_together(client: Client, family: Family) -> None:
    feature = {"featureExtractorId": "a", "payload": "x" * 6 * 2**20}

    errors = await refusals(client, collectionId=family.frames, features=[feature, feature])

    assert fields(errors) == [("TOO_LARGE", "features")]


async def test_an_artifact_needs_data(client: Client, family: Family) -> None:
    blob = {"field": "thumbnail", "role": "THUMBNAIL", "type": "image"}

    errors = await refusals(client, collectionId=family.frames, documentBlobs=[blob])

    assert fields(errors) == [("INVALID", "documentBlobs.0.data")]


async def test_lists_the_types_of_artifacts(client: Client, family: Family) -> None:
    (error,) = await refusals(client, collectionId=family.frames, **artifact(type="film"))

    assert error["message"] == "no blob is of the type 'film'"
    assert error["allowed"] == [
        *("string", "text", "image", "audio", "video", "pdf", "excel", "json", "binary")
    ]


async def test_metadata_has_to_fit_together_with_the_root_objects(client: Client) -> None:
    half = {"a": "x" * 200_000}
    root = await make_root(client, "large", metadata=half)
    collection = await new_collection(client, "frames", bucketIds=[root.bucket])

    (error,) = await refusals(
        client, collectionId=collection, sourceObjectId=root.object, metadata={"b": half}
    )

    assert (error["code"], error["path"]) == ("TOO_LARGE", ["metadata"])
    assert "together with that of the root object" in error["message"]


async def test_tells_all_that_is_wrong_at_once(client: Client) -> None:
    unknown = new_id("col")

    errors = await refusals(
        client,
        collectionId=unknown,
        sourceObjectId="nothing",
        metadata=[],
        vector=[],
        documentBlobs=[
            *artifact(type="film")["documentBlobs"],
            *artifact(field="")["documentBlobs"],
        ],
    )

    assert fields(errors) == [
        ("INVALID", "metadata"),
        ("INVALID", "vector"),
        ("INVALID", "documentBlobs.0.type"),
        ("INVALID", "documentBlobs.1.field"),
        ("NOT_FOUND", "collectionId"),
        ("NOT_FOUND", "sourceObjectId"),
    ]


async def test_needs_the_permission_to_write(client: Client, family: Family) -> None:
    reader = client.holding(Permission.READ)

    (error,) = await reader.errors(CREATE, input={"collectionId": family.frames})

    assert error["extensions"]["code"] == "FORBIDDEN"
