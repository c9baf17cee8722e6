"""Artifacts of documents whose bytes a URL names."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.client import Client
from tests.documents.making import PNG, Family
from tests.fetching.sites import ok, open_to, paths, site
from tests.operations import CREATE_DOCUMENT, CREATE_DOCUMENTS, mutate, new_document, refused

READ = """
query ($id: ID!) {
  document(id: $id) {
    documentBlobs { filename sizeBytes contentType checksum presignedUrl }
  }
}
"""
GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def thumbnail(data: Any, **rest: Any) -> dict[str, Any]:
    return {"field": "thumbnail", "role": "THUMBNAIL", "type": "image", "data": data, **rest}


@pytest.mark.parametrize(
    ("data", "beside", "filename", "content_type"),
    [
        ({}, {}, "a.png", "image/png"),
        ({"filename": "b.gif", "mime_type": "image/gif"}, {}, "b.gif", "image/gif"),
        ({"filename": "b.gif"}, {"filename": "c.webp"}, "c.webp", "image/png"),
        ({}, {"filename": "c", "contentType": "image/webp"}, "c", "image/webp"),
    ],
)
async def test_keeps_the_bytes_that_a_url_names(
    client: Client,
    family: Family,
    data: dict[str, str],
    beside: dict[str, str],
    filename: str,
    content_type: str,
) -> None:
    bytes_ = PNG + b"small"
    async with site(ok(bytes_, "Content-Type: image/png")) as here:
        open_to(client, here)
        blob = thumbnail({"url": here.url("/a.png"), **data}, **beside)
        made = await new_document(
            client, family.frames, sourceObjectId=family.object, documentBlobs=[blob]
        )

    (found,) = (await client.execute(READ, id=made))["document"]["documentBlobs"]
    digest = hashlib.sha256(bytes_).hexdigest()
    assert await client.key_of(digest) in found.pop("presignedUrl")
    assert found == {
        "filename": filename,
        "sizeBytes": len(bytes_),
        "contentType": content_type,
        "checksum": digest,
    }
    assert await client.bytes_of(digest) == bytes_


@pytest.mark.parametrize(
    ("url", "code", "reason"),
    [
        ("s3://bucket/a.png", "INVALID", "nothing is fetched from S3"),
        ("ftp://example.com/a", "INVALID", "begins with ftp://"),
        ("http://127.0.0.1/", "FETCH_FAILED", "no server was reached"),
    ],
)
async def test_a_url_that_cannot_be_fetched_is_told(
    client: Client, family: Family, url: str, code: str, reason: str
) -> None:
    before = client.files()
    input = {
        "collectionId": family.frames,
        "sourceObjectId": family.object,
        "documentBlobs": [thumbnail("data:image/png,x"), thumbnail({"url": url})],
    }

    (error,) = await refused(client, CREATE_DOCUMENT, input=input)

    assert (error["code"], error["path"]) == (code, ["documentBlobs", "1", "data", "url"])
    assert reason in error["message"]
    assert client.files() == before


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"sourceObjectId": "obj_none"}, ["sourceObjectId"]),
        ({"vector": []}, ["vector"]),
        ({"filename": "a/b"}, ["documentBlobs", "0", "filename"]),
    ],
)
async def test_nothing_is_fetched_for_what_is_refused_anyway(
    client: Client, family: Family, wrong: dict[str, Any], path: list[str]
) -> None:
    async with site(ok(PNG)) as here:
        open_to(client, here)
        name = {"filename": wrong.pop("filename")} if "filename" in wrong else {}
        input = {
            "collectionId": family.frames,
            "sourceObjectId": family.object,
            "documentBlobs": [thumbnail(here.url(), **name)],
        }
        (error,) = await refused(client, CREATE_DOCUMENT, input=input | wrong)

    assert error["path"] == path
    assert "URL" not in error["message"]
    assert here.connections == 0


@pytest.mark.parametrize("on_error", ["CONTINUE", "ABORT_ALL"])
async def test_each_document_is_kept_or_told_why_not(
    client: Client, family: Family, on_error: str
) -> None:
    before = await client.stored()
    async with site(paths({"/1": ok(PNG + b"1"), "/2": ok(PNG + b"2"), "/gone": GONE})) as here:
        open_to(client, here)
        inputs = [
            {
                "collectionId": family.frames,
                "sourceObjectId": family.object,
                "documentBlobs": [thumbnail(here.url(path)) for path in paths_],
            }
            for paths_ in (["/1"], ["/2", "/gone"], [])
        ]
        payload = await mutate(client, CREATE_DOCUMENTS, inputs=inputs, onError=on_error)

    failed = ("FETCH_FAILED", ["documentBlobs", "1", "data"])
    others: list[Any] = [("ABORTED", [])] if on_error == "ABORT_ALL" else []
    assert [
        [(error["code"], error["path"]) for error in each["errors"]] for each in payload["results"]
    ] == [others, [failed], others]
    after = await client.stored()
    kept = 0 if on_error == "ABORT_ALL" else 1
    assert len(after["document_blobs"]) - len(before["document_blobs"]) == kept
    assert len(after["files"]) - len(before["files"]) == kept
