"""Root fields that read documents."""

from __future__ import annotations

import strawberry

from gateway.documents.types import Document
from gateway.planner.rows import one_of_kind


@strawberry.type
class DocumentQueries:
    @strawberry.field(description="A document by its id; null for an id that is no document here.")
    def document(self, id: strawberry.ID) -> Document | None:
        found: Document | None = one_of_kind("doc", id)
        return found
