"""Creating objects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    JSON,
    ColumnElement,
    Insert,
    bindparam,
    column,
    func,
    insert,
    select,
    true,
)

from gateway.blobs.store import BlobStore
from gateway.buckets import holding
from gateway.database.ids import new_id
from gateway.database.pool import Database
from gateway.database.transaction import Transaction
from gateway.errors import Refused, UserFailure
from gateway.limits import Limits
from gateway.objects import new_blobs, new_objects, several
from gateway.objects.drafts import blob_columns
from gateway.objects.new_blobs import NewBlob
from gateway.objects.new_objects import GivenObject, NewObject
from gateway.objects.tables import BlobRow, ObjectRow
from gateway.planner.along import FindReading, expression
from gateway.planner.rows import Rows
from gateway.threads import is_light, off_loop

# The columns of an object, each given under its own name.
_OBJECT_COLUMNS = (
    ObjectRow.namespace_id,
    ObjectRow.id,
    ObjectRow.bucket_id,
    ObjectRow.key_prefix,
    ObjectRow.metadata_,
    ObjectRow.content_hash,
    ObjectRow.size_bytes,
    ObjectRow.skip_duplicates,
)
# The columns of blobs. They are given as one list of JSON: of an array for each, asyncpg looks at
# every item, which takes an object with two blobs 13 us.
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
# What a reading in the statement that adds an object finds there.
_ADDED = {(ObjectRow.__tablename__, "id"), (BlobRow.__tablename__, "object_id")}


def _add_object(held: CTE | None) -> Insert:
    """Return the statement that adds an object.

    Args:
        held: Whether the bucket is as it was seen; None: it is held already.
    """
    values = [bindparam(each.key.rstrip("_"), type_=each.type) for each in _OBJECT_COLUMNS]
    row = select(*values)
    if held is not None:
        row = row.select_from(held).where(held.c.is_as_seen)
    return insert(ObjectRow).from_select(list(_OBJECT_COLUMNS), row)


def _add_blobs(held: CTE | None) -> Insert:
    """Return the statement that adds the blobs of an object."""
    columns = [column(each.key, each.type) for each in _BLOB_COLUMNS]
    names = [each.key for each in _BLOB_COLUMNS]
    records = func.json_to_recordset(bindparam("blobs", type_=JSON))
    blob = records.table_valued(*columns, name="blob").render_derived(with_types=True)
    same: dict[str, ColumnElement[Any]] = {
        name: bindparam(name) for name in ("namespace_id", "bucket_id")
    }
    rows = select(*same.values(), bindparam("id"), *[blob.c[name] for name in names])
    rows = rows.select_from(blob)
    if held is not None:
        rows = rows.select_from(held).where(held.c.is_as_seen)
    return insert(BlobRow).from_select([*same, "object_id", *names], rows)


_ADD = _add_object(None)
_ADD_WITH_BLOBS = _add_blobs(None).add_cte(_ADD.cte("added"))  # one round trip for both


@lru_cache(maxsize=512)
def _add_alone(reading: str | None) -> Any:
    """Return the statement that holds the bucket, adds an object and reads it.

    It returns nothing where it adds nothing.

    Args:
        reading: The plan that reads the object; None: return true.
    """
    held = select(holding.is_as_seen().label("is_as_seen")).cte("held")
    # Each has the name of its table, which it stands for in the plan.
    added, added_blobs = (
        add.returning(*row.__table__.c).cte(row.__tablename__)
        for add, row in ((_add_object(held), ObjectRow), (_add_blobs(held), BlobRow))
    )
    found = select(true()).select_from(added) if reading is None else select(expression(reading))
    return found.add_cte(added, added_blobs)


class Created(NamedTuple):
    """The id of an object, and for each blob that was skipped, of the one that has its content.

    ``hashes`` are of bytes that may have no blob any more. ``json`` is what was read of the object.
    """

    object_id: str
    skipped_blob_ids: list[str]
    hashes: Sequence[str] = ()
    json: bytes | None = None


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
        **_values(given, new, made, object_id, namespace_id=tx.namespace_id),
    )
    return Created(object_id, skipped)


async def create_alone(
    database: Database,
    limits: Limits,
    given: GivenObject,
    *,
    namespace_id: str,
    find_reading: FindReading | None,
) -> Created | None:
    """Keep an object by one statement, which holds the bucket and is a transaction of its own.

    It is checked for the bucket as it was seen last, and kept if the bucket is still so. None where
    that cannot be, and nothing was done: the bucket was not seen or has changed, or it takes more
    than one statement, or the object is to be refused, which only who holds the bucket may do.

    Args:
        find_reading: Tells how the payload's ``object`` will be read; the statement reads it too,
            if that needs nothing but what is made.

    Raises:
        Unavailable: Nobody knows whether it was kept.
    """
    seen = holding.last_seen(namespace_id, given.bucket_id)
    if seen is None or not seen.bucket.takes_any or given.skip_duplicates:
        return None
    if any(blob.upload_id is not None for blob in given.blobs) or not is_light(given.weight):
        return None
    try:
        new = new_objects.read(given, seen.bucket.schema, None, limits)
    except (UserFailure, Refused):
        return None
    if any(blob.content.has_bytes for blob in new.blobs):
        return None
    object_id = new_id("obj")
    values = _values(given, new, new.blobs, object_id, namespace_id=namespace_id)
    reading = find_reading("object", Rows(id=object_id)) if find_reading else None
    if reading is None or not reading.parts <= _ADDED:
        is_made = await database.change(_add_alone(None), seen=seen.xmin, **values)
        return Created(object_id, []) if is_made else None
    values |= reading.values
    json = await database.change(_add_alone(reading.sql), seen=seen.xmin, **values)
    return None if json is None else Created(object_id, [], json=json)


def _values(
    given: GivenObject,
    new: NewObject,
    blobs: Sequence[NewBlob],
    object_id: str,
    *,
    namespace_id: str,
) -> dict[str, Any]:
    """Return the values of the statements that add an object."""
    return {
        "namespace_id": namespace_id,
        "id": object_id,
        "bucket_id": given.bucket_id,
        "key_prefix": given.key_prefix,
        "metadata": new.metadata,
        "content_hash": new_blobs.content_hash(blob.content.hash for blob in blobs),
        "size_bytes": sum(blob.content.size_bytes or 0 for blob in blobs),
        "skip_duplicates": given.skip_duplicates,
        "blobs": [blob_columns(blob, position) for position, blob in enumerate(blobs)],
    }
