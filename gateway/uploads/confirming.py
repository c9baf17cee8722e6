"""Confirming uploads: what came is looked at, and becomes a content of the namespace."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from weakref import WeakValueDictionary

from sqlalchemy import Double, bindparam, func, literal_column, update

from gateway import deadline
from gateway.blobs import measure
from gateway.blobs.store import BlobStore, Digest, NoBytes, new_key
from gateway.database.pool import Database
from gateway.database.transaction import Transaction
from gateway.enums import Status
from gateway.errors import BadState, ChecksumMismatch, InvalidInput, Refused, UserFailure
from gateway.objects import contents
from gateway.uploads import joining, standing
from gateway.uploads.joining import GivenPart
from gateway.uploads.standing import THIS_ONE, USABLE_S, Upload
from gateway.uploads.tables import UploadRow

_PATH = ("uploadId",)

_CHANGED = {"version": UploadRow.version + 1, "updated_at": func.now()}
_COMPLETE = (
    update(UploadRow)
    .values(
        status=Status.COMPLETED,
        hash=bindparam("new_hash"),
        key=bindparam("new_key"),
        parts_id=None,
        is_duplicate=bindparam("new_is_duplicate"),
        expires_at=func.now()
        + literal_column("interval '1 second'") * bindparam("lasts_s", type_=Double),
        **_CHANGED,
    )
    .where(*THIS_ONE)
)
_FAIL = (
    update(UploadRow)
    .values(status=Status.FAILED, error=bindparam("new_error"), **_CHANGED)
    .where(*THIS_ONE)
)

# In one gateway, those who confirm one upload take turns: the first looks at the bytes, and the
# others find that it has. With several gateways two may look; the row decides between them.
_turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()


class _Found(NamedTuple):
    """Bytes that nobody can replace any more, and what they are."""

    key: str
    digest: Digest


async def confirm_upload(
    database: Database,
    store: BlobStore,
    *,
    namespace_id: str,
    id: str,
    parts: Sequence[GivenPart] | None = None,
) -> None:
    """See that the bytes of an upload came and are those that were announced; keep them.

    Doing it again is harmless. No transaction is open while the store is asked.

    Args:
        parts: What the sender believes to have sent in parts; None: whatever came.

    Raises:
        NotFound: There is no such upload.
        BadState: It was aborted, has failed or expired; or not all of it has come.
        InvalidInput: ``parts`` are not what came.
        ChecksumMismatch: Other bytes came; the upload has failed.
        Refused: Several of these.
        Unavailable: The store gives no answer.
    """
    turn = _turns.setdefault((namespace_id, id), asyncio.Lock())
    with deadline.paused():
        await turn.acquire()
    try:
        await _confirm(database, store, namespace_id, id, parts)
    finally:
        turn.release()


async def _confirm(
    database: Database,
    store: BlobStore,
    namespace_id: str,
    id: str,
    parts: Sequence[GivenPart] | None,
) -> None:
    async with database.transaction(namespace_id, is_look=True) as tx:
        upload = await standing.find(tx, id, _PATH)
    if _is_complete(upload):
        return
    upload.require_pending(_PATH)
    try:
        with deadline.paused():
            found = await _find_bytes(store, namespace_id, upload, parts)
    except (UserFailure, Refused):
        # Another gateway may have confirmed it meanwhile, and removed what was looked for.
        async with database.transaction(namespace_id, is_look=True) as tx:
            if _is_complete(await standing.find(tx, id, _PATH)):
                return
        raise
    fault = _fault(upload, found.digest)
    async with database.transaction(namespace_id) as tx:
        now = await standing.lock(tx, id, _PATH)
        if now.status == Status.PENDING:
            await _end(tx, id, upload, found, fault)
        elif found.key != upload.own_key or now.status != Status.COMPLETED:
            await contents.condemn(tx, [found.key])
    # What the row said when it was locked decides; outside, for a failure would undo the rest.
    if now.status == Status.PENDING and fault is not None:
        raise fault
    if now.status not in (Status.PENDING, Status.COMPLETED):
        now.require_pending(_PATH)


def _is_complete(upload: Upload) -> bool:
    if upload.status != Status.COMPLETED:
        return False
    upload.require_usable(_PATH)
    return True


async def _find_bytes(
    store: BlobStore, namespace_id: str, upload: Upload, parts: Sequence[GivenPart] | None
) -> _Found:
    key = upload.own_key
    if upload.parts_id is not None:
        with _nothing_came("the parts are gone; create another upload"):
            await joining.join(store, upload, upload.parts_id, parts)
            return _Found(key, await measure.digest(store, key))
    if parts:
        raise InvalidInput("this upload is one PUT and has no parts; leave them out", ("parts",))
    nothing = "nothing has come yet: PUT the bytes to the target's url first"
    if upload.announced_hash is not None:
        # The store took no others: that was signed into every target.
        size_bytes = await store.size(key)
        if size_bytes is None:
            raise BadState(nothing, _PATH)
        return _Found(key, Digest(size_bytes, upload.announced_hash))
    with _nothing_came(nothing):
        copy = new_key(namespace_id)
        await store.copy(key, copy)
        return _Found(copy, await measure.digest(store, copy))


@contextmanager
def _nothing_came(message: str) -> Iterator[None]:
    try:
        yield
    except NoBytes as error:
        raise BadState(message, _PATH) from error


def _fault(upload: Upload, digest: Digest) -> ChecksumMismatch | None:
    if digest.size_bytes != upload.size_bytes:
        return ChecksumMismatch(
            f"{digest.size_bytes} bytes came, and {upload.size_bytes} were announced; create"
            " another upload",
            _PATH,
        )
    if upload.announced_hash not in (None, digest.sha256):
        return ChecksumMismatch(
            f"the bytes that came have SHA-256 {digest.sha256}, and {upload.announced_hash} was"
            " announced; create another upload",
            _PATH,
        )
    return None


async def _end(
    tx: Transaction, id: str, upload: Upload, found: _Found, fault: ChecksumMismatch | None
) -> None:
    this_one = {"namespace_id": tx.namespace_id, "id": id}
    key = upload.own_key
    if fault is not None:
        await contents.condemn(tx, sorted({key, found.key}))
        await tx.run(_FAIL, new_error=fault.message, **this_one)
        return
    is_new = await contents.adopt(tx, key=found.key, digest=found.digest)
    if key != found.key:
        await contents.condemn(tx, [key])
    # Until the row goes, a target may bring bytes to a key of which nothing is wanted.
    is_closed = upload.parts_id is not None or (is_new and key == found.key)
    await tx.run(
        _COMPLETE,
        new_hash=found.digest.sha256,
        new_key=None if is_closed else key,
        new_is_duplicate=not is_new,
        lasts_s=float(USABLE_S),
        **this_one,
    )
