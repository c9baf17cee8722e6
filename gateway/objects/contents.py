"""Keeps bytes in the store before rows name them, and removes them after the last row is gone.

Both hold a lock on the bytes' row in ``contents`` from before they touch the store until they
commit. So no committed row names bytes that are not there, however creating and deleting overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Double,
    Exists,
    SQLColumnExpression,
    Text,
    any_,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from gateway.blobs.store import BlobStore, content_key
from gateway.database.pool import Database, Transaction
from gateway.documents.tables import DocumentBlobRow
from gateway.objects.blob_data import BlobContent
from gateway.objects.tables import BlobRow, ContentRow

_NAMESPACE_ID: BindParameter[str] = bindparam("namespace_id")
_HASHES = bindparam("hashes", type_=ARRAY(Text))
_THIS_ONE = (ContentRow.namespace_id == _NAMESPACE_ID, ContentRow.hash == bindparam("hash"))

# Writers of the same bytes do not wait for each other here, only for who removes them.
_HOLD = (
    select(ContentRow.hash)
    .where(ContentRow.namespace_id == _NAMESPACE_ID, ContentRow.hash == any_(_HASHES))
    .order_by(ContentRow.hash)
    .with_for_update(read=True, key_share=True)
)


def _add_statement() -> Any:
    new = func.unnest(_HASHES, bindparam("sizes", type_=ARRAY(BigInteger)))
    each = new.table_valued("hash", "size_bytes").render_derived()
    added = insert(ContentRow).from_select(
        ["namespace_id", "hash", "size_bytes"],
        # In order: two writers of several new contents would otherwise wait for each other.
        select(_NAMESPACE_ID, each.c.hash, each.c.size_bytes).order_by(each.c.hash),
    )
    # DO NOTHING would not lock a row that another writer has just committed.
    return added.on_conflict_do_update(
        index_elements=["namespace_id", "hash"], set_={"size_bytes": added.excluded.size_bytes}
    )


_ADD = _add_statement()


async def keep(tx: Transaction, store: BlobStore, *, contents: Sequence[BlobContent]) -> None:
    """See to it that the store has the bytes of all contents, before rows name them in ``tx``.

    If ``tx`` is rolled back afterwards, new bytes stay in the store and no row names them; they are
    taken up when the same bytes come again.

    Raises:
        Unavailable: The store cannot keep them; roll ``tx`` back.
    """
    wanted = {each.hash: each.data for each in contents if each.data is not None}
    if not wanted:
        return
    values = {"namespace_id": tx.namespace_id}
    held = {row["hash"] for row in await tx.rows(_HOLD, hashes=list(wanted), **values)}
    new = [each for each in wanted if each not in held]
    if new:
        await tx.run(_ADD, hashes=new, sizes=[len(wanted[each]) for each in new], **values)
    # Those held too: a sweep that was killed may have left a row whose bytes are gone.
    for content_hash, data in wanted.items():
        await store.put(content_key(tx.namespace_id, content_hash), data)


def _namings(content_hash: SQLColumnExpression[str]) -> list[Exists]:
    """Return one condition for each table whose rows can name a content."""
    return [
        exists().where(row.namespace_id == _NAMESPACE_ID, row.hash == content_hash, row.has_bytes)
        for row in (BlobRow, DocumentBlobRow)
    ]


_SECOND: ColumnElement[Any] = literal_column("interval '1 second'")
_FIND_UNNAMED = (
    select(ContentRow.hash)
    .where(
        ContentRow.namespace_id == _NAMESPACE_ID,
        ContentRow.created_at <= func.now() - _SECOND * bindparam("older_than_s", type_=Double),
        or_(_HASHES.is_(None), ContentRow.hash == any_(_HASHES)),
        *(~naming for naming in _namings(ContentRow.hash)),
    )
    .limit(bindparam("limit"))
)
_LOCK = select(ContentRow.hash).where(*_THIS_ONE).with_for_update()
_IS_NAMED = select(or_(*_namings(bindparam("hash"))))
_REMOVE = delete(ContentRow).where(*_THIS_ONE)


async def sweep(
    database: Database,
    store: BlobStore,
    namespace_id: str,
    *,
    hashes: Sequence[str] | None = None,
    older_than_s: float = 0,
    limit: int = 100,
) -> int:
    """Remove contents that no blob names, of objects or documents; return how many.

    Args:
        hashes: Look at these only, as after a deletion; None: at all of the namespace.
        older_than_s: Spare those that were first kept less than this many seconds ago.
        limit: At most this many; call again for the rest.

    Raises:
        Unavailable: The store cannot remove them now; those before are gone.
    """
    async with database.transaction(namespace_id) as tx:
        unnamed = await tx.rows(
            _FIND_UNNAMED,
            namespace_id=namespace_id,
            hashes=hashes,
            older_than_s=float(older_than_s),
            limit=limit,
        )
    removed = 0
    for row in unnamed:
        # One lock at a time, so that waiting for it cannot be part of a deadlock. Waiting, because
        # skipping leaves bytes behind where two deletions of the last two blobs overlap: the first
        # still sees the second's blob, and the second would find the row locked by the first.
        async with database.transaction(namespace_id) as tx:
            removed += await _remove_if_unnamed(tx, store, row["hash"])
    return removed


async def _remove_if_unnamed(tx: Transaction, store: BlobStore, content_hash: str) -> bool:
    this_one = {"namespace_id": tx.namespace_id, "hash": content_hash}
    if await tx.value(_LOCK, **this_one) is None:
        return False
    # Only a statement that begins after the lock was had sees what its last holder committed.
    if await tx.value(_IS_NAMED, **this_one):
        return False
    # The bytes first: after a crash in between, the row is still here for the next sweep.
    await store.delete(content_key(tx.namespace_id, content_hash))
    await tx.run(_REMOVE, **this_one)
    return True
