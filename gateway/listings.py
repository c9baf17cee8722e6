"""How each kind of list is narrowed and ordered, wherever it stands in the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from gateway.planner.declare import Listing

if TYPE_CHECKING:
    from gateway.buckets.filters import BucketFilter, BucketOrder
    from gateway.documents.filters import DocumentFilter, DocumentOrder
    from gateway.objects.filters import ObjectFilter, ObjectOrder

BUCKETS = Listing(
    Annotated["BucketFilter", strawberry.lazy("gateway.buckets.filters")],
    Annotated["BucketOrder", strawberry.lazy("gateway.buckets.filters")],
)
OBJECTS = Listing(
    Annotated["ObjectFilter", strawberry.lazy("gateway.objects.filters")],
    Annotated["ObjectOrder", strawberry.lazy("gateway.objects.filters")],
)
DOCUMENTS = Listing(
    Annotated["DocumentFilter", strawberry.lazy("gateway.documents.filters")],
    Annotated["DocumentOrder", strawberry.lazy("gateway.documents.filters")],
)
