"""What engines send to tell how their work gets on."""

from __future__ import annotations

import strawberry

from gateway.enums import Status
from gateway.payloads import IDEMPOTENCY_KEY


@strawberry.input(description="The status that an object or a document has now.")
class UpdateStatusInput:
    id: strawberry.ID = strawberry.field(description="Which object or document.")
    status: Status = strawberry.field(
        description="The next one, as `statusTransitions` tells. The one that it has is right too,"
        " and changes nothing: a report can be sent again."
    )
    error: str | None = strawberry.field(
        default=None,
        description="What went wrong, for people: 10,000 characters at most. It is kept until the"
        " next status. null: nothing; with the status that it has, the text stays as it is.",
    )
    expected_version: int | None = strawberry.field(
        default=None, description="Refuse the status if the version is another."
    )
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)
