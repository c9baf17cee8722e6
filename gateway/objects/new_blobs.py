"""The blobs of a new object: read, and without those that the bucket has already."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, Text, any_, bindparam, func, select

from gateway.buckets.bucket_schema import BucketSchema
from gateway.checks import check_object, refuse
from gateway.database.ids import new_id
from gateway.database.pool import Transaction
from gateway.enums import FieldType
from gateway.errors import InvalidInput
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.objects import blob_data
from gateway.objects.blob_data import BlobContent
from gateway.objects.key_prefixes import check_key_prefix
from gateway.objects.tables import BlobRow

_BUCKET_ID = bindparam("bucket_id", type_=Text)
_HASHES = bindparam("hashes", type_=ARRAY(Text))
_HASH = func.unnest(_HASHES).column_valued("hash")
_LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(func.concat(_BUCKET_ID, _HASH), 0)))
_FIND_KNOWN = (
    select(BlobRow.hash, func.min(BlobRow.id).label("id"))
    .where(
        BlobRow.namespace_id == bindparam("namespace_id"),
        BlobRow.bucket_id == _BUCKET_ID,
        BlobRow.hash == any_(_HASHES),
    )
    .group_by(BlobRow.hash)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBlob:
    """A blob as a caller sends it.

    Args:
        type: In any case, as in "PDF".
        data: As ``blob_data.read`` takes it; None where it is missing.
        metadata: A JSON object is right.
    """

    property: str
    type: str
    data: Any
    key_prefix: str | None = None
    metadata: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBlob:
    """A blob that can be kept."""

    id: str
    property: str
    type: FieldType
    key_prefix: str | None
    properties: dict[str, Any]
    content: BlobContent


def read(given: GivenBlob, schema: BucketSchema, limits: Limits) -> NewBlob:
    """Return the blob, once it is checked against the bucket's schema.

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
        if given.data is None:
            raise InvalidInput("data is missing; a blob needs its content", ("data",))
        if kind is not None:
            content = blob_data.read(given.data, kind, limit_bytes=limits.inline_bytes)
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
    )


async def without_duplicates(
    tx: Transaction, blobs: Sequence[NewBlob], *, bucket_id: str
) -> tuple[list[NewBlob], list[str]]:
    """Return the blobs whose content is new to the bucket, and the ids of those that have the rest.

    Of several with one content, the first is new. Others that skip the same content in the bucket
    wait until ``tx`` ends.
    """
    hashes = sorted({blob.content.hash for blob in blobs})
    # In order, so that two with several contents in common do not wait for each other.
    await tx.run(_LOCK, bucket_id=bucket_id, hashes=hashes)
    rows = await tx.rows(
        _FIND_KNOWN, namespace_id=tx.namespace_id, bucket_id=bucket_id, hashes=hashes
    )
    known = {row["hash"]: row["id"] for row in rows}
    new, skipped = [], []
    for blob in blobs:
        holder = known.setdefault(blob.content.hash, blob.id)
        if holder == blob.id:
            new.append(blob)
        else:
            skipped.append(holder)
    return new, skipped


def content_hash(blobs: Sequence[NewBlob]) -> str | None:
    """Return the SHA-256 of the blobs' hashes, written one after the other; None without blobs.

    Each hash goes in as its 64 hex digits, in the order of the blobs and with nothing in between.
    """
    hashes = "".join(blob.content.hash for blob in blobs)
    return hashlib.sha256(hashes.encode()).hexdigest() if hashes else None
