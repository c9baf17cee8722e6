"""Creating objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.blobs.store import BlobStore
from gateway.buckets import holding
from gateway.database.ids import new_id
from gateway.database.pool import Database
from gateway.database.transaction import Transaction
from gateway.errors import Refused, UserFailure
from gateway.limits import Limits
from gateway.objects import adding, keeping, new_blobs, new_objects
from gateway.objects.new_objects import GivenObject
from gateway.planner.along import FindReading
from gateway.planner.rows import Rows
from gateway.threads import is_light, off_loop


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
        raise keeping.unknown_bucket(bucket_id)
    bucket.require_open(("bucketId",))
    (given,) = await new_objects.with_uploads(tx, [given])
    if bucket.unique_key is not None:
        kept, hashes = await keeping.keep_one(tx, store, limits, given, bucket)
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
        adding.ADD_WITH_BLOBS if made else adding.ADD,
        **adding.values_of(given, new, made, object_id, namespace_id=tx.namespace_id),
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
    values = adding.values_of(given, new, new.blobs, object_id, namespace_id=namespace_id)
    reading = find_reading("object", Rows(id=object_id)) if find_reading else None
    if reading is None or not reading.parts <= adding.ADDED:
        is_made = await database.change(adding.add_alone(None), seen=seen.xmin, **values)
        return Created(object_id, []) if is_made else None
    values |= reading.values
    json = await database.change(adding.add_alone(reading.sql), seen=seen.xmin, **values)
    return None if json is None else Created(object_id, [], json=json)
