"""Buckets, and the tallies that keep their counts exact without a hot row."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    ColumnElement,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.orm import Mapped, mapped_column

from gateway.database.base import (
    Entity,
    Id,
    JsonObject,
    Moment,
    Name,
    Row,
    Tenant,
    Versioned,
    one_of,
)
from gateway.enums import InsertPolicy


class BucketRow(Entity, Versioned, Row):
    __tablename__ = "buckets"

    bucket_name: Mapped[Name]
    description: Mapped[str | None]
    # json, not jsonb: it is never searched, and people want their properties in the order they
    # wrote them.
    bucket_schema: Mapped[dict[str, Any]] = mapped_column(JSON)
    metadata_: Mapped[JsonObject] = mapped_column("metadata", server_default=text("'{}'"))
    status: Mapped[str] = mapped_column(server_default="ACTIVE")
    is_locked: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    # Paths into the metadata of its objects, as they were written; null: it has no unique key.
    unique_key_fields: Mapped[list[str] | None] = mapped_column(ARRAY(Text), sort_order=93)
    unique_key_policy: Mapped[str | None] = mapped_column(sort_order=93)

    __table_args__ = (
        ForeignKeyConstraint(["namespace_id"], ["namespaces.id"]),
        # A name is free again as soon as its bucket is being deleted.
        Index(
            "uq_buckets_namespace_id_bucket_name",
            "namespace_id",
            "bucket_name",
            unique=True,
            postgresql_where=text("status <> 'IN_PROGRESS'"),
        ),
        CheckConstraint("status IN ('ACTIVE','ARCHIVED','SUSPENDED','IN_PROGRESS')", name="status"),
        CheckConstraint("cardinality(unique_key_fields) > 0", name="unique_key_fields"),
        CheckConstraint(
            "unique_key_policy IS NULL OR unique_key_fields IS NOT NULL"
            f" AND unique_key_policy IN ({one_of(InsertPolicy)})",
            name="unique_key_policy",
        ),
    )


class BucketTallyRow(Tenant, Row):
    """A share of a bucket's counts; the counts are the sum of its rows.

    Triggers keep them, each session in a row of its own (decision 0002), so a bucket has about as
    many rows as sessions write to it.
    """

    __tablename__ = "bucket_tallies"

    bucket_id: Mapped[Id] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(Integer, primary_key=True)
    objects: Mapped[int] = mapped_column(BigInteger)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    last_upload_at: Mapped[Moment | None]

    __table_args__ = (
        ForeignKeyConstraint(
            ["namespace_id", "bucket_id"],
            ["buckets.namespace_id", "buckets.id"],
            ondelete="CASCADE",
        ),
    )


def stands(bucket: Any) -> ColumnElement[bool]:
    """Tell whether a bucket is not being deleted; only so can it be found by its name.

    Written out, not a parameter: the index of names is one of these rows only, and PostgreSQL has
    to see that when it plans.
    """
    standing: ColumnElement[bool] = bucket.status != literal_column("'IN_PROGRESS'")
    return standing
