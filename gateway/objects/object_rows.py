"""The rows of objects and their blobs, many of them in each statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, Text, and_, any_, bindparam, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.database.arrays import arrays, columns_of, rows_of
from gateway.database.transaction import Transaction
from gateway.documents.tables import DocumentBlobRow
from gateway.objects.drafts import OWN_OF_BLOB, Draft
from gateway.objects.tables import BlobRow, ObjectRow

_NAMESPACE_ID = bindparam("namespace_id", type_=Text)
_IDS = bindparam("ids", type_=ARRAY(Text))

_OBJECT = columns_of(
    ObjectRow.id,
    ObjectRow.bucket_id,
    ObjectRow.unique_key,
    ObjectRow.key_prefix,
    ObjectRow.metadata_,
    ObjectRow.skip_duplicates,
    ObjectRow.version,
    ObjectRow.content_hash,
    ObjectRow.size_bytes,
)
_KEY = columns_of(ObjectRow.bucket_id, ObjectRow.unique_key)
_HASH = columns_of(BlobRow.bucket_id, BlobRow.hash)
_BLOB = columns_of(BlobRow.object_id, BlobRow.bucket_id) | OWN_OF_BLOB


def _add_objects() -> Any:
    new = rows_of("object", _OBJECT)
    rows = select(_NAMESPACE_ID, *new.c).order_by(new.c.bucket_id, new.c.unique_key)
    return (
        insert(ObjectRow)
        .from_select(["namespace_id", *_OBJECT], rows)
        .on_conflict_do_nothing()
        .returning(ObjectRow.id)
    )


def _lock_keyed() -> Any:
    wanted = rows_of("key", _KEY)
    return (
        select(*(ObjectRow.__table__.c[name] for name in _OBJECT))
        .join(
            wanted,
            and_(
                ObjectRow.namespace_id == _NAMESPACE_ID,
                ObjectRow.bucket_id == wanted.c.bucket_id,
                ObjectRow.unique_key == wanted.c.unique_key,
            ),
        )
        .order_by(ObjectRow.bucket_id, ObjectRow.unique_key)
        # NO KEY UPDATE: a full lock would wait until no new document names the object.
        .with_for_update(key_share=True, of=ObjectRow)
    )


def _find_others() -> Any:
    wanted = rows_of("hash", _HASH)
    return (
        select(BlobRow.bucket_id, BlobRow.hash, func.min(BlobRow.id).label("id"))
        .join(
            wanted,
            and_(
                BlobRow.namespace_id == _NAMESPACE_ID,
                BlobRow.bucket_id == wanted.c.bucket_id,
                BlobRow.hash == wanted.c.hash,
            ),
        )
        .where(BlobRow.object_id != func.all(_IDS))
        .group_by(BlobRow.bucket_id, BlobRow.hash)
    )


def _change_objects() -> Any:
    new = rows_of("object", _OBJECT)
    columns = ObjectRow.__table__.c
    return (
        update(ObjectRow)
        .values(
            {columns[name]: new.c[name] for name in _OBJECT if name not in ("id", "bucket_id")}
            | {
                columns.updated_at: case(
                    (columns.version == new.c.version, columns.updated_at), else_=func.now()
                )
            }
        )
        .where(columns.namespace_id == _NAMESPACE_ID, columns.id == new.c.id)
    )


def _add_blobs() -> Any:
    new = rows_of("blob", _BLOB)
    return insert(BlobRow).from_select(["namespace_id", *_BLOB], select(_NAMESPACE_ID, *new.c))


def _change_blobs() -> Any:
    new = rows_of("blob", _BLOB)
    columns = BlobRow.__table__.c
    return (
        update(BlobRow)
        .values({columns[name]: new.c[name] for name in OWN_OF_BLOB if name != "id"})
        .where(columns.namespace_id == _NAMESPACE_ID, columns.id == new.c.id)
    )


_ADD_OBJECTS = _add_objects()
_LOCK_KEYED = _lock_keyed()
_FIND_BLOBS = (
    select(BlobRow.object_id, *(BlobRow.__table__.c[name] for name in OWN_OF_BLOB))
    .where(BlobRow.namespace_id == _NAMESPACE_ID, BlobRow.object_id == any_(_IDS))
    .order_by(BlobRow.object_id, BlobRow.position)
)
_FIND_HOLDERS = _find_others()
_CHANGE_OBJECTS = _change_objects()
_ADD_BLOBS = _add_blobs()
_CHANGE_BLOBS = _change_blobs()
_FORGET_BLOBS = (
    update(DocumentBlobRow)
    .values(source_blob_id=None)
    .where(
        DocumentBlobRow.namespace_id == _NAMESPACE_ID, DocumentBlobRow.source_blob_id == any_(_IDS)
    )
)
_REMOVE_BLOBS = delete(BlobRow).where(
    BlobRow.namespace_id == _NAMESPACE_ID, BlobRow.id == any_(_IDS)
)


async def add(tx: Transaction, drafts: Sequence[Draft]) -> set[str]:
    """Make the rows of new objects, but of none whose unique key is there; return whose were made.

    Waits for others who are making rows of the same keys.
    """
    if not drafts:
        return set()
    rows = [draft.columns for draft in drafts]
    made = await tx.rows(
        _ADD_OBJECTS, namespace_id=tx.namespace_id, **arrays("object", _OBJECT, rows)
    )
    return {row["id"] for row in made}


async def lock_keyed(tx: Transaction, keys: Iterable[tuple[str, str]]) -> list[Draft]:
    """Lock the objects that have a bucket's id and a unique key of these; return them."""
    wanted = [{"bucket_id": bucket_id, "unique_key": key} for bucket_id, key in keys]
    rows = await tx.rows(_LOCK_KEYED, namespace_id=tx.namespace_id, **arrays("key", _KEY, wanted))
    found = {row["id"]: Draft(**row) for row in rows}
    if found:
        # A statement of its own, after the locks: it has to see what their last holders committed.
        for row in await tx.rows(_FIND_BLOBS, namespace_id=tx.namespace_id, ids=list(found)):
            blob = {name: row[name] for name in OWN_OF_BLOB}
            found[row["object_id"]].blobs.append(blob)
    for draft in found.values():
        draft.stored = draft.columns
        draft.stored_blobs = {blob["id"]: blob for blob in draft.blobs}
    return list(found.values())


async def find_holders(
    tx: Transaction, contents: Iterable[tuple[str, str]], *, besides: Iterable[Draft]
) -> list[tuple[str, str, str]]:
    """Return for each bucket's id and hash, where there is one, a blob that has the content.

    Args:
        besides: Objects whose blobs do not count.

    Shape:
        ``(bucket_id, hash, blob_id)``
    """
    wanted = [{"bucket_id": bucket_id, "hash": hash} for bucket_id, hash in contents]
    rows = await tx.rows(
        _FIND_HOLDERS,
        namespace_id=tx.namespace_id,
        ids=[draft.id for draft in besides],
        **arrays("hash", _HASH, wanted),
    )
    return [(row["bucket_id"], row["hash"], row["id"]) for row in rows]


async def write(tx: Transaction, drafts: Sequence[Draft]) -> None:
    """Write what has changed of objects whose rows are there, and their blobs."""
    mine = {"namespace_id": tx.namespace_id}
    if lost := [blob["id"] for draft in drafts for blob in draft.lost_blobs()]:
        await tx.run(_FORGET_BLOBS, ids=lost, **mine)
        await tx.run(_REMOVE_BLOBS, ids=lost, **mine)
    if changed := [blob for draft in drafts for blob in draft.changed_blobs()]:
        await tx.run(_CHANGE_BLOBS, **mine, **arrays("blob", _BLOB, changed))
    if added := [blob for draft in drafts for blob in draft.added_blobs()]:
        await tx.run(_ADD_BLOBS, **mine, **arrays("blob", _BLOB, added))
    if rows := [draft.columns for draft in drafts if draft.is_changed()]:
        await tx.run(_CHANGE_OBJECTS, **mine, **arrays("object", _OBJECT, rows))
