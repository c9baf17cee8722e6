"""Uploads on their way."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.database.base import Entity, Id, Moment, Name, Row, Size, Versioned, one_of
from gateway.enums import Status


class UploadRow(Entity, Versioned, Row):
    """Bytes that a client sends to the store; whatever becomes of it, it goes at ``expires_at``.

    Its bucket may go first, so no foreign key holds it.
    """

    __tablename__ = "uploads"

    bucket_id: Mapped[Id]
    filename: Mapped[str]
    content_type: Mapped[str]
    size_bytes: Mapped[Size]
    announced_hash: Mapped[str | None]
    # Once it is confirmed; it then names its content, as a blob does.
    hash: Mapped[str | None]
    # A key of the store that targets were given for and no content has: its bytes go with the row.
    key: Mapped[Name | None]
    parts_id: Mapped[str | None]
    part_size_bytes: Mapped[Size | None]
    status: Mapped[str] = mapped_column(server_default="PENDING")
    is_duplicate: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    error: Mapped[str | None]
    expires_in_s: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[Moment]

    __table_args__ = (
        Index(None, "namespace_id", "expires_at"),
        Index(None, "namespace_id", "hash"),
        Index(None, "namespace_id", "key"),
        CheckConstraint(f"status IN ({one_of(Status)})", name="status"),
        CheckConstraint("announced_hash ~ '^[0-9a-f]{64}$'", name="announced_hash"),
        CheckConstraint("hash ~ '^[0-9a-f]{64}$'", name="hash"),
        CheckConstraint("size_bytes >= 0", name="size_bytes"),
    )
