"""Collections and what feeds them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from gateway.database.base import (
    Entity,
    Id,
    JsonArray,
    JsonObject,
    Name,
    Row,
    Tenant,
    Versioned,
)


class CollectionRow(Entity, Versioned, Row):
    __tablename__ = "collections"

    collection_name: Mapped[Name]
    enabled: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    source_type: Mapped[str]
    extractor_name: Mapped[str]
    extractor_version: Mapped[str]
    input_mappings: Mapped[JsonObject] = mapped_column(server_default=text("'{}'"))
    field_passthrough: Mapped[JsonArray] = mapped_column(server_default=text("'[]'"))
    parameters: Mapped[JsonObject] = mapped_column(server_default=text("'{}'"))
    metadata_: Mapped[JsonObject] = mapped_column("metadata", server_default=text("'{}'"))

    __table_args__ = (
        ForeignKeyConstraint(["namespace_id"], ["namespaces.id"]),
        UniqueConstraint("namespace_id", "collection_name"),
        CheckConstraint("source_type IN ('BUCKET','COLLECTION')", name="source_type"),
    )


class CollectionSourceRow(Tenant, Row):
    """One bucket or one collection that feeds a collection."""

    __tablename__ = "collection_sources"

    collection_id: Mapped[Id] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    bucket_id: Mapped[Id | None]
    source_collection_id: Mapped[Id | None]

    __table_args__ = (
        ForeignKeyConstraint(
            ["namespace_id", "collection_id"],
            ["collections.namespace_id", "collections.id"],
            ondelete="CASCADE",
        ),
        # A bucket that goes leaves its collections; they have one source less.
        ForeignKeyConstraint(
            ["namespace_id", "bucket_id"],
            ["buckets.namespace_id", "buckets.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["namespace_id", "source_collection_id"],
            ["collections.namespace_id", "collections.id"],
            ondelete="CASCADE",
        ),
        Index(None, "namespace_id", "bucket_id"),
        Index(None, "namespace_id", "source_collection_id"),
        CheckConstraint("num_nonnulls(bucket_id, source_collection_id) = 1", name="one_source"),
    )


class CollectionTallyRow(Tenant, Row):
    """A share of the count of a collection's documents; see ``BucketTallyRow``."""

    __tablename__ = "collection_tallies"

    collection_id: Mapped[Id] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(Integer, primary_key=True)
    documents: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        ForeignKeyConstraint(
            ["namespace_id", "collection_id"],
            ["collections.namespace_id", "collections.id"],
            ondelete="CASCADE",
        ),
    )
