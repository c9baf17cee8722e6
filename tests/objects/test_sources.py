"""Blobs whose bytes a URL names: mirrored into the store, or left where they are."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
from contextlib import suppress
from typing import Any

import pytest

from gateway.objects.bringing import AT_A_TIME
from tests.client import Client
from tests.fetching.sites import Answer, Crowd, endless, ok, open_to, paths, redirect, site
from tests.operations import (
    CREATE_OBJECT,
    DELETE_OBJECT,
    READ_OBJECT,
    mutate,
    new_bucket,
    new_object,
    patch_bucket,
    refused,
    without_links,
)

SCHEMA = {
    "properties": {
        "image": {"type": "image"},
        "file": {"type": "binary"},
        "text": {"type": "text"},
    }
}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
_IDLE = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND state LIKE 'idle in transaction%'
"""


def file(data: Any, **rest: Any) -> dict[str, Any]:
    return {"property": "file", "type": "binary", "data": data, **rest}


def image(data: Any, **rest: Any) -> dict[str, Any]:
    return {"property": "image", "type": "image", "data": data, **rest}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def with_schema(client: Client) -> dict[str, Any]:
    return await new_bucket(client, bucketSchema=SCHEMA)


# ------------------------------------------------------------------ mirrored


@pytest.mark.parametrize("key", [None, "url", "filename"])  # "filename": the reference's thumbnail
async def test_keeps_the_bytes_that_a_url_names(client: Client, key: str | None) -> None:
    bucket = await with_schema(client)
    async with site(ok(PNG, "Content-Type: image/png")) as here:
        open_to(client, here)
        url = here.url("/pictures/a%20b.png?signature=1")
        blob = image(url if key is None else {key: url}, metadata={"width": 2})
        made = await new_object(client, bucket, blobs=[blob])

    (blob,) = made["blobs"]
    assert blob["sourceUrl"] == url
    assert blob["properties"] == {"width": 2}
    assert blob["details"] == {
        "filename": "a b.png",
        "sizeBytes": len(PNG),
        "mimeType": "image/png",
        "hash": sha256(PNG),
    }
    assert made["contentHash"] == sha256(sha256(PNG).encode())
    assert "/blobs/" in blob["presignedUrl"]
    assert await client.bytes_of(sha256(PNG)) == PNG
    read = await mutate(client, READ_OBJECT, id=made["id"])
    assert without_links(read) == without_links(made)


@pytest.mark.parametrize(
    ("headers", "keys", "filename", "mime_type"),
    [
        ([], {}, "a", "image/png"),  # as the first bytes tell
        (["Content-Type: application/octet-stream"], {}, "a", "image/png"),
        (["Content-Type: binary/octet-stream"], {}, "a", "image/png"),
        (["Content-Type: nonsense"], {}, "a", "image/png"),
        (["Content-Type: Image/X-Png; q=1"], {}, "a", "image/x-png; q=1"),
        (["Content-Type: text/html"], {"mime_type": "image/webp"}, "a", "image/webp"),
        (['Content-Disposition: attachment; filename="b.gif"'], {}, "b.gif", "image/gif"),
        (['Content-Disposition: attachment; filename="b.gif"'], {"filename": "c"}, "c", None),
        (['Content-Disposition: attachment; filename="b\x01"'], {}, None, None),
    ],
)
async def test_name_and_type_are_the_senders_or_the_servers(
    client: Client,
    headers: list[str],
    keys: dict[str, str],
    filename: str | None,
    mime_type: str | None,
) -> None:
    bucket = await with_schema(client)
    async with site(ok(PNG, *headers)) as here:
        open_to(client, here)
        made = await new_object(client, bucket, blobs=[image({"url": here.url("/a"), **keys})])

    (blob,) = made["blobs"]
    assert blob["details"]["filename"] == filename
    assert blob["details"]["mimeType"] == (mime_type or "image/png")


async def test_mixes_with_blobs_that_bring_their_bytes(client: Client) -> None:
    bucket = await with_schema(client)
    text = {"property": "text", "type": "text", "data": "hello"}
    async with site(paths({"/1": ok(b"one"), "/2": ok(b"two")})) as here:
        open_to(client, here)
        blobs = [file(here.url("/1")), text, file(here.url("/2"))]
        made = await new_object(client, bucket, blobs=blobs)

    hashes = [sha256(each) for each in (b"one", b"hello", b"two")]
    assert [blob["details"]["hash"] for blob in made["blobs"]] == hashes
    assert made["contentHash"] == sha256("".join(hashes).encode())


async def test_a_url_as_the_data_of_a_text_is_the_text(client: Client) -> None:
    bucket = await with_schema(client)
    text = {"property": "text", "type": "text", "data": "https://example.com/"}

    made = await new_object(client, bucket, blobs=[text])

    assert made["blobs"][0]["sourceUrl"] is None
    assert await client.bytes_of(made["blobs"][0]["details"]["hash"]) == b"https://example.com/"


async def test_no_transaction_is_open_while_bytes_come(client: Client) -> None:
    bucket = await with_schema(client)
    waiting = []

    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        async with client.database.connection() as connection:
            waiting.append(await connection.fetchval(_IDLE))
        writer.write(ok(b"hello"))

    async with site(answer) as here:
        open_to(client, here)
        await new_object(client, bucket, blobs=[file(here.url())])

    assert waiting == [0]


async def test_a_url_that_two_blobs_name_is_fetched_once(client: Client) -> None:
    bucket = await with_schema(client)
    async with site(ok(PNG, "Content-Type: image/png")) as here:
        open_to(client, here)
        blobs = [
            file(here.url("/a")),
            image({"url": here.url("/a"), "filename": "b.gif", "mime_type": "image/gif"}),
            file(here.url("/c")),
        ]
        made = await new_object(client, bucket, blobs=blobs)

    assert sorted(head.split()[1] for head in here.requests) == ["/a", "/c"]
    found = [blob["details"] for blob in made["blobs"]]
    assert [each["filename"] for each in found] == ["a", "b.gif", "c"]
    assert [each["mimeType"] for each in found] == ["image/png", "image/gif", "image/png"]
    assert {each["hash"] for each in found} == {sha256(PNG)}


async def test_bytes_of_one_url_may_fit_one_blob_and_not_another(client: Client) -> None:
    bucket = await with_schema(client)
    async with site(ok(b"<p>Log in", "Content-Type: text/html")) as here:
        open_to(client, here)
        input = {"bucketId": bucket["id"], "blobs": [file(here.url()), image(here.url())]}
        (error,) = await refused(client, CREATE_OBJECT, input=input)

    assert (error["code"], error["path"]) == ("FETCH_FAILED", ["blobs", "1", "data"])
    assert here.connections == 1
    assert client.files() == []


async def test_fetches_several_at_a_time_and_not_all(client: Client) -> None:
    bucket = await with_schema(client)
    crowd = Crowd(AT_A_TIME)
    async with site(crowd.answer) as here:
        open_to(client, here)
        blobs = [file(here.url(f"/{number}")) for number in range(2 * AT_A_TIME)]
        await new_object(client, bucket, blobs=blobs)

    assert crowd.most == AT_A_TIME


# ------------------------------------------------------------------ the same bytes


async def test_the_same_bytes_are_kept_once(client: Client) -> None:
    bucket = await with_schema(client)
    async with site(ok(b"hello")) as here:
        open_to(client, here)
        first = await new_object(client, bucket, blobs=[file(here.url("/1")), file(here.url("/2"))])
        key = await client.key_of(sha256(b"hello"))
        inline = file({"base64": base64.b64encode(b"hello").decode()})
        await new_object(client, bucket, blobs=[inline, file(here.url("/1"))])
    await client.housekeeper.one_pass()

    assert await client.key_of(sha256(b"hello")) == key
    assert await client.bytes_of(sha256(b"hello")) == b"hello"
    assert len(client.files()) == 1
    assert [blob["sharedBy"] for blob in first["blobs"]] == [2, 2]


async def test_bytes_are_stored_anew_on_request(client: Client) -> None:
    bucket = await with_schema(client)
    async with site(ok(b"hello")) as here:
        open_to(client, here)
        first = await new_object(client, bucket, blobs=[file(here.url())])
        keys = {await client.key_of(sha256(b"hello"))}
        for by_object, by_blob in ((True, None), (False, True), (True, True)):
            blob = file(here.url(), forceRemirror=by_blob)
            await new_object(client, bucket, blobs=[blob], forceRemirror=by_object)
            keys.add(await client.key_of(sha256(b"hello")))
        blob = file(here.url(), forceRemirror=False)
        await new_object(client, bucket, blobs=[blob], forceRemirror=True)
        keys.add(await client.key_of(sha256(b"hello")))
    await client.housekeeper.one_pass()

    assert len(keys) == 4
    assert await client.bytes_of(sha256(b"hello")) == b"hello"
    assert len(client.files()) == 1
    assert (
        "/blobs/" in (await mutate(client, READ_OBJECT, id=first["id"]))["blobs"][0]["presignedUrl"]
    )


async def test_bytes_that_were_lost_come_back_when_they_are_stored_anew(client: Client) -> None:
    bucket = await with_schema(client)
    async with site(ok(b"hello")) as here:
        open_to(client, here)
        await new_object(client, bucket, blobs=[file(here.url())])
        await client.blobs.delete(await client.key_of(sha256(b"hello")))

        await new_object(client, bucket, blobs=[file(here.url())], forceRemirror=True)

    assert await client.bytes_of(sha256(b"hello")) == b"hello"


async def test_many_store_the_same_bytes_anew_at_once(client: Client) -> None:
    bucket = await with_schema(client)
    async with site(ok(b"hello")) as here:
        open_to(client, here)
        await asyncio.gather(
            *(
                new_object(client, bucket, blobs=[file(here.url())], forceRemirror=bool(number % 2))
                for number in range(12)
            )
        )
    await client.housekeeper.one_pass()

    assert await client.bytes_of(sha256(b"hello")) == b"hello"
    assert len(client.files()) == 1


async def test_a_duplicate_is_skipped_once_it_is_known_as_one(client: Client) -> None:
    bucket = await with_schema(client)
    async with site(ok(b"hello")) as here:
        open_to(client, here)
        first = await new_object(client, bucket, blobs=[file(here.url())])
        second = {"bucketId": bucket["id"], "blobs": [file(here.url())], "skipDuplicates": True}
        payload = await mutate(client, CREATE_OBJECT, input=second)
    await client.housekeeper.one_pass()

    assert payload["object"]["blobs"] == []
    assert [blob["id"] for blob in payload["skippedBlobs"]] == [first["blobs"][0]["id"]]
    assert len(client.files()) == 1


async def test_bytes_go_with_their_last_object(client: Client) -> None:
    bucket = await with_schema(client)
    async with site(ok(b"hello")) as here:
        open_to(client, here)
        made = await new_object(client, bucket, blobs=[file(here.url())])

    await mutate(client, DELETE_OBJECT, id=made["id"])
    await client.housekeeper.one_pass()

    assert client.files() == []


# ------------------------------------------------------------------ left where they are


async def test_bytes_in_s3_stay_where_they_are(client: Client) -> None:
    bucket = await with_schema(client)

    made = await new_object(client, bucket, blobs=[image("s3://my-bucket/a/b%20c.png")])

    assert client.files() == []
    (blob,) = made["blobs"]
    assert blob["sourceUrl"] == "s3://my-bucket/a/b%20c.png"
    assert blob["details"] == {
        "filename": "b%20c.png",
        "sizeBytes": None,
        "mimeType": "image/png",
        "hash": None,
    }
    assert (blob["presignedUrl"], blob["sharedBy"], made["contentHash"]) == (None, 1, None)
    await mutate(client, DELETE_OBJECT, id=made["id"])
    await client.housekeeper.one_pass()


@pytest.mark.parametrize(
    ("by_object", "by_blob", "is_fetched"),
    [(True, None, True), (False, None, False), (True, False, False), (False, True, True)],
)
async def test_a_blob_has_its_way_before_its_object(
    client: Client, by_object: bool, by_blob: bool | None, is_fetched: bool
) -> None:
    bucket = await with_schema(client)
    async with site(ok(b"hello")) as here:
        open_to(client, here)
        blobs = [file({"url": here.url("/a.zip"), "filename": "b"}, canonicalizeSource=by_blob)]
        made = await new_object(client, bucket, blobs=blobs, canonicalizeSource=by_object)

    (blob,) = made["blobs"]
    assert here.connections == is_fetched
    assert blob["sourceUrl"] == here.url("/a.zip")
    assert blob["details"]["filename"] == "b"
    assert blob["details"]["hash"] == (sha256(b"hello") if is_fetched else None)


async def test_what_stays_elsewhere_is_no_duplicate(client: Client) -> None:
    bucket = await with_schema(client)
    blobs = [file("s3://my-bucket/a"), file("s3://my-bucket/a")]

    made = await new_object(client, bucket, blobs=blobs, skipDuplicates=True)

    assert len(made["blobs"]) == 2


async def test_a_url_that_is_not_fetched_may_have_any_port(client: Client) -> None:
    bucket = await with_schema(client)
    blobs = [file("https://example.com:8443/a")]

    made = await new_object(client, bucket, blobs=blobs, canonicalizeSource=False)

    assert made["blobs"][0]["details"]["filename"] == "a"


# ------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com/a", "begins with ftp://"),
        ("https://me:secret@example.com/", "a user name or a password"),
        ("https://example.com:8443/a", "leads to port 8443"),
        ("http://2130706433/", "a number as its host"),
        ("http://[fe80::1%25eth0]/", "a zone"),
        ("s3://", "one looks like s3://bucket/a/b.png"),
        ("s3://bucket", "one looks like s3://bucket/a/b.png"),
        ("s3://A_b/c", "one looks like s3://bucket/a/b.png"),
    ],
)
async def test_a_url_that_is_none_is_refused(client: Client, url: str, reason: str) -> None:
    bucket = await with_schema(client)
    input = {"bucketId": bucket["id"], "blobs": [file("data:,a"), file({"url": url})]}

    (error,) = await refused(client, CREATE_OBJECT, input=input)

    assert (error["code"], error["path"]) == ("INVALID", ["blobs", "1", "data", "url"])
    assert reason in error["message"]
    assert "secret" not in error["message"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://169.254.169.254/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://a.test/",
    ],
)
async def test_what_is_not_public_is_not_fetched(client: Client, url: str) -> None:
    bucket = await with_schema(client)
    input = {"bucketId": bucket["id"], "blobs": [image({"filename": url})]}

    (error,) = await refused(client, CREATE_OBJECT, input=input)

    assert (error["code"], error["path"]) == ("FETCH_FAILED", ["blobs", "0", "data", "filename"])
    assert error["message"].startswith(f"{url} cannot be fetched: no server was reached")


async def test_all_that_fails_is_told_and_nothing_is_kept(client: Client) -> None:
    bucket = await with_schema(client)
    answers = {
        "/good": ok(b"hello"),
        "/gone": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "/short": ok(b"hell", size=5),
    }
    async with site(paths(answers)) as here:
        open_to(client, here)
        blobs = [file(here.url(path)) for path in ("/good", "/gone?key=secret", "/short")]
        errors = await refused(
            client, CREATE_OBJECT, input={"bucketId": bucket["id"], "blobs": blobs}
        )

    assert sorted((error["code"], *error["path"]) for error in errors) == [
        ("FETCH_FAILED", "blobs", "1", "data"),
        ("FETCH_FAILED", "blobs", "2", "data"),
    ]
    messages = "".join(error["message"] for error in errors)
    assert f"{here.url('/gone')} cannot be fetched: the server answered 404" in messages
    assert "secret" not in messages


async def _stalled(_: str, writer: asyncio.StreamWriter) -> None:
    writer.write(ok(bytes(1000), size=2000))
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (endless, "more than 1000000 bytes"),
        (_stalled, "nothing came for"),
        (ok(gzip.compress(bytes(10**7)), "Content-Encoding: gzip"), "compressed"),
        (redirect("/"), "redirects more than 5 times"),
        (redirect("http://169.254.169.254/latest/meta-data/"), "redirects to what may not be"),
    ],
    ids=["endless", "stalled", "gzip bomb", "redirect loop", "redirect inside"],
)
async def test_a_server_that_means_ill_is_told_of_and_leaves_nothing(
    client: Client, answer: Answer | bytes, reason: str
) -> None:
    bucket = await with_schema(client)
    async with site(answer) as here:
        open_to(client, here, most_bytes=1_000_000, connect_s=0.1, idle_s=0.2)
        blobs = [file("data:,a"), file({"url": here.url()})]
        (error,) = await refused(
            client, CREATE_OBJECT, input={"bucketId": bucket["id"], "blobs": blobs}
        )

    assert (error["code"], error["path"]) == ("FETCH_FAILED", ["blobs", "1", "data", "url"])
    assert reason in error["message"]


async def test_a_page_in_place_of_an_image_is_refused(client: Client) -> None:
    bucket = await with_schema(client)
    async with site(ok(b"<p>Log in", "Content-Type: text/html; charset=utf-8")) as here:
        open_to(client, here)
        blobs = [image({"url": here.url()})]
        (error,) = await refused(
            client, CREATE_OBJECT, input={"bucketId": bucket["id"], "blobs": blobs}
        )

    assert (error["code"], error["path"]) == ("FETCH_FAILED", ["blobs", "0", "data", "url"])
    assert "text/html" in error["message"]
    assert "mime_type" in error["message"]


async def test_too_large_a_file_leaves_nothing(client: Client) -> None:
    bucket = await with_schema(client)
    async with site(b"HTTP/1.0 200 OK\r\n\r\n" + bytes(200_000)) as here:
        open_to(client, here, most_bytes=100_000)
        (error,) = await refused(
            client, CREATE_OBJECT, input={"bucketId": bucket["id"], "blobs": [file(here.url())]}
        )

    assert "more than 100000 bytes" in error["message"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"blobs": [{"property": "no", "type": "binary"}]},
        {"blobs": [{"property": "file", "type": "image"}]},
        {"metadata": 5},
        {"keyPrefix": " "},
        {"bucketId": "bkt_none"},
    ],
)
async def test_nothing_is_fetched_for_what_is_refused_anyway(
    client: Client, wrong: dict[str, Any]
) -> None:
    bucket = await with_schema(client)
    async with site(ok(b"hello")) as here:
        open_to(client, here)
        blobs = [file(here.url()) | each for each in wrong.get("blobs", [{}])]
        await refused(
            client, CREATE_OBJECT, input={"bucketId": bucket["id"]} | wrong | {"blobs": blobs}
        )

    assert here.connections == 0


async def test_a_bucket_that_is_locked_meanwhile_leaves_nothing(client: Client) -> None:
    bucket = await with_schema(client)

    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        await patch_bucket(client, bucket, isLocked=True)
        writer.write(ok(b"hello"))

    async with site(answer) as here:
        open_to(client, here)
        input = {"bucketId": bucket["id"], "blobs": [file(here.url())]}
        payload = await mutate(client, CREATE_OBJECT, input=input)

    assert [error["code"] for error in payload["errors"]] == ["LOCKED"]
    assert client.files() == []


async def test_a_store_that_is_down_ends_it(client: Client) -> None:
    bucket = await with_schema(client)
    (client.blob_folder / "tmp").rmdir()
    async with site(ok(b"hello")) as here:
        open_to(client, here)
        input = {"bucketId": bucket["id"], "blobs": [file(here.url("/1")), file(here.url("/2"))]}
        (error,) = await client.errors(CREATE_OBJECT, input=input)

    assert error["extensions"]["code"] == "UNAVAILABLE"


async def test_who_gives_up_leaves_nothing(client: Client) -> None:
    bucket = await with_schema(client)
    stalled = asyncio.Event()
    kept = client.blob_folder / "o"

    async def answer(head: str, writer: asyncio.StreamWriter) -> None:
        if "/whole" in head:
            writer.write(ok(b"hello"))
            return
        writer.write(ok(bytes(100_000), size=200_000))
        while not any(each.is_file() for each in kept.rglob("*")):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        stalled.set()
        await asyncio.Event().wait()

    async with site(answer) as here:
        open_to(client, here)
        blobs = [file(here.url("/whole")), file(here.url("/half"))]
        before = await client.stored()
        task = asyncio.create_task(
            client.execute(CREATE_OBJECT, input={"bucketId": bucket["id"], "blobs": blobs})
        )
        async with asyncio.timeout(10):
            await stalled.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    assert await client.stored() == before


async def test_a_policy_puts_fetched_bytes_in_the_place_of_others(client: Client) -> None:
    schema = {"properties": SCHEMA["properties"] | {"sku": {"type": "string", "required": True}}}
    unique_key = {"fields": ["sku"], "defaultPolicy": "UPSERT"}
    bucket = await new_bucket(client, bucketSchema=schema, uniqueKey=unique_key)
    async with site(paths({"/1": ok(b"one"), "/2": ok(b"two")})) as here:
        open_to(client, here)
        first, second = [
            await new_object(client, bucket, metadata={"sku": "a"}, blobs=[file(here.url(path))])
            for path in ("/1", "/2")
        ]
    await client.housekeeper.one_pass()

    assert second["id"] == first["id"]
    (blob,) = second["blobs"]
    assert (blob["id"], blob["sourceUrl"]) == (first["blobs"][0]["id"], here.url("/2"))
    assert await client.bytes_of(sha256(b"two")) == b"two"
    assert len(client.files()) == 1
