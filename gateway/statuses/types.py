"""What became of reports of statuses, as the schema shows it."""

from __future__ import annotations

import strawberry

from gateway.payloads import REPLAYED
from gateway.planner.node import Node
from gateway.user_errors import UserError


@strawberry.type(description="What became of each of several statuses.")
class BulkStatusPayload:
    results: list[StatusPayload] = strawberry.field(
        description="Of each input, in the order of the inputs; paths of errors begin in the input."
    )
    succeeded: int = strawberry.field(description="How many inputs were kept.")
    failed: int = strawberry.field(description="How many were not.")


@strawberry.type(description="The object or document, or why nothing was changed.")
class StatusPayload:
    node: Node | None = strawberry.field(default=None, description="The object or document.")
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What to mend; empty when all went well."
    )
