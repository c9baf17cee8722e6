"""Namespaces and API keys: the gateway's own tables, read before any namespace is known."""

from __future__ import annotations

from sqlalchemy import ARRAY, CheckConstraint, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from gateway.database.base import Id, Moment, Name, Row, Versioned


class NamespaceRow(Versioned, Row):
    __tablename__ = "namespaces"

    id: Mapped[Id] = mapped_column(primary_key=True)
    namespace_name: Mapped[Name] = mapped_column(unique=True)
    description: Mapped[str | None]


class ApiKeyRow(Versioned, Row):
    """Keeps the SHA-256 of the secret only; ``namespaces`` NULL means all of them."""

    __tablename__ = "api_keys"

    id: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[str]
    key_prefix: Mapped[str]
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    namespaces: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    expires_at: Mapped[Moment | None]
    revoked_at: Mapped[Moment | None]
    last_used_at: Mapped[Moment | None]

    __table_args__ = (
        CheckConstraint(
            "permissions <@ ARRAY['READ','WRITE','DELETE','ADMIN']", name="permissions"
        ),
    )
