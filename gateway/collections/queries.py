"""Root fields that read collections."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.collections.types import Collection, CollectionConnection
from gateway.planner.declare import many
from gateway.planner.rows import by_id_or_name


@strawberry.type
class CollectionQueries:
    collections: CollectionConnection = many(
        description="All collections, in the order they were made."
    )

    @strawberry.field(
        description="A collection by its id or by its name; null for one that is not here."
    )
    def collection(
        self,
        id: Annotated[strawberry.ID | None, strawberry.argument(description="Its id.")] = None,
        name: Annotated[
            str | None, strawberry.argument(description="Its name, in place of its id.")
        ] = None,
    ) -> Collection | None:
        found: Collection | None = by_id_or_name("col", id, collection_name=name)
        return found
