"""Keeps bytes in the store before rows name them, and removes them after the last row is gone.

A committed row of ``contents`` has its bytes in the store. They come before it is committed and go
after it is deleted, under a key that no other row ever has: so removing them needs no lock, and may
be late (decision 0006).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
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
    update,
)
from sqlalchemy.dialects.postgresql import insert

from gateway.blobs.store import BlobStore, Digest, new_key
from gateway.database.pool import Database, Transaction
from gateway.documents.tables import DocumentBlobRow
from gateway.objects.blob_data import BlobContent
from gateway.objects.tables import BlobRow, ContentRow, RemovalRow
from gateway.uploads.tables import UploadRow

_NAMESPACE_ID: BindParameter[str] = bindparam("namespace_id")
_REMOVED_AT_ONCE = 20
_LOOKED_AT_ONCE = 1000
_HASHES = bindparam("hashes", type_=ARRAY(Text))
_KEYS = bindparam("keys", type_=ARRAY(Text))
_THIS_ONE = (ContentRow.namespace_id == _NAMESPACE_ID, ContentRow.hash == bindparam("hash"))

# Writers of the same bytes do not wait for each other here, only for who removes them.
_HOLD = (
    select(ContentRow.hash, ContentRow.key)
    .where(ContentRow.namespace_id == _NAMESPACE_ID, ContentRow.hash == any_(_HASHES))
    .order_by(ContentRow.hash)
    .with_for_update(read=True, key_share=True)
)
_HOLD_ALONE = _HOLD.with_for_update()
_HOLD_ONE = (
    select(ContentRow.size_bytes).where(*_THIS_ONE).with_for_update(read=True, key_share=True)
)


def _renew_statement() -> Any:
    new = func.unnest(_HASHES, _KEYS).table_valued("hash", "key").render_derived()
    return (
        update(ContentRow)
        .values(key=new.c.key)
        .where(ContentRow.namespace_id == _NAMESPACE_ID, ContentRow.hash == new.c.hash)
    )


_RENEW = _renew_statement()


def _add_statement() -> Any:
    new = func.unnest(_HASHES, bindparam("sizes", type_=ARRAY(BigInteger)), _KEYS)
    each = new.table_valued("hash", "size_bytes", "key").render_derived()
    added = insert(ContentRow).from_select(
        ["namespace_id", "hash", "size_bytes", "key"],
        # In order: two writers of several new contents would otherwise wait for each other.
        select(_NAMESPACE_ID, each.c.hash, each.c.size_bytes, each.c.key).order_by(each.c.hash),
    )
    # DO NOTHING would neither lock nor return a row that another writer has just committed.
    return added.on_conflict_do_update(
        index_elements=["namespace_id", "hash"], set_={"size_bytes": added.excluded.size_bytes}
    ).returning(ContentRow.hash, ContentRow.key)


_ADD = _add_statement()
_FIND_KNOWN = select(ContentRow.hash).where(
    ContentRow.namespace_id == _NAMESPACE_ID, ContentRow.hash == any_(_HASHES)
)
_FIND_NAMED = select(ContentRow.key).where(
    ContentRow.namespace_id == _NAMESPACE_ID, ContentRow.key == any_(_KEYS)
)
_CONDEMN = (
    insert(RemovalRow)
    .from_select(
        ["namespace_id", "key"],
        select(_NAMESPACE_ID, func.unnest(_KEYS, type_=Text).column_valued("key")),
    )
    .on_conflict_do_nothing()
)


async def find_known(tx: Transaction, hashes: Collection[str]) -> set[str]:
    """Return those hashes whose bytes the namespace has now; they may go as soon as ``tx`` ends."""
    if not hashes:
        return set()
    rows = await tx.rows(_FIND_KNOWN, namespace_id=tx.namespace_id, hashes=list(hashes))
    return {row["hash"] for row in rows}


async def find_unnamed(tx: Transaction, keys: Collection[str]) -> set[str]:
    """Return those of the keys that no content has; dead ones if nobody is left to name them."""
    rows = await tx.rows(_FIND_NAMED, namespace_id=tx.namespace_id, keys=list(keys))
    return set(keys).difference(row["key"] for row in rows)


async def keep(
    tx: Transaction,
    store: BlobStore,
    *,
    contents: Sequence[BlobContent],
    renewed: Collection[str] = (),
) -> None:
    """See to it that the store has the bytes of all contents, before rows name them in ``tx``.

    If ``tx`` is rolled back afterwards, new bytes stay in the store under keys that no row has;
    ``sweep_strays`` finds them. Bytes that came before and are not needed are removed.

    Args:
        contents: With keys, where ``Bringing`` has put their bytes. The others were there when it
            looked: if they went since, their bytes are put while ``tx`` is open, which is rare.
        renewed: Hashes of those that get the new bytes even where the namespace has the same.

    Raises:
        Unavailable: The store cannot keep them; roll ``tx`` back.
    """
    brought = {each.key: each.hash for each in contents if each.key and each.hash}
    data = {each.hash: each.data for each in contents if each.hash and each.data is not None}
    sizes = {each.hash: each.size_bytes or 0 for each in contents if each.hash and each.has_bytes}
    new = {content_hash: new_key(tx.namespace_id) for content_hash in data}
    new |= {content_hash: key for key, content_hash in brought.items()}
    kept = await _claim(tx, new, sizes, renewed=renewed)
    if spare := [key for key, content_hash in brought.items() if kept[content_hash] != key]:
        await condemn(tx, spare)
    await _all(
        store.put(key, data[content_hash])
        for content_hash, key in new.items()
        if kept[content_hash] == key and key not in brought
    )


async def adopt(tx: Transaction, *, key: str, digest: Digest) -> bool:
    """Make bytes that the store has under ``key`` the content of their hash, for rows to name.

    Return whether they are; if not, the content was there already, and these bytes are removed.
    Once told that, do not come with the same key again.

    Args:
        digest: What the bytes are, as ``measure.digest`` or ``put_stream`` found; from here on it
            is believed.
    """
    kept = await _claim(tx, {digest.sha256: key}, {digest.sha256: digest.size_bytes})
    if kept[digest.sha256] == key:
        return True
    await condemn(tx, [key])
    return False


async def hold(tx: Transaction, content_hash: str) -> int | None:
    """Hold a content until ``tx`` ends, for a row to name it; return its size.

    None if the namespace does not have it.
    """
    size_bytes: int | None = await tx.value(
        _HOLD_ONE, namespace_id=tx.namespace_id, hash=content_hash
    )
    return size_bytes


async def condemn(tx: Transaction, keys: Sequence[str]) -> None:
    """Have what is under keys removed from the store, once ``tx`` is committed.

    Only for keys that no content has, and never will. Of which somebody has an upload target that
    still works, condemn once more when it does not.
    """
    await tx.run(_CONDEMN, namespace_id=tx.namespace_id, keys=list(keys))


async def _claim(
    tx: Transaction,
    keys: Mapping[str, str],
    sizes: Mapping[str, int],
    *,
    renewed: Collection[str] = (),
) -> dict[str, str]:
    """Hold the contents of these hashes until ``tx`` ends; return the key that each has.

    Args:
        keys, sizes: For each hash, the key that it gets and its size, if it is new.
        renewed: Hashes that get their key even if they are not new.
    """
    if not keys:
        return {}
    values = {"namespace_id": tx.namespace_id}
    # Two that held a row together could not both change it.
    hold = _HOLD_ALONE if renewed else _HOLD
    kept = {row["hash"]: row["key"] for row in await tx.rows(hold, hashes=list(keys), **values)}
    new = [each for each in keys if each not in kept]
    if new:
        added = await tx.rows(
            _ADD,
            hashes=new,
            sizes=[sizes[each] for each in new],
            keys=[keys[each] for each in new],
            **values,
        )
        kept |= {row["hash"]: row["key"] for row in added}
    # What came while this one looked is as new as its own. To change a row twice in a transaction,
    # once below and once above a shared hold, would let it and who shares wait for each other.
    again = [each for each in renewed if each in keys and each not in new]
    if again:
        await tx.run(_RENEW, hashes=again, keys=[keys[each] for each in again], **values)
        await condemn(tx, [kept[each] for each in again])
        kept |= {each: keys[each] for each in again}
    return kept


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
    """Remove bytes whose key is in no table; return how many there were.

    They are what writers leave that fail between putting bytes and committing a row.

    Args:
        older_than_s: Spare bytes that came less than this many seconds ago. No transaction may
            take longer, for until it commits its bytes look the same.

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
    return strays


async def _condemn_strays(database: Database, namespace_id: str, keys: Sequence[str]) -> int:
    async with database.transaction(namespace_id) as tx:
        found = await tx.rows(_FIND_STRAYS, namespace_id=namespace_id, keys=list(keys))
        strays = [row["key"] for row in found]
        if strays:
            await condemn(tx, strays)
    return len(strays)


async def _condemn_if_unnamed(tx: Transaction, content_hash: str) -> None:
    this_one = {"namespace_id": tx.namespace_id, "hash": content_hash}
    if await tx.value(_LOCK, **this_one) is None:
        return
    # Only a statement that begins after the lock was had sees what its last holder committed.
    if await tx.value(_IS_NAMED, **this_one):
        return
    await condemn(tx, [await tx.value(_REMOVE, **this_one)])


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
        await _all(store.delete(key) for key in some)
        async with database.transaction(namespace_id) as tx:
            await tx.run(_FORGET, namespace_id=namespace_id, keys=some)
    return len(keys)


async def _all(works: Iterable[Awaitable[None]]) -> None:
    """Do all at once; raise the first failure when all are over, so that none goes on unseen."""
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
