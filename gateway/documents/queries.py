"""Root fields that read documents."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.documents.types import Document
from gateway.planner.rows import one_of_kind


@strawberry.type
class DocumentQueries:
    @strawberry.field(description="A document by its id; null for an id that is no document here.")
    def document(
        self, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> Document | None:
        found: Document | None = one_of_kind("doc", id)
        return found
