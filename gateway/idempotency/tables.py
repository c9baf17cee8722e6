"""The keys of mutations that were made, and their answers."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gateway.database.base import Dated, Name, Row, Tenant


class IdempotencyKeyRow(Tenant, Dated, Row):
    """A key, what was sent with it, and how it was answered.

    ``answer`` is null while the mutation is being made, in its transaction; nobody else sees that.
    """

    __tablename__ = "idempotency_keys"

    key: Mapped[Name] = mapped_column(primary_key=True)
    # SHA-256 of the mutation's name and its input.
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSONB)

    __table_args__ = (
        ForeignKeyConstraint(["namespace_id"], ["namespaces.id"]),
        Index(None, "namespace_id", "created_at"),
    )
