from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.database.ids import new_id
from gateway.enums import Permission
from tests.client import Client
from tests.operations import DELETE_BUCKET, mutate, new_bucket, new_collection, refused

CREATE = """
    mutation ($input: CreateCollectionInput!) { createCollection(input: $input) {
        collection {
            id collectionId collectionName enabled metadata documentCount version
            source { type bucketIds collectionIds }
            featureExtractor { name version inputMappings parameters
                fieldPassthrough { sourcePath targetPath } }
            upstream { id __typename } downstream { id } }
        errors { code path message ... on FieldError { allowed }
            ... on ConflictError { existing { id } } } } }
"""


@pytest.fixture
async def bucket_id(client: Client) -> str:
    return str((await new_bucket(client))["id"])


def frames(*bucket_ids: str, **changes: Any) -> dict[str, Any]:
    """Return the input of a collection called frames."""
    return {
        "collectionName": "frames",
        "source": {"type": "BUCKET", "bucketIds": list(bucket_ids)},
        "featureExtractor": {"name": "frame_finder", "version": "v1"},
    } | changes


def extractor(**changes: Any) -> dict[str, Any]:
    return {"featureExtractor": {"name": "frame_finder", "version": "v1"} | changes}


def fields(errors: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(error["code"], ".".join(error["path"])) for error in errors]


async def test_keeps_all_that_is_said(client: Client, bucket_id: str) -> None:
    second = (await new_bucket(client, bucketName="second"))["id"]
    settings = {
        "name": "frame_finder",
        "version": "v1",
        "inputMappings": {"video": "content.video", "ü": "x"},
        "fieldPassthrough": [
            {"sourcePath": "metadata.title", "targetPath": "title"},
            {"sourcePath": "metadata.year", "targetPath": None},
        ],
        "parameters": {"interval_s": 0.5, "seed": 2**63, "nested": {"on": True}},
    }
    input = frames(
        second, bucket_id, featureExtractor=settings, enabled=False, metadata={"team": "video"}
    )

    payload = await mutate(client, CREATE, input=input)

    made = payload["collection"]
    assert payload["errors"] == []
    assert made.pop("id") == made.pop("collectionId")
    assert made == {
        "collectionName": "frames",
        "enabled": False,
        "metadata": {"team": "video"},
        "documentCount": 0,
        "version": 1,
        "source": {"type": "BUCKET", "bucketIds": [second, bucket_id], "collectionIds": []},
        "featureExtractor": settings,
        "upstream": [
            {"id": second, "__typename": "Bucket"},
            {"id": bucket_id, "__typename": "Bucket"},
        ],
        "downstream": [],
    }


async def test_what_is_left_out_has_a_default(client: Client, bucket_id: str) -> None:
    made = (await mutate(client, CREATE, input=frames(bucket_id)))["collection"]

    assert (made["enabled"], made["metadata"]) == (True, {})
    assert made["featureExtractor"] == {
        "name": "frame_finder",
        "version": "v1",
        "inputMappings": {},
        "fieldPassthrough": [],
        "parameters": {},
    }


async def test_collections_feed_collections(client: Client, bucket_id: str) -> None:
    first, second = [
        await new_collection(client, name, bucketIds=[bucket_id]) for name in ("a", "b")
    ]
    source = {"type": "COLLECTION", "collectionIds": [second, first], "bucketIds": []}

    made = (await mutate(client, CREATE, input=frames(source=source)))["collection"]

    assert made["source"] == {
        "type": "COLLECTION",
        "bucketIds": [],
        "collectionIds": [second, first],
    }
    assert [each["id"] for each in made["upstream"]] == [second, first]
    below = await client.execute(
        "query ($id: ID!) { collection(id: $id) { downstream { id } } }", id=first
    )
    assert below == {"collection": {"downstream": [{"id": made["id"]}]}}


async def test_a_name_is_unique_in_its_namespace(client: Client, bucket_id: str) -> None:
    first = (await mutate(client, CREATE, input=frames(bucket_id)))["collection"]

    (error,) = await refused(client, CREATE, input=frames(bucket_id))

    assert (error["code"], error["path"]) == ("ALREADY_EXISTS", ["collectionName"])
    assert error["existing"] == {"id": first["id"]}
    elsewhere = await client.elsewhere()
    theirs = (await new_bucket(elsewhere))["id"]
    assert (await mutate(elsewhere, CREATE, input=frames(theirs)))["errors"] == []
    assert (await mutate(client, CREATE, input=frames(bucket_id, collectionName="Frames")))[
        "errors"
    ] == []


async def test_of_two_at_once_one_has_the_name(client: Client, bucket_id: str) -> None:
    payloads = await asyncio.gather(
        *(mutate(client, CREATE, input=frames(bucket_id)) for _ in range(5))
    )

    (made,) = [each["collection"] for each in payloads if each["collection"]]
    assert [error["existing"] for each in payloads for error in each["errors"]] == [
        {"id": made["id"]}
    ] * 4


# What is sent beside a right bucket, and the complaint.
WRONG: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "no name": ({"collectionName": " "}, ("INVALID", "collectionName")),
    "long name": ({"collectionName": "x" * 300}, ("TOO_LARGE", "collectionName")),
    "NUL in a name": ({"collectionName": "a\0"}, ("INVALID", "collectionName")),
    "line in a name": ({"collectionName": "a\nb"}, ("INVALID", "collectionName")),
    "metadata that is a list": ({"metadata": []}, ("INVALID", "metadata")),
    "large metadata": ({"metadata": {"a": "x" * 2**20}}, ("TOO_LARGE", "metadata")),
    "no extractor name": (extractor(name=""), ("INVALID", "featureExtractor.name")),
    "no extractor version": (extractor(version=""), ("INVALID", "featureExtractor.version")),
    "mappings that are a list": (
        extractor(inputMappings=["a"]),
        ("INVALID", "featureExtractor.inputMappings"),
    ),
    "mapping to a number": (
        extractor(inputMappings={"a": "b", "c": 1}),
        ("INVALID", "featureExtractor.inputMappings.c"),
    ),
    "mapping to nothing": (
        extractor(inputMappings={"a": ""}),
        ("INVALID", "featureExtractor.inputMappings.a"),
    ),
    "parameters that are a string": (
        extractor(parameters="fast"),
        ("INVALID", "featureExtractor.parameters"),
    ),
    "large parameters": (
        extractor(parameters={"a": "x" * 2**20}),
        ("TOO_LARGE", "featureExtractor.parameters"),
    ),
    "passthrough of nothing": (
        extractor(fieldPassthrough=[{"sourcePath": "a"}, {"sourcePath": ""}]),
        ("INVALID", "featureExtractor.fieldPassthrough.1.sourcePath"),
    ),
    "passthrough to nothing": (
        extractor(fieldPassthrough=[{"sourcePath": "a", "targetPath": ""}]),
        ("INVALID", "featureExtractor.fieldPassthrough.0.targetPath"),
    ),
    "large passthrough": (
        extractor(fieldPassthrough=[{"sourcePath": "a" * 1000}] * 300),
        ("TOO_LARGE", "featureExtractor.fieldPassthrough"),
    ),
}


@pytest.mark.parametrize("name", WRONG)
async def test_refuses_what_cannot_be_kept(client: Client, bucket_id: str, name: str) -> None:
    sent, complaint = WRONG[name]

    errors = await refused(client, CREATE, input=frames(bucket_id, **sent))

    assert fields(errors) == [complaint]


# What is given as source, and the path of the complaint below it.
SOURCES: dict[str, tuple[dict[str, Any], str]] = {
    "BUCKET of nothing": ({"type": "BUCKET"}, "bucketIds"),
    "BUCKET of no buckets": ({"type": "BUCKET", "bucketIds": []}, "bucketIds"),
    "COLLECTION of nothing": ({"type": "COLLECTION"}, "collectionIds"),
    "too many": ({"type": "BUCKET", "bucketIds": ["x"] * 1001}, "bucketIds"),
}


@pytest.mark.parametrize("name", SOURCES)
async def test_refuses_sources_without_a_right_number_of_ids(client: Client, name: str) -> None:
    source, path = SOURCES[name]

    errors = await refused(client, CREATE, input=frames(source=source))

    assert fields(errors) == [("INVALID", f"source.{path}")]


async def test_refuses_ids_of_the_other_kind_beside(client: Client, bucket_id: str) -> None:
    both = {"bucketIds": [bucket_id], "collectionIds": [new_id("col")]}

    by_bucket = await refused(client, CREATE, input=frames(source={"type": "BUCKET", **both}))
    by_collection = await refused(
        client, CREATE, input=frames(source={"type": "COLLECTION", **both})
    )

    assert fields(by_bucket) == [("INVALID", "source.collectionIds")]
    assert fields(by_collection) == [("INVALID", "source.bucketIds")]


@pytest.mark.parametrize("kind", ["TAXONOMY", "CLUSTER"])
async def test_refuses_sources_of_other_kinds(client: Client, bucket_id: str, kind: str) -> None:
    source = {"type": kind, "bucketIds": [bucket_id]}

    (error,) = await refused(client, CREATE, input=frames(source=source))

    assert (error["code"], error["path"]) == ("INVALID", ["source", "type"])
    assert error["allowed"] == ["BUCKET", "COLLECTION"]


async def test_names_each_source_once(client: Client, bucket_id: str) -> None:
    errors = await refused(client, CREATE, input=frames(bucket_id, bucket_id))

    assert fields(errors) == [("INVALID", "source.bucketIds.1")]


async def test_an_unknown_source_is_told_by_its_path(client: Client, bucket_id: str) -> None:
    elsewhere = await client.elsewhere()
    theirs = (await new_bucket(elsewhere))["id"]
    theirs_made = await new_collection(elsewhere, "theirs", bucketIds=[theirs])
    collection = await new_collection(client, "ours", bucketIds=[bucket_id])
    gone = (await new_bucket(client, bucketName="gone"))["id"]
    await mutate(client, DELETE_BUCKET, id=gone)

    for id_ in (new_id("bkt"), theirs, collection, gone, ""):
        (error,) = await refused(client, CREATE, input=frames(bucket_id, id_))

        assert fields([error]) == [("NOT_FOUND", "source.bucketIds.1")]
        assert error["message"] == f"no bucket has the id '{id_}'"
    for id_ in (new_id("col"), theirs_made, bucket_id):
        source = {"type": "COLLECTION", "collectionIds": [collection, id_]}

        (error,) = await refused(client, CREATE, input=frames(source=source))

        assert fields([error]) == [("NOT_FOUND", "source.collectionIds.1")]
        assert error["message"] == f"no collection has the id '{id_}'"


async def test_tells_all_that_is_wrong_at_once(client: Client, bucket_id: str) -> None:
    input = frames(
        bucket_id,
        "nothing",
        collectionName="",
        metadata=[],
        **extractor(name="", parameters=[], fieldPassthrough=[{"sourcePath": ""}]),
    )

    assert fields(await refused(client, CREATE, input=input)) == [
        ("INVALID", "collectionName"),
        ("NOT_FOUND", "source.bucketIds.1"),
        ("INVALID", "featureExtractor.name"),
        ("INVALID", "featureExtractor.fieldPassthrough.0.sourcePath"),
        ("INVALID", "featureExtractor.parameters"),
        ("INVALID", "metadata"),
    ]


async def test_needs_the_permission_to_write(client: Client, bucket_id: str) -> None:
    reader = client.holding(Permission.READ)

    (error,) = await reader.errors(CREATE, input=frames(bucket_id))

    assert error["extensions"]["code"] == "FORBIDDEN"
