"""Which rows are there to be used: not those of a bucket that is being deleted."""

from __future__ import annotations

from sqlalchemy import ColumnElement, SQLColumnExpression, exists
from sqlalchemy.orm import aliased

from gateway.buckets.tables import BucketRow
from gateway.enums import Status


def in_standing_bucket(
    namespace_id: SQLColumnExpression[str], bucket_id: SQLColumnExpression[str | None]
) -> ColumnElement[bool]:
    """Return the condition that a row's bucket, if it has one, is not being deleted.

    What such a bucket has goes piece by piece, so it counts as gone from the start.
    """
    bucket = aliased(BucketRow)
    return ~exists().where(
        bucket.namespace_id == namespace_id,
        bucket.id == bucket_id,
        bucket.status == Status.IN_PROGRESS,
    )
