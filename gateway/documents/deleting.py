"""Deleting documents, each with all that derives from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ARRAY, Text, any_, bindparam, delete, select

from gateway.database.transaction import Transaction
from gateway.documents.contradictions import not_found
from gateway.documents.standing import in_standing_bucket
from gateway.documents.tables import DocumentBlobRow, DocumentRow
from gateway.objects.tables import ObjectRow

_NAMESPACE_ID = bindparam("namespace_id", type_=Text)
_ID = bindparam("id", type_=Text)
_IDS = bindparam("ids", type_=ARRAY(Text))

_FIND_ROOT = select(DocumentRow.root_object_id).where(
    DocumentRow.namespace_id == _NAMESPACE_ID,
    DocumentRow.id == _ID,
    in_standing_bucket(DocumentRow.namespace_id, DocumentRow.root_bucket_id),
)
# Who deletes the object takes its documents in another order, so one has to come before the other.
_SHARE_ROOT = (
    select(ObjectRow.id)
    .where(ObjectRow.namespace_id == _NAMESPACE_ID, ObjectRow.id == _ID)
    .with_for_update(read=True, key_share=True)
)
_LOCK = (
    select(DocumentRow.id)
    .where(DocumentRow.namespace_id == _NAMESPACE_ID, DocumentRow.id == _ID)
    .with_for_update()
)
_LOCK_CHILDREN = (
    select(DocumentRow.id)
    .where(DocumentRow.namespace_id == _NAMESPACE_ID, DocumentRow.source_document_id == any_(_IDS))
    .order_by(DocumentRow.id)
    .with_for_update()
)
_FIND_HASHES = (
    select(DocumentBlobRow.hash)
    .distinct()
    .where(
        DocumentBlobRow.namespace_id == _NAMESPACE_ID,
        DocumentBlobRow.document_id == any_(_IDS),
        DocumentBlobRow.has_bytes,
    )
)
_REMOVE = delete(DocumentRow).where(
    DocumentRow.namespace_id == _NAMESPACE_ID, DocumentRow.id == any_(_IDS)
)


@dataclass(frozen=True, slots=True)
class Removed:
    """How many documents went, and the hashes of bytes that may have no blob any more."""

    documents: int
    hashes: list[str]


async def delete_document(tx: Transaction, *, id: str) -> Removed:
    """Remove a document, all that derives from it, and their artifacts.

    The bytes stay: who has committed wakes the housekeeper with the hashes.

    Raises:
        NotFound: There is no such document.
    """
    this_one = {"namespace_id": tx.namespace_id, "id": id}
    root = await tx.row(_FIND_ROOT, **this_one)
    if root is not None and root["root_object_id"] is not None:
        await tx.run(_SHARE_ROOT, namespace_id=tx.namespace_id, id=root["root_object_id"])
    if root is None or await tx.row(_LOCK, **this_one) is None:
        raise not_found("doc", id, ("id",))

    # A locked document gets no more children, so whoever is found level by level is all.
    level = found = [id]
    while level:
        rows = await tx.rows(_LOCK_CHILDREN, namespace_id=tx.namespace_id, ids=level)
        level = [row["id"] for row in rows]
        found = found + level
    return await remove_documents(tx, found)


async def remove_documents(tx: Transaction, ids: Sequence[str]) -> Removed:
    """Remove documents from which nothing derives but others of them, and their artifacts.

    Args:
        ids: Of rows that the caller has locked.
    """
    those = {"namespace_id": tx.namespace_id, "ids": ids}
    hashes = [row["hash"] for row in await tx.rows(_FIND_HASHES, **those)]
    return Removed(await tx.run(_REMOVE, **those), hashes)
