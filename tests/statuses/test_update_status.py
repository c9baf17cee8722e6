from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.database.ids import new_id
from gateway.enums import EntityKind, Permission, Status
from gateway.status import TRANSITIONS
from tests.client import Client
from tests.documents.making import Family, begin_deleting_bucket, make_family
from tests.operations import PATCH_BUCKET, UPDATE_STATUS, mutate, new_document, new_object, refused

MOVES = TRANSITIONS[EntityKind.OBJECT]


async def move(client: Client, id: str, *statuses: str, **more: Any) -> Any:
    """Give something one status after another; return it as it is then."""
    for status in statuses:
        payload = await mutate(client, UPDATE_STATUS, input={"id": id, "status": status} | more)
        assert payload["errors"] == []
    return payload["node"]


def way_to(end: Status) -> list[Status]:
    """Return the statuses by which an object that is new comes to one."""
    ways = {Status.DRAFT: list[Status]()}
    while end not in ways:
        for start, way in [*ways.items()]:
            for step in MOVES[start]:
                ways.setdefault(step, [*way, step])
    return ways[end]


async def refusal(client: Client, id: str, status: str, **more: Any) -> dict[str, Any]:
    """Return the one error of a status, having seen that it changed nothing."""
    (error,) = await refused(client, UPDATE_STATUS, input={"id": id, "status": status} | more)
    return error


@pytest.mark.parametrize("kind", ["object", "document"])
async def test_a_run_is_told_of_from_queue_to_end(
    client: Client, family: Family, kind: str
) -> None:
    id = family.object if kind == "object" else family.face
    first = await move(client, id, "QUEUED")

    last = await move(client, id, "IN_PROGRESS", "PROCESSING", "COMPLETED")

    assert first["__typename"] == ("BucketObject" if kind == "object" else "Document")
    assert (first["id"], first["status"], first["version"]) == (id, "QUEUED", 2)
    assert (last["status"], last["error"], last["version"]) == ("COMPLETED", None, 5)
    assert last["updatedAt"] > first["updatedAt"]


@pytest.mark.parametrize("start", MOVES)
async def test_only_legal_moves_are_made(client: Client, family: Family, start: Status) -> None:
    way = way_to(start)

    for end in Status:
        made = (await new_object(client, {"id": family.bucket}))["id"]
        if way:
            await move(client, made, *way)
        if end is start or end in MOVES[start]:
            assert (await move(client, made, end))["status"] == end
            continue
        error = await refusal(client, made, end)
        assert (error["code"], error["path"]) == ("BAD_STATE", ["status"])
        assert error["allowed"] == [*MOVES[start]]
        assert error["message"] == (
            f"the object is {start} and cannot become {end};"
            f" from {start} it can become {', '.join(MOVES[start])}"
        )


@pytest.mark.parametrize("more", [{}, {"error": "out of memory"}, {"error": None}])
async def test_a_report_can_be_sent_again(
    client: Client, family: Family, more: dict[str, Any]
) -> None:
    await move(client, family.object, "QUEUED", "IN_PROGRESS")
    failed = await move(client, family.object, "FAILED", error="out of memory")
    before = await client.stored()

    assert await move(client, family.object, "FAILED", **more) == failed
    assert await client.stored() == before


async def test_a_status_with_another_error_is_a_change(client: Client, family: Family) -> None:
    await move(client, family.object, "QUEUED")
    first = await move(client, family.object, "FAILED")

    second = await move(client, family.object, "FAILED", error="out of memory")

    assert (first["error"], second["error"]) == (None, "out of memory")
    assert second["version"] == first["version"] + 1


async def test_an_error_goes_with_its_status(client: Client, family: Family) -> None:
    await move(client, family.object, "QUEUED")
    await move(client, family.object, "FAILED", error="first")

    queued = await move(client, family.object, "QUEUED")
    skipped = await move(client, family.object, "SKIPPED", error="nothing in it")
    again = await move(client, family.object, "QUEUED", error="after: nothing in it")

    assert [each["error"] for each in (queued, skipped, again)] == [
        None,
        "nothing in it",
        "after: nothing in it",
    ]


async def test_an_error_has_10000_characters_at_most(client: Client, family: Family) -> None:
    error = await refusal(client, family.object, "QUEUED", error="é" * 10_001)

    assert (error["code"], error["path"]) == ("TOO_LARGE", ["error"])
    assert error["message"] == "error has 10001 characters; the most is 10000"
    kept = await move(client, family.object, "QUEUED", error="é" * 10_000)
    assert kept["error"] == "é" * 10_000


async def test_an_error_is_text_that_can_be_kept(client: Client, family: Family) -> None:
    error = await refusal(client, family.object, "QUEUED", error="a\0b")

    assert (error["code"], error["path"]) == ("INVALID", ["error"])


async def test_an_old_version_is_refused(client: Client, family: Family) -> None:
    queued = await move(client, family.object, "QUEUED", expectedVersion=1)

    error = await refusal(client, family.object, "IN_PROGRESS", expectedVersion=1)

    assert (error["code"], error["path"]) == ("VERSION_MISMATCH", ["expectedVersion"])
    assert (error["existing"], error["currentVersion"]) == ({"id": family.object}, 2)
    # A report that is sent again is no exception: somebody else may have made the same move.
    assert (await refusal(client, family.object, "QUEUED", expectedVersion=1)) == error
    assert await move(client, family.object, "QUEUED", expectedVersion=2) == queued


async def test_an_id_that_is_unknown_here_is_not_found(client: Client, family: Family) -> None:
    theirs = await make_family(await client.elsewhere())
    nouns = {
        new_id("obj"): "object",
        theirs.object: "object",
        new_id("doc"): "document",
        theirs.face: "document",
        family.frames: "object or document",
        "obj_": "object or document",
        "": "object or document",
    }

    for id, noun in nouns.items():
        error = await refusal(client, id, "QUEUED")

        assert (error["code"], error["path"]) == ("NOT_FOUND", ["id"])
        assert error["message"] == f"no {noun} has the id '{id}'"


@pytest.mark.parametrize("prefix", ["bkt", "upl", "btch"])
async def test_what_has_a_status_of_another_kind_is_told_apart(
    client: Client, family: Family, prefix: str
) -> None:
    id = family.bucket if prefix == "bkt" else new_id(prefix)

    error = await refusal(client, id, "ARCHIVED")

    assert (error["code"], error["path"]) == ("INVALID", ["id"])
    what = {"bkt": "a bucket, whose status patchBucket changes", "upl": "an upload", "btch": "a b"}
    assert error["message"].startswith(f"{id} is the id of {what[prefix]}")
    assert error["message"].endswith("; give that of an object or a document")


async def test_tells_all_that_is_wrong_whatever_is_stored(client: Client, family: Family) -> None:
    given = {"id": family.bucket, "status": "QUEUED", "error": "a" * 10_001}

    errors = await refused(client, UPDATE_STATUS, input=given)

    assert [error["path"] for error in errors] == [["id"], ["error"]]


@pytest.mark.parametrize(
    ("closed", "code"),
    [({"isLocked": True}, "LOCKED"), ({"status": "ARCHIVED"}, "BAD_STATE")],
)
async def test_in_a_closed_bucket_runs_end_and_none_begins(
    client: Client, family: Family, closed: dict[str, Any], code: str
) -> None:
    at_rest, ended = [(await new_object(client, {"id": family.bucket}))["id"] for _ in range(2)]
    await move(client, family.object, "QUEUED")
    await move(client, ended, "QUEUED", "FAILED")
    await mutate(client, PATCH_BUCKET, input={"id": family.bucket} | closed)

    for id in (at_rest, ended):
        error = await refusal(client, id, "QUEUED")
        assert (error["code"], error["path"]) == (code, ["id"])
    assert (await refusal(client, ended, "FAILED", error="why"))["code"] == code
    assert (await move(client, ended, "FAILED"))["version"] == 3
    last = await move(client, family.object, "IN_PROGRESS", "FAILED", error="out of memory")
    assert (last["status"], last["error"]) == ("FAILED", "out of memory")
    # Documents are their collection's, whatever the bucket is like.
    assert (await move(client, family.face, "QUEUED"))["status"] == "QUEUED"


async def test_what_is_in_a_bucket_that_is_being_deleted_is_gone(
    client: Client, family: Family
) -> None:
    await move(client, family.object, "QUEUED")
    await begin_deleting_bucket(client, family.bucket)

    for id in (family.object, family.face):
        assert (await refusal(client, id, "IN_PROGRESS"))["code"] == "NOT_FOUND"


async def test_a_document_without_a_root_has_a_status_too(client: Client, family: Family) -> None:
    alone = await new_document(client, family.frames)

    assert (await move(client, alone, "QUEUED"))["version"] == 2


async def test_who_comes_second_meets_what_the_first_has_done(
    client: Client, family: Family
) -> None:
    """Two engines report at once; both begin before either is done."""
    lock = "SELECT 1 FROM objects WHERE namespace_id = $1 AND id = $2 FOR UPDATE"
    given = [{"id": family.object, "status": "QUEUED", "expectedVersion": 1}] * 2

    async with client.database.connection() as connection:
        await connection.execute(f"BEGIN; SET LOCAL app.namespace_id = '{client.namespace_id}'")
        await connection.execute(lock, client.namespace_id, family.object)
        both = [asyncio.create_task(mutate(client, UPDATE_STATUS, input=each)) for each in given]
        await client.until_waiting(2)
        await connection.execute("COMMIT")

    codes = [[error["code"] for error in (await each)["errors"]] for each in both]
    assert sorted(codes) == [[], ["VERSION_MISMATCH"]]
    assert (await move(client, family.object, "QUEUED"))["version"] == 2


async def test_needs_a_key_that_may_write(client: Client, family: Family) -> None:
    reader = client.holding(Permission.READ)

    (error,) = await reader.errors(UPDATE_STATUS, input={"id": family.object, "status": "QUEUED"})

    assert error["extensions"]["code"] == "FORBIDDEN"
    assert (await move(client, family.object, "QUEUED"))["version"] == 2
