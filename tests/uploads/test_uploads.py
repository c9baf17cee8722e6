from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from gateway.blobs import s3_client
from gateway.blobs.s3 import open_s3
from gateway.blobs.s3_client import S3Place
from gateway.blobs.store import BlobStore
from gateway.deadline import Clock
from gateway.enums import Permission
from gateway.uploads.parts import SMALLEST_PART_BYTES, part_size, part_sizes
from tests.operations import mutate, patch_bucket, refused
from tests.uploads.uploading import (
    ABORT_UPLOAD,
    CONFIRM_UPLOAD,
    CREATE_UPLOAD,
    DATA,
    LARGE,
    READ_UPLOAD,
    REFRESH_UPLOAD,
    Uploading,
    sha256,
)


def seconds(upload: dict[str, Any], since: str = "createdAt") -> float:
    """Return how long an upload lasts."""
    times = [datetime.fromisoformat(upload[name]) for name in ("expiresAt", since)]
    return (times[0] - times[1]).total_seconds()


# ------------------------------------------------------------------ one PUT


@pytest.mark.parametrize("announced", [None, sha256(DATA)])
async def test_bytes_go_to_the_store_and_are_confirmed(
    uploading: Uploading, announced: str | None
) -> None:
    upload = await uploading.create(fileHash=announced, expiresIn=600)
    status = await uploading.put(upload)
    confirmed = await uploading.confirm(upload)

    assert upload["id"].startswith("upl_")
    assert (upload["status"], upload["fileHash"], upload["version"]) == ("PENDING", announced, 1)
    assert upload["target"]["method"] == "PUT"
    assert upload["target"]["headers"]["Content-Type"] == "image/png"
    assert (upload["target"]["partSizeBytes"], upload["target"]["parts"]) == (None, None)
    assert seconds(upload) == 600
    assert status == 200
    assert (confirmed["status"], confirmed["fileHash"]) == ("COMPLETED", sha256(DATA))
    assert (confirmed["target"], confirmed["isDuplicate"]) == (None, False)
    assert seconds(confirmed, "updatedAt") == 24 * 3600
    assert await uploading.client.bytes_of(sha256(DATA)) == DATA
    await uploading.client.housekeeper.one_pass()
    assert len(await uploading.keys()) == 1


async def test_to_look_at_bytes_takes_none_of_an_operations_time(
    uploading: Uploading, store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(key: str, copy: str) -> None:
        await asyncio.sleep(1.5)
        await as_it_is(key, copy)

    async def confirm() -> str:
        with clock.operation():
            confirmed = await uploading.confirm(upload)
        status: str = confirmed["status"]
        return status

    clock, as_it_is = Clock(1), store.copy
    monkeypatch.setattr(store, "copy", slowly)
    upload = await uploading.create()
    await uploading.put(upload)

    assert set(await asyncio.gather(confirm(), confirm())) == {"COMPLETED"}


async def test_an_empty_file_is_a_file(uploading: Uploading) -> None:
    confirmed = await uploading.confirmed(b"")

    assert confirmed["fileHash"] == sha256(b"")


@pytest.mark.parametrize("announced", [None, sha256(DATA)])
async def test_confirming_twice_is_harmless(uploading: Uploading, announced: str | None) -> None:
    confirmed = await uploading.confirmed(fileHash=announced)

    again = await uploading.confirm(confirmed)

    assert again == confirmed


async def test_what_the_namespace_has_is_not_sent(uploading: Uploading) -> None:
    await uploading.confirmed()

    upload = await uploading.create(fileHash=sha256(DATA), filename="b.png")

    assert (upload["status"], upload["isDuplicate"]) == ("COMPLETED", True)
    assert (upload["target"], upload["fileHash"]) == (None, sha256(DATA))
    assert seconds(upload) == 24 * 3600
    assert await uploading.confirm(upload) == upload


async def test_what_the_namespace_has_in_the_meantime_is_kept_once(uploading: Uploading) -> None:
    first, second, third = [
        await uploading.create(fileHash=each) for each in (None, sha256(DATA), None)
    ]
    for each in (first, second, third):
        await uploading.put(each)
    confirmed = [await uploading.confirm(each) for each in (first, second, third)]
    await uploading.client.housekeeper.one_pass()

    assert [each["isDuplicate"] for each in confirmed] == [False, True, True]
    assert len(await uploading.keys()) == 1
    assert await uploading.client.bytes_of(sha256(DATA)) == DATA


async def test_a_hash_of_another_size_is_refused(uploading: Uploading) -> None:
    await uploading.confirmed()

    code, path, message = await uploading.refusal(
        CREATE_UPLOAD, input=uploading.input(DATA + b"!", fileHash=sha256(DATA))
    )

    assert (code, path) == ("INVALID", ["fileSizeBytes"])
    assert f"has {len(DATA)} bytes" in message


async def test_bytes_that_are_replaced_after_a_confirmation_change_nothing(
    uploading: Uploading,
) -> None:
    upload = await uploading.create()
    await uploading.put(upload)
    confirmed = await uploading.confirm(upload)
    await uploading.client.housekeeper.one_pass()
    assert await uploading.put(upload, DATA[::-1]) == 200

    assert await uploading.client.bytes_of(sha256(DATA)) == DATA
    await uploading.expire(confirmed)
    await uploading.client.housekeeper.one_pass()
    assert await uploading.keys() == []


# ------------------------------------------------------------------ what is wrong with what comes


@pytest.mark.parametrize("announced", [None, sha256(DATA)])
async def test_confirming_before_the_bytes_came_says_so(
    uploading: Uploading, announced: str | None
) -> None:
    upload = await uploading.create(fileHash=announced)

    code, path, message = await uploading.refused_confirmation(upload)

    assert (code, path) == ("BAD_STATE", ["uploadId"])
    assert "nothing has come yet" in message
    await uploading.put(upload)
    assert (await uploading.confirm(upload))["status"] == "COMPLETED"


@pytest.mark.parametrize("announced", [None, sha256(DATA)])
@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"!", b""], ids=["short", "long", "nothing"])
async def test_another_size_is_refused_by_the_store(
    uploading: Uploading, announced: str | None, data: bytes
) -> None:
    upload = await uploading.create(fileHash=announced)

    assert await uploading.put(upload, data) in (400, 403)
    assert (await uploading.refused_confirmation(upload))[0] == "BAD_STATE"


async def test_another_content_is_refused_by_the_store(uploading: Uploading) -> None:
    upload = await uploading.create(fileHash=sha256(DATA))

    assert await uploading.put(upload, DATA[::-1]) == 400
    assert (await uploading.refused_confirmation(upload))[0] == "BAD_STATE"


async def test_another_content_type_is_refused_by_the_store(uploading: Uploading) -> None:
    upload = await uploading.create()

    assert await uploading.put(upload, Content_Type="text/html") == 403
    assert (await uploading.refused_confirmation(upload))[0] == "BAD_STATE"


async def test_a_tampered_url_is_refused_by_the_store(uploading: Uploading) -> None:
    upload = await uploading.create()
    theirs = await uploading.create()
    url = upload["target"]["url"]
    key = url.partition("?")[0].rpartition("/")[2]
    other = theirs["target"]["url"].partition("?")[0].rpartition("/")[2]
    upload["target"]["url"] = url.replace(key, other)

    assert await uploading.put(upload) == 403
    assert (await uploading.refused_confirmation(theirs))[0] == "BAD_STATE"


# ------------------------------------------------------------------ in parts


async def test_a_file_comes_in_parts_in_any_order(uploading: Uploading) -> None:
    upload = await uploading.create(LARGE, multipart=True, fileHash=sha256(LARGE))
    target = upload["target"]
    etags = {number: await uploading.put_part(upload, number) for number in (3, 1)}
    received = await uploading.received(upload)
    etags[2] = await uploading.put_part(upload, 2)
    parts = [{"number": number, "etag": etag} for number, etag in etags.items()]
    confirmed = await uploading.confirm(upload, parts=parts)

    assert (target["url"], target["headers"]) == (None, {})
    assert target["partSizeBytes"] == SMALLEST_PART_BYTES
    sizes = [each["sizeBytes"] for each in target["parts"]]
    assert sizes == [SMALLEST_PART_BYTES, SMALLEST_PART_BYTES, len(LARGE) - 2 * SMALLEST_PART_BYTES]
    assert [each["number"] for each in target["parts"]] == [1, 2, 3]
    assert received is not None
    assert [(each["number"], each["sizeBytes"]) for each in received] == [
        (1, sizes[0]),
        (3, sizes[2]),
    ]
    assert received[0]["etag"].strip('"') == etags[1].strip('"')
    assert (confirmed["status"], confirmed["fileHash"]) == ("COMPLETED", sha256(LARGE))
    assert await uploading.received(upload) is None
    assert await uploading.client.bytes_of(sha256(LARGE)) == LARGE
    assert await uploading.confirm(upload, parts=parts) == confirmed


async def test_a_confirmation_that_was_cut_off_is_made_up_for(uploading: Uploading) -> None:
    upload = await uploading.create(LARGE, multipart=True)
    for number in (1, 2, 3):
        await uploading.put_part(upload, number)
    (row,) = (await uploading.client.stored())["uploads"]
    key, parts_id = [
        row.partition(f"'{name}': '")[2].partition("'")[0] for name in ("key", "parts_id")
    ]
    store = uploading.client.blobs
    await store.join_parts(key, parts_id, await store.parts(key, parts_id))

    assert (await uploading.confirm(upload))["fileHash"] == sha256(LARGE)


@pytest.mark.parametrize("is_multipart", [False, True])
async def test_an_upload_goes_on_after_the_store_was_away(
    uploading: Uploading, is_multipart: bool, s3_place: S3Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = uploading.client
    upload = await uploading.create(LARGE, multipart=is_multipart)
    if is_multipart:
        for number in (1, 2, 3):
            await uploading.put_part(upload, number)
    else:
        await uploading.put(upload, LARGE)
    monkeypatch.setattr(s3_client, "ATTEMPTS", 1)
    async with open_s3(replace(s3_place, endpoint="http://127.0.0.1:9")) as away:
        with monkeypatch.context() as patch:
            patch.setattr(client, "blobs", away)
            confirming = {"uploadId": upload["id"]}
            (confirmed,) = await client.errors(CONFIRM_UPLOAD, input=confirming)
            (created,) = await client.errors(
                CREATE_UPLOAD, input=uploading.input(LARGE, multipart=True)
            )

    for error, name in ((confirmed, "confirmUpload"), (created, "createUpload")):
        assert (error["extensions"]["code"], error["path"]) == ("UNAVAILABLE", [name])
    assert len((await client.stored())["uploads"]) == 1
    assert (await uploading.confirm(upload))["fileHash"] == sha256(LARGE)


async def test_what_was_joined_and_never_confirmed_goes_with_its_upload(
    uploading: Uploading,
) -> None:
    upload = await uploading.create(LARGE, multipart=True)
    for number in (1, 2):
        await uploading.put_part(upload, number)
    store = uploading.client.blobs
    (begun,) = [each async for each in store.begun_parts(f"{uploading.client.namespace_id}/")]
    parts = await store.parts(begun.key, begun.parts_id)
    await store.join_parts(begun.key, begun.parts_id, parts)

    await uploading.expire(upload)
    await uploading.client.housekeeper.one_pass()

    assert await uploading.read(upload) is None
    assert await uploading.keys() == []


async def test_missing_parts_are_named(uploading: Uploading) -> None:
    upload = await uploading.create(LARGE, multipart=True)
    etag = await uploading.put_part(upload, 2)

    code, path, message = await uploading.refused_confirmation(upload)
    assert (code, path) == ("BAD_STATE", ["uploadId"])
    assert message.startswith("parts 1, 3 have not come yet")

    given = [{"number": 1, "etag": "x"}, {"number": 2, "etag": etag}, {"number": 4, "etag": "x"}]
    errors = await refused(
        uploading.client, CONFIRM_UPLOAD, input={"uploadId": upload["id"], "parts": given}
    )
    assert [(each["code"], each["path"]) for each in errors] == [
        ("INVALID", ["parts", "0", "number"]),
        ("INVALID", ["parts", "2", "number"]),
        ("INVALID", ["parts"]),
    ]
    assert errors[2]["message"].startswith("part 3 has been left out")


async def test_a_part_that_was_sent_again_is_told_of(uploading: Uploading) -> None:
    upload = await uploading.create(LARGE, multipart=True)
    etags = [await uploading.put_part(upload, number) for number in (1, 2, 3)]
    await uploading.put_part(upload, 3, LARGE[::-1])
    parts = [{"number": number, "etag": etag} for number, etag in enumerate(etags, 1)]

    code, path, _ = await uploading.refused_confirmation(upload, parts=parts)

    assert (code, path) == ("INVALID", ["parts", "2", "etag"])


async def test_parts_that_come_to_something_else_fail_the_upload(uploading: Uploading) -> None:
    upload = await uploading.create(LARGE, multipart=True, fileHash=sha256(LARGE))
    for number in (1, 2, 3):
        await uploading.put_part(upload, number, LARGE[::-1])

    code, path, message = await uploading.refused_confirmation(upload)
    failed = await uploading.read(upload)
    again = await uploading.refused_confirmation(upload)
    await uploading.client.housekeeper.one_pass()

    assert (code, path) == ("CHECKSUM_MISMATCH", ["uploadId"])
    assert sha256(LARGE) in message
    assert failed is not None
    assert (failed["status"], failed["error"], failed["target"]) == ("FAILED", message, None)
    assert again[0] == "BAD_STATE"
    assert await uploading.keys() == []


async def test_parts_of_one_put_are_refused(uploading: Uploading) -> None:
    upload = await uploading.create()

    code, path, _ = await uploading.refused_confirmation(upload, parts=[{"number": 1, "etag": "x"}])

    assert (code, path) == ("INVALID", ["parts"])


@pytest.mark.parametrize(
    ("size_bytes", "count"),
    [(1, 1), (16 * 1024**2, 1), (16 * 1024**2 + 1, 2), (64 * 1024**3, 993), (5 * 1024**4, 1024)],
)
def test_files_are_cut_into_few_parts(size_bytes: int, count: int) -> None:
    size = part_size(size_bytes)
    sizes = part_sizes(size_bytes, size)

    assert (len(sizes), sum(sizes)) == (count, size_bytes)
    assert size % 1024**2 == 0
    assert 16 * 1024**2 <= size <= 5 * 1024**3


# ------------------------------------------------------------------ what is selected


async def test_a_target_is_given_as_it_was_selected(uploading: Uploading) -> None:
    upload = await uploading.create(LARGE, multipart=True)

    found = await uploading.client.execute(
        """
        query ($id: ID!) {
          node(id: $id) {
            ... on Upload {
              a: target { __typename how: method parts { __typename at: url n: number } }
              b: target { ...Sizes parts { number } }
            }
          }
        }
        fragment Sizes on UploadTarget { parts { sizeBytes } }
        """,
        id=upload["id"],
    )

    a, b = found["node"]["a"], found["node"]["b"]
    assert (a["__typename"], a["how"], set(a)) == (
        "UploadTarget",
        "PUT",
        {"__typename", "how", "parts"},
    )
    assert [each["n"] for each in a["parts"]] == [1, 2, 3]
    assert set(a["parts"][0]) == {"__typename", "at", "n"}
    assert a["parts"][0]["__typename"] == "UploadPart"
    assert set(b) == {"parts"}
    assert b["parts"][2] == {"number": 3, "sizeBytes": len(LARGE) - 2 * SMALLEST_PART_BYTES}


async def test_who_may_not_write_sees_no_target(uploading: Uploading) -> None:
    upload = await uploading.create()
    reader = uploading.client.holding(Permission.READ)

    found = (await reader.execute(READ_UPLOAD, id=upload["id"]))["upload"]
    (error,) = await reader.errors(CREATE_UPLOAD, input=uploading.input(DATA))

    assert found == upload | {"target": None}
    assert error["extensions"]["code"] == "FORBIDDEN"


# ------------------------------------------------------------------ its time


async def test_an_expired_upload_is_over(uploading: Uploading) -> None:
    upload = await uploading.create()
    await uploading.put(upload)
    await uploading.expire(upload)

    for operation, variables in (
        (CONFIRM_UPLOAD, {"input": {"uploadId": upload["id"]}}),
        (REFRESH_UPLOAD, {"id": upload["id"]}),
    ):
        code, _, message = await uploading.refusal(operation, **variables)
        assert (code, message) == ("BAD_STATE", "the upload has expired; create another")
    found = await uploading.read(upload)
    assert found is not None
    assert found["target"] is None

    await uploading.client.housekeeper.one_pass()

    assert await uploading.read(upload) is None
    assert await uploading.keys() == []
    assert (await uploading.refused_confirmation(upload))[0] == "NOT_FOUND"


async def test_an_expired_url_is_refused_by_the_store(uploading: Uploading) -> None:
    upload = await uploading.create()
    await uploading.expire(upload, in_s=2)
    found = await uploading.read(upload)
    assert found is not None

    async with asyncio.timeout(20):
        while await uploading.put(found) == 200:  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    assert await uploading.put(found) == 403


async def test_what_nobody_used_goes_with_its_upload(uploading: Uploading) -> None:
    single = await uploading.confirmed()
    parts = await uploading.create(LARGE, multipart=True)
    for number in (1, 2, 3):
        await uploading.put_part(parts, number)
    left = await uploading.create(LARGE, multipart=True)
    await uploading.put_part(left, 2)
    both = [single, await uploading.confirm(parts), left]
    for each in both:
        await uploading.expire(each)
    await uploading.client.housekeeper.one_pass()

    stored = await uploading.client.stored()
    assert [stored[name] for name in ("uploads", "contents", "removals", "files")] == [[]] * 4
    assert await uploading.keys() == []


async def test_a_refreshed_upload_lasts_as_long_again(uploading: Uploading) -> None:
    upload = await uploading.create(expiresIn=600)

    refreshed = await uploading.refresh(upload)

    assert refreshed["version"] == 2
    assert refreshed["expiresAt"] > upload["expiresAt"]
    assert seconds(refreshed, "updatedAt") == 600
    assert await uploading.put(refreshed) == 200
    confirmed = await uploading.confirm(upload)
    code, path, _ = await uploading.refusal(REFRESH_UPLOAD, id=upload["id"])
    assert confirmed["status"] == "COMPLETED"
    assert (code, path) == ("BAD_STATE", ["id"])


# ------------------------------------------------------------------ giving up


@pytest.mark.parametrize("is_multipart", [False, True])
async def test_what_was_aborted_is_removed(uploading: Uploading, is_multipart: bool) -> None:
    upload = await uploading.create(LARGE, multipart=is_multipart)
    if is_multipart:
        await uploading.put_part(upload, 1)
    else:
        await uploading.put(upload, LARGE)

    aborted = await uploading.abort(upload)
    again = await uploading.abort(upload)
    await uploading.client.housekeeper.one_pass()

    assert (aborted["status"], aborted["target"]) == ("CANCELED", None)
    assert again == aborted
    assert await uploading.keys() == []
    code, _, message = await uploading.refused_confirmation(upload)
    assert (code, message) == ("BAD_STATE", "the upload was aborted; create another")


async def test_bytes_that_come_after_an_abort_go_with_the_upload(uploading: Uploading) -> None:
    upload = await uploading.create()
    await uploading.abort(upload)
    await uploading.client.housekeeper.one_pass()
    assert await uploading.put(upload) == 200

    await uploading.expire(upload)
    await uploading.client.housekeeper.one_pass()

    assert await uploading.keys() == []


async def test_what_is_confirmed_cannot_be_aborted(uploading: Uploading) -> None:
    confirmed = await uploading.confirmed()

    code, path, message = await uploading.refusal(ABORT_UPLOAD, id=confirmed["id"])

    assert (code, path, message) == ("BAD_STATE", ["id"], "the upload is confirmed already")


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("wrong", "code", "path", "reason"),
    [
        ({"bucketId": "bkt_none"}, "NOT_FOUND", "bucketId", "no bucket has the id"),
        ({"filename": ""}, "INVALID", "filename", "is empty"),
        ({"filename": "a/b.png"}, "INVALID", "filename", "is a path"),
        ({"filename": "a" * 256}, "TOO_LARGE", "filename", "the most is 255"),
        ({"contentType": "png"}, "INVALID", "contentType", "one looks like image/png"),
        ({"fileSizeBytes": -1}, "INVALID", "fileSizeBytes", "0 or more"),
        ({"fileSizeBytes": 5 * 1024**3 + 1}, "TOO_LARGE", "fileSizeBytes", "multipart: true"),
        (
            {"fileSizeBytes": 5 * 1024**4 + 1, "multipart": True},
            "TOO_LARGE",
            "fileSizeBytes",
            "the most is 5497558138880",
        ),
        ({"fileSizeBytes": 0, "multipart": True}, "INVALID", "multipart", "has no parts"),
        ({"expiresIn": 59}, "INVALID", "expiresIn", "from 60 to 86400"),
        ({"expiresIn": 86_401}, "INVALID", "expiresIn", "from 60 to 86400"),
    ],
)
async def test_an_upload_that_cannot_be_is_refused(
    uploading: Uploading, wrong: dict[str, Any], code: str, path: str, reason: str
) -> None:
    (error,) = await refused(uploading.client, CREATE_UPLOAD, input=uploading.input(DATA, **wrong))

    assert (error["code"], error["path"]) == (code, [path])
    assert reason in error["message"]


async def test_all_that_is_wrong_is_told_at_once(uploading: Uploading) -> None:
    wrong = uploading.input(DATA, filename=".", contentType="x", fileSizeBytes=-1, expiresIn=1)

    errors = await refused(uploading.client, CREATE_UPLOAD, input=wrong)

    paths = [error["path"] for error in errors]
    assert paths == [["filename"], ["contentType"], ["fileSizeBytes"], ["expiresIn"]]


async def test_a_bucket_that_is_locked_takes_none(uploading: Uploading) -> None:
    await patch_bucket(uploading.client, uploading.bucket, isLocked=True)

    (error,) = await refused(
        uploading.client, CREATE_UPLOAD, input=uploading.input(LARGE, multipart=True)
    )

    assert (error["code"], error["path"]) == ("LOCKED", ["bucketId"])


async def test_an_upload_of_another_namespace_is_unknown(uploading: Uploading) -> None:
    upload = await uploading.create()
    await uploading.put(upload)
    elsewhere = await uploading.client.elsewhere()

    found = await elsewhere.execute(READ_UPLOAD, id=upload["id"])
    payloads = [
        await mutate(elsewhere, CONFIRM_UPLOAD, input={"uploadId": upload["id"]}),
        await mutate(elsewhere, REFRESH_UPLOAD, id=upload["id"]),
        await mutate(elsewhere, ABORT_UPLOAD, id=upload["id"]),
    ]

    assert found["upload"] is None
    assert [(each["errors"][0]["code"], each["errors"][0]["path"]) for each in payloads] == [
        ("NOT_FOUND", ["uploadId"]),
        ("NOT_FOUND", ["id"]),
        ("NOT_FOUND", ["id"]),
    ]
