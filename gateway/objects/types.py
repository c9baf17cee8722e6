"""Objects and their blobs, as the schema shows them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry
from sqlalchemy import BigInteger, Text, func, literal_column, select
from sqlalchemy.sql import ColumnElement

from gateway import listings
from gateway.enums import FieldType, SourceType, Status
from gateway.events.places import history
from gateway.lineage.graph import (
    LineageDirection,
    lineage_arguments,
    lineage_query,
    lineage_sizing,
)
from gateway.objects.links import EXPIRES_IN, key_of, sign_contents
from gateway.objects.tables import BlobRow, ObjectRow, ObjectTallyRow
from gateway.payloads import REPLAYED
from gateway.planner.declare import (
    column,
    computed,
    derived,
    embedded,
    embedded_type,
    entity,
    listed,
    many,
    sql,
)
from gateway.planner.node import Node, PageInfo, StatusCount
from gateway.planner.sources import Columns, Predicate
from gateway.scalars import JSON, BigInt, Sha256
from gateway.user_errors import UserError

if TYPE_CHECKING:
    from gateway.buckets.types import Bucket
    from gateway.documents.types import DocumentConnection
    from gateway.events.types import StatusEvent
    from gateway.lineage.types import LineageGraph


def _document_count(row: Columns) -> ColumnElement[int]:
    return (
        select(func.coalesce(func.sum(ObjectTallyRow.documents), 0, type_=BigInteger))
        .where(ObjectTallyRow.namespace_id == row.namespace_id, ObjectTallyRow.object_id == row.id)
        .scalar_subquery()
    )


def _shared_by(blob: Columns) -> ColumnElement[int]:
    same = (
        select(func.count())
        .select_from(BlobRow)
        .where(BlobRow.namespace_id == blob.namespace_id, BlobRow.hash == blob.hash)
        .scalar_subquery()
    )
    return func.greatest(same, 1)  # of bytes that stay elsewhere, the hash is not known


def _made_directly(document: Columns, parent: Columns) -> Predicate:
    direct: Predicate = document.source_object_id == parent.id
    return direct


@embedded_type(description="The content that a blob names.")
class BlobDetails:
    filename: str | None = strawberry.field(description="The name to save it under.")
    size_bytes: BigInt | None = strawberry.field(description="Of the bytes, or of the JSON text.")
    mime_type: str | None = strawberry.field(description="As in image/png.")
    hash: Sha256 | None = strawberry.field(
        description="Of the bytes; of structured data: of its canonical JSON (RFC 8785)."
    )


@entity(BlobRow, "blob", description="One typed part of an object.")
class Blob(Node):
    blob_id: strawberry.ID = column("id", description="The same as `id`.")
    property: str = strawberry.field(
        description="The property of the bucket's schema it stands for."
    )
    type: FieldType = strawberry.field(description="The type of that property.")
    key_prefix: str | None = strawberry.field(description="Its path inside the object.")
    properties: JSON = strawberry.field(description="Structured data and metadata, merged.")
    details: BlobDetails = embedded(description="Its content.")
    source_url: str | None = strawberry.field(
        description="The URL that named its bytes: where they came from, or where they stay."
    )
    presigned_url: str | None = computed(
        sign_contents,
        needs={
            "key": key_of,
            "filename": lambda blob: blob.filename,
            "mime_type": lambda blob: blob.mime_type,
        },
        arguments=EXPIRES_IN,
        description="A link to the bytes that needs no key; null for structured data, and for bytes"
        " that stay at `sourceUrl`.",
    )
    shared_by: int = sql(
        _shared_by, description="How many blobs of the namespace name the same content, with this."
    )
    created_at: datetime = strawberry.field(description="When it was made.")


@embedded_type(description="Where an object came from.")
class SourceDetails:
    type: SourceType = sql(
        lambda _: literal_column("'BUCKET'::text", Text), description="Its kind."
    )
    source_id: strawberry.ID = column("bucket_id", description="Its id.")


@entity(ObjectRow, "obj", description="Typed blobs and free metadata under one id.")
class BucketObject(Node):
    object_id: strawberry.ID = column("id", description="The same as `id`.")
    bucket_id: strawberry.ID = strawberry.field(description="The bucket that holds it.")
    bucket: Annotated[Bucket, strawberry.lazy("gateway.buckets.types")] = strawberry.field(
        description="The bucket that holds it."
    )
    key_prefix: str | None = strawberry.field(
        description="Its path in the bucket; null: the bucket's root."
    )
    metadata: JSON = strawberry.field(description="Free keys; they flow into its documents.")
    content_hash: Sha256 | None = strawberry.field(
        description="SHA-256 over its blobs' hashes, as hexadecimal digits one after the other, in"
        " their order; null without blobs, or with bytes that stay elsewhere."
    )
    blobs: list[Blob] = listed(
        "object_id", order="position", description="Its parts, in the order they were given."
    )
    source_details: list[SourceDetails] = embedded(description="Where it came from.")
    status: Status = strawberry.field(description="DRAFT until a batch takes it.")
    error: str | None = strawberry.field(description="Why it failed.")
    skip_duplicates: bool = strawberry.field(
        description="Whether blobs that the bucket has already were left out."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    version: int = strawberry.field(description="Rises by one with each change.")
    document_count: int = sql(
        _document_count, description="How many documents derive from it, in all collections."
    )
    documents: Annotated[DocumentConnection, strawberry.lazy("gateway.documents.types")] = many(
        "root_object_id",
        tallied=_document_count,
        listing=listings.DOCUMENTS,
        flags={"direct_only": (_made_directly, "Only those made from the object itself.")},
        description="The documents derived from it.",
    )
    lineage: Annotated[LineageGraph, strawberry.lazy("gateway.lineage.types")] = derived(
        lineage_query(LineageDirection.DOWNSTREAM, 500),
        sizing=lineage_sizing(500),
        arguments=lineage_arguments(LineageDirection.DOWNSTREAM, 500),
        description="What was made from it, as a graph.",
    )
    history: list[Annotated[StatusEvent, strawberry.lazy("gateway.events.types")]] = history(
        "What happened to it, the oldest first."
    )


@strawberry.type(description="An object in a list.")
class ObjectEdge:
    cursor: str = strawberry.field(description="Its place in the list.")
    node: BucketObject = strawberry.field(description="The object.")


@strawberry.type(description="A page of objects.")
class ObjectConnection:
    edges: list[ObjectEdge] = strawberry.field(description="The objects with their cursors.")
    nodes: list[BucketObject] = strawberry.field(description="The objects alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
    total_count: int = strawberry.field(description="How many there are; counted when selected.")
    status_counts: list[StatusCount] = strawberry.field(
        description="How many there are in each status; counted when selected."
    )


@strawberry.type(description="What became of each of several objects.")
class BulkObjectPayload:
    results: list[ObjectPayload] = strawberry.field(
        description="Of each input, in the order of the inputs; paths of errors begin in the input."
    )
    succeeded: int = strawberry.field(description="How many inputs were kept.")
    failed: int = strawberry.field(description="How many were not.")


@strawberry.type(description="The object, or why nothing was changed.")
class ObjectPayload:
    object: BucketObject | None = strawberry.field(default=None, description="The object.")
    skipped_blobs: list[Blob] = strawberry.field(
        default_factory=list,
        description="The blobs that the bucket had already, instead of which nothing was made.",
    )
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What to mend; empty when all went well."
    )
