"""How lists of buckets are narrowed and ordered."""

from __future__ import annotations

import strawberry
from strawberry import UNSET

from gateway.enums import Direction, Word, words
from gateway.planner.filter_inputs import DateTimeFilter, PathFilter, StatusFilter, StringFilter


@strawberry.input(description="Which buckets; all that is given has to hold.")
class BucketFilter:
    and_: list[BucketFilter] | None = strawberry.field(
        name="and", default=UNSET, description="All of these hold."
    )
    or_: list[BucketFilter] | None = strawberry.field(
        name="or", default=UNSET, description="At least one of these holds."
    )
    not_: BucketFilter | None = strawberry.field(
        name="not", default=UNSET, description="This does not hold."
    )
    status: StatusFilter | None = strawberry.field(default=UNSET, description="Where it stands.")
    bucket_name: StringFilter | None = strawberry.field(default=UNSET, description="Its name.")
    created_at: DateTimeFilter | None = strawberry.field(
        default=UNSET, description="When it was made."
    )
    metadata: list[PathFilter] | None = strawberry.field(
        default=UNSET, description="All of these hold of the metadata."
    )


@words("What buckets are sorted by.")
class BucketSort(Word):
    CREATED_AT = "CREATED_AT", "When they were made."
    UPDATED_AT = "UPDATED_AT", "When they last changed."
    BUCKET_NAME = "BUCKET_NAME", "Their names, by code point."


@strawberry.input(description="One thing to sort buckets by.")
class BucketOrder:
    field: BucketSort = strawberry.field(description="What to sort by.")
    direction: Direction | None = strawberry.field(
        default=Direction.ASC, description="Upwards or downwards."
    )
