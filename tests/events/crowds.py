"""Subscribers who come and go as they like, each of whom notes all that each subscription told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import asyncpg

from gateway.errors import Unavailable
from gateway.events.cursors import EventCursors
from tests.events.following import ALL, Gateway, Sink
from tests.events.world import OBJECTS

# A row of the log.
Row = asyncpg.Record
Fits = Callable[[Row], bool]

_FIELDS = "cursor event nodeId version status"
_NODE = "node { ... on BucketObject { version } }"
WITH_NODES = f"""
subscription ($after: EventCursor) {{
  statusChanged(after: $after, filter: {{kinds: [OBJECT]}}) {{
    __typename
    ... on StatusEvent {{ {_FIELDS} {_NODE} }}
    ... on StatusCheckpoint {{ cursor replaying }}
    ... on StatusReset {{ cursor reason }}
  }}
}}
"""
ONE_NODE = f"""
subscription ($id: ID!, $end: Boolean!) {{
  nodeStatus(id: $id, untilTerminal: $end) {{ {_FIELDS} %s }}
}}
"""
# As reads have it beside their data.
_END = """
SELECT last_seq, (
    SELECT mark FROM event_epochs WHERE first_seq <= last_seq ORDER BY epoch DESC LIMIT 1
) AS epoch
FROM event_batches ORDER BY no DESC LIMIT 1
"""
ENDS = ("COMPLETED", "FAILED")


@dataclass(frozen=True)
class Question:
    """Something to subscribe to, and the rows of the log that are to be told."""

    text: str
    variables: Mapping[str, Any]
    fits: Fits
    node_id: str | None = None

    def is_last(self, row: Row) -> bool:
        is_done = self.variables.get("end") and row["status"] in ENDS
        return self.node_id is not None and bool(is_done or row["event"] == "DELETED")


def own(random: Random) -> Random:
    """Return chances that do not depend on what others draw meanwhile."""
    return Random(random.random())  # noqa: S311


def any_question(random: Random) -> Question:
    """Return one of the questions that are asked in crowds."""
    if random.random() < 0.3:
        id = random.choice(OBJECTS[:3])
        end = random.random() < 0.5
        text = ONE_NODE % random.choice(["", _NODE])
        return Question(
            text,
            {"id": id, "end": end},
            lambda row: row["node_id"] == id and row["event"] in ("STATUS_CHANGED", "DELETED"),
            id,
        )
    few = OBJECTS[:2]
    (question,) = random.choices(
        [
            Question(ALL, {}, lambda _: True),
            Question(ALL, {"filter": {"nodeIds": few}}, lambda row: row["node_id"] in few),
            Question(
                ALL,
                {"filter": {"events": ["STATUS_CHANGED"], "status": {"in": ["QUEUED"]}}},
                lambda row: row["event"] == "STATUS_CHANGED" and row["status"] == "QUEUED",
            ),
            Question(WITH_NODES, {}, lambda row: row["kind"] == "OBJECT"),
        ],
        [2, 1, 1, 3],
    )
    return question


class Told:
    """What one subscription was told, and whether that is right."""

    def __init__(
        self, question: Question, after: int | None, sink: Sink, cursors: EventCursors
    ) -> None:
        self._question = question
        self._after = after
        self._cursors = cursors
        self.sink = sink

    @property
    def has_places(self) -> bool:
        """Whether others may go on after what it was told."""
        return self._question.node_id is None

    def lacks(self, log: Sequence[Row]) -> int:
        """Return how many events are still to be told; fail where what was told is wrong."""
        return self._lacks(log) if self.has_places else self._lacks_of_node(log)

    def _lacks(self, log: Sequence[Row]) -> int:
        messages = self.sink.messages
        if not messages:
            return 1
        first = messages[0]
        assert first["__typename"] == "StatusCheckpoint", first
        place = self._seq(first)
        if self._after is None:
            assert first["replaying"] is False
            self._after = place
        wanted = [row for row in log if row["seq"] > self._after and self._question.fits(row)]
        told = 0
        for message in messages:
            seq = self._seq(message)
            assert seq >= place, "it went back"
            place = seq
            if "version" in message:
                assert told < len(wanted), f"told {message}, which is too much"
                assert_tells(message, wanted[told])
                assert seq == wanted[told]["seq"]
                told += 1
            else:
                assert message["__typename"] == "StatusCheckpoint", message
                behind = [row for row in wanted[told:] if row["seq"] <= seq]
                assert not behind, f"left out {behind} before {message} at {seq}"
        return len(wanted) - told

    def _lacks_of_node(self, log: Sequence[Row]) -> int:
        messages = self.sink.messages
        if not messages:
            return 1
        standing = messages[0]
        assert standing["nodeId"] == self._question.node_id
        wanted = [
            row for row in log if self._question.fits(row) and row["version"] > standing["version"]
        ]
        for number, row in enumerate(wanted):
            if self._question.is_last(row):
                del wanted[number + 1 :]
        if self._question.variables["end"] and standing["status"] in ENDS:
            wanted = []
        assert len(messages) - 1 <= len(wanted), f"told {messages[len(wanted) + 1 :]}"
        for message, row in zip(messages[1:], wanted, strict=False):
            assert_tells(message, row)
        missing = len(wanted) - (len(messages) - 1)
        if missing:
            assert not self.sink.is_complete
        return missing

    def _seq(self, message: Mapping[str, Any]) -> int:
        return self._cursors.read(message["cursor"]).seq


def assert_tells(message: Mapping[str, Any], row: Row) -> None:
    told = (message["nodeId"], message["event"], message["version"], message["status"])
    wanted = (row["node_id"], row["event"], row["version"], row["status"])
    assert told == wanted, f"told {told} in place of {wanted}"
    if message.get("node"):
        assert message["node"]["version"] >= message["version"]


async def hear_more(sink: Sink) -> None:
    """Return when one more message was told, or nothing for a while."""
    count = len(sink.messages)
    if sink.takes == 0 and not sink.is_over:
        sink.drain()
    sink.takes = None
    with suppress(TimeoutError):
        await sink.until(lambda: sink.is_over or len(sink.messages) > count, seconds=0.1)


class Tide:
    """Takes all away at once and brings them back at once, again and again."""

    def __init__(self) -> None:
        self._turned = asyncio.Event()
        self._is_in = asyncio.Event()
        self._is_in.set()

    async def go_out(self, seconds: float) -> None:
        """Take all away for so long."""
        self._is_in.clear()
        self._turned.set()
        self._turned = asyncio.Event()
        await asyncio.sleep(seconds)
        self._is_in.set()

    async def until_in(self) -> None:
        """Return at once, or when all are brought back."""
        await self._is_in.wait()

    async def stay(self, seconds: float) -> None:
        """Return after so long, or when all are taken away."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._turned.wait()


class Cursors:
    """The places that the subscribers of one namespace go on from, wherever they were before."""

    def __init__(self, namespace_id: str, cursors: EventCursors, sql: asyncpg.Connection) -> None:
        self._namespace_id = namespace_id
        self._cursors = cursors
        self._sql = sql
        self._is_free = asyncio.Lock()
        self._told: list[str] = []

    def note(self, told: Iterable[str]) -> None:
        """Keep the last of some that were told."""
        self._told += list(told)[-3:]
        del self._told[:-12]

    async def any(self, random: Random) -> str:
        """Return one that was told, or where the log ends now, which a gateway may not know yet."""
        if self._told and random.random() < 0.6:
            return random.choice(self._told)
        async with self._is_free:
            (end,) = await self._sql.fetch(_END)
        return self._cursors.write(self._namespace_id, end["epoch"], end["last_seq"])


class Visitor:
    """Someone who subscribes now here and now there, and mostly goes on where others were."""

    def __init__(
        self,
        gateways: Sequence[Gateway],
        namespace_id: str,
        cursors: Cursors,
        tide: Tide,
        random: Random,
    ) -> None:
        self._gateways = gateways
        self.namespace_id = namespace_id
        self._cursors = cursors
        self._tide = tide
        self._random = random
        self.told: list[Told] = []

    async def visit(self) -> None:
        """Subscribe, stay for a while, and leave."""
        random = self._random
        told = await self._begin(takes=random.choice([None, None, 1, 2, 4]), is_fickle=True)
        if told is None:
            return
        sink = told.sink
        for _ in range(random.choice([1, 1, 2, 5])):
            await self._tide.stay(random.expovariate(1 / 0.01))
            if sink.is_over:
                break
            if sink.takes == 0:
                sink.drain(random.choice([1, 3, None]))
        if random.random() < 0.7:  # what was left out shows in what comes next
            await hear_more(sink)
        self.leave()

    async def stay(self) -> None:
        """Subscribe for good, again if need be."""
        while not self.told or self.told[-1].sink.is_stopped or self.told[-1].sink.failure:
            await self._begin(takes=None)

    def leave(self) -> None:
        told = self.told[-1]
        failure = told.sink.failure
        assert failure is None or isinstance(failure, Unavailable), failure
        if not told.sink.is_over:
            told.sink.stop()
        if told.has_places:
            self._cursors.note(each for each in told.sink.cursors if each)

    async def _begin(self, *, takes: int | None, is_fickle: bool = False) -> Told | None:
        random = self._random
        gateway = random.choice(self._gateways)
        question = any_question(random)
        after = None
        if question.node_id is None and random.random() < 0.7:
            after = await self._cursors.any(random)
        sink = Sink(takes=takes)
        asking = asyncio.create_task(
            gateway.ask(
                question.text,
                {**question.variables, "after": after} if after else dict(question.variables),
                namespace_id=self.namespace_id,
                sink=sink,
            )
        )
        if is_fickle and random.random() < 0.1:
            await asyncio.wait([asking], timeout=random.expovariate(1 / 0.005))
            asking.cancel()
        try:
            found = await asking
        except asyncio.CancelledError:
            return None
        if isinstance(found, list):
            (error,) = found
            assert "nothing here has the id" in error.message, error
            return None
        sink.following = found
        cursors = gateway.context.cursors
        place = None if after is None else cursors.read(after).seq
        told = Told(question, place, sink, cursors)
        self.told.append(told)
        return told
