"""Creating objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, ColumnElement, bindparam, func, insert, select

from gateway.blobs.store import BlobStore
from gateway.buckets import holding
from gateway.buckets.bucket_schema import BucketSchema
from gateway.checks import check_object, shortened
from gateway.database.ids import new_id
from gateway.database.pool import Transaction
from gateway.errors import NotFound, TooLarge
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.objects import contents, new_blobs
from gateway.objects.key_prefixes import check_key_prefix
from gateway.objects.new_blobs import GivenBlob, NewBlob
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
    """The id of an object, and for each blob that was skipped, of the one that has its content."""

    object_id: str
    skipped_blob_ids: list[str]


async def create_object(
    tx: Transaction,
    store: BlobStore,
    limits: Limits,
    *,
    bucket_id: str,
    key_prefix: str | None = None,
    blobs: Sequence[GivenBlob] = (),
    metadata: Any = None,
    skip_duplicates: bool = False,
) -> Created:
    """Keep an object, its blobs and their bytes.

    The bytes are written before the rows: after a crash in between no row names bytes that are not
    there.

    Args:
        metadata: Is kept with the defaults of the bucket's schema where keys are absent.
        skip_duplicates: Leave out blobs whose content the bucket has already.

    Raises:
        NotFound: There is no such bucket.
        Locked, BadState: The bucket takes no writes.
        SchemaMismatch: Something does not fit the bucket's schema.
        InvalidInput, TooLarge: A value that cannot be read or kept.
        Refused: Several of the last three.
        Unavailable: The store cannot keep the bytes.
    """
    bucket = await holding.share(tx, bucket_id)
    if bucket is None:
        raise NotFound(f"no bucket has the id {shortened(bucket_id)!r}", ("bucketId",))
    bucket.require_open(("bucketId",))
    # Not on the event loop: 10 MiB of structured data take seconds to become canonical.
    made, metadata = await off_loop(
        [metadata, *((blob.data, blob.metadata) for blob in blobs)],
        _check,
        bucket.schema,
        limits,
        key_prefix=key_prefix,
        blobs=blobs,
        metadata=metadata,
    )

    skipped: list[str] = []
    if skip_duplicates:
        made, skipped = await new_blobs.without_duplicates(tx, made, bucket_id=bucket_id)
    await contents.keep(tx, store, contents=[blob.content for blob in made])
    object_id = new_id("obj")
    await tx.run(
        _ADD_WITH_BLOBS if made else _ADD,
        namespace_id=tx.namespace_id,
        bucket_id=bucket_id,
        id=object_id,
        key_prefix=key_prefix,
        metadata=metadata,
        content_hash=new_blobs.content_hash(made),
        size_bytes=sum(blob.content.size_bytes for blob in made),
        skip_duplicates=skip_duplicates,
        **_arrays(made),
    )
    return Created(object_id, skipped)


def _check(
    schema: BucketSchema,
    limits: Limits,
    *,
    key_prefix: str | None,
    blobs: Sequence[GivenBlob],
    metadata: Any,
) -> tuple[list[NewBlob], dict[str, Any]]:
    """Return the blobs and the metadata to keep, or raise all that is wrong with them."""
    gathering = Gathering()
    with gathering.below():
        check_key_prefix(key_prefix)
    made = []
    if len(blobs) > limits.blobs_per_object:
        most = limits.blobs_per_object
        message = f"blobs has {len(blobs)} items; the most is {most}"
        gathering.failures.append(TooLarge(message, ("blobs",)))
    else:
        for index, blob in enumerate(blobs):
            with gathering.below("blobs", str(index)):
                made.append(new_blobs.read(blob, schema, limits))
    with gathering.below():
        given = {} if metadata is None else metadata
        check_object(given, ("metadata",), most_bytes=limits.metadata_bytes)
        metadata = schema.check_metadata(given, present_blobs={blob.property for blob in blobs})
        # The defaults count as well.
        check_object(metadata, ("metadata",), most_bytes=limits.metadata_bytes)
    gathering.end()
    return made, metadata


def _arrays(blobs: Sequence[NewBlob]) -> dict[str, list[Any]]:
    rows = [_row(blob, position) for position, blob in enumerate(blobs)]
    return {f"blob_{each.key}": [row[each.key] for row in rows] for each in _BLOB_COLUMNS}


def _row(blob: NewBlob, position: int) -> dict[str, Any]:
    content = blob.content
    return {
        "id": blob.id,
        "position": position,
        "property": blob.property,
        "type": blob.type,
        "key_prefix": blob.key_prefix,
        "properties": blob.properties,
        "filename": content.filename,
        "size_bytes": content.size_bytes,
        "mime_type": content.mime_type,
        "hash": content.hash,
        "has_bytes": content.data is not None,
    }
