"""Documents and the blobs that extractors made for them."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Double,
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
    JsonArray,
    JsonObject,
    Name,
    Row,
    Size,
    Tenant,
    Versioned,
    one_of,
)
from gateway.enums import Status


class DocumentRow(Entity, Versioned, Row):
    """Lineage is written once: from ``root_object_id`` to ``lineage_chain`` no column changes."""

    __tablename__ = "documents"

    collection_id: Mapped[Id]
    root_object_id: Mapped[Id | None]
    root_bucket_id: Mapped[Id | None]
    source_type: Mapped[str | None]
    source_collection_id: Mapped[Id | None]
    source_document_id: Mapped[Id | None]
    source_object_id: Mapped[Id | None]
    lineage_path: Mapped[Name | None]
    # [{collection_id, feature_extractor_id, document_id or null, timestamp}], from the root to
    # this document
    lineage_chain: Mapped[JsonArray] = mapped_column(server_default=text("'[]'"))
    # [{blob_id, blob_property, blob_type}]
    source_blobs: Mapped[JsonArray] = mapped_column(server_default=text("'[]'"))
    # [{feature_extractor_id, payload}]
    features: Mapped[JsonArray] = mapped_column(server_default=text("'[]'"))
    vector: Mapped[list[float] | None] = mapped_column(ARRAY(Double))
    metadata_: Mapped[JsonObject] = mapped_column("metadata", server_default=text("'{}'"))
    internal_metadata: Mapped[JsonObject] = mapped_column(server_default=text("'{}'"))
    status: Mapped[str] = mapped_column(server_default="COMPLETED")
    error: Mapped[str | None]

    __table_args__ = (
        ForeignKeyConstraint(
            ["namespace_id", "collection_id"], ["collections.namespace_id", "collections.id"]
        ),
        ForeignKeyConstraint(
            ["namespace_id", "root_object_id"], ["objects.namespace_id", "objects.id"]
        ),
        ForeignKeyConstraint(
            ["namespace_id", "root_bucket_id"], ["buckets.namespace_id", "buckets.id"]
        ),
        ForeignKeyConstraint(
            ["namespace_id", "source_collection_id"],
            ["collections.namespace_id", "collections.id"],
        ),
        ForeignKeyConstraint(
            ["namespace_id", "source_document_id"], ["documents.namespace_id", "documents.id"]
        ),
        ForeignKeyConstraint(
            ["namespace_id", "source_object_id"], ["objects.namespace_id", "objects.id"]
        ),
        CheckConstraint(f"status IN ({one_of(Status)})", name="status"),
        Index(None, "namespace_id", "collection_id", "id"),
        Index(None, "namespace_id", "collection_id", "created_at", "id"),
        Index(None, "namespace_id", "root_object_id", "id"),
        Index(None, "namespace_id", "root_bucket_id", "id"),
        Index(None, "namespace_id", "root_bucket_id", "created_at", "id"),
        Index(None, "namespace_id", "source_document_id", "id"),
        Index(None, "namespace_id", "source_object_id", "id"),
        Index(None, "namespace_id", "source_collection_id"),
        CheckConstraint(
            "CASE source_type"
            " WHEN 'BUCKET' THEN source_object_id IS NOT NULL"
            " AND source_document_id IS NULL AND source_collection_id IS NULL"
            " WHEN 'COLLECTION' THEN source_object_id IS NULL"
            " AND source_document_id IS NOT NULL AND source_collection_id IS NOT NULL"
            " ELSE source_type IS NULL AND num_nonnulls(source_object_id, source_document_id,"
            " source_collection_id) = 0 END",
            name="source",
        ),
    )


class DocumentBlobRow(Tenant, Dated, Row):
    """A thumbnail, a processed output or another artifact of a document."""

    __tablename__ = "document_blobs"

    document_id: Mapped[Id] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    field: Mapped[str]
    role: Mapped[str]
    type: Mapped[str]
    properties: Mapped[JsonObject] = mapped_column(server_default=text("'{}'"))
    filename: Mapped[str | None]
    size_bytes: Mapped[Size | None]
    content_type: Mapped[str | None]
    hash: Mapped[str | None]
    has_bytes: Mapped[bool] = mapped_column(Boolean)
    source_blob_id: Mapped[Id | None]

    __table_args__ = (
        ForeignKeyConstraint(
            ["namespace_id", "document_id"],
            ["documents.namespace_id", "documents.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["namespace_id", "source_blob_id"], ["blobs.namespace_id", "blobs.id"]
        ),
        Index(None, "namespace_id", "hash"),
        Index(None, "namespace_id", "source_blob_id"),
        CheckConstraint("hash ~ '^[0-9a-f]{64}$'", name="hash"),
    )
