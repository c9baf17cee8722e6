"""Where something stands now, as an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Text, bindparam, null, select

from gateway.buckets.tables import BucketRow
from gateway.collections.tables import CollectionRow
from gateway.database.ids import prefix_of
from gateway.database.pool import Database
from gateway.documents.tables import DocumentRow
from gateway.enums import EntityKind, EventKind
from gateway.events.cursors import EventCursors
from gateway.events.log import LAST_SEQ, Event, epoch_of
from gateway.objects.tables import ObjectRow
from gateway.uploads.tables import UploadRow

# What of an error's text an event has; the log cuts it so.
MOST_ERROR_CHARACTERS = 2000


class _Kind(NamedTuple):
    kind: EntityKind
    find: Select[Any]


def _kind(
    kind: EntityKind,
    row: Any,
    *,
    bucket_id: ColumnElement[Any] | Any = None,
    collection_id: ColumnElement[Any] | Any = None,
    root_object_id: ColumnElement[Any] | Any = None,
) -> _Kind:
    """Return how one of a kind is found; its related ids are those that its events have."""
    columns = {
        "bucket_id": bucket_id,
        "collection_id": collection_id,
        "root_object_id": root_object_id,
        "status": getattr(row, "status", None),
        "error": getattr(row, "error", None),
    }
    nothing = null()
    named = [(nothing if each is None else each).label(name) for name, each in columns.items()]
    place = (LAST_SEQ.label("last_seq"), epoch_of(LAST_SEQ).label("epoch"))
    statement = select(row.version, row.updated_at, *place, *named).where(
        row.namespace_id == bindparam("namespace_id", type_=Text),
        row.id == bindparam("id", type_=Text),
    )
    return _Kind(kind, statement)


_KINDS: Mapping[str, _Kind] = {
    "bkt": _kind(EntityKind.BUCKET, BucketRow, bucket_id=BucketRow.id),
    "obj": _kind(
        EntityKind.OBJECT, ObjectRow, bucket_id=ObjectRow.bucket_id, root_object_id=ObjectRow.id
    ),
    "doc": _kind(
        EntityKind.DOCUMENT,
        DocumentRow,
        bucket_id=DocumentRow.root_bucket_id,
        collection_id=DocumentRow.collection_id,
        root_object_id=DocumentRow.root_object_id,
    ),
    "col": _kind(EntityKind.COLLECTION, CollectionRow, collection_id=CollectionRow.id),
    "upl": _kind(EntityKind.UPLOAD, UploadRow, bucket_id=UploadRow.bucket_id),
}


async def find_standing(
    database: Database, cursors: EventCursors, namespace_id: str, id: str
) -> Event | None:
    """Return the state of a node as an event, None if there is no such node.

    Its cursor is that of what the same statement sees of the log.

    Raises:
        Unavailable: PostgreSQL gives no answer.
    """
    kind = _KINDS.get(prefix_of(id) or "")
    if kind is None:
        return None
    async with database.transaction(namespace_id, is_look=True) as tx:
        found = await tx.row(kind.find, namespace_id=namespace_id, id=id)
    if found is None:
        return None
    seq = found["last_seq"]
    return Event(
        cursor=cursors.write(namespace_id, found["epoch"], seq),
        seq=seq,
        kind=kind.kind,
        event=EventKind.STATUS_CHANGED,
        node_id=id,
        bucket_id=found["bucket_id"],
        collection_id=found["collection_id"],
        root_object_id=found["root_object_id"],
        version=found["version"],
        previous_status=None,
        status=found["status"],
        error=None if found["error"] is None else found["error"][:MOST_ERROR_CHARACTERS],
        at=found["updated_at"],
    )
