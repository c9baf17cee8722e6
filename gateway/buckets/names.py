"""Names of buckets: each is one bucket's of its namespace."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from gateway.buckets.tables import BucketRow
from gateway.database.transaction import Transaction
from gateway.enums import Status
from gateway.errors import AlreadyExists
from gateway.wording import shortened

_FIND_NAMED = select(BucketRow.id).where(
    BucketRow.namespace_id == bindparam("namespace_id"),
    BucketRow.bucket_name == bindparam("bucket_name"),
    BucketRow.status != Status.IN_PROGRESS,
)


async def find_named(tx: Transaction, bucket_name: str) -> str | None:
    """Return the id of the bucket that has the name."""
    id: str | None = await tx.value(
        _FIND_NAMED, namespace_id=tx.namespace_id, bucket_name=bucket_name
    )
    return id


def taken(bucket_name: str, existing_id: str | None) -> AlreadyExists:
    """Return the answer to a name that another bucket has."""
    return AlreadyExists(
        f'there is a bucket "{shortened(bucket_name)}" already; choose another name',
        ("bucketName",),
        existing_id=existing_id,
    )
