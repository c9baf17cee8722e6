from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert

from gateway.buckets.tables import BucketRow
from gateway.database.ids import new_id
from gateway.namespaces.tables import ApiKeyRow
from gateway.objects.tables import ObjectRow
from gateway.scalars import write_moment
from tests.client import Client
from tests.documents.making import Family, make_family
from tests.operations import UPDATE_STATUS, mutate

HISTORY = """
    query History($id: ID!, $first: Int, $after: EventCursor) {
      node(id: $id) {
        ... on BucketObject { history(first: $first, after: $after) { ...Event } }
        ... on Document { history(first: $first, after: $after) { ...Event } }
      }
    }
    fragment Event on StatusEvent {
      cursor event kind nodeId bucketId collectionId rootObjectId version previousStatus status
      error at
      node { id ... on BucketObject { status version } ... on Document { status version } }
    }
"""
CURSOR = "{ viewer { eventCursor } }"
GRAPH = "query Graph($id: ID!) { lineage(id: $id) { watermark nodes { node { id } } } }"
DELETE = "mutation Delete($id: ID!) { deleteObject(id: $id) { deletedId errors { message } } }"


@pytest.fixture
async def family(client: Client) -> Family:
    family = await make_family(client)
    await sequence(client)
    return family


async def sequence(client: Client) -> None:
    async with client.database.connection() as connection:
        await connection.fetchval("SELECT open_event_epoch()")
        while await connection.fetchval("SELECT sequence_events(1000)"):
            pass


async def move(client: Client, id: str, *statuses: str, **more: Any) -> None:
    for status in statuses:
        await mutate(client, UPDATE_STATUS, input={"id": id, "status": status} | more)
    await sequence(client)


async def cursor_of(client: Client) -> str:
    async with client.database.transaction() as tx:
        await tx.run(
            insert(ApiKeyRow).values(
                id=client.caller.key_id,
                name="test",
                key_prefix="sk_test",
                secret_sha256=client.caller.key_id.encode(),
                permissions=["ADMIN"],
            )
        )
    cursor: str = (await client.execute(CURSOR))["viewer"]["eventCursor"]
    return cursor


async def history(client: Client, id: str, **arguments: Any) -> list[dict[str, Any]]:
    node = (await client.execute(HISTORY, id=id, **arguments))["node"]
    events: list[dict[str, Any]] = node["history"]
    return events


def steps(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (each["event"], each["previousStatus"], each["status"], each["version"]) for each in events
    ]


async def test_tells_what_happened_to_an_entity_the_oldest_first(
    client: Client, family: Family
) -> None:
    await move(client, family.object, "QUEUED", "IN_PROGRESS")
    await move(client, family.object, "FAILED", error="no such codec")

    events = await history(client, family.object)

    assert steps(events) == [
        ("CREATED", None, "DRAFT", 1),
        ("STATUS_CHANGED", "DRAFT", "QUEUED", 2),
        ("STATUS_CHANGED", "QUEUED", "IN_PROGRESS", 3),
        ("STATUS_CHANGED", "IN_PROGRESS", "FAILED", 4),
    ]
    last = events[-1]
    assert (last["kind"], last["nodeId"], last["error"]) == (
        "OBJECT",
        family.object,
        "no such codec",
    )
    assert (last["bucketId"], last["collectionId"], last["rootObjectId"]) == (
        family.bucket,
        None,
        family.object,
    )
    assert [each["node"] for each in events] == [
        {"id": family.object, "status": "FAILED", "version": 4}
    ] * 4


async def test_a_document_tells_where_it_belongs(client: Client, family: Family) -> None:
    (event,) = await history(client, family.face)

    assert (event["kind"], event["bucketId"], event["collectionId"], event["rootObjectId"]) == (
        "DOCUMENT",
        family.bucket,
        family.faces,
        family.object,
    )


async def test_goes_on_after_a_cursor(client: Client, family: Family) -> None:
    await move(client, family.object, "QUEUED", "IN_PROGRESS", "COMPLETED")
    every = await history(client, family.object)

    first = await history(client, family.object, first=2)
    rest = await history(client, family.object, after=first[-1]["cursor"])

    assert [*first, *rest] == every
    assert len(first) == 2
    assert await history(client, family.object, after=every[-1]["cursor"]) == []
    assert await history(client, family.object, first=0) == []


async def test_after_a_failover_it_goes_on_where_numbers_were_given_anew(
    client: Client, family: Family
) -> None:
    cursors = [each["cursor"] for each in await history(client, family.object)]
    await move(client, family.object, "QUEUED")
    lost = (await history(client, family.object))[-1]["cursor"]
    async with client.database.connection() as connection:
        # As if the standby that was promoted had not yet had the last number.
        await connection.execute("""
            INSERT INTO event_epochs (epoch, first_seq, server, timeline, log)
            SELECT epoch + 1, (SELECT max(last_seq) FROM event_batches), server, timeline, log
            FROM event_epochs ORDER BY epoch DESC LIMIT 1
        """)

    assert steps(await history(client, family.object, after=lost)) == [
        ("STATUS_CHANGED", "DRAFT", "QUEUED", 2)
    ]
    assert steps(await history(client, family.object, after=cursors[0])) == [
        ("STATUS_CHANGED", "DRAFT", "QUEUED", 2)
    ]


async def test_after_a_place_in_an_epoch_that_is_lost_it_tells_everything(
    client: Client, family: Family
) -> None:
    await move(client, family.object, "QUEUED")
    every = await history(client, family.object)
    async with client.database.connection() as connection:
        # As if another standby had been promoted first, and lost with the epoch that it began.
        await connection.execute("UPDATE event_epochs SET mark = mark # 1")

    after_lost = await history(client, family.object, after=every[-1]["cursor"])

    assert steps(after_lost) == steps(every)


@pytest.mark.parametrize(
    ("first", "reason"), [(-1, "first is -1"), (1001, "first is 1001; it has to be 0 to 1000")]
)
async def test_a_page_has_bounds(client: Client, family: Family, first: int, reason: str) -> None:
    (error,) = await client.errors(HISTORY, id=family.object, first=first)

    assert reason in error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("after", ["", "7", "A" * 21, "A" * 23, "*" * 22, "ü" * 22])
async def test_what_is_no_cursor_is_refused(client: Client, family: Family, after: str) -> None:
    (error,) = await client.errors(HISTORY, id=family.object, after=after)

    assert "this is no event cursor; pass one that the gateway gave" in error["message"]
    assert "$after" in error["message"]


@pytest.mark.parametrize("is_forged", [False, True])
async def test_a_cursor_is_of_no_use_in_another_namespace(
    client: Client, family: Family, is_forged: bool
) -> None:
    elsewhere = await client.elsewhere()
    theirs = await cursor_of(elsewhere)

    (error,) = await client.errors(
        HISTORY, id=family.object, after="A" * 22 if is_forged else theirs
    )

    assert error["message"].startswith("after is no event cursor of this namespace")
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


async def test_what_is_read_says_from_where_to_follow_it(client: Client, family: Family) -> None:
    viewer = await cursor_of(client)
    graph = (await client.execute(GRAPH, id=family.object))["lineage"]["watermark"]
    await move(client, family.object, "QUEUED")

    for cursor in (viewer, graph):
        assert steps(await history(client, family.object, after=cursor)) == [
            ("STATUS_CHANGED", "DRAFT", "QUEUED", 2)
        ]


async def test_what_is_not_yet_in_the_log_comes_after_the_cursor(
    client: Client, family: Family
) -> None:
    await mutate(client, UPDATE_STATUS, input={"id": family.object, "status": "QUEUED"})
    cursor = await cursor_of(client)
    await sequence(client)

    assert steps(await history(client, family.object, after=cursor)) == [
        ("STATUS_CHANGED", "DRAFT", "QUEUED", 2)
    ]


async def test_nobody_sees_what_happens_elsewhere(client: Client, family: Family) -> None:
    elsewhere = await client.elsewhere()
    async with client.database.transaction(elsewhere.namespace_id) as tx:
        # The same id in both: only the namespace tells them apart.
        await tx.run(
            insert(BucketRow).values(
                namespace_id=elsewhere.namespace_id,
                id=family.bucket,
                bucket_name="b",
                bucket_schema={},
            )
        )
        await tx.run(
            insert(ObjectRow).values(
                namespace_id=elsewhere.namespace_id, id=family.object, bucket_id=family.bucket
            )
        )
    await sequence(client)

    assert len(await history(client, family.object)) == 1
    assert len(await history(elsewhere, family.object)) == 1


async def test_cursors_tell_nothing_of_their_numbers(client: Client, family: Family) -> None:
    await move(client, family.object, "QUEUED", "IN_PROGRESS")
    cursors = [each["cursor"] for each in await history(client, family.object)]

    assert len({*cursors}) == 3
    assert all(len(each) == 22 for each in cursors)
    shared = {position for position in range(22) if len({each[position] for each in cursors}) == 1}
    assert len(shared) < 5  # as few as chance has it


async def test_what_is_deleted_has_no_history_to_ask_for(client: Client, family: Family) -> None:
    await client.execute(DELETE, id=family.object)
    await sequence(client)

    assert (await client.execute(HISTORY, id=family.object))["node"] is None
    assert (await client.execute(HISTORY, id=new_id("obj")))["node"] is None


@pytest.mark.parametrize("microsecond", [0, 1, 100, 521170, 500000, 999999])
async def test_messages_write_a_moment_as_it_is_read(client: Client, microsecond: int) -> None:
    moment = datetime(2026, 11, 22, 14, 19, 30, microsecond, UTC)
    async with client.database.connection() as connection:
        read = await connection.fetchval("SELECT to_json($1::timestamptz) #>> '{}'", moment)

    assert write_moment(moment) == read
