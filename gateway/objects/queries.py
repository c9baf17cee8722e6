"""Root fields that read objects."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.objects.types import BucketObject
from gateway.planner.rows import one_of_kind


@strawberry.type
class ObjectQueries:
    @strawberry.field(description="An object by its id; null for an id that is no object here.")
    def object(
        self, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> BucketObject | None:
        found: BucketObject | None = one_of_kind("obj", id)
        return found
