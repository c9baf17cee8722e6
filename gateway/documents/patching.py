"""Changing what may change of a document: its metadata, never its lineage."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, func, select, update

from gateway.database.transaction import Transaction
from gateway.documents.contradictions import not_found
from gateway.documents.standing import in_standing_bucket
from gateway.documents.tables import DocumentRow
from gateway.limits import Limits
from gateway.patching import check_version, patched_metadata

_THIS_ONE = (
    DocumentRow.namespace_id == bindparam("namespace_id"),
    DocumentRow.id == bindparam("id"),
)
# NO KEY UPDATE: a full lock would wait for those who make documents of this one.
_LOCK = (
    select(DocumentRow.metadata_, DocumentRow.version)
    .where(*_THIS_ONE, in_standing_bucket(DocumentRow.namespace_id, DocumentRow.root_bucket_id))
    .with_for_update(key_share=True, of=DocumentRow)
)
_NEW_METADATA = bindparam("new_metadata", type_=DocumentRow.metadata_.type)
_CHANGE = (
    update(DocumentRow)
    .values(
        metadata_=_NEW_METADATA,
        version=DocumentRow.version + 1,
        updated_at=func.now(),
    )
    # A patch that changes nothing leaves the version alone.
    .where(*_THIS_ONE, DocumentRow.metadata_ != _NEW_METADATA)
)


async def patch_metadata(
    tx: Transaction,
    limits: Limits,
    *,
    id: str,
    patch: Any,
    expected_version: int | None = None,
) -> None:
    """Merge a patch into a document's metadata by RFC 7396; None empties it.

    Raises:
        NotFound: There is no such document.
        VersionMismatch: It has moved on from ``expected_version``.
        InvalidInput, TooLarge: The patch, or the metadata with it, cannot be kept.
    """
    this_one = {"namespace_id": tx.namespace_id, "id": id}
    row = await tx.row(_LOCK, **this_one)
    if row is None:
        raise not_found("doc", id, ("id",))
    check_version(expected_version, current=row["version"], id=id)
    metadata = patched_metadata(row["metadata"], patch, most_bytes=limits.metadata_bytes)
    await tx.run(_CHANGE, **this_one, new_metadata=metadata)
