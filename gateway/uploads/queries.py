"""Root fields that read uploads."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.planner.rows import one_of_kind
from gateway.uploads.types import Upload


@strawberry.type
class UploadQueries:
    @strawberry.field(description="An upload by its id; null for an id that is no upload here.")
    def upload(
        self, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> Upload | None:
        found: Upload | None = one_of_kind("upl", id)
        return found
