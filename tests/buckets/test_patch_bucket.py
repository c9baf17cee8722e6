from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from gateway.buckets import holding
from gateway.database.ids import new_id
from gateway.database.pool import open_database
from gateway.enums import Permission
from gateway.objects import creating
from gateway.objects.new_objects import GivenObject
from tests.client import Client, new_client
from tests.operations import (
    CREATE_OBJECT,
    DELETE_BUCKET,
    PATCH_BUCKET,
    mutate,
    new_bucket,
    new_object,
    patch_bucket,
    refused,
    text_blob,
)


async def test_changes_only_what_is_sent(client: Client) -> None:
    bucket = await new_bucket(client, description="old", metadata={"a": 1})

    patched = await patch_bucket(client, bucket, bucketName="new")

    assert patched["updatedAt"] > bucket["updatedAt"]
    changed = {"bucketName": "new", "version": 2, "updatedAt": patched["updatedAt"]}
    assert patched == bucket | changed


async def test_changes_several_fields_in_one_version(client: Client) -> None:
    bucket = await new_bucket(client)
    changes = {"bucketName": "new", "description": "why", "status": "ARCHIVED", "isLocked": True}

    patched = await patch_bucket(client, bucket, **changes)

    assert {key: patched[key] for key in changes} == changes
    assert patched["version"] == 2


async def test_null_clears_description_and_metadata(client: Client) -> None:
    bucket = await new_bucket(client, description="old", metadata={"a": 1})

    patched = await patch_bucket(client, bucket, description=None, metadata=None)

    assert (patched["description"], patched["metadata"]) == (None, {})


async def test_merges_metadata(client: Client) -> None:
    bucket = await new_bucket(client, metadata={"a": 1, "b": {"c": 2, "d": 3}, "e": [1, 2]})

    patched = await patch_bucket(client, bucket, metadata={"a": None, "b": {"c": 4}, "e": [3]})

    assert patched["metadata"] == {"b": {"c": 4, "d": 3}, "e": [3]}


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"bucketName": "pics"},
        {"metadata": {"a": 1}, "isLocked": False, "status": "ACTIVE"},
        {"description": None, "metadata": {"absent": None}},
    ],
)
async def test_a_patch_that_changes_nothing_is_no_new_version(
    client: Client, same: dict[str, Any]
) -> None:
    bucket = await new_bucket(client, metadata={"a": 1})

    patched = await patch_bucket(client, bucket, **same)

    assert patched == bucket


async def test_tells_true_from_one(client: Client) -> None:
    bucket = await new_bucket(client, metadata={"a": 1})

    patched = await patch_bucket(client, bucket, metadata={"a": True})

    assert patched["metadata"]["a"] is True


async def test_takes_the_version_that_is_expected(client: Client) -> None:
    bucket = await new_bucket(client)

    patched = await patch_bucket(client, bucket, expectedVersion=1, description="new")

    assert patched["version"] == 2


async def test_refuses_a_stale_version(client: Client) -> None:
    bucket = await new_bucket(client)
    await patch_bucket(client, bucket, description="first")

    (error,) = await refused(
        client,
        PATCH_BUCKET,
        input={"id": bucket["id"], "expectedVersion": 1, "description": "second"},
    )

    assert error["code"] == "VERSION_MISMATCH"
    assert error["path"] == ["expectedVersion"]
    assert error["currentVersion"] == 2
    assert error["existing"] == {"id": bucket["id"]}


async def test_lets_one_of_many_at_once_pass(client: Client) -> None:
    bucket = await new_bucket(client)

    payloads = await asyncio.gather(
        *(
            mutate(
                client,
                PATCH_BUCKET,
                input={"id": bucket["id"], "expectedVersion": 1, "metadata": {"writer": number}},
            )
            for number in range(8)
        )
    )

    (winner,) = [each["bucket"] for each in payloads if each["bucket"]]
    assert winner["version"] == 2
    codes = [error["code"] for each in payloads for error in each["errors"]]
    assert codes == ["VERSION_MISMATCH"] * 7


async def test_answers_every_id_that_is_no_bucket_here_alike(client: Client) -> None:
    bucket = await new_bucket(client)
    made = await new_object(client, bucket)
    theirs = await new_bucket(await client.elsewhere())

    for id in (new_id("bkt"), theirs["id"], made["id"], "nonsense", ""):
        (error,) = await refused(client, PATCH_BUCKET, input={"id": id, "description": "x"})

        assert (error["code"], error["path"]) == ("NOT_FOUND", ["id"])
        assert error["message"] == f"no bucket has the id {id!r}"


async def test_refuses_a_name_that_is_taken(client: Client) -> None:
    taken = await new_bucket(client, bucketName="taken")
    bucket = await new_bucket(client, bucketName="pics")

    (error,) = await refused(
        client, PATCH_BUCKET, input={"id": bucket["id"], "bucketName": "taken"}
    )

    assert (error["code"], error["path"]) == ("ALREADY_EXISTS", ["bucketName"])
    assert error["existing"] == {"id": taken["id"]}


async def test_gives_a_name_to_one_of_two_at_once(client: Client) -> None:
    buckets = [await new_bucket(client, bucketName=name) for name in ("a", "b")]

    payloads = await asyncio.gather(
        *(
            mutate(client, PATCH_BUCKET, input={"id": each["id"], "bucketName": "c"})
            for each in buckets
        )
    )

    assert sorted(len(each["errors"]) for each in payloads) == [0, 1]
    (error,) = [error for each in payloads for error in each["errors"]]
    assert (error["code"], error["path"]) == ("ALREADY_EXISTS", ["bucketName"])


@pytest.mark.parametrize(
    ("wrong", "code", "path"),
    [
        ({"bucketName": None}, "INVALID", ["bucketName"]),
        ({"bucketName": "n" * 300}, "TOO_LARGE", ["bucketName"]),
        ({"bucketName": "a\0"}, "INVALID", ["bucketName"]),
        ({"description": "d" * 10_001}, "TOO_LARGE", ["description"]),
        ({"metadata": [1]}, "INVALID", ["metadata"]),
        ({"metadata": {"a": "b" * 2**20}}, "TOO_LARGE", ["metadata"]),
        ({"metadata": {"second": "b" * 200_000}}, "TOO_LARGE", ["metadata"]),
        ({"isLocked": None}, "INVALID", ["isLocked"]),
        ({"status": None}, "INVALID", ["status"]),
        ({"status": "COMPLETED"}, "INVALID", ["status"]),
        ({"status": "IN_PROGRESS"}, "INVALID", ["status"]),
    ],
)
async def test_refuses_what_cannot_be_kept(
    client: Client, wrong: dict[str, Any], code: str, path: list[str]
) -> None:
    bucket = await new_bucket(client, metadata={"first": "b" * 200_000})

    (error,) = await refused(client, PATCH_BUCKET, input={"id": bucket["id"]} | wrong)

    assert (error["code"], error["path"]) == (code, path)
    if path == ["status"]:
        assert error["allowed"] == ["ACTIVE", "ARCHIVED", "SUSPENDED"]


async def test_tells_all_that_is_wrong_at_once(client: Client) -> None:
    bucket = await new_bucket(client)
    wrong = {"bucketName": None, "metadata": 7, "isLocked": None, "status": None}

    errors = await refused(client, PATCH_BUCKET, input={"id": bucket["id"]} | wrong)

    assert [error["path"] for error in errors] == [[name] for name in wrong]


async def test_moves_between_all_statuses_to_choose_from(client: Client) -> None:
    bucket = await new_bucket(client)

    for status in ("SUSPENDED", "ARCHIVED", "ACTIVE", "ARCHIVED", "SUSPENDED", "ACTIVE"):
        patched = await patch_bucket(client, bucket, status=status)

        assert patched["status"] == status


async def test_leaves_the_last_word_on_statuses_to_the_database(
    migrated_database_url: str, client: Client
) -> None:
    connection = await asyncpg.connect(migrated_database_url)
    await connection.execute(
        "DELETE FROM status_transitions WHERE (kind, to_status) = ('BUCKET', 'ARCHIVED')"
    )
    await connection.close()
    async with open_database(migrated_database_url) as database:
        strict = await new_client(database, client.blobs, client.blob_folder)
        bucket = await new_bucket(strict)

        (error,) = await refused(
            strict, PATCH_BUCKET, input={"id": bucket["id"], "status": "ARCHIVED"}
        )

    assert (error["code"], error["path"]) == ("BAD_STATE", ["status"])


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "x"},
        {"bucketName": "x"},
        {"metadata": {}},
        {"status": "ARCHIVED"},
        {"isLocked": True, "description": "x"},
    ],
)
async def test_a_locked_bucket_refuses_a_patch(client: Client, changes: dict[str, Any]) -> None:
    bucket = await new_bucket(client)
    await patch_bucket(client, bucket, isLocked=True)

    (error,) = await refused(client, PATCH_BUCKET, input={"id": bucket["id"]} | changes)

    assert (error["code"], error["path"]) == ("LOCKED", ["id"])


async def test_a_locked_bucket_takes_a_patch_that_unlocks_it(client: Client) -> None:
    bucket = await new_bucket(client)
    await patch_bucket(client, bucket, isLocked=True)

    patched = await patch_bucket(client, bucket, isLocked=False, description="open again")

    assert (patched["isLocked"], patched["description"]) == (False, "open again")


async def test_a_locked_bucket_may_be_locked_again(client: Client) -> None:
    bucket = await new_bucket(client)
    locked = await patch_bucket(client, bucket, isLocked=True)

    assert await patch_bucket(client, bucket, isLocked=True) == locked


async def test_refuses_a_bucket_that_is_being_deleted(client: Client) -> None:
    bucket = await new_bucket(client)
    await client.execute(DELETE_BUCKET, id=bucket["id"])

    (error,) = await refused(client, PATCH_BUCKET, input={"id": bucket["id"], "status": "ACTIVE"})

    assert (error["code"], error["path"]) == ("BAD_STATE", ["id"])


async def test_waits_for_no_object_unless_it_locks(client: Client) -> None:
    bucket = await new_bucket(client)

    async with client.database.transaction(client.namespace_id) as tx:
        given = GivenObject(bucket_id=bucket["id"])
        await creating.create_object(tx, client.blobs, client.limits, given)
        async with asyncio.timeout(10):
            patched = await patch_bucket(client, bucket, description="meanwhile")

    assert patched["description"] == "meanwhile"


async def test_locking_waits_for_objects_on_their_way_and_keeps_later_ones_out(
    client: Client,
) -> None:
    bucket = await new_bucket(client)

    async with client.database.transaction(client.namespace_id) as tx:
        await holding.share(tx, bucket["id"])
        lock = asyncio.create_task(patch_bucket(client, bucket, isLocked=True))
        await client.until_waiting(1)
        late = asyncio.create_task(mutate(client, CREATE_OBJECT, input={"bucketId": bucket["id"]}))
        await client.until_waiting(2)

    assert (await lock)["isLocked"] is True
    assert [error["code"] for error in (await late)["errors"]] == ["LOCKED"]


@pytest.mark.parametrize("blobs", [[text_blob("hello")], []])
async def test_no_object_comes_in_once_the_lock_is_answered(
    client: Client, blobs: list[dict[str, Any]]
) -> None:
    bucket = await new_bucket(client)
    input = {"bucketId": bucket["id"], "blobs": blobs}

    async def keep_creating() -> str:
        while True:
            payload = await mutate(client, CREATE_OBJECT, input=input)
            for error in payload["errors"]:
                return str(error["code"])

    writers = [asyncio.create_task(keep_creating()) for _ in range(6)]
    locked = await patch_bucket(client, bucket, isLocked=True)

    assert await asyncio.gather(*writers) == ["LOCKED"] * 6
    assert (await patch_bucket(client, bucket, isLocked=False))["objectCount"] == locked[
        "objectCount"
    ]


async def test_needs_a_key_that_may_write(client: Client) -> None:
    bucket = await new_bucket(client)
    reader = client.holding(Permission.READ)

    (error,) = await reader.errors(PATCH_BUCKET, input={"id": bucket["id"], "isLocked": True})

    assert error["extensions"]["code"] == "FORBIDDEN"
