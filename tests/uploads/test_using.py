"""Objects and documents of uploaded files."""

from __future__ import annotations

from typing import Any

import pytest

from tests.operations import (
    CREATE_OBJECT,
    DELETE_OBJECT,
    mutate,
    new_bucket,
    new_collection,
    new_object,
    refused,
)
from tests.uploads.uploading import DATA, LARGE, SCHEMA, Uploading, sha256

CREATE_OBJECTS = """
mutation ($inputs: [CreateObjectInput!]!) {
  createObjects(inputs: $inputs) {
    results { object { id blobs { details { hash } } } errors { code path } }
  }
}
"""
CREATE_DOCUMENT = """
mutation ($input: CreateDocumentInput!) {
  createDocument(input: $input) {
    document { id documentBlobs { filename contentType sizeBytes checksum presignedUrl } }
    errors { code message path }
  }
}
"""


def blob(upload: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"property": "file", "type": "binary", "uploadId": upload["id"]} | more


async def refusal(uploading: Uploading, *blobs: dict[str, Any]) -> tuple[str, list[str], str]:
    """Return the one error of an object with these blobs."""
    input = {"bucketId": uploading.bucket["id"], "blobs": blobs}
    (error,) = await refused(uploading.client, CREATE_OBJECT, input=input)
    return error["code"], error["path"], error["message"]


async def test_an_upload_is_the_content_of_a_blob(uploading: Uploading) -> None:
    upload = await uploading.confirmed(filename="portrait.png")
    picture = blob(upload, property="picture", type="image", metadata={"by": "me"})

    made = await new_object(uploading.client, uploading.bucket, blobs=[picture])

    (found,) = made["blobs"]
    assert found["details"] == {
        "filename": "portrait.png",
        "sizeBytes": len(DATA),
        "mimeType": "image/png",
        "hash": sha256(DATA),
    }
    assert (found["properties"], found["sourceUrl"]) == ({"by": "me"}, None)
    answer = await uploading.browser.get(found["presignedUrl"])
    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers["Content-Type"] == "image/png"


async def test_an_upload_serves_several_objects_and_its_bytes_stay_with_them(
    uploading: Uploading,
) -> None:
    client, bucket = uploading.client, uploading.bucket
    upload = await uploading.confirmed()
    first = await new_object(client, bucket, blobs=[blob(upload), blob(upload)])
    second = await new_object(client, bucket, blobs=[blob(upload)])
    await uploading.expire(upload)
    await client.housekeeper.one_pass()

    assert [each["sharedBy"] for each in (*first["blobs"], *second["blobs"])] == [2, 2, 3]
    assert await uploading.read(upload) is None
    assert await client.bytes_of(sha256(DATA)) == DATA

    for each in (first, second):
        await mutate(client, DELETE_OBJECT, id=each["id"])
    await client.housekeeper.one_pass()

    assert await uploading.keys() == []


async def test_bytes_stay_while_an_upload_names_them(uploading: Uploading) -> None:
    client = uploading.client
    upload = await uploading.confirmed()
    made = await new_object(client, uploading.bucket, blobs=[blob(upload)])
    await mutate(client, DELETE_OBJECT, id=made["id"])
    await client.housekeeper.one_pass()

    again = await new_object(client, uploading.bucket, blobs=[blob(upload)])

    assert (await uploading.browser.get(again["blobs"][0]["presignedUrl"])).body == DATA


async def test_a_duplicate_is_skipped(uploading: Uploading) -> None:
    upload = await uploading.confirmed()
    first = await new_object(uploading.client, uploading.bucket, blobs=[blob(upload)])
    input = {"bucketId": uploading.bucket["id"], "blobs": [blob(upload)], "skipDuplicates": True}

    payload = await mutate(uploading.client, CREATE_OBJECT, input=input)

    assert payload["object"]["blobs"] == []
    assert [each["id"] for each in payload["skippedBlobs"]] == [first["blobs"][0]["id"]]


async def test_uploads_stand_beside_urls_and_data(uploading: Uploading) -> None:
    upload = await uploading.confirmed(contentType="application/octet-stream", filename="a.webp")
    given = [
        {"property": "file", "type": "binary", "data": "data:,hello"},
        {"property": "file", "type": "binary", "data": "s3://bucket/a.png"},
        blob(upload, property="picture", type="image", forceRemirror=True),
    ]

    made = await new_object(uploading.client, uploading.bucket, blobs=given)

    assert [each["details"]["hash"] for each in made["blobs"]] == [
        sha256(b"hello"),
        None,
        sha256(DATA),
    ]
    assert made["blobs"][2]["details"]["mimeType"] == "image/webp"
    assert await uploading.client.bytes_of(sha256(DATA)) == DATA


async def test_an_upload_takes_the_place_of_another_by_a_unique_key(uploading: Uploading) -> None:
    client = uploading.client
    bucket = await new_bucket(
        client,
        bucketName="keyed",
        bucketSchema={"properties": SCHEMA["properties"] | {"sku": {"type": "string"}}},
        uniqueKey={"fields": ["sku"], "defaultPolicy": "UPSERT"},
    )
    uploads = [await uploading.confirmed(data, bucketId=bucket["id"]) for data in (DATA, LARGE)]
    first, second = [
        await new_object(client, bucket, metadata={"sku": "a"}, blobs=[blob(upload)])
        for upload in uploads
    ]

    assert second["id"] == first["id"]
    assert [each["details"]["hash"] for each in second["blobs"]] == [sha256(LARGE)]


async def test_a_bulk_takes_uploads_and_answers_each_for_itself(uploading: Uploading) -> None:
    upload = await uploading.confirmed()
    waiting = await uploading.create(DATA[::-1])
    inputs = [
        {"bucketId": uploading.bucket["id"], "blobs": [blob(each)]}
        for each in (upload, waiting, upload)
    ]

    payload = await mutate(uploading.client, CREATE_OBJECTS, inputs=inputs)

    first, second, third = payload["results"]
    assert second == {
        "object": None,
        "errors": [{"code": "BAD_STATE", "path": ["blobs", "0", "uploadId"]}],
    }
    for each in (first, third):
        assert each["object"]["blobs"] == [{"details": {"hash": sha256(DATA)}}]


async def test_a_document_takes_uploads(uploading: Uploading) -> None:
    client, bucket = uploading.client, uploading.bucket
    upload = await uploading.confirmed()
    made = await new_object(client, bucket)
    collection = await new_collection(client, "frames", bucketIds=[bucket["id"]])
    artifact = {"field": "thumb", "role": "THUMBNAIL", "type": "image"}
    uploaded = artifact | {"uploadId": upload["id"]}
    input = {"collectionId": collection, "sourceObjectId": made["id"]}

    payload = await mutate(
        client, CREATE_DOCUMENT, input=input | {"documentBlobs": [uploaded | {"filename": "b.png"}]}
    )
    (error,) = (
        await mutate(
            client,
            CREATE_DOCUMENT,
            input=input | {"documentBlobs": [uploaded, artifact | {"uploadId": "upl_none"}]},
        )
    )["errors"]
    await uploading.expire(upload)
    await client.housekeeper.one_pass()

    assert payload["errors"] == []
    (found,) = payload["document"]["documentBlobs"]
    assert (found["filename"], found["contentType"]) == ("b.png", "image/png")
    assert (found["sizeBytes"], found["checksum"]) == (len(DATA), sha256(DATA))
    assert (await uploading.browser.get(found["presignedUrl"])).body == DATA
    assert (error["code"], error["path"]) == ("NOT_FOUND", ["documentBlobs", "1", "uploadId"])


# ------------------------------------------------------------------ refused


PATH = ["blobs", "0", "uploadId"]


async def test_an_upload_that_is_over_or_not_there_yet_is_refused(uploading: Uploading) -> None:
    waiting = await uploading.create()
    aborted = await uploading.create()
    await uploading.abort(aborted)
    expired = await uploading.confirmed()
    await uploading.expire(expired)

    for upload, reason in (
        (waiting, "the upload is not confirmed yet; call confirmUpload first"),
        (aborted, "the upload was aborted; create another"),
        (expired, "the upload has expired; create another"),
    ):
        assert await refusal(uploading, blob(upload)) == ("BAD_STATE", PATH, reason)


async def test_an_upload_for_another_bucket_is_refused(uploading: Uploading) -> None:
    other = await new_bucket(uploading.client, bucketName="other", bucketSchema=SCHEMA)
    upload = await uploading.confirmed(bucketId=other["id"])

    code, path, message = await refusal(uploading, blob(upload))

    assert (code, path) == ("INVALID", PATH)
    assert other["id"] in message


async def test_an_upload_of_another_namespace_is_unknown(uploading: Uploading) -> None:
    theirs = await uploading.client.elsewhere()
    bucket = await new_bucket(theirs, bucketSchema=SCHEMA)
    upload = await Uploading(theirs, uploading.browser, bucket).confirmed()

    code, path, _ = await refusal(uploading, blob(upload))

    assert (code, path) == ("NOT_FOUND", PATH)


async def test_a_media_type_that_does_not_fit_is_refused(uploading: Uploading) -> None:
    upload = await uploading.confirmed(contentType="text/html")

    code, path, message = await refusal(uploading, blob(upload, property="picture", type="image"))

    assert (code, path) == ("INVALID", PATH)
    assert "text/html" in message


@pytest.mark.parametrize(
    ("given", "path"), [({"data": "data:,a"}, "uploadId"), ({"uploadId": None}, "data")]
)
async def test_a_blob_has_one_content(
    uploading: Uploading, given: dict[str, Any], path: str
) -> None:
    upload = await uploading.confirmed()

    code, where, _ = await refusal(uploading, blob(upload) | given)

    assert (code, where) == ("INVALID", ["blobs", "0", path])
