"""Objects, their blobs, and which bytes the namespace keeps."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from gateway.database.base import (
    Dated,
    Entity,
    Id,
    JsonObject,
    Name,
    Row,
    Size,
    Tenant,
    Versioned,
    one_of,
)
from gateway.enums import Status


class ObjectRow(Entity, Versioned, Row):
    __tablename__ = "objects"

    bucket_id: Mapped[Id]
    key_prefix: Mapped[Name | None]
    metadata_: Mapped[JsonObject] = mapped_column("metadata", server_default=text("'{}'"))
    content_hash: Mapped[str | None]
    size_bytes: Mapped[Size] = mapped_column(server_default=text("0"))
    skip_duplicates: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    # The values of the bucket's unique key in their one canonical form; null: it has none.
    unique_key: Mapped[Name | None] = mapped_column(sort_order=93)
    status: Mapped[str] = mapped_column(server_default="DRAFT")
    error: Mapped[str | None]

    __table_args__ = (
        ForeignKeyConstraint(["namespace_id", "bucket_id"], ["buckets.namespace_id", "buckets.id"]),
        CheckConstraint(f"status IN ({one_of(Status)})", name="status"),
        Index(None, "namespace_id", "bucket_id", "id"),
        Index(None, "namespace_id", "bucket_id", "created_at", "id"),
        Index(None, "namespace_id", "bucket_id", "size_bytes"),  # smallest and largest of a bucket
        Index(
            "uq_objects_namespace_id_bucket_id_unique_key",
            "namespace_id",
            "bucket_id",
            "unique_key",
            unique=True,
            postgresql_where=text("unique_key IS NOT NULL"),
        ),
        CheckConstraint("content_hash ~ '^[0-9a-f]{64}$'", name="content_hash"),
        CheckConstraint("size_bytes >= 0", name="size_bytes"),
    )


class BlobRow(Entity, Dated, Row):
    """One typed part of an object; ``hash`` names its content, whose bytes are in the store."""

    __tablename__ = "blobs"

    object_id: Mapped[Id]
    bucket_id: Mapped[Id]
    position: Mapped[int] = mapped_column(Integer)
    property: Mapped[str]
    type: Mapped[str]
    key_prefix: Mapped[str | None]
    properties: Mapped[JsonObject] = mapped_column(server_default=text("'{}'"))
    filename: Mapped[str | None]
    size_bytes: Mapped[Size | None]
    mime_type: Mapped[str | None]
    hash: Mapped[str | None]
    # False for structured data, which lives in ``properties``, and for bytes that stay elsewhere.
    has_bytes: Mapped[bool] = mapped_column(Boolean)
    source_url: Mapped[str | None] = mapped_column(sort_order=95)

    __table_args__ = (
        ForeignKeyConstraint(["namespace_id", "object_id"], ["objects.namespace_id", "objects.id"]),
        ForeignKeyConstraint(["namespace_id", "bucket_id"], ["buckets.namespace_id", "buckets.id"]),
        Index(None, "namespace_id", "object_id", "position", unique=True),
        Index(None, "namespace_id", "hash"),
        Index(None, "namespace_id", "bucket_id", "hash"),
        CheckConstraint("hash ~ '^[0-9a-f]{64}$'", name="hash"),
    )


class ContentRow(Tenant, Dated, Row):
    """Bytes that the blob store keeps for a namespace, once, however many blobs name them.

    Where there is a committed row, the bytes are in the store, under ``key``.
    """

    __tablename__ = "contents"

    hash: Mapped[str] = mapped_column(primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[Name] = mapped_column(sort_order=95)

    __table_args__ = (
        ForeignKeyConstraint(["namespace_id"], ["namespaces.id"]),
        Index(None, "namespace_id", "key", unique=True),
    )


class RemovalRow(Tenant, Dated, Row):
    """A key of the store whose bytes nothing names any more, and nothing ever will again."""

    __tablename__ = "removals"

    key: Mapped[Name] = mapped_column(primary_key=True)

    __table_args__ = (ForeignKeyConstraint(["namespace_id"], ["namespaces.id"]),)


class ObjectTallyRow(Tenant, Row):
    """A share of the count of an object's documents; see ``BucketTallyRow``."""

    __tablename__ = "object_tallies"

    object_id: Mapped[Id] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(Integer, primary_key=True)
    documents: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        ForeignKeyConstraint(
            ["namespace_id", "object_id"],
            ["objects.namespace_id", "objects.id"],
            ondelete="CASCADE",
        ),
    )
