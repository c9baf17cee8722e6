"""Where a subscriber may go on, and what it is told where it may not."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from gateway.database.pool import Database
from gateway.errors import Unavailable
from gateway.events import clearing, tailer
from tests.events.following import ALL, Gateway, Sink, gateway_on
from tests.events.world import OBJECTS, ONE, OTHER, World

DROP_LAST = """
    DELETE FROM event_log WHERE seq = (SELECT max(seq) FROM event_log);
    UPDATE event_batches SET last_seq = last_seq - 1;
"""
NEW_EPOCH = "SELECT open_event_epoch()"

NODE_STATUS = """
subscription ($id: ID!) {
  nodeStatus(id: $id) { __typename ... on StatusEvent { cursor nodeId version } }
}
"""


async def cursor_of(gateway: Gateway, namespace_id: str = ONE) -> str:
    """Return the cursor of the end of the log."""
    sink = await gateway.follow(namespace_id=namespace_id)
    sink.stop()
    return sink.last_cursor


@pytest.mark.parametrize("is_beside", [False, True], ids=["argument", "Last-Event-ID"])
async def test_refuses_the_cursor_of_another_namespace(gateway: Gateway, is_beside: bool) -> None:
    cursor = await cursor_of(gateway, OTHER)

    given = {"after": cursor} if is_beside else {"variables": {"after": cursor}}
    error = await gateway.refusal(ALL, **given)

    assert error["message"] == (
        "after is no event cursor of this namespace; pass one that this namespace gave"
    )
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert error["path"] == ["statusChanged"]


async def test_refuses_a_cursor_that_was_made_up(gateway: Gateway) -> None:
    error = await gateway.refusal(ALL, {"after": "A" * 22})

    assert error["message"].startswith("after is no event cursor of this namespace")


@pytest.mark.parametrize("text", ["", "nonsense", "A" * 23, "ä" * 22])
async def test_refuses_what_is_no_cursor(gateway: Gateway, text: str) -> None:
    error = await gateway.refusal(ALL, {"after": text})
    beside = await gateway.refusal(ALL, after=text)

    assert "Variable '$after'" in error["message"]
    assert "this is no event cursor; pass one that the gateway gave" in error["message"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert beside["message"] == (
        "after (Last-Event-ID): this is no event cursor; pass one that the gateway gave"
    )


SURE = "subscription ($after: EventCursor!) { statusChanged(after: $after) { __typename } }"
AT_FIRST = """
subscription ($after: EventCursor = "AAAAAAAAAAAAAAAAAAAAAA") {
  statusChanged(after: $after) { __typename }
}
"""
WRITTEN = 'subscription { statusChanged(after: "%s") { __typename } }'


@pytest.mark.parametrize("text", [ALL, SURE, AT_FIRST, WRITTEN])
async def test_refuses_who_joins_others_for_the_same_reasons(gateway: Gateway, text: str) -> None:
    """Those who ask for what is told already are let in on a shorter way."""
    right, other = await cursor_of(gateway), await cursor_of(gateway, OTHER)
    wrong: tuple[object, ...] = (other, "A" * 22, "nonsense", 5, [[]], None)
    given: list[tuple[str, dict[str, object]]]
    given = [(text, {"after": each}) for each in (right, *wrong)] + [(text, {})]
    if text is WRITTEN:
        given = [(text % each, {}) for each in (right, *wrong)]
    last_event_ids = (None, right, other, "nonsense")
    asked = [(*each, last) for last in last_event_ids for each in given]

    alone = [await _told(gateway, *each) for each in asked]
    followed = await gateway.follow(*given[0])
    beside = [await _told(gateway, *each) for each in asked]

    assert beside == alone
    assert alone[0] == []
    assert all(alone[1:6])
    followed.stop()
    assert gateway.what_is_left() == (0, 0, 0, 0)


async def test_the_last_event_id_counts_for_who_joins_others_too(
    gateway: Gateway, world: World
) -> None:
    live = await gateway.follow()
    await world.touch_now(OBJECTS[1], OBJECTS[2])
    await live.until_events(2)
    given = {"after": live.cursors[0]}

    again = await gateway.follow(variables=given, after=live.cursors[1])
    await again.until_events(1)

    assert again.seen == [(OBJECTS[2], 2)]


async def _told(
    gateway: Gateway, text: str, variables: dict[str, object], after: str | None
) -> list[object]:
    """Follow for a moment; return the errors."""
    found = await gateway.ask(text, variables, after=after)
    if isinstance(found, list):
        return [each.formatted for each in found]
    found.stop()
    return []


async def test_goes_on_across_an_epoch_that_changed_nothing(gateway: Gateway, world: World) -> None:
    before = await cursor_of(gateway)
    live = await gateway.follow()
    await world.touch_now(OBJECTS[1])
    for _ in range(2):  # in the first nothing happens
        assert await world.sql.fetchval(NEW_EPOCH) == 2
        await gateway.hub._tailer.catch_up()

    await world.touch_now(OBJECTS[2])
    await live.until_events(2)
    again = await gateway.follow(variables={"after": before})
    await again.until_events(2)

    assert live.failure is None
    assert live.seen == again.seen == [(OBJECTS[1], 2), (OBJECTS[2], 2)]
    assert live.cursors[1:] == [each for each in again.cursors if each in live.cursors[1:]]


async def test_tells_that_the_database_was_set_back(
    gateway: Gateway, world: World, superuser: asyncpg.Connection
) -> None:
    """A standby that lagged is promoted: it lacks the last event, and gives its number anew."""
    live = await gateway.follow()
    await world.touch_now(OBJECTS[1], OBJECTS[2])
    await live.until_events(2)
    kept, lost = live.cursors[1], live.cursors[2]

    async with superuser.transaction():
        await superuser.execute(DROP_LAST)
        assert await superuser.fetchval(NEW_EPOCH) == 2
    await live.until(lambda: live.failure)
    await world.touch_now(OBJECTS[3])

    resumed = await gateway.follow(variables={"after": kept})
    await resumed.until_events(1)
    assert resumed.seen == [(OBJECTS[3], 2)]
    astray = await gateway.follow(variables={"after": lost})
    assert astray.words == [("StatusReset", "DIVERGED"), ("StatusCheckpoint", False)]
    assert astray.messages[0]["cursor"] == astray.messages[1]["cursor"] == astray.cursors[0]
    await world.touch_now(OBJECTS[4])
    await astray.until_events(1)
    assert astray.seen == [(OBJECTS[4], 2)]
    after_reset = await gateway.follow(variables={"after": astray.cursors[0]})
    await after_reset.until_events(1)
    assert after_reset.seen == [(OBJECTS[4], 2)]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hubs that look at the log when they are asked, and else never."""
    monkeypatch.setattr(tailer, "CHANNEL", "silence")
    monkeypatch.setattr(tailer, "LOOK_EVERY_S", 60)
    monkeypatch.setattr(tailer, "PATIENCE_S", 60)


@pytest.mark.usefixtures("patient")
async def test_a_gateway_that_knows_less_than_another_looks_before_it_resets(
    gateway: Gateway,
    world: World,
    superuser: asyncpg.Connection,
    database: Database,
    tmp_path: Path,
) -> None:
    await world.touch_now(OBJECTS[1])
    live = await gateway.follow()
    async with superuser.transaction():
        await superuser.execute(DROP_LAST)
        await superuser.execute(NEW_EPOCH)
    await world.touch_now(OBJECTS[2])
    async with gateway_on(database, tmp_path) as other:
        cursor = await cursor_of(other)

    refused = Sink()
    await gateway.ask(variables={"after": cursor}, sink=refused)
    again = await gateway.follow(variables={"after": cursor})

    # It was told of what is lost, so all begin anew; nobody is told of a loss that was none.
    assert isinstance(live.failure, Unavailable)
    assert isinstance(refused.failure, Unavailable)
    assert (refused.messages, again.words) == ([], [("StatusCheckpoint", False)])


@pytest.mark.usefixtures("patient")
async def test_a_state_has_a_cursor_that_counts_everywhere(
    gateway: Gateway, world: World, database: Database, tmp_path: Path
) -> None:
    await gateway.follow()
    await world.sql.execute(NEW_EPOCH)
    await world.touch_now(OBJECTS[1])  # which the gateway has not looked at

    state = await gateway.follow(NODE_STATUS, {"id": OBJECTS[1]})

    async with gateway_on(database, tmp_path) as other:
        again = await other.follow(variables={"after": state.messages[0]["cursor"]})
        assert again.words == [("StatusCheckpoint", False)]


async def test_tells_of_a_position_that_the_log_never_had(
    gateway: Gateway, superuser: asyncpg.Connection, world: World
) -> None:
    await world.touch_now(OBJECTS[1])
    ahead = await cursor_of(gateway)
    await superuser.execute(DROP_LAST)

    astray = await gateway.follow(variables={"after": ahead})

    assert astray.words == [("StatusReset", "DIVERGED"), ("StatusCheckpoint", False)]


async def test_tells_that_events_are_gone(
    gateway: Gateway, world: World, superuser: asyncpg.Connection, database: Database
) -> None:
    first = await gateway.follow()
    await world.touch_now(OBJECTS[1])
    await world.sql.execute(NEW_EPOCH)
    await world.touch_now(OBJECTS[2])
    await first.until_events(2)
    first.stop()
    await superuser.execute("UPDATE event_batches SET day = day + 9")
    await world.touch_now(OBJECTS[3])
    assert await clearing.drop_old_days(database, -8)
    await world.sql.execute(NEW_EPOCH)  # which forgets the first

    for place, cursor in enumerate(first.cursors):
        again = await gateway.follow(variables={"after": cursor})
        await again.until_live()
        if place < 2:
            assert again.words == [("StatusReset", "EXPIRED"), ("StatusCheckpoint", False)]
            assert again.seen == []
        else:  # all that it lacks is still there
            assert again.seen == [(OBJECTS[3], 2)]
        again.stop()


async def test_tells_that_everything_is_gone(
    gateway: Gateway, world: World, superuser: asyncpg.Connection
) -> None:
    before = await cursor_of(gateway)
    await world.touch_now(OBJECTS[1])
    end = await cursor_of(gateway)
    await superuser.execute("DELETE FROM event_log")

    expired = await gateway.follow(variables={"after": before})
    await expired.until(lambda: len(expired.words) == 2)
    assert expired.words == [("StatusReset", "EXPIRED"), ("StatusCheckpoint", False)]
    whole = await gateway.follow(variables={"after": end})
    assert whole.words == [("StatusCheckpoint", False)]


async def test_tells_idle_subscribers_of_a_new_place(
    gateway: Gateway, worlds: tuple[World, World], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = worlds
    sink = await gateway.follow(variables={"filter": {"nodeIds": [OBJECTS[1]]}})
    await one.touch_now(OBJECTS[2])
    monkeypatch.setattr("gateway.events.hub.CHECKPOINT_AFTER_S", 0)
    await other.touch_now(OBJECTS[1])

    await sink.until(lambda: len(set(sink.cursors)) > 1)

    assert set(sink.words) == {("StatusCheckpoint", False)}
    assert sink.events == []
