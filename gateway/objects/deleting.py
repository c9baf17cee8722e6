"""Deleting objects, with all that derives from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ARRAY, Text, any_, bindparam, delete, select, union

from gateway.buckets import holding
from gateway.database.transaction import Transaction
from gateway.documents.tables import DocumentBlobRow, DocumentRow
from gateway.errors import NotFound
from gateway.objects.tables import BlobRow, ObjectRow
from gateway.wording import shortened

_NAMESPACE_ID = bindparam("namespace_id", type_=Text)
_IDS = bindparam("ids", type_=ARRAY(Text))

_FIND_BUCKET_ID = select(ObjectRow.bucket_id).where(
    ObjectRow.namespace_id == _NAMESPACE_ID, ObjectRow.id == bindparam("id")
)
# A full lock: who makes a document of an object waits, and then finds the object gone.
_LOCK = (
    select(ObjectRow.id)
    .where(ObjectRow.namespace_id == _NAMESPACE_ID, ObjectRow.id == any_(_IDS))
    .order_by(ObjectRow.id)
    .with_for_update()
)
# All that derives from an object names it as its root, however deep.
_DERIVED = (DocumentRow.namespace_id == _NAMESPACE_ID, DocumentRow.root_object_id == any_(_IDS))
_OWN_BLOBS = (BlobRow.namespace_id == _NAMESPACE_ID, BlobRow.object_id == any_(_IDS))
_FIND_HASHES = union(
    select(BlobRow.hash).where(*_OWN_BLOBS, BlobRow.has_bytes),
    select(DocumentBlobRow.hash)
    .join(
        DocumentRow,
        (DocumentRow.namespace_id == DocumentBlobRow.namespace_id)
        & (DocumentRow.id == DocumentBlobRow.document_id),
    )
    .where(*_DERIVED, DocumentBlobRow.has_bytes),
)
_REMOVE_DOCUMENTS = delete(DocumentRow).where(*_DERIVED)
_REMOVE_BLOBS = delete(BlobRow).where(*_OWN_BLOBS)
_REMOVE = delete(ObjectRow).where(
    ObjectRow.namespace_id == _NAMESPACE_ID, ObjectRow.id == any_(_IDS)
)


@dataclass(frozen=True, slots=True)
class Removed:
    """What went, and the hashes of bytes that may have no blob any more."""

    objects: int
    documents: int
    hashes: list[str]


async def delete_object(tx: Transaction, *, id: str) -> Removed:
    """Remove an object, its blobs and all documents derived from it.

    The bytes stay: who has committed wakes the housekeeper with the hashes.

    Raises:
        NotFound: There is no such object.
        Locked, BadState: Its bucket takes no writes.
    """
    unknown = NotFound(f"no object has the id {shortened(id)!r}", ("id",))
    bucket_id = await tx.value(_FIND_BUCKET_ID, namespace_id=tx.namespace_id, id=id)
    bucket = bucket_id and await holding.share(tx, bucket_id)
    if not bucket:
        raise unknown
    bucket.require_open(("id",))
    removed = await remove_objects(tx, [id])
    if not removed.objects:  # another deletion came first
        raise unknown
    return removed


async def remove_objects(tx: Transaction, ids: Sequence[str]) -> Removed:
    """Remove objects with their blobs and all documents derived from them, as in ``delete_object``.

    Whether their bucket is open is not asked.
    """
    which = {"namespace_id": tx.namespace_id, "ids": list(ids)}
    await tx.run(_LOCK, **which)
    hashes = [each["hash"] for each in await tx.rows(_FIND_HASHES, **which)]
    documents = await tx.run(_REMOVE_DOCUMENTS, **which)
    await tx.run(_REMOVE_BLOBS, **which)
    objects = await tx.run(_REMOVE, **which)
    return Removed(objects=objects, documents=documents, hashes=hashes)
