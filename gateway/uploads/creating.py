"""Creating uploads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace

from sqlalchemy import Double, bindparam, func, insert, literal_column

from gateway.blobs.store import MAX_PUT_BYTES, BlobStore, new_key
from gateway.buckets import holding
from gateway.database.ids import new_id
from gateway.database.pool import Database
from gateway.database.transaction import Transaction
from gateway.enums import Status
from gateway.errors import InvalidInput, TooLarge, Unavailable
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.objects import contents
from gateway.objects.filenames import check_filename
from gateway.objects.keeping import unknown_bucket
from gateway.objects.mime_types import check_mime_type
from gateway.uploads.parts import part_size
from gateway.uploads.standing import USABLE_S
from gateway.uploads.tables import UploadRow

SHORTEST_S, LONGEST_S = 60, 24 * 3600

_SIZE = ("fileSizeBytes",)
_ADD = insert(UploadRow).values(
    namespace_id=bindparam("namespace_id"),
    id=bindparam("id"),
    bucket_id=bindparam("bucket_id"),
    filename=bindparam("filename"),
    content_type=bindparam("content_type"),
    size_bytes=bindparam("size_bytes"),
    announced_hash=bindparam("announced_hash"),
    hash=bindparam("hash"),
    key=bindparam("key"),
    parts_id=bindparam("parts_id"),
    part_size_bytes=bindparam("part_size_bytes"),
    status=bindparam("status"),
    is_duplicate=bindparam("is_duplicate"),
    expires_in_s=bindparam("expires_in_s"),
    expires_at=func.now()
    + literal_column("interval '1 second'") * bindparam("lasts_s", type_=Double),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUpload:
    """An upload as a caller announces it.

    Args:
        hash: SHA-256 as 64 lower-case hex digits; None where it is not known.
        expires_in_s: How long its targets work.
    """

    bucket_id: str
    filename: str
    content_type: str
    size_bytes: int
    hash: str | None = None
    expires_in_s: int = 3600
    is_multipart: bool = False


class _BytesWent(Exception):
    """The namespace had the bytes when it was looked at, and has them no more."""


async def create_upload(
    database: Database,
    store: BlobStore,
    limits: Limits,
    given: GivenUpload,
    *,
    namespace_id: str,
    transaction: Callable[[], AbstractAsyncContextManager[Transaction]],
) -> str:
    """Make an upload; return its id.

    It waits for its bytes, or is complete at once if the namespace has bytes of that hash. No
    transaction is open while the store is asked.

    Args:
        transaction: Opens the one in which the upload is made.

    Raises:
        NotFound: There is no such bucket.
        Locked, BadState: It takes no writes.
        InvalidInput, TooLarge: A value that cannot be; or the stored bytes are of another size.
        Refused: Several of these.
        Unavailable: The store cannot begin an upload in parts.
    """
    given = _checked(given, limits)
    key = new_key(namespace_id)
    while True:
        parts_id = None
        if given.is_multipart:
            async with database.transaction(namespace_id) as tx:
                is_known = await _admit(tx, given)
            if not is_known:
                parts_id = await store.begin_parts(key, mime_type=given.content_type)
        try:
            async with transaction() as tx:
                return await _add(tx, given, key, parts_id)
        except _BytesWent:
            continue
        except BaseException:
            if parts_id is not None:
                with suppress(Unavailable):  # the sweeper does it then
                    await asyncio.shield(store.abort_parts(key, parts_id))
            raise


def _checked(given: GivenUpload, limits: Limits) -> GivenUpload:
    gathering = Gathering()
    content_type = given.content_type
    with gathering.below():
        check_filename(given.filename, ("filename",))
    with gathering.below():
        content_type = check_mime_type(given.content_type, ("contentType",))
    with gathering.below():
        _check_size(given, limits)
    with gathering.below():
        if not SHORTEST_S <= given.expires_in_s <= LONGEST_S:
            raise InvalidInput(
                f"expiresIn is {given.expires_in_s}; it has to be from {SHORTEST_S} to {LONGEST_S}"
                " seconds",
                ("expiresIn",),
            )
    gathering.end()
    return replace(given, content_type=content_type)


def _check_size(given: GivenUpload, limits: Limits) -> None:
    size_bytes = given.size_bytes
    if size_bytes < 0:
        raise InvalidInput(f"fileSizeBytes is {size_bytes}; it has to be 0 or more", _SIZE)
    if size_bytes > limits.upload_bytes:
        raise TooLarge(f"fileSizeBytes is {size_bytes}; the most is {limits.upload_bytes}", _SIZE)
    if size_bytes > MAX_PUT_BYTES and not given.is_multipart:
        raise TooLarge(
            f"fileSizeBytes is {size_bytes}; the most in one PUT is {MAX_PUT_BYTES}:"
            " set multipart: true",
            _SIZE,
        )
    if size_bytes == 0 and given.is_multipart:
        raise InvalidInput("an empty file has no parts; leave multipart out", ("multipart",))


async def _admit(tx: Transaction, given: GivenUpload) -> bool:
    """Tell whether the namespace has the bytes, and then hold them, if the bucket takes writes."""
    bucket = await holding.share(tx, given.bucket_id)
    if bucket is None:
        raise unknown_bucket(given.bucket_id)
    bucket.require_open(("bucketId",))
    if given.hash is None:
        return False
    size_bytes = await contents.hold(tx, given.hash)
    if size_bytes not in (None, given.size_bytes):
        raise InvalidInput(
            f"fileSizeBytes is {given.size_bytes}, and the file with this fileHash has"
            f" {size_bytes} bytes; one of the two is wrong",
            _SIZE,
        )
    return size_bytes is not None


async def _add(tx: Transaction, given: GivenUpload, key: str, parts_id: str | None) -> str:
    """Add the row of an upload; if its bytes came meanwhile, parts of it are left to the sweeper.

    Raises:
        _BytesWent: It needs parts, and they are not begun.
    """
    is_known = await _admit(tx, given)
    is_cut = given.is_multipart and not is_known
    if is_cut and parts_id is None:
        raise _BytesWent
    id = new_id("upl")
    await tx.run(
        _ADD,
        namespace_id=tx.namespace_id,
        id=id,
        bucket_id=given.bucket_id,
        filename=given.filename,
        content_type=given.content_type,
        size_bytes=given.size_bytes,
        announced_hash=given.hash,
        hash=given.hash if is_known else None,
        key=None if is_known else key,
        parts_id=parts_id if is_cut else None,
        part_size_bytes=part_size(given.size_bytes) if is_cut else None,
        status=Status.COMPLETED if is_known else Status.PENDING,
        is_duplicate=is_known,
        expires_in_s=given.expires_in_s,
        lasts_s=float(USABLE_S if is_known else given.expires_in_s),
    )
    return id
