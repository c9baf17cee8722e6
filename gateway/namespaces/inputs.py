"""What clients send to make and change namespaces and API keys."""

from __future__ import annotations

from datetime import datetime

import strawberry

from gateway.enums import Permission
from gateway.payloads import IDEMPOTENCY_KEY


@strawberry.input(description="A new namespace.")
class CreateNamespaceInput:
    namespace_name: str = strawberry.field(
        description="Unique among all namespaces; letters, digits, `-`, `_` and `.`."
    )
    description: str | None = strawberry.field(default=None, description="For people.")
    idempotency_key: str | None = strawberry.field(default=None, description=IDEMPOTENCY_KEY)


@strawberry.input(description="A new API key.")
class CreateApiKeyInput:
    name: str = strawberry.field(description="For people.")
    permissions: list[Permission] = strawberry.field(description="What it may do; at least one.")
    namespaces: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="Ids or names of those it may be used in; null: all those of the caller's key.",
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="When it stops to work; null: never."
    )
