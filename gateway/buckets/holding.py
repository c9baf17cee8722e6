"""Holding a bucket: as it is, while its objects change; alone, while its own state does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import ARRAY, Text, any_, bindparam, func, select

from gateway.buckets.bucket_schema import BucketSchema, parse_schema
from gateway.buckets.tables import BucketRow
from gateway.buckets.unique_keys import UniqueKey, read_unique_key
from gateway.database.pool import Transaction
from gateway.enums import Status
from gateway.errors import BadState, Locked

# Not locks on the bucket's row: PostgreSQL lets ever new sharers of a row pass whoever waits to
# change it, so a bucket that always takes objects could never be locked. These are had in turn.
_NAMESPACE_ID = bindparam("namespace_id", type_=Text)
_BUCKET_ID = bindparam("bucket_id", type_=Text)
_KEY = func.hashtextextended(func.concat(_NAMESPACE_ID, _BUCKET_ID), 0)
_SHARE = select(func.pg_advisory_xact_lock_shared(_KEY))
_BUCKET_IDS = bindparam("bucket_ids", type_=ARRAY(Text))
_SHARE_ALL = select(
    func.pg_advisory_xact_lock_shared(
        func.hashtextextended(
            func.concat(_NAMESPACE_ID, func.unnest(_BUCKET_IDS).column_valued("bucket_id")), 0
        )
    )
)
_HOLD_ALONE = select(func.pg_advisory_xact_lock(_KEY))
# A statement of its own, after the lock: it has to see what the last holder committed.
_FIND_ANY = select(
    BucketRow.id,
    BucketRow.status,
    BucketRow.is_locked,
    BucketRow.bucket_schema,
    BucketRow.unique_key_fields,
    BucketRow.unique_key_policy,
).where(BucketRow.namespace_id == _NAMESPACE_ID, BucketRow.status != Status.IN_PROGRESS)
_FIND = _FIND_ANY.where(BucketRow.id == _BUCKET_ID)
_FIND_ALL = _FIND_ANY.where(BucketRow.id == any_(_BUCKET_IDS))


@dataclass(frozen=True, slots=True)
class HeldBucket:
    """A bucket whose status and lock stay as they are until the transaction ends."""

    status: Status
    is_locked: bool
    raw_schema: dict[str, Any]
    unique_key_fields: list[str] | None
    unique_key_policy: str | None

    @property
    def schema(self) -> BucketSchema:
        """What its objects have to be."""
        return parse_schema(self.raw_schema)

    @property
    def unique_key(self) -> UniqueKey | None:
        """What tells its objects apart; None: nothing but their ids."""
        if self.unique_key_fields is None:
            return None
        return read_unique_key(self.unique_key_fields, self.unique_key_policy, self.schema)

    def require_open(self, path: Sequence[str]) -> None:
        """Return if its objects may change.

        Raises:
            Locked: It is locked.
            BadState: It is not ACTIVE.
        """
        if self.is_locked:
            raise Locked("the bucket is locked; patch it with isLocked: false first", path)
        if self.status is not Status.ACTIVE:
            raise BadState(
                f"the bucket is {self.status}; its objects can change once it is ACTIVE again", path
            )


def _held(row: asyncpg.Record) -> HeldBucket:
    _, status, *rest = row
    return HeldBucket(Status[status], *rest)


async def share(tx: Transaction, bucket_id: str) -> HeldBucket | None:
    """Hold the bucket together with others that change its objects.

    Must come before ``tx`` locks anything else, so that nobody waits in a circle.

    Returns:
        None where there is no such bucket; one that is being deleted counts as gone.
    """
    this_one = {"namespace_id": tx.namespace_id, "bucket_id": bucket_id}
    await tx.run(_SHARE, **this_one)
    row = await tx.row(_FIND, **this_one)
    if row is None:
        return None
    return _held(row)


async def share_all(tx: Transaction, bucket_ids: Iterable[str]) -> dict[str, HeldBucket]:
    """Hold several buckets as ``share`` does; return those that are there, by their ids."""
    # In order: somebody who waits to hold one alone makes those wait who come later.
    these = {"namespace_id": tx.namespace_id, "bucket_ids": sorted(set(bucket_ids))}
    await tx.run(_SHARE_ALL, **these)
    rows = await tx.rows(_FIND_ALL, **these)
    return {row["id"]: _held(row) for row in rows}


async def hold_alone(tx: Transaction, bucket_id: str) -> None:
    """Wait until nobody changes objects of the bucket, and let nobody begin; see ``share``."""
    await tx.run(_HOLD_ALONE, namespace_id=tx.namespace_id, bucket_id=bucket_id)
