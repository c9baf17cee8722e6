"""Removes bytes that no row names any more, or never did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
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

from gateway.blobs.store import BegunParts, BlobStore
from gateway.database.pool import Database
from gateway.database.transaction import Transaction
from gateway.documents.tables import DocumentBlobRow
from gateway.objects import contents
from gateway.objects.tables import BlobRow, ContentRow, RemovalRow
from gateway.uploads.tables import UploadRow

_REMOVED_AT_ONCE = 20
_LOOKED_AT_ONCE = 1000

_NAMESPACE_ID: BindParameter[str] = bindparam("namespace_id")
_HASHES = bindparam("hashes", type_=ARRAY(Text))
_KEYS = bindparam("keys", type_=ARRAY(Text))
_THIS_ONE = (ContentRow.namespace_id == _NAMESPACE_ID, ContentRow.hash == bindparam("hash"))


def _namings(content_hash: SQLColumnExpression[str]) -> list[Exists]:
    """Return one condition for each table whose rows can name a content."""
    blobs = [
        exists().where(row.namespace_id == _NAMESPACE_ID, row.hash == content_hash, row.has_bytes)
        for row in (BlobRow, DocumentBlobRow)
    ]
    uploads = exists().where(
        UploadRow.namespace_id == _NAMESPACE_ID, UploadRow.hash == content_hash
    )
    return [*blobs, uploads]


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
_REMOVE = delete(ContentRow).where(*_THIS_ONE).returning(ContentRow.key)
_FIND_CONDEMNED = (
    select(RemovalRow.key)
    .where(RemovalRow.namespace_id == _NAMESPACE_ID)
    .order_by(RemovalRow.created_at)
    .limit(bindparam("limit"))
)
_GIVEN_KEY: ColumnElement[str] = func.unnest(_KEYS, type_=Text).column_valued("given")
_FIND_STRAYS = select(_GIVEN_KEY.label("key")).where(
    # Every table in which the key of bytes may be.
    *(
        ~exists().where(row.namespace_id == _NAMESPACE_ID, row.key == _GIVEN_KEY)
        for row in (ContentRow, RemovalRow, UploadRow)
    )
)
_FIND_UPLOADS = select(UploadRow.key).where(
    UploadRow.namespace_id == _NAMESPACE_ID, UploadRow.key == any_(_KEYS)
)
_FORGET = delete(RemovalRow).where(
    RemovalRow.namespace_id == _NAMESPACE_ID, RemovalRow.key == any_(_KEYS)
)


async def sweep(
    database: Database,
    store: BlobStore,
    namespace_id: str,
    *,
    hashes: Sequence[str] | None = None,
    older_than_s: float = 0,
    limit: int = 100,
) -> int:
    """Remove contents that no blob names, of objects or documents, and bytes that are condemned.

    Return for how many keys the store has nothing any more.

    Args:
        hashes: Look at these contents only, as after a deletion; None: at all of the namespace.
        older_than_s: Spare contents that were first kept less than this many seconds ago.
        limit: At most this many; call again for the rest.

    Raises:
        Unavailable: The store cannot remove some of them now; a later sweep does.
    """
    async with database.transaction(namespace_id) as tx:
        unnamed = await tx.rows(
            _FIND_UNNAMED,
            namespace_id=namespace_id,
            hashes=hashes,
            older_than_s=float(older_than_s),
            limit=limit,
        )
    for row in unnamed:
        # One lock at a time, so that waiting for it cannot be part of a deadlock. Waiting, because
        # skipping leaves bytes behind where two deletions of the last two blobs overlap: the first
        # still sees the second's blob, and the second would find the row locked by the first.
        async with database.transaction(namespace_id) as tx:
            await _condemn_if_unnamed(tx, row["hash"])
    return await _remove_condemned(database, store, namespace_id, limit)


async def sweep_strays(
    database: Database, store: BlobStore, namespace_id: str, *, older_than_s: float
) -> int:
    """Remove bytes whose key is in no table, and uploads in parts of none; return how many.

    They are what writers leave that fail between putting bytes and committing a row.

    Args:
        older_than_s: Spare bytes that came, and parts that were begun, less than this many seconds
            ago. No transaction, and no file that is being fetched, may take longer, for until it
            commits its bytes look the same.

    Raises:
        Unavailable: The store gives no answer; those before are gone, or condemned.
    """
    oldest_spared = datetime.now(UTC) - timedelta(seconds=older_than_s)
    strays = 0
    keys: list[str] = []
    async for each in store.listed(f"{namespace_id}/"):
        if each.modified_at < oldest_spared:
            keys.append(each.key)
        if len(keys) == _LOOKED_AT_ONCE:
            strays += await _condemn_strays(database, namespace_id, keys)
            keys.clear()
    strays += await _condemn_strays(database, namespace_id, keys)
    while await _remove_condemned(database, store, namespace_id, _LOOKED_AT_ONCE):
        pass
    begun = [
        each async for each in store.begun_parts(f"{namespace_id}/") if each.since < oldest_spared
    ]
    for start in range(0, len(begun), _LOOKED_AT_ONCE):
        some = begun[start : start + _LOOKED_AT_ONCE]
        strays += await _abort_strays(database, store, namespace_id, some)
    return strays


async def _abort_strays(
    database: Database, store: BlobStore, namespace_id: str, begun: Sequence[BegunParts]
) -> int:
    keys = [each.key for each in begun]
    async with database.transaction(namespace_id) as tx:
        known = await tx.rows(_FIND_UPLOADS, namespace_id=namespace_id, keys=keys)
    # An upload that is aborted or expired keeps its row until its parts are gone.
    uploads = {row["key"] for row in known}
    strays = [each for each in begun if each.key not in uploads]
    for each in strays:
        await store.abort_parts(each.key, each.parts_id)
    return len(strays)


async def _condemn_strays(database: Database, namespace_id: str, keys: Sequence[str]) -> int:
    async with database.transaction(namespace_id) as tx:
        found = await tx.rows(_FIND_STRAYS, namespace_id=namespace_id, keys=list(keys))
        strays = [row["key"] for row in found]
        if strays:
            await contents.condemn(tx, strays)
    return len(strays)


async def _condemn_if_unnamed(tx: Transaction, content_hash: str) -> None:
    this_one = {"namespace_id": tx.namespace_id, "hash": content_hash}
    if await tx.value(_LOCK, **this_one) is None:
        return
    # Only a statement that begins after the lock was had sees what its last holder committed.
    if await tx.value(_IS_NAMED, **this_one):
        return
    await contents.condemn(tx, [await tx.value(_REMOVE, **this_one)])


async def _remove_condemned(
    database: Database, store: BlobStore, namespace_id: str, limit: int
) -> int:
    async with database.transaction(namespace_id) as tx:
        found = await tx.rows(_FIND_CONDEMNED, namespace_id=namespace_id, limit=limit)
    keys = [row["key"] for row in found]
    # No transaction is open meanwhile. If this process stops here, or another removes them too,
    # nothing is lost: these keys are dead for ever.
    for start in range(0, len(keys), _REMOVED_AT_ONCE):
        some = keys[start : start + _REMOVED_AT_ONCE]
        await contents.finish_all(store.delete(key) for key in some)
        async with database.transaction(namespace_id) as tx:
            await tx.run(_FORGET, namespace_id=namespace_id, keys=some)
    return len(keys)
