"""The payload that all deletions share."""

from __future__ import annotations

import strawberry

from gateway.user_errors import UserError


@strawberry.type(description="What went, or why nothing did.")
class DeletePayload:
    deleted_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of what was named."
    )
    deleted_objects: int = strawberry.field(default=0, description="How many objects went.")
    deleted_documents: int = strawberry.field(default=0, description="How many documents went.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What to mend; empty when all went well."
    )
