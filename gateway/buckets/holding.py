"""Holding a bucket: as it is, while its objects change; alone, while its own state does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Text,
    any_,
    bindparam,
    case,
    func,
    literal_column,
    select,
    true,
)

from gateway.buckets.bucket_schema import BucketSchema, parse_schema
from gateway.buckets.tables import BucketRow
from gateway.buckets.unique_keys import UniqueKey, read_unique_key
from gateway.database.ids import prefix_of
from gateway.database.transaction import Transaction
from gateway.enums import Status
from gateway.errors import BadState, Locked
from gateway.planner.caching import LeastUsedCache

# Not locks on the bucket's row: PostgreSQL lets ever new sharers of a row pass whoever waits to
# change it, so a bucket that always takes objects could never be locked. These are had in turn.
_NAMESPACE_ID = bindparam("namespace_id", type_=Text)
_BUCKET_ID = bindparam("bucket_id", type_=Text)
_KEY = func.hashtextextended(func.concat(_NAMESPACE_ID, _BUCKET_ID), 0)
# A function of ours: it takes the lock, and tells whether the bucket is as it was when last seen.
_SHARE = """
    SELECT FROM hold_bucket('{namespace_id}', '{bucket_id}', {seen}) AS is_as_seen WHERE is_as_seen
"""
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
# ``xmin`` is the transaction that wrote the row as it is: whatever changes a row gives it another.
_FIND = _FIND_ANY.add_columns(literal_column("xmin")).where(BucketRow.id == _BUCKET_ID)
_FIND_ALL = _FIND_ANY.where(BucketRow.id == any_(_BUCKET_IDS))


@dataclass(frozen=True)
class HeldBucket:
    """A bucket whose status and lock stay as they are until the transaction ends."""

    status: Status
    is_locked: bool
    raw_schema: dict[str, Any]
    unique_key_fields: list[str] | None
    unique_key_policy: str | None

    @cached_property
    def schema(self) -> BucketSchema:
        """What its objects have to be."""
        return parse_schema(self.raw_schema)

    @cached_property
    def unique_key(self) -> UniqueKey | None:
        """What tells its objects apart; None: nothing but their ids."""
        if self.unique_key_fields is None:
            return None
        return read_unique_key(self.unique_key_fields, self.unique_key_policy, self.schema)

    @property
    def takes_any(self) -> bool:
        """Whether objects may come into it, each for itself: it is open, and has no unique key."""
        is_open = self.status is Status.ACTIVE and not self.is_locked
        return is_open and self.unique_key_fields is None

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


class Seen(NamedTuple):
    """A bucket as it was found last; it still is where its row's ``xmin`` is the same."""

    xmin: int
    bucket: HeldBucket


# Weighed by their schemas.
_seen = LeastUsedCache[tuple[str, str], Seen](1024, most_weight=4 * 1024**2)


def _held(row: Iterable[Any]) -> HeldBucket:
    _, status, *rest = row
    return HeldBucket(Status[status], *rest)


def last_seen(namespace_id: str, bucket_id: str) -> Seen | None:
    """Return a bucket as it was found last; nobody holds it, and it may have changed since."""
    return _seen.find((namespace_id, bucket_id))


def is_as_seen() -> ColumnElement[bool]:
    """Hold a bucket within a statement that is a transaction of its own; tell if it is as seen.

    The statement may go on only if it is. Of its values, it takes ``namespace_id``, ``bucket_id``
    and ``seen``, the ``xmin``. CASE sees to the order: row level security asks for the namespace.
    """
    setting: ColumnElement[str] = literal_column("'app.namespace_id'")
    is_set = func.set_config(setting, _NAMESPACE_ID, true()).is_not(None)
    held = func.hold_bucket(_NAMESPACE_ID, _BUCKET_ID, bindparam("seen"))
    return case((is_set, held))


async def share(tx: Transaction, bucket_id: str) -> HeldBucket | None:
    """Hold the bucket together with others that change its objects.

    Must come before ``tx`` locks anything else, so that nobody waits in a circle. Where it comes
    first of all and the bucket is as it was the last time, it takes one message with the BEGIN.

    Returns:
        None where there is no such bucket; one that is being deleted counts as gone.
    """
    if prefix_of(bucket_id) != "bkt":
        return None
    this_one = {"namespace_id": tx.namespace_id, "bucket_id": bucket_id}
    seen = _seen.find((tx.namespace_id, bucket_id))
    mark = "NULL" if seen is None else f"'{seen.xmin}'"
    if await tx.run_script(_SHARE.format(**this_one, seen=mark)) and seen is not None:
        return seen.bucket
    row = await tx.row(_FIND, **this_one)
    if row is None:
        return None
    *columns, xmin = row
    bucket = _held(columns)
    weight = len(orjson.dumps(bucket.raw_schema))
    _seen.keep((tx.namespace_id, bucket_id), Seen(xmin, bucket), weight)
    return bucket


async def share_all(tx: Transaction, bucket_ids: Iterable[str]) -> dict[str, HeldBucket]:
    """Hold several buckets as ``share`` does; return those that are there, by their ids."""
    # In order: somebody who waits to hold one alone makes those wait who come later.
    wanted = sorted(set(bucket_ids))
    if len(wanted) == 1:
        bucket = await share(tx, wanted[0])
        return {} if bucket is None else {wanted[0]: bucket}
    these = {"namespace_id": tx.namespace_id, "bucket_ids": wanted}
    await tx.run(_SHARE_ALL, **these)
    rows = await tx.rows(_FIND_ALL, **these)
    return {row["id"]: _held(row) for row in rows}


async def hold_alone(tx: Transaction, bucket_id: str) -> None:
    """Wait until nobody changes objects of the bucket, and let nobody begin; see ``share``."""
    await tx.run(_HOLD_ALONE, namespace_id=tx.namespace_id, bucket_id=bucket_id)
