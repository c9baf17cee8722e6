"""How lists of objects are narrowed and ordered."""

from __future__ import annotations

import strawberry
from strawberry import UNSET

from gateway.enums import Direction, Word, words
from gateway.planner.filter_inputs import DateTimeFilter, PathFilter, StatusFilter, StringFilter


@strawberry.input(description="Which objects; all that is given has to hold.")
class ObjectFilter:
    and_: list[ObjectFilter] | None = strawberry.field(
        name="and", default=UNSET, description="All of these hold."
    )
    or_: list[ObjectFilter] | None = strawberry.field(
        name="or", default=UNSET, description="At least one of these holds."
    )
    not_: ObjectFilter | None = strawberry.field(
        name="not", default=UNSET, description="This does not hold."
    )
    status: StatusFilter | None = strawberry.field(default=UNSET, description="Where it stands.")
    key_prefix: StringFilter | None = strawberry.field(
        default=UNSET, description="Its path in the bucket."
    )
    content_hash: StringFilter | None = strawberry.field(
        default=UNSET, description="The hash over its contents."
    )
    created_at: DateTimeFilter | None = strawberry.field(
        default=UNSET, description="When it was made."
    )
    updated_at: DateTimeFilter | None = strawberry.field(
        default=UNSET, description="When it last changed."
    )
    metadata: list[PathFilter] | None = strawberry.field(
        default=UNSET, description="All of these hold of the metadata."
    )


@words("What objects are sorted by.")
class ObjectSort(Word):
    CREATED_AT = "CREATED_AT", "When they were made."
    UPDATED_AT = "UPDATED_AT", "When they last changed."
    KEY_PREFIX = "KEY_PREFIX", "Their paths, by code point; none is like an empty one."
    STATUS = "STATUS", "Where they stand, by its name."
    METADATA = "METADATA", "A value of their metadata; none is like null, the smallest."


@strawberry.input(description="One thing to sort objects by.")
class ObjectOrder:
    field: ObjectSort = strawberry.field(description="What to sort by.")
    direction: Direction | None = strawberry.field(
        default=Direction.ASC, description="Upwards or downwards."
    )
    metadata_path: str | None = strawberry.field(
        default=None, description="With METADATA: the value's path, as in a PathFilter."
    )
