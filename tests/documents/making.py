"""A small family of documents, made as a client makes it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import pytest

from tests.client import Client
from tests.operations import DELETE_BUCKET, mutate, new_bucket, new_collection, new_document
from tests.operations import new_object as new_object_in

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_SCHEMA = {"properties": {"image": {"type": "image"}, "note": {"type": "text"}}}
_BLOBS = [
    {"property": "image", "type": "image", "data": {"base64": base64.b64encode(PNG).decode()}},
    {"property": "note", "type": "text", "data": "seen in spring"},
]


@dataclass(frozen=True, slots=True)
class Root:
    """The ids of a bucket, of an object in it, and of its two blobs."""

    bucket: str
    object: str
    image: str
    note: str


@dataclass(frozen=True, slots=True)
class Family(Root):
    """A root, three collections in a row, and a document of each, three deep."""

    frames: str
    scenes: str
    faces: str
    frame: str
    scene: str
    face: str


@pytest.fixture
async def family(client: Client) -> Family:
    return await make_family(client)


async def make_family(client: Client) -> Family:
    root = await make_root(client, "marketing", metadata={"title": "Spring", "year": 2024})
    frames = await new_collection(client, "frames", bucketIds=[root.bucket])
    scenes = await new_collection(client, "scenes", collectionIds=[frames])
    faces = await new_collection(client, "faces", collectionIds=[scenes])
    frame = await new_document(client, frames, sourceObjectId=root.object)
    scene = await new_document(client, scenes, sourceDocumentId=frame)
    face = await new_document(client, faces, sourceDocumentId=scene)
    return Family(
        root.bucket,
        root.object,
        root.image,
        root.note,
        frames=frames,
        scenes=scenes,
        faces=faces,
        frame=frame,
        scene=scene,
        face=face,
    )


async def make_root(client: Client, bucket_name: str, *, metadata: Any = None) -> Root:
    bucket = await new_bucket(client, bucketName=bucket_name, bucketSchema=_SCHEMA)
    made = await new_object_in(client, bucket, metadata=metadata, blobs=_BLOBS)
    image, note = (blob["id"] for blob in made["blobs"])
    return Root(bucket["id"], made["id"], image, note)


async def begin_deleting_bucket(client: Client, bucket_id: str) -> None:
    """Turn a bucket into one that is being deleted; nobody empties it in these tests."""
    payload = await mutate(client, DELETE_BUCKET, id=bucket_id)
    assert payload["errors"] == []
