"""What mutations of all concepts have in common: the payload of deletions, descriptions."""

from __future__ import annotations

import strawberry

from gateway.user_errors import UserError

IDEMPOTENCY_KEY = (
    "Sent again with the same key and the same input within 24 hours, this is not done again but"
    " answered as before; 1 to 255 characters, of the caller's choice."
)
REPLAYED = "Whether this was done before, for a request with the same idempotency key."


@strawberry.type(description="What went, or why nothing did.")
class DeletePayload:
    deleted_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of what was named."
    )
    deleted_objects: int = strawberry.field(default=0, description="How many objects went.")
    deleted_documents: int = strawberry.field(default=0, description="How many documents went.")
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What to mend; empty when all went well."
    )
