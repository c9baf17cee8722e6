from __future__ import annotations

import asyncio

import pytest

from gateway.events import tailer
from tests.events.conftest import Connect
from tests.events.following import Gateway, Sink
from tests.events.world import OBJECTS, OTHER, World
from tests.waiting import until_one_waits

FOLLOW = """
subscription ($id: ID!, $untilTerminal: Boolean! = true) {
  nodeStatus(id: $id, untilTerminal: $untilTerminal) {
    cursor event kind nodeId bucketId rootObjectId version previousStatus status error at
  }
}
"""


def told(sink: Sink) -> list[tuple[str, str | None]]:
    return [(each["event"], each["status"]) for each in sink.messages]


async def test_tells_where_it_stands_then_each_change(gateway: Gateway, world: World) -> None:
    await world.move_now(OBJECTS[1], "QUEUED")
    sink = await gateway.follow(FOLLOW, {"id": OBJECTS[1]})
    first = dict(sink.messages[0])
    del first["cursor"], first["at"]

    await world.touch(OBJECTS[1])
    await world.move(OBJECTS[2], "QUEUED")
    await world.move_now(OBJECTS[1], "PROCESSING", "COMPLETED", "QUEUED")
    await sink.until(lambda: sink.is_complete)

    assert first == {
        "event": "STATUS_CHANGED",
        "kind": "OBJECT",
        "nodeId": OBJECTS[1],
        "bucketId": world.bucket_id,
        "rootObjectId": OBJECTS[1],
        "version": 2,
        "previousStatus": None,
        "status": "QUEUED",
        "error": None,
    }
    assert told(sink) == [
        ("STATUS_CHANGED", "QUEUED"),
        ("STATUS_CHANGED", "PROCESSING"),
        ("STATUS_CHANGED", "COMPLETED"),
    ]
    assert gateway.what_is_left() == (0, 0, 0, 0)


async def test_goes_on_beyond_the_end_of_work_until_it_is_gone(
    gateway: Gateway, world: World
) -> None:
    await world.move_now(OBJECTS[1], "QUEUED", "FAILED")
    sink = await gateway.follow(FOLLOW, {"id": OBJECTS[1], "untilTerminal": False})

    await world.move(OBJECTS[1], "QUEUED")
    await world.remove(OBJECTS[1])
    await world.sequence()

    await sink.until(lambda: sink.is_complete)
    assert told(sink) == [
        ("STATUS_CHANGED", "FAILED"),
        ("STATUS_CHANGED", "QUEUED"),
        ("DELETED", None),
    ]


async def test_completes_at_once_where_the_work_has_ended(gateway: Gateway, world: World) -> None:
    await world.move_now(OBJECTS[1], "QUEUED", "SKIPPED")

    sink = await gateway.follow(FOLLOW, {"id": OBJECTS[1]})

    assert told(sink) == [("STATUS_CHANGED", "SKIPPED")]
    assert sink.is_complete
    assert gateway.what_is_left() == (0, 0, 0, 0)


@pytest.mark.parametrize("is_shared", [False, True])
async def test_what_led_to_the_first_state_is_not_told_again(
    gateway: Gateway, world: World, is_shared: bool
) -> None:
    """Committed before it was read, and in the log after."""
    other = await gateway.follow(FOLLOW, {"id": OBJECTS[1]}) if is_shared else None
    await world.move(OBJECTS[1], "QUEUED", "PROCESSING")
    await world.touch(OBJECTS[1])
    sink = await gateway.follow(FOLLOW, {"id": OBJECTS[1]})
    await world.sequence()

    await world.move_now(OBJECTS[1], "COMPLETED")

    await sink.until(lambda: sink.is_complete)
    assert told(sink) == [("STATUS_CHANGED", "PROCESSING"), ("STATUS_CHANGED", "COMPLETED")]
    if other:
        await other.until(lambda: other.is_complete)
        assert [each["version"] for each in other.messages] == [1, 2, 3, 5]


async def test_an_id_that_is_given_again_has_a_new_life(
    gateway: Gateway, world: World, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only by hand. Its versions begin anew, and the end of the old life may be told late."""
    monkeypatch.setattr(tailer, "PATIENCE_S", 60)
    first, second = await connect(None), await connect(None)
    asked = {"id": OBJECTS[1], "untilTerminal": False}
    await world.move_now(OBJECTS[1], "QUEUED", "PROCESSING")
    before = await gateway.follow(FOLLOW, asked)
    await world.remove(OBJECTS[1])
    await world.add(OBJECTS[1])

    # All of it is in the log, which cannot be read any more.
    await first.execute("BEGIN; SELECT sequence_events(100)")
    locking = asyncio.create_task(second.execute("BEGIN; LOCK TABLE event_log"))
    await until_one_waits(gateway.database)
    await first.execute("COMMIT")
    await locking
    sink = await gateway.follow(FOLLOW, asked)
    await second.execute("COMMIT")
    await before.until(lambda: before.is_complete)
    await world.move_now(OBJECTS[1], "QUEUED")

    await sink.until_messages(2)
    assert told(before) == [("STATUS_CHANGED", "PROCESSING"), ("DELETED", None)]
    assert [(each["version"], each["status"]) for each in sink.messages] == [
        (1, "DRAFT"),
        (2, "QUEUED"),
    ]
    assert not sink.is_complete


async def test_follows_buckets_until_they_are_gone(gateway: Gateway, world: World) -> None:
    sink = await gateway.follow(FOLLOW, {"id": world.bucket_id})

    await world.sql.execute("DELETE FROM objects")
    await world.sql.execute(
        "UPDATE buckets SET version = 2, status = 'IN_PROGRESS' WHERE id = $1", world.bucket_id
    )
    await world.sql.execute("DELETE FROM buckets WHERE id = $1", world.bucket_id)
    await world.sequence()

    await sink.until(lambda: sink.is_complete)
    assert told(sink) == [
        ("STATUS_CHANGED", "ACTIVE"),
        ("STATUS_CHANGED", "IN_PROGRESS"),
        ("DELETED", None),
    ]


@pytest.mark.parametrize(
    ("id", "namespace_id"),
    [
        (f"obj_{77:026d}", None),
        (f"key_{1:026d}", None),
        ("nonsense", None),
        (f"bkt_{1:026d}", OTHER),
    ],
)
async def test_refuses_what_is_not_there(
    gateway: Gateway, id: str, namespace_id: str | None
) -> None:
    more = {} if namespace_id is None else {"namespace_id": namespace_id}

    error = await gateway.refusal(FOLLOW, {"id": id}, **more)

    assert error["message"] == f"id: nothing here has the id {id!r}"
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert error["path"] == ["nodeStatus"]
    assert gateway.what_is_left() == (0, 0, 0, 0)
