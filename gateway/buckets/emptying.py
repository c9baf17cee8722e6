"""Removing what is left of a bucket that is being deleted, a piece at a time."""

from __future__ import annotations

from sqlalchemy import Text, bindparam, delete, exists, select
from sqlalchemy.orm import aliased

from gateway.buckets.tables import BucketRow
from gateway.database.transaction import Transaction
from gateway.documents.deleting import remove_documents
from gateway.documents.tables import DocumentRow
from gateway.enums import Status
from gateway.objects.deleting import remove_objects
from gateway.objects.tables import ObjectRow

OBJECTS_AT_A_TIME = 500
DOCUMENTS_AT_A_TIME = 2000

_NAMESPACE_ID = bindparam("namespace_id", type_=Text)
_BUCKET_ID = bindparam("bucket_id", type_=Text)

_FIND = select(BucketRow.id).where(
    BucketRow.namespace_id == _NAMESPACE_ID, BucketRow.status == Status.IN_PROGRESS
)
_THIS_ONE = (
    BucketRow.namespace_id == _NAMESPACE_ID,
    BucketRow.id == _BUCKET_ID,
    BucketRow.status == Status.IN_PROGRESS,
)
_LOCK = select(BucketRow.id).where(*_THIS_ONE).with_for_update(key_share=True, skip_locked=True)
_Child = aliased(DocumentRow)
_FIND_LEAVES = (
    select(DocumentRow.id)
    .where(
        DocumentRow.namespace_id == _NAMESPACE_ID,
        DocumentRow.root_bucket_id == _BUCKET_ID,
        ~exists().where(
            _Child.namespace_id == DocumentRow.namespace_id,
            _Child.source_document_id == DocumentRow.id,
        ),
    )
    .order_by(DocumentRow.id.desc())  # younger ones are seldom the source of others
    .limit(bindparam("most"))
    .with_for_update(of=DocumentRow)
)
_FIND_OBJECTS = (
    select(ObjectRow.id)
    .where(ObjectRow.namespace_id == _NAMESPACE_ID, ObjectRow.bucket_id == _BUCKET_ID)
    .order_by(ObjectRow.id)
    .limit(bindparam("most"))
)
_REMOVE = delete(BucketRow).where(*_THIS_ONE)


async def find_deleted(tx: Transaction) -> list[str]:
    """Return the ids of the buckets that are being deleted."""
    return [row["id"] for row in await tx.rows(_FIND, namespace_id=tx.namespace_id)]


async def remove_some(tx: Transaction, bucket_id: str) -> list[str] | None:
    """Remove a piece of a bucket that is being deleted; the last piece is the bucket itself.

    Returns:
        Hashes of bytes that may have no blob any more; None where there is nothing left to do,
        or another gateway is doing it.
    """
    mine = {"namespace_id": tx.namespace_id, "bucket_id": bucket_id}
    if await tx.row(_LOCK, **mine) is None:
        return None
    # Documents by themselves, since nobody knows how many an object has, and from the leaves up.
    leaves = await tx.rows(_FIND_LEAVES, most=DOCUMENTS_AT_A_TIME, **mine)
    if leaves:
        return (await remove_documents(tx, [row["id"] for row in leaves])).hashes
    objects = await tx.rows(_FIND_OBJECTS, most=OBJECTS_AT_A_TIME, **mine)
    if objects:
        return (await remove_objects(tx, [row["id"] for row in objects])).hashes
    await tx.run(_REMOVE, **mine)
    return []
