"""Creating buckets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert

from gateway.buckets import names
from gateway.buckets.bucket_schema import parse_schema
from gateway.buckets.tables import BucketRow
from gateway.buckets.unique_keys import read_unique_key
from gateway.checks import check_description, check_name, check_object
from gateway.database.ids import new_id
from gateway.database.transaction import Transaction
from gateway.enums import InsertPolicy
from gateway.gathering import Gathering
from gateway.limits import Limits

_ADD = (
    insert(BucketRow)
    .values(
        namespace_id=bindparam("namespace_id"),
        id=bindparam("id"),
        bucket_name=bindparam("bucket_name"),
        description=bindparam("description"),
        bucket_schema=bindparam("bucket_schema"),
        metadata_=bindparam("metadata"),
        unique_key_fields=bindparam("unique_key_fields"),
        unique_key_policy=bindparam("unique_key_policy"),
    )
    .on_conflict_do_nothing()  # an error would end the transaction, and hide who has the name
    .returning(BucketRow.id)
)


async def create_bucket(
    tx: Transaction,
    limits: Limits,
    *,
    bucket_name: str,
    bucket_schema: Any,
    description: str | None = None,
    metadata: Any = None,
    unique_key_fields: Sequence[str] | None = None,
    unique_key_policy: InsertPolicy | None = None,
) -> str:
    """Make an empty bucket; return its id.

    Args:
        unique_key_fields: Paths of scalars in the metadata; None: it gets no unique key.

    Raises:
        InvalidInput, TooLarge: A value that cannot be kept, or a schema that is none.
        Refused: Several of these.
        AlreadyExists: The name is taken.
    """
    gathering = Gathering()
    with gathering.below():
        check_name(bucket_name, ("bucketName",), most=limits.name_characters)
    with gathering.below():
        schema = parse_schema(bucket_schema, ("bucketSchema",))
        if unique_key_fields is not None:
            with gathering.below("uniqueKey"):
                read_unique_key(unique_key_fields, unique_key_policy, schema)
    with gathering.below():
        check_description(description)
    if metadata is None:
        metadata = {}
    with gathering.below():
        check_object(metadata, ("metadata",), most_bytes=limits.metadata_bytes)
    gathering.end()

    id: str | None = await tx.value(
        _ADD,
        namespace_id=tx.namespace_id,
        id=new_id("bkt"),
        bucket_name=bucket_name,
        description=description,
        bucket_schema=bucket_schema,
        metadata=metadata,
        unique_key_fields=unique_key_fields,
        unique_key_policy=unique_key_policy,
    )
    if id is None:
        raise names.taken(bucket_name, await names.find_named(tx, bucket_name))
    return id
