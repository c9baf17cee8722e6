"""Creating objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, ColumnElement, bindparam, func, insert, select

from gateway.blobs.store import BlobStore
from gateway.buckets import holding
from gateway.database.ids import new_id
from gateway.database.pool import Transaction
from gateway.limits import Limits
from gateway.objects import new_blobs, new_objects, several
from gateway.objects.drafts import blob_columns
from gateway.objects.new_blobs import NewBlob
from gateway.objects.new_objects import GivenObject
from gateway.objects.tables import BlobRow, ObjectRow
from gateway.threads import off_loop

_ADD = insert(ObjectRow).values(
    namespace_id=bindparam("namespace_id"),
    id=bindparam("id"),
    bucket_id=bindparam("bucket_id"),
    key_prefix=bindparam("key_prefix"),
    metadata_=bindparam("metadata"),
    content_hash=bindparam("content_hash"),
    size_bytes=bindparam("size_bytes"),
    skip_duplicates=bindparam("skip_duplicates"),
)
# The columns of blobs, each as an array with an entry for every blob.
_BLOB_COLUMNS = (
    BlobRow.id,
    BlobRow.position,
    BlobRow.property,
    BlobRow.type,
    BlobRow.key_prefix,
    BlobRow.properties,
    BlobRow.filename,
    BlobRow.size_bytes,
    BlobRow.mime_type,
    BlobRow.hash,
    BlobRow.has_bytes,
    BlobRow.source_url,
)


def _add_with_blobs() -> Any:
    """Return the statement that adds an object and its blobs: one round trip for both."""
    arrays = [bindparam(f"blob_{each.key}", type_=ARRAY(each.type)) for each in _BLOB_COLUMNS]
    names = [each.key for each in _BLOB_COLUMNS]
    blob = func.unnest(*arrays).table_valued(*names, name="blob").render_derived()
    same: dict[str, ColumnElement[Any]] = {
        name: bindparam(name) for name in ("namespace_id", "bucket_id")
    }
    rows = select(*same.values(), bindparam("id"), *[blob.c[name] for name in names])
    return (
        insert(BlobRow)
        .from_select([*same, "object_id", *names], rows.select_from(blob))
        .add_cte(_ADD.cte("added"))
    )


_ADD_WITH_BLOBS = _add_with_blobs()


class Created(NamedTuple):
    """The id of an object, and for each blob that was skipped, of the one that has its content.

    ``hashes`` are of bytes that may have no blob any more.
    """

    object_id: str
    skipped_blob_ids: list[str]
    hashes: Sequence[str] = ()


async def create_object(
    tx: Transaction, store: BlobStore, limits: Limits, given: GivenObject
) -> Created:
    """Keep an object, its blobs and their bytes, or change the one that has its unique key.

    The bytes are written before the rows: after a crash in between no row names bytes that are not
    there. Its metadata is kept with the defaults of the bucket's schema where keys are absent.

    Raises:
        NotFound: There is no such bucket, or none of the unique key to be updated.
        AlreadyExists: The bucket has an object of the unique key.
        PolicyRequired: It has a unique key, and nobody says what that means for the object.
        Locked, BadState: The bucket takes no writes.
        SchemaMismatch: Something does not fit the bucket's schema or unique key.
        InvalidInput, TooLarge: A value that cannot be read or kept.
        Refused: Several of the last three.
        Unavailable: The store cannot keep the bytes.
    """
    bucket_id = given.bucket_id
    bucket = await holding.share(tx, bucket_id)
    if bucket is None:
        raise several.unknown_bucket(bucket_id)
    bucket.require_open(("bucketId",))
    (given,) = await new_objects.with_uploads(tx, [given])
    if bucket.unique_key is not None:
        kept, hashes = await several.keep_one(tx, store, limits, given, bucket)
        return Created(*kept, hashes)
    # Not on the event loop: 10 MiB of structured data take seconds to become canonical.
    new = await off_loop(
        given.weight, new_objects.read, given, bucket.schema, bucket.unique_key, limits
    )

    made = new.blobs
    skipped: list[str] = []
    if given.skip_duplicates:
        made, skipped = await new_blobs.without_duplicates(tx, made, bucket_id=bucket_id)
    await new_blobs.keep(tx, store, new.blobs, wanted={blob.content.hash for blob in made})
    object_id = new_id("obj")
    await tx.run(
        _ADD_WITH_BLOBS if made else _ADD,
        namespace_id=tx.namespace_id,
        bucket_id=bucket_id,
        id=object_id,
        key_prefix=given.key_prefix,
        metadata=new.metadata,
        content_hash=new_blobs.content_hash(blob.content.hash for blob in made),
        size_bytes=sum(blob.content.size_bytes or 0 for blob in made),
        skip_duplicates=given.skip_duplicates,
        **_arrays(made),
    )
    return Created(object_id, skipped)


def _arrays(blobs: Sequence[NewBlob]) -> dict[str, list[Any]]:
    rows = [blob_columns(blob, position) for position, blob in enumerate(blobs)]
    return {f"blob_{each.key}": [row[each.key] for row in rows] for each in _BLOB_COLUMNS}
