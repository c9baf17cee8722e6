"""How lists of documents are narrowed and ordered."""

from __future__ import annotations

import strawberry
from strawberry import UNSET

from gateway.enums import Direction, Word, words
from gateway.planner.filter_inputs import (
    DateTimeFilter,
    IdFilter,
    PathFilter,
    StatusFilter,
    StringFilter,
)


@strawberry.input(description="Which documents; all that is given has to hold.")
class DocumentFilter:
    and_: list[DocumentFilter] | None = strawberry.field(
        name="and", default=UNSET, description="All of these hold."
    )
    or_: list[DocumentFilter] | None = strawberry.field(
        name="or", default=UNSET, description="At least one of these holds."
    )
    not_: DocumentFilter | None = strawberry.field(
        name="not", default=UNSET, description="This does not hold."
    )
    status: StatusFilter | None = strawberry.field(default=UNSET, description="Where it stands.")
    collection_id: IdFilter | None = strawberry.field(
        default=UNSET, description="The collection that holds it."
    )
    root_object_id: IdFilter | None = strawberry.field(
        default=UNSET, description="The object at the root of its lineage."
    )
    lineage_path: StringFilter | None = strawberry.field(
        default=UNSET, description="The root bucket and the collections down to its own."
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


@words("What documents are sorted by.")
class DocumentSort(Word):
    CREATED_AT = "CREATED_AT", "When they were made."
    UPDATED_AT = "UPDATED_AT", "When they last changed."
    LINEAGE_PATH = "LINEAGE_PATH", "Their lineage paths; none is like an empty one."
    STATUS = "STATUS", "Where they stand, by its name."
    METADATA = "METADATA", "A value of their metadata; none is like null, the smallest."


@strawberry.input(description="One thing to sort documents by.")
class DocumentOrder:
    field: DocumentSort = strawberry.field(description="What to sort by.")
    direction: Direction | None = strawberry.field(
        default=Direction.ASC, description="Upwards or downwards."
    )
    metadata_path: str | None = strawberry.field(
        default=None, description="With METADATA: the value's path, as in a PathFilter."
    )
