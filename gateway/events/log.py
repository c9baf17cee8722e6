"""Reads the log: what is new in it, and what of it a subscriber has missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy import ARRAY, BigInteger, Integer, Text, bindparam, column, func, or_, select, table
from sqlalchemy.sql import ColumnElement

from gateway.database.pool import Database
from gateway.database.transaction import Transaction
from gateway.events.cursors import EventCursor, EventCursors
from gateway.events.epochs import Epochs
from gateway.events.filters import Wanted
from gateway.events.tables import EventRow
from gateway.planner.rows import row

PAGE_GRID = 256

# Sees the events of all namespaces, as the sequencer does.
SEE_ALL = {"app.events_of": "all"}
_SEE_ALL = select(func.set_config("app.events_of", "all", True))

_EPOCHS = table(
    "event_epochs",
    column("epoch", Integer),
    column("first_seq", BigInteger),
    column("mark", BigInteger),
)
_BATCHES = table("event_batches", column("no", BigInteger), column("last_seq", BigInteger))
LAST_SEQ = func.coalesce(
    select(_BATCHES.c.last_seq).order_by(_BATCHES.c.no.desc()).limit(1).scalar_subquery(), 0
)
_MARK = select(_EPOCHS.c.mark).order_by(_EPOCHS.c.epoch.desc()).limit(1)


def epoch_of(seq: ColumnElement[int]) -> ColumnElement[int]:
    """Return the epoch in which a number was given."""
    return func.coalesce(_MARK.where(_EPOCHS.c.first_seq <= seq).scalar_subquery(), 0)


_FIRST_SEQ = func.coalesce(select(func.min(EventRow.seq)).scalar_subquery(), LAST_SEQ + 1)

_START = select(
    func.coalesce(_MARK.scalar_subquery(), 0).label("epoch"), _FIRST_SEQ.label("first_seq")
)

_COLUMNS = (
    EventRow.seq,
    EventRow.namespace_id,
    EventRow.kind,
    EventRow.event,
    EventRow.node_id,
    EventRow.bucket_id,
    EventRow.collection_id,
    EventRow.root_object_id,
    EventRow.version,
    EventRow.previous_status,
    EventRow.status,
    EventRow.error,
    EventRow.at,
)
# A row has these, be it a record or what a broker brought of it.
NEW_COLUMNS = tuple(each.key for each in _COLUMNS)
LogRow = asyncpg.Record | Mapping[str, Any]


class Batch(NamedTuple):
    """Some rows of the log that follow one another, as they are in an epoch; never none."""

    epoch: int
    rows: Sequence[LogRow]


_NEW = ", ".join(NEW_COLUMNS)
# The epoch comes with the events, of one snapshot: numbers that were given anew are never taken for
# those that follow. Without events there is one row all the same.
_NEWEST = "coalesce((SELECT mark FROM event_epochs ORDER BY epoch DESC LIMIT 1), 0) AS epoch"
READ_NEW = f"""
SELECT {_NEWEST}, new.*
FROM (SELECT) AS one LEFT JOIN LATERAL (
    SELECT {_NEW} FROM event_log WHERE seq > $1 ORDER BY seq LIMIT $2
) AS new ON true
"""  # noqa: S608

READ_END = f"""
SELECT {_NEWEST},
    coalesce((SELECT last_seq FROM event_batches ORDER BY no DESC LIMIT 1), 0) AS last_seq
"""  # noqa: S608
READ_EPOCHS = "SELECT mark, first_seq FROM event_epochs ORDER BY epoch"


class Event:
    """A row of the log, under the names that the fields of StatusEvent have in Python."""

    __slots__ = (
        "at",
        "bucket_id",
        "collection_id",
        "cursor",
        "error",
        "event",
        "kind",
        "node_id",
        "previous_status",
        "root_object_id",
        "seq",
        "status",
        "version",
    )

    def __init__(
        self,
        *,
        cursor: EventCursor,
        seq: int,
        kind: str,
        event: str,
        node_id: str,
        bucket_id: str | None,
        collection_id: str | None,
        root_object_id: str | None,
        version: int,
        previous_status: str | None,
        status: str | None,
        error: str | None,
        at: datetime,
    ) -> None:
        self.cursor = cursor
        self.seq = seq
        self.kind = kind
        self.event = event
        self.node_id = node_id
        self.bucket_id = bucket_id
        self.collection_id = collection_id
        self.root_object_id = root_object_id
        self.version = version
        self.previous_status = previous_status
        self.status = status
        self.error = error
        self.at = at

    @classmethod
    def of(cls, record: LogRow, cursor: EventCursor) -> Event:
        """Return the event that a row tells of."""
        return cls(
            cursor=cursor,
            seq=record["seq"],
            kind=record["kind"],
            event=record["event"],
            node_id=record["node_id"],
            bucket_id=record["bucket_id"],
            collection_id=record["collection_id"],
            root_object_id=record["root_object_id"],
            version=record["version"],
            previous_status=record["previous_status"],
            status=record["status"],
            error=record["error"],
            at=record["at"],
        )

    @property
    def node(self) -> Any:
        """The thing itself, for the read engine."""
        return row(id=self.node_id)


class LogPage(NamedTuple):
    """What was read of the log from a place on.

    Args:
        end: All that fits, up to this number, is here.
        first_seq: Of what the log still has of any namespace.
        epoch: The newest.
    """

    events: list[Event]
    end: int
    first_seq: int
    epoch: int


def _fitting(*, by_node: bool) -> Any:
    """Return the statement of a page; ``by_node``: by the index that has the nodes in it."""

    def fits(name: str) -> Any:
        given = bindparam(name, type_=ARRAY(Text))
        values = getattr(EventRow, name) == func.any(given)
        return values if by_node and name == "node_id" else or_(given.is_(None), values)

    barred = bindparam("barred", type_=ARRAY(Text))
    return (
        select(*_COLUMNS)
        .where(
            EventRow.namespace_id == bindparam("namespace_id", type_=Text),
            EventRow.seq > bindparam("after", type_=BigInteger),
            EventRow.seq <= bindparam("until", type_=BigInteger),
            *map(
                fits,
                (
                    "kind",
                    "event",
                    "bucket_id",
                    "collection_id",
                    "node_id",
                    "root_object_id",
                    "status",
                ),
            ),
            or_(
                barred.is_(None),
                EventRow.status.is_(None),
                EventRow.status != func.all(barred),
            ),
        )
        .order_by(EventRow.seq)
        .limit(bindparam("most", type_=Integer))
    )


_PAGE = _fitting(by_node=False)
_PAGE_BY_NODE = _fitting(by_node=True)


class LogReader:
    """Reads pages of the log in one namespace."""

    def __init__(self, database: Database, cursors: EventCursors) -> None:
        self._database = database
        self._cursors = cursors

    async def page(
        self,
        namespace_id: str,
        wanted: Wanted,
        epochs: Epochs,
        *,
        after: int,
        until: int,
        most: int,
    ) -> LogPage:
        """Return what fits of the events after a number.

        Row level security binds the read to the namespace. Up to where the log was emptied is asked
        afterwards, so that nothing can go unnoticed in between.

        Raises:
            Unavailable: PostgreSQL gives no answer.
        """
        async with self._database.transaction(namespace_id, is_look=True) as tx:
            records = await tx.rows(
                _PAGE if wanted.node_id is None else _PAGE_BY_NODE,
                namespace_id=namespace_id,
                after=after,
                until=until,
                most=most,
                **wanted.parameters(),
            )
            start = await _start(tx)
        end = until if len(records) < most else _page_end(after, records[-1]["seq"])
        events = [
            Event.of(each, self._cursors.write(namespace_id, epochs.of(each["seq"]), each["seq"]))
            for each in records
            if each["seq"] <= end
        ]
        return LogPage(events, end, start["first_seq"], start["epoch"])


def _page_end(after: int, last: int) -> int:
    """Return where a full page ends: at the same numbers for all, so that pages come to be shared.

    Whoever begins elsewhere goes on with the pages of the others after the first.
    """
    end = last - last % PAGE_GRID
    return end if end > after else last


async def _start(tx: Transaction) -> asyncpg.Record:
    await tx.value(_SEE_ALL)
    (start,) = await tx.rows(_START)
    return start
