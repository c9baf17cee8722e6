"""The blobs of a new object: read, and without those that the bucket has already."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, Text, any_, bindparam, func, select

from gateway.blobs.store import BlobStore
from gateway.buckets.bucket_schema import BucketSchema
from gateway.checks import check_object
from gateway.database.ids import new_id
from gateway.database.transaction import Transaction
from gateway.enums import FieldType
from gateway.errors import InvalidInput, UserFailure
from gateway.gathering import Gathering, refuse
from gateway.limits import Limits
from gateway.objects import blob_data, contents
from gateway.objects.blob_data import BlobContent
from gateway.objects.key_prefixes import check_key_prefix
from gateway.objects.tables import BlobRow
from gateway.uploads.using import Uploaded

_BUCKET_ID = bindparam("bucket_id", type_=Text)
_HASHES = bindparam("hashes", type_=ARRAY(Text))
_STRIPE = func.unnest(bindparam("stripes", type_=ARRAY(Text))).column_valued("stripe")
_LOCK = select(
    func.pg_advisory_xact_lock(
        func.hashtextextended(
            func.concat(bindparam("namespace_id", type_=Text), "contents", _STRIPE), 0
        )
    )
)
_FIND_KNOWN = (
    select(BlobRow.hash, func.min(BlobRow.id).label("id"))
    .where(
        BlobRow.namespace_id == bindparam("namespace_id"),
        BlobRow.bucket_id == _BUCKET_ID,
        BlobRow.hash == any_(_HASHES),
    )
    .group_by(BlobRow.hash)
)


@dataclass(slots=True, kw_only=True)
class GivenBlob:
    """A blob as a caller sends it.

    Args:
        type: In any case, as in "PDF".
        data: As ``blob_data.read`` takes it; None where it is missing.
        metadata: A JSON object is right.
        canonicalize_source: Whether bytes that a URL names are brought into the store.
        force_remirror: Whether the bytes are stored anew, if the namespace has the same already.
        content: What ``data`` was found to be, with the bytes that its URL names.
        upload_id: Of the upload that is the content, instead of ``data``.
        upload: What was found under it, or why it cannot be used; ``with_uploads`` looks.
    """

    property: str
    type: str
    data: Any
    key_prefix: str | None = None
    metadata: Any = None
    canonicalize_source: bool = True
    force_remirror: bool = False
    content: BlobContent | None = None
    upload_id: str | None = None
    upload: Uploaded | UserFailure | None = None


@dataclass(slots=True, kw_only=True)
class NewBlob:
    """A blob that can be kept."""

    id: str
    property: str
    type: FieldType
    key_prefix: str | None
    properties: dict[str, Any]
    content: BlobContent
    force_remirror: bool = False


def read(
    given: GivenBlob, schema: BucketSchema, limits: Limits, *, may_be_elsewhere: bool = False
) -> NewBlob:
    """Return the blob, once it is checked against the bucket's schema.

    Args:
        may_be_elsewhere: As of ``blob_data.read``.

    Raises:
        SchemaMismatch: The schema has no such blob, or gives it another type.
        InvalidInput, TooLarge: A value that cannot be read or kept, or data that is missing.
        Refused: Several of these.
    """
    gathering = Gathering()
    kind = content = None
    metadata: dict[str, Any] = {}
    with gathering.below():
        kind = schema.check_blob(given.property, given.type, ())
    with gathering.below():
        check_one_content(given.data, given.upload_id)
        if isinstance(given.upload, UserFailure):
            raise given.upload
        if kind is not None and given.upload is not None:
            content = given.upload.content(kind)
        elif kind is not None:
            content = given.content or blob_data.read(
                given.data,
                kind,
                limit_bytes=limits.inline_bytes,
                may_be_elsewhere=may_be_elsewhere,
            )
    with gathering.below():
        check_key_prefix(given.key_prefix)
    with gathering.below():
        if given.metadata is not None:
            metadata = check_object(given.metadata, ("metadata",), most_bytes=limits.metadata_bytes)
    if kind is None or content is None or gathering.failures:
        refuse(gathering.failures)
    return NewBlob(
        id=new_id("blob"),
        property=given.property,
        type=kind,
        key_prefix=given.key_prefix,
        properties=blob_data.merged_properties(content, metadata),
        content=content,
        force_remirror=given.force_remirror,
    )


def check_one_content(data: Any, upload_id: str | None) -> None:
    """Return if a blob brings data or names an upload.

    Raises:
        InvalidInput: Neither, or both.
    """
    if upload_id is None and data is None:
        raise InvalidInput("data is missing; a blob needs its content, or an uploadId", ("data",))
    if upload_id is not None and data is not None:
        raise InvalidInput(
            "data and uploadId each name the content; exactly one of them is needed", ("uploadId",)
        )


async def without_duplicates(
    tx: Transaction, blobs: Sequence[NewBlob], *, bucket_id: str
) -> tuple[list[NewBlob], list[str]]:
    """Return the blobs whose content is new to the bucket, and the ids of those that have the rest.

    Of several with one content, the first is new. Others that skip the same content in the bucket
    wait until ``tx`` ends.
    """
    hashes = [hash for hash in {blob.content.hash for blob in blobs} if hash is not None]
    await lock_hashes(tx, hashes)
    rows = await tx.rows(
        _FIND_KNOWN, namespace_id=tx.namespace_id, bucket_id=bucket_id, hashes=hashes
    )
    known = {row["hash"]: row["id"] for row in rows}
    new, skipped = [], []
    for blob in blobs:
        known_as = blob.content.hash
        holder = blob.id if known_as is None else known.setdefault(known_as, blob.id)
        if holder == blob.id:
            new.append(blob)
        else:
            skipped.append(holder)
    return new, skipped


async def lock_hashes(tx: Transaction, hashes: Iterable[str]) -> None:
    """Let nobody else skip these contents until ``tx`` ends, nor some that share a lock with them.

    There are 256 locks for all contents, since PostgreSQL has room for some thousands in all, and
    a bulk may bring more contents than that.
    """
    # In order, so that two with several contents in common do not wait for each other.
    stripes = sorted({hash[:2] for hash in hashes})
    await tx.run(_LOCK, namespace_id=tx.namespace_id, stripes=stripes)


async def keep(
    tx: Transaction,
    store: BlobStore,
    blobs: Sequence[NewBlob],
    *,
    wanted: Collection[str | None],
) -> None:
    """See to it that the store has the bytes of blobs, before rows name them in ``tx``.

    Args:
        wanted: The hashes that rows will name; what came into the store for others is removed.

    Raises:
        Unavailable: The store cannot keep them; roll ``tx`` back.
    """
    await contents.keep(
        tx,
        store,
        contents=[blob.content for blob in blobs if blob.content.hash in wanted],
        renewed={blob.content.hash for blob in blobs if blob.force_remirror and blob.content.hash},
    )
    brought = {blob.content.key: blob.content.hash for blob in blobs if blob.content.key}
    if spare := [key for key, content_hash in brought.items() if content_hash not in wanted]:
        await contents.condemn(tx, spare)


def content_hash(hashes: Iterable[str | None]) -> str | None:
    """Return the SHA-256 of blobs' hashes, written one after the other.

    Each hash goes in as its 64 hex digits, in the order of the blobs and with nothing in between.
    None without blobs, and with one whose bytes stay elsewhere: nobody knows what they are.
    """
    known = list(hashes)
    if not known or None in known:
        return None
    return hashlib.sha256("".join(map(str, known)).encode()).hexdigest()
