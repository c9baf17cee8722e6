from __future__ import annotations

import pytest

from tests.events.following import Gateway
from tests.events.world import OBJECTS, OTHER, World

CHECKPOINTS = [("StatusCheckpoint", True), ("StatusCheckpoint", False)]


async def test_tells_each_event_once_in_order(gateway: Gateway, world: World) -> None:
    one, other = await gateway.follow(), await gateway.follow()

    await world.touch_now(OBJECTS[1], OBJECTS[2], OBJECTS[1])
    await world.touch_now(OBJECTS[3])

    for sink in (one, other):
        await sink.until_events(4)
        assert sink.words == [("StatusCheckpoint", False)]
        assert sink.seen == [
            (OBJECTS[1], 2),
            (OBJECTS[2], 2),
            (OBJECTS[1], 3),
            (OBJECTS[3], 2),
        ]
    assert one.texts == other.texts


async def test_tells_what_happened_to_what(gateway: Gateway, world: World) -> None:
    sink = await gateway.follow()

    await world.move_now(OBJECTS[1], "QUEUED", "FAILED")
    await world.remove(OBJECTS[1])
    await world.sequence()

    await sink.until_events(3)
    cursor, at = sink.events[1]["cursor"], sink.events[1]["at"]
    assert sink.cursors[2] == cursor
    assert at.endswith("+00:00")
    assert sink.events[1] == {
        "__typename": "StatusEvent",
        "cursor": cursor,
        "event": "STATUS_CHANGED",
        "kind": "OBJECT",
        "nodeId": OBJECTS[1],
        "bucketId": world.bucket_id,
        "collectionId": None,
        "rootObjectId": OBJECTS[1],
        "version": 3,
        "previousStatus": "QUEUED",
        "status": "FAILED",
        "error": None,
        "at": at,
    }
    assert [each["event"] for each in sink.events] == [
        "STATUS_CHANGED",
        "STATUS_CHANGED",
        "DELETED",
    ]


async def test_goes_on_after_any_cursor(gateway: Gateway, world: World) -> None:
    first = await gateway.follow()
    await world.touch_now(*OBJECTS[:3])
    await first.until_events(3)
    first.stop()
    await world.touch_now(OBJECTS[3])

    for place, cursor in enumerate(first.cursors):
        again = await gateway.follow(variables={"after": cursor})
        await again.until_live()
        assert again.words == CHECKPOINTS
        assert again.seen == [(each, 2) for each in OBJECTS[place:4]]
        again.stop()


async def test_sse_brings_the_cursor_beside_the_operation(gateway: Gateway, world: World) -> None:
    first = await gateway.follow()
    await world.touch_now(OBJECTS[1], OBJECTS[2])
    await first.until_events(2)

    again = await gateway.follow(variables={"after": first.cursors[0]}, after=first.cursors[1])

    await again.until(lambda: again.words == CHECKPOINTS)
    assert again.seen == [(OBJECTS[2], 2)]


async def test_a_cursor_read_beside_data_leaves_nothing_out(gateway: Gateway, world: World) -> None:
    await world.touch(OBJECTS[1])  # committed, and not in the log yet
    read = await gateway.read("query ($id: ID!) { lineage(id: $id) { watermark } }", OBJECTS[1])
    await world.sequence()

    sink = await gateway.follow(variables={"after": read["lineage"]["watermark"]})

    await sink.until_events(1)
    assert sink.seen == [(OBJECTS[1], 2)]


@pytest.mark.parametrize("is_replayed", [False, True])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"nodeIds": [OBJECTS[2], "obj_unknown"]}, [(OBJECTS[2], 2)]),
        ({"nodeIds": []}, []),
        ({"events": ["CREATED", "DELETED"]}, [("new", 1), (OBJECTS[4], 2)]),
        ({"status": {"eq": "QUEUED"}}, [(OBJECTS[1], 2)]),
        ({"status": {"in": ["QUEUED", "FAILED"], "ne": "FAILED"}}, [(OBJECTS[1], 2)]),
        (
            {"status": {"nin": ["DRAFT", "ACTIVE"]}},
            [(OBJECTS[1], 2), (OBJECTS[1], 3), (OBJECTS[4], 2)],
        ),
        ({"kinds": ["BUCKET"]}, [("bucket", 2)]),
        ({"rootObjectId": OBJECTS[1]}, [(OBJECTS[1], 2), (OBJECTS[1], 3)]),
        ({"bucketIds": ["bkt_unknown"]}, []),
        ({"collectionIds": ["col_unknown"]}, []),
        (
            {},
            [
                (OBJECTS[1], 2),
                (OBJECTS[1], 3),
                (OBJECTS[2], 2),
                ("new", 1),
                ("bucket", 2),
                (OBJECTS[4], 2),
            ],
        ),
    ],
)
async def test_filters(
    gateway: Gateway,
    world: World,
    given: dict[str, object],
    expected: list[tuple[str, int]],
    is_replayed: bool,
) -> None:
    names = {"new": f"obj_{99:026d}", "bucket": world.bucket_id}
    after = (await gateway.follow()).last_cursor
    variables = {"filter": given, "after": after}
    sink = None if is_replayed else await gateway.follow(variables=variables)

    await world.move(OBJECTS[1], "QUEUED", "FAILED")
    await world.touch(OBJECTS[2])
    await world.add(names["new"])
    await world.sql.execute("UPDATE buckets SET version = 2 WHERE id = $1", world.bucket_id)
    await world.remove(OBJECTS[4])
    await world.sequence()
    sink = sink or await gateway.follow(variables=variables)
    end = await gateway.follow(variables={"after": after})
    await end.until_events(6)

    await sink.until_events(len(expected))
    assert sink.seen == [(names.get(id, id), version) for id, version in expected]


async def test_one_text_with_other_variables_is_another_question(
    gateway: Gateway, world: World
) -> None:
    sinks = [
        await gateway.follow(variables={"filter": {"nodeIds": [each]}}) for each in OBJECTS[:3]
    ]

    await world.touch_now(*OBJECTS)

    for sink, each in zip(sinks, OBJECTS, strict=False):
        await sink.until_events(1)
        assert sink.seen == [(each, 2)]


async def test_tells_nothing_of_other_namespaces(
    gateway: Gateway, worlds: tuple[World, World]
) -> None:
    one, other = worlds
    here = await gateway.follow()
    there = await gateway.follow(namespace_id=OTHER)

    await other.touch_now(OBJECTS[1], OBJECTS[2])
    await one.touch_now(OBJECTS[3])

    await here.until_events(1)
    await there.until_events(2)
    assert here.seen == [(OBJECTS[3], 2)]
    assert there.seen == [(OBJECTS[1], 2), (OBJECTS[2], 2)]
