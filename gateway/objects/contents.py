"""Keeps bytes in the store before rows name them; ``sweeping`` removes them after the last is gone.

A committed row of ``contents`` has its bytes in the store. They come before it is committed and go
after it is deleted, under a key that no other row ever has: so removing them needs no lock, and may
be late (decision 0006).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Text,
    any_,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from gateway.blobs.store import BlobStore, Digest, new_key
from gateway.database.transaction import Transaction
from gateway.objects.blob_data import BlobContent
from gateway.objects.tables import ContentRow, RemovalRow

_NAMESPACE_ID: BindParameter[str] = bindparam("namespace_id")
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
    ``sweeping.sweep_strays`` finds them. Bytes that came before and are not needed are removed.

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
    await finish_all(
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


async def finish_all(works: Iterable[Awaitable[None]]) -> None:
    """Do all at once; raise the first failure when all are over, so that none goes on unseen."""
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
