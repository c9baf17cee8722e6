"""Giving uploads more time, giving them up, and removing what is over."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import ARRAY, Double, Text, any_, bindparam, delete, func, literal_column, select
from sqlalchemy import update as update_of

from gateway.blobs.store import BlobStore
from gateway.database.pool import Database
from gateway.database.transaction import Transaction
from gateway.enums import Status
from gateway.errors import Unavailable
from gateway.objects import contents
from gateway.uploads import standing
from gateway.uploads.standing import THIS_ONE
from gateway.uploads.tables import UploadRow

REMOVED_AT_ONCE = 100

_PATH = ("id",)
_CHANGED = {"version": UploadRow.version + 1, "updated_at": func.now()}
_NAMESPACE_ID = bindparam("namespace_id", type_=Text)
_IDS = bindparam("ids", type_=ARRAY(Text))
_REFRESH = (
    update_of(UploadRow)
    .values(
        expires_at=func.now()
        + literal_column("interval '1 second'") * UploadRow.expires_in_s.cast(Double),
        **_CHANGED,
    )
    .where(*THIS_ONE)
)
_CANCEL = update_of(UploadRow).values(status=Status.CANCELED, **_CHANGED).where(*THIS_ONE)
_EXPIRED = (UploadRow.namespace_id == _NAMESPACE_ID, UploadRow.expires_at <= func.now())
_FIND_EXPIRED = (
    select(UploadRow.id, UploadRow.key, UploadRow.parts_id)
    .where(*_EXPIRED)
    .order_by(UploadRow.expires_at)
    .limit(bindparam("limit"))
)
# Who makes an object of one now holds its row; a later pass takes it.
_LOCK_EXPIRED = (
    select(UploadRow.id, UploadRow.key, UploadRow.hash)
    .where(*_EXPIRED, UploadRow.id == any_(_IDS))
    .with_for_update(skip_locked=True)
)
_REMOVE = delete(UploadRow).where(
    UploadRow.namespace_id == _NAMESPACE_ID, UploadRow.id == any_(_IDS)
)


async def refresh_upload(tx: Transaction, *, id: str) -> None:
    """Let an upload last as long from now on as it was to last at first.

    Raises:
        NotFound: There is no such upload.
        BadState: It is over.
    """
    upload = await standing.lock(tx, id, _PATH)
    upload.require_pending(_PATH)
    await tx.run(_REFRESH, namespace_id=tx.namespace_id, id=id)


async def abort_upload(database: Database, store: BlobStore, *, namespace_id: str, id: str) -> None:
    """Give an upload up, and have its bytes removed. Doing it again is harmless.

    Raises:
        NotFound: There is no such upload.
        BadState: It is confirmed, or has failed.
    """
    async with database.transaction(namespace_id) as tx:
        upload = await standing.lock(tx, id, _PATH)
        if upload.status != Status.CANCELED:
            upload.require_pending(_PATH)
            await contents.condemn(tx, [upload.own_key])
            await tx.run(_CANCEL, namespace_id=namespace_id, id=id)
    if upload.parts_id is not None:
        with suppress(Unavailable):  # it is done once more when the row goes
            await store.abort_parts(upload.own_key, upload.parts_id)


async def remove_expired(database: Database, store: BlobStore, namespace_id: str) -> set[str]:
    """Remove expired uploads with what the store has of them; return the hashes they named.

    What is in the store goes first, or is told to go in the transaction in which its row goes. So
    whenever this is interrupted, it is done again, which is harmless.

    Raises:
        Unavailable: The store gives no answer; what is left is left to a later pass.
    """
    hashes: set[str] = set()
    while True:
        async with database.transaction(namespace_id) as tx:
            expired = await tx.rows(_FIND_EXPIRED, namespace_id=namespace_id, limit=REMOVED_AT_ONCE)
        for row in expired:
            # Also if it was aborted: a part that was on its way may have come after that.
            if row["parts_id"] is not None:
                await store.abort_parts(row["key"], row["parts_id"])
        async with database.transaction(namespace_id) as tx:
            ids = [row["id"] for row in expired]
            removed = await tx.rows(_LOCK_EXPIRED, namespace_id=namespace_id, ids=ids)
            if not removed:
                return hashes
            # No target works any more: nothing can come after this.
            await contents.condemn(tx, [row["key"] for row in removed if row["key"]])
            await tx.run(_REMOVE, namespace_id=namespace_id, ids=[row["id"] for row in removed])
        hashes |= {row["hash"] for row in removed if row["hash"]}
