"""Events, as the schema shows them."""

from __future__ import annotations

from datetime import datetime

import strawberry

from gateway.enums import EntityKind, EventKind, Status
from gateway.events.cursors import EventCursor
from gateway.events.log import Event
from gateway.events.places import cursor_of_event
from gateway.events.tables import EventRow
from gateway.planner.declare import any_node, entity
from gateway.planner.node import Node


@entity(EventRow, description="Something that happened to a bucket, an object, a document, …")
class StatusEvent:
    @classmethod
    def is_type_of(cls, value: object, _: object) -> bool:
        """Take as one what a subscription tells of."""
        return isinstance(value, Event)

    cursor: EventCursor = cursor_of_event("Its place: pass it as `after` for what came later.")
    event: EventKind = strawberry.field(description="What happened.")
    kind: EntityKind = strawberry.field(description="To what kind of thing.")
    node_id: strawberry.ID = strawberry.field(description="Its id.")
    bucket_id: strawberry.ID | None = strawberry.field(
        description="The bucket it is, is in, or comes from."
    )
    collection_id: strawberry.ID | None = strawberry.field(
        description="The collection it is or is in."
    )
    root_object_id: strawberry.ID | None = strawberry.field(
        description="The object it is or comes from."
    )
    version: int = strawberry.field(
        description="Its version from then on; a deletion counts as one more."
    )
    previous_status: Status | None = strawberry.field(
        description="Its status until then; null of what has none, or was not there."
    )
    status: Status | None = strawberry.field(
        description="Its status from then on; null of what has none, or is gone."
    )
    error: str | None = strawberry.field(
        description="Why it failed, the first 2,000 characters; the node has all."
    )
    at: datetime = strawberry.field(description="When; by the clock of the database.")
    node: Node | None = any_node(
        "node_id",
        types=("Bucket", "BucketObject", "Document", "Collection", "Upload"),
        description="The thing itself, as it is now; null once it is gone.",
    )
