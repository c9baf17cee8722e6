"""Buckets, as the schema shows them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from sqlalchemy import ARRAY, BigInteger, Text, cast, func, select
from sqlalchemy.sql import ColumnElement

from gateway import listings
from gateway.buckets.tables import BucketRow, BucketTallyRow, stands
from gateway.enums import InsertPolicy, Status
from gateway.objects.tables import ObjectRow
from gateway.payloads import REPLAYED
from gateway.planner.declare import column, embedded, embedded_type, entity, many, sql
from gateway.planner.node import Node, PageInfo
from gateway.planner.sources import Columns
from gateway.scalars import JSON, BigInt
from gateway.user_errors import UserError

if TYPE_CHECKING:
    from gateway.documents.types import DocumentConnection
    from gateway.objects.types import ObjectConnection

Expression = Callable[[Columns], ColumnElement[Any]]


def _tallied(total: ColumnElement[Any]) -> Expression:
    """Return a bucket's figure from its tallies, which are exact without a look at its objects."""

    def build(bucket: Columns) -> ColumnElement[Any]:
        return (
            select(total)
            .where(
                BucketTallyRow.namespace_id == bucket.namespace_id,
                BucketTallyRow.bucket_id == bucket.id,
            )
            .scalar_subquery()
        )

    return build


def _of_objects(figure: ColumnElement[Any]) -> Expression:
    """Return a figure over a bucket's objects that an index has at its first or last entry."""

    def build(bucket: Columns) -> ColumnElement[Any]:
        found = (
            select(figure)
            .where(ObjectRow.namespace_id == bucket.namespace_id, ObjectRow.bucket_id == bucket.id)
            .scalar_subquery()
        )
        return func.coalesce(found, 0, type_=BigInteger)

    return build


_OBJECTS = func.coalesce(func.sum(BucketTallyRow.objects), 0, type_=BigInteger)
_BYTES = func.coalesce(func.sum(BucketTallyRow.size_bytes), 0, type_=BigInteger)
_AVERAGE = cast(
    func.coalesce(
        func.round(
            func.sum(BucketTallyRow.size_bytes) / func.nullif(func.sum(BucketTallyRow.objects), 0)
        ),
        0,
    ),
    BigInteger,
)


@embedded_type(description="Figures of the objects of a bucket, exact; all 0 for an empty one.")
class StorageStats:
    total_size_bytes: BigInt = sql(_tallied(_BYTES), description="Of all objects together.")
    avg_size_bytes: BigInt = sql(_tallied(_AVERAGE), description="Per object, rounded.")
    max_size_bytes: BigInt = sql(
        _of_objects(func.max(ObjectRow.size_bytes)), description="Of the largest object."
    )
    min_size_bytes: BigInt = sql(
        _of_objects(func.min(ObjectRow.size_bytes)), description="Of the smallest object."
    )


@embedded_type(description="What tells the objects of a bucket apart.")
class UniqueKey:
    fields: list[str] = sql(
        lambda bucket: func.coalesce(bucket.unique_key_fields, type_=ARRAY(Text)),
        description="Paths into the metadata, as they were written.",
    )
    default_policy: InsertPolicy | None = column(
        "unique_key_policy", description="The policy of objects that bring none of their own."
    )


@entity(
    BucketRow,
    "bkt",
    # One that is being deleted has left its name to others.
    named=stands,
    description="A named place for objects, with the schema that they fit.",
)
class Bucket(Node):
    bucket_id: strawberry.ID = sql(lambda row: row.id, description="The same as `id`.")
    bucket_name: str = strawberry.field(description="Unique in the namespace.")
    description: str | None = strawberry.field(description="For people.")
    bucket_schema: JSON = strawberry.field(description="What objects look like, as it was written.")
    unique_key: UniqueKey | None = embedded(
        when=lambda bucket: bucket.unique_key_fields.is_not(None),
        description="What tells its objects apart; null: nothing but their ids.",
    )
    metadata: JSON = strawberry.field(description="Free keys.")
    status: Status = strawberry.field(
        description="ACTIVE, ARCHIVED or SUSPENDED; IN_PROGRESS while it is being deleted."
    )
    is_locked: bool = strawberry.field(description="Whether it refuses writes.")
    object_count: int = sql(_tallied(_OBJECTS), description="How many objects it holds.")
    total_size_bytes: BigInt = sql(_tallied(_BYTES), description="Of all its objects together.")
    storage_stats: StorageStats = embedded(description="Figures of its objects.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last patched.")
    last_upload_at: datetime | None = sql(
        _tallied(func.max(BucketTallyRow.last_upload_at)),
        description="When the last object came in; null before the first.",
    )
    version: int = strawberry.field(description="Rises by one with each change.")
    objects: Annotated[ObjectConnection, strawberry.lazy("gateway.objects.types")] = many(
        "bucket_id",
        tallied=_tallied(_OBJECTS),
        listing=listings.OBJECTS,
        description="Its objects, in the order they came.",
    )
    documents: Annotated[DocumentConnection, strawberry.lazy("gateway.documents.types")] = many(
        "root_bucket_id",
        listing=listings.DOCUMENTS,
        description="All documents derived from its objects.",
    )


@strawberry.type(description="A bucket in a list.")
class BucketEdge:
    cursor: str = strawberry.field(description="Its place in the list.")
    node: Bucket = strawberry.field(description="The bucket.")


@strawberry.type(description="A page of buckets.")
class BucketConnection:
    edges: list[BucketEdge] = strawberry.field(description="The buckets with their cursors.")
    nodes: list[Bucket] = strawberry.field(description="The buckets alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
    total_count: int = strawberry.field(description="How many there are; counted when selected.")


@strawberry.type(description="The bucket, or why nothing was changed.")
class BucketPayload:
    bucket: Bucket | None = strawberry.field(default=None, description="The bucket.")
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What to mend; empty when all went well."
    )
