"""The artifacts that come with a document."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from tests.client import Client
from tests.documents.making import PNG, Family
from tests.operations import DELETE_OBJECT, mutate, new_document

READ = """
    query ($id: ID!) { document(id: $id) { presignedUrl presignedUrls documentBlobs {
        field role type filename sizeBytes contentType checksum sourceBlobId presignedUrl } } }
"""


def encoded(data: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(data).decode()}


async def make(client: Client, family: Family, *blobs: dict[str, Any]) -> dict[str, Any]:
    """Return a new document with these blobs, as it is read."""
    made = await new_document(
        client, family.frames, sourceObjectId=family.object, documentBlobs=list(blobs)
    )
    found: dict[str, Any] = (await client.execute(READ, id=made))["document"]
    return found


async def test_keeps_bytes_under_a_link(client: Client, family: Family) -> None:
    thumbnail = {
        "field": "thumbnail",
        "role": "THUMBNAIL",
        "type": "IMAGE",
        "data": encoded(PNG + b"small"),
        "filename": "frame 1.png",
        "contentType": "image/x-tiny",
        "sourceBlobId": family.image,
    }

    found = await make(client, family, thumbnail)

    (blob,) = found["documentBlobs"]
    digest = hashlib.sha256(PNG + b"small").hexdigest()
    link = blob.pop("presignedUrl")
    assert blob == {
        "field": "thumbnail",
        "role": "THUMBNAIL",
        "type": "IMAGE",
        "filename": "frame 1.png",
        "sizeBytes": len(PNG) + 5,
        "contentType": "image/x-tiny",
        "checksum": digest,
        "sourceBlobId": family.image,
    }
    assert await client.key_of(digest) in link
    assert await client.bytes_of(digest) == PNG + b"small"


async def test_links_lead_from_the_sources_to_the_artifacts(client: Client, family: Family) -> None:
    text = {"field": "summary", "role": "PROCESSED", "type": "text", "data": "spring"}
    data = {"field": "boxes", "role": "AUX", "type": "json", "data": {"n": 1}}

    found = await make(client, family, data, text)

    contents = (PNG, b"seen in spring", b"spring")
    keys = [await client.key_of(hashlib.sha256(each).hexdigest()) for each in contents]
    assert found["presignedUrl"].split("?")[0] == found["presignedUrls"][0].split("?")[0]
    assert [next(each for each in keys if each in link) for link in found["presignedUrls"]] == keys


async def test_structured_data_has_no_link(client: Client, family: Family) -> None:
    blob = {"field": "boxes", "role": "ARTIFACT", "type": "json", "data": {"b": 1, "a": [2.0]}}

    found = await make(client, family, blob)

    (read,) = found["documentBlobs"]
    assert read["presignedUrl"] is None
    assert read["checksum"] == hashlib.sha256(b'{"a":[2],"b":1}').hexdigest()
    assert (read["sizeBytes"], read["contentType"]) == (15, "application/json")


@pytest.mark.parametrize(
    ("sent", "filename", "content_type"),
    [
        ({"data": encoded(b"?")}, None, "application/octet-stream"),
        ({"data": encoded(b"?"), "filename": "a.webm"}, "a.webm", "video/webm"),
        ({"data": encoded(b"?") | {"filename": "a.mp4"}}, "a.mp4", "video/mp4"),
        (
            {"data": encoded(b"?") | {"filename": "a.mp4"}, "filename": "b.webm"},
            "b.webm",
            "video/mp4",
        ),
        (
            {"data": encoded(b"?"), "filename": "a.webm", "contentType": "video/mp4"},
            "a.webm",
            "video/mp4",
        ),
    ],
)
async def test_what_is_said_beside_the_data_goes_before_it(
    client: Client,
    family: Family,
    sent: dict[str, Any],
    filename: str | None,
    content_type: str,
) -> None:
    found = await make(client, family, {"field": "cut", "role": "AUX", "type": "video"} | sent)

    (blob,) = found["documentBlobs"]
    assert (blob["filename"], blob["contentType"]) == (filename, content_type)


async def test_keeps_the_order_and_equal_names(client: Client, family: Family) -> None:
    blobs = [
        {"field": "page", "role": "PROCESSED", "type": "text", "data": text}
        for text in ("one", "two", "one")
    ]

    found = await make(client, family, *blobs)

    assert [each["checksum"] for each in found["documentBlobs"]] == [
        hashlib.sha256(text).hexdigest() for text in (b"one", b"two", b"one")
    ]
    # two of the object, two of the document
    assert len(client.files()) == 4


async def test_an_artifact_goes_with_the_object_that_it_was_made_from(
    client: Client, family: Family
) -> None:
    blob = {"field": "f", "role": "AUX", "type": "text", "data": "x", "sourceBlobId": family.image}
    await new_document(client, family.faces, sourceDocumentId=family.scene, documentBlobs=[blob])

    payload = await mutate(client, DELETE_OBJECT, id=family.object)
    await client.housekeeper.one_pass()

    assert (payload["errors"], payload["deletedDocuments"]) == ([], 4)
    stored = await client.stored()
    assert (stored["document_blobs"], stored["contents"], stored["files"]) == ([], [], [])
