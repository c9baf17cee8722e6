"""Root fields that read buckets."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway import listings
from gateway.buckets.tables import stands
from gateway.buckets.types import Bucket, BucketConnection
from gateway.planner.declare import many
from gateway.planner.rows import by_id_or_name


@strawberry.type
class BucketQueries:
    buckets: BucketConnection = many(
        where=stands,
        listing=listings.BUCKETS,
        description="All buckets but those being deleted, in the order they were made.",
    )

    @strawberry.field(
        description="A bucket by its id or by its name; null for one that is not here."
    )
    def bucket(
        self,
        id: Annotated[strawberry.ID | None, strawberry.argument(description="Its id.")] = None,
        name: Annotated[
            str | None, strawberry.argument(description="Its name, in place of its id.")
        ] = None,
    ) -> Bucket | None:
        found: Bucket | None = by_id_or_name("bkt", id, bucket_name=name)
        return found
