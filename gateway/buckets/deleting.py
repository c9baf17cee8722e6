"""Deleting buckets: closed at once, emptied in the background."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import BigInteger, bindparam, cast, func, select, update

from gateway.buckets import holding
from gateway.buckets.tables import BucketRow, BucketTallyRow
from gateway.database.transaction import Transaction
from gateway.documents.tables import DocumentRow
from gateway.enums import Status
from gateway.errors import BadState, Locked, NotFound
from gateway.wording import shortened

_THIS_ONE = (BucketRow.namespace_id == bindparam("namespace_id"), BucketRow.id == bindparam("id"))
# NO KEY UPDATE: a full lock would also wait for everyone whose new document names the bucket.
_LOCK = (
    select(BucketRow.status, BucketRow.is_locked).where(*_THIS_ONE).with_for_update(key_share=True)
)
_CLOSE = (
    update(BucketRow)
    .where(*_THIS_ONE)
    .values(status=Status.IN_PROGRESS, version=BucketRow.version + 1, updated_at=func.now())
)
# PostgreSQL sums up bigints as numeric.
_OBJECTS = select(cast(func.coalesce(func.sum(BucketTallyRow.objects), 0), BigInteger)).where(
    BucketTallyRow.namespace_id == bindparam("namespace_id"),
    BucketTallyRow.bucket_id == bindparam("id"),
)
_DOCUMENTS = (
    select(func.count())
    .select_from(DocumentRow)
    .where(
        DocumentRow.namespace_id == bindparam("namespace_id"),
        DocumentRow.root_bucket_id == bindparam("id"),
    )
)
_COUNT = select(
    _OBJECTS.scalar_subquery().label("objects"), _DOCUMENTS.scalar_subquery().label("documents")
)


class BucketContents(NamedTuple):
    """How much goes with a bucket."""

    objects: int
    documents: int


async def delete_bucket(tx: Transaction, *, id: str) -> BucketContents:
    """Turn a bucket IN_PROGRESS, which hides and closes it; return how much will go with it.

    ``gateway.buckets.emptying`` removes the rows afterwards.

    Raises:
        NotFound: There is no such bucket.
        BadState: It is being deleted already.
        Locked: It is locked.
    """
    await holding.hold_alone(tx, id)
    row = await tx.row(_LOCK, namespace_id=tx.namespace_id, id=id)
    if row is None:
        raise NotFound(f"no bucket has the id {shortened(id)!r}", ("id",))
    if row["status"] == Status.IN_PROGRESS:
        raise BadState("the bucket is being deleted already", ("id",))
    if row["is_locked"]:
        raise Locked("the bucket is locked; patch it with isLocked: false first", ("id",))
    await tx.run(_CLOSE, namespace_id=tx.namespace_id, id=id)
    (counted,) = await tx.rows(_COUNT, namespace_id=tx.namespace_id, id=id)
    return BucketContents(**counted)
