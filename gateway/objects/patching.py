"""Patching objects."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from sqlalchemy import bindparam, select

from gateway.buckets import holding
from gateway.buckets.bucket_schema import BucketSchema
from gateway.buckets.unique_keys import UniqueKey
from gateway.database.row_patches import RowPatch
from gateway.database.transaction import Transaction
from gateway.database.violations import on_violation
from gateway.errors import AlreadyExists, NotFound
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.objects.key_prefixes import check_key_prefix
from gateway.objects.tables import BlobRow, ObjectRow
from gateway.patching import check_version, patched_metadata
from gateway.wording import shortened

_PATCH = RowPatch(
    ObjectRow,
    ObjectRow.key_prefix,
    ObjectRow.skip_duplicates,
    ObjectRow.metadata_,
    ObjectRow.unique_key,
)
_FIND_BUCKET_ID = select(ObjectRow.bucket_id).where(
    ObjectRow.namespace_id == bindparam("namespace_id"), ObjectRow.id == bindparam("id")
)
_FIND_PROPERTIES = (
    select(BlobRow.property)
    .distinct()
    .where(BlobRow.namespace_id == bindparam("namespace_id"), BlobRow.object_id == bindparam("id"))
)
_FIND_KEY = select(ObjectRow.id).where(
    ObjectRow.namespace_id == bindparam("namespace_id"),
    ObjectRow.bucket_id == bindparam("bucket_id"),
    ObjectRow.unique_key == bindparam("key"),
)


async def patch_object(
    tx: Transaction,
    limits: Limits,
    *,
    id: str,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
) -> None:
    """Change what is given of an object.

    Args:
        changes: New values of ``key_prefix`` and ``skip_duplicates`` (None: false), and what
            ``metadata`` is merged with (RFC 7396; None empties it).

    Raises:
        NotFound: There is no such object.
        Locked, BadState: Its bucket takes no writes.
        VersionMismatch: It has moved on from ``expected_version``.
        InvalidInput, TooLarge: A value that cannot be kept.
        SchemaMismatch: The metadata would not fit the bucket's schema or unique key any more.
        AlreadyExists: Another object has the unique key that the metadata would make.
        Refused: Several of these.
    """
    this_one = {"namespace_id": tx.namespace_id, "id": id}
    bucket_id = await tx.value(_FIND_BUCKET_ID, **this_one)
    bucket = bucket_id and await holding.share(tx, bucket_id)
    row = await _PATCH.lock(tx, id)
    if not bucket or row is None:
        raise NotFound(f"no object has the id {shortened(id)!r}", ("id",))
    bucket.require_open(("id",))
    check_version(expected_version, current=row["version"], id=id)

    new = {**{column: row[column] for column in _PATCH.columns}, **changes}
    new["skip_duplicates"] = bool(new["skip_duplicates"])
    gathering = Gathering()
    with gathering.below():
        check_key_prefix(new["key_prefix"])
    if "metadata" in changes:
        properties = {each["property"] for each in await tx.rows(_FIND_PROPERTIES, **this_one)}
        with gathering.below():
            new["metadata"] = patched_metadata(
                row["metadata"], changes["metadata"], most_bytes=limits.metadata_bytes
            )
            check_fits(
                bucket.schema, before=row["metadata"], after=new["metadata"], blobs=properties
            )
            if bucket.unique_key is not None:
                new["unique_key"] = bucket.unique_key.read(new["metadata"])
    gathering.end()
    if bucket.unique_key is None or new["unique_key"] == row["unique_key"]:
        await _PATCH.change(tx, id, new)
        return
    key = {"namespace_id": tx.namespace_id, "bucket_id": bucket_id, "key": new["unique_key"]}
    if existing_id := await tx.value(_FIND_KEY, **key):
        raise taken(bucket.unique_key, new["metadata"], existing_id)
    with on_violation(
        uq_objects_namespace_id_bucket_id_unique_key=taken(bucket.unique_key, new["metadata"], None)
    ):
        await _PATCH.change(tx, id, new)


def check_fits(
    schema: BucketSchema,
    *,
    before: dict[str, Any],
    after: dict[str, Any],
    blobs: Set[str],
) -> None:
    """Return if an object whose metadata changes still fits its bucket's schema.

    Args:
        blobs: The properties of its blobs.

    Raises:
        SchemaMismatch, Refused: It would not.
    """
    schema.check_metadata(
        after,
        # What the metadata never had was a blob, which may have been skipped.
        present_blobs=blobs | (schema.properties.keys() - before),
        fill_defaults=False,
    )


def taken(
    unique_key: UniqueKey, metadata: dict[str, Any], existing_id: str | None
) -> AlreadyExists:
    """Return the answer to a unique key that another object has."""
    return AlreadyExists(
        f"the bucket has an object with {unique_key.shown(metadata)} already",
        unique_key.place,
        existing_id=existing_id,
    )
