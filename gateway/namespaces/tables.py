"""Namespaces and API keys: the gateway's own tables, read before any namespace is known."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Identity, LargeBinary, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from gateway.database.base import Id, JsonObject, Moment, Name, Row, Versioned


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


class AuditRow(Row):
    """A change of a namespace or a key; ``by_user`` is somebody at the command line."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    happened_at: Mapped[Moment] = mapped_column(server_default=func.now())
    action: Mapped[str]
    subject_id: Mapped[Id]
    by_key_id: Mapped[Id | None]
    by_user: Mapped[str | None]
    origin: Mapped[str]
    details: Mapped[JsonObject]

    __table_args__ = (CheckConstraint("(by_key_id IS NULL) <> (by_user IS NULL)", name="by"),)
