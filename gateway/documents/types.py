"""Documents, as the schema shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from sqlalchemy import DateTime, Text, func, literal_column, select, true, types
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.sql import ColumnElement

from gateway import listings
from gateway.database.base import IdText
from gateway.documents.tables import DocumentBlobRow, DocumentRow
from gateway.enums import BlobRole, FieldType, SourceType, Status
from gateway.events.places import history
from gateway.lineage.graph import (
    LineageDirection,
    lineage_arguments,
    lineage_query,
    lineage_sizing,
)
from gateway.objects.links import EXPIRES_IN, expiry, key_of, link, sign_contents
from gateway.objects.tables import BlobRow
from gateway.payloads import REPLAYED
from gateway.planner.declare import (
    ancestors,
    column,
    computed,
    derived,
    either,
    entity,
    listed,
    many,
    record,
    unnested,
)
from gateway.planner.node import Node, PageInfo, StatusCount
from gateway.planner.sources import Columns
from gateway.scalars import JSON, BigInt, Sha256
from gateway.user_errors import UserError

if TYPE_CHECKING:
    from gateway.buckets.types import Bucket
    from gateway.collections.types import Collection
    from gateway.events.types import StatusEvent
    from gateway.lineage.types import LineageGraph
    from gateway.objects.types import Blob, BucketObject


def _source_contents(document: Columns) -> ColumnElement[Any]:
    """Return the contents with bytes among a document's source blobs, in their order."""
    references = (
        func.jsonb_array_elements(document.source_blobs, type_=JSONB)
        .table_valued("value", with_ordinality="place", name="reference")
        .render_derived()
    )
    return _contents(
        select(_as_content(BlobRow, BlobRow.filename, BlobRow.mime_type, references.c.place))
        .select_from(references.join(BlobRow, true()))
        .where(
            BlobRow.namespace_id == document.namespace_id,
            BlobRow.id == references.c.value.op("->>")(literal_column("'blob_id'")),
            BlobRow.has_bytes,
        )
    )


def _own_contents(document: Columns) -> ColumnElement[Any]:
    """Return the contents with bytes among a document's own blobs, in their order."""
    return _contents(
        select(
            _as_content(
                DocumentBlobRow,
                DocumentBlobRow.filename,
                DocumentBlobRow.content_type,
                DocumentBlobRow.position,
            )
        ).where(
            DocumentBlobRow.namespace_id == document.namespace_id,
            DocumentBlobRow.document_id == document.id,
            DocumentBlobRow.has_bytes,
        )
    )


def _as_content(blob: Any, filename: Any, mime_type: Any, place: Any) -> ColumnElement[Any]:
    content = func.json_build_object(
        literal_column("'key'"),
        key_of(blob),
        literal_column("'filename'"),
        filename,
        literal_column("'mime_type'"),
        mime_type,
    )
    return func.json_agg(aggregate_order_by(content, place))


def _contents(query: Any) -> ColumnElement[Any]:
    found = query.scalar_subquery()
    return func.coalesce(found, literal_column("'[]'::json"), type_=types.JSON)


def _sign_primary(
    context: Any, rows: Sequence[Mapping[str, Any]], expires_in: int | None = None
) -> list[str | None]:
    seconds = expiry(expires_in)
    firsts = [next(iter(row["sources"]), None) for row in rows]
    return [None if first is None else link(context, first, seconds) for first in firsts]


def _sign_all(
    context: Any, rows: Sequence[Mapping[str, Any]], expires_in: int | None = None
) -> list[list[str]]:
    seconds = expiry(expires_in)
    return [
        [link(context, content, seconds) for content in [*row["sources"], *row["own"]]]
        for row in rows
    ]


@record(
    "One step on the way from the root object to a document.",
    collection_id=IdText(),
    feature_extractor_id=Text(),
    document_id=IdText(),
    timestamp=DateTime(timezone=True),
)
class LineageStep:
    collection_id: strawberry.ID = strawberry.field(description="Where the step put its result.")
    collection: Annotated[Collection, strawberry.lazy("gateway.collections.types")] | None = (
        strawberry.field(description="Where the step put its result.")
    )
    feature_extractor_id: str = strawberry.field(
        description="What made it: the extractor's name and version."
    )
    document_id: strawberry.ID | None = strawberry.field(
        description="The document it made, on the way; null for the last step."
    )
    document: Annotated[Document, strawberry.lazy("gateway.documents.types")] | None = (
        strawberry.field(description="The document it made, on the way; null for the last step.")
    )
    timestamp: datetime = strawberry.field(description="When it was made.")


@record(
    "A blob that a document was made from.",
    blob_id=IdText(),
    blob_property=Text(),
    blob_type=Text(),
)
class SourceBlobRef:
    blob_id: strawberry.ID = strawberry.field(description="Its id.")
    blob_property: str = strawberry.field(description="Its property in the bucket's schema.")
    blob_type: FieldType = strawberry.field(description="Its type.")
    blob: Annotated[Blob, strawberry.lazy("gateway.objects.types")] | None = strawberry.field(
        description="The blob."
    )


@record("What an extractor found.", feature_extractor_id=Text(), payload=JSONB())
class Feature:
    feature_extractor_id: str = strawberry.field(description="What found it.")
    payload: JSON = strawberry.field(description="As it was given.")


@entity(DocumentBlobRow, description="A thumbnail, a processed output or another artifact.")
class DocumentBlob:
    field: str = strawberry.field(description="Its name in the document.")
    role: BlobRole = strawberry.field(description="The part it plays.")
    type: FieldType = strawberry.field(description="Its type.")
    filename: str | None = strawberry.field(description="The name to save it under.")
    size_bytes: BigInt | None = strawberry.field(description="Of the bytes, or of the JSON text.")
    content_type: str | None = strawberry.field(description="As in image/png.")
    checksum: Sha256 | None = column("hash", description="SHA-256 of its content.")
    created_at: datetime | None = strawberry.field(description="When it was made.")
    source_blob_id: strawberry.ID | None = strawberry.field(
        description="The object's blob it was made from."
    )
    presigned_url: str | None = computed(
        sign_contents,
        needs={
            "key": key_of,
            "filename": lambda blob: blob.filename,
            "mime_type": lambda blob: blob.content_type,
        },
        arguments=EXPIRES_IN,
        description="A link to the bytes that needs no key; null for structured data.",
    )


@entity(DocumentRow, "doc", description="What an extractor made of an object or a document.")
class Document(Node):
    document_id: strawberry.ID = column("id", description="The same as `id`.")
    collection_id: strawberry.ID = strawberry.field(description="The collection that holds it.")
    collection: Annotated[Collection, strawberry.lazy("gateway.collections.types")] = (
        strawberry.field(description="The collection that holds it.")
    )
    root_object_id: strawberry.ID | None = strawberry.field(
        description="The object at the root of its lineage."
    )
    root_object: Annotated[BucketObject, strawberry.lazy("gateway.objects.types")] | None = (
        strawberry.field(description="The object at the root of its lineage.")
    )
    root_bucket_id: strawberry.ID | None = strawberry.field(description="That object's bucket.")
    root_bucket: Annotated[Bucket, strawberry.lazy("gateway.buckets.types")] | None = (
        strawberry.field(description="That object's bucket.")
    )
    source_type: SourceType | None = strawberry.field(
        description="BUCKET: made from an object; COLLECTION: made from a document."
    )
    source: Annotated[DocumentSource, strawberry.lazy("gateway.documents.types")] | None = either(
        {"source_object_id": "BucketObject", "source_document_id": "Document"},
        description="The object or document that it was made from directly.",
    )
    source_collection_id: strawberry.ID | None = strawberry.field(
        description="The collection of the document it was made from."
    )
    source_document_id: strawberry.ID | None = strawberry.field(
        description="The document it was made from."
    )
    source_object_id: strawberry.ID | None = strawberry.field(
        description="The object it was made from."
    )
    lineage_path: str | None = strawberry.field(
        description="The root bucket and the collections down to its own: `bkt_…/col_…/col_…`."
    )
    lineage_chain: list[LineageStep] = unnested(
        "lineage_chain", description="The steps from the root object to this document."
    )
    ancestors: list[Annotated[Document, strawberry.lazy("gateway.documents.types")]] = ancestors(
        "source_document_id",
        description="The documents between the root object and this one, the root's child first.",
    )
    children: Annotated[DocumentConnection, strawberry.lazy("gateway.documents.types")] = many(
        "source_document_id",
        listing=listings.DOCUMENTS,
        description="The documents made directly from it.",
    )
    source_blobs: list[SourceBlobRef] = unnested(
        "source_blobs", description="The root object's blobs that it was made from."
    )
    document_blobs: list[DocumentBlob] = listed(
        "document_id", order="position", description="Its own artifacts."
    )
    presigned_url: str | None = computed(
        _sign_primary,
        needs={"sources": _source_contents},
        arguments=EXPIRES_IN,
        description="A link to the first source blob with bytes; null without any.",
    )
    presigned_urls: list[str] | None = computed(
        _sign_all,
        needs={"sources": _source_contents, "own": _own_contents},
        arguments=EXPIRES_IN,
        description="Links to all source blobs and artifacts with bytes, in that order.",
    )
    metadata: JSON = strawberry.field(
        description="The root object's metadata as it was when the document was made, and its own."
    )
    internal_metadata: JSON = strawberry.field(description="What the system notes about it.")
    features: list[Feature] = unnested("features", description="What extractors found.")
    vector: list[float] | None = strawberry.field(description="Its embedding.")
    status: Status = strawberry.field(description="Where it stands.")
    error: str | None = strawberry.field(description="Why it failed.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    version: int = strawberry.field(description="Rises by one with each change.")
    lineage: Annotated[LineageGraph, strawberry.lazy("gateway.lineage.types")] = derived(
        lineage_query(LineageDirection.UPSTREAM, 500),
        sizing=lineage_sizing(500),
        arguments=lineage_arguments(LineageDirection.UPSTREAM, 500),
        description="What it was made from, or what was made from it, as a graph.",
    )
    history: list[Annotated[StatusEvent, strawberry.lazy("gateway.events.types")]] = history(
        "What happened to it, the oldest first."
    )


DocumentSource = Annotated[
    Annotated["BucketObject", strawberry.lazy("gateway.objects.types")] | Document,
    strawberry.union("DocumentSource", description="What a document was made from directly."),
]


@strawberry.type(description="A document in a list.")
class DocumentEdge:
    cursor: str = strawberry.field(description="Its place in the list.")
    node: Document = strawberry.field(description="The document.")


@strawberry.type(description="A page of documents.")
class DocumentConnection:
    edges: list[DocumentEdge] = strawberry.field(description="The documents with their cursors.")
    nodes: list[Document] = strawberry.field(description="The documents alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")
    total_count: int = strawberry.field(description="How many there are; counted when selected.")
    status_counts: list[StatusCount] = strawberry.field(
        description="How many there are in each status; counted when selected."
    )


@strawberry.type(description="What became of each of several documents.")
class BulkDocumentPayload:
    results: list[DocumentPayload] = strawberry.field(
        description="Of each input, in the order of the inputs; paths of errors begin in the input."
    )
    succeeded: int = strawberry.field(description="How many inputs were kept.")
    failed: int = strawberry.field(description="How many were not.")


@strawberry.type(description="The document, or why nothing was changed.")
class DocumentPayload:
    document: Document | None = strawberry.field(default=None, description="The document.")
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="What to mend; empty when all went well."
    )
